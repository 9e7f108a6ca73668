// SPDX-License-Identifier: Apache-2.0
/// ARS-7 and the quantile in AVX2 registers, for the files that are compiled for it.
#pragma once

#include <immintrin.h>

#include "lightcard/model/common/quantile_vector.h"
#include "lightcard/model/common/random_kernels.h"

namespace lightcard::random_kernels {
namespace {

struct W256 {
    using F = __m256;
    using I = __m256i;
    static constexpr std::uint32_t kLanes = 8;

    static LIGHTCARD_INLINE F load(const float* at) { return _mm256_loadu_ps(at); }
    static LIGHTCARD_INLINE I load(const void* at) { return _mm256_loadu_si256(static_cast<const I*>(at)); }
    static LIGHTCARD_INLINE void store(void* at, I words) { _mm256_storeu_si256(static_cast<I*>(at), words); }
    static LIGHTCARD_INLINE F all(float x) { return _mm256_set1_ps(x); }
    static LIGHTCARD_INLINE I all(std::int32_t x) { return _mm256_set1_epi32(x); }
    static LIGHTCARD_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
    static LIGHTCARD_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
    static LIGHTCARD_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
    static LIGHTCARD_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
    static LIGHTCARD_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
    static LIGHTCARD_INLINE I add(I a, I b) { return _mm256_add_epi32(a, b); }
    static LIGHTCARD_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
    static LIGHTCARD_INLINE I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
    static LIGHTCARD_INLINE F to_float(I a) { return _mm256_cvtepi32_ps(a); }
    static LIGHTCARD_INLINE I rounded(F a) { return _mm256_cvtps_epi32(a); }
    static LIGHTCARD_INLINE I bits(F a) { return _mm256_castps_si256(a); }
    static LIGHTCARD_INLINE I opaque(I a)
    {
        asm("" : "+x"(a));
        return a;
    }
    static LIGHTCARD_INLINE F opaque(F a)
    {
        asm("" : "+x"(a));
        return a;
    }
    static LIGHTCARD_INLINE I without(I a, I bits) { return _mm256_andnot_si256(bits, a); }
    static LIGHTCARD_INLINE I exponent(F a) { return _mm256_srli_epi32(_mm256_castps_si256(a), 23); }
    /// (a & kept) | set
    static LIGHTCARD_INLINE F merge(F a, I kept, I set)
    {
        return _mm256_castsi256_ps(_mm256_or_si256(_mm256_and_si256(_mm256_castps_si256(a), kept), set));
    }
    static LIGHTCARD_INLINE bool any_below(I a, I limit)
    {
        return _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, a))) != 0;
    }
    static LIGHTCARD_INLINE F permute(F table, I index) { return _mm256_permutevar8x32_ps(table, index); }
    static LIGHTCARD_INLINE F look_up(const float* table, I index) { return _mm256_i32gather_ps(table, index, 4); }
    /// z ^ (words & bits)
    static LIGHTCARD_INLINE F with_bits_of(F z, I words, I bits)
    {
        return _mm256_xor_ps(z, _mm256_castsi256_ps(_mm256_and_si256(words, bits)));
    }
};

struct Keys256 {
    explicit Keys256(const RoundKeys& keys)
    {
        for (int i = 0; i <= kRounds; ++i) of[i] = _mm_load_si128(reinterpret_cast<const __m128i*>(keys.of[i]));
    }
    __m128i of[kRounds + 1];
};

/// Counters to words, a block a register.
template <std::uint32_t count>
LIGHTCARD_INLINE void ars(const Keys256& keys, __m128i (&c)[count])
{
    for (auto& block : c) block = _mm_xor_si128(block, keys.of[0]);
    for (int round = 1; round < kRounds; ++round)
        for (auto& block : c) block = _mm_aesenc_si128(block, keys.of[round]);
    for (auto& block : c) block = _mm_aesenclast_si128(block, keys.of[kRounds]);
}

}  // namespace
}  // namespace lightcard::random_kernels
