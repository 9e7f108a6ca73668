// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/float_kernels.h"
#include "lightcard/platform/compiler/quantiser.h"

namespace lightcard::compiler::quantising {

namespace {

constexpr std::size_t kCodes = 256;

bool takes_two(Op op)
{
    return op == Op::add || op == Op::sub || op == Op::mul || op == Op::div || op == Op::pow;
}

bool is_function(Op op)
{
    return (is_element_wise(op) && op != Op::quantize_linear && op != Op::dequantize_linear) || takes_two(op);
}

std::int32_t nearest_code(double value, const QuantTensor& out)
{
    double low = out.is_signed ? -127 : 0, high = out.is_signed ? 127 : 255;
    if (out.half) low = -32767, high = 32767;
    const double code = std::nearbyint(value / out.scale);
    return std::isnan(code) ? 0 : static_cast<std::int32_t>(std::min(std::max(code, low), high));
}

/// `shape` seen as `to`: further dimensions in front, and stride 0 where it repeats.
View broadcast(const View& from, const Shape& to)
{
    View out = from;
    const std::size_t added = to.size() - from.shape.size();
    out.strides.assign(to.size(), 0);
    for (std::size_t d = 0; d < from.shape.size(); ++d)
        if (from.shape[d] == to[added + d]) out.strides[added + d] = from.strides[d];
    out.shape = to;
    return out;
}

}  // namespace

std::optional<double> Quantiser::scalar(int i) const
{
    const Node& node = at(i);
    if (node.op != Op::constant || node.integer || element_count(node.shape) != 1) return std::nullopt;
    return static_cast<double>(node.data[0]);
}

/// Factor and shift of a depthwise 1x1 convolution that are the same for all channels: what folding makes of a scalar
/// product and sum that has no product before it.
std::optional<std::pair<float, float>> Quantiser::affine_of(int i) const
{
    const Node& node = at(i);
    if (node.op != Op::conv || node.shape.size() != 4 || node.inputs.size() != 3) return std::nullopt;
    const Node &weights = at(node.inputs[1]), &bias = at(node.inputs[2]);
    if (weights.op != Op::constant || bias.op != Op::constant || at(node.inputs[0]).shape != node.shape)
        return std::nullopt;
    const Window& w = node.window;
    if (w.group != node.shape[1] || w.kernel_h * w.kernel_w != 1 || w.stride_h * w.stride_w != 1) return std::nullopt;
    const auto same = [](const std::vector<float>& values) {
        return std::all_of(values.begin(), values.end(), [&values](float v) { return v == values.front(); });
    };
    if (weights.data.size() != bias.data.size() || !same(weights.data) || !same(bias.data)) return std::nullopt;
    return std::make_pair(weights.data.front(), bias.data.front());
}

/// Functions of one tensor, element by element: true if the node is one, and its table is ready. A positive factor
/// alone becomes part of the view.
bool Quantiser::pointwise(int i)
{
    const Node& node = at(i);
    const auto affine = affine_of(i);
    if ((!is_function(node.op) && !affine) || node.integer) return false;
    int root = -1, first = -1;
    bool composed = false;
    const std::vector<int> inputs = affine ? std::vector<int>{node.inputs[0]} : node.inputs;
    for (const int input : inputs) {
        if (scalar(input)) continue;
        if (at(input).op == Op::constant || at(input).integer || at(input).shape != node.shape) return false;
        const auto& table = tables_[index(input)];
        const int from = table ? table->root : input;
        composed |= table.has_value();
        if (root >= 0 && from != root) return false;
        root = from;
        first = input;
    }
    if (root < 0) return false;
    const bool limit = node.op == Op::relu || node.op == Op::clip;
    if (limit && !composed) return false;  // a clamp of the node before, or one of its own
    if (!composed && (node.op == Op::mul || node.op == Op::div) && node.inputs.size() == 2) {
        const auto a = scalar(node.inputs[0]), b = scalar(node.inputs[1]);
        const double factor = node.op == Op::div ? (b ? 1 / *b : 0) : b ? *b : a ? *a : 0;
        const auto from = view(first);
        if (factor > 0 && std::isfinite(factor) && from) {
            views_[index(i)] = *from;
            views_[index(i)]->factor *= factor;
            return true;
        }
    }
    const auto read = operand(root);
    if (!read) return false;
    const View codes = eight_bit(*read);
    const double scale = tensor(codes.node).scale * codes.factor;
    Tensor all{{kCodes}, false, std::vector<float>(kCodes), {}};
    for (std::size_t byte = 0; byte < kCodes; ++byte) {
        const int code = tensor(codes.node).is_signed ? static_cast<std::int8_t>(byte) : static_cast<int>(byte);
        all.real[byte] = static_cast<float>(code * scale);
    }
    std::vector<Tensor> held(inputs.size());
    kernels::Operands operands;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
        const int input = inputs[k];
        if (const auto value = scalar(input)) {
            held[k] = Tensor{{1}, false, {static_cast<float>(*value)}, {}};
        } else {
            held[k] = all;
            if (const auto& table = tables_[index(input)])
                std::transform(table->values.begin(), table->values.end(), held[k].real.begin(),
                               [](double real) { return static_cast<float>(real); });
        }
        operands.push_back(kernels::operand_of(held[k]));
    }
    Node function = node;
    function.shape = {kCodes};
    Tensor result{{kCodes}, false, std::vector<float>(kCodes), {}};
    if (affine)
        std::transform(held[0].real.begin(), held[0].real.end(), result.real.begin(),
                       [&affine](float value) { return value * affine->first + affine->second; });
    else if (!kernels::evaluate(function, operands, result))
        return false;
    Table table;
    table.root = root;
    std::copy(result.real.begin(), result.real.end(), table.values.begin());
    tables_[index(i)] = table;
    return true;
}

