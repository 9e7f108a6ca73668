// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/lower.h"

#include <numeric>

#include "lightcard/model/common/suggest.h"
#include "lightcard/model/control_chip/decode.h"
#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler {
namespace {

using namespace lowering;

Status check_records(const Plan& plan, const std::vector<Command>& commands)
{
    for (const Command& command : commands) {
        const std::string refused = refusal(command.record, plan.card);
        if (refused.empty()) continue;
        const std::uint16_t layer = command.record.sqe.layer;
        return Error{refused,
                     layer == 0 ? "network '" + plan.graph.name + "'" : place_of(plan.node(plan.layers[layer - 1u])),
                     {}};
    }
    return {};
}

driver::ProgramTensor tensor_of(const QuantNode& node, std::uint32_t arg)
{
    driver::ProgramTensor tensor;
    tensor.name = node.name;
    tensor.arg = arg;
    tensor.format = format_of(node.out);
    tensor.scale = node.out.f32 ? 1.0f : static_cast<float>(node.out.scale);
    tensor.height = static_cast<std::uint32_t>(node.out.height);
    tensor.width = static_cast<std::uint32_t>(node.out.width);
    tensor.channels = static_cast<std::uint32_t>(node.out.channels);
    tensor.bytes_per_image = bytes_per_image(node.out);
    if (!node.out.wide || node.out.channel_scale.empty()) return tensor;
    tensor.scale = static_cast<float>(node.out.channel_scale.front());
    tensor.channel_scale.assign(node.out.channel_scale.begin(), node.out.channel_scale.end());
    return tensor;
}

/// Mean over the columns of what one accumulator step is worth.
double accumulator_scale(const QuantNode& node)
{
    const auto mean = [](const std::vector<double>& values) {
        return values.empty() ? 0.0
                              : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    };
    if (node.out.wide) return mean(node.out.channel_scale);
    std::vector<double> steps;
    for (std::size_t i = 0; i < node.requant.multiplier.size(); ++i) {
        const auto half_steps = static_cast<double>(std::uint64_t{1} << node.requant.shift[i]);
        steps.push_back(node.out.scale * node.requant.multiplier[i] / half_steps);
    }
    return mean(steps);
}

driver::ProgramLayer layer_of(const Plan& plan, const Layer& layer)
{
    const QuantNode& node = plan.node(layer);
    driver::ProgramLayer result;
    result.name = node.name;
    result.op = node.onnx_op + (node.digital ? " (digital)" : "");
    if (node.op == QuantOp::gemm)
        result.macs = plan.vectors(layer) * static_cast<std::uint64_t>(node.out.channels) *
                      static_cast<std::uint64_t>(node.depth);
    if (node.op != QuantOp::mvm) return result;
    result.macs = plan.vectors(layer) * node.weights.size();
    result.tiles = layer.tiles;
    result.tile_vectors = plan.vectors(layer) * layer.tiles;
    result.acc_scale = accumulator_scale(node);
    return result;
}

std::vector<lc_record> records_of(const std::vector<Command>& commands)
{
    std::vector<lc_record> records;
    records.reserve(commands.size());
    for (const Command& command : commands) records.push_back(command.record);
    return records;
}

void describe(const Plan& plan, driver::Program& program)
{
    const auto& graph = plan.graph;
    for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
        program.inputs.push_back(
            tensor_of(graph.nodes[static_cast<std::size_t>(graph.inputs[i])], static_cast<std::uint32_t>(i)));
    }
    for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
        program.outputs.push_back(tensor_of(graph.nodes[static_cast<std::size_t>(graph.outputs[i])],
                                            static_cast<std::uint32_t>(graph.inputs.size() + i)));
    }
    for (const Layer& layer : plan.layers) program.layers.push_back(layer_of(plan, layer));
    for (const Tile& tile : plan.tiles) {
        program.tiles.push_back({tile.weight_id, tile.layer + 1, tile.weights, tile.array_rows() * tile.array_cols()});
    }
    program.plan = explain(plan, program);
}

