// SPDX-License-Identifier: Apache-2.0
/// The compiler's two graphs. ONNX -> Graph (fp32, NCHW, as written, batch-norm folded) -> QuantGraph (int8,
/// NHWC, exactly what the card computes). Both are executed by reference executors that share no code
/// with the card. Free of SystemC.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard::compiler {

using Shape = std::vector<std::int64_t>;

enum class Op : std::uint8_t {
    input, constant, conv, gemm, matmul, relu, clip, add, max_pool, average_pool, global_average_pool,
    batch_normalization, flatten, reshape, identity, pad, softmax
};
const char* to_string(Op op);

struct Window {  ///< of convolution and pooling
    int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
    int group = 1;
    bool count_include_pad = false;
};

/// One node; its output is tensor `output`. Constants (weights) are nodes of Op::constant.
struct Node {
    Op op = Op::identity;
    std::string name;                 ///< ONNX node name, or its output's
    std::vector<int> inputs;          ///< indices into Graph::nodes
    Shape shape;                      ///< of the output; dimension 0 is the batch (bound to 1 at import)
    Window window;
    float clip_min = 0, clip_max = 0; ///< clip
    int axis = 1;                     ///< softmax, flatten
    std::vector<int> pads;            ///< pad: begins then ends, per dimension
    float pad_value = 0;
    std::vector<float> data;          ///< constant: row-major values
};

struct Graph {
    std::string name;
    std::vector<Node> nodes;          ///< topological order
    std::vector<int> inputs, outputs; ///< node indices
};

/// Int8 form. Activations are u8 (zero point 0, never negative) or s8 (symmetric); real = code * scale.
enum class QuantOp : std::uint8_t { input, mvm, add, requant, max_pool, average_pool, softmax, pad, output };

struct QuantTensor {
    bool is_signed = false;           ///< s8, else u8
    bool wide = false;                ///< s32 accumulators (last layer, softmax input)
    bool f32 = false;                 ///< softmax output
    double scale = 1;                 ///< per tensor; wide tensors use channel_scale
    std::vector<double> channel_scale;
    int height = 1, width = 1, channels = 1;
};

/// out = clamp(((acc + bias) * multiplier + (1 << (shift-1))) >> shift, lo, hi)
struct Requant {
    std::vector<std::int32_t> bias, multiplier;  ///< a column each
    std::vector<std::uint8_t> shift;
    std::int32_t lo = 0, hi = 255;
};

struct QuantNode {
    QuantOp op = QuantOp::input;
    std::string name, onnx_op;
    std::vector<int> inputs;
    QuantTensor out;
    Window window;                     ///< mvm (1x1 for gemm), pools, pad
    int group = 1;
    std::vector<std::int8_t> weights;  ///< mvm: [out][kh][kw][in/group]
    Requant requant;                   ///< mvm
    /// add / requant / average_pool: out = clamp((a*mult + b*mult2 + round) >> shift, lo, hi)
    std::int32_t mult = 0, mult2 = 0;
    std::uint8_t shift = 1;
    std::int32_t lo = 0, hi = 255;
    bool valid_count = false;          ///< average_pool: divide by positions inside
    std::vector<double> column_rms;    ///< mvm: rms of the accumulator a column over the calibration set
    std::vector<double> tile_rms;      ///< mvm: rms of one N-row K-tile's sum, [k_tile][out]; filled for the card's N
};

struct QuantGraph {
    std::string name;
    std::uint32_t tile_rows = 128;     ///< N that tile_rms was taken for
    std::vector<QuantNode> nodes;      ///< topological order
    std::vector<int> inputs, outputs;
};

}  // namespace lightcard::compiler
