// SPDX-License-Identifier: Apache-2.0
/// Private to the importer: one converter an ONNX operator, listed by supported_operators().
#pragma once

#include "lightcard/platform/compiler/onnx_reader.h"

namespace lightcard::compiler {

constexpr std::size_t kMaxRank = 8;

// onnx_windows.cpp
Result<Value> convert_conv(const NodeView& view);
Result<Value> convert_max_pool(const NodeView& view);
Result<Value> convert_average_pool(const NodeView& view);
Result<Value> convert_global_pool(const NodeView& view);

// onnx_resampling.cpp
Result<Value> convert_conv_transpose(const NodeView& view);
Result<Value> convert_resize(const NodeView& view);

// onnx_operators.cpp
Result<Value> convert_gemm(const NodeView& view);
Result<Value> convert_matmul(const NodeView& view);

// onnx_elementwise.cpp
Result<Value> convert_unary(const NodeView& view);
Result<Value> convert_clip(const NodeView& view);
Result<Value> convert_hard_sigmoid(const NodeView& view);
Result<Value> convert_binary(const NodeView& view);
Result<Value> convert_sum(const NodeView& view);
Result<Value> convert_where(const NodeView& view);
Result<Value> convert_cast(const NodeView& view);
Result<Value> convert_quantize(const NodeView& view);

// onnx_norms.cpp
Result<Value> convert_batch_normalization(const NodeView& view);
Result<Value> convert_layer_normalization(const NodeView& view);
Result<Value> convert_softmax(const NodeView& view);
Result<Value> convert_reduce_mean(const NodeView& view);
Result<Value> convert_lrn(const NodeView& view);

// onnx_constants.cpp
Result<Value> convert_identity(const NodeView& view);
Result<Value> convert_dropout(const NodeView& view);
Result<Value> convert_constant(const NodeView& view);
Result<Value> convert_constant_of_shape(const NodeView& view);
Result<Value> convert_shape(const NodeView& view);

// onnx_layout.cpp
Result<Value> convert_flatten(const NodeView& view);
Result<Value> convert_reshape(const NodeView& view);
Result<Value> convert_squeeze(const NodeView& view);
Result<Value> convert_unsqueeze(const NodeView& view);
Result<Value> convert_transpose(const NodeView& view);
Result<Value> convert_concat(const NodeView& view);
Result<Value> convert_slice(const NodeView& view);
Result<Value> convert_split(const NodeView& view);
Result<Value> convert_expand(const NodeView& view);
Result<Value> convert_gather(const NodeView& view);
Result<Value> convert_pad(const NodeView& view);

/// Input i as a graph node, computed or constant; or an error that says that it is missing.
Result<int> operand(const NodeView& view, int i);
/// The same for real numbers only.
Result<int> real_operand(const NodeView& view, int i);
/// Input i as a constant of finite real numbers, or an error that says so.
Result<int> constant_operand(const NodeView& view, int i);
bool is_constant(const NodeView& view, int i);

/// A node with the view's name, the shape and type of its first input.
Node start(const NodeView& view, Op op, std::vector<int> inputs);
/// Numpy's rule; an error names both shapes.
Result<Shape> broadcast(const Shape& a, const Shape& b);
/// Attribute `axis` within [0, rank), negative ones counted from the end; `beyond`: rank itself is allowed.
Result<std::size_t> axis_of(const NodeView& view, std::int64_t otherwise, std::size_t rank, bool beyond = false);
Result<std::size_t> wrap_axis(std::int64_t axis, std::size_t rank);
/// A list that is an attribute in old operator sets and constant input `i` in new ones. Empty if neither is there.
Result<std::vector<std::int64_t>> list_of(const NodeView& view, int i, const char* attribute);

}  // namespace lightcard::compiler
