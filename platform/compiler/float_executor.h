// SPDX-License-Identifier: Apache-2.0
/// fp32 reference: runs a Graph by plain direct loops, NCHW, batch 1. The yardstick for calibration and accuracy.
#pragma once

#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// `input`: element_count of the one graph input's shape. Returns the graph outputs, in order, row-major.
Result<std::vector<std::vector<float>>> run_float(const Graph& graph, const float* input);

/// Every node's output, indexed as Graph::nodes; constants are left empty (their values are in the graph).
Result<std::vector<std::vector<float>>> run_float_trace(const Graph& graph, const float* input);

}  // namespace lightcard::compiler
