// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512 with VNNI and VBMI on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/photonic_core/chain_kernels.h"

#if defined(__AVX512VNNI__)

#include <immintrin.h>

#include "lightcard/model/photonic_core/chain_rows.h"

namespace lightcard::photonic_core {
namespace {

/// Sixteen columns at a time.
struct V {
    using F = __m512;
    using I = __m512i;
    using Mask = __mmask16;
    static constexpr std::uint32_t kLanes = 16;
    static constexpr bool kAlwaysSplit = true;

    static LIGHTCARD_ALWAYS F load(const float* at) { return _mm512_loadu_ps(at); }
    static LIGHTCARD_ALWAYS I load(const void* at) { return _mm512_loadu_si512(at); }
    static LIGHTCARD_ALWAYS void store(void* at, I words) { _mm512_storeu_si512(at, words); }
    static LIGHTCARD_ALWAYS void store(std::int32_t* at, I words, Mask mask)
    {
        _mm512_mask_storeu_epi32(at, mask, words);
    }

    static LIGHTCARD_ALWAYS Mask all_lanes() { return 0xffff; }
    static LIGHTCARD_ALWAYS Mask lanes_below(std::uint32_t count)
    {
        return static_cast<Mask>(count >= kLanes ? 0xffff : (1u << count) - 1);
    }
    static LIGHTCARD_ALWAYS I only(I words, Mask mask) { return _mm512_maskz_mov_epi32(mask, words); }

    static LIGHTCARD_ALWAYS F all(float x) { return _mm512_set1_ps(x); }
    static LIGHTCARD_ALWAYS I all(std::int32_t x) { return _mm512_set1_epi32(x); }
    static LIGHTCARD_ALWAYS F add(F a, F b) { return _mm512_add_ps(a, b); }
    static LIGHTCARD_ALWAYS F sub(F a, F b) { return _mm512_sub_ps(a, b); }
    static LIGHTCARD_ALWAYS F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static LIGHTCARD_ALWAYS F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
    static LIGHTCARD_ALWAYS F min(F a, F b) { return _mm512_min_ps(a, b); }
    static LIGHTCARD_ALWAYS F max(F a, F b) { return _mm512_max_ps(a, b); }
    static LIGHTCARD_ALWAYS F sqrt(F a) { return _mm512_sqrt_ps(a); }
    static LIGHTCARD_ALWAYS F to_float(I a) { return _mm512_cvtepi32_ps(a); }
    static LIGHTCARD_ALWAYS I rounded(F a) { return _mm512_cvtps_epi32(a); }
    static LIGHTCARD_ALWAYS I bits(F a) { return _mm512_castps_si512(a); }

    static LIGHTCARD_ALWAYS I add(I a, I b) { return _mm512_add_epi32(a, b); }
    static LIGHTCARD_ALWAYS I sub(I a, I b) { return _mm512_sub_epi32(a, b); }
    static LIGHTCARD_ALWAYS I mullo(I a, I b) { return _mm512_mullo_epi32(a, b); }
    template <int count>
    static LIGHTCARD_ALWAYS I srai(I a)
    {
        return _mm512_srai_epi32(a, count);
    }
    static LIGHTCARD_ALWAYS I add64(I a, I b) { return _mm512_add_epi64(a, b); }
    static LIGHTCARD_ALWAYS I sub64(I a, I b) { return _mm512_sub_epi64(a, b); }
    static LIGHTCARD_ALWAYS I mul64(I a, I b) { return _mm512_mul_epi32(a, b); }
    static LIGHTCARD_ALWAYS I srli64(I a) { return _mm512_srli_epi64(a, 32); }
    static LIGHTCARD_ALWAYS I slli64(I a) { return _mm512_slli_epi64(a, 32); }

    /// Lanes of the mask that equal the one or the other.
    static LIGHTCARD_ALWAYS std::uint32_t count_either(I x, I a, I b, Mask mask)
    {
        const auto either = static_cast<Mask>(_mm512_cmpeq_epi32_mask(x, a) | _mm512_cmpeq_epi32_mask(x, b));
        return static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(either & mask)));
    }
    static LIGHTCARD_ALWAYS bool any_beyond(F x, F limit, Mask mask)
    {
        return _mm512_mask_cmp_ps_mask(mask, _mm512_abs_ps(x), limit, _CMP_GT_OQ) != 0;
    }

