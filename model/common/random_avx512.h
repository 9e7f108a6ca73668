// SPDX-License-Identifier: Apache-2.0
/// ARS-7 and the quantile in AVX-512 registers, for the files that are compiled for it.
#pragma once

#include <immintrin.h>

#include "lightcard/model/common/quantile_vector.h"
#include "lightcard/model/common/random_kernels.h"

namespace lightcard::random_kernels {
namespace {

struct W512 {
    using F = __m512;
    using I = __m512i;
    static constexpr std::uint32_t kLanes = 16;

    static LIGHTCARD_INLINE F load(const float* at) { return _mm512_loadu_ps(at); }
    static LIGHTCARD_INLINE I load(const void* at) { return _mm512_loadu_si512(at); }
    static LIGHTCARD_INLINE void store(void* at, I words) { _mm512_storeu_si512(at, words); }
    static LIGHTCARD_INLINE F all(float x) { return _mm512_set1_ps(x); }
    static LIGHTCARD_INLINE I all(std::int32_t x) { return _mm512_set1_epi32(x); }
    static LIGHTCARD_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
    static LIGHTCARD_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
    static LIGHTCARD_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static LIGHTCARD_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
    static LIGHTCARD_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
    static LIGHTCARD_INLINE I add(I a, I b) { return _mm512_add_epi32(a, b); }
    static LIGHTCARD_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
    static LIGHTCARD_INLINE I sub(I a, I b) { return _mm512_sub_epi32(a, b); }
    static LIGHTCARD_INLINE F to_float(I a) { return _mm512_cvtepi32_ps(a); }
    static LIGHTCARD_INLINE I rounded(F a) { return _mm512_cvtps_epi32(a); }
    static LIGHTCARD_INLINE I bits(F a) { return _mm512_castps_si512(a); }
    static LIGHTCARD_INLINE I opaque(I a)
    {
        asm("" : "+v"(a));
        return a;
    }
    static LIGHTCARD_INLINE F opaque(F a)
    {
        asm("" : "+v"(a));
        return a;
    }
    static LIGHTCARD_INLINE I without(I a, I bits) { return _mm512_andnot_si512(bits, a); }
    static LIGHTCARD_INLINE I exponent(F a) { return _mm512_srli_epi32(_mm512_castps_si512(a), 23); }
    /// (a & kept) | set
    static LIGHTCARD_INLINE F merge(F a, I kept, I set)
    {
        return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(a), kept, set, 0xEA));
    }
    static LIGHTCARD_INLINE bool any_below(I a, I limit) { return _mm512_cmplt_epi32_mask(a, limit) != 0; }
    static LIGHTCARD_INLINE F permute(F table, I index) { return _mm512_permutexvar_ps(index, table); }
    static LIGHTCARD_INLINE F look_up(const float* table, I index)
    {
        return _mm512_permutex2var_ps(load(table), index, load(table + kLanes));
    }
    /// z ^ (words & bits)
    static LIGHTCARD_INLINE F with_bits_of(F z, I words, I bits)
    {
        return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(z), words, bits, 0x78));
    }
};

struct Keys512 {
    explicit Keys512(const RoundKeys& keys)
    {
        for (int i = 0; i <= kRounds; ++i)
            of[i] = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(keys.of[i])));
    }
    __m512i of[kRounds + 1];
};

/// Counters that the first key has been added to, to words, four blocks a register.
template <std::uint32_t count>
LIGHTCARD_INLINE void ars_rounds(const Keys512& keys, __m512i (&c)[count])
{
    for (int round = 1; round < kRounds; ++round)
        for (auto& four : c) four = _mm512_aesenc_epi128(four, keys.of[round]);
    for (auto& four : c) four = _mm512_aesenclast_epi128(four, keys.of[kRounds]);
}

/// Counters to words.
template <std::uint32_t count>
LIGHTCARD_INLINE void ars(const Keys512& keys, __m512i (&c)[count])
{
    for (auto& four : c) four = _mm512_xor_si512(four, keys.of[0]);
    ars_rounds(keys, c);
}

/// Counters of four blocks one after the other in word 2, from `counter` on.
LIGHTCARD_INLINE __m512i four_blocks(const std::uint32_t (&counter)[4])
{
    return _mm512_add_epi32(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(counter))),
                            _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0));
}

}  // namespace
}  // namespace lightcard::random_kernels
