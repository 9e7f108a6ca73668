// SPDX-License-Identifier: Apache-2.0
/// ONNX file -> Graph. Whatever the bytes are, the answer is a Graph or an Error that names every node it
/// cannot take; time and memory are bounded by the limits of ImportOptions. Shapes are inferred here.
///
/// Operators: Conv (2-D: strided, padded, dilated, grouped, depthwise, auto_pad), Gemm, MatMul (constant weights),
/// Relu, Clip, Add, Sum, MaxPool, AveragePool, GlobalAveragePool, ReduceMean (over H and W), BatchNormalization,
/// Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout, Pad (zeros), Softmax; and, on constants and shapes:
/// Constant, ConstantOfShape, Shape, Gather, Concat, Cast, Transpose. Opsets 1 and later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/graph.h"

namespace lightcard::compiler {

struct ImportOptions {
    std::uint64_t max_file_bytes = (std::uint64_t{1} << 31) - 1;  ///< protobuf's own limit; larger values count as this
    std::int64_t max_tensor_elements = std::int64_t{1} << 28;     ///< of one weight or activation tensor
    /// Values of constants that reading and folding decode, copy or rewrite, together. (ResNet-50 needs 0.1 * 2^29.)
    std::int64_t max_constant_elements = std::int64_t{1} << 29;
    std::map<std::string, std::int64_t> dimensions;  ///< values of symbolic dimensions (not the batch)
    bool fold = true;  ///< fold batch normalisation, constant additions and no-op nodes (fold.h)
};

/// Dimension 0 of every input is the batch and is bound to 1.
Result<Graph> import_onnx(const std::string& path, const ImportOptions& options = {});
Result<Graph> import_onnx(const void* bytes, std::size_t size, const ImportOptions& options = {});

}  // namespace lightcard::compiler
