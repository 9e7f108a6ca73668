// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/text.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "lightcard/platform/report/error_sources.h"
#include "lightcard/platform/report/text_table.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::report {

namespace {

constexpr std::size_t kLabel = 12;  ///< of the lines that begin with a label: "Against fp32"

const char* name_of(const RunConfig& run)
{
    if (run.fidelity == Fidelity::stat) return "stat";
    if (run.fidelity == Fidelity::timing) return "timing";
    return run.fidelity == Fidelity::device ? "device" : run.quant ? "quant" : "ideal";
}

void head(std::ostream& out, const Report& r)
{
    const auto& core = r.config.core;
    const auto& s = r.summary;
    std::uint64_t macs = 0, tiles = 0;
    for (const auto& layer : s.layers) {
        macs += layer.macs;
        tiles += layer.tiles;
    }
    out << s.network << " on " << r.config.name << ": " << grouped(s.images) << (s.images == 1 ? " image" : " images")
        << " in batches of " << s.batch << ", fidelity " << name_of(r.config.run) << ", seed " << r.config.run.seed
        << ", configuration " << r.config.hash << "\n\n";
    TextTable table(1, kLabel);
    table.row({"Network", grouped(std::uint64_t{s.layers.size()}) + " layers, " + si(static_cast<double>(macs), "MAC") +
                              " an image, " + grouped(tiles) + " weight tiles of " + std::to_string(core.n) + "x" +
                              std::to_string(core.n)});
    std::ostringstream card;
    card << (r.config.cores == 1 ? "1 core" : std::to_string(r.config.cores) + " cores") << ", " << core.lanes
         << (core.lanes == 1 ? " lane x " : " lanes x ") << si(static_cast<double>(core.symbol_rate), "Bd") << ", "
         << r.config.pcm.banks << " banks, " << grouped(r.throughput.peak_tops, 1) << " TOPS peak";
    table.row({"Card", card.str()});
    table.print(out);
}

void accuracy(std::ostream& out, const Report& r)
{
    if (!r.summary.accuracy) return;
    const auto& a = *r.summary.accuracy;
    TextTable table(1, kLabel);
    if (a.labelled > 0) {
        const auto n = static_cast<double>(a.labelled);
        std::string text = percent(static_cast<double>(a.top1) / n) + " top-1 on " + grouped(a.labelled) + " labels";
        if (a.reference_top1) text += " (fp32: " + percent(static_cast<double>(*a.reference_top1) / n) + ")";
        table.row({"Accuracy", text + ", " + percent(static_cast<double>(a.top5) / n) + " top-5"});
    }
    for (const auto& g : a.agreements) {
        std::ostringstream text;
        text << "same top-1 on " << grouped(g.same_top1) << " of " << grouped(g.images) << ", correlation "
             << std::fixed << std::setprecision(5) << g.correlation << ", rms error " << std::defaultfloat
             << std::setprecision(3) << g.rms_error;
        if (g.differing == 0) text << ", every output equal bit for bit";
        if (g.differing > 0 && g.reference == "int8") text << ", " << grouped(g.differing) << " outputs differ";
        table.row({"Against " + g.reference, text.str()});
    }
    if (r.counters.adc_samples > 0)
        table.row(
            {"ADC",
             grouped(r.counters.adc_clipped) + " of " + grouped(r.counters.adc_samples) + " samples clipped (" +
                 percent(static_cast<double>(r.counters.adc_clipped) / static_cast<double>(r.counters.adc_samples)) +
                 ")"});
    table.print(out);
}

void predictions(std::ostream& out, const Report& r)
{
    if (r.summary.predictions.empty()) return;
    out << "\n  What the card sees\n";
    for (const auto& prediction : r.summary.predictions) {
        std::ostringstream text;
        for (const auto& guess : prediction.guesses) {
            text << (&guess == prediction.guesses.data() ? "" : "; ");
            text << (guess.name.empty() ? "class " + std::to_string(guess.index) : guess.name);
            text << ' ' << std::setprecision(3) << guess.value;
        }
        out << "    " << wrapped(prediction.input + ": " + text.str(), 106, "      ") << '\n';
    }
    out << '\n';
}

void speed(std::ostream& out, const Report& r)
{
    const auto& l = r.latency;
    const auto& t = r.throughput;
    if (l.batches == 0) return;
    TextTable table(1, kLabel);
    if (l.batches == 1) {
        table.row({"Latency", "the one batch took " + duration(l.first) + " (done " + duration(l.time_to_first_result) +
                                  " after power-on), an image " + seconds_text(l.steady_per_image * 1e-12)});
    } else {
        table.row({"Latency", "first batch " + duration(l.first) + " (" + duration(l.time_to_first_result) +
                                  " after power-on), then a batch every " + seconds_text(l.steady_per_batch * 1e-12) +
                                  ", an image every " + seconds_text(l.steady_per_image * 1e-12)});
        table.row({"", "a batch stays in the card for p50 " + duration(l.p50) + ", p90 " + duration(l.p90) + ", p99 " +
                           duration(l.p99) + ", longest " + duration(l.longest) + " (" + grouped(l.batches) +
                           (l.batches == 1 ? " batch)" : " batches)")});
    }
    table.row({"Throughput",
               grouped(t.images_per_second, t.images_per_second < 100 ? 1 : 0) + " images/s; " +
                   si(t.useful_tops * 1e12, "OP/s") + " of the network, " + si(t.tile_tops * 1e12, "OP/s") +
                   " with tile padding: " + percent(t.peak_tops > 0 ? t.tile_tops / t.peak_tops : 0) + " of peak"});
    table.print(out);
}

void engines(std::ostream& out, const Report& r)
{
    out << "  Engines during inference (" << duration(r.inference().end - r.inference().start) << ")\n";
    const auto window = static_cast<double>(std::max<Picoseconds>(r.inference().end - r.inference().start, 1));
    TextTable table(4);
    table.row({"  engine", "busy", "commands", "items", "waited for"});
    for (const auto& engine : r.engines) {
        std::vector<std::pair<std::string, Picoseconds>> waits(engine.waits.begin(), engine.waits.end());
        std::stable_sort(waits.begin(), waits.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
        std::string text;
        for (const auto& [cause, time] : waits) {
            if (time == 0) continue;
            text += (text.empty() ? "" : ", ") + cause + " " + percent(static_cast<double>(time) / window);
        }
        table.row(
            {"  " + engine.name, percent(engine.utilisation), grouped(engine.commands), grouped(engine.items), text});
    }
    table.print(out);
}

/// "core0.modulator_tuning 3.637 mJ, core0.modulator 3 uJ": accounts of one category in the inference phase.
std::string components(const Report& r, Category category)
{
    std::vector<std::pair<double, std::string>> parts;
    for (std::size_t i = 0; i < r.accounts.size(); ++i) {
        const auto& spec = r.accounts[i].spec;
        const double joules = static_cast<double>(r.inference().counts[i]) * spec.joules_per_count;
        if (spec.category == category && joules > 0) parts.emplace_back(joules, spec.path);
    }
    std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    if (parts.size() == 1) return parts[0].second;
    std::string text;
    for (const auto& [joules, path] : parts) text += (text.empty() ? "" : ", ") + path + " " + si(joules, "J");
    return text;
}

/// Of the inference phase: what a batch costs once the network is loaded. Set-up is one line below.
void energy(std::ostream& out, const Report& r)
{
    const auto& phase = r.inference();
    const double total = phase.energy.joules(Scope::card);
    const auto watts = [&](double joules) {
        return phase.seconds() > 0 ? si(joules / phase.seconds(), "W") : std::string("-");
    };
    std::vector<std::pair<double, Category>> rows;
    for (std::size_t c = 0; c < kCategories; ++c)
        rows.emplace_back(phase.energy.joules(static_cast<Category>(c)), static_cast<Category>(c));
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });

