// SPDX-License-Identifier: Apache-2.0
/// A network as the shapes of its products: all that tiles, time and energy depend on. From a Graph, or from a workload
/// file (configs/workloads) for networks whose weights nobody wants in memory. Free of SystemC.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// `count` products alike: `vectors` vectors of `inputs` values times a matrix that gives `outputs` values, in each of
/// `groups` groups. Both operands computed (attention): `dynamic`, never in phase-change memory.
struct ProductShape {
    std::string name;
    std::uint64_t inputs = 1, outputs = 1, vectors = 1, groups = 1, count = 1;
    bool dynamic = false;
    std::uint64_t macs() const { return inputs * outputs * vectors * groups * count; }
};

/// Another machine's measured figure for the same network.
struct Baseline {
    std::string name, source;
    double per_second = 0, watts = 0;  ///< rated or measured at the wall, as `source` says; 0 = not known
};

struct NetworkShape {
    std::string name, source;
    std::string unit = "image";  ///< what one inference is
    std::vector<ProductShape> products;
    std::uint64_t vector_elements = 0;   ///< of additions, pooling windows, normalisation, functions
    std::uint64_t activation_bytes = 0;  ///< written and read at 8 bit
    std::uint64_t live_bytes = 0;        ///< scratchpad that one inference needs
    std::uint64_t input_bytes = 0;
    double required_per_second = 0;  ///< inferences a second that its purpose asks for; 0: none is known
    std::string requirement;         ///< whose figure that is
    std::vector<Baseline> baselines;
};

/// Static products only.
std::uint64_t static_macs(const NetworkShape& network);
std::uint64_t dynamic_macs(const NetworkShape& network);
/// N x N tiles of one product's weights, as the lowering cuts them: groups are packed on a tile's diagonal.
std::uint64_t tiles_of(const ProductShape& product, std::uint32_t n);

/// Shapes as the graph has them, batch included. Never fails: what is no product counts as vector work.
NetworkShape shape_of(const Graph& graph);

}  // namespace lightcard::compiler
