// SPDX-License-Identifier: Apache-2.0
/// Private to the quantisation: Graph + ranges -> QuantGraph, node by node.
///
/// Every tensor of the Graph is a View: elements of one int8 node, by strides. Reshape, Transpose, Slice, Expand and a
/// factor move no data and have no node; an operator that cannot walk a view gets it dense first (a move). Functions of
/// one tensor element by element become one table of its codes, however many operators spell them out.
///
///     quantise.cpp            order, inputs, outputs, pooling, Relu, Pad
///     quantise_products.cpp   Conv, Gemm and MatMul with constant weights
///     quantise_views.cpp      views, and making them dense
///     quantise_pointwise.cpp  tables; Add, Sub, Mul of two tensors
///     quantise_sequences.cpp  products of computed operands, normalisation, softmax, Concat, Gather, ReduceMean
#pragma once

#include <array>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "lightcard/platform/compiler/calibrate.h"
#include "lightcard/platform/compiler/qdq.h"
#include "lightcard/platform/compiler/quant_numbers.h"
#include "lightcard/platform/compiler/quantise.h"

namespace lightcard::compiler::quantising {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

/// A tensor of the Graph as elements of an int8 node: element (i, j, ..) is offset + i*strides[0] + j*strides[1] + ..
/// Its value is the code times the node's scale times `factor`.
struct View {
    int node = -1;
    std::int64_t offset = 0;
    Shape shape, strides;
    double factor = 1;
    bool flattened = false;  ///< [1, n] of an image whose order in memory is another; `shape` is the image's
};

/// A function of one tensor's codes that nothing has asked for yet.
struct Table {
    int root = -1;                     ///< Graph node; 8 bit
    std::array<double, 256> values{};  ///< by code as an unsigned byte
};

/// Relu and Clip that alone read a node, or one another, become the clamp of that node.
struct Chain {
    int last;
    Limits limits;
    bool positive() const { return limits.low >= 0; }
};

class Quantiser {
public:
    Quantiser(const Graph& graph, std::vector<Range> ranges, std::vector<GivenCodes> given,
              const QuantOptions& options);
    Result<QuantGraph> run();

private:
    static constexpr int kHost = -1;
    using Order = std::vector<std::size_t>;

    // quantise.cpp
    static std::size_t index(int i) { return static_cast<std::size_t>(i); }
    const Node& at(int i) const { return graph_.nodes[index(i)]; }
    const QuantTensor& tensor(int quant) const { return result_.nodes[index(quant)].out; }
    Error in_node(const Error& error, int node) const;
    Status quantise(int i);
    QuantNode start(int i, QuantOp op, std::vector<int> inputs) const;
    int add(QuantNode node);
    int finish(QuantNode node, int i);
    int finish_chain(QuantNode node, int first, const Chain& chain);
    void set_views(int first, const Chain& chain, const View& view);
    bool set_given(QuantTensor& tensor, int i) const;
    void set_scale(QuantTensor& tensor, int i, bool positive, Limits limits) const;
    void set_output(QuantNode& node, const Chain& chain, bool positive) const;
    Chain following_limits(int i, Limits own = {-kUnlimited, kUnlimited}) const;
    static void apply_limits(const Node& node, Limits& limits);
    static void set_factor(QuantNode& node, double in_scale);
    void copy_size(QuantNode& node, int from) const;
    Status input(int i);
    Status output(int i);
    int without_pad(int i, Window& window) const;
    Status constant_weights(int i) const;
    Status convolution(int i);
    Status product(int i);
    ProductWeights product_weights(const Node& node, std::size_t kernel, std::size_t depth) const;
    std::vector<double> input_means(const Node& node, std::size_t group, std::size_t kernel, std::size_t depth) const;
    struct Readers {
        bool only_host_or_softmax = true;
        bool only_host = true;
        bool uniform = false;  ///< channels need one scale: a softmax reads them, or they become something else
    };
    Readers look_at_readers(int i) const;
    Status finish_product(QuantNode node, int i, const ProductWeights& weights);
    void set_requant(QuantNode& node, double in_scale, const std::vector<double>& weight_scale,
                     const Chain& chain) const;
    Status limiter(int i);
    Status max_pool(int i);
    Status average_pool(int i);
    Status pad(int i);

    // quantise_views.cpp
    static Shape row_major(const Shape& shape);
    static bool is_image(const Shape& shape) { return shape.size() == 4 && shape[0] == 1; }
    static void set_size(QuantTensor& tensor, const Shape& shape);
    View whole(int quant, const Shape& shape) const;
    static View laid(int quant, const Shape& shape, const Order& order, bool flattened = false);
    static Shape three_sizes(const Shape& shape, const Order& order);
    Result<View> view(int i);
    Result<int> dense(const View& view, const Order& order, std::size_t width, std::size_t channels);
    Result<int> dense(const View& view);
    Result<int> image(int i);
    View eight_bit(const View& view);
    Result<View> operand(int i);
    Result<int> materialise(const View& view, const Order& order);
    int same_bytes(int quant, int height, int width, int channels, double factor, bool channels_last);
    Status layout(int i);
    Result<View> reshaped(View view, const Shape& to);
    static Order identity_order(std::size_t rank);
    static Order memory_order(const View& view);
    static View permuted(const View& view, const Order& order);
    static bool three(const View& view, Walk& walk, const Shape& shape);
    static View unflattened(const View& view);
    Result<View> unfolded(const View& view);

    // quantise_pointwise.cpp
    std::optional<double> scalar(int i) const;
    std::optional<std::pair<float, float>> affine_of(int i) const;
    bool pointwise(int i);
    Status realise(int i);
    Status combine(int i);
    View constant(int i, const Order& order, std::int32_t half);
    Status two_operands(int i, QuantOp op, double sign);

    // quantise_sequences.cpp
    static constexpr std::int32_t kHalf = 32767;
    void mark_halves();
    void propagate_halves();
    void find_sharp(int softmax);
    Status gemm(int i);
    Status norm(int i);
    Status softmax(int i);
    Status concat(int i);
    static void add_parts(QuantNode& joined, const View& from, const View& to, Factor factor);
    Status gather(int i);
    Status reduce_mean(int i);

    static bool is_view(Op op);
    const QuantOptions& options_;
    const Graph& graph_;
    std::vector<Range> ranges_;
    std::vector<GivenCodes> given_;
    std::vector<std::optional<View>> views_;    ///< a Graph node each, once it has one
    std::vector<std::optional<Table>> tables_;  ///< a Graph node each: not asked for yet
    std::vector<std::vector<int>> readers_;
    std::vector<std::int32_t> half_;  ///< a Graph node each: the largest of 16-bit codes; 0: 8 bits
    std::vector<bool> sharp_;         ///< products of sharp scores, and what leads to their operands
    std::map<int, int> narrow_;       ///< an s16 node: its 8-bit form
    std::map<std::tuple<int, std::int64_t, Shape, Shape>, int> moved_;  ///< a walk over a node: its dense copy
    QuantGraph result_;
};

}  // namespace lightcard::compiler::quantising
