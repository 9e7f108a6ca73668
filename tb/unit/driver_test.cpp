// SPDX-License-Identifier: Apache-2.0
// The user-mode driver against a fake card: bring-up refusals, rings, back pressure, errors in words, program runs.
#include "lightcard/platform/driver/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "fake_card.h"
#include "lightcard/platform/driver/program_runner.h"

namespace lightcard::driver {
namespace {

using testing::HasSubstr;

std::string bring_up_error(FakeCard& card, const DriverOptions& options = {})
{
    auto driver = Driver::bring_up(card, options);
    return driver ? "" : driver.error().message();
}

std::unique_ptr<Driver> up(FakeCard& card, std::uint32_t queues = 1, std::uint32_t entries = 8)
{
    DriverOptions options;
    options.io_queues = queues;
    options.entries = entries;
    auto driver = Driver::bring_up(card, options);
    EXPECT_TRUE(driver) << driver.error().message();
    return driver ? std::move(*driver) : nullptr;
}

TEST(BringUp, ReachesTheCard)
{
    FakeCard card;
    auto driver = up(card, 3);
    ASSERT_TRUE(driver);
    EXPECT_EQ(driver->identity().n, 128u);
    EXPECT_EQ(driver->queues(), 3u);
    EXPECT_EQ(driver->queue(0).vector(), 1);
    EXPECT_EQ(driver->queue(2).vector(), 3);
}

TEST(BringUp, NamesWhatIsWrong)
{
    FakeCard gone;
    gone.gone = true;
    EXPECT_THAT(bring_up_error(gone), HasSubstr("all ones"));
    FakeCard other;
    other.magic = 0x1234;
    EXPECT_THAT(bring_up_error(other), HasSubstr("not a lightcard: 0x00001234"));
    FakeCard newer;
    newer.version = 0x7f00'0000;
    EXPECT_THAT(bring_up_error(newer), HasSubstr("newer than this driver"));
    FakeCard deaf;
    deaf.deaf_liveness = true;
    EXPECT_THAT(bring_up_error(deaf), HasSubstr("LIVENESS"));
}

TEST(BringUp, WaitsAreBoundedByTheCard)
{
    FakeCard no_boot;
    no_boot.boots = false;
    EXPECT_THAT(bring_up_error(no_boot), HasSubstr("boot: no answer within CAP.TO (1000 ms)"));
    EXPECT_GE(no_boot.now(), kSecond);
    EXPECT_LT(no_boot.now(), kSecond + 100 * kMillisecond);
    FakeCard no_ready;
    no_ready.becomes_ready = false;
    EXPECT_THAT(bring_up_error(no_ready), HasSubstr("enable: no answer"));
    FakeCard hung;
    hung.hangs = true;
    EXPECT_THAT(bring_up_error(hung), HasSubstr("nothing left to do"));
}

TEST(BringUp, RefusesMoreQueuesThanTheCardHas)
{
    FakeCard card;
    DriverOptions options;
    options.io_queues = 5;
    EXPECT_THAT(bring_up_error(card, options), HasSubstr("1 to 4"));
    EXPECT_EQ(card.live_buffers(), 0u);
}

TEST(BringUp, FallsBackToOneVector)
{
    FakeCard one;
    one.vectors = 1;
    EXPECT_EQ(up(one, 2)->queue(1).vector(), 0);
    FakeCard fewer;  // the host has more vectors than the card says it has
    fewer.vectors_of_card = 1;
    auto driver = up(fewer, 2);
    EXPECT_EQ(driver->queue(1).vector(), 0);
    EXPECT_TRUE(driver->queue(1).run(make_command(LC_OP_NOP)));
}

TEST(Queue, WrapsItsRingsManyTimes)
{
    FakeCard card;
    auto driver = up(card);
    auto buffer = card.allocate(64);
    for (std::uint32_t i = 0; i < 100; ++i) {
        std::memcpy(buffer->host, &i, sizeof i);
        auto done = driver->queue(0).run(make_copy(dram_pointer(4 * i), host_pointer(*buffer), 4));
        ASSERT_TRUE(done) << done.error().message();
        EXPECT_EQ(done->completed - done->submitted, card.command_time);
    }
    for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(std::memcmp(card.dram.data() + 4 * i, &i, 4), 0);
    EXPECT_EQ(driver->queue(0).stray_completions(), 0u);
}

TEST(Queue, RefusesWhenFullAndTakesMoreAfterACompletion)
{
    FakeCard card;
    auto driver = up(card, 1, 8);
    auto& queue = driver->queue(0);
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(queue.submit(make_command(LC_OP_NOP)));
    auto refused = queue.submit(make_command(LC_OP_NOP));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("queue full: 7"));
    EXPECT_EQ(queue.space(), 0u);
    card.wait(kMillisecond);
    EXPECT_FALSE(queue.submit(make_command(LC_OP_NOP)).ok()) << "the id is taken until its completion was handed out";
    ASSERT_TRUE(queue.poll());
    EXPECT_TRUE(queue.submit(make_command(LC_OP_NOP)));
}

TEST(Queue, WaitsForOneCommandAndKeepsTheOthers)
{
    FakeCard card;
    card.reverse = true;
    auto driver = up(card);
    auto& queue = driver->queue(0);
    std::vector<std::uint16_t> ids;
    for (int i = 0; i < 5; ++i) ids.push_back(*queue.submit(make_command(LC_OP_NOP)));
    auto third = queue.wait(ids[2]);
    ASSERT_TRUE(third);
    EXPECT_EQ(third->cid, ids[2]);
    EXPECT_EQ(queue.poll()->cid, ids[4]) << "in the order of completion";
    EXPECT_EQ(queue.poll()->cid, ids[3]);
    EXPECT_FALSE(queue.poll());
    EXPECT_TRUE(queue.wait(ids[0]));
    EXPECT_TRUE(queue.wait(ids[1]));
    EXPECT_EQ(queue.in_flight(), 0u);
    EXPECT_THAT(queue.wait(ids[0]).error().message(), HasSubstr("not in flight"));
    EXPECT_FALSE(queue.wait(60000));
}

TEST(Queue, ReadsNoRegisterOnTheFastPath)
{
    FakeCard card;
    auto driver = up(card);
    const auto reads = card.reads;
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(driver->queue(0).run(make_command(LC_OP_NOP)));
    EXPECT_EQ(card.reads, reads);
}

TEST(Queue, OneDoorbellForSeveralCommands)
{
    FakeCard card;
    auto driver = up(card);
    auto& queue = driver->queue(0);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(queue.submit(make_command(LC_OP_NOP), nullptr, false));
    EXPECT_EQ(card.writes[LC_DOORBELL_SQ_TAIL(1)], 0u);
    queue.ring();
    queue.ring();
    EXPECT_EQ(card.writes[LC_DOORBELL_SQ_TAIL(1)], 1u);
    while (card.wait(kMillisecond)) {
    }
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(queue.poll());
    EXPECT_EQ(card.writes[LC_DOORBELL_CQ_HEAD(1)], 1u);
}

TEST(Queue, TimesOutInCardTime)
{
    FakeCard card;
    card.command_time = kSecond;
    auto driver = up(card);
    auto cid = driver->queue(0).submit(make_command(LC_OP_NOP));
    const auto start = card.now();
    auto late = driver->queue(0).wait(*cid, kMillisecond);
    ASSERT_FALSE(late);
    EXPECT_THAT(late.error().message(), HasSubstr("timed out"));
    EXPECT_GE(card.now(), start + kMillisecond);
    EXPECT_TRUE(driver->queue(0).wait(*cid)) << "a late completion is not lost";
}

TEST(Queue, TellsGoneFromReset)
{
    FakeCard card;
    auto driver = up(card);
    card.hangs = true;
    auto cid = driver->queue(0).submit(make_command(LC_OP_NOP));
    card.reset_behind_the_driver();
    EXPECT_THAT(driver->queue(0).wait(*cid).error().message(), HasSubstr("was reset"));
    EXPECT_TRUE(driver->was_reset());
    card.gone = true;
    EXPECT_THAT(driver->queue(0).wait(*cid).error().message(), HasSubstr("the card is gone"));
}

TEST(Admin, AbortsACommand)
{
    FakeCard card;
    auto driver = up(card);
    auto& queue = driver->queue(0);
    auto first = queue.submit(make_command(LC_OP_NOP));
    auto second = queue.submit(make_command(LC_OP_NOP));
    card.reverse = true;  // the abort overtakes
    EXPECT_TRUE(driver->abort(queue, *second));
    EXPECT_EQ(queue.wait(*second)->status, LC_SC_ABORTED);
    EXPECT_TRUE(queue.wait(*first)->ok());
    auto again = driver->abort(queue, *second);
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().message(), HasSubstr("ABORT_NOT_FOUND"));
}

