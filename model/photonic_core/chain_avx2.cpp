// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2 on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/photonic_core/chain_kernels.h"

#if defined(__AVX2__)

#include <immintrin.h>

#include "lightcard/model/photonic_core/chain_rows.h"

namespace lightcard::photonic_core {
namespace {

/// Eight columns at a time.
struct V {
    using F = __m256;
    using I = __m256i;
    using Mask = __m256i;
    static constexpr std::uint32_t kLanes = 8;
    static constexpr bool kAlwaysSplit = false;

    static LIGHTCARD_ALWAYS F load(const float* at) { return _mm256_loadu_ps(at); }
    static LIGHTCARD_ALWAYS I load(const void* at) { return _mm256_loadu_si256(static_cast<const I*>(at)); }
    static LIGHTCARD_ALWAYS void store(void* at, I words) { _mm256_storeu_si256(static_cast<I*>(at), words); }
    static LIGHTCARD_ALWAYS void store(std::int32_t* at, I words, Mask mask)
    {
        _mm256_maskstore_epi32(at, mask, words);
    }

    static LIGHTCARD_ALWAYS Mask all_lanes() { return _mm256_set1_epi32(-1); }
    static LIGHTCARD_ALWAYS Mask lanes_below(std::uint32_t count)
    {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    static LIGHTCARD_ALWAYS I only(I words, Mask mask) { return _mm256_and_si256(words, mask); }

    static LIGHTCARD_ALWAYS F all(float x) { return _mm256_set1_ps(x); }
    static LIGHTCARD_ALWAYS I all(std::int32_t x) { return _mm256_set1_epi32(x); }
    static LIGHTCARD_ALWAYS F add(F a, F b) { return _mm256_add_ps(a, b); }
    static LIGHTCARD_ALWAYS F sub(F a, F b) { return _mm256_sub_ps(a, b); }
    static LIGHTCARD_ALWAYS F mul(F a, F b) { return _mm256_mul_ps(a, b); }
    static LIGHTCARD_ALWAYS F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
    static LIGHTCARD_ALWAYS F min(F a, F b) { return _mm256_min_ps(a, b); }
    static LIGHTCARD_ALWAYS F max(F a, F b) { return _mm256_max_ps(a, b); }
    static LIGHTCARD_ALWAYS F sqrt(F a) { return _mm256_sqrt_ps(a); }
    static LIGHTCARD_ALWAYS F to_float(I a) { return _mm256_cvtepi32_ps(a); }
    static LIGHTCARD_ALWAYS I rounded(F a) { return _mm256_cvtps_epi32(a); }
    static LIGHTCARD_ALWAYS I bits(F a) { return _mm256_castps_si256(a); }

    static LIGHTCARD_ALWAYS I add(I a, I b) { return _mm256_add_epi32(a, b); }
    static LIGHTCARD_ALWAYS I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
    static LIGHTCARD_ALWAYS I mullo(I a, I b) { return _mm256_mullo_epi32(a, b); }
    template <int count>
    static LIGHTCARD_ALWAYS I srai(I a)
    {
        return _mm256_srai_epi32(a, count);
    }
    static LIGHTCARD_ALWAYS I add64(I a, I b) { return _mm256_add_epi64(a, b); }
    static LIGHTCARD_ALWAYS I sub64(I a, I b) { return _mm256_sub_epi64(a, b); }
    static LIGHTCARD_ALWAYS I mul64(I a, I b) { return _mm256_mul_epi32(a, b); }
    static LIGHTCARD_ALWAYS I srli64(I a) { return _mm256_srli_epi64(a, 32); }
    static LIGHTCARD_ALWAYS I slli64(I a) { return _mm256_slli_epi64(a, 32); }

    /// Lanes of the mask that equal the one or the other.
    static LIGHTCARD_ALWAYS std::uint32_t count_either(I x, I a, I b, Mask mask)
    {
        const I either = _mm256_or_si256(_mm256_cmpeq_epi32(x, a), _mm256_cmpeq_epi32(x, b));
        const int lanes = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_and_si256(either, mask)));
        return static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(lanes)));
    }
    static LIGHTCARD_ALWAYS bool any_beyond(F x, F limit, Mask mask)
    {
        const F magnitude = _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF)));
        const F beyond = _mm256_cmp_ps(magnitude, limit, _CMP_GT_OQ);
        return _mm256_movemask_ps(_mm256_and_ps(beyond, _mm256_castsi256_ps(mask))) != 0;
    }

    static LIGHTCARD_ALWAYS I byte_sums(I words)
    {
        return _mm256_madd_epi16(_mm256_maddubs_epi16(words, _mm256_set1_epi8(1)), _mm256_set1_epi16(1));
    }
    static LIGHTCARD_ALWAYS __m128i eight(const void* at) { return _mm_loadl_epi64(static_cast<const __m128i*>(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::uint8_t* at) { return _mm256_cvtepu8_epi32(eight(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::int8_t* at) { return _mm256_cvtepi8_epi32(eight(at)); }
    static LIGHTCARD_ALWAYS void store_steps(void* out, std::uint32_t row, I step)
    {
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(step), _mm256_extracti128_si256(step, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<std::int16_t*>(out) + row), words);
    }
    static LIGHTCARD_ALWAYS std::int32_t sum_of(I words)
    {
        const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
        return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
    }
};

LIGHTCARD_ALWAYS __m256i load(const void* at)
{
    return V::load(at);
}

LIGHTCARD_ALWAYS void store(void* at, __m256i value)
{
    V::store(at, value);
}

/// Two neighbouring inputs, in every lane.
LIGHTCARD_ALWAYS __m256i broadcast_pair(const std::int16_t* at)
{
    return _mm256_castps_si256(_mm256_broadcast_ss(reinterpret_cast<const float*>(at)));
}

/// sum += words, in the register it is in: left to itself the compiler moves every sum to another one and back.
LIGHTCARD_ALWAYS void accumulate(__m256i& sum, __m256i words)
{
    asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(words));
}

/// `count` vectors (a compile-time constant, so that the sums stay in registers) against one group of columns.
template <std::uint32_t count>
LIGHTCARD_ALWAYS void group(const std::int16_t* plane, std::uint32_t pairs, const std::int16_t* x,
                            std::uint32_t x_stride, std::int32_t* sums, std::uint32_t sums_stride)
{
    __m256i low[count], high[count];
    for (std::uint32_t v = 0; v < count; ++v) low[v] = high[v] = _mm256_setzero_si256();
    for (std::uint32_t pair = 0; pair < pairs; ++pair, plane += 2 * kGroup, x += 2) {
        const __m256i w0 = load(plane), w1 = load(plane + kGroup);
        for (std::uint32_t v = 0; v < count; ++v) {
            const __m256i two = broadcast_pair(x + v * x_stride);
            accumulate(low[v], _mm256_madd_epi16(two, w0));
            accumulate(high[v], _mm256_madd_epi16(two, w1));
        }
    }
    for (std::uint32_t v = 0; v < count; ++v) {
        store(sums + v * sums_stride, low[v]);
        store(sums + v * sums_stride + 8, high[v]);
    }
}

InputSums widen_inputs(const std::uint8_t* x, std::uint32_t rows, void* words_out)
{
    auto* out = static_cast<std::int16_t*>(words_out);
    __m256i sum = _mm256_setzero_si256(), square = sum;
    const __m256i ones = _mm256_set1_epi16(1);
    for (std::uint32_t row = 0; row < rows; row += 16) {
        __m128i codes;
        if (row + 16 <= rows) {
            codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + row));
        } else {
            alignas(16) std::uint8_t last[16] = {};
            for (std::uint32_t i = 0; row + i < rows; ++i) last[i] = x[row + i];
            codes = _mm_load_si128(reinterpret_cast<const __m128i*>(last));
        }
        const __m256i words = _mm256_cvtepu8_epi16(codes);
        store(out + row, words);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(words, ones));
        square = _mm256_add_epi32(square, _mm256_madd_epi16(words, words));
    }
    return {static_cast<std::uint32_t>(V::sum_of(sum)), static_cast<std::uint32_t>(V::sum_of(square))};
}

