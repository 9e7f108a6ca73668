// SPDX-License-Identifier: Apache-2.0
/// Matrix products and element-wise operators, and the table of all that is supported.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

Result<int> activation(const NodeView& view, int i)
{
    if (!view.has_input(i)) return Error{"input " + std::to_string(i) + " is missing", "", ""};
    if (view.input(i).kind != Value::Kind::activation)
        return Error{"input " + std::to_string(i) + " is constant", "", "an activation"};
    return view.input(i).node;
}

Result<int> constant_operand(const NodeView& view, int i)
{
    if (!view.has_input(i)) return Error{"input " + std::to_string(i) + " is missing", "", ""};
    if (view.input(i).kind != Value::Kind::constant)
        return Error{"input " + std::to_string(i) + " is computed from the model's input", "", "constant weights"};
    return view.reader.operand(view.input(i));
}

namespace {

Result<Value> unary(const NodeView& view, Op op, float clip_min, float clip_max)
{
    const auto x = activation(view, 0);
    if (!x) return x.error();
    Node node;
    node.op = op;
    node.name = view.name;
    node.inputs = {*x};
    node.shape = view.input(0).shape;
    node.clip_min = clip_min;
    node.clip_max = clip_max;
    return view.reader.add(std::move(node));
}

/// weights as [out][k], times alpha, as a node of their own.
Result<int> product_weights(const NodeView& view, bool transposed, float alpha)
{
    if (!view.has_input(1)) return Error{"input 1 is missing", "", ""};
    if (view.input(1).kind != Value::Kind::constant)
        return Error{"both operands are computed from the model's input", "", "constant weights as input 1"};
    if (transposed && alpha == 1.0f) return constant_operand(view, 1);
    const auto source = view.reader.constant(view.input(1));
    if (!source) return source.error();
    const Constant& w = **source;
    if (w.integer || w.shape.size() != 2) return Error{"its weights are not a floating-point matrix", "", ""};
    Constant out;
    out.shape = transposed ? w.shape : Shape{w.shape[1], w.shape[0]};
    out.real.resize(w.real.size());
    const auto rows = static_cast<std::size_t>(out.shape[0]), k = static_cast<std::size_t>(out.shape[1]);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t i = 0; i < k; ++i) out.real[r * k + i] = alpha * w.real[transposed ? r * k + i : i * rows + r];
    const auto node = view.reader.add_constant(std::move(out));
    if (!node) return node.error();
    return node->node;
}

/// beta * C as a vector [out]. C may be a scalar, [1], [out] or [1][out].
Result<int> product_bias(const NodeView& view, std::int64_t out, float beta)
{
    if (view.input(2).kind != Value::Kind::constant) return Error{"its bias is not constant", "", ""};
    const auto source = view.reader.constant(view.input(2));
    if (!source) return source.error();
    const Constant& c = **source;
    const auto count = static_cast<std::int64_t>(c.real.size());
    const bool row = c.shape.size() <= 1 || (c.shape.size() == 2 && c.shape[0] == 1);
    if (c.integer || !row || (count != 1 && count != out)) return Error{"its bias does not fit its weights", "", ""};
    Constant bias;
    bias.shape = {out};
    for (std::int64_t i = 0; i < out; ++i)
        bias.real.push_back(beta * c.real[static_cast<std::size_t>(count == 1 ? 0 : i)]);
    const auto node = view.reader.add_constant(std::move(bias));
    if (!node) return node.error();
    return node->node;
}

Result<Value> product(const NodeView& view, Op op, int x, const Shape& in, int weights)
{
    const Shape w = view.reader.node(weights).shape;
    if (w.size() != 2) return Error{"its weights have shape " + describe(w), "", "a matrix"};
    if (in.back() != w[1])
        return Error{"input " + describe(in) + " does not fit weights for " + std::to_string(w[1]) + " values", "", ""};
    Node node;
    node.op = op;
    node.name = view.name;
    node.inputs = {x, weights};
    node.shape = in;
    node.shape.back() = w[0];
    return view.reader.add(std::move(node));
}

/// A transposed vector is the same values under another shape.
Result<int> transpose_vector(const NodeView& view, int x, Shape& shape)
{
    if (shape.size() != 2 || (shape[0] != 1 && shape[1] != 1))
        return Error{"transA on a matrix", "", "transA = 0, or vectors"};
    std::swap(shape[0], shape[1]);
    Node node;
    node.op = Op::reshape;
    node.name = view.name + "/transA";
    node.inputs = {x};
    node.shape = shape;
    const auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return value->node;
}

