// SPDX-License-Identifier: Apache-2.0
/// Standard normal deviates by inversion: one 32-bit word, one draw, no rejection. Bit 31 is the sign, bits 30..0 = k
/// the tail probability p = (k + 1/2) / 2^32, so the draws are symmetric and reach +-6.34 sigma. The quantile is a
/// degree-5 polynomial an octave of p (gaussian_table.h); absolute error <= 6e-6 against the exact quantile, which
/// includes the rounding of p to single precision. IEEE single operations and fma in a fixed order only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lightcard {

float gaussian(std::uint32_t word);
/// draws[i] = gaussian(words[i])
void gaussian(const std::uint32_t* words, float* draws, std::size_t count);
/// The same without vector instructions: what the others are tested against.
void gaussian_portable(const std::uint32_t* words, float* draws, std::size_t count);

}  // namespace lightcard
