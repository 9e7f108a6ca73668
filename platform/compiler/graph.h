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
std::int64_t element_count(const Shape& shape);  ///< product; shapes of a Graph never overflow it
std::string describe(const Shape& shape);        ///< "[1, 3, 32, 32]"

enum class Op : std::uint8_t {
    input,
    constant,
    conv,
    gemm,
    matmul,
    relu,
    clip,
    add,
    max_pool,
    average_pool,
    global_average_pool,
    batch_normalization,
    flatten,
    reshape,
    identity,
    pad,
    softmax
};
const char* to_string(Op op);

struct Window {  ///< of convolution and pooling
    int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
    int group = 1;
    bool count_include_pad = false;
};

/// One node; its output is a tensor. Constants (weights) are nodes of Op::constant. Inputs an operator:
///   conv                 x, weights [out][in/group][kh][kw], bias [out] (optional)
///   gemm, matmul         x [..][k], weights [out][k] (transposed and scaled at import), bias [out] (optional)
///   add                  a, b of the same shape; or b a constant that broadcasts to a
///   batch_normalization  x, scale [c], shift [c]; only where folding was switched off
///   the rest             x
struct Node {
    Op op = Op::identity;
    std::string name;         ///< ONNX node name, or its output's
    std::vector<int> inputs;  ///< indices into Graph::nodes
    Shape shape;              ///< of the output; dimension 0 is the batch (bound to 1 at import)
    Window window;
    float clip_min = 0, clip_max = 0;  ///< clip
    int axis = 1;                      ///< softmax, flatten
    std::vector<int> pads;             ///< pad: begins then ends, per dimension
    float pad_value = 0;
    std::vector<float> data;  ///< constant: row-major values
};

std::string describe(const Node& node);  ///< "node 'conv1' (Conv)": the place of an error

struct Graph {
    std::string name;
    std::vector<Node> nodes;           ///< topological order
    std::vector<int> inputs, outputs;  ///< node indices
};

/// Int8 form: what the card computes, bit for bit. Activations are u8 (zero point 0, never negative) or s8
/// (symmetric, -127..127); real = code * scale. Tensors are NHWC, dense, batch 1.
///
/// mvm           convolution, gemm, matmul. A gemm over a flattened HxWxC tensor is a mvm with a HxW kernel and one
/// output
///               position (1x1 if H = W = 1): the weights are permuted to HWC, so flattening moves no data and has no
///               node. in/group = weights.size() / (out.channels * kernel_h * kernel_w); output channel o reads input
///               channels [g*in/group, (g+1)*in/group), g = o / (out.channels/group). Positions outside read code 0.
///               acc + bias saturates to s32. out.wide: the output is acc + bias as s32, `requant` holds only the bias.
/// add           inputs a, b: same shape. requant: one input. Both element by element, see QuantNode::mult.
/// max_pool      passes codes through (same scale and sign as its input); positions outside never win.
/// average_pool  the sum of codes over the window, zeros outside, then
///               !valid_count: clamp((sum*mult + (1 << (shift-1))) >> shift): mult contains 1/(kernel_h*kernel_w);
///               valid_count: clamp(floor(sum*mult / (n * 2^shift) + 1/2)), exactly, n = positions inside the tensor.
///               global average pooling is one window over the whole tensor.
/// softmax       over channels, per position. Input 8 bit (scale) or wide (all channel_scale equal); output f32:
///               e = exp((v - v_max) * scale), scale rounded to f32, sums in channel order; e / sum(e) in double,
///               rounded once.
/// pad           zeros around H and W (window.pad_*), scale and sign of its input.
/// Relu, Clip and Pad are fused where they can be; Flatten, Reshape, Identity have no node. `output` is not emitted:
/// QuantGraph::outputs are the nodes whose tensors the host reads.
enum class QuantOp : std::uint8_t { input, mvm, add, requant, max_pool, average_pool, softmax, pad, output };
const char* to_string(QuantOp op);

struct QuantTensor {
    bool is_signed = false;             ///< s8, else u8
    bool wide = false;                  ///< s32 accumulators (last layer, softmax input)
    bool f32 = false;                   ///< softmax output
    double scale = 1;                   ///< per tensor; wide tensors use channel_scale
    std::vector<double> channel_scale;  ///< wide: real = acc * channel_scale[c]
    int height = 1, width = 1, channels = 1;
};

/// out = clamp(((acc + bias) * multiplier + (1 << (shift-1))) >> shift, lo, hi). multiplier is never negative,
/// shift 1..62. Wide outputs: only `bias` is filled.
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
    Window window;                     ///< mvm, pools, pad (pad_* only)
    int group = 1;                     ///< mvm
    std::vector<std::int8_t> weights;  ///< mvm: [out][kh][kw][in/group]
    Requant requant;                   ///< mvm
    /// add / requant / average_pool (see above): out = clamp((a*mult + b*mult2 + round) >> shift, lo, hi)
    std::int32_t mult = 0, mult2 = 0;
    std::uint8_t shift = 1;
    std::int32_t lo = 0, hi = 255;
    bool valid_count = false;        ///< average_pool: divide by positions inside
    std::vector<double> column_rms;  ///< mvm: rms of the accumulator (without bias) a column over the calibration set
    /// mvm: rms of one K-tile's sum, [k_tile][out], in units of weight code x input code. A K-tile is tile_rows
    /// consecutive rows of the column's flattened kernel, order (kh, kw, c of its group); tiles = ceil(kh*kw*in/group /
    /// tile_rows). Grouped: rows count within the group (the lowering packs groups block-diagonally), so depthwise has
    /// one tile.
    std::vector<double> tile_rms;
};

struct QuantGraph {
    std::string name;
    std::uint32_t tile_rows = 128;  ///< N that tile_rms was taken for
    std::vector<QuantNode> nodes;   ///< topological order
    std::vector<int> inputs, outputs;
};

}  // namespace lightcard::compiler
