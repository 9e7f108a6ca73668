// SPDX-License-Identifier: Apache-2.0
/// Constants, shapes as constants, and what passes its input on.
#include <algorithm>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

namespace {

/// Of the attributes that hold several values: nothing if none of them is there.
Result<Tensor> listed_constant(const NodeView& view)
{
    Tensor constant;
    if (view.attributes.has("value_floats")) {
        const auto numbers = view.attributes.reals("value_floats");
        if (!numbers) return numbers.error();
        constant.real = *numbers;
        constant.shape = {static_cast<std::int64_t>(numbers->size())};
        return constant;
    }
    const auto numbers = view.attributes.integers("value_ints");
    if (!numbers) return numbers.error();
    constant.integer = true;
    constant.ints = *numbers;
    constant.shape = {static_cast<std::int64_t>(numbers->size())};
    return constant;
}

}  // namespace

Result<Value> convert_identity(const NodeView& view)
{
    const auto x = operand(view, 0);
    if (!x) return x.error();
    if (view.proto.op_type() == "Identity" && is_constant(view, 0)) return view.input(0);
    return view.reader.add(start(view, Op::identity, {*x}));
}

/// Inference passes everything on; so does training with ratio 0.
Result<Value> convert_dropout(const NodeView& view)
{
    const auto ratio = view.has_input(1) ? view.reader.scalar(view.input(1)) : view.attributes.real("ratio", 0.5f);
    const auto training = view.has_input(2) ? view.reader.scalar(view.input(2)) : Result<float>(0.0f);
    if (!ratio) return ratio.error();
    if (!training) return training.error();
    if (*training != 0.0f && *ratio != 0.0f)
        return Error{"it is in training mode", "", "export the model for inference"};
    auto value = convert_identity(view);
    if (!value || !view.wants_output(1)) return value;
    Tensor mask;
    mask.integer = true;
    mask.shape = value->shape;
    const auto count = checked_count(mask.shape, view.reader.options().max_tensor_elements);
    if (!count) return count.error();
    mask.ints.assign(static_cast<std::size_t>(*count), 1);
    auto ones = view.reader.constant_value(std::move(mask));
    if (!ones) return ones;
    view.set_output(1, std::move(*ones));
    return value;
}

Result<Value> convert_constant(const NodeView& view)
{
    Value value;
    value.kind = Value::Kind::constant;
    value.initializer = view.attributes.tensor("value");
    if (value.initializer) return value;
    Tensor constant;
    if (view.attributes.has("value_float")) {
        const auto number = view.attributes.real("value_float", 0);
        if (!number) return number.error();
        constant.real = {*number};
        return view.reader.constant_value(std::move(constant));
    }
    if (view.attributes.has("value_int")) {
        const auto number = view.attributes.integer("value_int", 0);
        if (!number) return number.error();
        constant.integer = true;
        constant.ints = {*number};
        return view.reader.constant_value(std::move(constant));
    }
    if (!view.attributes.has("value_ints") && !view.attributes.has("value_floats"))
        return Error{"it has no usable value", "",
                     "attribute value, value_float, value_floats, value_int or value_ints"};
    auto list = listed_constant(view);
    if (!list) return list.error();
    return view.reader.constant_value(std::move(*list));
}

Result<Value> convert_constant_of_shape(const NodeView& view)
{
    if (!view.has_input(0)) return Error{"input 0 is missing", "", ""};
    const auto shape = view.reader.integers(view.input(0));
    if (!shape) return shape.error();
    if (shape->size() > kMaxRank) return Error{"its shape has too many dimensions", "", "at most 8"};
    const auto count = checked_count(*shape, view.reader.options().max_tensor_elements);
    if (!count) return count.error();
    Tensor fill;
    fill.real = {0.0f};
    if (const auto* tensor = view.attributes.tensor("value")) {
        auto decoded = decode_tensor(*tensor, 1);
        if (!decoded) return decoded.error();
        fill = std::move(*decoded);
    }
    if (fill.real.size() + fill.ints.size() != 1) return Error{"attribute 'value' must have one element", "", ""};
    const auto n = static_cast<std::size_t>(*count);
    if (fill.integer)
        fill.ints.assign(n, std::int64_t{fill.ints[0]});
    else
        fill.real.assign(n, float{fill.real[0]});
    fill.shape = *shape;
    return view.reader.constant_value(std::move(fill));
}

Result<Value> convert_shape(const NodeView& view)
{
    const auto x = operand(view, 0);
    if (!x) return x.error();
    const Shape& shape = view.reader.node(*x).shape;
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto start = view.attributes.integer("start", 0), end = view.attributes.integer("end", rank);
    if (!start) return start.error();
    if (!end) return end.error();
    const auto clamp = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
    const std::int64_t from = clamp(*start), to = std::max(from, clamp(*end));
    Tensor constant;
    constant.integer = true;
    constant.ints.assign(shape.begin() + from, shape.begin() + to);
    constant.shape = {to - from};
    return view.reader.constant_value(std::move(constant));
}

}  // namespace lightcard::compiler