    static LIGHTCARD_ALWAYS I byte_sums(I words)
    {
        return _mm512_dpbusd_epi32(_mm512_setzero_si512(), words, _mm512_set1_epi8(1));
    }
    static LIGHTCARD_ALWAYS __m128i sixteen(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::uint8_t* at) { return _mm512_cvtepu8_epi32(sixteen(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::int8_t* at) { return _mm512_cvtepi8_epi32(sixteen(at)); }
    static LIGHTCARD_ALWAYS void store_steps(void* out, std::uint32_t row, I step)
    {
        const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_add_epi32(step, _mm512_set1_epi32(128)));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<std::uint8_t*>(out) + row), bytes);
    }
    static LIGHTCARD_ALWAYS std::int32_t sum_of(I words) { return _mm512_reduce_add_epi32(words); }
};

LIGHTCARD_ALWAYS __mmask64 bytes_below(std::uint32_t count)
{
    return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
}

LIGHTCARD_ALWAYS __m512i four_inputs(const std::uint8_t* at)
{
    std::int32_t word;
    __builtin_memcpy(&word, at, 4);
    return _mm512_set1_epi32(word);
}

/// `vectors` inputs (a compile-time constant, so that the sums stay in registers) against `streams` groups.
template <std::uint32_t streams, std::uint32_t vectors>
LIGHTCARD_ALWAYS void block(const avx512::Stream* stream, std::uint32_t quads, const std::uint8_t* x,
                            std::uint32_t x_stride, std::uint64_t first_sum, std::uint32_t sums_stride)
{
    __m512i sum[vectors][streams];
    const std::int8_t* plane[streams];
    for (std::uint32_t s = 0; s < streams; ++s) {
        plane[s] = stream[s].plane;
        const __m512i start = V::load(stream[s].start);
        for (std::uint32_t v = 0; v < vectors; ++v) sum[v][s] = start;
    }
    for (std::uint32_t quad = 0; quad < quads; ++quad, x += 4) {
        __m512i weights[streams];
        for (std::uint32_t s = 0; s < streams; ++s) weights[s] = V::load(plane[s] + std::uint64_t{64} * quad);
        for (std::uint32_t v = 0; v < vectors; ++v) {
            const __m512i inputs = four_inputs(x + std::uint64_t{v} * x_stride);
            for (std::uint32_t s = 0; s < streams; ++s) sum[v][s] = _mm512_dpbusd_epi32(sum[v][s], inputs, weights[s]);
        }
    }
    for (std::uint32_t v = 0; v < vectors; ++v)
        for (std::uint32_t s = 0; s < streams; ++s)
            V::store(stream[s].sums + first_sum + std::uint64_t{v} * sums_stride, sum[v][s]);
}

template <std::uint32_t streams>
__attribute__((noinline)) void blocks(const avx512::Stream* stream, std::uint32_t quads, const std::uint8_t* x,
                                      std::uint32_t x_stride, std::uint32_t vectors, std::uint32_t sums_stride)
{
    constexpr std::uint32_t kVectors = 4;
    std::uint32_t v = 0;
    for (; v + kVectors <= vectors; v += kVectors)
        block<streams, kVectors>(stream, quads, x + std::uint64_t{v} * x_stride, x_stride,
                                 std::uint64_t{v} * sums_stride, sums_stride);
    for (; v < vectors; ++v)
        block<streams, 1>(stream, quads, x + std::uint64_t{v} * x_stride, x_stride, std::uint64_t{v} * sums_stride,
                          sums_stride);
}

InputSums copy_inputs(const std::uint8_t* x, std::uint32_t rows, void* out)
{
    __m512i sum = _mm512_setzero_si512(), square = sum;
    for (std::uint32_t row = 0; row < rows; row += 64) {
        const __m512i codes = _mm512_maskz_loadu_epi8(bytes_below(rows - row), x + row);
        V::store(static_cast<std::uint8_t*>(out) + row, codes);
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(codes, _mm512_setzero_si512()));
        const __m512i low = _mm512_unpacklo_epi8(codes, _mm512_setzero_si512());
        const __m512i high = _mm512_unpackhi_epi8(codes, _mm512_setzero_si512());
        square = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(square, low, low), high, high);
    }
    // One reduction for both: the sum in the upper halves of 64-bit lanes, squares (below 2^26) in the lower ones.
    const __m512i low_halves = _mm512_maskz_mov_epi32(0x5555, square);
    const __m512i lanes = _mm512_add_epi64(low_halves, _mm512_srli_epi64(square, 32));
    const auto both =
        static_cast<std::uint64_t>(_mm512_reduce_add_epi64(_mm512_add_epi64(_mm512_slli_epi64(sum, 32), lanes)));
    return {static_cast<std::uint32_t>(both >> 32), static_cast<std::uint32_t>(both)};
}

