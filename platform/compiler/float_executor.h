// SPDX-License-Identifier: Apache-2.0
/// fp32 reference: runs a Graph by plain direct loops. The yardstick for calibration and accuracy.
#pragma once

#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// One tensor a graph input, with its shape and type. Returns the graph outputs, in order.
/// Error: an input that does not fit, or data that an operator cannot take (an index outside its dimension).
Result<std::vector<Tensor>> run_float(const Graph& graph, const std::vector<Tensor>& inputs);

/// Every node's output, indexed as Graph::nodes; constants are left empty (their values are in the graph).
Result<std::vector<Tensor>> run_float_trace(const Graph& graph, const std::vector<Tensor>& inputs);

/// The same from the values of all inputs one behind the other, integers as the real numbers nearest to them; integer
/// tensors are left out of what is returned.
Result<std::vector<std::vector<float>>> run_float(const Graph& graph, const float* input);
Result<std::vector<std::vector<float>>> run_float_trace(const Graph& graph, const float* input);

}  // namespace lightcard::compiler
