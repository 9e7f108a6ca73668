// SPDX-License-Identifier: Apache-2.0
/// Real factors as integers: weights to codes, ratios of scales to multiplier and shift.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// factor = multiplier * 2^-shift: 31 bits of multiplier, shift 1..62. Factors below 2^-62 become 0, above 2^30
/// saturate.
struct Factor {
    std::int32_t multiplier = 0;
    std::uint8_t shift = 1;
};
Factor to_factor(double factor);

/// Two factors over one shift, that of the larger.
struct FactorPair {
    std::int32_t first = 0, second = 0;
    std::uint8_t shift = 1;
};
FactorPair to_factors(double first, double second);

/// Real limits of an activation. Codes: [0, 255] or [-127, 127] within them.
struct Limits {
    double low, high;
};
struct CodeRange {
    std::int32_t low, high;
};
CodeRange to_codes(const Limits& limits, const QuantTensor& tensor);

/// Weights of one product, in rows of `row` values an output.
struct ProductWeights {
    std::vector<float> weights;  ///< [out][row]
    std::vector<float> bias;     ///< [out]
    std::size_t row = 1;
    std::size_t group = 1;
    std::vector<double> mean;  ///< [group][row] of the inputs, for bias correction; empty = none
};
struct ProductCodes {
    std::vector<std::int8_t> weights;
    std::vector<std::int32_t> bias;  ///< in units of in_scale * scale[o]
    std::vector<double> scale;       ///< of the weights, an output each; all equal if `uniform`
};
/// Rounding the weights shifts the mean of an output by sum (rounded - weight) * mean(input): the bias takes that back.
/// A channel with small weights and a large bias gets a coarser scale, so that |bias code| <= 2^30.
ProductCodes to_codes(const ProductWeights& product, double in_scale, bool uniform);

}  // namespace lightcard::compiler
