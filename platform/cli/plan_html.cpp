// SPDX-License-Identifier: Apache-2.0
// A plan as one page: what limits the card, and when it is better than other machines.
#include <algorithm>
#include <cmath>
#include <functional>
#include <ostream>

#include "lightcard/platform/cli/plan_compare.h"
#include "lightcard/platform/report/svg.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

namespace svg = report::svg;
using report::grouped;
using report::seconds_text;
using report::si;
using svg::escaped;
using svg::fixed;

constexpr double kLeft = 86, kRight = 20, kTop = 14, kHeight = 260, kBottom = 40, kWidth = 720;
constexpr const char* kColours[] = {"#0b62a4", "#2e8b57", "#b8860b", "#d1495b", "#6a4c93", "#008b8b", "#8b4513"};

/// Figure of a row; 0 = none to show.
using Figure = std::function<double(const MachineRow&)>;
struct Curve {
    std::string name;
    const Machine* machine;
    Figure figure;
    bool dashed;
};

/// One figure over the batch, both axes logarithmic. Machines of one figure are level lines.
class Plot {
public:
    Plot(std::vector<Curve> curves, const std::vector<MachineRow>& batches, std::string unit)
        : curves_(std::move(curves)), unit_(std::move(unit))
    {
        left_ = std::log10(static_cast<double>(batches.front().batch));
        right_ = std::log10(static_cast<double>(batches.back().batch));
        double least = 0, most = 0;
        for (const Curve& curve : curves_)
            for (const MachineRow& row : curve.machine->rows) {
                const double value = curve.figure(row);
                if (value <= 0) continue;
                least = least == 0 ? value : std::min(least, value);
                most = std::max(most, value);
            }
        low_ = std::floor(std::log10(least > 0 ? least : 1));
        high_ = std::max(low_ + 1, std::ceil(std::log10(most > 0 ? most : 10)));
    }

    void write(std::ostream& out, const std::string& title) const
    {
        out << "<figure><figcaption>" << escaped(title) << "</figcaption>\n<svg viewBox=\"0 0 " << fixed(kWidth, 0)
            << ' ' << fixed(kTop + kHeight + kBottom, 0) << "\" role=\"img\">\n";
        for (double power = low_; power <= high_; ++power) {
            const double y = place(std::pow(10, power));
            svg::line(out, kLeft, y, kWidth - kRight, y, "class=\"grid\"");
            svg::text(out, kLeft - 8, y + 4, si(std::pow(10, power), unit_), "text-anchor=\"end\"");
        }
        for (const MachineRow& row : curves_[0].machine->rows)
            svg::text(out, across(row.batch), kTop + kHeight + 18, grouped(row.batch), "text-anchor=\"middle\"");
        svg::text(out, (kLeft + kWidth) / 2, kTop + kHeight + 36, "batch", "text-anchor=\"middle\"");
        for (std::size_t i = 0; i < curves_.size(); ++i) draw(out, curves_[i], kColours[i % std::size(kColours)]);
        out << "</svg>\n<p class=\"legend\">";
        for (std::size_t i = 0; i < curves_.size(); ++i)
            out << "<span><i style=\"background:" << kColours[i % std::size(kColours)] << "\"></i>"
                << escaped(curves_[i].name) << "</span>";
        out << "</p></figure>\n";
    }

private:
    double across(std::uint64_t batch) const
    {
        const double at = right_ > left_ ? (std::log10(static_cast<double>(batch)) - left_) / (right_ - left_) : 0;
        return kLeft + 10 + at * (kWidth - kRight - kLeft - 20);
    }
    double place(double value) const { return kTop + (high_ - std::log10(value)) / (high_ - low_) * kHeight; }

    void draw(std::ostream& out, const Curve& curve, const std::string& colour) const
    {
        const std::string style = "stroke=\"" + colour + "\" stroke-width=\"2\" fill=\"none\"" +
                                  (curve.dashed ? " stroke-dasharray=\"6 4\"" : "");
        const auto& rows = curve.machine->rows;
        if (rows.size() == 1) {
            const double value = curve.figure(rows[0]);
            if (value > 0) svg::line(out, kLeft, place(value), kWidth - kRight, place(value), style);
            return;
        }
        for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
            const double from = curve.figure(rows[i]), to = curve.figure(rows[i + 1]);
            if (from <= 0 || to <= 0) continue;
            svg::line(out, across(rows[i].batch), place(from), across(rows[i + 1].batch), place(to), style);
        }
    }

    std::vector<Curve> curves_;
    std::string unit_;
    double left_ = 0, right_ = 1, low_ = 0, high_ = 1;
};