/// One add node. A constant comes second and must broadcast to the activation.
Result<Value> add_pair(const NodeView& view, Value& left, Value& right, const std::string& name)
{
    Value* a = &left;
    Value* b = &right;
    if (a->kind == Value::Kind::constant) std::swap(a, b);
    if (a->kind == Value::Kind::constant) return Error{"both operands are constant", "", ""};
    const auto second = view.reader.operand(*b);
    if (!second) return second.error();
    const Shape& from = view.reader.node(*second).shape;
    const bool constant = b->kind == Value::Kind::constant;
    bool fits = constant ? from.size() <= a->shape.size() : from == a->shape;
    for (std::size_t i = 1; constant && fits && i <= from.size(); ++i)
        fits = from[from.size() - i] == 1 || from[from.size() - i] == a->shape[a->shape.size() - i];
    if (!fits)
        return Error{"shapes " + describe(a->shape) + " and " + describe(from) + " do not fit", "",
                     "equal shapes, or a constant that broadcasts to the activation"};
    Node node;
    node.op = Op::add;
    node.name = name;
    node.inputs = {a->node, *second};
    node.shape = a->shape;
    return view.reader.add(std::move(node));
}

/// A limit of Clip: an attribute before opset 11, an input since. Absent: none.
Result<float> clip_limit(const NodeView& view, int input, const char* attribute, float otherwise)
{
    if (view.has_input(input)) return view.reader.scalar(view.input(input));
    return view.attributes.real(attribute, otherwise);
}

}  // namespace

Result<Value> convert_gemm(const NodeView& view)
{
    auto x = activation(view, 0);
    const auto alpha = view.attributes.real("alpha", 1), beta = view.attributes.real("beta", 1);
    const auto trans_a = view.attributes.integer("transA", 0), trans_b = view.attributes.integer("transB", 0);
    if (!x) return x.error();
    for (const auto* value : {&alpha, &beta})
        if (!*value) return value->error();
    for (const auto* value : {&trans_a, &trans_b})
        if (!*value) return value->error();
    Shape in = view.input(0).shape;
    if (in.size() != 2) return Error{"its input has shape " + describe(in), "", "2 dimensions"};
    if (*trans_a != 0) x = transpose_vector(view, *x, in);
    if (!x) return x.error();
    const auto weights = product_weights(view, *trans_b != 0, *alpha);
    if (!weights) return weights.error();
    auto value = product(view, Op::gemm, *x, in, *weights);
    if (!value || !view.has_input(2)) return value;
    const auto bias = product_bias(view, value->shape[1], *beta);
    if (!bias) return bias.error();
    view.reader.node(value->node).inputs.push_back(*bias);
    return value;
}

Result<Value> convert_matmul(const NodeView& view)
{
    const auto x = activation(view, 0);
    if (!x) return x.error();
    const auto weights = product_weights(view, false, 1);
    if (!weights) return weights.error();
    return product(view, Op::matmul, *x, view.input(0).shape, *weights);
}

Result<Value> convert_relu(const NodeView& view)
{
    return unary(view, Op::relu, 0, 0);
}

Result<Value> convert_clip(const NodeView& view)
{
    constexpr float kMost = std::numeric_limits<float>::max();
    const auto low = clip_limit(view, 1, "min", -kMost), high = clip_limit(view, 2, "max", kMost);
    if (!low) return low.error();
    if (!high) return high.error();
    if (!(*low <= *high)) return Error{"its minimum is above its maximum, or not a number", "", ""};
    return unary(view, Op::clip, std::max(*low, -kMost), std::min(*high, kMost));
}

/// Add and Sum: a chain of pairs.
Result<Value> convert_add(const NodeView& view)
{
    const int count = view.input_count();
    if (count < 1 || (view.proto.op_type() == "Add" && count != 2)) return Error{"it needs two inputs", "", ""};
    for (int i = 0; i < count; ++i)
        if (!view.has_input(i)) return Error{"input " + std::to_string(i) + " is missing", "", ""};
    if (count == 1) return convert_identity(view);
    Value sum = view.input(0);
    for (int i = 1; i < count; ++i) {
        const std::string name = i + 1 == count ? view.name : view.name + "/" + std::to_string(i);
        auto value = add_pair(view, sum, view.input(i), name);
        if (!value) return value;
        sum = *value;
    }
    return sum;
}

