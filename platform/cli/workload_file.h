// SPDX-License-Identifier: Apache-2.0
/// Workload files: a network as the shapes of its products, in YAML (docs/networks.md).
#pragma once

#include <string>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/network_shape.h"

namespace lightcard::cli {

/// Schema lightcard/workload/1. Unknown keys, missing values and numbers out of range are errors with file, line and
/// the nearest valid name.
Result<compiler::NetworkShape> read_workload(const std::string& path);

}  // namespace lightcard::cli
