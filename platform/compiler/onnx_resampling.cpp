// SPDX-License-Identifier: Apache-2.0
/// Operators that make images larger: transposed convolution, resizing.
#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/onnx_converters.h"

namespace lightcard::compiler {

namespace {

constexpr std::int64_t kMaxWindow = 32767;

struct Upscale {
    std::int64_t in = 1, kernel = 1, stride = 1, dilation = 1, extra = 0, begin = 0, end = 0, out = 1;
};

Result<std::vector<std::int64_t>> values(const NodeView& view, const char* name, std::size_t size,
                                         std::int64_t otherwise)
{
    const auto list = view.attributes.integers(name, std::vector<std::int64_t>(size, otherwise));
    if (!list) return list.error();
    if (list->size() != size)
        return Error{std::string(name) + " has " + std::to_string(list->size()) + " values", "",
                     std::to_string(size) + " for two dimensions"};
    for (std::int64_t v : *list)
        if (v < 0 || v > kMaxWindow)
            return Error{std::string(name) + " " + std::to_string(v) + " is out of range", "", ""};
    return list;
}

/// Output size of one axis, and padding where the output size is what the file states.
Status resolve(Upscale& a, bool stated, std::int64_t size, const std::string& mode)
{
    const std::int64_t full = a.stride * (a.in - 1) + a.extra + (a.kernel - 1) * a.dilation + 1;
    const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
    if (same && !stated) size = a.in * a.stride;
    if (stated || same) {
        const std::int64_t total = std::max<std::int64_t>(0, full - size);  // beyond the kernel's reach: bias alone
        a.begin = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
        a.end = total - a.begin;
        a.out = size;
        return size < 1 ? Status{Error{"its output shape is empty", "", ""}} : Status{};
    } else if (mode == "VALID") {
        a.begin = a.end = 0;
    }
    a.out = full - a.begin - a.end;
    return a.out < 1 ? Status{Error{"its padding leaves no output", "", ""}} : Status{};
}

Result<std::vector<Upscale>> upscales(const NodeView& view, const Shape& in, const Shape& w)
{
    const auto strides = values(view, "strides", 2, 1), dilations = values(view, "dilations", 2, 1);
    const auto pads = values(view, "pads", 4, 0), extra = values(view, "output_padding", 2, 0);
    const auto kernel = view.attributes.integers("kernel_shape", {w[2], w[3]});
    const auto mode = view.attributes.text("auto_pad", "NOTSET");
    for (const auto* list : {&strides, &dilations, &pads, &extra, &kernel})
        if (!*list) return list->error();
    if (!mode) return mode.error();
    const bool stated = view.attributes.has("output_shape");
    const auto size = values(view, "output_shape", 2, 0);
    if (!size) return size.error();
    if (*kernel != std::vector<std::int64_t>{w[2], w[3]})
        return Error{"kernel_shape differs from the weights' shape", "", ""};
    std::vector<Upscale> out(2);
    for (std::size_t d = 0; d < 2; ++d) {
        out[d] = {in[2 + d], w[2 + d], (*strides)[d], (*dilations)[d], (*extra)[d], (*pads)[d], (*pads)[2 + d], 1};
        if (out[d].stride < 1 || out[d].dilation < 1 || out[d].kernel < 1 || out[d].kernel > kMaxWindow ||
            out[d].in < 1)
            return Error{"a kernel, stride or dilation of 0", "", ""};
        if (const Status good = resolve(out[d], stated, (*size)[d], *mode); !good) return good.error();
    }
    return out;
}

struct Choice {
    const char* name;
    int value;
};

template <class Enum, std::size_t N>
Status choose(const NodeView& view, const char* attribute, const char* otherwise, const Choice (&choices)[N], Enum& out)
{
    const auto text = view.attributes.text(attribute, otherwise);
    if (!text) return text.error();
    std::string known;
    for (const Choice& choice : choices) {
        known += (known.empty() ? "" : ", ") + std::string(choice.name);
        if (*text != choice.name) continue;
        out = static_cast<Enum>(choice.value);
        return {};
    }
    return Error{std::string(attribute) + " '" + printable(*text) + "' is not supported", "", known};
}

/// Before opset 11 a position was divided by the scale and cut off.
Status resampling_modes(const NodeView& view, Resampling& r)
{
    using C = Resampling::Coordinates;
    using F = Resampling::Filter;
    using N = Resampling::Nearest;
    static constexpr Choice coordinates[] = {{"half_pixel", static_cast<int>(C::half_pixel)},
                                             {"pytorch_half_pixel", static_cast<int>(C::pytorch_half_pixel)},
                                             {"align_corners", static_cast<int>(C::align_corners)},
                                             {"asymmetric", static_cast<int>(C::asymmetric)},
                                             {"tf_half_pixel_for_nn", static_cast<int>(C::tf_half_pixel_for_nn)}};
    static constexpr Choice filters[] = {{"nearest", static_cast<int>(F::nearest)},
                                         {"linear", static_cast<int>(F::linear)},
                                         {"cubic", static_cast<int>(F::cubic)}};
    static constexpr Choice nearest[] = {{"round_prefer_floor", static_cast<int>(N::round_prefer_floor)},
                                         {"round_prefer_ceil", static_cast<int>(N::round_prefer_ceil)},
                                         {"floor", static_cast<int>(N::floor)},
                                         {"ceil", static_cast<int>(N::ceil)}};
    const bool old = view.reader.opset() < 11;
    Status good =
        choose(view, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", coordinates, r.coordinates);
    if (good) good = choose(view, "mode", "nearest", filters, r.filter);
    if (good) good = choose(view, "nearest_mode", old ? "floor" : "round_prefer_floor", nearest, r.nearest);
    const auto a = view.attributes.real("cubic_coeff_a", -0.75f);
    const auto outside = view.attributes.integer("exclude_outside", 0);
    if (!good) return good;
    if (!a) return a.error();
    if (!outside) return outside.error();
    if (view.attributes.has("antialias") && *view.attributes.integer("antialias", 0) != 0)
        return Error{"antialias = 1", "", "antialias = 0"};
    r.cubic_a = *a;
    r.exclude_outside = *outside != 0;
    return {};
}

/// Input `i` as real numbers, empty if absent.
Result<std::vector<float>> reals(const NodeView& view, int i)
{
    if (!view.has_input(i)) return std::vector<float>{};
    const auto node = constant_operand(view, i);
    if (!node) return node.error();
    return view.reader.node(*node).data;
}

}  // namespace

Result<Value> convert_conv_transpose(const NodeView& view)
{
    const auto x = real_operand(view, 0), weights = real_operand(view, 1);
    const auto group = view.attributes.integer("group", 1);
    if (!x) return x.error();
    if (!weights) return weights.error();
    if (!group) return group.error();
    const Shape in = view.reader.node(*x).shape, w = view.reader.node(*weights).shape;
    if (in.size() != 4 || w.size() != 4)
        return Error{"its input has shape " + describe(in) + ", its weights " + describe(w), "", "2-D kernels only"};
    if (*group < 1 || w[0] != in[1] || in[1] % *group != 0)
        return Error{
            "weights " + describe(w) + " and group " + std::to_string(*group) + " do not fit input " + describe(in), "",
            ""};
    const auto axes = upscales(view, in, w);
    if (!axes) return axes.error();
    Node node = start(view, Op::conv_transpose, {*x, *weights});
    const Upscale &h = (*axes)[0], &v = (*axes)[1];
    node.window.kernel_h = static_cast<int>(h.kernel);
    node.window.kernel_w = static_cast<int>(v.kernel);
    node.window.stride_h = static_cast<int>(h.stride);
    node.window.stride_w = static_cast<int>(v.stride);
    node.window.dilation_h = static_cast<int>(h.dilation);
    node.window.dilation_w = static_cast<int>(v.dilation);
    node.window.pad_top = static_cast<int>(h.begin);
    node.window.pad_bottom = static_cast<int>(h.end);
    node.window.pad_left = static_cast<int>(v.begin);
    node.window.pad_right = static_cast<int>(v.end);
    node.window.group = static_cast<int>(*group);
    node.shape = {in[0], w[1] * *group, h.out, v.out};
    if (view.has_input(2)) {
        const auto bias = real_operand(view, 2);
        if (!bias) return bias.error();
        if (view.reader.node(*bias).shape != Shape{node.shape[1]})
            return Error{"its bias does not fit its weights", "", ""};
        node.inputs.push_back(*bias);
    }
    return view.reader.add(std::move(node));
}

/// Inputs: x, scales (opset 10); x, roi, scales, sizes since.
Result<Value> convert_resize(const NodeView& view)
{
    const auto x = real_operand(view, 0);
    if (!x) return x.error();
    Node node = start(view, Op::resize, {*x});
    if (const Status good = resampling_modes(view, node.resampling); !good) return good.error();
    const Shape in = node.shape;
    auto scales = reals(view, view.reader.opset() < 11 ? 1 : 2);
    if (!scales) return scales.error();
    if (view.has_input(3)) {
        const auto sizes = view.reader.integers(view.input(3));
        if (!sizes) return sizes.error();
        if (sizes->size() != in.size()) return Error{"sizes do not fit its input", "", ""};
        node.shape = *sizes;
        for (std::size_t d = 0; d < in.size(); ++d)
            scales->push_back(static_cast<float>(node.shape[d]) / static_cast<float>(in[d]));
    }
    if (scales->size() != in.size()) return Error{"it needs a scale a dimension", "", "input scales or sizes"};
    for (std::size_t d = 0; d < in.size(); ++d) {
        const float scale = (*scales)[d];
        if (!(scale > 0) || !(scale <= static_cast<float>(kMaxWindow)) || in[d] < 1)
            return Error{"a scale is out of range", "", "above 0"};
        if (!view.has_input(3))
            node.shape[d] = static_cast<std::int64_t>(std::floor(static_cast<float>(in[d]) * scale));
        if (node.shape[d] < 1) return Error{"a dimension of its output is empty", "", ""};
    }
    node.resampling.scales = std::move(*scales);
    return view.reader.add(std::move(node));
}

}  // namespace lightcard::compiler
