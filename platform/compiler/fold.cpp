// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/fold.h"

#include <algorithm>

#include "lightcard/platform/compiler/patterns.h"

namespace lightcard::compiler {

namespace {

bool takes_bias(Op op)
{
    return op == Op::conv || op == Op::gemm || op == Op::matmul;
}

bool is_no_op(const Node& node)
{
    if (node.op == Op::identity) return true;
    return node.op == Op::pad && std::all_of(node.pads.begin(), node.pads.end(), [](int pad) { return pad == 0; });
}

class Folder {
public:
    Folder(Graph graph, std::int64_t budget) : graph_(std::move(graph)), budget_(budget) {}

    Result<Graph> run()
    {
        drop_no_ops();
        match_patterns(graph_);
        count_uses();
        const std::size_t count = graph_.nodes.size();  // constants made on the way need no visit
        for (std::size_t i = 0; i < count; ++i) {
            Status status;
            if (uses_[i] == 0) continue;  // a pattern took its place
            if (at(i).op == Op::batch_normalization) status = fold_normalisation(static_cast<int>(i));
            if (at(i).op == Op::add) status = fold_addition(static_cast<int>(i));
            if (at(i).op == Op::mul) status = fold_scaling(static_cast<int>(i));
            if (!status) return status.error();
        }
        drop_no_ops();
        return compact();
    }

private:
    template <class Index>
    Node& at(Index i)
    {
        return graph_.nodes[static_cast<std::size_t>(i)];
    }

    /// Consumers of a no-op read what it reads. Outputs may move to an earlier node.
    void drop_no_ops()
    {
        std::vector<int> stands_for(graph_.nodes.size());
        for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
            Node& node = graph_.nodes[i];
            stands_for[i] = static_cast<int>(i);
            if (node.op != Op::constant)
                for (int& input : node.inputs)
                    if (static_cast<std::size_t>(input) < i) input = stands_for[static_cast<std::size_t>(input)];
            if (is_no_op(node)) stands_for[i] = node.inputs[0];
        }
        for (int& output : graph_.outputs) output = stands_for[static_cast<std::size_t>(output)];
    }

    /// Only what reaches an output counts: a no-op left behind is not a second consumer.
    void count_uses()
    {
        uses_.assign(graph_.nodes.size(), 0);
        for (int output : graph_.outputs) ++uses_[static_cast<std::size_t>(output)];
        for (std::size_t i = graph_.nodes.size(); i-- > 0;)
            if (uses_[i] > 0)
                for (int input : graph_.nodes[i].inputs) ++uses_[static_cast<std::size_t>(input)];
    }

    Status spend(std::size_t elements)
    {
        budget_ -= static_cast<std::int64_t>(elements);
        return budget_ < 0 ? Status{Error{"folding rewrites too many constants", graph_.name, ""}} : Status{};
    }

    Result<int> new_constant(const std::string& name, Shape shape, std::vector<float> data)
    {
        const Status paid = spend(data.size());
        if (!paid) return paid.error();
        Node node;
        node.op = Op::constant;
        node.name = name;
        node.shape = std::move(shape);
        node.data = std::move(data);
        graph_.nodes.push_back(std::move(node));
        uses_.push_back(1);
        return static_cast<int>(graph_.nodes.size() - 1);
    }

    /// Constant input `slot` of `node`, for writing: a copy if others read it too.
    Result<int> own_constant(int node, std::size_t slot)
    {
        const int constant = at(node).inputs[slot];
        int& uses = uses_[static_cast<std::size_t>(constant)];
        if (uses == 1) return constant;
        const auto copy = new_constant(at(constant).name, at(constant).shape, at(constant).data);
        if (!copy) return copy;
        --uses_[static_cast<std::size_t>(constant)];
        at(node).inputs[slot] = *copy;
        return copy;
    }

    Result<int> own_bias(int node)
    {
        if (at(node).inputs.size() > 2) return own_constant(node, 2);
        const std::int64_t out = at(at(node).inputs[1]).shape[0];
        const auto bias =
            new_constant(at(node).name + "/bias", {out}, std::vector<float>(static_cast<std::size_t>(out)));
        if (bias) at(node).inputs.push_back(*bias);
        return bias;
    }

    /// Of a product: weights and bias are there to be rewritten.
    bool has_constant_weights(int producer)
    {
        const Node& node = at(producer);
        if (!takes_bias(node.op)) return false;
        return at(node.inputs[1]).op == Op::constant &&
               (node.inputs.size() < 3 || at(node.inputs[2]).op == Op::constant);
    }

    bool only_reader(int producer) const { return uses_[static_cast<std::size_t>(producer)] == 1; }

    /// What `index` reads, past nodes that an earlier fold has emptied.
    int producer_of(int index)
    {
        int producer = at(index).inputs[0];
        while (is_no_op(at(producer)) && only_reader(producer)) producer = at(producer).inputs[0];
        return producer;
    }

    /// The node becomes a no-op on `producer`; what lay between is no longer read.
    void bypass(int index, int producer)
    {
        at(index).op = Op::identity;
        at(index).inputs = {producer};
    }

    Status fold_normalisation(int index)
    {
        const int producer = producer_of(index), scale = at(index).inputs[1], shift = at(index).inputs[2];
        const bool same_channels = at(producer).op == Op::conv || at(index).shape.size() == 2;
        if (has_constant_weights(producer) && only_reader(producer) && same_channels)
            return scale_outputs(index, producer, at(scale).data, at(shift).data);
        return to_depthwise(index, at(scale).data, at(shift).data);
    }

