// SPDX-License-Identifier: Apache-2.0
/// gaussian() for vector registers, written once for every width: included by the files that are compiled for an
/// instruction set alone, each with a `W` that names its registers and instructions (random_avx2.h, random_avx512.h).
#pragma once

#include <cstdint>

#include "lightcard/model/common/gaussian_table.h"
#include "lightcard/model/common/simd.h"

namespace lightcard::random_kernels {
namespace {

/// Coefficients of the commonest octaves, as many as a register has lanes: 255 of 256 draws need no others with eight,
/// all but one in 2^16 with sixteen. They lie where the low bits of a tail's exponent find them.
template <class W>
struct Quantile {
    static constexpr int kBias = 126;  ///< exponent of octave 0: a tail is in [2^-1, 2^31)
    static constexpr int kFirst = detail::kGaussianOctaves - static_cast<int>(W::kLanes);
    typename W::F common[detail::kGaussianDegree + 1];
    // In registers or memory of their own: left to itself the compiler makes such a constant anew, by way of a general
    // register, for every draw.
    typename W::I sign = W::opaque(W::all(INT32_MIN)), mantissa = W::opaque(W::all(0x7FFFFF));
    typename W::I one = W::opaque(W::all(0x3F800000));
    typename W::I rare =
        W::opaque(W::all(1 << (kFirst - 1)));  ///< words, without sign, below this are of other octaves
    typename W::F below_one = W::opaque(W::all(0x1.fffffep-1F)), half = W::opaque(W::all(0.5F));
    typename W::F middle = W::opaque(W::all(1.5F));

    Quantile()
    {
        for (int power = 0; power <= detail::kGaussianDegree; ++power) {
            float turned[W::kLanes];
            for (int octave = kFirst; octave < detail::kGaussianOctaves; ++octave)
                turned[static_cast<std::uint32_t>(octave + kBias) % W::kLanes] = detail::kGaussianTable[power][octave];
            common[power] = W::load(turned);
        }
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
__attribute__((noinline)) typename W::F rare_octaves(typename W::F t, typename W::I exponent)
{
    const auto octave = W::sub(exponent, W::all(Quantile<W>::kBias));
    return polynomial<W>(t, [&](int power) { return W::look_up(detail::kGaussianTable[power], octave); });
}

/// gaussian() of every word, step by step for all registers: the steps of one wait for each other.
template <class W, std::uint32_t count>
LIGHTCARD_INLINE void draws(const Quantile<W>& quantile, const typename W::I (&words)[count], typename W::F (&z)[count])
{
    typename W::I k[count], exponent[count];
    typename W::F t[count];
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < count; ++i) {
        k[i] = W::without(words[i], quantile.sign);
        t[i] = W::fma(W::to_float(k[i]), quantile.below_one, quantile.half);
    }
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < count; ++i) {
        exponent[i] = W::exponent(t[i]);
        t[i] = W::sub(W::merge(t[i], quantile.mantissa, quantile.one), quantile.middle);
        // A permutation looks at the low bits of its index only.
        z[i] = W::permute(quantile.common[detail::kGaussianDegree], exponent[i]);
    }
#pragma GCC unroll 8
    for (int power = detail::kGaussianDegree - 1; power >= 0; --power)
#pragma GCC unroll 8
        for (std::uint32_t i = 0; i < count; ++i)
            z[i] = W::fma(z[i], t[i], W::permute(quantile.common[power], exponent[i]));
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < count; ++i) {
        if (__builtin_expect(W::any_below(k[i], quantile.rare), 0)) z[i] = rare_octaves<W>(t[i], exponent[i]);
        z[i] = W::with_bits_of(z[i], words[i], quantile.sign);
    }
}

/// Of one register.
template <class W>
LIGHTCARD_INLINE typename W::F draw(const Quantile<W>& quantile, typename W::I words)
{
    const typename W::I one[1] = {words};
    typename W::F z[1];
    draws<W>(quantile, one, z);
    return z[0];
}

}  // namespace
}  // namespace lightcard::random_kernels
