// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2 on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/photonic_core/chain_avx2.h"

#if defined(__AVX2__)

#include <immintrin.h>

#define LIGHTCARD_ALWAYS inline __attribute__((always_inline))

namespace lightcard::photonic_core::avx2 {
namespace {

LIGHTCARD_ALWAYS __m256i load(const void* at)
{
    return _mm256_loadu_si256(static_cast<const __m256i*>(at));
}

LIGHTCARD_ALWAYS void store(void* at, __m256i value)
{
    _mm256_storeu_si256(static_cast<__m256i*>(at), value);
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

/// Lanes of the columns from `first` on that are in use.
LIGHTCARD_ALWAYS __m256i mask_of(std::uint32_t cols, std::uint32_t first)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(cols - first)), lane);
}

/// Eight columns of a table; `whole` = all of them are in use, so none needs masking.
template <bool whole>
LIGHTCARD_ALWAYS __m256 table(const float* at, __m256i mask)
{
    if constexpr (whole) return _mm256_loadu_ps(at);
    return _mm256_maskload_ps(at, mask);
}

template <bool whole>
LIGHTCARD_ALWAYS __m256i table(const std::int32_t* at, __m256i mask)
{
    if constexpr (whole) return load(at);
    return _mm256_maskload_epi32(at, mask);
}

/// Adds eight unsigned words.
LIGHTCARD_ALWAYS void add_words(std::uint64_t (&sum)[4], __m256i words)
{
    const __m256i low = _mm256_and_si256(words, _mm256_set1_epi64x(0xffffffff));
    const __m256i both = _mm256_add_epi64(low, _mm256_srli_epi64(words, 32));
    store(sum, _mm256_add_epi64(load(sum), both));
}

LIGHTCARD_ALWAYS void add_squares(std::uint64_t (&sum)[4], __m256i words)
{
    const __m256i odd = _mm256_srli_epi64(words, 32);
    const __m256i both = _mm256_add_epi64(_mm256_mul_epi32(words, words), _mm256_mul_epi32(odd, odd));
    store(sum, _mm256_add_epi64(load(sum), both));
}

/// (code * gain + 32768) >> 16, of which 32 bits are kept, with gain = 65536 high + low and |code| <= 2^15.
LIGHTCARD_ALWAYS __m256i to_acc(__m256i code, __m256i high, __m256i low)
{
    const __m256i fraction = _mm256_add_epi32(_mm256_mullo_epi32(code, low), _mm256_set1_epi32(32768));
    return _mm256_add_epi32(_mm256_mullo_epi32(code, high), _mm256_srai_epi32(fraction, 16));
}

/// Columns c .. c + 7 of a row of `cols`. A masked store takes tens of cycles, so only the last columns pay for one.
LIGHTCARD_ALWAYS void store_columns(std::int32_t* y, std::uint32_t cols, std::uint32_t c, __m256i words)
{
    if (c + 8 <= cols) {
        store(y + c, words);
    } else {
        _mm256_maskstore_epi32(y + c, mask_of(cols, c), words);
    }
}

/// Ties to even, for |x| < 2^22.
LIGHTCARD_ALWAYS __m256 round_half_even(__m256 x)
{
    const __m256 magic = _mm256_set1_ps(0x1.8p23F);
    return _mm256_sub_ps(_mm256_add_ps(x, magic), magic);
}

LIGHTCARD_ALWAYS __m256d round_half_even(__m256d x)
{
    const __m256d magic = _mm256_set1_pd(0x1.8p52);
    return _mm256_sub_pd(_mm256_add_pd(x, magic), magic);
}

LIGHTCARD_ALWAYS std::int32_t sum_of(__m256i words)
{
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
}

LIGHTCARD_ALWAYS __m256 mul(__m256 a, __m256 b)
{
    return _mm256_mul_ps(a, b);
}

LIGHTCARD_ALWAYS __m256 add(__m256 a, __m256 b)
{
    return _mm256_add_ps(a, b);
}

