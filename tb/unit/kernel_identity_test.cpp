// SPDX-License-Identifier: Apache-2.0
// Every kernel gives the bits of the portable one: samples and statistics, over random shapes and settings.
#include <gtest/gtest.h>

#include "lightcard/model/photonic_core/prepared_tile.h"
#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard::photonic_core {
namespace {

/// Who sums, and what the CPU must have for it.
struct Kernel {
    const char* name;
    KernelIsa products, needs;
};
void PrintTo(const Kernel& kernel, std::ostream* out)
{
    *out << kernel.name;
}

class EveryKernel : public testing::TestWithParam<Kernel> {
protected:
    void SetUp() override
    {
        if (GetParam().needs > best_kernel_isa()) GTEST_SKIP() << GetParam().name << " is not on this CPU";
    }

    /// Runs the problem in pieces through the portable path and through this kernel.
    void compare(Problem& problem, const RunConfig& run, const std::string& what, bool must_take = true)
    {
        problem.program(run);
        std::vector<std::uint32_t> cuts = {0, problem.vectors};
        AnalogChain chain = problem.chain(run);
        chain.isa = KernelIsa::portable;
        const Result expected = problem.multiply(chain, problem.tile, cuts);

        const std::vector<ColumnGain> gains(problem.cols, column_gain(chain, problem.rows, problem.requested_range));
        const bool taken = PreparedTile::takes(chain, problem.tile, gains.data());
        EXPECT_EQ(taken, must_take) << what;
        if (!taken) return;
        problem.tile.prepared =
            std::make_shared<const PreparedTile>(chain, problem.tile, gains.data(), GetParam().products);
        for (int i = static_cast<int>(problem.random() % 4); i > 0; --i)
            cuts.push_back(static_cast<std::uint32_t>(problem.random()) % problem.vectors);
        std::sort(cuts.begin(), cuts.end());
        const Result got = problem.multiply(chain, problem.tile, cuts, gains.data());
        EXPECT_EQ(got.y, expected.y) << what;
        EXPECT_TRUE(same(got.stats, expected.stats)) << what;
        problem.tile.prepared = nullptr;
    }
};

std::string describe(const Problem& problem, int trial)
{
    return "trial " + std::to_string(trial) + ": " + std::to_string(problem.rows) + "x" + std::to_string(problem.cols) +
           "x" + std::to_string(problem.vectors);
}

TEST_P(EveryKernel, ExactAndQuantised)
{
    std::mt19937 random(11);
    for (int trial = 0; trial < 40; ++trial) {
        const std::uint32_t rows = trial < 3 ? (std::uint32_t[]){1, 255, 256}[trial] : 1 + random() % 256;
        Problem problem(rows, 1 + random() % 140, 1 + random() % 50, static_cast<unsigned>(trial));
        problem.card.core.n = 256;
        problem.randomise_codes();
        problem.requested_range = trial % 3 == 0 ? 0 : 1 + static_cast<std::uint32_t>(random() % 3000000);
        RunConfig run;
        run.fidelity = Fidelity::ideal;
        run.quant = trial % 2 != 0;
        if (trial % 5 == 0) problem.card.converters.adc_bits = 16;
        compare(problem, run, describe(problem, trial));
    }
}

/// Sources on and off at random, converters that bend, noisy cells, warm dies, odd keys.
TEST_P(EveryKernel, NoisyWithRandomSettings)
{
    std::mt19937 random(12);
    const auto often = [&] { return random() % 4 != 0; };
    for (int trial = 0; trial < 60; ++trial) {
        const std::uint32_t rows = trial < 2 ? (std::uint32_t[]){1, 256}[trial] : 1 + random() % 200;
        Problem problem(rows, 1 + random() % 140, 1 + random() % 40, static_cast<unsigned>(trial));
        problem.card.core.n = 256;
        problem.card.core.lanes = 1 + random() % 5;
        if (often()) problem.randomise_codes();
        if (trial % 3 == 0) problem.card.pcm.read_noise = 0.01;
        if (trial % 4 == 0) problem.card.converters.adc_inl = 0.7;
        if (trial % 5 == 0) problem.card.converters.adc_gain_error = problem.card.converters.dac_gain_error = 0.01;
        if (trial % 6 == 0) problem.card.converters.adc_offset_error = 1;
        if (trial % 7 == 0) problem.card.converters.adc_bits = 16;
        if (trial % 4 == 1) problem.card.core.cells = Cells::single;
        if (trial % 3 == 1) problem.card.core.ring_shift = 0.05, problem.detuning = trial % 2 == 0 ? 1.5 : -1.5;
        RunConfig run;
        for (bool* source : {&run.noise.levels, &run.noise.programming, &run.noise.drift, &run.noise.thermal,
                             &run.noise.shot, &run.noise.rin, &run.noise.dac, &run.noise.adc_noise,
                             &run.noise.dac_static, &run.noise.adc_static, &run.noise.read, &run.noise.crosstalk})
            *source = often();
        problem.age = often() ? 1e6 : 0;
        problem.warming = often() ? 12.5 : 0;
        problem.first_row = often() ? 0 : static_cast<std::uint32_t>(random() % 5000);
        problem.pass = static_cast<std::uint32_t>(random() % 3);
        problem.first_sample = often() ? random() : 0xfffffffffull - 3;
        problem.requested_range = often() ? 200000 : 0;
        if (trial % 11 == 0) problem.requested_range = 20000;  // most samples clip
        compare(problem, run, describe(problem, trial));
    }
}

/// Codes that overflow 16-bit intermediate sums, where a kernel has any (vpmaddubsw saturates at 128 * 255 * 2).
TEST_P(EveryKernel, ExtremeCodes)
{
    for (std::uint32_t rows : {2u, 127u, 128u, 256u, 257u, 512u})
        for (int weight : {-128, -127, 127})
            for (int fidelity = 0; fidelity < 3; ++fidelity) {
                Problem problem(rows, 17, 20, 1);
                problem.card.core.n = 512;
                std::fill(problem.weights.begin(), problem.weights.end(), static_cast<std::int8_t>(weight));
                std::fill(problem.x.begin(), problem.x.end(), std::uint8_t{255});
                problem.age = 1e9;
                problem.card.pcm.read_noise = 0.01;
                RunConfig run;
                run.fidelity = fidelity == 2 ? Fidelity::stat : Fidelity::ideal;
                run.quant = fidelity == 1;
                compare(problem, run, std::to_string(rows) + " rows of " + std::to_string(weight));
            }
}

/// A calibration probes a bank in ranges of its own: what was prepared for the layer's is not used.
TEST_P(EveryKernel, WhatWasPreparedForOtherGainsIsNotUsed)
{
    Problem problem(100, 20, 30, 1);
    problem.program(RunConfig{});
    AnalogChain chain = problem.chain(RunConfig{});
    const std::vector<ColumnGain> others(problem.cols, column_gain(chain, problem.rows, 5000));
    problem.tile.prepared =
        std::make_shared<const PreparedTile>(chain, problem.tile, others.data(), GetParam().products);
    const Result got = problem.multiply(chain, problem.tile, {0, problem.vectors});
    const Result in_the_other_range = problem.multiply(chain, problem.tile, {0, problem.vectors}, others.data());
    problem.tile.prepared = nullptr;
    chain.isa = KernelIsa::portable;
    EXPECT_EQ(got.y, problem.multiply(chain, problem.tile, {0, problem.vectors}).y);
    EXPECT_NE(got.y, in_the_other_range.y);
}

/// More rows than a 32-bit sum of both planes holds.
TEST_P(EveryKernel, TallTiles)
{
    std::mt19937 random(13);
    for (int trial = 0; trial < 24; ++trial) {
        const std::uint32_t rows = trial < 3 ? (std::uint32_t[]){257, 511, 512}[trial] : 257 + random() % 256;
        Problem problem(rows, 1 + random() % 512, 1 + random() % 40, static_cast<unsigned>(trial));
        problem.card.core.n = 512;
        if (trial % 2 == 0) problem.randomise_codes();
        if (trial % 3 == 0) problem.card.pcm.read_noise = 0.01;
        problem.age = trial % 4 == 0 ? 1e6 : 0;
        problem.first_row = trial % 5;
        problem.requested_range = 500000;
        RunConfig run;
        run.fidelity = trial % 3 == 1 ? Fidelity::ideal : Fidelity::stat;
        run.quant = trial % 2 == 0;
        compare(problem, run, describe(problem, trial));
    }
}

/// Sums that lie on ties of the ADC, and next to them: least steps of powers of two and of others.
TEST_P(EveryKernel, TiesOfTheAdc)
{
    for (std::uint32_t range : {128u, 256u, 1000u, 4096u, 65536u})
        for (std::uint32_t bits : {4u, 8u, 12u, 16u}) {
            Problem problem(64, 40, 50, range + bits);
            problem.card.converters.adc_bits = bits;
            problem.requested_range = range;
            for (auto& weight : problem.weights)
                weight = static_cast<std::int8_t>(static_cast<int>(problem.random() % 5) - 2);
            for (auto& code : problem.x) code = static_cast<std::uint8_t>(problem.random() % 8);
            RunConfig run;
            run.fidelity = Fidelity::ideal;
            run.quant = true;
            compare(problem, run, "range " + std::to_string(range) + ", " + std::to_string(bits) + " bits");
        }
}

/// More rows than exact sums hold, and an output without ADC: the portable path takes them.
TEST_P(EveryKernel, LeavesTheRestToThePortablePath)
{
    Problem tall(520, 20, 5, 1);
    tall.card.core.n = 1024;
    compare(tall, RunConfig{}, "520 rows", false);
    Problem problem(100, 20, 5, 1);
    RunConfig run;
    run.noise.adc_quantisation = false;
    compare(problem, run, "no ADC", false);
}

constexpr Kernel kKernels[] = {
#if defined(LIGHTCARD_EMULATED_TILES)  // amx_emulation_test.cpp
    {"amx_emulated", KernelIsa::amx, KernelIsa::avx512_vnni},
#else
    {"avx2", KernelIsa::avx2, KernelIsa::avx2},
    {"avx512_vnni", KernelIsa::avx512_vnni, KernelIsa::avx512_vnni},
    {"amx", KernelIsa::amx, KernelIsa::amx},
#endif
};
INSTANTIATE_TEST_SUITE_P(, EveryKernel, testing::ValuesIn(kKernels),
                         [](const auto& kernel) { return kernel.param.name; });

}  // namespace
}  // namespace lightcard::photonic_core
