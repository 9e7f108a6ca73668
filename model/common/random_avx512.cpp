// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512 with VAES on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/common/random_kernels.h"

#if defined(__AVX512F__)

#include "lightcard/model/common/random_avx512.h"

namespace lightcard::random_kernels {
namespace {

constexpr std::uint32_t kRegister = 4;  ///< blocks a register
constexpr std::uint32_t kRegisters = 8;
constexpr std::uint32_t kBlocks = kRegister * kRegisters;

LIGHTCARD_INLINE __m512i four_of(__m128i block)
{
    return _mm512_broadcast_i32x4(block);
}

template <std::uint32_t count>
LIGHTCARD_INLINE void run(const Keys512& keys, __m512i& next, __m512i stride, __m512i (&c)[count])
{
    for (auto& four : c) {
        four = next;
        next = _mm512_add_epi32(next, stride);
    }
    ars(keys, c);
}

/// Lanes of the words of `blocks` blocks, at most a register's.
LIGHTCARD_INLINE __mmask16 lanes_of(std::uint32_t blocks)
{
    return static_cast<__mmask16>(blocks >= kRegister ? 0xffff : (1u << 4 * blocks) - 1);
}

/// put(first block, words of four blocks, mask of their lanes) for every four of `blocks`.
template <class Put>
LIGHTCARD_INLINE void for_rows(const RoundKeys& round_keys, const std::uint32_t (&counter)[4], std::uint32_t blocks,
                               const Put& put)
{
    const Keys512 keys(round_keys);
    const __m512i stride = four_of(_mm_setr_epi32(0, 0, kRegister, 0));
    __m512i next = four_blocks(counter);
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
    const Keys512 keys(round_keys);
    const __m512i step = four_of(_mm_setr_epi32(kRegister, 0, 0, 0));
    __m512i next = _mm512_add_epi32(four_of(_mm_loadu_si128(reinterpret_cast<const __m128i*>(counter))),
                                    _mm512_setr_epi32(0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0));
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
    const Keys512 keys(round_keys);
    for (std::uint32_t done = 0; done < count; done += kRegister) {
        const __mmask16 lanes = lanes_of(count - done);
        __m512i c[1] = {_mm512_maskz_loadu_epi32(lanes, counters[done])};
        ars(keys, c);
        _mm512_mask_storeu_epi32(counters[done], lanes, c[0]);
    }
}

void bulk_gaussian(const std::uint32_t* words, float* draws, std::uint64_t count)
{
    const Quantile<W512> quantile;
    for (std::uint64_t i = 0; i < count; i += 16)
        _mm512_storeu_ps(draws + i, draw(quantile, _mm512_loadu_si512(words + i)));
}

}  // namespace

extern const Kernels kAvx512;
const Kernels kAvx512 = {rows, planes, each, bulk_gaussian};

}  // namespace lightcard::random_kernels

#endif
