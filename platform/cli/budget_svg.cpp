// SPDX-License-Identifier: Apache-2.0
// The waterfall as a self-contained SVG: bars of loss hanging below one another, power in dBm on the left.
#include <algorithm>
#include <cmath>
#include <ostream>

#include "lightcard/platform/cli/budget.h"
#include "lightcard/platform/report/svg.h"

namespace lightcard::cli {

namespace {

namespace svg = report::svg;

constexpr double kLeft = 70, kTop = 60, kBar = 52, kGap = 14, kHeight = 320, kBottom = 110;

double dbm(double watts)
{
    return 10 * std::log10(watts * 1e3);
}

/// dBm to a place on the page.
struct Scale {
    double high, low;
    double y(double level) const { return kTop + (high - level) / (high - low) * kHeight; }
};

void axis(std::ostream& out, const Scale& scale, double width)
{
    for (double level = std::ceil(scale.low / 5) * 5; level <= scale.high; level += 5) {
        svg::line(out, kLeft, scale.y(level), width - 20, scale.y(level), "stroke=\"#ddd\"");
        svg::text(out, kLeft - 8, scale.y(level) + 4, svg::fixed(level, 0) + " dBm", "text-anchor=\"end\"");
    }
}

}  // namespace

void write_budget_svg(std::ostream& out, const Budget& budget)
{
    const auto& stages = budget.worst.stages;
    const auto& config = budget.config;
    double lowest = dbm(config.core.row_power), highest = lowest;
    for (const auto& stage : stages) {
        lowest = std::min(lowest, dbm(stage.power));
        highest = std::max(highest, dbm(stage.power));
    }
    const Scale scale{std::ceil((highest + 1) / 5) * 5, std::floor((lowest - 1) / 5) * 5};
    const double width = kLeft + static_cast<double>(stages.size() + 1) * (kBar + kGap) + 40;
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << svg::fixed(width, 0) << "\" height=\""
        << svg::fixed(kTop + kHeight + kBottom, 0) << "\" font-family=\"sans-serif\" font-size=\"11\">\n"
        << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
    svg::text(out, kLeft, 22, config.name + ": light of one row and lane, laser to photodiode", "font-size=\"15\"");
    svg::text(out, kLeft, 40,
              "worst path: lane " + std::to_string(budget.worst.lane) + ", column " +
                  std::to_string(budget.worst.column) + "; combining " + combining_text(config) + "; configuration " +
                  config.hash);
    axis(out, scale, width);

    double level = dbm(config.core.row_power), x = kLeft + kGap;
    const auto column = [&](const std::string& name, double from, double to, const char* colour,
                            const std::string& value) {
        const double top = scale.y(std::max(from, to)), height = std::max(1.0, scale.y(std::min(from, to)) - top);
        svg::rectangle(out, x, top, kBar, height, "fill=\"" + std::string(colour) + "\"", name + ": " + value);
        svg::text(out, x + kBar / 2, scale.y(std::max(from, to)) - 4, value, "text-anchor=\"middle\"");
        const auto turn = "text-anchor=\"end\" transform=\"rotate(-40 " + svg::fixed(x + kBar / 2, 1) + " " +
                          svg::fixed(kTop + kHeight + 16, 1) + ")\"";
        svg::text(out, x + kBar / 2, kTop + kHeight + 16, name, turn);
        x += kBar + kGap;
    };
    column("laser", level, scale.low, "#4a7ab5", svg::fixed(level, 1) + " dBm");
    for (const auto& stage : stages) {
        const double after = dbm(stage.power);
        const char* colour = stage.loss_db < 0 ? "#5a9e6f" : "#c8663f";
        column(stage.name, level, after, colour, svg::fixed(stage.loss_db, 2) + " dB");
        level = after;
    }
    column("column", level, scale.low, "#4a7ab5", svg::fixed(level, 1) + " dBm");
    out << "</svg>\n";
}

}  // namespace lightcard::cli
