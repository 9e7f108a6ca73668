// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/quantiser.h"

namespace lightcard::compiler::quantising {

namespace {

/// Leading dimensions of a matrix product's operand as those of its result: stride 0 where they repeat.
View with_batches(const View& from, const Shape& batches)
{
    View out = from;
    const std::size_t own = from.shape.size() - 2, added = batches.size() - own;
    out.shape = batches;
    out.strides.assign(batches.size(), 0);
    for (std::size_t d = 0; d < own; ++d)
        if (from.shape[d] == batches[added + d]) out.strides[added + d] = from.strides[d];
    for (std::size_t d = own; d < from.shape.size(); ++d) {
        out.shape.push_back(from.shape[d]);
        out.strides.push_back(from.strides[d]);
    }
    return out;
}

}  // namespace

/// Tensors that take 16 bits: what a normalisation reads and what is added up to it (the residual stream), products
/// that are only added (rotary embeddings), scores that something is added to before their softmax, and the operands of
/// sharp scores.
void Quantiser::mark_halves()
{
    half_.assign(graph_.nodes.size(), 0);
    sharp_.assign(graph_.nodes.size(), false);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i)
        if (graph_.nodes[i].op == Op::softmax) find_sharp(static_cast<int>(i));
    for (int pass = 0; pass < 2; ++pass) {
        propagate_halves();
        for (const auto& [input, output] : options_.tied) {
            const int a = graph_.inputs[input], b = graph_.outputs[output];
            std::int32_t &first = half_[index(a)], &second = half_[index(b)];
            first = second = first > 0 && second > 0 ? std::min(first, second) : std::max(first, second);
        }
    }
}

/// From results to operands.
void Quantiser::propagate_halves()
{
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
        const Node& node = graph_.nodes[i];
        const auto mark = [this](int input, std::int32_t limit) {
            std::int32_t& half = half_[index(input)];
            half = half == 0 ? limit : std::min(half, limit);
        };
        const auto mark_all = [&](std::int32_t limit) {
            for (const int input : node.inputs)
                if (!at(input).integer) mark(input, limit);
        };
        if (node.op == Op::layer_norm || node.op == Op::rms_norm) mark(node.inputs[0], kHalf);
        if (node.op == Op::softmax && at(node.inputs[0]).op == Op::add) mark(node.inputs[0], kHalf);
        if (sharp_[i] && node.op == Op::dynamic_matmul) {
            const auto depth = static_cast<double>(at(node.inputs[0]).shape.back());
            // Half of the largest code whose sums are sure to fit 32 bits: room for more than was seen.
            const double limit = std::sqrt(2147483648.0 / depth) / 2;
            mark_all(static_cast<std::int32_t>(std::min<double>(limit, kHalf)));
            for (const int input : node.inputs) sharp_[index(input)] = true;
        }
        const bool passes = is_view(node.op) || node.op == Op::concat || (node.op == Op::gather && half_[i] > 0);
        if (sharp_[i] && (passes || node.op == Op::add || node.op == Op::sub || node.op == Op::mul))
            for (const int input : node.inputs) sharp_[index(input)] = true;
        if (half_[i] > 0) {
            if (node.op == Op::gather)
                mark(node.inputs[0], half_[i]);
            else if (passes || node.op == Op::add || node.op == Op::sub)
                mark_all(half_[i]);
            else if (node.op == Op::mul || node.op == Op::div)
                for (std::size_t k = 0; k < 2; ++k)
                    if (scalar(node.inputs[1 - k]) || (sharp_[i] && node.op == Op::mul)) mark(node.inputs[k], kHalf);
        }
        const auto& readers = readers_[i];
        const bool added = std::all_of(readers.begin(), readers.end(), [this](int r) {
            return r != kHost && (at(r).op == Op::add || at(r).op == Op::sub);
        });
        if (node.op == Op::mul && added && !readers.empty()) mark(static_cast<int>(i), kHalf);
    }
}

/// Scores of large queries and keys: with 8 bits each, rounding alone would move the exponents of the softmax.
void Quantiser::find_sharp(int softmax)
{
    constexpr double kMost = 0.1;  ///< rms of what rounding adds to an exponent
    std::vector<std::pair<int, double>> open{{at(softmax).inputs[0], 1.0}};
    while (!open.empty()) {
        const auto [i, factor] = open.back();
        open.pop_back();
        const Node& node = at(i);
        const auto largest = [this](int k) {
            return std::max(std::fabs(ranges_[index(k)].low), std::fabs(ranges_[index(k)].high));
        };
        if (node.op == Op::dynamic_matmul) {
            // Uniform rounding of either operand, the other one's rms taken as a third of its largest value.
            const auto depth = static_cast<double>(at(node.inputs[0]).shape.back());
            const double product = largest(node.inputs[0]) * largest(node.inputs[1]);
            sharp_[index(i)] = factor * std::sqrt(depth / 6) * product / (3 * 127) > kMost;
        } else if (is_view(node.op)) {
            open.emplace_back(node.inputs[0], factor);
        } else if (node.op == Op::mul || node.op == Op::div) {
            const auto a = scalar(node.inputs[0]), b = scalar(node.inputs[1]);
            if (b) open.emplace_back(node.inputs[0], std::fabs(node.op == Op::div ? factor / *b : factor * *b));
            if (a && node.op == Op::mul) open.emplace_back(node.inputs[1], std::fabs(factor * *a));
        } else if (node.op == Op::add) {
            for (const int input : node.inputs) open.emplace_back(input, factor);
        }
    }
}

