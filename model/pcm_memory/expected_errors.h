// SPDX-License-Identifier: Apache-2.0
/// What a tile's attribution has of its cells: moments of their errors over card seeds (StaticError), but for worn
/// cells, which are known.
#pragma once

#include "lightcard/model/pcm_memory/cell_model.h"
#include "lightcard/model/pcm_memory/effective_tile.h"

namespace lightcard::pcm_memory {

/// Of levels and programming, to a tile that has the sums of its host weights and nothing of this yet.
void expect_written(EffectiveTile& tile, const CellModel& model, const std::int8_t* weights, std::size_t stride);

/// Of drift and retention at the model's age, and what they leave of programming, to a tile as written.
void expect_aged(EffectiveTile& tile, const CellModel& model);

/// Errors of a column's worn cells: known, not drawn.
void expect_wear(EffectiveTile& tile, const CellModel& model, const std::vector<PairLimits>& limits, std::uint32_t col,
                 const std::int8_t* weights);

}  // namespace lightcard::pcm_memory
