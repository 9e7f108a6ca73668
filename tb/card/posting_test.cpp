// SPDX-License-Identifier: Apache-2.0
// Numbers are computed beside card time, and nobody can tell: whatever the work, bytes, completions, events, figures
// and times with several threads are those of one, which computes at once.
#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/tb/card/mvm_rig.h"

namespace lightcard::test {
namespace {

constexpr std::uint32_t kVectors = 600;
constexpr std::uint64_t kMore = 0xa00000, kCopies = 0xc00000;  // SRAM

CardConfig card_of(std::uint32_t threads)
{
    auto config = default_card();  // stat: every vector takes its time to compute
    config.host.threads = threads;
    config.core.laser_warm_up = 0;
    config.core.symbol_rate /= 1000;  // commands take as long as a host takes to look
    return config;
}

/// A card whose work is seen.
struct PostingRig : MvmRig {
    explicit PostingRig(std::uint32_t threads) : MvmRig(card_of(threads))
    {
        // Ranges that a sum is often beyond.
        for (std::uint16_t bank = 0; bank < 2; ++bank) {
            auto op = program_op(Tile(kN, kN, 11 + bank), bank);
            write(op.adc_range, std::vector<std::uint32_t>(kN, 60'000));
            see(run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 1u + bank), &op));
        }
        write(sram_pointer(kInputs), pattern(kVectors * kN, 3));
    }

    void see(const Completion& done) { seen << done.cid << ' ' << done.status << ' ' << done.result << '\n'; }
    void see(std::uint64_t pointer, std::size_t count)
    {
        const auto bytes = read<std::uint8_t>(pointer, count);
        seen.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(count));
    }
    void see_events()
    {
        for (const auto& event : must(driver->event_log()))
            seen << "event " << event.count << ' ' << event.time_ns << ' ' << int{event.type} << ' ' << event.value
                 << ' ' << event.resets << '\n';
    }
    std::string all()
    {
        see_events();
        const auto counters = card.counters();
        for (const auto& layer : counters.layers)
            seen << layer.stats.clipped << ' ' << layer.stats.sum_x2 << ' ' << std::hexfloat << layer.error.total()
                 << '\n';
        return seen.str() + figures_of(card);
    }

    /// A tile over the inputs, in the given bank.
    static lc_record mvm(std::uint16_t bank, std::uint32_t flags, std::uint64_t out, std::uint32_t wait = 0)
    {
        auto op = mvm_op(kN, kN, kVectors, bank);
        op.flags = static_cast<std::uint8_t>(flags);
        op.out.base = sram_pointer(out);
        return record(driver::make_weight_command(LC_OP_MVM, 1u + bank), &op, wait);
    }
    static lc_record copy(std::uint64_t to, std::uint64_t from, std::uint32_t bytes, std::uint32_t wait = 0)
    {
        return record(make_copy(to, from, bytes), nullptr, wait);
    }
    /// Elements as they are, s32 to s32.
    static lc_record move(std::uint64_t to, std::uint64_t from, std::uint32_t count, std::uint32_t wait = 0)
    {
        lc_vector_op op{};
        op.kind = LC_VEC_MOVE;
        op.in_format = op.out_format = LC_FMT_S32;
        op.in.base = sram_pointer(from);
        op.in.images = op.in.out_h = op.in.height = 1;
        op.in.out_w = op.in.width = count / 64;
        op.in.channels = 64;
        op.in.stride_w = op.out.stride_w = 256;
        op.in.kernel_h = op.in.kernel_w = op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
        op.in.stride_h = op.out.stride_h = count * 4;
        op.in.stride_n = op.out.stride_n = count * 4;
        op.out.base = sram_pointer(to);
        return record(driver::make_command(LC_OP_VECTOR), &op, wait);
    }
    static lc_record record(const lc_sqe& sqe, const void* operands, std::uint32_t wait)
    {
        lc_record record{};
        record.sqe = sqe;
        record.sqe.wait_mask = static_cast<decltype(record.sqe.wait_mask)>(wait);
        if (operands != nullptr) std::memcpy(record.operands, operands, LC_OPERAND_BYTES);
        return record;
    }
    std::uint16_t start(const std::vector<lc_record>& records)
    {
        commands = buffer(records.size() * sizeof(lc_record));
        std::memcpy(commands.host, records.data(), commands.bytes);
        const auto exec = driver::make_exec(host_pointer(commands), static_cast<std::uint32_t>(records.size()));
        return submit(driver::make_command(LC_OP_EXEC), &exec);
    }
    Completion execute(const std::vector<lc_record>& records, lc_status expected = LC_SC_SUCCESS)
    {
        const auto done = must(queue().wait(start(records)));
        EXPECT_EQ(done.status, expected) << "record " << LC_FAIL_INDEX(done.result) << ", field "
                                         << LC_FAIL_FIELD(done.result);
        see(done);
        return done;
    }

