// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/quantise.h"

#include <algorithm>
#include <cmath>

#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/compiler/quantiser.h"
#include "lightcard/platform/compiler/tile_rms.h"

namespace lightcard::compiler {

namespace quantising {

Quantiser::Quantiser(const Graph& graph, std::vector<Range> ranges, std::vector<GivenCodes> given,
                     const QuantOptions& options)
    : options_(options),
      graph_(graph),
      ranges_(std::move(ranges)),
      given_(std::move(given)),
      views_(graph.nodes.size()),
      tables_(graph.nodes.size()),
      readers_(graph.nodes.size())
{
    result_.name = graph.name;
    result_.tile_rows = options.tile_rows;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
        for (int input : graph.nodes[i].inputs) readers_[index(input)].push_back(static_cast<int>(i));
    for (int output : graph.outputs) readers_[index(output)].push_back(kHost);
    mark_halves();
}

Result<QuantGraph> Quantiser::run()
{
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
        const Op op = graph_.nodes[i].op;
        if (views_[i] || op == Op::constant || op == Op::pad) continue;
        const Status status = quantise(static_cast<int>(i));
        if (!status) return in_node(status.error(), static_cast<int>(i));
    }
    for (int output : graph_.outputs) {
        const Status status = this->output(output);
        if (!status) return in_node(status.error(), output);
    }
    return std::move(result_);
}

Error Quantiser::in_node(const Error& error, int node) const
{
    return error.where.empty() ? Error{error.what, describe(at(node)), error.hint} : error;
}

Status Quantiser::quantise(int i)
{
    if (element_count(at(i).shape) < 1) return Error{"a tensor without elements", "", "dimensions of 1 and more"};
    if (pointwise(i)) return {};
    switch (at(i).op) {
        case Op::input:
            return input(i);
        case Op::conv:
            return convolution(i);
        case Op::gemm:
        case Op::matmul:
            return product(i);
        case Op::dynamic_matmul:
            return gemm(i);
        case Op::relu:
        case Op::clip:
            return limiter(i);
        case Op::add:
        case Op::sub:
        case Op::mul:
            return combine(i);
        case Op::max_pool:
        case Op::global_max_pool:
            return max_pool(i);
        case Op::average_pool:
        case Op::global_average_pool:
            return average_pool(i);
        case Op::reduce_mean:
            return reduce_mean(i);
        case Op::layer_norm:
        case Op::rms_norm:
            return norm(i);
        case Op::softmax:
            return softmax(i);
        case Op::concat:
            return concat(i);
        case Op::gather:
            return gather(i);
        case Op::flatten:
        case Op::reshape:
        case Op::identity:
        case Op::transpose:
        case Op::slice:
        case Op::expand:
            return layout(i);
        case Op::batch_normalization:
            return Error{"batch normalisation has not been folded", "", ""};
        default:
            return Error{"the card has no form of this operator yet", "", "the fp32 reference runs it"};
    }
}

QuantNode Quantiser::start(int i, QuantOp op, std::vector<int> inputs) const
{
    QuantNode node;
    node.op = op;
    node.name = at(i).name;
    node.onnx_op = to_string(at(i).op);
    node.inputs = std::move(inputs);
    return node;
}

int Quantiser::add(QuantNode node)
{
    result_.nodes.push_back(std::move(node));
    return static_cast<int>(result_.nodes.size()) - 1;
}

int Quantiser::finish(QuantNode node, int i)
{
    const int quant = add(std::move(node));
    views_[index(i)] = whole(quant, at(i).shape);
    return quant;
}

/// Every node of the chain stands for the same tensor.
int Quantiser::finish_chain(QuantNode node, int first, const Chain& chain)
{
    const int quant = add(std::move(node));
    set_views(first, chain, whole(quant, at(first).shape));
    return quant;
}

void Quantiser::set_views(int first, const Chain& chain, const View& view)
{
    for (int i = first;; i = readers_[index(i)][0]) {
        views_[index(i)] = view;
        if (i == chain.last) return;
    }
}

/// Scale and sign that a network quantised before brings along. A chain takes what is said of its last tensor.
bool Quantiser::set_given(QuantTensor& tensor, int i) const
{
    const GivenCodes& codes = given_[index(i)];
    if (!codes.exact || !(codes.scale > std::numeric_limits<float>::min())) return false;
    tensor.is_signed = codes.is_signed;
    tensor.scale = codes.scale;
    return true;
}

/// Scale and sign. `positive`: the graph says that no value is negative.
void Quantiser::set_scale(QuantTensor& tensor, int i, bool positive, Limits limits) const
{
    if (!tensor.half && set_given(tensor, i)) return;
    const Range& range = ranges_[index(i)];
    const double low = std::max(range.low, limits.low), high = std::min(range.high, limits.high);
    tensor.is_signed = tensor.half || !positive;
    const double most = std::max(std::fabs(low), std::fabs(high));
    if (tensor.half) tensor.largest = half_[index(i)];
    if (tensor.half)
        tensor.scale = most / tensor.largest;
    else
        tensor.scale = positive ? high / 255 : most / 127;
    if (!(tensor.scale > static_cast<double>(std::numeric_limits<float>::min())))
        tensor.scale = 1.0 / 255;  // nothing but zeros was seen
}

/// Relu and Clip that alone read `i`, or one another.
Chain Quantiser::following_limits(int i, Limits own) const
{
    Chain chain{i, own};
    for (;;) {
        const auto& readers = readers_[index(chain.last)];
        if (readers.size() != 1 || readers[0] == kHost) return chain;
        const Node& next = at(readers[0]);
        if (next.op != Op::relu && next.op != Op::clip) return chain;
        apply_limits(next, chain.limits);
        chain.last = readers[0];
    }
}

void Quantiser::apply_limits(const Node& node, Limits& limits)
{
    const double low = node.op == Op::relu ? 0 : node.clip_min;
    const double high = node.op == Op::relu ? kUnlimited : node.clip_max;
    limits.low = std::min(std::max(limits.low, low), high);
    limits.high = std::min(std::max(limits.high, low), high);
}

/// Scale and clamp of a node whose codes come out of a rescaling.
void Quantiser::set_output(QuantNode& node, const Chain& chain, bool positive) const
{
    set_scale(node.out, chain.last, positive || chain.positive(), chain.limits);
    const CodeRange range = to_codes(chain.limits, node.out);
    node.lo = range.low;
    node.hi = range.high;
}

/// The host's numbers. Integers stay integers: indices.
Status Quantiser::input(int i)
{
    const Shape& shape = at(i).shape;
    QuantNode node = start(i, QuantOp::input, {});
    set_size(node.out, shape);
    if (at(i).integer) {
        node.out.wide = true;
        node.out.channel_scale.assign(static_cast<std::size_t>(node.out.channels), 1.0);
    } else {
        node.out.half = half_[index(i)] > 0;
        set_scale(node.out, i, ranges_[index(i)].low >= 0, {-kUnlimited, kUnlimited});
    }
    result_.inputs.push_back(finish(std::move(node), i));
    return {};
}

Status Quantiser::output(int i)
{
    const auto read = view(i);
    if (!read) return read.error();
    const View from = unflattened(*read);
    const Order order = memory_order(from);
    const bool as_image = read->flattened || (is_image(from.shape) && order == Order{0, 2, 3, 1});
    const auto node = as_image ? dense(from, order, 1, 1) : dense(from);
    if (!node) return node.error();
    result_.outputs.push_back(*node);
    return {};
}

/// A Pad before a window moves into it.
int Quantiser::without_pad(int i, Window& window) const
{
    if (at(i).op != Op::pad || at(i).shape.size() != 4) return i;
    const std::vector<int>& pads = at(i).pads;
    const bool zeros = at(i).pad_mode == PadMode::constant && at(i).pad_value == 0.0f;
    if (!zeros || pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0) return i;
    if (std::any_of(pads.begin(), pads.end(), [](int pad) { return pad < 0; })) return i;
    window.pad_top += pads[2];
    window.pad_left += pads[3];
    window.pad_bottom += pads[6];
    window.pad_right += pads[7];
    return at(i).inputs[0];
}

/// Relu or Clip that could not be fused.
Status Quantiser::limiter(int i)
{
    const auto read = operand(at(i).inputs[0]);
    if (!read) return read.error();
    const View from = unflattened(eight_bit(*read));
    const Order order = memory_order(from);
    const auto x = dense(from, order, 1, 1);
    if (!x) return x.error();
    QuantNode node = start(i, QuantOp::requant, {*x});
    Limits own{-kUnlimited, kUnlimited};
    apply_limits(at(i), own);
    const Chain chain = following_limits(i, own);
    copy_size(node, *x);
    set_output(node, chain, !tensor(*x).is_signed);
    set_factor(node, tensor(*x).scale);
    const int quant = add(std::move(node));
    set_views(i, chain, laid(quant, from.shape, order, read->flattened));
    return {};
}

void Quantiser::copy_size(QuantNode& node, int from) const
{
    node.out.height = tensor(from).height;
    node.out.width = tensor(from).width;
    node.out.channels = tensor(from).channels;
    node.out.channels_last = tensor(from).channels_last;
}

void Quantiser::set_factor(QuantNode& node, double in_scale)
{
    const Factor factor = to_factor(in_scale / node.out.scale);
    node.mult = factor.multiplier;
    node.shift = factor.shift;
}

Status Quantiser::max_pool(int i)
{
    const int from = at(i).inputs[0];
    const auto x = image(from);
    if (!x) return x.error();
    QuantNode node = start(i, QuantOp::max_pool, {*x});
    node.window = at(i).window;
    if (at(i).op == Op::global_max_pool) {
        node.window.kernel_h = static_cast<int>(at(from).shape[2]);
        node.window.kernel_w = static_cast<int>(at(from).shape[3]);
    }
    node.out = tensor(*x);
    set_size(node.out, at(i).shape);
    finish(std::move(node), i);
    return {};
}

Status Quantiser::average_pool(int i)
{
    QuantNode node = start(i, QuantOp::average_pool, {});
    int from = at(i).inputs[0];
    node.window = at(i).window;
    const Window& own = at(i).window;
    const bool padded = own.pad_top + own.pad_left + own.pad_bottom + own.pad_right > 0;
    if (at(i).op == Op::global_average_pool) {
        if (at(from).shape.size() != 4) return Error{"its input is no image", "", "4 dimensions"};
        node.window.kernel_h = static_cast<int>(at(from).shape[2]);
        node.window.kernel_w = static_cast<int>(at(from).shape[3]);
    } else if (!padded || own.count_include_pad) {
        from = without_pad(from, node.window);  // zeros that count
    }
    const auto x = image(from);
    if (!x) return x.error();
    node.inputs = {*x};
    node.valid_count = padded && !own.count_include_pad;
    const Chain chain = following_limits(i);
    set_size(node.out, at(i).shape);
    set_output(node, chain, !tensor(*x).is_signed);
    const double area = static_cast<double>(node.window.kernel_h) * node.window.kernel_w;
    set_factor(node, tensor(*x).scale / (node.valid_count ? 1 : area));
    finish_chain(std::move(node), i, chain);
    return {};
}

/// A Pad that nothing could fold becomes a node when it is first asked for.
Status Quantiser::pad(int i)
{
    Window window;
    if (without_pad(i, window) == i)
        return Error{"a Pad of " + describe(at(i).shape), "", "zeros around H and W of 4 dimensions"};
    const auto x = image(at(i).inputs[0]);
    if (!x) return x.error();
    QuantNode node = start(i, QuantOp::pad, {*x});
    node.window = window;
    node.out = tensor(*x);
    set_size(node.out, at(i).shape);
    finish(std::move(node), i);
    return {};
}

}  // namespace quantising