/// Makes the node of a table.
Status Quantiser::realise(int i)
{
    const Table table = *tables_[index(i)];
    tables_[index(i)].reset();
    const auto read = operand(table.root);
    if (!read) return read.error();
    View codes = unflattened(eight_bit(*read));
    codes.factor = 1;
    const Order order = memory_order(codes);
    const auto x = dense(codes, order, 1, 1);
    if (!x) return x.error();
    QuantNode node = start(i, QuantOp::table, {*x});
    copy_size(node, *x);
    node.out.half = half_[index(i)] > 0;
    set_scale(node.out, i, ranges_[index(i)].low >= 0, {-kUnlimited, kUnlimited});
    for (const double value : table.values) node.table.push_back(nearest_code(value, node.out));
    const int quant = add(std::move(node));
    views_[index(i)] = laid(quant, codes.shape, order, read->flattened);
    return {};
}

/// A constant tensor as codes of its own scale, dense in `order`. `half`: the largest code of its 16 bits; 0: 8 bits.
View Quantiser::constant(int i, const Order& order, std::int32_t half)
{
    const Node& node = at(i);
    QuantNode coded = start(i, QuantOp::constant, {});
    float low = 0, high = 0;
    for (const float value : node.data) {
        low = std::min(low, value);
        high = std::max(high, value);
    }
    coded.out.half = half > 0;
    if (half > 0) coded.out.largest = half;
    coded.out.is_signed = coded.out.half || low < 0;
    const double most = static_cast<double>(std::max(-low, high));
    coded.out.scale = most / (half > 0 ? half : coded.out.is_signed ? 127 : 255);
    if (!(coded.out.scale > std::numeric_limits<float>::min())) coded.out.scale = 1;
    View out = laid(-1, node.shape, order);
    coded.table.resize(node.data.size());
    const Shape source = row_major(node.shape);
    for (std::size_t k = 0; k < node.data.size(); ++k) {
        std::int64_t rest = static_cast<std::int64_t>(k), target = 0;
        for (std::size_t d = 0; d < source.size(); ++d) {
            target += rest / source[d] * out.strides[d];
            rest %= source[d];
        }
        coded.table[static_cast<std::size_t>(target)] = nearest_code(static_cast<double>(node.data[k]), coded.out);
    }
    set_size(coded.out, three_sizes(node.shape, order));
    out.node = add(std::move(coded));
    return out;
}

/// Add, Sub and Mul of two tensors, broadcast.
Status Quantiser::combine(int i)
{
    const Node& node = at(i);
    if (node.op == Op::sub) return two_operands(i, QuantOp::add, -1);
    return two_operands(i, node.op == Op::mul ? QuantOp::mul : QuantOp::add, 1);
}

