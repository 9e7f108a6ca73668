// SPDX-License-Identifier: Apache-2.0
/// What a network asks of a card and what the card then does: tiles, writes, bounds by batch size, wear, energy.
/// Closed forms from shapes and rates (sustain.h): no weights, no kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/platform/cli/sustain.h"
#include "lightcard/platform/compiler/layer_settings.h"
#include "lightcard/platform/compiler/network_shape.h"

namespace lightcard::cli {

/// One batch size on one card.
struct PlanRow {
    std::uint64_t batch = 1;
    Bound bound;               ///< inferences a second, and the part of the card that sets them
    double latency = 0;        ///< s: of the batch
    double cells_written = 0;  ///< an inference
    double life = 0;           ///< s of running without pause until the mean cell is worn out; 0 = weights stay
    double energy = 0;         ///< J an inference, whole card
    double write_energy = 0;   ///< J of that for weights
};

struct LayerPlan {
    std::string name;
    std::uint64_t tiles = 0, tile_vectors = 0, macs = 0;
    double utilisation = 0;                 ///< of the cells of its tiles
    bool dynamic = false, digital = false;  ///< both on the digital engine
    std::uint32_t passes = 1;               ///< conversions of every sample, in cells
    Numerics numerics = Numerics::abfp;     ///< in cells
};

struct NetworkPlan {
    compiler::NetworkShape shape;
    Workload work;
    std::uint64_t weight_layers = 0, digital_layers = 0;  ///< in cells; grouped ones on the digital engine
    double utilisation = 0;                               ///< multiplications done / those the lit tiles could do
    std::uint64_t banks = 0;
    std::vector<LayerPlan> layers;
    std::vector<PlanRow> rows;      ///< the card as it is
    std::vector<PlanRow> resident;  ///< with a bank for every tile; empty if it has them
    std::vector<Sensitivity> moves;
    std::uint64_t batch = 1;  ///< that `moves` is for
};

/// `layers`: what single products are told; names that are none of the network are ignored (see check_layers).
Workload workload_of(const compiler::NetworkShape& shape, const CardConfig& config,
                     const compiler::LayerSettings& layers = {});
NetworkPlan plan_network(const compiler::NetworkShape& shape, const CardConfig& config, std::uint64_t batch,
                         const compiler::LayerSettings& layers = {});
/// Error: a name that is no product of fixed weights, with the nearest.
Status check_layers(const compiler::NetworkShape& shape, const compiler::LayerSettings& layers);

}  // namespace lightcard::cli
