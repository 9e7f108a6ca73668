// SPDX-License-Identifier: Apache-2.0
/// Writes the records: set-up, inputs, layer after layer, outputs.
#include <cstring>
#include <limits>

#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

constexpr std::uint64_t sram(std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_SRAM, offset);
}
constexpr std::uint64_t dram(std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_DRAM, offset);
}

template <class Op>
void put_operands(Command& command, const Op& op)
{
    static_assert(sizeof(Op) == LC_OPERAND_BYTES);
    std::memcpy(command.record.operands, &op, sizeof op);
    command.record.sqe.length = LC_OPERAND_BYTES;
}

lc_surface dense_surface(const QuantTensor& tensor, std::uint64_t base)
{
    const std::uint32_t pixel = static_cast<std::uint32_t>(tensor.channels) * element_bytes(tensor);
    const std::uint32_t line = pixel * static_cast<std::uint32_t>(tensor.width);
    return {base, bytes_per_image(tensor), line, pixel};
}

/// Walk over a dense NHWC tensor, one position an output position of `node`.
lc_window dense_window(const QuantTensor& in, std::uint64_t base, const QuantNode& node, std::uint32_t batch)
{
    const lc_surface layout = dense_surface(in, base);
    const Window& w = node.window;
    lc_window window{};
    window.base = layout.base;
    window.images = batch;
    window.out_h = static_cast<std::uint32_t>(node.out.height);
    window.out_w = static_cast<std::uint32_t>(node.out.width);
    window.channels = static_cast<std::uint32_t>(in.channels);
    window.height = static_cast<std::uint32_t>(in.height);
    window.width = static_cast<std::uint32_t>(in.width);
    window.stride_n = layout.stride_n;
    window.stride_h = layout.stride_h;
    window.stride_w = layout.stride_w;
    window.kernel_h = static_cast<std::uint16_t>(w.kernel_h);
    window.kernel_w = static_cast<std::uint16_t>(w.kernel_w);
    window.step_h = static_cast<std::uint16_t>(w.stride_h);
    window.step_w = static_cast<std::uint16_t>(w.stride_w);
    window.dil_h = static_cast<std::uint16_t>(w.dilation_h);
    window.dil_w = static_cast<std::uint16_t>(w.dilation_w);
    window.pad_h = static_cast<std::int16_t>(w.pad_top);
    window.pad_w = static_cast<std::int16_t>(w.pad_left);
    return window;
}

class Emitter {
public:
    Emitter(Plan& plan, std::vector<Command>& setup, std::vector<Command>& commands)
        : plan_(plan),
          setup_(setup),
          commands_(commands),
          issued_(plan.card.cores),
          used_(plan.card.cores),
          reloaded_(plan.card.cores)
    {
        for (std::uint32_t i = 0; i < plan.tiles.size(); ++i) {
            if (!plan.tiles[i].resident) reloaded_[plan.tiles[i].core].push_back(i);
        }
    }

    void run()
    {
        emit_setup();
        const auto& graph = plan_.graph;
        SpillEmitter spills(plan_, commands_);
        for (std::size_t i = 0; i < graph.inputs.size(); ++i) copy(graph.inputs[i], i, true);
        spills.after(-1);
        for (std::size_t i = 0; i < plan_.layers.size(); ++i) {
            spills.before(plan_.layers[i].node);
            if (plan_.node(plan_.layers[i]).digital) {
                commands_.push_back(digital(plan_.layers[i], i));
            } else if (plan_.node(plan_.layers[i]).op == QuantOp::mvm) {
                emit_mvm_layer(plan_.layers[i], i);
            } else if (is_sequence(plan_.node(plan_.layers[i]))) {
                emit_sequence(plan_, plan_.layers[i], i, commands_);
            } else {
                emit_vector(plan_.layers[i], i);
            }
            spills.after(plan_.layers[i].node);
        }
        spills.before(static_cast<int>(graph.nodes.size()));
        for (std::size_t i = 0; i < graph.outputs.size(); ++i) copy(graph.outputs[i], graph.inputs.size() + i, false);
    }

private:
    std::uint64_t base_of(int buffer) const { return sram(plan_.buffers[static_cast<std::size_t>(buffer)].offset); }
    int tensor(int node) const { return plan_.tensor_buffer[static_cast<std::size_t>(node)]; }

