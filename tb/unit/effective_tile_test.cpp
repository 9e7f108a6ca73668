// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/effective_tile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "lightcard/model/common/simd.h"
#include "lightcard/model/pcm_memory/cell_moments.h"

namespace lightcard::pcm_memory {
namespace {

constexpr NoiseSources kNone{false, false, false, false, false, false, false, false, false};

RunConfig stat_with(const NoiseSources& noise)
{
    RunConfig run;
    run.noise = noise;
    return run;
}

struct Weights {
    std::uint32_t rows, cols;
    std::vector<std::int8_t> values;

    Weights(std::uint32_t r, std::uint32_t c, unsigned seed) : rows(r), cols(c), values(std::size_t{r} * c)
    {
        std::mt19937 random(seed);
        std::normal_distribution<double> normal(0, 40);
        for (auto& w : values) w = static_cast<std::int8_t>(std::clamp(normal(random), -127.0, 127.0));
    }
    std::int8_t at(std::uint32_t row, std::uint32_t col) const { return values[std::size_t{col} * rows + row]; }
    EffectiveTile tile(const Parameters& pcm, const RunConfig& run, const Place& place = {}, double age = 0) const
    {
        return make_effective_tile(pcm, run, place, rows, cols, values.data(), rows, age);
    }
};

std::int32_t units(const EffectiveTile& tile, std::uint32_t row, std::uint32_t col)
{
    const std::size_t at = std::size_t{col} * tile.row_stride + row;
    return 256 * tile.hi[at] + tile.lo[at];
}

/// Orders in which this CPU has kernels that program.
std::vector<PlaneLayout> layouts()
{
    std::vector<PlaneLayout> result;
    if (has_avx2()) result.push_back({PlaneOrder::pairs, 16});
    if (has_avx512()) result.push_back({PlaneOrder::quads, 4});
    if (has_avx512()) result.push_back({PlaneOrder::quads, 64});
    return result;
}

void expect_same(const StaticError& got, const StaticError& expected)
{
    EXPECT_EQ(got.random2, expected.random2);
    EXPECT_EQ(got.coherent2, expected.coherent2);
    EXPECT_EQ(got.residual2, expected.residual2);
    EXPECT_EQ(got.gain, expected.gain);
    EXPECT_EQ(got.weight_coherent2, expected.weight_coherent2);
    EXPECT_EQ(got.weight_residual2, expected.weight_residual2);
}

void expect_same(const EffectiveTile& tile, const EffectiveTile& expected)
{
    const EffectiveTile got = unpacked(tile);
    EXPECT_EQ(got.hi, expected.hi);
    EXPECT_EQ(got.lo, expected.lo);
    EXPECT_EQ(got.common, expected.common);
    EXPECT_EQ(got.common_sum, expected.common_sum);
    EXPECT_EQ(got.column_sum, expected.column_sum);
    EXPECT_EQ(got.column_norm2, expected.column_norm2);
    EXPECT_EQ(got.hi_sum, expected.hi_sum);
    EXPECT_EQ(got.lo_sum, expected.lo_sum);
    EXPECT_EQ(got.lo_is_zero, expected.lo_is_zero);
    EXPECT_EQ(got.read_variance, expected.read_variance);
    expect_same(got.levels, expected.levels);
    expect_same(got.programming, expected.programming);
    expect_same(got.drift, expected.drift);
    expect_same(got.retention, expected.retention);
    expect_same(got.wear, expected.wear);
    EXPECT_EQ(got.expected_level_error2, expected.expected_level_error2);
    EXPECT_EQ(got.expected_programming_error2, expected.expected_programming_error2);
    EXPECT_EQ(got.expected_drift_error2, expected.expected_drift_error2);
}

/// Sources, laws, shapes, ages and wear at random: programmed and aged by the vector kernels against plain loops.
TEST(EffectiveTile, EveryKernelGivesTheSameBits)
{
    std::mt19937 random(3);
    const auto often = [&] { return random() % 3 != 0; };
    for (int trial = 0; trial < 120; ++trial) {
        SCOPED_TRACE(trial);
        Weights weights(1 + random() % 300, 1 + random() % 40, static_cast<unsigned>(trial));
        if (often())
            for (auto& weight : weights.values) weight = static_cast<std::int8_t>(random());
        Parameters pcm;
        pcm.level_bits = 1 + random() % 8;
        pcm.cell_extinction_db = often() ? 10 : 25;
        pcm.programming_sigma = often() ? 0.01 : often() ? 0.038 : 0;
        pcm.drift_nu = often() ? 0.001 : 0.05;
        if (!often()) pcm.pulse_sigma = 0.9;  // a sigma for every level
        if (!often()) pcm.drift_law = DriftLaw::power;
        if (!often()) pcm.read_noise = 0.01;
        RunConfig run = stat_with(kNone);
        for (bool* source : {&run.noise.levels, &run.noise.programming, &run.noise.drift, &run.noise.read,
                             &run.noise.wear, &run.noise.retention})
            *source = often();
        const Exposure age = often() ? Exposure(1e6, often() ? 0 : 1e8) : Exposure();
        std::vector<PairLimits> limits;
        if (!often()) limits.resize(weights.values.size());
        for (auto& pair : limits)
            if (random() % 8 == 0) (random() % 2 ? pair.stuck : pair.ceiling)[random() % 2] = 0.4F;
        Place place{7, 1, 2, static_cast<std::uint64_t>(trial), &limits, random() % 8 == 0};
        const auto make = [&](const PlaneLayout& layout, const Exposure& exposure) {
            return TileMaker(pcm, run, layout)
                .make(place, weights.rows, weights.cols, weights.values.data(), weights.rows, exposure);
        };
        const EffectiveTile expected = make({}, age);
        for (const PlaneLayout& layout : layouts()) {
            expect_same(make(layout, age), expected);
            TileMaker maker(pcm, run, layout);
            const EffectiveTile fresh =
                maker.make(place, weights.rows, weights.cols, weights.values.data(), weights.rows, {});
            expect_same(maker.age(fresh, place, weights.values.data(), weights.rows, age), expected);
        }
    }
}

/// The cells that configs/devices has, in tiles that leave no doubt uncovered: a pair in a thousand is settled in
/// double.
TEST(EffectiveTile, KernelsTakeTheCellsOfTheShelf)
{
    struct Device {
        const char* name;
        std::uint32_t level_bits;
        double extinction_db, sigma, nu;
        bool packs_aged;
        DriftLaw law;
    };
    const Device devices[] = {{"gst-optical", 5, 10, 0.01, 0.001, true, DriftLaw::logarithmic},
                              {"gst-electrical", 4, 10, 0.007, 0.001, true, DriftLaw::logarithmic},
                              {"gsse", 4, 10, 0.01, 0.001, true, DriftLaw::logarithmic},
                              {"sb2se3", 6, 25, 0.01, 0.0005, true, DriftLaw::logarithmic},
                              {"electrical-ibm", 5, 10, 0.038, 0.049, false, DriftLaw::power}};
    const Weights weights(128, 128, 5);
    for (const auto& device : devices) {
        SCOPED_TRACE(device.name);
        Parameters pcm;
        pcm.level_bits = device.level_bits;
        pcm.cell_extinction_db = device.extinction_db;
        pcm.programming_sigma = device.sigma;
        pcm.drift_nu = device.nu;
        pcm.drift_law = device.law;
        for (const double age : {0.0, 1.0, 3600.0, 1e6, 3e8}) {
            for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
                const Place place{1, 0, 0, epoch};
                const RunConfig run;
                const EffectiveTile expected = weights.tile(pcm, run, place, age);
                for (const PlaneLayout& layout : layouts()) {
                    const EffectiveTile got =
                        TileMaker(pcm, run, layout).make(place, 128, 128, weights.values.data(), 128, age);
                    EXPECT_EQ(got.packed != nullptr, age < 20 || device.packs_aged) << age;
                    expect_same(got, expected);
                }
            }
        }
    }
}

TEST(EffectiveTile, IdealIsTheHostWeight)
{
    Weights weights(100, 33, 1);
    weights.values[0] = -128;
    RunConfig run;
    run.fidelity = Fidelity::ideal;
    const EffectiveTile tile = weights.tile({}, run, {}, 1e9);
    EXPECT_EQ(tile.row_stride, 128u);
    EXPECT_TRUE(tile.lo_is_zero);
    EXPECT_TRUE(tile.common.empty());
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        std::int64_t sum = 0, norm2 = 0;
        for (std::uint32_t row = 0; row < tile.rows; ++row) {
            EXPECT_EQ(units(tile, row, col), 256 * weights.at(row, col));
            sum += weights.at(row, col), norm2 += weights.at(row, col) * weights.at(row, col);
        }
        for (std::uint32_t row = tile.rows; row < tile.row_stride; ++row) EXPECT_EQ(units(tile, row, col), 0);
        EXPECT_EQ(tile.column_sum[col], sum);
        EXPECT_EQ(tile.column_norm2[col], static_cast<std::uint64_t>(norm2) << 16);
    }
    EXPECT_EQ(tile.expected_level_error2 + tile.expected_programming_error2 + tile.expected_drift_error2, 0);
}

