// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/float_executor.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lightcard::compiler {

namespace {

using Tensor = std::vector<float>;

/// Output positions [first, last) of one axis whose input o*stride + offset lies in [0, size).
struct Span {
    int first, last;
};
Span inside(int offset, int stride, int size, int out)
{
    const int first = offset < 0 ? (-offset + stride - 1) / stride : 0;
    const int last = offset >= size ? 0 : (size - 1 - offset) / stride + 1;
    return {first, std::max(first, std::min(last, out))};
}

/// Planes of an NCHW tensor.
struct Dims {
    explicit Dims(const Shape& s)
        : channels(static_cast<int>(s[1])), height(static_cast<int>(s[2])), width(static_cast<int>(s[3]))
    {
    }
    std::size_t plane() const { return static_cast<std::size_t>(height) * static_cast<std::size_t>(width); }
    int channels, height, width;
};

/// out += weight * in, for one position of the kernel.
void add_shifted(const float* in, Dims in_dims, float* out, Dims out_dims, const Window& w, int kh, int kw,
                 float weight)
{
    const int dy = kh * w.dilation_h - w.pad_top, dx = kw * w.dilation_w - w.pad_left;
    const Span rows = inside(dy, w.stride_h, in_dims.height, out_dims.height);
    const Span cols = inside(dx, w.stride_w, in_dims.width, out_dims.width);
    for (int y = rows.first; y < rows.last; ++y) {
        const float* from = in + static_cast<std::ptrdiff_t>(y * w.stride_h + dy) * in_dims.width + dx;
        float* to = out + static_cast<std::ptrdiff_t>(y) * out_dims.width;
        if (w.stride_w == 1)
            for (int x = cols.first; x < cols.last; ++x) to[x] += weight * from[x];
        else
            for (int x = cols.first; x < cols.last; ++x)
                to[x] += weight * from[static_cast<std::ptrdiff_t>(x) * w.stride_w];
    }
}

void conv(const Node& node, const Shape& in_shape, const float* x, const float* weights, const float* bias, float* out)
{
    const Dims in(in_shape), to(node.shape);
    const Window& w = node.window;
    const int in_per_group = in.channels / w.group, out_per_group = to.channels / w.group;
    for (int o = 0; o < to.channels; ++o) {
        float* plane = out + static_cast<std::size_t>(o) * to.plane();
        std::fill_n(plane, to.plane(), bias ? bias[o] : 0.0f);
        for (int i = 0; i < in_per_group; ++i) {
            const float* from = x + static_cast<std::size_t>(o / out_per_group * in_per_group + i) * in.plane();
            for (int kh = 0; kh < w.kernel_h; ++kh)
                for (int kw = 0; kw < w.kernel_w; ++kw) add_shifted(from, in, plane, to, w, kh, kw, *weights++);
        }
    }
}

void product(std::size_t rows, std::size_t k, std::size_t n, const float* x, const float* weights, const float* bias,
             float* out)
{
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t o = 0; o < n; ++o) {
            float lanes[8] = {};
            const float *a = x + r * k, *b = weights + o * k;
            std::size_t i = 0;
            for (; i + 8 <= k; i += 8)
                for (std::size_t l = 0; l < 8; ++l) lanes[l] += a[i + l] * b[i + l];
            float sum = bias ? bias[o] : 0.0f;
            for (; i < k; ++i) sum += a[i] * b[i];
            for (float lane : lanes) sum += lane;
            out[r * n + o] = sum;
        }
}

void max_pool(const Node& node, const Shape& in_shape, const float* x, float* out)
{
    const Dims in(in_shape), to(node.shape);
    const Window& w = node.window;
    for (int c = 0; c < to.channels; ++c, x += in.plane())
        for (int y = 0; y < to.height; ++y)
            for (int col = 0; col < to.width; ++col) {
                float best = -std::numeric_limits<float>::infinity();
                for (int kh = 0; kh < w.kernel_h; ++kh)
                    for (int kw = 0; kw < w.kernel_w; ++kw) {
                        const int h = y * w.stride_h - w.pad_top + kh * w.dilation_h;
                        const int v = col * w.stride_w - w.pad_left + kw * w.dilation_w;
                        if (h >= 0 && h < in.height && v >= 0 && v < in.width)
                            best = std::max(best, x[static_cast<std::size_t>(h) * static_cast<std::size_t>(in.width) +
                                                    static_cast<std::size_t>(v)]);
                    }
                *out++ = best;
            }
}

