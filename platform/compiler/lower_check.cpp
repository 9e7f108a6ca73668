// SPDX-License-Identifier: Apache-2.0
/// What the lowering relies on in a graph.
#include <cmath>
#include <limits>

#include "lightcard/model/control_chip/decode.h"
#include "lightcard/platform/compiler/block_scale.h"
#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

constexpr std::int64_t kMaxDimension = 1 << 20;
constexpr std::int64_t kMaxElements = 1 << 28;  ///< of a tensor, an image

Error bad(const QuantNode& node, const std::string& what, const std::string& hint = {})
{
    return {what, place_of(node), hint};
}

Status check_tensor(const QuantNode& node)
{
    const QuantTensor& t = node.out;
    for (const int dimension : {t.height, t.width, t.channels}) {
        if (dimension < 1 || dimension > kMaxDimension) return bad(node, "tensor dimension outside 1 .. 2^20");
    }
    if (std::int64_t{t.height} * t.width > kMaxElements ||
        std::int64_t{t.height} * t.width * t.channels > kMaxElements) {
        return bad(node, "tensor of more than 2^28 elements");
    }
    return {};
}

Status check_inputs(const QuantGraph& graph, std::size_t index)
{
    const QuantNode& node = graph.nodes[index];
    const std::size_t wanted = inputs_wanted(node);
    if (node.inputs.size() != wanted) {
        return bad(node, "has " + std::to_string(node.inputs.size()) + " inputs, not " + std::to_string(wanted));
    }
    for (const int input : node.inputs) {
        if (input < 0 || static_cast<std::size_t>(input) >= index) return bad(node, "input is not an earlier node");
    }
    return {};
}

Status check_window(const QuantNode& node)
{
    const Window& w = node.window;
    for (const int value : {w.kernel_h, w.kernel_w, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w}) {
        if (value < 1 || value > std::numeric_limits<std::uint16_t>::max()) {
            return bad(node, "kernel, stride or dilation outside 1 .. 65535");
        }
    }
    for (const int value : {w.pad_top, w.pad_left, w.pad_bottom, w.pad_right}) {
        if (value < std::numeric_limits<std::int16_t>::min() || value > std::numeric_limits<std::int16_t>::max()) {
            return bad(node, "padding beyond 32767");
        }
    }
    return {};
}

Status check_constants(const QuantNode& node)
{
    const auto columns = static_cast<std::size_t>(node.out.channels);
    const Requant& r = node.requant;
    if (r.bias.size() != columns) return bad(node, "bias does not have a value a channel");
    if (node.out.wide) return {};
    if (r.multiplier.size() != columns || r.shift.size() != columns) {
        return bad(node, "multiplier or shift does not have a value a channel");
    }
    for (const std::uint8_t shift : r.shift) {
        if (shift < 1 || shift > 62) return bad(node, "requantisation shift outside 1 .. 62");
    }
    return {};
}

/// Block scales belong to one tile size, and to one way of sharing tiles between groups.
Status check_block(const QuantGraph& graph, const QuantNode& node, std::uint32_t n)
{
    if (node.block.empty()) return {};
    if (graph.tile_rows != n)
        return bad(node, "has block scales for tiles of " + std::to_string(graph.tile_rows) + " rows",
                   "this card has tiles of " + std::to_string(n));
    const auto outputs = static_cast<std::uint64_t>(node.out.channels), groups = static_cast<std::uint64_t>(node.group);
    const std::uint64_t tiles = (kernel_rows(node) + n - 1) / n;
    bool good =
        node.block.scale.size() == node.block.planes.size() * tiles * outputs && node.block.full <= 255 &&
        node.block.groups == groups_in_tile(static_cast<std::uint32_t>(groups), kernel_rows(node), outputs / groups, n);
    for (const auto& plane : node.block.planes) good &= plane.size() == node.weights.size();
    return good ? Status{} : bad(node, "has block scales that do not fit its weights");
}

Status check_mvm(const QuantGraph& graph, const QuantNode& node, std::uint32_t n)
{
    const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
    if (in.wide || in.f32 || in.half) return bad(node, "input must be 8 bit", "put a requantisation in front");
    if (node.out.f32) return bad(node, "output cannot be f32");
    if (node.group < 1 || in.channels % node.group != 0 || node.out.channels % node.group != 0) {
        return bad(node, "group does not divide the channels");
    }
    const auto expected = static_cast<std::uint64_t>(node.out.channels) * kernel_rows(node);
    if (node.weights.empty() || node.weights.size() != expected || kernel_rows(node) == 0) {
        return bad(node, "has " + std::to_string(node.weights.size()) + " weights");
    }
    const auto area =
        static_cast<std::uint64_t>(node.window.kernel_h) * static_cast<std::uint64_t>(node.window.kernel_w);
    if (kernel_rows(node) != area * static_cast<std::uint64_t>(in.channels / node.group)) {
        return bad(node, "weights do not match kernel, input channels and group");
    }
    if (auto status = check_block(graph, node, n); !status) return status;
    return check_constants(node);
}

Status check_same_shape(const QuantGraph& graph, const QuantNode& node)
{
    for (const int input : node.inputs) {
        const QuantTensor& in = graph.nodes[static_cast<std::size_t>(input)].out;
        if (in.height != node.out.height || in.width != node.out.width || in.channels != node.out.channels) {
            return bad(node, "inputs and output differ in shape");
        }
    }
    return {};
}

