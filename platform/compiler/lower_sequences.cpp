// SPDX-License-Identifier: Apache-2.0
/// Records of what is no layer of an image classifier: products of computed operands, tables, normalisation, softmax to
/// codes, sums and products by strides, gathers, concatenations, moves.
#include <algorithm>
#include <cstring>
#include <limits>

#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

constexpr std::uint32_t kEvery = std::numeric_limits<std::uint32_t>::max();

Error bad(const QuantNode& node, const std::string& what)
{
    return {what, place_of(node), {}};
}

std::uint64_t post_bytes(const QuantNode& node)
{
    return node.out.wide ? 0 : static_cast<std::uint64_t>(node.out.channels) * 9;
}

/// A walk over height x width x channels elements stays inside a tensor of `count`.
bool inside(const Walk& walk, std::int64_t height, std::int64_t width, std::int64_t channels, std::uint64_t count)
{
    if (walk.offset < 0 || walk.h < 0 || walk.w < 0 || walk.c < 0) return false;
    const __int128 last = static_cast<__int128>(walk.offset) + static_cast<__int128>(walk.h) * (height - 1) +
                          static_cast<__int128>(walk.w) * (width - 1) + static_cast<__int128>(walk.c) * (channels - 1);
    return last < static_cast<__int128>(count);
}

std::uint64_t elements(const QuantTensor& t)
{
    return bytes_per_image(t) / element_bytes(t);
}

Status check_walks(const QuantGraph& graph, const QuantNode& node)
{
    const QuantTensor& out = node.out;
    for (std::size_t k = 0; k < 2; ++k) {
        const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[k])].out;
        if (in.wide || in.f32) return bad(node, "reads 32-bit numbers");
        if (node.walks.empty()) {
            if (elements(in) != elements(out)) return bad(node, "inputs and output differ in shape");
            continue;
        }
        if (node.walks.size() != 2) return bad(node, "does not say how it walks over both operands");
        const Walk& walk = node.walks[k];
        if (!inside(walk, out.height, out.width, out.channels, elements(in)))
            return bad(node, "walks outside an operand");
        if (out.channels > 1 && walk.c != 1 && (k == 0 || walk.c != 0))
            return bad(node, "walks over channels that do not follow each other");
    }
    return {};
}

Status check_gemm(const QuantGraph& graph, const QuantNode& node)
{
    const QuantTensor& out = node.out;
    if (node.walks.size() != 2 || node.depth < 1 || node.depth > 32768) return bad(node, "is no product of matrices");
    for (std::size_t k = 0; k < 2; ++k) {
        const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[k])].out;
        if (in.wide || in.f32) return bad(node, "operands must have 8 or 16 bits");
        const bool follows = node.depth == 1 || node.walks[k].c == 1;
        if (!follows || !inside(node.walks[k], out.height, k == 0 ? out.width : out.channels, node.depth, elements(in)))
            return bad(node, "walks outside an operand");
    }
    const Requant& r = node.requant;
    const auto columns = static_cast<std::size_t>(out.channels);
    if (out.wide) return {};
    if (r.bias.size() != columns || r.multiplier.size() != columns || r.shift.size() != columns)
        return bad(node, "does not have post constants a column");
    const bool shifts = std::all_of(r.shift.begin(), r.shift.end(), [](std::uint8_t s) { return s >= 1 && s <= 62; });
    return shifts ? Status{} : bad(node, "requantisation shift outside 1 .. 62");
}

Status check_concat(const QuantGraph& graph, const QuantNode& node)
{
    if (node.parts.empty() || node.parts.size() != node.inputs.size())
        return bad(node, "does not have a part an input");
    for (std::size_t k = 0; k < node.parts.size(); ++k) {
        const ConcatPart& part = node.parts[k];
        const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[k])].out;
        if (in.wide || in.f32) return bad(node, "reads 32-bit numbers");
        const bool lines = part.channels == 1 || (part.from.c == 1 && part.to.c == 1);
        if (part.height < 1 || part.width < 1 || part.channels < 1 || !lines ||
            !inside(part.from, part.height, part.width, part.channels, elements(in)) ||
            !inside(part.to, part.height, part.width, part.channels, elements(node.out)))
            return bad(node, "has a part outside a tensor");
    }
    return {};
}

