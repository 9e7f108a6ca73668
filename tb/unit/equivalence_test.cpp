// SPDX-License-Identifier: Apache-2.0
// Fidelity stat against fidelity device: one input vector, thousands of symbols, the same bank of the same card, two
// independent sets of sample draws. Points and seeds were fixed before the first run. Built twice: a fast subset of
// symbols for every run, and many for the validation ladder.
#include "lightcard/tb/unit/equivalence.h"

#include <gtest/gtest.h>

#include <functional>

#include "lightcard/tb/unit/mvm_fixture.h"

#ifdef LIGHTCARD_EQUIVALENCE_LADDER
#define LIGHTCARD_EQUIVALENCE_POINTS Ladder
#else
#define LIGHTCARD_EQUIVALENCE_POINTS Points
#endif

namespace lightcard::photonic_core {
namespace {

#ifdef LIGHTCARD_EQUIVALENCE_LADDER
constexpr std::uint32_t kSymbols = 40000;
#else
constexpr std::uint32_t kSymbols = 3000;
#endif
constexpr std::uint32_t kCols = 12;

using Change = std::function<void(Problem&)>;

struct Point {
    const char* name;
    std::uint32_t rows;
    Change change;
};

void skew(Problem& problem)
{
    for (auto& w : problem.weights) w = static_cast<std::int8_t>(w < 0 ? -w / 4 : w);
}

/// A range of about 0.3 % of the card's full scale: +-4 rms of a usual column at 128 rows.
constexpr std::uint32_t kRange = 160000;

const std::vector<Point>& points()
{
    static const std::vector<Point> all = {
        {"nominal", 128, [](Problem&) {}},
        {"low_light", 128, [](Problem& p) { p.card.core.row_power /= 30, p.requested_range = 1000000; }},
        {"high_light", 128, [](Problem& p) { p.card.core.row_power *= 30; }},
        {"clipping", 128, [](Problem& p) { p.requested_range = 30000; }},
        {"drifted", 128,
         [](Problem& p) { p.age = 3e7, p.card.pcm.drift_nu = 0.01, p.card.pcm.drift_nu_sigma = 0.005; }},
        {"hot", 128,
         [](Problem& p) {
             p.warming = 60, p.card.pcm.temperature_coefficient = 1e-3, p.card.pcm.temperature_imbalance = 0.2;
         }},
        {"coarsely_written", 128, [](Problem& p) { p.card.pcm.programming_sigma = 0.08; }},
        // About one cell in nine has failed (ln(0.74) / 0.25 = -1.2 sigma), and the others have lost range.
        {"worn", 128,
         [](Problem& p) {
             p.wear.assign(128, 740000);
             p.card.pcm.fatigue = 0.3;
             p.requested_range = 1500000;
         }},
        {"defective_and_drifted", 128,
         [](Problem& p) {
             p.card.pcm.defect_rate = 0.02, p.card.pcm.stuck_low_share = 0.8;
             p.card.pcm.drift_law = pcm_memory::DriftLaw::power;
             p.card.pcm.drift_nu = 0.06, p.card.pcm.drift_nu_sigma = 0.02, p.age = 86400;
             p.requested_range = 600000;
         }},
        {"signed_inputs", 128,
         [](Problem& p) {
             for (auto& x : p.x) x = static_cast<std::uint8_t>(128 + (static_cast<int>(x) - 60) / 2);
             skew(p);
             p.requested_range = 1500000;
         }},
        {"small_tile", 9, [](Problem& p) { p.requested_range = 60000; }},
        {"many_rows", 512,
         [](Problem& p) {
             p.card.core.n = 512;
             p.requested_range = 8000000;
         }},
        {"low_extinction", 128,
         [](Problem& p) { p.card.pcm.cell_extinction_db = 3, p.card.core.modulator_extinction_db = 6; }},
        {"noisy_laser", 128,
         [](Problem& p) {
             p.card.core.rin_db = -120, p.card.core.cmrr_db = 10;
             p.requested_range = 400000;
             skew(p);
         }},
        {"coarse_dac", 128,
         [](Problem& p) {
             p.card.converters.dac_enob = 4;
             p.requested_range = 800000;
             skew(p);
         }},
        {"bent_converters", 128,
         [](Problem& p) {
             auto& c = p.card.converters;
             c.dac_inl = 4, c.dac_gain_error = 0.05, c.dac_offset_error = 4;
             c.adc_inl = 1, c.adc_gain_error = 0.02, c.adc_offset_error = 2;
             c.dac_enob = 5, c.adc_enob = 5;
             p.requested_range = 400000;
         }},
        {"leaky_paths", 128,
         [](Problem& p) {
             auto& c = p.card.core;
             c.lane_crosstalk_db = -12, c.crossing_crosstalk_db = -30, c.crosstalk_residual = 0.02;
             c.path_nonuniformity_db = 3, c.lane_dispersion = 0.05;
             p.requested_range = 400000;
         }},
        {"noisy_cells", 128,
         [](Problem& p) {
             p.card.pcm.read_noise = 0.05;
             p.requested_range = 400000;
         }},
        // Four days at 125 C: half of the typical cell is gone, from cell to cell between a fifth and nine tenths.
        {"baked", 128,
         [](Problem& p) {
             p.card.pcm.drift_nu = 0.005;
             p.age = pcm_memory::expose(p.card.pcm, 4 * 86400, 125);
         }},
        // Rings that the die has left a third of a linewidth behind.
        {"detuned_rings", 128,
         [](Problem& p) {
             p.card.core.ring_shift = 0.08, p.card.core.ring_linewidth = 0.24, p.detuning = 1;
             p.card.core.modulator_extinction_db = 8;
             p.card.core.rin_db = -130;
             p.requested_range = 600000;
             skew(p);
         }},
        {"single_cell", 128,
         [](Problem& p) {
             p.card.core.cells = Cells::single;
             p.card.core.rin_db = -130;
             p.age = 1e6, p.card.pcm.drift_nu = 0.005;
             p.warming = 10;
             p.requested_range = 1500000;
         }},
        {"single_cell_small_tile", 9,
         [](Problem& p) {
             p.card.core.cells = Cells::single;
             p.card.core.ring_shift = 0.08, p.detuning = 0.5;
             p.requested_range = 150000;
         }},
        {"coarse_adc", 128, [](Problem& p) { p.card.converters.adc_enob = 3.5, p.requested_range = 400000; }},
    };
    return all;
}

/// The problem of a point: one input vector, repeated.
Problem prepare(const Point& point)
{
    Problem problem(point.rows, kCols, kSymbols, 2025);
    problem.requested_range = kRange;
    point.change(problem);
    for (std::uint32_t v = 1; v < problem.vectors; ++v)
        std::copy_n(problem.x.begin(), problem.rows, problem.x.begin() + std::ptrdiff_t(v) * problem.rows);
    return problem;
}

Samples draw(Problem& problem, Fidelity fidelity, const std::function<void(AnalogChain&)>& tamper = {})
{
    RunConfig run;
    run.seed = 31;
    run.fidelity = fidelity;
    problem.first_sample = fidelity == Fidelity::device ? 0 : 1u << 20;
    problem.program(run, 3);
    AnalogChain chain = problem.chain(run);
    if (tamper) tamper(chain);
    return {problem.vectors, problem.cols, problem.multiply(chain, problem.tile, {0, problem.vectors}).y};
}

/// Cosine between the weights of two columns: how alike they err for what is common to the columns.
std::vector<double> affinity(const Problem& problem)
{
    const std::uint32_t cols = problem.cols, rows = problem.rows;
    const auto dot = [&](std::uint32_t a, std::uint32_t b) {
        double sum = 0;
        for (std::uint32_t row = 0; row < rows; ++row)
            sum += double(problem.weights[a * rows + row]) * problem.weights[b * rows + row];
        return sum;
    };
    std::vector<double> cosine(std::size_t{cols} * cols);
    for (std::uint32_t a = 0; a < cols; ++a)
        for (std::uint32_t b = 0; b < cols; ++b) cosine[a * cols + b] = dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
    return cosine;
}

class Equivalence : public testing::TestWithParam<std::size_t> {};

TEST_P(Equivalence, StatIsDevice)
{
    Problem problem = prepare(points()[GetParam()]);
    const Samples device = draw(problem, Fidelity::device), stat = draw(problem, Fidelity::stat);
    const EquivalenceTest test(stat, device, affinity(problem));
    EXPECT_TRUE(test.same()) << test.differences();
    RecordProperty("largest_pooled_difference_in_standard_errors", std::to_string(test.largest_pooled()));
}

INSTANTIATE_TEST_SUITE_P(LIGHTCARD_EQUIVALENCE_POINTS, Equivalence, testing::Range(std::size_t{0}, points().size()),
                         [](const auto& point) { return std::string(points()[point.param].name); });

#ifndef LIGHTCARD_EQUIVALENCE_LADDER
template <class Change>
void with_statics(AnalogChain& chain, const Change& change)
{
    auto changed = std::make_shared<StaticErrors>(*chain.statics);
    change(*changed);
    chain.statics = changed;
}

struct Break {
    const char* point;
    const char* what;
    std::function<void(AnalogChain&)> tamper;
};

/// One constant of stat wrong by 10 to 100 % of its variance, at a point where it counts.
const std::vector<Break>& breaks()
{
    static const std::vector<Break> all = {
        {"nominal", "thermal", [](AnalogChain& c) { c.thermal_variance *= 1.15; }},
        {"high_light", "shot", [](AnalogChain& c) { c.shot_per_common *= 1.5; }},
        {"noisy_laser", "rin", [](AnalogChain& c) { c.rin_variance *= 1.2; }},
        {"noisy_laser", "balance", [](AnalogChain& c) { c.cmrr_leak *= 0.6; }},
        {"coarse_dac", "dac", [](AnalogChain& c) { c.dac_variance *= 2; }},
        {"coarse_adc", "adc_noise", [](AnalogChain& c) { c.adc_noise_ratio *= 1.1; }},
        {"bent_converters", "dac_curves", [](AnalogChain& c) { with_statics(c, [](auto& s) { s.dac.clear(); }); }},
        {"bent_converters", "adc_curves", [](AnalogChain& c) { with_statics(c, [](auto& s) { s.adc_inl.clear(); }); }},
        {"leaky_paths", "lane_leak", [](AnalogChain& c) { with_statics(c, [](auto& s) { s.lane_crosstalk = 0; }); }},
        {"leaky_paths", "crossings", [](AnalogChain& c) { with_statics(c, [](auto& s) { s.crossing_leak = 0; }); }},
        {"hot", "temperature", [](AnalogChain& c) { c.temperature_coefficient = 0; }},
        {"hot", "tilt", [](AnalogChain& c) { c.temperature_imbalance = 0; }},
        {"detuned_rings", "ring_shift", [](AnalogChain& c) { c.ring_shift = 0; }},
        {"single_cell", "unbalanced_laser", [](AnalogChain& c) { c.rin_variance *= 1.2; }},
        {"noisy_cells", "read", [](AnalogChain& c) { c.modulator_floor_code *= 2; }},
        {"low_extinction", "floor", [](AnalogChain& c) { c.modulator_floor_code = 0; }},
        {"clipping", "range", [](AnalogChain& c) { c.pga_step_db *= 1.7; }},
    };
    return all;
}

class BrokenEquivalence : public testing::TestWithParam<std::size_t> {};

TEST_P(BrokenEquivalence, IsCaught)
{
    const Break& broken = breaks()[GetParam()];
    const auto point = std::find_if(points().begin(), points().end(),
                                    [&](const Point& p) { return std::string(p.name) == broken.point; });
    Problem problem = prepare(*point);
    const Samples device = draw(problem, Fidelity::device), stat = draw(problem, Fidelity::stat, broken.tamper);
    EXPECT_FALSE(EquivalenceTest(stat, device, affinity(problem)).same());
}

INSTANTIATE_TEST_SUITE_P(Breaks, BrokenEquivalence, testing::Range(std::size_t{0}, breaks().size()),
                         [](const auto& broken) { return std::string(breaks()[broken.param].what); });

/// The bank itself: the same weights programmed once more are other cells, and that is seen.
/// Worn cells that stat does not know of.
TEST(Equivalence, UnseenWearIsCaught)
{
    const auto worn =
        std::find_if(points().begin(), points().end(), [](const Point& p) { return std::string(p.name) == "worn"; });
    Problem problem = prepare(*worn);
    const Samples device = draw(problem, Fidelity::device);
    problem.wear.assign(problem.rows, 0);
    const Samples stat = draw(problem, Fidelity::stat);
    EXPECT_FALSE(EquivalenceTest(stat, device, affinity(problem)).same());
}

TEST(Equivalence, AnotherProgrammingOfTheBankIsCaught)
{
    Problem problem = prepare(points()[0]);
    const Samples device = draw(problem, Fidelity::device);
    RunConfig run;
    run.seed = 31;
    problem.first_sample = 1u << 20;
    problem.program(run, 4);
    const Samples stat{problem.vectors, problem.cols,
                       problem.multiply(problem.chain(run), problem.tile, {0, problem.vectors}).y};
    EXPECT_FALSE(EquivalenceTest(stat, device, affinity(problem)).same());
}
#endif

}  // namespace
}  // namespace lightcard::photonic_core
