// SPDX-License-Identifier: Apache-2.0
/// Operators that move values and compute none.
#include <algorithm>
#include <cstdlib>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

namespace {

constexpr std::int64_t kMaxPad = 32767;

/// The same values under another shape.
Result<Value> with_shape(const NodeView& view, Op op, int x, Shape shape)
{
    Node node = start(view, op, {x});
    node.shape = std::move(shape);
    return view.reader.add(std::move(node));
}

/// 0 copies a dimension, -1 is what remains, and the batch that the file was exported for is 1.
Result<Shape> resolve_reshape(Shape target, const Shape& from, std::int64_t batch, bool allow_zero)
{
    int open = -1;
    std::int64_t known = 1;
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (i == 0 && batch > 1 && target[0] == batch && !from.empty() && from[0] == 1) target[0] = 1;
        if (target[i] == 0 && !allow_zero) {
            if (i >= from.size()) return Error{"shape has a 0 where the input has no dimension", "", ""};
            target[i] = from[i];
        }
        if (target[i] == -1 && open < 0) {
            open = static_cast<int>(i);
            continue;
        }
        if (target[i] < 0 || __builtin_mul_overflow(known, target[i], &known))
            return Error{"shape " + describe(target) + " is not valid", "", ""};
    }
    const std::int64_t count = element_count(from);
    if (open >= 0 && known > 0 && count % known == 0) {
        target[static_cast<std::size_t>(open)] = count / known;
        known = count;
    }
    if (known != count || (open >= 0 && target[static_cast<std::size_t>(open)] < 0))
        return Error{"cannot reshape " + describe(from) + " to " + describe(target), "", ""};
    return target;
}

Node slice_node(const NodeView& view, int x)
{
    Node node = start(view, Op::slice, {x});
    node.starts.assign(node.shape.size(), 0);
    node.steps.assign(node.shape.size(), 1);
    return node;
}

/// One axis of a Slice: ONNX clamps starts and ends to the dimension.
Status slice_axis(Node& node, std::size_t axis, std::int64_t start, std::int64_t end, std::int64_t step)
{
    if (step == 0) return Error{"a step of 0", "", ""};
    const std::int64_t size = node.shape[axis];
    const auto clamp = [&](std::int64_t at) {
        if (at < 0) at = at < -size ? -1 : at + size;
        return step > 0 ? std::clamp<std::int64_t>(at, 0, size) : std::clamp<std::int64_t>(at, -1, size - 1);
    };
    const std::int64_t from = clamp(start), to = clamp(end);
    const std::int64_t span = step > 0 ? to - from : from - to;
    const std::int64_t pitch = std::abs(std::clamp(step, -size - 1, size + 1));
    node.starts[axis] = std::clamp<std::int64_t>(from, 0, std::max<std::int64_t>(0, size - 1));
    node.steps[axis] = step > 0 ? pitch : -pitch;
    node.shape[axis] = span <= 0 ? 0 : (span + pitch - 1) / pitch;
    return {};
}

/// Lengths of the parts of a Split.
Result<std::vector<std::int64_t>> split_sizes(const NodeView& view, std::int64_t size)
{
    const auto stated = list_of(view, 1, "split");
    if (!stated) return stated.error();
    const auto parts = static_cast<std::int64_t>(view.proto.output_size());
    std::vector<std::int64_t> sizes = *stated;
    if (sizes.empty()) {
        const std::int64_t each = (size + parts - 1) / parts;
        for (std::int64_t i = 0; i < parts; ++i) sizes.push_back(std::clamp<std::int64_t>(size - i * each, 0, each));
    }
    std::int64_t sum = 0;
    for (std::int64_t part : sizes) {
        if (part < 0 || part > size) return Error{"a part of " + std::to_string(part) + " positions", "", ""};
        sum += part;
    }
    if (sum != size || static_cast<std::int64_t>(sizes.size()) != parts)
        return Error{"its parts do not add up to its dimension of " + std::to_string(size), "", ""};
    return sizes;
}

Result<PadMode> pad_mode(const NodeView& view)
{
    const auto mode = view.attributes.text("mode", "constant");
    if (!mode) return mode.error();
    if (*mode == "constant") return PadMode::constant;
    if (*mode == "reflect") return PadMode::reflect;
    if (*mode == "edge") return PadMode::edge;
    return Error{"mode '" + printable(*mode) + "' is not known", "", "constant, reflect, edge"};
}

}  // namespace

Result<Value> convert_flatten(const NodeView& view)
{
    const auto x = operand(view, 0);
    if (!x) return x.error();
    const Shape shape = view.reader.node(*x).shape;
    const auto axis = axis_of(view, 1, shape.size(), true);
    if (!axis) return axis.error();
    const auto middle = shape.begin() + static_cast<std::ptrdiff_t>(*axis);
    return with_shape(view, Op::flatten, *x,
                      {element_count(Shape(shape.begin(), middle)), element_count(Shape(middle, shape.end()))});
}