Status check_move(const QuantGraph& graph, const QuantNode& node)
{
    const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
    if (node.shape.size() != node.strides.size() || format_of(in) != format_of(node.out) || node.offset < 0)
        return bad(node, "is no move");
    __int128 last = node.offset, count = 1;
    for (std::size_t d = 0; d < node.shape.size(); ++d) {
        if (node.shape[d] < 1 || node.strides[d] < 0) return bad(node, "is no move");
        last += static_cast<__int128>(node.shape[d] - 1) * node.strides[d];
        count *= node.shape[d];
    }
    if (last >= static_cast<__int128>(elements(in)) || count != static_cast<__int128>(elements(node.out)))
        return bad(node, "moves from outside its input");
    return {};
}

Status check_table(const QuantGraph& graph, const QuantNode& node)
{
    const auto count = static_cast<std::uint64_t>(node.table.size());
    if (node.op == QuantOp::constant) return count == elements(node.out) ? Status{} : bad(node, "misses codes");
    const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
    if (node.op == QuantOp::gather) {
        const bool rows = count > 0 && count % static_cast<std::uint64_t>(node.out.channels) == 0;
        if (!in.wide || !rows || node.out.height != 1 || elements(in) != static_cast<std::uint64_t>(node.out.width))
            return bad(node, "is no lookup of rows by s32 indices");
        return {};
    }
    if (node.op == QuantOp::norm) {
        const auto channels = static_cast<std::size_t>(node.out.channels);
        if (in.wide || in.f32 || node.gain.size() != channels || node.shifts.size() != channels || !(node.epsilon > 0))
            return bad(node, "does not have a gain and a shift a channel");
    } else if (count != 256 || in.wide || in.f32 || in.half) {
        return bad(node, "is no table of 256 codes");
    }
    return elements(in) == elements(node.out) ? Status{} : bad(node, "inputs and output differ in shape");
}

class SequenceEmitter {
public:
    SequenceEmitter(const Plan& plan, const Layer& layer, std::size_t index, std::vector<Command>& commands)
        : plan_(plan), layer_(layer), node_(plan.node(layer)), index_(index), commands_(commands)
    {
    }

    void run()
    {
        if (node_.op == QuantOp::gemm) return gemm();
        if (node_.op == QuantOp::concat) return concat();
        if (node_.op == QuantOp::move) return move();
        lc_vector_op op = vector(kind(), 0);
        op.in = window(0, node_.walks.empty() ? dense() : node_.walks[0], node_.out);
        op.out = surface({0, 0, 0, 1}, node_.out);
        set_clamp(op);
        switch (node_.op) {
            case QuantOp::add:
            case QuantOp::mul:
                second(op);
                break;
            case QuantOp::norm:
                std::memcpy(&op.scale_f32, &node_.epsilon, 4);
                op.flags = node_.rms ? LC_VEC_RMS : 0;
                op.table = table();
                break;
            case QuantOp::softmax: {
                const QuantTensor& in = plan_.input(node_);
                const auto scale = static_cast<float>(in.wide ? in.channel_scale.front() : in.scale);
                std::memcpy(&op.scale_f32, &scale, 4);
                op.mult = node_.mult;
                break;
            }
            case QuantOp::gather:
                op.in.stride_h = op.in.stride_w = 4;
                op.rows = static_cast<std::uint32_t>(node_.table.size() / static_cast<std::size_t>(node_.out.channels));
                [[fallthrough]];
            default:
                op.table = table();
                op.clamp_lo = op.clamp_hi = 0;
                break;
        }
        emit(LC_OP_VECTOR, &op);
    }

private:
    std::uint8_t kind() const
    {
        switch (node_.op) {
            case QuantOp::add:
                return LC_VEC_ADD;
            case QuantOp::mul:
                return LC_VEC_MUL;
            case QuantOp::table:
                return LC_VEC_TABLE;
            case QuantOp::norm:
                return LC_VEC_NORM;
            case QuantOp::gather:
                return LC_VEC_GATHER;
            default:
                return LC_VEC_SOFTMAX;
        }
    }