TEST(EffectiveTile, StatWithEverythingOffIsIdeal)
{
    const Weights weights(64, 16, 2);
    RunConfig ideal;
    ideal.fidelity = Fidelity::ideal;
    const EffectiveTile a = weights.tile({}, ideal), b = weights.tile({}, stat_with(kNone), {}, 1e6);
    EXPECT_EQ(a.hi, b.hi);
    EXPECT_EQ(a.lo, b.lo);
    EXPECT_FALSE(b.common.empty());
}

TEST(EffectiveTile, LevelsAreTheNearestOfTheDifferentialPair)
{
    const Weights weights(128, 8, 3);
    RunConfig run;
    run.fidelity = Fidelity::ideal;
    run.quant = true;
    for (std::uint32_t bits : {1u, 4u, 5u, 6u}) {
        Parameters pcm;
        pcm.level_bits = bits;
        const EffectiveTile tile = weights.tile(pcm, run);
        const double steps = (1 << bits) - 1;
        double error2 = 0;
        for (std::uint32_t col = 0; col < 8; ++col)
            for (std::uint32_t row = 0; row < 128; ++row) {
                const double level = std::nearbyint(weights.at(row, col) / 127.0 * steps) / steps;
                EXPECT_NEAR(units(tile, row, col), level * 127 * 256, 0.5001);
                error2 += std::pow(level * 127 - weights.at(row, col), 2);
            }
        EXPECT_NEAR(tile.expected_level_error2, error2, 1e-6 * error2);
        EXPECT_NEAR(tile.levels.residual2 + tile.levels.coherent2 / 128, error2, 1e-6 * error2);
    }
}

