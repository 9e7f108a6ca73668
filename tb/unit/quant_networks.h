// SPDX-License-Identifier: Apache-2.0
/// Synthetic int8 networks with random weights, and their direct evaluation: whole tensors, no tiles, no addresses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "lightcard/platform/compiler/graph.h"

namespace lightcard::test {

using compiler::QuantGraph;
using compiler::QuantNode;
using compiler::QuantOp;
using compiler::QuantTensor;

class NetworkBuilder {
public:
    explicit NetworkBuilder(std::string name, unsigned seed = 1) : random_(seed) { graph_.name = std::move(name); }

    int input(int h, int w, int c, bool is_signed = false)
    {
        QuantNode node;
        node.op = QuantOp::input;
        node.out.is_signed = is_signed;
        graph_.inputs.push_back(static_cast<int>(graph_.nodes.size()));
        return add(std::move(node), "Input", h, w, c);
    }

    struct Conv {
        int out = 1, kernel = 1, stride = 1, pad = 0, group = 1, dilation = 1;
        bool is_signed = false, wide = false;
    };
    int conv(int from, const Conv& c)
    {
        QuantNode node;
        node.op = QuantOp::mvm;
        node.inputs = {from};
        node.group = node.window.group = c.group;
        set_window(node, c.kernel, c.kernel, c.stride, c.pad, c.dilation);
        node.out.is_signed = c.is_signed;
        node.out.wide = c.wide;
        const QuantTensor in = tensor(from);
        const int depth = c.kernel * c.kernel * (in.channels / c.group);
        fill_mvm(node, c.out, depth);
        return add(std::move(node), "Conv", span(in.height, node, true), span(in.width, node, false), c.out);
    }
    /// Fully connected over a whole tensor.
    int gemm(int from, int out, bool wide)
    {
        const QuantTensor in = tensor(from);
        QuantNode node;
        node.op = QuantOp::mvm;
        node.inputs = {from};
        set_window(node, in.height, in.width, 1, 0, 1);
        node.out.wide = wide;
        fill_mvm(node, out, in.height * in.width * in.channels);
        return add(std::move(node), "Gemm", 1, 1, out);
    }
    int sum(int a, int b, bool is_signed)
    {
        QuantNode node;
        node.op = QuantOp::add;
        node.inputs = {a, b};
        node.out.is_signed = is_signed;
        set_rescale(node, 23170, 20011, 15);
        return add(std::move(node), "Add", tensor(a).height, tensor(a).width, tensor(a).channels);
    }
    int requant(int from, bool is_signed)
    {
        QuantNode node;
        node.op = QuantOp::requant;
        node.inputs = {from};
        node.out.is_signed = is_signed;
        set_rescale(node, tensor(from).wide ? 3001 : 30011, 0, tensor(from).wide ? 21 : 15);
        return add(std::move(node), "Relu", tensor(from).height, tensor(from).width, tensor(from).channels);
    }
    int pool(int from, bool average, int kernel, int stride, int pad, bool valid = false)
    {
        const QuantTensor in = tensor(from);
        QuantNode node;
        node.op = average ? QuantOp::average_pool : QuantOp::max_pool;
        node.inputs = {from};
        set_window(node, kernel, kernel, stride, pad, 1);
        node.out.is_signed = in.is_signed;
        node.valid_count = valid;
        if (average) set_rescale(node, valid ? 32768 : 32768 / (kernel * kernel), 0, 15);
        return add(std::move(node), average ? "AveragePool" : "MaxPool", span(in.height, node, true),
                   span(in.width, node, false), in.channels);
    }
    int pad(int from, int top, int left, int bottom, int right)
    {
        const QuantTensor in = tensor(from);
        QuantNode node;
        node.op = QuantOp::pad;
        node.inputs = {from};
        node.out.is_signed = in.is_signed;
        node.window.pad_top = top, node.window.pad_left = left;
        node.window.pad_bottom = bottom, node.window.pad_right = right;
        return add(std::move(node), "Pad", in.height + top + bottom, in.width + left + right, in.channels);
    }
    int softmax(int from)
    {
        QuantNode node;
        node.op = QuantOp::softmax;
        node.inputs = {from};
        node.out.f32 = true;
        return add(std::move(node), "Softmax", tensor(from).height, tensor(from).width, tensor(from).channels);
    }
    void output(int node) { graph_.outputs.push_back(node); }
    QuantGraph take() { return std::move(graph_); }
    QuantGraph& graph() { return graph_; }
    const QuantTensor& tensor(int node) const { return graph_.nodes[static_cast<std::size_t>(node)].out; }

private:
    static int span(int size, const QuantNode& node, bool vertical)
    {
        const auto& w = node.window;
        return vertical ? (size + w.pad_top + w.pad_bottom - w.dilation_h * (w.kernel_h - 1) - 1) / w.stride_h + 1
                        : (size + w.pad_left + w.pad_right - w.dilation_w * (w.kernel_w - 1) - 1) / w.stride_w + 1;
    }
    static void set_window(QuantNode& node, int kernel_h, int kernel_w, int stride, int pad, int dilation)
    {
        auto& w = node.window;
        w.kernel_h = kernel_h, w.kernel_w = kernel_w;
        w.stride_h = w.stride_w = stride;
        w.pad_top = w.pad_left = w.pad_bottom = w.pad_right = pad;
        w.dilation_h = w.dilation_w = dilation;
    }
    static void set_rescale(QuantNode& node, int mult, int mult2, int shift)
    {
        node.mult = mult, node.mult2 = mult2;
        node.shift = static_cast<std::uint8_t>(shift);
        node.lo = node.out.is_signed ? -128 : 0;
        node.hi = node.out.is_signed ? 127 : 255;
    }
    void fill_mvm(QuantNode& node, int out, int depth)
    {
        for (int i = 0; i < out * depth; ++i) {
            node.weights.push_back(static_cast<std::int8_t>(static_cast<int>(random_() % 255) - 127));
        }
        auto& r = node.requant;
        // Scales a sum of `depth` products to a spread of about half the code range.
        const int shift = 15 + static_cast<int>(std::lround(std::log2(100.0 * std::sqrt(depth))));
        for (int i = 0; i < out; ++i) {
            r.bias.push_back(static_cast<int>(random_() % 20001) - 10000);
            if (node.out.wide) continue;
            r.multiplier.push_back(16384 + static_cast<int>(random_() % 16384));
            r.shift.push_back(static_cast<std::uint8_t>(shift));
        }
        r.lo = node.out.is_signed ? -128 : 0;
        r.hi = node.out.is_signed ? 127 : 255;
        if (node.out.wide) node.out.channel_scale.assign(static_cast<std::size_t>(out), 1e-5);
    }
    int add(QuantNode node, const char* op, int h, int w, int c)
    {
        node.out.height = h, node.out.width = w, node.out.channels = c;
        node.onnx_op = op;
        node.name = std::string(op) + "_" + std::to_string(graph_.nodes.size());
        graph_.nodes.push_back(std::move(node));
        return static_cast<int>(graph_.nodes.size()) - 1;
    }

