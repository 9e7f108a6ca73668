// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/int8_sequences.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lightcard::compiler {

namespace {

using Codes = std::vector<std::int32_t>;
using Wide = __int128;

/// numerator / 2^shift to the nearest integer, halves upwards, then kept in [low, high].
std::int32_t rounded(Wide numerator, unsigned shift, std::int32_t low, std::int32_t high)
{
    const Wide divisor = static_cast<Wide>(1) << shift, twice = 2 * numerator + divisor;
    Wide nearest = twice / (2 * divisor);
    if (twice % (2 * divisor) < 0) --nearest;
    if (nearest < low) return low;
    return nearest > high ? high : static_cast<std::int32_t>(nearest);
}

std::int32_t rounded(double value, std::int32_t low, std::int32_t high)
{
    if (std::isnan(value)) return low;
    return static_cast<std::int32_t>(
        std::clamp(std::floor(value + 0.5), static_cast<double>(low), static_cast<double>(high)));
}

/// Calls visit(index of the element, y, x, c).
template <class Visit>
void each(int height, int width, int channels, Visit visit)
{
    std::size_t i = 0;
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            for (std::int64_t c = 0; c < channels; ++c) visit(i++, y, x, c);
}
template <class Visit>
void each(const QuantTensor& t, Visit visit)
{
    each(t.height, t.width, t.channels, visit);
}

std::size_t element(const Walk& walk, std::int64_t y, std::int64_t x, std::int64_t c)
{
    return static_cast<std::size_t>(walk.offset + y * walk.h + x * walk.w + c * walk.c);
}

Walk dense_walk(const QuantTensor& t)
{
    return {0, std::int64_t{t.width} * t.channels, t.channels, 1};
}

void combine(const QuantNode& node, const Codes& a, const Codes& b, Codes& out)
{
    const Walk first = node.walks.empty() ? dense_walk(node.out) : node.walks[0];
    const Walk second = node.walks.empty() ? dense_walk(node.out) : node.walks[1];
    each(node.out, [&](std::size_t i, std::int64_t y, std::int64_t x, std::int64_t c) {
        const Wide left = a[element(first, y, x, c)], right = b[element(second, y, x, c)];
        const Wide sum = node.op == QuantOp::mul ? left * right * node.mult : left * node.mult + right * node.mult2;
        out[i] = rounded(sum, node.shift, node.lo, node.hi);
    });
}

void softmax(const QuantNode& node, const QuantTensor& from, const Codes& x, QuantValues& out)
{
    const auto scale = static_cast<double>(static_cast<float>(from.wide ? from.channel_scale[0] : from.scale));
    const auto channels = static_cast<std::size_t>(from.channels);
    std::vector<double> powers(channels);
    for (std::size_t base = 0; base < x.size(); base += channels) {
        const auto begin = x.begin() + static_cast<std::ptrdiff_t>(base);
        const std::int64_t most = *std::max_element(begin, begin + static_cast<std::ptrdiff_t>(channels));
        double sum = 0;
        for (std::size_t c = 0; c < channels; ++c) {
            powers[c] = std::exp(static_cast<double>(x[base + c] - most) * scale);
            sum += powers[c];
        }
        for (std::size_t c = 0; c < channels; ++c) {
            if (node.out.f32)
                out.reals.push_back(static_cast<float>(powers[c] / sum));
            else
                out.codes.push_back(rounded(powers[c] / sum * node.mult, node.lo, node.hi));
        }
    }
}

void normalise(const QuantNode& node, const Codes& x, Codes& out)
{
    const auto channels = static_cast<std::size_t>(node.out.channels);
    const auto count = static_cast<double>(channels);
    for (std::size_t base = 0; base < x.size(); base += channels) {
        Wide sum = 0, squares = 0;
        for (std::size_t c = 0; c < channels; ++c) {
            sum += x[base + c];
            squares += static_cast<Wide>(x[base + c]) * x[base + c];
        }
        if (node.rms) sum = 0;
        const Wide spread = static_cast<Wide>(channels) * squares - sum * sum;
        const double root = std::sqrt(static_cast<double>(static_cast<std::int64_t>(spread)) +
                                      static_cast<double>(node.epsilon) * (count * count));
        for (std::size_t c = 0; c < channels; ++c) {
            const auto from_mean = static_cast<std::int64_t>(static_cast<Wide>(channels) * x[base + c] - sum);
            const double scaled = static_cast<double>(from_mean) / root * static_cast<double>(node.gain[c]);
            out[base + c] = rounded(scaled + static_cast<double>(node.shifts[c]), node.lo, node.hi);
        }
    }
}

void multiply(const QuantNode& node, const Codes& a, const Codes& b, Codes& out)
{
    each(node.out, [&](std::size_t i, std::int64_t y, std::int64_t x, std::int64_t c) {
        std::int64_t sum = 0;
        for (std::int64_t k = 0; k < node.depth; ++k)
            sum += std::int64_t{a[element(node.walks[0], y, x, k)]} * b[element(node.walks[1], y, c, k)];
        const auto column = static_cast<std::size_t>(c);
        const Requant& r = node.requant;
        sum = std::clamp<std::int64_t>(sum + r.bias[column], std::numeric_limits<std::int32_t>::min(),
                                       std::numeric_limits<std::int32_t>::max());
        out[i] = node.out.wide ? static_cast<std::int32_t>(sum)
                               : rounded(static_cast<Wide>(sum) * r.multiplier[column], r.shift[column], r.lo, r.hi);
    });
}

/// Elements of a walk of any number of dimensions, in order.
template <class Value>
void move(const QuantNode& node, const std::vector<Value>& x, std::vector<Value>& out)
{
    out.clear();
    const auto count = static_cast<std::int64_t>(element_count(node.out));
    for (std::int64_t i = 0; i < count; ++i) {
        std::int64_t rest = i, at = node.offset;
        for (std::size_t d = node.shape.size(); d-- > 0; rest /= node.shape[d])
            at += rest % node.shape[d] * node.strides[d];
        out.push_back(x[static_cast<std::size_t>(at)]);
    }
}

void gather(const QuantNode& node, const Codes& indices, Codes& out)
{
    const std::int64_t rows = static_cast<std::int64_t>(node.table.size()) / node.out.channels;
    each(node.out, [&](std::size_t i, std::int64_t, std::int64_t x, std::int64_t c) {
        const std::int64_t row = std::clamp<std::int64_t>(indices[static_cast<std::size_t>(x)], 0, rows - 1);
        out[i] = node.table[static_cast<std::size_t>(row * node.out.channels + c)];
    });
}

void concat(const QuantNode& node, const std::vector<QuantValues>& values, Codes& out)
{
    for (std::size_t k = 0; k < node.parts.size(); ++k) {
        const ConcatPart& part = node.parts[k];
        const Codes& from = values[static_cast<std::size_t>(node.inputs[k])].codes;
        each(part.height, part.width, part.channels, [&](std::size_t, std::int64_t y, std::int64_t x, std::int64_t c) {
            out[element(part.to, y, x, c)] =
                rounded(static_cast<Wide>(from[element(part.from, y, x, c)]) * part.mult, part.shift, node.lo, node.hi);
        });
    }
}

}  // namespace

