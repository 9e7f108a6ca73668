// SPDX-License-Identifier: Apache-2.0
// `lightcard budget`: light from laser to photodiode, noise by source, and the laser that a resolution asks for.
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/platform/cli/budget.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

using report::grouped;
using report::percent;
using report::si;

constexpr HelpText kHelp = {
    "budget", "[CARD] [--set PATH=VALUE ...] [--solve-snr DB] [--clip SIGMAS] [--json [FILE]] [--svg FILE]",
    "Prints the link budget of a card as an engineer would write it: the light of one row and lane step by step,\n"
    "each lane, the worst path, noise by source, signal-to-noise ratio and bits, laser and card power.\n"
    "--solve-snr sets the laser so that the receiver alone reaches a signal-to-noise ratio on a typical product.\n"
    "CARD is the name of a shipped card (default lc128) or a YAML file.\n",
    "  lightcard budget lc128-anchor\n"
    "  lightcard budget lc128 --set card.core.combining=segmented --set card.core.segments=32 --solve-snr 20\n"
    "  lightcard budget lc256 --svg waterfall.svg\n"};

std::string fixed(double value, int decimals)
{
    std::ostringstream text;
    text << std::fixed << std::setprecision(decimals) << value;
    return text.str();
}

double dbm(double watts)
{
    return 10 * std::log10(watts * 1e3);
}

void row(std::ostream& out, const std::string& name, const std::vector<std::string>& cells)
{
    out << "  " << std::left << std::setw(30) << name << std::right;
    for (const auto& cell : cells) out << std::setw(14) << cell;
    out << '\n';
}

void print_waterfall(std::ostream& out, const Budget& b)
{
    out << "\nLight of one row and lane; the worst path is lane " << b.worst.lane << ", column " << b.worst.column
        << "\n";
    const auto& mean = b.lanes[b.lanes.size() / 2].stages;
    const double start = b.config.core.row_power;
    row(out, "step", {"loss", "after", "", "worst path"});
    row(out, "laser", {"", si(start, "W"), fixed(dbm(start), 2) + " dBm", fixed(dbm(start), 2) + " dBm"});
    for (std::size_t i = 0; i + 1 < mean.size(); ++i)
        row(out, mean[i].name,
            {fixed(mean[i].loss_db, 2) + " dB", si(mean[i].power, "W"), fixed(dbm(mean[i].power), 2) + " dBm",
             fixed(dbm(b.worst.stages[i].power), 2) + " dBm"});
    row(out, "lane and column",
        {"+-" + fixed(b.worst.penalty_db, 2) + " dB", "", "", fixed(dbm(b.worst.stages.back().power), 2) + " dBm"});
    out << "  Loss " << fixed(b.link.loss_db, 2) << " dB, beside it " << fixed(b.link.split_db, 2)
        << " dB to split each row and combine each column; full scale " << si(b.link.column_power, "W") << " = "
        << si(b.link.full_scale_current, "A") << ".\n";
}

void print_lanes(std::ostream& out, const Budget& b)
{
    out << "\nLanes and paths (a typical product of " << b.config.core.n << " terms)\n";
    row(out, "", {"penalty", "full scale", "receiver SNR", "chain SNR", "bits"});
    const auto path = [&](const std::string& name, const PathBudget& p) {
        row(out, name,
            {fixed(p.penalty_db, 2) + " dB", si(p.full_scale_current, "A"), fixed(p.snr.receiver_db, 2) + " dB",
             fixed(p.snr.chain_db, 2) + " dB", fixed(photonic_core::equivalent_bits(p.snr.chain_db), 2)});
    };
    for (const auto& lane : b.lanes)
        path("lane " + std::to_string(lane.lane) + ", column " + std::to_string(lane.column), lane);
    path("best: lane " + std::to_string(b.best.lane) + ", column " + std::to_string(b.best.column), b.best);
    path("worst: lane " + std::to_string(b.worst.lane) + ", column " + std::to_string(b.worst.column), b.worst);
}