/// Both operands are computed: the digital engine's.
Status Quantiser::gemm(int i)
{
    const Node& node = at(i);
    const std::size_t rank = node.shape.size();
    Shape batches(node.shape.begin(), node.shape.end() - static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, rank)));
    Walk walks[2];
    std::vector<int> inputs;
    double scale = 1;
    for (std::size_t k = 0; k < 2; ++k) {
        const int input = node.inputs[k];
        if (at(input).shape.size() < 2 || rank < 2) return Error{"a product of a vector", "", "matrices"};
        std::optional<View> from;
        if (at(input).op == Op::constant) {
            Order order = identity_order(at(input).shape.size());
            if (k == 1) std::swap(order[order.size() - 1], order[order.size() - 2]);
            from = constant(input, order, sharp_[index(i)] ? half_[index(input)] : 0);
        } else {
            const auto read = operand(input);
            if (!read) return read.error();
            const auto plain = unfolded(*read);
            if (!plain) return plain.error();
            from = sharp_[index(i)] ? *plain : eight_bit(*plain);
        }
        View matrix = with_batches(*from, batches);
        Order order = identity_order(matrix.shape.size());
        if (k == 1) std::swap(order[order.size() - 1], order[order.size() - 2]);  // k last
        View walk = permuted(matrix, order);
        if (!three(walk, walks[k], walk.shape) || (walk.shape.back() > 1 && walks[k].c != 1)) {
            const auto moved = materialise(matrix, order);
            if (!moved) return moved.error();
            walk = View{*moved, 0, walk.shape, row_major(walk.shape), from->factor, false};
            if (!three(walk, walks[k], walk.shape)) return Error{"its operands cannot be walked", "", ""};
        }
        inputs.push_back(walk.node);
        scale *= tensor(walk.node).scale * walk.factor;
    }
    QuantNode product = start(i, QuantOp::gemm, inputs);
    product.walks = {walks[0], walks[1]};
    product.depth = static_cast<int>(at(node.inputs[0]).shape.back());
    if (product.depth > 32768) return Error{"sums of " + std::to_string(product.depth) + " products", "", "32768"};
    product.out.channels_last = true;
    product.out.channels = static_cast<int>(node.shape[rank - 1]);
    product.out.width = static_cast<int>(node.shape[rank - 2]);
    product.out.height = static_cast<int>(element_count(batches));
    const Chain chain = following_limits(i);
    const auto columns = static_cast<std::size_t>(product.out.channels);
    product.requant.bias.assign(columns, 0);
    product.out.wide = chain.last == i && look_at_readers(i).only_host_or_softmax;
    if (product.out.wide) {
        product.out.channel_scale.assign(columns, scale);
    } else {
        product.out.half = half_[index(chain.last)] > 0;
        set_requant(product, scale, std::vector<double>(columns, 1.0), chain);
    }
    finish_chain(std::move(product), i, chain);
    return {};
}

/// Layer and RMS normalisation over the last dimensions.
Status Quantiser::norm(int i)
{
    const Node& node = at(i);
    const auto read = operand(node.inputs[0]);
    if (!read) return read.error();
    const auto from = unfolded(*read);
    if (!from) return from.error();
    const std::size_t rank = from->shape.size();
    const std::size_t over =
        rank - static_cast<std::size_t>(node.axis < 0 ? node.axis + static_cast<int>(rank) : node.axis);
    const auto x = dense(*from, identity_order(rank), rank > over ? 1 : 0, over);
    if (!x) return x.error();
    if (tensor(*x).channels > 65536) return Error{"a normalisation over more than 65536 values", "", ""};
    QuantNode normalised = start(i, QuantOp::norm, {*x});
    copy_size(normalised, *x);
    normalised.out.channels_last = true;
    normalised.rms = node.op == Op::rms_norm;
    normalised.out.half = half_[index(i)] > 0;
    const Chain chain = following_limits(i);
    set_output(normalised, chain, false);
    const double in = tensor(*x).scale, out = normalised.out.scale;
    const double epsilon = static_cast<double>(node.epsilon) / (in * in);
    normalised.epsilon = static_cast<float>(std::clamp(epsilon, 1e-30, 1e30));
    const auto channels = static_cast<std::size_t>(tensor(*x).channels);
    normalised.gain.assign(channels, static_cast<float>(1 / out));
    normalised.shifts.assign(channels, 0.0f);
    for (std::size_t k = 1; k < node.inputs.size(); ++k) {
        const Node& values = at(node.inputs[k]);
        if (values.op != Op::constant || (values.data.size() != channels && values.data.size() != 1))
            return Error{"its scale or shift is computed", "", "constants"};
        auto& target = k == 1 ? normalised.gain : normalised.shifts;
        for (std::size_t c = 0; c < channels; ++c)
            target[c] = static_cast<float>(static_cast<double>(values.data[values.data.size() == 1 ? 0 : c]) / out);
    }
    finish_chain(std::move(normalised), i, chain);
    return {};
}

