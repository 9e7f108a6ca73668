// SPDX-License-Identifier: Apache-2.0
/// What writing and time make of one cell, and what an effective weight and its light are: the normative arithmetic, in
/// double, for loops over columns and for single pairs.
#pragma once

#include <cstdint>

#include "lightcard/model/common/rounding.h"
#include "lightcard/model/common/simd.h"
#include "lightcard/model/pcm_memory/cell_limits.h"
#include "lightcard/model/pcm_memory/cell_moments.h"

namespace lightcard::pcm_memory {

/// What the write loop leaves of a contrast.
LIGHTCARD_INLINE double misprogrammed(double target, double sigma, float draw)
{
    const double contrast = target + sigma * static_cast<double>(draw);
    const double above = contrast < 0.0 ? 0.0 : contrast;
    return 1.0 < above ? 1.0 : above;
}

/// drift_factor() of the logarithmic law, applied.
LIGHTCARD_INLINE double drifted(double contrast, double mean, double sigma, double log_age, float draw)
{
    const double nu = mean + sigma * static_cast<double>(draw);
    const double rising = 0.0 < nu ? nu : 0.0;
    const double aged = contrast * (1.0 + rising * log_age);
    return aged < kWidestContrast ? aged : kWidestContrast;
}

/// Units of an effective weight; `swing`: weight steps from T_min to T_max.
LIGHTCARD_INLINE std::int32_t weight_units(double plus, double minus, double swing)
{
    const double units = (plus - minus) * swing * kUnit;
    const double above = units < -kLargest ? -kLargest : units;
    const double within = kLargest < above ? kLargest : above;
    return static_cast<std::int32_t>(round_half_even(within));
}

/// Low plane of an effective weight; the high one is what is left.
LIGHTCARD_INLINE std::int32_t low_part(std::int32_t weight)
{
    return ((weight + 128) & 255) - 128;
}

/// Code of the light that a pair lets through, `share` of it in either arm.
LIGHTCARD_INLINE std::int32_t light_code(double plus, double minus, double floor, double share)
{
    const double transmission = floor + (1.0 - floor) * share * (plus + minus);
    const double within = transmission < 1.0 ? transmission : 1.0;
    return static_cast<std::int32_t>(round_half_even(within * 255.0));
}

}  // namespace lightcard::pcm_memory
