// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/network_shape.h"

#include <algorithm>

namespace lightcard::compiler {

namespace {

std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b)
{
    return (a + b - 1) / b;
}

/// Walks a graph; a constant is no tensor that moves.
class Measure {
public:
    explicit Measure(const Graph& graph) : graph_(graph), last_(graph.nodes.size(), 0) {}

    NetworkShape run()
    {
        result_.name = graph_.name;
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
            for (int input : graph_.nodes[i].inputs) last_[static_cast<std::size_t>(input)] = i;
        for (int output : graph_.outputs) last_[static_cast<std::size_t>(output)] = graph_.nodes.size();
        for (const Node& node : graph_.nodes) visit(node);
        live();
        return std::move(result_);
    }

private:
    const Node& input(const Node& node, std::size_t i) const
    {
        return graph_.nodes[static_cast<std::size_t>(node.inputs[i])];
    }
    static std::uint64_t size(const Shape& shape) { return static_cast<std::uint64_t>(element_count(shape)); }
    static bool moves(const Node& node) { return node.op != Op::constant; }
    static bool is_view(Op op) { return op == Op::flatten || op == Op::reshape || op == Op::identity; }

    void visit(const Node& node)
    {
        if (node.op == Op::input) result_.input_bytes += size(node.shape);
        if (node.op == Op::input || node.op == Op::constant || is_view(node.op)) return;
        result_.activation_bytes += size(node.shape);
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            if (moves(input(node, i))) result_.activation_bytes += size(input(node, i).shape);
        switch (node.op) {
            case Op::conv:
            case Op::conv_transpose:
                return convolution(node);
            case Op::gemm:
            case Op::matmul:
                return matrix(node);
            case Op::dynamic_matmul:
                return dynamic(node);
            case Op::relu:
            case Op::clip:
                return;  // the clamp of whatever comes before
            case Op::max_pool:
            case Op::average_pool:
                result_.vector_elements += size(node.shape) * static_cast<std::uint64_t>(node.window.kernel_h) *
                                           static_cast<std::uint64_t>(node.window.kernel_w);
                return;
            default:
                result_.vector_elements += std::max(size(node.shape), size(input(node, 0).shape));
        }
    }

    /// A transposed convolution spreads every input over its kernel.
    void convolution(const Node& node)
    {
        const Shape& w = input(node, 1).shape;
        const auto groups = static_cast<std::uint64_t>(node.window.group);
        const auto kernel = static_cast<std::uint64_t>(w[2] * w[3]);
        ProductShape product;
        product.name = node.name;
        product.groups = groups;
        product.dynamic = moves(input(node, 1));
        if (node.op == Op::conv) {
            product.inputs = static_cast<std::uint64_t>(w[1]) * kernel;
            product.outputs = static_cast<std::uint64_t>(w[0]) / groups;
            product.vectors = static_cast<std::uint64_t>(node.shape[0] * node.shape[2] * node.shape[3]);
        } else {
            const Shape& from = input(node, 0).shape;
            product.inputs = static_cast<std::uint64_t>(w[0]) / groups;
            product.outputs = static_cast<std::uint64_t>(w[1]) * kernel;
            product.vectors = static_cast<std::uint64_t>(from[0] * from[2] * from[3]);
        }
        result_.products.push_back(product);
    }

    void matrix(const Node& node)
    {
        const Shape& w = input(node, 1).shape;
        ProductShape product;
        product.name = node.name;
        product.inputs = static_cast<std::uint64_t>(w[1]);
        product.outputs = static_cast<std::uint64_t>(w[0]);
        product.vectors = size(node.shape) / std::max<std::uint64_t>(1, product.outputs);
        product.dynamic = moves(input(node, 1));
        result_.products.push_back(product);
    }

    void dynamic(const Node& node)
    {
        ProductShape product;
        product.name = node.name;
        product.inputs = static_cast<std::uint64_t>(input(node, 0).shape.back());
        product.outputs = static_cast<std::uint64_t>(node.shape.back());
        product.vectors = size(node.shape) / std::max<std::uint64_t>(1, product.outputs);
        product.dynamic = true;
        result_.products.push_back(product);
    }

    /// Largest sum of tensors that live at the same node.
    void live()
    {
        std::vector<std::int64_t> change(graph_.nodes.size() + 2, 0);
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const Node& node = graph_.nodes[i];
            if (!moves(node) || is_view(node.op)) continue;
            change[i] += static_cast<std::int64_t>(size(node.shape));
            change[std::max(i, last_[i]) + 1] -= static_cast<std::int64_t>(size(node.shape));
        }
        std::int64_t now = 0, most = 0;
        for (std::int64_t step : change) most = std::max(most, now += step);
        result_.live_bytes = static_cast<std::uint64_t>(most);
    }

    const Graph& graph_;
    std::vector<std::size_t> last_;  ///< node that reads a tensor last
    NetworkShape result_;
};

std::uint64_t macs(const NetworkShape& network, bool dynamic)
{
    std::uint64_t sum = 0;
    for (const ProductShape& product : network.products)
        if (product.dynamic == dynamic) sum += product.macs();
    return sum;
}

}  // namespace

std::uint64_t static_macs(const NetworkShape& network)
{
    return macs(network, false);
}

std::uint64_t dynamic_macs(const NetworkShape& network)
{
    return macs(network, true);
}

std::uint64_t tiles_of(const ProductShape& product, std::uint32_t n)
{
    if (product.groups == 1) return ceil_div(product.inputs, n) * ceil_div(product.outputs, n);
    const std::uint64_t fit = std::min({product.groups, n / std::max<std::uint64_t>(1, product.inputs),
                                        n / std::max<std::uint64_t>(1, product.outputs)});
    const std::uint64_t packed = std::max<std::uint64_t>(1, fit);
    const auto cut = [&](std::uint64_t groups) {
        return ceil_div(product.inputs * groups, n) * ceil_div(product.outputs * groups, n);
    };
    const std::uint64_t rest = product.groups % packed;
    return product.groups / packed * cut(packed) + (rest ? cut(rest) : 0);
}

NetworkShape shape_of(const Graph& graph)
{
    return Measure(graph).run();
}

}  // namespace lightcard::compiler
