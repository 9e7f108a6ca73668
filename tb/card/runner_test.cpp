// SPDX-License-Identifier: Apache-2.0
// A compiled program on the card: weights loaded, batches in flight on rotating buffers, partial batch, failures named.
#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/driver/program_runner.h"

#include "rig.h"

namespace lightcard::test {
namespace {

constexpr std::uint32_t kIn = 96, kOut = 10, kBatch = 8, kShift = 10;
constexpr std::uint64_t kDramBase = 0x4000, kRangesAt = 4096, kPostAt = 8192;  // in the weights section
constexpr std::uint64_t kX = 0x1000, kY = 0x8000, kPost = 0x10000, kPsum = 0x20000;

/// A fully connected layer of 96 inputs and 10 outputs, written by hand. The weights are loaded by `setup`.
struct Layer {
    std::vector<std::uint8_t> weights = Rig::pattern(kIn * kOut, 21);
    driver::Program program;

    Layer()
    {
        program.network = "by hand";
        const auto card = ideal_card();
        program.target = {card.core.n,      card.cores, card.pcm.banks, card.pcm.level_bits, 0, card.control.sram_bytes,
                          card.memory.bytes};
        program.batch = kBatch;
        program.dram_base = kDramBase;
        for (auto& w : weights) w = w == 0x80 ? 0x81 : w;  // -128 is not a weight
        program.weights = weights;
        program.weights.resize(kPostAt);
        for (std::int32_t value : std::vector<std::int32_t>(kOut, -500)) append(value);
        for (std::int32_t value : std::vector<std::int32_t>(kOut, 3)) append(value);
        program.weights.insert(program.weights.end(), kOut, kShift);
        program.inputs = {tensor(2, LC_FMT_U8, kIn)};
        program.outputs = {tensor(5, LC_FMT_S8, kOut)};

        lc_program_op tile{};
        tile.rows = kIn;
        tile.cols = kOut;
        tile.row_stride = kIn;
        tile.weights = dram_pointer(kDramBase);
        tile.adc_range = dram_pointer(kDramBase + kRangesAt);
        program.setup = {record(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 7), &tile),
                         record(make_copy(sram_pointer(kPost), dram_pointer(kDramBase + kPostAt), kOut * 9))};

        lc_mvm_op mvm{};
        mvm.rows = kIn;
        mvm.cols = kOut;
        mvm.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
        mvm.out_format = LC_FMT_S8;
        mvm.in = {sram_pointer(kX), kBatch, 1, 1, kIn, 1, 1, kIn, kIn, kIn, 1, 1, 1, 1, 1, 1, 0, 0};
        mvm.out = {sram_pointer(kY), kOut, kOut, kOut};
        mvm.psum = sram_pointer(kPsum);
        mvm.post = sram_pointer(kPost);
        mvm.clamp_lo = -128;
        mvm.clamp_hi = 127;
        program.commands = {record(make_copy(sram_pointer(kX), LC_PTR(LC_SPACE_ARG0 + 2, 0), kBatch * kIn)),
                            record(driver::make_weight_command(LC_OP_MVM, 7), &mvm, LC_WAIT(LC_ENGINE_DMA)),
                            record(make_copy(LC_PTR(LC_SPACE_ARG0 + 5, 0), sram_pointer(kY), kBatch * kOut), nullptr,
                                   LC_WAIT(LC_ENGINE_CORE))};
        for (auto& command : program.commands) command.sqe.layer = 1;
    }

    static driver::ProgramTensor tensor(std::uint32_t arg, std::uint32_t format, std::uint32_t channels)
    {
        driver::ProgramTensor made;
        made.arg = arg;
        made.format = format;
        made.channels = channels;
        made.bytes_per_image = channels;
        return made;
    }
    void append(std::int32_t value)
    {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        program.weights.insert(program.weights.end(), bytes, bytes + 4);
    }
    static lc_record record(const lc_sqe& sqe, const void* operands = nullptr, std::uint32_t wait_mask = 0)
    {
        lc_record made{};
        made.sqe = sqe;
        made.sqe.wait_mask = wait_mask;
        if (operands != nullptr) std::memcpy(made.operands, operands, sizeof made.operands);
        return made;
    }
    std::int8_t expected(const std::uint8_t* x, std::uint32_t out) const
    {
        std::int64_t sum = -500;
        for (std::uint32_t i = 0; i < kIn; ++i) sum += static_cast<std::int8_t>(weights[out * kIn + i]) * x[i];
        const std::int64_t scaled = (sum * 3 + (1 << (kShift - 1))) >> kShift;
        return static_cast<std::int8_t>(std::min<std::int64_t>(127, std::max<std::int64_t>(-128, scaled)));
    }
};

class Runner : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Runner, EveryImageIsRight)
{
    constexpr std::uint64_t kImages = 7 * kBatch + 3;
    Rig rig;
    rig.up();
    const Layer layer;
    driver::RunnerOptions options;
    options.depth = GetParam();
    options.copy_chunk = 1000;
    driver::ProgramRunner runner(*rig.driver, layer.program, options);
    must(runner.load());
    const auto images = Rig::pattern(kImages * kIn, 5);
    std::vector<std::uint8_t> outputs(kImages * kOut);
    const auto times = must(runner.run({images.data()}, {outputs.data()}, kImages));
    for (std::uint64_t i = 0; i < kImages; ++i)
        for (std::uint32_t out = 0; out < kOut; ++out)
            ASSERT_EQ(static_cast<std::int8_t>(outputs[i * kOut + out]), layer.expected(&images[i * kIn], out))
                << i << ',' << out;
    ASSERT_EQ(times.size(), 8u);
    EXPECT_EQ(times.back().images, 3u);
    const auto counters = rig.card.counters();
    ASSERT_EQ(counters.exec_end.size(), 9u) << "set-up and eight batches";
    for (std::size_t i = 0; i < times.size(); ++i) {
        EXPECT_LT(times[i].submitted, times[i].completed);
        EXPECT_GE(counters.exec_start[i + 1], times[i].submitted);
        EXPECT_LE(counters.exec_end[i + 1], times[i].completed);
    }
    EXPECT_EQ(counters.mvms, 8u * kBatch);
    EXPECT_EQ(counters.tile_loads, 1u);
}
INSTANTIATE_TEST_SUITE_P(Depth, Runner, testing::Values(1, 2, 5));

TEST(RunnerErrors, AnotherCardIsRefusedByField)
{
    CardConfig config = ideal_card();
    config.pcm.banks = 8;
    Rig rig(config);
    rig.up();
    const Layer layer;
    const auto status = driver::ProgramRunner(*rig.driver, layer.program).load();
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message(), testing::HasSubstr("banks"));
}

TEST(RunnerErrors, MissingWeightsAreNamedByRecord)
{
    Rig rig;
    rig.up();
    Layer layer;
    layer.program.setup.clear();
    driver::ProgramRunner runner(*rig.driver, layer.program);
    must(runner.load());
    std::vector<std::uint8_t> in(kIn), out(kOut);
    const auto times = runner.run({in.data()}, {out.data()}, 1);
    ASSERT_FALSE(times);
    EXPECT_THAT(times.error().message(), testing::HasSubstr("record 1 (MVM, layer 1): NO_WEIGHTS"));
    EXPECT_TRUE(rig.works());
}

}  // namespace
}  // namespace lightcard::test