    void emit_setup()
    {
        if (plan_.post_bytes != 0) {
            Command command;
            command.record.sqe.opcode = LC_OP_COPY;
            command.record.sqe.src = dram(plan_.post_section);
            command.record.sqe.dst = sram(0);
            command.record.sqe.length = static_cast<std::uint32_t>(plan_.post_bytes);
            setup_.push_back(command);
        }
        for (const Tile& tile : plan_.tiles) {
            if (tile.resident) setup_.push_back(program(tile));
        }
    }

    /// Whole batch of an input or output tensor, between host and scratchpad.
    void copy(int node, std::size_t arg, bool in)
    {
        const QuantTensor& shape = plan_.graph.nodes[static_cast<std::size_t>(node)].out;
        const std::uint64_t image = bytes_per_image(shape), all = image * plan_.batch;
        const int buffer = tensor(node);
        const std::uint64_t host = LC_PTR(LC_SPACE_ARG0 + arg, 0);
        Command command;
        lc_sqe& sqe = command.record.sqe;
        sqe.opcode = LC_OP_COPY;
        sqe.src = in ? host : base_of(buffer);
        sqe.dst = in ? base_of(buffer) : host;
        if (all <= std::numeric_limits<std::uint32_t>::max()) {
            sqe.length = static_cast<std::uint32_t>(all);
        } else {
            sqe.length = static_cast<std::uint32_t>(image);
            sqe.u.copy = {plan_.batch, 0, image, image};
        }
        command.accesses.push_back({buffer, 0, static_cast<std::uint32_t>(shape.channels), in});
        commands_.push_back(std::move(command));
    }

    Command program(const Tile& tile) const
    {
        lc_program_op op{};
        op.core = static_cast<std::uint16_t>(tile.core);
        op.bank = static_cast<std::uint16_t>(tile.bank);
        op.rows = static_cast<std::uint16_t>(tile.array_rows());
        op.cols = static_cast<std::uint16_t>(tile.array_cols());
        op.row_stride = tile.array_rows();
        op.weights = dram(tile.weights);
        op.adc_range = dram(tile.ranges);
        Command command;
        command.record.sqe.opcode = LC_OP_PROGRAM_WEIGHTS;
        command.record.sqe.layer = static_cast<std::uint16_t>(tile.layer + 1);
        command.record.sqe.weight_id = tile.weight_id;
        command.core = tile.core;
        put_operands(command, op);
        return command;
    }

    /// Before the t-th reloaded tile of a core computes, everything up to the end of its bank cycle is being written.
    void program_ahead(std::uint32_t core)
    {
        const auto& tiles = reloaded_[core];
        const std::size_t wanted = std::min<std::size_t>(used_[core] + plan_.cycle[core], tiles.size());
        for (; issued_[core] < wanted; ++issued_[core]) {
            commands_.push_back(program(plan_.tiles[tiles[issued_[core]]]));
        }
        ++used_[core];
    }

    /// Cores take turns, tile by tile; K-tiles of a column follow each other on their core.
    void emit_mvm_layer(const Layer& layer, std::size_t index)
    {
        std::vector<std::vector<std::uint32_t>> queue(plan_.card.cores);
        std::size_t longest = 0;
        for (std::uint32_t i = layer.first_tile; i < layer.first_tile + layer.tiles; ++i) {
            auto& of_core = queue[plan_.tiles[i].core];
            of_core.push_back(i);
            longest = std::max(longest, of_core.size());
        }
        for (std::size_t step = 0; step < longest; ++step) {
            for (std::uint32_t core = 0; core < plan_.card.cores; ++core) {
                if (step >= queue[core].size()) continue;
                const Tile& tile = plan_.tiles[queue[core][step]];
                if (!tile.resident) program_ahead(core);
                commands_.push_back(mvm(layer, index, tile));
            }
        }
    }