    std::uint64_t base(int node) const
    {
        const auto buffer = static_cast<std::size_t>(plan_.tensor_buffer[static_cast<std::size_t>(node)]);
        return LC_PTR(LC_SPACE_SRAM, plan_.buffers[buffer].offset);
    }
    std::uint64_t table() const { return LC_PTR(LC_SPACE_SRAM, layer_.constants); }
    static std::uint8_t format(const QuantTensor& tensor) { return static_cast<std::uint8_t>(format_of(tensor)); }
    Walk dense() const { return {0, std::int64_t{node_.out.width} * node_.out.channels, node_.out.channels, 1}; }

    /// Bytes from image to image: constants are there once.
    std::uint64_t image_stride(int node) const
    {
        const auto buffer = static_cast<std::size_t>(plan_.tensor_buffer[static_cast<std::size_t>(node)]);
        if (plan_.buffers[buffer].fixed) return 0;
        return bytes_per_image(plan_.graph.nodes[static_cast<std::size_t>(node)].out);
    }

    lc_vector_op vector(std::uint8_t kind, std::size_t input) const
    {
        lc_vector_op op{};
        op.kind = kind;
        op.in_format = format(plan_.input(node_, input));
        op.out_format = format(node_.out);
        return op;
    }

    void set_clamp(lc_vector_op& op) const
    {
        op.clamp_lo = node_.lo;
        op.clamp_hi = node_.hi;
        if (node_.out.f32) op.clamp_lo = op.clamp_hi = 0;
    }

    void second(lc_vector_op& op) const
    {
        const QuantTensor& in = plan_.input(node_, 1);
        const Walk walk = node_.walks.empty() ? dense() : node_.walks[1];
        const std::uint32_t bytes = element_bytes(in);
        op.in2_format = format(in);
        op.in2.base = base(node_.inputs[1]) + static_cast<std::uint64_t>(walk.offset) * bytes;
        op.in2.stride_n = image_stride(node_.inputs[1]);
        op.in2.stride_h = static_cast<std::uint32_t>(walk.h) * bytes;
        op.in2.stride_w = static_cast<std::uint32_t>(walk.w) * bytes;
        if (node_.out.channels > 1 && walk.c == 0) op.flags = LC_VEC_IN2_SCALAR;
        op.mult = node_.mult;
        op.mult2 = node_.op == QuantOp::add ? node_.mult2 : 0;
        op.shift = node_.shift;
    }

    lc_window window(std::size_t input, const Walk& walk, const QuantTensor& shape) const
    {
        const std::uint32_t bytes = element_bytes(plan_.input(node_, input));
        lc_window window{};
        window.base = base(node_.inputs[input]) + static_cast<std::uint64_t>(walk.offset) * bytes;
        window.images = plan_.batch;
        window.out_h = window.height = static_cast<std::uint32_t>(shape.height);
        window.out_w = window.width = static_cast<std::uint32_t>(shape.width);
        window.channels = static_cast<std::uint32_t>(shape.channels);
        window.stride_n = image_stride(node_.inputs[input]);
        window.stride_h = static_cast<std::uint32_t>(walk.h) * bytes;
        window.stride_w = static_cast<std::uint32_t>(walk.w) * bytes;
        window.kernel_h = window.kernel_w = window.step_h = window.step_w = window.dil_h = window.dil_w = 1;
        return window;
    }

    /// Into the whole output, or into rows and columns of it as `to` says.
    lc_surface surface(const Walk& to, const QuantTensor& shape) const
    {
        const std::uint32_t bytes = element_bytes(node_.out);
        const bool whole = to.h == 0 && to.w == 0;
        const std::int64_t w = whole ? shape.channels : to.w, h = whole ? w * shape.width : to.h;
        return {base(layer_.node) + static_cast<std::uint64_t>(to.offset) * bytes, bytes_per_image(node_.out),
                static_cast<std::uint32_t>(h) * bytes, static_cast<std::uint32_t>(w) * bytes};
    }

