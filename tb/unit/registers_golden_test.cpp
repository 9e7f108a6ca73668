// SPDX-License-Identifier: Apache-2.0
/// The registers of BAR0 as a driver writer knows them, by hand: offsets, reset values, side effects. Nothing here is
/// taken from the table; a change of the table that breaks drivers breaks this.
#include <gtest/gtest.h>

#include "lightcard/model/common/registers.h"
#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/model/control_chip/register_table.h"

namespace lightcard {
namespace {

static_assert(LC_REG_BYTES == 65536);
static_assert(LC_REG_CC == 0x20 && LC_CC_EN == 1 && LC_CC_SHN == 0xc000 && LC_CC_SHN_SHIFT == 14);
static_assert(LC_REG_CSTS == 0x24 && LC_CSTS_RDY == 1 && LC_CSTS_CFS == 2 && LC_CSTS_SHST == 0xc);
static_assert(LC_MAGIC_VALUE == 0x4c433031 && LC_MAGIC_RESET == LC_MAGIC_VALUE);
static_assert(LC_REG_ASQ == 0x38 && LC_ASQ_PAGE == 0xfffffffffffff000);
static_assert(LC_BOOT_STATUS_READY == 0x40000000 && LC_BOOT_STATUS_FAILED == 0x80000000);
static_assert(LC_DOORBELL_SQ_TAIL(0) == 0x1000 && LC_DOORBELL_CQ_HEAD(0) == 0x1004 && LC_DOORBELL_SQ_TAIL(3) == 0x1018);
static_assert(LC_CAP_MAX_IOQ_SHIFT == 48 && LC_CAP_TO_SHIFT == 24 && LC_CAP_MQES == 0xffff);

/// What happens when the host writes all ones to the 4 bytes at an offset, and reads them again.
struct Golden {
    const char* name;
    std::uint32_t offset;
    std::uint32_t reset;       ///< read after power-on
    std::uint32_t after_ones;  ///< read after 0xffffffff was written
    std::uint32_t after_zero;  ///< and after 0 was written then
    const char* complaint;     ///< of the write of all ones; empty = none
};

constexpr Golden kGolden[] = {
    {"MAGIC", 0x000, 0x4c433031, 0x4c433031, 0x4c433031, "write to read-only MAGIC"},
    {"VERSION", 0x004, 0x00020000, 0x00020000, 0x00020000, "write to read-only VERSION"},
    {"CAP", 0x008, 0x010103ff, 0x010103ff, 0x010103ff, "reserved bits 0xfe0000 of CAP written"},
    {"CAP.high", 0x00c, 0x00100000, 0x00100000, 0x00100000, "reserved bits 0xff00fff000000000 of CAP written"},
    {"FEATURES", 0x010, 0x0000007a, 0x0000007a, 0x0000007a, "reserved bits 0xffffff80 of FEATURES written"},
    {"LIVENESS", 0x018, 0x00000000, 0x00000000, 0xffffffff, ""},
    {"CC", 0x020, 0x00000000, 0x0000c001, 0x00000000, "reserved bits 0xffff3ffe of CC written"},
    {"CSTS", 0x024, 0x00000000, 0x00000000, 0x00000000, "reserved bits 0xffffff80 of CSTS written"},
    {"INTMS", 0x028, 0x00000000, 0xffffffff, 0xffffffff, ""},
    {"INTMC", 0x02c, 0x00000000, 0x00000000, 0x00000000, ""},
    {"AQA", 0x030, 0x00000000, 0x0fff0fff, 0x00000000, "reserved bits 0xf000f000 of AQA written"},
    {"ASQ", 0x038, 0x00000000, 0xfffff000, 0x00000000, "reserved bits 0xfff of ASQ written"},
    {"ASQ.high", 0x03c, 0x00000000, 0xffffffff, 0x00000000, ""},
    {"ACQ", 0x040, 0x00000000, 0xfffff000, 0x00000000, "reserved bits 0xfff of ACQ written"},
    {"ACQ.high", 0x044, 0x00000000, 0xffffffff, 0x00000000, ""},
    {"BOOT_STATUS", 0x080, 0x00000001, 0x00000001, 0x00000001, "reserved bits 0x3fff0000 of BOOT_STATUS written"},
    {"BOOT_ERR", 0x084, 0x80000000, 0x80000000, 0x80000000, "reserved bits 0x7fffffe0 of BOOT_ERR written"},
    {"RESET_COUNT", 0x090, 0x00000000, 0x00000000, 0x00000000, "write to read-only RESET_COUNT"},
    {"RESET_CAUSE", 0x094, 0x00000000, 0x00000000, 0x00000000, "reserved bits 0xfffffff0 of RESET_CAUSE written"},
    {"ERR_STATUS", 0x0a0, 0x00000000, 0x00000000, 0x00000000, "reserved bits 0xfffffe00 of ERR_STATUS written"},
    {"ERR_MASK", 0x0a4, 0x00000000, 0x000001ff, 0x00000000, "reserved bits 0xfffffe00 of ERR_MASK written"},
    {"ERR_SEV", 0x0a8, 0x00000000, 0x000001ff, 0x00000000, "reserved bits 0xfffffe00 of ERR_SEV written"},
    {"ERR_FIRST", 0x0b0, 0x00000000, 0x00000000, 0x00000000, "write to read-only ERR_FIRST"},
    {"PWR_CTRL", 0x0c0, 0x00000000, 0x0000000f, 0x00000000, "reserved bits 0xfffffff0 of PWR_CTRL written"},
    {"PWR_STATUS", 0x0c4, 0x00000000, 0x00000000, 0x00000000, "reserved bits 0x7ffffff0 of PWR_STATUS written"},
    {"HEARTBEAT", 0x0d0, 0x00000000, 0x00000000, 0x00000000, "write to read-only HEARTBEAT"},
    {"TIME_NS", 0x0d8, 0x00000000, 0x00000000, 0x00000000, "write to read-only TIME_NS"},
    {"WEIGHT_GEN", 0x0e0, 0x00000000, 0x00000000, 0x00000000, "write to read-only WEIGHT_GEN"},
    {"TELEM_PTR", 0x100, 0x00004000, 0x00004000, 0x00004000, "write to read-only TELEM_PTR"},
    {"TELEM_COUNT", 0x104, 0x00000000, 0x00000000, 0x00000000, "write to read-only TELEM_COUNT"},
    {"TELEM_GEN", 0x108, 0x00000000, 0x00000000, 0x00000000, "write to read-only TELEM_GEN"},
    {"ERRLOG_PTR", 0x110, 0x00005000, 0x00005000, 0x00005000, "write to read-only ERRLOG_PTR"},
    {"ERRLOG_COUNT", 0x114, 0x00000000, 0x00000000, 0x00000000, "write to read-only ERRLOG_COUNT"},
    {"DOORBELL_SQ_TAIL[0]", 0x1000, 0, 0, 0, "reserved bits 0xffff0000 of DOORBELL_SQ_TAIL written"},
    {"DOORBELL_CQ_HEAD[1]", 0x100c, 0, 0, 0, "reserved bits 0xffff0000 of DOORBELL_CQ_HEAD written"},
};

TEST(RegisterGolden, OffsetsResetValuesAndWrites)
{
    for (const auto& golden : kGolden) {
        RegisterBank bank(control_chip::register_table());
        EXPECT_EQ(register_name(bank.table(), golden.offset), golden.name);
        EXPECT_EQ(bank.read(golden.offset, 4).value, golden.reset) << golden.name;
        EXPECT_EQ(bank.write(golden.offset, 4, 0xffffffff).text, golden.complaint) << golden.name;
        EXPECT_EQ(bank.read(golden.offset, 4).value, golden.after_ones) << golden.name;
        bank.write(golden.offset, 4, 0);
        EXPECT_EQ(bank.read(golden.offset, 4).value, golden.after_zero) << golden.name;
    }
}

TEST(RegisterGolden, SideEffects)
{
    RegisterBank bank(control_chip::register_table());
    bank.write(0x018, 4, 0x12345678);
    EXPECT_EQ(bank.read(0x018, 4).value, 0xedcba987u);

    bank.write(0x028, 4, 0x0000000f);  // mask vectors 0..3
    bank.write(0x02c, 4, 0x00000005);  // let 0 and 2 go
    EXPECT_EQ(bank.read(0x028, 4).value, 0x0000000au);
    EXPECT_EQ(bank.read(0x02c, 4).value, 0x0000000au);

    bank.set(bank.field("ERR_STATUS.DMA"), 1);
    bank.set(bank.field("ERR_STATUS.PCM"), 1);
    EXPECT_EQ(bank.read(0x0a0, 4).value, 0x12u);
    bank.write(0x0a0, 4, 0x02);
    EXPECT_EQ(bank.read(0x0a0, 4).value, 0x10u);

    bank.set(bank.field("TIME_NS"), 0x1'ffffffff);
    EXPECT_EQ(bank.read(0x0d8, 4).value, 0xffffffffu);
    bank.set(bank.field("TIME_NS"), 0x2'00000000);
    EXPECT_EQ(bank.read(0x0dc, 4).value, 0x1u) << "both halves are of the same moment";

    const auto doorbell = bank.read(0x1000, 4);
    EXPECT_EQ(doorbell.value, 0u);
    EXPECT_EQ(doorbell.outcome.text, "read of write-only DOORBELL_SQ_TAIL[0]");
    EXPECT_EQ(doorbell.outcome.severity, Severity::guest_error);
    EXPECT_TRUE(bank.write(0x0c0, 4, 3).ok());
    EXPECT_EQ(bank.read(0x0c0, 4).value, 3u);
    EXPECT_EQ(bank.read(0x2000, 4).outcome.severity, Severity::guest_error);
}

TEST(RegisterGolden, ResetsTakeWhatTheLadderSays)
{
    RegisterBank bank(control_chip::register_table());
    const auto fill = [&] {
        for (const auto* name : {"CSTS.RDY", "AQA.ASQS", "RESET_COUNT", "ERR_STATUS.DMA", "WEIGHT_GEN"}) {
            bank.set(bank.field(name), 1);
        }
    };
    const auto left = [&] {
        std::string names;
        for (const auto* name : {"CSTS.RDY", "AQA.ASQS", "RESET_COUNT", "ERR_STATUS.DMA", "WEIGHT_GEN"}) {
            if (bank.get(bank.field(name)) == 1) names += std::string(name) + " ";
        }
        return names;
    };
    fill();
    bank.reset(ResetLevel::controller);
    EXPECT_EQ(left(), "AQA.ASQS RESET_COUNT ERR_STATUS.DMA WEIGHT_GEN ");
    bank.reset(ResetLevel::function);
    EXPECT_EQ(left(), "RESET_COUNT ERR_STATUS.DMA WEIGHT_GEN ");
    bank.reset(ResetLevel::cold);
    EXPECT_EQ(left(), "WEIGHT_GEN ");
}

TEST(RegisterGolden, CapFollowsTheCard)
{
    control_chip::Parameters parameters;
    parameters.queue_entries = 256;
    parameters.io_queues = 4;
    parameters.boot_time = 1200 * kMillisecond;
    RegisterBank bank(control_chip::register_table(), control_chip::card_resets(parameters));
    EXPECT_EQ(bank.read(0x008, 8).value, 0x00040000'030100ffu);
    bank.set(bank.field("CAP.MQES"), 0);
    bank.reset(ResetLevel::cold);
    EXPECT_EQ(bank.read(0x008, 8).value, 0x00040000'030100ffu);

    // The table's own values are the reference card's.
    RegisterBank reference(control_chip::register_table(), control_chip::card_resets({}));
    EXPECT_EQ(reference.read(0x008, 8).value, LC_CAP_RESET);
}

TEST(RegisterGolden, DoorbellsAndNames)
{
    using control_chip::decode_doorbell;
    EXPECT_FALSE(decode_doorbell(0x0ffc));
    EXPECT_FALSE(decode_doorbell(0x1002));
    EXPECT_FALSE(decode_doorbell(0x2000));
    const auto bell = decode_doorbell(0x101c);
    ASSERT_TRUE(bell);
    EXPECT_EQ(bell->queue, 3u);
    EXPECT_TRUE(bell->completion);
    EXPECT_FALSE(decode_doorbell(0x1ff8)->completion);
    EXPECT_EQ(decode_doorbell(0x1ff8)->queue, 511u);

    const auto names = control_chip::register_names();
    EXPECT_EQ(names.at(0x0a0), "ERR_STATUS");
    EXPECT_EQ(names.at(0x03c), "ASQ.high");
    EXPECT_EQ(names.at(0x101c), "DOORBELL_CQ_HEAD[3]");
    EXPECT_EQ(names.count(0x01c), 0u);
    for (const auto& [offset, name] : names) ASSERT_EQ(register_name(control_chip::register_table(), offset), name);
}

}  // namespace
}  // namespace lightcard
