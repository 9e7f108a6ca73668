// SPDX-License-Identifier: Apache-2.0
// Fidelity device on its own: exact without noise, each source drawn where it belongs, no draw shared, no split shows.
#include <gtest/gtest.h>

#include <cmath>

#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard::photonic_core {
namespace {

RunConfig device(RunConfig run)
{
    run.fidelity = Fidelity::device;
    return run;
}

TEST(Device, WithoutSourcesIsTheExactProduct)
{
    Problem problem(100, 30, 20, 1);
    EXPECT_EQ(problem.run(device(only({}))).y, problem.naive());
    problem.card.core.modulator_extinction_db = 6;  // the floor's share of the difference is calibrated away
    problem.card.pcm.cell_extinction_db = 3;
    EXPECT_EQ(problem.run(device(only({}))).y, problem.naive());
}

TEST(Device, NeitherSplitNorChunkShows)
{
    Problem problem(60, 20, 33, 2);
    const Result whole = problem.run(device(RunConfig{}));
    const Result pieces = problem.run_pieces(device(RunConfig{}), {0, 1, 7, 20, 33});
    EXPECT_EQ(pieces.y, whole.y);
    EXPECT_TRUE(same(pieces.stats, whole.stats));
}

/// Static draws have the keys of the effective tile: the same bank of the same card, to the tile's rounding.
TEST(Device, CellsAreThoseOfTheEffectiveTile)
{
    Problem problem(90, 40, 1, 3);
    problem.age = 1e7;
    problem.card.pcm.drift_nu_sigma = 0.002;
    problem.program(device(RunConfig{}), 5);
    const auto& tile = problem.tile;
    const double floor = std::pow(10, -problem.card.pcm.cell_extinction_db / 10);
    ASSERT_EQ(tile.cells.size(), std::size_t{90} * 40);
    for (std::uint32_t col = 0; col < tile.cols; ++col)
        for (std::uint32_t row = 0; row < tile.rows; ++row) {
            const auto& pair = tile.cells[std::size_t{col} * tile.rows + row];
            const std::size_t at = std::size_t{col} * tile.row_stride + row;
            const double weight = (pair.plus.transmission - pair.minus.transmission) / (1 - floor) * 127;
            ASSERT_NEAR(weight, tile.hi[at] + tile.lo[at] / 256.0, 0.51 / 256);
            if (std::max(pair.plus.transmission, pair.minus.transmission) < 1) {
                ASSERT_NEAR((pair.plus.transmission + pair.minus.transmission) / 2, tile.common[at] / 255.0,
                            0.51 / 255);
            }
            ASSERT_GE(pair.plus.nu, 0);
        }
}

TEST(Device, OtherPlacesHaveOtherCells)
{
    Problem problem(40, 10, 1, 4);
    const RunConfig run = device(RunConfig{});
    const auto cell = [&](std::uint64_t epoch, std::uint32_t bank) {
        double sum = 0;
        for (const auto& pair : pcm_memory::make_cells(problem.card.pcm, run, {run.seed, 0, bank, epoch}, 40, 10,
                                                       problem.weights.data(), 40, 0))
            sum += pair.plus.programmed + pair.minus.programmed;
        return sum;
    };
    EXPECT_EQ(cell(1, 0), cell(1, 0));
    EXPECT_NE(cell(1, 0), cell(2, 0));
    EXPECT_NE(cell(1, 0), cell(1, 1));
}

/// Errors against the exact product of one vector seen `count` times.
std::vector<double> errors(Problem& problem, const RunConfig& run)
{
    for (std::uint32_t v = 1; v < problem.vectors; ++v)
        std::copy_n(problem.x.begin(), problem.rows, problem.x.begin() + std::ptrdiff_t(v) * problem.rows);
    const auto ideal = problem.naive();
    const auto y = problem.run(device(run)).y;
    std::vector<double> error(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) error[i] = double(y[i]) - ideal[i];
    return error;
}

double correlation(const std::vector<double>& error, std::uint32_t cols, std::uint32_t a, std::uint32_t b)
{
    double ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < error.size(); i += cols)
        ab += error[i + a] * error[i + b], aa += error[i + a] * error[i + a], bb += error[i + b] * error[i + b];
    return ab / std::sqrt(aa * bb);
}

/// The light of a row goes to every column, so its DAC noise does: columns with the same weights err alike.
TEST(Device, DacNoiseIsCommonToTheColumns)
{
    Problem problem(64, 3, 400, 5);
    for (std::uint32_t row = 0; row < 64; ++row) {
        problem.weights[64 + row] = problem.weights[row];
        problem.weights[128 + row] = static_cast<std::int8_t>(-problem.weights[row]);
    }
    const auto error = errors(problem, only({"dac"}));
    EXPECT_GT(correlation(error, 3, 0, 1), 0.999);
    EXPECT_LT(correlation(error, 3, 0, 2), -0.999);
}

TEST(Device, ThermalAndShotAreOfTheColumnAlone)
{
    for (const char* source : {"thermal", "shot"}) {
        Problem problem(64, 3, 2000, 6);
        for (std::uint32_t row = 0; row < 64; ++row) problem.weights[64 + row] = problem.weights[row];
        EXPECT_LT(std::abs(correlation(errors(problem, only({source})), 3, 0, 1)), 4 / std::sqrt(2000.0)) << source;
    }
}

/// With equal photodiodes intensity noise is a gain; unequal ones let the common light through, alike in all columns.
TEST(Device, IntensityNoiseIsOneGainASymbol)
{
    Problem problem(64, 6, 300, 7);
    problem.card.core.cmrr_db = 300;
    const auto error = errors(problem, only({"rin"}));
    for (std::uint32_t col = 1; col < 6; ++col) EXPECT_GT(std::abs(correlation(error, 6, 0, col)), 0.99);
    problem.card.core.cmrr_db = 0;
    const auto leaky = errors(problem, only({"rin"}));
    for (std::uint32_t col = 1; col < 6; ++col) EXPECT_GT(std::abs(correlation(leaky, 6, 0, col)), 0.8);
}

TEST(Device, ClippingIsCounted)
{
    Problem problem(128, 16, 20, 8);
    problem.requested_range = 2000;
    EXPECT_GT(problem.run(device(RunConfig{})).stats.clipped, 150u);
    problem.requested_range = 0;
    EXPECT_EQ(problem.run(device(RunConfig{})).stats.clipped, 0u);
}

}  // namespace
}  // namespace lightcard::photonic_core