    void gemm()
    {
        const QuantTensor &a = plan_.input(node_, 0), &b = plan_.input(node_, 1), &out = node_.out;
        lc_gemm_op op{};
        op.m = static_cast<std::uint32_t>(out.width);
        op.n = static_cast<std::uint32_t>(out.channels);
        op.k = static_cast<std::uint32_t>(node_.depth);
        op.a_format = format(a);
        op.b_format = format(b);
        op.out_format = format(out);
        const std::uint32_t a_bytes = element_bytes(a), b_bytes = element_bytes(b);
        op.a = base(node_.inputs[0]) + static_cast<std::uint64_t>(node_.walks[0].offset) * a_bytes;
        op.b = base(node_.inputs[1]) + static_cast<std::uint64_t>(node_.walks[1].offset) * b_bytes;
        op.out = base(layer_.node);
        op.a_stride = static_cast<std::uint32_t>(node_.walks[0].w) * a_bytes;
        op.b_stride = static_cast<std::uint32_t>(node_.walks[1].w) * b_bytes;
        op.out_stride = op.n * element_bytes(out);
        op.batch = static_cast<std::uint32_t>(out.height);
        op.a_batch = static_cast<std::uint64_t>(node_.walks[0].h) * a_bytes;
        op.b_batch = static_cast<std::uint64_t>(node_.walks[1].h) * b_bytes;
        op.out_batch = std::uint64_t{op.m} * op.out_stride;
        op.images = plan_.batch;
        op.a_image = image_stride(node_.inputs[0]);
        op.b_image = image_stride(node_.inputs[1]);
        op.out_image = bytes_per_image(out);
        if (!out.wide) {
            op.post = table();
            op.clamp_lo = node_.requant.lo;
            op.clamp_hi = node_.requant.hi;
        }
        emit(LC_OP_GEMM, &op);
    }

    void concat()
    {
        for (std::size_t k = 0; k < node_.parts.size(); ++k) {
            const ConcatPart& part = node_.parts[k];
            QuantTensor shape;
            shape.height = part.height;
            shape.width = part.width;
            shape.channels = part.channels;
            lc_vector_op op = vector(LC_VEC_REQUANT, k);
            op.in = window(k, part.from, shape);
            op.out = surface(part.to, shape);
            set_clamp(op);
            op.mult = part.mult;
            op.shift = part.shift;
            emit(LC_OP_VECTOR, &op, static_cast<int>(k));
        }
    }

    /// Three dimensions a command; one command for every element of those before.
    void move()
    {
        Shape shape = node_.shape, strides = node_.strides;
        if (!strides.empty() && strides.back() == 0) {  // repeated channels: positions of one channel
            shape.push_back(1);
            strides.push_back(1);
        }
        while (shape.size() < 3) {
            shape.insert(shape.begin(), 1);
            strides.insert(strides.begin(), shape.size() == 1 ? 1 : 0);
        }
        const std::size_t outer = shape.size() - 3;
        std::int64_t pieces = 1;
        for (std::size_t d = 0; d < outer; ++d) pieces *= shape[d];
        QuantTensor piece;
        piece.height = static_cast<int>(shape[outer]);
        piece.width = static_cast<int>(shape[outer + 1]);
        piece.channels = static_cast<int>(shape[outer + 2]);
        const std::uint32_t bytes = element_bytes(node_.out);
        const std::int64_t size = std::int64_t{piece.height} * piece.width * piece.channels;
        for (std::int64_t i = 0; i < pieces; ++i) {
            std::int64_t from = node_.offset, rest = i;
            for (std::size_t d = outer; d-- > 0; rest /= shape[d]) from += rest % shape[d] * strides[d];
            lc_vector_op op = vector(LC_VEC_MOVE, 0);
            op.in = window(0, {from, strides[outer], strides[outer + 1], 1}, piece);
            op.out = surface({0, 0, 0, 1}, piece);
            op.out.base += static_cast<std::uint64_t>(i * size) * bytes;
            if (strides[outer + 2] != 1) op.in_channel_stride = static_cast<std::uint32_t>(strides[outer + 2]) * bytes;
            emit(LC_OP_VECTOR, &op);
        }
    }

