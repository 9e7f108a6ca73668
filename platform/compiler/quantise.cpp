// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/quantise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lightcard/platform/compiler/calibrate.h"
#include "lightcard/platform/compiler/qdq.h"
#include "lightcard/platform/compiler/quant_numbers.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/compiler/tile_rms.h"

namespace lightcard::compiler {

namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

class Quantiser {
public:
    Quantiser(const Graph& graph, std::vector<Range> ranges, std::vector<GivenCodes> given, const QuantOptions& options)
        : options_(options),
          graph_(graph),
          ranges_(std::move(ranges)),
          given_(std::move(given)),
          quantised_(graph.nodes.size(), -1),
          readers_(graph.nodes.size())
    {
        result_.name = graph.name;
        result_.tile_rows = options.tile_rows;
        for (std::size_t i = 0; i < graph.nodes.size(); ++i)
            for (int input : graph.nodes[i].inputs) readers_[index(input)].push_back(static_cast<int>(i));
        for (int output : graph.outputs) readers_[index(output)].push_back(kHost);
    }

    Result<QuantGraph> run()
    {
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            if (quantised_[i] >= 0 || graph_.nodes[i].op == Op::constant || graph_.nodes[i].op == Op::pad) continue;
            const Status status = quantise(static_cast<int>(i));
            if (!status) return in_node(status.error(), static_cast<int>(i));
        }
        for (int output : graph_.outputs) {
            const auto node = source(output);
            if (!node) return in_node(node.error(), output);
            result_.outputs.push_back(*node);
        }
        return std::move(result_);
    }

private:
    static constexpr int kHost = -1;

    static std::size_t index(int i) { return static_cast<std::size_t>(i); }
    const Node& at(int i) const { return graph_.nodes[index(i)]; }
    const QuantTensor& tensor(int quant) const { return result_.nodes[index(quant)].out; }

    Error in_node(const Error& error, int node) const
    {
        return error.where.empty() ? Error{error.what, describe(at(node)), error.hint} : error;
    }

    Status quantise(int i)
    {
        switch (at(i).op) {
            case Op::input:
                return input(i);
            case Op::conv:
                return convolution(i);
            case Op::gemm:
            case Op::matmul:
                return product(i);
            case Op::relu:
            case Op::clip:
                return limiter(i);
            case Op::add:
                return addition(i);
            case Op::max_pool:
                return max_pool(i);
            case Op::average_pool:
            case Op::global_average_pool:
                return average_pool(i);
            case Op::flatten:
            case Op::reshape:
            case Op::identity:
                return reshape(i);
            case Op::softmax:
                return softmax(i);
            case Op::batch_normalization:
                return Error{"batch normalisation has not been folded", "", ""};
            case Op::pad:
            case Op::constant:
                return {};
            default:
                return Error{"the card has no form of this operator yet", "", "the fp32 reference runs it"};
        }
    }

    /// Quantised node that holds tensor `i`. A Pad that nothing could fold becomes a node here, when first asked for.
    Result<int> source(int i)
    {
        if (quantised_[index(i)] < 0) {
            const Status padded = at(i).op == Op::pad ? pad(i) : Status{Error{"its input is constant", "", ""}};
            if (!padded) return padded.error();
        }
        return quantised_[index(i)];
    }

    /// As source(), for operators that see an image: 4 dimensions, as the tensor lies in memory, 8 bit.
    Result<int> image(int i)
    {
        const auto quant = source(i);
        if (!quant) return quant;
        if (at(i).shape.size() != 4)
            return Error{"its input is no image but " + describe(at(i).shape), "", "4 dimensions"};
        return eight_bit(*quant);
    }

    Result<int> eight_bit(int quant) const
    {
        if (tensor(quant).f32) return Error{"it reads what a Softmax gave", "", "a Softmax may only be an output"};
        return quant;
    }

    QuantNode start(int i, QuantOp op, std::vector<int> inputs) const
    {
        QuantNode node;
        node.op = op;
        node.name = at(i).name;
        node.onnx_op = to_string(at(i).op);
        node.inputs = std::move(inputs);
        return node;
    }

    int finish(QuantNode node, int i)
    {
        quantised_[index(i)] = static_cast<int>(result_.nodes.size());
        result_.nodes.push_back(std::move(node));
        return quantised_[index(i)];
    }

    static void set_size(QuantTensor& tensor, const Shape& shape)
    {
        tensor.channels = static_cast<int>(shape[1]);
        tensor.height = shape.size() == 4 ? static_cast<int>(shape[2]) : 1;
        tensor.width = shape.size() == 4 ? static_cast<int>(shape[3]) : 1;
    }

