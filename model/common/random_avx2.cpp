// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2 on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/common/random_avx2.h"

#if defined(__AVX2__)

#include <immintrin.h>

#include "lightcard/model/common/gaussian_table.h"

namespace lightcard::random_avx2 {
namespace {

constexpr int kRounds = 10;

/// Four words of eight counters. Each word is two registers of four counters in the low halves of 64-bit lanes, where
/// the multiplier reads them; the high halves are never read.
struct Words {
    __m256i even, odd;
};

inline __attribute__((always_inline)) Words spread(__m256i word)
{
    return {word, _mm256_srli_epi64(word, 32)};
}

inline __attribute__((always_inline)) __m256i join(const Words& words)
{
    return _mm256_blend_epi32(words.even, _mm256_slli_epi64(words.odd, 32), 0xAA);
}

inline __attribute__((always_inline)) void half_round(__m256i& c0, __m256i& c1, __m256i& c2, __m256i& c3, __m256i key0,
                                                      __m256i key1)
{
    const __m256i product0 = _mm256_mul_epu32(c0, _mm256_set1_epi32(static_cast<int>(0xD2511F53)));
    const __m256i product1 = _mm256_mul_epu32(c2, _mm256_set1_epi32(static_cast<int>(0xCD9E8D57)));
    c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product1, 32), c1), key0);
    c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product0, 32), c3), key1);
    c1 = product1;
    c3 = product0;
}

inline __attribute__((always_inline)) void philox(const std::uint32_t (&key)[2], __m256i (&c)[4])
{
    Words w0 = spread(c[0]), w1 = spread(c[1]), w2 = spread(c[2]), w3 = spread(c[3]);
    __m256i key0 = _mm256_set1_epi32(static_cast<int>(key[0])), key1 = _mm256_set1_epi32(static_cast<int>(key[1]));
    for (int round = 0; round < kRounds; ++round) {
        half_round(w0.even, w1.even, w2.even, w3.even, key0, key1);
        half_round(w0.odd, w1.odd, w2.odd, w3.odd, key0, key1);
        key0 = _mm256_add_epi32(key0, _mm256_set1_epi32(static_cast<int>(0x9E3779B9)));
        key1 = _mm256_add_epi32(key1, _mm256_set1_epi32(static_cast<int>(0xBB67AE85)));
    }
    c[0] = join(w0);
    c[1] = join(w1);
    c[2] = join(w2);
    c[3] = join(w3);
}

inline __attribute__((always_inline)) void start(const std::uint32_t (&counter)[4], int varying, std::uint32_t first,
                                                 __m256i (&c)[4])
{
    for (int word = 0; word < 4; ++word) c[word] = _mm256_set1_epi32(static_cast<int>(counter[word]));
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    c[varying] = _mm256_add_epi32(c[varying], _mm256_add_epi32(index, _mm256_set1_epi32(static_cast<int>(first))));
}

inline __attribute__((always_inline)) void store(std::uint32_t* at, __m256i words)
{
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), words);
}

/// [word][counter] to [counter][word].
inline __attribute__((always_inline)) void store_interleaved(const __m256i (&c)[4], std::uint32_t* words)
{
    const __m256i low01 = _mm256_unpacklo_epi32(c[0], c[1]), high01 = _mm256_unpackhi_epi32(c[0], c[1]);
    const __m256i low23 = _mm256_unpacklo_epi32(c[2], c[3]), high23 = _mm256_unpackhi_epi32(c[2], c[3]);
    const __m256i at04 = _mm256_unpacklo_epi64(low01, low23), at15 = _mm256_unpackhi_epi64(low01, low23);
    const __m256i at26 = _mm256_unpacklo_epi64(high01, high23), at37 = _mm256_unpackhi_epi64(high01, high23);
    store(words, _mm256_permute2x128_si256(at04, at15, 0x20));
    store(words + 8, _mm256_permute2x128_si256(at26, at37, 0x20));
    store(words + 16, _mm256_permute2x128_si256(at04, at15, 0x31));
    store(words + 24, _mm256_permute2x128_si256(at26, at37, 0x31));
}

