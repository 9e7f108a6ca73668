// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/float_executor.h"

#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/float_kernels.h"

namespace lightcard::compiler {

namespace kernels {

Operand operand_of(const Tensor& tensor)
{
    return {&tensor.shape, tensor.integer, tensor.real.data(), tensor.ints.data()};
}

Operand operand_of(const Node& constant)
{
    return {&constant.shape, constant.integer, constant.data.data(), constant.ints.data()};
}

namespace {

void copy(const Operand& from, Tensor& out)
{
    std::copy_n(from.real, out.real.size(), out.real.begin());
    std::copy_n(from.ints, out.ints.size(), out.ints.begin());
}

Status dispatch(const Node& n, const Operands& in, Tensor& out)
{
    switch (n.op) {
        case Op::conv:
            return run_conv(n, in, out), Status{};
        case Op::conv_transpose:
            return run_conv_transpose(n, in, out), Status{};
        case Op::gemm:
        case Op::matmul:
            return run_product(n, in, out), Status{};
        case Op::dynamic_matmul:
            return run_dynamic_matmul(n, in, out), Status{};
        case Op::add:
        case Op::sub:
        case Op::mul:
        case Op::div:
        case Op::pow:
        case Op::equal:
            return run_binary(n, in, out);
        case Op::where:
            return run_where(n, in, out), Status{};
        case Op::quantize_linear:
        case Op::dequantize_linear:
            return run_quantize(n, in, out), Status{};
        case Op::max_pool:
        case Op::average_pool:
        case Op::global_average_pool:
        case Op::global_max_pool:
            return run_pool(n, in, out), Status{};
        case Op::resize:
            return run_resize(n, in, out), Status{};
        case Op::lrn:
            return run_lrn(n, in, out), Status{};
        case Op::batch_normalization:
            return run_normalisation(n, in, out), Status{};
        case Op::layer_norm:
        case Op::rms_norm:
            return run_layer_norm(n, in, out), Status{};
        case Op::softmax:
            return run_softmax(n, in, out), Status{};
        case Op::reduce_mean:
            return run_reduce_mean(n, in, out), Status{};
        case Op::pad:
            return run_pad(n, in, out), Status{};
        case Op::concat:
            return run_concat(n, in, out), Status{};
        case Op::transpose:
        case Op::slice:
        case Op::expand:
            return run_strided(n, in, out), Status{};
        case Op::gather:
            return run_gather(n, in, out);
        case Op::flatten:
        case Op::reshape:
        case Op::identity:
            return copy(in[0], out), Status{};
        case Op::input:
        case Op::constant:
            return {};
        default:
            return run_unary(n, in, out), Status{};
    }
}

}  // namespace

Status evaluate(const Node& node, const Operands& in, Tensor& out)
{
    out.shape = node.shape;
    out.integer = node.integer;
    const auto count = static_cast<std::size_t>(element_count(node.shape));
    out.real.assign(node.integer ? 0 : count, 0.0f);
    out.ints.assign(node.integer ? count : 0, 0);
    return count == 0 ? Status{} : dispatch(node, in, out);
}

}  // namespace kernels

namespace {

class Executor {
public:
    Executor(const Graph& graph, bool keep) : graph_(graph), keep_(keep), values_(graph.nodes.size()) {}

    Result<std::vector<Tensor>> run(const std::vector<Tensor>& inputs)
    {
        if (auto taken = take(inputs); !taken) return taken.error();
        count_readers();
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const Node& node = graph_.nodes[i];
            if (node.op == Op::constant || node.op == Op::input) continue;
            const Status done = kernels::evaluate(node, operands(node), values_[i]);
            if (!done) return Error{done.error().what, describe(node), done.error().hint};
            release(node);
        }
        if (keep_) return std::move(values_);
        std::vector<Tensor> outputs;
        for (int output : graph_.outputs) outputs.push_back(value(output));
        return outputs;
    }

private:
    const Node& node(int i) const { return graph_.nodes[static_cast<std::size_t>(i)]; }

    Status take(const std::vector<Tensor>& inputs)
    {
        if (inputs.size() != graph_.inputs.size())
            return Error{"the graph has " + std::to_string(graph_.inputs.size()) + " inputs, not " +
                             std::to_string(inputs.size()),
                         graph_.name, ""};
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const Node& input = node(graph_.inputs[i]);
            const std::size_t held = inputs[i].integer ? inputs[i].ints.size() : inputs[i].real.size();
            if (inputs[i].integer != input.integer || inputs[i].shape != input.shape ||
                held != static_cast<std::size_t>(element_count(input.shape)))
                return Error{"it takes " + std::string(input.integer ? "integers" : "real values") + " of shape " +
                                 describe(input.shape),
                             describe(input), ""};
            values_[static_cast<std::size_t>(graph_.inputs[i])] = inputs[i];
        }
        return {};
    }

    Tensor value(int i) const
    {
        const Node& n = node(i);
        if (n.op != Op::constant) return values_[static_cast<std::size_t>(i)];
        return {n.shape, n.integer, n.data, n.ints};
    }

    kernels::Operands operands(const Node& reader) const
    {
        kernels::Operands in;
        for (int i : reader.inputs)
            in.push_back(node(i).op == Op::constant ? kernels::operand_of(node(i))
                                                    : kernels::operand_of(values_[static_cast<std::size_t>(i)]));
        return in;
    }

    void count_readers()
    {
        readers_.assign(graph_.nodes.size(), 0);
        for (const Node& n : graph_.nodes)
            for (int input : n.inputs) ++readers_[static_cast<std::size_t>(input)];
        for (int output : graph_.outputs) ++readers_[static_cast<std::size_t>(output)];
    }

    void release(const Node& reader)
    {
        for (int input : reader.inputs)
            if (--readers_[static_cast<std::size_t>(input)] == 0 && !keep_)
                values_[static_cast<std::size_t>(input)] = Tensor{};
    }

    const Graph& graph_;
    bool keep_;
    std::vector<Tensor> values_;
    std::vector<int> readers_;
};

Result<std::vector<std::vector<float>>> run_one(const Graph& graph, const float* input, bool keep)
{
    std::vector<Tensor> inputs;
    for (const int i : graph.inputs) {
        const Node& node = graph.nodes[static_cast<std::size_t>(i)];
        const float* end = input + element_count(node.shape);
        Tensor tensor{node.shape, node.integer, {}, {}};
        if (node.integer)
            for (const float* value = input; value != end; ++value)
                tensor.ints.push_back(static_cast<std::int64_t>(std::lround(*value)));
        else
            tensor.real.assign(input, end);
        inputs.push_back(std::move(tensor));
        input = end;
    }
    auto values = Executor(graph, keep).run(inputs);
    if (!values) return values.error();
    std::vector<std::vector<float>> reals;
    for (Tensor& value : *values) reals.push_back(std::move(value.real));
    return reals;
}

}  // namespace

Result<std::vector<Tensor>> run_float(const Graph& graph, const std::vector<Tensor>& inputs)
{
    return Executor(graph, false).run(inputs);
}

Result<std::vector<Tensor>> run_float_trace(const Graph& graph, const std::vector<Tensor>& inputs)
{
    return Executor(graph, true).run(inputs);
}

Result<std::vector<std::vector<float>>> run_float(const Graph& graph, const float* input)
{
    return run_one(graph, input, false);
}

Result<std::vector<std::vector<float>>> run_float_trace(const Graph& graph, const float* input)
{
    return run_one(graph, input, true);
}

}  // namespace lightcard::compiler
