// SPDX-License-Identifier: Apache-2.0
/// Closed forms for `lightcard info`: what each engine of a card can sustain against its photonic cores, and what that
/// makes of ResNet-50. Bounds from rates alone: no queueing, no fill, perfect overlap. The model itself decides.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/card/peak.h"

namespace lightcard::cli {

/// Tile-MVMs (one vector through one N x N tile) a second that an engine can serve, each under `load`.
struct Sustained {
    std::string engine;
    double mvms_per_second = 0;
    std::string load;       ///< what one tile-MVM asks of it
    std::string parameter;  ///< that sets it
};
/// The cores themselves first, then every engine.
std::vector<Sustained> sustained_rates(const CardConfig& config);

/// Peak of all cores, tile-MVMs a second.
double peak_mvm_rate(const CardConfig& config);
/// Seconds to program one tile; tiles a second of all writers.
double tile_write_seconds(const CardConfig& config);
double tiles_per_second(const CardConfig& config);
/// Payload bytes a second one way over the link, headers taken off.
double link_rate(const CardConfig& config);

/// Matrix work of a network on N x N tiles, and what else an image costs.
struct Workload {
    std::uint64_t macs = 0, tiles = 0, tile_vectors = 0;  ///< an image, in cells
    std::uint64_t conversions = 0;                        ///< tile_vectors, each as often as its samples are converted
    std::uint64_t vector_elements = 0;                    ///< additions and pooling windows
    std::uint64_t activation_bytes = 0;                   ///< written and read, int8
    std::uint64_t live_bytes = 0;                         ///< scratchpad one image needs
    std::uint64_t input_bytes = 0;
    std::uint64_t dynamic_macs = 0;  ///< of two computed operands
    std::uint64_t digital_macs = 0;  ///< those and grouped convolutions: the digital MAC engine's
};
/// ResNet-50 v1.5 at 224 x 224 from its 54 layers; N = 128: 1,576 tiles, 314,512 tile-MVMs.
Workload resnet50(std::uint32_t n);

/// Images/s of ResNet-50 when the cores rewrite one bank while the other computes, tile after tile: what the slower of
/// the two takes, added up over the tiles. Writing and optics alone.
double ping_pong_rate(const CardConfig& config, std::uint64_t batch);

/// Card power in W at `images` of ResNet-50 a second, weights in place: what is always on, and the cores in proportion
/// to the rate (lanes gate, or lasers follow the load).
double power_at(const CardConfig& config, const PeakPower& peak, double images);
double power_at(const CardConfig& config, const PeakPower& peak, const Workload& workload, double inferences);
/// J to program every tile of a network once, cells that no weight uses included.
double pass_write_energy(const CardConfig& config, const Workload& workload);
/// MLPerf inference v1.1 closed, offline: an A100's ResNet-50 rate, and its rated power. Never mix the two.
struct Baseline {
    const char* name;
    double images_per_second, watts;
};
constexpr Baseline kA100Sxm = {"A100 SXM", 39830, 400};
constexpr Baseline kA100Pcie = {"A100 PCIe", 36905, 300};

struct Bound {
    double images_per_second = 0;
    std::string engine;          ///< that sets it
    double writes_per_cell = 0;  ///< mean rewrites of a cell a second; 0 = weights stay
};
Bound image_rate(const CardConfig& config, const Workload& workload, std::uint64_t batch);

/// A parameter moved to one end of its declared range: how the bound changes.
struct Sensitivity {
    std::string path, from, to, grade;
    double factor = 1;   ///< images/s after / before
    std::string engine;  ///< that limits afterwards
};
/// The strongest first; parameters that change nothing are left out.
std::vector<Sensitivity> sensitivities(const CardConfig& config, const Workload& workload, std::uint64_t batch);

}  // namespace lightcard::cli