    QuantGraph graph_;
    std::mt19937 random_;
};

/// Strided and padded convolutions, residuals, depthwise and grouped layers, both pools, signed tensors, two outputs.
inline QuantGraph residual_network()
{
    NetworkBuilder b("residual");
    const int image = b.input(9, 9, 3);
    const int stem = b.conv(image, {20, 3, 1, 1});
    const int a1 = b.conv(stem, {20, 3, 1, 1});
    const int a2 = b.conv(a1, {20, 3, 1, 1, 1, 1, true});
    const int a = b.sum(a2, stem, false);
    const int b1 = b.conv(a, {34, 3, 2, 1});
    const int b2 = b.conv(b1, {34, 3, 1, 2, 1, 2, true});
    const int skip = b.conv(a, {34, 1, 2, 0, 1, 1, true});
    const int c = b.sum(b2, skip, true);
    const int depthwise = b.conv(c, {34, 3, 1, 1, 34});
    const int grouped = b.conv(depthwise, {6, 3, 1, 1, 2});
    const int pooled = b.pool(grouped, false, 3, 2, 1);
    const int padded = b.pad(pooled, 1, 0, 0, 1);
    const int average = b.pool(padded, true, 2, 1, 1, true);
    const int relu = b.requant(average, false);
    const int flat = b.gemm(relu, 40, false);
    const int logits = b.gemm(flat, 10, true);
    b.output(logits);
    b.output(b.softmax(logits));
    return b.take();
}

/// Direct evaluation of one image: a value an element, NHWC, every node's tensor.
struct Evaluation {
    std::vector<std::vector<std::int64_t>> codes;
    std::vector<std::vector<float>> reals;  ///< softmax only
};

inline std::int64_t rescale_clamp(std::int64_t v, int shift, std::int64_t lo, std::int64_t hi)
{
    return std::clamp<std::int64_t>((v + (std::int64_t{1} << (shift - 1))) >> shift, lo, hi);
}

inline std::vector<std::int64_t> evaluate_window(const QuantGraph& graph, const QuantNode& node,
                                                 const std::vector<std::int64_t>& in)
{
    const QuantTensor& shape = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
    const auto& w = node.window;
    const int in_group = shape.channels / node.group, out_group = node.out.channels / node.group;
    std::vector<std::int64_t> out;
    for (int y = 0; y < node.out.height; ++y) {
        for (int x = 0; x < node.out.width; ++x) {
            for (int o = 0; o < node.out.channels; ++o) {
                std::int64_t acc = 0, top = -1000, inside = 0;
                for (int kh = 0; kh < w.kernel_h; ++kh) {
                    for (int kw = 0; kw < w.kernel_w; ++kw) {
                        const int r = y * w.stride_h - w.pad_top + kh * w.dilation_h;
                        const int c = x * w.stride_w - w.pad_left + kw * w.dilation_w;
                        if (r < 0 || r >= shape.height || c < 0 || c >= shape.width) continue;
                        ++inside;
                        const auto* pixel = in.data() + (r * shape.width + c) * shape.channels;
                        if (node.op != QuantOp::mvm) {
                            acc += pixel[o];
                            top = std::max(top, pixel[o]);
                            continue;
                        }
                        for (int ci = 0; ci < in_group; ++ci) {
                            const auto weight = ((o * w.kernel_h + kh) * w.kernel_w + kw) * in_group + ci;
                            acc +=
                                pixel[o / out_group * in_group + ci] * node.weights[static_cast<std::size_t>(weight)];
                        }
                    }
                }
                const auto i = static_cast<std::size_t>(o);
                if (node.op == QuantOp::max_pool) {
                    out.push_back(inside == 0 ? 0 : top);
                } else if (node.op == QuantOp::average_pool) {
                    const double mean = static_cast<double>(acc * node.mult) /
                                        static_cast<double>(std::max<std::int64_t>(inside, 1)) / std::exp2(node.shift);
                    out.push_back(node.valid_count
                                      ? std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(mean + 0.5)),
                                                                 node.lo, node.hi)
                                      : rescale_clamp(acc * node.mult, node.shift, node.lo, node.hi));
                } else if (node.out.wide) {
                    out.push_back(acc + node.requant.bias[i]);
                } else {
                    out.push_back(rescale_clamp((acc + node.requant.bias[i]) * node.requant.multiplier[i],
                                                node.requant.shift[i], node.requant.lo, node.requant.hi));
                }
            }
        }
    }
    return out;
}