Status Quantiser::softmax(int i)
{
    const Node& node = at(i);
    const auto read = view(node.inputs[0]);
    if (!read) return read.error();
    if (tensor(read->node).f32) return Error{"it reads what a Softmax gave", "", ""};
    const auto from = unfolded(*read);
    if (!from) return from.error();
    const auto axis = static_cast<std::size_t>(node.axis);
    Order order;
    for (const std::size_t d : memory_order(*from))
        if (d != axis) order.push_back(d);
    order.push_back(axis);
    const bool as_image = order == Order{0, 2, 3, 1} && is_image(node.shape);
    const auto x = dense(*from, order, from->shape.size() > 1 ? 1 : 0, 1);
    if (!x) return x.error();
    QuantNode shares = start(i, QuantOp::softmax, {*x});
    copy_size(shares, *x);
    shares.out.channels_last = !as_image;
    const auto& readers = readers_[index(i)];
    const bool last = std::all_of(readers.begin(), readers.end(), [this](int r) {
        return r == kHost || (is_view(at(r).op) && look_at_readers(r).only_host);
    });
    shares.out.f32 = last;
    if (!last) {
        // As many codes to the whole as keep the largest share that was seen in range.
        const double most = std::clamp(ranges_[index(i)].high, 1.0 / 64, 1.0);
        shares.mult = static_cast<std::int32_t>(std::floor(255 / most));
        shares.out.scale = 1.0 / shares.mult;
        shares.lo = 0;
        shares.hi = 255;
    }
    const int quant = add(std::move(shares));
    views_[index(i)] = laid(quant, from->shape, order);
    return {};
}

Status Quantiser::concat(int i)
{
    const Node& node = at(i);
    const std::size_t rank = node.shape.size();
    const auto axis = static_cast<std::size_t>(node.axis);
    std::vector<std::optional<View>> from;
    Order order = identity_order(rank);
    std::int64_t most = 0;
    for (const int input : node.inputs) {
        from.emplace_back();
        if (at(input).op == Op::constant) continue;
        const auto read = operand(input);
        if (!read) return read.error();
        const auto plain = unfolded(*read);
        if (!plain) return plain.error();
        from.back() = *plain;
        const std::int64_t count = element_count(plain->shape);
        if (count > most) order = memory_order(*plain);
        most = std::max(most, count);
    }
    QuantNode joined = start(i, QuantOp::concat, {});
    View out = laid(-1, node.shape, order);
    joined.out.half = half_[index(i)] > 0;
    bool positive = true;
    for (std::size_t k = 0; k < from.size(); ++k) {
        if (!from[k]) from[k] = constant(node.inputs[k], order, half_[index(i)]);
        positive &= !tensor(from[k]->node).is_signed;
    }
    const Chain chain = following_limits(i);
    set_output(joined, chain, positive);
    std::int64_t start_of = 0;
    for (auto& read : from) {
        View part = permuted(*read, order), place = permuted(out, order);
        place.offset = start_of * out.strides[axis];
        place.shape = part.shape;
        start_of += read->shape[axis];
        if (part.shape.back() > 1 && part.strides.back() != 1) {
            const auto moved = materialise(*read, order);
            if (!moved) return moved.error();
            part = View{*moved, 0, part.shape, row_major(part.shape), read->factor, false};
        }
        const Factor factor = to_factor(tensor(part.node).scale * part.factor / joined.out.scale);
        add_parts(joined, part, place, factor);
    }
    set_size(joined.out, three_sizes(node.shape, order));
    out.node = add(std::move(joined));
    set_views(i, chain, out);
    return {};
}

