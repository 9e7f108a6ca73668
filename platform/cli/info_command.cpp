// SPDX-License-Identifier: Apache-2.0
// `lightcard info`: what a card is and what it can do, from closed forms; nothing is simulated.
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/model/card/peak.h"
#include "lightcard/model/photonic_core/link_budget.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/moves_json.h"
#include "lightcard/platform/cli/sustain.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

using report::grouped;
using report::percent;
using report::seconds_text;
using report::si;

constexpr HelpText kHelp = {
    "info", "[CARD] [--set PATH=VALUE ...] [--batch N] [--json [FILE]]",
    "Shows what a card is and what its parts can sustain: geometry, peak, light path, laser, weight writing, "
    "endurance,\n"
    "and the bound they put on ResNet-50. From closed forms, in an instant; `lightcard run` simulates.\n"
    "CARD is the name of a shipped card (default lc128) or a YAML file.\n",
    "  lightcard info lc128-library\n"
    "  lightcard info lc128 --set card.pcm.write_slot='100 ns' --batch 32\n"};

/// Figures that text and JSON share.
struct Facts {
    const CardConfig& config;
    std::uint64_t batch;
    photonic_core::LinkBudget light;
    std::vector<Sustained> engines;
    Workload resnet;
    Bound bound;
    Bound resident;  ///< the same card with room for every tile
    PeakPower power;
    CardArea area;
    std::vector<Sensitivity> moves;
};

Facts gather(const CardConfig& config, std::uint64_t batch)
{
    const auto work = resnet50(config.core.n);
    CardConfig roomy = config;
    roomy.pcm.banks = static_cast<std::uint32_t>((work.tiles + config.cores - 1) / config.cores);
    return {config,
            batch,
            photonic_core::solve_link_budget(config.core, config.pcm),
            sustained_rates(config),
            work,
            image_rate(config, work, batch),
            image_rate(roomy, work, batch),
            peak_power(config),
            card_area(config),
            sensitivities(config, work, batch)};
}

void line(std::ostream& out, const char* name, const std::string& text)
{
    out << "  " << std::left << std::setw(20) << name << text << '\n';
}

std::string decibels(double value)
{
    std::ostringstream text;
    text << std::fixed << std::setprecision(2) << value << " dB";
    return text.str();
}

void print_geometry(std::ostream& out, const Facts& f)
{
    const auto& c = f.config;
    const auto converters = std::uint64_t{c.cores} * c.core.n * c.core.lanes;
    line(out, "Peak",
         grouped(peak_tops(f.config), 1) + " TOPS = 2 x " + std::to_string(c.core.n) + "^2 x " +
             si(peak_mvm_rate(c), "MVM/s") + (c.cores > 1 ? " of all cores" : ""));
    line(out, "Geometry",
         (c.cores == 1 ? "1 core" : std::to_string(c.cores) + " cores") + " of " + std::to_string(c.core.n) + " x " +
             std::to_string(c.core.n) + ", " + std::to_string(c.core.lanes) +
             (c.core.lanes == 1 ? " lane of " : " lanes of ") + si(static_cast<double>(c.core.symbol_rate), "Bd") +
             ", " + grouped(std::uint64_t{c.pcm.banks}) + (c.pcm.banks == 1 ? " bank" : " banks") + " a core");
    line(out, "Converters",
         grouped(converters) + " DACs and " + grouped(converters) + " ADCs, " +
             si(static_cast<double>(c.core.symbol_rate), "S/s") + " each");
    line(out, "Cells",
         grouped(2 * std::uint64_t{c.cores} * c.pcm.banks * c.core.n * c.core.n) + " in differential pairs; " +
             si(f.area.array * 1e6, "mm^2") + " of array at a pitch of " + si(c.core.cell_pitch, "m") + " = " +
             grouped(f.area.array / kReticle, 1) + " reticles" +
             (f.area.array > kReticle ? ": cannot be built as one die" : ""));
}

