// SPDX-License-Identifier: Apache-2.0
/// What `run.numerics` and `run.weight_slices` of a card make of a quantised graph.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/compiler/layer_settings.h"

namespace lightcard::compiler {

/// Brings `graph` into the card's numerics: nothing to do for int8 with one cell a weight; otherwise every product gets
/// its block scales (block_scale.h) and tile_rms is measured again, over `samples` (bytes of the input,
/// quantise_input; none: it stays empty) and at most `positions` output positions of each. `layers`: products in other
/// numerics than the card's.
Status apply_numerics(QuantGraph& graph, const CardConfig& card, const std::vector<std::vector<std::uint8_t>>& samples,
                      const LayerSettings& layers = {}, int positions = 256);

}  // namespace lightcard::compiler
