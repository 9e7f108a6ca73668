// SPDX-License-Identifier: Apache-2.0
/// Operators on constants and shapes: what exporters write around a Reshape. Also those that only rename or reshape.
#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

namespace {

Error need_input(int i)
{
    return Error{"input " + std::to_string(i) + " is missing", "", ""};
}

std::int64_t wrap(std::int64_t axis, std::int64_t rank)
{
    return axis < 0 ? axis + rank : axis;
}

/// The same values under another shape: a constant, or a reshape node.
Result<Value> with_shape(const NodeView& view, Op op, Shape shape)
{
    Value& x = view.input(0);
    if (x.kind == Value::Kind::constant) {
        const auto constant = view.reader.constant(x);
        if (!constant) return constant.error();
        Constant copy = **constant;
        copy.shape = std::move(shape);
        return view.reader.constant_value(std::move(copy));
    }
    Node node;
    node.op = op;
    node.name = view.name;
    node.inputs = {x.node};
    node.shape = std::move(shape);
    return view.reader.add(std::move(node));
}

Result<Shape> shape_of(const NodeView& view, int i)
{
    Value& x = view.input(i);
    if (x.kind != Value::Kind::constant) return x.shape;
    const auto constant = view.reader.constant(x);
    if (!constant) return constant.error();
    return (*constant)->shape;
}

/// Axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since.
Result<std::vector<std::int64_t>> axes_of(const NodeView& view)
{
    if (view.has_input(1)) return view.reader.integers(view.input(1));
    return view.attributes.integers("axes");
}

/// 0 copies a dimension, -1 is what remains, and the batch that the file was exported for is 1.
Result<Shape> resolve_reshape(Shape target, const Shape& from, std::int64_t batch, bool allow_zero)
{
    int open = -1;
    std::int64_t known = 1;
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (i == 0 && batch > 1 && target[0] == batch && from[0] == 1) target[0] = 1;
        if (target[i] == 0 && !allow_zero) {
            if (i >= from.size()) return Error{"shape has a 0 where the input has no dimension", "", ""};
            target[i] = from[i];
        }
        if (target[i] == -1 && open < 0) {
            open = static_cast<int>(i);
            continue;
        }
        if (target[i] < 1 || __builtin_mul_overflow(known, target[i], &known))
            return Error{"shape " + describe(target) + " is not valid", "", ""};
    }
    const std::int64_t count = element_count(from);
    if (open >= 0 && count % known == 0) {
        target[static_cast<std::size_t>(open)] = count / known;
        known = count;
    }
    if (known != count || open > static_cast<int>(target.size()))
        return Error{"cannot reshape " + describe(from) + " to " + describe(target), "", ""};
    return target;
}

Result<Value> replicate_input(const NodeView& view, Op op)
{
    if (!view.has_input(0)) return need_input(0);
    const auto shape = shape_of(view, 0);
    if (!shape) return shape.error();
    return with_shape(view, op, *shape);
}

}  // namespace

Result<Value> convert_identity(const NodeView& view)
{
    return replicate_input(view, Op::identity);
}

Result<Value> convert_cast(const NodeView& view)
{
    if (!view.has_input(0)) return need_input(0);
    if (view.input(0).kind != Value::Kind::constant) return Error{"only constants can be cast", "", ""};
    const auto to = view.attributes.integer("to", onnx::TensorProto::INT64);
    if (!to) return to.error();
    const auto constant = view.reader.constant(view.input(0));
    if (!constant) return constant.error();
    Constant copy = **constant;
    const bool integer = *to == onnx::TensorProto::INT64 || *to == onnx::TensorProto::INT32;
    if (!integer && *to != onnx::TensorProto::FLOAT) return Error{"only casts to INT64, INT32 and FLOAT", "", ""};
    if (integer && !copy.integer) return Error{"only integers can be cast to integers", "", ""};
    if (!integer && copy.integer) {
        copy.real.assign(copy.ints.begin(), copy.ints.end());
        copy.ints.clear();
    }
    copy.integer = integer;
    return view.reader.constant_value(std::move(copy));
}

