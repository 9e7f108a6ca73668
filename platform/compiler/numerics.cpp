// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/numerics.h"

#include "lightcard/platform/compiler/block_scale.h"
#include "lightcard/platform/compiler/tile_rms.h"

namespace lightcard::compiler {

Status apply_numerics(QuantGraph& graph, const CardConfig& card, const std::vector<std::vector<std::uint8_t>>& samples,
                      const LayerSettings& layers, int positions)
{
    bool any = false;
    for (QuantNode& node : graph.nodes) {
        if (node.op != QuantOp::mvm || node.digital) continue;
        const auto found = layers.find(node.name);
        const bool told = found != layers.end() && found->second.numerics;
        const bool scaled = (told ? *found->second.numerics : card.run.numerics) == Numerics::abfp;
        if (!scaled && card.run.weight_slices <= 1) continue;
        BlockOptions options;
        options.full_unsigned = scaled ? 255 : 0;
        // Offset codes leave half of the range to either sign; two passes give all of it to each.
        options.full_signed = !scaled ? 0 : card.run.signed_inputs == SignedInputs::offset ? 127 : 255;
        options.slices = card.run.weight_slices;
        options.level_bits = card.pcm.level_bits;
        scale_node(graph, node, options);
        any = true;
    }
    if (!any || samples.empty() || positions == 0) return {};
    return measure_rms(graph, samples, positions);
}

}  // namespace lightcard::compiler
