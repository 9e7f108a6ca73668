// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/int8_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lightcard/platform/compiler/int8_sequences.h"

namespace lightcard::compiler {

namespace {

using Codes = std::vector<std::int32_t>;
using Wide = __int128;

/// Largest integer not above numerator / denominator; denominator > 0.
Wide floor_divide(Wide numerator, Wide denominator)
{
    const Wide quotient = numerator / denominator, rest = numerator % denominator;
    return rest < 0 ? quotient - 1 : quotient;
}

/// numerator / denominator to the nearest integer, halves upwards, then kept in [low, high].
std::int32_t round_and_clamp(Wide numerator, Wide denominator, std::int32_t low, std::int32_t high)
{
    const Wide nearest = floor_divide(2 * numerator + denominator, 2 * denominator);
    if (nearest < low) return low;
    return nearest > high ? high : static_cast<std::int32_t>(nearest);
}

Wide power_of_two(unsigned exponent)
{
    return static_cast<Wide>(1) << exponent;
}

std::int32_t saturate(std::int64_t value)
{
    constexpr std::int64_t kLow = std::numeric_limits<std::int32_t>::min(),
                           kHigh = std::numeric_limits<std::int32_t>::max();
    return static_cast<std::int32_t>(std::min(std::max(value, kLow), kHigh));
}

/// Where one element of an NHWC tensor lies; positions outside have none.
struct Image {
    explicit Image(const QuantTensor& t) : height(t.height), width(t.width), channels(t.channels) {}
    bool contains(std::int64_t y, std::int64_t x) const { return y >= 0 && y < height && x >= 0 && x < width; }
    std::size_t at(std::int64_t y, std::int64_t x) const
    {
        return static_cast<std::size_t>((y * width + x) * channels);
    }
    std::int64_t height, width, channels;
};

std::int64_t dot(const std::int32_t* codes, const std::int8_t* weights, std::int64_t count)
{
    constexpr std::int64_t kExact = 65536;  // 255 * 128 * 65536 < 2^31
    std::int64_t total = 0;
    for (std::int64_t start = 0; start < count; start += kExact) {
        std::int32_t sum = 0;
        const std::int64_t end = std::min(count, start + kExact);
        for (std::int64_t i = start; i < end; ++i) sum += codes[i] * weights[i];
        total += sum;
    }
    return total;
}

/// Sum of one output of a convolution, before bias.
std::int64_t accumulate(const QuantNode& node, const Image& in, const Codes& x, std::int64_t y, std::int64_t col,
                        std::int64_t output)
{
    const Window& w = node.window;
    const std::int64_t depth = in.channels / node.group;
    const std::int64_t first = output / (node.out.channels / node.group) * depth;
    const std::int8_t* weights = node.weights.data() + output * w.kernel_h * w.kernel_w * depth;
    std::int64_t sum = 0;
    for (int kh = 0; kh < w.kernel_h; ++kh)
        for (int kw = 0; kw < w.kernel_w; ++kw, weights += depth) {
            const std::int64_t from_y = y * w.stride_h - w.pad_top + kh * w.dilation_h;
            const std::int64_t from_x = col * w.stride_w - w.pad_left + kw * w.dilation_w;
            if (in.contains(from_y, from_x)) sum += dot(x.data() + in.at(from_y, from_x) + first, weights, depth);
        }
    return sum;
}

/// The inputs of one output position, order (group, kh, kw, channel of the group), zeros outside.
Codes patch_of(const QuantNode& node, const Image& in, const Codes& x, std::int64_t y, std::int64_t col)
{
    const Window& w = node.window;
    const std::int64_t depth = in.channels / node.group;
    Codes patch;
    for (std::int64_t group = 0; group < node.group; ++group)
        for (int kh = 0; kh < w.kernel_h; ++kh)
            for (int kw = 0; kw < w.kernel_w; ++kw) {
                const std::int64_t from_y = y * w.stride_h - w.pad_top + kh * w.dilation_h;
                const std::int64_t from_x = col * w.stride_w - w.pad_left + kw * w.dilation_w;
                for (std::int64_t c = group * depth; c < (group + 1) * depth; ++c)
                    patch.push_back(in.contains(from_y, from_x) ? x[in.at(from_y, from_x) + static_cast<std::size_t>(c)]
                                                                : 0);
            }
    return patch;
}

/// m of the block that holds rows [first, first + count) of each of `groups` groups from `group` on, and its codes
/// scaled, in place.
std::int32_t scale_block(const BlockScales& block, Codes& patch, std::size_t row, std::size_t group, std::size_t groups,
                         std::size_t first, std::size_t count)
{
    if (block.full == 0) return 1;
    std::int64_t most = 0;
    const auto each = [&](auto visit) {
        for (std::size_t g = group; g < group + groups; ++g)
            for (std::size_t i = first; i < first + count; ++i) visit(patch[g * row + i]);
    };
    each([&](std::int32_t code) { most = std::max<std::int64_t>(most, code < 0 ? -code : code); });
    if (most == 0) return 0;
    each([&](std::int32_t& code) {
        const auto scaled = static_cast<std::int32_t>(
            floor_divide(2 * Wide{code < 0 ? -code : code} * block.full + most, 2 * Wide{most}));
        code = code < 0 ? -scaled : scaled;
    });
    return static_cast<std::int32_t>(most);
}

/// floor(sum * m * scale + 1/2), the scale being a bf16 number.
std::int32_t scaled_sum(std::int64_t sum, std::int32_t m, std::uint16_t scale)
{
    if (scale == 0) return 0;
    const int exponent = (scale >> 7) - 127 - 7;  // 8 significant bits, the first one not stored
    Wide product = static_cast<Wide>(sum) * m * (128 + scale % 128);
    for (int i = 0; i < exponent; ++i) product *= 2;
    const Wide divisor = exponent < 0 ? power_of_two(static_cast<unsigned>(-exponent)) : 1;
    return round_and_clamp(product, divisor, std::numeric_limits<std::int32_t>::min(),
                           std::numeric_limits<std::int32_t>::max());
}

/// All sums of one output position in block floating point, before bias.
Codes block_sums(const QuantNode& node, Codes patch, std::size_t tile_rows)
{
    const BlockScales& block = node.block;
    const auto outputs = static_cast<std::size_t>(node.out.channels), groups = static_cast<std::size_t>(node.group);
    const std::size_t row = node.weights.size() / outputs, per_group = outputs / groups;
    const std::size_t tiles = (row + tile_rows - 1) / tile_rows;
    Codes sums(outputs, 0);
    for (std::size_t group = 0; group < groups; group += block.groups) {
        const std::size_t count = std::min<std::size_t>(block.groups, groups - group);
        for (std::size_t tile = 0; tile < tiles; ++tile) {
            const std::size_t first = tile * tile_rows, rows = std::min(row - first, tile_rows);
            const std::int32_t m = scale_block(block, patch, row, group, count, first, rows);
            for (std::size_t slice = 0; slice < block.planes.size(); ++slice)
                for (std::size_t o = group * per_group; o < (group + count) * per_group; ++o) {
                    const std::int64_t sum =
                        dot(patch.data() + o / per_group * row + first, block.planes[slice].data() + o * row + first,
                            static_cast<std::int64_t>(rows));
                    const std::uint16_t scale = block.scale[(slice * tiles + tile) * outputs + o];
                    sums[o] = saturate(std::int64_t{sums[o]} + scaled_sum(sum, m, scale));
                }
        }
    }
    return sums;
}

void multiply_blocks(const QuantNode& node, const QuantTensor& from, std::size_t tile_rows, const Codes& x, Codes& out)
{
    const Image in(from), to(node.out);
    const Requant& r = node.requant;
    for (std::int64_t y = 0; y < to.height; ++y)
        for (std::int64_t col = 0; col < to.width; ++col) {
            const Codes sums = block_sums(node, patch_of(node, in, x, y, col), tile_rows);
            for (std::size_t c = 0; c < sums.size(); ++c) {
                const std::int32_t sum = saturate(std::int64_t{sums[c]} + r.bias[c]);
                out[to.at(y, col) + c] = node.out.wide ? sum
                                                       : round_and_clamp(static_cast<Wide>(sum) * r.multiplier[c],
                                                                         power_of_two(r.shift[c]), r.lo, r.hi);
            }
        }
}

void multiply(const QuantNode& node, const QuantTensor& from, const Codes& x, Codes& out)
{
    const Image in(from), to(node.out);
    const Requant& r = node.requant;
    for (std::int64_t y = 0; y < to.height; ++y)
        for (std::int64_t col = 0; col < to.width; ++col)
            for (std::int64_t o = 0; o < to.channels; ++o) {
                const auto c = static_cast<std::size_t>(o);
                const std::int32_t sum = saturate(accumulate(node, in, x, y, col, o) + r.bias[c]);
                out[to.at(y, col) + c] = node.out.wide ? sum
                                                       : round_and_clamp(static_cast<Wide>(sum) * r.multiplier[c],
                                                                         power_of_two(r.shift[c]), r.lo, r.hi);
            }
}

/// Calls `take(position of the first channel)` for every position of a window inside the tensor; returns their number.
template <class Take>
int visit_window(const Window& w, const Image& in, std::int64_t y, std::int64_t x, Take take)
{
    int inside = 0;
    for (int kh = 0; kh < w.kernel_h; ++kh)
        for (int kw = 0; kw < w.kernel_w; ++kw) {
            const std::int64_t from_y = y * w.stride_h - w.pad_top + kh * w.dilation_h;
            const std::int64_t from_x = x * w.stride_w - w.pad_left + kw * w.dilation_w;
            if (!in.contains(from_y, from_x)) continue;
            take(in.at(from_y, from_x));
            ++inside;
        }
    return inside;
}

void max_pool(const QuantNode& node, const QuantTensor& from, const Codes& x, Codes& out)
{
    const Image in(from), to(node.out);
    std::fill(out.begin(), out.end(), std::numeric_limits<std::int32_t>::min());
    for (std::int64_t y = 0; y < to.height; ++y)
        for (std::int64_t col = 0; col < to.width; ++col) {
            const std::size_t target = to.at(y, col);
            visit_window(node.window, in, y, col, [&](std::size_t source) {
                for (std::size_t c = 0; c < static_cast<std::size_t>(to.channels); ++c)
                    out[target + c] = std::max(out[target + c], x[source + c]);
            });
        }
}

void average_pool(const QuantNode& node, const QuantTensor& from, const Codes& x, Codes& out)
{
    const Image in(from), to(node.out);
    const auto channels = static_cast<std::size_t>(to.channels);
    for (std::int64_t y = 0; y < to.height; ++y)
        for (std::int64_t col = 0; col < to.width; ++col) {
            std::vector<std::int64_t> sums(channels, 0);
            const int inside = visit_window(node.window, in, y, col, [&](std::size_t source) {
                for (std::size_t c = 0; c < channels; ++c) sums[c] += x[source + c];
            });
            const Wide divisor = power_of_two(node.shift) * (node.valid_count ? std::max(inside, 1) : 1);
            for (std::size_t c = 0; c < channels; ++c)
                out[to.at(y, col) + c] =
                    round_and_clamp(static_cast<Wide>(sums[c]) * node.mult, divisor, node.lo, node.hi);
        }
}

void rescale(const QuantNode& node, const Codes& a, const Codes* b, Codes& out)
{
    const Wide divisor = power_of_two(node.shift);
    for (std::size_t i = 0; i < out.size(); ++i) {
        Wide sum = static_cast<Wide>(a[i]) * node.mult;
        if (b) sum += static_cast<Wide>((*b)[i]) * node.mult2;
        out[i] = round_and_clamp(sum, divisor, node.lo, node.hi);
    }
}

void pad(const QuantNode& node, const QuantTensor& from, const Codes& x, Codes& out)
{
    const Image in(from), to(node.out);
    for (std::int64_t y = 0; y < in.height; ++y)
        std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(in.at(y, 0)), in.width * in.channels,
                    out.begin() + static_cast<std::ptrdiff_t>(to.at(y + node.window.pad_top, node.window.pad_left)));
}

QuantValues execute(const QuantGraph& graph, const QuantNode& node, const std::vector<QuantValues>& values)
{
    if (node.inputs.empty()) return run_sequence_operation(graph, node, values);
    const auto input = static_cast<std::size_t>(node.inputs[0]);
    const QuantTensor& from = graph.nodes[input].out;
    const Codes& x = values[input].codes;
    QuantValues out;
    if (is_sequence_operation(node)) return run_sequence_operation(graph, node, values);
    out.codes.resize(element_count(node.out));
    switch (node.op) {
        case QuantOp::mvm:
            if (node.block.empty())
                multiply(node, from, x, out.codes);
            else
                multiply_blocks(node, from, graph.tile_rows, x, out.codes);
            break;
        case QuantOp::add:
            rescale(node, x, &values[static_cast<std::size_t>(node.inputs[1])].codes, out.codes);
            break;
        case QuantOp::requant:
            rescale(node, x, nullptr, out.codes);
            break;
        case QuantOp::max_pool:
            max_pool(node, from, x, out.codes);
            break;
        case QuantOp::average_pool:
            average_pool(node, from, x, out.codes);
            break;
        case QuantOp::pad:
            pad(node, from, x, out.codes);
            break;
        default:
            break;
    }
    return out;
}

/// Bytes of the inputs before this one.
std::size_t offset_of(const QuantGraph& graph, std::size_t node)
{
    std::size_t offset = 0;
    for (const int i : graph.inputs) {
        if (static_cast<std::size_t>(i) == node) break;
        offset += byte_count(graph.nodes[static_cast<std::size_t>(i)].out);
    }
    return offset;
}

}  // namespace

Result<std::vector<QuantValues>> run_int8_trace(const QuantGraph& graph, const std::uint8_t* input)
{
    std::vector<QuantValues> values(graph.nodes.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        const QuantNode& node = graph.nodes[i];
        if (node.op == QuantOp::output) return Error{"QuantOp::output has no place in a graph", node.name, ""};
        if (node.op != QuantOp::input) {
            values[i] = execute(graph, node, values);
            continue;
        }
        auto taken = from_bytes(node.out, input + offset_of(graph, i), byte_count(node.out));
        if (!taken) return taken.error();
        values[i] = std::move(*taken);
    }
    return values;
}

Result<std::vector<QuantValues>> run_int8(const QuantGraph& graph, const std::uint8_t* input)
{
    auto values = run_int8_trace(graph, input);
    if (!values) return values;
    std::vector<QuantValues> outputs;
    for (int output : graph.outputs) outputs.push_back((*values)[static_cast<std::size_t>(output)]);
    return outputs;
}

}  // namespace lightcard::compiler