std::string nearest_product(const Plan& plan, const std::string& name)
{
    std::vector<std::string> names;
    for (const QuantNode& node : plan.graph.nodes)
        if (node.op == QuantOp::mvm) names.push_back(node.name);
    const std::string near = nearest_name(name, names);
    return near.empty() ? "names as in the report's layers" : "did you mean '" + near + "'?";
}

/// Conversions of every sample, a node each.
Status set_passes(Plan& plan, const LowerOptions& options)
{
    if (options.layer_passes.empty()) return {};
    const auto& nodes = plan.graph.nodes;
    plan.passes.assign(nodes.size(), plan.card.run.passes);
    for (const auto& [name, passes] : options.layer_passes) {
        bool found = false;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            if (nodes[i].op != QuantOp::mvm || nodes[i].name != name) continue;
            plan.passes[i] = passes;
            found = true;
        }
        if (!found) return Error{"no product is called '" + name + "'", "layer passes", nearest_product(plan, name)};
        if (passes < 1 || passes > control_chip::kMaxPasses)
            return Error{std::to_string(passes) + " passes for '" + name + "'", "layer passes", "1 .. 64"};
    }
    return {};
}

/// Everything up to the size of the batch.
Result<Plan> make_plan(const QuantGraph& graph, const CardConfig& card)
{
    if (auto status = check_graph(graph, card); !status) return status.error();
    Plan plan(graph, card);
    make_tiles(plan);
    place_tiles(plan);
    add_buffers(plan);
    return plan;
}

}  // namespace

driver::ProgramTarget target_of(const CardConfig& card)
{
    driver::ProgramTarget target;
    target.n = card.core.n;
    target.cores = card.cores;
    target.banks = card.pcm.banks;
    target.level_bits = card.pcm.level_bits;
    target.numerics = 0;
    target.sram_bytes = card.control.sram_bytes;
    target.dram_bytes = card.memory.bytes;
    return target;
}

Result<std::uint32_t> largest_batch(const QuantGraph& graph, const CardConfig& card)
{
    auto plan = make_plan(graph, card);
    if (!plan) return plan.error();
    return largest_fitting(*plan);
}

Result<driver::Program> lower(const QuantGraph& graph, const CardConfig& card, const LowerOptions& options)
{
    if (options.batch == 0 || options.batch > kMaxBatch) return Error{"batch outside 1 .. 2^20", "options.batch", {}};
    auto made = make_plan(graph, card);
    if (!made) return made.error();
    Plan& plan = *made;
    plan.batch = options.batch;
    if (auto status = set_passes(plan, options); !status) return status.error();
    if (auto status = allocate_or_spill(plan); !status) return status.error();

    driver::Program program;
    program.network = graph.name;
    program.target = target_of(card);
    program.batch = options.batch;
    program.weights = pack_weights(plan);
    if (program.weights.size() > card.memory.bytes) {
        return Error{"weights need " + std::to_string(program.weights.size()) + " bytes, the card's DRAM has " +
                         std::to_string(card.memory.bytes),
                     "network '" + graph.name + "'",
                     {}};
    }
    constexpr std::uint64_t kAlign = 64;
    plan.memory_base = (program.weights.size() + kAlign - 1) / kAlign * kAlign;
    if (plan.memory_base + plan.memory_used > card.memory.bytes)
        return Error{"batch " + std::to_string(options.batch) + " spills " + std::to_string(plan.memory_used) +
                         " bytes of activations; beside the weights card memory has " +
                         std::to_string(card.memory.bytes - plan.memory_base),
                     "network '" + graph.name + "'", "a smaller batch"};
    std::vector<Command> setup, commands;
    emit(plan, setup, commands);
    add_waits(plan, commands);
    if (auto status = check_records(plan, setup); !status) return status.error();
    if (auto status = check_records(plan, commands); !status) return status.error();
    program.setup = records_of(setup);
    program.commands = records_of(commands);
    describe(plan, program);
    return program;
}

}  // namespace lightcard::compiler