bool is_sequence_operation(const QuantNode& node)
{
    return node.op == QuantOp::softmax || node.op >= QuantOp::mul || !node.walks.empty();
}

QuantValues run_sequence_operation(const QuantGraph& graph, const QuantNode& node,
                                   const std::vector<QuantValues>& values)
{
    QuantValues out;
    if (node.op == QuantOp::constant) {
        out.codes = node.table;
        return out;
    }
    const auto input = [&](std::size_t k) -> const QuantValues& {
        return values[static_cast<std::size_t>(node.inputs[k])];
    };
    const Codes& x = input(0).codes;
    if (node.op == QuantOp::view) return input(0);
    if (node.op != QuantOp::softmax) out.codes.resize(element_count(node.out));
    switch (node.op) {
        case QuantOp::softmax:
            softmax(node, graph.nodes[static_cast<std::size_t>(node.inputs[0])].out, x, out);
            break;
        case QuantOp::add:
        case QuantOp::mul:
            combine(node, x, input(1).codes, out.codes);
            break;
        case QuantOp::table:
            for (std::size_t i = 0; i < x.size(); ++i) out.codes[i] = node.table[static_cast<std::uint8_t>(x[i])];
            break;
        case QuantOp::norm:
            normalise(node, x, out.codes);
            break;
        case QuantOp::gemm:
            multiply(node, x, input(1).codes, out.codes);
            break;
        case QuantOp::gather:
            gather(node, x, out.codes);
            break;
        case QuantOp::concat:
            concat(node, values, out.codes);
            break;
        case QuantOp::move:
            if (node.out.f32)
                move(node, input(0).reals, out.reals);
            else
                move(node, x, out.codes);
            if (node.out.f32) out.codes.clear();
            break;
        default:
            break;
    }
    return out;
}

}  // namespace lightcard::compiler
