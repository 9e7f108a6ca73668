// SPDX-License-Identifier: Apache-2.0
/// Operators with a window over H and W: convolution, pooling.
#include <algorithm>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

namespace {

constexpr std::int64_t kMaxWindow = 32767;  ///< of a kernel size, stride, dilation or padding

/// One axis of a window.
struct Axis {
    std::int64_t size = 1, kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0, out = 1;
    std::int64_t extent() const { return (kernel - 1) * dilation + 1; }
};

struct Axes {
    Axis h, w;
};

Result<std::vector<std::int64_t>> window_list(const NodeView& view, int dimensions, const char* name, std::size_t size,
                                              std::int64_t otherwise, std::int64_t least)
{
    const std::size_t stated = dimensions == 1 ? size / 2 : size;
    auto list = view.attributes.integers(name, std::vector<std::int64_t>(stated, otherwise));
    if (!list) return list.error();
    if (list->size() != stated)
        return Error{std::string(name) + " has " + std::to_string(list->size()) + " values", "",
                     std::to_string(stated) + (dimensions == 1 ? " for one dimension" : " for two dimensions")};
    // One dimension is a row: begin and end of each list get H in front.
    if (dimensions == 1)
        for (std::size_t i = 0; i < size; i += 2)
            list->insert(list->begin() + static_cast<std::ptrdiff_t>(i),
                         size == 2 && std::string(name) != "pads" ? 1 : 0);
    for (std::int64_t v : *list)
        if (v < least || v > kMaxWindow)
            return Error{std::string(name) + " " + std::to_string(v) + " is out of range", "",
                         std::to_string(least) + " to " + std::to_string(kMaxWindow)};
    return list;
}

void pad_same(Axis& axis, bool upper)
{
    const std::int64_t out = (axis.size + axis.stride - 1) / axis.stride;
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * axis.stride + axis.extent() - axis.size);
    axis.pad_begin = upper ? total / 2 : total - total / 2;
    axis.pad_end = total - axis.pad_begin;
}

Status auto_pad(const NodeView& view, Axes& axes)
{
    const auto mode = view.attributes.text("auto_pad", "NOTSET");
    if (!mode) return mode.error();
    if (*mode == "NOTSET" || mode->empty()) return {};
    const bool same = *mode == "SAME_UPPER" || *mode == "SAME_LOWER";
    if (!same && *mode != "VALID")
        return Error{"auto_pad '" + printable(*mode) + "' is not known", "", "NOTSET, VALID, SAME_UPPER, SAME_LOWER"};
    for (Axis* axis : {&axes.h, &axes.w}) {
        axis->pad_begin = axis->pad_end = 0;
        if (same) pad_same(*axis, *mode == "SAME_UPPER");
    }
    return {};
}

/// ceil_mode: a last, partial window, unless it would start beyond the tensor; pad_end grows to hold it.
Status output_size(Axis& axis, bool ceil_mode)
{
    const std::int64_t room = axis.size + axis.pad_begin + axis.pad_end - axis.extent();
    if (room < 0)
        return Error{"its kernel (" + std::to_string(axis.extent()) + ") is larger than the padded input (" +
                         std::to_string(room + axis.extent()) + ")",
                     "", ""};
    axis.out = room / axis.stride + 1;
    if (!ceil_mode || room % axis.stride == 0 || axis.out * axis.stride >= axis.size + axis.pad_begin) return {};
    axis.pad_end += axis.stride - room % axis.stride;
    ++axis.out;
    return {};
}

