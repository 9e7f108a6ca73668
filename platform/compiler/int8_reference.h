// SPDX-License-Identifier: Apache-2.0
/// Runs a QuantGraph: direct convolution on whole NHWC tensors in plain integers. It shares no code with the card and
/// none with the lowering, so that equal bits mean something.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/compiler/quant_tensor.h"

namespace lightcard::compiler {

/// `input`: the bytes of the graph's inputs, one behind the other (quantise_input). Returns the graph outputs, in
/// order.
Result<std::vector<QuantValues>> run_int8(const QuantGraph& graph, const std::uint8_t* input);

/// Every node's tensor, indexed as QuantGraph::nodes.
Result<std::vector<QuantValues>> run_int8_trace(const QuantGraph& graph, const std::uint8_t* input);

}  // namespace lightcard::compiler
