// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/layer_loss.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quant_numbers.h"
#include "network_data.h"
#include "onnx_builder.h"

namespace lightcard::compiler {
namespace {

using test::ModelBuilder;
using testing::HasSubstr;

Graph graph_of(const ModelBuilder& builder)
{
    const std::string bytes = builder.bytes();
    auto graph = import_onnx(bytes.data(), bytes.size());
    EXPECT_TRUE(graph) << graph.error().message();
    return graph ? *graph : Graph{};
}

std::vector<std::vector<float>> samples_of(const Graph& graph, double low, double high, std::size_t count = 8)
{
    std::mt19937 random(5);
    std::uniform_real_distribution<float> uniform(static_cast<float>(low), static_cast<float>(high));
    const Shape& shape = graph.nodes[static_cast<std::size_t>(graph.inputs[0])].shape;
    std::vector<std::vector<float>> samples(count, std::vector<float>(static_cast<std::size_t>(element_count(shape))));
    for (auto& sample : samples)
        for (float& v : sample) v = uniform(random);
    return samples;
}

std::vector<float> random_values(std::size_t count, unsigned seed)
{
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, 0.5f);
    std::vector<float> values(count);
    for (float& v : values) v = normal(random);
    return values;
}

/// Largest difference between int8 and fp32 over the samples, as a fraction of the largest fp32 value.
double worst_error(const Graph& graph, const QuantGraph& quant, const std::vector<std::vector<float>>& samples)
{
    double worst = 0, most = 0;
    for (const auto& sample : samples) {
        const auto expected = run_float(graph, sample.data());
        const auto got = run_int8(quant, quantise_input(quant, sample.data()).data());
        for (std::size_t o = 0; o < quant.outputs.size(); ++o) {
            const auto real = dequantise(quant.nodes[static_cast<std::size_t>(quant.outputs[o])].out, (*got)[o]);
            EXPECT_EQ(real.size(), (*expected)[o].size());
            for (std::size_t i = 0; i < real.size(); ++i) {
                worst = std::max(worst, std::fabs(static_cast<double>(real[i]) - (*expected)[o][i]));
                most = std::max(most, std::fabs(static_cast<double>((*expected)[o][i])));
            }
        }
    }
    return worst / most;
}

std::vector<QuantOp> operators(const QuantGraph& graph)
{
    std::vector<QuantOp> out;
    for (const auto& node : graph.nodes) out.push_back(node.op);
    return out;
}

TEST(Numbers, FactorsHoldThirtyBits)
{
    std::mt19937_64 random(1);
    for (int i = 0; i < 10000; ++i) {
        const double factor = std::exp(std::uniform_real_distribution<>(-20, 20)(random));
        const Factor f = to_factor(factor);
        ASSERT_GE(f.shift, 1);
        ASSERT_LE(f.shift, 62);
        ASSERT_GE(f.multiplier, 1 << 30);
        ASSERT_NEAR(std::ldexp(f.multiplier, -f.shift) / factor, 1, std::ldexp(1, -30));
    }
    EXPECT_EQ(to_factor(0).multiplier, 0);
    EXPECT_EQ(to_factor(1e-30).multiplier, 0);
    EXPECT_EQ(to_factor(1e30).multiplier, 2147483647);
    const FactorPair pair = to_factors(0.5, 0.001);
    EXPECT_NEAR(std::ldexp(pair.second, -pair.shift), 0.001, 1e-9);
    EXPECT_NEAR(std::ldexp(pair.first, -pair.shift), 0.5, 1e-9);
}

TEST(Numbers, LargeBiasOnSmallWeightsStaysInRange)
{
    ProductWeights product;
    product.weights = {1e-9f, -1e-9f, 0, 0};
    product.bias = {5.0f, -3.0f};
    product.row = 2;
    const ProductCodes codes = to_codes(product, 0.01, false);
    for (std::size_t o = 0; o < 2; ++o) {
        EXPECT_LE(std::abs(static_cast<std::int64_t>(codes.bias[o])), (1 << 30) + 1);
        EXPECT_NEAR(codes.bias[o] * codes.scale[o] * 0.01, product.bias[o], 1e-6);
    }
}

TEST(Numbers, BiasTakesBackTheMeanErrorOfRounding)
{
    ProductWeights product;
    product.weights = {1.0f, 0.3f, 0.7f, 1.0f};  // two groups of one output and two inputs
    product.bias = {0.5f, -0.5f};
    product.row = 2;
    product.group = 2;
    product.mean = {10, 20, 30, 40};
    const ProductCodes codes = to_codes(product, 1e-6, false);
    for (std::size_t o = 0; o < 2; ++o) {
        const auto at_mean = [&](auto weight) {
            return weight(2 * o) * product.mean[2 * o] + weight(2 * o + 1) * product.mean[2 * o + 1];
        };
        const double real = at_mean([&](std::size_t i) { return double(product.weights[i]); }) + product.bias[o];
        const double rounded = at_mean([&](std::size_t i) { return codes.weights[i] * codes.scale[o]; });
        EXPECT_GT(std::fabs(real - product.bias[o] - rounded), 0.01) << "rounding moves this mean";
        EXPECT_NEAR(rounded + codes.bias[o] * codes.scale[o] * 1e-6, real, 1e-5);
    }
}

TEST(LeNet, BecomesEightNodes)
{
    const auto graph = import_onnx(test::data_path("lenet_mnist.onnx"));
    const auto quant = quantise(*graph, test::read_digits("mnist/calib100-images-idx3-ubyte.gz"));
    ASSERT_TRUE(quant) << quant.error().message();
    using Q = QuantOp;
    EXPECT_EQ(operators(*quant),
              (std::vector<Q>{Q::input, Q::mvm, Q::average_pool, Q::mvm, Q::average_pool, Q::mvm, Q::mvm, Q::mvm}));
    EXPECT_NEAR(quant->nodes[0].out.scale, 1.0 / 255, 1e-9);
    for (std::size_t i = 0; i + 1 < quant->nodes.size(); ++i) EXPECT_FALSE(quant->nodes[i].out.is_signed);
    EXPECT_EQ(quant->nodes[5].window.kernel_h, 5) << "the first Gemm reads 5x5x16 where it lies";
    EXPECT_TRUE(quant->nodes[7].out.wide);
    EXPECT_EQ(quant->nodes[7].out.channel_scale.size(), 10u);
    EXPECT_EQ(quant->nodes[5].tile_rms.size(), 4u * 120) << "400 rows are 4 tiles of 128";
}

TEST(MobileNet, ClipToSixIsExactAndSoftmaxHasOneScale)
{
    const auto graph = import_onnx(test::data_path("mobilenetv1_025_128_fp32.onnx"));
    const auto quant = quantise(*graph, test::read_arrays("golden/img7_128.in.f32", 7));
    ASSERT_TRUE(quant) << quant.error().message();
    EXPECT_TRUE(quant->nodes[0].out.is_signed);
    EXPECT_DOUBLE_EQ(quant->nodes[1].out.scale, 6.0 / 255);
    EXPECT_EQ(quant->nodes[1].requant.hi, 255);
    EXPECT_EQ(quant->nodes[2].group, 8);
    EXPECT_EQ(quant->nodes[2].tile_rms.size(), 8u) << "a depthwise column lies in one tile";
    const QuantNode& last = quant->nodes[quant->nodes.size() - 2];
    ASSERT_TRUE(last.out.wide);
    for (double scale : last.out.channel_scale) EXPECT_EQ(scale, last.out.channel_scale[0]);
    EXPECT_EQ(quant->nodes.back().op, QuantOp::softmax);
}

TEST(Fusion, PadMovesIntoConvolutionAndAverage)
{
    ModelBuilder b({1, 2, 6, 6});
    b.tensor("w", {3, 2, 3, 3}, random_values(54, 1));
    b.integers("pads", {0, 0, 1, 0, 0, 0, 2, 1});
    b.node("Pad", {"x", "pads"}, "p");
    b.node("Conv", {"p", "w"}, "c");
    b.node("Relu", {"c"}, "r");
    b.node("Pad", {"r", "pads"}, "q");
    auto& pool = b.node("AveragePool", {"q"}, "y");
    ModelBuilder::set(pool, "kernel_shape", {2, 2});
    b.output("y");
    const Graph graph = graph_of(b);
    const auto samples = samples_of(graph, -1, 1);
    const auto quant = quantise(graph, samples);
    ASSERT_TRUE(quant) << quant.error().message();
    EXPECT_EQ(operators(*quant), (std::vector<QuantOp>{QuantOp::input, QuantOp::mvm, QuantOp::average_pool}));
    EXPECT_EQ(quant->nodes[1].window.pad_bottom, 2);
    EXPECT_LT(worst_error(graph, *quant, samples), 0.02);
}

TEST(Fusion, PadBeforeMaxPoolStaysANode)
{
    ModelBuilder b({1, 2, 6, 6});
    b.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
    b.node("Pad", {"x", "pads"}, "p");
    auto& pool = b.node("MaxPool", {"p"}, "y");
    ModelBuilder::set(pool, "kernel_shape", {2, 2});
    b.output("y");
    const Graph graph = graph_of(b);
    const auto samples = samples_of(graph, -1, -0.5);
    const auto quant = quantise(graph, samples);
    ASSERT_TRUE(quant) << quant.error().message();
    EXPECT_EQ(operators(*quant), (std::vector<QuantOp>{QuantOp::input, QuantOp::pad, QuantOp::max_pool}));
    EXPECT_LT(worst_error(graph, *quant, samples), 0.01);
}

TEST(Fusion, ReluWithASecondReaderBecomesANode)
{
    ModelBuilder b({1, 4, 3, 3});
    b.tensor("w", {4, 4, 1, 1}, random_values(16, 2));
    b.node("Conv", {"x", "w"}, "c");
    b.node("Relu", {"c"}, "r");
    b.node("Add", {"c", "r"}, "s");
    b.node("Clip", {"s", "low", "high"}, "y");
    b.tensor("low", {}, {-0.75f});
    b.tensor("high", {}, {2.5f});
    b.output("y");
    const Graph graph = graph_of(b);
    const auto samples = samples_of(graph, -1, 1);
    const auto quant = quantise(graph, samples);
    ASSERT_TRUE(quant) << quant.error().message();
    EXPECT_EQ(operators(*quant), (std::vector<QuantOp>{QuantOp::input, QuantOp::mvm, QuantOp::requant, QuantOp::add}));
    EXPECT_TRUE(quant->nodes[1].out.is_signed);
    EXPECT_FALSE(quant->nodes[2].out.is_signed);
    EXPECT_TRUE(quant->nodes[3].out.is_signed);
    EXPECT_LT(worst_error(graph, *quant, samples), 0.03);
}

TEST(Operators, EverythingInOneNetworkStaysCloseToFp32)
{
    ModelBuilder b({1, 4, 9, 9});
    b.tensor("w1", {8, 4, 3, 3}, random_values(288, 3));
    b.tensor("b1", {8}, random_values(8, 4));
    b.tensor("w2", {8, 2, 3, 3}, random_values(144, 5));
    b.tensor("w3", {5, 128}, random_values(640, 6));
    b.tensor("b3", {5}, random_values(5, 7));
    b.tensor("scale", {8}, {1, 2, 0.5f, 1, 1.5f, 1, 0.75f, 1});
    b.tensor("zero", {8}, std::vector<float>(8, 0.1f));
    b.tensor("var", {8}, std::vector<float>(8, 4));
    auto& c1 = b.node("Conv", {"x", "w1", "b1"}, "c1");
    ModelBuilder::set(c1, "pads", {1, 1, 1, 1});
    b.node("Relu", {"c1"}, "r1");
    auto& c2 = b.node("Conv", {"r1", "w2"}, "c2");
    ModelBuilder::set(c2, "pads", {1, 1, 1, 1});
    ModelBuilder::set(c2, "group", 4);
    b.node("BatchNormalization", {"c2", "scale", "zero", "zero", "var"}, "n2");
    b.node("Add", {"n2", "r1"}, "sum");
    b.node("Relu", {"sum"}, "r2");
    auto& average = b.node("AveragePool", {"r2"}, "a");
    ModelBuilder::set(average, "kernel_shape", {3, 3});
    ModelBuilder::set(average, "strides", {2, 2});
    ModelBuilder::set(average, "pads", {1, 1, 1, 1});
    auto& most = b.node("MaxPool", {"a"}, "m");
    ModelBuilder::set(most, "kernel_shape", {2, 2});
    b.node("Flatten", {"m"}, "f");
    auto& gemm = b.node("Gemm", {"f", "w3", "b3"}, "y");
    ModelBuilder::set(gemm, "transB", 1);
    b.output("y");
    const Graph graph = graph_of(b);
    const auto samples = samples_of(graph, -1, 1, 16);
    const auto quant = quantise(graph, samples);
    ASSERT_TRUE(quant) << quant.error().message();
    EXPECT_TRUE(quant->nodes[4].valid_count);
    EXPECT_LT(worst_error(graph, *quant, samples), 0.02);
}

TEST(Rms, TilesAddUpToTheAccumulator)
{
    ModelBuilder b({1, 5, 1, 1});
    b.tensor("w", {3, 5, 1, 1}, random_values(15, 8));
    b.node("Conv", {"x", "w"}, "y");
    b.output("y");
    const Graph graph = graph_of(b);
    const auto samples = samples_of(graph, -1, 1, 6);
    QuantOptions options;
    options.tile_rows = 2;
    const auto quant = quantise(graph, samples, options);
    ASSERT_TRUE(quant) << quant.error().message();
    const QuantNode& node = quant->nodes[1];
    ASSERT_EQ(node.tile_rms.size(), 9u);
    for (std::size_t o = 0; o < 3; ++o) {
        double whole = 0, middle = 0;
        for (const auto& sample : samples) {
            const auto bytes = quantise_input(*quant, sample.data());
            const auto product = [&](std::size_t k) {
                return double(static_cast<std::int8_t>(bytes[k])) * node.weights[o * 5 + k];
            };
            whole += std::pow(product(0) + product(1) + product(2) + product(3) + product(4), 2);
            middle += std::pow(product(2) + product(3), 2);
        }
        EXPECT_NEAR(node.column_rms[o], std::sqrt(whole / 6), 1e-9);
        EXPECT_NEAR(node.tile_rms[1 * 3 + o], std::sqrt(middle / 6), 1e-9);
    }
}

TEST(Calibration, PercentileIgnoresTheOutlier)
{
    ModelBuilder b({1, 1, 100, 100});
    b.node("Identity", {"x"}, "i");
    b.tensor("w", {1, 1, 1, 1}, {1});
    b.node("Conv", {"i", "w"}, "y");
    b.output("y");
    const Graph graph = graph_of(b);
    auto samples = samples_of(graph, 0, 1, 1);
    samples[0][77] = 1000;
    QuantOptions options;
    options.calibration = {CalibrationMethod::percentile, 99.9};
    const auto narrow = quantise(graph, samples, options), wide = quantise(graph, samples);
    ASSERT_TRUE(narrow && wide);
    EXPECT_NEAR(wide->nodes[0].out.scale * 255, 1000, 1e-3);
    EXPECT_NEAR(narrow->nodes[0].out.scale * 255, 1, 0.3);
}

TEST(Calibration, LeastErrorLiesBetweenTheBulkAndTheOutlier)
{
    ModelBuilder b({1, 1, 100, 100});
    b.node("Identity", {"x"}, "i");
    b.tensor("w", {1, 1, 1, 1}, {1});
    b.node("Conv", {"i", "w"}, "y");
    b.output("y");
    const Graph graph = graph_of(b);
    auto samples = samples_of(graph, 0, 1, 1);
    samples[0][77] = 20;
    const auto error = [&](const CalibrationOptions& options) {
        QuantOptions quantisation;
        quantisation.calibration = options;
        const auto quant = quantise(graph, samples, quantisation);
        EXPECT_TRUE(quant);
        const auto bytes = quantise_input(*quant, samples[0].data());
        double sum = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i)
            sum += std::pow(bytes[i] * quant->nodes[0].out.scale - samples[0][i], 2);
        return sum;
    };
    const double all = error({}), least = error({CalibrationMethod::mse, 100});
    EXPECT_LT(least, 0.99 * all);  // by hand: 10,000 (L / 255)^2 / 12 + (20 - L)^2 is least at 19.75
    for (const double percentile : {99.0, 99.9, 99.99})
        EXPECT_LE(least, 1.02 * error({CalibrationMethod::percentile, percentile})) << percentile;
    EXPECT_FALSE(to_calibration_method("entropy"));
    EXPECT_EQ(*to_calibration_method("mse"), CalibrationMethod::mse);
}