Result<Axes> read_axes(const NodeView& view, int dimensions, const Shape& input, std::vector<std::int64_t> kernel,
                       bool ceil_mode)
{
    if (input.size() != 4)
        return Error{"its input has " + std::to_string(input.size()) + " dimensions", "", "4: batch, channels, H, W"};
    if (view.attributes.has("kernel_shape") || kernel.empty()) {
        const auto stated = window_list(view, dimensions, "kernel_shape", 2, 0, 1);
        if (!stated) return stated.error();
        if (!kernel.empty() && kernel != *stated) return Error{"kernel_shape differs from the weights' shape", "", ""};
        kernel = *stated;
    }
    const auto strides = window_list(view, dimensions, "strides", 2, 1, 1),
               dilations = window_list(view, dimensions, "dilations", 2, 1, 1);
    const auto pads = window_list(view, dimensions, "pads", 4, 0, 0);
    if (!strides) return strides.error();
    if (!dilations) return dilations.error();
    if (!pads) return pads.error();
    if (kernel[0] < 1 || kernel[1] < 1 || kernel[0] > kMaxWindow || kernel[1] > kMaxWindow)
        return Error{"its kernel size is out of range", "", "1 to " + std::to_string(kMaxWindow)};
    Axes axes;
    axes.h = {input[2], kernel[0], (*strides)[0], (*dilations)[0], (*pads)[0], (*pads)[2], 1};
    axes.w = {input[3], kernel[1], (*strides)[1], (*dilations)[1], (*pads)[1], (*pads)[3], 1};
    Status status = auto_pad(view, axes);
    if (status) status = output_size(axes.h, ceil_mode);
    if (status) status = output_size(axes.w, ceil_mode);
    if (!status) return status.error();
    return axes;
}

Window to_window(const Axes& axes)
{
    Window w;
    w.kernel_h = static_cast<int>(axes.h.kernel);
    w.kernel_w = static_cast<int>(axes.w.kernel);
    w.stride_h = static_cast<int>(axes.h.stride);
    w.stride_w = static_cast<int>(axes.w.stride);
    w.dilation_h = static_cast<int>(axes.h.dilation);
    w.dilation_w = static_cast<int>(axes.w.dilation);
    w.pad_top = static_cast<int>(axes.h.pad_begin);
    w.pad_bottom = static_cast<int>(axes.h.pad_end);
    w.pad_left = static_cast<int>(axes.w.pad_begin);
    w.pad_right = static_cast<int>(axes.w.pad_end);
    return w;
}

/// A tensor of rank 3 as an image of one row, any other as it is.
Result<int> as_image(const NodeView& view, int x)
{
    Node node = start(view, Op::reshape, {x});
    if (node.shape.size() != 3) return x;
    node.name += "/image";
    node.shape.insert(node.shape.begin() + 2, 1);
    auto value = view.reader.add(std::move(node));
    if (!value) return value.error();
    return view.reader.operand(*value);
}

int dimensions_of(const NodeView& view, int x)
{
    return view.reader.node(x).shape.size() == 3 ? 1 : 2;
}

/// The node itself, or without its one row.
Result<Value> finish(const NodeView& view, Node node, int dimensions)
{
    auto value = view.reader.add(std::move(node));
    if (!value || dimensions == 2) return value;
    const auto image = view.reader.operand(*value);
    if (!image) return image.error();
    Node row = start(view, Op::reshape, {*image});
    row.name += "/row";
    row.shape.erase(row.shape.begin() + 2);
    return view.reader.add(std::move(row));
}

/// A pooling window that sees nothing but padding has no value.
bool sees_nothing(const Axis& axis)
{
    for (std::int64_t o = 0; o < axis.out; ++o) {
        const std::int64_t first = o * axis.stride - axis.pad_begin;
        const std::int64_t skip = first < 0 ? (-first + axis.dilation - 1) / axis.dilation : 0;
        if (skip >= axis.kernel || first + skip * axis.dilation >= axis.size) return true;
    }
    return false;
}

Result<Node> pool_node(const NodeView& view, Op op)
{
    const auto x = op == Op::max_pool ? operand(view, 0) : real_operand(view, 0);
    if (!x) return x.error();
    const auto ceil_mode = view.attributes.integer("ceil_mode", 0);
    if (!ceil_mode) return ceil_mode.error();
    if (view.wants_output(1)) return Error{"its second output, the indices, is asked for", "", "the first output"};
    const auto image = as_image(view, *x);
    if (!image) return image.error();
    Node node = start(view, op, {*image});
    const Shape in = node.shape;
    const auto axes = read_axes(view, dimensions_of(view, *x), in, {}, *ceil_mode != 0);
    if (!axes) return axes.error();
    node.window = to_window(*axes);
    node.shape = {in[0], in[1], axes->h.out, axes->w.out};
    const auto count = checked_count(node.shape, view.reader.options().max_tensor_elements);
    if (!count) return count.error();
    if (sees_nothing(axes->h) || sees_nothing(axes->w)) return Error{"a window lies wholly in the padding", "", ""};
    return node;
}

