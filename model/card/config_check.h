// SPDX-License-Identifier: Apache-2.0
/// What must hold between parameters. A rule is one function; it names every parameter it weighs, so that the
/// error can point at the one that was set last.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"

namespace lightcard::config {

struct Problem {
    std::vector<const char*> paths;  ///< parameters involved, the most telling first
    std::string what;
    std::string hint;
};

/// The first parameter out of its hard range or rule that does not hold.
std::optional<Problem> find_problem(const CardConfig& card);

}  // namespace lightcard::config
