// SPDX-License-Identifier: Apache-2.0
/// File, order of nodes, inputs and outputs. The operators are in onnx_operators.cpp and onnx_constants.cpp.
#include "lightcard/platform/compiler/onnx_import.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <unordered_set>

#include "lightcard/platform/compiler/float_kernels.h"
#include "lightcard/platform/compiler/fold.h"
#include "lightcard/platform/compiler/onnx_reader.h"
#include "lightcard/platform/compiler/onnx_wire.h"

namespace lightcard::compiler {

namespace {

std::string node_name(const onnx::NodeProto& node)
{
    if (!node.name().empty()) return printable(node.name());
    return node.output_size() > 0 ? printable(node.output(0)) : "unnamed";
}

std::string describe(const onnx::NodeProto& node)
{
    const std::string domain = node.domain().empty() ? "" : printable(node.domain()) + "::";
    return "node '" + node_name(node) + "' (" + domain + printable(node.op_type()) + ")";
}

Converter find_operator(const onnx::NodeProto& node)
{
    if (!node.domain().empty() && node.domain() != "ai.onnx") return nullptr;
    for (const auto& op : supported_operators())
        if (node.op_type() == op.name) return op.convert;
    return nullptr;
}

std::string supported_list()
{
    std::string text = "supported: ";
    for (const auto& op : supported_operators()) text += (text.back() == ' ' ? "" : ", ") + std::string(op.name);
    return text;
}

}  // namespace

int NodeView::input_count() const
{
    int count = proto.input_size();
    while (count > 0 && proto.input(count - 1).empty()) --count;
    return count;
}

bool NodeView::has_input(int i) const
{
    return i < proto.input_size() && !proto.input(i).empty();
}

Value& NodeView::input(int i) const
{
    return reader.values_.at(proto.input(i));
}

bool NodeView::wants_output(int i) const
{
    return i < proto.output_size() && !proto.output(i).empty();
}

void NodeView::set_output(int i, Value value) const
{
    if (wants_output(i)) reader.values_[proto.output(i)] = std::move(value);
}

Result<ConstantPtr> Reader::constant(Value& value)
{
    if (value.constant) return value.constant;
    if (value.kind != Value::Kind::constant || !value.initializer) return Error{"an input must be constant", "", ""};
    auto decoded = decode_tensor(*value.initializer, options_.max_tensor_elements);
    if (!decoded) return decoded.error();
    const auto count = static_cast<std::int64_t>(std::max(decoded->real.size(), decoded->ints.size()));
    const Status paid = spend(count);
    if (!paid) return paid.error();
    value.constant = std::make_shared<const Tensor>(std::move(*decoded));
    return value.constant;
}

Result<int> Reader::operand(Value& value)
{
    if (value.node >= 0) return value.node;
    const auto constant = this->constant(value);
    if (!constant) return constant.error();
    const auto added = add_constant(**constant);
    if (!added) return added.error();
    value.node = added->node;
    return value.node;
}

Result<std::vector<std::int64_t>> Reader::integers(Value& value)
{
    const auto constant = this->constant(value);
    if (!constant) return constant.error();
    if (!(*constant)->integer || (*constant)->shape.size() > 1)
        return Error{"a constant must be a list of integers", "", ""};
    return (*constant)->ints;
}

Result<float> Reader::scalar(Value& value)
{
    const auto constant = this->constant(value);
    if (!constant) return constant.error();
    const Tensor& c = **constant;
    if (c.integer ? c.ints.size() != 1 : c.real.size() != 1) return Error{"a constant must have one value", "", ""};
    return c.integer ? static_cast<float>(c.ints[0]) : c.real[0];
}

Status Reader::spend(std::int64_t elements)
{
    constant_elements_ += elements;
    if (constant_elements_ <= options_.max_constant_elements) return {};
    return Error{"the constants of the model are too large", "",
                 "at most " + std::to_string(options_.max_constant_elements) + " elements together"};
}

Value Reader::append(Node node)
{
    Value value;
    value.kind = Value::Kind::activation;
    value.shape = node.shape;
    value.node = static_cast<int>(graph_.nodes.size());
    graph_.nodes.push_back(std::move(node));
    return value;
}

Result<Value> Reader::add(Node node)
{
    const auto count = checked_count(node.shape, options_.max_tensor_elements);
    if (!count) return count.error();
    return foldable(node) ? compute(node) : Result<Value>(append(std::move(node)));
}

bool Reader::foldable(const Node& node) const
{
    switch (node.op) {
        case Op::input:
        case Op::constant:
        case Op::conv:
        case Op::conv_transpose:
        case Op::gemm:
        case Op::matmul:
        case Op::dynamic_matmul:
        case Op::max_pool:
        case Op::average_pool:
        case Op::lrn:
        case Op::resize:
            return false;
        default:
            break;
    }
    return std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](int i) { return graph_.nodes[static_cast<std::size_t>(i)].op == Op::constant; });
}

