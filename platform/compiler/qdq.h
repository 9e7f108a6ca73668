// SPDX-License-Identifier: Apache-2.0
/// Networks that come quantised: QuantizeLinear / DequantizeLinear pairs on activations say what codes a tensor takes.
#pragma once

#include <string>
#include <vector>

#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// What a pair says of the tensor it quantises.
struct GivenCodes {
    bool given = false;
    bool exact = false;        ///< the card's codes can be these: u8 from zero point 0 up, or s8 around 0
    bool is_signed = false;    ///< of the exact form
    double scale = 1;          ///< of the exact form
    double low = 0, high = 0;  ///< real values of the lowest and highest code
};

struct Unquantised {
    Graph graph;                    ///< without the pairs
    std::vector<int> origin;        ///< a node each: its index in the graph it came from
    std::vector<GivenCodes> given;  ///< a node each
    std::vector<std::string> notes;
};

/// Takes the pairs out. A pair per axis, or one whose scale is computed, stays (and the quantiser names it).
Unquantised take_out_pairs(const Graph& graph);

}  // namespace lightcard::compiler
