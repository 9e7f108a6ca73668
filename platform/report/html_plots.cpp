// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/html_plots.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "lightcard/platform/report/error_sources.h"
#include "lightcard/platform/report/svg.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::report {

namespace {

constexpr double kWidth = 960, kLeft = 190, kRight = 110, kRow = 20, kBar = 13;

/// Colours that stay apart for colour-blind readers, light enough for black text beside them.
constexpr const char* kColours[] = {"#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2",
                                    "#edc948", "#b07aa1", "#9c755f", "#ff9da7", "#86bcb6",
                                    "#d37295", "#a0cbe8", "#8cd17d", "#499894", "#bab0ac"};

std::string fill(std::size_t colour)
{
    return std::string("fill=\"") + kColours[colour % std::size(kColours)] + '"';
}

std::string words(std::string name)
{
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

std::string shortened(const std::string& name, std::size_t most = 27)
{
    return name.size() <= most ? name : name.substr(0, most - 3) + "...";
}

void begin(std::ostream& out, double height, const std::string& title)
{
    out << "<svg viewBox=\"0 0 " << kWidth << ' ' << svg::fixed(height, 0) << "\" role=\"img\" aria-label=\""
        << svg::escaped(title) << "\">\n";
}

struct Key {
    std::size_t colour;
    std::string name;
};

void legend(std::ostream& out, const std::vector<Key>& keys)
{
    out << "<p class=\"legend\">";
    for (const auto& key : keys)
        out << "<span><i style=\"background:" << kColours[key.colour % std::size(kColours)] << "\"></i>"
            << svg::escaped(key.name) << "</span> ";
    out << "</p>\n";
}

double joules_of(const EnergyTable& energy, std::size_t category)
{
    return energy.joules(static_cast<Category>(category));
}

/// Categories that cost anything, the steadiest (board, fan, ...) at the bottom of a stack: least spread first.
std::vector<std::size_t> stack_order(const Report& r)
{
    std::vector<std::pair<double, std::size_t>> spread;
    for (std::size_t c = 0; c < kCategories; ++c) {
        if (joules_of(r.energy, c) <= 0) continue;
        double least = joules_of(r.trace.bins[0], c), most = least;
        for (const auto& bin : r.trace.bins) {
            least = std::min(least, joules_of(bin, c));
            most = std::max(most, joules_of(bin, c));
        }
        spread.emplace_back(most - least, c);
    }
    std::stable_sort(spread.begin(), spread.end());
    std::vector<std::size_t> order;
    for (const auto& [width, category] : spread) order.push_back(category);
    return order;
}

/// Plot area of power over time.
struct TimeArea {
    double left = 60, top = 12, width = kWidth - 60 - 12, height = 230;
    double seconds = 1, watts = 1;
    double x(double at) const { return left + at / seconds * width; }
    double y(double power) const { return top + height - power / watts * height; }
};

void axes(std::ostream& out, const TimeArea& area, const std::vector<double>& power_ticks)
{
    for (const double power : power_ticks) {
        svg::line(out, area.left, area.y(power), area.left + area.width, area.y(power), "class=\"grid\"");
        svg::text(out, area.left - 6, area.y(power) + 4, power == 0 ? "0" : si(power, "W"), "text-anchor=\"end\"");
    }
    for (const double at : svg::ticks(area.seconds)) {
        if (at > area.seconds) continue;
        svg::line(out, area.x(at), area.top + area.height, area.x(at), area.top + area.height + 4, "class=\"axis\"");
        svg::text(out, area.x(at), area.top + area.height + 18, at == 0 ? "power-on" : seconds_text(at),
                  at == 0 ? "text-anchor=\"start\"" : "text-anchor=\"middle\"");
    }
    svg::line(out, area.left, area.y(0), area.left + area.width, area.y(0), "class=\"axis\"");
}

/// One row of a bar chart: label left, pieces side by side, figure right.
struct Piece {
    double share;  ///< of the chart's width
    std::size_t colour;
    std::string hint;
};

void bar_row(std::ostream& out, double y, const std::string& label, const std::vector<Piece>& pieces,
             const std::string& figure)
{
    const double width = kWidth - kLeft - kRight;
    svg::text(out, kLeft - 8, y + kBar - 2, shortened(label), "text-anchor=\"end\"");
    svg::rectangle(out, kLeft, y, width, kBar, "class=\"track\"");
    double x = kLeft;
    for (const auto& piece : pieces) {
        const double wide = std::min(piece.share, 1.0) * width;
        svg::rectangle(out, x, y, std::min(wide, kLeft + width - x), kBar, fill(piece.colour), piece.hint);
        x = std::min(x + wide, kLeft + width);
    }
    svg::text(out, kLeft + width + 8, y + kBar - 2, figure);
}

double error_share(const LayerReport& layer)
{
    const double signal = layer.counters.error.signal;
    return signal > 0 ? layer.counters.error.total() / signal : 0;
}

bool is_analog(const LayerReport& layer)
{
    return layer.index > 0 && layer.counters.error.total() > 0 && layer.counters.error.signal > 0;
}

}  // namespace

void plot_power(std::ostream& out, const Report& r)
{
    const auto& bins = r.trace.bins;
    if (bins.empty() || r.trace.bin_width <= 0) return;
    const double bin_seconds = static_cast<double>(r.trace.bin_width) * 1e-12;
    const auto order = stack_order(r);
    double most = 0;
    for (const auto& bin : bins) most = std::max(most, bin.joules(Scope::system) / bin_seconds);
    TimeArea area;
    area.seconds = bin_seconds * static_cast<double>(bins.size());
    const auto power_ticks = svg::ticks(most);
    area.watts = power_ticks.back();

    begin(out, area.top + area.height + 26, "power over time");
    const double setup = static_cast<double>(r.summary.setup_end.now) * 1e-12;
    svg::rectangle(out, area.left, area.top, area.x(std::min(setup, area.seconds)) - area.left, area.height,
                   "class=\"setup\"", "set-up: power-on, boot, loading");
    std::vector<double> below(bins.size(), 0);
    for (const auto category : order) {
        std::vector<std::pair<double, double>> top, bottom;
        for (std::size_t i = 0; i < bins.size(); ++i) {
            const double from = bin_seconds * static_cast<double>(i), to = from + bin_seconds;
            const double above = below[i] + joules_of(bins[i], category) / bin_seconds;
            top.insert(top.end(), {{area.x(from), area.y(above)}, {area.x(to), area.y(above)}});
            bottom.insert(bottom.end(), {{area.x(from), area.y(below[i])}, {area.x(to), area.y(below[i])}});
            below[i] = above;
        }
        top.insert(top.end(), bottom.rbegin(), bottom.rend());
        svg::polygon(out, top, fill(category), words(to_string(static_cast<Category>(category))));
    }
    axes(out, area, power_ticks);
    out << "</svg>\n";
    std::vector<Key> keys;
    for (auto category = order.rbegin(); category != order.rend(); ++category)
        keys.push_back({*category, words(to_string(static_cast<Category>(*category)))});
    legend(out, keys);
}

void plot_engines(std::ostream& out, const Report& r)
{
    const auto window = static_cast<double>(std::max<Picoseconds>(r.inference().end - r.inference().start, 1));
    std::vector<std::string> causes;
    for (const auto& engine : r.engines)
        for (const auto& [cause, time] : engine.waits)
            if (time > 0 && std::find(causes.begin(), causes.end(), cause) == causes.end()) causes.push_back(cause);
    begin(out, kRow * static_cast<double>(r.engines.size()) + 6, "engines");
    double y = 3;
    for (const auto& engine : r.engines) {
        std::vector<Piece> pieces = {
            {engine.utilisation, 0, "busy " + percent(engine.utilisation) + " of the inference phase"}};
        for (const auto& [cause, time] : engine.waits) {
            const double share = static_cast<double>(time) / window;
            const auto at = std::find(causes.begin(), causes.end(), cause) - causes.begin();
            pieces.push_back({share, static_cast<std::size_t>(at) + 1, "waits for " + cause + ": " + percent(share)});
        }
        bar_row(out, y, engine.name, pieces, percent(engine.utilisation) + " busy");
        y += kRow;
    }
    out << "</svg>\n";
    std::vector<Key> keys = {{0, "busy"}};
    for (std::size_t i = 0; i < causes.size(); ++i) keys.push_back({i + 1, "waits for " + causes[i]});
    legend(out, keys);
}

void plot_layers(std::ostream& out, const Report& r)
{
    double longest = 0, dearest = 0;
    std::size_t rows = 0;
    for (const auto& layer : r.layers) {
        if (layer.index == 0) continue;
        longest = std::max(longest, static_cast<double>(layer.counters.busy));
        dearest = std::max(dearest, layer.energy.joules(Scope::system));
        ++rows;
    }
    const double half = (kWidth - kLeft) / 2 - 90;
    begin(out, kRow * static_cast<double>(rows) + 24, "layers");
    svg::text(out, kLeft, 12, "core busy", "class=\"head\"");
    svg::text(out, kLeft + half + 90, 12, "energy", "class=\"head\"");
    double y = 20;
    for (const auto& layer : r.layers) {
        if (layer.index == 0) continue;
        const auto busy = static_cast<double>(layer.counters.busy);
        const double joules = layer.energy.joules(Scope::system);
        svg::text(out, kLeft - 8, y + kBar - 2, shortened(layer.info.name), "text-anchor=\"end\"");
        const double time_width = longest > 0 ? busy / longest * half : 0;
        const double energy_width = dearest > 0 ? joules / dearest * half : 0;
        svg::rectangle(out, kLeft, y, time_width, kBar, fill(0), layer.info.name);
        svg::text(out, kLeft + time_width + 6, y + kBar - 2, busy > 0 ? duration(layer.counters.busy) : "-");
        svg::rectangle(out, kLeft + half + 90, y, energy_width, kBar, fill(1), layer.info.name);
        svg::text(out, kLeft + half + 90 + energy_width + 6, y + kBar - 2, si(joules, "J"));
        y += kRow;
    }
    out << "</svg>\n";
}

bool has_errors(const Report& report)
{
    return std::any_of(report.layers.begin(), report.layers.end(), is_analog);
}

void plot_errors(std::ostream& out, const Report& r)
{
    std::size_t rows = 0;
    double worst = 0;
    for (const auto& layer : r.layers)
        if (is_analog(layer)) {
            ++rows;
            worst = std::max(worst, std::sqrt(error_share(layer)));
        }
    std::vector<bool> used;
    begin(out, kRow * static_cast<double>(rows) + 6, "error by source");
    double y = 3;
    for (const auto& layer : r.layers) {
        if (!is_analog(layer)) continue;
        const double share = error_share(layer), length = std::sqrt(share) / worst;
        const auto sources = error_sources(layer.counters.error);
        used.resize(sources.size(), false);
        std::vector<Piece> pieces;
        for (std::size_t i = 0; i < sources.size(); ++i) {
            const double part = sources[i].variance / layer.counters.error.total();
            if (part > 0.001) used[i] = true;
            pieces.push_back(
                {part * length, i, std::string(sources[i].name) + ": " + percent(part) + " of the error's variance"});
        }
        bar_row(out, y, layer.info.name, pieces, svg::fixed(-10 * std::log10(share)) + " dB SNR");
        y += kRow;
    }
    out << "</svg>\n";
    std::vector<Key> keys;
    const auto names = error_sources({});
    for (std::size_t i = 0; i < used.size(); ++i)
        if (used[i]) keys.push_back({i, names[i].name});
    legend(out, keys);
}

}  // namespace lightcard::report
