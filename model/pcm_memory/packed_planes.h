// SPDX-License-Identifier: Apache-2.0
/// Planes of a tile in the order in which vector kernels read them.
#pragma once

#include <cstdint>
#include <vector>

namespace lightcard::pcm_memory {

enum class PlaneOrder : std::uint8_t {
    columns,  ///< [column][row]: EffectiveTile's own vectors
    pairs,    ///< words, [group of 16 columns][two rows][16 columns][2 rows]
    quads,    ///< bytes, [group of 16 columns][four rows][16 columns][4 rows]
};

struct PlaneLayout {
    PlaneOrder order = PlaneOrder::columns;
    std::uint32_t row_padding = 1;  ///< rows of a plane are a multiple of it; zero beyond the tile

    bool operator==(const PlaneLayout& other) const { return order == other.order && row_padding == other.row_padding; }
    std::uint32_t rows_a_group() const { return order == PlaneOrder::pairs ? 2 : 4; }
    /// Of pairs or quads of rows, a group of columns.
    std::uint32_t row_groups(std::uint32_t rows) const
    {
        return (rows + row_padding - 1) / row_padding * row_padding / rows_a_group();
    }
};

struct PackedPlanes {
    static constexpr std::uint32_t kColumns = 16;  ///< a group

    PlaneLayout layout;

    /// Pairs: effective weights, or, of tall tiles, their hi and lo planes; the unsigned ones as bytes.
    struct Words {
        std::vector<std::int16_t> weights, low;
        std::vector<std::uint8_t> common, read;
    } words;

    /// Quads: lines of 16 columns and four rows, unsigned codes less 128.
    struct alignas(64) Line {
        std::int8_t of[64];
    };
    struct Bytes {
        std::vector<Line> hi, lo, common, read;  ///< lo empty = all zero
    } bytes;
};

}  // namespace lightcard::pcm_memory
