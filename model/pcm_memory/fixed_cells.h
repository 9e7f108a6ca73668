// SPDX-License-Identifier: Apache-2.0
/// Constants of the vector kernels (cell_kernels.h) and how far their results may be off.
#pragma once

#include "lightcard/model/pcm_memory/cell_kernels.h"

namespace lightcard::pcm_memory {

struct CellModel;

/// False: these cells need more room than the kernels' fixed point has, or doubt would be the rule.
bool fix(const CellModel& model, FixedCells& cells);

}  // namespace lightcard::pcm_memory
