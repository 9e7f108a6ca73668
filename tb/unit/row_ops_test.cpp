// SPDX-License-Identifier: Apache-2.0
// Rows of elements, several at once, against the same element by element.
#include "lightcard/model/control_chip/row_ops.h"

#include <gtest/gtest.h>

#include <random>

namespace lightcard::control_chip {
namespace {

constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min(),
                       kMost = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t kCounts[] = {1, 2, 7, 15, 16, 17, 64, 255, 256, 257, 600};

/// Small and large values and the ends of the range.
class Values {
public:
    explicit Values(std::uint32_t seed) : random_(seed) {}
    std::int32_t value()
    {
        const auto bits = static_cast<std::int32_t>(random_());
        switch (random_() % 5) {
            case 0:
                return bits % 300;
            case 1:
                return random_() % 2 == 0 ? kLeast : kMost;
            case 2:
                return bits >> 12;
            default:
                return bits;
        }
    }
    std::vector<std::int32_t> row(std::uint32_t count)
    {
        std::vector<std::int32_t> values(count);
        for (auto& value : values) value = this->value();
        return values;
    }
    std::uint32_t below(std::uint32_t end) { return static_cast<std::uint32_t>(random_() % end); }

private:
    std::mt19937 random_;
};

TEST(RowOps, LoadAndStoreAnyFormatAndStep)
{
    Values values(1);
    for (const auto count : kCounts)
        for (const std::uint32_t format : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16, LC_FMT_S32})
            for (const std::uint32_t step : {0u, 1u, 2u, 4u, 12u}) {
                if (step != 0 && step < element_bytes(format)) continue;
                std::vector<std::uint8_t> memory(count * 12 + 4), stored(memory.size()), expected(memory.size());
                for (auto& byte : memory) byte = static_cast<std::uint8_t>(values.value());
                std::vector<std::int32_t> row(count);
                load_row(memory.data(), {format, step}, count, row.data());
                for (std::uint32_t i = 0; i < count; ++i)
                    ASSERT_EQ(row[i], load_element(memory.data() + i * step, format))
                        << format << ' ' << step << ' ' << i;
                if (step == 0) continue;
                const auto wide = values.row(count);
                store_row(wide.data(), {format, step}, count, stored.data());
                for (std::uint32_t i = 0; i < count; ++i) store_element(expected.data() + i * step, format, wide[i]);
                ASSERT_EQ(stored, expected) << format << ' ' << step;
            }
}

TEST(RowOps, SumsSaturateAndTheLargestStays)
{
    Values values(2);
    for (const auto count : kCounts) {
        const auto a = values.row(count), b = values.row(count);
        auto sums = a, largest = a;
        add_saturated(reinterpret_cast<const std::uint8_t*>(b.data()), count, sums.data());
        keep_largest(b.data(), count, largest.data());
        for (std::uint32_t i = 0; i < count; ++i) {
            ASSERT_EQ(sums[i], saturate32(std::int64_t{a[i]} + b[i])) << i;
            ASSERT_EQ(largest[i], std::max(a[i], b[i])) << i;
        }
    }
}

TEST(RowOps, Rescaling)
{
    Values values(3);
    for (const auto count : kCounts)
        for (int round = 0; round < 20; ++round) {
            const Rescaling by{
                values.value() >> 8, values.below(40), {static_cast<std::int32_t>(values.below(256)) - 128, -128, 127}};
            const std::int64_t mult2 = values.value() >> 8;
            const auto a = values.row(count), b = values.row(count);
            auto rescaled = a, added = a, multiplied = a, factors = b;
            for (auto& factor : factors) factor >>= 24;
            rescale_row(by, count, rescaled.data());
            add_rows(by, mult2, b.data(), count, added.data());
            multiply_rows(by, factors.data(), count, multiplied.data());
            for (std::uint32_t i = 0; i < count; ++i) {
                const std::int64_t left = a[i], right = b[i];
                ASSERT_EQ(rescaled[i], by.clamp(rescale(left * by.mult, by.shift)));
                ASSERT_EQ(added[i], by.clamp(rescale(left * by.mult + right * mult2, by.shift)));
                ASSERT_EQ(multiplied[i], by.clamp(rescale(left * factors[i] * by.mult, by.shift)));
            }
        }
}

TEST(RowOps, PostProcessing)
{
    Values values(4);
    for (const auto cols : kCounts) {
        const auto bias = values.row(cols), multiplier = values.row(cols), sums = values.row(cols);
        std::vector<std::uint8_t> packed(PostTable::bytes(cols));
        std::memcpy(packed.data(), bias.data(), cols * 4);
        std::memcpy(packed.data() + cols * 4, multiplier.data(), cols * 4);
        for (std::uint32_t col = 0; col < cols; ++col)
            packed[cols * 8 + col] = static_cast<std::uint8_t>(1 + values.below(62));
        const PostTable table(packed.data(), cols);
        EXPECT_TRUE(table.shifts_legal());
        const Clamp clamp{-7, -100, 90};
        for (const std::uint32_t format : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16, LC_FMT_S32}) {
            std::vector<std::uint8_t> out(cols * 4), expected(cols * 4);
            post_process_row(sums.data(), cols, table, clamp, format, out.data());
            for (std::uint32_t col = 0; col < cols; ++col) {
                const std::int32_t biased = saturate32(std::int64_t{sums[col]} + bias[col]);
                const auto value = format == LC_FMT_S32
                                       ? biased
                                       : clamp(rescale(std::int64_t{biased} * multiplier[col], packed[cols * 8 + col]));
                store_element(expected.data() + std::size_t{col} * element_bytes(format), format, value);
            }
            ASSERT_EQ(out, expected) << format << ' ' << cols;
        }
        for (const std::uint8_t illegal : {0, 63}) {
            packed[cols * 9 - 1] = illegal;
            EXPECT_FALSE(PostTable(packed.data(), cols).shifts_legal());
        }
    }
}

}  // namespace
}  // namespace lightcard::control_chip
