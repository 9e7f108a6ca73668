// SPDX-License-Identifier: Apache-2.0
/// A program of shapes: the commands that a network's products, vector work and transfers ask of a card, without a
/// weight in memory. For run.fidelity = timing (docs/networks.md); networks with ONNX files are lowered (lower.h).
#pragma once

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/network_shape.h"
#include "lightcard/platform/driver/program.h"

namespace lightcard::compiler {

/// `batch` inferences an EXEC. Products run one after another, tiles in turn on all cores; weights stay in the banks if
/// all fit, else every tile is written again, as far ahead as banks allow. Dynamic products go to the digital engine,
/// and the vector work to the vector unit in equal shares behind every product. Refused: what the scratchpad or DRAM
/// cannot hold.
Result<driver::Program> program_of_shapes(const NetworkShape& network, const CardConfig& card, std::uint32_t batch);

}  // namespace lightcard::compiler
