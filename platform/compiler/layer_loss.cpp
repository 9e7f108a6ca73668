// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/layer_loss.h"

#include <algorithm>

#include "lightcard/platform/compiler/float_kernels.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/quant_tensor.h"

namespace lightcard::compiler {

namespace {

struct Squares {
    double error = 0, signal = 0;
};

class Comparison {
public:
    Comparison(const Graph& graph, const QuantGraph& quantised) : graph_(graph), quantised_(quantised)
    {
        readers_.resize(graph.nodes.size());
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            for (int input : graph.nodes[i].inputs) readers_[index(input)].push_back(static_cast<int>(i));
            by_name_.emplace(graph.nodes[i].name, static_cast<int>(i));
        }
        for (int output : graph.outputs) readers_[index(output)].push_back(kHost);
    }

    Status add(const std::vector<float>& sample)
    {
        const auto codes = quantise_input(quantised_, sample.data());
        const auto values = run_int8_trace(quantised_, codes.data());
        if (!values) return values.error();
        for (std::size_t i = 0; i < quantised_.nodes.size(); ++i) {
            const QuantNode& node = quantised_.nodes[i];
            if (node.op != QuantOp::mvm) continue;
            const std::size_t from = index(node.inputs[0]);
            QuantTensor in = quantised_.nodes[from].out, out = node.out;
            in.channels_last |= is_sequence(node);
            out.channels_last |= is_sequence(node);
            const auto exact = in_float(node, dequantise(in, (*values)[from]));
            const auto coded = dequantise(out, (*values)[i]);
            if (exact.size() == coded.size()) add(node.name, exact, coded);
        }
        return {};
    }

    std::map<std::string, double> finish() const
    {
        std::map<std::string, double> loss;
        for (const auto& [name, sums] : sums_)
            if (sums.signal > 0) loss[name] = sums.error / sums.signal;
        return loss;
    }

private:
    static constexpr int kHost = -1;
    static std::size_t index(int i) { return static_cast<std::size_t>(i); }

    void add(const std::string& name, const std::vector<float>& exact, const std::vector<float>& coded)
    {
        Squares& sums = sums_[name];
        for (std::size_t k = 0; k < exact.size(); ++k) {
            const double error = static_cast<double>(coded[k]) - exact[k];
            sums.error += error * error;
            sums.signal += static_cast<double>(exact[k]) * exact[k];
        }
    }

    /// A matrix times the rows of [.., rows, channels]: fp32 has the channels last, as the card does.
    bool is_sequence(const QuantNode& product) const
    {
        const auto found = by_name_.find(product.name);
        if (found == by_name_.end()) return false;
        const Node& node = graph_.nodes[index(found->second)];
        if (node.op != Op::gemm && node.op != Op::matmul) return false;
        return node.shape.size() != 2 || node.shape[0] != 1;
    }

    /// The product of that name on `values`, up to the end of the limits that became its clamp; empty if there is none.
    std::vector<float> in_float(const QuantNode& product, std::vector<float> values) const
    {
        const auto found = by_name_.find(product.name);
        if (found == by_name_.end()) return {};
        int at = found->second;
        const Op op = graph_.nodes[index(at)].op;
        if (op != Op::conv && op != Op::gemm && op != Op::matmul) return {};
        const int input = graph_.nodes[index(at)].inputs[0];
        Tensor tensor{graph_.nodes[index(input)].shape, false, std::move(values), {}};
        if (graph_.nodes[index(input)].op == Op::pad && !fits(tensor)) {  // moved into the window
            tensor.shape = graph_.nodes[index(graph_.nodes[index(input)].inputs[0])].shape;
            if (!fits(tensor) || !evaluate(input, tensor)) return {};
        }
        if (!fits(tensor) || !evaluate(at, tensor)) return {};
        while (readers_[index(at)].size() == 1 && readers_[index(at)][0] != kHost) {
            at = readers_[index(at)][0];
            const Op next = graph_.nodes[index(at)].op;
            if (next == Op::relu || next == Op::clip) {
                if (!evaluate(at, tensor)) return {};
            } else if (next != Op::quantize_linear && next != Op::dequantize_linear) {
                break;
            }
        }
        return std::move(tensor.real);
    }

    static bool fits(const Tensor& tensor)
    {
        return tensor.real.size() == static_cast<std::size_t>(element_count(tensor.shape));
    }

    /// Node `i` with `tensor` as its first input; its other inputs must be constants.
    bool evaluate(int i, Tensor& tensor) const
    {
        const Node& node = graph_.nodes[index(i)];
        kernels::Operands operands{kernels::operand_of(tensor)};
        for (std::size_t k = 1; k < node.inputs.size(); ++k) {
            const Node& constant = graph_.nodes[index(node.inputs[k])];
            if (constant.op != Op::constant) return false;
            operands.push_back(kernels::operand_of(constant));
        }
        Tensor out;
        if (!kernels::evaluate(node, operands, out)) return false;
        tensor = std::move(out);
        return true;
    }

    const Graph& graph_;
    const QuantGraph& quantised_;
    std::vector<std::vector<int>> readers_;
    std::map<std::string, int> by_name_;
    std::map<std::string, Squares> sums_;
};

}  // namespace

Result<std::map<std::string, double>> quantisation_loss(const Graph& graph, const QuantGraph& quantised,
                                                        const std::vector<std::vector<float>>& samples)
{
    Comparison comparison(graph, quantised);
    for (const auto& sample : samples)
        if (auto added = comparison.add(sample); !added) return added.error();
    return comparison.finish();
}

}  // namespace lightcard::compiler
