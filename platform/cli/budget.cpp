// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/budget.h"

#include <algorithm>

#include "lightcard/model/common/det_math.h"

namespace lightcard::cli {

namespace {

/// A path with more or less loss is a card with more or less light.
PathBudget path_budget(const Budget& budget, std::uint32_t lane, std::uint32_t column)
{
    const auto& card = budget.config;
    PathBudget path;
    path.lane = lane;
    path.column = column;
    path.penalty_db = photonic_core::path_penalty_db(card.core, lane, column);
    path.stages = photonic_core::waterfall(card.core, card.pcm, lane, column);
    auto core = card.core;
    core.row_power *= det::from_db(-path.penalty_db);
    path.full_scale_current = photonic_core::solve_link_budget(core, card.pcm).full_scale_current;
    path.snr = photonic_core::workload_snr(core, card.pcm, card.converters, budget.workload);
    return path;
}

}  // namespace

Budget make_budget(const CardConfig& config, const photonic_core::Workload& workload)
{
    const auto& core = config.core;
    Budget budget;
    budget.config = config;
    budget.workload = workload;
    budget.link = photonic_core::solve_link_budget(core, config.pcm);
    budget.noise = photonic_core::workload_noise(core, config.pcm, config.converters, workload);
    budget.signal =
        photonic_core::workload_signal(core, workload) * budget.link.contrast * budget.link.full_scale_current;
    budget.snr = photonic_core::workload_snr(core, config.pcm, config.converters, workload);
    for (std::uint32_t lane = 0; lane < core.lanes; ++lane)
        budget.lanes.push_back(path_budget(budget, lane, (core.n - 1) / 2));
    const auto worst = photonic_core::worst_path(core);
    budget.worst = path_budget(budget, worst.lane, worst.column);
    // The two deviations are symmetric: the best path is the worst one mirrored.
    budget.best = path_budget(budget, core.lanes - 1 - worst.lane, core.n - 1 - worst.column);
    budget.power = peak_power(config);
    return budget;
}

std::string combining_text(const CardConfig& config)
{
    return std::string(photonic_core::combining_name(config.core.combining)) + " (" +
           photonic_core::combining_caveat(config.core.combining) + ")";
}

}  // namespace lightcard::cli
