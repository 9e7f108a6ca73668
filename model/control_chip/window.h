// SPDX-License-Identifier: Apache-2.0
/// The one place that says what an lc_window reads and where an lc_surface writes. Used by the photonic cores (input
/// stream of an MVM) and the vector unit (pooling, element-wise).
///
/// A position outside [0,height) x [0,width) reads the caller's zero code and never touches memory. The functions trust
/// the window: decode() has checked that every address of a position inside lies in memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// Output position of a vector: v = (n * out_h + y) * out_w + x.
struct Position {
    std::uint32_t n = 0, y = 0, x = 0;
};

inline std::uint64_t vectors_of(const lc_window& window)
{
    return static_cast<std::uint64_t>(window.images) * window.out_h * window.out_w;
}

inline Position position_of(const lc_window& window, std::uint64_t vector)
{
    const std::uint64_t row = vector / window.out_w;
    return {static_cast<std::uint32_t>(row / window.out_h), static_cast<std::uint32_t>(row % window.out_h),
            static_cast<std::uint32_t>(vector % window.out_w)};
}

inline void advance(const lc_window& window, Position& at)
{
    if (++at.x < window.out_w) return;
    at.x = 0;
    if (++at.y < window.out_h) return;
    at.y = 0;
    ++at.n;
}

/// Input row / column that kernel row / column `k` sees from output row / column `at`; may lie outside.
inline std::int64_t window_row(const lc_window& window, std::uint32_t at, std::uint32_t k)
{
    return static_cast<std::int64_t>(at) * window.step_h - window.pad_h + static_cast<std::int64_t>(k) * window.dil_h;
}
inline std::int64_t window_column(const lc_window& window, std::uint32_t at, std::uint32_t k)
{
    return static_cast<std::int64_t>(at) * window.step_w - window.pad_w + static_cast<std::int64_t>(k) * window.dil_w;
}

/// Offset (within the base's space) of channel 0 at kernel position (kh, kw). False: outside, reads zero.
inline bool window_offset(const lc_window& window, Position at, std::uint32_t kh, std::uint32_t kw,
                          std::uint64_t& offset)
{
    const std::int64_t row = window_row(window, at.y, kh);
    const std::int64_t column = window_column(window, at.x, kw);
    if (row < 0 || row >= window.height || column < 0 || column >= window.width) return false;
    offset = LC_PTR_OFFSET(window.base) + at.n * window.stride_n + static_cast<std::uint64_t>(row) * window.stride_h +
             static_cast<std::uint64_t>(column) * window.stride_w;
    return true;
}

/// Offset (within the base's space) of column 0 of an output vector.
inline std::uint64_t surface_offset(const lc_surface& surface, Position at)
{
    return LC_PTR_OFFSET(surface.base) + at.n * surface.stride_n + static_cast<std::uint64_t>(at.y) * surface.stride_h +
           static_cast<std::uint64_t>(at.x) * surface.stride_w;
}

/// Reader of a memory that is one array: offset 0 = data[0]. Sparse memories bring their own
/// `void operator()(std::uint64_t offset, std::uint8_t* out, std::size_t bytes) const`.
struct FlatReader {
    const std::uint8_t* data = nullptr;
    void operator()(std::uint64_t offset, std::uint8_t* out, std::size_t bytes) const
    {
        std::memcpy(out, data + offset, bytes);
    }
};

/// Gathers rows [k0, k0 + rows) of the flattened kernel, 8-bit codes, for one vector after another.
class WindowGather {
public:
    WindowGather(const lc_window& window, std::uint32_t k0, std::uint32_t rows)
        : window_(window), rows_(rows), row_channels_(static_cast<std::uint64_t>(window.kernel_w) * window.channels)
    {
        first_kh_ = static_cast<std::uint32_t>(k0 / row_channels_);
        first_in_row_ = static_cast<std::uint32_t>(k0 % row_channels_);
        // Channels of neighbouring kernel columns follow each other in memory: one run a kernel row.
        dense_ = window.dil_w == 1 && window.stride_w == window.channels;
    }

