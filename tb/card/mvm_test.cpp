// SPDX-License-Identifier: Apache-2.0
// One tile of weights through the queue: products against integer loops, time, energy and wear against closed forms.
#include "mvm_rig.h"

#include <algorithm>

namespace lightcard::test {
namespace {

TEST(Mvm, EqualsAnIntegerLoop)
{
    MvmRig rig;
    constexpr std::uint32_t kVectors = 37;
    const Tile tile(kN, kN, 4);
    const auto inputs = Rig::pattern(kN * kVectors, 6);
    rig.write(sram_pointer(kInputs), inputs);
    rig.program(tile, 42);
    EXPECT_EQ(rig.mvm(42, MvmRig::mvm_op(kN, kN, kVectors)).status, LC_SC_SUCCESS);
    const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kN * kVectors);
    for (std::uint32_t v = 0; v < kVectors; ++v)
        for (std::uint32_t col = 0; col < kN; ++col)
            ASSERT_EQ(got[v * kN + col], tile.product(&inputs[v * kN], col)) << v << ',' << col;
    const auto counters = rig.card.counters();
    EXPECT_EQ(counters.mvms, kVectors);
    EXPECT_EQ(counters.tile_loads, 1u);
}

TEST(Mvm, SmallTilesAndSignedInputs)
{
    MvmRig rig;
    constexpr std::uint32_t kRows = 75, kCols = 10, kVectors = 9;
    const Tile tile(kRows, kCols, 14);
    const auto inputs = Rig::pattern(kRows * kVectors, 16);
    rig.write(sram_pointer(kInputs), inputs);
    rig.program(tile, 1);
    for (const std::uint8_t format : {LC_FMT_U8, LC_FMT_S8}) {
        auto op = MvmRig::mvm_op(kRows, kCols, kVectors);
        op.in_format = format;
        EXPECT_EQ(rig.mvm(1, op).status, LC_SC_SUCCESS);
        const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kCols * kVectors);
        for (std::uint32_t v = 0; v < kVectors; ++v)
            for (std::uint32_t col = 0; col < kCols; ++col)
                ASSERT_EQ(got[v * kCols + col], tile.product(&inputs[v * kRows], col, format == LC_FMT_S8))
                    << v << ',' << col;
    }
}

TEST(Mvm, PartialSumsPostProcessingAndClamp)
{
    MvmRig rig;
    constexpr std::uint32_t kRows = 100, kCols = 20, kVectors = 11, kShift = 12;
    const Tile first(kRows, kCols, 1), second(kRows, kCols, 2);
    const auto inputs = Rig::pattern(2 * kRows * kVectors, 3);  // vector: 200 codes, two K tiles
    rig.write(sram_pointer(kInputs), inputs);
    std::vector<std::int32_t> bias, multiplier;
    for (std::uint32_t col = 0; col < kCols; ++col) {
        bias.push_back(static_cast<std::int32_t>(col) * 1000 - 9000);
        multiplier.push_back(static_cast<std::int32_t>(1 + col));
    }
    rig.write(sram_pointer(kPost), bias);
    rig.write(sram_pointer(kPost + 4 * kCols), multiplier);
    rig.write(sram_pointer(kPost + 8 * kCols), std::vector<std::uint8_t>(kCols, kShift));

    rig.program(first, 10, 0);
    rig.program(second, 11, 1);
    auto op = MvmRig::mvm_op(kRows, kCols, kVectors);
    op.in.channels = 2 * kRows;
    op.in.stride_w = 2 * kRows;
    op.in.stride_h = 2 * kRows * kVectors;
    op.in.stride_n = op.in.stride_h;
    op.flags = LC_MVM_ACC_FIRST;
    EXPECT_EQ(rig.mvm(10, op).status, LC_SC_SUCCESS);
    op.bank = 1;
    op.k0 = kRows;
    op.flags = LC_MVM_ACC_LAST;
    op.out_format = LC_FMT_S8;
    op.out.stride_w = kCols;
    op.out.stride_h = kCols * kVectors;
    op.out.stride_n = kCols * kVectors;
    op.post = sram_pointer(kPost);
    op.clamp_lo = -100;
    op.clamp_hi = 90;
    op.zero_point = 3;
    EXPECT_EQ(rig.mvm(11, op).status, LC_SC_SUCCESS);
    const auto got = rig.read<std::int8_t>(sram_pointer(kOutputs), kCols * kVectors);
    for (std::uint32_t v = 0; v < kVectors; ++v)
        for (std::uint32_t col = 0; col < kCols; ++col) {
            const auto* x = &inputs[v * 2 * kRows];
            const std::int64_t acc = first.product(x, col) + second.product(x + kRows, col) + bias[col];
            const std::int64_t scaled = (acc * multiplier[col] + (1 << (kShift - 1))) >> kShift;
            EXPECT_EQ(got[v * kCols + col], std::clamp<std::int64_t>(scaled + 3, -100, 90)) << v << ',' << col;
        }
}

