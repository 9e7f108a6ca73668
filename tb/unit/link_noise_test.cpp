// SPDX-License-Identifier: Apache-2.0
// Lasers, noise and combining schemes against the parameter sheet's worked example, its variants and its lines "laser
// against combining" and "laser against SNR". Tolerance, fixed before the first run: 1 % of a laser power (the sheet
// prints three digits; 2 % where it prints two), 0.06 dB of an SNR.
#include "lightcard/model/photonic_core/link_noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "lightcard/model/common/det_math.h"

namespace lightcard::photonic_core {
namespace {

struct Card {
    Parameters core;
    pcm_memory::Parameters pcm;
    converters::Parameters converters;
    Workload work = anchor_workload();

    /// Laser in W at the plug that gives `snr`.
    double laser(double snr = 20.0) const
    {
        Card solved = *this;
        const auto power = solve_row_power(core, pcm, snr, work);
        EXPECT_TRUE(power.ok());
        solved.core.row_power = power.ok() ? *power : 0;
        EXPECT_NEAR(receiver_snr_db(solved.core, pcm, work), snr, 1e-6) << "both ways agree";
        return solve_link_budget(solved.core, pcm).laser_electrical;
    }
};

Card anchor()
{
    Card card;
    card.core.modulator_extinction_db = std::numeric_limits<double>::infinity();
    card.core.splitter_loss_db = 0;
    card.core.dark_current = 0;
    card.pcm.cell_extinction_db = std::numeric_limits<double>::infinity();
    card.pcm.switch_loss_db = 0;
    return card;
}

void expect_percent(double actual, double expected, double percent = 1.0)
{
    EXPECT_NEAR(actual, expected, expected * percent / 100);
}

TEST(Workload, ClosedFormsOfTheClippedNormal)
{
    EXPECT_NEAR(clipped_workload(2.5).signal, 0.0098, 0.00005);
    EXPECT_NEAR(clipped_workload(3.0).signal, 0.0069, 0.00005);
    const auto direct = [](double clip) {
        const Workload w = clipped_workload(clip);
        return 2 * w.mean_input * w.mean_weight;
    };
    EXPECT_NEAR(direct(2.5), 0.0504, 0.00005);
    EXPECT_NEAR(direct(3.0), 0.0353, 0.00005);
    EXPECT_NEAR(clipped_workload(2.5).mean_input, 0.159, 0.0005);
}

TEST(SolveLaser, VariantsOfTheWorkedExample)
{
    Card card = anchor();
    expect_percent(card.laser(), 36.65);
    card.core.splitter_loss_db = 0.1;
    expect_percent(card.laser(), 43.1);

    card = anchor();
    card.pcm.cell_extinction_db = 10;
    expect_percent(card.laser(), 44.7);
    card.core.modulator_extinction_db = 15;
    expect_percent(card.laser(), 48.2);
    card.core.splitter_loss_db = 0.1;
    expect_percent(card.laser(), 56.6);

    card = anchor();
    card.work = clipped_workload(3.0);
    expect_percent(card.laser(), 53.4);
    EXPECT_NEAR(receiver_snr_db(card.core, card.pcm, card.work), 17.1, 0.06);

    card = anchor();
    card.core.cells = Cells::routing;
    card.work.mean_input = 0.159;
    expect_percent(card.laser(), 24.0);
}

TEST(SolveLaser, AgainstCombining)
{
    Card card = anchor();
    card.core.combining = Combining::passive;
    expect_percent(card.laser(), 4700, 2);
    card = anchor();
    const std::pair<std::uint32_t, double> rows[] = {{1, 4700}, {8, 585}, {16, 293}, {32, 146}, {64, 73}, {128, 36.6}};
    for (const auto& [segments, watts] : rows) {
        card.core.segments = segments;
        expect_percent(card.laser(), watts, segments == 1 ? 2 : 1);
    }
}

TEST(SolveLaser, AgainstSnr)
{
    for (const auto& [snr, watts] : {std::pair{15.0, 19.5}, {20.0, 36.6}, {25.0, 71.4}, {30.0, 150.0}})
        expect_percent(anchor().laser(snr), watts);
}

TEST(SolveLaser, PhotodiodesWithTheirCapacitance)
{
    Card card = anchor();
    card.core.combining = Combining::segmented;
    card.core.dark_current = 40e-9;
    for (const auto& [segments, watts] : {std::pair{8u, 544.0}, {16u, 359.0}, {32u, 291.0}, {128u, 258.0}}) {
        card.core.segments = segments;
        expect_percent(card.laser(), watts);
    }
    card.core.segments = 32;
    const LinkBudget link = solve_link_budget(card.core, card.pcm);
    EXPECT_NEAR(link.receiver_noise, 17.4e-12, 0.05e-12);
    EXPECT_NEAR(link.loss_db, 9.13, 0.005);
    EXPECT_NEAR(link.standing_current, 64 * 40e-9, 1e-15);
}

TEST(SolveLaser, APhotodiodePerCell)
{
    Card card = anchor();
    card.core.combining = Combining::segmented;
    card.core.dark_current = 40e-9;
    card.core.receivers = 8;
    card.core.pass_loss_db = 0.005;
    const LinkBudget link = solve_link_budget(card.core, card.pcm);
    EXPECT_NEAR(link.receiver_noise, 29.2e-12, 0.05e-12);
    EXPECT_NEAR(link.loss_db, 6.95, 0.005);
    expect_percent(card.laser(), 73);
}

TEST(SolveLaser, SignalFallsWithTheRootOfN)
{
    Card card = anchor();
    card.core.n = 64;
    expect_percent(card.laser(), 7.6);
    card.core.n = 256;
    expect_percent(card.laser(), 324);
    card.core.n = 512;
    expect_percent(card.laser(), 12000, 3);
}

TEST(SolveLaser, RefusesWhatIsNoNumber)
{
    const Card card = anchor();
    for (const double target : {std::nan(""), 1e9, -1e9})
        EXPECT_FALSE(solve_row_power(card.core, card.pcm, target, card.work).ok());
}

TEST(Homodyne, ShotNoiseOfAStrongOscillatorIsTheLimit)
{
    Card card = anchor();
    card.core.combining = Combining::coherent_homodyne;
    card.core.phase_error = 0;
    card.core.cmrr_db = 300;
    card.core.tia_noise = 0;
    const double weak = receiver_snr_db(card.core, card.pcm, card.work);
    card.core.local_oscillator_power *= 10;
    EXPECT_NEAR(receiver_snr_db(card.core, card.pcm, card.work), weak, 1e-9) << "signal and noise grow alike";
    // 2 R sqrt(P_LO P) against 2 q R P_LO B: SNR = 2 R P k^2 / (q B)
    const LinkBudget link = solve_link_budget(card.core, card.pcm);
    const double expected = 2 * link.column_power * 1e-4 / (kElectronCharge * link.bandwidth);
    EXPECT_NEAR(weak, 10 * std::log10(expected), 1e-9);
    EXPECT_GT(link.local_oscillator_optical, 128 * 4 * 10e-3);
}

TEST(Homodyne, ExtinctionActsOnTheFieldAndPhaseErrorsCost)
{
    Card card = anchor();
    card.core.combining = Combining::coherent_homodyne;
    card.pcm.cell_extinction_db = 10;
    const LinkBudget link = solve_link_budget(card.core, card.pcm);
    EXPECT_NEAR(link.cell_floor, 0.316, 0.0005);
    const double calm = workload_snr(card.core, card.pcm, card.converters, card.work).chain_db;
    card.core.phase_error = 0.5;
    EXPECT_LT(workload_snr(card.core, card.pcm, card.converters, card.work).chain_db, calm - 1);
}

TEST(Noise, TermsAloneAsTheSheetHasThem)
{
    Card card = anchor();
    const LinkBudget link = solve_link_budget(card.core, card.pcm);
    const double y = workload_signal(card.core, card.work) * link.full_scale_current;
    const auto below = [&](const std::string& name) {
        for (const NoiseTerm& term : workload_noise(card.core, card.pcm, card.converters, card.work))
            if (name == term.name) return det::to_db(y * y / term.variance);
        ADD_FAILURE() << name;
        return 0.0;
    };
    EXPECT_NEAR(below("laser intensity, balanced"), 45, 0.5);
    EXPECT_NEAR(below("lane crosstalk"), 57, 0.1);
    EXPECT_NEAR(below("ADC"), 6.02 * (6.6 - 1.21), 0.1);
    EXPECT_NEAR(below("cell programming"), 28.9, 0.1);
    EXPECT_GT(below("dark current"), 200);
    const SnrPair snr = workload_snr(card.core, card.pcm, card.converters, card.work);
    EXPECT_NEAR(snr.receiver_db, link.snr_workload_db, 1e-9);
    EXPECT_LT(snr.chain_db, snr.receiver_db - 0.5);
}

TEST(Waterfall, EndsInTheColumnPowerOfTheBudget)
{
    Card card;
    for (const Combining combining : {Combining::ideal, Combining::passive, Combining::segmented}) {
        card.core.combining = combining;
        card.core.path_nonuniformity_db = card.core.lane_dispersion = 0;
        const LinkBudget link = solve_link_budget(card.core, card.pcm);
        const auto way = waterfall(card.core, card.pcm, 0, 0);
        EXPECT_NEAR(way.back().power, link.column_power, link.column_power * 1e-12);
        const double total = std::accumulate(way.begin(), way.end(), 0.0,
                                             [](double sum, const Stage& stage) { return sum + stage.loss_db; });
        EXPECT_NEAR(det::to_db(card.core.row_power / link.column_power), total, 1e-9);
    }
}

TEST(Waterfall, WorstPathIsTheWorstOfAll)
{
    Parameters core;
    const Path worst = worst_path(core);
    EXPECT_EQ(worst.lane, core.lanes - 1);
    EXPECT_EQ(worst.column, core.n - 1);
    for (std::uint32_t lane = 0; lane < core.lanes; ++lane)
        for (std::uint32_t column = 0; column < core.n; ++column)
            EXPECT_LE(path_penalty_db(core, lane, column), worst.penalty_db + 1e-12);
    EXPECT_NEAR(worst.penalty_db, 0.25 - 10 * std::log10(0.99), 1e-9);
    core.n = core.lanes = 1;
    EXPECT_EQ(worst_path(core).penalty_db, 0.0);
}

}  // namespace
}  // namespace lightcard::photonic_core
