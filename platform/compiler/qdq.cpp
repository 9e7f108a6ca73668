// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/qdq.h"

namespace lightcard::compiler {

namespace {

class Remover {
public:
    explicit Remover(const Graph& graph)
        : graph_(graph), stands_for_(graph.nodes.size()), codes_(graph.nodes.size()), needed_(graph.nodes.size(), false)
    {
    }

    Unquantised run()
    {
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            stands_for_[i] = static_cast<int>(i);
            if (is_pair(graph_.nodes[i])) take_out(i);
        }
        mark_needed();
        Unquantised out = copy();
        note(out);
        return out;
    }

private:
    const Node& at(int i) const { return graph_.nodes[static_cast<std::size_t>(i)]; }
    int source(int i) const { return stands_for_[static_cast<std::size_t>(i)]; }

    bool one_constant(int i) const { return at(i).op == Op::constant && element_count(at(i).shape) == 1; }

    /// A DequantizeLinear of a QuantizeLinear with the same single scale and zero point.
    bool is_pair(const Node& node) const
    {
        if (node.op != Op::dequantize_linear || at(node.inputs[0]).op != Op::quantize_linear) return false;
        const Node& first = at(node.inputs[0]);
        if (first.inputs.size() != node.inputs.size()) return false;
        for (std::size_t k = 1; k < node.inputs.size(); ++k) {
            if (!one_constant(first.inputs[k]) || !one_constant(node.inputs[k])) return false;
            if (at(first.inputs[k]).data != at(node.inputs[k]).data) return false;
            if (at(first.inputs[k]).ints != at(node.inputs[k]).ints) return false;
        }
        return true;
    }

    void take_out(std::size_t i)
    {
        const Node& first = at(graph_.nodes[i].inputs[0]);
        const int x = source(first.inputs[0]);
        stands_for_[i] = x;
        GivenCodes& codes = codes_[static_cast<std::size_t>(x)];
        if (codes.given) return;
        const double zero = first.inputs.size() > 2 ? static_cast<double>(at(first.inputs[2]).ints[0]) : 0.0;
        const auto low = static_cast<double>(first.clip_min), high = static_cast<double>(first.clip_max);
        codes.given = true;
        codes.scale = static_cast<double>(at(first.inputs[1]).data[0]);
        codes.low = (low - zero) * codes.scale;
        codes.high = (high - zero) * codes.scale;
        codes.is_signed = zero != low;
        codes.exact = zero == low || low - zero == -128;
    }

    void mark_needed()
    {
        std::vector<int> open = graph_.inputs;
        for (int output : graph_.outputs) open.push_back(source(output));
        while (!open.empty()) {
            const int i = open.back();
            open.pop_back();
            if (needed_[static_cast<std::size_t>(i)]) continue;
            needed_[static_cast<std::size_t>(i)] = true;
            for (int input : at(i).inputs) open.push_back(source(input));
        }
    }

    Unquantised copy() const
    {
        Unquantised out;
        out.graph.name = graph_.name;
        std::vector<int> moved(graph_.nodes.size(), -1);
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (!needed_[i]) continue;
            Node node = graph_.nodes[i];
            for (int& input : node.inputs) input = moved[static_cast<std::size_t>(source(input))];
            moved[i] = static_cast<int>(out.graph.nodes.size());
            out.graph.nodes.push_back(std::move(node));
            out.origin.push_back(static_cast<int>(i));
            out.given.push_back(codes_[i]);
        }
        for (int input : graph_.inputs) out.graph.inputs.push_back(moved[static_cast<std::size_t>(input)]);
        for (int output : graph_.outputs) out.graph.outputs.push_back(moved[static_cast<std::size_t>(source(output))]);
        return out;
    }

    void note(Unquantised& out) const
    {
        std::size_t given = 0, exact = 0;
        for (const GivenCodes& codes : out.given) {
            given += codes.given;
            exact += codes.exact;
        }
        if (given == 0) return;
        std::string text = "the network comes quantised: " + std::to_string(given) +
                           " tensors have given codes, which the card uses as they are for " + std::to_string(exact);
        if (exact < given)
            text += "; the other " + std::to_string(given - exact) +
                    " have a zero point that is neither 0 nor the lowest code, and take a symmetric scale over the "
                    "same range";
        out.notes.push_back(text + "; weights are coded again, one scale an output channel");
    }

    const Graph& graph_;
    std::vector<int> stands_for_;
    std::vector<GivenCodes> codes_;
    std::vector<bool> needed_;
};

}  // namespace

Unquantised take_out_pairs(const Graph& graph)
{
    return Remover(graph).run();
}

}  // namespace lightcard::compiler
