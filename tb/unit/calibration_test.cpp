// SPDX-License-Identifier: Apache-2.0
// What calibration measures and what it leaves, against closed forms of its own noise; and the temperature of a die.
#include "lightcard/model/photonic_core/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/converters/transfer_curve.h"
#include "lightcard/model/photonic_core/die_thermal.h"
#include "lightcard/tb/unit/equivalence.h"
#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard::photonic_core {
namespace {

constexpr std::uint32_t kLanes = 4, kN = 128;

Card off_card()
{
    Card card;
    card.converters.dac_gain_error = 0.02, card.converters.dac_offset_error = 3;
    card.converters.adc_gain_error = 0.02, card.converters.adc_offset_error = 3;
    card.converters.dac_inl = 0;
    return card;
}

RunConfig run_of(Fidelity fidelity)
{
    RunConfig run;
    run.seed = 31;
    run.fidelity = fidelity;
    return run;
}

struct Rms {
    double square = 0, count = 0;
    void add(double x) { square += x * x, count += 1; }
    double value() const { return std::sqrt(square / count); }
    /// Three standard errors, relative.
    double error() const { return 3 / std::sqrt(2 * count); }
};

TEST(Trim, LeavesTheErrorOfItsReadings)
{
    const Card card = off_card();
    const RunConfig run = run_of(Fidelity::stat);
    const AnalogChain chain = make_analog_chain(card.core, card.pcm, card.converters, run);
    for (const std::uint32_t samples : {64u, 1024u}) {
        Trims trims;
        trim_adcs(chain, card.converters, 0, samples, {31, 1}, trims);
        trim_dacs(chain, card.converters, 0, samples, {31, 1}, trims);
        Rms adc_offset, adc_gain, dac_gain;
        for (std::uint32_t lane = 0; lane < kLanes; ++lane)
            for (std::uint32_t line = 0; line < kN; ++line) {
                const std::size_t at = std::size_t{lane} * kN + line;
                const auto adc = converters::adc_curve(card.converters, {31, 0, lane, line});
                const auto dac = converters::dac_curve(card.converters, {31, 0, lane, line});
                const auto left = trimmed(adc.gain, adc.offset, trims.adc_gain, trims.adc_offset, at);
                adc_offset.add(left.offset), adc_gain.add(left.gain);
                dac_gain.add(trimmed(dac.gain, dac.offset, trims.dac_gain, trims.dac_offset, at).gain);
            }
        const double noise = chain.adc_noise_ratio * 256;
        const double reading = std::sqrt((noise * noise + 1.0 / 12) / samples);
        EXPECT_NEAR(adc_offset.value(), reading / std::sqrt(2), adc_offset.error() * reading) << samples;
        EXPECT_NEAR(adc_gain.value(), reading * std::sqrt(2) / 128, adc_gain.error() * reading / 64) << samples;
        const double tap = std::sqrt((chain.dac_variance + noise * noise) / samples);
        EXPECT_NEAR(dac_gain.value(), tap * std::sqrt(2) / 128, dac_gain.error() * tap / 64) << samples;
    }
}

TEST(Trim, ReachesTheSamplesAndTheAttribution)
{
    const Card card = off_card();
    const RunConfig run = run_of(Fidelity::stat);
    AnalogChain chain = make_analog_chain(card.core, card.pcm, card.converters, run);
    Trims trims;
    trim_adcs(chain, card.converters, 0, 1024, {31, 1}, trims);
    trim_dacs(chain, card.converters, 0, 1024, {31, 1}, trims);
    set_trims(chain, card.core, card.converters, run, 0, trims);
    EXPECT_LT(chain.adc_offset_variance, 9 / 100.0);
    EXPECT_LT(chain.adc_gain_error, 0.002);
    EXPECT_LT(chain.dac_gain_error, 0.002);
    for (const float gain : chain.statics->adc_gain) EXPECT_NEAR(gain, 1, 0.005);
}

/// device draws its converters itself; with the same registers it is stat again, and without them it is not.
TEST(Trim, StatIsDevice)
{
    Problem problem(128, 12, 3000, 2025);
    problem.card = off_card();
    problem.card.converters.dac_inl = 0.5;
    problem.requested_range = 400000;
    for (std::uint32_t v = 1; v < problem.vectors; ++v)
        std::copy_n(problem.x.begin(), problem.rows, problem.x.begin() + std::ptrdiff_t(v) * problem.rows);
    const auto draw = [&](Fidelity fidelity, bool trimmed) {
        const RunConfig run = run_of(fidelity);
        problem.first_sample = fidelity == Fidelity::device ? 0 : 1u << 20;
        problem.program(run, 3);
        AnalogChain chain = problem.chain(run);
        Trims trims;
        trim_adcs(chain, problem.card.converters, 0, 32, {31, 1}, trims);
        trim_dacs(chain, problem.card.converters, 0, 32, {31, 1}, trims);
        if (trimmed) set_trims(chain, problem.card.core, problem.card.converters, run, 0, trims);
        return Samples{problem.vectors, problem.cols, problem.multiply(chain, problem.tile, {0, problem.vectors}).y};
    };
    const Samples device = draw(Fidelity::device, true);
    const std::vector<double> alike(144, 1.0);
    const EquivalenceTest same(draw(Fidelity::stat, true), device, alike);
    EXPECT_TRUE(same.same()) << same.differences();
    EXPECT_FALSE(EquivalenceTest(draw(Fidelity::stat, false), device, alike).same());
}

// ---------------------------------------------------------------------- column gains

Problem aged(double nu, double nu_sigma)
{
    Problem problem(128, 32, 1, 7);
    problem.card.pcm.drift_law = pcm_memory::DriftLaw::power;
    problem.card.pcm.drift_nu = nu, problem.card.pcm.drift_nu_sigma = nu_sigma;
    problem.age = 86400;
    return problem;
}

std::vector<float> gains_of(Problem& problem, Fidelity fidelity, bool columns, std::uint32_t samples,
                            std::uint64_t number = 5)
{
    const RunConfig run = run_of(fidelity);
    problem.program(run, 3);
    return measure_gains(problem.chain(run), {&problem.tile, problem.weights.data(), 0, 0, samples}, columns,
                         {31, number});
}

TEST(ColumnGain, MakesUpForTheMeanDrift)
{
    // No spread: every column has lost the same, and it is known: (86400/20)^-0.06.
    auto problem = aged(0.06, 0);
    problem.card.pcm.programming_sigma = 0, problem.card.pcm.level_bits = 8;
    const double lost = std::exp(-0.06 * std::log(86400 / 20.0));
    for (const auto fidelity : {Fidelity::stat, Fidelity::device}) {
        for (const float gain : gains_of(problem, fidelity, false, 512)) EXPECT_NEAR(gain * lost, 1, 0.005);
        for (const float gain : gains_of(problem, fidelity, true, 512)) EXPECT_NEAR(gain * lost, 1, 0.07);  // 4 sigma
    }
}

TEST(ColumnGain, IsAsGoodAsItsReadings)
{
    auto problem = aged(0.06, 0.02);
    const auto spread = [&](std::uint32_t samples) {
        Rms rms;
        const auto reference = gains_of(problem, Fidelity::stat, true, 65536, 99);
        for (std::uint64_t number = 1; number <= 8; ++number) {
            const auto gains = gains_of(problem, Fidelity::stat, true, samples, number);
            for (std::size_t i = 0; i < gains.size(); ++i)
                rms.add(static_cast<double>(gains[i]) - static_cast<double>(reference[i]));
        }
        return rms.value();
    };
    const double few = spread(256), many = spread(4096);
    EXPECT_GT(few, 0.0005) << "a measurement is not the truth";
    EXPECT_NEAR(few / many, 4, 1) << "the error of a mean";
}

TEST(ColumnGain, AColumnThatCannotTellFollowsItsBank)
{
    auto problem = aged(0.06, 0);
    std::fill_n(problem.weights.begin(), problem.rows, std::int8_t{0});
    const auto gains = gains_of(problem, Fidelity::stat, true, 256);
    const auto bank = gains_of(problem, Fidelity::stat, false, 256);
    EXPECT_EQ(gains[0], bank[0]);
    EXPECT_NE(gains[1], bank[1]);
    EXPECT_GT(gains[0], 1.4F);
}

TEST(ColumnGain, IdealIsLeftAlone)
{
    auto problem = aged(0.06, 0.02);
    for (const float gain : gains_of(problem, Fidelity::ideal, true, 256)) EXPECT_EQ(gain, 1.0F);
}

// ---------------------------------------------------------------------- temperature

ThermalSetting two_stages()
{
    ThermalSetting setting;
    setting.on = true;
    setting.air = 30;
    setting.die_resistance = 0.1, setting.die_time = 1e-3;
    setting.sink_resistance = 0.2, setting.sink_time = 1;
    setting.joules_per_input = 1e-9, setting.joules_per_output = 2e-9;
    setting.lit_watts = 10, setting.standing_watts = 5;
    return setting;
}

TEST(DieThermal, FollowsTheClosedForm)
{
    DieThermal die(two_stages());
    EXPECT_DOUBLE_EQ(die.temperature(0), 30 + 5 * 0.3);
    // 2 ms of light with 30 W of samples: 45 W.
    const Picoseconds end = 2 * kMillisecond;
    die.add_work(0, end, 20'000'000, 20'000'000);
    const double watts = 45;
    const double die_rise = 0.1 * (watts + (5 - watts) * std::exp(-2.0)),
                 sink_rise = 0.2 * (watts + (5 - watts) * std::exp(-2e-3));
    EXPECT_NEAR(die.temperature(end), 30 + die_rise + sink_rise, 1e-9);
    EXPECT_NEAR(die.temperature(10 * kSecond), 30 + 5 * 0.3, 0.01) << "and cools";
}

TEST(DieThermal, LookingChangesNothing)
{
    DieThermal looked(two_stages()), left(two_stages());
    for (auto* die : {&looked, &left}) die->add_work(0, kMillisecond, 1'000'000, 5);
    for (int i = 1; i < 50; ++i) (void)looked.temperature(i * 30 * kMicrosecond);
    EXPECT_EQ(looked.temperature(kSecond), left.temperature(kSecond));
    looked.settle(3 * kMillisecond);
    left.settle(3 * kMillisecond);
    EXPECT_EQ(looked.temperature(kSecond), left.temperature(kSecond));
}

TEST(DieThermal, OffIsTheTemperatureOfCalibration)
{
    auto setting = two_stages();
    setting.on = false;
    setting.calibrated_at = 35;
    DieThermal die(setting);
    die.add_work(0, kSecond, 1'000'000'000, 0);
    EXPECT_EQ(die.temperature(kSecond), 35);
}

}  // namespace
}  // namespace lightcard::photonic_core
