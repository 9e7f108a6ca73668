// SPDX-License-Identifier: Apache-2.0
/// A job through vector kernels: sums by the instruction set the tile was prepared for, the chain behind them in AVX2,
/// block by block in the first-level cache. The same bits as the portable path of mvm.cpp.
#pragma once

#include "lightcard/model/photonic_core/mvm.h"
#include "lightcard/model/photonic_core/prepared_tile.h"

namespace lightcard::photonic_core {

/// Adds to `stats` what depends on the samples. Only what PreparedTile::takes() accepts.
void run_fused(const MvmJob& job, const PreparedTile& tile, MvmStats& stats);

}  // namespace lightcard::photonic_core
