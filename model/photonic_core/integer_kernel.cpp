// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/integer_kernel.h"

#include <cstddef>

namespace lightcard::photonic_core {
namespace {

std::int32_t dot(const std::uint8_t* x, const std::int8_t* w, std::uint32_t count)
{
    std::int32_t sum = 0;
    for (std::uint32_t i = 0; i < count; ++i) sum += static_cast<std::int32_t>(x[i]) * w[i];
    return sum;
}

}  // namespace

void multiply_plane(const std::int8_t* plane, std::uint32_t cols, std::uint32_t row_stride, const std::uint8_t* x,
                    std::uint32_t vectors, std::int32_t* sums)
{
    for (std::uint32_t v = 0; v < vectors; ++v)
        for (std::uint32_t col = 0; col < cols; ++col)
            sums[static_cast<std::size_t>(v) * cols + col] =
                dot(x + static_cast<std::size_t>(v) * row_stride, plane + static_cast<std::size_t>(col) * row_stride,
                    row_stride);
}

}  // namespace lightcard::photonic_core