/// Eight columns of one vector; the order of operations is that of docs/model-equations.md section 3.
template <bool whole>
LIGHTCARD_ALWAYS std::uint32_t noisy_columns(const Columns& columns, const Lane& lane, const Row& row, std::uint32_t c,
                                             SampleSums& sums)
{
    const __m256i mask = whole ? _mm256_set1_epi32(-1) : mask_of(columns.cols, c);
    const auto of = [&](const auto* at) { return table<whole>(at + c, mask); };
    const auto all = [](float x) { return _mm256_set1_ps(x); };

    const __m256i total = load(row.total + c);
    __m256 u = add(mul(_mm256_cvtepi32_ps(total), all(1.0F / 256.0F)), mul(of(columns.crosstalk), all(row.x_sum)));
    if (row.dither != nullptr) u = add(u, mul(_mm256_cvtepi32_ps(load(row.dither + c)), all(columns.dither_step)));

    __m256i bright = _mm256_add_epi32(load(row.light + c),
                                      _mm256_add_epi32(_mm256_set1_epi32(row.light_shift), of(columns.floor_light)));
    if (!whole) bright = _mm256_and_si256(bright, mask);
    const __m256i floor_acc = of(columns.floor_acc);
    const __m256i y = _mm256_srai_epi32(_mm256_add_epi32(total, _mm256_set1_epi32(128)), 8);
    add_words(sums.light, bright);
    add_squares(sums.light2, bright);
    add_squares(sums.y2, y);
    add_squares(sums.lit2, _mm256_add_epi32(y, floor_acc));

    const __m256 light = mul(_mm256_cvtepi32_ps(bright), all(row.intensity));
    const __m256 lit = add(u, _mm256_cvtepi32_ps(floor_acc));
    const __m256 laser =
        add(mul(all(row.change), lit), mul(add(mul(all(row.leak), of(columns.imbalance)), all(row.tilt)), light));
    __m256 adc_variance = of(columns.adc_variance);
    if (row.read != nullptr) {
        __m256i codes = load(row.read + c);
        if (!whole) codes = _mm256_and_si256(codes, mask);
        add_words(sums.read, codes);
        const __m256 read = mul(_mm256_cvtepi32_ps(codes), all(row.read_unit));
        adc_variance = add(adc_variance, mul(mul(read, all(row.read_light)), all(row.read_light)));
    }
    const __m256 receiver = add(mul(all(columns.receiver_variance), of(lane.shortfall2)),
                                mul(mul(all(columns.shot), of(lane.shortfall)), light));
    const __m256 z =
        add(add(u, laser), mul(_mm256_sqrt_ps(add(adc_variance, receiver)), _mm256_loadu_ps(row.normal + c)));
    const __m256 v = add(mul(mul(z, of(columns.inverse_lsb)), of(lane.adc_gain)), of(lane.adc_offset));
    if (row.analog != nullptr) {
        store_columns(reinterpret_cast<std::int32_t*>(row.analog), columns.cols, c, _mm256_castps_si256(v));
        return 0;
    }
    const __m256 lowest = all(columns.lowest), highest = all(columns.highest);
    const __m256 code = round_half_even(_mm256_min_ps(_mm256_max_ps(v, lowest), highest));
    const __m256 at_end =
        _mm256_or_ps(_mm256_cmp_ps(code, lowest, _CMP_EQ_OQ), _mm256_cmp_ps(code, highest, _CMP_EQ_OQ));
    const int clipped = _mm256_movemask_ps(_mm256_and_ps(at_end, _mm256_castsi256_ps(mask)));
    const __m256i acc = to_acc(_mm256_cvttps_epi32(code), of(columns.gain.high), of(columns.gain.low));
    store_columns(row.y, columns.cols, c, acc);
    return static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(clipped)));
}

/// Codes of four samples, in the low halves of the result's lanes.
LIGHTCARD_ALWAYS __m128i quantised_codes(__m128i total, __m256d lsb, __m256d lowest, __m256d highest,
                                         std::uint32_t lanes, std::uint32_t& clipped)
{
    const __m256d y = _mm256_mul_pd(_mm256_cvtepi32_pd(total), _mm256_set1_pd(1.0 / 256.0));
    const __m256d code = round_half_even(_mm256_min_pd(_mm256_max_pd(_mm256_div_pd(y, lsb), lowest), highest));
    const __m256d at_end =
        _mm256_or_pd(_mm256_cmp_pd(code, lowest, _CMP_EQ_OQ), _mm256_cmp_pd(code, highest, _CMP_EQ_OQ));
    clipped +=
        static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(_mm256_movemask_pd(at_end)) & lanes));
    return _mm256_cvttpd_epi32(code);
}

}  // namespace

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

