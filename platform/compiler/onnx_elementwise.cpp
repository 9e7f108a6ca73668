// SPDX-License-Identifier: Apache-2.0
/// Operators that work element by element, with broadcasting.
#include <algorithm>
#include <limits>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

namespace {

struct Named {
    const char* name;
    Op op;
};
constexpr Named kUnary[] = {{"Relu", Op::relu},
                            {"Sqrt", Op::sqrt},
                            {"Exp", Op::exp},
                            {"Erf", Op::erf},
                            {"Tanh", Op::tanh},
                            {"Neg", Op::negate},
                            {"Sigmoid", Op::sigmoid},
                            {"HardSwish", Op::hard_swish},
                            {"Reciprocal", Op::reciprocal}};
constexpr Named kBinary[] = {{"Add", Op::add}, {"Sub", Op::sub}, {"Mul", Op::mul},
                             {"Div", Op::div}, {"Pow", Op::pow}, {"Equal", Op::equal}};

template <std::size_t N>
Op find(const Named (&table)[N], const NodeView& view)
{
    for (const Named& entry : table)
        if (view.proto.op_type() == entry.name) return entry.op;
    return Op::identity;
}

/// A limit of Clip: an attribute before opset 11, an input since. Absent: none.
Result<float> clip_limit(const NodeView& view, int input, const char* attribute, float otherwise)
{
    if (view.has_input(input)) return view.reader.scalar(view.input(input));
    return view.attributes.real(attribute, otherwise);
}

/// Before opset 7, `broadcast = 1` aligned the second operand with dimension `axis`, or with the last one.
Result<int> aligned(const NodeView& view, int a, int b)
{
    const auto old = view.attributes.integer("broadcast", 0);
    if (!old) return old.error();
    if (*old == 0 || !view.attributes.has("axis")) return b;
    const std::size_t rank = view.reader.node(a).shape.size();
    const auto axis = axis_of(view, 0, rank);
    if (!axis) return axis.error();
    Node node = start(view, Op::reshape, {b});
    node.name += "/aligned";
    if (*axis + node.shape.size() > rank) return Error{"its second operand does not fit at its axis", "", ""};
    node.shape.resize(rank - *axis, 1);
    auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return view.reader.operand(*value);
}

Result<Value> pair(const NodeView& view, Op op, int a, int b, const std::string& name)
{
    auto shape = broadcast(view.reader.node(a).shape, view.reader.node(b).shape);
    if (!shape) return shape.error();
    const bool mixed = view.reader.node(a).integer != view.reader.node(b).integer;
    if (mixed && op != Op::pow) return Error{"one operand has integer values, the other real ones", "", "a Cast"};
    if ((op == Op::add || op == Op::mul) && view.reader.is_constant(a)) std::swap(a, b);  // constants come second
    Node node = start(view, op, {a, b});
    node.name = name;
    node.shape = std::move(*shape);
    if (op == Op::equal) node.integer = true;
    return view.reader.add(std::move(node));
}

}  // namespace

Result<Value> convert_unary(const NodeView& view)
{
    const Op op = find(kUnary, view);
    const bool on_integers = op == Op::relu || op == Op::negate;
    const auto x = on_integers ? operand(view, 0) : real_operand(view, 0);
    if (!x) return x.error();
    return view.reader.add(start(view, op, {*x}));
}

Result<Value> convert_clip(const NodeView& view)
{
    constexpr float kMost = std::numeric_limits<float>::max();
    const auto x = operand(view, 0);
    const auto low = clip_limit(view, 1, "min", -kMost), high = clip_limit(view, 2, "max", kMost);
    if (!x) return x.error();
    if (!low) return low.error();
    if (!high) return high.error();
    if (!(*low <= *high)) return Error{"its minimum is above its maximum, or not a number", "", ""};
    Node node = start(view, Op::clip, {*x});
    node.clip_min = std::max(*low, -kMost);
    node.clip_max = std::min(*high, kMost);
    return view.reader.add(std::move(node));
}

Result<Value> convert_hard_sigmoid(const NodeView& view)
{
    const auto x = real_operand(view, 0);
    const auto alpha = view.attributes.real("alpha", 0.2f), beta = view.attributes.real("beta", 0.5f);
    if (!x) return x.error();
    if (!alpha) return alpha.error();
    if (!beta) return beta.error();
    Node node = start(view, Op::hard_sigmoid, {*x});
    node.alpha = *alpha;
    node.beta = *beta;
    return view.reader.add(std::move(node));
}

Result<Value> convert_binary(const NodeView& view)
{
    if (view.input_count() != 2) return Error{"it needs two inputs", "", ""};
    const auto a = operand(view, 0), second = operand(view, 1);
    if (!a) return a.error();
    if (!second) return second.error();
    const auto b = aligned(view, *a, *second);
    if (!b) return b.error();
    return pair(view, find(kBinary, view), *a, *b, view.name);
}

