// SPDX-License-Identifier: Apache-2.0
/// Matrix products, what converters share, and the table of all that is supported.
#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

Result<int> operand(const NodeView& view, int i)
{
    if (!view.has_input(i)) return Error{"input " + std::to_string(i) + " is missing", "", ""};
    return view.reader.operand(view.input(i));
}

Result<int> real_operand(const NodeView& view, int i)
{
    const auto node = operand(view, i);
    if (node && view.reader.node(*node).integer)
        return Error{"input " + std::to_string(i) + " has integer values", "", "floating-point tensors"};
    return node;
}

bool is_constant(const NodeView& view, int i)
{
    return view.has_input(i) && view.input(i).kind == Value::Kind::constant;
}

Result<int> constant_operand(const NodeView& view, int i)
{
    const auto node = real_operand(view, i);
    if (!node) return node;
    if (!view.reader.is_constant(*node))
        return Error{"input " + std::to_string(i) + " is computed from the model's input", "", "constant weights"};
    for (float v : view.reader.node(*node).data)
        if (!std::isfinite(v)) return Error{"a constant operand has a value that is not finite", "", ""};
    return node;
}

Node start(const NodeView& view, Op op, std::vector<int> inputs)
{
    Node node;
    node.op = op;
    node.name = view.name;
    if (!inputs.empty()) {
        const Node& first = view.reader.node(inputs[0]);
        node.shape = first.shape;
        node.integer = first.integer;
    }
    node.inputs = std::move(inputs);
    return node;
}

Result<Shape> broadcast(const Shape& a, const Shape& b)
{
    Shape out(std::max(a.size(), b.size()), 1);
    for (std::size_t i = 1; i <= out.size(); ++i) {
        const std::int64_t x = i <= a.size() ? a[a.size() - i] : 1, y = i <= b.size() ? b[b.size() - i] : 1;
        if (x != y && x != 1 && y != 1)
            return Error{"shapes " + describe(a) + " and " + describe(b) + " do not fit", "",
                         "equal dimensions, or 1, counted from the last"};
        out[out.size() - i] = x == 1 ? y : x;
    }
    return out;
}

Result<std::size_t> wrap_axis(std::int64_t axis, std::size_t rank)
{
    const std::int64_t at = axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis;
    if (at < 0 || at >= static_cast<std::int64_t>(rank))
        return Error{
            "axis " + std::to_string(axis) + " is outside the " + std::to_string(rank) + " dimensions of its input", "",
            ""};
    return static_cast<std::size_t>(at);
}

Result<std::size_t> axis_of(const NodeView& view, std::int64_t otherwise, std::size_t rank, bool beyond)
{
    const auto axis = view.attributes.integer("axis", otherwise);
    if (!axis) return axis.error();
    if (beyond && *axis == static_cast<std::int64_t>(rank)) return rank;
    return wrap_axis(*axis, rank);
}

Result<std::vector<std::int64_t>> list_of(const NodeView& view, int i, const char* attribute)
{
    if (!view.has_input(i)) return view.attributes.integers(attribute);
    const auto list = view.reader.integers(view.input(i));
    if (!list) return Error{std::string(attribute) + " is not a constant list of integers", "", ""};
    return list;
}

namespace {

/// Constant weights as [out][k], times alpha, as a node of their own.
Result<int> product_weights(const NodeView& view, bool transposed, float alpha)
{
    const auto source = constant_operand(view, 1);
    if (!source) return source;
    if (view.reader.node(*source).shape.size() != 2)
        return Error{"its weights have shape " + describe(view.reader.node(*source).shape), "", "a matrix"};
    if (transposed && alpha == 1.0f) return source;
    const Node& w = view.reader.node(*source);
    Tensor out;
    out.shape = transposed ? w.shape : Shape{w.shape[1], w.shape[0]};
    out.real.resize(w.data.size());
    const auto rows = static_cast<std::size_t>(out.shape[0]), k = static_cast<std::size_t>(out.shape[1]);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t i = 0; i < k; ++i) out.real[r * k + i] = alpha * w.data[transposed ? r * k + i : i * rows + r];
    const auto node = view.reader.add_constant(std::move(out));
    if (!node) return node.error();
    return node->node;
}

/// beta * C as a vector [out].
Result<int> product_bias(const NodeView& view, int source, std::int64_t out, float beta)
{
    const Node& c = view.reader.node(source);
    Tensor bias;
    bias.shape = {out};
    for (std::int64_t i = 0; i < out; ++i)
        bias.real.push_back(beta * c.data[static_cast<std::size_t>(c.data.size() == 1 ? 0 : i)]);
    const auto node = view.reader.add_constant(std::move(bias));
    if (!node) return node.error();
    return node->node;
}