Result<Value> Reader::compute(const Node& node)
{
    kernels::Operands in;
    std::int64_t elements = element_count(node.shape);
    for (int i : node.inputs) {
        in.push_back(kernels::operand_of(this->node(i)));
        elements += element_count(this->node(i).shape);
    }
    if (const Status paid = spend(elements); !paid) return paid.error();
    Tensor result;
    if (const Status done = kernels::evaluate(node, in, result); !done) return done.error();
    Value value;
    value.kind = Value::Kind::constant;
    value.shape = result.shape;
    value.constant = std::make_shared<const Tensor>(std::move(result));
    return value;
}

Result<Value> Reader::add_constant(Tensor constant)
{
    for (float v : constant.real)
        if (std::isnan(v)) return Error{"a constant operand has a value that is not finite", "", ""};
    const Status paid = spend(static_cast<std::int64_t>(std::max(constant.real.size(), constant.ints.size())));
    if (!paid) return paid.error();
    Node node;
    node.op = Op::constant;
    node.name = "constant" + std::to_string(graph_.nodes.size());
    node.shape = constant.shape;
    node.integer = constant.integer;
    node.data = std::move(constant.real);
    node.ints = std::move(constant.ints);
    return append(std::move(node));
}

Result<Value> Reader::constant_value(Tensor constant)
{
    const Status paid = spend(static_cast<std::int64_t>(std::max(constant.real.size(), constant.ints.size())));
    if (!paid) return paid.error();
    Value value;
    value.kind = Value::Kind::constant;
    value.constant = std::make_shared<const Tensor>(std::move(constant));
    return value;
}

Status Reader::read_header(const onnx::ModelProto& model)
{
    if (!model.has_graph() || model.graph().node_size() == 0)
        return Error{"not an ONNX model: it has no graph", "", "a file written by torch.onnx.export or onnx.save"};
    if (model.ir_version() >= 3 && model.opset_import_size() == 0)
        return Error{"not an ONNX model, or cut short: it names no operator set", "", ""};
    for (const auto& opset : model.opset_import())
        if (opset.domain().empty() || opset.domain() == "ai.onnx") opset_ = opset.version();
    graph_.name = printable(model.graph().name());
    return {};
}

/// The batch of a model with one input is 1, whatever it was exported for. Else dimensions keep the file's size; those
/// it leaves open take the value that the caller names, or 1.
Result<Shape> Reader::bind_shape(const onnx::ValueInfoProto& input, bool free_batch)
{
    const std::string place = "input '" + printable(input.name()) + "'";
    if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape())
        return Error{"it has no tensor shape", place, ""};
    Shape shape;
    for (const auto& dim : input.type().tensor_type().shape().dim()) {
        const auto named = options_.dimensions.find(dim.dim_param());
        const bool fixed = dim.has_dim_value() && dim.dim_value() >= 0;
        if (named != options_.dimensions.end() && !dim.dim_param().empty()) {
            if (named->second < 0) return Error{"dimension '" + named->first + "' is negative", place, "0 or more"};
            shape.push_back(named->second);
        } else if (shape.empty() && free_batch) {
            if (fixed && dim.dim_value() > 0) fixed_batch_ = dim.dim_value();
            shape.push_back(1);
        } else {
            shape.push_back(fixed ? dim.dim_value() : 1);
        }
    }
    if (shape.size() > 8) return Error{"its rank is " + std::to_string(shape.size()), place, "at most 8 dimensions"};
    return shape;
}

