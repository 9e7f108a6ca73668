// SPDX-License-Identifier: Apache-2.0
/// fp32 convolutions and matrix products by direct loops.
#include <algorithm>

#include "lightcard/platform/compiler/float_kernels.h"

namespace lightcard::compiler::kernels {

namespace {

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
    std::size_t image() const { return static_cast<std::size_t>(channels) * plane(); }
    int channels, height, width;
};

/// For one position of the kernel: every output position that it reaches, with the input row it reads there.
template <class Row>
void each_row(Dims in, Dims out, const Window& w, int kh, int kw, Row row)
{
    const int dy = kh * w.dilation_h - w.pad_top, dx = kw * w.dilation_w - w.pad_left;
    const Span rows = inside(dy, w.stride_h, in.height, out.height);
    const Span cols = inside(dx, w.stride_w, in.width, out.width);
    for (int y = rows.first; y < rows.last; ++y)
        row(static_cast<std::ptrdiff_t>(y * w.stride_h + dy) * in.width + dx,
            static_cast<std::ptrdiff_t>(y) * out.width, cols);
}

/// out += weight * in
void add_shifted(const float* in, Dims in_dims, float* out, Dims out_dims, const Window& w, int kh, int kw,
                 float weight)
{
    each_row(in_dims, out_dims, w, kh, kw, [&](std::ptrdiff_t from, std::ptrdiff_t to, Span cols) {
        if (w.stride_w == 1)
            for (int x = cols.first; x < cols.last; ++x) out[to + x] += weight * in[from + x];
        else
            for (int x = cols.first; x < cols.last; ++x)
                out[to + x] += weight * in[from + static_cast<std::ptrdiff_t>(x) * w.stride_w];
    });
}

/// The other way round: what a convolution reads there, its transpose writes.
void scatter_shifted(const float* in, Dims in_dims, float* out, Dims out_dims, const Window& w, int kh, int kw,
                     float weight)
{
    each_row(out_dims, in_dims, w, kh, kw, [&](std::ptrdiff_t to, std::ptrdiff_t from, Span cols) {
        for (int x = cols.first; x < cols.last; ++x)
            out[to + static_cast<std::ptrdiff_t>(x) * w.stride_w] += weight * in[from + x];
    });
}

void conv_image(const Window& w, Dims in, Dims to, const float* x, const float* weights, const float* bias, float* out)
{
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

void transposed_image(const Window& w, Dims in, Dims to, const float* x, const float* weights, const float* bias,
                      float* out)
{
    const int in_per_group = in.channels / w.group, out_per_group = to.channels / w.group;
    for (int o = 0; o < to.channels; ++o)
        std::fill_n(out + static_cast<std::size_t>(o) * to.plane(), to.plane(), bias ? bias[o] : 0.0f);
    for (int i = 0; i < in.channels; ++i)
        for (int o = 0; o < out_per_group; ++o) {
            const auto target = static_cast<std::size_t>(i / in_per_group * out_per_group + o);
            for (int kh = 0; kh < w.kernel_h; ++kh)
                for (int kw = 0; kw < w.kernel_w; ++kw)
                    scatter_shifted(x + static_cast<std::size_t>(i) * in.plane(), in, out + target * to.plane(), to, w,
                                    kh, kw, *weights++);
        }
}

/// Sum of a[i] * b[i], in eight lanes that are added in a fixed order.
float dot(const float* a, const float* b, std::size_t k)
{
    float lanes[8] = {};
    std::size_t i = 0;
    for (; i + 8 <= k; i += 8)
        for (std::size_t l = 0; l < 8; ++l) lanes[l] += a[i + l] * b[i + l];
    float sum = 0;
    for (; i < k; ++i) sum += a[i] * b[i];
    for (float lane : lanes) sum += lane;
    return sum;
}

}  // namespace

void run_conv(const Node& node, const Operands& in, Tensor& out)
{
    const Dims from(*in[0].shape), to(node.shape);
    for (std::size_t n = 0; n < static_cast<std::size_t>(node.shape[0]); ++n)
        conv_image(node.window, from, to, in[0].real + n * from.image(), in[1].real,
                   in.size() > 2 ? in[2].real : nullptr, out.real.data() + n * to.image());
}

void run_conv_transpose(const Node& node, const Operands& in, Tensor& out)
{
    const Dims from(*in[0].shape), to(node.shape);
    for (std::size_t n = 0; n < static_cast<std::size_t>(node.shape[0]); ++n)
        transposed_image(node.window, from, to, in[0].real + n * from.image(), in[1].real,
                         in.size() > 2 ? in[2].real : nullptr, out.real.data() + n * to.image());
}

void run_product(const Node& node, const Operands& in, Tensor& out)
{
    const auto k = static_cast<std::size_t>(in[0].shape->back()), n = static_cast<std::size_t>(node.shape.back());
    const float* bias = in.size() > 2 ? in[2].real : nullptr;
    for (std::size_t i = 0; i < out.real.size(); ++i)
        out.real[i] = (bias ? bias[i % n] : 0.0f) + dot(in[0].real + i / n * k, in[1].real + i % n * k, k);
}

/// The last two dimensions multiply, those before broadcast.
void run_dynamic_matmul(const Node& node, const Operands& in, Tensor& out)
{
    const Shape &a = *in[0].shape, &b = *in[1].shape;
    const auto k = static_cast<std::size_t>(a.back()), n = static_cast<std::size_t>(b.back());
    const auto m = static_cast<std::size_t>(a[a.size() - 2]);
    const Shape a_batch(a.begin(), a.end() - 2), b_batch(b.begin(), b.end() - 2);
    const Shape batch(node.shape.begin(), node.shape.end() - 2);
    Operands shapes(2);
    shapes[0].shape = &a_batch;
    shapes[1].shape = &b_batch;
    std::vector<float> column(n * k);
    Broadcast(batch, shapes).each([&](std::size_t i, const std::ptrdiff_t* at) {
        const float* left = in[0].real + static_cast<std::size_t>(at[0]) * m * k;
        const float* right = in[1].real + static_cast<std::size_t>(at[1]) * k * n;
        for (std::size_t c = 0; c < n; ++c)
            for (std::size_t r = 0; r < k; ++r) column[c * k + r] = right[r * n + c];
        float* to = out.real.data() + i * m * n;
        for (std::size_t row = 0; row < m; ++row)
            for (std::size_t c = 0; c < n; ++c) *to++ = dot(left + row * k, column.data() + c * k, k);
    });
}

}  // namespace lightcard::compiler::kernels