    /// In mid-work: until so many MVM commands have started, at most two more.
    void sleep_until_mvms(std::uint32_t count)
    {
        for (int i = 0; i < 5000 && started() < count; ++i) host.sleep(kMicrosecond / 2);
        EXPECT_GE(started(), count);
        EXPECT_LE(started(), count + 5);
    }
    /// Commands that have started, found out without a look at their numbers.
    std::uint32_t started()
    {
        for (const auto& entry : card.telemetry().entries())
            if (entry.tag == LC_TAG_ADC_SAMPLES) return static_cast<std::uint32_t>(entry.value() / (kN * kVectors));
        return 0;
    }

    std::ostringstream seen;
    driver::DmaBuffer commands;
};

constexpr std::uint32_t kBoth = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST, kFirst = LC_MVM_ACC_FIRST, kLast = LC_MVM_ACC_LAST;
constexpr std::uint32_t kOutBytes = kVectors * kN * 4;

/// The same with 2, 3 and 8 threads as with one.
void expect_nobody_can_tell(const std::function<void(PostingRig&)>& work)
{
    const auto with = [&](std::uint32_t threads) {
        return in_child([&] {
            PostingRig rig(threads);
            work(rig);
            return rig.all();
        });
    };
    const auto alone = with(1);
    EXPECT_GT(alone.size(), 1000u);
    for (const auto threads : {2u, 3u, 8u}) EXPECT_TRUE(with(threads) == alone) << threads << " threads";
}

TEST(Posting, PartialSumsAndTheirBufferUsedAgain)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        std::vector<lc_record> records;
        for (std::uint32_t column = 0; column < 4; ++column) {
            records.push_back(PostingRig::mvm(0, kFirst, 0));
            records.push_back(PostingRig::mvm(1, 0, 0));
            records.push_back(PostingRig::mvm(0, kLast, kOutputs + column % 2 * kOutBytes));
        }
        rig.execute(records);
        rig.see(sram_pointer(kOutputs), 2 * kOutBytes);
        EXPECT_GT(rig.card.counters().adc_clipped, 0u);
    });
}

TEST(Posting, ABufferIsWrittenThatAJobStillReads)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        const auto inputs = rig.buffer(Rig::pattern(kVectors * kN, 77));
        rig.execute(
            {PostingRig::mvm(0, kBoth, kOutputs),
             PostingRig::copy(sram_pointer(kInputs), host_pointer(inputs), kVectors * kN, LC_WAIT(LC_ENGINE_CORE)),
             PostingRig::mvm(1, kBoth, kMore, LC_WAIT(LC_ENGINE_DMA)),
             PostingRig::move(kInputs, kOutputs, kVectors * kN / 4, LC_WAIT(LC_ENGINE_CORE)),
             PostingRig::mvm(0, kBoth, kOutputs, LC_WAIT(LC_ENGINE_VECTOR))});
        rig.see(sram_pointer(kOutputs), kOutBytes);
        rig.see(sram_pointer(kMore), kOutBytes);
    });
}