void print_light(std::ostream& out, const Facts& f)
{
    const auto& l = f.light;
    out << "\nLight (combining " << photonic_core::combining_name(f.config.core.combining) << ": "
        << photonic_core::combining_caveat(f.config.core.combining) << ")\n";
    line(out, "Loss",
         decibels(l.loss_db) + " laser to photodiode, beside the 1 -> 2N split; " + decibels(l.bus_excess_db) +
             " of it on row and column bus, " +
             decibels(f.config.pcm.switch_loss_db * std::ceil(std::log2(f.config.pcm.banks))) + " in the bank switch");
    line(out, "Laser",
         si(l.laser_optical, "W") + " of light, " + si(l.laser_electrical, "W") + " at the plug; " +
             si(l.row_power_on_chip, "W") + " on a row, limit " + si(f.config.core.optical_power_limit, "W") +
             (l.row_power_on_chip > f.config.core.optical_power_limit ? " EXCEEDED" : ""));
    line(out, "Receiver",
         si(l.full_scale_current, "A") + " full scale, " + si(l.thermal_sigma, "A") + " rms noise in " +
             si(l.bandwidth, "Hz") + "; contrast " + percent(l.contrast));
    std::ostringstream bits;
    bits << std::fixed << std::setprecision(2) << l.enob_full_scale << " bit at full scale, "
         << decibels(l.snr_workload_db) << " on a typical product of " << f.config.core.n
         << " terms (receiver noise alone)";
    line(out, "Resolution", bits.str());
}

void print_engines(std::ostream& out, const Facts& f)
{
    const double peak = peak_mvm_rate(f.config);
    out << "\nTile-MVMs that each part sustains, of the cores' peak\n";
    for (const auto& engine : f.engines) {
        const double share = engine.mvms_per_second / peak;
        std::ostringstream text;
        text << std::right << std::setw(8) << percent(share) << "  " << std::setw(12)
             << si(engine.mvms_per_second, "/s") << "  " << engine.load;
        line(out, engine.engine.c_str(), text.str());
    }
    const auto issue = peak * static_cast<double>(f.config.control.command_issue) * 1e-12;
    line(out, "command issue", "hidden when a command carries " + grouped(std::ceil(issue)) + " vectors or more");
    line(out, "laser warm-up",
         si(static_cast<double>(f.config.core.laser_warm_up) * 1e-12, "s") + " after " +
             si(static_cast<double>(f.config.core.laser_hold_off) * 1e-12, "s") + " of rest");
}

void print_weights(std::ostream& out, const Facts& f)
{
    const auto& c = f.config;
    const double tile = tile_write_seconds(c);
    const double cells = 2.0 * c.core.n * c.core.n;
    out << "\nWriting weights\n";
    line(out, "A tile",
         si(tile, "s") + ", " + si(cells * c.pcm.write_energy, "J") + "; " + grouped(tiles_per_second(c), 1) +
             " tiles/s; the core does " + si(peak_mvm_rate(c) / c.cores * tile, "vectors") + " meanwhile");
    line(out, "Drivers",
         si(write_power(c), "W") + " while every writer is busy, limit " + si(c.pcm.write_power_limit, "W"));
    line(out, "ResNet-50",
         grouped(f.resnet.tiles) +
             " tiles: " + seconds_text(static_cast<double>(f.resnet.tiles) / tiles_per_second(c)) + " and " +
             si(static_cast<double>(f.resnet.tiles) * cells * c.pcm.write_energy, "J") + " to write them all" +
             (f.bound.writes_per_cell > 0 ? "" : "; they stay: written once"));
    if (f.bound.writes_per_cell > 0) {
        const double per_batch = static_cast<double>(f.resnet.tiles) / (static_cast<double>(c.cores) * c.pcm.banks);
        line(out, "Endurance",
             grouped(c.pcm.endurance) + " cycles; a batch rewrites each cell " + grouped(per_batch, 0) +
                 " times: worn out after " +
                 seconds_text(static_cast<double>(c.pcm.endurance) /
                              (f.bound.writes_per_cell * c.pcm.cycles_per_write)) +
                 " without pause");
    }
}

/// What block floating point and the vector unit add to the stream. A sum of eight tiles becomes one element.
PeakPower scaled_power(const CardConfig& config)
{
    PeakLoad load;
    load.scaled = 1;
    load.vector_elements = 0.125;
    return peak_power(config, load);
}

