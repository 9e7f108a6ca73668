// SPDX-License-Identifier: Apache-2.0
/// Private to the importer: one converter an ONNX operator, listed by supported_operators().
#pragma once

#include "lightcard/platform/compiler/onnx_reader.h"

namespace lightcard::compiler {

// onnx_windows.cpp
Result<Value> convert_conv(const NodeView& view);
Result<Value> convert_max_pool(const NodeView& view);
Result<Value> convert_average_pool(const NodeView& view);
Result<Value> convert_global_average_pool(const NodeView& view);
Result<Value> convert_reduce_mean(const NodeView& view);
Result<Value> convert_pad(const NodeView& view);

// onnx_operators.cpp
Result<Value> convert_gemm(const NodeView& view);
Result<Value> convert_matmul(const NodeView& view);
Result<Value> convert_relu(const NodeView& view);
Result<Value> convert_clip(const NodeView& view);
Result<Value> convert_add(const NodeView& view);
Result<Value> convert_batch_normalization(const NodeView& view);
Result<Value> convert_softmax(const NodeView& view);

// onnx_constants.cpp
Result<Value> convert_identity(const NodeView& view);
Result<Value> convert_constant(const NodeView& view);
Result<Value> convert_constant_of_shape(const NodeView& view);
Result<Value> convert_shape(const NodeView& view);
Result<Value> convert_gather(const NodeView& view);
Result<Value> convert_concat(const NodeView& view);
Result<Value> convert_cast(const NodeView& view);
Result<Value> convert_transpose(const NodeView& view);
Result<Value> convert_flatten(const NodeView& view);
Result<Value> convert_reshape(const NodeView& view);
Result<Value> convert_squeeze(const NodeView& view);
Result<Value> convert_unsqueeze(const NodeView& view);

/// Input i as an activation, or an error that says so.
Result<int> activation(const NodeView& view, int i);
/// Input i as a constant graph node, or an error that says so.
Result<int> constant_operand(const NodeView& view, int i);

}  // namespace lightcard::compiler