/// Entries of a byte table, of which there is no vector form here.
std::uint32_t squares(const std::uint8_t* table, const std::uint8_t* x, std::uint32_t rows, void* words_out)
{
    auto* out = static_cast<std::int16_t*>(words_out);
    std::uint32_t total = 0;
    for (std::uint32_t row = 0; row < rows; ++row) total += static_cast<std::uint32_t>(out[row] = table[x[row]]);
    for (std::uint32_t row = rows; row % 16 != 0; ++row) out[row] = 0;
    return total;
}

/// What dac_errors() leaves unwritten up to a multiple of 16 rows.
std::int32_t padded_dac_errors(const DacErrors& errors, std::uint32_t rows, void* out)
{
    const std::int32_t total = dac_errors<V>(errors, rows, out);
    for (std::uint32_t row = (rows + 7) / 8 * 8; row % 16 != 0; ++row) static_cast<std::int16_t*>(out)[row] = 0;
    return total;
}

}  // namespace

extern const ChainKernels kChainAvx2;
const ChainKernels kChainAvx2 = {widen_inputs, curves_one_by_one, padded_dac_errors, squares,
                                 noisy_row<V>, exact_row<V>,      quantised_row<V>};

namespace avx2 {

void multiply(const std::int16_t* plane, std::uint32_t pairs, std::uint32_t groups, const std::int16_t* x,
              std::uint32_t x_stride, std::uint32_t vectors, std::int32_t* sums, std::uint32_t sums_stride)
{
    const std::uint64_t group_words = std::uint64_t{pairs} * 2 * kGroup;
    for (std::uint32_t g = 0; g < groups; ++g, plane += group_words, sums += kGroup) {
        std::uint32_t v = 0;
        for (; v + 4 <= vectors; v += 4)
            group<4>(plane, pairs, x + v * x_stride, x_stride, sums + v * sums_stride, sums_stride);
        for (; v < vectors; ++v)
            group<1>(plane, pairs, x + v * x_stride, x_stride, sums + v * sums_stride, sums_stride);
    }
}

void widen(const std::uint8_t* codes, std::int16_t* words, std::uint64_t count)
{
    for (std::uint64_t i = 0; i < count; i += 16)
        store(words + i, _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i))));
}

void high_planes(const std::int16_t* weights, std::int16_t* hi, std::uint64_t count)
{
    // weight + 128 does not fit s16 at the top: half of it does. floor((w + 128) / 256) = floor((w / 2 + 64) / 128).
    for (std::uint64_t i = 0; i < count; i += 16) {
        const __m256i half = _mm256_srai_epi16(load(weights + i), 1);
        store(hi + i, _mm256_srai_epi16(_mm256_add_epi16(half, _mm256_set1_epi16(64)), 7));
    }
}

}  // namespace avx2

}  // namespace lightcard::photonic_core

#endif