/// Ranges that were measured before give the same network as the samples they come from; those of another are refused.
TEST(Calibration, RangesMayBeMeasuredBefore)
{
    ModelBuilder b({1, 5, 1, 1});
    b.tensor("w", {3, 5, 1, 1}, random_values(15, 8));
    b.node("Conv", {"x", "w"}, "y");
    b.output("y");
    const Graph graph = graph_of(b);
    const auto samples = samples_of(graph, -1, 1, 6);
    const auto ranges = calibrate(graph, samples);
    ASSERT_TRUE(ranges);
    QuantOptions options;
    options.ranges = &*ranges;
    const auto before = quantise(graph, {}, options), now = quantise(graph, samples);
    ASSERT_TRUE(before && now);
    EXPECT_EQ(before->nodes[1].weights, now->nodes[1].weights);
    EXPECT_EQ(before->nodes[1].requant.bias, now->nodes[1].requant.bias);
    EXPECT_EQ(before->nodes[0].out.scale, now->nodes[0].out.scale);
    EXPECT_TRUE(before->nodes[1].tile_rms.empty());
    const std::vector<Range> other(1);
    options.ranges = &other;
    EXPECT_FALSE(quantise(graph, samples, options));
}

/// 8 bit cost a layer next to nothing, and what a later layer is does not count.
TEST(LayerLoss, IsTheLayersOwn)
{
    const auto loss = [](float last) {
        ModelBuilder b({1, 4, 6, 6});
        b.tensor("w1", {4, 4, 1, 1}, random_values(16, 2));
        b.node("Conv", {"x", "w1"}, "a");
        b.node("Relu", {"a"}, "r");
        auto values = random_values(16, 3);
        values[3] = last;
        b.tensor("w2", {4, 4, 1, 1}, values);
        b.node("Conv", {"r", "w2"}, "y");
        b.output("y");
        const Graph graph = graph_of(b);
        const auto samples = samples_of(graph, -1, 1, 4);
        const auto quant = quantise(graph, samples);
        EXPECT_TRUE(quant);
        const auto result = quantisation_loss(graph, *quant, samples);
        EXPECT_TRUE(result);
        return *result;
    };
    const auto good = loss(0.5f), bad = loss(1000.0f);
    ASSERT_EQ(good.size(), 2u);
    for (const auto& [name, variance] : good) {
        EXPECT_GT(variance, 0) << name;
        EXPECT_LT(variance, 1e-3) << name;
    }
    EXPECT_EQ(good.begin()->second, bad.begin()->second);
}