Status check_weights(const Shape& in, const Shape& weights, std::int64_t group)
{
    if (weights.size() != 4) return Error{"its weights have shape " + describe(weights), "", "2-D kernels only"};
    if (group < 1 || in[1] % group != 0 || weights[0] % group != 0 || weights[1] != in[1] / group)
        return Error{"weights " + describe(weights) + " and group " + std::to_string(group) + " do not fit input " +
                         describe(in),
                     "", ""};
    return {};
}

}  // namespace

Result<Value> convert_conv(const NodeView& view)
{
    const auto x = real_operand(view, 0);
    if (!x) return x.error();
    const auto weights = view.has_input(1) && is_constant(view, 1) ? constant_operand(view, 1) : real_operand(view, 1);
    const auto group = view.attributes.integer("group", 1);
    if (!weights) return weights.error();
    if (!group) return group.error();
    const int dimensions = dimensions_of(view, *x);
    const auto image = as_image(view, *x), kernel = dimensions == 1 ? as_image(view, *weights) : weights;
    if (!image) return image.error();
    if (!kernel) return kernel.error();
    const Shape in = view.reader.node(*image).shape, w = view.reader.node(*kernel).shape;
    if (in.size() != 4)
        return Error{"its input has " + std::to_string(in.size()) + " dimensions", "",
                     "3 or 4: batch, channels, (H,) W"};
    const Status fits = check_weights(in, w, *group);
    if (!fits) return fits.error();
    const auto axes = read_axes(view, dimensions, in, {w[2], w[3]}, false);
    if (!axes) return axes.error();
    Node node = start(view, Op::conv, {*image, *kernel});
    node.window = to_window(*axes);
    node.window.group = static_cast<int>(*group);
    node.shape = {in[0], w[0], axes->h.out, axes->w.out};
    if (view.has_input(2)) {
        const auto bias = real_operand(view, 2);
        if (!bias) return bias.error();
        if (view.reader.node(*bias).shape != Shape{w[0]}) return Error{"its bias does not fit its weights", "", ""};
        node.inputs.push_back(*bias);
    }
    return finish(view, std::move(node), dimensions);
}

Result<Value> convert_max_pool(const NodeView& view)
{
    auto node = pool_node(view, Op::max_pool);
    if (!node) return node.error();
    return finish(view, std::move(*node), dimensions_of(view, *operand(view, 0)));
}

Result<Value> convert_average_pool(const NodeView& view)
{
    auto node = pool_node(view, Op::average_pool);
    const auto include = view.attributes.integer("count_include_pad", 0);
    const auto ceil_mode = view.attributes.integer("ceil_mode", 0);
    if (!node) return node.error();
    if (!include) return include.error();
    node->window.count_include_pad = *include != 0;
    if (*include != 0 && *ceil_mode != 0) return Error{"ceil_mode together with count_include_pad", "", ""};
    return finish(view, std::move(*node), dimensions_of(view, *operand(view, 0)));
}

Result<Value> convert_global_pool(const NodeView& view)
{
    const auto x = real_operand(view, 0);
    if (!x) return x.error();
    const bool maximum = view.proto.op_type() == "GlobalMaxPool";
    Node node = start(view, maximum ? Op::global_max_pool : Op::global_average_pool, {*x});
    if (node.shape.size() != 4 || element_count(node.shape) == 0)
        return Error{"its input has shape " + describe(node.shape), "", "4 dimensions: batch, channels, H, W"};
    node.shape[2] = node.shape[3] = 1;
    return view.reader.add(std::move(node));
}

}  // namespace lightcard::compiler