    /// By value: new constants move the nodes that hold the old ones.
    Status scale_outputs(int index, int producer, std::vector<float> scale, std::vector<float> shift)
    {
        const auto weights = own_constant(producer, 1);
        if (!weights) return weights.error();
        const auto bias = own_bias(producer);
        if (!bias) return bias.error();
        std::vector<float>& w = at(*weights).data;
        std::vector<float>& b = at(*bias).data;
        const std::size_t per_output = w.size() / b.size();
        const Status paid = spend(w.size());
        if (!paid) return paid;
        for (std::size_t o = 0; o < b.size(); ++o) {
            const float factor = scale[o];
            for (std::size_t k = 0; k < per_output; ++k) w[o * per_output + k] *= factor;
            b[o] = b[o] * factor + shift[o];
        }
        bypass(index, producer);
        return {};
    }

    /// x * scale + shift a channel, where no weights precede: a depthwise 1x1 convolution.
    Status to_depthwise(int index, std::vector<float> scale, std::vector<float> shift)
    {
        if (at(index).shape.size() != 4) return {};
        const std::int64_t channels = at(index).shape[1];
        const auto weights = new_constant(at(index).name + "/scale", {channels, 1, 1, 1}, std::move(scale));
        if (!weights) return weights.error();
        const auto bias = new_constant(at(index).name + "/shift", {channels}, std::move(shift));
        if (!bias) return bias.error();
        Node& node = at(index);
        node.op = Op::conv;
        node.inputs = {node.inputs[0], *weights, *bias};
        node.window = Window{};
        node.window.group = static_cast<int>(channels);
        return {};
    }

    /// One value a channel of the constant, or nothing if it differs within a channel. Channels of an `image` are its
    /// dimension 1, else the last.
    std::vector<float> per_channel(const Node& add, const Node& constant, bool image) const
    {
        const std::size_t rank = add.shape.size();
        if (rank < 2) return {};
        const std::size_t axis = image && rank == 4 ? 1 : rank - 1;
        const auto channels = static_cast<std::size_t>(add.shape[axis]);
        if (constant.data.size() == 1) return std::vector<float>(channels, constant.data[0]);
        const std::size_t behind = rank - 1 - axis;  // dimensions after the channel's
        const bool reaches = constant.shape.size() > behind;
        if (!reaches || constant.data.size() != channels ||
            static_cast<std::size_t>(constant.shape[constant.shape.size() - 1 - behind]) != channels)
            return {};
        return constant.data;
    }

    /// A product times a constant: the constant goes into the weights.
    Status fold_scaling(int index)
    {
        const int producer = producer_of(index), constant = at(index).inputs[1];
        if (at(constant).op != Op::constant || at(index).integer || at(producer).shape != at(index).shape) return {};
        if (!has_constant_weights(producer) || !only_reader(producer)) return {};
        const std::vector<float> values = per_channel(at(index), at(constant), at(producer).op == Op::conv);
        if (values.empty()) return {};
        return scale_outputs(index, producer, values, std::vector<float>(values.size(), 0.0f));
    }

    Status fold_addition(int index)
    {
        const int producer = producer_of(index), constant = at(index).inputs[1];
        if (at(constant).op != Op::constant || at(index).integer || at(producer).shape != at(index).shape) return {};
        const bool product = at(producer).op == Op::gemm || at(producer).op == Op::matmul;
        std::vector<float> values = per_channel(at(index), at(constant), !product || !has_constant_weights(producer));
        if (values.empty()) return {};
        const Status paid = spend(values.size());
        if (!paid) return paid;
        if (!has_constant_weights(producer) || !only_reader(producer)) {
            if (at(index).shape.size() != 4) return {};
            return to_depthwise(index, std::vector<float>(values.size(), 1.0f), values);
        }
        const auto bias = own_bias(producer);
        if (!bias) return bias.error();
        std::vector<float>& b = at(*bias).data;
        for (std::size_t o = 0; o < b.size(); ++o) b[o] += values[o];
        bypass(index, producer);
        return {};
    }

    /// Constants first, then what the outputs need, in the order it had. Inputs always stay.
    Graph compact()
    {
        count_uses();
        for (int input : graph_.inputs) ++uses_[static_cast<std::size_t>(input)];
        std::vector<int> moved(graph_.nodes.size(), -1);
        Graph out;
        out.name = graph_.name;
        for (const bool constants : {true, false})
            for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
                Node& node = graph_.nodes[i];
                if (uses_[i] == 0 || (node.op == Op::constant) != constants) continue;
                for (int& input : node.inputs) input = moved[static_cast<std::size_t>(input)];
                moved[i] = static_cast<int>(out.nodes.size());
                out.nodes.push_back(std::move(node));
            }
        for (int input : graph_.inputs) out.inputs.push_back(moved[static_cast<std::size_t>(input)]);
        for (int output : graph_.outputs) out.outputs.push_back(moved[static_cast<std::size_t>(output)]);
        return out;
    }

    Graph graph_;
    std::int64_t budget_;
    std::vector<int> uses_;
};

}  // namespace

Result<Graph> fold(Graph graph, std::int64_t max_elements)
{
    return Folder(std::move(graph), max_elements).run();
}

}  // namespace lightcard::compiler
