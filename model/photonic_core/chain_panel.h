// SPDX-License-Identifier: Apache-2.0
/// A block of vectors through products, draws and chain, column group by column group: the planes of a few groups, the
/// inputs of the block and the sums of a few vectors lie in the first-level cache together. Written once for every
/// instruction set, included by its file alone, with two types in an anonymous namespace: `V` as in chain_rows.h, and
/// `P`, who multiplies and draws:
///   kVectors, kGroups                        at a time; less at the ends of a block
///   Streams<groups>(products, group)         the planes of those groups
///   .multiply<vectors>(products, v, sums)    sums of those vectors, into PanelSums
///   Draws(keys), .normals<vectors, groups>(panel, v, group, normals)
#pragma once

#include "lightcard/model/photonic_core/chain_rows.h"

namespace lightcard::photonic_core {
namespace {

/// Sums of kVectors vectors by kGroups groups, a group's sixteen columns on a line of their own.
template <class P>
struct PanelSums {
    template <class T>
    using Lines = T[P::kVectors][P::kGroups][kGroup];
    alignas(64) Lines<std::int32_t> first, low, light, dither, read;
    alignas(64) Lines<float> normal;

    GroupSums at(std::uint32_t vector, std::uint32_t group) const
    {
        return {first[vector][group],  low[vector][group],  light[vector][group],
                dither[vector][group], read[vector][group], normal[vector][group]};
    }
};

/// Calls piece.template run<groups, vectors>(streams, group, vector) for every vector of the groups.
template <class P, std::uint32_t groups, class Piece>
LIGHTCARD_ALWAYS void walk_vectors(const PanelProducts& products, std::uint32_t group, Piece& piece)
{
    const typename P::template Streams<groups> streams(products, group);
    std::uint32_t v = 0;
    for (; v + P::kVectors <= products.vectors; v += P::kVectors)
        piece.template run<groups, P::kVectors>(streams, group, v);
    constexpr std::uint32_t kFew = 4;
    if constexpr (P::kVectors > kFew)
        for (; v + kFew <= products.vectors; v += kFew) piece.template run<groups, kFew>(streams, group, v);
    for (; v < products.vectors; ++v) piece.template run<groups, 1>(streams, group, v);
}

template <class P, class Piece>
LIGHTCARD_ALWAYS void walk(const PanelProducts& products, Piece& piece)
{
    std::uint32_t group = 0;
    for (; group + P::kGroups <= products.groups; group += P::kGroups)
        walk_vectors<P, P::kGroups>(products, group, piece);
    if constexpr (P::kGroups > 1)
        for (; group < products.groups; ++group) walk_vectors<P, 1>(products, group, piece);
}

template <class V, class P, bool split>
struct NoisyPiece {
    const Panel& panel;
    const typename P::Draws draws;
    const Constants<V> constants;
    std::int32_t* y_sums;
    Totals<V> totals{};
    std::uint32_t clipped = 0;
    PanelSums<P> sums;

    template <std::uint32_t groups, std::uint32_t vectors, class Streams>
    LIGHTCARD_ALWAYS void run(const Streams& streams, std::uint32_t group, std::uint32_t first)
    {
        streams.template multiply<vectors>(panel.products, first, sums);
        draws.template normals<vectors, groups>(panel, first, group, sums.normal);
        constexpr std::uint32_t n = vectors < V::kSideBySide ? vectors : V::kSideBySide;
        for (std::uint32_t g = 0; g < groups; ++g) {
            const std::uint32_t c = (group + g) * kGroup;
            for (std::uint32_t v = 0; v < vectors; v += n) {
                GroupSums of[n];
                each<n>([&](auto i) { of[i] = sums.at(v + i, g); });
                if (c + kGroup <= panel.columns->cols) {
                    clipped += noisy_group<V, split, true, n>(panel, constants, first + v, of, c, y_sums, totals);
                } else {
                    clipped += noisy_group<V, split, false, n>(panel, constants, first + v, of, c, y_sums, totals);
                }
            }
        }
    }
};

template <class V, class P, bool split>
std::uint32_t noisy_panel(const Panel& panel, SampleSums& total)
{
    NoisyPiece<V, P, split> piece{panel, typename P::Draws(*panel.keys), Constants<V>(*panel.columns), total.y, {}, 0,
                                  {}};
    walk<P>(panel.products, piece);
    piece.totals.light.to(total.light);
    piece.totals.light2.to(total.light2);
    piece.totals.y2.to(total.y2);
    if (panel.products.read != nullptr) piece.totals.read.to(total.read);
    return piece.clipped;
}

/// use(vector, first column, sums) for every vector and group.
template <class P, class Use>
struct SumsPiece {
    const PanelProducts& products;
    Use use;
    PanelSums<P> sums;

