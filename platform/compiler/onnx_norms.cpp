// SPDX-License-Identifier: Apache-2.0
/// Normalisations, softmax and means.
#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

namespace {

/// Appends a node that takes all but its operator and inputs from `like`.
Result<int> step(const NodeView& view, Op op, std::vector<int> inputs, const std::string& what)
{
    Node node = start(view, op, std::move(inputs));
    node.name += what;
    auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return view.reader.operand(*value);
}

Result<int> number(const NodeView& view, float value)
{
    Tensor constant;
    constant.real = {value};
    const auto node = view.reader.add_constant(std::move(constant));
    if (!node) return node.error();
    return node->node;
}

Result<int> mean(const NodeView& view, int x, std::size_t axis, const std::string& what)
{
    Node node = start(view, Op::reduce_mean, {x});
    node.name += what;
    for (std::size_t d = axis; d < node.shape.size(); ++d) {
        node.axes.push_back(static_cast<std::int64_t>(d));
        node.shape[d] = 1;
    }
    auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return view.reader.operand(*value);
}

Status give(const NodeView& view, int output, Result<int> node)
{
    if (!node) return node.error();
    Value value;
    value.kind = Value::Kind::activation;
    value.node = *node;
    value.shape = view.reader.node(*node).shape;
    view.set_output(output, std::move(value));
    return {};
}

/// Outputs 1 and 2 of LayerNormalization: the mean, and 1 / deviation.
Status statistics(const NodeView& view, int x, std::size_t axis, float epsilon)
{
    const auto average = mean(view, x, axis, "/mean");
    if (!average) return average.error();
    if (const Status given = give(view, 1, average); !given || !view.wants_output(2)) return given;
    const auto centred = step(view, Op::sub, {x, *average}, "/centred");
    if (!centred) return centred.error();
    const auto square = step(view, Op::mul, {*centred, *centred}, "/square");
    if (!square) return square.error();
    const auto variance = mean(view, *square, axis, "/variance");
    const auto small = number(view, epsilon);
    if (!variance) return variance.error();
    if (!small) return small.error();
    const auto sum = step(view, Op::add, {*variance, *small}, "/epsilon");
    if (!sum) return sum.error();
    const auto deviation = step(view, Op::sqrt, {*sum}, "/deviation");
    if (!deviation) return deviation.error();
    return give(view, 2, step(view, Op::reciprocal, {*deviation}, "/inverse"));
}

}  // namespace

Result<Value> convert_batch_normalization(const NodeView& view)
{
    const auto x = real_operand(view, 0);
    const auto epsilon = view.attributes.real("epsilon", 1e-5f);
    const auto training = view.attributes.integer("training_mode", 0);
    if (!x) return x.error();
    if (!epsilon) return epsilon.error();
    if (!training) return training.error();
    if (*training != 0) return Error{"it is in training mode", "", "export the model for inference"};
    const Shape in = view.reader.node(*x).shape;
    if (in.size() < 2) return Error{"its input has no channels", "", ""};
    std::vector<float> parts[4];  // scale, bias, mean, variance
    for (int i = 0; i < 4; ++i) {
        const auto constant = constant_operand(view, i + 1);
        if (!constant) return constant.error();
        if (view.reader.node(*constant).shape != Shape{in[1]})
            return Error{"input " + std::to_string(i + 1) + " does not fit " + describe(in), "", ""};
        parts[i] = view.reader.node(*constant).data;
    }
    Tensor scale, shift;
    scale.shape = shift.shape = {in[1]};
    for (std::size_t c = 0; c < parts[0].size(); ++c) {
        const double deviation = std::sqrt(static_cast<double>(parts[3][c]) + static_cast<double>(*epsilon));
        const double factor = static_cast<double>(parts[0][c]) / deviation;
        scale.real.push_back(static_cast<float>(factor));
        shift.real.push_back(
            static_cast<float>(static_cast<double>(parts[1][c]) - static_cast<double>(parts[2][c]) * factor));
    }
    const auto scale_node = view.reader.add_constant(std::move(scale));
    const auto shift_node = view.reader.add_constant(std::move(shift));
    if (!scale_node) return scale_node.error();
    if (!shift_node) return shift_node.error();
    return view.reader.add(start(view, Op::batch_normalization, {*x, scale_node->node, shift_node->node}));
}

