// SPDX-License-Identifier: Apache-2.0
/// Rewrites of the fp32 graph that keep its function: no-op nodes leave; what exporters spell out becomes one node
/// (patterns.h); batch normalisation and constant additions and factors go into the Conv, Gemm or MatMul before them
/// (additions to an image become a depthwise 1x1 Conv where there is none); nodes that nothing needs leave.
#pragma once

#include <cstdint>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// `max_elements` bounds the constants that are copied and rewritten, together.
/// Error: more than that.
Result<Graph> fold(Graph graph, std::int64_t max_elements = std::int64_t{1} << 29);

}  // namespace lightcard::compiler
