// SPDX-License-Identifier: Apache-2.0
/// Private to the int8 reference: operations beyond those of image classifiers.
#pragma once

#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/compiler/quant_tensor.h"

namespace lightcard::compiler {

/// Softmax, products of computed operands, tables, normalisation, whatever moves or has `walks`.
bool is_sequence_operation(const QuantNode& node);
QuantValues run_sequence_operation(const QuantGraph& graph, const QuantNode& node,
                                   const std::vector<QuantValues>& values);

}  // namespace lightcard::compiler
