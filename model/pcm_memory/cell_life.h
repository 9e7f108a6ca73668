// SPDX-License-Identifier: Apache-2.0
/// What wear has left of a bank's cells: how far each can still be opened, and where a failed one is stuck.
///
/// A cell fails after `endurance` exp(`endurance_spread` g) cycles of its row, g a static normal draw of the cell:
/// lives of phase-change cells scatter, and the first of an array's cells fail long before the typical one. A failed
/// cell stays at T_min (its crystal no longer melts: stuck SET) or at T_max (a void or a broken heater: stuck RESET).
/// Until then `fatigue` narrows its range in proportion to the cycles. Nothing here is stored: it follows from the
/// counters. Sources: parameter sheet section 2 (endurance by material); failure modes and scatter as in the reviews of
/// PCM reliability (Raoux et al., Wong et al. 2010) and in Schechter et al., ISCA 2010, who take a quarter of the mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::pcm_memory {

constexpr float kFree = -1.0F;

/// Contrasts; of a pair's + and - cell.
struct PairLimits {
    float stuck[2] = {kFree, kFree};  ///< where a failed cell stays
    float ceiling[2] = {1.0F, 1.0F};  ///< the most transparent state that can still be programmed
};

/// Contrast of a cell that is aimed at `target`.
inline double limited(const PairLimits& limits, int arm, double target)
{
    if (limits.stuck[arm] >= 0) return static_cast<double>(limits.stuck[arm]);
    const auto ceiling = static_cast<double>(limits.ceiling[arm]);
    return target < ceiling ? target : ceiling;
}

/// Where a bank is; its cells' lives are drawn by it.
struct BankPlace {
    std::uint64_t seed = 1;
    std::uint32_t core = 0, bank = 0;
};

/// Cells that were made to fail: physical row << 17 | column << 1 | arm -> contrast.
using StuckCells = std::map<std::uint64_t, float>;
constexpr std::uint64_t stuck_key(std::uint32_t row, std::uint32_t column, int arm)
{
    return std::uint64_t{row} << 17 | std::uint64_t{column} << 1 | static_cast<std::uint64_t>(arm);
}

/// What a cell of a weight is aimed at, before levels: of a pair w/127 on one side, of a single cell (w + 127)/254.
inline double ideal_contrast(int weight, int arm, bool single)
{
    if (single) return arm == 0 ? (weight < -127 ? 0 : weight + 127) / 254.0 : 0;
    const int wanted = arm == 0 ? weight : -weight;
    return wanted <= 0 ? 0 : wanted >= 127 ? 1 : wanted / 127.0;
}

struct Wear {
    const std::vector<std::uint32_t>& cycles;  ///< [physical row]; empty = none
    const std::vector<std::uint16_t>& rows;    ///< [row of the array] physical row; empty = the same
    const StuckCells& stuck;
};

/// [col][row] of the first `rows` x `cols` pairs, or empty when every one of them is as good as new.
std::vector<PairLimits> pair_limits(const Parameters& parameters, const BankPlace& place, const Wear& wear,
                                    std::uint32_t rows, std::uint32_t cols);

/// [row] cells that end further than `verify_tolerance` from their targets (ideal_contrast); weights s8 [cols][rows].
std::vector<std::uint32_t> failed_cells(const Parameters& parameters, const std::vector<PairLimits>& limits,
                                        std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                                        bool single = false);

}  // namespace lightcard::pcm_memory
