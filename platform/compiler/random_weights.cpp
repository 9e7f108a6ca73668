// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/random_weights.h"

#include <algorithm>
#include <cmath>

namespace lightcard::compiler {

namespace {

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
class Stream {
public:
    explicit Stream(std::uint64_t seed) : state_(seed) {}
    /// Uniform in [-1, 1), 24 bits.
    float next()
    {
        state_ += 0x9e3779b97f4a7c15u;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        return static_cast<float>(static_cast<std::int64_t>(z >> 40) - (1 << 23)) / static_cast<float>(1 << 23);
    }

private:
    std::uint64_t state_;
};

bool has_weights(Op op)
{
    return op == Op::conv || op == Op::conv_transpose || op == Op::gemm || op == Op::matmul;
}

}  // namespace

void randomise_weights(Graph& graph, std::uint64_t seed)
{
    std::uint64_t layer = 0;
    for (const Node& node : graph.nodes) {
        if (!has_weights(node.op)) continue;
        ++layer;
        Node& weights = graph.nodes[static_cast<std::size_t>(node.inputs[1])];
        if (weights.op != Op::constant || weights.data.empty()) continue;
        const auto outputs = static_cast<double>(weights.shape[0]);
        const auto limit = static_cast<float>(std::sqrt(6.0 * outputs / static_cast<double>(weights.data.size())));
        Stream stream(seed ^ (layer * 0xd1342543de82ef95u));
        for (float& weight : weights.data) weight = limit * stream.next();
        if (node.inputs.size() < 3) continue;
        Node& bias = graph.nodes[static_cast<std::size_t>(node.inputs[2])];
        if (bias.op == Op::constant) std::fill(bias.data.begin(), bias.data.end(), 0.0f);
    }
}

}  // namespace lightcard::compiler
