// SPDX-License-Identifier: Apache-2.0
// Figures that others measured or announced. Tolerances are wide where the source leaves parameters open; a row that
// does not hold stays, with what that means.
#include "lightcard/platform/cli/ladder/ladder.h"
#include "lightcard/platform/cli/sustain.h"

namespace lightcard::ladder {

namespace {

Row published(const char* name, const char* source, const char* grade, double expected, double tolerance,
              const char* unit)
{
    Row row;
    row.name = name;
    row.kind = Kind::published;
    row.source = source;
    row.grade = grade;
    row.expected = expected;
    row.tolerance = tolerance;
    row.unit = unit;
    return row;
}

double laser_watts(const CardConfig& card)
{
    return card.cores * photonic_core::solve_link_budget(card.core, card.pcm).laser_electrical;
}

double light_watts(const CardConfig& card)
{
    return card.cores * photonic_core::solve_link_budget(card.core, card.pcm).laser_optical;
}

double electrical_core(const CardConfig& card)
{
    const auto power = peak_power(card);
    return power.core() - power.laser;
}

void add_machines(Rows& rows)
{
    constexpr const char* kPace = "Hua et al., Nature 640:361, 2025, as recorded by photonic-bench";
    constexpr const char* kMatter = "Ahmed et al., Nature 640:368, 2025, supplement";
    rows.push_back(on_card(published("ENOB at PACE-like parameters", kPace, "secondary", 7.61, 1.0, "bit"),
                           {"extends: pace-2025", {}, {"card.core.modulator_loss", "15 dB"}}, [](const CardConfig& c) {
                               return photonic_core::solve_link_budget(c.core, c.pcm).enob_full_scale;
                           }));
    auto power = published("PACE, TOPS/W without laser", kPace, "secondary", 4.21, 0.3 * 4.21, "TOPS/W");
    power.holds = false;
    power.remark = "Its electronics are not published; the reference card's stand in for them and are too frugal";
    rows.push_back(on_card(power, {"extends: pace-2025", {}, {}},
                           [](const CardConfig& c) { return peak_tops(c) / electrical_core(c); }));
    power = published("Lightmatter, electrical power", kMatter, "secondary", 78, 0.3 * 78, "W");
    power.holds = false;
    power.remark = "Two 12 nm digital dies whose power is not broken down; the reference card's electronics stand in";
    rows.push_back(on_card(power, {"extends: lightmatter-2025", {}, {}},
                           [](const CardConfig& c) { return peak_power(c).card() - laser_watts(c); }));

    auto fitted = published("PACE, laser", kPace, "secondary", 1.50, 0.05, "W");
    fitted.kind = Kind::fitted;
    fitted.remark = "One parameter, row_power";
    rows.push_back(
        on_card(fitted, {"extends: pace-2025", {}, {"card.core.wall_plug_efficiency", "20 %"}}, laser_watts));
    fitted = published("Lightmatter, light", kMatter, "secondary", 1.6, 0.01, "W");
    fitted.kind = Kind::fitted;
    fitted.remark = "One parameter, row_power";
    rows.push_back(on_card(fitted, {"extends: lightmatter-2025", {}, {"card.core.row_power", "4 mW"}}, light_watts));
    fitted = published("Feldmann 2021, rate", "Feldmann et al., Nature 589:52, 2021", "primary", 1.0, 0.05, "TMAC/s");
    fitted.kind = Kind::fitted;
    fitted.remark = "One parameter, symbol_rate";
    rows.push_back(on_card(fitted, {"extends: feldmann-2021", {}, {"card.core.lanes", "2"}},
                           [](const CardConfig& c) { return peak_tops(c) / 2; }));
}

/// Times less power than an A100 SXM (39,830 img/s, 400 W) at its ResNet-50 rate, weights in place.
double against_a100(const CardConfig& card)
{
    const auto solved = with_snr(card, 20, sheet_workload(card));
    const auto peak = peak_power(solved, sheet_load(solved));
    return cli::kA100Sxm.watts / cli::power_at(card, peak, cli::kA100Sxm.images_per_second);
}

void add_claims(Rows& rows)
{
    constexpr const char* kTwin = "Sturm and Moazeni, arXiv 2210.10851, 2022 (simulated 128 x 128 PCM crossbar)";
    constexpr const char* kNews = "announcement of July 2024";
    const Override hungry = {"card.control.sram_energy", "0.2 pJ/b"};
    const Setup optimistic{
        "extends: lc128-anchor\ndevices: [corner-optimistic, converters-13g-optimistic]", {}, hungry};
    const Setup reference{"extends: lc128-anchor", {}, {}};
    rows.push_back(
        on_card(published("ResNet-50 at an A100's rate, less power by, optimistic", kTwin, "primary", 15.4, 1.54, "x"),
                optimistic, against_a100));
    auto row = published("ResNet-50 at an A100's rate, less power by, reference", kTwin, "primary", 15.4, 1.54, "x");
    row.holds = false;
    row.remark = "Only with every best published figure at once";
    rows.push_back(on_card(row, reference, against_a100));
    row = published("A100's work at 1/10 to 1/15 of the power, reference", kNews, "secondary", 12.5, 2.5, "x");
    row.holds = false;
    row.remark = "Weights in place, ideal combining, a bound";
    rows.push_back(on_card(row, reference, against_a100));
    rows.push_back(
        on_card(published("A100's work at 1/10 to 1/15 of the power, optimistic", kNews, "secondary", 12.5, 2.6, "x"),
                optimistic, against_a100));
}

}  // namespace

void add_published(Rows& rows)
{
    add_machines(rows);
    add_claims(rows);
}

}  // namespace lightcard::ladder