    Command mvm(const Layer& layer, std::size_t index, const Tile& tile) const
    {
        const QuantNode& node = plan_.node(layer);
        const QuantTensor& in = plan_.input(node);
        const int in_buffer = tensor(node.inputs[0]), out_buffer = tensor(layer.node);
        Command command;
        lc_mvm_op op{};
        op.core = static_cast<std::uint16_t>(tile.core);
        op.bank = static_cast<std::uint16_t>(tile.bank);
        op.rows = static_cast<std::uint16_t>(tile.array_rows());
        op.cols = static_cast<std::uint16_t>(tile.array_cols());
        op.row_copies = static_cast<std::uint16_t>(tile.row_copies);
        op.col_copies = static_cast<std::uint16_t>(tile.col_copies);
        op.passes = static_cast<std::uint8_t>(plan_.passes_of(layer));
        if (!node.block.empty()) {
            op.full = static_cast<std::uint8_t>(node.block.full);
            op.scale = sram(tile.scales);
        }
        op.flags = static_cast<std::uint8_t>((tile.first ? LC_MVM_ACC_FIRST : 0) | (tile.last ? LC_MVM_ACC_LAST : 0) |
                                             LC_MVM_COUNT_SAMPLES);
        op.in_format = static_cast<std::uint8_t>(format_of(in));
        op.out_format = static_cast<std::uint8_t>(format_of(node.out));
        op.k0 = tile.k0;
        op.in = dense_window(in, base_of(in_buffer) + tile.channel0, node, plan_.batch);
        op.in.channels = tile.channels;
        op.out = dense_surface(node.out, base_of(out_buffer) + tile.out0 * element_bytes(node.out));
        op.post = sram(tile.post);
        if (!node.out.wide) {
            op.clamp_lo = node.requant.lo;
            op.clamp_hi = node.requant.hi;
        }
        command.accesses.push_back({in_buffer, tile.channel0, tile.channel0 + tile.channels, false});
        if (tile.last) command.accesses.push_back({out_buffer, tile.out0, tile.out0 + tile.cols, true});
        if (!tile.first || !tile.last) {
            const int psum = plan_.psum_buffer[index][tile.core];
            op.psum = base_of(psum);
            command.accesses.push_back({psum, 0, plan_.n(), !tile.last});
        }
        command.record.sqe.opcode = LC_OP_MVM;
        command.record.sqe.layer = static_cast<std::uint16_t>(index + 1);
        command.record.sqe.weight_id = tile.weight_id;
        command.core = tile.core;
        put_operands(command, op);
        return command;
    }

    /// The whole layer on the digital MAC engine.
    Command digital(const Layer& layer, std::size_t index) const
    {
        const QuantNode& node = plan_.node(layer);
        const QuantTensor& in = plan_.input(node);
        const int in_buffer = tensor(node.inputs[0]), out_buffer = tensor(layer.node);
        const auto outputs = static_cast<std::uint32_t>(node.out.channels);
        Command command;
        lc_gemm_op op{};
        op.flags = LC_GEMM_WINDOW;
        op.m = static_cast<std::uint32_t>(plan_.vectors(layer) * plan_.batch);
        op.batch = static_cast<std::uint32_t>(node.group);
        op.n = outputs / op.batch;
        op.k = static_cast<std::uint32_t>(kernel_rows(node));
        op.a_format = static_cast<std::uint8_t>(format_of(in));
        op.b_format = LC_FMT_S8;
        op.out_format = static_cast<std::uint8_t>(format_of(node.out));
        op.in = dense_window(in, base_of(in_buffer), node, plan_.batch);
        op.b = sram(layer.weights);
        op.b_stride = op.k;
        op.b_batch = std::uint64_t{op.n} * op.k;
        op.out = base_of(out_buffer);
        op.out_batch = std::uint64_t{op.n} * element_bytes(node.out);
        op.out_stride = outputs * element_bytes(node.out);
        op.post = sram(layer.post);
        if (!node.out.wide) {
            op.clamp_lo = node.requant.lo;
            op.clamp_hi = node.requant.hi;
        }
        command.accesses.push_back({in_buffer, 0, static_cast<std::uint32_t>(in.channels), false});
        command.accesses.push_back({out_buffer, 0, outputs, true});
        command.record.sqe.opcode = LC_OP_GEMM;
        command.record.sqe.layer = static_cast<std::uint16_t>(index + 1);
        put_operands(command, op);
        return command;
    }

