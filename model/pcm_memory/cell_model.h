// SPDX-License-Identifier: Apache-2.0
/// What a run asks of the cells, as tables over host weights: made once for a card, aged when its banks are.
#pragma once

#include <array>
#include <cstdint>

#include "lightcard/model/common/run.h"
#include "lightcard/model/pcm_memory/cell_limits.h"
#include "lightcard/model/pcm_memory/cell_moments.h"
#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::pcm_memory {

inline constexpr std::int32_t kLowestWeight = -128;
inline constexpr std::uint32_t kWeights = 256;
inline constexpr std::uint32_t kMagnitudes = 129;  ///< |w| = 0 .. 128

/// What a weight of a column adds to its sums of expected errors, in units of host weight: mean errors e of a source
/// and t of levels and programming together.
enum Share : std::uint32_t {
    level,              ///< e
    level2,             ///< e^2
    level_total,        ///< e t
    programming,        ///< e
    programming2,       ///< e^2
    programming_total,  ///< e t
    programming_variance,
    drift_variance,
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
    bool portable = false;  ///< without vector kernels, which give the same bits
    bool exact = false;     ///< fidelity ideal without levels: nothing below is used
    bool optics = false;    ///< fidelity stat
    bool programming_errors = false;
    bool wear = false;
    double floor = 0;  ///< T_min / T_max
    double read_noise = 0, read_power = 0;
    std::array<double, kMagnitudes> target{};  ///< contrast aimed at
    std::array<double, kMagnitudes> sigma{};   ///< programming error of contrast
    std::array<Moments, kMagnitudes> programming{};
    bool same_sigma = false;  ///< of every magnitude
    std::array<Aim, kWeights> aims{};

    bool drifts = false;
    double age = -1;  ///< s; what follows is for it
    DriftModel drift;
    Moments drift_factor;  ///< of what drift multiplies a contrast by, less 1
    std::array<Shares, kWeights> shares{};
};

CellModel make_cell_model(const Parameters& pcm, const RunConfig& run);
void set_age(CellModel& model, const Parameters& pcm, double age);

}  // namespace lightcard::pcm_memory
