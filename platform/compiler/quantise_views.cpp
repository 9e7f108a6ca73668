// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/compiler/quantiser.h"

namespace lightcard::compiler::quantising {

namespace {

const std::vector<std::size_t> kNhwc{0, 2, 3, 1};

/// True if elements follow each other in memory without a gap, in this order of dimensions.
bool is_dense(const View& view)
{
    std::int64_t expected = 1;
    for (std::size_t d = view.shape.size(); d-- > 0;) {
        if (view.shape[d] != 1 && view.strides[d] != expected) return false;
        expected *= view.shape[d];
    }
    return true;
}

bool descends(const View& view, const std::vector<std::size_t>& order)
{
    std::int64_t last = std::numeric_limits<std::int64_t>::max();
    for (const std::size_t d : order) {
        if (view.shape[d] == 1) continue;
        if (view.strides[d] > last || view.strides[d] == 0) return false;
        last = view.strides[d];
    }
    return true;
}

/// Without dimensions of one element; neighbours that walk on as one dimension are one.
View merged(const View& view)
{
    View out = view;
    out.shape.clear();
    out.strides.clear();
    for (std::size_t d = 0; d < view.shape.size(); ++d) {
        if (view.shape[d] == 1) continue;
        if (!out.shape.empty() && out.strides.back() == view.strides[d] * view.shape[d]) {
            out.shape.back() *= view.shape[d];
            out.strides.back() = view.strides[d];
        } else {
            out.shape.push_back(view.shape[d]);
            out.strides.push_back(view.strides[d]);
        }
    }
    return out;
}

/// Strides that `to` has over the same elements, if it needs no move.
std::optional<Shape> strides_of(const View& from, const Shape& to)
{
    Shape sizes, steps;
    for (std::size_t d = 0; d < from.shape.size(); ++d) {
        if (from.shape[d] == 1) continue;
        sizes.push_back(from.shape[d]);
        steps.push_back(from.strides[d]);
    }
    Shape strides(to.size(), 0);
    std::size_t old = 0, next = 0;
    while (old < sizes.size() && next < to.size()) {
        // The smallest groups of old and new dimensions that hold equally many elements.
        std::size_t old_end = old + 1, next_end = next + 1;
        std::int64_t have = sizes[old], want = to[next];
        while (have != want) {
            if (have < want) {
                if (old_end == sizes.size()) return std::nullopt;
                have *= sizes[old_end++];
            } else {
                if (next_end == to.size()) return std::nullopt;
                want *= to[next_end++];
            }
        }
        for (std::size_t d = old; d + 1 < old_end; ++d)
            if (steps[d] != steps[d + 1] * sizes[d + 1]) return std::nullopt;
        std::int64_t step = steps[old_end - 1];
        for (std::size_t d = next_end; d-- > next;) {
            strides[d] = step;
            step *= to[d];
        }
        old = old_end;
        next = next_end;
    }
    return strides;
}

}  // namespace

Shape Quantiser::row_major(const Shape& shape)
{
    Shape strides(shape.size(), 1);
    for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
    return strides;
}

Quantiser::Order Quantiser::identity_order(std::size_t rank)
{
    Order order(rank);
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
}

View Quantiser::permuted(const View& view, const Order& order)
{
    View out = view;
    for (std::size_t d = 0; d < order.size(); ++d) {
        out.shape[d] = view.shape[order[d]];
        out.strides[d] = view.strides[order[d]];
    }
    return out;
}

/// An image has H, W, C; [1, n] is n channels; of any other the last dimension is.
void Quantiser::set_size(QuantTensor& tensor, const Shape& shape)
{
    tensor.height = tensor.width = tensor.channels = 1;
    if (is_image(shape)) {
        tensor.channels = static_cast<int>(shape[1]);
        tensor.height = static_cast<int>(shape[2]);
        tensor.width = static_cast<int>(shape[3]);
        return;
    }
    const std::size_t rank = shape.size();
    if (rank > 0) tensor.channels = static_cast<int>(shape[rank - 1]);
    if (rank > 1) tensor.width = static_cast<int>(shape[rank - 2]);
    for (std::size_t d = 0; d + 2 < rank; ++d) tensor.height *= static_cast<int>(shape[d]);
    tensor.channels_last = true;
}

View Quantiser::whole(int quant, const Shape& shape) const
{
    View view{quant, 0, shape, row_major(shape), 1, false};
    const QuantTensor& t = tensor(quant);
    if (is_image(shape) && !t.channels_last)
        view.strides = {0, 1, std::int64_t{t.width} * t.channels, std::int64_t{t.channels}};
    return view;
}

/// All of an int8 node, dense in this order of dimensions.
View Quantiser::laid(int quant, const Shape& shape, const Order& order, bool flattened)
{
    View view{quant, 0, shape, Shape(shape.size(), 0), 1, flattened};
    std::int64_t step = 1;
    for (std::size_t d = order.size(); d-- > 0; step *= shape[order[d]]) view.strides[order[d]] = step;
    return view;
}

/// What set_size() makes of a tensor that is dense in this order: an image in its own order stays one.
Shape Quantiser::three_sizes(const Shape& shape, const Order& order)
{
    if (order == kNhwc && is_image(shape)) return shape;
    Shape sizes;
    for (const std::size_t d : order) sizes.push_back(shape[d]);
    while (sizes.size() < 3) sizes.insert(sizes.begin(), 1);
    while (sizes.size() > 3) {
        sizes[1] *= sizes[0];
        sizes.erase(sizes.begin());
    }
    return sizes;
}

/// Dimensions from far to near in memory.
Quantiser::Order Quantiser::memory_order(const View& view)
{
    const std::size_t rank = view.shape.size();
    Order order = identity_order(rank);
    if (is_image(view.shape) && view.strides[1] == 1 && descends(view, kNhwc)) return kNhwc;
    if (descends(view, order)) return order;
    if (std::find(view.strides.begin(), view.strides.end(), 0) != view.strides.end()) return order;
    std::stable_sort(order.begin(), order.end(),
                     [&view](std::size_t a, std::size_t b) { return view.strides[a] > view.strides[b]; });
    return order;
}

/// A view as rows, columns and channels: the last dimension, the one before, all others as one.
bool Quantiser::three(const View& view, Walk& walk, const Shape& shape)
{
    const std::size_t rank = shape.size();
    walk = {view.offset, 0, 0, 0};
    if (rank > 0) walk.c = view.strides[rank - 1];
    if (rank > 1) walk.w = view.strides[rank - 2];
    std::int64_t next = -1;
    for (std::size_t d = rank < 2 ? 0 : rank - 2; d-- > 0;) {
        if (shape[d] == 1) continue;
        if (next < 0)
            walk.h = view.strides[d];
        else if (view.strides[d] != next)
            return false;
        next = view.strides[d] * shape[d];
    }
    return true;
}

Result<View> Quantiser::view(int i)
{
    if (tables_[index(i)]) {
        if (const Status made = realise(i); !made) return in_node(made.error(), i);
    }
    if (!views_[index(i)]) {
        const Status made = at(i).op == Op::pad ? pad(i) : Status{Error{"its input is constant", "", ""}};
        if (!made) return made.error();
    }
    return *views_[index(i)];
}

/// Of a tensor that an engine multiplies or adds: no sums of 32 bits, no real numbers.
Result<View> Quantiser::operand(int i)
{
    const auto read = view(i);
    if (!read) return read;
    if (tensor(read->node).f32) return Error{"it reads what a Softmax gave as real numbers", "", ""};
    if (tensor(read->node).wide) return Error{"it reads 32-bit sums or indices", "", ""};
    return read;
}

View Quantiser::eight_bit(const View& from)
{
    if (!tensor(from.node).half) return from;
    int& narrow = narrow_.emplace(from.node, -1).first->second;
    if (narrow < 0) {
        QuantNode node;
        node.op = QuantOp::requant;
        node.name = result_.nodes[index(from.node)].name + " in 8 bits";
        node.onnx_op = "Requantise";
        node.inputs = {from.node};
        node.out = tensor(from.node);
        node.out.half = false;
        node.out.scale *= node.out.largest / 127.0;
        node.lo = -127;
        node.hi = 127;
        set_factor(node, tensor(from.node).scale);
        narrow = add(std::move(node));
    }
    View out = from;
    out.node = narrow;
    return out;
}

int Quantiser::same_bytes(int quant, int height, int width, int channels, double factor, bool channels_last)
{
    const QuantTensor& t = tensor(quant);
    const bool order_shows = channels > 1 && height * width > 1;
    if (t.height == height && t.width == width && t.channels == channels && factor == 1.0 &&
        (t.channels_last == channels_last || !order_shows))
        return quant;
    QuantNode node;
    node.op = QuantOp::view;
    node.name = result_.nodes[index(quant)].name + " as it is";
    node.onnx_op = "Reshape";
    node.inputs = {quant};
    node.out = t;
    node.out.height = height;
    node.out.width = width;
    node.out.channels = channels;
    node.out.scale *= factor;
    node.out.channels_last = channels_last;
    if (t.wide && !t.channel_scale.empty()) {
        if (channels != t.channels)
            node.out.channel_scale.assign(static_cast<std::size_t>(channels), t.channel_scale.front());
        for (double& scale : node.out.channel_scale) scale *= factor;
    }
    return add(std::move(node));
}

/// A copy, dense in the given order of dimensions.
Result<int> Quantiser::materialise(const View& from, const Order& order)
{
    const QuantTensor& t = tensor(from.node);
    const bool alike = std::all_of(t.channel_scale.begin(), t.channel_scale.end(),
                                   [&t](double scale) { return scale == t.channel_scale.front(); });
    if (t.wide && !alike) return Error{"moving 32-bit sums whose channels have different scales", "", ""};
    const View walk = merged(permuted(from, order));
    int& copy = moved_.emplace(std::make_tuple(from.node, walk.offset, walk.shape, walk.strides), -1).first->second;
    if (copy >= 0) return copy;
    QuantNode node;
    node.op = QuantOp::move;
    node.name = result_.nodes[index(from.node)].name + " moved";
    node.onnx_op = "Transpose";
    node.inputs = {from.node};
    node.out = t;
    node.offset = walk.offset;
    node.shape = walk.shape;
    node.strides = walk.strides;
    Shape shape = walk.shape;
    while (shape.size() < 3) shape.insert(shape.begin(), 1);
    set_size(node.out, shape.size() == 4 ? Shape{shape[0] * shape[1], shape[2], shape[3]} : shape);
    if (t.wide && !t.channel_scale.empty())
        node.out.channel_scale.assign(static_cast<std::size_t>(node.out.channels), t.channel_scale.front());
    copy = add(std::move(node));
    return copy;
}

/// The int8 node whose bytes are the view's, dense in `order`: its last `channels` dimensions are the channels, the
/// `width` before those the columns, what is left the rows.
Result<int> Quantiser::dense(const View& from, const Order& order, std::size_t width, std::size_t channels)
{
    const View walk = permuted(from, order);
    std::int64_t sizes[3] = {1, 1, 1};
    for (std::size_t d = 0; d < order.size(); ++d) {
        const std::size_t left = order.size() - d;
        sizes[left <= channels ? 2 : left <= channels + width ? 1 : 0] *= walk.shape[d];
    }
    for (const std::int64_t size : sizes)
        if (size < 1 || size > (1 << 20)) return Error{"a dimension of " + std::to_string(size), "", "1 .. 2^20"};
    int quant = from.node;
    if (!is_dense(walk) || walk.offset != 0 ||
        static_cast<std::size_t>(element_count(walk.shape)) != compiler::element_count(tensor(quant))) {
        const auto moved = materialise(from, order);
        if (!moved) return moved;
        quant = *moved;
    }
    return same_bytes(quant, static_cast<int>(sizes[0]), static_cast<int>(sizes[1]), static_cast<int>(sizes[2]),
                      from.factor, order != kNhwc);
}

/// In the order of the Graph.
Result<int> Quantiser::dense(const View& from)
{
    return dense(from, identity_order(from.shape.size()), 1, 1);
}

/// For operators that see an image: 4 dimensions, as the tensor lies in memory, 8 bit.
Result<int> Quantiser::image(int i)
{
    const auto read = operand(i);
    if (!read) return read.error();
    const View from = unflattened(eight_bit(*read));
    if (!is_image(from.shape)) return Error{"its input is no image but " + describe(at(i).shape), "", "4 dimensions"};
    return dense(from, kNhwc, 1, 1);
}

View Quantiser::unflattened(const View& from)
{
    View out = from;
    out.flattened = false;
    return out;
}

/// A flattened image in the order of its values, as a vector.
Result<View> Quantiser::unfolded(const View& from)
{
    if (!from.flattened) return from;
    const auto moved = dense(unflattened(from));
    if (!moved) return moved.error();
    const Shape vector{1, element_count(from.shape)};
    return View{*moved, 0, vector, row_major(vector), 1, false};
}

Result<View> Quantiser::reshaped(View from, const Shape& to)
{
    if (from.flattened) {
        if (to == from.shape) return unflattened(from);
        if (to.size() == 2 && to[0] == 1) return from;
        const auto moved = unfolded(from);
        if (!moved) return moved;
        from = *moved;
    }
    if (const auto strides = strides_of(from, to)) {
        from.shape = to;
        from.strides = *strides;
        return from;
    }
    if (to.size() == 2 && to[0] == 1 && memory_order(from) == kNhwc) {
        from.flattened = true;
        return from;
    }
    const auto moved = dense(from);
    if (!moved) return moved.error();
    return View{*moved, 0, to, row_major(to), 1, false};
}

/// Flatten, Reshape, Identity, Transpose, Slice, Expand, and Gather of one index: no node.
Status Quantiser::layout(int i)
{
    const Node& node = at(i);
    const auto read = view(node.inputs[0]);
    if (!read) return read.error();
    View out = *read;
    if (node.op == Op::flatten || node.op == Op::reshape || node.op == Op::identity) {
        const auto from = reshaped(out, node.shape);
        if (!from) return from.error();
        out = *from;
        views_[index(i)] = out;
        return {};
    }
    const auto from = unfolded(out);
    if (!from) return from.error();
    out = *from;
    if (node.op == Op::transpose) {
        Order order;
        for (const std::int64_t axis : node.axes) order.push_back(static_cast<std::size_t>(axis));
        out = permuted(out, order);
    } else if (node.op == Op::slice) {
        for (std::size_t d = 0; d < node.shape.size(); ++d) {
            if (node.steps[d] < 1 && node.shape[d] > 1) return Error{"it walks backwards", "", "positive steps"};
            out.offset += node.starts[d] * out.strides[d];
            out.strides[d] *= node.steps[d];
        }
        out.shape = node.shape;
    } else if (node.op == Op::expand) {
        const std::size_t added = node.shape.size() - out.shape.size();
        Shape strides(node.shape.size(), 0);
        for (std::size_t d = 0; d < out.shape.size(); ++d)
            if (out.shape[d] == node.shape[added + d]) strides[added + d] = out.strides[d];
        out.strides = strides;
        out.shape = node.shape;
    } else {  // Gather of one constant index
        const auto axis = static_cast<std::size_t>(node.axis);
        const Node& indices = at(node.inputs[1]);
        const std::int64_t size = out.shape[axis];
        std::int64_t at_index = indices.ints[0];
        if (at_index < 0) at_index += size;
        if (at_index < 0 || at_index >= size) return Error{"an index outside its dimension", "", ""};
        out.offset += at_index * out.strides[axis];
        const auto where = static_cast<std::ptrdiff_t>(axis);
        out.shape.erase(out.shape.begin() + where);
        out.strides.erase(out.strides.begin() + where);
        out.shape.insert(out.shape.begin() + where, indices.shape.size(), 1);
        out.strides.insert(out.strides.begin() + where, indices.shape.size(), 0);
    }
    views_[index(i)] = out;
    return {};
}

}  // namespace lightcard::compiler::quantising
