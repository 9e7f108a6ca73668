// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512 with VAES on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/common/random_kernels.h"

#if defined(__AVX512F__)

#include <immintrin.h>

#include "lightcard/model/common/gaussian_table.h"

#define LIGHTCARD_ALWAYS inline __attribute__((always_inline))

namespace lightcard::random_kernels {
namespace {

constexpr std::uint32_t kRegister = 4;  ///< blocks a register
constexpr std::uint32_t kRegisters = 8;
constexpr std::uint32_t kBlocks = kRegister * kRegisters;

struct Keys {
    explicit Keys(const RoundKeys& keys)
    {
        for (int i = 0; i <= kRounds; ++i)
            of[i] = _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(keys.of[i])));
    }
    __m512i of[kRounds + 1];
};

template <std::uint32_t count>
LIGHTCARD_ALWAYS void ars(const Keys& keys, __m512i (&c)[count])
{
    for (auto& four : c) four = _mm512_xor_si512(four, keys.of[0]);
    for (int round = 1; round < kRounds; ++round)
        for (auto& four : c) four = _mm512_aesenc_epi128(four, keys.of[round]);
    for (auto& four : c) four = _mm512_aesenclast_epi128(four, keys.of[kRounds]);
}

LIGHTCARD_ALWAYS __m512i four_of(__m128i block)
{
    return _mm512_broadcast_i32x4(block);
}

/// The counters of four blocks, `one` apart, from `counter` on.
LIGHTCARD_ALWAYS __m512i start(const std::uint32_t (&counter)[4], __m512i steps)
{
    return _mm512_add_epi32(four_of(_mm_loadu_si128(reinterpret_cast<const __m128i*>(counter))), steps);
}

template <std::uint32_t count>
LIGHTCARD_ALWAYS void run(const Keys& keys, __m512i& next, __m512i stride, __m512i (&c)[count])
{
    for (auto& four : c) {
        four = next;
        next = _mm512_add_epi32(next, stride);
    }
    ars(keys, c);
}

LIGHTCARD_ALWAYS __m512i steps_of_word_0()
{
    return _mm512_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0);
}

LIGHTCARD_ALWAYS __m512i steps_of_word_2()
{
    return _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0);
}

/// Lanes of the words of `blocks` blocks, at most a register's.
LIGHTCARD_ALWAYS __mmask16 lanes_of(std::uint32_t blocks)
{
    return static_cast<__mmask16>(blocks >= kRegister ? 0xffff : (1u << 4 * blocks) - 1);
}

/// put(first block, words of four blocks, mask of their lanes) for every four of `blocks`.
template <class Put>
LIGHTCARD_ALWAYS void for_rows(const RoundKeys& round_keys, const std::uint32_t (&counter)[4], std::uint32_t blocks,
                               const Put& put)
{
    const Keys keys(round_keys);
    const __m512i stride = four_of(_mm_setr_epi32(0, 0, kRegister, 0));
    __m512i next = start(counter, steps_of_word_2());
    std::uint32_t done = 0;
    for (; done + kBlocks <= blocks; done += kBlocks) {
        __m512i c[kRegisters];
        run(keys, next, stride, c);
        for (std::uint32_t i = 0; i < kRegisters; ++i) put(done + kRegister * i, c[i], static_cast<__mmask16>(0xffff));
    }
    for (; done < blocks; done += kRegister) {
        __m512i c[1];
        run(keys, next, stride, c);
        put(done, c[0], lanes_of(blocks - done));
    }
}

void rows(const RoundKeys& keys, const std::uint32_t (&counter)[4], std::uint32_t blocks, std::uint32_t* words)
{
    for_rows(keys, counter, blocks, [words](std::uint32_t block, __m512i four, __mmask16 lanes) {
        _mm512_mask_storeu_epi32(words + std::uint64_t{4} * block, lanes, four);
    });
}

void planes(const RoundKeys& round_keys, const std::uint32_t (&counter)[4], std::uint32_t blocks, std::uint32_t* words,
            std::uint32_t stride)
{
    const Keys keys(round_keys);
    const __m512i step = four_of(_mm_setr_epi32(kRegister, 0, 0, 0));
    __m512i next = start(counter, steps_of_word_0());
    // Four registers of four blocks to one register a word: words 0 and 1 of two registers, then of all four.
    const __m512i pairs01 = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const __m512i pairs23 = _mm512_add_epi32(pairs01, _mm512_set1_epi32(2));
    for (std::uint32_t done = 0; done < blocks; done += 16) {
        __m512i c[4];
        run(keys, next, step, c);
        const __m512i low01 = _mm512_permutex2var_epi32(c[0], pairs01, c[1]);
        const __m512i high01 = _mm512_permutex2var_epi32(c[2], pairs01, c[3]);
        const __m512i low23 = _mm512_permutex2var_epi32(c[0], pairs23, c[1]);
        const __m512i high23 = _mm512_permutex2var_epi32(c[2], pairs23, c[3]);
        const std::uint32_t left = blocks - done;
        const auto lanes = static_cast<__mmask16>(left >= 16 ? 0xffff : (1u << left) - 1);
        const auto put = [&](std::uint32_t word, __m512i plane) {
            _mm512_mask_storeu_epi32(words + std::uint64_t{word} * stride + done, lanes, plane);
        };
        put(0, _mm512_shuffle_i64x2(low01, high01, 0x44));
        put(1, _mm512_shuffle_i64x2(low01, high01, 0xEE));
        put(2, _mm512_shuffle_i64x2(low23, high23, 0x44));
        put(3, _mm512_shuffle_i64x2(low23, high23, 0xEE));
    }
}