/// One input of a concat in pieces of rows, columns and channels: dimensions of one element fall away, neighbours that
/// follow each other on both sides are one.
void Quantiser::add_parts(QuantNode& joined, const View& from, const View& to, Factor factor)
{
    Shape shape, read, write;
    for (std::size_t d = 0; d < from.shape.size(); ++d) {
        if (from.shape[d] == 1) continue;
        const std::int64_t count = from.shape[d];
        if (!shape.empty() && read.back() == from.strides[d] * count && write.back() == to.strides[d] * count) {
            shape.back() *= count;
            read.back() = from.strides[d];
            write.back() = to.strides[d];
            continue;
        }
        shape.push_back(count);
        read.push_back(from.strides[d]);
        write.push_back(to.strides[d]);
    }
    if (shape.empty() || read.back() != 1 || write.back() != 1) {
        shape.push_back(1);
        read.push_back(1);
        write.push_back(1);
    }
    const std::size_t rank = shape.size(), outer = rank > 3 ? rank - 3 : 0;
    std::int64_t pieces = 1;
    for (std::size_t d = 0; d < outer; ++d) pieces *= shape[d];
    const auto size = [&](std::size_t back) { return rank >= back ? static_cast<int>(shape[rank - back]) : 1; };
    const auto step = [&](const Shape& strides, std::size_t back) { return rank >= back ? strides[rank - back] : 0; };
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
        ConcatPart part;
        part.height = size(3);
        part.width = size(2);
        part.channels = size(1);
        part.from = {from.offset, step(read, 3), step(read, 2), step(read, 1)};
        part.to = {to.offset, step(write, 3), step(write, 2), step(write, 1)};
        std::int64_t rest = piece;
        for (std::size_t d = outer; d-- > 0; rest /= shape[d]) {
            part.from.offset += rest % shape[d] * read[d];
            part.to.offset += rest % shape[d] * write[d];
        }
        part.mult = factor.multiplier;
        part.shift = factor.shift;
        joined.inputs.push_back(from.node);
        joined.parts.push_back(part);
    }
}

/// Rows of a constant table by computed indices: embeddings.
Status Quantiser::gather(int i)
{
    const Node& node = at(i);
    const Node &data = at(node.inputs[0]), &indices = at(node.inputs[1]);
    if (indices.op == Op::constant && element_count(indices.shape) == 1 && data.op != Op::constant) return layout(i);
    if (data.op != Op::constant || indices.op == Op::constant || node.axis != 0)
        return Error{"it picks several elements of a computed tensor", "",
                     "one constant index, or computed indices along axis 0 of a constant table"};
    const auto read = view(node.inputs[1]);
    if (!read) return read.error();
    const auto x = dense(*read);
    if (!x) return x.error();
    if (!tensor(*x).wide) return Error{"its indices are no integers", "", ""};
    const View table = constant(node.inputs[0], identity_order(data.shape.size()), half_[index(i)]);
    QuantNode rows = std::move(result_.nodes[index(table.node)]);
    result_.nodes.pop_back();
    rows.op = QuantOp::gather;
    rows.name = node.name;
    rows.onnx_op = to_string(node.op);
    const int flat = same_bytes(*x, 1, static_cast<int>(element_count(indices.shape)), 1, 1, true);
    rows.inputs = {flat};
    const std::int64_t channels = element_count(data.shape) / data.shape[0];
    rows.out.height = 1;
    rows.out.width = static_cast<int>(element_count(indices.shape));
    rows.out.channels = static_cast<int>(channels);
    rows.out.channels_last = true;
    const int quant = finish(std::move(rows), i);
    views_[index(i)] = View{quant, 0, node.shape, row_major(node.shape), 1, false};
    return {};
}

/// What is averaged becomes the columns of one window.
Status Quantiser::reduce_mean(int i)
{
    const Node& node = at(i);
    const auto read = operand(node.inputs[0]);
    if (!read) return read.error();
    const auto from = unfolded(*read);
    if (!from) return from.error();
    Order order;
    for (const std::int64_t axis : node.axes) order.push_back(static_cast<std::size_t>(axis));
    std::sort(order.begin(), order.end());
    const std::size_t reduced = order.size();
    for (std::size_t d = 0; d < from->shape.size(); ++d)
        if (std::find(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(reduced), d) ==
            order.begin() + static_cast<std::ptrdiff_t>(reduced))
            order.push_back(d);
    const auto x = dense(*from, order, reduced, from->shape.size() - reduced);
    if (!x) return x.error();
    QuantNode mean = start(i, QuantOp::average_pool, {*x});
    mean.window.kernel_w = tensor(*x).width;
    if (mean.window.kernel_w > 65535) return Error{"a mean of more than 65535 values", "", ""};
    mean.out.channels = tensor(*x).channels;
    mean.out.channels_last = true;
    mean.out.half = half_[index(i)] > 0;
    const Chain chain = following_limits(i);
    set_output(mean, chain, !tensor(*x).is_signed);
    set_factor(mean, tensor(*x).scale / mean.window.kernel_w);
    finish_chain(std::move(mean), i, chain);
    return {};
}

}  // namespace lightcard::compiler::quantising
