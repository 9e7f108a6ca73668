// SPDX-License-Identifier: Apache-2.0
/// What lies behind the exact sums, written once for every width of vector: included by chain_avx2.cpp and
/// chain_avx512.cpp alone, each with a `V` in an anonymous namespace that names its registers and instructions.
#pragma once

#include "lightcard/model/photonic_core/chain_kernels.h"

#define LIGHTCARD_ALWAYS inline __attribute__((always_inline))

namespace lightcard::photonic_core {
namespace {

/// (code * gain + 32768) >> 16, of which 32 bits are kept, with gain = 65536 high + low and |code| <= 2^15.
template <class V>
LIGHTCARD_ALWAYS typename V::I to_acc(typename V::I code, typename V::I high, typename V::I low)
{
    const auto fraction = V::add(V::mullo(code, low), V::all(32768));
    return V::add(V::mullo(code, high), V::template srai<16>(fraction));
}

/// Partial sums of 32-bit words and of squares of them, in 64 bits: the words of a pair of lanes are added as one and
/// what the upper one put in is taken off at the end.
template <class V>
struct WordSums {
    typename V::I pairs = V::all(0), odd = V::all(0);
    LIGHTCARD_ALWAYS void add(typename V::I words, typename V::I upper)
    {
        pairs = V::add64(pairs, words);
        odd = V::add64(odd, upper);
    }
    LIGHTCARD_ALWAYS void to(std::uint64_t (&sum)[8]) const
    {
        const auto even = V::sub64(pairs, V::slli64(odd));
        V::store(sum, V::add64(V::load(sum), V::add64(even, odd)));
    }
};

template <class V>
struct SquareSums {
    typename V::I sum = V::all(0);
    LIGHTCARD_ALWAYS void add(typename V::I words, typename V::I upper)
    {
        sum = V::add64(V::add64(sum, V::mul64(words, words)), V::mul64(upper, upper));
    }
    LIGHTCARD_ALWAYS void to(std::uint64_t (&total)[8]) const { V::store(total, V::add64(V::load(total), sum)); }
};

template <class V>
struct RowSums {
    WordSums<V> light, read;
    SquareSums<V> light2, y2;
};

/// The exact sum rounded to single precision, once; up to 512 rows all sums are below 2^24.
template <class V, bool split>
LIGHTCARD_ALWAYS typename V::F exact_value(const ExactSums& exact, std::uint32_t c)
{
    const auto first = V::to_float(V::load(exact.hi + c));
    if constexpr (!split) return V::mul(first, V::all(1.0F / 256.0F));
    return V::fma(V::to_float(V::load(exact.lo + c)), V::all(1.0F / 256.0F), first);  // the product is exact
}

/// The same in acc, halves up.
template <class V, bool split>
LIGHTCARD_ALWAYS typename V::I exact_acc(const ExactSums& exact, std::uint32_t c)
{
    const auto first = V::load(exact.hi + c);
    if constexpr (!split) return V::template srai<8>(V::add(first, V::all(128)));
    return V::add(first, V::template srai<8>(V::add(V::load(exact.lo + c), V::all(128))));
}

template <class V, bool whole>
LIGHTCARD_ALWAYS void store_columns(std::int32_t* y, std::uint32_t c, typename V::I words, typename V::Mask mask)
{
    if constexpr (whole) {
        V::store(y + c, words);
    } else {
        V::store(y + c, words, mask);
    }
}

/// V::kLanes columns of one vector; the order of operations is that of docs/model-equations.md section 3. Conversions
/// to integers round half to even, as the processor does by default.
template <class V, bool split, bool whole>
LIGHTCARD_ALWAYS std::uint32_t noisy_columns(const Columns& columns, const LaneGroup* lanes, const Row& row,
                                             std::uint32_t c, std::int32_t* y_sums, RowSums<V>& sums)
{
    const auto mask = whole ? V::all_lanes() : V::lanes_below(columns.cols - c);
    const ColumnGroup& column = columns.groups[c / kGroup];
    const LaneGroup& lane = lanes[c / kGroup];
    const std::uint32_t at = c % kGroup;
    const auto all = [](float x) { return V::all(x); };

    auto u = V::fma(V::load(lane.crosstalk + at), all(row.x_sum), exact_value<V, split>(row.exact, c));
    if (row.dither != nullptr) u = V::fma(V::to_float(V::load(row.dither + c)), all(columns.dither_step), u);

    auto bright = V::add(V::load(row.light + c), V::add(V::all(row.light_shift), V::load(column.floor_light + at)));
    auto y = exact_acc<V, split>(row.exact, c);
    if (!whole) {
        bright = V::only(bright, mask);
        y = V::only(y, mask);
    }
    const auto bright_upper = V::srli64(bright);
    sums.light.add(bright, bright_upper);
    sums.light2.add(bright, bright_upper);
    sums.y2.add(y, V::srli64(y));
    V::store(y_sums + c, V::add(V::load(y_sums + c), y));

    const auto light = V::mul(V::to_float(bright), all(row.intensity));
    const auto lit = V::add(u, V::load(column.floor_acc + at));
    const auto common = V::fma(all(row.leak), V::load(column.imbalance + at), all(row.tilt));
    const auto mean = V::fma(common, light, V::fma(all(row.change), lit, u));
    auto variance = V::fma(V::load(lane.shot + at), light, V::load(lane.dark + at));
    if (row.read != nullptr) {
        auto codes = V::add(V::load(row.read + c), V::all(row.read_shift));
        if (!whole) codes = V::only(codes, mask);
        sums.read.add(codes, V::srli64(codes));
        const auto read = V::mul(V::to_float(codes), all(row.read_unit));
        variance = V::fma(V::mul(read, all(row.read_light)), all(row.read_light), variance);
    }
    const auto z = V::fma(V::sqrt(variance), V::load(row.normal + c), mean);
    const auto v = V::fma(z, V::load(lane.scale + at), V::load(lane.offset + at));
    if (row.analog != nullptr) {
        store_columns<V, whole>(reinterpret_cast<std::int32_t*>(row.analog), c, V::bits(v), mask);
        return 0;
    }
    const auto code = V::rounded(V::min(V::max(v, all(columns.lowest)), all(columns.highest)));
    const auto acc = to_acc<V>(code, V::load(column.gain_high + at), V::load(column.gain_low + at));
    store_columns<V, whole>(row.y, c, acc, mask);
    return V::count_either(code, V::rounded(all(columns.lowest)), V::rounded(all(columns.highest)), mask);
}

/// Takes copies: what is stored could alias anything else.
template <class V, bool split>
LIGHTCARD_ALWAYS std::uint32_t noisy_row_of(const Columns columns, const LaneGroup* lane, const Row row,
                                            SampleSums& total)
{
    RowSums<V> sums;
    std::int32_t* y_sums = total.y;
    std::uint32_t c = 0, clipped = 0;
    for (; c + V::kLanes <= columns.cols; c += V::kLanes)
        clipped += noisy_columns<V, split, true>(columns, lane, row, c, y_sums, sums);
    if (c < columns.cols) clipped += noisy_columns<V, split, false>(columns, lane, row, c, y_sums, sums);
    sums.light.to(total.light);
    sums.light2.to(total.light2);
    sums.y2.to(total.y2);
    if (row.read != nullptr) sums.read.to(total.read);
    return clipped;
}

/// What the division says, for the sums next to a tie: the ADC's code is defined by it (quantised_samples()).
template <bool split>
__attribute__((noinline)) void divided_codes(const ExactSums& exact, const Columns& columns, std::uint32_t c,
                                             std::uint32_t lanes, std::int32_t* codes)
{
    constexpr double kMagic = 0x1.8p52;
    const auto lowest = static_cast<double>(columns.lowest), highest = static_cast<double>(columns.highest);
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const double y = split ? exact.hi[c + i] + exact.lo[c + i] / 256.0 : exact.hi[c + i] / 256.0;
        const double code = y / columns.lsb[c + i];
        const double above = code < lowest ? lowest : code;
        const double within = highest < above ? highest : above;
        codes[i] = static_cast<std::int32_t>((within + kMagic) - kMagic);
    }
}

/// Single precision errs by less than 2^-22 of a code (three roundings), so it decides all but sums next to a tie.
template <class V, bool split, bool whole>
LIGHTCARD_ALWAYS std::uint32_t quantised_columns(const ExactSums& exact, const Columns& columns, std::uint32_t c,
                                                 std::int32_t* y)
{
    const auto mask = whole ? V::all_lanes() : V::lanes_below(columns.cols - c);
    const ColumnGroup& column = columns.groups[c / kGroup];
    const std::uint32_t at = c % kGroup;
    const auto lowest = V::all(columns.lowest), highest = V::all(columns.highest);
    const auto near_a_tie = V::all(0.5F + columns.lowest * 0x1p-21F);
    const auto quotient = V::mul(exact_value<V, split>(exact, c), V::load(column.inverse_lsb + at));
    const auto within = V::min(V::max(quotient, lowest), highest);
    auto code = V::rounded(within);
    if (__builtin_expect(V::any_beyond(V::sub(within, V::to_float(code)), near_a_tie, mask), 0)) {
        alignas(64) std::int32_t codes[V::kLanes] = {};
        const std::uint32_t left = columns.cols - c;
        divided_codes<split>(exact, columns, c, left < V::kLanes ? left : V::kLanes, codes);
        code = V::load(codes);
    }
    const auto acc = to_acc<V>(code, V::load(column.gain_high + at), V::load(column.gain_low + at));
    store_columns<V, whole>(y, c, acc, mask);
    return V::count_either(code, V::rounded(lowest), V::rounded(highest), mask);
}

template <class V, bool split>
LIGHTCARD_ALWAYS std::uint32_t quantised_row_of(const ExactSums& exact, const Columns& columns, std::int32_t* y)
{
    std::uint32_t c = 0, clipped = 0;
    for (; c + V::kLanes <= columns.cols; c += V::kLanes)
        clipped += quantised_columns<V, split, true>(exact, columns, c, y);
    if (c < columns.cols) clipped += quantised_columns<V, split, false>(exact, columns, c, y);
    return clipped;
}

template <class V, bool split>
LIGHTCARD_ALWAYS void exact_row_of(const ExactSums& exact, std::uint32_t cols, std::int32_t* y)
{
    std::uint32_t c = 0;
    for (; c + V::kLanes <= cols; c += V::kLanes) V::store(y + c, exact_acc<V, split>(exact, c));
    if (c < cols) V::store(y + c, exact_acc<V, split>(exact, c), V::lanes_below(cols - c));
}

// The table's entries.

template <class V>
std::uint32_t noisy_row(const Columns& columns, const LaneGroup* lane, const Row& row, SampleSums& sums)
{
    if (V::kAlwaysSplit || row.exact.lo != nullptr) return noisy_row_of<V, true>(columns, lane, row, sums);
    return noisy_row_of<V, V::kAlwaysSplit>(columns, lane, row, sums);
}

template <class V>
std::uint32_t quantised_row(const ExactSums& exact, const Columns& columns, std::int32_t* y)
{
    if (V::kAlwaysSplit || exact.lo != nullptr) return quantised_row_of<V, true>(exact, columns, y);
    return quantised_row_of<V, V::kAlwaysSplit>(exact, columns, y);
}

template <class V>
void exact_row(const ExactSums& exact, std::uint32_t cols, std::int32_t* y)
{
    if (V::kAlwaysSplit || exact.lo != nullptr) return exact_row_of<V, true>(exact, cols, y);
    exact_row_of<V, V::kAlwaysSplit>(exact, cols, y);
}

inline void curves_one_by_one(const CurveJob& job)
{
    for (std::uint32_t v = 0; v < job.vectors; ++v) {
        const std::uint8_t* x = job.x[v];
        std::int8_t* out = job.out[v];
        const std::int8_t* curve = job.curves;
        for (std::uint32_t row = 0; row < job.rows; ++row, curve += 256) out[row] = curve[x[row]];
    }
}

/// A draw is the sum of the four bytes of its word, less 510.
template <class V>
std::int32_t dac_errors(const DacErrors& errors, std::uint32_t rows, void* out)
{
    const auto scale = V::all(errors.scale), leak = V::all(errors.lane_leak);
    auto total = V::all(0);
    for (std::uint32_t row = 0; row < rows; row += V::kLanes) {
        const auto sum = V::byte_sums(V::load(errors.words + row));
        const auto lanes = V::add(V::load_bytes(errors.below + row), V::load_bytes(errors.above + row));
        const auto fixed = V::fma(leak, V::to_float(lanes), V::to_float(V::load_bytes(errors.curve + row)));
        const auto steps = V::fma(V::to_float(V::sub(sum, V::all(510))), scale, fixed);
        auto step = V::rounded(V::min(V::max(steps, V::all(-128.0F)), V::all(127.0F)));
        if (row + V::kLanes > rows) step = V::only(step, V::lanes_below(rows - row));
        total = V::add(total, step);
        V::store_steps(out, row, step);
    }
    return V::sum_of(total);
}

}  // namespace
}  // namespace lightcard::photonic_core