TEST(Input, IsTransposedRoundedAndSaturated)
{
    QuantGraph graph;
    graph.nodes.resize(1);
    graph.inputs = {0};
    graph.nodes[0].out.channels = 2;
    graph.nodes[0].out.width = 2;
    graph.nodes[0].out.scale = 0.5;
    const float input[] = {1, 2.3f, -5, 1000};  // channel 0: 1 2.3, channel 1: -5 1000
    EXPECT_EQ(quantise_input(graph, input), (std::vector<std::uint8_t>{2, 0, 5, 255}));
    graph.nodes[0].out.is_signed = true;
    EXPECT_EQ(quantise_input(graph, input), (std::vector<std::uint8_t>{2, 246, 5, 127}));
    const auto back = from_bytes(graph.nodes[0].out, quantise_input(graph, input).data(), 4);
    EXPECT_EQ(dequantise(graph.nodes[0].out, *back), (std::vector<float>{1, 2.5f, -5, 63.5f}));
    EXPECT_FALSE(from_bytes(graph.nodes[0].out, nullptr, 3));
}

std::string error_of(const ModelBuilder& builder)
{
    const Graph graph = graph_of(builder);
    const auto quant = quantise(graph, samples_of(graph, -1, 1, 2));
    return quant ? "no error" : quant.error().message();
}