    out << "  Energy and mean power of the inference phase\n";
    TextTable table(4);
    table.row({"  category", "energy", "power", "share", "component"});
    for (const auto& [joules, category] : rows) {
        if (joules == 0) continue;
        std::string name = to_string(category);
        std::replace(name.begin(), name.end(), '_', ' ');
        table.row({"  " + name, si(joules, "J"), watts(joules), percent(total > 0 ? joules / total : 0),
                   components(r, category)});
    }
    table.print(out);
    out << '\n';
    TextTable boundaries;
    boundaries.row({"  boundary", "with laser", "", "without", ""});
    for (const auto scope : kScopes) {
        const double with = phase.energy.joules(scope), without = phase.energy.joules(scope, false);
        boundaries.row(
            {std::string("  ") + to_string(scope), si(with, "J"), watts(with), si(without, "J"), watts(without)});
    }
    boundaries.print(out);
    if (r.summary.images > 0)
        out << "    An image costs " << si(total / static_cast<double>(r.summary.images), "J") << "; set-up cost "
            << si(r.phases.front().energy.joules(Scope::card), "J") << " in "
            << duration(r.phases.front().end - r.phases.front().start) << ".\n";
}

/// "thermal 85.9 %, levels 6.2 %": the two largest sources of a layer's error.
std::string largest_errors(const photonic_core::Attribution& e)
{
    auto sources = error_sources(e);
    std::stable_sort(sources.begin(), sources.end(),
                     [](const auto& a, const auto& b) { return a.variance > b.variance; });
    std::string text = std::string(sources[0].name) + " " + percent(sources[0].variance / e.total());
    if (sources[1].variance > 0)
        text += ", " + std::string(sources[1].name) + " " + percent(sources[1].variance / e.total());
    return text;
}

