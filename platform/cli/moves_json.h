// SPDX-License-Identifier: Apache-2.0
/// Sensitivities as `lightcard info` and `lightcard plan` write them.
#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "lightcard/platform/cli/sustain.h"

namespace lightcard::cli {

inline nlohmann::ordered_json moves_json(const std::vector<Sensitivity>& moves)
{
    auto list = nlohmann::ordered_json::array();
    for (const auto& move : moves)
        list.push_back({{"path", move.path},
                        {"grade", move.grade},
                        {"from", move.from},
                        {"to", move.to},
                        {"factor", move.factor},
                        {"then_limited_by", move.engine}});
    return list;
}

}  // namespace lightcard::cli
