// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/byte_ranges.h"

#include <algorithm>
#include <limits>

namespace lightcard::control_chip {

namespace {

/// Positions of images x height x width. Windows may have more of them than are ever read: ends beyond 64 bits are cut.
Bytes positions(const lc_surface& at, std::uint32_t images, std::uint32_t height, std::uint32_t width,
                std::uint64_t row)
{
    using Wide = unsigned __int128;
    if (images == 0 || height == 0 || width == 0) return {};
    const std::uint64_t begin = LC_PTR_OFFSET(at.base);
    const Wide end = Wide{begin} + Wide{images - 1} * at.stride_n + Wide{height - 1} * at.stride_h +
                     Wide{width - 1} * at.stride_w + row;
    Bytes bytes{begin, static_cast<std::uint64_t>(std::min<Wide>(end, std::numeric_limits<std::uint64_t>::max()))};
    const std::uint64_t stride = at.stride_w;
    if (stride <= row || (height > 1 && at.stride_h % stride != 0) || (images > 1 && at.stride_n % stride != 0))
        return bytes;
    bytes.stride = stride;
    bytes.row = row;
    return bytes;
}

}  // namespace

bool apart(const Bytes& a, const Bytes& b)
{
    if (a.end <= b.begin || b.end <= a.begin) return true;
    if (a.stride == 0 || a.stride != b.stride) return false;
    // Columns of the same lines: the second ones begin behind the first's row and end before its next one.
    const auto& first = a.begin <= b.begin ? a : b;
    const auto& second = a.begin <= b.begin ? b : a;
    const std::uint64_t offset = (second.begin - first.begin) % first.stride;
    return offset >= first.row && offset + second.row <= first.stride;
}

Bytes bytes_of(std::uint64_t pointer, std::uint64_t count)
{
    return {LC_PTR_OFFSET(pointer), LC_PTR_OFFSET(pointer) + count};
}

Bytes bytes_of(const lc_window& window, std::uint64_t row)
{
    return positions({window.base, window.stride_n, window.stride_h, window.stride_w}, window.images, window.height,
                     window.width, row);
}

Bytes bytes_of(const lc_surface& surface, const lc_window& of, std::uint64_t row)
{
    return positions(surface, of.images, of.out_h, of.out_w, row);
}

bool rows_apart(const lc_surface& surface, const lc_window& of, std::uint64_t row)
{
    const std::uint64_t line = (of.out_w - 1) * std::uint64_t{surface.stride_w} + row;
    const std::uint64_t image = (of.out_h - 1) * std::uint64_t{surface.stride_h} + line;
    return (of.out_w <= 1 || surface.stride_w >= row) && (of.out_h <= 1 || surface.stride_h >= line) &&
           (of.images <= 1 || surface.stride_n >= image);
}

}  // namespace lightcard::control_chip