Status check_softmax(const QuantGraph& graph, const QuantNode& node)
{
    const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
    for (const double scale : in.channel_scale) {
        if (in.wide && scale != in.channel_scale.front()) {
            return bad(node, "softmax over channels of different scales", "requantise the layer in front to 8 bit");
        }
    }
    return check_same_shape(graph, node);
}

Status check_node(const QuantGraph& graph, std::size_t index, std::uint32_t n)
{
    const QuantNode& node = graph.nodes[index];
    if (auto status = check_inputs(graph, index); !status) return status;
    if (auto status = check_tensor(node); !status) return status;
    if (auto status = check_window(node); !status) return status;
    if (node.op != QuantOp::softmax && is_sequence(node)) return check_sequence(graph, node);
    switch (node.op) {
        case QuantOp::mvm:
            return check_mvm(graph, node, n);
        case QuantOp::add:
        case QuantOp::requant:
        case QuantOp::output:
            return check_same_shape(graph, node);
        case QuantOp::softmax:
            return check_softmax(graph, node);
        case QuantOp::max_pool:
        case QuantOp::average_pool:
        case QuantOp::pad:
            if (graph.nodes[static_cast<std::size_t>(node.inputs[0])].out.channels != node.out.channels) {
                return bad(node, "input and output differ in channels");
            }
            return {};
        case QuantOp::input:
            return {};
        default:
            break;
    }
    return bad(node, "unknown operation");
}

}  // namespace

std::string refusal(const lc_record& record, const CardConfig& card)
{
    control_chip::DecodeLimits limits;
    limits.n = card.core.n;
    limits.cores = card.cores;
    limits.banks = card.pcm.banks;
    limits.sram_bytes = card.control.sram_bytes;
    limits.dram_bytes = card.memory.bytes;
    limits.max_transfer = ~0ull;
    limits.in_buffer = true;
    const std::uint64_t args[LC_ARGS] = {};
    lc_record resolved = record;
    auto fault = control_chip::resolve_args(resolved, args);
    if (!fault) {
        const auto decoded = control_chip::decode(resolved.sqe, resolved.operands, limits);
        if (decoded.ok()) return {};
        fault = decoded.fault();
    }
    return std::string("the card cannot do this: ") + control_chip::opcode_name(resolved.sqe.opcode) + ", byte " +
           std::to_string(fault->field) + ": " + fault->text;
}

std::string place_of(const QuantNode& node)
{
    return "node '" + node.name + "' (" + (node.onnx_op.empty() ? "?" : node.onnx_op) + ")";
}

std::uint32_t format_of(const QuantTensor& tensor)
{
    if (tensor.f32) return LC_FMT_F32;
    if (tensor.wide) return LC_FMT_S32;
    if (tensor.half) return LC_FMT_S16;
    return tensor.is_signed ? LC_FMT_S8 : LC_FMT_U8;
}

std::uint32_t element_bytes(const QuantTensor& tensor)
{
    if (tensor.f32 || tensor.wide) return 4;
    return tensor.half ? 2 : 1;
}

std::uint64_t bytes_per_image(const QuantTensor& tensor)
{
    return static_cast<std::uint64_t>(tensor.height) * static_cast<std::uint64_t>(tensor.width) *
           static_cast<std::uint64_t>(tensor.channels) * element_bytes(tensor);
}

std::uint64_t kernel_rows(const QuantNode& node)
{
    return node.weights.size() / static_cast<std::uint64_t>(node.out.channels);
}

Status check_graph(const QuantGraph& graph, const CardConfig& card)
{
    const Error nothing{"graph has no inputs or no outputs", "network '" + graph.name + "'", {}};
    if (card.core.n == 0 || card.cores == 0 || card.pcm.banks == 0) return Error{"card without cells", card.name, {}};
    if (graph.inputs.empty() || graph.outputs.empty()) return nothing;
    if (graph.inputs.size() + graph.outputs.size() > LC_ARGS) {
        return Error{"more than 8 input and output tensors together", "network '" + graph.name + "'", {}};
    }
    if (graph.nodes.size() > std::numeric_limits<std::uint16_t>::max()) {
        return Error{"more than 65535 nodes", "network '" + graph.name + "'", {}};
    }
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        if (auto status = check_node(graph, i, card.core.n); !status) return status;
    }
    for (const auto* list : {&graph.inputs, &graph.outputs}) {
        for (const int index : *list) {
            if (index < 0 || static_cast<std::size_t>(index) >= graph.nodes.size()) return nothing;
        }
    }
    for (const int index : graph.inputs) {
        const QuantNode& node = graph.nodes[static_cast<std::size_t>(index)];
        if (node.op != QuantOp::input) return bad(node, "is listed as an input of the network but computes");
    }
    for (int index : graph.outputs) {
        while (graph.nodes[static_cast<std::size_t>(index)].op == QuantOp::view)
            index = graph.nodes[static_cast<std::size_t>(index)].inputs[0];
        const QuantNode& node = graph.nodes[static_cast<std::size_t>(index)];
        if (node.op == QuantOp::constant) return bad(node, "is constant, and an output of the network");
    }
    return {};
}

}  // namespace lightcard::compiler::lowering
