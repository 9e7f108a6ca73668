// SPDX-License-Identifier: Apache-2.0
/// Graph + sample inputs -> QuantGraph, by post-training calibration.
///
/// Activations: u8 where the graph says they cannot be negative (after Relu or Clip from 0 up, through pooling, sums of
/// such) and for inputs that never are in the samples; symmetric s8 elsewhere. Weights: symmetric s8 with one scale an
/// output channel; one scale for all where a softmax follows (it takes one scale). Products that only the host or a
/// softmax read stay s32.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/calibrate.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

struct QuantOptions {
    std::uint32_t tile_rows = 128;               ///< the card's N, for QuantNode::tile_rms
    CalibrationOptions calibration;              ///< of the samples
    const std::vector<Range>* ranges = nullptr;  ///< measured before (calibration_file.h): then samples may be none
    bool bias_correction = true;  ///< biases make up for the mean error of rounded weights (quant_numbers.h)
    /// Input and output (numbers in Graph::inputs, outputs) that hold the same codes: what one run leaves, the next
    /// reads.
    std::vector<std::pair<std::size_t, std::size_t>> tied = {};
    int rms_positions = 256;  ///< output positions a layer and sample that column_rms and tile_rms look at; 0: neither
};

/// `samples`: inputs in the host's order (images NCHW), all inputs one behind the other; without any, column_rms and
/// tile_rms stay empty. Error: what the card cannot compute, with the node.
Result<QuantGraph> quantise(const Graph& graph, const std::vector<std::vector<float>>& samples,
                            const QuantOptions& options = {});

}  // namespace lightcard::compiler
