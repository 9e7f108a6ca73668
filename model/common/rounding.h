// SPDX-License-Identifier: Apache-2.0
/// To the nearest integer, halves to the even one, without a library call: the same bits from every compiler and in
/// every vector loop.
#pragma once

#include "lightcard/model/common/simd.h"

namespace lightcard {

/// |x| < 2^51.
LIGHTCARD_INLINE double round_half_even(double x)
{
    constexpr double kMagic = 0x1.8p52;
    return (x + kMagic) - kMagic;
}

/// |x| < 2^22.
LIGHTCARD_INLINE float round_half_even(float x)
{
    constexpr float kMagic = 0x1.8p23F;
    return (x + kMagic) - kMagic;
}

}  // namespace lightcard
