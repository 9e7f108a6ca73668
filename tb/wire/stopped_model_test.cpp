// SPDX-License-Identifier: Apache-2.0
// A model that does not get to its work never costs the client its device.
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/vfio_user/card_device.h"

namespace lightcard::vfio_user {
namespace {

struct Machine {
    Card card{"card", default_card()};
    KernelLoop loop{"loop", card, Pace::free};
    GuestMemory memory;
    Interrupts interrupts{32};
    CardDevice device{"device", card, loop, memory, interrupts};

    std::uint32_t read(std::uint32_t region, std::uint64_t offset)
    {
        std::uint32_t value = 0;
        device.read(region, offset, reinterpret_cast<std::uint8_t*>(&value), sizeof value);
        return value;
    }
    void write(std::uint32_t region, std::uint64_t offset, std::uint32_t value)
    {
        Bytes data;
        append(data, value);
        device.write(region, offset, std::move(data));
    }
};

template <class Work>
std::chrono::milliseconds time_of(Work work)
{
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

TEST(StoppedModel, EveryAccessEnds)
{
    Machine machine;
    const auto limit = CardDevice::kAnswerTime + std::chrono::milliseconds(500);
    // The kernel has never run.
    EXPECT_EQ(machine.read(kConfigRegion, 0), 0x01281d9bu);
    std::uint32_t value = 0;
    EXPECT_LT(time_of([&] { value = machine.read(kBar0, LC_REG_MAGIC); }), limit);
    EXPECT_EQ(value, 0xffff'ffffu);
    EXPECT_EQ(machine.device.late_answers(), 1u);

    // It runs, and does what was asked of it in the meantime.
    std::thread client([&] {
        EXPECT_TRUE(machine.device.reset());
        machine.write(kConfigRegion, 0x04, 0x0006);
        EXPECT_EQ(machine.read(kBar0, LC_REG_MAGIC), LC_MAGIC_VALUE);
        machine.write(kBar0, LC_REG_LIVENESS, 5);
        EXPECT_EQ(machine.read(kBar0, LC_REG_LIVENESS), ~5u);
        machine.loop.stop();
    });
    ASSERT_TRUE(machine.loop.run());
    client.join();

    // It has stopped for good: identity at once, state as last seen, in bounded time.
    EXPECT_LT(time_of([&] { value = machine.read(kBar0, LC_REG_MAGIC); }), std::chrono::milliseconds(500));
    EXPECT_EQ(value, LC_MAGIC_VALUE);
    EXPECT_LT(time_of([&] { value = machine.read(kBar0, LC_REG_LIVENESS); }), limit);
    EXPECT_EQ(value, ~5u);
    bool well = true;
    EXPECT_LT(time_of([&] { well = machine.device.reset(); }), limit);
    EXPECT_FALSE(well);
    EXPECT_EQ(machine.device.late_answers(), 3u);
}

}  // namespace
}  // namespace lightcard::vfio_user