void average_pool(const Node& node, const Shape& in_shape, const float* x, float* out)
{
    const Dims in(in_shape), to(node.shape);
    const Window& w = node.window;
    for (int c = 0; c < to.channels; ++c, x += in.plane())
        for (int y = 0; y < to.height; ++y)
            for (int col = 0; col < to.width; ++col) {
                float sum = 0;
                int count = 0;
                for (int kh = 0; kh < w.kernel_h; ++kh)
                    for (int kw = 0; kw < w.kernel_w; ++kw) {
                        const int h = y * w.stride_h - w.pad_top + kh * w.dilation_h;
                        const int v = col * w.stride_w - w.pad_left + kw * w.dilation_w;
                        if (h < 0 || h >= in.height || v < 0 || v >= in.width) continue;
                        sum += x[static_cast<std::size_t>(h) * static_cast<std::size_t>(in.width) +
                                 static_cast<std::size_t>(v)];
                        ++count;
                    }
                *out++ = sum / static_cast<float>(w.count_include_pad ? w.kernel_h * w.kernel_w : count);
            }
}

void global_average_pool(const Shape& in_shape, const float* x, float* out)
{
    const Dims in(in_shape);
    for (int c = 0; c < in.channels; ++c, x += in.plane()) {
        double sum = 0;
        for (std::size_t i = 0; i < in.plane(); ++i) sum += x[i];
        *out++ = static_cast<float>(sum / static_cast<double>(in.plane()));
    }
}

void pad(const Node& node, const Shape& in_shape, const float* x, Tensor& out)
{
    std::fill(out.begin(), out.end(), node.pad_value);
    if (in_shape.size() != 4) {  // the importer lets no other rank be padded
        std::copy_n(x, element_count(in_shape), out.begin());
        return;
    }
    const Dims in(in_shape), to(node.shape);
    for (int c = 0; c < in.channels; ++c)
        for (int y = 0; y < in.height; ++y, x += in.width)
            std::copy_n(x, in.width,
                        out.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(c) * to.plane()) +
                            static_cast<std::ptrdiff_t>(y + node.pads[2]) * to.width + node.pads[3]);
}

void softmax(const Node& node, const float* x, float* out)
{
    const auto axis = static_cast<std::size_t>(node.axis);
    std::size_t inner = 1, outer = 1;
    for (std::size_t d = 0; d < axis; ++d) outer *= static_cast<std::size_t>(node.shape[d]);
    for (std::size_t d = axis + 1; d < node.shape.size(); ++d) inner *= static_cast<std::size_t>(node.shape[d]);
    const auto n = static_cast<std::size_t>(node.shape[axis]);
    for (std::size_t o = 0; o < outer; ++o)
        for (std::size_t i = 0; i < inner; ++i) {
            const std::size_t base = o * n * inner + i;
            float most = x[base];
            for (std::size_t k = 1; k < n; ++k) most = std::max(most, x[base + k * inner]);
            double sum = 0;
            for (std::size_t k = 0; k < n; ++k) {
                const double e = std::exp(static_cast<double>(x[base + k * inner]) - most);
                out[base + k * inner] = static_cast<float>(e);
                sum += e;
            }
            for (std::size_t k = 0; k < n; ++k) out[base + k * inner] = static_cast<float>(out[base + k * inner] / sum);
        }
}

/// out = a + b; b may be a constant whose dimensions are those of a, counted from the last, or 1.
void add(const Node& node, const float* a, const Shape& b_shape, const float* b, Tensor& out)
{
    std::vector<std::size_t> stride(node.shape.size(), 0), position(node.shape.size(), 0);
    std::size_t step = 1;
    for (std::size_t i = 1; i <= b_shape.size(); ++i) {
        const auto dim = static_cast<std::size_t>(b_shape[b_shape.size() - i]);
        stride[node.shape.size() - i] = dim == 1 ? 0 : step;
        step *= dim;
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = a[i] + b[at];
        for (std::size_t d = node.shape.size(); d-- > 0;) {
            at += stride[d];
            if (++position[d] < static_cast<std::size_t>(node.shape[d])) break;
            at -= stride[d] * position[d];
            position[d] = 0;
        }
    }
}