Status Quantiser::two_operands(int i, QuantOp op, double sign)
{
    const Node& node = at(i);
    std::optional<View> read[2];
    for (std::size_t k = 0; k < 2; ++k) {
        if (at(node.inputs[k]).op == Op::constant) continue;
        const auto from = operand(node.inputs[k]);
        if (!from) return from.error();
        read[k] = *from;
    }
    // Two images flattened alike are combined as they lie.
    const bool flattened =
        read[0] && read[1] && read[0]->flattened && read[1]->flattened && read[0]->shape == read[1]->shape;
    for (auto& from : read) {
        if (!from || !from->flattened) continue;
        const auto plain = flattened ? Result<View>(unflattened(*from)) : unfolded(*from);
        if (!plain) return plain.error();
        from = *plain;
    }
    const Shape shape = flattened ? read[0]->shape : node.shape;
    Order order = identity_order(shape.size());
    for (const auto& from : {read[1], read[0]})
        if (from && from->shape == shape) order = memory_order(*from);
    Shape sizes;
    for (const std::size_t d : order) sizes.push_back(shape[d]);
    Walk walks[2];
    View used[2];
    for (std::size_t k = 0; k < 2; ++k) {
        if (!read[k]) {
            const Node& value = at(node.inputs[k]);
            const std::size_t added = shape.size() - value.shape.size();
            Order own;
            for (const std::size_t d : order)
                if (d >= added) own.push_back(d - added);
            read[k] = constant(node.inputs[k], own, half_[index(i)]);
        }
        used[k] = broadcast(*read[k], shape);
    }
    const std::int64_t channels = sizes.empty() ? 1 : sizes.back();
    double signs[2] = {1, sign};
    const auto whole_lines = [&](std::size_t k, bool repeats) {
        if (!three(permuted(used[k], order), walks[k], sizes)) return false;
        return channels == 1 || walks[k].c == 1 || (repeats && walks[k].c == 0);
    };
    if (!whole_lines(0, false) && whole_lines(1, false)) {
        std::swap(used[0], used[1]);
        std::swap(signs[0], signs[1]);
    }
    for (std::size_t k = 0; k < 2; ++k) {
        if (whole_lines(k, k == 1)) continue;
        const double factor = used[k].factor;
        const auto moved = materialise(used[k], order);
        if (!moved) return moved.error();
        used[k] = laid(*moved, shape, order);
        used[k].factor = factor;
        if (!whole_lines(k, k == 1)) return Error{"its operands cannot be walked together", "", ""};
    }
    QuantNode combined = start(i, op, {used[0].node, used[1].node});
    set_size(combined.out, three_sizes(shape, order));
    const QuantTensor &a = tensor(used[0].node), &b = tensor(used[1].node);
    const Chain chain = following_limits(i);
    combined.out.half = half_[index(chain.last)] > 0;
    set_output(combined, chain, !a.is_signed && !b.is_signed && sign > 0);
    const double first = a.scale * used[0].factor, second = b.scale * used[1].factor;
    if (op == QuantOp::mul) {
        const Factor factor = to_factor(first * second / combined.out.scale);
        combined.mult = factor.multiplier;
        combined.shift = factor.shift;
    } else {
        const FactorPair factors = to_factors(first / combined.out.scale, second / combined.out.scale);
        combined.mult = signs[0] < 0 ? -factors.first : factors.first;
        combined.mult2 = signs[1] < 0 ? -factors.second : factors.second;
        combined.shift = factors.shift;
    }
    const auto plain = [&](std::size_t k) {
        const QuantTensor &from = tensor(used[k].node), &to = combined.out;
        return from.height == to.height && from.width == to.width && from.channels == to.channels &&
               walks[k].offset == 0 && (to.channels == 1 || walks[k].c == 1) &&
               (to.width == 1 || walks[k].w == to.channels) &&
               (to.height == 1 || walks[k].h == std::int64_t{to.width} * to.channels);
    };
    if (!plain(0) || !plain(1)) combined.walks = {walks[0], walks[1]};
    const int quant = add(std::move(combined));
    set_views(i, chain, laid(quant, shape, order, flattened));
    return {};
}

}  // namespace lightcard::compiler::quantising