TEST(Mvm, ConvolutionWalksTheImageWithPadding)
{
    MvmRig rig;
    constexpr int kH = 9, kW = 7, kC = 3, kK = 3, kOutC = 8, kStep = 2, kPad = 1;
    constexpr int kOutH = (kH + 2 * kPad - kK) / kStep + 1, kOutW = (kW + 2 * kPad - kK) / kStep + 1;
    const Tile tile(kK * kK * kC, kOutC, 5);
    const auto image = Rig::pattern(2 * kH * kW * kC, 6);
    rig.write(sram_pointer(kInputs), image);
    rig.program(tile, 9);
    auto op = MvmRig::mvm_op(tile.rows, kOutC, 1);
    op.in.images = 2;
    op.in.out_h = kOutH;
    op.in.out_w = kOutW;
    op.in.channels = kC;
    op.in.height = kH;
    op.in.width = kW;
    op.in.stride_n = kH * kW * kC;
    op.in.stride_h = kW * kC;
    op.in.stride_w = kC;
    op.in.kernel_h = op.in.kernel_w = kK;
    op.in.step_h = op.in.step_w = kStep;
    op.in.pad_h = op.in.pad_w = kPad;
    op.out = {sram_pointer(kOutputs), kOutH * kOutW * kOutC * 4, kOutW * kOutC * 4, kOutC * 4};
    EXPECT_EQ(rig.mvm(9, op).status, LC_SC_SUCCESS);
    const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), 2 * kOutH * kOutW * kOutC);
    std::size_t at = 0;
    for (int n = 0; n < 2; ++n)
        for (int y = 0; y < kOutH; ++y)
            for (int x = 0; x < kOutW; ++x)
                for (int out = 0; out < kOutC; ++out, ++at) {
                    std::int32_t sum = 0;
                    for (int i = 0; i < kK; ++i)
                        for (int j = 0; j < kK; ++j)
                            for (int c = 0; c < kC; ++c) {
                                const int iy = y * kStep - kPad + i, ix = x * kStep - kPad + j;
                                if (iy < 0 || iy >= kH || ix < 0 || ix >= kW) continue;
                                sum +=
                                    tile.weights[static_cast<std::size_t>(out * kK * kK * kC + (i * kK + j) * kC + c)] *
                                    image[static_cast<std::size_t>(((n * kH + iy) * kW + ix) * kC + c)];
                            }
                    ASSERT_EQ(got[at], sum) << n << ',' << y << ',' << x << ',' << out;
                }
}