    /// `input`: the only one that this record reads; -1 = all.
    void emit(std::uint8_t opcode, const void* operands, int input = -1)
    {
        Command command;
        std::memcpy(command.record.operands, operands, LC_OPERAND_BYTES);
        command.record.sqe.opcode = opcode;
        command.record.sqe.length = LC_OPERAND_BYTES;
        command.record.sqe.layer = static_cast<std::uint16_t>(index_ + 1);
        const auto buffer = [this](int node) { return plan_.tensor_buffer[static_cast<std::size_t>(node)]; };
        for (std::size_t k = 0; k < node_.inputs.size(); ++k)
            if (input < 0 || k == static_cast<std::size_t>(input))
                command.accesses.push_back({buffer(node_.inputs[k]), 0, kEvery, false});
        command.accesses.push_back({buffer(layer_.node), 0, kEvery, true});
        commands_.push_back(std::move(command));
    }

    const Plan& plan_;
    const Layer& layer_;
    const QuantNode& node_;
    std::size_t index_;
    std::vector<Command>& commands_;
};

}  // namespace

bool is_sequence(const QuantNode& node)
{
    return node.op >= QuantOp::mul || !node.walks.empty() || (node.op == QuantOp::softmax && !node.out.f32);
}

Status check_sequence(const QuantGraph& graph, const QuantNode& node)
{
    switch (node.op) {
        case QuantOp::add:
        case QuantOp::mul:
            return check_walks(graph, node);
        case QuantOp::gemm:
            return check_gemm(graph, node);
        case QuantOp::concat:
            return check_concat(graph, node);
        case QuantOp::move:
            return check_move(graph, node);
        case QuantOp::view:
            if (bytes_per_image(graph.nodes[static_cast<std::size_t>(node.inputs[0])].out) != bytes_per_image(node.out))
                return bad(node, "is another tensor than its input");
            return {};
        default:
            return check_table(graph, node);
    }
}

std::size_t inputs_wanted(const QuantNode& node)
{
    switch (node.op) {
        case QuantOp::input:
        case QuantOp::constant:
            return 0;
        case QuantOp::add:
        case QuantOp::mul:
        case QuantOp::gemm:
            return 2;
        case QuantOp::concat:
            return node.inputs.size();
        default:
            return 1;
    }
}

std::uint64_t constant_bytes(const QuantNode& node)
{
    switch (node.op) {
        case QuantOp::gemm:
            return post_bytes(node);
        case QuantOp::norm:
            return static_cast<std::uint64_t>(node.out.channels) * 8;
        case QuantOp::table:
        case QuantOp::gather:
        case QuantOp::constant:
            return static_cast<std::uint64_t>(node.table.size()) * element_bytes(node.out);
        default:
            return 0;
    }
}

void write_constants(const QuantNode& node, std::uint8_t* out)
{
    if (node.op == QuantOp::norm) {
        std::memcpy(out, node.gain.data(), node.gain.size() * sizeof(float));
        std::memcpy(out + node.gain.size() * sizeof(float), node.shifts.data(), node.shifts.size() * sizeof(float));
        return;
    }
    if (node.op == QuantOp::gemm) {
        if (node.out.wide) return;
        const auto columns = static_cast<std::size_t>(node.out.channels);
        std::memcpy(out, node.requant.bias.data(), columns * 4);
        std::memcpy(out + columns * 4, node.requant.multiplier.data(), columns * 4);
        std::memcpy(out + columns * 8, node.requant.shift.data(), columns);
        return;
    }
    const std::uint32_t bytes = element_bytes(node.out);
    for (const std::int32_t code : node.table)
        for (std::uint32_t i = 0; i < bytes; ++i)
            *out++ = static_cast<std::uint8_t>(static_cast<std::uint32_t>(code) >> (8 * i));
}

void emit_sequence(const Plan& plan, const Layer& layer, std::size_t index, std::vector<Command>& commands)
{
    SequenceEmitter(plan, layer, index, commands).run();
}

/// Nodes that share a buffer count its channels differently: their accesses are to all of it.
void widen_accesses(const Plan& plan, std::vector<Command>& commands)
{
    std::vector<bool> shared(plan.buffers.size(), false);
    for (std::size_t i = 0; i < plan.graph.nodes.size(); ++i)
        if (plan.graph.nodes[i].op == QuantOp::view) shared[static_cast<std::size_t>(plan.tensor_buffer[i])] = true;
    for (Command& command : commands)
        for (Access& access : command.accesses)
            if (shared[static_cast<std::size_t>(access.buffer)]) access.c0 = 0, access.c1 = kEvery;
}

}  // namespace lightcard::compiler::lowering
