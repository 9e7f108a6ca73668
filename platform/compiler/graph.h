// SPDX-License-Identifier: Apache-2.0
/// The compiler's two graphs. ONNX -> Graph (fp32, N-dimensional, as written, folded) -> QuantGraph (int8,
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

/// What an integer tensor's file says of its range: QuantizeLinear saturates to it.
enum class Narrow : std::uint8_t { none, s8, u8 };

/// Values of a tensor, row-major. Integers and booleans are 64-bit integers, all else fp32.
struct Tensor {
    Shape shape;
    bool integer = false;
    std::vector<float> real;
    std::vector<std::int64_t> ints;  ///< of integer tensors; `real` is empty then
    Narrow narrow = Narrow::none;
};

enum class Op : std::uint8_t {
    input,
    constant,
    // products
    conv,
    conv_transpose,
    gemm,
    matmul,
    dynamic_matmul,
    // one input, element by element
    relu,
    clip,
    sqrt,
    exp,
    erf,
    tanh,
    negate,
    reciprocal,
    sigmoid,
    hard_sigmoid,
    hard_swish,
    silu,
    gelu,
    cast,
    quantize_linear,
    dequantize_linear,
    // several inputs, element by element
    add,
    sub,
    mul,
    div,
    pow,
    equal,
    where,
    // windows
    max_pool,
    average_pool,
    global_average_pool,
    global_max_pool,
    resize,
    lrn,
    // normalisation and reduction
    batch_normalization,
    layer_norm,
    rms_norm,
    softmax,
    reduce_mean,
    // layout
    flatten,
    reshape,
    identity,
    pad,
    concat,
    transpose,
    slice,
    expand,
    gather
};
const char* to_string(Op op);
bool is_element_wise(Op op);  ///< one input, one value in, one value out

enum class PadMode : std::uint8_t { constant, reflect, edge };

/// How Resize finds a source position; ONNX's coordinate_transformation_mode, mode and nearest_mode.
struct Resampling {
    enum class Coordinates : std::uint8_t {
        half_pixel,
        pytorch_half_pixel,
        align_corners,
        asymmetric,
        tf_half_pixel_for_nn
    } coordinates = Coordinates::half_pixel;
    enum class Filter : std::uint8_t { nearest, linear, cubic } filter = Filter::nearest;
    enum class Nearest : std::uint8_t {
        round_prefer_floor,
        round_prefer_ceil,
        floor,
        ceil
    } nearest = Nearest::round_prefer_floor;
    float cubic_a = -0.75f;
    bool exclude_outside = false;
    std::vector<float> scales;  ///< a dimension each: output / input
};

struct Window {  ///< of convolution and pooling
    int kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
    int group = 1;
    bool count_include_pad = false;
};

/// One node; its output is a tensor. Constants (weights) are nodes of Op::constant. Inputs an operator:
///   conv                 x, weights [out][in/group][kh][kw], bias [out] (optional)
///   conv_transpose       x, weights [in][out/group][kh][kw], bias [out] (optional)
///   gemm, matmul         x [..][k], weights [out][k] (transposed and scaled at import), bias [out] (optional)
///   dynamic_matmul       a [..][m][k], b [..][k][n]: ONNX's MatMul, leading dimensions broadcast
///   add, sub .. equal    a, b, broadcast as numpy does
///   where                condition, a, b, broadcast
///   quantize_linear,     x, scale, zero point (optional); a scale each along `axis`, or one.
///     dequantize_linear    quantize_linear saturates to [clip_min, clip_max]
///   batch_normalization  x, scale [c], shift [c]; only where folding was switched off or found no weights
///   layer_norm, rms_norm x, scale, shift (optional, layer_norm); over all dimensions from `axis` on
///   gather               data, indices; along `axis`
///   concat               any number, along `axis`
///   the rest             x
struct Node {
    Op op = Op::identity;
    std::string name;         ///< ONNX node name, or its output's
    std::vector<int> inputs;  ///< indices into Graph::nodes
    Shape shape;              ///< of the output
    bool integer = false;     ///< the output holds integers or booleans
    Window window;
    float clip_min = 0, clip_max = 0;  ///< clip, quantize_linear
    int axis = 1;                      ///< softmax, flatten, concat, gather, layer_norm, quantize_linear ...
    std::vector<int> pads;             ///< pad: begins then ends, per dimension; negative ones crop
    float pad_value = 0;
    PadMode pad_mode = PadMode::constant;
    std::vector<std::int64_t> axes;           ///< transpose: the permutation; reduce_mean: what is averaged
    std::vector<std::int64_t> starts, steps;  ///< slice: a dimension each; the counts are in `shape`
    float alpha = 0, beta = 0, bias = 0;      ///< hard_sigmoid: alpha, beta; lrn: all three
    int size = 1;                             ///< lrn: channels of a window
    float epsilon = 0;                        ///< layer_norm, rms_norm
    Resampling resampling;
    std::vector<float> data;         ///< constant: row-major values
    std::vector<std::int64_t> ints;  ///< constant: values of an integer tensor
};

std::string describe(const Node& node);  ///< "node 'conv1' (Conv)": the place of an error

struct Graph {
    std::string name;
    std::vector<Node> nodes;           ///< topological order
    std::vector<int> inputs, outputs;  ///< node indices
};