Result<Value> convert_batch_normalization(const NodeView& view)
{
    const auto x = activation(view, 0);
    const auto epsilon = view.attributes.real("epsilon", 1e-5f);
    const auto training = view.attributes.integer("training_mode", 0);
    if (!x) return x.error();
    if (!epsilon) return epsilon.error();
    if (!training) return training.error();
    if (*training != 0) return Error{"it is in training mode", "", "export the model for inference"};
    const Shape in = view.input(0).shape;
    Constant parts[4];  // scale, bias, mean, variance
    for (int i = 0; i < 4; ++i) {
        if (!view.has_input(i + 1)) return Error{"input " + std::to_string(i + 1) + " is missing", "", ""};
        const auto constant = view.reader.constant(view.input(i + 1));
        if (!constant) return constant.error();
        if ((*constant)->integer || (*constant)->shape != Shape{in[1]})
            return Error{"input " + std::to_string(i + 1) + " does not fit " + describe(in), "", ""};
        parts[i] = **constant;
    }
    Constant scale, shift;
    scale.shape = shift.shape = {in[1]};
    for (std::size_t c = 0; c < parts[0].real.size(); ++c) {
        const double factor = parts[0].real[c] / std::sqrt(static_cast<double>(parts[3].real[c]) + *epsilon);
        scale.real.push_back(static_cast<float>(factor));
        shift.real.push_back(static_cast<float>(parts[1].real[c] - parts[2].real[c] * factor));
    }
    const auto scale_node = view.reader.add_constant(std::move(scale));
    const auto shift_node = view.reader.add_constant(std::move(shift));
    if (!scale_node) return scale_node.error();
    if (!shift_node) return shift_node.error();
    Node node;
    node.op = Op::batch_normalization;
    node.name = view.name;
    node.inputs = {*x, scale_node->node, shift_node->node};
    node.shape = in;
    return view.reader.add(std::move(node));
}

/// Before opset 13 softmax ran over all dimensions from `axis` on, together.
Result<Value> convert_softmax(const NodeView& view)
{
    const auto x = activation(view, 0);
    const bool flattened = view.reader.opset() < 13;
    const auto axis = view.attributes.integer("axis", flattened ? 1 : -1);
    if (!x) return x.error();
    if (!axis) return axis.error();
    const Shape in = view.input(0).shape;
    const auto rank = static_cast<std::int64_t>(in.size());
    const std::int64_t at = *axis < 0 ? *axis + rank : *axis;
    if (at < 0 || at >= rank) return Error{"axis " + std::to_string(*axis) + " is outside " + describe(in), "", ""};
    for (std::int64_t d = at + 1; flattened && d < rank; ++d)
        if (in[static_cast<std::size_t>(d)] != 1) return Error{"softmax over several dimensions at once", "", ""};
    auto value = unary(view, Op::softmax, 0, 0);
    if (value) view.reader.node(value->node).axis = static_cast<int>(at);
    return value;
}

const std::vector<Operator>& supported_operators()
{
    static const std::vector<Operator> table = {
        {"Add", convert_add},
        {"AveragePool", convert_average_pool},
        {"BatchNormalization", convert_batch_normalization},
        {"Cast", convert_cast},
        {"Clip", convert_clip},
        {"Concat", convert_concat},
        {"Constant", convert_constant},
        {"ConstantOfShape", convert_constant_of_shape},
        {"Conv", convert_conv},
        {"Dropout", convert_identity},
        {"Flatten", convert_flatten},
        {"Gather", convert_gather},
        {"Gemm", convert_gemm},
        {"GlobalAveragePool", convert_global_average_pool},
        {"Identity", convert_identity},
        {"MatMul", convert_matmul},
        {"MaxPool", convert_max_pool},
        {"Pad", convert_pad},
        {"ReduceMean", convert_reduce_mean},
        {"Relu", convert_relu},
        {"Reshape", convert_reshape},
        {"Shape", convert_shape},
        {"Softmax", convert_softmax},
        {"Squeeze", convert_squeeze},
        {"Sum", convert_add},
        {"Transpose", convert_transpose},
        {"Unsqueeze", convert_unsqueeze},
    };
    return table;
}

}  // namespace lightcard::compiler