/// 16 x 16 bytes in each of the four parts of the registers: a stage deals two halves of them like cards, and turns the
/// number of a byte, register and place, by one bit.
LIGHTCARD_ALWAYS void transpose(__m512i (&r)[16])
{
    for (int stage = 0; stage < 4; ++stage) {
        __m512i dealt[16];
        for (int i = 0; i < 8; ++i) {
            dealt[2 * i] = _mm512_unpacklo_epi8(r[i], r[i + 8]);
            dealt[2 * i + 1] = _mm512_unpackhi_epi8(r[i], r[i + 8]);
        }
        for (int i = 0; i < 16; ++i) r[i] = dealt[i];
    }
}

/// 64 codes of one row in its table of 256, four registers.
LIGHTCARD_ALWAYS __m512i look_up(const void* table, __m512i codes)
{
    const auto* part = static_cast<const __m512i*>(table);
    const auto load = [part](int i) { return _mm512_loadu_si512(part + i); };
    // A permutation of two registers looks at the low seven bits of its index.
    const __m512i low = _mm512_permutex2var_epi8(load(0), codes, load(1));
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(codes), _mm512_permutex2var_epi8(load(2), codes, load(3)));
}

/// A row's table stays in registers for all vectors of the lane, whose codes are turned into rows of 64 and back.
void curves(const CurveJob& job)
{
    constexpr std::uint32_t kWorthIt = 8;
    if (job.vectors < kWorthIt) return curves_one_by_one(job);
    const auto vector = [&job](std::uint32_t v) { return v < job.vectors ? v : 0; };  // spare places do the first again
    for (std::uint32_t row = 0; row < job.rows; row += 16) {
        const std::uint32_t rows = job.rows - row < 16 ? job.rows - row : 16;
        const auto used = static_cast<__mmask16>((1u << rows) - 1);
        __m512i r[16];
        for (std::uint32_t i = 0; i < 16; ++i) {
            const auto codes = [&](std::uint32_t part) {
                return _mm_maskz_loadu_epi8(used, job.x[vector(16 * part + i)] + row);
            };
            r[i] = _mm512_castsi128_si512(codes(0));
            r[i] = _mm512_inserti32x4(r[i], codes(1), 1);
            r[i] = _mm512_inserti32x4(r[i], codes(2), 2);
            r[i] = _mm512_inserti32x4(r[i], codes(3), 3);
        }
        transpose(r);
        for (std::uint32_t i = 0; i < 16; ++i)
            r[i] = i < rows ? look_up(job.curves + std::uint64_t{256} * (row + i), r[i]) : _mm512_setzero_si512();
        transpose(r);
        for (std::uint32_t i = 0; i < 16; ++i) {
            const auto put = [&](std::uint32_t part, __m128i errors) {
                _mm_storeu_si128(reinterpret_cast<__m128i*>(job.out[vector(16 * part + i)] + row), errors);
            };
            put(3, _mm512_extracti32x4_epi32(r[i], 3));
            put(2, _mm512_extracti32x4_epi32(r[i], 2));
            put(1, _mm512_extracti32x4_epi32(r[i], 1));
            put(0, _mm512_castsi512_si128(r[i]));
        }
    }
}

std::uint32_t squares(const std::uint8_t* table, const std::uint8_t* x, std::uint32_t rows, void* out)
{
    __m512i sum = _mm512_setzero_si512();
    for (std::uint32_t row = 0; row < rows; row += 64) {
        const __mmask64 used = bytes_below(rows - row);
        const __m512i codes = _mm512_maskz_loadu_epi8(used, x + row);
        const __m512i entries = _mm512_maskz_mov_epi8(used, look_up(table, codes));
        V::store(static_cast<std::uint8_t*>(out) + row, entries);
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(entries, _mm512_setzero_si512()));
    }
    return static_cast<std::uint32_t>(_mm512_reduce_add_epi64(sum));
}

}  // namespace

extern const ChainKernels kChainAvx512;
const ChainKernels kChainAvx512 = {copy_inputs,  curves,       dac_errors<V>,   squares,
                                   noisy_row<V>, exact_row<V>, quantised_row<V>};

void avx512::multiply(const Stream* streams, std::uint32_t count, std::uint32_t quads, const std::uint8_t* x,
                      std::uint32_t x_stride, std::uint32_t vectors, std::uint32_t sums_stride)
{
    std::uint32_t s = 0;
    for (; s + 6 <= count; s += 6) blocks<6>(streams + s, quads, x, x_stride, vectors, sums_stride);
    for (; s + 4 <= count; s += 4) blocks<4>(streams + s, quads, x, x_stride, vectors, sums_stride);
    for (; s + 2 <= count; s += 2) blocks<2>(streams + s, quads, x, x_stride, vectors, sums_stride);
    for (; s < count; ++s) blocks<1>(streams + s, quads, x, x_stride, vectors, sums_stride);
}

}  // namespace lightcard::photonic_core

#endif
