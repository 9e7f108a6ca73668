// SPDX-License-Identifier: Apache-2.0
/// Joules of a set of ledger counts, by boundary and category: of the whole run, a phase, a layer or a trace bin.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lightcard/model/common/energy.h"

namespace lightcard::report {

inline constexpr std::size_t kCategories = static_cast<std::size_t>(Category::calibration) + 1;
inline constexpr Scope kScopes[] = {Scope::core, Scope::card, Scope::system};

class EnergyTable {
public:
    /// `counts[i]` belongs to ledger.accounts()[i]; a shorter vector counts as zeros.
    EnergyTable(const Ledger& ledger, const std::vector<std::uint64_t>& counts);

    /// One category inside a boundary. Conversion loss lies in the card and follows the laser when it is included.
    double joules(Category category, Scope scope = Scope::system, bool with_laser = true) const;
    double joules(Scope scope, bool with_laser = true) const;

private:
    std::array<std::array<double, kCategories>, 3> own_{};  ///< accounts opened at exactly this scope
    double loss_ = 0, loss_without_laser_ = 0;
};

/// Counts of every account in ledger order.
std::vector<std::uint64_t> counts_of(const Ledger& ledger);
/// Counts charged for one layer, over all contexts. Layer 0 is idle and control.
std::vector<std::uint64_t> counts_of_layer(const Ledger& ledger, std::uint32_t layer);

}  // namespace lightcard::report
