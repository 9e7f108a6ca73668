// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/block_scale.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace lightcard::compiler {

namespace {

constexpr int kMantissaBits = 8, kBias = 127;
constexpr double kLargestCode = 127;  ///< of a weight

/// Columns of one node, one K-tile each.
class Blocks {
public:
    Blocks(const QuantNode& node, std::uint32_t tile_rows)
        : outputs_(static_cast<std::size_t>(node.out.channels)),
          rows_(node.weights.size() / outputs_),
          tile_rows_(tile_rows),
          tiles_((rows_ + tile_rows - 1) / tile_rows)
    {
    }

    /// Calls take(first weight of the block, weights in it), k-tile by k-tile, column by column.
    template <class Take>
    void visit(Take take) const
    {
        for (std::size_t tile = 0; tile < tiles_; ++tile) {
            const std::size_t from = tile * tile_rows_, to = std::min(rows_, from + tile_rows_);
            for (std::size_t o = 0; o < outputs_; ++o) take(o * rows_ + from, to - from);
        }
    }

private:
    std::size_t outputs_, rows_, tile_rows_, tiles_;
};

/// Nearest code that a cell of `level_bits` holds exactly enough to be told from its neighbours.
double to_level(double code, std::uint32_t level_bits)
{
    if (level_bits == 0 || level_bits >= 8) return std::nearbyint(code);
    const double steps = static_cast<double>((1u << level_bits) - 1);
    return std::nearbyint(std::nearbyint(code / kLargestCode * steps) / steps * kLargestCode);
}

/// One slice of every column: codes at full range of what is left, and the scale that makes up for it; takes what it
/// holds away from `left`.
void add_slice(const Blocks& blocks, std::uint32_t level_bits, double full, std::vector<double>& left,
               BlockScales& block)
{
    std::vector<std::int8_t> plane(left.size());
    blocks.visit([&](std::size_t first, std::size_t count) {
        double most = 0;
        for (std::size_t i = first; i < first + count; ++i) most = std::max(most, std::fabs(left[i]));
        // What is left of a slice may be next to nothing, and zero then.
        const double step = most / kLargestCode / full;
        const std::uint16_t bits = step < std::ldexp(1.0, -31) ? std::uint16_t{0} : bf16_not_below(step);
        block.scale.push_back(bits);
        const double scale = from_bf16(bits) * full;
        for (std::size_t i = first; scale > 0 && i < first + count; ++i) {
            const double code = to_level(left[i] / scale, level_bits);
            plane[i] = static_cast<std::int8_t>(code);
            left[i] -= code * scale;
        }
    });
    block.planes.push_back(std::move(plane));
}

}  // namespace

std::uint16_t bf16_not_below(double value)
{
    if (!(value > 0)) return 0;
    int exponent = 0;
    const double mantissa = std::ceil(std::ldexp(std::frexp(value, &exponent), kMantissaBits));  // 128 .. 256
    const auto whole = static_cast<std::uint32_t>(mantissa) - 128;                               // 128: the next binade
    return static_cast<std::uint16_t>((static_cast<std::uint32_t>(exponent - 1 + kBias) << 7) + whole);
}

double from_bf16(std::uint16_t bits)
{
    if (bits == 0) return 0;
    return std::ldexp(128 + (bits & 127), (bits >> 7) - kBias - 7);
}

std::uint32_t groups_in_tile(std::uint32_t groups, std::uint64_t kernel_rows, std::uint64_t outputs_a_group,
                             std::uint64_t n)
{
    const std::uint64_t fit = std::min<std::uint64_t>({groups, n / kernel_rows, n / outputs_a_group});
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, fit));
}

void scale_node(const QuantGraph& graph, QuantNode& node, const BlockOptions& options)
{
    const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
    const Blocks blocks(node, graph.tile_rows);
    BlockScales block;
    block.full = in.is_signed ? options.full_signed : options.full_unsigned;
    const auto groups = static_cast<std::uint32_t>(node.group);
    const auto outputs = static_cast<std::size_t>(node.out.channels);
    block.groups = groups_in_tile(groups, node.weights.size() / outputs, outputs / groups, graph.tile_rows);
    std::vector<double> left(node.weights.begin(), node.weights.end());
    const double full = block.full == 0 ? 1 : block.full;
    for (std::uint32_t slice = 0; slice < options.slices; ++slice)
        add_slice(blocks, options.slices > 1 ? options.level_bits : 0, full, left, block);
    node.block = std::move(block);
}

void scale_blocks(QuantGraph& graph, const BlockOptions& options)
{
    for (QuantNode& node : graph.nodes)
        if (node.op == QuantOp::mvm && !node.digital) scale_node(graph, node, options);
}

std::int32_t scale_codes(std::vector<std::int32_t>& codes, std::uint32_t full)
{
    if (full == 0) return 1;
    std::int32_t most = 0;
    for (const std::int32_t code : codes) most = std::max(most, std::abs(code));
    if (most == 0) return 0;
    for (std::int32_t& code : codes) {
        const std::int32_t scaled = (2 * std::abs(code) * static_cast<std::int32_t>(full) + most) / (2 * most);
        code = code < 0 ? -scaled : scaled;
    }
    return most;
}

}  // namespace lightcard::compiler
