// SPDX-License-Identifier: Apache-2.0
/// fp32 normalisations and reductions. Sums in double.
#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/float_kernels.h"

namespace lightcard::compiler::kernels {

namespace {

std::size_t product_of(const Shape& shape, std::size_t first, std::size_t last)
{
    std::size_t count = 1;
    for (std::size_t d = first; d < last; ++d) count *= static_cast<std::size_t>(shape[d]);
    return count;
}

/// One softmax over `n` values that lie `step` apart.
void softmax(const float* x, float* out, std::size_t n, std::size_t step)
{
    float most = x[0];
    for (std::size_t k = 1; k < n; ++k) most = std::max(most, x[k * step]);
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) {
        const double e = std::exp(static_cast<double>(x[k * step]) - static_cast<double>(most));
        out[k * step] = static_cast<float>(e);
        sum += e;
    }
    for (std::size_t k = 0; k < n; ++k) out[k * step] = static_cast<float>(static_cast<double>(out[k * step]) / sum);
}

}  // namespace

void run_normalisation(const Node& node, const Operands& in, Tensor& out)
{
    const float *x = in[0].real, *scale = in[1].real, *shift = in[2].real;
    const std::size_t inner = product_of(node.shape, 2, node.shape.size());
    const auto channels = static_cast<std::size_t>(node.shape[1]);
    for (std::size_t i = 0; i < out.real.size(); ++i) {
        const std::size_t c = i / inner % channels;
        out.real[i] = x[i] * scale[c] + shift[c];
    }
}

void run_layer_norm(const Node& node, const Operands& in, Tensor& out)
{
    const auto axis = static_cast<std::size_t>(node.axis);
    const std::size_t inner = product_of(node.shape, axis, node.shape.size());
    const bool centred = node.op == Op::layer_norm;
    for (std::size_t base = 0; base + inner <= out.real.size() && inner > 0; base += inner) {
        const float* x = in[0].real + base;
        double mean = 0, squares = 0;
        for (std::size_t i = 0; i < inner && centred; ++i) mean += static_cast<double>(x[i]);
        mean /= static_cast<double>(inner);
        for (std::size_t i = 0; i < inner; ++i) {
            const double d = static_cast<double>(x[i]) - mean;
            squares += d * d;
        }
        const double factor = 1 / std::sqrt(squares / static_cast<double>(inner) + static_cast<double>(node.epsilon));
        for (std::size_t i = 0; i < inner; ++i) {
            const double shift = in.size() > 2 ? static_cast<double>(in[2].real[i]) : 0.0;
            out.real[base + i] = static_cast<float>(
                (static_cast<double>(x[i]) - mean) * factor * static_cast<double>(in[1].real[i]) + shift);
        }
    }
}

void run_softmax(const Node& node, const Operands& in, Tensor& out)
{
    const auto axis = static_cast<std::size_t>(node.axis);
    const std::size_t outer = product_of(node.shape, 0, axis);
    const std::size_t inner = product_of(node.shape, axis + 1, node.shape.size());
    const auto n = static_cast<std::size_t>(node.shape[axis]);
    for (std::size_t o = 0; o < outer && n > 0; ++o)
        for (std::size_t i = 0; i < inner; ++i) {
            const std::size_t base = o * n * inner + i;
            softmax(in[0].real + base, out.real.data() + base, n, inner);
        }
}

/// A sum per output element: the reduced dimensions have stride 0 in the output.
void run_reduce_mean(const Node& node, const Operands& in, Tensor& out)
{
    const Shape& from = *in[0].shape;
    Shape kept = from;
    for (std::int64_t axis : node.axes) kept[static_cast<std::size_t>(axis)] = 1;
    Operands target(1);
    target[0].shape = &kept;
    std::vector<double> sums(out.integer ? out.ints.size() : out.real.size(), 0.0);
    Broadcast(from, target).each([&](std::size_t i, const std::ptrdiff_t* at) {
        sums[static_cast<std::size_t>(at[0])] +=
            in[0].integer ? static_cast<double>(in[0].ints[i]) : static_cast<double>(in[0].real[i]);
    });
    const double count = static_cast<double>(element_count(from)) / static_cast<double>(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (out.integer)
            out.ints[i] = static_cast<std::int64_t>(sums[i] / count);
        else
            out.real[i] = static_cast<float>(sums[i] / count);
    }
}

}  // namespace lightcard::compiler::kernels
