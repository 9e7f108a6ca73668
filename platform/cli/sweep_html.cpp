// SPDX-License-Identifier: Apache-2.0
// A sweep as one page: a plot a figure (curves over a numeric axis, bars over cases, a colour for each case of the
// second axis), the table, and the command of every point.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "lightcard/platform/cli/sweep.h"
#include "lightcard/platform/report/svg.h"

namespace lightcard::cli {

namespace {

namespace svg = report::svg;
using svg::escaped;
using svg::fixed;

constexpr double kLeft = 64, kRight = 20, kTop = 14, kHeight = 260, kBottom = 50, kWidth = 640;
constexpr const char* kColours[] = {"#0b62a4", "#d1495b", "#2e8b57", "#b8860b",
                                    "#6a4c93", "#008b8b", "#8b4513", "#555"};

std::string shortest(double value)
{
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::setprecision(6) << value;
    return text.str();
}

/// Two digits: a standard error is not known better.
std::string fixed_digits(double value)
{
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::setprecision(2) << value;
    return text.str();
}

/// 1, 2 or 5 times a power of ten, at least `rough`.
double nice_step(double rough)
{
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double step : {1.0, 2.0, 5.0})
        if (step * power >= rough * (1 - 1e-9)) return step * power;
    return 10 * power;
}

/// Values of one figure to places on the page.
struct Vertical {
    double low = 0, high = 1, step = 0.2;

    static Vertical over(double least, double most)
    {
        Vertical axis;
        if (!(most > least)) most = least + (least == 0 ? 1 : std::abs(least) * 0.1);
        // From zero unless that would flatten everything.
        if (least > 0 && least < 0.6 * most) least = 0;
        axis.step = nice_step((most - least) / 6);
        axis.low = std::floor(least / axis.step) * axis.step;
        axis.high = std::ceil(most / axis.step - 1e-9) * axis.step;
        return axis;
    }
    double y(double value) const { return kTop + (high - value) / (high - low) * kHeight; }
    int decimals() const { return std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9))); }
};

class Plot {
public:
    Plot(const Sweep& sweep, const std::vector<SweepResult>& results, std::size_t figure)
        : sweep_(sweep), results_(results), figure_(figure), along_(sweep.axes[0])
    {
        double least = 0, most = 0;
        bool any = false;
        for (std::size_t i = 0; i < results.size(); ++i) {
            const auto value = value_of(i);
            if (!value) continue;
            const double low = *value - error_of(i), high = *value + error_of(i);
            least = any ? std::min(least, low) : low;
            most = any ? std::max(most, high) : high;
            any = true;
        }
        if (!along_.numeric()) least = std::min(least, 0.0);
        vertical_ = Vertical::over(least, most);
        lines_ = sweep.axes.size() > 1 ? sweep.axes[1].cases.size() : 1;
    }

    void write(std::ostream& out) const
    {
        const auto& figure = sweep_.figures[figure_];
        out << "<figure><figcaption>" << escaped(figure.label)
            << (figure.unit.empty() ? "" : ", " + escaped(figure.unit)) << "</figcaption>\n<svg viewBox=\"0 0 "
            << fixed(kWidth, 0) << ' ' << fixed(kTop + kHeight + bottom(), 0) << "\" role=\"img\">\n";
        grid(out);
        if (along_.numeric())
            curves(out);
        else
            bars(out);
        out << "</svg>\n";
        if (lines_ > 1) legend(out);
        out << "</figure>\n";
    }

private:
    static double inner() { return kWidth - kLeft - kRight; }
    double bottom() const { return along_.numeric() || !slanted() ? kBottom : kBottom + 60; }
    /// Names that would run into each other hang below.
    bool slanted() const
    {
        std::size_t longest = 0;
        for (const auto& one : along_.cases) longest = std::max(longest, one.label.size());
        return static_cast<double>(longest) * 7 > inner() / static_cast<double>(along_.cases.size());
    }

    std::optional<double> value_of(std::size_t point) const
    {
        const auto& figures = results_[point].figures;
        return figure_ < figures.size() ? figures[figure_] : std::nullopt;
    }
    std::optional<double> value_of(std::size_t along, std::size_t line) const
    {
        return value_of(along * lines_ + line);
    }
    /// Standard error of a point's figure over its seeds; 0 with one.
    double error_of(std::size_t point) const
    {
        const auto& errors = results_[point].errors;
        return figure_ < errors.size() ? errors[figure_].value_or(0) : 0;
    }
    /// From one standard error below to one above.
    void whisker(std::ostream& out, double x, double value, double error) const
    {
        if (!(error > 0)) return;
        const double above = vertical_.y(value + error), below = vertical_.y(value - error);
        svg::line(out, x, above, x, below, "class=\"error\"");
        svg::line(out, x - 4, above, x + 4, above, "class=\"error\"");
        svg::line(out, x - 4, below, x + 4, below, "class=\"error\"");
    }
    static const char* colour(std::size_t line) { return kColours[line % std::size(kColours)]; }

