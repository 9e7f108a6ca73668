// SPDX-License-Identifier: Apache-2.0
/// What exporters write in many small nodes becomes one: LayerNormalization, RMS normalisation, GELU, SiLU, HardSwish.
#pragma once

#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// Rewrites the last node of every pattern it knows; the nodes before it stay, for whoever else reads them.
void match_patterns(Graph& graph);

}  // namespace lightcard::compiler