/// C may be a scalar, [1], [out] or [1][out] to be a bias.
bool is_bias(const Node& c, std::int64_t out)
{
    const bool row = c.shape.size() <= 1 || (c.shape.size() == 2 && c.shape[0] == 1);
    const auto count = static_cast<std::int64_t>(c.data.size());
    return c.op == Op::constant && row && (count == 1 || count == out);
}

Result<Value> product(const NodeView& view, Op op, int x, int weights)
{
    const Shape w = view.reader.node(weights).shape, in = view.reader.node(x).shape;
    if (in.empty() || in.back() != w[1])
        return Error{"input " + describe(in) + " does not fit weights for " + std::to_string(w[1]) + " values", "", ""};
    Node node = start(view, op, {x, weights});
    node.shape.back() = w[0];
    return view.reader.add(std::move(node));
}

Result<int> transposed(const NodeView& view, int x)
{
    Node node = start(view, Op::transpose, {x});
    node.name += "/transposed";
    std::swap(node.shape[0], node.shape[1]);
    node.axes = {1, 0};
    auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return view.reader.operand(*value);
}

/// x * factor, unless that changes nothing.
Result<int> scaled(const NodeView& view, int x, float factor, const char* what)
{
    if (factor == 1.0f) return x;
    Tensor constant;
    constant.real = {factor};
    const auto scalar = view.reader.add_constant(std::move(constant));
    if (!scalar) return scalar.error();
    Node node = start(view, Op::mul, {x, scalar->node});
    node.name += what;
    auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return view.reader.operand(*value);
}

Result<Value> plus(const NodeView& view, int sum, int term)
{
    auto shape = broadcast(view.reader.node(sum).shape, view.reader.node(term).shape);
    if (!shape) return shape.error();
    Node node = start(view, Op::add, {sum, term});
    node.shape = std::move(*shape);
    return view.reader.add(std::move(node));
}

/// Both operands computed: the last two dimensions multiply, those before broadcast.
Result<Value> dynamic_product(const NodeView& view, int a, int b)
{
    const Shape left = view.reader.node(a).shape, right = view.reader.node(b).shape;
    if (left.back() != right[right.size() - 2])
        return Error{"shapes " + describe(left) + " and " + describe(right) + " do not fit", "", ""};
    auto shape = broadcast(Shape(left.begin(), left.end() - 2), Shape(right.begin(), right.end() - 2));
    if (!shape) return shape.error();
    shape->push_back(left[left.size() - 2]);
    shape->push_back(right.back());
    Node node = start(view, Op::dynamic_matmul, {a, b});
    node.shape = std::move(*shape);
    return view.reader.add(std::move(node));
}

Result<int> reshaped(const NodeView& view, int x, Shape shape)
{
    Node node = start(view, Op::reshape, {x});
    node.name += "/reshaped";
    node.shape = std::move(shape);
    auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return view.reader.operand(*value);
}

/// A vector is a matrix of one row (as a) or column (as b); the result loses that dimension again.
Result<Value> vector_product(const NodeView& view, int a, int b)
{
    const Shape left = view.reader.node(a).shape, right = view.reader.node(b).shape;
    if (left.empty() || right.empty()) return Error{"an operand is a scalar", "", "vectors or matrices"};
    const auto row = left.size() == 1 ? reshaped(view, a, {1, left[0]}) : Result<int>(a);
    if (!row) return row.error();
    const auto column = right.size() == 1 ? reshaped(view, b, {right[0], 1}) : Result<int>(b);
    if (!column) return column.error();
    auto value = dynamic_product(view, *row, *column);
    if (!value || (left.size() > 1 && right.size() > 1)) return value;
    Shape shape = value->shape;
    if (right.size() == 1) shape.pop_back();
    if (left.size() == 1) shape.erase(shape.end() - (right.size() == 1 ? 1 : 2));
    const auto node = reshaped(view, value->node, shape);
    if (!node) return node.error();
    value->node = *node;
    value->shape = shape;
    return value;
}

struct GemmAttributes {
    float alpha = 1, beta = 1;
    bool trans_a = false, trans_b = false;
};

Result<GemmAttributes> gemm_attributes(const NodeView& view)
{
    const auto alpha = view.attributes.real("alpha", 1), beta = view.attributes.real("beta", 1);
    const auto trans_a = view.attributes.integer("transA", 0), trans_b = view.attributes.integer("transB", 0);
    if (!alpha) return alpha.error();
    if (!beta) return beta.error();
    if (!trans_a) return trans_a.error();
    if (!trans_b) return trans_b.error();
    return GemmAttributes{*alpha, *beta, *trans_a != 0, *trans_b != 0};
}

