// SPDX-License-Identifier: Apache-2.0
/// What lies behind the exact sums, written once for every width of vector: included by chain_avx2.cpp and
/// chain_avx512.cpp alone, each with a `V` in an anonymous namespace that names its registers and instructions.
/// chain_panel.h walks it.
#pragma once

#include "lightcard/model/photonic_core/chain_kernels.h"

#define LIGHTCARD_ALWAYS inline __attribute__((always_inline))

namespace lightcard::photonic_core {
namespace {

/// What a panel has the same for all samples. In registers or memory of their own: left to itself the compiler makes
/// them anew, by way of a general register, for every sixteen samples.
template <class V>
struct Constants {
    explicit Constants(const Columns& columns)
        : lowest(V::opaque(V::all(columns.lowest))),
          highest(V::opaque(V::all(columns.highest))),
          dither_step(V::opaque(V::all(columns.dither_step))),
          near_a_tie(V::opaque(V::all(0.5F + columns.lowest * 0x1p-21F))),
          inside(static_cast<std::int32_t>(columns.lowest) + 1, static_cast<std::int32_t>(columns.highest) - 1)
    {
    }
    typename V::F lowest, highest, dither_step, near_a_tie;
    typename V::F one_256th = V::opaque(V::all(1.0F / 256.0F));
    typename V::Range inside;  ///< codes that are no end code
    typename V::I half = V::opaque(V::all(32768)), half_acc = V::opaque(V::all(128));
};

/// (code * gain + 32768) >> 16, of which 32 bits are kept, with gain = 65536 high + low, -2^15 <= low < 2^15 and |code|
/// <= 2^15.
template <class V>
LIGHTCARD_ALWAYS typename V::I to_acc(const Constants<V>& constants, typename V::I code, const ColumnGroup& column,
                                      std::uint32_t at)
{
    const auto fraction = V::add(V::mul16(code, V::load(column.gain_low + at)), constants.half);
    return V::add(V::mullo(code, V::load(column.gain_high + at)), V::template srai<16>(fraction));
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
struct Totals {
    WordSums<V> light, read;
    SquareSums<V> light2, y2;
};

/// Exact sums of one vector and one group of columns, [kGroup]; those that a panel has no plane for are not read.
struct GroupSums {
    const std::int32_t *first, *low, *light, *dither, *read;
    const float* normal;
};

/// The exact sum rounded to single precision, once; up to 512 rows all sums are below 2^24.
template <class V, bool split>
LIGHTCARD_ALWAYS typename V::F exact_value(const Constants<V>& constants, const GroupSums& of, std::uint32_t at)
{
    const auto first = V::to_float(V::load(of.first + at));
    if constexpr (!split) return V::mul(first, constants.one_256th);
    return V::fma(V::to_float(V::load(of.low + at)), constants.one_256th, first);  // the product is exact
}

/// The same in acc, halves up.
template <class V, bool split>
LIGHTCARD_ALWAYS typename V::I exact_acc(const Constants<V>& constants, const GroupSums& of, std::uint32_t at)
{
    const auto first = V::load(of.first + at);
    if constexpr (!split) return V::template srai<8>(V::add(first, constants.half_acc));
    return V::add(first, V::template srai<8>(V::add(V::load(of.low + at), constants.half_acc)));
}

/// what(i) for i below n, written out.
template <std::uint32_t n, class What>
LIGHTCARD_ALWAYS void each(const What& what)
{
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < n; ++i) what(i);
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

/// What goes into the ADC of V::kLanes columns of `n` vectors, in LSB, from column `c` on; the order of operations is
/// that of docs/model-equations.md section 3. Step by step for all of them: one sample's steps wait for each other.
/// Counts them unless `totals` is null.
template <class V, bool split, bool whole, std::uint32_t n>
LIGHTCARD_ALWAYS void analog_columns(const Panel& panel, const Constants<V>& constants, const VectorTerms* terms,
                                     const GroupSums (&of)[n], std::uint32_t c, std::int32_t* y_sums, Totals<V>* totals,
                                     typename V::F (&analog)[n])
{
    const ColumnGroup& column = panel.columns->groups[c / kGroup];
    const std::uint32_t at = c % kGroup;
    const auto mask = whole ? V::all_lanes() : V::lanes_below(panel.columns->cols - c);
    const auto all = [](float x) { return V::all(x); };
    const auto lane = [&](std::uint32_t i) -> const LaneGroup& { return terms[i].lane[c / kGroup]; };

    typename V::F u[n], light[n], mean[n], variance[n], sigma[n];
    typename V::I bright[n];
    each<n>([&](auto i) { u[i] = exact_value<V, split>(constants, of[i], at); });
    each<n>([&](auto i) { u[i] = V::fma(V::load(lane(i).crosstalk + at), all(terms[i].x_sum), u[i]); });
    if (panel.products.dither != nullptr)
        each<n>([&](auto i) { u[i] = V::fma(V::to_float(V::load(of[i].dither + at)), constants.dither_step, u[i]); });

    const auto floor_light = V::load(column.floor_light + at);
    each<n>([&](auto i) {
        bright[i] = V::add(V::load(of[i].light + at), V::add(V::all(terms[i].light_shift), floor_light));
        if (!whole) bright[i] = V::only(bright[i], mask);
    });
    each<n>([&](auto i) { light[i] = V::mul(V::to_float(bright[i]), all(terms[i].intensity)); });
    each<n>([&](auto i) { variance[i] = V::fma(V::load(lane(i).shot + at), light[i], V::load(lane(i).dark + at)); });
    if (panel.products.read != nullptr)
        each<n>([&](auto i) {
            auto codes = V::add(V::load(of[i].read + at), V::all(terms[i].read_shift));
            if (!whole) codes = V::only(codes, mask);
            if (totals != nullptr) totals->read.add(codes, V::srli64(codes));
            const auto read = V::mul(V::to_float(codes), all(panel.read_unit));
            variance[i] = V::fma(V::mul(read, all(terms[i].read_light)), all(terms[i].read_light), variance[i]);
        });
    each<n>([&](auto i) { sigma[i] = V::sqrt(variance[i]); });
    // Roots take their time: what nothing waits for fills it.
    if (totals != nullptr) {
        typename V::I y[n], sum = V::load(y_sums + c);
        each<n>([&](auto i) {
            y[i] = exact_acc<V, split>(constants, of[i], at);
            if (!whole) y[i] = V::only(y[i], mask);
            sum = V::add(sum, y[i]);
        });
        V::store(y_sums + c, sum);
        each<n>([&](auto i) {
            const auto upper = V::srli64(bright[i]);
            totals->light.add(bright[i], upper);
            totals->light2.add(bright[i], upper);
            totals->y2.add(y[i], V::srli64(y[i]));
        });
    }

    const auto floor_acc = V::load(column.floor_acc + at), imbalance = V::load(column.imbalance + at);
    each<n>([&](auto i) { mean[i] = V::fma(all(terms[i].change), V::add(u[i], floor_acc), u[i]); });
    each<n>(
        [&](auto i) { mean[i] = V::fma(V::fma(all(terms[i].leak), imbalance, all(panel.tilt)), light[i], mean[i]); });
    each<n>([&](auto i) { mean[i] = V::fma(sigma[i], V::load(of[i].normal + at), mean[i]); });
    each<n>([&](auto i) { analog[i] = V::fma(mean[i], V::load(lane(i).scale + at), V::load(lane(i).offset + at)); });
}

/// Samples of one group of one vector in front of the ADC, to whom they are of interest.
template <class V, bool split, bool whole>
__attribute__((noinline)) void give_analog(const Panel& panel, const Constants<V>& constants, std::uint32_t vector,
                                           const GroupSums& of, std::uint32_t first, std::int32_t* y_sums,
                                           Totals<V>* totals)
{
    alignas(64) float analog[kGroup];
    const std::uint32_t left = panel.columns->cols - first, cols = left < kGroup ? left : kGroup;
    const GroupSums one[1] = {of};
    for (std::uint32_t at = 0; at < cols; at += V::kLanes) {
        typename V::F v[1];
        analog_columns<V, split, whole, 1>(panel, constants, panel.terms + vector, one, first + at, y_sums, totals, v);
        V::store(analog + at, V::bits(v[0]));
    }
    panel.samples(panel.self, {vector, first, cols, of.first, split ? of.low : nullptr, analog});
}

/// One group of `n` vectors, from `vector` on. Returns samples at an end code.
template <class V, bool split, bool whole, std::uint32_t n>
LIGHTCARD_ALWAYS std::uint32_t noisy_group(const Panel& panel, const Constants<V>& constants, std::uint32_t vector,
                                           const GroupSums (&of)[n], std::uint32_t first, std::int32_t* y_sums,
                                           Totals<V>& totals)
{
    if (__builtin_expect(panel.bent, 0)) {
        for (std::uint32_t i = 0; i < n; ++i)
            give_analog<V, split, whole>(panel, constants, vector + i, of[i], first, y_sums, &totals);
        return 0;
    }
    const Columns& columns = *panel.columns;
    const VectorTerms* terms = panel.terms + vector;
    std::uint32_t clipped[n] = {}, all = 0;
    for (std::uint32_t at = 0; at < kGroup && (whole || first + at < columns.cols); at += V::kLanes) {
        const std::uint32_t c = first + at;
        const auto mask = whole ? V::all_lanes() : V::lanes_below(columns.cols - c);
        typename V::F v[n];
        typename V::I code[n];
        analog_columns<V, split, whole, n>(panel, constants, terms, of, c, y_sums, &totals, v);
        each<n>([&](auto i) { code[i] = V::rounded(V::min(V::max(v[i], constants.lowest), constants.highest)); });
        each<n>([&](auto i) {
            const auto ends = V::outside(code[i], constants.inside, mask);
            if (__builtin_expect(V::any(ends), 0)) clipped[i] += V::count(ends);
        });
        each<n>([&](auto i) {
            store_columns<V, whole>(terms[i].y, c, to_acc<V>(constants, code[i], columns.groups[c / kGroup], at), mask);
        });
    }
    for (std::uint32_t i = 0; i < n; ++i) all += clipped[i];
    if (__builtin_expect(all == 0, 1)) return 0;
    for (std::uint32_t i = 0; i < n; ++i)
        if (clipped[i] > 0)
            give_analog<V, split, whole>(panel, constants, vector + i, of[i], first, y_sums,
                                         static_cast<Totals<V>*>(nullptr));
    return all;
}

/// What the division says, for the sums next to a tie: the ADC's code is defined by it (quantised_samples()).
template <bool split>
__attribute__((noinline)) void divided_codes(const GroupSums& of, const Columns& columns, std::uint32_t c,
                                             std::uint32_t lanes, std::int32_t* codes)
{
    constexpr double kMagic = 0x1.8p52;
    const auto lowest = static_cast<double>(columns.lowest), highest = static_cast<double>(columns.highest);
    for (std::uint32_t i = 0; i < lanes; ++i) {
        const std::uint32_t at = c % kGroup + i;
        const double y = split ? of.first[at] + of.low[at] / 256.0 : of.first[at] / 256.0;
        const double code = y / columns.lsb[c + i];
        const double above = code < lowest ? lowest : code;
        const double within = highest < above ? highest : above;
        codes[i] = static_cast<std::int32_t>((within + kMagic) - kMagic);
    }
}

/// Single precision errs by less than 2^-22 of a code (three roundings), so it decides all but sums next to a tie.
template <class V, bool split, bool whole>
LIGHTCARD_ALWAYS std::uint32_t quantised_columns(const Constants<V>& constants, const GroupSums& of,
                                                 const Columns& columns, std::uint32_t c, std::int32_t* y)
{
    const auto mask = whole ? V::all_lanes() : V::lanes_below(columns.cols - c);
    const ColumnGroup& column = columns.groups[c / kGroup];
    const std::uint32_t at = c % kGroup;
    const auto quotient = V::mul(exact_value<V, split>(constants, of, at), V::load(column.inverse_lsb + at));
    const auto within = V::min(V::max(quotient, constants.lowest), constants.highest);
    auto code = V::rounded(within);
    if (__builtin_expect(V::any_beyond(V::sub(within, V::to_float(code)), constants.near_a_tie, mask), 0)) {
        alignas(64) std::int32_t codes[V::kLanes] = {};
        const std::uint32_t left = columns.cols - c;
        divided_codes<split>(of, columns, c, left < V::kLanes ? left : V::kLanes, codes);
        code = V::load(codes);
    }
    store_columns<V, whole>(y, c, to_acc<V>(constants, code, column, at), mask);
    const auto ends = V::outside(code, constants.inside, mask);
    return __builtin_expect(V::any(ends), 0) ? V::count(ends) : 0;
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
