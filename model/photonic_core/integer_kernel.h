// SPDX-License-Identifier: Apache-2.0
/// Exact sums of u8 inputs times s8 plane entries: the integer half of the matrix-vector product.
#pragma once

#include <cstdint>

namespace lightcard::photonic_core {

/// sums[v][col] = sum over row < row_stride of x[v][row] * plane[col][row]. Exact: |sum| <= 2^31 for up to 65,536 rows.
/// `x` is [vectors][row_stride] with zeros beyond the rows in use; row_stride is a multiple of 64.
void multiply_plane(const std::int8_t* plane, std::uint32_t cols, std::uint32_t row_stride, const std::uint8_t* x,
                    std::uint32_t vectors, std::int32_t* sums);

}  // namespace lightcard::photonic_core
