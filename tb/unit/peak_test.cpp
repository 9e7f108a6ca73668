// SPDX-License-Identifier: Apache-2.0
// Peak power and area as closed forms: the worked example's steps 14 to 24, and the shipped corners by array size.
#include "lightcard/model/card/peak.h"

#include <gtest/gtest.h>

#include "lightcard/tb/unit/config_testing.h"

namespace lightcard {
namespace {

using config_testing::load;

/// As the parameter sheet counts: partial sums 0.9 x (write + read), card memory at a stated power.
PeakLoad sheet_load(const CardConfig& card, double memory_watts)
{
    PeakLoad load;
    load.partial_sums = 1.8;
    load.memory_traffic = memory_traffic_for(card, memory_watts);
    return load;
}

TEST(PeakPower, WorkedExampleSteps14To23)
{
    const CardConfig card = load("lc128-anchor");
    const PeakPower power = peak_power(card, sheet_load(card, 5.9));
    EXPECT_NEAR(power.laser, 36.65, 0.05);
    EXPECT_NEAR(power.transmit, 14.82, 0.01);
    EXPECT_NEAR(power.receive, 19.30, 0.01);
    EXPECT_NEAR(power.sram, 25.72, 0.01);
    EXPECT_NEAR(power.digital, 0.98, 0.005);
    EXPECT_NEAR(power.core(), 97.47, 0.1);
    EXPECT_NEAR(power.memory, 5.9, 1e-9);
    EXPECT_NEAR(power.card(), 131.8, 0.1);
    EXPECT_NEAR(peak_tops(card), 1703.9, 0.05);
    EXPECT_NEAR(peak_tops_per_watt(card, sheet_load(card, 5.9)), 12.9, 0.05);
}

/// What block floating point adds to the sheet: 0.04 pJ an input code, 0.2 pJ a sum, 1 pJ an element of the vector
/// unit.
TEST(PeakPower, BlockScalingAndTheVectorUnit)
{
    const CardConfig card = load("lc128-anchor");
    PeakLoad plain = sheet_load(card, 5.9), scaled = plain;
    EXPECT_EQ(peak_power(card, plain).scaling + peak_power(card, plain).vector, 0);
    scaled.scaled = 1;
    scaled.vector_elements = 0.125;
    const double samples = 52e9 * 128;
    const PeakPower power = peak_power(card, scaled);
    EXPECT_NEAR(power.scaling, samples * 0.24e-12, 1e-6);
    EXPECT_NEAR(power.vector, samples * 0.125e-12, 1e-6);
    EXPECT_NEAR(power.card() - peak_power(card, plain).card(), (power.scaling + power.vector) / 0.9, 1e-6);
}

TEST(PeakPower, OneLaneIsAQuarterOfTheCore)
{
    const CardConfig card = load("lc128-anchor", {{"card.core.lanes", "1"}});
    EXPECT_NEAR(peak_power(card, sheet_load(card, 5.9)).card(), 50.6, 0.1);
}

TEST(PeakPower, CornersByArraySize)
{
    struct Row {
        const char* name;
        double memory, watts;
    };
    const Row rows[] = {{"lc64", 5.9, 66},
                        {"lc128", 5.9, 132},
                        {"lc256", 5.9, 519},
                        {"lc512", 5.9, 13700},
                        {"lc64-optimistic", 3.2, 40},
                        {"lc128-optimistic", 3.2, 69},
                        {"lc256-optimistic", 3.2, 143},
                        {"lc512-optimistic", 3.2, 528},
                        {"lc64-nominal", 8, 98},
                        {"lc128-nominal", 8, 236},
                        {"lc256-nominal", 8, 1556},
                        {"lc512-nominal", 8, 107000}};
    for (const Row& row : rows) {
        const CardConfig card = load(row.name);
        EXPECT_NEAR(peak_power(card, sheet_load(card, row.memory)).card(), row.watts, row.watts * 0.01 + 0.5)
            << row.name << " (the sheet prints whole watts)";
    }
}

TEST(PeakPower, SeveralAmplifiersAndLinksBetweenDiesCost)
{
    const CardConfig cells =
        parse_card("schema: lightcard/card/1\nextends: lc128\ndevices: [receiver-diode-per-cell]\n", "card.yaml")
            .value();
    const double samples = 52e9 * 128;
    EXPECT_NEAR(peak_power(cells).receive, samples * (8 * 0.5e-12 + 2.4e-12), 0.01);
    const CardConfig organic = load("lc128", {{"card.core.die_to_die_energy", "0.25 pJ/b"}});
    EXPECT_NEAR(peak_power(organic).die_to_die, samples * 16 * 0.25e-12, 0.01);
    EXPECT_NEAR(peak_power(organic).die_to_die, 26.6, 0.1) << "27 to 32 W over UCIe-A";
    EXPECT_EQ(peak_power(load("lc128")).die_to_die, 0);
}

TEST(Area, ByComponent)
{
    const CardArea area = card_area(load("lc128"));
    EXPECT_NEAR(area.array * 1e6, 2 * 26.2, 0.1);
    EXPECT_NEAR((area.dacs + area.adcs) * 1e6, 10.2, 0.1) << "about 10 mm^2 at K = 4";
    EXPECT_NEAR(area.sram * 1e6, 56, 0.1);
    EXPECT_NEAR(card_area(load("lc128-library")).array * 1e4, 537, 1) << "cm^2";
    EXPECT_NEAR(card_area(load("lc64")).adcs / area.adcs, 0.5, 1e-12);
    EXPECT_NEAR(card_area(load("lc64")).array / area.array, 0.25, 1e-12);
}

}  // namespace
}  // namespace lightcard
