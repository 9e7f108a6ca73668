// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/numerics.h"

#include "lightcard/platform/compiler/block_scale.h"
#include "lightcard/platform/compiler/tile_rms.h"

namespace lightcard::compiler {

Status apply_numerics(QuantGraph& graph, const CardConfig& card, const std::vector<std::vector<std::uint8_t>>& samples,
                      int positions)
{
    const bool scaled = card.run.numerics == Numerics::abfp;
    if (!scaled && card.run.weight_slices <= 1) return {};
    BlockOptions options;
    options.full_unsigned = scaled ? 255 : 0;
    // Offset codes leave half of the range to either sign; two passes give all of it to each.
    if (scaled)
        options.full_signed = card.run.signed_inputs == SignedInputs::offset ? 127 : 255;
    else
        options.full_signed = 0;
    options.slices = card.run.weight_slices;
    options.level_bits = card.pcm.level_bits;
    scale_blocks(graph, options);
    if (positions == 0) return {};
    return measure_rms(graph, samples, positions);
}

}  // namespace lightcard::compiler
