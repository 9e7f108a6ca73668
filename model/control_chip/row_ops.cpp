// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/row_ops.h"

#include <array>

#include "lightcard/model/common/simd.h"

namespace lightcard::control_chip {

namespace {

LIGHTCARD_CLONES void widen_u8(const std::uint8_t* at, std::uint32_t count, std::int32_t* __restrict values)
{
    for (std::uint32_t i = 0; i < count; ++i) values[i] = at[i];
}

LIGHTCARD_CLONES void widen_s8(const std::uint8_t* at, std::uint32_t count, std::int32_t* __restrict values)
{
    for (std::uint32_t i = 0; i < count; ++i) values[i] = static_cast<std::int8_t>(at[i]);
}

LIGHTCARD_CLONES void narrow_8(const std::int32_t* values, std::uint32_t count, std::uint8_t* __restrict at)
{
    for (std::uint32_t i = 0; i < count; ++i) at[i] = static_cast<std::uint8_t>(values[i]);
}

LIGHTCARD_CLONES void add_bias(const std::int32_t* sums, const std::int32_t* bias, std::uint32_t count,
                               std::int32_t* __restrict values)
{
    for (std::uint32_t i = 0; i < count; ++i) values[i] = saturate32(std::int64_t{sums[i]} + bias[i]);
}

LIGHTCARD_CLONES void rescale_columns(const std::int32_t* multiplier, const std::int64_t* shift,
                                      const std::int64_t* half, const Clamp& clamp, std::uint32_t count,
                                      std::int32_t* __restrict values)
{
    const Clamp to = clamp;
    for (std::uint32_t i = 0; i < count; ++i)
        values[i] = to((std::int64_t{values[i]} * multiplier[i] + half[i]) >> shift[i]);
}

}  // namespace

void load_row(const std::uint8_t* at, RowFormat format, std::uint32_t count, std::int32_t* values)
{
    const bool bytes = format.step == 1;
    if (bytes && format.format == LC_FMT_U8) return widen_u8(at, count, values);
    if (bytes && format.format == LC_FMT_S8) return widen_s8(at, count, values);
    for (std::uint32_t i = 0; i < count; ++i)
        values[i] = load_element(at + static_cast<std::size_t>(i) * format.step, format.format);
}

void store_row(const std::int32_t* values, RowFormat format, std::uint32_t count, std::uint8_t* at)
{
    if (format.step == 1) return narrow_8(values, count, at);
    for (std::uint32_t i = 0; i < count; ++i)
        store_element(at + static_cast<std::size_t>(i) * format.step, format.format, values[i]);
}

LIGHTCARD_CLONES void add_saturated(const std::uint8_t* before, std::uint32_t count, std::int32_t* __restrict sums)
{
    for (std::uint32_t i = 0; i < count; ++i) {
        std::int32_t value = 0;
        std::memcpy(&value, before + std::size_t{i} * 4, sizeof value);
        sums[i] = saturate32(std::int64_t{sums[i]} + value);
    }
}

LIGHTCARD_CLONES void keep_largest(const std::int32_t* values, std::uint32_t count, std::int32_t* __restrict largest)
{
    for (std::uint32_t i = 0; i < count; ++i) largest[i] = largest[i] > values[i] ? largest[i] : values[i];
}

LIGHTCARD_CLONES void rescale_row(const Rescaling& by, std::uint32_t count, std::int32_t* __restrict values)
{
    const Rescaling to = by;
    for (std::uint32_t i = 0; i < count; ++i) values[i] = to.clamp(rescale(values[i] * to.mult, to.shift));
}

LIGHTCARD_CLONES void add_rows(const Rescaling& by, std::int64_t mult2, const std::int32_t* b, std::uint32_t count,
                               std::int32_t* __restrict a)
{
    const Rescaling to = by;
    for (std::uint32_t i = 0; i < count; ++i) a[i] = to.clamp(rescale(a[i] * to.mult + b[i] * mult2, to.shift));
}

LIGHTCARD_CLONES void multiply_rows(const Rescaling& by, const std::int32_t* b, std::uint32_t count,
                                    std::int32_t* __restrict a)
{
    const Rescaling to = by;
    for (std::uint32_t i = 0; i < count; ++i) a[i] = to.clamp(rescale(std::int64_t{a[i]} * b[i] * to.mult, to.shift));
}

void post_process_row(const std::int32_t* sums, std::uint32_t cols, const PostTable& table, const Clamp& clamp,
                      std::uint32_t format, std::uint8_t* out)
{
    constexpr std::uint32_t kBlock = 256;
    std::array<std::int32_t, kBlock> values;
    const std::uint32_t bytes = element_bytes(format);
    for (std::uint32_t first = 0; first < cols; first += kBlock) {
        const std::uint32_t count = std::min(kBlock, cols - first);
        add_bias(sums + first, table.bias.data() + first, count, values.data());
        if (format != LC_FMT_S32)
            rescale_columns(table.multiplier.data() + first, table.shift.data() + first, table.half.data() + first,
                            clamp, count, values.data());
        store_row(values.data(), {format, bytes}, count, out + static_cast<std::size_t>(first) * bytes);
    }
}

}  // namespace lightcard::control_chip