    template <class Reader>
    void operator()(Position at, const Reader& read, std::uint8_t zero, std::uint8_t* out) const
    {
        std::uint32_t left = rows_;
        std::uint64_t begin = first_in_row_;
        for (std::uint32_t kh = first_kh_; left != 0; ++kh, begin = 0) {
            const std::uint64_t count = std::min<std::uint64_t>(left, row_channels_ - begin);
            kernel_row(at, kh, begin, count, read, zero, out);
            out += count;
            left -= static_cast<std::uint32_t>(count);
        }
    }

private:
    /// Elements [begin, begin + count) of kernel row kh, counted in (kw, channel) order.
    template <class Reader>
    void kernel_row(Position at, std::uint32_t kh, std::uint64_t begin, std::uint64_t count, const Reader& read,
                    std::uint8_t zero, std::uint8_t* out) const
    {
        const std::int64_t row = window_row(window_, at.y, kh);
        if (row < 0 || row >= window_.height) {
            std::memset(out, zero, count);
            return;
        }
        const std::uint64_t line =
            LC_PTR_OFFSET(window_.base) + at.n * window_.stride_n + static_cast<std::uint64_t>(row) * window_.stride_h;
        if (dense_) {
            dense_row(at, line, begin, count, read, zero, out);
            return;
        }
        const std::uint32_t channels = window_.channels;
        auto kw = static_cast<std::uint32_t>(begin / channels);
        auto channel = static_cast<std::uint32_t>(begin % channels);
        while (count != 0) {
            const std::uint64_t run = std::min<std::uint64_t>(count, channels - channel);
            const std::int64_t column = window_column(window_, at.x, kw);
            if (column < 0 || column >= window_.width) {
                std::memset(out, zero, run);
            } else {
                read(line + static_cast<std::uint64_t>(column) * window_.stride_w + channel, out, run);
            }
            out += run;
            count -= run;
            channel = 0;
            ++kw;
        }
    }

    template <class Reader>
    void dense_row(Position at, std::uint64_t line, std::uint64_t begin, std::uint64_t count, const Reader& read,
                   std::uint8_t zero, std::uint8_t* out) const
    {
        const auto channels = static_cast<std::int64_t>(window_.channels);
        const std::int64_t origin = window_column(window_, at.x, 0) * channels;  // of element 0 in this line
        const std::int64_t first = origin + static_cast<std::int64_t>(begin);
        const std::int64_t last = first + static_cast<std::int64_t>(count);
        const std::int64_t limit = static_cast<std::int64_t>(window_.width) * channels;
        const std::int64_t inside = std::clamp<std::int64_t>(first, 0, limit);
        const std::int64_t outside = std::clamp<std::int64_t>(last, inside, limit);
        const std::int64_t before = std::min(inside, last) - first;
        if (before > 0) std::memset(out, zero, static_cast<std::size_t>(before));
        if (outside > inside) {
            read(line + static_cast<std::uint64_t>(inside), out + (inside - first),
                 static_cast<std::size_t>(outside - inside));
        }
        const std::int64_t tail = std::max(outside, first);
        if (last > tail) std::memset(out + (tail - first), zero, static_cast<std::size_t>(last - tail));
    }

    lc_window window_;
    std::uint32_t rows_, first_kh_ = 0, first_in_row_ = 0;
    std::uint64_t row_channels_;
    bool dense_ = false;
};

/// One vector; for a stream of them keep a WindowGather and advance() a Position.
template <class Reader>
void gather_rows(const lc_window& window, std::uint32_t k0, std::uint32_t rows, std::uint64_t vector,
                 const Reader& read, std::uint8_t zero, std::uint8_t* out)
{
    WindowGather(window, k0, rows)(position_of(window, vector), read, zero, out);
}

}  // namespace lightcard::control_chip