Status Reader::read_input(const onnx::ValueInfoProto& input, bool free_batch)
{
    const std::string place = "input '" + printable(input.name()) + "'";
    const auto shape = bind_shape(input, free_batch);
    if (!shape) return shape.error();
    Node node;
    node.op = Op::input;
    node.name = printable(input.name());
    node.shape = *shape;
    const int type = input.type().tensor_type().elem_type();
    if (type == onnx::TensorProto::STRING || type == onnx::TensorProto::COMPLEX64 ||
        type == onnx::TensorProto::COMPLEX128)
        return Error{"its type is not supported", place, "real numbers, integers or booleans"};
    node.integer = type != onnx::TensorProto::FLOAT && type != onnx::TensorProto::DOUBLE &&
                   type != onnx::TensorProto::FLOAT16 && type != onnx::TensorProto::BFLOAT16;
    const auto value = add(std::move(node));
    if (!value) return Error{value.error().what, place, value.error().hint};
    graph_.inputs.push_back(value->node);
    values_[input.name()] = *value;
    return {};
}

Status Reader::read_inputs(const onnx::GraphProto& graph)
{
    for (const auto& tensor : graph.initializer()) {
        Value value;
        value.kind = Value::Kind::constant;
        value.initializer = &tensor;
        values_[tensor.name()] = value;
    }
    std::vector<const onnx::ValueInfoProto*> inputs;
    for (const auto& input : graph.input())  // old files list their weights among the inputs
        if (!values_.count(input.name())) inputs.push_back(&input);
    const bool one_batch =
        options_.bind_batch && inputs.size() == 1 && inputs[0]->type().tensor_type().shape().dim_size() > 1;
    for (const auto* input : inputs)
        if (const Status read = read_input(*input, one_batch); !read) return read;
    return {};
}

/// Topological order of the nodes that the outputs need. Names undefined inputs and cycles.
Result<std::vector<int>> Reader::order(const onnx::GraphProto& graph)
{
    std::unordered_map<std::string, int> producer;
    for (int i = 0; i < graph.node_size(); ++i)
        for (const auto& output : graph.node(i).output())
            if (!output.empty() && (values_.count(output) || !producer.emplace(output, i).second))
                return Error{"'" + printable(output) + "' is defined twice", describe(graph.node(i)), ""};

    enum : char { unseen, open, done };
    std::vector<char> state(static_cast<std::size_t>(graph.node_size()), unseen);
    std::vector<int> sorted;
    std::vector<std::pair<int, int>> stack;  // node, next input to look at
    for (const auto& output : graph.output()) {
        const auto root = producer.find(output.name());
        if (root == producer.end() || state[static_cast<std::size_t>(root->second)] == done) continue;
        stack.emplace_back(root->second, 0);
        while (!stack.empty()) {
            auto& [index, next] = stack.back();
            const auto& node = graph.node(index);
            state[static_cast<std::size_t>(index)] = open;
            if (next == node.input_size()) {
                state[static_cast<std::size_t>(index)] = done;
                sorted.push_back(index);
                stack.pop_back();
                continue;
            }
            const std::string& name = node.input(next++);
            if (name.empty() || values_.count(name)) continue;
            const auto from = producer.find(name);
            if (from == producer.end())
                return Error{"its input '" + printable(name) + "' is not defined anywhere", describe(node), ""};
            const char seen = state[static_cast<std::size_t>(from->second)];
            if (seen == open) return Error{"it is part of a cycle", describe(graph.node(from->second)), ""};
            if (seen == unseen) stack.emplace_back(from->second, 0);
        }
    }
    return sorted;
}