TEST(Program, TimeEnergyAndWearEqualTheClosedForm)
{
    MvmRig rig;
    const auto& pcm = rig.card.config().pcm;
    const Tile tile(kN, kN, 4);
    for (std::uint64_t times = 1; times <= 2; ++times) {
        const auto busy = engine(rig.card.counters(), "writer0").busy;
        const auto done = rig.program(tile, 42);
        const Picoseconds slots = kN * pcm.write_slot;
        EXPECT_EQ(done.result, 2u * kN * kN) << "cells written";
        EXPECT_GE(done.completed - done.submitted, slots);
        // Fetching 16 KiB of weights and the round trips of the queue come on top: microseconds, not a slot.
        EXPECT_LT(done.completed - done.submitted, slots + pcm.write_slot);
        const auto took = engine(rig.card.counters(), "writer0").busy - busy;
        EXPECT_GE(took, slots);
        EXPECT_LT(took, slots + pcm.write_slot);

        const auto& energy = account(rig.card, Category::weight_write);
        EXPECT_EQ(energy.count, times * 2 * kN * kN);
        EXPECT_DOUBLE_EQ(energy.joules(), static_cast<double>(times) * 2 * kN * kN * pcm.write_energy);
        const auto log = must(rig.driver->weights_log());
        EXPECT_EQ(log[0].max_wear, times * pcm.cycles_per_write);
        EXPECT_EQ(log[0].epoch, times);
        EXPECT_EQ(log[0].weight_id, 42u);
        EXPECT_EQ(log[0].rows, kN);
        EXPECT_EQ(log[1].weight_id, 0u) << "the other bank was not touched";
        EXPECT_EQ(log[1].max_wear, 0u);
        EXPECT_EQ(rig.card.counters().cell_writes, times * 2 * kN * kN);
    }
    const auto& id = rig.driver->identity();
    EXPECT_EQ(id.write_slot_ps * id.write_slots_per_tile, static_cast<std::uint64_t>(kN * pcm.write_slot));
}

/// A stream of `vectors` that reads one vector again and again.
lc_mvm_op long_stream(std::uint32_t vectors, std::uint16_t bank)
{
    auto op = MvmRig::mvm_op(kN, kN, 1, bank);
    op.in.out_w = op.in.width = vectors;
    op.in.stride_w = 0;
    op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
    op.out.stride_w = kN * 4;
    op.out.stride_h = op.out.stride_w * vectors;
    op.out.stride_n = op.out.stride_h;
    return op;
}

TEST(Banks, OneIsWrittenWhileTheOtherComputes)
{
    MvmRig rig;
    const Tile tile(kN, kN, 4);
    rig.program(tile, 42, 0);
    const auto op = rig.program_op(tile, 1);
    const auto stream = long_stream(5000, 0);
    const auto writing = rig.submit(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 43), &op, 0);
    rig.host.sleep(100 * kMicrosecond);
    const auto computing = rig.submit(driver::make_weight_command(LC_OP_MVM, 42), &stream, 1);
    const auto computed = must(rig.queue(1).wait(computing));
    const auto written = must(rig.queue(0).wait(writing));
    EXPECT_TRUE(computed.ok());
    EXPECT_TRUE(written.ok());
    EXPECT_LT(computed.completed, written.completed) << "the stream did not wait for the writer";
    EXPECT_LT(written.completed - written.submitted, (kN + 1) * rig.card.config().pcm.write_slot)
        << "the writer did not wait for the stream";
}

TEST(Banks, SwitchingIsCounted)
{
    MvmRig rig;
    const Tile a(kN, kN, 4), b(kN, kN, 5);
    rig.program(a, 1, 0);
    rig.program(b, 2, 1);
    EXPECT_TRUE(rig.mvm(2, MvmRig::mvm_op(kN, kN, 1, 1)).ok());  // lights laser and bank 1
    const auto waited = [&] {
        const auto counters = rig.card.counters();
        auto core = engine(counters, "core0");
        return core.waits["switch"];
    };
    const auto before = rig.card.counters().bank_switches;
    const auto waited_before = waited();
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(rig.mvm(1, MvmRig::mvm_op(kN, kN, 1, 0)).ok());
        EXPECT_TRUE(rig.mvm(2, MvmRig::mvm_op(kN, kN, 1, 1)).ok());
    }
    const auto switches = rig.card.counters().bank_switches - before;
    EXPECT_EQ(switches, 6u);
    EXPECT_EQ(waited() - waited_before, 6 * rig.card.config().pcm.switch_time);
    EXPECT_DOUBLE_EQ(account(rig.card, Category::bank_switch).joules(),
                     static_cast<double>(rig.card.counters().bank_switches) * rig.card.config().pcm.switch_energy);
}