void each(const RoundKeys& round_keys, std::uint32_t (*counters)[4], std::uint32_t count)
{
    const Keys keys(round_keys);
    for (std::uint32_t done = 0; done < count; done += kRegister) {
        const __mmask16 lanes = lanes_of(count - done);
        __m512i c[1] = {_mm512_maskz_loadu_epi32(lanes, counters[done])};
        ars(keys, c);
        _mm512_mask_storeu_epi32(counters[done], lanes, c[0]);
    }
}

/// Coefficients of the sixteen commonest octaves, in registers: one draw in 2^16 needs others.
struct Quantile {
    __m512 common[detail::kGaussianDegree + 1];
    Quantile()
    {
        for (int power = 0; power <= detail::kGaussianDegree; ++power)
            common[power] = _mm512_loadu_ps(detail::kGaussianTable[power] + 16);
    }
};

/// Horner's scheme with coefficients from `of(power)`.
template <class Coefficient>
LIGHTCARD_ALWAYS __m512 polynomial(__m512 t, const Coefficient& of)
{
    __m512 z = of(5);
    z = _mm512_fmadd_ps(z, t, of(4));
    z = _mm512_fmadd_ps(z, t, of(3));
    z = _mm512_fmadd_ps(z, t, of(2));
    z = _mm512_fmadd_ps(z, t, of(1));
    return _mm512_fmadd_ps(z, t, of(0));
}

__attribute__((noinline)) __m512 rare_octaves(__m512 t, __m512i octave)
{
    return polynomial(t, [&](int power) {
        const float* row = detail::kGaussianTable[power];
        return _mm512_permutex2var_ps(_mm512_loadu_ps(row), octave, _mm512_loadu_ps(row + 16));
    });
}

LIGHTCARD_ALWAYS __m512 draw(const Quantile& quantile, __m512i words)
{
    const __m512i sign = _mm512_set1_epi32(static_cast<int>(0x80000000));
    const __m512 k = _mm512_cvtepi32_ps(_mm512_andnot_si512(sign, words));
    const __m512 tail = _mm512_fmadd_ps(k, _mm512_set1_ps(0x1.fffffep-1F), _mm512_set1_ps(0.5F));
    const __m512i bits = _mm512_castps_si512(tail);
    const __m512i octave = _mm512_sub_epi32(_mm512_srli_epi32(bits, 23), _mm512_set1_epi32(126));
    // (bits & 0x7FFFFF) | 0x3F800000
    const __m512i fraction =
        _mm512_ternarylogic_epi32(bits, _mm512_set1_epi32(0x7FFFFF), _mm512_set1_epi32(0x3F800000), 0xEA);
    const __m512 t = _mm512_sub_ps(_mm512_castsi512_ps(fraction), _mm512_set1_ps(1.5F));
    __m512 z;
    if (__builtin_expect(_mm512_cmplt_epi32_mask(octave, _mm512_set1_epi32(16)) != 0, 0)) {
        z = rare_octaves(t, octave);
    } else {
        // A permutation looks at the low four bits of its index only: octave - 16.
        z = polynomial(t, [&](int power) { return _mm512_permutexvar_ps(octave, quantile.common[power]); });
    }
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(_mm512_castps_si512(z), words, sign, 0x78));  // z ^ (words & sign)
}

void normals(const RoundKeys& keys, const std::uint32_t (&counter)[4], std::uint32_t blocks, float* draws)
{
    const Quantile quantile;
    for_rows(keys, counter, blocks, [&](std::uint32_t block, __m512i four, __mmask16 lanes) {
        _mm512_mask_storeu_ps(draws + std::uint64_t{4} * block, lanes, draw(quantile, four));
    });
}

void bulk_gaussian(const std::uint32_t* words, float* draws, std::uint64_t count)
{
    const Quantile quantile;
    for (std::uint64_t i = 0; i < count; i += 16)
        _mm512_storeu_ps(draws + i, draw(quantile, _mm512_loadu_si512(words + i)));
}

}  // namespace

extern const Kernels kAvx512;
const Kernels kAvx512 = {rows, planes, each, normals, bulk_gaussian};

}  // namespace lightcard::random_kernels

#endif
