// SPDX-License-Identifier: Apache-2.0
/// Rows of elements, several at once as the CPU can: what the digital engines and the accumulators spend their time on.
/// Integers, so that every instruction set gives the same.
#pragma once

#include <cstdint>

#include "lightcard/model/control_chip/post_process.h"

namespace lightcard::control_chip {

/// `count` elements of a format, `step` bytes from one to the next (0: all the same one).
struct RowFormat {
    std::uint32_t format, step;
};
void load_row(const std::uint8_t* at, RowFormat format, std::uint32_t count, std::int32_t* values);
void store_row(const std::int32_t* values, RowFormat format, std::uint32_t count, std::uint8_t* at);

/// sums[i] += before[i], saturated; `before`: s32, packed.
void add_saturated(const std::uint8_t* before, std::uint32_t count, std::int32_t* sums);
/// largest[i] = max(largest[i], values[i]).
void keep_largest(const std::int32_t* values, std::uint32_t count, std::int32_t* largest);

/// clamp(rescale(a * mult, shift)), in place.
struct Rescaling {
    std::int64_t mult;
    std::uint32_t shift;
    Clamp clamp;
};
void rescale_row(const Rescaling& by, std::uint32_t count, std::int32_t* values);
/// clamp(rescale(a * mult + b * mult2, shift)) to `a`.
void add_rows(const Rescaling& by, std::int64_t mult2, const std::int32_t* b, std::uint32_t count, std::int32_t* a);
/// clamp(rescale(a * b * mult, shift)) to `a`.
void multiply_rows(const Rescaling& by, const std::int32_t* b, std::uint32_t count, std::int32_t* a);

/// One row of accumulators to the output: s32 adds the bias, narrower formats rescale and clamp.
void post_process_row(const std::int32_t* sums, std::uint32_t cols, const PostTable& table, const Clamp& clamp,
                      std::uint32_t format, std::uint8_t* out);

}  // namespace lightcard::control_chip
