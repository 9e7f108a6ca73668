// SPDX-License-Identifier: Apache-2.0
/// Statistics of partial accumulators over calibration inputs: what the card's ADC ranges are set from.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// Fills column_rms and tile_rms of every mvm node (see QuantNode), from at most `positions` output positions, evenly
/// spread, of each layer and sample. `samples`: bytes of the input (quantise_input).
Status measure_rms(QuantGraph& graph, const std::vector<std::vector<std::uint8_t>>& samples, int positions);

}  // namespace lightcard::compiler
