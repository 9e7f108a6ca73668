// SPDX-License-Identifier: Apache-2.0
/// The link budget of a card as figures, shared by text, JSON and picture of `lightcard budget`.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lightcard/model/card/peak.h"
#include "lightcard/model/photonic_core/link_noise.h"

namespace lightcard::cli {

/// One way of the light through the core, and what it gives.
struct PathBudget {
    std::uint32_t lane = 0, column = 0;
    double penalty_db = 0;  ///< beyond the mean path
    std::vector<photonic_core::Stage> stages;
    double full_scale_current = 0;  ///< A
    photonic_core::SnrPair snr{};
};

struct Budget {
    CardConfig config;
    photonic_core::Workload workload{};
    photonic_core::LinkBudget link{};
    std::vector<PathBudget> lanes;  ///< the middle column of each lane
    PathBudget best, worst;
    std::vector<photonic_core::NoiseTerm> noise;
    double signal = 0;  ///< A rms of the workload's product
    photonic_core::SnrPair snr{};
    PeakPower power;
};

Budget make_budget(const CardConfig& config, const photonic_core::Workload& workload);
/// "ideal (a bound: ...)": never the scheme's name without what it is worth.
std::string combining_text(const CardConfig& config);
/// Losses from the laser to the photodiode as a picture, mean and worst path, for a browser or a document.
void write_budget_svg(std::ostream& out, const Budget& budget);

}  // namespace lightcard::cli
