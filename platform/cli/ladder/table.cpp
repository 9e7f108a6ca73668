// SPDX-License-Identifier: Apache-2.0
// The ladder's outcomes as text, as docs/validation.md and as JSON.
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <ostream>

#include <nlohmann/json.hpp>

#include "lightcard/platform/cli/ladder/ladder.h"

namespace lightcard::ladder {

namespace {

/// Six significant digits: enough to see a change, few enough to be the same on every CPU.
std::string figure(double value)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

constexpr const char* kPreface = R"(# Validation

Made by `lightcard validate --markdown docs/validation.md` from the results of the ladder; a test fails when it is not
current. Tolerances and configurations were written down before the first run; what was changed later says so in its
row. Only `published` counts as validated: `identity` is arithmetic, `consistency` is agreement with our own parameter
sheet, closed forms and fits, `fitted` agrees because something was chosen so. The last column is the wrong parameter
that makes the row fail; a test tries each.

| class | rows | hold | known not to hold | not as documented |
| --- | ---: | ---: | ---: | ---: |
)";

const char* verdict(const Outcome& outcome)
{
    if (outcome.skipped) return "skipped: no data";
    if (outcome.as_documented()) return outcome.row.holds ? "holds" : "does not hold (known)";
    return outcome.row.holds ? "FAILS" : "HOLDS NOW";
}

struct Totals {
    int rows = 0, hold = 0, known = 0, unexpected = 0, skipped = 0;
};

Totals totals_of(const std::vector<Outcome>& outcomes, Kind kind)
{
    Totals totals;
    for (const auto& outcome : outcomes) {
        if (outcome.row.kind != kind) continue;
        ++totals.rows;
        totals.skipped += outcome.skipped;
        totals.hold += !outcome.skipped && outcome.as_documented() && outcome.row.holds;
        totals.known += !outcome.skipped && outcome.as_documented() && !outcome.row.holds;
        totals.unexpected += !outcome.as_documented();
    }
    return totals;
}

constexpr Kind kKinds[] = {Kind::identity, Kind::consistency, Kind::published, Kind::fitted};

}  // namespace

void write_text(std::ostream& out, const std::vector<Outcome>& outcomes)
{
    const auto row = [&](const std::string& name, const std::string& kind, const std::string& expected,
                         const std::string& got, const std::string& tolerance, const std::string& unit,
                         const std::string& word, const std::string& source) {
        out << std::left << std::setw(70) << name << std::setw(13) << kind << std::right << std::setw(12) << expected
            << std::setw(12) << got << std::setw(12) << tolerance << ' ' << std::left << std::setw(10) << unit
            << std::setw(23) << word << source << '\n';
    };
    row("name", "class", "expected", "got", "tolerance", "unit", "verdict", "source");
    for (const auto& o : outcomes)
        row(o.row.name, name_of(o.row.kind), figure(o.row.expected), figure(o.got), figure(o.row.tolerance), o.row.unit,
            verdict(o), o.row.source);
    out << '\n';
    for (const Kind kind : kKinds) {
        const auto t = totals_of(outcomes, kind);
        if (t.rows > 0)
            out << name_of(kind) << ": " << t.rows << " rows, " << t.hold << " hold, " << t.known
                << " known not to hold, " << t.unexpected << " not as documented"
                << (t.skipped > 0 ? ", " + std::to_string(t.skipped) + " skipped for lack of data" : "") << '\n';
    }
}

void write_markdown(std::ostream& out, const std::vector<Outcome>& outcomes)
{
    out << kPreface;
    for (const Kind kind : kKinds) {
        const auto t = totals_of(outcomes, kind);
        out << "| " << name_of(kind) << " | " << t.rows << " | " << t.hold << " | " << t.known << " | " << t.unexpected
            << " |\n";
    }
    for (const Kind kind : kKinds) {
        if (totals_of(outcomes, kind).rows == 0) continue;
        out << "\n## " << name_of(kind)
            << "\n\n| name | source | grade | expected | got | tolerance | unit | verdict | configuration | fails with "
               "|\n| --- | --- | --- | ---: | ---: | ---: | --- | --- | --- | --- |\n";
        for (const auto& o : outcomes) {
            if (o.row.kind != kind) continue;
            const auto& r = o.row;
            out << "| " << r.name << (r.remark.empty() ? "" : ". " + r.remark) << " | " << r.source << " | " << r.grade
                << " | " << figure(r.expected) << " | " << figure(o.got) << " | " << figure(r.tolerance) << " | "
                << r.unit << " | " << verdict(o) << " | `" << r.config << "` | `" << r.breaks << "` |\n";
        }
    }
}

void write_json(std::ostream& out, const std::vector<Outcome>& outcomes)
{
    nlohmann::ordered_json json = {{"schema", "lightcard/validation/1"}};
    for (const Kind kind : kKinds) {
        const auto t = totals_of(outcomes, kind);
        json["totals"][name_of(kind)] = {
            {"rows", t.rows}, {"hold", t.hold}, {"known_not_to_hold", t.known}, {"not_as_documented", t.unexpected}};
    }
    for (const auto& o : outcomes) {
        const auto& r = o.row;
        json["rows"].push_back({{"name", r.name},
                                {"class", name_of(r.kind)},
                                {"source", r.source},
                                {"grade", r.grade},
                                {"expected", r.expected},
                                {"got", std::isfinite(o.got) ? nlohmann::ordered_json(o.got) : nullptr},
                                {"tolerance", r.tolerance},
                                {"unit", r.unit},
                                {"verdict", verdict(o)},
                                {"holds", o.within()},
                                {"documented", r.holds},
                                {"config", r.config},
                                {"fails_with", r.breaks},
                                {"remark", r.remark}});
    }
    out << json.dump(1) << '\n';
}

}  // namespace lightcard::ladder
