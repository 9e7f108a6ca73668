// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/window.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace lightcard::control_chip {
namespace {

/// The walker against the sentence in the ABI, one element at a time.
TEST(Window, GathersWhatTheAbiSays)
{
    std::mt19937 random(2);
    const auto pick = [&](int low, int high) {
        return static_cast<std::uint32_t>(low + static_cast<int>(random() % (high - low + 1)));
    };
    std::vector<std::uint8_t> memory(1 << 16);
    for (auto& byte : memory) byte = static_cast<std::uint8_t>(random());
    int zeros = 0;
    for (int i = 0; i < 3000; ++i) {
        lc_window w{};
        w.base = LC_PTR(LC_SPACE_SRAM, pick(0, 64));
        w.images = pick(1, 2), w.out_h = pick(1, 5), w.out_w = pick(1, 5), w.channels = pick(1, 9);
        w.height = pick(1, 7), w.width = pick(1, 7);
        w.stride_w = w.channels + (random() % 2 == 0 ? 0 : pick(0, 3));
        w.stride_h = w.stride_w * w.width, w.stride_n = std::uint64_t{w.stride_h} * w.height;
        w.kernel_h = static_cast<std::uint16_t>(pick(1, 4)), w.kernel_w = static_cast<std::uint16_t>(pick(1, 4));
        w.step_h = static_cast<std::uint16_t>(pick(1, 3)), w.step_w = static_cast<std::uint16_t>(pick(1, 3));
        w.dil_h = static_cast<std::uint16_t>(pick(1, 2)), w.dil_w = static_cast<std::uint16_t>(pick(1, 2));
        w.pad_h = static_cast<std::int16_t>(static_cast<int>(pick(0, 12)) - 4);
        w.pad_w = static_cast<std::int16_t>(static_cast<int>(pick(0, 12)) - 4);
        const std::uint32_t depth = std::uint32_t{w.kernel_h} * w.kernel_w * w.channels;
        const std::uint32_t k0 = random() % depth, rows = 1 + random() % (depth - k0);
        std::vector<std::uint8_t> got(rows);
        Position walked;
        for (std::uint64_t v = 0; v < vectors_of(w); ++v, advance(w, walked)) {
            gather_rows(w, k0, rows, v, FlatReader{memory.data()}, 0x5a, got.data());
            const std::int64_t x = static_cast<std::int64_t>(v % w.out_w),
                               y = static_cast<std::int64_t>(v / w.out_w % w.out_h);
            const std::uint64_t n = v / w.out_w / w.out_h;
            ASSERT_EQ(walked.n, n);
            ASSERT_EQ(walked.y, y);
            ASSERT_EQ(walked.x, x);
            for (std::uint32_t k = k0; k < k0 + rows; ++k) {
                const std::uint32_t ch = k % w.channels, kw = k / w.channels % w.kernel_w,
                                    kh = k / w.channels / w.kernel_w;
                const std::int64_t row = y * w.step_h - w.pad_h + kh * w.dil_h,
                                   col = x * w.step_w - w.pad_w + kw * w.dil_w;
                const bool inside = row >= 0 && row < w.height && col >= 0 && col < w.width;
                const std::uint8_t want =
                    !inside
                        ? 0x5a
                        : memory[LC_PTR_OFFSET(w.base) + n * w.stride_n + static_cast<std::uint64_t>(row) * w.stride_h +
                                 static_cast<std::uint64_t>(col) * w.stride_w + ch];
                zeros += inside ? 0 : 1;
                ASSERT_EQ(got[k - k0], want) << "case " << i << " vector " << v << " row " << k;
            }
        }
    }
    EXPECT_GT(zeros, 10'000);
}

}  // namespace
}  // namespace lightcard::control_chip
