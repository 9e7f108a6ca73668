// SPDX-License-Identifier: Apache-2.0
// The worked example of docs/model-equations.md: 4 lanes x 13 GBd, n = 128, ideal contrast, no splitter excess.
#include "lightcard/model/photonic_core/link_budget.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lightcard::photonic_core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Card {
    Parameters core;
    pcm_memory::Parameters pcm;
    LinkBudget solve() const { return solve_link_budget(core, pcm); }
};

Card anchor()
{
    Card card;
    card.core.modulator_extinction_db = kInfinity;
    card.core.splitter_loss_db = 0;
    card.core.dark_current = 0;
    card.pcm.cell_extinction_db = kInfinity;
    card.pcm.switch_loss_db = 0;
    return card;
}

void expect_percent(double actual, double expected, double percent = 1.0)
{
    EXPECT_NEAR(actual, expected, std::abs(expected) * percent / 100);
}

TEST(BusExcess, ClosedForm)
{
    EXPECT_NEAR(bus_excess_db(256, 0.020), 2.799, 0.001);
    EXPECT_NEAR(bus_excess_db(128, 0.020), 1.333, 0.001);
    EXPECT_DOUBLE_EQ(bus_excess_db(1, 0.5), 0.0);
    EXPECT_NEAR(bus_excess_db(2, 10.0), 10 * std::log10(5.5), 1e-12);
    EXPECT_NEAR(bus_excess_db(512, 0), 0.0, 1e-12);
}

TEST(WorkedExample, Steps1To13)
{
    const Card card = anchor();
    const LinkBudget link = card.solve();
    EXPECT_NEAR(link.bus_excess_db, 4.131, 0.002);
    EXPECT_NEAR(link.loss_db, 10.431, 0.002);
    expect_percent(link.bandwidth, 9.1e9);
    expect_percent(link.thermal_sigma * link.thermal_sigma, 3.276e-13);
    expect_percent(link.thermal_sigma, 0.572e-6);
    expect_percent(link.full_scale_current, 0.648e-3);
    const double shot = 2 * kElectronCharge * 0.0489 * link.bandwidth * link.full_scale_current;
    expect_percent(shot, 9.24e-14);
    expect_percent(std::sqrt(shot + link.thermal_sigma * link.thermal_sigma), 0.648e-6);
    EXPECT_NEAR(link.snr_workload_db, 20.0, 0.05);
    EXPECT_NEAR(link.enob_full_scale, 7.37, 0.01);
    expect_percent(link.row_power_on_chip, 40.5e-3);
    expect_percent(link.row_power_on_chip / card.core.lanes, 10.1e-3);
    expect_percent(link.laser_optical, 7.33);
    expect_percent(link.laser_electrical, 36.65);
    EXPECT_DOUBLE_EQ(link.contrast, 1.0);
    EXPECT_DOUBLE_EQ(link.modulator_floor, 0.0);
}

TEST(WorkedExample, VariantsAtTheSameLaser)
{
    Card card = anchor();
    card.core.splitter_loss_db = 0.1;
    EXPECT_NEAR(card.solve().loss_db, 11.131, 0.002);
    EXPECT_NEAR(card.solve().snr_workload_db, 18.7, 0.06);

    card = anchor();
    card.pcm.cell_extinction_db = 10;
    EXPECT_NEAR(card.solve().contrast, 0.9, 1e-12);
    EXPECT_NEAR(card.solve().snr_workload_db, 18.6, 0.06);
    card.core.modulator_extinction_db = 15;
    EXPECT_NEAR(card.solve().contrast, 0.872, 0.0005);
    EXPECT_NEAR(card.solve().snr_workload_db, 18.1, 0.06);
    card.core.splitter_loss_db = 0.1;
    EXPECT_NEAR(card.solve().snr_workload_db, 16.9, 0.06);
    EXPECT_LT(card.solve().snr_workload_db, 17.0);
}

TEST(WorkedExample, DarkCurrentOfThePhotodiodePerCellVariant)
{
    Card card = anchor();
    card.core.dark_current = 10e-6 / 2;
    EXPECT_NEAR(card.solve().snr_workload_db, 19.7, 0.06);
}

TEST(LinkBudget, SwitchLossGrowsWithTheLibrary)
{
    Card card = anchor();
    card.pcm.switch_loss_db = 0.05;
    const double base = anchor().solve().loss_db;
    for (const auto& [banks, stages] : {std::pair{1u, 0}, {2u, 1}, {3u, 2}, {4u, 2}, {2048u, 11}, {2049u, 12}}) {
        card.pcm.banks = banks;
        EXPECT_NEAR(card.solve().loss_db - base, 0.05 * stages, 1e-12) << banks;
    }
}

TEST(LinkBudget, TheReferenceCardIsBelowTheAnchor)
{
    const LinkBudget link = Card{}.solve();
    EXPECT_NEAR(link.snr_workload_db, 16.8, 0.1);  // both extinctions, splitter, one switch stage, dark current
    EXPECT_NEAR(link.laser_electrical, 36.63, 0.01);
}

TEST(LinkBudget, ALossMadeWorseIsSeen)
{
    Card card = anchor();
    card.core.pass_loss_db = 0.025;
    EXPECT_GT(card.solve().loss_db, 10.431 + 1.0);
    EXPECT_LT(card.solve().snr_workload_db, 19.5);
}

}  // namespace
}  // namespace lightcard::photonic_core