/// A chain of pairs.
Result<Value> convert_sum(const NodeView& view)
{
    const int count = view.input_count();
    if (count < 1) return Error{"it needs an input", "", ""};
    if (count == 1) return convert_identity(view);
    auto sum = operand(view, 0);
    for (int i = 1;; ++i) {
        const auto term = operand(view, i);
        if (!sum) return sum.error();
        if (!term) return term.error();
        auto value = pair(view, Op::add, *sum, *term, i + 1 == count ? view.name : view.name + "/" + std::to_string(i));
        if (!value || i + 1 == count) return value;
        sum = view.reader.operand(*value);
    }
}

Result<Value> convert_where(const NodeView& view)
{
    const auto condition = operand(view, 0), a = operand(view, 1), b = operand(view, 2);
    for (const auto* value : {&condition, &a, &b})
        if (!*value) return value->error();
    if (!view.reader.node(*condition).integer) return Error{"its condition is not boolean", "", ""};
    if (view.reader.node(*a).integer != view.reader.node(*b).integer)
        return Error{"one operand has integer values, the other real ones", "", "a Cast"};
    auto shape = broadcast(view.reader.node(*a).shape, view.reader.node(*b).shape);
    if (shape) shape = broadcast(*shape, view.reader.node(*condition).shape);
    if (!shape) return shape.error();
    Node node = start(view, Op::where, {*condition, *a, *b});
    node.integer = view.reader.node(*a).integer;
    node.shape = std::move(*shape);
    return view.reader.add(std::move(node));
}

/// Half precision keeps fp32's digits here. A boolean is what differs from 0.
Result<Value> convert_cast(const NodeView& view)
{
    using onnx::TensorProto;
    const auto x = operand(view, 0);
    const auto to = view.attributes.integer("to", TensorProto::FLOAT);
    if (!x) return x.error();
    if (!to) return to.error();
    Node node = start(view, Op::cast, {*x});
    switch (*to) {
        case TensorProto::FLOAT:
        case TensorProto::DOUBLE:
        case TensorProto::FLOAT16:
        case TensorProto::BFLOAT16:
            node.integer = false;
            return view.reader.add(std::move(node));
        case TensorProto::INT64:
        case TensorProto::INT32:
            node.integer = true;
            return view.reader.add(std::move(node));
        case TensorProto::BOOL:
            break;
        default:
            return Error{"a cast to data type " + std::to_string(*to), "",
                         "FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT64, INT32, BOOL"};
    }
    for (const bool integers : {node.integer, true}) {  // not (x == 0), that is (x == 0) == 0
        Tensor zero;
        zero.integer = integers;
        if (integers)
            zero.ints = {0};
        else
            zero.real = {0.0f};
        const auto none = view.reader.add_constant(std::move(zero));
        if (!none) return none.error();
        node.op = Op::equal;
        node.inputs = {node.inputs[0], none->node};
        node.integer = true;
        auto value = view.reader.add(node);
        if (!value) return value;
        const auto at = view.reader.operand(*value);
        if (!at) return at.error();
        node.inputs = {*at};
    }
    Value value;
    value.kind = view.reader.is_constant(node.inputs[0]) ? Value::Kind::constant : Value::Kind::activation;
    value.node = node.inputs[0];
    value.shape = node.shape;
    if (value.kind == Value::Kind::constant) {
        const Node& result = view.reader.node(value.node);
        value.constant = std::make_shared<const Tensor>(Tensor{result.shape, true, {}, result.ints});
    }
    return value;
}

/// QuantizeLinear and DequantizeLinear, per tensor or per axis.
Result<Value> convert_quantize(const NodeView& view)
{
    const bool forward = view.proto.op_type() == "QuantizeLinear";
    const auto x = operand(view, 0), scale = real_operand(view, 1);
    if (!x) return x.error();
    if (!scale) return scale.error();
    if (forward && view.reader.node(*x).integer) return Error{"it quantises integers", "", ""};
    Node node = start(view, forward ? Op::quantize_linear : Op::dequantize_linear, {*x, *scale});
    node.integer = forward;
    Narrow range = Narrow::u8;
    if (view.has_input(2)) {
        const auto zero = operand(view, 2);
        if (!zero) return zero.error();
        if (!is_constant(view, 2) || !view.reader.node(*zero).integer ||
            view.reader.node(*zero).shape != view.reader.node(*scale).shape)
            return Error{"its zero point does not fit its scale", "", "a constant of the same shape"};
        node.inputs.push_back(*zero);
        range = (*view.reader.constant(view.input(2)))->narrow;
        if (forward && range == Narrow::none) return Error{"its zero point is not 8 bit", "", "int8 or uint8"};
    }
    const std::int64_t steps = element_count(view.reader.node(*scale).shape);
    node.axis = 0;
    if (steps != 1) {
        const auto axis = axis_of(view, 1, node.shape.size());
        if (!axis) return axis.error();
        if (node.shape[*axis] != steps)
            return Error{"it has " + std::to_string(steps) + " scales for " + std::to_string(node.shape[*axis]) +
                             " positions of its axis",
                         "", ""};
        node.axis = static_cast<int>(*axis);
    }
    node.clip_min = range == Narrow::u8 ? 0 : -128;
    node.clip_max = range == Narrow::u8 ? 255 : 127;
    return view.reader.add(std::move(node));
}

}  // namespace lightcard::compiler