void print_power(std::ostream& out, const Facts& f)
{
    const auto& p = f.power;
    out << "\nPower of an endless stream at peak, activations in the scratchpad, weights in place\n";
    line(out, "Core",
         si(p.core(), "W") + " = laser " + si(p.laser, "W") + " + DAC and modulators " + si(p.transmit, "W") +
             " + TIA and ADC " + si(p.receive, "W") +
             (p.die_to_die > 0 ? " + between dies " + si(p.die_to_die, "W") : "") + " + SRAM " + si(p.sram, "W") +
             " + digital " + si(p.digital, "W"));
    line(out, "Card",
         si(p.card(), "W") + " = core + memory " + si(p.memory, "W") + " + link " + si(p.link, "W") + " + board " +
             si(p.board, "W") + " + conversion " + si(p.conversion, "W") + " + fan " + si(p.fan, "W") + "; " +
             grouped(peak_tops(f.config) / p.card(), 1) + " TOPS/W");
    const auto scaled = scaled_power(f.config);
    line(out, "Scaled",
         si(scaled.card(), "W") + " with block scaling of every vector and sum (" + si(scaled.scaling, "W") +
             ") and one vector operation on every eighth sum (" + si(scaled.vector, "W") + ")");
}

/// How the card compares at an A100's measured rate.
void print_a100(std::ostream& out, const Facts& f)
{
    for (const auto& other : {kA100Sxm, kA100Pcie}) {
        const double watts = power_at(f.config, f.power, other.images_per_second);
        std::string text = grouped(other.images_per_second) + " ResNet-50 images/s would take " + si(watts, "W") +
                           " with every tile in place, " + grouped(other.watts / watts, 1) + " times less than its " +
                           grouped(other.watts) + " W";
        if (f.resident.images_per_second < other.images_per_second)
            text += "; the " + f.resident.engine + " stops at " + grouped(f.resident.images_per_second);
        line(out, other.name, text);
    }
}

void print_area(std::ostream& out, const Facts& f)
{
    const auto& a = f.area;
    const auto mm2 = [](double square_metres) { return grouped(square_metres * 1e6, 1); };
    out << "\nArea in mm^2, from densities (no wiring, no package)\n";
    line(out, "Photonic",
         mm2(a.photonic()) + " = array " + mm2(a.array) + " + modulators " + mm2(a.modulators) + " + receivers " +
             mm2(a.receivers) + " + lasers " + mm2(a.lasers));
    line(out, "Electronic",
         mm2(a.electronic()) + " = SRAM " + mm2(a.sram) + " + DACs " + mm2(a.dacs) + " + ADCs " + mm2(a.adcs) +
             " + logic " + mm2(a.logic));
}

void print_limits(std::ostream& out, const Facts& f)
{
    out << "\nResNet-50 in batches of " << f.batch << ", as a bound from these rates\n";
    line(out, "This card",
         grouped(f.bound.images_per_second, f.bound.images_per_second < 100 ? 1 : 0) + " images/s, limited by the " +
             f.bound.engine);
    if (f.bound.writes_per_cell > 0)
        line(out, "All tiles resident",
             grouped(f.resident.images_per_second) + " images/s, limited by the " + f.resident.engine);
    out << "\nParameters that move this bound most, at the ends of their declared ranges\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(f.moves.size(), 5); ++i) {
        const auto& move = f.moves[i];
        out << "  " << std::left << std::setw(28) << move.path << std::setw(11) << move.grade << move.from << " -> "
            << move.to << ": x" << grouped(move.factor, move.factor < 10 ? 2 : 0) << ", then the " << move.engine
            << '\n';
    }
}

void print_text(std::ostream& out, const Facts& f)
{
    out << f.config.name << ", configuration " << f.config.hash << '\n';
    if (!f.config.note.empty()) out << report::wrapped(f.config.note) << '\n';
    out << '\n';
    print_geometry(out, f);
    print_light(out, f);
    print_engines(out, f);
    print_weights(out, f);
    print_power(out, f);
    print_a100(out, f);
    print_area(out, f);
    print_limits(out, f);
    for (const auto& warning : card_warnings(f.config)) out << '\n' << report::wrapped("Note: " + warning) << '\n';
}

