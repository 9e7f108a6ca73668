// SPDX-License-Identifier: Apache-2.0
/// Planes of a tile in the order in which vector kernels read them.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace lightcard::pcm_memory {

/// Leaves new elements as they are: who makes a plane writes all of it.
template <class T>
struct LeaveUnset : std::allocator<T> {
    template <class U>
    struct rebind {
        using other = LeaveUnset<U>;
    };
    LeaveUnset() = default;
    template <class U>
    LeaveUnset(const LeaveUnset<U>&)
    {
    }
    template <class U>
    void construct(U* at)
    {
        ::new (static_cast<void*>(at)) U;
    }
    template <class U, class... Arguments>
    void construct(U* at, Arguments&&... arguments)
    {
        ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
    }
};
template <class T>
using Plane = std::vector<T, LeaveUnset<T>>;

inline constexpr std::uint32_t kMostPackedRows = 512;  ///< exact sums of one plane stay below 2^24
inline constexpr std::uint32_t kMostPairedRows = 256;  ///< of a sum over both planes of pairs at once

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
        Plane<std::int16_t> weights, low;
        Plane<std::uint8_t> common, read;
    } words;

    /// Quads: lines of 16 columns and four rows, unsigned codes less 128.
    struct alignas(64) Line {
        std::int8_t of[64];
    };
    struct Bytes {
        Plane<Line> hi, lo, common, read;  ///< lo empty = all zero
    } bytes;
};

}  // namespace lightcard::pcm_memory