/// Without a wait: the commands race on the card, and who wins does not depend on the host.
TEST(Posting, RacesEndAsTheyDid)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        const auto inputs = rig.buffer(Rig::pattern(kVectors * kN, 78));
        rig.execute({PostingRig::mvm(0, kBoth, kOutputs),
                     PostingRig::copy(sram_pointer(kInputs), host_pointer(inputs), 5000),
                     PostingRig::move(kCopies, kOutputs, kVectors * kN), PostingRig::mvm(1, kBoth, kMore),
                     PostingRig::copy(sram_pointer(kOutputs + 100), sram_pointer(kMore), 9000),
                     PostingRig::move(kMore, kCopies, kVectors * kN)});
        for (const auto at : {kOutputs, kMore, kCopies}) rig.see(sram_pointer(at), kOutBytes);
    });
}

TEST(Posting, ResultsAreReadWhileJobsPend)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        const auto out = rig.buffer(kOutBytes);
        rig.execute({PostingRig::mvm(0, kBoth, kOutputs), PostingRig::mvm(1, kBoth, kMore),
                     PostingRig::copy(host_pointer(out), sram_pointer(kOutputs), kOutBytes, LC_WAIT(LC_ENGINE_CORE)),
                     PostingRig::copy(dram_pointer(0x500000), sram_pointer(kMore), kOutBytes),
                     PostingRig::mvm(0, kBoth, kMore)});
        rig.seen.write(reinterpret_cast<const char*>(out.host), kOutBytes);
        for (std::uint32_t i = 0; i < 64; ++i) rig.seen << rig.host.read32(LC_REG_CSTS) << ' ';
        rig.see(dram_pointer(0x500000), kOutBytes);
        rig.see(sram_pointer(kMore), kOutBytes);
    });
}

TEST(Posting, WeightsAreWrittenAnewWhileJobsPend)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        std::vector<lc_record> records;
        for (std::uint32_t round = 0; round < 4; ++round) {
            records.push_back(PostingRig::mvm(0, round == 0 ? kFirst : 0, 0));
            const auto op = rig.program_op(Tile(kN, kN, 50 + round), 0, 0x40000 * (1 + round));
            records.push_back(PostingRig::record(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 1), &op, 0));
        }
        records.push_back(PostingRig::mvm(0, kLast, kOutputs));
        rig.execute(records);
        rig.see(sram_pointer(kOutputs), kOutBytes);
    });
}

TEST(Posting, WhatAnIllegalShiftFailsIsTheCommandThatReadsIt)
{
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "AddressSanitizer does not know SystemC's coroutine stacks (variant_test.cpp)";
#endif
    expect_nobody_can_tell([](PostingRig& rig) {
        rig.write(sram_pointer(kPost), std::vector<std::uint8_t>(kN * 9, 9));
        auto reads = PostingRig::mvm(1, kBoth, kMore, LC_WAIT(LC_ENGINE_VECTOR));
        lc_mvm_op op;
        std::memcpy(&op, reads.operands, sizeof op);
        op.out_format = LC_FMT_U8;
        op.clamp_hi = 255;
        op.post = sram_pointer(kPost);
        op.out = {sram_pointer(kMore), std::uint64_t{kVectors} * kN, kVectors * kN, kN};
        std::memcpy(reads.operands, &op, sizeof op);
        rig.execute({PostingRig::mvm(0, kBoth, kOutputs), reads});
        rig.see(sram_pointer(kMore), kVectors * kN);
        // Sums where the constants were.
        // Sums where the constants were.
        const auto done = rig.execute(
            {PostingRig::mvm(0, kBoth, kOutputs), PostingRig::move(kPost, kOutputs, 320, LC_WAIT(LC_ENGINE_CORE)),
             reads, PostingRig::mvm(1, kBoth, kOutputs)},
            LC_SC_INVALID_FIELD);
        EXPECT_EQ(LC_FAIL_INDEX(done.result), 2u);
        rig.see(sram_pointer(kMore), kVectors * kN);
        rig.see(sram_pointer(kOutputs), kOutBytes);
    });
}

