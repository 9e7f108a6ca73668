// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "lightcard/platform/compiler/quantiser.h"

namespace lightcard::compiler::quantising {

bool Quantiser::is_view(Op op)
{
    return op == Op::flatten || op == Op::reshape || op == Op::identity || op == Op::transpose || op == Op::slice ||
           op == Op::expand;
}

Status Quantiser::constant_weights(int i) const
{
    for (std::size_t k = 1; k < at(i).inputs.size(); ++k)
        if (at(at(i).inputs[k]).op != Op::constant)
            return Error{"its weights are computed from the model's input", "", "constant weights"};
    return {};
}

Status Quantiser::convolution(int i)
{
    const Node& conv = at(i);
    if (const Status constant = constant_weights(i); !constant) return constant;
    Window window = conv.window;
    const auto x = image(without_pad(conv.inputs[0], window));
    if (!x) return x.error();
    const Shape& shape = at(conv.inputs[1]).shape;  // [out][in/group][kh][kw]
    const auto kernel = static_cast<std::size_t>(shape[2] * shape[3]), depth = static_cast<std::size_t>(shape[1]);
    const ProductWeights weights = product_weights(conv, kernel, depth);
    QuantNode node = start(i, QuantOp::mvm, {*x});
    node.window = window;
    node.group = window.group;
    set_size(node.out, conv.shape);
    return finish_product(std::move(node), i, weights);
}

/// A gemm over HxWxC values, flattened as C, H, W, is a convolution with a HxW kernel; over the last dimension of any
/// other tensor, one with a 1x1 kernel.
Status Quantiser::product(int i)
{
    const Node& gemm = at(i);
    if (const Status constant = constant_weights(i); !constant) return constant;
    const auto read = operand(gemm.inputs[0]);
    if (!read) return read.error();
    const View from = unflattened(eight_bit(*read));
    const auto x = read->flattened ? dense(from, memory_order(from), 1, 1) : dense(from);
    if (!x) return x.error();
    const QuantTensor size = tensor(*x);
    const std::size_t plane =
        read->flattened ? static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width) : 1;
    const ProductWeights weights = product_weights(gemm, plane, static_cast<std::size_t>(size.channels));
    QuantNode node = start(i, QuantOp::mvm, {*x});
    node.out.channels = static_cast<int>(gemm.shape.back());
    node.out.channels_last = true;
    if (read->flattened) {
        node.window.kernel_h = size.height;
        node.window.kernel_w = size.width;
    } else {
        node.out.height = size.height;
        node.out.width = size.width;
    }
    return finish_product(std::move(node), i, weights);
}

/// [out][depth][kernel] to [out][kernel][depth].
ProductWeights Quantiser::product_weights(const Node& node, std::size_t kernel, std::size_t depth) const
{
    const std::vector<float>& source = at(node.inputs[1]).data;
    ProductWeights out;
    out.row = kernel * depth;
    out.weights.resize(source.size());
    const std::size_t outputs = source.size() / out.row;
    for (std::size_t o = 0; o < outputs; ++o)
        for (std::size_t d = 0; d < depth; ++d)
            for (std::size_t k = 0; k < kernel; ++k)
                out.weights[o * out.row + k * depth + d] = source[o * out.row + d * kernel + k];
    out.bias = node.inputs.size() > 2 ? at(node.inputs[2]).data : std::vector<float>(outputs, 0.0f);
    out.group = index(node.window.group);
    if (options_.bias_correction) out.mean = input_means(node, out.group, kernel, depth);
    return out;
}

/// Mean of what each weight multiplies, [group][kernel][depth]. An image's positions share their channel's mean; a
/// vector has one for each of its values. Empty: not known.
std::vector<double> Quantiser::input_means(const Node& node, std::size_t group, std::size_t kernel,
                                           std::size_t depth) const
{
    const std::vector<double>& source = ranges_[index(node.inputs[0])].mean;
    const bool image = node.op == Op::conv;
    if (source.size() != (image ? group * depth : depth * kernel)) return {};
    std::vector<double> out;
    for (std::size_t g = 0; g < group; ++g)
        for (std::size_t k = 0; k < kernel; ++k)
            for (std::size_t d = 0; d < depth; ++d) out.push_back(source[image ? g * depth + d : d * kernel + k]);
    return out;
}

/// s32 output: nothing but the host or a softmax reads it. Views and factors between are looked through.
Quantiser::Readers Quantiser::look_at_readers(int i) const
{
    Readers seen;
    std::vector<int> open{i};
    while (!open.empty()) {
        const int source = open.back();
        open.pop_back();
        for (const int reader : readers_[index(source)]) {
            if (reader == kHost) continue;
            const Node& node = at(reader);
            bool factor = false;
            if (node.op == Op::mul || node.op == Op::div) {
                const auto value = scalar(node.inputs[1]), other = scalar(node.inputs[0]);
                factor = value ? *value > 0 : node.op == Op::mul && other && *other > 0;
            }
            if (node.op == Op::softmax) {
                seen.uniform = true;
                seen.only_host = false;
            } else if (is_view(node.op) || factor) {
                // What channels are must stay: an image flattened as it is, or the last dimension of anything else.
                const Shape &from = at(source).shape, &to = node.shape;
                const bool vector = to.size() == 2 && to[0] == 1;
                const bool reshapes = node.op == Op::flatten || node.op == Op::reshape || node.op == Op::identity;
                const bool kept = reshapes && (from == to || (is_image(from) ? vector : to.back() == from.back()));
                seen.uniform |= !kept && !factor;
                open.push_back(reader);
            } else {
                seen.only_host = seen.only_host_or_softmax = false;
            }
        }
    }
    return seen;
}

Status Quantiser::finish_product(QuantNode node, int i, const ProductWeights& weights)
{
    const QuantTensor from = tensor(node.inputs[0]);
    const Chain chain = following_limits(i);
    const Readers readers = look_at_readers(i);
    node.out.wide = chain.last == i && readers.only_host_or_softmax;
    if (weights.row * (from.is_signed ? 127 : 255) * 127 > std::size_t{1} << 30)
        return Error{"a kernel of " + std::to_string(weights.row) + " weights can overflow 32-bit sums", "",
                     from.is_signed ? "at most 66571" : "at most 33155"};
    ProductCodes codes = to_codes(weights, from.scale, node.out.wide && readers.uniform);
    node.weights = std::move(codes.weights);
    node.requant.bias = std::move(codes.bias);
    if (node.out.wide) {
        for (double scale : codes.scale)
            node.out.channel_scale.push_back(static_cast<double>(static_cast<float>(from.scale * scale)));
    } else {
        node.out.half = half_[index(chain.last)] > 0;
        set_requant(node, from.scale, codes.scale, chain);
    }
    finish_chain(std::move(node), i, chain);
    return {};
}

void Quantiser::set_requant(QuantNode& node, double in_scale, const std::vector<double>& weight_scale,
                            const Chain& chain) const
{
    set_output(node, chain, false);
    node.requant.lo = node.lo;
    node.requant.hi = node.hi;
    for (double scale : weight_scale) {
        const Factor factor = to_factor(in_scale * scale / node.out.scale);
        node.requant.multiplier.push_back(factor.multiplier);
        node.requant.shift.push_back(factor.shift);
    }
}

}  // namespace lightcard::compiler::quantising
