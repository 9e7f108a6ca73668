// SPDX-License-Identifier: Apache-2.0
/// Cuts weights into tiles and packs them, their converter ranges and the post constants into the weights section.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

constexpr std::uint64_t kAlign = 64;
constexpr std::uint64_t kPostBytes = 9;  ///< a column: s32 bias, s32 multiplier, u8 shift

std::uint64_t aligned(std::uint64_t value, std::uint64_t to)
{
    return (value + to - 1) / to * to;
}

/// FNV-1a over names and numbers, then mixed, so that ids of neighbouring tiles share no pattern.
std::uint64_t weight_id(const std::string& network, const std::string& layer, std::uint32_t number, std::uint32_t tile)
{
    std::uint64_t hash = 0xcbf29ce484222325u;
    const auto take = [&hash](const void* data, std::size_t size) {
        const auto* bytes = static_cast<const std::uint8_t*>(data);
        for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    };
    take(network.c_str(), network.size() + 1);
    take(layer.c_str(), layer.size() + 1);
    take(&number, sizeof number);
    take(&tile, sizeof tile);
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    hash ^= hash >> 31;
    return hash == 0 ? 1 : hash;
}

/// Groups [first, first + count) of a layer, treated as one matrix.
struct Groups {
    std::uint32_t in0, channels, out0, columns;
    std::uint64_t rows;
};

void cut(Plan& plan, Layer& layer, std::uint32_t number, const Groups& groups)
{
    const QuantNode& node = plan.node(layer);
    const std::uint32_t n = plan.n();
    for (std::uint32_t c0 = 0; c0 < groups.columns; c0 += n) {
        Column column{static_cast<std::uint32_t>(plan.tiles.size()), 0};
        const std::uint32_t cols = std::min(n, groups.columns - c0);
        for (std::uint64_t k0 = 0; k0 < groups.rows; k0 += n) {
            Tile tile;
            tile.layer = number - 1;
            tile.channel0 = groups.in0;
            tile.channels = groups.channels;
            tile.k0 = static_cast<std::uint32_t>(k0);
            tile.rows = static_cast<std::uint32_t>(std::min<std::uint64_t>(n, groups.rows - k0));
            tile.out0 = groups.out0 + c0;
            tile.cols = cols;
            tile.first = k0 == 0;
            tile.last = k0 + n >= groups.rows;
            tile.post = plan.post_bytes;
            tile.weight_id = weight_id(plan.graph.name, node.name, number, layer.tiles++);
            plan.tiles.push_back(tile);
            ++column.tiles;
        }
        layer.columns.push_back(column);
        plan.post_bytes += aligned(cols * kPostBytes, kAlign);
    }
}

/// As many groups on a tile's diagonal as fit both ways; a group larger than a tile is cut like a matrix of its own.
void tile_layer(Plan& plan, Layer& layer, std::uint32_t number)
{
    const QuantNode& node = plan.node(layer);
    const auto group_count = static_cast<std::uint32_t>(node.group);
    const std::uint32_t in = static_cast<std::uint32_t>(plan.input(node).channels) / group_count;
    const std::uint32_t out = static_cast<std::uint32_t>(node.out.channels) / group_count;
    const std::uint64_t rows = kernel_rows(node);
    const std::uint64_t fit = std::min<std::uint64_t>({group_count, plan.n() / rows, plan.n() / out});
    const auto packed = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, fit));
    layer.first_tile = static_cast<std::uint32_t>(plan.tiles.size());
    for (std::uint32_t g = 0; g < group_count; g += packed) {
        const std::uint32_t count = std::min(packed, group_count - g);
        cut(plan, layer, number, {g * in, count * in, g * out, count * out, rows * count});
    }
}

/// s8 [cols][rows], zero off the diagonal blocks of grouped convolutions.
void write_weights(const Plan& plan, const Tile& tile, std::uint8_t* out)
{
    const QuantNode& node = plan.node(plan.layers[tile.layer]);
    const auto group_count = static_cast<std::uint32_t>(node.group);
    const std::uint32_t in_group = static_cast<std::uint32_t>(plan.input(node).channels) / group_count;
    const std::uint32_t out_group = static_cast<std::uint32_t>(node.out.channels) / group_count;
    const std::uint64_t depth = kernel_rows(node);
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        const std::uint32_t channel = tile.out0 + col;
        const std::uint32_t group = channel / out_group - tile.channel0 / in_group;  // within the tile
        const std::int8_t* kernel = node.weights.data() + channel * depth;
        for (std::uint32_t row = 0; row < tile.rows; ++row) {
            const std::uint32_t k = tile.k0 + row, position = k / tile.channels, ch = k % tile.channels;
            const bool on_diagonal = ch / in_group == group;
            *out++ =
                on_diagonal ? static_cast<std::uint8_t>(kernel[std::uint64_t{position} * in_group + ch % in_group]) : 0;
        }
    }
}

