// SPDX-License-Identifier: Apache-2.0
// Command buffers that change between and during executions: what is executed is what lies there when it is read.
#include "rig.h"

namespace lightcard::test {
namespace {

constexpr std::uint32_t kBytes = 64;
constexpr std::uint64_t kFirst = 0x1000, kSecond = 0x2000, kTarget = 0x3000;  ///< in the scratchpad

/// A MOVE of kBytes bytes.
lc_record move_record(std::uint64_t to, std::uint64_t from)
{
    lc_vector_op op{};
    op.kind = LC_VEC_MOVE;
    op.in_format = op.out_format = LC_FMT_U8;
    op.in = {from, 1, 1, 1, kBytes, 1, 1, kBytes, kBytes, kBytes, 1, 1, 1, 1, 1, 1, 0, 0};
    op.out = {to, kBytes, kBytes, kBytes};
    lc_record record{};
    record.sqe = driver::make_command(LC_OP_VECTOR);
    std::memcpy(record.operands, &op, sizeof op);
    return record;
}

lc_record copy_record(std::uint64_t to, std::uint64_t from, std::uint32_t bytes)
{
    lc_record record{};
    record.sqe = make_copy(to, from, bytes);
    return record;
}

lc_record nop_record()
{
    lc_record record{};
    record.sqe = driver::make_command(LC_OP_NOP);
    return record;
}

/// A card with two patterns in its scratchpad, and a program of the test's own.
struct ProgramRig : Rig {
    ProgramRig()
    {
        up();
        write(sram_pointer(kFirst), first);
        write(sram_pointer(kSecond), second);
    }
    Completion execute(std::uint64_t program, std::size_t records, std::uint64_t argument = 0)
    {
        auto operands = driver::make_exec(program, static_cast<std::uint32_t>(records));
        operands.args[0] = argument;
        return try_run(driver::make_command(LC_OP_EXEC), &operands);
    }
    /// Executes, and what lies in the target then.
    std::vector<std::uint8_t> moved(std::uint64_t program, std::size_t records, std::uint64_t argument = 0)
    {
        write(sram_pointer(kTarget), std::vector<std::uint8_t>(kBytes));
        EXPECT_EQ(execute(program, records, argument).status, LC_SC_SUCCESS);
        return read<std::uint8_t>(sram_pointer(kTarget), kBytes);
    }
    const std::vector<std::uint8_t> first = pattern(kBytes, 1), second = pattern(kBytes, 2);
};

const lc_record kMoveFirst = move_record(sram_pointer(kTarget), sram_pointer(kFirst));
const lc_record kMoveSecond = move_record(sram_pointer(kTarget), sram_pointer(kSecond));

TEST(ProgramMemory, TheHostRewritesAProgramBetweenExecutions)
{
    ProgramRig rig;
    const auto memory = rig.buffer(sizeof(lc_record));
    const auto put = [&](const lc_record& record) { std::memcpy(memory.host, &record, sizeof record); };
    const auto program = host_pointer(memory);
    put(kMoveFirst);
    for (int again = 0; again < 3; ++again) EXPECT_EQ(rig.moved(program, 1), rig.first);
    put(kMoveSecond);
    EXPECT_EQ(rig.moved(program, 1), rig.second);
    put(kMoveFirst);
    EXPECT_EQ(rig.moved(program, 1), rig.first);

    // One byte that makes it a bad one, in the operands and in the SQE, and back again.
    auto bad = kMoveFirst;
    bad.operands[offsetof(lc_vector_op, rsvd)] = 1;
    put(bad);
    const auto refused = rig.execute(program, 1);
    EXPECT_EQ(refused.status, LC_SC_INVALID_FIELD);
    EXPECT_EQ(LC_FAIL_INDEX(refused.result), 0u);
    put(kMoveFirst);
    EXPECT_EQ(rig.moved(program, 1), rig.first);
    bad = kMoveFirst;
    bad.sqe.wait_mask = 1u << 31;
    put(bad);
    EXPECT_EQ(rig.execute(program, 1).status, LC_SC_INVALID_FIELD);
    put(kMoveFirst);
    EXPECT_EQ(rig.moved(program, 1), rig.first);
}

TEST(ProgramMemory, TheCardCopiesOverAProgramInItsMemory)
{
    ProgramRig rig;
    const auto program = dram_pointer(0x10000);
    rig.write(program, &kMoveFirst, sizeof kMoveFirst);
    EXPECT_EQ(rig.moved(program, 1), rig.first);
    EXPECT_EQ(rig.moved(program, 1), rig.first);
    rig.write(program, &kMoveSecond, sizeof kMoveSecond);
    EXPECT_EQ(rig.moved(program, 1), rig.second);
}

/// Its first record copies over one that has not been fetched yet.
TEST(ProgramMemory, AProgramRewritesItself)
{
    ProgramRig rig;
    constexpr std::size_t kRecords = 200, kChanged = 190;
    std::vector<lc_record> records(kRecords, nop_record());
    records[kChanged] = kMoveFirst;
    const auto program = dram_pointer(0x10000), other = dram_pointer(0x80000);
    rig.write(other, &kMoveSecond, sizeof kMoveSecond);
    rig.write(program, records);
    EXPECT_EQ(rig.moved(program, kRecords), rig.first);
    EXPECT_EQ(rig.moved(program, kRecords), rig.first);
    records[0] = copy_record(program + kChanged * sizeof(lc_record), other, sizeof(lc_record));
    rig.write(program, records);
    EXPECT_EQ(rig.moved(program, kRecords), rig.second);
}

TEST(ProgramMemory, TwoProgramsTakeTurns)
{
    ProgramRig rig;
    const auto one = rig.buffer(sizeof(lc_record)), other = rig.buffer(sizeof(lc_record));
    std::memcpy(one.host, &kMoveFirst, sizeof kMoveFirst);
    std::memcpy(other.host, &kMoveSecond, sizeof kMoveSecond);
    for (int turn = 0; turn < 3; ++turn) {
        EXPECT_EQ(rig.moved(host_pointer(one), 1), rig.first);
        EXPECT_EQ(rig.moved(host_pointer(other), 1), rig.second);
    }
}

/// The same bytes mean something else with another argument.
TEST(ProgramMemory, ArgumentsAreResolvedEveryTime)
{
    ProgramRig rig;
    const auto record = move_record(sram_pointer(kTarget), LC_PTR(LC_SPACE_ARG0, 0));
    const auto memory = rig.buffer(sizeof record);
    std::memcpy(memory.host, &record, sizeof record);
    for (int turn = 0; turn < 3; ++turn) {
        EXPECT_EQ(rig.moved(host_pointer(memory), 1, sram_pointer(kFirst)), rig.first);
        EXPECT_EQ(rig.moved(host_pointer(memory), 1, sram_pointer(kSecond)), rig.second);
        EXPECT_EQ(rig.execute(host_pointer(memory), 1, sram_pointer(1ull << 40)).status, LC_SC_ADDRESS);
    }
}

TEST(ProgramMemory, AResetInMidProgramLeavesNothingBehind)
{
    ProgramRig rig;
    std::vector<lc_record> records(300, kMoveFirst);
    const auto memory = rig.buffer(records.size() * sizeof(lc_record));
    std::memcpy(memory.host, records.data(), memory.bytes);
    EXPECT_EQ(rig.moved(host_pointer(memory), records.size()), rig.first);
    const auto operands = driver::make_exec(host_pointer(memory), 300);
    rig.submit(driver::make_command(LC_OP_EXEC), &operands);
    rig.host.sleep(4 * kMicrosecond);
    EXPECT_GT(rig.card.counters().commands, 300u);
    rig.card.cold_reset();
    must(rig.host.power_on());
    must(rig.driver->reset());
    rig.write(sram_pointer(kSecond), rig.second);
    std::fill(records.begin(), records.end(), kMoveSecond);
    std::memcpy(memory.host, records.data(), memory.bytes);
    EXPECT_EQ(rig.moved(host_pointer(memory), records.size()), rig.second);
}

}  // namespace
}  // namespace lightcard::test