/// x -> Conv 1x1 -> QuantizeLinear -> DequantizeLinear -> Relu -> Conv 1x1, the pair with the given zero point.
Result<QuantGraph> quantised_before(std::int32_t zero, bool is_signed)
{
    ModelBuilder b({1, 1, 2, 2});
    b.tensor("w", {1, 1, 1, 1}, {1});
    b.tensor("s", {}, {0.5f});
    b.byte("z", zero, is_signed);
    b.node("Conv", {"x", "w"}, "a");
    b.node("QuantizeLinear", {"a", "s", "z"}, "q");
    b.node("DequantizeLinear", {"q", "s", "z"}, "d");
    b.node("Conv", {"d", "w"}, "y");
    b.output("y");
    const std::string bytes = b.bytes();
    const auto graph = import_onnx(bytes.data(), bytes.size());
    if (!graph) return graph.error();
    return quantise(*graph, {{-1, 0, 2, 3}});
}

TEST(QuantisedBefore, CodesAreTakenAsGivenWhereTheyFit)
{
    struct {
        std::int32_t zero;
        bool is_signed, expect_signed;
    } const cases[] = {{0, false, false}, {-128, true, false}, {0, true, true}, {128, false, true}};
    for (const auto& c : cases) {
        const auto quant = quantised_before(c.zero, c.is_signed);
        ASSERT_TRUE(quant) << quant.error().message();
        ASSERT_EQ(quant->nodes.size(), 3u) << "input and two products";
        EXPECT_EQ(quant->nodes[1].out.scale, 0.5);
        EXPECT_EQ(quant->nodes[1].out.is_signed, c.expect_signed) << c.zero;
        ASSERT_EQ(quant->notes.size(), 1u);
    }
}

