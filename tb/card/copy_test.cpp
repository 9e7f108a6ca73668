// SPDX-License-Identifier: Apache-2.0
// Data through the queues: COPY between the three memories, rings, back pressure, order, interrupts, EXEC.
#include "rig.h"

namespace lightcard::test {
namespace {

using driver::make_copy_2d;

class Copy : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Copy, ComesBackThroughAllMemories)
{
    const std::uint32_t bytes = GetParam();
    Rig rig;
    rig.up();
    const auto sent = Rig::pattern(bytes, bytes);
    const auto from = rig.buffer(sent), to = rig.buffer(bytes + 64);
    std::memset(to.host, 0xee, to.bytes);
    rig.run(make_copy(dram_pointer(0x1001), host_pointer(from), bytes));
    rig.run(make_copy(sram_pointer(0x2003), dram_pointer(0x1001), bytes));
    rig.run(make_copy(host_pointer(to, 32), sram_pointer(0x2003), bytes));
    EXPECT_EQ(std::memcmp(to.host + 32, sent.data(), bytes), 0);
    for (int i = 0; i < 32; ++i) {
        EXPECT_EQ(to.host[i], 0xee) << "before the target";
        EXPECT_EQ(to.host[32 + bytes + i], 0xee) << "behind the target";
    }
}
INSTANTIATE_TEST_SUITE_P(Sizes, Copy, testing::Values(1, 3, 63, 64, 65, 255, 4095, 4096, 4097, 65537, 1048579));

/// rows of a strided copy, as memcpy does it.
void copy_rows(std::uint8_t* to, std::size_t to_stride, const std::uint8_t* from, std::size_t from_stride,
               std::size_t bytes, std::size_t rows)
{
    for (std::size_t row = 0; row < rows; ++row) std::memcpy(to + row * to_stride, from + row * from_stride, bytes);
}

TEST(CopyRows, StridesEqualMemcpy)
{
    Rig rig;
    rig.up();
    constexpr std::uint32_t kBytes = 13, kRows = 117;
    const auto from = rig.buffer(Rig::pattern(8192, 5)), to = rig.buffer(8192);
    rig.write(dram_pointer(0), std::vector<std::uint8_t>(8192));
    rig.write(sram_pointer(0), std::vector<std::uint8_t>(8192));
    rig.run(make_copy_2d(dram_pointer(7), 31, host_pointer(from, 3), 17, kBytes, kRows));
    rig.run(make_copy_2d(sram_pointer(1), 13, dram_pointer(7), 31, kBytes, kRows));
    rig.run(make_copy_2d(host_pointer(to, 2), 57, sram_pointer(1), 13, kBytes, kRows));
    std::vector<std::uint8_t> dram(8192), sram(8192), host(8192);
    copy_rows(dram.data() + 7, 31, from.host + 3, 17, kBytes, kRows);
    copy_rows(sram.data() + 1, 13, dram.data() + 7, 31, kBytes, kRows);
    copy_rows(host.data() + 2, 57, sram.data() + 1, 13, kBytes, kRows);
    EXPECT_EQ(rig.read<std::uint8_t>(dram_pointer(0), 8192), dram);
    EXPECT_EQ(rig.read<std::uint8_t>(sram_pointer(0), 8192), sram);
    EXPECT_EQ(std::memcmp(to.host, host.data(), host.size()), 0);
}

TEST(CopyRows, SourceStrideZeroRepeatsARow)
{
    Rig rig;
    rig.up();
    const auto from = rig.buffer(Rig::pattern(64, 9));
    rig.run(make_copy_2d(dram_pointer(0), 64, host_pointer(from), 0, 64, 50));
    const auto got = rig.read<std::uint8_t>(dram_pointer(0), 64 * 50);
    for (int row = 0; row < 50; ++row) EXPECT_EQ(std::memcmp(got.data() + 64 * row, from.host, 64), 0) << row;
}

TEST(Ring, ManyCommandsInFlight)
{
    Rig rig;
    rig.up(1, 256);
    constexpr std::uint32_t kCommands = 250, kBytes = 777;
    const auto from = rig.buffer(Rig::pattern(kCommands * kBytes, 3)), to = rig.buffer(kCommands * kBytes);
    for (std::uint32_t i = 0; i < kCommands; ++i) {
        const std::uint64_t offset = i * kBytes;
        rig.submit(i % 2 == 0 ? make_copy(dram_pointer(offset), host_pointer(from, offset), kBytes)
                              : make_copy(sram_pointer(offset), host_pointer(from, offset), kBytes));
    }
    for (std::uint32_t done = 0; done < kCommands;) {
        while (auto completion = rig.queue().poll()) {
            EXPECT_TRUE(completion->ok());
            ++done;
        }
        const bool alive = rig.host.wait(kSecond);
        ASSERT_TRUE(alive || done == kCommands) << done;
    }
    for (std::uint32_t i = 0; i < kCommands; ++i) {
        const std::uint64_t offset = i * kBytes;
        rig.run(make_copy(host_pointer(to, offset), i % 2 == 0 ? dram_pointer(offset) : sram_pointer(offset), kBytes));
    }
    EXPECT_EQ(std::memcmp(from.host, to.host, kCommands * kBytes), 0);
    EXPECT_EQ(rig.queue().stray_completions(), 0u);
}

TEST(Ring, WrapsAndFlipsItsPhase)
{
    Rig rig;
    rig.up(1, 4);
    for (std::uint32_t i = 0; i < 50; ++i) {
        const auto first = rig.submit(driver::make_command(LC_OP_NOP));
        const auto second = rig.submit(make_copy(dram_pointer(i), dram_pointer(1000), 1));
        EXPECT_TRUE(must(rig.queue().wait(second)).ok());
        EXPECT_TRUE(must(rig.queue().wait(first)).ok());
    }
    EXPECT_EQ(rig.queue().stray_completions(), 0u);
}

TEST(Ring, FullIsAnAnswerNotAnOverwrite)
{
    Rig rig;
    rig.up(1, 8);
    const auto from = rig.buffer(Rig::pattern(8 * 4096, 1));
    std::vector<std::uint16_t> ids;
    for (std::uint32_t i = 0; i < 7; ++i)
        ids.push_back(rig.submit(make_copy(dram_pointer(4096 * i), host_pointer(from, 4096 * i), 4096)));
    EXPECT_FALSE(rig.queue().submit(driver::make_command(LC_OP_NOP)));
    for (auto id : ids) EXPECT_TRUE(must(rig.queue().wait(id)).ok());
    const auto got = rig.read<std::uint8_t>(dram_pointer(0), 7 * 4096);
    EXPECT_EQ(std::memcmp(got.data(), from.host, got.size()), 0);
}

TEST(Ring, QueuesShareTheCard)
{
    Rig rig;
    rig.up(4, 16);
    std::vector<driver::DmaBuffer> sources;
    for (std::uint32_t q = 0; q < 4; ++q) {
        sources.push_back(rig.buffer(Rig::pattern(10 * 5000, q)));
        for (std::uint32_t i = 0; i < 10; ++i)
            rig.submit(make_copy(dram_pointer(q << 20 | 5000 * i), host_pointer(sources[q], 5000 * i), 5000), nullptr,
                       q);
    }
    ASSERT_TRUE(rig.host.drain());
    for (std::uint32_t q = 0; q < 4; ++q) {
        for (std::uint32_t i = 0; i < 10; ++i) EXPECT_TRUE(rig.queue(q).poll().value().ok());
        EXPECT_FALSE(rig.queue(q).poll());
        EXPECT_GT(rig.host.interrupts(rig.queue(q).vector()), 0u) << q;
        const auto got = rig.read<std::uint8_t>(dram_pointer(q << 20), 10 * 5000);
        EXPECT_EQ(std::memcmp(got.data(), sources[q].host, got.size()), 0) << q;
    }
}

TEST(Interrupts, OneVectorServesEveryQueue)
{
    Rig rig;
    rig.up(3, 16, true);
    const auto before = rig.host.interrupts(0);
    for (std::size_t q = 0; q < 3; ++q) EXPECT_TRUE(rig.works(q));
    EXPECT_GE(rig.host.interrupts(0), before + 6);
    for (std::uint32_t vector = 1; vector < rig.host.interrupt_vectors(); ++vector)
        EXPECT_EQ(rig.host.interrupts(vector), 0u);
}

TEST(Interrupts, OutputThenCompletionThenInterrupt)
{
    Rig rig;
    rig.up();
    rig.write(dram_pointer(0), Rig::pattern(200'000, 2));
    const auto to = rig.buffer(200'000);
    struct Seen {
        host::BusEvent::Kind kind;
        sc_core::sc_time time;
        bool output, completion;
    };
    std::vector<Seen> seen;
    const std::uint64_t cq = rig.queue().cq_address();
    rig.host.root().set_observer([&](const host::BusEvent& event) {
        seen.push_back({event.kind, event.time, event.address >= to.bus && event.address < to.bus + to.bytes,
                        event.address >= cq && event.address < cq + 64 * sizeof(lc_cqe)});
    });
    rig.run(make_copy(host_pointer(to), dram_pointer(0), 200'000));
    ASSERT_GE(seen.size(), 3u);
    for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_GE(seen[i].time, seen[i - 1].time);
    EXPECT_EQ(seen.back().kind, host::BusEvent::Kind::interrupt);
    EXPECT_TRUE(seen[seen.size() - 2].completion);
    EXPECT_TRUE(seen[seen.size() - 3].output) << "the last output byte before the completion";
    EXPECT_EQ(rig.host.root().early_writes(), 0u);
}

TEST(Order, AFenceHoldsBackWhatFollows)
{
    Rig rig;
    rig.up();
    const auto big = rig.buffer(8u << 20);
    const auto slow = rig.submit(make_copy(dram_pointer(0), host_pointer(big), 8u << 20));
    lc_sqe nop = driver::make_command(LC_OP_NOP);
    nop.flags = LC_SQE_FENCE;
    const auto fenced = rig.submit(nop);
    auto first = must(rig.queue().wait(fenced));
    auto second = must(rig.queue().wait(slow, 0));
    EXPECT_LE(second.completed, first.completed) << "the copy was done when the fence passed";
}

lc_record copy_record(std::uint64_t to, std::uint64_t from, std::uint32_t bytes, std::uint32_t wait_mask = 0)
{
    lc_record record{};
    record.sqe = make_copy(to, from, bytes);
    record.sqe.wait_mask = wait_mask;
    return record;
}

std::uint64_t arg_pointer(std::uint32_t arg, std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_ARG0 + arg, offset);
}

TEST(Exec, RunsABufferOnItsArguments)
{
    Rig rig;
    rig.up();
    const auto in = rig.buffer(Rig::pattern(4000, 8)), out = rig.buffer(4000);
    std::vector<lc_record> records = {
        copy_record(sram_pointer(0x100), arg_pointer(0, 1000), 3000),
        copy_record(arg_pointer(5, 500), sram_pointer(0x100), 3000, LC_WAIT(LC_ENGINE_DMA))};
    const auto commands = rig.buffer(records.size() * sizeof(lc_record));
    std::memcpy(commands.host, records.data(), commands.bytes);
    rig.write(dram_pointer(0x9000), commands.host, commands.bytes);
    for (const auto buffer : {host_pointer(commands), dram_pointer(0x9000)}) {
        std::memset(out.host, 0, out.bytes);
        lc_exec_op operands = driver::make_exec(buffer, 2);
        operands.args[0] = host_pointer(in);
        operands.args[5] = host_pointer(out);
        rig.run(driver::make_command(LC_OP_EXEC), &operands);
        EXPECT_EQ(std::memcmp(out.host + 500, in.host + 1000, 3000), 0);
        EXPECT_EQ(out.host[499], 0);
        EXPECT_EQ(out.host[3500], 0);
    }
    EXPECT_EQ(rig.card.counters().exec_end.size(), 2u);
}

TEST(Exec, NamesTheRecordThatFailed)
{
    Rig rig;
    rig.up();
    std::vector<lc_record> records(5, copy_record(dram_pointer(0), dram_pointer(64), 64));
    records[3] = copy_record(dram_pointer(0), sram_pointer(1ull << 40), 64);
    const auto commands = rig.buffer(records.size() * sizeof(lc_record));
    std::memcpy(commands.host, records.data(), commands.bytes);
    const lc_exec_op operands = driver::make_exec(host_pointer(commands), 5);
    const auto done = rig.try_run(driver::make_command(LC_OP_EXEC), &operands);
    EXPECT_EQ(done.status, LC_SC_ADDRESS);
    EXPECT_EQ(LC_FAIL_INDEX(done.result), 3u);
    EXPECT_EQ(LC_FAIL_FIELD(done.result), offsetof(lc_sqe, src));
    EXPECT_TRUE(rig.works());
}

}  // namespace
}  // namespace lightcard::test
