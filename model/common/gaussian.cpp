// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/gaussian.h"

#include <cmath>
#include <cstring>

#include "lightcard/model/common/gaussian_table.h"
#include "lightcard/model/common/random_kernels.h"
#include "lightcard/model/common/simd.h"

namespace lightcard {
namespace {

LIGHTCARD_INLINE float as_float(std::uint32_t bits)
{
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

LIGHTCARD_INLINE std::uint32_t as_bits(float x)
{
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

LIGHTCARD_INLINE float draw(std::uint32_t word)
{
    constexpr float kBelowOne = 0x1.fffffep-1F;  // keeps a k that was rounded up to 2^31 in octave 31
    const float tail = std::fma(static_cast<float>(static_cast<std::int32_t>(word & 0x7FFFFFFF)), kBelowOne, 0.5F);
    const std::uint32_t bits = as_bits(tail);
    const std::uint32_t octave = (bits >> 23) - 126;  // tail is in [2^-1, 2^31)
    const float t = as_float((bits & 0x7FFFFF) | 0x3F800000) - 1.5F;
    static_assert(detail::kGaussianDegree == 5, "Horner's scheme is written out: loops here defeat the vectoriser");
    float z = detail::kGaussianTable[5][octave];
    z = std::fma(z, t, detail::kGaussianTable[4][octave]);
    z = std::fma(z, t, detail::kGaussianTable[3][octave]);
    z = std::fma(z, t, detail::kGaussianTable[2][octave]);
    z = std::fma(z, t, detail::kGaussianTable[1][octave]);
    z = std::fma(z, t, detail::kGaussianTable[0][octave]);
    return as_float(as_bits(z) ^ (word & 0x80000000));
}

}  // namespace

LIGHTCARD_CLONES float gaussian(std::uint32_t word)
{
    return draw(word);
}

LIGHTCARD_CLONES void gaussian_portable(const std::uint32_t* words, float* draws, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) draws[i] = draw(words[i]);
}

void gaussian(const std::uint32_t* words, float* draws, std::size_t count)
{
    const random_kernels::Kernels* kernels = random_kernels::best();
    if (kernels == nullptr) return gaussian_portable(words, draws, count);
    constexpr std::size_t kStep = 16;
    const std::size_t whole = count / kStep * kStep;
    kernels->gaussian(words, draws, whole);
    for (std::size_t i = whole; i < count; ++i) draws[i] = draw(words[i]);
}

}  // namespace lightcard
