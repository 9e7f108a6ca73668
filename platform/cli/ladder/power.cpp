// SPDX-License-Identifier: Apache-2.0
// Power of a card by component, by corner and by array size; efficiency gained by a larger array; the comparison with
// the A100. All with ideal combining, a bound, and ideal contrast, as the sheet has them; each at 20 dB.
#include <algorithm>
#include <cmath>

#include "lightcard/platform/cli/ladder/ladder.h"
#include "lightcard/platform/cli/sustain.h"

namespace lightcard::ladder {

namespace {

constexpr const char* kSteps = "parameter sheet: worked example of the reference card";
constexpr const char* kTotals = "parameter sheet: totals by N and corner";
constexpr const char* kGain = "parameter sheet: efficiency from one N to the next";

Row solved_row(const std::string& name, const std::string& source, double expected, double tolerance, const char* unit)
{
    Row row = row_of(name, source, expected, tolerance, unit);
    row.config = "row power solved for 20 dB";
    return row;
}

/// lc128-anchor in a corner and a mode ("52g", "13g", "3g"); reference 13g is the anchor itself.
Setup corner_setup(const std::string& corner, const std::string& mode, const std::string& n)
{
    std::string devices = "converters-" + mode + "-" + corner;
    if (corner != "reference") devices = "corner-" + corner + ", " + devices;
    return {
        "extends: lc128-anchor\ndevices: [" + devices + "]", {{"card.core.n", n}, {"card.core.rin", "-300 dB/Hz"}}, {}};
}

PeakPower power_of(const CardConfig& card)
{
    const auto solved = with_snr(card, 20, sheet_workload(card));
    return peak_power(solved, sheet_load(card));
}

void add_components(Rows& rows)
{
    struct Part {
        const char* name;
        double expected, tolerance;
        Override breaking;
        double (*figure)(const PeakPower&);
    };
    const Part parts[] = {
        {"step 15: DAC and modulators",
         14.82,
         0.005,
         {"card.converters.dac_energy", "2.1 pJ"},
         [](const PeakPower& p) { return p.transmit; }},
        {"step 16: TIA and ADC",
         19.30,
         0.005,
         {"card.converters.adc_energy", "2.5 pJ"},
         [](const PeakPower& p) { return p.receive; }},
        {"step 17: SRAM", 25.72, 0.005, {"card.control.psum_bits", "25"}, [](const PeakPower& p) { return p.sram; }},
        {"step 18: digital",
         0.98,
         0.005,
         {"card.control.accumulate_energy", "0.15 pJ"},
         [](const PeakPower& p) { return p.digital; }},
        {"step 19: core",
         97.47,
         0.05,
         {"card.converters.dac_energy", "2.1 pJ"},
         [](const PeakPower& p) { return p.core(); }},
        {"step 21: card (ideal combining, a bound)",
         131.8,
         0.05,
         {"card.power.vrm_efficiency", "89 %"},
         [](const PeakPower& p) { return p.card(); }},
    };
    for (const auto& part : parts)
        rows.push_back(on_card(solved_row(part.name, kSteps, part.expected, part.tolerance, "W"),
                               {"extends: lc128-anchor", {}, part.breaking},
                               [figure = part.figure](const CardConfig& card) { return figure(power_of(card)); }));
    const auto with_laser = [](const CardConfig& card) { return with_snr(card, 20, sheet_workload(card)); };
    const Override hungry = {"card.converters.dac_energy", "3 pJ"};
    rows.push_back(
        on_card(solved_row("step 22: efficiency", kSteps, 12.9, 0.05, "TOPS/W"), {"extends: lc128-anchor", {}, hungry},
                [=](const CardConfig& card) { return peak_tops_per_watt(with_laser(card), sheet_load(card)); }));
    rows.push_back(on_card(solved_row("step 24: one lane of 13 GBd", kSteps, 50.6, 0.05, "W"),
                           {"extends: lc128-anchor", {{"card.core.lanes", "1"}}, hungry},
                           [](const CardConfig& card) { return power_of(card).card(); }));
    rows.push_back(on_card(solved_row("step 25: ResNet-50, weights in place, one lane", kSteps, 41334, 0.5, "img/s"),
                           {"extends: lc128-anchor", {{"card.core.lanes", "1"}}, {"card.core.symbol_rate", "12 GHz"}},
                           [](const CardConfig& card) {
                               return cli::peak_mvm_rate(card) / double(cli::resnet50(card.core.n).tile_vectors);
                           }));
    rows.push_back(on_card(solved_row("step 25: energy an image", kSteps, 1.22, 0.005, "mJ"),
                           {"extends: lc128-anchor", {{"card.core.lanes", "1"}}, hungry}, [](const CardConfig& card) {
                               return 1e3 * power_of(card).card() * double(cli::resnet50(card.core.n).tile_vectors) /
                                      cli::peak_mvm_rate(card);
                           }));
}

void add_totals(Rows& rows)
{
    struct Total {
        const char* corner;
        const char* mode;
        double watts[4];  ///< N = 64, 128, 256, 512; 0: not printed
    };
    const Total totals[] = {
        {"optimistic", "52g", {35, 60, 126, 494}},   {"optimistic", "13g", {40, 69, 143, 528}},
        {"optimistic", "3g", {34, 59, 123, 488}},    {"reference", "52g", {64, 129, 514, 0}},
        {"reference", "13g", {66, 132, 519, 13700}}, {"reference", "3g", {63, 125, 506, 0}},
        {"nominal", "52g", {92, 225, 1534, 0}},      {"nominal", "13g", {98, 236, 1556, 107000}},
        {"nominal", "3g", {91, 222, 1526, 0}},
    };
    const char* sizes[] = {"64", "128", "256", "512"};
    for (const auto& total : totals)
        for (int i = 0; i < 4; ++i) {
            if (total.watts[i] <= 0) continue;
            auto setup = corner_setup(total.corner, total.mode, sizes[i]);
            setup.breaking = {"card.power.vrm_efficiency", "75 %"};
            rows.push_back(
                on_card(solved_row(std::string("card, ") + total.corner + ", " + total.mode + ", N = " + sizes[i],
                                   kTotals, total.watts[i], 0.05 * total.watts[i], "W"),
                        setup, [](const CardConfig& card) { return power_of(card).card(); }));
        }
}

double efficiency(const CardConfig& card, bool core_only)
{
    const auto power = power_of(card);
    return peak_tops(card) / (core_only ? power.core() : power.card());
}

void add_gains(Rows& rows)
{
    struct Gain {
        const char* corner;
        double card[3], core[3];  ///< 64 to 128, 128 to 256, 256 to 512
    };
    const Gain gains[] = {{"optimistic", {2.31, 1.92, 1.08}, {1.90, 1.71, 1.01}},
                          {"reference", {2.00, 1.01, 0.15}, {1.56, 0.87, 0.14}},
                          {"nominal", {1.66, 0.61, 0.06}, {1.33, 0.54, 0.06}}};
    for (const auto& gain : gains)
        for (int i = 0; i < 3; ++i)
            for (const bool core_only : {false, true}) {
                const std::string from = std::to_string(64 << i), to = std::to_string(128 << i);
                auto small = corner_setup(gain.corner, "13g", from);
                auto large = corner_setup(gain.corner, "13g", to);
                large.breaking = {"card.core.pass_loss", "0.03 dB"};
                const double expected = core_only ? gain.core[i] : gain.card[i];
                auto row = on_card(solved_row("TOPS/W, " + from + " to " + to + ", " + gain.corner +
                                                  (core_only ? ", core alone" : ", card"),
                                              kGain, expected, std::max(0.005, 0.05 * expected), "x"),
                                   large, nullptr);
                row.config = "against N = " + from + "; " + row.config;
                row.measure = [small, large, core_only](bool broken) {
                    const auto a = small.card(false), b = large.card(broken);
                    return a && b ? efficiency(*b, core_only) / efficiency(*a, core_only) : std::nan("");
                };
                rows.push_back(row);
            }
}

void add_a100(Rows& rows)
{
    struct Against {
        const char* corner;
        double sxm, pcie;
    };
    const std::string source = "MLPerf inference v1.1 closed, NVIDIA (39,830 img/s SXM 400 W; 36,905 PCIe 300 W)";
    for (const auto& a : {Against{"optimistic", 15.1, 11.7}, {"reference", 8.1, 6.3}, {"nominal", 5.1, 4.0}})
        for (const bool sxm : {true, false}) {
            auto setup = corner_setup(a.corner, "13g", "128");
            setup.breaking = {"card.control.sram_energy", "0.2 pJ/b"};
            const auto& other = sxm ? cli::kA100Sxm : cli::kA100Pcie;
            auto row = solved_row(
                std::string("less power than A100 ") + (sxm ? "SXM" : "PCIe") + " at its ResNet-50 rate, " + a.corner,
                source, sxm ? a.sxm : a.pcie, 0.05 * (sxm ? a.sxm : a.pcie), "x");
            row.config = "weights in place, power linear in the rate, row power solved for 20 dB";
            rows.push_back(on_card(row, setup, [other](const CardConfig& card) {
                return other.watts / cli::power_at(card, power_of(card), other.images_per_second);
            }));
        }
}

}  // namespace

void add_power(Rows& rows)
{
    add_components(rows);
    add_totals(rows);
    add_gains(rows);
    add_a100(rows);
}

}  // namespace lightcard::ladder