Result<Value> convert_layer_normalization(const NodeView& view)
{
    const auto x = real_operand(view, 0), scale = real_operand(view, 1);
    const auto epsilon = view.attributes.real("epsilon", 1e-5f);
    if (!x) return x.error();
    if (!scale) return scale.error();
    if (!epsilon) return epsilon.error();
    Node node = start(view, Op::layer_norm, {*x, *scale});
    const auto axis = axis_of(view, -1, node.shape.size());
    if (!axis) return axis.error();
    node.axis = static_cast<int>(*axis);
    node.epsilon = *epsilon;
    const Shape inner(node.shape.begin() + node.axis, node.shape.end());
    if (view.has_input(2)) {
        const auto shift = real_operand(view, 2);
        if (!shift) return shift.error();
        node.inputs.push_back(*shift);
    }
    for (std::size_t i = 1; i < node.inputs.size(); ++i)
        if (view.reader.node(node.inputs[i]).shape != inner)
            return Error{"its scale or bias is not of shape " + describe(inner), "", ""};
    if (view.wants_output(1) || view.wants_output(2))
        if (const Status made = statistics(view, *x, *axis, *epsilon); !made) return made.error();
    return view.reader.add(std::move(node));
}

/// Before opset 13 softmax ran over all dimensions from `axis` on, together.
Result<Value> convert_softmax(const NodeView& view)
{
    const auto x = real_operand(view, 0);
    const bool flattened = view.reader.opset() < 13;
    if (!x) return x.error();
    Node node = start(view, Op::softmax, {*x});
    const Shape in = node.shape;
    const auto axis = axis_of(view, flattened ? 1 : -1, in.size());
    if (!axis) return axis.error();
    node.axis = static_cast<int>(*axis);
    const Shape head(in.begin(), in.begin() + node.axis), tail(in.begin() + node.axis, in.end());
    if (!flattened || element_count(tail) == tail[0]) return view.reader.add(std::move(node));
    node.shape = {element_count(head), element_count(tail)};
    node.axis = 1;
    Node flat = start(view, Op::reshape, {*x});
    flat.name += "/flat";
    flat.shape = node.shape;
    auto value = view.reader.add(std::move(flat));
    if (!value) return value;
    node.inputs = {value->node};
    node.name += "/softmax";
    value = view.reader.add(std::move(node));
    if (!value) return value;
    Node back = start(view, Op::reshape, {value->node});
    back.shape = in;
    return view.reader.add(std::move(back));
}

/// The mean over H and W of an image is a global average pool.
Result<Value> convert_reduce_mean(const NodeView& view)
{
    const auto x = operand(view, 0);
    const auto listed = list_of(view, 1, "axes");
    const auto keep = view.attributes.integer("keepdims", 1);
    const auto no_op = view.attributes.integer("noop_with_empty_axes", 0);
    if (!x) return x.error();
    if (!listed) return listed.error();
    if (!keep) return keep.error();
    if (!no_op) return no_op.error();
    Node node = start(view, Op::reduce_mean, {*x});
    if (listed->empty() && *no_op != 0) return convert_identity(view);
    std::vector<bool> reduced(node.shape.size(), listed->empty());
    for (std::int64_t axis : *listed) {
        const auto at = wrap_axis(axis, node.shape.size());
        if (!at) return at.error();
        reduced[*at] = true;
    }
    Shape kept;
    for (std::size_t d = 0; d < reduced.size(); ++d) {
        if (!reduced[d]) kept.push_back(node.shape[d]);
        if (!reduced[d]) continue;
        if (node.shape[d] == 0) return Error{"the mean of nothing", "", ""};
        node.axes.push_back(static_cast<std::int64_t>(d));
        node.shape[d] = 1;
    }
    if (reduced == std::vector<bool>{false, false, true, true} && !node.integer) node.op = Op::global_average_pool;
    auto value = view.reader.add(std::move(node));
    if (!value || *keep != 0) return value;
    const auto at = view.reader.operand(*value);
    if (!at) return at.error();
    Node back = start(view, Op::reshape, {*at});
    back.shape = std::move(kept);
    return view.reader.add(std::move(back));
}

Result<Value> convert_lrn(const NodeView& view)
{
    const auto x = real_operand(view, 0);
    const auto alpha = view.attributes.real("alpha", 1e-4f), beta = view.attributes.real("beta", 0.75f),
               bias = view.attributes.real("bias", 1);
    const auto size = view.attributes.integer("size", 0);
    if (!x) return x.error();
    for (const auto* value : {&alpha, &beta, &bias})
        if (!*value) return value->error();
    if (!size) return size.error();
    Node node = start(view, Op::lrn, {*x});
    if (node.shape.size() < 2) return Error{"its input has no channels", "", ""};
    if (*size < 1 || *size > 32767)
        return Error{"size " + std::to_string(*size) + " is out of range", "", "1 to 32767"};
    node.alpha = *alpha;
    node.beta = *beta;
    node.bias = *bias;
    node.size = static_cast<int>(*size);
    return view.reader.add(std::move(node));
}

}  // namespace lightcard::compiler