TEST(Admin, ResetEndsWhatIsInFlightAndComesBack)
{
    FakeCard card;
    auto driver = up(card, 2);
    auto& queue = driver->queue(1);
    std::vector<std::uint16_t> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(*queue.submit(make_command(LC_OP_NOP)));
    ASSERT_TRUE(driver->reset());
    EXPECT_FALSE(driver->was_reset());
    for (auto id : ids) EXPECT_EQ(queue.wait(id)->status, LC_SC_ABORTED_QUEUE);
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(queue.run(make_command(LC_OP_NOP)));
    ASSERT_TRUE(driver->delete_queue(1));
    ASSERT_TRUE(driver->create_queue(1));
    EXPECT_TRUE(queue.run(make_command(LC_OP_NOP)));
}

TEST(Admin, ShutdownLeavesNothingBehind)
{
    FakeCard card;
    {
        auto driver = up(card, 2);
        const auto controls = card.writes[LC_REG_CC];
        ASSERT_TRUE(driver->shutdown());
        EXPECT_EQ(card.writes[LC_REG_CC], controls + 2) << "notified, then disabled";
        ASSERT_TRUE(driver->reset());
        EXPECT_TRUE(driver->queue(0).run(make_command(LC_OP_NOP)));
    }
    EXPECT_EQ(card.live_buffers(), 0u);
}

