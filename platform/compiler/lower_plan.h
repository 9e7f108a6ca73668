// SPDX-License-Identifier: Apache-2.0
/// Private to the lowering: what its passes hand to each other, in the order they run.
///     check_graph -> make_tiles -> place_tiles -> add_buffers -> allocate -> pack_weights -> emit -> add_waits ->
///     explain
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/platform/compiler/lower.h"

namespace lightcard::compiler::lowering {

constexpr std::uint32_t kMaxBatch = 1u << 20;

/// Rows [k0, k0 + rows) of the flattened kernel of input channels [channel0, channel0 + channels), for output channels
/// [out0, out0 + cols). Grouped convolutions put several groups on a tile's diagonal.
struct Tile {
    std::uint32_t layer = 0;  ///< index into Plan::layers
    std::uint32_t channel0 = 0, channels = 0;
    std::uint32_t k0 = 0, rows = 0;
    std::uint32_t out0 = 0, cols = 0;
    std::uint32_t slice = 0;                       ///< of the weights' cells
    std::uint32_t row_copies = 1, col_copies = 1;  ///< of all that in the array
    std::uint32_t array_rows() const { return rows * row_copies; }
    std::uint32_t array_cols() const { return cols * col_copies; }
    bool first = false, last = false;  ///< of the partial sums of its column
    std::uint64_t weight_id = 0;
    std::uint64_t weights = 0, ranges = 0;  ///< offsets in the weights section
    std::uint64_t post = 0;                 ///< offset in the post constants, of the whole column
    std::uint64_t scales = 0;               ///< offset in the post constants, of this tile
    std::uint32_t core = 0, bank = 0;
    bool resident = false;  ///< programmed by set-up, never again
};

/// K-tiles that add up to the same output channels: on one core, one after another.
struct Column {
    std::uint32_t first_tile = 0, tiles = 0;
};

/// A node that computes. Vector operations have no columns.
struct Layer {
    int node = 0;
    std::vector<Column> columns;
    std::uint32_t first_tile = 0, tiles = 0;
    std::uint64_t constants = 0;          ///< of a node with tables: offset in the post constants
    std::uint64_t weights = 0, post = 0;  ///< digital products: offsets in the post constants
};

/// Memory in the scratchpad that lives from node `first` to node `last`, both included.
struct Buffer {
    std::string name;
    std::uint64_t bytes_per_image = 0;
    int first = 0, last = 0;
    std::uint64_t offset = 0, bytes = 0;
    bool fixed = false;   ///< a constant tensor: once for all images, among the post constants
    bool memory = false;  ///< in card memory, `offset` from Plan::memory_base: a spilled tensor
};

/// A tensor that leaves the scratchpad after node `after` (-1: once it is there) and is back for node `before`; indices
/// of buffers.
struct Spill {
    int node = 0, after = 0, before = 0;
    int saved = 0, memory = 0, restored = 0;
};

struct Plan {
    Plan(const QuantGraph& quant_graph, const CardConfig& target) : graph(quant_graph), card(target) {}

    const QuantGraph& graph;
    const CardConfig& card;
    std::uint32_t batch = 1;
    std::vector<std::uint32_t> passes;  ///< a node each, of its samples; empty = run.passes for all

    std::vector<Layer> layers;
    std::vector<Tile> tiles;
    std::uint64_t post_bytes = 0;      ///< post constants: first thing in the scratchpad
    std::uint64_t post_section = 0;    ///< and where they are in the weights section
    std::vector<std::uint32_t> cycle;  ///< banks a core reloads, 0 if all its tiles are resident; a core each
    std::vector<Buffer> buffers;
    std::vector<int> tensor_buffer;              ///< a node each
    std::vector<std::uint64_t> constant_tensor;  ///< a node each: offset in the post constants, if it is constant
    std::vector<std::vector<int>> psum_buffer;   ///< [layer][core], -1 if none
    std::uint64_t sram_used = 0;
    std::vector<Spill> spills;                       ///< by `before`
    std::uint64_t memory_base = 0, memory_used = 0;  ///< of spilled tensors in card memory