std::vector<std::string> layer_cells(const LayerReport& layer)
{
    const auto& c = layer.counters;
    return {"  " + layer.info.name,  layer.info.op,    grouped(std::uint64_t{layer.info.tiles}),
            grouped(c.tile_vectors), duration(c.busy), si(layer.energy.joules(Scope::system), "J")};
}

void layers(std::ostream& out, const Report& r)
{
    if (r.summary.layers.empty()) return;
    const bool noisy = r.config.run.fidelity != Fidelity::ideal && r.config.run.computes();
    out << "  Layers, whole run\n";
    TextTable table(noisy ? 7 : TextTable::kNone);
    std::vector<std::string> header = {"  layer", "op", "tiles", "tile-MVMs", "core busy", "energy"};
    if (noisy) header.insert(header.end(), {"SNR", "error from"});
    table.row(header);
    for (const auto& layer : r.layers) {
        if (layer.index == 0) continue;
        auto cells = layer_cells(layer);
        const auto& c = layer.counters;
        if (noisy && c.error.total() > 0) {
            std::ostringstream snr;
            snr << std::fixed << std::setprecision(1) << 10 * std::log10(c.error.signal / c.error.total()) << " dB";
            cells.push_back(snr.str());
            cells.push_back(largest_errors(c.error));
        }
        table.row(std::move(cells));
    }
    if (r.layers[0].index == 0)
        table.row({"  idle and control", "", "", "", "", si(r.layers[0].energy.joules(Scope::system), "J")});
    table.print(out);
}

void losses(std::ostream& out, const Report& r)
{
    constexpr std::size_t kShown = 5;
    if (r.losses.empty()) return;
    out << "  Where accuracy goes: error of a product relative to its signal, and its kinds; the worst first\n";
    TextTable table;
    table.row({"  product", "error", "quantisation", "weights", "noise", "clipping"});
    for (std::size_t i = 0; i < std::min(kShown, r.losses.size()); ++i) {
        const auto& loss = r.losses[i];
        const auto share = [&](double part) { return percent(part / loss.total()); };
        table.row({"  " + loss.name, grouped(10 * std::log10(loss.total()), 1) + " dB", share(loss.quantisation),
                   share(loss.weights), share(loss.noise), share(loss.clipping)});
    }
    table.print(out);
    out << '\n';
}

void weights(std::ostream& out, const Report& r)
{
    const auto& w = r.weights;
    TextTable table(1, kLabel);
    const auto batches = std::max<std::uint64_t>(r.latency.batches, 1);
    std::ostringstream text;
    text << grouped(w.tile_loads) << " tile loads, " << grouped(w.cell_writes) << " cell writes";
    if (w.inference_tile_loads > 0)
        text << "; " << grouped(static_cast<double>(w.inference_tile_loads) / static_cast<double>(batches), 1)
             << " loads a batch";
    table.row({"Weights", text.str()});
    std::string life = "no cell is written during inference: no wear at this load";
    if (w.life_seconds)
        life = grouped(w.max_wear) + " cycles on the most worn row of " + grouped(w.endurance) +
               "; at this load it lasts " + seconds_text(*w.life_seconds);
    table.row({"Wear", life});
    table.print(out);
}

}  // namespace

void write_text(std::ostream& out, const Report& report)
{
    head(out, report);
    predictions(out, report);
    accuracy(out, report);
    speed(out, report);
    weights(out, report);
    out << '\n';
    engines(out, report);
    out << '\n';
    energy(out, report);
    out << '\n';
    losses(out, report);
    layers(out, report);
    if (report.counters.failed_commands > 0)
        out << "\n  " << grouped(report.counters.failed_commands) << " commands failed.\n";
    for (const auto& note : report.summary.notes) out << "\n" << wrapped("  Note: " + note) << '\n';
    if (report.summary.guest_errors > 0)
        out << "\n  The card logged " << grouped(report.summary.guest_errors)
            << " guest errors: the driver broke a rule of the interface.\n";
    if (!report.limit.noise_sentence.empty()) out << '\n' << wrapped(report.limit.noise_sentence) << '\n';
    if (!report.limit.loss_sentence.empty()) out << '\n' << wrapped(report.limit.loss_sentence) << '\n';
    for (const auto& line : report.limit.tried) out << wrapped("  Tried " + line, 110, "    ") << '\n';
    out << '\n' << wrapped(report.limit.sentence) << '\n';
}

}  // namespace lightcard::report