/// Coefficients of the eight commonest octaves, in registers: 255 of 256 draws need no others.
struct Quantile {
    __m256 common[detail::kGaussianDegree + 1];
    Quantile()
    {
        for (int power = 0; power <= detail::kGaussianDegree; ++power)
            common[power] = _mm256_loadu_ps(detail::kGaussianTable[power] + 24);
    }
};

/// Horner's scheme with coefficients from `of(power)`.
template <class Coefficient>
inline __attribute__((always_inline)) __m256 polynomial(__m256 t, const Coefficient& of)
{
    __m256 z = of(5);
    z = _mm256_add_ps(_mm256_mul_ps(z, t), of(4));
    z = _mm256_add_ps(_mm256_mul_ps(z, t), of(3));
    z = _mm256_add_ps(_mm256_mul_ps(z, t), of(2));
    z = _mm256_add_ps(_mm256_mul_ps(z, t), of(1));
    return _mm256_add_ps(_mm256_mul_ps(z, t), of(0));
}

__attribute__((noinline)) __m256 rare_octaves(__m256 t, __m256i octave)
{
    return polynomial(t, [&](int power) { return _mm256_i32gather_ps(detail::kGaussianTable[power], octave, 4); });
}

inline __attribute__((always_inline)) __m256 draw(const Quantile& quantile, __m256i words)
{
    const __m256i sign = _mm256_set1_epi32(static_cast<int>(0x80000000));
    const __m256 k = _mm256_cvtepi32_ps(_mm256_andnot_si256(sign, words));
    const __m256 tail = _mm256_add_ps(_mm256_mul_ps(k, _mm256_set1_ps(0x1.fffffep-1F)), _mm256_set1_ps(0.5F));
    const __m256i bits = _mm256_castps_si256(tail);
    const __m256i octave = _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126));
    const __m256i fraction =
        _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x7FFFFF)), _mm256_set1_epi32(0x3F800000));
    const __m256 t = _mm256_sub_ps(_mm256_castsi256_ps(fraction), _mm256_set1_ps(1.5F));
    __m256 z;
    if (__builtin_expect(_mm256_movemask_epi8(_mm256_cmpgt_epi32(_mm256_set1_epi32(24), octave)) != 0, 0)) {
        z = rare_octaves(t, octave);
    } else {
        // A permutation looks at the low three bits of its index only: octave - 24.
        z = polynomial(t, [&](int power) { return _mm256_permutevar8x32_ps(quantile.common[power], octave); });
    }
    return _mm256_xor_ps(z, _mm256_castsi256_ps(_mm256_and_si256(words, sign)));
}

}  // namespace

void philox_rows(const std::uint32_t (&key)[2], const std::uint32_t (&counter)[4], std::uint32_t blocks,
                 std::uint32_t* words)
{
    for (std::uint32_t first = 0; first < blocks; first += kBlocks) {
        __m256i c[4];
        start(counter, 2, first, c);
        philox(key, c);
        store_interleaved(c, words + std::uint64_t{first} * 4);
    }
}

void philox_planes(const std::uint32_t (&key)[2], const std::uint32_t (&counter)[4], std::uint32_t blocks,
                   std::uint32_t* words, std::uint32_t stride)
{
    for (std::uint32_t first = 0; first < blocks; first += kBlocks) {
        __m256i c[4];
        start(counter, 0, first, c);
        philox(key, c);
        for (std::uint32_t word = 0; word < 4; ++word) store(words + std::uint64_t{word} * stride + first, c[word]);
    }
}

void philox_blocks(const std::uint32_t (&key)[2], std::uint32_t (&blocks)[4][kBlocks])
{
    __m256i c[4];
    for (int word = 0; word < 4; ++word) c[word] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks[word]));
    philox(key, c);
    for (int word = 0; word < 4; ++word) store(blocks[word], c[word]);
}

void gaussian(const std::uint32_t* words, float* draws, std::uint64_t count)
{
    const Quantile quantile;
    for (std::uint64_t i = 0; i < count; i += 8)
        _mm256_storeu_ps(draws + i, draw(quantile, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + i))));
}

}  // namespace lightcard::random_avx2

#endif