TEST(Posting, ResetWhileJobsPend)
{
    for (const auto early : {5u, 20u, 35u}) {
        expect_nobody_can_tell([early](PostingRig& rig) {
            std::vector<lc_record> records(40, PostingRig::mvm(0, kBoth, kOutputs));
            records[1] = PostingRig::mvm(0, kBoth, kMore);
            rig.start(records);
            rig.sleep_until_mvms(early);
            must(rig.driver->reset());
            while (const auto done = rig.queue().poll()) rig.see(*done);
            rig.see(sram_pointer(kOutputs), kOutBytes);
            rig.see(sram_pointer(kMore), kOutBytes);
            rig.start(records);
            rig.sleep_until_mvms(rig.started() + early);
            rig.card.bus_reset();
            rig.seen << figures_of(rig.card);
            must(rig.host.power_on());
            must(rig.driver->reset());
            for (int i = 0; i < 4; ++i) {  // what waited for the driver before is forgotten
                rig.seen << must(rig.driver->next_event()).value_or(0) << ' ';
                rig.host.sleep(50 * kMicrosecond);
            }
        });
    }
}

TEST(Posting, EventsTelemetryAndLogsInMidWork)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        const auto cid = rig.start(std::vector<lc_record>(60, PostingRig::mvm(0, kBoth, kOutputs)));
        for (std::uint32_t i = 1; i < 10; ++i) {
            rig.sleep_until_mvms(6 * i);
            if (i % 3 == 0) {
                rig.seen << rig.driver->telemetry(LC_TAG_ADC_CLIPPED).value_or(-1) << ' ';
            } else if (i % 3 == 1) {
                rig.seen << rig.card.counters().adc_clipped << ' ';
            } else {  // an error among the saturations
                rig.host.write32(LC_DOORBELL_SQ_TAIL(9), 1);
            }
        }
        rig.see(must(rig.queue().wait(cid)));
        EXPECT_GT(must(rig.driver->event_log()).size(), 60u);
    });
}

TEST(Posting, WhoWaitsForAnEventIsToldAtItsTime)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        rig.host.root().set_observer([&](const host::BusEvent& event) {
            rig.seen << static_cast<int>(event.kind) << ' ' << event.address << ' ' << event.bytes << ' ' << event.time
                     << '\n';
        });
        for (int i = 0; i < 3; ++i) {
            const auto event = must(rig.driver->next_event());
            rig.seen << event.value_or(0) << '\n';
            rig.execute(std::vector<lc_record>(5, PostingRig::mvm(0, kBoth, kOutputs)));
        }
        rig.host.root().set_observer({});
    });
}

TEST(Posting, FaultsAndCalibrationsInMidWork)
{
    expect_nobody_can_tell([](PostingRig& rig) {
        for (int round = 0; round < 3; ++round) {
            const auto cid =
                rig.start(std::vector<lc_record>(30, PostingRig::mvm(0, kBoth, round == 0 ? kOutputs : kMore)));
            rig.host.sleep(2 * kMicrosecond);
            Fault fault;
            fault.kind = round == 0 ? FaultKind::adc_offset : round == 1 ? FaultKind::cell_stuck : FaultKind::drift;
            fault.target = round == 0 ? LC_PLACE(0, 0, 0, 5) : LC_PLACE(0, 0, 3, 5);
            fault.value = round == 2 ? 1'000'000'000'000 : 100;
            if (round == 2) fault.target = Fault::kAnyTarget;
            must(rig.card.inject(fault));
            must(rig.driver->calibrate(0, LC_CAL_EVERY_BANK, LC_CAL_DACS | LC_CAL_ADCS | LC_CAL_COLUMNS));
            rig.see(must(rig.queue().wait(cid)));
            rig.card.faults().clear_all();
            rig.execute({PostingRig::mvm(0, kBoth, kOutputs)});
            rig.see(sram_pointer(kOutputs), kOutBytes);
        }
    });
}

TEST(Posting, ACardMayGoAtAnyTime)
{
    const auto gone = in_child([] {
        PostingRig rig(3);
        rig.start(std::vector<lc_record>(40, PostingRig::mvm(0, kBoth, kOutputs)));
        rig.host.sleep(10 * kMicrosecond);
        return std::string("gone");
    });
    EXPECT_EQ(gone, "gone");
}

}  // namespace
}  // namespace lightcard::test