TEST(EffectiveTile, FullScaleClampAndPlanes)
{
    const std::int8_t weights[3] = {127, -127, -128};
    Parameters pcm;
    pcm.drift_nu = 0.01;
    pcm.drift_nu_sigma = 0;
    NoiseSources drift = kNone;
    EXPECT_EQ(units(make_effective_tile(pcm, stat_with(kNone), {}, 3, 1, weights, 3, 0), 0, 0), 127 * 256);
    EXPECT_EQ(units(make_effective_tile(pcm, stat_with(kNone), {}, 3, 1, weights, 3, 0), 2, 0), -127 * 256);
    drift.drift = true;
    const EffectiveTile aged = make_effective_tile(pcm, stat_with(drift), {}, 3, 1, weights, 3, 1e7);
    EXPECT_EQ(units(aged, 0, 0), 32639);
    EXPECT_EQ(units(aged, 1, 0), -32639);
}

TEST(EffectiveTile, CommonIsTheLightOfThePair)
{
    const std::int8_t weights[3] = {127, 0, -64};
    Parameters pcm;
    pcm.cell_extinction_db = 10;
    const EffectiveTile tile = make_effective_tile(pcm, stat_with(kNone), {}, 3, 1, weights, 3, 0);
    EXPECT_NEAR(tile.common[0], 255 * (1.0 + 0.1) / 2, 0.51);
    EXPECT_NEAR(tile.common[1], 255 * 0.1, 0.51);
    EXPECT_NEAR(tile.common[2], 255 * (0.1 + 0.9 * 64 / 127 + 0.1) / 2, 0.51);
    EXPECT_EQ(tile.common_sum[0], 0u + tile.common[0] + tile.common[1] + tile.common[2]);
}

TEST(EffectiveTile, DrawsFollowThePlaceAndNothingElse)
{
    const Weights weights(128, 32, 4);
    const Parameters pcm;
    const RunConfig run;
    const EffectiveTile base = weights.tile(pcm, run, {1, 0, 0, 0});
    EXPECT_EQ(base.lo, weights.tile(pcm, run, {1, 0, 0, 0}).lo);
    for (const Place& other : {Place{2, 0, 0, 0}, Place{1, 1, 0, 0}, Place{1, 0, 1, 0}, Place{1, 0, 0, 1}})
        EXPECT_NE(base.lo, weights.tile(pcm, run, other).lo);

    Weights narrow(40, 32, 4);  // the same cells of a smaller tile
    for (std::uint32_t col = 0; col < 32; ++col)
        for (std::uint32_t row = 0; row < 40; ++row) narrow.values[col * 40 + row] = weights.at(row, col);
    const EffectiveTile part = narrow.tile(pcm, run, {1, 0, 0, 0});
    for (std::uint32_t col = 0; col < 32; ++col)
        for (std::uint32_t row = 0; row < 40; ++row) EXPECT_EQ(units(part, row, col), units(base, row, col));
}