TEST(QuantisedBefore, OtherZeroPointsTakeASymmetricScaleAndSaySo)
{
    const auto quant = quantised_before(83, true);
    ASSERT_TRUE(quant) << quant.error().message();
    const QuantTensor& tensor = quant->nodes[1].out;
    EXPECT_TRUE(tensor.is_signed);
    EXPECT_NEAR(tensor.scale, (128 + 83) * 0.5 / 127, 1e-9);
    ASSERT_EQ(quant->notes.size(), 1u);
    EXPECT_NE(quant->notes[0].find("zero point"), std::string::npos);
}

TEST(QuantisedBefore, KeywordsAreSpotted)
{
    const auto graph = import_onnx(test::data_path("kws_dscnn_qdq.onnx"));
    ASSERT_TRUE(graph) << graph.error().message();
    const std::vector<char> codes = test::read_bytes("kws/samples100.s8"),
                            labels = test::read_bytes("kws/labels100.u8");
    std::vector<std::vector<float>> samples(100, std::vector<float>(490));
    for (std::size_t i = 0; i < 49000; ++i)
        samples[i / 490][i % 490] = (static_cast<float>(codes[i]) - 83.0f) * 0.5847029f;
    const auto quant = quantise(*graph, {samples.begin(), samples.begin() + 10});
    ASSERT_TRUE(quant) << quant.error().message();
    int right = 0, same = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const auto result = run_int8(*quant, quantise_input(*quant, samples[i].data()).data());
        ASSERT_TRUE(result);
        const auto& tensor = quant->nodes[static_cast<std::size_t>(quant->outputs[0])].out;
        const std::size_t guess = test::argmax(dequantise(tensor, (*result)[0]));
        right += guess == static_cast<std::size_t>(labels[i]);
        same += guess == test::argmax((*run_float(*graph, samples[i].data()))[0]);
    }
    EXPECT_GE(right, 85);
    EXPECT_GE(same, 95);
}

TEST(Refused, ProductThatOverflows)
{
    ModelBuilder b({1, 70000});
    b.tensor("w", {1, 70000}, std::vector<float>(70000, 1));
    auto& gemm = b.node("Gemm", {"x", "w"}, "y");
    ModelBuilder::set(gemm, "transB", 1);
    b.output("y");
    EXPECT_THAT(error_of(b), HasSubstr("overflow 32-bit sums"));
}

TEST(Refused, SamplesThatDoNotFit)
{
    ModelBuilder b({1, 4});
    b.node("Relu", {"x"}, "y");
    b.output("y");
    const Graph graph = graph_of(b);
    EXPECT_THAT(quantise(graph, {}).error().message(), HasSubstr("at least one sample"));
    EXPECT_THAT(quantise(graph, {{1, 2}}).error().message(), HasSubstr("4 values"));
    EXPECT_THAT(quantise(graph, {{1, 2, 3, __builtin_nanf("")}}).error().message(), HasSubstr("not finite"));
    QuantOptions options;
    options.calibration.percentile = 0;
    EXPECT_FALSE(quantise(graph, {{1, 2, 3, 4}}, options));
}

}  // namespace
}  // namespace lightcard::compiler
