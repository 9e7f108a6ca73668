// SPDX-License-Identifier: Apache-2.0
/// Cuts weights into tiles and packs them, their converter ranges and the post constants into the weights section.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "lightcard/model/photonic_core/link_budget.h"
#include "lightcard/platform/compiler/block_scale.h"
#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

constexpr std::uint64_t kAlign = 64;
constexpr std::uint64_t kPostBytes = 9;   ///< a column: s32 bias, s32 multiplier, u8 shift
constexpr std::uint64_t kScaleBytes = 2;  ///< a column of a tile: bf16

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

/// Whole copies that fit beside a block of rows or columns.
std::uint32_t copies_in(std::uint32_t n, std::uint32_t used, bool wanted)
{
    return wanted ? n / used : 1;
}

/// A tile's share of the constants in the scratchpad.
std::uint64_t take_constants(Plan& plan, std::uint64_t bytes)
{
    const std::uint64_t at = plan.post_bytes;
    plan.post_bytes += aligned(bytes, kAlign);
    return at;
}

/// Every slice of every K-tile of one column, in the order in which they add up.
Column cut_column(Plan& plan, Layer& layer, std::uint32_t number, const Groups& groups, std::uint32_t c0)
{
    const QuantNode& node = plan.node(layer);
    const std::uint32_t n = plan.n();
    const Fill fill = plan.card.run.fill;
    const auto slices = static_cast<std::uint32_t>(std::max<std::size_t>(1, node.block.planes.size()));
    const auto parts = static_cast<std::uint32_t>((groups.rows + n - 1) / n) * slices;
    Column column{static_cast<std::uint32_t>(plan.tiles.size()), parts};
    Tile tile;
    tile.layer = number - 1;
    tile.channel0 = groups.in0;
    tile.channels = groups.channels;
    tile.out0 = groups.out0 + c0;
    tile.cols = std::min(n, groups.columns - c0);
    tile.col_copies = copies_in(n, tile.cols, fill != Fill::off);
    tile.post = take_constants(plan, tile.cols * kPostBytes);
    for (std::uint32_t part = 0; part < parts; ++part) {
        tile.slice = part % slices;
        tile.k0 = part / slices * n;
        tile.rows = static_cast<std::uint32_t>(std::min<std::uint64_t>(n, groups.rows - tile.k0));
        tile.row_copies = copies_in(n, tile.rows, fill == Fill::both);
        tile.first = part == 0;
        tile.last = part + 1 == parts;
        tile.weight_id = weight_id(plan.graph.name, node.name, number, layer.tiles++);
        if (!node.block.empty()) tile.scales = take_constants(plan, tile.cols * kScaleBytes);
        plan.tiles.push_back(tile);
    }
    return column;
}

void cut(Plan& plan, Layer& layer, std::uint32_t number, const Groups& groups)
{
    for (std::uint32_t c0 = 0; c0 < groups.columns; c0 += plan.n())
        layer.columns.push_back(cut_column(plan, layer, number, groups, c0));
}

/// As many groups on a tile's diagonal as fit both ways; a group larger than a tile is cut like a matrix of its own.
void tile_layer(Plan& plan, Layer& layer, std::uint32_t number)
{
    const QuantNode& node = plan.node(layer);
    const auto group_count = static_cast<std::uint32_t>(node.group);
    const std::uint32_t in = static_cast<std::uint32_t>(plan.input(node).channels) / group_count;
    const std::uint32_t out = static_cast<std::uint32_t>(node.out.channels) / group_count;
    const std::uint64_t rows = kernel_rows(node);
    const std::uint32_t packed = groups_in_tile(group_count, rows, out, plan.n());
    layer.first_tile = static_cast<std::uint32_t>(plan.tiles.size());
    for (std::uint32_t g = 0; g < group_count; g += packed) {
        const std::uint32_t count = std::min(packed, group_count - g);
        cut(plan, layer, number, {g * in, count * in, g * out, count * out, rows * count});
    }
}