class Executor {
public:
    Executor(const Graph& graph, bool keep) : graph_(graph), keep_(keep), values_(graph.nodes.size()) {}

    Result<std::vector<Tensor>> run(const float* input)
    {
        if (graph_.inputs.size() != 1)
            return Error{"the graph has " + std::to_string(graph_.inputs.size()) + " inputs", graph_.name, "one input"};
        count_readers();
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            const Node& node = graph_.nodes[i];
            if (node.op == Op::constant) continue;
            values_[i].resize(static_cast<std::size_t>(element_count(node.shape)));
            if (node.op == Op::input)
                std::copy_n(input, values_[i].size(), values_[i].begin());
            else
                execute(node, values_[i]);
            release(node);
        }
        if (keep_) return std::move(values_);
        std::vector<Tensor> outputs;
        for (int output : graph_.outputs) outputs.push_back(values_[static_cast<std::size_t>(output)]);
        return outputs;
    }

private:
    const Node& node(const Node& reader, std::size_t i) const
    {
        return graph_.nodes[static_cast<std::size_t>(reader.inputs[i])];
    }

    const float* data(const Node& reader, std::size_t i) const
    {
        if (i >= reader.inputs.size()) return nullptr;
        const Node& source = node(reader, i);
        return source.op == Op::constant ? source.data.data()
                                         : values_[static_cast<std::size_t>(reader.inputs[i])].data();
    }

    void execute(const Node& n, Tensor& out) const
    {
        const float* x = data(n, 0);
        const Shape& in = node(n, 0).shape;
        const auto map = [&](auto function) { std::transform(x, x + out.size(), out.begin(), function); };
        switch (n.op) {
            case Op::conv:
                return conv(n, in, x, data(n, 1), data(n, 2), out.data());
            case Op::gemm:
            case Op::matmul: {
                const auto k = static_cast<std::size_t>(in.back()), columns = static_cast<std::size_t>(n.shape.back());
                return product(out.size() / columns, k, columns, x, data(n, 1), data(n, 2), out.data());
            }
            case Op::relu:
                return map([](float v) { return std::max(v, 0.0f); });
            case Op::clip:
                return map([&](float v) { return std::min(std::max(v, n.clip_min), n.clip_max); });
            case Op::add:
                return add(n, x, node(n, 1).shape, data(n, 1), out);
            case Op::max_pool:
                return max_pool(n, in, x, out.data());
            case Op::average_pool:
                return average_pool(n, in, x, out.data());
            case Op::global_average_pool:
                return global_average_pool(in, x, out.data());
            case Op::batch_normalization:
                return normalise(n, x, out);
            case Op::pad:
                return pad(n, in, x, out);
            case Op::softmax:
                return softmax(n, x, out.data());
            case Op::flatten:
            case Op::reshape:
            case Op::identity:
                return map([](float v) { return v; });
            case Op::input:
            case Op::constant:
                return;
        }
    }

    void normalise(const Node& n, const float* x, Tensor& out) const
    {
        const float *scale = data(n, 1), *shift = data(n, 2);
        const auto channels = static_cast<std::size_t>(n.shape[1]);
        const std::size_t inner = out.size() / channels;
        for (std::size_t c = 0; c < channels; ++c)
            for (std::size_t i = c * inner; i < (c + 1) * inner; ++i) out[i] = x[i] * scale[c] + shift[c];
    }

    void count_readers()
    {
        readers_.assign(graph_.nodes.size(), 0);
        for (const Node& n : graph_.nodes)
            for (int input : n.inputs) ++readers_[static_cast<std::size_t>(input)];
        for (int output : graph_.outputs) ++readers_[static_cast<std::size_t>(output)];
    }

    void release(const Node& reader)
    {
        for (int input : reader.inputs)
            if (--readers_[static_cast<std::size_t>(input)] == 0 && !keep_)
                Tensor().swap(values_[static_cast<std::size_t>(input)]);
    }

    const Graph& graph_;
    bool keep_;
    std::vector<Tensor> values_;
    std::vector<int> readers_;
};

}  // namespace

Result<std::vector<std::vector<float>>> run_float(const Graph& graph, const float* input)
{
    return Executor(graph, false).run(input);
}

Result<std::vector<std::vector<float>>> run_float_trace(const Graph& graph, const float* input)
{
    return Executor(graph, true).run(input);
}

}  // namespace lightcard::compiler
