// SPDX-License-Identifier: Apache-2.0
/// Ranges and means of every tensor of a Graph over sample inputs.
#pragma once

#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

struct Range {
    double low = 0, high = 0;  ///< real values
    std::vector<double> mean;  ///< a channel (dimension 1 of 2 or 4, else the last), over samples and positions
};

/// One Range a node (constants: empty). `percentile` of |value| that the ranges hold: 100 = minimum and maximum.
/// Error: no samples, a sample of the wrong size, a value that is not finite (with the node).
Result<std::vector<Range>> calibrate(const Graph& graph, const std::vector<std::vector<float>>& samples,
                                     double percentile = 100);

}  // namespace lightcard::compiler