/// Problems are collected, so that one run names them all. What depends on a problem is passed over.
void Reader::convert(const onnx::NodeProto& proto)
{
    for (const auto& output : proto.output()) values_[output] = Value{};
    const auto report = [&](const Error& error) {
        constexpr std::size_t kShown = 50;
        if (++problem_count_ <= kShown) problems_.push_back(describe(proto) + ": " + error.message());
    };
    const Converter converter = find_operator(proto);
    if (!converter) return report(Error{"operator not supported", "", ""});
    const auto unavailable = [&](const std::string& name) {
        return !name.empty() && values_.at(name).kind == Value::Kind::unavailable;
    };
    if (std::any_of(proto.input().begin(), proto.input().end(), unavailable)) return;
    if (proto.output_size() < 1 || proto.output(0).empty()) return report(Error{"it has no output", "", ""});
    const NodeView view{*this, proto, Attributes(proto), node_name(proto)};
    auto value = converter(view);
    if (!value) return report(value.error());
    values_[proto.output(0)] = std::move(*value);
}

Status Reader::unsupported() const
{
    if (problem_count_ == 0) return {};
    std::string text =
        std::to_string(problem_count_) + (problem_count_ == 1 ? " node is" : " nodes are") + " not supported";
    for (const auto& problem : problems_) text += "; " + problem;
    if (problems_.size() < problem_count_) text += "; and more";
    return Error{text, "", supported_list()};
}

Status Reader::read_outputs(const onnx::GraphProto& graph)
{
    for (const auto& output : graph.output()) {
        const auto found = values_.find(output.name());
        const std::string place = "output '" + printable(output.name()) + "'";
        if (found == values_.end()) return Error{"nothing produces it", place, ""};
        if (found->second.kind == Value::Kind::unavailable)
            return Error{"it is an optional output that is not supported", place, "the first output of its node"};
        const auto node = operand(found->second);
        if (!node) return Error{node.error().what, place, node.error().hint};
        graph_.outputs.push_back(*node);
    }
    if (graph_.outputs.empty()) return Error{"the model has no output", "", ""};
    return {};
}

Result<Graph> Reader::read(const onnx::ModelProto& model)
{
    Status status = read_header(model);
    if (!status) return status.error();
    status = read_inputs(model.graph());
    if (!status) return status.error();
    const auto sorted = order(model.graph());
    if (!sorted) return sorted.error();
    for (int index : *sorted) convert(model.graph().node(index));
    status = unsupported();
    if (!status) return status.error();
    status = read_outputs(model.graph());
    if (!status) return status.error();
    return std::move(graph_);
}

std::vector<std::string> supported_operator_names()
{
    std::vector<std::string> names;
    for (const auto& op : supported_operators()) names.emplace_back(op.name);
    std::sort(names.begin(), names.end());
    return names;
}

Result<Graph> import_onnx(const void* bytes, std::size_t size, const ImportOptions& options)
{
    const std::uint64_t limit =
        std::min<std::uint64_t>(options.max_file_bytes, static_cast<std::uint64_t>(std::numeric_limits<int>::max()));
    if (size > limit)
        return Error{"the model has " + std::to_string(size) + " bytes", "", "at most " + std::to_string(limit)};
    const Status sane = check_wire(bytes, size);
    if (!sane) return sane.error();
    onnx::ModelProto model;
    if (!model.ParseFromArray(bytes, static_cast<int>(size)))
        return Error{"not an ONNX model, or damaged: protobuf cannot read it", "", ""};
    auto graph = Reader(options).read(model);
    if (!graph || !options.fold) return graph;
    return fold(std::move(*graph), options.max_constant_elements);
}

Result<Graph> import_onnx(const std::string& path, const ImportOptions& options)
{
    std::error_code code;
    if (!std::filesystem::is_regular_file(path, code)) return Error{"there is no such file", path, ""};
    const auto size = std::filesystem::file_size(path, code);
    if (code) return Error{"its size cannot be read: " + code.message(), path, ""};
    if (size > options.max_file_bytes)
        return Error{"the file has " + std::to_string(size) + " bytes", path,
                     "at most " + std::to_string(options.max_file_bytes)};
    std::vector<char> bytes(size);
    std::ifstream file(path, std::ios::binary);
    if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) return Error{"cannot be read", path, ""};
    auto graph = import_onnx(bytes.data(), bytes.size(), options);
    if (graph) return graph;
    Error error = graph.error();
    error.where = error.where.empty() ? path : path + ": " + error.where;
    return error;
}

}  // namespace lightcard::compiler