    static std::uint8_t kind_of(QuantOp op)
    {
        switch (op) {
            case QuantOp::add:
                return LC_VEC_ADD;
            case QuantOp::requant:
                return LC_VEC_REQUANT;
            case QuantOp::max_pool:
                return LC_VEC_MAXPOOL;
            case QuantOp::average_pool:
                return LC_VEC_AVGPOOL;
            case QuantOp::softmax:
                return LC_VEC_SOFTMAX;
            default:
                return LC_VEC_MOVE;
        }
    }

    static void set_arithmetic(lc_vector_op& op, const QuantNode& node, const QuantTensor& in)
    {
        if (node.op == QuantOp::softmax) {
            const bool wide = in.wide && !in.channel_scale.empty();
            const auto scale = static_cast<float>(wide ? in.channel_scale.front() : in.scale);
            std::memcpy(&op.scale_f32, &scale, sizeof scale);
        } else if (op.kind != LC_VEC_MAXPOOL && op.kind != LC_VEC_MOVE) {
            op.mult = node.mult;
            op.mult2 = node.op == QuantOp::add ? node.mult2 : 0;
            op.shift = node.shift;
            op.clamp_lo = node.lo;
            op.clamp_hi = node.hi;
            if (node.valid_count) op.flags = LC_VEC_VALID_COUNT;
        }
    }

    void emit_vector(const Layer& layer, std::size_t index)
    {
        const QuantNode& node = plan_.node(layer);
        const QuantTensor& in = plan_.input(node);
        const auto channels = static_cast<std::uint32_t>(node.out.channels);
        const int out_buffer = tensor(layer.node);
        Command command;
        lc_vector_op op{};
        op.kind = kind_of(node.op);
        op.in_format = static_cast<std::uint8_t>(format_of(in));
        op.out_format = static_cast<std::uint8_t>(format_of(node.out));
        op.in = dense_window(in, base_of(tensor(node.inputs[0])), node, plan_.batch);
        op.out = dense_surface(node.out, base_of(out_buffer));
        if (node.op == QuantOp::add) {
            const QuantTensor& second = plan_.input(node, 1);
            op.in2_format = static_cast<std::uint8_t>(format_of(second));
            op.in2 = dense_surface(second, base_of(tensor(node.inputs[1])));
        }
        set_arithmetic(op, node, in);
        for (const int input : node.inputs) command.accesses.push_back({tensor(input), 0, channels, false});
        command.accesses.push_back({out_buffer, 0, channels, true});
        command.record.sqe.opcode = LC_OP_VECTOR;
        command.record.sqe.layer = static_cast<std::uint16_t>(index + 1);
        put_operands(command, op);
        commands_.push_back(std::move(command));
    }

    Plan& plan_;
    std::vector<Command>& setup_;
    std::vector<Command>& commands_;
    std::vector<std::size_t> issued_, used_;            // a core: reloads issued, reloaded tiles computed
    std::vector<std::vector<std::uint32_t>> reloaded_;  // a core: its reloaded tiles in order of use
};

}  // namespace

void emit(Plan& plan, std::vector<Command>& setup, std::vector<Command>& commands)
{
    Emitter(plan, setup, commands).run();
    widen_accesses(plan, commands);
}

}  // namespace lightcard::compiler::lowering
