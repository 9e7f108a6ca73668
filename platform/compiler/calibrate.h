// SPDX-License-Identifier: Apache-2.0
/// Ranges and means of every tensor of a Graph over sample inputs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

struct Range {
    double low = 0, high = 0;  ///< real values
    std::vector<double> mean;  ///< a channel (dimension 1 of 2 or 4, else the last), over samples and positions
};

/// How a range follows from what was seen: all of it; the percentile of |value|; or the limit of |value| whose 8-bit
/// codes have the least mean square error, rounding and clipping together.
enum class CalibrationMethod : std::uint8_t { min_max, percentile, mse };
const char* to_string(CalibrationMethod method);  ///< "min-max", "percentile", "mse"
Result<CalibrationMethod> to_calibration_method(const std::string& text);

struct CalibrationOptions {
    CalibrationMethod method = CalibrationMethod::min_max;
    double percentile = 100;  ///< of |value| that the ranges hold; 100 = minimum and maximum
};

/// One Range a node (constants: empty). Error: no samples, a sample of the wrong size, a value that is not finite (with
/// the node).
Result<std::vector<Range>> calibrate(const Graph& graph, const std::vector<std::vector<float>>& samples,
                                     const CalibrationOptions& options = {});

}  // namespace lightcard::compiler
