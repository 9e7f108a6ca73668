// SPDX-License-Identifier: Apache-2.0
/// Turns an int8 graph into adaptive block floating point: every vector of a tile and every column of its weights at
/// their own full range, bf16 scales (Basumallik et al., arXiv 2205.06287). What a tensor holds, the accumulator's unit
/// and everything behind it stay as they are; an analog product gains whatever range int8 left unused.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

struct BlockOptions {
    std::uint32_t full_unsigned = 255;  ///< code of a block's largest u8 value; 0 = vectors are not scaled
    std::uint32_t full_signed = 127;    ///< of its largest s8 value: 127 with offset inputs, 255 with two passes
    std::uint32_t slices = 1;           ///< cells a weight: each further one holds what the one before left over
    std::uint32_t level_bits = 0;       ///< of a cell, for the slices; 0 = any code
};

/// Smallest bf16 that is not below `value`; 0 for 0. value: 0 or 2^-31 .. 255.
std::uint16_t bf16_not_below(double value);
double from_bf16(std::uint16_t bits);

/// Groups that share a tile of `n` x `n`: as many as fit both ways, at least 1 (the lowering packs so).
std::uint32_t groups_in_tile(std::uint32_t groups, std::uint64_t kernel_rows, std::uint64_t outputs_a_group,
                             std::uint64_t n);

/// Fills QuantNode::block of one mvm node of `graph`, from its s8 weights; of every one that is not digital.
void scale_node(const QuantGraph& graph, QuantNode& node, const BlockOptions& options);
void scale_blocks(QuantGraph& graph, const BlockOptions& options);

/// One flattened vector of codes as the light sees it: `largest` of it, and its codes scaled to `full`.
std::int32_t scale_codes(std::vector<std::int32_t>& codes, std::uint32_t full);

}  // namespace lightcard::compiler
