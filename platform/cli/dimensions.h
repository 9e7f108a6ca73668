// SPDX-License-Identifier: Apache-2.0
/// --dim NAME=VALUE: sizes of the dimensions that an ONNX file leaves open.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard::cli {

using Dimensions = std::map<std::string, std::int64_t>;

/// Error: no '=', no whole number of 0 to 2^31 - 1, a name given twice.
Result<Dimensions> parse_dimensions(const std::vector<std::string>& texts);

}  // namespace lightcard::cli
