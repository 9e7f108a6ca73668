// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/effective_tile.h"

#include <algorithm>
#include <cstddef>

namespace lightcard::pcm_memory {
namespace {

constexpr std::uint32_t kPlaneAlignment = 64;

/// Geometry, column sums and the host weights themselves in the hi plane: all there is in `ideal`.
EffectiveTile exact_tile(std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights, std::size_t stride)
{
    EffectiveTile tile;
    tile.rows = rows;
    tile.cols = cols;
    tile.row_stride = (rows + kPlaneAlignment - 1) / kPlaneAlignment * kPlaneAlignment;
    const std::size_t plane = static_cast<std::size_t>(cols) * tile.row_stride;
    tile.hi.assign(plane, 0);
    tile.lo.assign(plane, 0);
    tile.column_sum.assign(cols, 0);
    tile.column_norm2.assign(cols, 0);
    for (std::uint32_t col = 0; col < cols; ++col) {
        const std::int8_t* source = weights + col * stride;
        std::copy(source, source + rows, tile.hi.begin() + static_cast<std::ptrdiff_t>(col) * tile.row_stride);
        std::uint64_t norm2 = 0;
        for (std::uint32_t row = 0; row < rows; ++row) {
            tile.column_sum[col] += source[row];
            norm2 += static_cast<std::uint64_t>(source[row] * source[row]);
        }
        tile.column_norm2[col] = norm2 << 16;
    }
    return tile;
}

}  // namespace

EffectiveTile make_effective_tile(const Parameters&, const RunConfig&, const Place&, std::uint32_t rows,
                                  std::uint32_t cols, const std::int8_t* weights, std::size_t weights_stride, double)
{
    return exact_tile(rows, cols, weights, weights_stride);
}

}  // namespace lightcard::pcm_memory
