// SPDX-License-Identifier: Apache-2.0
/// The int8 reference against arithmetic by hand, against exact integers from the fp32 executor, and as a whole
/// against fp32 on the three networks.
#include "lightcard/platform/compiler/int8_reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <random>

#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quantise.h"
#include "network_data.h"

namespace lightcard::compiler {
namespace {

QuantTensor tensor(int height, int width, int channels, bool is_signed)
{
    QuantTensor t;
    t.height = height;
    t.width = width;
    t.channels = channels;
    t.is_signed = is_signed;
    return t;
}

/// An input and one node that reads it.
QuantGraph one_node(const QuantTensor& in, const QuantNode& node)
{
    QuantGraph graph;
    QuantNode input;
    input.op = QuantOp::input;
    input.out = in;
    graph.nodes = {input, node};
    graph.nodes[1].inputs.assign(node.op == QuantOp::add ? 2 : 1, 0);
    graph.inputs = {0};
    graph.outputs = {1};
    return graph;
}

std::vector<std::int32_t> run(const QuantTensor& in, const QuantNode& node, const std::vector<int>& codes)
{
    const std::vector<std::uint8_t> bytes(codes.begin(), codes.end());
    const auto out = run_int8(one_node(in, node), bytes.data());
    EXPECT_TRUE(out) << out.error().message();
    return (*out)[0].codes;
}

TEST(Rescale, IsTheShiftOfTheCommandInterface)
{
    std::mt19937_64 random(3);
    for (int i = 0; i < 20000; ++i) {
        QuantNode node;
        node.op = QuantOp::requant;
        node.out = tensor(1, 1, 1, true);
        node.mult = static_cast<std::int32_t>(random() >> 33);
        node.shift = static_cast<std::uint8_t>(1 + random() % 62);
        node.lo = -127;
        node.hi = 127;
        const int code = static_cast<int>(random() % 255) - 127;
        const std::int64_t product = std::int64_t{code} * node.mult;
        const std::int64_t shifted = (product + (std::int64_t{1} << (node.shift - 1))) >> node.shift;
        const std::int64_t expected = std::min<std::int64_t>(127, std::max<std::int64_t>(-127, shifted));
        ASSERT_EQ(run(tensor(1, 1, 1, true), node, {code})[0], expected)
            << code << " " << node.mult << " " << +node.shift;
    }
}

TEST(Rescale, HalvesGoUp)
{
    QuantNode node;
    node.op = QuantOp::requant;
    node.out = tensor(1, 1, 4, true);
    node.mult = 1;
    node.shift = 1;
    node.lo = -127;
    node.hi = 127;
    EXPECT_EQ(run(tensor(1, 1, 4, true), node, {3, -3, 1, -1}), (std::vector<std::int32_t>{2, -1, 1, 0}));
}

TEST(Product, BiasSaturatesBeforeScaling)
{
    QuantNode node;
    node.op = QuantOp::mvm;
    node.out = tensor(1, 1, 2, true);
    node.weights = {127, -128};
    node.requant.bias = {2147483647, -2147483647 - 1};
    node.requant.multiplier = {1, 1};
    node.requant.shift = {25, 25};
    node.requant.lo = -128;
    node.requant.hi = 127;
    EXPECT_EQ(run(tensor(1, 1, 1, false), node, {255}), (std::vector<std::int32_t>{64, -64}));
    node.out.wide = true;
    EXPECT_EQ(run(tensor(1, 1, 1, false), node, {255}), (std::vector<std::int32_t>{2147483647, -2147483647 - 1}));
}

TEST(Pools, CountAndClampAndIgnoreWhatIsOutside)
{
    QuantNode pool;
    pool.op = QuantOp::average_pool;
    pool.out = tensor(2, 2, 1, true);
    pool.window.kernel_h = pool.window.kernel_w = 2;
    pool.window.pad_top = pool.window.pad_left = 1;
    pool.mult = 1 << 20;
    pool.shift = 20;
    pool.lo = -127;
    pool.hi = 127;
    pool.valid_count = true;
    EXPECT_EQ(run(tensor(2, 2, 1, true), pool, {-3, 4, -8, 9}), (std::vector<std::int32_t>{-3, 1, -5, 1}))
        << "-3; (-3+4)/2; (-3-8)/2 = -5.5 rounds up; 2/4 rounds up";
    pool.valid_count = false;
    pool.mult = 1 << 18;
    EXPECT_EQ(run(tensor(2, 2, 1, true), pool, {-3, 4, -8, 9}), (std::vector<std::int32_t>{-1, 0, -3, 1}));
    pool.op = QuantOp::max_pool;
    EXPECT_EQ(run(tensor(2, 2, 1, true), pool, {-3, -4, -8, -9}), (std::vector<std::int32_t>{-3, -3, -3, -3}));
}

TEST(Pad, PutsZerosAround)
{
    QuantNode pad;
    pad.op = QuantOp::pad;
    pad.out = tensor(2, 3, 2, true);
    pad.window.pad_top = pad.window.pad_left = 1;
    EXPECT_EQ(run(tensor(1, 2, 2, true), pad, {1, 2, 3, -4}),
              (std::vector<std::int32_t>{0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, -4}));
}

TEST(Add, BothScales)
{
    QuantNode add;
    add.op = QuantOp::add;
    add.out = tensor(1, 1, 2, false);
    add.mult = 3;
    add.mult2 = 5;
    add.shift = 4;
    EXPECT_EQ(run(tensor(1, 1, 2, true), add, {10, -10}), (std::vector<std::int32_t>{5, 0}));
}

TEST(Softmax, SumsToOneAndScales)
{
    QuantNode softmax;
    softmax.op = QuantOp::softmax;
    softmax.out = tensor(1, 1, 2, false);
    softmax.out.f32 = true;
    QuantTensor in = tensor(1, 1, 2, true);
    in.scale = 0.5;
    const std::vector<std::uint8_t> bytes{2, 0};
    const auto out = run_int8(one_node(in, softmax), bytes.data());
    ASSERT_TRUE(out);
    EXPECT_FLOAT_EQ((*out)[0].reals[0], 1 / (1 + std::exp(-1.0f)));
    EXPECT_FLOAT_EQ((*out)[0].reals[1], 1 / (1 + std::exp(1.0f)));
}

struct Geometry {
    int height, width, in, out, group;
    Window window;
};

Window window(int kh, int kw, int sh, int sw, int dh, int dw, int top, int left, int bottom, int right)
{
    Window w;
    w.kernel_h = kh, w.kernel_w = kw, w.stride_h = sh, w.stride_w = sw, w.dilation_h = dh, w.dilation_w = dw;
    w.pad_top = top, w.pad_left = left, w.pad_bottom = bottom, w.pad_right = right;
    return w;
}

class Convolution : public testing::TestWithParam<Geometry> {};

/// Whole numbers small enough are exact in fp32: the fp32 executor must give the same accumulators.
TEST_P(Convolution, EqualsTheFloatExecutorOnWholeNumbers)
{
    const Geometry g = GetParam();
    Window w = g.window;
    w.group = g.group;
    const int depth = g.in / g.group, kernel = w.kernel_h * w.kernel_w;
    const auto size = [](int in, int k, int s, int d, int pads) { return (in + pads - (k - 1) * d - 1) / s + 1; };
    const int oh = size(g.height, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top + w.pad_bottom);
    const int ow = size(g.width, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left + w.pad_right);
    std::mt19937 random(11);

    Node input, weights, conv;
    input.op = Op::input;
    input.shape = {1, g.in, g.height, g.width};
    weights.op = Op::constant;
    weights.shape = {g.out, depth, w.kernel_h, w.kernel_w};
    conv.op = Op::conv;
    conv.inputs = {0, 1};
    conv.shape = {1, g.out, oh, ow};
    conv.window = w;
    QuantNode mvm;
    mvm.op = QuantOp::mvm;
    mvm.out = tensor(oh, ow, g.out, false);
    mvm.out.wide = true;
    mvm.window = w;
    mvm.group = g.group;
    mvm.weights.resize(static_cast<std::size_t>(g.out * kernel * depth));
    mvm.requant.bias.assign(static_cast<std::size_t>(g.out), 0);
    for (int o = 0; o < g.out; ++o)
        for (int d = 0; d < depth; ++d)
            for (int k = 0; k < kernel; ++k) {
                const int value = static_cast<int>(random() % 255) - 127;
                weights.data.push_back(static_cast<float>(value));
                mvm.weights[static_cast<std::size_t>((o * kernel + k) * depth + d)] = static_cast<std::int8_t>(value);
            }
    Graph graph;
    graph.nodes = {input, weights, conv};
    graph.inputs = {0};
    graph.outputs = {2};
    QuantTensor in = tensor(g.height, g.width, g.in, true);
    QuantGraph quant = one_node(in, mvm);
    quant.nodes[1].out.channel_scale.assign(static_cast<std::size_t>(g.out), 1.0);

    std::vector<float> x(static_cast<std::size_t>(g.in * g.height * g.width));
    for (float& v : x) v = static_cast<float>(static_cast<int>(random() % 255) - 127);
    const auto expected = run_float(graph, x.data());
    const auto got = run_int8(quant, quantise_input(quant, x.data()).data());
    ASSERT_TRUE(expected && got);
    EXPECT_EQ(dequantise(quant.nodes[1].out, (*got)[0]), (*expected)[0]);
}

INSTANTIATE_TEST_SUITE_P(Geometries, Convolution,
                         testing::Values(Geometry{5, 7, 3, 4, 1, window(3, 3, 1, 1, 1, 1, 1, 1, 1, 1)},
                                         Geometry{8, 6, 4, 6, 2, window(3, 2, 2, 1, 1, 2, 0, 1, 1, 2)},
                                         Geometry{6, 6, 8, 8, 8, window(3, 3, 2, 2, 1, 1, 0, 0, 1, 1)},
                                         Geometry{6, 6, 4, 8, 4, window(5, 5, 1, 1, 1, 1, 2, 2, 2, 2)},
                                         Geometry{1, 1, 30, 9, 1, window(1, 1, 1, 1, 1, 1, 0, 0, 0, 0)},
                                         Geometry{4, 4, 5, 3, 1, window(4, 4, 1, 1, 1, 1, 0, 0, 0, 0)},
                                         Geometry{9, 9, 2, 2, 1, window(3, 3, 3, 3, 2, 2, 3, 1, 0, 2)}));

double correlation(const std::vector<float>& a, const std::vector<float>& b)
{
    double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) mean_a += a[i], mean_b += b[i];
    mean_a /= static_cast<double>(a.size());
    mean_b /= static_cast<double>(b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        ab += (a[i] - mean_a) * (b[i] - mean_b);
        aa += (a[i] - mean_a) * (a[i] - mean_a);
        bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return ab / std::sqrt(aa * bb);
}

std::vector<float> run_real(const QuantGraph& graph, const std::vector<float>& input)
{
    const auto out = run_int8(graph, quantise_input(graph, input.data()).data());
    return dequantise(graph.nodes[static_cast<std::size_t>(graph.outputs[0])].out, (*out)[0]);
}

TEST(Accuracy, LeNetWithinOnePercentOfFp32)
{
    const auto graph = import_onnx(test::data_path("lenet_mnist.onnx"));
    ASSERT_TRUE(graph);
    const auto quant = quantise(*graph, test::read_digits("mnist/calib100-images-idx3-ubyte.gz"));
    ASSERT_TRUE(quant) << quant.error().message();
    const auto digits = test::read_digits("mnist/test500-images-idx3-ubyte.gz");
    const auto labels = test::read_idx("mnist/test500-labels-idx1-ubyte.gz", 1);
    int right = 0, right_float = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        right += test::argmax(run_real(*quant, digits[i])) == labels[i];
        right_float += test::argmax(run_float(*graph, digits[i].data()).value()[0]) == labels[i];
    }
    std::cout << "right of 500: int8 " << right << ", fp32 " << right_float << "\n";
    EXPECT_GE(right, right_float - 5);
    EXPECT_GE(right_float, 490);
}

struct Network {
    const char *model, *inputs, *outputs;
    double least_logits, least_outputs;
};

class Golden : public testing::TestWithParam<Network> {};

/// Golden outputs are softmax; logits are those of the fp32 executor, which float_executor_test holds to the golden
/// ones.
TEST_P(Golden, CorrelatesWithOnnxruntime)
{
    const Network network = GetParam();
    const auto graph = import_onnx(test::data_path(network.model));
    ASSERT_TRUE(graph);
    const auto inputs = test::read_arrays(network.inputs, 7), expected = test::read_arrays(network.outputs, 7);
    const auto quant = quantise(*graph, inputs);
    ASSERT_TRUE(quant) << quant.error().message();
    const auto out = static_cast<std::size_t>(quant->outputs[0]);
    const auto logits = static_cast<std::size_t>(quant->nodes[out].inputs[0]);
    const auto float_logits =
        static_cast<std::size_t>(graph->nodes[static_cast<std::size_t>(graph->outputs[0])].inputs[0]);
    double least_logits = 1, least_outputs = 1;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto values = run_int8_trace(*quant, quantise_input(*quant, inputs[i].data()).data());
        const auto floats = run_float_trace(*graph, inputs[i].data());
        ASSERT_TRUE(values && floats);
        const auto probabilities = dequantise(quant->nodes[out].out, (*values)[out]);
        EXPECT_EQ(test::argmax(probabilities), test::argmax(expected[i])) << "image " << i;
        least_outputs = std::min(least_outputs, correlation(probabilities, expected[i]));
        least_logits = std::min(least_logits, correlation(dequantise(quant->nodes[logits].out, (*values)[logits]),
                                                          (*floats)[float_logits]));
    }
    std::cout << "least correlation of 7 images: logits " << least_logits << ", softmax " << least_outputs << "\n";
    EXPECT_GT(least_logits, network.least_logits);
    EXPECT_GT(least_outputs, network.least_outputs);
}

INSTANTIATE_TEST_SUITE_P(Networks, Golden,
                         testing::Values(Network{"resnet8_cifar10_fp32.onnx", "golden/img7_32raw.in.f32",
                                                 "golden/resnet8_cifar10_fp32.out.f32", 0.99, 0.99},
                                         Network{"mobilenetv1_025_128_fp32.onnx", "golden/img7_128.in.f32",
                                                 "golden/mobilenetv1_fp32.out.f32", 0.99, 0.98}),
                         [](const auto& network) { return std::string(network.param.model).substr(0, 6); });

}  // namespace
}  // namespace lightcard::compiler