    std::uint32_t n() const { return card.core.n; }
    const QuantNode& node(const Layer& layer) const { return graph.nodes[static_cast<std::size_t>(layer.node)]; }
    const QuantTensor& input(const QuantNode& node, std::size_t i = 0) const
    {
        return graph.nodes[static_cast<std::size_t>(node.inputs[i])].out;
    }
    std::uint32_t passes_of(const Layer& layer) const  ///< of every sample
    {
        return passes.empty() ? card.run.passes : passes[static_cast<std::size_t>(layer.node)];
    }
    std::uint64_t vectors(const Layer& layer) const  ///< an image
    {
        return static_cast<std::uint64_t>(node(layer).out.height) * static_cast<std::uint64_t>(node(layer).out.width);
    }
};

/// Bytes the scratchpad allots a record may touch: channels [c0, c1) of a buffer.
struct Access {
    int buffer = 0;
    std::uint32_t c0 = 0, c1 = 0;
    bool write = false;
};

struct Command {
    lc_record record{};
    std::uint32_t core = 0;  ///< of an MVM
    std::vector<Access> accesses;
};

std::string place_of(const QuantNode& node);  ///< "node 'conv1' (Conv)"
std::uint32_t format_of(const QuantTensor& tensor);
std::uint32_t element_bytes(const QuantTensor& tensor);
std::uint64_t bytes_per_image(const QuantTensor& tensor);
/// Flattened kernel of one group.
std::uint64_t kernel_rows(const QuantNode& node);

Status check_graph(const QuantGraph& graph, const CardConfig& card);

/// The card's own decoder has the last word on every record: what it refuses, empty if nothing. Host memory of the
/// arguments may lie anywhere.
std::string refusal(const lc_record& record, const CardConfig& card);
void make_tiles(Plan& plan);
void place_tiles(Plan& plan);
/// The buffers of the scratchpad; then their places for plan.batch.
void add_buffers(Plan& plan);
Status allocate(Plan& plan);
std::uint32_t largest_fitting(Plan& plan);
/// As allocate(); what does not fit is made to, by spilling idle tensors to card memory, if that can help.
Status allocate_or_spill(Plan& plan);
/// The copies of spilled tensors; tensor_buffer follows them.
class SpillEmitter {
public:
    SpillEmitter(Plan& plan, std::vector<Command>& commands) : plan_(plan), commands_(commands) {}
    void before(int node);  ///< the records of which come next; the number of nodes: the outputs
    void after(int node);   ///< -1: the inputs

private:
    std::uint64_t pointer(int index) const;
    void copy(int from, int to);

    Plan& plan_;
    std::vector<Command>& commands_;
};
std::vector<std::uint8_t> pack_weights(Plan& plan);
void emit(Plan& plan, std::vector<Command>& setup, std::vector<Command>& commands);
// lower_sequences.cpp: nodes beyond those of image classifiers.
bool is_sequence(const QuantNode& node);
std::size_t inputs_wanted(const QuantNode& node);
Status check_sequence(const QuantGraph& graph, const QuantNode& node);
std::uint64_t constant_bytes(const QuantNode& node);  ///< of its tables, in the scratchpad
void write_constants(const QuantNode& node, std::uint8_t* out);
void emit_sequence(const Plan& plan, const Layer& layer, std::size_t index, std::vector<Command>& commands);
void widen_accesses(const Plan& plan, std::vector<Command>& commands);
/// Gives every command the weakest wait mask that orders it after whatever it depends on, also when the buffer runs
/// again before its previous run has ended.
void add_waits(const Plan& plan, std::vector<Command>& commands);
std::vector<std::string> explain(const Plan& plan, const driver::Program& program);

}  // namespace lightcard::compiler::lowering
