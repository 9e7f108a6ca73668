// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/float_executor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "lightcard/platform/compiler/onnx_import.h"
#include "network_data.h"
#include "onnx_builder.h"

namespace lightcard::compiler {
namespace {

using test::ModelBuilder;

struct Network {
    const char *model, *inputs, *outputs;
    std::size_t images;
};

class Golden : public testing::TestWithParam<Network> {};

TEST_P(Golden, MatchesOnnxruntime)
{
    const Network network = GetParam();
    const auto graph = import_onnx(test::data_path(network.model));
    ASSERT_TRUE(graph) << graph.error().message();
    const auto inputs = test::read_arrays(network.inputs, network.images);
    const auto expected = test::read_arrays(network.outputs, network.images);
    for (std::size_t i = 0; i < network.images; ++i) {
        const auto outputs = run_float(*graph, inputs[i].data());
        ASSERT_TRUE(outputs) << outputs.error().message();
        ASSERT_EQ(outputs->size(), 1u);
        ASSERT_EQ((*outputs)[0].size(), expected[i].size());
        float most = 0;
        for (float v : expected[i]) most = std::max(most, std::fabs(v));
        for (std::size_t k = 0; k < expected[i].size(); ++k)
            ASSERT_NEAR((*outputs)[0][k], expected[i][k], 1e-4 * most) << "image " << i << " output " << k;
    }
}

INSTANTIATE_TEST_SUITE_P(Networks, Golden,
                         testing::Values(Network{"lenet_mnist.onnx", "golden/mnist8.in.f32",
                                                 "golden/lenet_mnist.out.f32", 8},
                                         Network{"resnet8_cifar10_fp32.onnx", "golden/img7_32raw.in.f32",
                                                 "golden/resnet8_cifar10_fp32.out.f32", 7},
                                         Network{"mobilenetv1_025_128_fp32.onnx", "golden/img7_128.in.f32",
                                                 "golden/mobilenetv1_fp32.out.f32", 7}),
                         [](const auto& network) { return std::string(network.param.model).substr(0, 5); });

TEST(LeNet, ReadsDigits)
{
    const auto graph = import_onnx(test::data_path("lenet_mnist.onnx"));
    ASSERT_TRUE(graph) << graph.error().message();
    const auto digits = test::read_digits("mnist/test500-images-idx3-ubyte.gz");
    const auto labels = test::read_idx("mnist/test500-labels-idx1-ubyte.gz", 1);
    ASSERT_EQ(digits.size(), 500u);
    std::size_t right = 0;
    for (std::size_t i = 0; i < digits.size(); ++i)
        right += test::argmax(run_float(*graph, digits[i].data()).value()[0]) == labels[i];
    EXPECT_GE(right, 485u);
    RecordProperty("right_of_500", static_cast<int>(right));
}

/// Runs a model on 0, 1, 2, ... / 10 - 3.
std::vector<float> run(const ModelBuilder& builder, bool folded = true)
{
    ImportOptions options;
    options.fold = folded;
    const std::string bytes = builder.bytes();
    const auto graph = import_onnx(bytes.data(), bytes.size(), options);
    EXPECT_TRUE(graph) << graph.error().message();
    if (!graph) return {};
    std::vector<float> input(
        static_cast<std::size_t>(element_count(graph->nodes[static_cast<std::size_t>(graph->inputs[0])].shape)));
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i) / 10 - 3;
    const auto outputs = run_float(*graph, input.data());
    EXPECT_TRUE(outputs) << outputs.error().message();
    return outputs ? (*outputs)[0] : std::vector<float>{};
}

std::vector<float> ramp(std::size_t count, float step = 0.125f)
{
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = step * static_cast<float>(static_cast<int>(i * 7 % 11) - 5);
    return values;
}

TEST(Fold, KeepsTheFunctionOfConvolutionNormalisationAndBias)
{
    ModelBuilder b({1, 4, 5, 5});
    b.tensor("w", {6, 2, 3, 3}, ramp(108));
    b.tensor("scale", {6}, ramp(6));
    b.tensor("bias", {6}, ramp(6, 0.5f));
    b.tensor("mean", {6}, ramp(6, 0.25f));
    b.tensor("var", {6}, {1, 2, 3, 0.5f, 0.25f, 4});
    b.tensor("c", {1, 6, 1, 1}, ramp(6));
    auto& conv = b.node("Conv", {"x", "w"}, "a");
    ModelBuilder::set(conv, "group", 2);
    ModelBuilder::set(conv, "pads", {1, 0, 0, 2});
    ModelBuilder::set(conv, "strides", {1, 2});
    b.node("Add", {"c", "a"}, "biased");
    b.node("Identity", {"biased"}, "same");
    b.node("BatchNormalization", {"same", "scale", "bias", "mean", "var"}, "normal");
    b.node("Relu", {"normal"}, "y");
    b.output("y");
    const auto plain = run(b, false), folded = run(b);
    ASSERT_EQ(plain.size(), 6u * 4 * 3);
    ASSERT_EQ(folded.size(), plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(folded[i], plain[i], 1e-4) << i;
    const std::string bytes = b.bytes();
    const auto graph = import_onnx(bytes.data(), bytes.size());
    EXPECT_EQ(graph->nodes.size(), 5u) << "two constants, input, Conv, Relu";
}

TEST(Fold, SharedConvolutionBecomesDepthwise)
{
    ModelBuilder b({1, 2, 3, 3});
    b.tensor("w", {2, 2, 1, 1}, {1, 2, 3, 4});
    b.tensor("v", {2}, {2, 3});
    b.tensor("one", {2}, {1, 1});
    b.node("Conv", {"x", "w"}, "a");
    b.node("BatchNormalization", {"a", "v", "v", "v", "one"}, "n");
    b.node("Add", {"a", "n"}, "y");
    b.output("y");
    const auto plain = run(b, false), folded = run(b);
    ASSERT_EQ(folded.size(), 18u);
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(folded[i], plain[i], 1e-4) << i;
}

TEST(Operators, ConvolutionByHand)
{
    ModelBuilder b({1, 1, 3, 3});
    b.tensor("w", {1, 1, 2, 2}, {1, 2, 3, 4});
    auto& conv = b.node("Conv", {"x", "w"}, "y");
    ModelBuilder::set(conv, "dilations", {2, 2});
    ModelBuilder::set(conv, "pads", {1, 1, 1, 1});
    b.output("y");
    // x = -3.0 .. -2.2; position (0,0) sees only x[1][1] with weight 4; (1,1) the corners of x.
    const auto y = run(b);
    ASSERT_EQ(y.size(), 9u);
    EXPECT_NEAR(y[0], 4 * -2.6f, 1e-5);
    EXPECT_NEAR(y[4], -3.0f + 2 * -2.8f + 3 * -2.4f + 4 * -2.2f, 1e-5);
    EXPECT_NEAR(y[8], -2.6f, 1e-5);
}

TEST(Operators, AutoPadPutsTheOddPixelWhereItIsTold)
{
    for (const char* mode : {"SAME_UPPER", "SAME_LOWER"}) {
        ModelBuilder b({1, 1, 4, 4});
        auto& pool = b.node("MaxPool", {"x"}, "y");
        ModelBuilder::set(pool, "kernel_shape", {2, 2});
        ModelBuilder::set_text(pool, "auto_pad", mode);
        b.output("y");
        const auto y = run(b);
        ASSERT_EQ(y.size(), 16u);
        EXPECT_NEAR(y[0], mode[5] == 'U' ? -2.5f : -3.0f, 1e-5);
    }
}

TEST(Operators, AveragePoolCountsWhatItIsTold)
{
    for (const int include : {0, 1}) {
        ModelBuilder b({1, 1, 2, 2});
        auto& pool = b.node("AveragePool", {"x"}, "y");
        ModelBuilder::set(pool, "kernel_shape", {2, 2});
        ModelBuilder::set(pool, "pads", {1, 1, 0, 0});
        ModelBuilder::set(pool, "count_include_pad", include);
        b.output("y");
        const auto y = run(b);
        ASSERT_EQ(y.size(), 4u);
        EXPECT_NEAR(y[0], include ? -3.0f / 4 : -3.0f, 1e-5);
        EXPECT_NEAR(y[3], (-3.0f - 2.9f - 2.8f - 2.7f) / 4, 1e-5);
    }
}

TEST(Operators, CeilModeAddsThePartialWindow)
{
    ModelBuilder b({1, 1, 1, 5});
    auto& pool = b.node("MaxPool", {"x"}, "y");
    ModelBuilder::set(pool, "kernel_shape", {1, 2});
    ModelBuilder::set(pool, "strides", {1, 2});
    ModelBuilder::set(pool, "ceil_mode", 1);
    b.output("y");
    EXPECT_EQ(run(b).size(), 3u);
}

TEST(Operators, GemmWithAllItsAttributes)
{
    ModelBuilder b({1, 3});
    b.tensor("w", {3, 2}, {1, 2, 3, 4, 5, 6});
    b.tensor("c", {1, 2}, {10, 20});
    auto& gemm = b.node("Gemm", {"x", "w", "c"}, "y");
    ModelBuilder::set_real(gemm, "alpha", 2);
    ModelBuilder::set_real(gemm, "beta", 0.5f);
    b.output("y");
    const auto y = run(b);  // x = -3, -2.9, -2.8
    ASSERT_EQ(y.size(), 2u);
    EXPECT_NEAR(y[0], 2 * (-3.0f - 8.7f - 14.0f) + 5, 1e-4);
    EXPECT_NEAR(y[1], 2 * (-6.0f - 11.6f - 16.8f) + 10, 1e-4);
}

TEST(Operators, ShapeArithmeticOfExportersFolds)
{
    ModelBuilder b({8, 2, 3, 3});  // exported with a batch of 8
    b.integers("axis", {0});
    b.integers("rest", {-1});
    b.node("Shape", {"x"}, "shape");
    b.node("Gather", {"shape", "axis"}, "batch");
    b.node("Concat", {"batch", "rest"}, "target");
    b.node("Reshape", {"x", "target"}, "flat");
    b.node("Softmax", {"flat"}, "y");
    b.output("y");
    const auto y = run(b);
    ASSERT_EQ(y.size(), 18u);
    EXPECT_NEAR(std::accumulate(y.begin(), y.end(), 0.0), 1.0, 1e-5);
}

TEST(Operators, MeanPadClipAndSum)
{
    ModelBuilder b({1, 2, 2, 2}, 9);
    auto& pad = b.node("Pad", {"x"}, "p");
    ModelBuilder::set(pad, "pads", {0, 0, 1, 0, 0, 0, 0, 1});
    auto& clip = b.node("Clip", {"p"}, "c");
    ModelBuilder::set_real(clip, "min", -2.75f);
    b.node("Sum", {"c", "p", "c"}, "s");
    auto& mean = b.node("ReduceMean", {"s"}, "y");
    ModelBuilder::set(mean, "axes", {-1, -2});
    ModelBuilder::set(mean, "keepdims", 0);
    b.output("y");
    const auto y = run(b);
    ASSERT_EQ(y.size(), 2u);  // -3.0 -2.9 -2.8 -2.7 and five zeros: 3 x 3
    EXPECT_NEAR(y[0], (2 * (-2.75f * 3 - 2.7f) + (-3.0f - 2.9f - 2.8f - 2.7f)) / 9, 1e-5);
}

}  // namespace
}  // namespace lightcard::compiler
