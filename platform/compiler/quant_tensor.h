// SPDX-License-Identifier: Apache-2.0
/// Tensors of a QuantGraph: integers in memory, bytes on the card, real numbers on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

/// NHWC, dense. Codes of u8, s8 and s32 tensors; `reals` of f32 tensors. The other is empty.
struct QuantValues {
    std::vector<std::int32_t> codes;
    std::vector<float> reals;
};

std::size_t element_count(const QuantTensor& tensor);
std::size_t byte_count(const QuantTensor& tensor);  ///< as the card stores it: 1 or 4 bytes an element

/// Real values in the host's order to bytes as the card stores them: nearest code, saturated; what is no number becomes
/// 0. Of one tensor, or of all inputs of a graph one behind the other.
std::vector<std::uint8_t> quantise_values(const QuantTensor& tensor, const float* input);
std::vector<std::uint8_t> quantise_input(const QuantGraph& graph, const float* input);

/// Bytes as the card stores them (little-endian), and back.
std::vector<std::uint8_t> to_bytes(const QuantTensor& tensor, const QuantValues& values);
Result<QuantValues> from_bytes(const QuantTensor& tensor, const std::uint8_t* bytes, std::size_t size);

/// Real values, NCHW: what the fp32 graph's output compares with.
std::vector<float> dequantise(const QuantTensor& tensor, const QuantValues& values);

}  // namespace lightcard::compiler