    static Status check_shape(const Shape& shape)
    {
        if ((shape.size() == 2 || shape.size() == 4) && shape[0] == 1) return {};
        return Error{"a tensor of shape " + describe(shape), "", "[1, channels] or [1, channels, H, W]"};
    }

    /// Scale and sign that a network quantised before brings along. A chain takes what is said of its last tensor.
    bool set_given(QuantTensor& tensor, int i) const
    {
        const GivenCodes& codes = given_[index(i)];
        if (!codes.exact || !(codes.scale > std::numeric_limits<float>::min())) return false;
        tensor.is_signed = codes.is_signed;
        tensor.scale = codes.scale;
        return true;
    }

    /// Scale and sign. `positive`: the graph says that no value is negative.
    void set_scale(QuantTensor& tensor, int i, bool positive, Limits limits) const
    {
        if (set_given(tensor, i)) return;
        const Range& range = ranges_[index(i)];
        const double low = std::max(range.low, limits.low), high = std::min(range.high, limits.high);
        tensor.is_signed = !positive;
        tensor.scale = positive ? high / 255 : std::max(std::fabs(low), std::fabs(high)) / 127;
        if (!(tensor.scale > std::numeric_limits<float>::min()))
            tensor.scale = 1.0 / 255;  // nothing but zeros was seen
    }

    /// Relu and Clip that alone read `i`, or one another, become the clamp of its node.
    struct Chain {
        int last;
        Limits limits;
        bool positive() const { return limits.low >= 0; }
    };
    Chain following_limits(int i, Limits own = {-kUnlimited, kUnlimited}) const
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

    static void apply_limits(const Node& node, Limits& limits)
    {
        const double low = node.op == Op::relu ? 0 : node.clip_min;
        const double high = node.op == Op::relu ? kUnlimited : node.clip_max;
        limits.low = std::min(std::max(limits.low, low), high);
        limits.high = std::min(std::max(limits.high, low), high);
    }

    /// Every node of the chain stands for the same tensor.
    void finish_chain(QuantNode node, int first, const Chain& chain)
    {
        const int quant = finish(std::move(node), first);
        for (int i = first; i != chain.last;) {
            i = readers_[index(i)][0];
            quantised_[index(i)] = quant;
        }
    }

    /// Scale and clamp of a node whose codes come out of a rescaling.
    void set_output(QuantNode& node, const Chain& chain, bool positive) const
    {
        set_scale(node.out, chain.last, positive || chain.positive(), chain.limits);
        const CodeRange range = to_codes(chain.limits, node.out);
        node.lo = range.low;
        node.hi = range.high;
    }

    Status input(int i)
    {
        const Status fits = check_shape(at(i).shape);
        if (!fits) return fits;
        QuantNode node = start(i, QuantOp::input, {});
        set_size(node.out, at(i).shape);
        set_scale(node.out, i, ranges_[index(i)].low >= 0, {-kUnlimited, kUnlimited});
        result_.inputs.push_back(finish(std::move(node), i));
        return {};
    }

    /// A Pad before a window moves into it.
    int without_pad(int i, Window& window) const
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

    Status constant_weights(int i) const
    {
        for (std::size_t k = 1; k < at(i).inputs.size(); ++k)
            if (at(at(i).inputs[k]).op != Op::constant)
                return Error{"its weights are computed from the model's input", "", "constant weights"};
        return {};
    }

    Status convolution(int i)
    {
        const Node& conv = at(i);
        if (const Status constant = constant_weights(i); !constant) return constant;
        Window window = conv.window;
        const auto x = image(without_pad(conv.inputs[0], window));
        if (!x) return x.error();
        const Shape& shape = at(conv.inputs[1]).shape;  // [out][in/group][kh][kw]
        const auto kernel = static_cast<std::size_t>(shape[2] * shape[3]), depth = static_cast<std::size_t>(shape[1]);
        ProductWeights weights = product_weights(conv, kernel, depth);
        QuantNode node = start(i, QuantOp::mvm, {*x});
        node.window = window;
        node.group = window.group;
        return finish_product(std::move(node), i, weights);
    }