void print_noise(std::ostream& out, const Budget& b)
{
    double total = 0;
    for (const auto& term : b.noise) total += term.variance;
    out << "\nNoise on the mean path, by source; signal " << si(b.signal, "A") << " rms\n";
    row(out, "source", {"rms", "below signal", "share"});
    for (const auto& term : b.noise) {
        const bool none = term.variance <= 0;
        row(out, std::string(term.name) + (term.receiver ? " *" : ""),
            {si(std::sqrt(term.variance), "A"),
             none ? "-" : fixed(10 * std::log10(b.signal * b.signal / term.variance), 1) + " dB",
             percent(total > 0 ? term.variance / total : 0)});
    }
    out << "  * = counts for the receiver SNR. Clipping of inputs and weights is not in this list.\n";
}

void print_totals(std::ostream& out, const Budget& b)
{
    const auto& l = b.link;
    const auto& core = b.config.core;
    out << "\nResult\n";
    out << "  Receiver SNR " << fixed(b.snr.receiver_db, 2) << " dB, chain SNR " << fixed(b.snr.chain_db, 2)
        << " dB = " << fixed(photonic_core::equivalent_bits(b.snr.chain_db), 2) << " bit over +-4 sigma; ENOB "
        << fixed(l.enob_full_scale, 2) << " bit at full scale; contrast " << percent(l.contrast) << "\n";
    out << "  Receiver: " << l.receiver_noise * 1e12 << " pA/rtHz over " << si(l.bandwidth, "Hz") << ", "
        << si(l.standing_current, "A") << " of standing current a column\n";
    out << "  Laser: " << si(core.row_power, "W") << " a row and lane, " << si(l.laser_optical, "W") << " of light, "
        << si(l.laser_electrical, "W") << " at the plug a core; " << si(l.row_power_on_chip, "W")
        << " on a row guide, limit " << si(core.optical_power_limit, "W")
        << (l.row_power_on_chip > core.optical_power_limit ? " EXCEEDED" : "") << "\n";
    out << "  Card at peak: " << si(b.power.card(), "W") << " with " << grouped(peak_tops(b.config), 1)
        << " TOPS peak, combining " << combining_text(b.config) << "\n";
}

void print_text(std::ostream& out, const Budget& b, bool solved, double target)
{
    out << b.config.name << ", configuration " << b.config.hash << '\n';
    if (!b.config.note.empty()) out << b.config.note << '\n';
    out << "\nCombining: " << combining_text(b.config) << '\n';
    if (solved)
        out << "Laser solved for a receiver SNR of " << fixed(target, 2)
            << " dB: card.core.row_power = " << si(b.config.core.row_power, "W") << '\n';
    print_waterfall(out, b);
    print_lanes(out, b);
    print_noise(out, b);
    print_totals(out, b);
    for (const auto& warning : card_warnings(b.config)) out << "\nNote: " << warning << '\n';
}

nlohmann::ordered_json path_json(const PathBudget& path)
{
    nlohmann::ordered_json json = {{"lane", path.lane},
                                   {"column", path.column},
                                   {"penalty_db", path.penalty_db},
                                   {"full_scale_current_a", path.full_scale_current},
                                   {"receiver_snr_db", path.snr.receiver_db},
                                   {"chain_snr_db", path.snr.chain_db}};
    for (const auto& stage : path.stages)
        json["stages"].push_back({{"name", stage.name}, {"loss_db", stage.loss_db}, {"power_w", stage.power}});
    return json;
}