TEST(Weights, MissingAndWrongOnesAreRefused)
{
    MvmRig rig;
    const auto op = MvmRig::mvm_op(kN, kN, 1, 0);
    EXPECT_EQ(rig.mvm(42, op).status, LC_SC_NO_WEIGHTS);
    rig.program(Tile(kN, kN, 4), 42);
    EXPECT_EQ(rig.mvm(41, op).status, LC_SC_WEIGHT_MISMATCH);
    EXPECT_EQ(rig.mvm(42, MvmRig::mvm_op(kN, kN, 1, 1)).status, LC_SC_NO_WEIGHTS) << "the other bank";
    EXPECT_EQ(rig.mvm(42, op).status, LC_SC_SUCCESS);
}

TEST(Weights, VerifyComparesWithWhatIsThere)
{
    MvmRig rig;
    const Tile tile(kN, kN, 4);
    rig.program(tile, 42);
    const lc_sqe verify = driver::make_weight_command(LC_OP_VERIFY_WEIGHTS, 42);
    auto op = rig.program_op(tile, 0);
    const auto same = rig.try_run(verify, &op);
    EXPECT_EQ(same.status, LC_SC_SUCCESS);
    EXPECT_EQ(same.result, 0u);
    Tile other = tile;
    for (std::uint32_t col = 0; col < kN; ++col)
        other.weights[col * kN + 5] = static_cast<std::int8_t>(-64 - tile.weights[col * kN + 5] / 2);
    op = rig.program_op(other, 0);
    EXPECT_EQ(rig.try_run(verify, &op).status, LC_SC_VERIFY_FAILED);
    op.bank = 1;
    EXPECT_EQ(rig.try_run(verify, &op).status, LC_SC_NO_WEIGHTS);
}

TEST(Weights, AbortStopsAtARowAndLeavesTheBankEmpty)
{
    MvmRig rig;
    const auto& pcm = rig.card.config().pcm;
    const auto op = rig.program_op(Tile(kN, kN, 4), 0);
    const auto cid = rig.submit(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 42), &op);
    rig.host.sleep(30 * pcm.write_slot + pcm.write_slot / 2);
    const auto progress = must(rig.driver->progress_log());
    ASSERT_EQ(progress.size(), 1u);
    EXPECT_EQ(progress[0].cid, cid);
    EXPECT_EQ(progress[0].sq_id, 1);
    EXPECT_EQ(progress[0].opcode, LC_OP_PROGRAM_WEIGHTS);
    EXPECT_NEAR(progress[0].permille, 1000 * 30 / 128, 1000 * 2 / 128);
    const auto asked = rig.host.now();
    must(rig.driver->abort(rig.queue(), cid));
    const auto done = must(rig.queue().wait(cid));
    EXPECT_EQ(done.status, LC_SC_ABORTED);
    EXPECT_LT(done.completed, asked + 2 * pcm.write_slot);
    const std::uint64_t cells = account(rig.card, Category::weight_write).count;
    EXPECT_EQ(cells % (2 * kN), 0u) << "whole rows";
    EXPECT_GE(cells, 30u * 2 * kN);
    EXPECT_LE(cells, 33u * 2 * kN);
    EXPECT_EQ(rig.mvm(42, MvmRig::mvm_op(kN, kN, 1, 0)).status, LC_SC_NO_WEIGHTS);
    EXPECT_EQ(must(rig.driver->weights_log())[0].max_wear, 1u) << "the rows that were written are worn";
    rig.program(Tile(kN, kN, 4), 42);
    EXPECT_TRUE(rig.mvm(42, MvmRig::mvm_op(kN, kN, 1, 0)).ok());
}

TEST(Weights, ProgressIsEmptyWhenNothingRuns)
{
    MvmRig rig;
    EXPECT_TRUE(must(rig.driver->progress_log()).empty());
}

TEST(Weights, SurviveAControllerReset)
{
    MvmRig rig;
    const Tile tile(kN, kN, 4);
    const auto inputs = Rig::pattern(kN, 6);
    rig.program(tile, 42);
    must(rig.driver->reset());
    rig.write(sram_pointer(kInputs), inputs);
    EXPECT_TRUE(rig.mvm(42, MvmRig::mvm_op(kN, kN, 1)).ok());
    const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kN);
    for (std::uint32_t col = 0; col < kN; ++col) EXPECT_EQ(got[col], tile.product(inputs.data(), col)) << col;
}

}  // namespace
}  // namespace lightcard::test
