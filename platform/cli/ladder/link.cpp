// SPDX-License-Identifier: Apache-2.0
// Light and receiver: loss, the worked example step by step, its variants, laser against combining and against SNR.
// Tolerances: half of the last digit that the sheet prints, and 1 % of a power (what the sheet says of itself).
#include <cmath>

#include "lightcard/model/common/det_math.h"
#include "lightcard/platform/cli/ladder/ladder.h"

namespace lightcard::ladder {

namespace {

using photonic_core::solve_link_budget;

constexpr const char* kSheet = "parameter sheet: worked example of the reference card";
constexpr const char* kVariants = "parameter sheet: variants of the worked example";
constexpr const char* kCombining = "parameter sheet: laser against combining";
constexpr const char* kAnchor = "extends: lc128-anchor";
/// The anchor's row power is rounded to 14.31 mW; the example solves it.
constexpr double kTarget = 20;

photonic_core::LinkBudget link_of(const CardConfig& card)
{
    return solve_link_budget(card.core, card.pcm);
}

CardConfig solved(const CardConfig& card)
{
    return with_snr(card, kTarget, sheet_workload(card));
}

double laser(const CardConfig& card)
{
    return link_of(solved(card)).laser_electrical;
}

double card_power(const CardConfig& card)
{
    const auto with_laser = solved(card);
    return peak_power(with_laser, sheet_load(with_laser)).card();
}

double snr_of(const CardConfig& card)
{
    return photonic_core::receiver_snr_db(card.core, card.pcm, sheet_workload(card));
}

using LinkFigure = double (*)(const photonic_core::LinkBudget&);

void add_bus_losses(Rows& rows)
{
    struct Case {
        const char* loss;
        const char* n;
        double excess;
    };
    const Case cases[] = {{"0.01 dB", "128", 2.0},   {"0.02 dB", "64", 2.0},   {"0.02 dB", "128", 4.1},
                          {"0.02 dB", "256", 8.9},   {"0.02 dB", "512", 19.8}, {"0.025 dB", "128", 5.3},
                          {"0.045 dB", "128", 10.1}, {"0.1 dB", "128", 25.7}};
    for (const auto& c : cases)
        rows.push_back(on_card(
            row_of(std::string("bus excess, ") + c.loss + " a pass, N = " + c.n, "parameter sheet: E(2N, a) + E(N, a)",
                   c.excess, 0.05, "dB"),
            {kAnchor, {{"card.core.pass_loss", c.loss}, {"card.core.n", c.n}}, {"card.core.pass_loss", "0.015 dB"}},
            [](const CardConfig& card) { return link_of(card).bus_excess_db; }));
}

void add_worked_example(Rows& rows)
{
    struct Step {
        const char* name;
        double expected, tolerance;
        const char* unit;
        Override breaking;
        LinkFigure figure;
    };
    const Override lossy = {"card.core.pass_loss", "0.022 dB"}, slow = {"card.core.symbol_rate", "12.5 GHz"},
                   noisy = {"card.core.tia_noise", "6.3 pA/rtHz"};
    const Step steps[] = {
        {"step 2: loss", 10.431, 0.0005, "dB", lossy, [](const auto& l) { return l.loss_db; }},
        {"step 3: bandwidth", 9.1, 0.005, "GHz", slow, [](const auto& l) { return l.bandwidth * 1e-9; }},
        {"step 4: receiver noise", 0.572, 0.0005, "uA", noisy, [](const auto& l) { return l.thermal_sigma * 1e6; }},
        {"step 7: full-scale current", 0.648, 0.0005, "mA", noisy,
         [](const auto& l) { return l.full_scale_current * 1e3; }},
        {"step 8: shot noise", 9.24e-14, 0.005e-14, "A^2", slow,
         [](const auto& l) {
             return 2 * photonic_core::kElectronCharge * 0.0489 * l.bandwidth * l.full_scale_current;
         }},
        {"step 10: ENOB at full scale", 7.37, 0.005, "bit", slow, [](const auto& l) { return l.enob_full_scale; }},
        {"step 12: row power on the chip, four lanes", 40.5, 0.1, "mW", lossy,
         [](const auto& l) { return l.row_power_on_chip * 1e3; }},
        {"step 13: laser, light", 7.33, 0.01, "W", lossy, [](const auto& l) { return l.laser_optical; }},
        {"step 13: laser, at the plug", 36.65, 0.05, "W", lossy, [](const auto& l) { return l.laser_electrical; }},
    };
    for (const auto& step : steps) {
        auto row = row_of(step.name, kSheet, step.expected, step.tolerance, step.unit);
        row.config = "row power solved for 20 dB";
        rows.push_back(on_card(row, {kAnchor, {}, step.breaking}, [figure = step.figure](const CardConfig& card) {
            return figure(link_of(solved(card)));
        }));
    }
    rows.push_back(on_card(row_of("step 9: SNR at the rounded row power of 14.31 mW", kSheet, 20.0, 0.05, "dB"),
                           {kAnchor, {}, noisy}, snr_of));
}

struct Variant {
    const char* name;
    std::vector<Override> set;
    double laser, card, snr;  ///< 0: the sheet gives none
};

void add_variant(Rows& rows, const Variant& v, const char* source)
{
    const Setup setup{kAnchor, v.set, {"card.core.responsivity", "0.9 A/W"}};
    const auto row = [&](const char* what, double expected, double tolerance, const char* unit) {
        auto made = row_of(std::string(v.name) + ": " + what, source, expected, tolerance, unit);
        if (*unit == 'W') made.config = "row power solved for 20 dB";
        return made;
    };
    if (v.laser > 0) rows.push_back(on_card(row("laser", v.laser, 0.01 * v.laser, "W"), setup, laser));
    if (v.card > 0) rows.push_back(on_card(row("card", v.card, 0.01 * v.card, "W"), setup, card_power));
    if (v.snr > 0) rows.push_back(on_card(row("SNR at the anchor's laser", v.snr, 0.06, "dB"), setup, snr_of));
}

void add_variants(Rows& rows)
{
    const Override cell = {"card.pcm.cell_extinction", "10 dB"},
                   modulator = {"card.core.modulator_extinction", "15 dB"},
                   splitter = {"card.core.splitter_loss", "0.1 dB"}, segmented = {"card.core.combining", "segmented"},
                   dark = {"card.core.dark_current", "40 nA"};
    const Variant variants[] = {
        {"ideal combining, a bound", {}, 36.65, 131.8, 0},
        {"cell extinction 10 dB", {cell}, 44.7, 140.7, 18.6},
        {"and modulator extinction 15 dB", {cell, modulator}, 48.2, 144.6, 18.1},
        {"and row splitter 0.7 dB", {cell, modulator, splitter}, 56.6, 154.0, 16.9},
        {"row splitter 0.7 dB alone", {splitter}, 43.1, 138.9, 18.7},
        {"dark current 10 uA a column pair", {{"card.core.dark_current", "5.12 uA"}}, 0, 0, 19.7},
        {"routing cell", {{"card.core.cells", "routing"}}, 24.0, 117.7, 0},
        {"segmented, 32 photodiodes on one amplifier", {segmented, dark, {"card.core.segments", "32"}}, 291, 414, 0},
        {"segmented, 8 photodiodes", {segmented, dark, {"card.core.segments", "8"}}, 544, 695, 0},
        {"segmented, 16 photodiodes", {segmented, dark, {"card.core.segments", "16"}}, 359, 490, 0},
        {"segmented, 128 photodiodes", {segmented, dark}, 258, 377, 0},
        {"photodiode a cell, 8 amplifiers, no crossings",
         {segmented, dark, {"card.core.receivers", "8"}, {"card.core.pass_loss", "0.005 dB"}},
         73,
         198,
         0},
    };
    for (const auto& variant : variants) add_variant(rows, variant, kVariants);
    auto clipped = row_of("3-sigma clips: laser", kVariants, 53.4, 0.534, "W");
    clipped.config = "workload clipped at 3 sigma, row power solved for 20 dB";
    rows.push_back(on_card(clipped, {kAnchor, {}, {"card.core.tia_noise", "6.5 pA/rtHz"}}, [](const CardConfig& card) {
        return link_of(with_snr(card, kTarget, photonic_core::clipped_workload(3))).laser_electrical;
    }));
}

void add_lines(Rows& rows)
{
    const std::pair<const char*, double> combining[] = {
        {"8", 585}, {"16", 293}, {"32", 146}, {"64", 73}, {"128", 36.6}};
    add_variant(rows, {"passive, one photodiode", {{"card.core.combining", "passive"}}, 4660, 0, 0}, kCombining);
    for (const auto& [segments, watts] : combining)
        add_variant(rows, {segments, {{"card.core.segments", segments}}, watts, 0, 0}, kCombining);
    for (std::size_t i = rows.size() - 5; i < rows.size(); ++i)
        rows[i].name = "ideal sum of " + rows[i].name.substr(0, rows[i].name.find(':')) + " passive pieces: laser";
    const std::pair<double, std::pair<double, double>> snrs[] = {
        {15, {19.5, 113}}, {25, {71.4, 171}}, {30, {150, 257}}};
    for (const auto& [snr, watts] : snrs) {
        const Setup setup{kAnchor, {}, {"card.core.tia_noise", "6.5 pA/rtHz"}};
        const auto at = [snr = snr](const CardConfig& card) { return with_snr(card, snr, sheet_workload(card)); };
        auto row = row_of("laser for " + std::to_string(static_cast<int>(snr)) + " dB",
                          "parameter sheet: laser against SNR", watts.first, 0.01 * watts.first, "W");
        rows.push_back(on_card(row, setup, [at](const CardConfig& c) { return link_of(at(c)).laser_electrical; }));
        row = row_of("card at " + std::to_string(static_cast<int>(snr)) + " dB", "parameter sheet: laser against SNR",
                     watts.second, 0.01 * watts.second, "W");
        rows.push_back(on_card(row, setup, [at](const CardConfig& c) {
            const auto card = at(c);
            return peak_power(card, sheet_load(card)).card();
        }));
    }
}

}  // namespace

void add_link(Rows& rows)
{
    add_bus_losses(rows);
    add_worked_example(rows);
    add_variants(rows);
    add_lines(rows);
}

}  // namespace lightcard::ladder