/// s8 [cols][rows] of one copy, zero off the diagonal blocks of grouped convolutions.
std::vector<std::uint8_t> tile_weights(const Plan& plan, const Tile& tile)
{
    const QuantNode& node = plan.node(plan.layers[tile.layer]);
    const std::vector<std::int8_t>& plane = node.block.empty() ? node.weights : node.block.planes[tile.slice];
    std::vector<std::uint8_t> weights;
    weights.reserve(std::size_t{tile.rows} * tile.cols);
    const auto group_count = static_cast<std::uint32_t>(node.group);
    const std::uint32_t in_group = static_cast<std::uint32_t>(plan.input(node).channels) / group_count;
    const std::uint32_t out_group = static_cast<std::uint32_t>(node.out.channels) / group_count;
    const std::uint64_t depth = kernel_rows(node);
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        const std::uint32_t channel = tile.out0 + col;
        const std::uint32_t group = channel / out_group - tile.channel0 / in_group;  // within the tile
        const std::int8_t* kernel = plane.data() + channel * depth;
        for (std::uint32_t row = 0; row < tile.rows; ++row) {
            const std::uint32_t k = tile.k0 + row, position = k / tile.channels, ch = k % tile.channels;
            const bool on_diagonal = ch / in_group == group;
            const std::uint64_t at = std::uint64_t{position} * in_group + ch % in_group;
            weights.push_back(on_diagonal ? static_cast<std::uint8_t>(kernel[at]) : std::uint8_t{0});
        }
    }
    return weights;
}

/// As the array holds them: copies of the rows in every column, then copies of the columns.
void write_weights(const Tile& tile, const std::vector<std::uint8_t>& weights, std::uint8_t* out)
{
    for (std::uint32_t col = 0; col < tile.array_cols(); ++col) {
        const std::uint8_t* source = weights.data() + std::size_t{col % tile.cols} * tile.rows;
        for (std::uint32_t copy = 0; copy < tile.row_copies; ++copy) out = std::copy_n(source, tile.rows, out);
    }
}

/// Signed inputs reach the light as x + 128 (offset) or in two passes of one sign each: then a column carries more
/// than the signed sum that calibration saw. `column`: its weights.
double extra_range(const Plan& plan, const Tile& tile, const std::uint8_t* column)
{
    if (!plan.input(plan.node(plan.layers[tile.layer])).is_signed) return 0;
    double sum = 0;
    for (std::uint32_t row = 0; row < tile.rows; ++row) sum += static_cast<std::int8_t>(column[row]);
    // A pass of one sign has half of the codes at zero: its mean is at most half of the largest code, 64.
    const double mean_code = plan.card.run.signed_inputs == SignedInputs::offset ? 128 : 64;
    return mean_code * std::abs(sum);
}

/// Converter full scale of one column of the array in units of code products; 0 (widest) where nothing is known.
double column_range(const Plan& plan, const Tile& tile, std::uint32_t col, const std::uint8_t* column)
{
    constexpr double kLargestProduct = 127.0 * 255.0;
    if (plan.card.run.analog_gain > 0) return plan.n() * kLargestProduct / plan.card.run.analog_gain;
    const QuantNode& node = plan.node(plan.layers[tile.layer]);
    const auto columns = static_cast<std::size_t>(node.out.channels);
    const std::uint64_t k_tiles = (kernel_rows(node) + plan.n() - 1) / plan.n();
    const std::size_t slices = std::max<std::size_t>(1, node.block.planes.size());
    const bool known = plan.graph.tile_rows == plan.n() && node.tile_rms.size() == slices * k_tiles * columns;
    if (!known) return 0;
    // A tile of packed groups holds each group's whole kernel: its k0 is 0, as is the group's.
    const std::size_t at = (tile.slice * k_tiles + tile.k0 / plan.n()) * columns + tile.out0 + col;
    const double product = plan.card.converters.adc_range_sigmas * node.tile_rms[at] + extra_range(plan, tile, column);
    const double pedestal = photonic_core::code_pedestal(plan.card.core, plan.card.pcm, plan.card.run.noise.crosstalk);
    if (pedestal == 0) return tile.row_copies * product;
    // One cell a weight: the ADC sees what stands for weight 0, for all the light there is.
    double bright = node.tile_codes.size() == node.tile_rms.size() ? node.tile_codes[at] : 255.0 * tile.rows;
    if (plan.input(node).is_signed) bright = (bright > 0 ? bright : 0) + 128.0 * tile.rows;
    return tile.row_copies * photonic_core::requested_range(pedestal, product, bright);
}

void write_ranges(const Plan& plan, const Tile& tile, const std::vector<std::uint8_t>& weights, std::uint8_t* out)
{
    for (std::uint32_t col = 0; col < tile.array_cols(); ++col) {
        const std::uint32_t of_copy = col % tile.cols;
        const double full =
            std::ceil(column_range(plan, tile, of_copy, weights.data() + std::size_t{of_copy} * tile.rows));
        const auto range = static_cast<std::uint32_t>(std::min(full, 4294967295.0));
        std::memcpy(out + std::size_t{col} * sizeof range, &range, sizeof range);
    }
}

