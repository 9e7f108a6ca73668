// SPDX-License-Identifier: Apache-2.0
// The waterfall as a self-contained SVG: bars of loss hanging below one another, power in dBm on the left.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "lightcard/platform/cli/budget.h"

namespace lightcard::cli {

namespace {

constexpr double kLeft = 70, kTop = 60, kBar = 52, kGap = 14, kHeight = 320, kBottom = 110;

double dbm(double watts)
{
    return 10 * std::log10(watts * 1e3);
}

std::string fixed(double value, int decimals)
{
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::fixed << std::setprecision(decimals) << value;
    return text.str();
}

std::string escaped(const std::string& text)
{
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else
            out += c;
    }
    return out;
}

/// dBm to a place on the page.
struct Scale {
    double high, low;
    double y(double level) const { return kTop + (high - level) / (high - low) * kHeight; }
};

void text(std::ostream& out, double x, double y, const std::string& what, const char* style = "")
{
    out << "<text x=\"" << fixed(x, 1) << "\" y=\"" << fixed(y, 1) << "\" " << style << '>' << escaped(what)
        << "</text>\n";
}

void bar(std::ostream& out, double x, double top, double bottom, const char* colour, const std::string& hint)
{
    out << "<rect x=\"" << fixed(x, 1) << "\" y=\"" << fixed(std::min(top, bottom), 1) << "\" width=\""
        << fixed(kBar, 1) << "\" height=\"" << fixed(std::max(1.0, std::abs(bottom - top)), 1) << "\" fill=\"" << colour
        << "\"><title>" << escaped(hint) << "</title></rect>\n";
}

void axis(std::ostream& out, const Scale& scale, double width)
{
    for (double level = std::ceil(scale.low / 5) * 5; level <= scale.high; level += 5) {
        const auto y = fixed(scale.y(level), 1);
        out << "<line x1=\"" << kLeft << "\" x2=\"" << fixed(width - 20, 1) << "\" y1=\"" << y << "\" y2=\"" << y
            << "\" stroke=\"#ddd\"/>\n";
        text(out, kLeft - 8, scale.y(level) + 4, fixed(level, 0) + " dBm", "text-anchor=\"end\"");
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
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << fixed(width, 0) << "\" height=\""
        << fixed(kTop + kHeight + kBottom, 0) << "\" font-family=\"sans-serif\" font-size=\"11\">\n"
        << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
    text(out, kLeft, 22, config.name + ": light of one row and lane, laser to photodiode", "font-size=\"15\"");
    text(out, kLeft, 40,
         "worst path: lane " + std::to_string(budget.worst.lane) + ", column " + std::to_string(budget.worst.column) +
             "; combining " + combining_text(config) + "; configuration " + config.hash);
    axis(out, scale, width);

    double level = dbm(config.core.row_power), x = kLeft + kGap;
    const auto column = [&](const std::string& name, double from, double to, const char* colour,
                            const std::string& value) {
        bar(out, x, scale.y(from), scale.y(to), colour, name + ": " + value);
        text(out, x + kBar / 2, scale.y(std::max(from, to)) - 4, value, "text-anchor=\"middle\"");
        const auto turn = "text-anchor=\"end\" transform=\"rotate(-40 " + fixed(x + kBar / 2, 1) + " " +
                          fixed(kTop + kHeight + 16, 1) + ")\"";
        text(out, x + kBar / 2, kTop + kHeight + 16, name, turn.c_str());
        x += kBar + kGap;
    };
    column("laser", level, scale.low, "#4a7ab5", fixed(level, 1) + " dBm");
    for (const auto& stage : stages) {
        const double after = dbm(stage.power);
        const char* colour = stage.loss_db < 0 ? "#5a9e6f" : "#c8663f";
        column(stage.name, level, after, colour, fixed(stage.loss_db, 2) + " dB");
        level = after;
    }
    column("column", level, scale.low, "#4a7ab5", fixed(level, 1) + " dBm");
    out << "</svg>\n";
}

}  // namespace lightcard::cli