Result<Value> convert_reshape(const NodeView& view)
{
    const auto x = operand(view, 0);
    const auto target = list_of(view, 1, "shape");
    const auto allow_zero = view.attributes.integer("allowzero", 0);
    if (!x) return x.error();
    if (!target) return Error{"its target shape is not constant", "", "a shape that follows from --dim"};
    if (!allow_zero) return allow_zero.error();
    if (target->size() > kMaxRank) return Error{"its target shape has too many dimensions", "", "at most 8"};
    const auto shape =
        resolve_reshape(*target, view.reader.node(*x).shape, view.reader.fixed_batch(), *allow_zero != 0);
    if (!shape) return shape.error();
    return with_shape(view, Op::reshape, *x, *shape);
}

Result<Value> convert_squeeze(const NodeView& view)
{
    const auto x = operand(view, 0);
    const auto axes = list_of(view, 1, "axes");
    if (!x) return x.error();
    if (!axes) return axes.error();
    const Shape from = view.reader.node(*x).shape;
    const bool activation = !is_constant(view, 0) && view.reader.options().bind_batch;
    std::vector<bool> drop(from.size(), false);
    for (std::int64_t axis : *axes) {
        const auto at = wrap_axis(axis, from.size());
        if (!at || from[*at] != 1)
            return Error{"axis " + std::to_string(axis) + " cannot be squeezed", "", "axes of size 1"};
        drop[*at] = true;
    }
    Shape shape;
    for (std::size_t i = 0; i < from.size(); ++i) {
        const bool all = axes->empty() && from[i] == 1 && !(activation && i == 0);
        if (!drop[i] && !all) shape.push_back(from[i]);
    }
    return with_shape(view, Op::reshape, *x, shape);
}

Result<Value> convert_unsqueeze(const NodeView& view)
{
    const auto x = operand(view, 0);
    const auto axes = list_of(view, 1, "axes");
    if (!x) return x.error();
    if (!axes) return axes.error();
    const Shape from = view.reader.node(*x).shape;
    const std::size_t rank = from.size() + axes->size();
    if (axes->empty() || rank > kMaxRank) return Error{"its axes are not valid", "", ""};
    std::vector<bool> insert(rank, false);
    for (std::int64_t axis : *axes) {
        const auto at = wrap_axis(axis, rank);
        if (!at || insert[*at]) return Error{"axis " + std::to_string(axis) + " is not valid", "", ""};
        insert[*at] = true;
    }
    Shape shape;
    std::size_t next = 0;
    for (bool one : insert) shape.push_back(one ? 1 : from[next++]);
    return with_shape(view, Op::reshape, *x, shape);
}

Result<Value> convert_transpose(const NodeView& view)
{
    const auto x = operand(view, 0);
    if (!x) return x.error();
    Node node = start(view, Op::transpose, {*x});
    const Shape from = node.shape;
    std::vector<std::int64_t> reversed;
    for (std::size_t d = from.size(); d-- > 0;) reversed.push_back(static_cast<std::int64_t>(d));
    const auto perm = view.attributes.integers("perm", reversed);
    if (!perm) return perm.error();
    std::vector<std::int64_t> sorted = *perm;
    std::sort(sorted.rbegin(), sorted.rend());
    if (sorted != reversed) return Error{"perm is no permutation of its input's dimensions", "", ""};
    node.axes = *perm;
    for (std::size_t d = 0; d < from.size(); ++d) node.shape[d] = from[static_cast<std::size_t>(node.axes[d])];
    return view.reader.add(std::move(node));
}

Result<Value> convert_concat(const NodeView& view)
{
    std::vector<int> inputs;
    for (int i = 0; i < view.input_count(); ++i) {
        const auto x = operand(view, i);
        if (!x) return x.error();
        inputs.push_back(*x);
    }
    if (inputs.empty()) return Error{"it has no input", "", ""};
    Node node = start(view, Op::concat, inputs);
    const auto axis = axis_of(view, node.shape.size() == 1 ? 0 : 1, node.shape.size());
    if (!axis) return axis.error();
    node.axis = static_cast<int>(*axis);
    std::int64_t sum = 0;
    for (int input : inputs) {
        Shape shape = view.reader.node(input).shape;
        if (shape.size() != node.shape.size() || view.reader.node(input).integer != node.integer)
            return Error{"its inputs differ in rank or type", "", ""};
        if (__builtin_add_overflow(sum, shape[*axis], &sum)) return Error{"its output is too large", "", ""};
        shape[*axis] = node.shape[*axis];
        if (shape != node.shape)
            return Error{"its inputs differ in a dimension other than " + std::to_string(*axis), "", ""};
    }
    node.shape[*axis] = sum;
    return view.reader.add(std::move(node));
}

