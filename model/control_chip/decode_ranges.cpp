// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/decode_ranges.h"

#include <algorithm>
#include <array>

namespace lightcard::control_chip {
namespace {

constexpr Wide kHostBytes = Wide{1} << 56;

/// One axis of a window.
struct Axis {
    std::uint32_t count, size;
    std::int64_t step, pad, dilation;
};

/// Highest input position inside [0, size) that any output sees through kernel positions [k0, k1]; none: all outside.
std::optional<std::uint64_t> highest_inside(const Axis& axis, std::uint32_t k0, std::uint32_t k1)
{
    std::optional<std::uint64_t> highest;
    for (std::uint32_t k = k0; k <= k1; ++k) {
        const std::int64_t first = static_cast<std::int64_t>(k) * axis.dilation - axis.pad;
        const std::int64_t room = static_cast<std::int64_t>(axis.size) - 1 - first;
        if (room < 0) continue;
        const std::int64_t output = std::min<std::int64_t>(room / axis.step, axis.count - std::int64_t{1});
        const std::int64_t position = first + output * axis.step;
        if (position < 0) continue;
        highest = std::max(highest.value_or(0), static_cast<std::uint64_t>(position));
    }
    return highest;
}

/// First and last channel, kernel column and kernel row of rows [k0, k0 + rows): the smallest box around them.
struct KernelBox {
    std::uint32_t kh0, kh1, kw0, kw1;
    std::uint64_t ch0, ch1;
};

KernelBox kernel_box(const lc_window& window, std::uint64_t k0, std::uint64_t rows)
{
    const std::uint64_t channels = window.channels;
    const std::uint64_t first = k0 / channels, last = (k0 + rows - 1) / channels;
    const std::uint64_t kh0 = first / window.kernel_w, kh1 = last / window.kernel_w;
    const bool one_row = kh0 == kh1, one_position = first == last;
    KernelBox box{};
    box.kh0 = static_cast<std::uint32_t>(kh0);
    box.kh1 = static_cast<std::uint32_t>(kh1);
    box.kw0 = one_row ? static_cast<std::uint32_t>(first % window.kernel_w) : 0;
    box.kw1 = one_row ? static_cast<std::uint32_t>(last % window.kernel_w) : window.kernel_w - 1u;
    box.ch0 = one_position ? k0 % channels : 0;
    box.ch1 = one_position ? (k0 + rows - 1) % channels : channels - 1;
    return box;
}

}  // namespace

MaybeFault check_reserved(const void* data, std::size_t bytes, std::size_t field)
{
    const auto* begin = static_cast<const std::uint8_t*>(data);
    const auto* found = std::find_if(begin, begin + bytes, [](std::uint8_t byte) { return byte != 0; });
    if (found == begin + bytes) return std::nullopt;
    return bad_field(field + static_cast<std::size_t>(found - begin), "reserved: must be zero");
}

MaybeFault check_range(std::uint64_t pointer, Wide bytes, Reach reach, const DecodeLimits& limits, std::size_t field)
{
    Wide size = 0;
    switch (LC_PTR_SPACE(pointer)) {
        case LC_SPACE_HOST:
            if (reach != Reach::anywhere) return bad_address(field, "host memory is reachable by COPY only");
            size = kHostBytes;
            break;
        case LC_SPACE_DRAM:
            if (reach == Reach::scratchpad) return bad_address(field, "must lie in SRAM: COPY it there first");
            size = limits.dram_bytes;
            break;
        case LC_SPACE_SRAM:
            size = limits.sram_bytes;
            break;
        default:
            return bad_address(field, "no such space here: host 0, DRAM 1, SRAM 2");
    }
    if (Wide{LC_PTR_OFFSET(pointer)} + bytes > size) return bad_address(field, "reaches past the end of its memory");
    return std::nullopt;
}

MaybeFault check_words(std::uint64_t pointer, Wide bytes, Reach reach, const DecodeLimits& limits, std::size_t field)
{
    if (LC_PTR_OFFSET(pointer) % 4 != 0) return bad_address(field, "must be 4-byte aligned");
    return check_range(pointer, bytes, reach, limits, field);
}

MaybeFault check_window_shape(const lc_window& w, std::uint32_t element, std::size_t field)
{
    const auto at = [field](std::size_t offset) { return field + offset; };
    if (w.images == 0) return bad_field(at(offsetof(lc_window, images)), "images: must not be zero");
    if (w.out_h == 0) return bad_field(at(offsetof(lc_window, out_h)), "out_h: must not be zero");
    if (w.out_w == 0) return bad_field(at(offsetof(lc_window, out_w)), "out_w: must not be zero");
    if (Wide{w.images} * w.out_h * w.out_w > kMaxVectors) {
        return bad_field(at(offsetof(lc_window, images)), "images * out_h * out_w: at most 2^24");
    }
    if (w.channels == 0 || w.channels > kMaxChannels) {
        return bad_field(at(offsetof(lc_window, channels)), "channels: 1 .. 2^24");
    }
    if (w.height == 0 || w.height > kMaxSpan) return bad_field(at(offsetof(lc_window, height)), "height: 1 .. 2^31");
    if (w.width == 0 || w.width > kMaxSpan) return bad_field(at(offsetof(lc_window, width)), "width: 1 .. 2^31");
    if (w.kernel_h == 0) return bad_field(at(offsetof(lc_window, kernel_h)), "kernel_h: must not be zero");
    if (w.kernel_w == 0) return bad_field(at(offsetof(lc_window, kernel_w)), "kernel_w: must not be zero");
    if (w.step_h == 0) return bad_field(at(offsetof(lc_window, step_h)), "step_h: must not be zero");
    if (w.step_w == 0) return bad_field(at(offsetof(lc_window, step_w)), "step_w: must not be zero");
    if (w.dil_h == 0) return bad_field(at(offsetof(lc_window, dil_h)), "dil_h: must not be zero");
    if (w.dil_w == 0) return bad_field(at(offsetof(lc_window, dil_w)), "dil_w: must not be zero");
    if (Wide{w.out_h} * w.step_h + Wide{w.kernel_h} * w.dil_h > kMaxSpan) {
        return bad_field(at(offsetof(lc_window, step_h)), "out_h * step_h + kernel_h * dil_h: at most 2^31");
    }
    if (Wide{w.out_w} * w.step_w + Wide{w.kernel_w} * w.dil_w > kMaxSpan) {
        return bad_field(at(offsetof(lc_window, step_w)), "out_w * step_w + kernel_w * dil_w: at most 2^31");
    }
    if (LC_PTR_OFFSET(w.base) % element != 0) {
        return bad_address(at(offsetof(lc_window, base)), "base: must be aligned to the element");
    }
    if (w.stride_n % element != 0) return bad_field(at(offsetof(lc_window, stride_n)), "stride_n: must be aligned");
    if (w.stride_h % element != 0) return bad_field(at(offsetof(lc_window, stride_h)), "stride_h: must be aligned");
    if (w.stride_w % element != 0) return bad_field(at(offsetof(lc_window, stride_w)), "stride_w: must be aligned");
    return std::nullopt;
}

MaybeFault check_window_reads(const lc_window& w, std::uint64_t k0, std::uint64_t rows, std::uint32_t element,
                              std::uint32_t channel_stride, const DecodeLimits& limits, std::size_t field)
{
    const KernelBox box = kernel_box(w, k0, rows);
    const std::size_t base = field + offsetof(lc_window, base);
    const auto y = highest_inside({w.out_h, w.height, w.step_h, w.pad_h, w.dil_h}, box.kh0, box.kh1);
    const auto x = highest_inside({w.out_w, w.width, w.step_w, w.pad_w, w.dil_w}, box.kw0, box.kw1);
    if (!y || !x) return check_range(w.base & ~LC_PTR(0, ~0ull), 0, Reach::scratchpad, limits, base);
    const Wide end = Wide{w.images - 1u} * w.stride_n + Wide{*y} * w.stride_h + Wide{*x} * w.stride_w +
                     Wide{box.ch1} * (channel_stride == 0 ? element : channel_stride) + element;
    return check_range(w.base, end, Reach::scratchpad, limits, base);
}

MaybeFault check_surface(const lc_surface& surface, const SurfaceShape& shape, const DecodeLimits& limits,
                         std::size_t field)
{
    struct Dimension {
        std::uint64_t count, stride;
        std::size_t field;
    };
    const std::uint64_t channel = shape.channel_stride == 0 ? shape.element : shape.channel_stride;
    std::array<Dimension, 4> dimensions{{{shape.images, surface.stride_n, field + offsetof(lc_surface, stride_n)},
                                         {shape.out_h, surface.stride_h, field + offsetof(lc_surface, stride_h)},
                                         {shape.out_w, surface.stride_w, field + offsetof(lc_surface, stride_w)},
                                         {shape.columns, channel, field + offsetof(lc_surface, stride_w)}}};
    const std::size_t base = field + offsetof(lc_surface, base);
    if (LC_PTR_OFFSET(surface.base) % shape.element != 0) return bad_address(base, "must be aligned to the element");
    for (const Dimension& d : dimensions) {
        if (d.stride % shape.element != 0) return bad_field(d.field, "stride: must be aligned to the element");
    }
    std::stable_sort(dimensions.begin(), dimensions.end(),
                     [](const Dimension& a, const Dimension& b) { return a.stride < b.stride; });
    Wide extent = shape.element;
    for (const Dimension& d : dimensions) {
        if (d.count <= 1) continue;
        if (shape.written && d.stride < extent) return bad_field(d.field, "stride: output elements overlap");
        extent += Wide{d.count - 1} * d.stride;
    }
    return check_range(surface.base, extent, Reach::scratchpad, limits, base);
}

MaybeFault check_output_clamp(std::uint32_t format, std::int32_t lo, std::int32_t hi, std::int32_t zero_point,
                              std::size_t lo_field, std::size_t zero_field)
{
    if (lo > hi) return bad_field(lo_field, "clamp_lo: above clamp_hi");
    if (format != LC_FMT_U8 && format != LC_FMT_S8 && format != LC_FMT_S16) return std::nullopt;
    const std::int32_t least = format == LC_FMT_U8 ? 0 : format == LC_FMT_S8 ? -128 : -32768;
    const std::int32_t most = least + (format == LC_FMT_S16 ? 65535 : 255);
    if (lo < least) return bad_field(lo_field, "clamp_lo: outside the output format");
    if (hi > most) return bad_field(lo_field + 4, "clamp_hi: outside the output format");
    if (zero_point < least || zero_point > most) {
        return bad_field(zero_field, "zero_point: outside the output format");
    }
    return std::nullopt;
}

}  // namespace lightcard::control_chip