/// Int8 form: what the card computes, bit for bit. Activations are u8 (zero point 0, never negative), s8 (symmetric,
/// -127..127) or s16 (-32767..32767); real = code * scale. Tensors are NHWC, dense, batch 1: an image has its rows,
/// columns and channels, any other tensor its last dimension as channels, the one before as width, the rest as height.
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
/// softmax       over channels, per position. Input integer (scale) or wide (all channel_scale equal):
///               e = exp((v - v_max) * scale), scale rounded to f32, sums in channel order; e / sum(e) in double; f32:
///               rounded once; else clamp(floor(share * mult + 1/2)).
/// pad           zeros around H and W (window.pad_*), scale and sign of its input.
/// mul           clamp((a*b*mult + round) >> shift). add and mul read their operands through `walks`, if there are any.
/// table         out = table[code as an unsigned byte]
/// norm          over channels, exact sums S, Q of v and v*v, C channels, in double: d / r * gain[c] + shift[c],
/// rounded
///               half up, clamped; d = C*v - S, r = sqrt(C*Q - S*S + epsilon*(C*C)), S = 0 if `rms`.
/// gemm          out[y][x][c] = sum_k a[y][x][k] * b[y][c][k], then as mvm with `requant`. walks[0] has strides of y,
/// x, k;
///               walks[1] of y, c, k.
/// gather        row `index` of table[rows][channels]; the input holds s32 indices.
/// concat        out, part by part: parts[i] of input i rescaled by its own factor.
/// move          out, dense, dimensions `shape`: element (i, j, ..) is element offset + i*strides[0] + .. of the input
/// constant      codes in `table`
/// view          its input's bytes under other dimensions or another scale; no command.
/// Relu, Clip and Pad are fused where they can be; Flatten, Reshape, Identity have no node. `output` is not emitted:
/// QuantGraph::outputs are the nodes whose tensors the host reads.
enum class QuantOp : std::uint8_t {
    input,
    mvm,
    add,
    requant,
    max_pool,
    average_pool,
    softmax,
    pad,
    output,
    mul,
    table,
    norm,
    gemm,
    gather,
    concat,
    move,
    constant,
    view
};
const char* to_string(QuantOp op);

struct QuantTensor {
    bool is_signed = false;             ///< s8, else u8
    bool wide = false;                  ///< s32 accumulators (last layer, softmax input), indices
    bool f32 = false;                   ///< softmax output
    bool half = false;                  ///< s16
    std::int32_t largest = 32767;       ///< half: code of the largest value that is expected
    bool channels_last = false;         ///< the host's tensor is in this order too, not NCHW
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

/// Block floating point of one mvm node (block_scale.h). A block is one K-tile of a column: `tile_rows` consecutive
/// rows of the flattened kernel, order (kh, kw, c of the group); the `groups` groups that share a tile share a block of
/// inputs. Its codes are scaled so that the largest magnitude m becomes `full`:
///     code' = sign floor(|code| * full / m + 1/2);   full 0: code' = code, m = 1
/// and it adds floor(m * scale * sum code' * w' + 1/2) to the accumulator, both saturated to s32, K-tile by K-tile and
/// slice by slice: w' from planes[slice], scale = bf16 of scale[slice][k_tile][out], 0 or 2^-31 .. 255.
struct BlockScales {
    std::uint32_t full = 0;
    std::uint32_t groups = 1;
    std::vector<std::vector<std::int8_t>> planes;  ///< [slice], each laid out as QuantNode::weights; empty = plain int8
    std::vector<std::uint16_t> scale;
    bool empty() const { return planes.empty(); }
};

/// Element (y, x, c) of a result goes with element offset + y*h + x*w + c*c of an operand.
struct Walk {
    std::int64_t offset = 0, h = 0, w = 0, c = 0;
};

/// What one input of a concat brings: height x width x channels elements from `from` to `to`.
struct ConcatPart {
    int height = 1, width = 1, channels = 1;
    Walk from, to;
    std::int32_t mult = 0;
    std::uint8_t shift = 1;
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
    BlockScales block;                 ///< mvm; the accumulator's unit stays that of `weights`
    bool digital = false;              ///< mvm: on the digital MAC engine, in plain int8 (engines.h)
    /// add / requant / average_pool (see above): out = clamp((a*mult + b*mult2 + round) >> shift, lo, hi)
    std::int32_t mult = 0, mult2 = 0;
    std::uint8_t shift = 1;
    std::int32_t lo = 0, hi = 255;
    bool valid_count = false;         ///< average_pool: divide by positions inside
    std::vector<Walk> walks;          ///< add, mul: an operand each, empty = dense; gemm
    int depth = 0;                    ///< gemm: k
    std::vector<float> gain, shifts;  ///< norm: a channel each
    float epsilon = 0;                ///< norm: in squares of input codes
    bool rms = false;                 ///< norm
    std::vector<std::int32_t> table;  ///< table: 256 codes; gather: [rows][channels]; constant
    std::vector<ConcatPart> parts;
    Shape shape, strides;            ///< move
    std::int64_t offset = 0;         ///< move
    std::vector<double> column_rms;  ///< mvm: rms of the accumulator (without bias) a column over the calibration set
    /// mvm: rms of one K-tile's sum, [k_tile][out], in units of weight code x input code. A K-tile is tile_rows
    /// consecutive rows of the column's flattened kernel, order (kh, kw, c of its group); tiles = ceil(kh*kw*in/group /
    /// tile_rows). Grouped: rows count within the group (the lowering packs groups block-diagonally), so depthwise has
    /// one tile. Block floating point: [slice][k_tile][out], of the scaled codes.
    std::vector<double> tile_rms;
    std::vector<double> tile_codes;  ///< mvm, as tile_rms: largest sum of the codes that met the column's K-tile
};

struct QuantGraph {
    std::string name;
    std::vector<std::string> notes;  ///< what a reader of a report should know
    std::uint32_t tile_rows = 128;   ///< N that tile_rms was taken for
    std::vector<QuantNode> nodes;    ///< topological order
    std::vector<int> inputs, outputs;
};

}  // namespace lightcard::compiler