Result<QuantGraph> quantise(const Graph& graph, const std::vector<std::vector<float>>& samples,
                            const QuantOptions& options)
{
    if (options.tile_rows == 0 || options.rms_positions < 0)
        return Error{"tile_rows must be positive, rms_positions not negative", graph.name, ""};
    auto ranges = options.ranges == nullptr ? calibrate(graph, samples, options.calibration)
                                            : Result<std::vector<Range>>(*options.ranges);
    if (!ranges) return ranges.error();
    if (ranges->size() != graph.nodes.size()) return Error{"its ranges are of another network", graph.name, ""};
    for (const auto& [input, output] : options.tied) {
        if (input >= graph.inputs.size() || output >= graph.outputs.size())
            return Error{"tied tensors that the graph does not have", graph.name, ""};
        Range& a = (*ranges)[static_cast<std::size_t>(graph.inputs[input])];
        Range& b = (*ranges)[static_cast<std::size_t>(graph.outputs[output])];
        a.low = b.low = std::min(a.low, b.low);
        a.high = b.high = std::max(a.high, b.high);
    }
    const Unquantised plain = take_out_pairs(graph);
    std::vector<Range> plain_ranges;
    for (std::size_t i = 0; i < plain.origin.size(); ++i) {
        Range range = std::move((*ranges)[static_cast<std::size_t>(plain.origin[i])]);
        if (plain.given[i].given) {
            range.low = plain.given[i].low;
            range.high = plain.given[i].high;
        }
        plain_ranges.push_back(std::move(range));
    }
    auto result = quantising::Quantiser(plain.graph, std::move(plain_ranges), plain.given, options).run();
    if (!result) return result;
    result->notes = plain.notes;
    if (samples.empty()) return result;
    std::vector<std::vector<std::uint8_t>> inputs;
    for (const auto& sample : samples) inputs.push_back(quantise_input(*result, sample.data()));
    if (options.rms_positions == 0) return result;
    const Status measured = measure_rms(*result, inputs, options.rms_positions);
    if (!measured) return measured.error();
    return result;
}

}  // namespace lightcard::compiler
