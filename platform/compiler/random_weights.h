// SPDX-License-Identifier: Apache-2.0
/// Weights for topologies that come without: time, power and mapping need numbers, not a trained network.
#pragma once

#include <cstdint>

#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// Replaces the constant weights of every Conv, ConvTranspose, Gemm and MatMul by uniform draws in +-sqrt(6 / inputs of
/// an output) (He et al. 2015, arXiv 1502.01852), and their biases by zero. Each layer draws from its own stream: the
/// same seed gives the same weights whatever the other layers are.
void randomise_weights(Graph& graph, std::uint64_t seed);

}  // namespace lightcard::compiler
