// SPDX-License-Identifier: Apache-2.0
/// Arithmetic around the light of one MVM command, exactly as lightcard_abi.h words it: vectors to DAC codes (block
/// scaling, copies of rows, the two ways of signed inputs), samples to what a tile adds to its partial sums (passes,
/// copies of columns, scales). Adaptive block floating point with one scale a vector and one a column of weights:
/// Basumallik et al., arXiv 2205.06287. Pure, integers only.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// bf16 as mantissa * 2^-shift.
struct BlockScale {
    std::int64_t mantissa = 1;  ///< 0, or 128 .. 255; 1 where a command has no scales
    std::uint32_t shift = 0;
    double value = 1;  ///< the same, exactly
};
constexpr std::uint32_t kMostBlockShift = 38;
/// Nothing below 2^-31 but zero, nothing from 256 up, no sign: what the rescaling multiplier takes.
bool block_scale_legal(std::uint16_t bf16);
BlockScale block_scale(std::uint16_t bf16);

/// How a command's vectors become light and its samples become sums.
struct BlockShape {
    explicit BlockShape(const lc_mvm_op& op, bool two_pass);
    std::uint32_t inputs, outputs;  ///< of one copy
    std::uint32_t row_copies, col_copies;
    std::uint32_t repeats;      ///< conversions of a sample
    std::uint32_t code_passes;  ///< 2: positive and negative codes apart
    std::uint32_t full;         ///< code of a vector's largest value; 0 = as it is
    bool is_signed;
    std::uint32_t rows() const { return inputs * row_copies; }
    std::uint32_t cols() const { return outputs * col_copies; }
    std::uint32_t passes() const { return code_passes * repeats; }
    /// Samples that one sum is the average of.
    std::uint32_t divisor() const { return repeats * row_copies * col_copies; }
};

constexpr std::int32_t kSignedOffset = 128;  ///< s8 code -> DAC code where signed inputs are offset

/// `raw`: [vectors][inputs] u8 or s8. `codes` becomes [code_passes][vectors][rows], `largest` [vectors] (1 if not
/// scaled).
void encode_vectors(const BlockShape& shape, const std::vector<std::uint8_t>& raw, std::uint32_t vectors,
                    std::vector<std::uint8_t>& codes, std::vector<std::uint8_t>& largest);

/// `samples`: [passes][vectors][cols] acc units, overwritten in its first [vectors][outputs] by what the tile adds to
/// the partial sums. `column_sum`: [cols] of the weights, which takes the offset of signed inputs back out. `scales`:
/// [outputs] or empty.
void combine_samples(const BlockShape& shape, std::uint32_t vectors, const std::int32_t* column_sum,
                     const std::vector<std::uint8_t>& largest, const std::vector<BlockScale>& scales,
                     std::vector<std::int32_t>& samples);

/// Mean over vectors and outputs of (largest * scale)^2: what a sample's error is worth in partial sums.
double mean_square_scale(const std::vector<std::uint8_t>& largest, const std::vector<BlockScale>& scales);

}  // namespace lightcard::control_chip
