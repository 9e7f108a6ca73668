// SPDX-License-Identifier: Apache-2.0
/// fp32 operators with a window over H and W, or over channels: pooling, resampling, local response normalisation.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lightcard/platform/compiler/float_kernels.h"

namespace lightcard::compiler::kernels {

namespace {

std::size_t area(const Shape& s)
{
    return static_cast<std::size_t>(s[2]) * static_cast<std::size_t>(s[3]);
}

/// Values of a window inside one plane, for one output position.
template <class T, class Take>
int visit_window(const Window& w, const Shape& in, const T* plane, std::int64_t y, std::int64_t x, Take take)
{
    int count = 0;
    for (int kh = 0; kh < w.kernel_h; ++kh)
        for (int kw = 0; kw < w.kernel_w; ++kw) {
            const std::int64_t row = y * w.stride_h - w.pad_top + kh * w.dilation_h;
            const std::int64_t col = x * w.stride_w - w.pad_left + kw * w.dilation_w;
            if (row < 0 || row >= in[2] || col < 0 || col >= in[3]) continue;
            take(plane[row * in[3] + col]);
            ++count;
        }
    return count;
}

template <class T>
void max_pool(const Node& node, const Shape& in, const T* x, T* out)
{
    const auto planes = static_cast<std::size_t>(in[0] * in[1]);
    for (std::size_t p = 0; p < planes; ++p, x += area(in))
        for (std::int64_t y = 0; y < node.shape[2]; ++y)
            for (std::int64_t col = 0; col < node.shape[3]; ++col) {
                T best = std::numeric_limits<T>::lowest();
                visit_window(node.window, in, x, y, col, [&](T v) { best = std::max(best, v); });
                *out++ = best;
            }
}

void average_pool(const Node& node, const Shape& in, const float* x, float* out)
{
    const Window& w = node.window;
    const auto planes = static_cast<std::size_t>(in[0] * in[1]);
    for (std::size_t p = 0; p < planes; ++p, x += area(in))
        for (std::int64_t y = 0; y < node.shape[2]; ++y)
            for (std::int64_t col = 0; col < node.shape[3]; ++col) {
                float sum = 0;
                const int count = visit_window(w, in, x, y, col, [&](float v) { sum += v; });
                *out++ = sum / static_cast<float>(w.count_include_pad ? w.kernel_h * w.kernel_w : count);
            }
}

void global_pool(const Node& node, const Operand& in, float* out)
{
    const auto planes = static_cast<std::size_t>((*in.shape)[0] * (*in.shape)[1]);
    const std::size_t plane = planes == 0 ? 0 : static_cast<std::size_t>(element_count(*in.shape)) / planes;
    for (std::size_t p = 0; p < planes; ++p) {
        const float *from = in.real + p * plane, *end = from + plane;
        double sum = 0;
        for (const float* v = from; v != end; ++v) sum += *v;
        out[p] = node.op == Op::global_max_pool ? *std::max_element(from, end)
                                                : static_cast<float>(sum / static_cast<double>(plane));
    }
}

/// Source positions and weights of one output position, along one dimension.
struct Taps {
    std::vector<std::int64_t> at;
    std::vector<double> weight;
};

double source_position(const Resampling& r, std::int64_t o, std::int64_t in, std::int64_t out, double scale)
{
    const auto position = static_cast<double>(o);
    const double span = static_cast<double>(in) * scale - 1;  // not rounded: ONNX leaves the fraction in
    switch (r.coordinates) {
        case Resampling::Coordinates::half_pixel:
            return (position + 0.5) / scale - 0.5;
        case Resampling::Coordinates::pytorch_half_pixel:
            return out > 1 ? (position + 0.5) / scale - 0.5 : 0.0;
        case Resampling::Coordinates::align_corners:
            return span > 0 ? position * static_cast<double>(in - 1) / span : 0.0;
        case Resampling::Coordinates::asymmetric:
            return position / scale;
        case Resampling::Coordinates::tf_half_pixel_for_nn:
            return (position + 0.5) / scale;
    }
    return position;
}

double nearest(Resampling::Nearest how, double x)
{
    switch (how) {
        case Resampling::Nearest::round_prefer_floor:
            return std::ceil(x - 0.5);
        case Resampling::Nearest::round_prefer_ceil:
            return std::floor(x + 0.5);
        case Resampling::Nearest::floor:
            return std::floor(x);
        case Resampling::Nearest::ceil:
            return std::ceil(x);
    }
    return x;
}

/// Keys' cubic kernel.
double cubic(double distance, double a)
{
    const double d = std::fabs(distance);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0.0;
}

Taps taps_of(const Resampling& r, double x, std::int64_t size)
{
    Taps taps;
    const auto add = [&](std::int64_t at, double weight) {
        const bool outside = at < 0 || at >= size;
        taps.at.push_back(std::clamp<std::int64_t>(at, 0, size - 1));
        taps.weight.push_back(outside && r.exclude_outside ? 0.0 : weight);
    };
    const auto base = static_cast<std::int64_t>(std::floor(x));
    const double part = x - std::floor(x);
    if (r.filter == Resampling::Filter::nearest) {
        add(static_cast<std::int64_t>(nearest(r.nearest, x)), 1);
    } else if (r.filter == Resampling::Filter::linear) {
        add(base, 1 - part);
        add(base + 1, part);
    } else {
        double sum = 0;
        for (int k = -1; k <= 2; ++k) add(base + k, cubic(part - k, static_cast<double>(r.cubic_a)));
        for (double weight : taps.weight) sum += weight;
        for (double& weight : taps.weight) weight /= r.exclude_outside ? sum : 1;
    }
    return taps;
}

/// One dimension after the other: every filter is separable.
std::vector<float> resample(const std::vector<float>& in, Shape& shape, std::size_t axis, std::int64_t out,
                            const Resampling& r)
{
    std::size_t outer = 1, inner = 1;
    for (std::size_t d = 0; d < axis; ++d) outer *= static_cast<std::size_t>(shape[d]);
    for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= static_cast<std::size_t>(shape[d]);
    const std::int64_t size = shape[axis];
    std::vector<float> result(outer * static_cast<std::size_t>(out) * inner);
    for (std::int64_t o = 0; o < out; ++o) {
        const auto scale = static_cast<double>(r.scales[axis]);
        const Taps taps = taps_of(r, source_position(r, o, size, out, scale), size);
        for (std::size_t b = 0; b < outer; ++b)
            for (std::size_t i = 0; i < inner; ++i) {
                double sum = 0;
                for (std::size_t t = 0; t < taps.at.size(); ++t)
                    sum += taps.weight[t] *
                           static_cast<double>(
                               in[(b * static_cast<std::size_t>(size) + static_cast<std::size_t>(taps.at[t])) * inner +
                                  i]);
                result[(b * static_cast<std::size_t>(out) + static_cast<std::size_t>(o)) * inner + i] =
                    static_cast<float>(sum);
            }
    }
    shape[axis] = out;
    return result;
}

}  // namespace

void run_pool(const Node& node, const Operands& in, Tensor& out)
{
    const Shape& from = *in[0].shape;
    if (node.op == Op::global_average_pool || node.op == Op::global_max_pool)
        global_pool(node, in[0], out.real.data());
    else if (node.op == Op::average_pool)
        average_pool(node, from, in[0].real, out.real.data());
    else if (node.integer)
        max_pool(node, from, in[0].ints, out.ints.data());
    else
        max_pool(node, from, in[0].real, out.real.data());
}

void run_resize(const Node& node, const Operands& in, Tensor& out)
{
    Shape shape = *in[0].shape;
    out.real.assign(in[0].real, in[0].real + element_count(shape));
    for (std::size_t d = 0; d < shape.size(); ++d)
        if (node.shape[d] != shape[d] || node.resampling.scales[d] != 1.0f)
            out.real = resample(out.real, shape, d, node.shape[d], node.resampling);
}

/// x / (bias + alpha / size * sum of squares over `size` channels)^beta
void run_lrn(const Node& node, const Operands& in, Tensor& out)
{
    const std::int64_t channels = node.shape[1];
    const std::int64_t inner = element_count(node.shape) / std::max<std::int64_t>(1, node.shape[0] * channels);
    const std::int64_t before = (node.size - 1) / 2, after = node.size - 1 - before;
    const float* x = in[0].real;
    for (std::int64_t n = 0; n < node.shape[0]; ++n)
        for (std::int64_t c = 0; c < channels; ++c)
            for (std::int64_t i = 0; i < inner; ++i) {
                double squares = 0;
                for (std::int64_t k = std::max<std::int64_t>(0, c - before); k <= std::min(channels - 1, c + after);
                     ++k) {
                    const auto v = static_cast<double>(x[(n * channels + k) * inner + i]);
                    squares += v * v;
                }
                const auto at = static_cast<std::size_t>((n * channels + c) * inner + i);
                const double divisor =
                    std::pow(static_cast<double>(node.bias) + static_cast<double>(node.alpha) / node.size * squares,
                             static_cast<double>(node.beta));
                out.real[at] = static_cast<float>(static_cast<double>(x[at]) / divisor);
            }
}

}  // namespace lightcard::compiler::kernels
