// SPDX-License-Identifier: Apache-2.0
/// Tiles whose planes are written in the order of the kernels at once (cell_kernels.h), and back from there.
#pragma once

#include "lightcard/model/pcm_memory/cell_model.h"
#include "lightcard/model/pcm_memory/effective_tile.h"

namespace lightcard::pcm_memory {

/// Whether the vector kernels take these cells: pairs, and bounds of cell_kernels.h that are narrow enough.
/// What else there is (worn cells, crystallisation, noise of reading) is programmed column by column.
bool packs(const CellModel& model, const PlaneLayout& layout, std::uint32_t rows);

/// Planes and sums of a tile that has its geometry; `weights` s8 [cols][stride].
void program_packed(EffectiveTile& tile, const CellModel& model, const PlaneLayout& layout, const Place& place,
                    const std::int8_t* weights, std::size_t stride);

}  // namespace lightcard::pcm_memory