/// Signed inputs reach the light as x + 128 (offset) or in two passes of one sign each: then a column carries more
/// than the signed sum that calibration saw. `column`: its packed weights.
double extra_range(const Plan& plan, const Tile& tile, const std::int8_t* column)
{
    if (!plan.input(plan.node(plan.layers[tile.layer])).is_signed) return 0;
    double sum = 0;
    for (std::uint32_t row = 0; row < tile.rows; ++row) sum += column[row];
    // A pass of one sign has half of the codes at zero: its mean is at most half of the largest code, 64.
    const double mean_code = plan.card.run.signed_inputs == SignedInputs::offset ? 128 : 64;
    return mean_code * std::abs(sum);
}

/// Converter full scale a column, from calibration; 0 (widest) where calibration says nothing.
void write_ranges(const Plan& plan, const Tile& tile, const std::uint8_t* weights, std::uint8_t* out)
{
    const QuantNode& node = plan.node(plan.layers[tile.layer]);
    const auto columns = static_cast<std::size_t>(node.out.channels);
    const std::uint64_t k_tiles = (kernel_rows(node) + plan.n() - 1) / plan.n();
    const bool known = plan.graph.tile_rows == plan.n() && node.tile_rms.size() == k_tiles * columns;
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        std::uint32_t range = 0;
        if (known) {
            // A tile of packed groups holds each group's whole kernel: its k0 is 0, as is the group's.
            const double rms = node.tile_rms[tile.k0 / plan.n() * columns + tile.out0 + col];
            const auto* column = reinterpret_cast<const std::int8_t*>(weights) + std::size_t{col} * tile.rows;
            const double extra = extra_range(plan, tile, column);
            const double full = std::ceil(plan.card.converters.adc_range_sigmas * rms + extra);
            if (full > 0) range = static_cast<std::uint32_t>(std::min(full, 4294967295.0));
        }
        std::memcpy(out + col * sizeof range, &range, sizeof range);
    }
}

void write_post(const Plan& plan, const Tile& tile, std::uint8_t* out)
{
    const Requant& r = plan.node(plan.layers[tile.layer]).requant;
    std::memcpy(out, r.bias.data() + tile.out0, tile.cols * 4);
    if (r.multiplier.empty()) return;  // s32 outputs: bias only
    std::memcpy(out + tile.cols * 4, r.multiplier.data() + tile.out0, tile.cols * 4);
    std::memcpy(out + tile.cols * 8, r.shift.data() + tile.out0, tile.cols);
}

}  // namespace

void make_tiles(Plan& plan)
{
    for (std::size_t i = 0; i < plan.graph.nodes.size(); ++i) {
        const QuantOp op = plan.graph.nodes[i].op;
        if (op == QuantOp::input || op == QuantOp::output) continue;
        Layer layer;
        layer.node = static_cast<int>(i);
        layer.first_tile = static_cast<std::uint32_t>(plan.tiles.size());
        const auto number = static_cast<std::uint32_t>(plan.layers.size() + 1);
        plan.layers.push_back(std::move(layer));
        if (op == QuantOp::mvm) tile_layer(plan, plan.layers.back(), number);
    }
}

std::vector<std::uint8_t> pack_weights(Plan& plan)
{
    std::uint64_t size = 0;
    for (Tile& tile : plan.tiles) {
        tile.weights = size;
        tile.ranges = aligned(size + std::uint64_t{tile.rows} * tile.cols, 4);
        size = aligned(tile.ranges + std::uint64_t{tile.cols} * 4, kAlign);
    }
    plan.post_section = size;
    std::vector<std::uint8_t> section(size + plan.post_bytes);
    for (const Tile& tile : plan.tiles) {
        write_weights(plan, tile, section.data() + tile.weights);
        write_ranges(plan, tile, section.data() + tile.weights, section.data() + tile.ranges);
        if (tile.last) write_post(plan, tile, section.data() + plan.post_section + tile.post);
    }
    return section;
}

}  // namespace lightcard::compiler::lowering
