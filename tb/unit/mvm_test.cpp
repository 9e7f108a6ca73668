// SPDX-License-Identifier: Apache-2.0
// The integer half: exact for every shape and code, the same for every split of a job.
#include "lightcard/model/photonic_core/mvm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard::photonic_core {
namespace {

RunConfig ideal(bool quant = false)
{
    RunConfig run;
    run.fidelity = Fidelity::ideal;
    run.quant = quant;
    return run;
}

TEST(ExactSums, EqualANaiveLoopForRandomShapes)
{
    std::mt19937 random(1);
    for (int trial = 0; trial < 60; ++trial) {
        const std::uint32_t rows = trial < 4 ? (std::uint32_t[]){1, 2, 511, 512}[trial] : 1 + random() % 512;
        const std::uint32_t cols = 1 + random() % 130, vectors = 1 + random() % 40;
        Problem problem(rows, cols, vectors, static_cast<unsigned>(trial));
        problem.randomise_codes();
        const Result result = problem.run(ideal());
        EXPECT_EQ(result.y, problem.naive()) << rows << "x" << cols << "x" << vectors;
        EXPECT_EQ(result.stats.samples, std::uint64_t{vectors} * cols);
    }
}

TEST(ExactSums, ExtremeCodes)
{
    for (std::uint32_t rows : {1u, 3u, 64u, 128u, 511u, 512u})
        for (int weight : {-128, -127, 127})
            for (int input : {0, 1, 255}) {
                Problem problem(rows, 5, 3, 1);
                std::fill(problem.weights.begin(), problem.weights.end(), static_cast<std::int8_t>(weight));
                std::fill(problem.x.begin(), problem.x.end(), static_cast<std::uint8_t>(input));
                for (std::int32_t y : problem.run(ideal()).y)
                    ASSERT_EQ(y, static_cast<std::int32_t>(rows) * weight * input);
            }
}

TEST(ExactSums, EveryInstructionSetThisCpuHas)
{
    std::mt19937 random(3);
    for (int trial = 0; trial < 40; ++trial) {
        const std::uint32_t cols = 1 + random() % 70, stride = 64 * (1 + random() % 8), vectors = 1 + random() % 19;
        std::vector<std::int8_t> plane(std::size_t{cols} * stride);
        std::vector<std::uint8_t> x(std::size_t{vectors} * stride);
        const bool extreme = trial % 4 == 0;
        for (auto& w : plane) w = static_cast<std::int8_t>(extreme ? -128 : random());
        for (auto& value : x) value = static_cast<std::uint8_t>(extreme ? 255 : random());
        std::vector<std::int32_t> expected(std::size_t{vectors} * cols + 1, 77), sums = expected;
        PlaneKernel(plane.data(), cols, stride, KernelIsa::portable).multiply(x.data(), vectors, expected.data());
        for (KernelIsa isa : {KernelIsa::avx2, KernelIsa::avx512_vnni, KernelIsa::amx}) {
            if (isa > best_kernel_isa()) continue;
            std::fill(sums.begin(), sums.end(), 77);
            PlaneKernel(plane.data(), cols, stride, isa).multiply(x.data(), vectors, sums.data());
            EXPECT_EQ(sums, expected) << static_cast<int>(isa);
        }
    }
}

/// Both planes, the common plane and the statistics against int64 arithmetic.
TEST(ExactSums, PlanesAndStatisticsOfANoisyTile)
{
    Problem problem(100, 37, 21, 9);
    problem.card.core.n = 128;
    RunConfig run = only({"programming"});
    const Result result = problem.run(run);
    const auto& tile = problem.tile;
    const AnalogChain chain = problem.chain(run);
    unsigned __int128 y2 = 0, common2 = 0, xsum2 = 0;
    std::uint64_t common = 0, x2 = 0;
    for (std::uint32_t v = 0; v < problem.vectors; ++v) {
        std::uint64_t xsum = 0;
        for (std::uint32_t row = 0; row < problem.rows; ++row) {
            const std::uint64_t x = problem.input(v, row);
            xsum += x, x2 += x * x;
        }
        xsum2 += xsum * xsum;
        for (std::uint32_t col = 0; col < problem.cols; ++col) {
            std::int64_t sum = 0, light = 0;
            for (std::uint32_t row = 0; row < problem.rows; ++row) {
                const std::size_t at = std::size_t{col} * tile.row_stride + row;
                sum += std::int64_t{problem.input(v, row)} * (256 * tile.hi[at] + tile.lo[at]);
                light += std::int64_t{problem.input(v, row)} * tile.common[at];
            }
            light += std::llrint(chain.modulator_floor_code * (tile.common_sum[col] + 28 * chain.cell_floor_code));
            const std::int64_t y = (sum + 128) >> 8;
            // programming alone draws nothing a sample: the output is the rounded sum
            EXPECT_NEAR(result.y[std::size_t{v} * problem.cols + col], sum / 256.0, 0.5 + 1e-6 * std::abs(y));
            y2 += static_cast<unsigned __int128>(y * y);
            common += static_cast<std::uint64_t>(light);
            common2 += static_cast<unsigned __int128>(light * light);
        }
    }
    EXPECT_TRUE(result.stats.sum_y2 == y2);
    EXPECT_TRUE(result.stats.sum_common2 == common2);
    EXPECT_TRUE(result.stats.sum_xsum2 == xsum2);
    EXPECT_EQ(result.stats.sum_common, common);
    EXPECT_EQ(result.stats.sum_x2, x2);
}

TEST(Implementation, NeitherSplitNorStrideShows)
{
    std::mt19937 random(4);
    for (const RunConfig& run : {ideal(), ideal(true), RunConfig{}}) {
        Problem problem(90, 50, 133, 5);
        problem.first_row = 1037;
        const Result whole = problem.run(run);
        for (int trial = 0; trial < 12; ++trial) {
            problem.set_stride(90 + random() % 200, static_cast<std::uint8_t>(trial % 2 ? 0 : 255));
            std::vector<std::uint32_t> cuts = {0, problem.vectors};
            for (int i = 0; i < 4; ++i) cuts.push_back(random() % problem.vectors);
            std::sort(cuts.begin(), cuts.end());
            const Result pieces = problem.run_pieces(run, cuts);
            EXPECT_EQ(pieces.y, whole.y);
            EXPECT_TRUE(same(pieces.stats, whole.stats));
        }
    }
}

/// The normative bits of fidelity stat with every source on: the same on every CPU, compiler setting and C library.
TEST(Implementation, BitsAreFixed)
{
    Problem problem(117, 61, 40, 5);
    problem.randomise_codes();
    problem.age = 1e6;
    problem.first_row = 3;
    problem.requested_range = 1000000;
    std::uint64_t hash = 0xcbf29ce484222325ull;
    for (std::int32_t y : problem.run(RunConfig{}).y) hash = (hash ^ static_cast<std::uint32_t>(y)) * 0x100000001b3ull;
    EXPECT_EQ(hash, 5223605360293089678ull);
}

TEST(Adc, QuantisedIdealIsTheDocumentedFormula)
{
    Problem problem(128, 40, 64, 6);
    problem.requested_range = 200000;
    const RunConfig run = ideal(true);
    const Result result = problem.run(run);
    const ColumnGain gain = column_gain(problem.chain(run), 128, 200000);
    std::uint64_t clipped = 0;
    for (std::uint32_t v = 0; v < problem.vectors; ++v)
        for (std::uint32_t col = 0; col < problem.cols; ++col) {
            std::int64_t sum = 0;
            for (std::uint32_t row = 0; row < problem.rows; ++row) {
                const std::size_t at = std::size_t{col} * problem.tile.row_stride + row;
                sum += std::int64_t{problem.input(v, row)} * (256 * problem.tile.hi[at] + problem.tile.lo[at]);
            }
            const double code = std::clamp(std::nearbyint(sum / 256.0 / gain.lsb), -128.0, 127.0);
            clipped += code == -128 || code == 127;
            const auto acc = (static_cast<std::int64_t>(code) * gain.digital_gain + 32768) >> 16;
            EXPECT_EQ(result.y[std::size_t{v} * problem.cols + col], acc);
        }
    EXPECT_EQ(result.stats.clipped, clipped);
}

TEST(Adc, ClippingIsCounted)
{
    Problem problem(128, 16, 64, 7);
    problem.requested_range = 2000;
    EXPECT_GT(problem.run(RunConfig{}).stats.clipped, 500u);
    problem.requested_range = 0;
    EXPECT_EQ(problem.run(RunConfig{}).stats.clipped, 0u);
}

TEST(Adc, RangesAreOnThePgaLadder)
{
    AnalogChain chain;
    const double widest = 128 * 127.0 * 255.0;
    EXPECT_DOUBLE_EQ(column_gain(chain, 128, 0).lsb, 2 * widest / 256);
    EXPECT_DOUBLE_EQ(column_gain(chain, 128, 0xffffffffu).lsb, 2 * widest / 256);
    for (std::uint32_t requested : {1u, 77u, 5000u, 123456u, 2000000u, 4145279u, 4145280u}) {
        const double range = column_gain(chain, 128, requested).lsb * 128;
        const double step = 20 * std::log10(widest / range);
        EXPECT_GE(range, requested * (1 - 1e-12));
        EXPECT_LT(range, requested * std::pow(10, 1 / 20.0) * (1 + 1e-12));
        EXPECT_NEAR(step, std::nearbyint(step), 1e-9);
    }
    EXPECT_GE(column_gain(chain, 64, 0).lsb * 128, 64 * 127.0 * 255.0);  // a partial tile needs less
    EXPECT_LT(column_gain(chain, 64, 0).lsb * 128, 64 * 127.0 * 255.0 * 1.13);
    chain.pga_step_db = 0;
    EXPECT_DOUBLE_EQ(column_gain(chain, 128, 5000).lsb, 2 * 5000 / 256.0);
    EXPECT_EQ(column_gain(chain, 128, 5000).digital_gain, std::llrint(2 * 5000 / 256.0 * 65536));
}

TEST(Chain, VariancesOfTheReferenceCard)
{
    const Card card;
    const LinkBudget link = solve_link_budget(card.core, card.pcm);
    const AnalogChain chain = make_analog_chain(card.core, card.pcm, card.converters, RunConfig{});
    EXPECT_NEAR(chain.current_per_acc * 128 * 255 * 127, link.full_scale_current * link.contrast, 1e-12);
    EXPECT_NEAR(std::sqrt(chain.thermal_variance) * chain.current_per_acc, link.thermal_sigma, 1e-12);
    // All rows at full light, all cells at T_max: I+ + I- = 2 I_FS.
    const double light = 128 * (255 + chain.modulator_floor_code) * 255;
    EXPECT_NEAR(light * chain.common_to_acc * chain.current_per_acc, 2 * link.full_scale_current, 1e-9);
    EXPECT_NEAR(light * chain.shot_per_common * std::pow(chain.current_per_acc, 2),
                4 * kElectronCharge * link.full_scale_current * link.bandwidth, 1e-16);
    EXPECT_NEAR(chain.rin_variance, 2.88e-5, 0.01e-5);
    EXPECT_NEAR(chain.dac_variance, std::pow(256 / std::pow(2, 6.5), 2) / 12 - 1.0 / 12 - 0.2207 / 4, 1e-9);
    EXPECT_NEAR(chain.adc_noise_ratio, std::sqrt((std::pow(4, -6.6) - std::pow(4, -8)) / 12), 1e-9);
}

}  // namespace
}  // namespace lightcard::photonic_core