Result<Value> convert_constant(const NodeView& view)
{
    Value value;
    value.kind = Value::Kind::constant;
    value.initializer = view.attributes.tensor("value");
    if (value.initializer) return value;
    Constant constant;
    if (view.attributes.has("value_float")) {
        const auto number = view.attributes.real("value_float", 0);
        if (!number) return number.error();
        constant.real = {*number};
        return view.reader.constant_value(std::move(constant));
    }
    constant.integer = true;
    const bool list = view.attributes.has("value_ints");
    if (!list && !view.attributes.has("value_int"))
        return Error{"it has no usable value", "", "attribute value, value_float, value_int or value_ints"};
    const auto numbers = view.attributes.integers("value_ints");
    const auto number = view.attributes.integer("value_int", 0);
    if (!numbers) return numbers.error();
    if (!number) return number.error();
    constant.ints = list ? *numbers : std::vector<std::int64_t>{*number};
    if (list) constant.shape = {static_cast<std::int64_t>(constant.ints.size())};
    return view.reader.constant_value(std::move(constant));
}

Result<Value> convert_constant_of_shape(const NodeView& view)
{
    if (!view.has_input(0)) return need_input(0);
    const auto shape = view.reader.integers(view.input(0));
    if (!shape) return shape.error();
    const auto count = checked_count(*shape, view.reader.options().max_tensor_elements);
    if (!count) return count.error();
    Constant fill;
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
    if (!view.has_input(0)) return need_input(0);
    const auto shape = shape_of(view, 0);
    if (!shape) return shape.error();
    const auto rank = static_cast<std::int64_t>(shape->size());
    const auto start = view.attributes.integer("start", 0), end = view.attributes.integer("end", rank);
    if (!start) return start.error();
    if (!end) return end.error();
    const std::int64_t from = wrap(*start, rank), to = wrap(*end, rank);
    if (from < 0 || to > rank || from > to) return Error{"start and end are not valid", "", ""};
    Constant constant;
    constant.integer = true;
    constant.ints.assign(shape->begin() + from, shape->begin() + to);
    constant.shape = {to - from};
    return view.reader.constant_value(std::move(constant));
}

Result<Value> convert_gather(const NodeView& view)
{
    if (!view.has_input(0) || !view.has_input(1)) return need_input(view.has_input(0) ? 1 : 0);
    const auto data = view.reader.integers(view.input(0));
    const auto indices = view.reader.constant(view.input(1));
    if (!data) return data.error();
    if (!indices) return indices.error();
    if (!(*indices)->integer || (*indices)->shape.size() > 1)
        return Error{"indices must be a list of integers", "", ""};
    Constant constant;
    constant.integer = true;
    constant.shape = (*indices)->shape;
    const auto size = static_cast<std::int64_t>(data->size());
    for (std::int64_t i : (*indices)->ints) {
        const std::int64_t at = wrap(i, size);
        if (at < 0 || at >= size) return Error{"index " + std::to_string(i) + " is outside the shape", "", ""};
        constant.ints.push_back((*data)[static_cast<std::size_t>(at)]);
    }
    return view.reader.constant_value(std::move(constant));
}

Result<Value> convert_concat(const NodeView& view)
{
    Constant constant;
    constant.integer = true;
    for (int i = 0; i < view.proto.input_size(); ++i) {
        if (!view.has_input(i)) return need_input(i);
        if (view.input(i).kind != Value::Kind::constant)
            return Error{"concatenation of activations is not supported", "", "constant shapes only"};
        const auto part = view.reader.integers(view.input(i));
        if (!part) return part.error();
        constant.ints.insert(constant.ints.end(), part->begin(), part->end());
    }
    constant.shape = {static_cast<std::int64_t>(constant.ints.size())};
    return view.reader.constant_value(std::move(constant));
}

Result<Value> convert_transpose(const NodeView& view)
{
    if (!view.has_input(0)) return need_input(0);
    if (view.input(0).kind != Value::Kind::constant) return Error{"only constant matrices can be transposed", "", ""};
    const auto constant = view.reader.constant(view.input(0));
    if (!constant) return constant.error();
    const Constant& c = **constant;
    const auto perm = view.attributes.integers("perm", {1, 0});
    if (!perm) return perm.error();
    if (c.integer || c.shape.size() != 2 || *perm != std::vector<std::int64_t>{1, 0})
        return Error{"only constant matrices can be transposed", "", "perm [1, 0]"};
    Constant out;
    out.shape = {c.shape[1], c.shape[0]};
    out.real.resize(c.real.size());
    const auto rows = static_cast<std::size_t>(c.shape[0]), cols = static_cast<std::size_t>(c.shape[1]);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t k = 0; k < cols; ++k) out.real[k * rows + r] = c.real[r * cols + k];
    return view.reader.constant_value(std::move(out));
}

