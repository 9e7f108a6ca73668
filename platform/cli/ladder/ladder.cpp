// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/ladder/ladder.h"

#include <cmath>
#include <filesystem>
#include <limits>

namespace lightcard::ladder {

const char* name_of(Kind kind)
{
    switch (kind) {
        case Kind::identity:
            return "identity";
        case Kind::published:
            return "published";
        case Kind::fitted:
            return "fitted";
        case Kind::consistency:
            break;
    }
    return "consistency";
}

bool Outcome::within() const
{
    // A last-bit allowance, so that an exact figure needs no tolerance.
    return std::abs(got - row.expected) <= row.tolerance + 1e-12 * std::abs(row.expected);
}

std::vector<Row> rows()
{
    Rows all;
    add_identities(all);
    add_link(all);
    add_power(all);
    add_memory(all);
    add_statistics(all);
    add_published(all);
    add_networks(all);
    return all;
}

Outcome evaluate(const Row& row, bool broken)
{
    std::error_code failed;
    if (!row.needs.empty() && !std::filesystem::exists(row.needs, failed))
        return {row, std::numeric_limits<double>::quiet_NaN(), true};
    return {row, row.measure(broken), false};
}

Result<CardConfig> Setup::card(bool broken) const
{
    auto overrides = set;
    if (broken && !breaking.first.empty()) overrides.push_back(breaking);
    return parse_card("schema: lightcard/card/1\n" + text + "\n", "ladder.yaml", overrides);
}

std::string Setup::description() const
{
    std::string all;
    for (const char c : text) all += c == '\n' ? std::string("; ") : std::string(1, c);
    for (const auto& [path, value] : set) all += "; " + path + "=" + value;
    return all;
}

Row row_of(const std::string& name, const std::string& source, double expected, double tolerance, const char* unit)
{
    Row row;
    row.name = name;
    row.source = source;
    row.grade = "computed";
    row.expected = expected;
    row.tolerance = tolerance;
    row.unit = unit;
    return row;
}

Row on_card(Row row, const Setup& setup, std::function<double(const CardConfig&)> figure)
{
    row.config = setup.description() + (row.config.empty() ? "" : "; " + row.config);
    row.breaks = setup.breaking_text();
    row.measure = [setup, figure](bool broken) {
        const auto card = setup.card(broken);
        return card ? figure(*card) : std::numeric_limits<double>::quiet_NaN();
    };
    return row;
}

PeakLoad sheet_load(const CardConfig& card)
{
    // W of card memory that the sheet's corners state; a corner is told by its regulators.
    const double watts = card.power.vrm_efficiency > 0.91 ? 3.2 : card.power.vrm_efficiency < 0.89 ? 8.0 : 5.9;
    PeakLoad load;
    load.partial_sums = 2 * 0.9;
    load.memory_traffic = memory_traffic_for(card, watts);
    return load;
}

photonic_core::Workload sheet_workload(const CardConfig& card)
{
    auto workload = photonic_core::anchor_workload();
    if (card.core.cells == photonic_core::Cells::routing) workload.mean_input = 0.159;
    return workload;
}

CardConfig with_snr(CardConfig card, double snr, const photonic_core::Workload& workload)
{
    const auto power = photonic_core::solve_row_power(card.core, card.pcm, snr, workload);
    card.core.row_power = power ? *power : std::numeric_limits<double>::quiet_NaN();
    return card;
}

}  // namespace lightcard::ladder