    void grid(std::ostream& out) const
    {
        const auto count = static_cast<int>(std::lround((vertical_.high - vertical_.low) / vertical_.step));
        for (int i = 0; i <= count; ++i) {
            const double level = vertical_.low + i * vertical_.step, y = vertical_.y(level);
            svg::line(out, kLeft, y, kWidth - kRight, y, "class=\"grid\"");
            svg::text(out, kLeft - 8, y + 4, fixed(level, vertical_.decimals()), "text-anchor=\"end\"");
        }
        svg::text(out, kLeft + inner() / 2, kTop + kHeight + bottom() - 8, along_.label,
                  "text-anchor=\"middle\" class=\"name\"");
    }

    double x_of(std::size_t i) const
    {
        const auto place = [this](double value) { return along_.logarithmic ? std::log(value) : value; };
        double least = place(*along_.cases.front().value), most = least;
        for (const auto& one : along_.cases) {
            least = std::min(least, place(*one.value));
            most = std::max(most, place(*one.value));
        }
        const double share = most > least ? (place(*along_.cases[i].value) - least) / (most - least) : 0.5;
        return kLeft + 14 + share * (inner() - 28);
    }

    void curves(std::ostream& out) const
    {
        double last = -1e9;
        for (std::size_t i = 0; i < along_.cases.size(); ++i) {
            const double width = 7.0 * static_cast<double>(along_.cases[i].label.size());
            if (x_of(i) - last < width) continue;  // no room for its name
            svg::text(out, x_of(i), kTop + kHeight + 18, along_.cases[i].label, "text-anchor=\"middle\"");
            last = x_of(i);
        }
        for (std::size_t line = 0; line < lines_; ++line) {
            std::ostringstream path;
            bool open = false;
            for (std::size_t i = 0; i < along_.cases.size(); ++i) {
                const auto value = value_of(i, line);
                if (!value) {
                    open = false;
                    continue;
                }
                path << (open ? " L" : " M") << fixed(x_of(i), 1) << ' ' << fixed(vertical_.y(*value), 1);
                open = true;
            }
            out << "<path d=\"" << path.str() << "\" fill=\"none\" stroke=\"" << colour(line)
                << "\" stroke-width=\"2\"/>\n";
            for (std::size_t i = 0; i < along_.cases.size(); ++i) {
                const auto value = value_of(i, line);
                if (value)
                    out << "<circle cx=\"" << fixed(x_of(i), 1) << "\" cy=\"" << fixed(vertical_.y(*value), 1)
                        << "\" r=\"4\" fill=\"" << colour(line) << "\"><title>" << escaped(hint(i, line, *value))
                        << "</title></circle>\n";
                if (value) whisker(out, x_of(i), *value, error_of(i * lines_ + line));
            }
        }
    }

    void bars(std::ostream& out) const
    {
        const double room = inner() / static_cast<double>(along_.cases.size());
        const double width = std::min(46.0, 0.8 * room / static_cast<double>(lines_));
        for (std::size_t i = 0; i < along_.cases.size(); ++i) {
            const double middle = kLeft + room * (static_cast<double>(i) + 0.5);
            const double first = middle - width * static_cast<double>(lines_) / 2;
            for (std::size_t line = 0; line < lines_; ++line) {
                const auto value = value_of(i, line);
                if (!value) continue;
                const double y = vertical_.y(*value),
                             zero = vertical_.y(std::clamp(0.0, vertical_.low, vertical_.high));
                svg::rectangle(out, first + width * static_cast<double>(line) + 1, std::min(y, zero), width - 2,
                               std::max(1.0, std::abs(y - zero)), std::string("fill=\"") + colour(line) + '"',
                               hint(i, line, *value));
                whisker(out, first + width * (static_cast<double>(line) + 0.5), *value, error_of(i * lines_ + line));
            }
            const double below = kTop + kHeight + 18;
            if (slanted())
                svg::text(out, middle + 4, below - 4, along_.cases[i].label,
                          "text-anchor=\"end\" transform=\"rotate(-35 " + fixed(middle + 4, 1) + ' ' +
                              fixed(below - 4, 1) + ")\"");
            else
                svg::text(out, middle, below, along_.cases[i].label, "text-anchor=\"middle\"");
        }
    }

