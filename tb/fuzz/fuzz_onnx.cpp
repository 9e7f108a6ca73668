// SPDX-License-Identifier: Apache-2.0
// Networks (ONNX). The limits are small so that a fuzzer finds what does not respect them.
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {
namespace {

using compiler::Graph;

/// Just enough of protobuf's wire format to write a model: (field number << 3 | wire type), then the value.
class Message {
public:
    Message& number(unsigned field, std::uint64_t value)
    {
        varint(field << 3);
        varint(value);
        return *this;
    }
    Message& text(unsigned field, const std::string& value)
    {
        varint(field << 3 | 2);
        varint(value.size());
        bytes_ += value;
        return *this;
    }
    Message& message(unsigned field, const Message& value) { return text(field, value.bytes_); }
    const std::string& bytes() const { return bytes_; }

private:
    void varint(std::uint64_t value)
    {
        for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
        bytes_ += static_cast<char>(value);
    }
    std::string bytes_;
};

Message tensor(const std::string& name, const std::vector<std::uint64_t>& shape)
{
    Message message;
    std::uint64_t elements = 1;
    for (const std::uint64_t size : shape) {
        message.number(1, size);
        elements *= size;
    }
    std::string raw;
    for (std::uint64_t i = 0; i < elements; ++i) {
        const float value = static_cast<float>(i % 7) - 3;
        raw.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    return message.number(2, 1).text(8, name).text(9, raw);
}

Message value_info(const std::string& name, const std::vector<std::uint64_t>& shape)
{
    Message dimensions;
    for (const std::uint64_t size : shape) dimensions.message(1, Message().number(1, size));
    const Message type = Message().message(1, Message().number(1, 1).message(2, dimensions));
    return Message().text(1, name).message(2, type);
}

Message ints(const std::string& name, const std::vector<std::uint64_t>& values)
{
    Message message;
    message.text(1, name).number(20, 7);
    for (const std::uint64_t value : values) message.number(8, value);
    return message;
}

Message node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output)
{
    Message message;
    for (const std::string& input : inputs) message.text(1, input);
    return message.text(2, output).text(3, op + "_node").text(4, op);
}

Bytes model(const Message& graph)
{
    return to_bytes(Message().number(1, 8).message(8, Message().number(2, 13)).message(7, graph).bytes());
}

Bytes convolution()
{
    Message graph;
    graph.text(2, "convolution");
    graph.message(11, value_info("x", {1, 2, 6, 6})).message(12, value_info("y", {1, 3}));
    graph.message(5, tensor("w", {4, 2, 3, 3})).message(5, tensor("b", {4})).message(5, tensor("fc", {36, 3}));
    graph.message(1, node("Conv", {"x", "w", "b"}, "c").message(5, ints("pads", {1, 1, 1, 1})));
    graph.message(1, node("Relu", {"c"}, "r"));
    graph.message(
        1, node("MaxPool", {"r"}, "p").message(5, ints("kernel_shape", {2, 2})).message(5, ints("strides", {2, 2})));
    graph.message(1, node("Flatten", {"p"}, "f"));
    graph.message(1, node("Gemm", {"f", "fc"}, "g"));
    graph.message(1, node("Softmax", {"g"}, "y"));
    return model(graph);
}

Bytes residual()
{
    Message graph;
    graph.text(2, "residual");
    graph.message(11, value_info("x", {1, 4, 5, 5})).message(12, value_info("y", {1, 4, 1, 1}));
    graph.message(5, tensor("w", {4, 1, 3, 3}));
    for (const char* name : {"scale", "shift", "mean", "var"}) graph.message(5, tensor(name, {4}));
    graph.message(1, node("Conv", {"x", "w"}, "c")
                         .message(5, ints("pads", {1, 1, 1, 1}))
                         .message(5, Message().text(1, "group").number(20, 2).number(3, 4)));
    graph.message(1, node("Add", {"c", "x"}, "a"));
    graph.message(1, node("Clip", {"a"}, "k"));
    graph.message(1, node("GlobalAveragePool", {"k"}, "y"));
    return model(graph);
}

}  // namespace

std::vector<Bytes> seeds()
{
    return {convolution(), residual()};
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    compiler::ImportOptions options;
    options.max_tensor_elements = 1 << 16;
    options.max_constant_elements = 1 << 18;
    const Result<Graph> graph = compiler::import_onnx(data, size, options);
    if (!graph.ok()) {
        require(!graph.error().what.empty(), "an error says what is wrong");
        return false;
    }
    const int count = static_cast<int>(graph->nodes.size());
    require(!graph->outputs.empty(), "a network has an output");
    for (const int output : graph->outputs) require(output >= 0 && output < count, "outputs are nodes");
    for (int i = 0; i < count; ++i) {
        const compiler::Node& node = graph->nodes[static_cast<std::size_t>(i)];
        require(compiler::element_count(node.shape) <= options.max_tensor_elements, "tensors stay below the limit");
        for (const int input : node.inputs) require(input >= 0 && input < i, "nodes are in topological order");
    }
    return true;
}

}  // namespace lightcard::fuzz