nlohmann::ordered_json to_json(const Facts& f)
{
    using Json = nlohmann::ordered_json;
    const auto& c = f.config;
    const auto& l = f.light;
    const auto& p = f.power;
    const auto bound_json = [](const Bound& bound) {
        return Json{{"images_per_second", bound.images_per_second},
                    {"limited_by", bound.engine},
                    {"writes_per_cell_per_second", bound.writes_per_cell}};
    };
    Json json = {{"schema", "lightcard/info/1"}, {"card", c.name}, {"config_hash", c.hash}, {"note", c.note}};
    json["warnings"] = card_warnings(c);
    json["peak_tops"] = peak_tops(f.config);
    json["peak_mvms_per_second"] = peak_mvm_rate(c);
    json["array_area_m2"] = f.area.array;
    json["light"] = {{"combining", photonic_core::combining_name(c.core.combining)},
                     {"loss_db", l.loss_db},
                     {"bus_excess_db", l.bus_excess_db},
                     {"laser_optical_w", l.laser_optical},
                     {"laser_electrical_w", l.laser_electrical},
                     {"row_power_on_chip_w", l.row_power_on_chip},
                     {"full_scale_current_a", l.full_scale_current},
                     {"thermal_sigma_a", l.thermal_sigma},
                     {"bandwidth_hz", l.bandwidth},
                     {"contrast", l.contrast},
                     {"enob_full_scale", l.enob_full_scale},
                     {"snr_workload_db", l.snr_workload_db}};
    json["engines"] = Json::array();
    for (const auto& engine : f.engines)
        json["engines"].push_back({{"engine", engine.engine},
                                   {"mvms_per_second", engine.mvms_per_second},
                                   {"share_of_peak", engine.mvms_per_second / peak_mvm_rate(c)},
                                   {"load", engine.load},
                                   {"parameter", engine.parameter}});
    json["writing"] = {{"tile_s", tile_write_seconds(c)},
                       {"tile_j", 2.0 * c.core.n * c.core.n * c.pcm.write_energy},
                       {"tiles_per_second", tiles_per_second(c)},
                       {"resnet50_pass_s", static_cast<double>(f.resnet.tiles) / tiles_per_second(c)},
                       {"drivers_w", write_power(c)},
                       {"endurance_cycles", c.pcm.endurance}};
    json["peak_power_w"] = {{"laser", p.laser},
                            {"transmit", p.transmit},
                            {"receive", p.receive},
                            {"die_to_die", p.die_to_die},
                            {"sram", p.sram},
                            {"digital", p.digital},
                            {"memory", p.memory},
                            {"link", p.link},
                            {"board", p.board},
                            {"conversion_loss", p.conversion},
                            {"fan", p.fan},
                            {"core", p.core()},
                            {"card", p.card()},
                            {"block_scaling", scaled_power(c).scaling},
                            {"vector_unit", scaled_power(c).vector},
                            {"card_scaled", scaled_power(c).card()}};
    const auto& a = f.area;
    json["area_m2"] = {{"array", a.array},         {"lasers", a.lasers}, {"modulators", a.modulators},
                       {"receivers", a.receivers}, {"dacs", a.dacs},     {"adcs", a.adcs},
                       {"sram", a.sram},           {"logic", a.logic}};
    json["resnet50"] = {
        {"batch", f.batch},      {"tiles", f.resnet.tiles},      {"tile_vectors", f.resnet.tile_vectors},
        {"macs", f.resnet.macs}, {"bound", bound_json(f.bound)}, {"bound_resident", bound_json(f.resident)}};
    json["sensitivities"] = moves_json(f.moves);
    return json;
}

}  // namespace

int info_command(const Console& console, const Arguments& arguments)
{
    auto visible = card_options();
    po::options_description output("Output");
    output.add_options()("batch", po::value<Natural>()->default_value({256})->value_name("N"),
                         "images a batch, for the ResNet-50 bound")(
        "json", po::value<std::string>()->value_name("FILE"), "as JSON; - is standard output");
    visible.add(output);
    po::options_description hidden;
    hidden.add_options()("card", po::value<std::string>()->default_value("lc128"));
    const auto parsed = parse(console, kHelp, visible, hidden, Positional{"card", 1}, arguments);
    if (parsed.exit) return *parsed.exit;
    const auto batch = parsed.number("batch");
    if (batch == 0 || batch > 1'000'000'000)
        return fail(console, kUsage, {"--batch must be 1 to 1,000,000,000", "", ""});

    const auto overrides = overrides_of(parsed);
    if (!overrides) return fail(console, kUsage, overrides.error());
    const auto config = load_card(parsed.get<std::string>("card"), *overrides);
    if (!config) return fail(console, kUsage, config.error());
    const auto facts = gather(*config, batch);
    if (!parsed.has("json")) {
        print_text(console.out, facts);
        return kOk;
    }
    const auto written = write_output(console, parsed.get<std::string>("json"),
                                      [&](auto& out) { out << to_json(facts).dump(1) << '\n'; });
    return written ? kOk : fail(console, kUsage, written.error());
}

}  // namespace lightcard::cli
