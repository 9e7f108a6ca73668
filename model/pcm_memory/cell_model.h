// SPDX-License-Identifier: Apache-2.0
/// What a run asks of the cells, as tables over host weights: made once for a card, aged when its banks are.
#pragma once

#include <array>
#include <cstdint>

#include "lightcard/model/common/run.h"
#include "lightcard/model/pcm_memory/cell_limits.h"
#include "lightcard/model/pcm_memory/cell_moments.h"
#include "lightcard/model/pcm_memory/exposure.h"
#include "lightcard/model/pcm_memory/fixed_cells.h"
#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::pcm_memory {

inline constexpr std::int32_t kLowestWeight = -128;
inline constexpr std::uint32_t kWeights = 256;
/// What a cell is written from: |w| = 0 .. 128 of a pair, w + 127 of one cell a weight.
inline constexpr std::uint32_t kCodes = 255;

/// What a weight of a column adds to its sums of expected errors, in units of host weight: mean errors e of a source
/// and t of levels and programming together.
enum Share : std::uint32_t {
    level,              ///< e
    level2,             ///< e^2
    programming,        ///< e
    programming2,       ///< e^2
    level_programming,  ///< the product of both
    total_weight,       ///< t times the weight
    programming_variance,
    squares,  ///< mean square of what drift and retention multiply
    kShares
};
using Shares = std::array<double, kShares>;

/// Contrasts that a host weight's pair is programmed to, and the errors of it.
struct Aim {
    double plus, minus, plus_sigma, minus_sigma;
};

/// A cell's contrast is (T - T_min) / (T_max - T_min): 0 for w = 0 and for the idle half of a pair, 1 at full scale.
/// Tables over weights start at kLowestWeight.
struct CellModel {
    bool exact = false;   ///< fidelity ideal without levels: nothing below is used
    bool optics = false;  ///< fidelity stat
    bool single = false;  ///< one cell a weight
    bool programming_errors = false;
    bool wear = false;
    double floor = 0;  ///< T_min / T_max
    double read_noise = 0, read_power = 0;
    std::array<double, kCodes> target{};  ///< contrast aimed at
    std::array<double, kCodes> sigma{};   ///< programming error of contrast
    std::array<Moments, kCodes> programming{};
    bool same_sigma = false;  ///< of every magnitude
    std::array<Aim, kWeights> aims{};
    alignas(64) std::array<Shares, kWeights> shares{};  ///< a line of the cache each

    bool drifts = false, crystallises = false;
    bool aged = false;
    Exposure age;  ///< what follows is for it
    DriftModel drift;
    RetentionModel retention;
    Moments drift_factor;      ///< of what drift multiplies a contrast by, less 1
    Moments retention_factor;  ///< the same of crystallisation, which comes on top

    /// Weight steps from T_min to T_max.
    double swing() const { return single ? 2 * kFullScale : kFullScale; }
    /// Index of a weight's cell on that side.
    std::uint32_t code_of(std::int32_t weight, std::int32_t polarity) const
    {
        const std::int32_t code = single ? weight + kFullScale : polarity * weight;
        return static_cast<std::uint32_t>(code < 0 ? 0 : code);
    }
    double mean_drift() const { return 1 + drift_factor.mean; }
    double mean_left() const { return 1 + retention_factor.mean; }
    FixedCells fixed{};
    bool fixed_fits = false;  ///< `fixed` holds
};

CellModel make_cell_model(const Parameters& pcm, const RunConfig& run, bool single = false);
void set_age(CellModel& model, const Parameters& pcm, const Exposure& age);

}  // namespace lightcard::pcm_memory