Result<Value> convert_flatten(const NodeView& view)
{
    if (!view.has_input(0)) return need_input(0);
    const auto shape = shape_of(view, 0);
    const auto axis = view.attributes.integer("axis", 1);
    if (!shape) return shape.error();
    if (!axis) return axis.error();
    const auto rank = static_cast<std::int64_t>(shape->size());
    const std::int64_t split = wrap(*axis, rank);
    if (split < 0 || split > rank) return Error{"axis " + std::to_string(*axis) + " is outside the shape", "", ""};
    const Shape head(shape->begin(), shape->begin() + split), tail(shape->begin() + split, shape->end());
    return with_shape(view, Op::flatten, {element_count(head), element_count(tail)});
}

Result<Value> convert_reshape(const NodeView& view)
{
    if (!view.has_input(0)) return need_input(0);
    const auto from = shape_of(view, 0);
    if (!from) return from.error();
    const auto target = view.has_input(1) ? view.reader.integers(view.input(1)) : view.attributes.integers("shape");
    if (!target) return Error{"its target shape is not constant: " + target.error().what, "", ""};
    if (target->empty() || target->size() > 8) return Error{"its target shape must have 1 to 8 dimensions", "", ""};
    const auto allow_zero = view.attributes.integer("allowzero", 0);
    if (!allow_zero) return allow_zero.error();
    if (from->empty()) return Error{"a scalar cannot be reshaped", "", ""};
    const auto shape = resolve_reshape(*target, *from, view.reader.fixed_batch(), *allow_zero != 0);
    if (!shape) return shape.error();
    return with_shape(view, Op::reshape, *shape);
}

Result<Value> convert_squeeze(const NodeView& view)
{
    if (!view.has_input(0)) return need_input(0);
    const auto from = shape_of(view, 0);
    const auto axes = axes_of(view);
    if (!from) return from.error();
    if (!axes) return axes.error();
    const auto rank = static_cast<std::int64_t>(from->size());
    const bool activation = view.input(0).kind == Value::Kind::activation;
    std::vector<bool> drop(from->size(), false);
    for (std::int64_t axis : *axes) {
        const std::int64_t at = wrap(axis, rank);
        if (at < 0 || at >= rank || (*from)[static_cast<std::size_t>(at)] != 1 || (activation && at == 0))
            return Error{"axis " + std::to_string(axis) + " cannot be squeezed", "", "axes of size 1, not the batch"};
        drop[static_cast<std::size_t>(at)] = true;
    }
    Shape shape;
    for (std::size_t i = 0; i < from->size(); ++i) {
        const bool all = axes->empty() && (*from)[i] == 1 && !(activation && i == 0);
        if (!drop[i] && !all) shape.push_back((*from)[i]);
    }
    return with_shape(view, Op::reshape, shape);
}

Result<Value> convert_unsqueeze(const NodeView& view)
{
    if (!view.has_input(0)) return need_input(0);
    const auto from = shape_of(view, 0);
    const auto axes = axes_of(view);
    if (!from) return from.error();
    if (!axes) return axes.error();
    const auto rank = static_cast<std::int64_t>(from->size() + axes->size());
    if (axes->empty() || rank > 8) return Error{"its axes are not valid", "", ""};
    std::vector<bool> insert(static_cast<std::size_t>(rank), false);
    for (std::int64_t axis : *axes) {
        const std::int64_t at = wrap(axis, rank);
        if (at < 0 || at >= rank || insert[static_cast<std::size_t>(at)])
            return Error{"axis " + std::to_string(axis) + " is not valid", "", ""};
        insert[static_cast<std::size_t>(at)] = true;
    }
    Shape shape;
    std::size_t next = 0;
    for (bool one : insert) shape.push_back(one ? 1 : (*from)[next++]);
    return with_shape(view, Op::reshape, shape);
}

}  // namespace lightcard::compiler
