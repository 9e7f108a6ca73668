// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/energy_table.h"

#include <algorithm>

namespace lightcard::report {

EnergyTable::EnergyTable(const Ledger& ledger, const std::vector<std::uint64_t>& counts)
{
    const auto& accounts = ledger.accounts();
    double regulated = 0, regulated_without_laser = 0;
    for (std::size_t i = 0; i < std::min(accounts.size(), counts.size()); ++i) {
        const auto& spec = accounts[i].spec;
        const double joules = static_cast<double>(counts[i]) * spec.joules_per_count;
        own_[static_cast<std::size_t>(spec.scope)][static_cast<std::size_t>(spec.category)] += joules;
        if (!spec.through_vrm) continue;
        regulated += joules;
        if (spec.category != Category::laser) regulated_without_laser += joules;
    }
    const double loss_factor = 1 / ledger.vrm_efficiency() - 1;
    loss_ = regulated * loss_factor;
    loss_without_laser_ = regulated_without_laser * loss_factor;
}

double EnergyTable::joules(Category category, Scope scope, bool with_laser) const
{
    if (category == Category::laser && !with_laser) return 0;
    double sum = 0;
    for (std::size_t s = 0; s <= static_cast<std::size_t>(scope); ++s)
        sum += own_[s][static_cast<std::size_t>(category)];
    if (category == Category::conversion_loss && scope != Scope::core) sum += with_laser ? loss_ : loss_without_laser_;
    return sum;
}

double EnergyTable::joules(Scope scope, bool with_laser) const
{
    double sum = 0;
    for (std::size_t c = 0; c < kCategories; ++c) sum += joules(static_cast<Category>(c), scope, with_laser);
    return sum;
}

std::vector<std::uint64_t> counts_of(const Ledger& ledger)
{
    std::vector<std::uint64_t> counts;
    for (const auto& account : ledger.accounts()) counts.push_back(account.count);
    return counts;
}

std::vector<std::uint64_t> counts_of_layer(const Ledger& ledger, std::uint32_t layer)
{
    std::vector<std::uint64_t> counts;
    for (const auto& account : ledger.accounts()) {
        std::uint64_t sum = 0;
        for (const auto& [cause, count] : account.by_cause)
            if (cause.layer == layer) sum += count;
        counts.push_back(sum);
    }
    return counts;
}

}  // namespace lightcard::report
