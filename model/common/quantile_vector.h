// SPDX-License-Identifier: Apache-2.0
/// gaussian() for vector registers, written once for every width: included by the files that are compiled for an
/// instruction set alone, each with a `W` that names its registers and instructions (random_avx2.h, random_avx512.h).
#pragma once

#include <cstdint>

#include "lightcard/model/common/gaussian_table.h"
#include "lightcard/model/common/simd.h"

namespace lightcard::random_kernels {
namespace {

/// Coefficients of the commonest octaves, in registers, as many as a register has lanes: 255 of 256 draws need no
/// others with eight, all but one in 2^16 with sixteen.
template <class W>
struct Quantile {
    static constexpr int kFirst = detail::kGaussianOctaves - static_cast<int>(W::kLanes);
    typename W::F common[detail::kGaussianDegree + 1];
    Quantile()
    {
        for (int power = 0; power <= detail::kGaussianDegree; ++power)
            common[power] = W::load(detail::kGaussianTable[power] + kFirst);
    }
};

/// Horner's scheme with coefficients from `of(power)`.
template <class W, class Coefficient>
LIGHTCARD_INLINE typename W::F polynomial(typename W::F t, const Coefficient& of)
{
    auto z = of(5);
    z = W::fma(z, t, of(4));
    z = W::fma(z, t, of(3));
    z = W::fma(z, t, of(2));
    z = W::fma(z, t, of(1));
    return W::fma(z, t, of(0));
}

template <class W>
__attribute__((noinline)) typename W::F rare_octaves(typename W::F t, typename W::I octave)
{
    return polynomial<W>(t, [&](int power) { return W::look_up(detail::kGaussianTable[power], octave); });
}

/// gaussian() of every word.
template <class W>
LIGHTCARD_INLINE typename W::F draw(const Quantile<W>& quantile, typename W::I words)
{
    const auto tail = W::fma(W::to_float(W::without_sign(words)), W::all(0x1.fffffep-1F), W::all(0.5F));
    const auto octave = W::sub(W::exponent(tail), W::all(126));
    const auto t = W::sub(W::fraction(tail), W::all(1.5F));
    typename W::F z;
    if (__builtin_expect(W::any_below(octave, Quantile<W>::kFirst), 0)) {
        z = rare_octaves<W>(t, octave);
    } else {
        // A permutation looks at the low bits of its index only: octave - kFirst.
        z = polynomial<W>(t, [&](int power) { return W::permute(quantile.common[power], octave); });
    }
    return W::with_sign_of(z, words);
}

}  // namespace
}  // namespace lightcard::random_kernels
