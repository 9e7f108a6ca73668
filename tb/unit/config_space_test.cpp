// SPDX-License-Identifier: Apache-2.0
// Configuration space: golden bytes of the reference card, and what each kind of bit does.
#include "lightcard/model/host_link/config_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace lightcard::host_link {
namespace {

std::uint64_t get(const ConfigSpace& space, std::uint32_t offset, std::uint32_t bytes)
{
    std::uint64_t value = 0;
    space.read(offset, reinterpret_cast<std::uint8_t*>(&value), bytes);
    return value;
}
void set(ConfigSpace& space, std::uint32_t offset, std::uint64_t value, std::uint32_t bytes)
{
    space.write(offset, reinterpret_cast<const std::uint8_t*>(&value), bytes);
}

/// Every dword of the reference card that is not zero, decoded by hand from the PCI and PCIe 4.0 specifications.
const std::map<std::uint32_t, std::uint32_t> kGolden = {
    {0x000, 0x01281d9b},  // device 0x0128 of vendor 0x1d9b
    {0x004, 0x00100000},  // status: capability list
    {0x008, 0x12000001},  // class 0x120000, revision 1
    {0x010, 0x00000004},  // BAR0: memory, 64 bit
    {0x018, 0x0000000c},  // BAR2: memory, 64 bit, prefetchable
    {0x020, 0x00000004},  // BAR4: memory, 64 bit
    {0x02c, 0x01281d9b},  // subsystem
    {0x034, 0x00000040},  // first capability
    {0x040, 0x00035001},  // power management v3, next 0x50; no PME, no D1, no D2
    {0x044, 0x00000008},  // no soft reset, D0
    {0x050, 0x001f6011},  // MSI-X, next 0x60, 32 vectors
    {0x054, 0x00000004},  // table: BAR4 at 0
    {0x058, 0x00002004},  // pending bits: BAR4 at 0x2000
    {0x060, 0x00020010},  // PCI Express, last; version 2, endpoint
    {0x064, 0x10008fe1},  // FLR, role-based errors, L1 and L0s unlimited, extended tags, payload 256
    {0x068, 0x00002910},  // read request 512, no snoop, extended tags, relaxed ordering, payload 128
    {0x06c, 0x00430904},  // ASPM optionality, L1 exit below 64 us, ASPM L1, x16, 16 GT/s
    {0x070, 0x11040000},  // slot clock, x16, 16 GT/s
    {0x084, 0x0000081f},  // LTR, completion timeout ranges ABCD and disable
    {0x08c, 0x0000001e},  // 2.5 to 16 GT/s
    {0x090, 0x001e0004},  // equalisation complete; target 16 GT/s
    {0x100, 0x14820001},  // AER v2, next 0x148
    {0x108, 0x00400000},  // uncorrectable mask: internal
    {0x10c, 0x00462010},  // severity: protocol, flow control, overflow, malformed, internal are fatal
    {0x114, 0x00006000},  // correctable mask: advisory, internal
    {0x148, 0x15810003},  // serial number v1, next 0x158
    {0x14c, 0xfe000001}, {0x150, 0x9b0128ff}, {0x158, 0x16010018},  // LTR v1, next 0x160
    {0x160, 0x00010019},                                            // secondary PCI Express v1, last
};

TEST(ConfigSpace, GoldenBytes)
{
    const ConfigSpace space{Parameters{}};
    for (std::uint32_t offset = 0; offset < ConfigSpace::kBytes; offset += 4) {
        const auto expected = kGolden.count(offset) ? kGolden.at(offset) : 0;
        EXPECT_EQ(get(space, offset, 4), expected) << "at 0x" << std::hex << offset;
    }
}

TEST(ConfigSpace, CapabilityChainsEnd)
{
    for (const std::uint32_t generation : {1u, 3u, 5u}) {
        Parameters parameters;
        parameters.generation = generation;
        const ConfigSpace space{parameters};
        std::vector<std::uint64_t> ids, extended;
        for (auto at = get(space, 0x34, 1); at != 0 && ids.size() < 48; at = get(space, at + 1, 1))
            ids.push_back(get(space, at, 1));
        for (std::uint32_t at = 0x100; at != 0 && extended.size() < 96;
             at = static_cast<std::uint32_t>(get(space, at, 4) >> 20))
            extended.push_back(get(space, at, 2));
        EXPECT_THAT(ids, testing::ElementsAre(0x01, 0x11, 0x10));
        if (generation >= 3) {
            EXPECT_THAT(extended, testing::ElementsAre(0x01, 0x03, 0x18, 0x19));
        } else {
            EXPECT_THAT(extended, testing::ElementsAre(0x01, 0x03, 0x18));
        }
    }
}

TEST(ConfigSpace, LinkFollowsTheCard)
{
    Parameters parameters;
    parameters.generation = 3;
    parameters.width = 8;
    const ConfigSpace space{parameters};
    EXPECT_EQ(get(space, 0x6c, 4) & 0x3ff, 0x083u);
    EXPECT_EQ(get(space, 0x72, 2) & 0x3ff, 0x083u);
    EXPECT_EQ(get(space, 0x8c, 4), 0x0eu);
}

TEST(ConfigSpace, SizingFindsEveryBar)
{
    ConfigSpace space{Parameters{}};
    const std::map<std::uint32_t, std::uint64_t> sizes = {{0, 64 << 10}, {2, 16ull << 30}, {4, 16 << 10}};
    for (const auto& [bar, bytes] : sizes) {
        set(space, 0x10 + 4 * bar, ~0ull, 8);
        EXPECT_EQ(~(get(space, 0x10 + 4 * bar, 8) & ~0xfull) + 1, bytes);
        EXPECT_EQ(get(space, 0x10 + 4 * bar, 1) & 0xf, bar == 2 ? 0xcu : 0x4u);
    }
}

TEST(ConfigSpace, ReadOnlyBitsStay)
{
    ConfigSpace space{Parameters{}};
    for (std::uint32_t offset = 0; offset < ConfigSpace::kBytes; offset += 4) {
        if (offset == ConfigSpace::kDeviceControl) continue;  // would reset
        set(space, offset, 0xffff'ffff, 4);
    }
    EXPECT_EQ(get(space, 0x00, 4), 0x01281d9bu);
    EXPECT_EQ(get(space, 0x04, 2), 0x0546u);
    EXPECT_EQ(get(space, 0x06, 2), 0x0010u);
    EXPECT_EQ(get(space, 0x08, 4), 0x12000001u);
    EXPECT_EQ(get(space, 0x52, 2), 0xc01fu);
    EXPECT_EQ(get(space, 0x64, 4), 0x10008fe1u);
    EXPECT_EQ(get(space, 0x100, 4), 0x14820001u);
    EXPECT_EQ(get(space, 0x800, 4), 0u);
}

TEST(ConfigSpace, BeyondTheEnd)
{
    ConfigSpace space{Parameters{}};
    set(space, 0xffe, 0x1234'5678, 4);
    EXPECT_EQ(get(space, 0xffe, 4), 0xffff'0000u);
    EXPECT_EQ(get(space, 0xffff'fffe, 4), 0xffff'ffffu);
}

TEST(ConfigSpace, FunctionReset)
{
    ConfigSpace space{Parameters{}};
    int resets = 0;
    space.on_function_reset = [&] {
        ++resets;
        space.reset();
    };
    set(space, 0x04, 0x0006, 2);
    set(space, 0x10, 0xc000'0000, 4);
    set(space, 0x70, 0x0042, 2);
    space.report_uncorrectable(ConfigSpace::kPoisonedTlp, {1, 2, 3, 4});
    set(space, ConfigSpace::kDeviceControl, 0x2910 | ConfigSpace::kFunctionReset, 2);
    EXPECT_EQ(resets, 1);
    EXPECT_EQ(get(space, ConfigSpace::kDeviceControl, 2), 0x2910u);
    EXPECT_FALSE(space.memory_enabled() || space.bus_master());
    EXPECT_EQ(get(space, 0x10, 4), 4u);
    EXPECT_EQ(get(space, 0x70, 2), 0x0042u) << "link control survives FLR";
    EXPECT_EQ(get(space, 0x104, 4), ConfigSpace::kPoisonedTlp) << "error status is sticky";
    EXPECT_EQ(get(space, ConfigSpace::kDeviceStatus, 2), 0u);
    space.power_on();
    EXPECT_EQ(get(space, 0x104, 4), 0u);
}

TEST(ConfigSpace, D3hotAnswersNothing)
{
    ConfigSpace space{Parameters{}};
    set(space, 0x04, 0x0006, 2);
    set(space, 0x10, 0xc000'0000, 4);
    ASSERT_TRUE(space.decode(0xc000'0010, 4));
    set(space, 0x44, 0x0003, 2);
    EXPECT_FALSE(space.decode(0xc000'0010, 4));
    EXPECT_FALSE(space.bus_master());
    set(space, 0x44, 0x0001, 2);  // D1 is not supported: stays where it is
    EXPECT_EQ(get(space, 0x44, 2), 0x000bu);
    set(space, 0x44, 0x0000, 2);
    EXPECT_TRUE(space.decode(0xc000'0010, 4)) << "no soft reset: the BAR is still there";
}

TEST(ConfigSpace, ErrorsOfTheLink)
{
    ConfigSpace space{Parameters{}};
    space.report_correctable(ConfigSpace::kReplayTimeout);
    EXPECT_EQ(get(space, 0x110, 4), ConfigSpace::kReplayTimeout);
    EXPECT_EQ(get(space, ConfigSpace::kDeviceStatus, 2), 0x1u);
    space.report_uncorrectable(ConfigSpace::kUnsupportedRequest, {0xa, 0xb, 0xc, 0xd});
    space.report_uncorrectable(ConfigSpace::kMalformedTlp, {9, 9, 9, 9});
    EXPECT_EQ(get(space, 0x104, 4), ConfigSpace::kUnsupportedRequest | ConfigSpace::kMalformedTlp);
    EXPECT_EQ(get(space, 0x118, 4) & 0x1f, 20u) << "first error pointer";
    EXPECT_EQ(get(space, 0x11c, 4), 0xau) << "header of the first, not of the second";
    EXPECT_EQ(get(space, ConfigSpace::kDeviceStatus, 2), 0xfu);
    set(space, ConfigSpace::kDeviceStatus, 0x000f, 2);
    EXPECT_EQ(get(space, ConfigSpace::kDeviceStatus, 2), 0u) << "cleared by writing ones";
    set(space, 0x104, ConfigSpace::kMalformedTlp, 4);
    EXPECT_EQ(get(space, 0x104, 4), ConfigSpace::kUnsupportedRequest);
    space.report_uncorrectable(1u << 21, {});  // ACS violation: not an error of this endpoint
    EXPECT_EQ(get(space, 0x104, 4), ConfigSpace::kUnsupportedRequest);
}

TEST(ConfigSpace, TransactionsPending)
{
    ConfigSpace space{Parameters{}};
    bool busy = true;
    space.transactions_pending = [&] { return busy; };
    EXPECT_EQ(get(space, ConfigSpace::kDeviceStatus, 2), 0x20u);
    EXPECT_EQ(get(space, ConfigSpace::kDeviceControl, 4), 0x0020'2910u);
    busy = false;
    EXPECT_EQ(get(space, ConfigSpace::kDeviceStatus, 2), 0u);
}

}  // namespace
}  // namespace lightcard::host_link