void write_scales(const Plan& plan, const Tile& tile, std::uint8_t* out)
{
    const QuantNode& node = plan.node(plan.layers[tile.layer]);
    const auto columns = static_cast<std::size_t>(node.out.channels);
    const std::uint64_t k_tiles = (kernel_rows(node) + plan.n() - 1) / plan.n();
    const std::size_t at = (tile.slice * k_tiles + tile.k0 / plan.n()) * columns + tile.out0;
    std::memcpy(out, node.block.scale.data() + at, tile.cols * kScaleBytes);
}

/// Constants of columns [first, first + cols) of a node.
void write_post(const QuantNode& node, std::uint32_t first, std::uint32_t cols, std::uint8_t* out)
{
    const Requant& r = node.requant;
    std::memcpy(out, r.bias.data() + first, cols * std::size_t{4});
    if (r.multiplier.empty()) return;  // s32 outputs: bias only
    std::memcpy(out + cols * std::size_t{4}, r.multiplier.data() + first, cols * std::size_t{4});
    std::memcpy(out + cols * std::size_t{8}, r.shift.data() + first, cols);
}

/// Weights of the digital MAC engine stay in the scratchpad, [out][kh][kw][in/group] as the node has them.
void place_digital(Plan& plan, Layer& layer)
{
    const QuantNode& node = plan.node(layer);
    layer.weights = take_constants(plan, node.weights.size());
    layer.post = take_constants(plan, static_cast<std::uint64_t>(node.out.channels) * kPostBytes);
}

}  // namespace

void make_tiles(Plan& plan)
{
    plan.constant_tensor.assign(plan.graph.nodes.size(), 0);
    for (std::size_t i = 0; i < plan.graph.nodes.size(); ++i) {
        const QuantOp op = plan.graph.nodes[i].op;
        if (op == QuantOp::input || op == QuantOp::output || op == QuantOp::view) continue;
        if (op == QuantOp::constant) {
            plan.constant_tensor[i] = take_constants(plan, constant_bytes(plan.graph.nodes[i]));
            continue;
        }
        Layer layer;
        layer.node = static_cast<int>(i);
        layer.first_tile = static_cast<std::uint32_t>(plan.tiles.size());
        const auto number = static_cast<std::uint32_t>(plan.layers.size() + 1);
        plan.layers.push_back(std::move(layer));
        const QuantNode& node = plan.graph.nodes[i];
        if (node.digital)
            place_digital(plan, plan.layers.back());
        else if (op == QuantOp::mvm)
            tile_layer(plan, plan.layers.back(), number);
        const std::uint64_t constants = constant_bytes(node);
        if (constants > 0) plan.layers.back().constants = take_constants(plan, constants);
    }
}

std::vector<std::uint8_t> pack_weights(Plan& plan)
{
    std::uint64_t size = 0;
    for (Tile& tile : plan.tiles) {
        tile.weights = size;
        tile.ranges = aligned(size + std::uint64_t{tile.array_rows()} * tile.array_cols(), 4);
        size = aligned(tile.ranges + std::uint64_t{tile.array_cols()} * 4, kAlign);
    }
    plan.post_section = size;
    std::vector<std::uint8_t> section(size + plan.post_bytes);
    for (const Tile& tile : plan.tiles) {
        const std::vector<std::uint8_t> weights = tile_weights(plan, tile);
        std::uint8_t* constants = section.data() + plan.post_section;
        write_weights(tile, weights, section.data() + tile.weights);
        write_ranges(plan, tile, weights, section.data() + tile.ranges);
        if (!plan.node(plan.layers[tile.layer]).block.empty()) write_scales(plan, tile, constants + tile.scales);
        if (tile.last) write_post(plan.node(plan.layers[tile.layer]), tile.out0, tile.cols, constants + tile.post);
    }
    for (const Layer& layer : plan.layers) {
        const QuantNode& node = plan.node(layer);
        if (!node.digital) continue;
        std::uint8_t* constants = section.data() + plan.post_section;
        std::memcpy(constants + layer.weights, node.weights.data(), node.weights.size());
        write_post(node, 0, static_cast<std::uint32_t>(node.out.channels), constants + layer.post);
    }
    std::uint8_t* constants = section.data() + plan.post_section;
    for (const Layer& layer : plan.layers) write_constants(plan.node(layer), constants + layer.constants);
    for (std::size_t i = 0; i < plan.graph.nodes.size(); ++i)
        if (plan.graph.nodes[i].op == QuantOp::constant)
            write_constants(plan.graph.nodes[i], constants + plan.constant_tensor[i]);
    return section;
}

}  // namespace lightcard::compiler::lowering