/// A * B of a Gemm, alpha included.
Result<Value> gemm_product(const NodeView& view, const GemmAttributes& gemm, int a)
{
    if (is_constant(view, 1)) {
        const auto weights = product_weights(view, gemm.trans_b, gemm.alpha);
        if (!weights) return weights.error();
        return product(view, Op::gemm, a, *weights);
    }
    auto b = real_operand(view, 1);
    if (!b) return b.error();
    if (view.reader.node(*b).shape.size() != 2) return Error{"input 1 is no matrix", "", ""};
    if (gemm.trans_b) b = transposed(view, *b);
    if (!b) return b.error();
    auto value = dynamic_product(view, a, *b);
    if (!value) return value;
    const auto node = scaled(view, value->node, gemm.alpha, "/alpha");
    if (!node) return node.error();
    value->node = *node;
    return value;
}

}  // namespace

Result<Value> convert_gemm(const NodeView& view)
{
    const auto gemm = gemm_attributes(view);
    if (!gemm) return gemm.error();
    auto a = real_operand(view, 0);
    if (!a) return a.error();
    const Shape in = view.reader.node(*a).shape;
    if (in.size() != 2) return Error{"its input has shape " + describe(in), "", "2 dimensions"};
    if (gemm->trans_a) a = transposed(view, *a);
    if (!a) return a.error();
    auto value = gemm_product(view, *gemm, *a);
    if (!value || !view.has_input(2)) return value;
    const auto c = real_operand(view, 2);
    if (!c) return c.error();
    if (view.reader.node(value->node).op == Op::gemm && is_bias(view.reader.node(*c), value->shape[1])) {
        const auto bias = product_bias(view, *c, value->shape[1], gemm->beta);
        if (!bias) return bias.error();
        view.reader.node(value->node).inputs.push_back(*bias);
        return value;
    }
    const auto term = scaled(view, *c, gemm->beta, "/beta");
    if (!term) return term.error();
    return plus(view, value->node, *term);
}

Result<Value> convert_matmul(const NodeView& view)
{
    const auto x = real_operand(view, 0), y = real_operand(view, 1);
    if (!x) return x.error();
    if (!y) return y.error();
    if (!is_constant(view, 1) || view.reader.node(*y).shape.size() != 2 || view.reader.node(*x).shape.size() < 2)
        return vector_product(view, *x, *y);
    const auto weights = product_weights(view, false, 1);
    if (!weights) return weights.error();
    return product(view, Op::matmul, *x, *weights);
}

const std::vector<Operator>& supported_operators()
{
    static const std::vector<Operator> table = {
        {"Add", convert_binary},
        {"AveragePool", convert_average_pool},
        {"BatchNormalization", convert_batch_normalization},
        {"Cast", convert_cast},
        {"Clip", convert_clip},
        {"Concat", convert_concat},
        {"Constant", convert_constant},
        {"ConstantOfShape", convert_constant_of_shape},
        {"Conv", convert_conv},
        {"ConvTranspose", convert_conv_transpose},
        {"DequantizeLinear", convert_quantize},
        {"Div", convert_binary},
        {"Dropout", convert_dropout},
        {"Equal", convert_binary},
        {"Erf", convert_unary},
        {"Exp", convert_unary},
        {"Expand", convert_expand},
        {"Flatten", convert_flatten},
        {"Gather", convert_gather},
        {"Gemm", convert_gemm},
        {"GlobalAveragePool", convert_global_pool},
        {"GlobalMaxPool", convert_global_pool},
        {"HardSigmoid", convert_hard_sigmoid},
        {"HardSwish", convert_unary},
        {"Identity", convert_identity},
        {"LayerNormalization", convert_layer_normalization},
        {"LRN", convert_lrn},
        {"MatMul", convert_matmul},
        {"MaxPool", convert_max_pool},
        {"Mul", convert_binary},
        {"Neg", convert_unary},
        {"Pad", convert_pad},
        {"Pow", convert_binary},
        {"QuantizeLinear", convert_quantize},
        {"Reciprocal", convert_unary},
        {"ReduceMean", convert_reduce_mean},
        {"Relu", convert_unary},
        {"Reshape", convert_reshape},
        {"Resize", convert_resize},
        {"Shape", convert_shape},
        {"Sigmoid", convert_unary},
        {"Slice", convert_slice},
        {"Softmax", convert_softmax},
        {"Split", convert_split},
        {"Sqrt", convert_unary},
        {"Squeeze", convert_squeeze},
        {"Sub", convert_binary},
        {"Sum", convert_sum},
        {"Tanh", convert_unary},
        {"Transpose", convert_transpose},
        {"Unsqueeze", convert_unsqueeze},
        {"Where", convert_where},
    };
    return table;
}

}  // namespace lightcard::compiler
