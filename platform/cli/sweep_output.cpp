// SPDX-License-Identifier: Apache-2.0
// What a sweep found: text, CSV, JSON. A figure that a point does not have is empty.
#include <iomanip>
#include <limits>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/platform/cli/sweep.h"
#include "lightcard/platform/report/text_table.h"

namespace lightcard::cli {

namespace {

std::string quoted(const std::string& text)
{
    if (text.find_first_of(",\"\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + '"';
}

std::string number(double value, int digits)
{
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text << std::setprecision(digits) << value;
    return text.str();
}

std::optional<double> error_of(const SweepResult& result, std::size_t figure)
{
    return figure < result.errors.size() ? result.errors[figure] : std::nullopt;
}

std::string heading(const SweepFigure& figure)
{
    return figure.unit.empty() ? figure.label : figure.label + " [" + figure.unit + "]";
}

}  // namespace

void write_sweep_csv(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results)
{
    for (const auto& axis : sweep.axes) out << quoted(axis.label) << ',';
    for (const auto& figure : sweep.figures) {
        out << quoted(heading(figure)) << ',';
        if (sweep.seeds > 1) out << quoted("standard error of " + heading(figure)) << ',';
    }
    out << "status,message,config_hash\n";
    for (std::size_t i = 0; i < results.size(); ++i) {
        for (const SweepCase* one : sweep.at(i)) out << quoted(one->label) << ',';
        for (std::size_t f = 0; f < sweep.figures.size(); ++f) {
            if (f < results[i].figures.size() && results[i].figures[f])
                out << number(*results[i].figures[f], std::numeric_limits<double>::max_digits10);
            out << ',';
            if (const auto error = error_of(results[i], f)) out << number(*error, 6);
            if (sweep.seeds > 1) out << ',';
        }
        out << results[i].status << ',' << quoted(results[i].message) << ',' << results[i].config_hash << '\n';
    }
}

void write_sweep_json(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results)
{
    nlohmann::ordered_json json = {
        {"schema", "lightcard/sweep-result/1"}, {"title", sweep.title}, {"note", sweep.note}};
    json["points"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < results.size(); ++i) {
        nlohmann::ordered_json point = {{"axes", nlohmann::ordered_json::object()},
                                        {"set", nlohmann::ordered_json::object()},
                                        {"command", sweep.command(i)},
                                        {"status", results[i].status},
                                        {"message", results[i].message},
                                        {"config_hash", results[i].config_hash},
                                        {"figures", nlohmann::ordered_json::object()}};
        const auto cases = sweep.at(i);
        for (std::size_t axis = 0; axis < cases.size(); ++axis) {
            point["axes"][sweep.axes[axis].label] = cases[axis]->label;
            for (const auto& [path, value] : cases[axis]->set) point["set"][path] = value;
        }
        for (std::size_t f = 0; f < sweep.figures.size(); ++f) {
            const bool there = f < results[i].figures.size() && results[i].figures[f];
            point["figures"][sweep.figures[f].label] =
                there ? nlohmann::ordered_json(*results[i].figures[f]) : nlohmann::ordered_json(nullptr);
            if (const auto error = error_of(results[i], f)) point["standard_errors"][sweep.figures[f].label] = *error;
        }
        json["points"].push_back(std::move(point));
    }
    out << json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void write_sweep_text(std::ostream& out, const Sweep& sweep, const std::vector<SweepResult>& results)
{
    out << sweep.title << '\n';
    report::TextTable table;
    std::vector<std::string> header;
    for (const auto& axis : sweep.axes) header.push_back((header.empty() ? "  " : "") + axis.label);
    for (const auto& figure : sweep.figures) header.push_back(heading(figure));
    table.row(header);
    for (std::size_t i = 0; i < results.size(); ++i) {
        std::vector<std::string> cells;
        for (const SweepCase* one : sweep.at(i)) cells.push_back((cells.empty() ? "  " : "") + one->label);
        for (std::size_t f = 0; f < sweep.figures.size(); ++f) {
            const bool there = f < results[i].figures.size() && results[i].figures[f];
            std::string cell = there ? number(*results[i].figures[f], 5) : results[i].status != 0 ? "failed" : "-";
            if (const auto error = error_of(results[i], f)) cell += " +- " + number(*error, 2);
            cells.push_back(std::move(cell));
        }
        table.row(std::move(cells));
    }
    table.print(out);
    for (std::size_t i = 0; i < results.size(); ++i)
        if (results[i].status != 0) out << "  point " << i + 1 << ": " << results[i].message << '\n';
}

}  // namespace lightcard::cli
