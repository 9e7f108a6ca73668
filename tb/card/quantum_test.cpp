// SPDX-License-Identifier: Apache-2.0
// The same work at three global quanta: same bus events in the same order at the same times, same outputs, same books.
#include "script.h"

namespace lightcard::test {
namespace {

std::string run_at(const sc_core::sc_time& quantum)
{
    return in_child([&] {
        tlm::tlm_global_quantum::instance().set(quantum);
        Rig rig;
        Script script(rig, 1);
        for (int i = 0; i < Script::kSteps; ++i) {
            script.step(i);
            rig.host.run_until((i + 1) * Script::kStep);
        }
        EXPECT_EQ(rig.host.root().early_writes(), 0u);
        return script.seen() + script.figures();
    });
}

TEST(Quantum, DoesNotShow)
{
    const auto fine = run_at(sc_core::sc_time(1, sc_core::SC_NS));
    EXPECT_THAT(fine, testing::HasSubstr("cqe 0"));
    EXPECT_EQ(run_at(sc_core::sc_time(1, sc_core::SC_US)), fine);
    EXPECT_EQ(run_at(sc_core::sc_time(1, sc_core::SC_MS)), fine);
    EXPECT_EQ(run_at(sc_core::SC_ZERO_TIME), fine);
}

/// One command at a time, so that nothing contends: transfers in every direction, a tile, and streams of vectors
/// shorter and longer than a chunk. Returns when each ended.
std::string times_in(Timing timing)
{
    return in_child([timing] {
        CardConfig config = ideal_card();
        config.run.timing = timing;
        Rig rig(config);
        rig.up();
        const auto memory = rig.buffer(Rig::pattern(1u << 20, 1));
        std::ostringstream times;
        const auto time = [&](const lc_sqe& sqe, const void* operands) {
            const auto done = rig.run(sqe, operands);
            times << driver::opcode_name(sqe.opcode) << ' ' << done.submitted << ' ' << done.completed << '\n';
        };
        for (const std::uint32_t bytes : {1u, 4096u, 300'000u, 1u << 20}) {
            time(make_copy(dram_pointer(0), host_pointer(memory), bytes), nullptr);
            time(make_copy(sram_pointer(0), dram_pointer(0), bytes), nullptr);
            time(make_copy(host_pointer(memory), sram_pointer(0), bytes), nullptr);
        }
        lc_program_op program{};
        program.rows = program.cols = program.row_stride = 128;
        program.weights = dram_pointer(0);
        program.adc_range = dram_pointer(1u << 21);
        time(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 1), &program);
        for (const std::uint32_t vectors : {1u, 255u, 256u, 257u, 5000u}) {
            lc_mvm_op op{};
            op.rows = op.cols = 128;
            op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
            op.out_format = LC_FMT_S32;
            op.in = {sram_pointer(0), 1, 1, vectors, 128, 1, vectors, 1u << 23, 1u << 23, 128, 1, 1, 1, 1, 1, 1, 0, 0};
            op.out = {sram_pointer(8u << 20), 8u << 20, 8u << 20, 512};
            op.psum = sram_pointer(32u << 20);
            time(driver::make_weight_command(LC_OP_MVM, 1), &op);
        }
        return times.str() + books_of(rig.card);
    });
}

TEST(Timing, AtEqualsLtWhenNothingContends)
{
    const auto lt = times_in(Timing::lt);
    EXPECT_THAT(lt, testing::HasSubstr("MVM"));
    EXPECT_EQ(times_in(Timing::at), lt);
}

}  // namespace
}  // namespace lightcard::test
