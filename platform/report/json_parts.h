// SPDX-License-Identifier: Apache-2.0
/// Sections of the JSON report that are large enough for a file of their own. Internal to platform/report.
#pragma once

#include <nlohmann/json.hpp>

#include "lightcard/platform/report/report.h"

namespace lightcard::report {

nlohmann::ordered_json energy_json(const Report& report);
nlohmann::ordered_json layers_json(const Report& report);
nlohmann::ordered_json counters_json(const CardCounters& counters);

}  // namespace lightcard::report
