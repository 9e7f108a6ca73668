// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/engines.h"

#include <algorithm>
#include <cstdio>

#include "lightcard/model/card/peak.h"
#include "lightcard/model/common/suggest.h"

namespace lightcard::compiler {

namespace {

ProductShape shape_of(const QuantGraph& graph, const QuantNode& node)
{
    const QuantTensor& in = graph.nodes[static_cast<std::size_t>(node.inputs[0])].out;
    const auto groups = static_cast<std::uint64_t>(node.group);
    ProductShape shape;
    shape.name = node.name;
    shape.groups = groups;
    shape.outputs = static_cast<std::uint64_t>(node.out.channels) / groups;
    shape.inputs = static_cast<std::uint64_t>(node.window.kernel_h) * static_cast<std::uint64_t>(node.window.kernel_w) *
                   static_cast<std::uint64_t>(in.channels) / groups;
    shape.vectors = static_cast<std::uint64_t>(node.out.height) * static_cast<std::uint64_t>(node.out.width);
    return shape;
}

Status check_names(const QuantGraph& graph, const LayerSettings& layers)
{
    std::vector<std::string> names;
    for (const QuantNode& node : graph.nodes)
        if (node.op == QuantOp::mvm) names.push_back(node.name);
    for (const auto& [name, setting] : layers)
        if (std::find(names.begin(), names.end(), name) == names.end())
            return Error{"no product is called '" + name + "'", "settings of a layer", did_you_mean(name, names)};
    return {};
}

std::string note_of(std::size_t count, const EngineCost& pcm, const EngineCost& digital)
{
    char text[320];
    std::snprintf(text, sizeof text,
                  "%zu grouped convolution%s on the digital MAC engine (run.depthwise): %.3g us and %.3g uJ an image; "
                  "phase-change cells would take %.3g us and %.3g uJ at the accuracy of a full column",
                  count, count == 1 ? " is" : "s are", digital.seconds * 1e6, digital.joules * 1e6, pcm.seconds * 1e6,
                  pcm.joules * 1e6);
    return text;
}

}  // namespace

ProductCosts costs_of(const ProductShape& product, const CardConfig& card)
{
    const std::uint64_t n = card.core.n, rows = std::min<std::uint64_t>(product.inputs, n);
    const double mvms = static_cast<double>(card.cores) * static_cast<double>(card.core.mvm_rate());
    ProductCosts costs;
    costs.conversions = (n + rows - 1) / rows;
    const double vectors =
        static_cast<double>(product.count * tiles_of(product, card.core.n) * product.vectors * costs.conversions);
    costs.pcm = {vectors / mvms, vectors * peak_power(card).core() / mvms};
    const auto macs = static_cast<double>(product.macs());
    const double read = static_cast<double>(product.count * product.vectors * product.groups) *
                        static_cast<double>(product.inputs + product.outputs);  // bytes: codes in and out
    costs.digital = {macs / static_cast<double>(card.control.digital_mac_rate),
                     macs * card.control.digital_mac_energy + 8 * read * card.control.sram_energy};
    return costs;
}

Engine engine_of(const ProductShape& product, const CardConfig& card)
{
    if (product.groups <= 1 || product.dynamic || card.run.depthwise == Depthwise::pcm) return Engine::pcm;
    if (card.run.depthwise == Depthwise::digital) return Engine::digital;
    const ProductCosts costs = costs_of(product, card);
    return costs.digital.product() < costs.pcm.product() ? Engine::digital : Engine::pcm;
}

Status choose_engines(QuantGraph& graph, const CardConfig& card, const LayerSettings& layers)
{
    if (auto good = check_names(graph, layers); !good) return good;
    std::size_t moved = 0;
    EngineCost pcm, digital;
    for (QuantNode& node : graph.nodes) {
        if (node.op != QuantOp::mvm) continue;
        const ProductShape shape = shape_of(graph, node);
        const auto found = layers.find(node.name);
        const bool told = found != layers.end() && found->second.engine;
        node.digital = (told ? *found->second.engine : engine_of(shape, card)) == Engine::digital;
        if (node.digital && found != layers.end() && (found->second.passes || found->second.numerics))
            graph.notes.push_back("'" + node.name +
                                  "' is computed by the digital MAC engine, exactly: passes and numerics of a layer "
                                  "have no effect there (--layer-engine " +
                                  node.name + "=pcm puts it in cells)");
        if (!node.digital || told) continue;
        const ProductCosts costs = costs_of(shape, card);
        ++moved;
        pcm.seconds += costs.pcm.seconds;
        pcm.joules += costs.pcm.joules;
        digital.seconds += costs.digital.seconds;
        digital.joules += costs.digital.joules;
    }
    if (moved > 0) graph.notes.push_back(note_of(moved, pcm, digital));
    return {};
}

}  // namespace lightcard::compiler