    std::string hint(std::size_t along, std::size_t line, double value) const
    {
        std::string words = along_.cases[along].label;
        if (lines_ > 1) words += ", " + sweep_.axes[1].cases[line].label;
        words += ": " + shortest(value) + " " + sweep_.figures[figure_].unit;
        const double error = error_of(along * lines_ + line);
        return error > 0 ? words + " +- " + fixed_digits(error) : words;
    }

    void legend(std::ostream& out) const
    {
        out << "<p class=\"legend\">" << escaped(sweep_.axes[1].label) << ": ";
        for (std::size_t line = 0; line < lines_; ++line)
            out << "<span><i style=\"background:" << colour(line) << "\"></i>"
                << escaped(sweep_.axes[1].cases[line].label) << "</span> ";
        out << "</p>\n";
    }

    const Sweep& sweep_;
    const std::vector<SweepResult>& results_;
    std::size_t figure_, lines_ = 1;
    const SweepAxis& along_;
    Vertical vertical_;
};

constexpr const char* kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;color:#222;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem}figure{margin:1.5rem 0}figcaption{font-weight:600;margin-bottom:.3rem}"
    "svg{width:100%;max-width:52rem;height:auto;font:12px "
    "system-ui,sans-serif;fill:#333}.grid{stroke:#e3e3e3}.error{stroke:#333}"
    ".name{font-weight:600}.legend{font-size:.9rem;margin:.2rem 0 0 4rem}.legend "
    "span{margin-right:1rem;white-space:nowrap}"
    ".legend i{display:inline-block;width:.8em;height:.8em;margin-right:.35em;border-radius:2px}"
    "table{border-collapse:collapse;font-size:.9rem}th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px "
    "solid "
    "#e3e3e3}th:first-child,td:first-child{text-align:left}code{font-size:.8rem;word-break:break-all}"
    "details{margin:1rem 0}.scroll{overflow-x:auto}";

void write_table(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results)
{
    out << "<div class=\"scroll\"><table><tr>";
    for (const auto& axis : sweep.axes) out << "<th>" << escaped(axis.label) << "</th>";
    for (const auto& figure : sweep.figures)
        out << "<th>" << escaped(figure.label) << (figure.unit.empty() ? "" : ", " + escaped(figure.unit)) << "</th>";
    out << "</tr>\n";
    for (std::size_t i = 0; i < results.size(); ++i) {
        out << "<tr>";
        for (const SweepCase* one : sweep.at(i)) out << "<td>" << escaped(one->label) << "</td>";
        for (std::size_t f = 0; f < sweep.figures.size(); ++f) {
            const bool there = f < results[i].figures.size() && results[i].figures[f];
            out << "<td>" << (there ? shortest(*results[i].figures[f]) : escaped(results[i].message));
            if (f < results[i].errors.size() && results[i].errors[f])
                out << " &#177; " << fixed_digits(*results[i].errors[f]);
            out << "</td>";
        }
        out << "</tr>\n";
    }
    out << "</table></div>\n";
}

}  // namespace

void write_sweep_html(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results)
{
    out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
           "content=\"width=device-width\"><title>"
        << escaped(sweep.title) << "</title><style>" << kStyle << "</style></head><body>\n<h1>" << escaped(sweep.title)
        << "</h1>\n";
    if (!sweep.note.empty()) out << "<p>" << escaped(sweep.note) << "</p>\n";
    if (sweep.seeds > 1) out << "<p>Means over " << sweep.seeds << " seeds, with their standard errors.</p>\n";
    for (std::size_t figure = 0; figure < sweep.figures.size(); ++figure) Plot(sweep, results, figure).write(out);
    write_table(out, sweep, results);
    out << "<details><summary>The command of every point</summary><ol>\n";
    for (std::size_t i = 0; i < results.size(); ++i) {
        out << "<li><code>lightcard";
        for (const auto& word : sweep.command(i)) out << ' ' << escaped(word);
        out << "</code>" << (sweep.seeds > 1 ? ", and on with run.seed" : "") << "</li>\n";
    }
    out << "</ol></details>\n</body></html>\n";
}

}  // namespace lightcard::cli
