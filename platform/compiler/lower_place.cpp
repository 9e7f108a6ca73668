// SPDX-License-Identifier: Apache-2.0
/// Places: tiles in cores and banks, tensors in the scratchpad.
#include <algorithm>
#include <numeric>
#include <tuple>

#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

constexpr std::uint64_t kAlign = 64;

std::uint64_t aligned(std::uint64_t value)
{
    return (value + kAlign - 1) / kAlign * kAlign;
}

/// Columns to cores: the core with least of this layer's work, then with fewest tiles. With `room` banks a core, a
/// column goes only where it fits. False: some column fits nowhere.
bool assign_cores(Plan& plan, std::uint64_t room)
{
    std::vector<std::uint64_t> held(plan.card.cores, 0);
    for (const Layer& layer : plan.layers) {
        std::vector<std::uint64_t> load(plan.card.cores, 0);
        for (const Column& column : layer.columns) {
            std::uint32_t best = plan.card.cores;
            for (std::uint32_t core = 0; core < plan.card.cores; ++core) {
                if (held[core] + column.tiles > room) continue;
                if (best == plan.card.cores || std::tie(load[core], held[core]) < std::tie(load[best], held[best])) {
                    best = core;
                }
            }
            if (best == plan.card.cores) return false;
            load[best] += column.tiles;
            held[best] += column.tiles;
            for (std::uint32_t i = 0; i < column.tiles; ++i) plan.tiles[column.first_tile + i].core = best;
        }
    }
    return true;
}

/// Tiles of a core that do not all fit: a few banks are reloaded in turn (one more than can be written at once, so that
/// one computes meanwhile); the other banks keep the tiles with the least light time, whose reload would hide worst.
void reload(Plan& plan, std::uint32_t core, const std::vector<std::uint32_t>& tiles)
{
    const std::uint32_t banks = plan.card.pcm.banks;
    const std::uint32_t cycle = std::min(banks, std::max<std::uint32_t>(1, plan.card.pcm.writers) + 1);
    plan.cycle[core] = cycle;
    std::vector<std::uint32_t> by_time = tiles;
    std::stable_sort(by_time.begin(), by_time.end(), [&plan](std::uint32_t a, std::uint32_t b) {
        return plan.vectors(plan.layers[plan.tiles[a].layer]) < plan.vectors(plan.layers[plan.tiles[b].layer]);
    });
    const std::uint32_t kept = banks - cycle;
    for (std::uint32_t i = 0; i < kept; ++i) {
        plan.tiles[by_time[i]].resident = true;
        plan.tiles[by_time[i]].bank = i;
    }
    std::uint32_t turn = 0;
    for (const std::uint32_t tile : tiles) {
        if (!plan.tiles[tile].resident) plan.tiles[tile].bank = kept + turn++ % cycle;
    }
}

void add_psums(Plan& plan)
{
    plan.psum_buffer.assign(plan.layers.size(), std::vector<int>(plan.card.cores, -1));
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
        const Layer& layer = plan.layers[i];
        for (const Column& column : layer.columns) {
            if (column.tiles == 1) continue;
            const Tile& tile = plan.tiles[column.first_tile];
            int& index = plan.psum_buffer[i][tile.core];
            if (index < 0) {
                index = static_cast<int>(plan.buffers.size());
                plan.buffers.push_back(
                    {"partial sums of " + plan.node(layer).name, 0, layer.node, layer.node, 0, 0, false});
            }
            Buffer& buffer = plan.buffers[static_cast<std::size_t>(index)];
            buffer.bytes_per_image = std::max(buffer.bytes_per_image, plan.vectors(layer) * tile.cols * 4);
        }
    }
}

/// Inputs are there before the first node runs, outputs are read after the last.
void add_tensors(Plan& plan)
{
    const auto& nodes = plan.graph.nodes;
    const int end = static_cast<int>(nodes.size());
    plan.tensor_buffer.assign(nodes.size(), -1);
    for (int i = 0; i < end; ++i) {
        const QuantNode& node = nodes[static_cast<std::size_t>(i)];
        int& index = plan.tensor_buffer[static_cast<std::size_t>(i)];
        if (node.op == QuantOp::output || node.op == QuantOp::view) {  // another name of its input
            index = plan.tensor_buffer[static_cast<std::size_t>(node.inputs[0])];
            continue;
        }
        if (node.op == QuantOp::constant) {
            index = static_cast<int>(plan.buffers.size());
            const std::uint64_t at = plan.constant_tensor[static_cast<std::size_t>(i)];
            plan.buffers.push_back(
                {node.name, bytes_per_image(node.out), -1, end, at, bytes_per_image(node.out), true});
            continue;
        }
        for (const int input : node.inputs) {
            Buffer& read = plan.buffers[static_cast<std::size_t>(plan.tensor_buffer[static_cast<std::size_t>(input)])];
            read.last = std::max(read.last, i);
        }
        index = static_cast<int>(plan.buffers.size());
        const int first = node.op == QuantOp::input ? -1 : i;
        plan.buffers.push_back({node.name, bytes_per_image(node.out), first, i, 0, 0, false});
    }
    for (const int output : plan.graph.outputs) {
        const int index = plan.tensor_buffer[static_cast<std::size_t>(output)];
        plan.buffers[static_cast<std::size_t>(index)].last = end;
    }
}

