// SPDX-License-Identifier: Apache-2.0
/// The planner's explanation: what was decided, why, and what should limit a batch.
#include <algorithm>
#include <cstdio>

#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

std::string number(double value, const char* unit)
{
    char text[48];
    std::snprintf(text, sizeof text, "%.3g %s", value, unit);
    return text;
}

std::string seconds(double value)
{
    if (value >= 1) return number(value, "s");
    if (value >= 1e-3) return number(value * 1e3, "ms");
    return number(value * 1e6, "us");
}

double to_seconds(Picoseconds time)
{
    return static_cast<double>(time) * 1e-12;
}

/// Slots of one tile: the card pulses whole rows of the array, used or not.
double slots(const Plan& plan)
{
    const double n = plan.n();
    switch (plan.card.pcm.write_scheme) {
        case pcm_memory::WriteScheme::serial:
            return n * n;
        case pcm_memory::WriteScheme::row_parallel:
            return n;
        case pcm_memory::WriteScheme::array_parallel:
            return 1;
    }
    return 0;
}

/// Time a batch keeps one part of the card busy, if nothing else stood in its way.
struct Busy {
    double light = 0, writes = 0, vector = 0, digital = 0, link = 0;
};

Busy predict(const Plan& plan)
{
    Busy busy;
    const CardConfig& card = plan.card;
    for (const Layer& layer : plan.layers) {
        const QuantNode& node = plan.node(layer);
        const double positions = static_cast<double>(plan.vectors(layer)) * plan.batch;
        if (node.digital)
            busy.digital +=
                to_seconds(card.control.digital_mac_issue) + positions * static_cast<double>(node.weights.size()) /
                                                                 static_cast<double>(card.control.digital_mac_rate);
        if (node.op != QuantOp::mvm) {
            const double window = static_cast<double>(node.window.kernel_h) * node.window.kernel_w;
            busy.vector += to_seconds(card.control.vector_issue) +
                           positions * node.out.channels * window / static_cast<double>(card.control.vector_rate);
            continue;
        }
        std::vector<std::uint32_t> tiles(card.cores, 0);
        for (std::uint32_t i = 0; i < layer.tiles; ++i) ++tiles[plan.tiles[layer.first_tile + i].core];
        const bool twice = plan.input(node).is_signed && card.run.signed_inputs == SignedInputs::two_pass;
        busy.light += positions * *std::max_element(tiles.begin(), tiles.end()) * (twice ? 2 : 1) *
                      plan.passes_of(layer) / static_cast<double>(card.core.mvm_rate());
    }
    std::vector<double> writing(card.cores, 0);
    for (const Tile& tile : plan.tiles) {
        if (!tile.resident) writing[tile.core] += slots(plan) * to_seconds(card.pcm.write_slot) / card.pcm.writers;
    }
    busy.writes = *std::max_element(writing.begin(), writing.end());
    double bytes = 0;
    for (const auto* list : {&plan.graph.inputs, &plan.graph.outputs}) {
        for (const int i : *list)
            bytes += static_cast<double>(bytes_per_image(plan.graph.nodes[static_cast<std::size_t>(i)].out));
    }
    const auto rate = static_cast<double>(card.link.raw_rate());
    const double payload =
        static_cast<double>(card.link.max_payload) / (card.link.max_payload + card.link.tlp_overhead);
    busy.link = bytes * plan.batch / (rate * payload);
    return busy;
}

std::string tiles_line(const Plan& plan)
{
    double used = 0;
    std::size_t weight_layers = 0;
    for (const Tile& tile : plan.tiles) used += static_cast<double>(tile.array_rows()) * tile.array_cols();
    std::size_t digital = 0;
    for (const Layer& layer : plan.layers) {
        weight_layers += layer.tiles > 0;
        digital += plan.node(layer).digital;
    }
    const std::string n = std::to_string(plan.n());
    const double cells = static_cast<double>(plan.tiles.size()) * plan.n() * plan.n();
    return std::to_string(weight_layers) + " weight layers, " +
           (digital > 0 ? std::to_string(digital) + " on the digital MAC engine, " : "") +
           std::to_string(plan.layers.size() - weight_layers - digital) + " vector layers; " +
           std::to_string(plan.tiles.size()) + " tiles of " + n + " x " + n + ", " +
           number(cells == 0 ? 0 : 100 * used / cells, "%") + " of their cells used";
}

std::string residency_line(const Plan& plan)
{
    std::size_t resident = 0;
    for (const Tile& tile : plan.tiles) resident += tile.resident;
    const std::string have =
        std::to_string(plan.card.cores) + " core(s) x " + std::to_string(plan.card.pcm.banks) + " bank(s)";
    if (resident == plan.tiles.size()) {
        return "weights resident: " + std::to_string(resident) + " tiles in " + have + ", programmed once by set-up";
    }
    const std::size_t loads = plan.tiles.size() - resident;
    const std::uint32_t cycle = *std::max_element(plan.cycle.begin(), plan.cycle.end());
    std::string line = "weights reloaded: " + std::to_string(plan.tiles.size()) + " tiles do not fit " + have + "; " +
                       std::to_string(loads) + " loads a batch, in turn over " + std::to_string(cycle) +
                       " bank(s) a core";
    line += cycle > 1 ? ", so that writing overlaps with computing" : ", so that computing waits for writing";
    if (resident > 0)
        line += "; the other banks keep the " + std::to_string(resident) + " tiles with the least light time";
    return line;
}

/// What leaves the scratchpad meanwhile, if anything.
std::string spills(const Plan& plan)
{
    if (plan.spills.empty()) return {};
    return "; " + std::to_string(plan.spills.size()) +
           (plan.spills.size() == 1 ? " tensor spills " : " tensors spill ") +
           number(static_cast<double>(plan.memory_used) / 1048576, "MB") + " a batch to card memory and back";
}

std::string memory_line(const Plan& plan)
{
    const auto largest = std::max_element(plan.buffers.begin(), plan.buffers.end(),
                                          [](const Buffer& a, const Buffer& b) { return a.bytes < b.bytes; });
    return "batch " + std::to_string(plan.batch) + ": " + number(static_cast<double>(plan.sram_used) / 1048576, "MB") +
           " of " + number(static_cast<double>(plan.card.control.sram_bytes) / 1048576, "MB") +
           " scratchpad, largest tensor '" + largest->name + "'" + spills(plan);
}

std::string bound_line(const Plan& plan)
{
    const Busy busy = predict(plan);
    const std::pair<double, const char*> parts[] = {{busy.light, "light"},
                                                    {busy.writes, "weight writes"},
                                                    {busy.vector, "vector unit"},
                                                    {busy.digital, "digital MAC engine"},
                                                    {busy.link, "host link"}};
    const auto longest = std::max_element(std::begin(parts), std::end(parts));
    std::string line = "predicted busy time a batch:";
    for (const auto& [time, name] : parts)
        line += std::string(name == parts[0].second ? " " : ", ") + name + " " + seconds(time);
    return line + "; bound by " + longest->second;
}

}  // namespace

std::vector<std::string> explain(const Plan& plan, const driver::Program& program)
{
    return {tiles_line(plan), residency_line(plan), memory_line(plan), bound_line(plan),
            std::to_string(program.setup.size()) + " records of set-up, " + std::to_string(program.commands.size()) +
                " records a batch, " + number(static_cast<double>(program.weights.size()) / 1048576, "MB") +
                " in DRAM"};
}

}  // namespace lightcard::compiler::lowering