    /// A gemm over HxWxC values, flattened as C, H, W, is a convolution with a HxW kernel.
    Status product(int i)
    {
        const Node& gemm = at(i);
        if (const Status constant = constant_weights(i); !constant) return constant;
        if (gemm.shape.size() != 2 || gemm.shape[0] != 1)
            return Error{"a product of several rows, " + describe(gemm.shape), "", "one vector an image"};
        const auto read = source(gemm.inputs[0]);
        if (!read) return read.error();
        const auto x = eight_bit(*read);
        if (!x) return x.error();
        const QuantTensor& from = tensor(*x);
        const auto plane = static_cast<std::size_t>(from.height) * static_cast<std::size_t>(from.width);
        ProductWeights weights = product_weights(gemm, plane, static_cast<std::size_t>(from.channels));
        QuantNode node = start(i, QuantOp::mvm, {*x});
        node.window.kernel_h = from.height;
        node.window.kernel_w = from.width;
        return finish_product(std::move(node), i, weights);
    }

    /// [out][depth][kernel] to [out][kernel][depth].
    ProductWeights product_weights(const Node& node, std::size_t kernel, std::size_t depth) const
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
    /// vector has one for each of its values.
    std::vector<double> input_means(const Node& node, std::size_t group, std::size_t kernel, std::size_t depth) const
    {
        const std::vector<double>& source = ranges_[index(node.inputs[0])].mean;
        const bool image = at(node.inputs[0]).shape.size() == 4;
        std::vector<double> out;
        for (std::size_t g = 0; g < group; ++g)
            for (std::size_t k = 0; k < kernel; ++k)
                for (std::size_t d = 0; d < depth; ++d) out.push_back(source[image ? g * depth + d : d * kernel + k]);
        return out;
    }

    /// s32 output: nothing but the host or a softmax reads it. Reshapes between are looked through.
    struct Readers {
        bool only_host_or_softmax = true, softmax = false;
    };
    Readers look_at_readers(int i) const
    {
        Readers seen;
        std::vector<int> open{i};
        while (!open.empty()) {
            const auto& readers = readers_[index(open.back())];
            open.pop_back();
            for (int reader : readers) {
                if (reader == kHost) continue;
                const Op op = at(reader).op;
                if (op == Op::softmax)
                    seen.softmax = true;
                else if (is_view(op))
                    open.push_back(reader);
                else
                    seen.only_host_or_softmax = false;
            }
        }
        return seen;
    }

    static bool is_view(Op op) { return op == Op::flatten || op == Op::reshape || op == Op::identity; }

    Status finish_product(QuantNode node, int i, const ProductWeights& weights)
    {
        const QuantTensor& from = tensor(node.inputs[0]);
        const Chain chain = following_limits(i);
        const Readers readers = look_at_readers(i);
        node.out.wide = chain.last == i && readers.only_host_or_softmax;
        if (weights.row * (from.is_signed ? 127 : 255) * 127 > std::size_t{1} << 30)
            return Error{"a kernel of " + std::to_string(weights.row) + " weights can overflow 32-bit sums", "",
                         from.is_signed ? "at most 66571" : "at most 33155"};
        set_size(node.out, at(i).shape);
        ProductCodes codes = to_codes(weights, from.scale, node.out.wide && readers.softmax);
        node.weights = std::move(codes.weights);
        node.requant.bias = std::move(codes.bias);
        if (node.out.wide)
            for (double scale : codes.scale) node.out.channel_scale.push_back(static_cast<float>(from.scale * scale));
        else
            set_requant(node, from.scale, codes.scale, chain);
        finish_chain(std::move(node), i, chain);
        return {};
    }