nlohmann::ordered_json to_json(const Budget& b)
{
    const auto& l = b.link;
    nlohmann::ordered_json json = {{"schema", "lightcard/budget/1"},
                                   {"card", b.config.name},
                                   {"config_hash", b.config.hash},
                                   {"combining", photonic_core::combining_name(b.config.core.combining)},
                                   {"combining_note", photonic_core::combining_caveat(b.config.core.combining)},
                                   {"row_power_w", b.config.core.row_power},
                                   {"loss_db", l.loss_db},
                                   {"bus_excess_db", l.bus_excess_db},
                                   {"split_db", l.split_db},
                                   {"column_power_w", l.column_power},
                                   {"full_scale_current_a", l.full_scale_current},
                                   {"contrast", l.contrast},
                                   {"bandwidth_hz", l.bandwidth},
                                   {"receiver_noise_a_per_rthz", l.receiver_noise},
                                   {"standing_current_a", l.standing_current},
                                   {"enob_full_scale", l.enob_full_scale},
                                   {"signal_a", b.signal},
                                   {"receiver_snr_db", b.snr.receiver_db},
                                   {"chain_snr_db", b.snr.chain_db},
                                   {"laser_optical_w", l.laser_optical},
                                   {"laser_electrical_w", l.laser_electrical},
                                   {"row_power_on_chip_w", l.row_power_on_chip},
                                   {"card_peak_w", b.power.card()}};
    json["warnings"] = card_warnings(b.config);
    for (const auto& term : b.noise)
        json["noise"].push_back({{"name", term.name}, {"variance_a2", term.variance}, {"receiver", term.receiver}});
    for (const auto& lane : b.lanes) json["lanes"].push_back(path_json(lane));
    json["best_path"] = path_json(b.best);
    json["worst_path"] = path_json(b.worst);
    return json;
}

Result<photonic_core::Workload> workload_of(const Parsed& parsed)
{
    if (!parsed.has("clip")) return photonic_core::anchor_workload();
    const double sigmas = parsed.get<double>("clip");
    if (!(sigmas >= 0.5 && sigmas <= 6)) return Error{"--clip must be 0.5 to 6 sigma", "", ""};
    return photonic_core::clipped_workload(sigmas);
}

/// The card with its laser as asked.
Result<CardConfig> card_of(const Parsed& parsed, const photonic_core::Workload& workload)
{
    const auto overrides = overrides_of(parsed);
    if (!overrides) return overrides.error();
    auto config = load_card(parsed.get<std::string>("card"), *overrides);
    if (!config || !parsed.has("solve-snr")) return config;
    const auto power =
        photonic_core::solve_row_power(config->core, config->pcm, parsed.get<double>("solve-snr"), workload);
    if (!power) return power.error();
    config->core.row_power = *power;
    if (const auto valid = check_card(*config); !valid) return valid.error();
    refresh(*config);
    return config;
}

po::options_description options()
{
    auto visible = card_options();
    po::options_description budget("Budget");
    budget.add_options()("solve-snr", po::value<double>()->value_name("DB"),
                         "set the laser so that the receiver alone reaches this signal-to-noise ratio")(
        "clip", po::value<double>()->value_name("SIGMAS"),
        "typical product: normal inputs and weights clipped at this many sigma (default: the worked example's 2.5)")(
        "json", po::value<std::string>()->value_name("FILE"), "as JSON; - is standard output")(
        "svg", po::value<std::string>()->value_name("FILE"), "draw the waterfall; - is standard output");
    return visible.add(budget);
}

}  // namespace

int budget_command(const Console& console, const Arguments& arguments)
{
    po::options_description hidden;
    hidden.add_options()("card", po::value<std::string>()->default_value("lc128"));
    const auto parsed = parse(console, kHelp, options(), hidden, Positional{"card", 1}, arguments);
    if (parsed.exit) return *parsed.exit;
    const auto workload = workload_of(parsed);
    if (!workload) return fail(console, kUsage, workload.error());
    const auto config = card_of(parsed, *workload);
    if (!config) return fail(console, kUsage, config.error());
    const auto budget = make_budget(*config, *workload);
    if (parsed.has("svg")) {
        const auto drawn =
            write_output(console, parsed.get<std::string>("svg"), [&](auto& out) { write_budget_svg(out, budget); });
        if (!drawn) return fail(console, kUsage, drawn.error());
        if (parsed.get<std::string>("svg") == "-" && !parsed.has("json")) return kOk;
    }
    if (!parsed.has("json")) {
        print_text(console.out, budget, parsed.has("solve-snr"),
                   parsed.has("solve-snr") ? parsed.get<double>("solve-snr") : 0);
        return kOk;
    }
    const auto written = write_output(console, parsed.get<std::string>("json"),
                                      [&](auto& out) { out << to_json(budget).dump(1) << '\n'; });
    return written ? kOk : fail(console, kUsage, written.error());
}

}  // namespace lightcard::cli
