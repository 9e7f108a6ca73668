// SPDX-License-Identifier: Apache-2.0
// run.fidelity = timing: every time, count and joule of the run with data, without the data.
#include <gtest/gtest.h>

#include <string>

#include "lightcard/platform/driver/program_runner.h"
#include "lightcard/tb/card/network_rig.h"

namespace lightcard::test {
namespace {

struct Setting {
    Timing timing = Timing::lt;
    std::uint32_t banks = 2, cores = 1, batch = 1;
    std::uint32_t chunk = 256;
    SignedInputs signed_inputs = SignedInputs::offset;
};

/// Figures of a run in a process of its own, but for what the converters clipped: that depends on data.
std::string figures(const Network& network, const Setting& setting, Fidelity fidelity)
{
    return in_child([&] {
        auto config = default_card();
        config.run.fidelity = fidelity;
        config.run.timing = setting.timing;
        config.run.at_chunk_vectors = setting.chunk;
        config.run.signed_inputs = setting.signed_inputs;
        config.pcm.banks = setting.banks;
        config.cores = setting.cores;
        Rig rig(config);
        rig.up();
        auto program = compile(network, config, setting.batch);
        std::vector<std::uint8_t> outputs;
        if (fidelity == Fidelity::timing) {
            program.weights.assign(program.weights.size(), 0xa5);  // nobody looks at them
            driver::RunnerOptions options;
            options.data = false;
            driver::ProgramRunner runner(*rig.driver, program, options);
            EXPECT_TRUE(runner.load().ok());
            const auto done = runner.run({nullptr}, {nullptr}, network.inputs.size());
            EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().what);
        } else {
            run_network(rig, program, network);
        }
        EXPECT_EQ(rig.card.counters().failed_commands, 0u);
        EXPECT_TRUE(rig.card.ledger().balances());
        std::string text = figures_of(rig.card);
        const auto at = text.find(" clipped ");
        text.erase(at, text.find('\n', at) - at);
        return text;
    });
}

void expect_equal(const Network& network, const Setting& setting)
{
    const auto with = figures(network, setting, Fidelity::stat);
    EXPECT_GT(with.size(), 1000u);
    EXPECT_EQ(figures(network, setting, Fidelity::timing), with);
}

TEST(TimingOnly, LeNetTakesWhatItTakesWithData)
{
    const auto network = lenet(5);
    expect_equal(network, {});
    expect_equal(network, {Timing::at, 2, 1, 2, 64});
    expect_equal(network, {Timing::lt, 64, 2, 4});
    expect_equal(network, {Timing::at, 64, 2, 4});
}

TEST(TimingOnly, ResNetTakesWhatItTakesWithData)
{
    const auto network = resnet8();
    expect_equal(network, {});
    expect_equal(network, {Timing::at, 128, 1, 1, 256, SignedInputs::two_pass});
}

/// Card memory is empty, so there is nothing in it to execute.
TEST(TimingOnly, ACommandBufferInCardMemoryIsRefused)
{
    auto config = default_card();
    config.run.fidelity = Fidelity::timing;
    Rig rig(config);
    rig.up();
    const auto exec = driver::make_exec(driver::dram_pointer(0), 1);
    const auto done = rig.driver->run_on(0, driver::make_command(LC_OP_EXEC), &exec, kSecond);
    ASSERT_FALSE(done.ok());
    EXPECT_NE(done.error().what.find("INVALID_FIELD"), std::string::npos) << done.error().what;
}

}  // namespace
}  // namespace lightcard::test
