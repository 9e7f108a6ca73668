// SPDX-License-Identifier: Apache-2.0
/// Lowering: an int8 graph becomes the program of one card. Tiles of N x N weights, their places in cores and banks,
/// activations in the scratchpad, and a command buffer whose wait masks are as weak as they can be.
/// How, and what a program may rely on: docs/commands.md, docs/program-format.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/driver/program.h"

namespace lightcard::compiler {

struct LowerOptions {
    std::uint32_t batch = 1;  ///< images one EXEC takes
    std::map<std::string, std::uint32_t> layer_passes =
        {};  ///< by node name: conversions of every sample, run.passes else
};

/// Refuses what the card cannot hold or compute, naming the node; a batch too large names the tensor and the largest
/// batch that fits.
Result<driver::Program> lower(const QuantGraph& graph, const CardConfig& card, const LowerOptions& options = {});

/// Largest batch whose activations fit the card's scratchpad; 0 if not even one image does.
Result<std::uint32_t> largest_batch(const QuantGraph& graph, const CardConfig& card);

/// The card as a program file names it.
driver::ProgramTarget target_of(const CardConfig& card);

}  // namespace lightcard::compiler
