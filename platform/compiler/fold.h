// SPDX-License-Identifier: Apache-2.0
/// Rewrites of the fp32 graph that keep its function: no-op nodes leave; batch normalisation and constant additions
/// go into the Conv, Gemm or MatMul before them (or become a depthwise 1x1 Conv where there is none); nodes that
/// nothing needs leave.
#pragma once

#include <cstdint>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// `max_elements` bounds the constants that are copied and rewritten, together.
/// Error: a BatchNormalization that can go nowhere, with the reason.
Result<Graph> fold(Graph graph, std::int64_t max_elements = std::int64_t{1} << 29);

}  // namespace lightcard::compiler
