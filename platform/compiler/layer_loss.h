// SPDX-License-Identifier: Apache-2.0
/// What quantisation alone costs each product of a network: its int8 form against its fp32 form, on the same inputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// By name of the product: variance of the error that it adds, relative to the mean square of its output. The fp32
/// node, with the Relu or Clip that became its clamp, reads what the int8 one read, so nothing of earlier layers
/// counts. Products whose fp32 form is not found under their name, or has another shape, are left out. `samples`: NCHW
/// inputs.
Result<std::map<std::string, double>> quantisation_loss(const Graph& graph, const QuantGraph& quantised,
                                                        const std::vector<std::vector<float>>& samples);

}  // namespace lightcard::compiler