/// Largest first, each at the lowest offset that is free during its life. Returns the bytes used; `overflow` becomes
/// the first buffer that reached past `limit`.
std::uint64_t pack_buffers(Plan& plan, std::uint32_t batch, std::uint64_t limit, const Buffer** overflow)
{
    std::vector<Buffer*> order;
    for (Buffer& buffer : plan.buffers) {
        if (buffer.fixed) continue;
        buffer.bytes = aligned(buffer.bytes_per_image * batch);
        if (!buffer.memory) order.push_back(&buffer);
    }
    std::stable_sort(order.begin(), order.end(), [](const Buffer* a, const Buffer* b) { return a->bytes > b->bytes; });
    std::uint64_t used = aligned(plan.post_bytes);
    std::vector<Buffer*> placed;  // by offset
    for (Buffer* buffer : order) {
        std::uint64_t at = aligned(plan.post_bytes);
        for (const Buffer* other : placed) {
            if (other->last < buffer->first || other->first > buffer->last) continue;
            if (at + buffer->bytes <= other->offset) break;
            at = std::max(at, other->offset + other->bytes);
        }
        buffer->offset = at;
        used = std::max(used, at + buffer->bytes);
        if (used > limit && *overflow == nullptr) *overflow = buffer;
        placed.insert(std::upper_bound(placed.begin(), placed.end(), buffer,
                                       [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; }),
                      buffer);
    }
    return used;
}

/// Scratchpad that one image takes.
std::uint64_t bytes_of_one(Plan& plan)
{
    const Buffer* none = nullptr;
    return pack_buffers(plan, 1, ~std::uint64_t{0}, &none);
}

bool fits(Plan& plan, std::uint32_t batch)
{
    const Buffer* overflow = nullptr;
    return pack_buffers(plan, batch, plan.card.control.sram_bytes, &overflow) <= plan.card.control.sram_bytes;
}

}  // namespace

void place_tiles(Plan& plan)
{
    const std::uint64_t banks = plan.card.pcm.banks;
    plan.cycle.assign(plan.card.cores, 0);
    if (!assign_cores(plan, banks)) assign_cores(plan, plan.tiles.size());
    std::vector<std::vector<std::uint32_t>> of_core(plan.card.cores);
    for (std::uint32_t i = 0; i < plan.tiles.size(); ++i) of_core[plan.tiles[i].core].push_back(i);
    for (std::uint32_t core = 0; core < plan.card.cores; ++core) {
        const auto& tiles = of_core[core];
        if (tiles.size() > banks) {
            reload(plan, core, tiles);
            continue;
        }
        for (std::uint32_t i = 0; i < tiles.size(); ++i) {
            plan.tiles[tiles[i]].resident = true;
            plan.tiles[tiles[i]].bank = i;
        }
    }
}

void add_buffers(Plan& plan)
{
    plan.buffers.clear();
    add_tensors(plan);
    add_psums(plan);
}

/// Packing is a heuristic, so "fits" is only nearly monotone: the answer is a batch that was tried and does fit.
std::uint32_t largest_fitting(Plan& plan)
{
    std::uint32_t good = 0, bad = 1;
    while (bad <= kMaxBatch && fits(plan, bad)) good = bad, bad *= 2;
    while (bad - good > 1) {
        const std::uint32_t middle = good + (bad - good) / 2;
        (fits(plan, middle) ? good : bad) = middle;
    }
    return good;
}

Status allocate(Plan& plan)
{
    const std::uint64_t limit = plan.card.control.sram_bytes;
    const Buffer* overflow = nullptr;
    plan.sram_used = pack_buffers(plan, plan.batch, limit, &overflow);
    if (overflow == nullptr && plan.sram_used <= limit) return {};
    std::string tensor = "the constants";
    if (overflow != nullptr)
        tensor = "tensor '" + overflow->name + "' of " + std::to_string(overflow->bytes) + " bytes";
    const std::uint64_t needed = plan.sram_used;
    const std::uint32_t largest = largest_fitting(plan);
    return Error{"batch " + std::to_string(plan.batch) + " needs " + std::to_string(needed) +
                     " bytes of scratchpad, the card has " + std::to_string(limit) + ": no room for " + tensor,
                 "network '" + plan.graph.name + "'",
                 largest == 0
                     ? "not even one image fits: card.control.sram_bytes >= " + std::to_string(bytes_of_one(plan))
                     : "largest batch that fits: " + std::to_string(largest)};
}

}  // namespace lightcard::compiler::lowering