    void set_requant(QuantNode& node, double in_scale, const std::vector<double>& weight_scale,
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

    /// Relu or Clip that could not be fused.
    Status limiter(int i)
    {
        const auto read = source(at(i).inputs[0]);
        if (!read) return read.error();
        const auto x = eight_bit(*read);
        if (!x) return x.error();
        QuantNode node = start(i, QuantOp::requant, {*x});
        Limits own{-kUnlimited, kUnlimited};
        apply_limits(at(i), own);
        const Chain chain = following_limits(i, own);
        copy_size(node, *x);
        set_output(node, chain, !tensor(*x).is_signed);
        set_factor(node, tensor(*x).scale);
        finish_chain(std::move(node), i, chain);
        return {};
    }

    void copy_size(QuantNode& node, int from) const
    {
        node.out.height = tensor(from).height;
        node.out.width = tensor(from).width;
        node.out.channels = tensor(from).channels;
    }

    static void set_factor(QuantNode& node, double in_scale)
    {
        const Factor factor = to_factor(in_scale / node.out.scale);
        node.mult = factor.multiplier;
        node.shift = factor.shift;
    }

    Status addition(int i)
    {
        if (at(at(i).inputs[1]).op == Op::constant)
            return Error{"it adds a constant that differs within a channel, or to no image", "",
                         "constants go into the bias of a Conv, Gemm or MatMul before"};
        std::vector<int> inputs;
        for (int operand : at(i).inputs) {
            const auto read = source(operand);
            if (!read) return read.error();
            const auto x = eight_bit(*read);
            if (!x) return x.error();
            inputs.push_back(*x);
        }
        const QuantTensor &a = tensor(inputs[0]), &b = tensor(inputs[1]);
        if (a.height != b.height || a.width != b.width || a.channels != b.channels)
            return Error{"its operands are flattened from different shapes", "", ""};
        QuantNode node = start(i, QuantOp::add, inputs);
        const Chain chain = following_limits(i);
        copy_size(node, inputs[0]);
        set_output(node, chain, !a.is_signed && !b.is_signed);
        const FactorPair factors = to_factors(a.scale / node.out.scale, b.scale / node.out.scale);
        node.mult = factors.first;
        node.mult2 = factors.second;
        node.shift = factors.shift;
        finish_chain(std::move(node), i, chain);
        return {};
    }

    Status max_pool(int i)
    {
        const auto x = image(at(i).inputs[0]);
        if (!x) return x.error();
        QuantNode node = start(i, QuantOp::max_pool, {*x});
        node.window = at(i).window;
        node.out = tensor(*x);
        set_size(node.out, at(i).shape);
        finish(std::move(node), i);
        return {};
    }

    Status average_pool(int i)
    {
        QuantNode node = start(i, QuantOp::average_pool, {});
        int from = at(i).inputs[0];
        node.window = at(i).window;
        const Window& own = at(i).window;
        const bool padded = own.pad_top + own.pad_left + own.pad_bottom + own.pad_right > 0;
        if (at(i).op == Op::global_average_pool) {
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

    Status pad(int i)
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

    /// No node: vectors keep the order of the image in memory, and what reads them knows.
    Status reshape(int i)
    {
        const int from = at(i).inputs[0];
        const auto x = source(from);
        if (!x) return x.error();
        const Shape& to = at(i).shape;
        QuantTensor view;
        const bool vector = to.size() == 2 && to[0] == 1;
        const Status fits = check_shape(to);
        if (fits) set_size(view, to);
        const QuantTensor& t = tensor(*x);
        const bool same = fits && view.channels == t.channels && view.height == t.height && view.width == t.width;
        if (!vector && !same && to != at(from).shape)
            return Error{"reshaping " + describe(at(from).shape) + " to " + describe(to) + " would move data", "",
                         "flattening to [1, n] and back"};
        quantised_[index(i)] = *x;
        return {};
    }

    Status softmax(int i)
    {
        const auto x = source(at(i).inputs[0]);
        if (!x) return x.error();
        const QuantTensor& from = tensor(*x);
        if (from.f32) return Error{"it reads what a Softmax gave", "", ""};
        const bool flattened = at(i).shape.size() != 4 && from.height * from.width != 1;
        if (at(i).axis != 1 || flattened)
            return Error{"it does not run over channels", "", "axis 1 of a vector or image"};
        if (std::any_of(readers_[index(i)].begin(), readers_[index(i)].end(), [&](int r) { return feeds_operator(r); }))
            return Error{"another operator reads it", "", "a Softmax may only be an output"};
        QuantNode node = start(i, QuantOp::softmax, {*x});
        copy_size(node, *x);
        node.out.f32 = true;
        finish(std::move(node), i);
        return {};
    }

    bool feeds_operator(int reader) const { return reader != kHost && !is_view(at(reader).op); }

    const QuantOptions& options_;
    const Graph& graph_;
    std::vector<Range> ranges_;
    std::vector<GivenCodes> given_;
    std::vector<int> quantised_;  ///< node of result_ that holds the tensor, or -1
    std::vector<std::vector<int>> readers_;
    QuantGraph result_;
};

}  // namespace

Result<QuantGraph> quantise(const Graph& graph, const std::vector<std::vector<float>>& samples,
                            const QuantOptions& options)
{
    if (options.tile_rows == 0 || options.rms_positions < 1)
        return Error{"tile_rows and rms_positions must be positive", graph.name, ""};
    auto ranges = calibrate(graph, samples, options.percentile);
    if (!ranges) return ranges.error();
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
    auto result = Quantiser(plain.graph, std::move(plain_ranges), plain.given, options).run();
    if (!result) return result;
    result->notes = plain.notes;
    std::vector<std::vector<std::uint8_t>> inputs;
    for (const auto& sample : samples) inputs.push_back(quantise_input(*result, sample.data()));
    const Status measured = measure_rms(*result, inputs, options.rms_positions);
    if (!measured) return measured.error();
    return result;
}

}  // namespace lightcard::compiler