TEST(Words, EveryStatusOfTheInterfaceHasAName)
{
    for (std::uint16_t code = 0; code <= LC_SC_INVALID_FAULT; ++code) {
        const bool known = code <= 0x08 || (code >= 0x10 && code <= 0x15) || code >= 0x20;
        EXPECT_EQ(std::string(status_name(code)) != "UNKNOWN", known) << code;
    }
}

TEST(Words, FieldsAreNamed)
{
    EXPECT_EQ(field_name(LC_OP_COPY, offsetof(lc_sqe, u.copy.dst_stride)), "sqe.u.copy.dst_stride");
    EXPECT_EQ(field_name(LC_OP_MVM, offsetof(lc_sqe, weight_id)), "sqe.weight_id");
    EXPECT_EQ(field_name(LC_OP_MVM, 64 + offsetof(lc_mvm_op, in.kernel_w)), "mvm.in.kernel_w");
    EXPECT_EQ(field_name(LC_OP_EXEC, 64 + offsetof(lc_exec_op, args) + 8), "exec.args");
    EXPECT_EQ(field_name(LC_ADM_ABORT, offsetof(lc_sqe, u.abort.cid), true), "sqe.u.abort.cid");
    EXPECT_EQ(field_name(LC_OP_NOP, 100), "byte 100");
    EXPECT_EQ(field_name(LC_OP_MVM, 4000), "byte 4000");
}

TEST(Words, AFailedRecordOfExecIsNamed)
{
    std::vector<lc_record> records(3);
    records[2].sqe.opcode = LC_OP_MVM;
    records[2].sqe.layer = 7;
    Completion completion;
    completion.opcode = LC_OP_EXEC;
    completion.status = LC_SC_INVALID_FIELD;
    completion.result = LC_FAIL(2, 64 + offsetof(lc_mvm_op, rows));
    const auto text = to_error(completion, records.data(), records.size()).message();
    EXPECT_THAT(text, HasSubstr("record 2 (MVM, layer 7): INVALID_FIELD"));
    EXPECT_THAT(text, HasSubstr("field mvm.rows"));
    completion.result = LC_FAIL(9, 70);
    EXPECT_THAT(to_error(completion, records.data(), records.size()).message(), HasSubstr("record 9"));
}

