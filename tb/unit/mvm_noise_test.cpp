// SPDX-License-Identifier: Apache-2.0
// The noise of fidelity stat against its closed form: each source alone, all together, each one left out; and the
// same check on a card whose sigma is secretly wrong, which must fail.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>

#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard::photonic_core {
namespace {

constexpr double kTolerance = 0.05;
constexpr std::uint32_t kAdcRange = 150000;

struct Comparison {
    double measured = 0, predicted = 0;  ///< mean squared error against ideal, acc^2
    double bias = 0, bias_error = 0;     ///< mean error against the mean tile, and its standard error
    Attribution parts;
    bool variance_agrees() const { return std::abs(measured / predicted - 1) < kTolerance; }
    bool bias_agrees() const { return std::abs(bias) <= 3 * bias_error + 1e-9; }
};

using Tamper = std::function<void(AnalogChain&, pcm_memory::Parameters&)>;

/// `problems` networks x `seeds` cards. `tamper` changes what runs, not what is predicted.
Comparison compare(const RunConfig& base, int problems, int seeds, double age = 0, const Tamper& tamper = {})
{
    Comparison result;
    double sum = 0, square = 0, samples = 0;
    const int runs = problems * seeds;
    for (int p = 0; p < problems; ++p) {
        Problem problem(120, 48, 64, static_cast<unsigned>(p));
        problem.requested_range = kAdcRange;
        problem.age = age;
        const std::vector<std::int32_t> ideal = problem.naive();
        const std::vector<std::uint32_t> whole = {0, problem.vectors};
        RunConfig exact;
        exact.fidelity = Fidelity::ideal;
        const auto mean_tile = pcm_memory::make_mean_tile(problem.card.pcm, base, problem.rows, problem.cols,
                                                          problem.weights.data(), problem.rows, age);
        const Result mean = problem.multiply(problem.chain(exact), mean_tile, whole);
        for (int s = 0; s < seeds; ++s) {
            RunConfig run = base;
            run.seed = static_cast<std::uint64_t>(1000 * p + s);
            AnalogChain chain = problem.chain(run);
            problem.program(run);
            const AnalogChain honest = chain;
            const pcm_memory::EffectiveTile expected = problem.tile;
            if (tamper) {
                tamper(chain, problem.card.pcm);
                problem.program(run);
                problem.card = Card{};
            }
            const Result noisy = problem.multiply(chain, problem.tile, whole);
            result.parts.add(attribute(honest, noisy.stats, expected, problem.vectors));
            double error_sum = 0;
            for (std::size_t i = 0; i < ideal.size(); ++i) {
                result.measured += std::pow(double(noisy.y[i]) - ideal[i], 2);
                error_sum += double(noisy.y[i]) - mean.y[i];
            }
            samples += static_cast<double>(ideal.size());
            error_sum /= static_cast<double>(ideal.size());
            sum += error_sum / runs, square += error_sum * error_sum / runs;
        }
    }
    result.measured /= samples;
    result.predicted = result.parts.total() / samples;
    result.bias = sum;
    result.bias_error = std::sqrt(std::max(0.0, square - sum * sum) / (runs - 1));
    return result;
}

void expect_agreement(const Comparison& c, const char* what)
{
    EXPECT_TRUE(c.variance_agrees()) << what << ": measured " << c.measured << ", predicted " << c.predicted;
    EXPECT_TRUE(c.bias_agrees()) << what << ": bias " << c.bias << " +- " << c.bias_error;
}

constexpr double kMonth = 30 * 86400.0;

TEST(Attribution, SampleSourcesAlone)
{
    for (const char* source : {"thermal", "shot", "dac", "adc_noise"})
        expect_agreement(compare(only({source}), 4, 8), source);
    expect_agreement(compare(only({"rin"}), 20, 20), "rin");
}

TEST(Attribution, AdcQuantisationAlone)
{
    const Comparison c = compare(only({"adc_quantisation"}), 20, 2);
    EXPECT_TRUE(c.variance_agrees()) << c.measured << " " << c.predicted;
}

TEST(Attribution, StaticSourcesAlone)
{
    expect_agreement(compare(only({"programming"}), 10, 40), "programming");
    expect_agreement(compare(only({"drift"}), 10, 20, kMonth), "drift");
    expect_agreement(compare(only({"dac_static"}), 4, 40), "dac_static");
    expect_agreement(compare(only({"crosstalk"}), 10, 60), "crosstalk");
    const Comparison levels = compare(only({"levels"}), 120, 1);
    EXPECT_TRUE(levels.variance_agrees()) << levels.measured << " " << levels.predicted;
}

TEST(Attribution, AllSources)
{
    const Comparison c = compare(RunConfig{}, 20, 20, kMonth);
    expect_agreement(c, "all");
    for (double part : {c.parts.levels, c.parts.programming, c.parts.drift, c.parts.thermal, c.parts.shot, c.parts.rin,
                        c.parts.dac, c.parts.adc_noise, c.parts.adc_quantisation})
        EXPECT_GT(part, 0);
}

TEST(Attribution, LeaveOneSourceOut)
{
    const std::map<const char*, bool NoiseSources::*> sources = {
        {"levels", &NoiseSources::levels}, {"programming", &NoiseSources::programming},
        {"drift", &NoiseSources::drift},   {"thermal", &NoiseSources::thermal},
        {"shot", &NoiseSources::shot},     {"rin", &NoiseSources::rin},
        {"dac", &NoiseSources::dac},       {"adc_noise", &NoiseSources::adc_noise}};
    for (const auto& [name, member] : sources) {
        RunConfig run;
        run.noise.*member = false;
        const Comparison c = compare(run, 8, 10, kMonth);
        EXPECT_TRUE(c.variance_agrees()) << name << ": " << c.measured << " " << c.predicted;
    }
}

/// Inputs around 128 (signed data with an offset) and mostly positive weights: what the weights of a column have in
/// common is multiplied by the offset, and the one-sided errors of levels and of programming add up in the field.
double skewed_ratio(const RunConfig& base)
{
    double measured = 0;
    Attribution parts;
    for (int p = 0; p < 150; ++p) {
        Problem problem(128, 32, 16, static_cast<unsigned>(p));
        for (auto& x : problem.x) x = static_cast<std::uint8_t>(128 + (static_cast<int>(x) - 60) / 2);
        for (auto& w : problem.weights) w = static_cast<std::int8_t>(w < 0 ? -w / 3 : w);
        RunConfig run = base;
        run.seed = static_cast<std::uint64_t>(p);
        const Result result = problem.run(run);
        const auto ideal = problem.naive();
        for (std::size_t i = 0; i < ideal.size(); ++i) measured += std::pow(double(result.y[i]) - ideal[i], 2);
        parts.add(attribute(problem.chain(run), result.stats, problem.tile, problem.vectors));
    }
    return measured / parts.total();
}

TEST(Attribution, OffsetInputsAndSkewedWeights)
{
    EXPECT_NEAR(skewed_ratio(only({"levels"})), 1, 0.10);
    EXPECT_NEAR(skewed_ratio(only({"programming"})), 1, 0.10);
    EXPECT_NEAR(skewed_ratio(only({"levels", "programming"})), 1, 0.10);
}

TEST(Attribution, ReadNoiseAlone)
{
    double measured = 0;
    Attribution parts;
    for (unsigned p = 0; p < 20; ++p) {
        Problem problem(120, 48, 64, p);
        problem.card.pcm.read_noise = 0.02;
        RunConfig run = only({"read"});
        run.seed = p;
        const Result result = problem.run(run);
        const auto ideal = problem.naive();
        for (std::size_t i = 0; i < ideal.size(); ++i) measured += std::pow(double(result.y[i]) - ideal[i], 2);
        parts.add(attribute(problem.chain(run), result.stats, problem.tile, problem.vectors));
    }
    EXPECT_GT(parts.read, 0);
    EXPECT_NEAR(measured / parts.total(), 1, kTolerance);
}

/// Sum of all sources over what was measured against the ideal product, over networks and cards.
template <class Change>
double measured_share(const Change& change, Attribution* parts_out = nullptr)
{
    double measured = 0;
    Attribution parts;
    for (unsigned p = 0; p < 60; ++p) {
        Problem problem(120, 48, 64, p);
        problem.requested_range = kAdcRange;
        RunConfig run;
        run.seed = 7000 + p;
        change(problem);
        const Result result = problem.run(run);
        const auto ideal = problem.naive();
        for (std::size_t i = 0; i < ideal.size(); ++i) measured += std::pow(double(result.y[i]) - ideal[i], 2);
        const AnalogChain chain = problem.chain(run);
        parts.add(attribute(chain, result.stats, problem.tile, problem.vectors,
                            heated_light(chain, problem.warming, problem.detuning)));
    }
    if (parts_out != nullptr) *parts_out = parts;
    return measured / parts.total();
}

/// What two sources have in common is counted: nothing is added by hand, however far from nominal.
TEST(Attribution, HoldsWhereSamplesClip)
{
    Attribution parts;
    for (const std::uint32_t range : {60000u, 30000u, 15000u}) {
        EXPECT_NEAR(measured_share([&](Problem& p) { p.requested_range = range; }, &parts), 1, kTolerance) << range;
        EXPECT_GT(parts.clipping, 0) << range;
    }
    EXPECT_GT(parts.clipping, parts.total() / 2) << "in the narrowest";
    measured_share([](Problem& p) { p.requested_range = 0; }, &parts);
    EXPECT_EQ(parts.clipping, 0) << "whatever the rows can give fits the widest range";
}

TEST(Attribution, HoldsAfterYearsOfDrift)
{
    const auto electrical = [](Problem& p) {
        p.card.pcm.drift_law = pcm_memory::DriftLaw::power;
        p.card.pcm.drift_nu = 0.06, p.card.pcm.drift_nu_sigma = 0.02;
        p.age = 86400;
    };
    Attribution parts;
    EXPECT_NEAR(measured_share(electrical, &parts), 1, kTolerance);
    EXPECT_GT(parts.drift, parts.total() / 2);
    const auto skewed = [&](Problem& p) {
        electrical(p);
        for (auto& w : p.weights) w = static_cast<std::int8_t>(w < 0 ? -w / 3 : w);
        p.card.pcm.programming_sigma = 0.05;  // one-sided errors, along the weights
        p.requested_range = 0;
    };
    EXPECT_NEAR(measured_share(skewed), 1, kTolerance);
    const auto clipped = [&](Problem& p) {
        electrical(p);
        p.requested_range = 40000;
    };
    EXPECT_NEAR(measured_share(clipped, &parts), 1, kTolerance);
    EXPECT_GT(parts.clipping, 0);
}

TEST(Attribution, HoldsForBakedHotAndDetunedCards)
{
    Attribution parts;
    EXPECT_NEAR(measured_share([](Problem& p) { p.age = pcm_memory::expose(p.card.pcm, 2 * 86400, 125); }, &parts), 1,
                kTolerance);
    EXPECT_GT(parts.retention, parts.drift);
    const auto hot = [](Problem& p) { p.warming = 80, p.card.pcm.temperature_coefficient = 1e-3; };
    EXPECT_NEAR(measured_share(hot, &parts), 1, kTolerance);
    EXPECT_GT(parts.temperature, 0);
    const auto detuned = [](Problem& p) {
        p.card.core.ring_shift = 0.08, p.detuning = 0.6, p.card.core.modulator_extinction_db = 8;
        p.requested_range = 0;
    };
    EXPECT_NEAR(measured_share(detuned, &parts), 1, kTolerance);
    EXPECT_GT(parts.temperature, 0);
    const auto single = [](Problem& p) {
        p.card.core.cells = Cells::single;
        p.requested_range = 0;
        p.age = 1e6;
    };
    EXPECT_NEAR(measured_share(single, &parts), 1, kTolerance);
}

TEST(Attribution, AWrongSigmaIsCaught)
{
    const Tamper thermal = [](AnalogChain& chain, pcm_memory::Parameters&) { chain.thermal_variance *= 4; };
    const Tamper shot = [](AnalogChain& chain, pcm_memory::Parameters&) { chain.shot_per_common *= 4; };
    const Tamper rin = [](AnalogChain& chain, pcm_memory::Parameters&) { chain.rin_variance *= 4; };
    const Tamper cells = [](AnalogChain&, pcm_memory::Parameters& pcm) { pcm.programming_sigma *= 2; };
    const Tamper ten_percent = [](AnalogChain& chain, pcm_memory::Parameters&) { chain.thermal_variance *= 1.1; };
    EXPECT_FALSE(compare(only({"thermal"}), 2, 8, 0, thermal).variance_agrees());
    EXPECT_FALSE(compare(only({"thermal"}), 4, 8, 0, ten_percent).variance_agrees());
    EXPECT_FALSE(compare(only({"shot"}), 2, 8, 0, shot).variance_agrees());
    EXPECT_FALSE(compare(only({"rin"}), 10, 10, 0, rin).variance_agrees());
    EXPECT_FALSE(compare(only({"programming"}), 4, 10, 0, cells).variance_agrees());
    EXPECT_FALSE(compare(RunConfig{}, 4, 10, 0, thermal).variance_agrees());
}

TEST(Noise, EveryPartOfTheKeyMatters)
{
    const RunConfig run = only({"thermal"});
    Problem problem(64, 40, 8, 3);
    const Result base = problem.run(run);
    const auto changed = [&](auto change) {
        Problem other = problem;
        RunConfig config = run;
        change(other, config);
        return other.run(config).y != base.y;
    };
    EXPECT_FALSE(changed([](Problem&, RunConfig&) {}));
    EXPECT_TRUE(changed([](Problem&, RunConfig& r) { r.seed = 2; }));
    EXPECT_TRUE(changed([](Problem& p, RunConfig&) { p.weight_id += 1; }));
    EXPECT_TRUE(changed([](Problem& p, RunConfig&) { p.first_sample += 1; }));
    EXPECT_TRUE(changed([](Problem& p, RunConfig&) { p.first_row += 1; }));
    EXPECT_TRUE(changed([](Problem& p, RunConfig&) { p.pass += 1; }));
}

TEST(Noise, RinIsCommonToTheColumnsOfASymbol)
{
    Problem problem(128, 40, 50, 8);
    problem.card.core.cmrr_db = 300;
    problem.card.core.modulator_extinction_db = 300;  // no floor whose light is modulated too
    const Result noisy = problem.run(only({"rin"}));
    const auto ideal = problem.naive();
    double before = 0;
    for (std::uint32_t v = 0; v < problem.vectors; ++v) {
        double xy = 0, xx = 0, residual = 0;
        for (std::uint32_t c = 0; c < problem.cols; ++c) {
            const std::size_t i = std::size_t{v} * problem.cols + c;
            xy += (double(noisy.y[i]) - ideal[i]) * ideal[i], xx += double(ideal[i]) * ideal[i];
        }
        const double delta = xy / xx;
        for (std::uint32_t c = 0; c < problem.cols; ++c) {
            const std::size_t i = std::size_t{v} * problem.cols + c;
            residual = std::max(residual, std::abs(noisy.y[i] - ideal[i] * (1 + delta)));
        }
        EXPECT_LT(residual, 1.1);  // one gain explains every column, to the rounding
        EXPECT_NE(delta, before);
        before = delta;
    }
}

TEST(Noise, ThermalDrawsAreIndependentBetweenColumnsAndVectors)
{
    Problem problem(32, 64, 400, 9);
    const Result noisy = problem.run(only({"thermal"}));
    const auto ideal = problem.naive();
    double columns = 0, vectors = 0, power = 0;
    std::vector<double> e(ideal.size());
    for (std::size_t i = 0; i < e.size(); ++i) e[i] = double(noisy.y[i]) - ideal[i], power += e[i] * e[i];
    for (std::size_t i = 1; i < e.size(); ++i) columns += e[i] * e[i - 1];
    for (std::size_t i = 64; i < e.size(); ++i) vectors += e[i] * e[i - 64];
    EXPECT_LT(std::abs(columns / power), 4 / std::sqrt(double(e.size())));
    EXPECT_LT(std::abs(vectors / power), 4 / std::sqrt(double(e.size())));
}

TEST(Noise, UnusedRowsLetFloorLightThrough)
{
    Problem problem(16, 8, 64, 10);
    const RunConfig run = only({"shot"});
    const Result small = problem.run(run);
    problem.card.core.modulator_extinction_db = 300;
    const Result dark = problem.run(run);
    EXPECT_GT(small.stats.sum_common, dark.stats.sum_common + small.stats.samples * 112 * 25 * 8);
}

}  // namespace
}  // namespace lightcard::photonic_core