Result<Value> convert_slice(const NodeView& view)
{
    const auto x = operand(view, 0);
    const auto starts = list_of(view, 1, "starts"), ends = list_of(view, 2, "ends");
    const auto axes = list_of(view, 3, "axes"), steps = list_of(view, 4, "steps");
    if (!x) return x.error();
    for (const auto* list : {&starts, &ends, &axes, &steps})
        if (!*list) return list->error();
    Node node = slice_node(view, *x);
    const std::size_t count = starts->size();
    if (ends->size() != count || (!axes->empty() && axes->size() != count) ||
        (!steps->empty() && steps->size() != count) || count > node.shape.size())
        return Error{"starts, ends, axes and steps differ in length", "", ""};
    std::vector<bool> seen(node.shape.size(), false);
    for (std::size_t i = 0; i < count; ++i) {
        const auto axis = wrap_axis(axes->empty() ? static_cast<std::int64_t>(i) : (*axes)[i], node.shape.size());
        if (!axis) return axis.error();
        if (seen[*axis]) return Error{"an axis is sliced twice", "", ""};
        seen[*axis] = true;
        const Status good = slice_axis(node, *axis, (*starts)[i], (*ends)[i], steps->empty() ? 1 : (*steps)[i]);
        if (!good) return good.error();
    }
    return view.reader.add(std::move(node));
}

Result<Value> convert_split(const NodeView& view)
{
    const auto x = operand(view, 0);
    if (!x) return x.error();
    const Shape from = view.reader.node(*x).shape;
    const auto axis = axis_of(view, 0, from.size());
    if (!axis) return axis.error();
    const auto sizes = split_sizes(view, from[*axis]);
    if (!sizes) return sizes.error();
    std::int64_t at = 0;
    Result<Value> first = Error{"it has no output", "", ""};
    for (std::size_t i = 0; i < sizes->size(); ++i) {
        Node node = slice_node(view, *x);
        if (sizes->size() > 1) node.name += "/" + std::to_string(i);
        node.starts[*axis] = at;
        node.shape[*axis] = (*sizes)[i];
        at += (*sizes)[i];
        auto part = view.reader.add(std::move(node));
        if (!part) return part;
        if (i == 0)
            first = std::move(part);
        else
            view.set_output(static_cast<int>(i), std::move(*part));
    }
    return first;
}

Result<Value> convert_expand(const NodeView& view)
{
    const auto x = operand(view, 0);
    const auto target = list_of(view, 1, "shape");
    if (!x) return x.error();
    if (!target) return target.error();
    if (target->size() > kMaxRank) return Error{"its target shape has too many dimensions", "", "at most 8"};
    for (std::int64_t dim : *target)
        if (dim < 0) return Error{"shape " + describe(*target) + " is not valid", "", ""};
    Node node = start(view, Op::expand, {*x});
    auto shape = broadcast(node.shape, *target);
    if (!shape) return shape.error();
    node.shape = std::move(*shape);
    return view.reader.add(std::move(node));
}

Result<Value> convert_gather(const NodeView& view)
{
    const auto data = operand(view, 0), indices = operand(view, 1);
    if (!data) return data.error();
    if (!indices) return indices.error();
    if (!view.reader.node(*indices).integer) return Error{"its indices are no integers", "", ""};
    Node node = start(view, Op::gather, {*data, *indices});
    const auto axis = axis_of(view, 0, node.shape.size());
    if (!axis) return axis.error();
    node.axis = static_cast<int>(*axis);
    const Shape& places = view.reader.node(*indices).shape;
    const auto at = node.shape.begin() + static_cast<std::ptrdiff_t>(*axis);
    node.shape.insert(node.shape.erase(at), places.begin(), places.end());
    if (node.shape.size() > kMaxRank) return Error{"its output has too many dimensions", "", "at most 8"};
    return view.reader.add(std::move(node));
}

Result<Value> convert_pad(const NodeView& view)
{
    const auto x = operand(view, 0);
    const auto mode = pad_mode(view);
    const auto pads = list_of(view, 1, "pads"), axes = list_of(view, 3, "axes");
    const auto value = view.has_input(2) ? view.reader.scalar(view.input(2)) : view.attributes.real("value", 0);
    if (!x) return x.error();
    if (!mode) return mode.error();
    if (!pads) return pads.error();
    if (!axes) return axes.error();
    if (!value) return value.error();
    Node node = start(view, Op::pad, {*x});
    const std::size_t rank = node.shape.size(), listed = view.has_input(3) ? axes->size() : rank;
    if (pads->size() != 2 * listed) return Error{"its pads do not fit its input", "", ""};
    node.pad_mode = *mode;
    node.pad_value = *value;
    node.pads.assign(2 * rank, 0);
    for (std::size_t i = 0; i < pads->size(); ++i) {
        const std::int64_t pad = (*pads)[i];
        const auto dim =
            wrap_axis(view.has_input(3) ? (*axes)[i % listed] : static_cast<std::int64_t>(i % listed), rank);
        if (!dim) return dim.error();
        if (pad < -kMaxPad || pad > kMaxPad)
            return Error{"pads " + std::to_string(pad) + " of dimension " + std::to_string(*dim), "",
                         "at most " + std::to_string(kMaxPad)};
        node.pads[*dim + (i < listed ? 0 : rank)] = static_cast<int>(pad);
        node.shape[*dim] += pad;
        if (node.shape[*dim] < 0) return Error{"it crops more than there is", "", ""};
    }
    return view.reader.add(std::move(node));
}

}  // namespace lightcard::compiler
