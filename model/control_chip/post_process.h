// SPDX-License-Identifier: Apache-2.0
/// Integer post-processing of accumulators, exactly as lightcard_abi.h words it, and typed element access.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

inline std::int32_t saturate32(std::int64_t value)
{
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(value, std::numeric_limits<std::int32_t>::min(),
                                                              std::numeric_limits<std::int32_t>::max()));
}

/// (value * multiplier + half) >> shift; a zero shift leaves the product as it is.
inline std::int64_t rescale(std::int64_t product, std::uint32_t shift)
{
    return shift == 0 ? product : (product + (std::int64_t{1} << (shift - 1))) >> shift;
}

/// Constants of `cols` columns, packed s32 bias, s32 multiplier, u8 shift.
struct PostTable {
    std::vector<std::int32_t> bias, multiplier;
    std::vector<std::int64_t> shift, half;  ///< half: what rescale() adds

    PostTable(const std::uint8_t* packed, std::uint32_t cols) : bias(cols), multiplier(cols), shift(cols), half(cols)
    {
        if (packed == nullptr) return;
        std::memcpy(bias.data(), packed, cols * 4ull);
        std::memcpy(multiplier.data(), packed + cols * 4ull, cols * 4ull);
        for (std::uint32_t col = 0; col < cols; ++col) {
            shift[col] = packed[cols * 8ull + col];
            half[col] = shift[col] >= 1 && shift[col] <= 62 ? std::int64_t{1} << (shift[col] - 1) : 0;
        }
    }
    static std::size_t bytes(std::uint32_t cols) { return cols * 9ull; }
    bool shifts_legal() const
    {
        return std::all_of(shift.begin(), shift.end(), [](std::int64_t s) { return s >= 1 && s <= 62; });
    }
};

struct Clamp {
    std::int32_t zero_point, lo, hi;
    std::int32_t operator()(std::int64_t value) const
    {
        return static_cast<std::int32_t>(std::clamp<std::int64_t>(value + zero_point, lo, hi));
    }
};

inline std::uint32_t element_bytes(std::uint32_t format)
{
    if (format == LC_FMT_S32 || format == LC_FMT_F32) return 4;
    return format == LC_FMT_S16 ? 2 : 1;
}

inline std::int32_t load_element(const std::uint8_t* at, std::uint32_t format)
{
    if (format == LC_FMT_U8) return *at;
    if (format == LC_FMT_S8) return static_cast<std::int8_t>(*at);
    if (format == LC_FMT_S16) {
        std::int16_t half = 0;
        std::memcpy(&half, at, 2);
        return half;
    }
    std::int32_t value = 0;
    std::memcpy(&value, at, 4);
    return value;
}

inline void store_element(std::uint8_t* at, std::uint32_t format, std::int32_t value)
{
    if (format == LC_FMT_S32) {
        std::memcpy(at, &value, 4);
    } else if (format == LC_FMT_S16) {
        const auto half = static_cast<std::int16_t>(value);
        std::memcpy(at, &half, 2);
    } else {
        *at = static_cast<std::uint8_t>(value);
    }
}

}  // namespace lightcard::control_chip
