// SPDX-License-Identifier: Apache-2.0
/// The importer against files that are damaged, hostile or ask for what is not supported.
#include "lightcard/platform/compiler/onnx_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "lightcard/platform/compiler/float_executor.h"
#include "network_data.h"
#include "onnx_builder.h"

namespace lightcard::compiler {
namespace {

using test::ModelBuilder;
using testing::HasSubstr;

Result<Graph> import(const std::string& bytes, const ImportOptions& options = {})
{
    return import_onnx(bytes.data(), bytes.size(), options);
}

std::string error_of(const std::string& bytes, const ImportOptions& options = {})
{
    const auto graph = import(bytes, options);
    return graph ? "no error" : graph.error().message();
}

std::string lenet()
{
    const auto bytes = test::read_bytes("lenet_mnist.onnx");
    return {bytes.begin(), bytes.end()};
}

TEST(Structure, LeNetAsWritten)
{
    const auto graph = import(lenet());
    ASSERT_TRUE(graph) << graph.error().message();
    std::vector<Op> operators;
    for (const Node& node : graph->nodes)
        if (node.op != Op::constant) operators.push_back(node.op);
    EXPECT_EQ(operators,
              (std::vector<Op>{Op::input, Op::conv, Op::relu, Op::average_pool, Op::conv, Op::relu, Op::average_pool,
                               Op::flatten, Op::gemm, Op::relu, Op::gemm, Op::relu, Op::gemm}));
    const Node& input = graph->nodes[static_cast<std::size_t>(graph->inputs[0])];
    EXPECT_EQ(input.shape, (Shape{1, 1, 28, 28})) << "the symbolic batch is 1";
    EXPECT_EQ(graph->nodes[static_cast<std::size_t>(graph->outputs[0])].shape, (Shape{1, 10}));
}

TEST(Structure, InputsComeBeforeReaders)
{
    for (const char* name : {"lenet_mnist.onnx", "resnet8_cifar10_fp32.onnx", "mobilenetv1_025_128_fp32.onnx"}) {
        const auto graph = import_onnx(test::data_path(name));
        ASSERT_TRUE(graph) << graph.error().message();
        for (std::size_t i = 0; i < graph->nodes.size(); ++i)
            for (int input : graph->nodes[i].inputs) EXPECT_LT(static_cast<std::size_t>(input), i);
    }
}

TEST(Damaged, EveryTruncationIsRefused)
{
    const std::string whole = lenet();
    for (std::size_t size = 0; size < whole.size(); size += size < 4000 || size + 200 > whole.size() ? 1 : 97) {
        const auto graph = import(whole.substr(0, size));
        // A cut between two fields is a shorter valid message: then the graph lacks what it needs.
        if (graph) FAIL() << "cut at " << size << " was accepted";
        ASSERT_FALSE(graph.error().what.empty());
    }
}

/// Whatever a mutation makes of the file: an error, or a graph that runs.
void mutate_and_run(const std::string& original, std::size_t count, std::size_t reach, unsigned seed)
{
    std::mt19937 random(seed);
    ImportOptions options;
    options.max_tensor_elements = 1 << 22;
    options.max_constant_elements = 1 << 23;
    std::size_t accepted = 0, refused = 0;
    for (std::size_t i = 0; i < count; ++i) {
        std::string bytes = original;
        for (unsigned k = 0; k <= random() % 3; ++k)
            bytes[random() % std::min(reach, bytes.size())] = static_cast<char>(random());
        const auto graph = import(bytes, options);
        ++(graph ? accepted : refused);
        if (!graph || accepted % 8 != 0) continue;
        std::int64_t elements = 0;
        for (const Node& node : graph->nodes) elements += element_count(node.shape);
        if (elements > 1'000'000) continue;  // legal, but long to run
        const Shape& shape = graph->nodes[static_cast<std::size_t>(graph->inputs[0])].shape;
        const std::vector<float> input(static_cast<std::size_t>(element_count(shape)), 0.5f);
        (void)run_float(*graph, input.data());
    }
    EXPECT_EQ(accepted + refused, count);
    EXPECT_GT(accepted, 0u);
    EXPECT_GT(refused, 0u);
}

TEST(Damaged, MutatedStructure)
{
    mutate_and_run(lenet(), 1500, 3000, 1);
}
TEST(Damaged, MutatedAnywhere)
{
    mutate_and_run(lenet(), 500, std::string::npos, 2);
}

TEST(Damaged, NotOnnxAtAll)
{
    EXPECT_THAT(error_of(""), HasSubstr("no graph"));
    EXPECT_THAT(error_of("GIF89a, not a model"), HasSubstr("not an ONNX model"));
    EXPECT_THAT(import_onnx("/nowhere/at/all.onnx").error().message(), HasSubstr("no such file"));
    EXPECT_THAT(import_onnx(test::data_path("")).error().message(), HasSubstr("no such file"));
}

TEST(Hostile, FileSizeIsLimited)
{
    ImportOptions options;
    options.max_file_bytes = 1000;
    EXPECT_THAT(error_of(lenet(), options), HasSubstr("at most 1000"));
    EXPECT_THAT(import_onnx(test::data_path("lenet_mnist.onnx"), options).error().message(), HasSubstr("at most 1000"));
}

TEST(Hostile, MillionsOfEmptyMessages)
{
    std::string nodes;
    for (int i = 0; i < 1'500'000; ++i) nodes += std::string("\x0a\x00", 2);
    std::string bytes = "\x3a";  // ModelProto.graph
    for (std::size_t size = nodes.size(); size > 0; size >>= 7)
        bytes += static_cast<char>((size & 127) | (size > 127 ? 128 : 0));
    EXPECT_THAT(error_of(bytes + nodes), HasSubstr("more than a million"));
}

TEST(Hostile, GraphsInsideGraphs)
{
    onnx::ModelProto model;
    onnx::GraphProto* graph = model.mutable_graph();
    for (int i = 0; i < 60; ++i) graph = graph->add_node()->add_attribute()->mutable_g();
    EXPECT_THAT(error_of(model.SerializeAsString()), HasSubstr("nested too deep"));
}

TEST(Hostile, HugeShapes)
{
    const std::int64_t big = std::int64_t{1} << 40;
    ModelBuilder product;
    product.tensor("w", {big, big, big}, {1});
    product.node("Conv", {"x", "w"}, "y");
    product.output("y");
    EXPECT_THAT(error_of(product.bytes()), HasSubstr("too large"));

    ModelBuilder bomb;
    bomb.integers("shape", {1 << 14, 1 << 14, 1 << 14});
    bomb.node("ConstantOfShape", {"shape"}, "w");
    bomb.node("Conv", {"x", "w"}, "y");
    bomb.output("y");
    EXPECT_THAT(error_of(bomb.bytes()), HasSubstr("too large"));

    ModelBuilder activation({1, 1 << 20, 1 << 20, 1 << 20});
    activation.node("Relu", {"x"}, "y");
    activation.output("y");
    EXPECT_THAT(error_of(activation.bytes()), HasSubstr("too large"));
}

TEST(Hostile, ConstantsAreChargedToOneBudget)
{
    ImportOptions options;
    options.max_constant_elements = 10'000;
    ModelBuilder b({1, 1, 4, 4});
    b.integers("shape", {64, 64});
    for (int i = 0; i < 3; ++i) {
        const std::string n = std::to_string(i);
        b.node("ConstantOfShape", {"shape"}, "w" + n);
        b.node("Identity", {"w" + n}, "v" + n);
    }
    b.node("Flatten", {"x"}, "f");
    b.node("Sum", {"f", "v0", "v1", "v2"}, "y");
    b.output("y");
    EXPECT_THAT(error_of(b.bytes(), options), HasSubstr("constants of the model are too large"));
}

TEST(Hostile, LongChainsFoldInLinearTime)
{
    ModelBuilder b({1, 2});
    b.tensor("w", {2, 2}, {1, 2, 3, 4});
    b.tensor("c", {1}, {0.5f});
    b.node("MatMul", {"x", "w"}, "a0");
    constexpr int kLength = 50'000;
    for (int i = 0; i < kLength; ++i) b.node("Add", {"a" + std::to_string(i), "c"}, "a" + std::to_string(i + 1));
    b.output("a" + std::to_string(kLength));
    const auto graph = import(b.bytes());
    ASSERT_TRUE(graph) << graph.error().message();
    EXPECT_EQ(graph->nodes.size(), 4u) << "input, weights, bias, product";
    const float input[] = {1, 1};
    EXPECT_EQ((*run_float(*graph, input))[0], (std::vector<float>{25004, 25006}));
}

TEST(Hostile, TensorsWithTooLittleData)
{
    ModelBuilder b;
    b.tensor("w", {4, 3, 3, 3}, {1, 2, 3});
    b.node("Conv", {"x", "w"}, "y");
    b.output("y");
    EXPECT_THAT(error_of(b.bytes()), HasSubstr("needs 108 values, the file has 3"));
    auto* w = b.model.mutable_graph()->mutable_initializer(0);
    w->clear_float_data();
    w->set_raw_data("12345");
    EXPECT_THAT(error_of(b.bytes()), HasSubstr("needs 432 bytes, the file has 5"));
    w->set_data_location(onnx::TensorProto::EXTERNAL);
    EXPECT_THAT(error_of(b.bytes()), HasSubstr("external file"));
}

TEST(Hostile, CyclesAndUndefinedInputs)
{
    ModelBuilder cycle;
    cycle.node("Add", {"x", "c"}, "a");
    cycle.node("Relu", {"a"}, "b");
    cycle.node("Relu", {"b"}, "c");
    cycle.output("c");
    EXPECT_THAT(error_of(cycle.bytes()), HasSubstr("cycle"));

    ModelBuilder undefined;
    undefined.node("Add", {"x", "ghost"}, "y");
    undefined.output("y");
    EXPECT_THAT(error_of(undefined.bytes()), testing::AllOf(HasSubstr("'ghost'"), HasSubstr("y_node")));

    ModelBuilder twice;
    twice.node("Relu", {"x"}, "y");
    twice.node("Relu", {"x"}, "y");
    twice.output("y");
    EXPECT_THAT(error_of(twice.bytes()), HasSubstr("defined twice"));

    ModelBuilder missing;
    missing.node("Relu", {"x"}, "y");
    missing.output("z");
    EXPECT_THAT(error_of(missing.bytes()), HasSubstr("output 'z'"));
}

TEST(Hostile, OperatorsWithoutInputs)
{
    for (const std::string& op : supported_operator_names()) {
        for (const ModelBuilder::Names& inputs : {ModelBuilder::Names{}, ModelBuilder::Names{"x"}}) {
            ModelBuilder b;
            b.node(op, inputs, "y");
            b.output("y");
            EXPECT_FALSE(error_of(b.bytes()).empty()) << op;
        }
    }
}

TEST(Hostile, NodesOutOfOrderAreSorted)
{
    ModelBuilder b;
    b.node("Relu", {"a"}, "y");
    b.node("Softmax", {"x"}, "a");
    b.output("y");
    EXPECT_EQ(error_of(b.bytes()), "no error");
}

TEST(Hostile, NamesAreMadePrintable)
{
    ModelBuilder b;
    b.node("Evil\n\x1b[31m", {"x"}, "y").set_name(std::string(100'000, 'n'));
    b.output("y");
    const std::string message = error_of(b.bytes());
    EXPECT_LT(message.size(), 2000u);
    EXPECT_THAT(message, testing::Not(HasSubstr("\x1b")));
    EXPECT_THAT(message, HasSubstr("Evil??[31m"));
}

TEST(Unsupported, AllOffendersAtOnce)
{
    ModelBuilder b;
    b.tensor("w1", {4, 3, 3}, std::vector<float>(36, 1));
    b.tensor("w", {4, 3, 1, 1}, std::vector<float>(12, 1));
    b.node("LSTM", {"x"}, "a");
    b.node("Relu", {"a"}, "after");  // depends on a problem: not a problem itself
    b.node("Conv", {"x", "w1"}, "b");
    b.node("Gemm", {"x", "w"}, "c");
    b.node("FusedConv", {"x", "w"}, "d").set_domain("com.example");
    auto& pool = b.node("MaxPool", {"x"}, "e");
    ModelBuilder::set(pool, "kernel_shape", {0, 3});
    b.node("Sum", {"after", "b", "c", "d", "e"}, "y");
    b.node("Loop", {"x"}, "unused");  // reaches no output
    b.output("y");
    const std::string message = error_of(b.bytes());
    EXPECT_THAT(message, HasSubstr("5 nodes are not supported"));
    EXPECT_THAT(message, HasSubstr("node 'a_node' (LSTM): operator not supported"));
    EXPECT_THAT(message, HasSubstr("node 'b_node' (Conv): its weights have shape [4, 3, 3] (2-D kernels only)"));
    EXPECT_THAT(message, HasSubstr("node 'c_node' (Gemm): its input has shape [1, 3, 8, 8] (2 dimensions)"));
    EXPECT_THAT(message, HasSubstr("node 'd_node' (com.example::FusedConv): operator not supported"));
    EXPECT_THAT(message, HasSubstr("node 'e_node' (MaxPool): kernel_shape 0 is out of range"));
    EXPECT_THAT(message, HasSubstr("supported: Add, AveragePool"));
    EXPECT_THAT(message, testing::Not(HasSubstr("Loop")));
}

TEST(Unsupported, WindowsThatCannotBe)
{
    const auto pool = [](const ModelBuilder::Ints& kernel, const ModelBuilder::Ints& pads) {
        ModelBuilder b({1, 1, 4, 4});
        auto& node = b.node("AveragePool", {"x"}, "y");
        ModelBuilder::set(node, "kernel_shape", kernel);
        ModelBuilder::set(node, "pads", pads);
        b.output("y");
        return error_of(b.bytes());
    };
    EXPECT_EQ(pool({2, 2}, {1, 1, 1, 1}), "no error");
    EXPECT_THAT(pool({2, 2}, {2, 0, 0, 0}), HasSubstr("wholly in the padding"));
    EXPECT_THAT(pool({5, 5}, {0, 0, 0, 0}), HasSubstr("larger than the padded input"));
    EXPECT_THAT(pool({2}, {0, 0, 0, 0}), HasSubstr("kernel_shape has 1 values"));
    EXPECT_THAT(pool({2, 2}, {-1, 0, 0, 0}), HasSubstr("pads -1 is out of range"));
}

TEST(Structure, NormalisationThatCanGoNowhereStays)
{
    ModelBuilder b({1, 4});
    b.tensor("p", {4}, {1, 1, 1, 1});
    b.node("BatchNormalization", {"x", "p", "p", "p", "p"}, "y");
    b.output("y");
    const auto graph = import(b.bytes());
    ASSERT_TRUE(graph) << graph.error().message();
    EXPECT_EQ(graph->nodes.back().op, Op::batch_normalization);
}

TEST(Unsupported, WeightsThatAreNotNumbers)
{
    ModelBuilder b({1, 1, 4, 4});
    b.tensor("w", {1, 1, 1, 1}, {__builtin_nanf("")});
    b.node("Conv", {"x", "w"}, "y");
    b.output("y");
    EXPECT_THAT(error_of(b.bytes()), HasSubstr("not finite"));
}

TEST(Dimensions, SymbolicOnesAreOneOrWhatIsNamed)
{
    ModelBuilder b({1, 3, 8, 8});
    auto* shape = b.model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape->mutable_dim(0)->set_dim_param("batch");
    shape->mutable_dim(2)->set_dim_param("height");
    b.node("Relu", {"x"}, "y");
    b.output("y");
    auto graph = import(b.bytes());
    ASSERT_TRUE(graph) << graph.error().message();
    EXPECT_EQ(graph->nodes[0].shape, (Shape{1, 3, 1, 8}));
    ImportOptions options;
    options.dimensions["height"] = 12;
    graph = import(b.bytes(), options);
    ASSERT_TRUE(graph) << graph.error().message();
    EXPECT_EQ(graph->nodes[0].shape, (Shape{1, 3, 12, 8}));
}

}  // namespace
}  // namespace lightcard::compiler