std::vector<Curve> curves_of(const std::vector<Machine>& machines, const Figure& figure)
{
    std::vector<Curve> curves;
    for (const Machine& machine : machines)
        if (figure(machine.rows[0]) > 0) curves.push_back({machine.name, &machine, figure, machine.rows.size() == 1});
    return curves;
}

void table(std::ostream& out, const std::vector<Machine>& machines, const std::string& unit)
{
    out << "<table><tr><th>machine</th><th class=\"n\">batch</th><th class=\"n\">" << escaped(unit)
        << "s/s</th><th class=\"n\">latency</th><th class=\"n\">energy each</th><th class=\"n\">without weight "
           "writes</th><th>source</th></tr>\n";
    for (const Machine& machine : machines)
        for (const MachineRow& row : machine.rows)
            out << "<tr><td>" << escaped(machine.name) << "</td><td class=\"n\">"
                << (row.batch > 0 ? grouped(row.batch) : "-") << "</td><td class=\"n\">"
                << grouped(row.per_second, row.per_second < 100 ? 2 : 0) << "</td><td class=\"n\">"
                << (row.latency > 0 ? seconds_text(row.latency) : "-") << "</td><td class=\"n\">"
                << (row.energy > 0 ? si(row.energy, "J") : "-") << "</td><td class=\"n\">"
                << (row.energy_without_writes > 0 ? si(row.energy_without_writes, "J") : "-") << "</td><td>"
                << escaped(machine.source) << "</td></tr>\n";
    out << "</table>\n";
}

constexpr const char* kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1.2em;color:#1c2430}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}p.limit{background:#fff4d6;padding:.7em "
    "1em;border-radius:6px}"
    "figure{margin:1em 0}figcaption{font-weight:600}svg{width:100%;height:auto;font-size:12px}.grid{stroke:#d9dfe6}"
    "p.legend{font-size:.85em;color:#5d6b7c}p.legend span{white-space:nowrap;margin-right:1em}"
    "p.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.35em}"
    "table{border-collapse:collapse;font-size:.85em;width:100%}td,th{padding:.2em .8em .2em 0;border-bottom:1px solid "
    "#d9dfe6;text-align:left}td.n,th.n{text-align:right;white-space:nowrap}";

}  // namespace

void write_plan_html(std::ostream& out, const NetworkPlan& plan, const CardConfig& config)
{
    const auto machines = machines_of(plan, config);
    const std::string title = plan.shape.name + " on " + config.name;
    const auto& batches = machines[0].rows;
    out << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" << escaped(title)
        << "</title><style>" << kStyle << "</style></head><body>\n<h1>" << escaped(title) << "</h1>\n<p>"
        << escaped(plan.shape.source) << ". Configuration " << escaped(config.hash)
        << ". Bounds from rates; nothing is simulated.</p>\n<p class=\"limit\">" << escaped(limit_sentence(plan))
        << "</p>\n";
    if (const auto asked = requirement_sentence(plan); !asked.empty())
        out << "<p class=\"limit\">" << escaped(asked) << "</p>\n";
    out << "<h2>When is this card better?</h2>\n<ul>\n";
    for (const auto& line : verdicts(machines)) out << "<li>" << escaped(line) << "</li>\n";
    out << "</ul>\n";
    Plot(curves_of(machines, [](const MachineRow& row) { return row.per_second; }), batches, "/s")
        .write(out, plan.shape.unit + "s a second");
    auto energies = curves_of(machines, [](const MachineRow& row) { return row.energy; });
    energies.push_back({machines[0].name + ", without weight writes", machines.data(),
                        [](const MachineRow& row) { return row.energy_without_writes; }, true});
    Plot(std::move(energies), batches, "J").write(out, "energy of one " + plan.shape.unit);
    Plot(curves_of(machines, [](const MachineRow& row) { return row.latency; }), batches, "s")
        .write(out, "latency of the batch");
    out << "<h2>Figures</h2>\n";
    table(out, machines, plan.shape.unit);
    out << "</body></html>\n";
}

}  // namespace lightcard::cli