    template <std::uint32_t groups, std::uint32_t vectors, class Streams>
    LIGHTCARD_ALWAYS void run(const Streams& streams, std::uint32_t group, std::uint32_t first)
    {
        streams.template multiply<vectors>(products, first, sums);
        for (std::uint32_t v = 0; v < vectors; ++v)
            for (std::uint32_t g = 0; g < groups; ++g) use(first + v, (group + g) * kGroup, sums.at(v, g));
    }
};

template <class P, class Use>
LIGHTCARD_ALWAYS void for_sums(const PanelProducts& products, const Use& use)
{
    SumsPiece<P, Use> piece{products, use, {}};
    walk<P>(products, piece);
}

template <class V, class P, bool split>
void exact_panel(const PanelProducts& products, std::uint32_t cols, std::int32_t* const* y)
{
    const Constants<V> constants(Columns{});
    for_sums<P>(products, [&](std::uint32_t vector, std::uint32_t first, const GroupSums& of) {
        for (std::uint32_t at = 0; at < kGroup && first + at < cols; at += V::kLanes)
            V::store(y[vector] + first + at, exact_acc<V, split>(constants, of, at), V::lanes_below(cols - first - at));
    });
}

template <class V, class P, bool split>
std::uint32_t quantised_panel(const PanelProducts& products, const Columns& columns_of, std::int32_t* const* y)
{
    const Columns columns = columns_of;  // a copy: what is stored could alias anything else
    const Constants<V> constants(columns);
    std::uint32_t clipped = 0;
    for_sums<P>(products, [&](std::uint32_t vector, std::uint32_t first, const GroupSums& of) {
        const bool whole = first + kGroup <= columns.cols;
        for (std::uint32_t c = first; c < first + kGroup && c < columns.cols; c += V::kLanes)
            clipped += whole ? quantised_columns<V, split, true>(constants, of, columns, c, y[vector])
                             : quantised_columns<V, split, false>(constants, of, columns, c, y[vector]);
    });
    return clipped;
}

// The table's entries. `split`: the lo plane has sums of its own.

template <class V, class P>
std::uint32_t noisy(const Panel& panel, SampleSums& sums)
{
    if (V::kAlwaysSplit || panel.products.low != nullptr) return noisy_panel<V, P, true>(panel, sums);
    return noisy_panel<V, P, V::kAlwaysSplit>(panel, sums);
}

template <class V, class P>
void exact(const PanelProducts& products, std::uint32_t cols, std::int32_t* const* y)
{
    if (V::kAlwaysSplit || products.low != nullptr) return exact_panel<V, P, true>(products, cols, y);
    exact_panel<V, P, V::kAlwaysSplit>(products, cols, y);
}

template <class V, class P>
std::uint32_t quantised(const PanelProducts& products, const Columns& columns, std::int32_t* const* y)
{
    if (V::kAlwaysSplit || products.low != nullptr) return quantised_panel<V, P, true>(products, columns, y);
    return quantised_panel<V, P, V::kAlwaysSplit>(products, columns, y);
}

}  // namespace
}  // namespace lightcard::photonic_core
