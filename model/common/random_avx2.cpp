// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2 and AES on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/common/random_kernels.h"

#if defined(__AVX2__)

#include "lightcard/model/common/random_avx2.h"

namespace lightcard::random_kernels {
namespace {

constexpr std::uint32_t kBlocks = 8;  ///< counters worked on side by side: the latency of a round is theirs to fill

LIGHTCARD_INLINE __m128i load(const std::uint32_t* at)
{
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}

LIGHTCARD_INLINE void store(std::uint32_t* at, __m128i words)
{
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at), words);
}

/// `count` counters from `counter` on, steps of `one`.
template <std::uint32_t count>
LIGHTCARD_INLINE void run(const Keys256& keys, __m128i counter, __m128i one, __m128i (&c)[count])
{
    for (auto& block : c) {
        block = counter;
        counter = _mm_add_epi32(counter, one);
    }
    ars(keys, c);
}

void rows(const RoundKeys& round_keys, const std::uint32_t (&counter)[4], std::uint32_t blocks, std::uint32_t* words)
{
    const Keys256 keys(round_keys);
    const __m128i one = _mm_setr_epi32(0, 0, 1, 0);
    __m128i next = load(counter);
    std::uint32_t done = 0;
    for (; done + kBlocks <= blocks; done += kBlocks) {
        __m128i c[kBlocks];
        run(keys, next, one, c);
        for (std::uint32_t i = 0; i < kBlocks; ++i) store(words + std::uint64_t{4} * (done + i), c[i]);
        next = _mm_add_epi32(next, _mm_setr_epi32(0, 0, kBlocks, 0));
    }
    for (; done < blocks; ++done, next = _mm_add_epi32(next, one)) {
        __m128i c[1];
        run(keys, next, one, c);
        store(words + std::uint64_t{4} * done, c[0]);
    }
}

void planes(const RoundKeys& round_keys, const std::uint32_t (&counter)[4], std::uint32_t blocks, std::uint32_t* words,
            std::uint32_t stride)
{
    const Keys256 keys(round_keys);
    const __m128i one = _mm_setr_epi32(1, 0, 0, 0);
    __m128i next = load(counter);
    std::uint32_t done = 0;
    for (; done + kBlocks <= blocks; done += kBlocks) {
        __m128i c[kBlocks];
        run(keys, next, one, c);
        for (std::uint32_t half = 0; half < kBlocks; half += 4) {
            const __m128i low01 = _mm_unpacklo_epi32(c[half], c[half + 1]);
            const __m128i high01 = _mm_unpackhi_epi32(c[half], c[half + 1]);
            const __m128i low23 = _mm_unpacklo_epi32(c[half + 2], c[half + 3]);
            const __m128i high23 = _mm_unpackhi_epi32(c[half + 2], c[half + 3]);
            std::uint32_t* at = words + done + half;
            store(at, _mm_unpacklo_epi64(low01, low23));
            store(at + stride, _mm_unpackhi_epi64(low01, low23));
            store(at + std::uint64_t{2} * stride, _mm_unpacklo_epi64(high01, high23));
            store(at + std::uint64_t{3} * stride, _mm_unpackhi_epi64(high01, high23));
        }
        next = _mm_add_epi32(next, _mm_setr_epi32(kBlocks, 0, 0, 0));
    }
    for (; done < blocks; ++done, next = _mm_add_epi32(next, one)) {
        __m128i c[1];
        run(keys, next, one, c);
        std::uint32_t block[4];
        store(block, c[0]);
        for (std::uint32_t word = 0; word < 4; ++word) words[std::uint64_t{word} * stride + done] = block[word];
    }
}

void each(const RoundKeys& round_keys, std::uint32_t (*counters)[4], std::uint32_t count)
{
    const Keys256 keys(round_keys);
    std::uint32_t done = 0;
    for (; done + kBlocks <= count; done += kBlocks) {
        __m128i c[kBlocks];
        for (std::uint32_t i = 0; i < kBlocks; ++i) c[i] = load(counters[done + i]);
        ars(keys, c);
        for (std::uint32_t i = 0; i < kBlocks; ++i) store(counters[done + i], c[i]);
    }
    for (; done < count; ++done) {
        __m128i c[1] = {load(counters[done])};
        ars(keys, c);
        store(counters[done], c[0]);
    }
}

void bulk_gaussian(const std::uint32_t* words, float* draws, std::uint64_t count)
{
    const Quantile<W256> quantile;
    for (std::uint64_t i = 0; i < count; i += 8)
        _mm256_storeu_ps(draws + i, draw(quantile, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + i))));
}

}  // namespace

extern const Kernels kAvx2;
const Kernels kAvx2 = {rows, planes, each, bulk_gaussian};

}  // namespace lightcard::random_kernels

#endif