InputSums widen_inputs(const std::uint8_t* x, std::uint32_t rows, std::int16_t* out)
{
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
    return {static_cast<std::uint32_t>(sum_of(sum)), static_cast<std::uint32_t>(sum_of(square))};
}

std::int32_t dac_errors(const DacErrors& errors, std::uint32_t rows, std::int16_t* out)
{
    const __m256 scale = _mm256_set1_ps(errors.scale), leak = _mm256_set1_ps(errors.lane_leak);
    __m256i total = _mm256_setzero_si256();
    for (std::uint32_t row = 0; row < (rows + 15) / 16 * 16; row += 8) {
        const auto eight = [&](const void* bytes) {
            return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(static_cast<const std::uint8_t*>(bytes) + row));
        };
        const __m256i pairs = _mm256_maddubs_epi16(load(errors.words + row), _mm256_set1_epi8(1));
        const __m256i sum = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
        const __m256i lanes =
            _mm256_add_epi32(_mm256_cvtepu8_epi32(eight(errors.below)), _mm256_cvtepu8_epi32(eight(errors.above)));
        const __m256 fixed =
            add(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight(errors.curve))), mul(leak, _mm256_cvtepi32_ps(lanes)));
        const __m256 drawn = mul(_mm256_cvtepi32_ps(_mm256_sub_epi32(sum, _mm256_set1_epi32(510))), scale);
        const __m256 steps = round_half_even(add(drawn, fixed));
        const __m256 within = _mm256_min_ps(_mm256_max_ps(steps, _mm256_set1_ps(-128.0F)), _mm256_set1_ps(127.0F));
        const __m256i step = _mm256_and_si256(_mm256_cvttps_epi32(within), mask_of(rows < row ? row : rows, row));
        total = _mm256_add_epi32(total, step);
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(step), _mm256_extracti128_si256(step, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out + row), words);
    }
    return sum_of(total);
}

std::uint32_t noisy_row(const Columns& columns, const Lane& lane, const Row& row, SampleSums& sums)
{
    std::uint32_t c = 0, clipped = 0;
    for (; c + 8 <= columns.cols; c += 8) clipped += noisy_columns<true>(columns, lane, row, c, sums);
    if (c < columns.cols) clipped += noisy_columns<false>(columns, lane, row, c, sums);
    return clipped;
}

void exact_row(const std::int32_t* total, std::uint32_t cols, std::int32_t* y)
{
    for (std::uint32_t c = 0; c < cols; c += 8) {
        const __m256i rounded = _mm256_srai_epi32(_mm256_add_epi32(load(total + c), _mm256_set1_epi32(128)), 8);
        store_columns(y, cols, c, rounded);
    }
}

std::uint32_t quantised_row(const std::int32_t* total, std::uint32_t cols, const double* lsb, double lowest,
                            double highest, const DigitalGain& gain, std::int32_t* y)
{
    const __m256d low = _mm256_set1_pd(lowest), high = _mm256_set1_pd(highest);
    std::uint32_t clipped = 0;
    for (std::uint32_t c = 0; c < cols; c += 8) {
        const __m256i mask = mask_of(cols, c);
        const auto lanes = static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
        const __m256i eight = load(total + c);
        const __m128i first =
            quantised_codes(_mm256_castsi256_si128(eight), _mm256_loadu_pd(lsb + c), low, high, lanes & 15, clipped);
        const __m128i second = quantised_codes(_mm256_extracti128_si256(eight, 1), _mm256_loadu_pd(lsb + c + 4), low,
                                               high, lanes >> 4, clipped);
        const auto table_of = [&](const std::int32_t* at) { return _mm256_maskload_epi32(at + c, mask); };
        store_columns(y, cols, c, to_acc(_mm256_set_m128i(second, first), table_of(gain.high), table_of(gain.low)));
    }
    return clipped;
}

}  // namespace lightcard::photonic_core::avx2

#endif