/// A program that adds 1 to every code of its input.
Program increment_program()
{
    Program program;
    program.network = "increment";
    program.target = {128, 1, 2, 5, 0, 64u << 20, 1u << 20};
    program.batch = 4;
    program.dram_base = 0x1000;
    program.weights.resize(300'000);
    std::iota(program.weights.begin(), program.weights.end(), 0);
    program.commands.resize(2);
    program.inputs.resize(1);
    program.outputs.resize(1);
    program.outputs[0].arg = 1;
    program.inputs[0].bytes_per_image = program.outputs[0].bytes_per_image = 3;
    return program;
}

std::uint64_t increment(const lc_exec_op& operands, FakeCard& card, std::uint16_t& status)
{
    const auto* in = card.host(operands.args[0], 12);
    auto* out = card.host(operands.args[1], 12);
    status = in == nullptr || out == nullptr ? LC_SC_ADDRESS : LC_SC_SUCCESS;
    for (int i = 0; status == LC_SC_SUCCESS && i < 12; ++i) out[i] = in[i] + 1;
    return 0;
}

TEST(Runner, RunsBatchesAndPadsTheLast)
{
    FakeCard card;
    auto driver = up(card);
    Program program = increment_program();
    int execs = 0;
    std::vector<std::uint8_t> last_batch;
    card.exec = [&](const lc_exec_op& operands, FakeCard& fake, std::uint16_t& status) {
        EXPECT_EQ(operands.records, 2u);
        ++execs;
        last_batch.assign(fake.host(operands.args[0], 12), fake.host(operands.args[0], 12) + 12);
        return increment(operands, fake, status);
    };
    std::uint64_t reported = 0;
    RunnerOptions options;
    options.progress = [&](const char* stage, std::uint64_t done, std::uint64_t) {
        if (std::string(stage) == "run") reported = done;
    };
    ProgramRunner runner(*driver, program, options);
    ASSERT_TRUE(runner.load());
    EXPECT_TRUE(std::equal(program.weights.begin(), program.weights.end(), card.dram.begin() + 0x1000));

    std::vector<std::uint8_t> in(3 * 10), out(3 * 10);
    std::iota(in.begin(), in.end(), 100);
    auto times = runner.run({in.data()}, {out.data()}, 10);
    ASSERT_TRUE(times) << times.error().message();
    for (std::size_t i = 0; i < in.size(); ++i) EXPECT_EQ(out[i], in[i] + 1);
    EXPECT_EQ(execs, 3);
    EXPECT_EQ(times->size(), 3u);
    EXPECT_EQ(times->back().images, 2u);
    EXPECT_EQ(reported, 10u);
    for (int i = 6; i < 12; ++i) EXPECT_EQ(last_batch[i], 0) << "padding";
    EXPECT_EQ((*times)[0].submitted, (*times)[1].submitted) << "two in flight";
}

TEST(Runner, RefusesAProgramForAnotherCardByField)
{
    FakeCard card;
    auto driver = up(card);
    Program program = increment_program();
    program.target.banks = 2048;
    const auto status = ProgramRunner(*driver, program).load();
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message(), HasSubstr("banks is 2048 in the program and 2 on the card"));
}

TEST(Runner, AFailureNamesTheRecordAndLeavesTheQueueUsable)
{
    FakeCard card;
    auto driver = up(card);
    Program program = increment_program();
    program.commands[1].sqe.opcode = LC_OP_VECTOR;
    program.commands[1].sqe.layer = 3;
    int execs = 0;
    card.exec = [&](const lc_exec_op& operands, FakeCard& fake, std::uint16_t& status) -> std::uint64_t {
        if (++execs != 2) return increment(operands, fake, status);
        status = LC_SC_ADDRESS;
        return LC_FAIL(1, 64 + offsetof(lc_vector_op, out.base));
    };
    ProgramRunner runner(*driver, program);
    ASSERT_TRUE(runner.load());
    std::vector<std::uint8_t> in(3 * 40), out(3 * 40);
    auto times = runner.run({in.data()}, {out.data()}, 40);
    ASSERT_FALSE(times);
    EXPECT_THAT(times.error().message(), HasSubstr("network 'increment': EXEC"));
    EXPECT_THAT(times.error().message(), HasSubstr("record 1 (VECTOR, layer 3): ADDRESS"));
    EXPECT_THAT(times.error().message(), HasSubstr("field vector.out.base"));
    EXPECT_EQ(driver->queue(0).in_flight(), 0u);
    EXPECT_TRUE(runner.run({in.data()}, {out.data()}, 40)) << "the next run works";
}

TEST(Runner, WantsItsTensors)
{
    FakeCard card;
    auto driver = up(card);
    Program program = increment_program();
    ProgramRunner runner(*driver, program);
    std::vector<std::uint8_t> data(3);
    EXPECT_FALSE(runner.run({data.data()}, {data.data()}, 1)) << "not loaded";
    ASSERT_TRUE(runner.load());
    EXPECT_FALSE(runner.run({}, {data.data()}, 1));
}

}  // namespace
}  // namespace lightcard::driver
