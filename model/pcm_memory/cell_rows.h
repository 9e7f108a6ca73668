// SPDX-License-Identifier: Apache-2.0
/// The pass of cell_kernels.h, written once for every width of vector: included by cells_avx2.cpp and cells_avx512.cpp
/// alone, each with a `V` in an anonymous namespace that names its registers, its draws and the order of its planes.
#pragma once

#include "lightcard/model/common/quantile_vector.h"
#include "lightcard/model/pcm_memory/cell_kernels.h"
#include "lightcard/model/pcm_memory/cell_limits.h"

namespace lightcard::pcm_memory {
namespace {

constexpr std::int32_t kOpen = kFullScale * 256 << kFixedBits;
constexpr std::int32_t kWidest = 32639 << kFixedBits;
constexpr std::int32_t kHalf = 1 << (kFixedBits - 1), kFraction = (1 << kFixedBits) - 1;

/// Opaque as those of the quantile are.
template <class V>
struct Constants {
    typename V::F sigma, nu, nu_sigma, slope, dark, none;
    typename V::I zero, open, widest, half, doubt, doubt_bits, light_doubt, light_doubt_bits;
    explicit Constants(const FixedCells& cells)
        : sigma(of(cells.sigma)),
          nu(of(cells.log_nu)),
          nu_sigma(of(cells.log_nu_sigma)),
          slope(of(cells.light_slope)),
          dark(of(cells.light_dark)),
          none(of(0.0F)),
          zero(of(0)),
          open(of(kOpen)),
          widest(of(kWidest)),
          half(of(kHalf)),
          doubt(of(static_cast<std::int32_t>(cells.doubt))),
          doubt_bits(of(static_cast<std::int32_t>(kFraction & ~(2 * cells.doubt - 1)))),
          light_doubt(of(static_cast<std::int32_t>(cells.light_doubt))),
          light_doubt_bits(of(static_cast<std::int32_t>(kFraction & ~(2 * cells.light_doubt - 1))))
    {
    }
    template <class Number>
    static LIGHTCARD_INLINE auto of(Number number)
    {
        return V::W::opaque(V::all(number));
    }
};

/// What the write loop leaves of a contrast.
template <class V>
LIGHTCARD_INLINE typename V::I missed(const Constants<V>& constants, typename V::I aim, typename V::F draw)
{
    const auto contrast = V::add(aim, V::rounded(V::mul(draw, constants.sigma)));
    return V::min(V::max(contrast, constants.zero), constants.open);
}

/// A contrast times what drift multiplies it by.
template <class V>
LIGHTCARD_INLINE typename V::I aged(const Constants<V>& constants, typename V::I contrast, typename V::F draw)
{
    const auto rising = V::max(V::fma(draw, constants.nu_sigma, constants.nu), constants.none);
    const auto opened = V::rounded(V::mul(V::to_float(contrast), rising));
    return V::min(V::add(contrast, opened), constants.widest);
}

/// One row of a register's columns: effective weight plus a half in fixed point, and 256 and a half and its light code
/// in single precision, of which bits 15 to 22 are the code. Returns the lanes that are next to a tie.
template <class V, bool misses, bool drifts>
LIGHTCARD_INLINE typename V::Mask row(const Constants<V>& constants, const typename V::Aims& aims, std::uint32_t i,
                                      const typename V::F* draws, typename V::I& weight, typename V::I& light)
{
    auto plus = aims.plus(i), minus = aims.minus(i);
    if constexpr (misses) {
        plus = missed(constants, plus, draws[0]);
        minus = missed(constants, minus, draws[1]);
    }
    if constexpr (drifts) {
        plus = aged(constants, plus, draws[misses ? 2 : 0]);
        minus = aged(constants, minus, draws[misses ? 3 : 1]);
    }
    weight = V::add(V::sub(plus, minus), constants.half);
    const auto sum = V::add(plus, minus);
    light = V::bits(V::fma(V::to_float(sum), constants.slope, constants.dark));
    // A closed pair, which may well be at a tie, has the code that `dark` was chosen for.
    return V::either(V::none_of(V::add(weight, constants.doubt), constants.doubt_bits),
                     V::none_of(V::add(light, constants.light_doubt), constants.light_doubt_bits, sum));
}

/// Rows are far apart in their long chains of dependent instructions, and these use different units. So three quads are
/// worked on at a time, in turn row by row: random words of one, normal draws of the one before, cells of the one
/// before that.
template <class V, bool misses, bool drifts>
LIGHTCARD_INLINE void columns(const FixedCells& cells, const CellGroup& group, std::uint32_t first, GroupSums& sums)
{
    constexpr int kDraws = (misses ? 2 : 0) + (drifts ? 2 : 0);
    constexpr int kArray = kDraws > 0 ? kDraws : 1;
    const Constants<V> constants(cells);
    const typename V::Quantile quantile;
    const typename V::Table table(cells);
    typename V::Draws draws(group, first);
    typename V::Planes planes(group, first);
    const auto in_use = V::lanes_below(group.columns > first ? group.columns - first : 0);
    const std::uint32_t rows = group.rows, quads = (rows + kQuadRows - 1) / kQuadRows;
    typename V::I words[2][kQuadRows][kArray];
    typename V::F normals[2][kQuadRows][kArray];
    typename V::Aims aims[2];
    const auto draw_row = [&](std::uint32_t step, std::uint32_t i) __attribute__((always_inline))
    {
        if constexpr (kDraws > 0) {
            if (step < quads) draws.template next<misses, drifts>(words[step % 2][i]);
            if (step >= 1 && step <= quads)
                random_kernels::draws<typename V::W>(quantile, words[(step + 1) % 2][i], normals[step % 2][i]);
        }
    };
    for (std::uint32_t step = 0; step < 2; ++step)
        for (std::uint32_t i = 0; i < kQuadRows; ++i) draw_row(step, i);
    aims[0].set(table, group, first, 0);
    for (std::uint32_t quad = 0; quad < quads; ++quad) {
        const std::uint32_t step = quad + 2, left = rows - quad * kQuadRows;
        if (quad + 1 < quads) aims[(quad + 1) % 2].set(table, group, first, quad + 1);
        typename V::I weights[kQuadRows], lights[kQuadRows];
        typename V::Mask doubtful[kQuadRows];
        for (std::uint32_t i = 0; i < kQuadRows; ++i) {
            draw_row(step, i);
            doubtful[i] =
                row<V, misses, drifts>(constants, aims[quad % 2], i, normals[(step + 1) % 2][i], weights[i], lights[i]);
        }
        if (__builtin_expect(V::any(doubtful), 0))
            for (std::uint32_t i = 0; i < kQuadRows && i < left; ++i)
                for (std::uint32_t lanes = V::lanes(V::both(doubtful[i], in_use)); lanes != 0; lanes &= lanes - 1)
                    group.doubtful[sums.doubtful++] =
                        (quad * kQuadRows + i) << 4 | (first + static_cast<std::uint32_t>(__builtin_ctz(lanes)));
        planes.put(quad, left, in_use, weights, lights);
    }
    planes.sum(sums, first);
}

template <class V>
LIGHTCARD_INLINE void program(const FixedCells& cells, const CellGroup& group, GroupSums& sums)
{
    sums.doubtful = 0;
    for (std::uint32_t first = 0; first < kGroupColumns; first += V::kLanes) {
        if (cells.misses && cells.drifts) columns<V, true, true>(cells, group, first, sums);
        if (cells.misses && !cells.drifts) columns<V, true, false>(cells, group, first, sums);
        if (!cells.misses && cells.drifts) columns<V, false, true>(cells, group, first, sums);
        if (!cells.misses && !cells.drifts) columns<V, false, false>(cells, group, first, sums);
    }
}

}  // namespace
}  // namespace lightcard::pcm_memory