inline Evaluation evaluate(const QuantGraph& graph, const std::vector<std::vector<std::int64_t>>& inputs)
{
    Evaluation e;
    e.codes.resize(graph.nodes.size());
    e.reals.resize(graph.nodes.size());
    std::size_t next_input = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        const QuantNode& node = graph.nodes[i];
        auto& out = e.codes[i];
        const auto source = [&](std::size_t k) -> const std::vector<std::int64_t>& {
            return e.codes[static_cast<std::size_t>(node.inputs[k])];
        };
        if (node.op == QuantOp::input) {
            out = inputs[next_input++];
        } else if (node.op == QuantOp::add || node.op == QuantOp::requant) {
            for (std::size_t k = 0; k < source(0).size(); ++k) {
                std::int64_t v = source(0)[k] * node.mult;
                if (node.op == QuantOp::add) v += source(1)[k] * node.mult2;
                out.push_back(rescale_clamp(v, node.shift, node.lo, node.hi));
            }
        } else if (node.op == QuantOp::pad) {
            const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
            for (int y = 0; y < node.out.height; ++y) {
                for (int x = 0; x < node.out.width; ++x) {
                    const int r = y - node.window.pad_top, c = x - node.window.pad_left;
                    const bool inside = r >= 0 && r < in.height && c >= 0 && c < in.width;
                    for (int ch = 0; ch < in.channels; ++ch) {
                        out.push_back(
                            inside ? source(0)[static_cast<std::size_t>((r * in.width + c) * in.channels + ch)] : 0);
                    }
                }
            }
        } else if (node.op == QuantOp::softmax) {
            const auto& in = source(0);
            const QuantTensor& shape = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
            const double scale = static_cast<float>(shape.wide ? shape.channel_scale[0] : shape.scale);
            for (std::size_t p = 0; p < in.size(); p += static_cast<std::size_t>(shape.channels)) {
                const auto first = in.begin() + static_cast<std::ptrdiff_t>(p), last = first + shape.channels;
                const std::int64_t top = *std::max_element(first, last);
                double sum = 0;
                for (auto v = first; v != last; ++v) sum += std::exp(static_cast<double>(*v - top) * scale);
                for (auto v = first; v != last; ++v) {
                    e.reals[i].push_back(static_cast<float>(std::exp(static_cast<double>(*v - top) * scale) / sum));
                }
            }
        } else {
            out = evaluate_window(graph, node, source(0));
        }
    }
    return e;
}

}  // namespace lightcard::test
