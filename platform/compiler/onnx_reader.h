// SPDX-License-Identifier: Apache-2.0
/// Private to the importer: values, constants and attributes while an ONNX graph is being read.
#pragma once

#ifndef ONNX_ML
#define ONNX_ML 1
#endif
#ifndef ONNX_NAMESPACE
#define ONNX_NAMESPACE onnx
#endif
#include <onnx/onnx_pb.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lightcard/platform/compiler/onnx_import.h"

namespace lightcard::compiler {

/// Names come from the file: printable, and cut to a length that fits a message.
std::string printable(const std::string& text);

/// Product of dimensions, each >= 0; an error beyond `limit`.
Result<std::int64_t> checked_count(const Shape& shape, std::int64_t limit);

using ConstantPtr = std::shared_ptr<const Tensor>;

Result<Tensor> decode_tensor(const onnx::TensorProto& tensor, std::int64_t max_elements);

/// What a name stands for. A constant becomes a graph node when an operator takes it as an operand.
struct Value {
    enum class Kind { activation, constant, unavailable } kind = Kind::unavailable;
    int node = -1;                                   ///< of an activation; of a constant that has one
    Shape shape;                                     ///< of an activation
    const onnx::TensorProto* initializer = nullptr;  ///< constant not decoded yet
    ConstantPtr constant;
};

/// Typed access to the attributes of a node; a wrong type is an error, an absent one the default.
class Attributes {
public:
    explicit Attributes(const onnx::NodeProto& node) : node_(node) {}
    bool has(const char* name) const { return find(name) != nullptr; }
    Result<std::int64_t> integer(const char* name, std::int64_t otherwise) const;
    Result<float> real(const char* name, float otherwise) const;
    Result<std::string> text(const char* name, const std::string& otherwise) const;
    Result<std::vector<std::int64_t>> integers(const char* name, std::vector<std::int64_t> otherwise = {}) const;
    Result<std::vector<float>> reals(const char* name) const;  ///< absent: empty
    const onnx::TensorProto* tensor(const char* name) const;

private:
    const onnx::AttributeProto* find(const char* name) const;
    const onnx::NodeProto& node_;
};

class Reader;

/// One ONNX node as its converter sees it.
struct NodeView {
    Reader& reader;
    const onnx::NodeProto& proto;
    Attributes attributes;
    std::string name;  ///< for the graph and for messages

    int input_count() const;  ///< trailing absent inputs not counted
    bool has_input(int i) const;
    Value& input(int i) const;  ///< has_input(i) and the node was resolved
    bool wants_output(int i) const;
    void set_output(int i, Value value) const;  ///< for i > 0; a converter's answer is output 0
};

/// Converters append nodes and answer with the value of output 0, or with why they cannot.
using Converter = Result<Value> (*)(const NodeView&);
struct Operator {
    const char* name;
    Converter convert;
};
const std::vector<Operator>& supported_operators();

/// The graph under construction.
class Reader {
public:
    explicit Reader(const ImportOptions& options) : options_(options) {}
    Result<Graph> read(const onnx::ModelProto& model);

    /// `constant(...)` decodes; `operand(...)` is the node index of either kind of value.
    Result<ConstantPtr> constant(Value& value);
    Result<int> operand(Value& value);
    Result<std::vector<std::int64_t>> integers(Value& value);
    Result<float> scalar(Value& value);

    /// Checks the size of node.shape, appends and gives the value. What has constant operands only, and costs no more
    /// than its operands' size, is computed here: shape arithmetic and dequantised weights become constants.
    Result<Value> add(Node node);
    Result<Value> add_constant(Tensor constant);
    Result<Value> constant_value(Tensor constant);  ///< a computed constant, charged to the budget
    Status spend(std::int64_t elements);            ///< of the budget for constants

    std::int64_t opset() const { return opset_; }
    std::int64_t fixed_batch() const { return fixed_batch_; }  ///< batch the file was exported for, -1 if open
    const ImportOptions& options() const { return options_; }
    Node& node(int index) { return graph_.nodes[static_cast<std::size_t>(index)]; }
    bool is_constant(int index) { return node(index).op == Op::constant; }

private:
    bool foldable(const Node& node) const;
    Result<Value> compute(const Node& node);
    Value append(Node node);
    Status read_header(const onnx::ModelProto& model);
    Status read_inputs(const onnx::GraphProto& graph);
    Result<Shape> bind_shape(const onnx::ValueInfoProto& input, bool free_batch);
    Status read_input(const onnx::ValueInfoProto& input, bool free_batch);
    Result<std::vector<int>> order(const onnx::GraphProto& graph);
    void convert(const onnx::NodeProto& proto);
    Status read_outputs(const onnx::GraphProto& graph);
    Status unsupported() const;

    const ImportOptions& options_;
    Graph graph_;
    std::unordered_map<std::string, Value> values_;
    std::vector<std::string> problems_;
    std::size_t problem_count_ = 0;
    std::int64_t opset_ = 1, fixed_batch_ = -1, constant_elements_ = 0;

    friend struct NodeView;
};

}  // namespace lightcard::compiler