TEST(CellMoments, MatchSampling)
{
    std::mt19937_64 random(5);
    std::normal_distribution<double> normal;
    for (const auto& [target, sigma] : {std::pair{0.0, 0.01}, {1.0, 0.04}, {1.0 / 31, 0.04}, {0.5, 0.01}, {0.5, 0.5}}) {
        constexpr int kDraws = 400000;
        double sum = 0, square = 0;
        for (int i = 0; i < kDraws; ++i) {
            const double e = std::clamp(target + sigma * normal(random), 0.0, 1.0) - target;
            sum += e, square += e * e;
        }
        const Moments expected = clamped_error(target, sigma);
        EXPECT_NEAR(sum / kDraws, expected.mean, 4 * sigma / std::sqrt(kDraws));
        EXPECT_NEAR(square / kDraws - std::pow(sum / kDraws, 2), expected.variance, 0.01 * expected.variance);
    }
    const Moments half = clipped_at_zero(0, 1);
    EXPECT_NEAR(half.mean, 0.3989423, 1e-7);
    EXPECT_NEAR(half.variance, 0.5 - 0.3989423 * 0.3989423, 1e-6);
}

/// Squared weight error over seeds against its closed form, and its mean against the mean tile.
struct Measured {
    double error2 = 0, mean_deviation = 0, standard_error = 0;
};

Measured measure(const Weights& weights, const Parameters& pcm, const RunConfig& run, double age, int seeds)
{
    const EffectiveTile mean =
        make_mean_tile(pcm, run, weights.rows, weights.cols, weights.values.data(), weights.rows, age);
    Measured result;
    double sum = 0, square = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
        const EffectiveTile tile = weights.tile(pcm, run, {static_cast<std::uint64_t>(seed), 0, 0, 0}, age);
        double deviation = 0;  // along the sign of the weight, where truncation biases
        for (std::uint32_t col = 0; col < weights.cols; ++col)
            for (std::uint32_t row = 0; row < weights.rows; ++row) {
                const double value = units(tile, row, col) / 256.0;
                result.error2 += std::pow(value - weights.at(row, col), 2) / seeds;
                const int sign = (weights.at(row, col) > 0) - (weights.at(row, col) < 0);
                deviation += sign * (value - units(mean, row, col) / 256.0);
            }
        sum += deviation / seeds, square += deviation * deviation / seeds;
    }
    result.mean_deviation = sum;
    result.standard_error = std::sqrt((square - sum * sum) / seeds);
    return result;
}

TEST(EffectiveTile, ProgrammingErrorHasItsClosedForm)
{
    const Weights weights(128, 32, 6);
    NoiseSources on = kNone;
    on.programming = true;
    for (double sigma : {0.01, 0.04}) {
        Parameters pcm;
        pcm.programming_sigma = sigma;
        const double expected = weights.tile(pcm, stat_with(on)).expected_programming_error2;
        const Measured measured = measure(weights, pcm, stat_with(on), 0, 20);
        EXPECT_NEAR(measured.error2, expected, 0.02 * expected);
        EXPECT_LT(std::abs(measured.mean_deviation), 4 * measured.standard_error + 1);
        pcm.programming_sigma = 2 * sigma;  // the same check must see a doubled sigma
        EXPECT_GT(measure(weights, pcm, stat_with(on), 0, 5).error2, 2 * expected);
    }
}

TEST(EffectiveTile, DriftHasItsClosedForm)
{
    const Weights weights(128, 32, 7);
    NoiseSources on = kNone;
    on.drift = true;
    Parameters pcm;
    const double age = 30 * 86400.0;
    const EffectiveTile tile = weights.tile(pcm, stat_with(on), {}, age);
    EXPECT_NEAR(tile.drift.gain, 0.001 * std::log(1 + age / 20), 0.02 * tile.drift.gain);  // clipping at 2 sigma
    const Measured measured = measure(weights, pcm, stat_with(on), age, 20);
    EXPECT_NEAR(measured.error2, tile.expected_drift_error2, 0.02 * tile.expected_drift_error2);
    EXPECT_LT(std::abs(measured.mean_deviation), 4 * measured.standard_error + 1);
    EXPECT_EQ(weights.tile(pcm, stat_with(on), {}, 0).expected_drift_error2, 0);
}

TEST(EffectiveTile, ColumnNormIsOfTheEffectiveWeights)
{
    const Weights weights(77, 5, 8);
    const EffectiveTile tile = weights.tile({}, RunConfig{}, {}, 100);
    for (std::uint32_t col = 0; col < 5; ++col) {
        std::uint64_t norm2 = 0;
        for (std::uint32_t row = 0; row < 77; ++row)
            norm2 += static_cast<std::uint64_t>(std::int64_t{units(tile, row, col)} * units(tile, row, col));
        EXPECT_EQ(tile.column_norm2[col], norm2);
    }
}

}  // namespace
}  // namespace lightcard::pcm_memory
