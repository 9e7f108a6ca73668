// SPDX-License-Identifier: Apache-2.0
/// Networks beyond image classifiers: attention, normalisation, tables, views, broadcasts. Each small network's int8
/// form must stay close to fp32; its program, run record by record, must give the int8 reference's bytes, in the order
/// it is issued and in others that the wait masks allow.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/numerics.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quantise.h"
#include "lightcard/tb/unit/network_data.h"
#include "lightcard/tb/unit/onnx_builder.h"
#include "lightcard/tb/unit/record_machine.h"
#include "lightcard/tb/unit/shared_data.h"

namespace lightcard::compiler {
namespace {

using test::ModelBuilder;
using Ints = ModelBuilder::Ints;

/// ModelBuilder with random weights.
class Model : public ModelBuilder {
public:
    using ModelBuilder::ModelBuilder;
    void weights(const std::string& name, const Ints& dims, float scale = 0.3f, float shift = 0)
    {
        std::int64_t count = 1;
        for (const auto dim : dims) count *= dim;
        std::normal_distribution<float> normal;
        std::vector<float> values(static_cast<std::size_t>(count));
        for (float& value : values) value = normal(random_) * scale + shift;
        tensor(name, dims, values);
    }
    void reshape(const std::string& x, const Ints& to, const std::string& y)
    {
        integers(y + "_shape", to);
        node("Reshape", {x, y + "_shape"}, y);
    }
    void transpose(const std::string& x, const Ints& axes, const std::string& y)
    {
        set(node("Transpose", {x}, y), "perm", axes);
    }
    void norm(const std::string& x, std::int64_t width, const std::string& y)
    {
        weights(y + "_g", {width}, 0.1f, 1);
        weights(y + "_b", {width}, 0.1f);
        set(node("LayerNormalization", {x, y + "_g", y + "_b"}, y), "axis", std::int64_t{-1});
    }
    void linear(const std::string& x, std::int64_t in, std::int64_t out, const std::string& y)
    {
        weights(y + "_w", {in, out}, 1.0f / std::sqrt(static_cast<float>(in)));
        node("MatMul", {x, y + "_w"}, y);
    }

private:
    std::mt19937 random_{7};
};

struct Case {
    const char* name;
    Model (*build)();
    double error;  ///< of int8 against fp32, rms over rms
};

std::vector<std::vector<float>> random_samples(const Graph& graph, std::size_t count)
{
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    const auto size = element_count(graph.nodes[static_cast<std::size_t>(graph.inputs[0])].shape);
    std::vector<std::vector<float>> samples(count, std::vector<float>(static_cast<std::size_t>(size)));
    for (auto& sample : samples)
        for (float& value : sample) value = normal(random);
    return samples;
}

class Sequence : public testing::TestWithParam<Case> {};

TEST_P(Sequence, Int8StaysCloseToFp32)
{
    const std::string bytes = GetParam().build().bytes();
    const auto graph = import_onnx(bytes.data(), bytes.size());
    ASSERT_TRUE(graph) << graph.error().message();
    const auto samples = random_samples(*graph, 8);
    const auto quant = quantise(*graph, samples);
    ASSERT_TRUE(quant) << quant.error().message();
    for (std::size_t o = 0; o < quant->outputs.size(); ++o) {
        double error = 0, signal = 0;
        for (const auto& sample : samples) {
            const auto want = run_float(*graph, sample.data());
            const auto got = run_int8(*quant, quantise_input(*quant, sample.data()).data());
            ASSERT_TRUE(want && got);
            const auto reals = dequantise(quant->nodes[static_cast<std::size_t>(quant->outputs[o])].out, (*got)[o]);
            ASSERT_EQ(reals.size(), (*want)[o].size());
            for (std::size_t i = 0; i < reals.size(); ++i) {
                error += std::pow(reals[i] - (*want)[o][i], 2);
                signal += std::pow((*want)[o][i], 2);
            }
        }
        const double relative = std::sqrt(error / signal);
        std::cout << "output " << o << ": relative error " << relative << '\n';
        EXPECT_LT(relative, GetParam().error);
    }
}

TEST_P(Sequence, ProgramEqualsTheInt8Reference)
{
    const std::string bytes = GetParam().build().bytes();
    const auto graph = import_onnx(bytes.data(), bytes.size());
    ASSERT_TRUE(graph) << graph.error().message();
    constexpr std::uint32_t kBatch = 3;
    const auto samples = random_samples(*graph, kBatch);
    const auto quant = quantise(*graph, samples);
    ASSERT_TRUE(quant) << quant.error().message();
    CardConfig card;
    card.pcm.banks = 2;
    const auto program = lower(*quant, card, {kBatch});
    ASSERT_TRUE(program) << program.error().message();
    test::Bytes in;
    std::vector<test::Bytes> want(quant->outputs.size());
    for (const auto& sample : samples) {
        const auto codes = quantise_input(*quant, sample.data());
        in.insert(in.end(), codes.begin(), codes.end());
        const auto values = run_int8(*quant, codes.data());
        ASSERT_TRUE(values);
        for (std::size_t o = 0; o < want.size(); ++o) {
            const auto image = to_bytes(quant->nodes[static_cast<std::size_t>(quant->outputs[o])].out, (*values)[o]);
            want[o].insert(want[o].end(), image.begin(), image.end());
        }
    }
    std::mt19937 random(11);
    for (std::uint32_t lazy = 0; lazy <= LC_ENGINES; ++lazy) {
        test::RecordMachine machine(card.control.sram_bytes, *program);
        std::vector<test::Bytes> out;
        for (const auto& bytes_wanted : want) out.emplace_back(bytes_wanted.size());
        test::RecordMachine::Args args{};
        args[0] = &in;
        for (std::size_t o = 0; o < out.size(); ++o) args[o + 1] = &out[o];
        for (const lc_record& record : program->setup) machine.execute(record, {});
        for (const std::size_t i : test::Order(program->commands).pick(random, lazy))
            machine.execute(program->commands[i], args);
        EXPECT_EQ(out, want) << "engine " << lazy << " last";
    }
}

/// Pre-norm block: 5 tokens of 12, 3 heads; GELU; the mean of the tokens classified.
Model attention_block()
{
    Model m({1, 5, 12}, 17);
    m.norm("x", 12, "n1");
    m.linear("n1", 12, 36, "qkv");
    m.reshape("qkv", {1, 5, 3, 3, 4}, "split");
    m.transpose("split", {2, 0, 3, 1, 4}, "parts");
    const char* names[] = {"q", "k", "v"};
    for (std::int64_t i = 0; i < 3; ++i) {
        const std::string name = names[i];
        m.integers(name + "_i", {i});
        ModelBuilder::set(m.node("Gather", {"parts", name + "_i"}, name + "5"), "axis", std::int64_t{0});
        m.reshape(name + "5", {1, 3, 5, 4}, name);
    }
    m.transpose("k", {0, 1, 3, 2}, "kt");
    m.node("MatMul", {"q", "kt"}, "s");
    m.tensor("root", {}, {2.0f});
    m.node("Div", {"s", "root"}, "scaled");
    ModelBuilder::set(m.node("Softmax", {"scaled"}, "p"), "axis", std::int64_t{-1});
    m.node("MatMul", {"p", "v"}, "pv");
    m.transpose("pv", {0, 2, 1, 3}, "pvt");
    m.reshape("pvt", {1, 5, 12}, "heads");
    m.linear("heads", 12, 12, "o");
    m.node("Add", {"x", "o"}, "r1");
    m.norm("r1", 12, "n2");
    m.linear("n2", 12, 24, "f1");
    m.tensor("s2", {}, {1.4142135f});
    m.tensor("one", {}, {1.0f});
    m.tensor("half", {}, {0.5f});
    m.node("Div", {"f1", "s2"}, "g0");
    m.node("Erf", {"g0"}, "g1");
    m.node("Add", {"g1", "one"}, "g2");
    m.node("Mul", {"f1", "g2"}, "g3");
    m.node("Mul", {"g3", "half"}, "g4");
    m.linear("g4", 24, 12, "f2");
    m.node("Add", {"r1", "f2"}, "r2");
    m.norm("r2", 12, "n3");
    ModelBuilder::set(m.node("ReduceMean", {"n3"}, "mean"), "axes", Ints{1});
    m.linear("mean", 12, 4, "y");
    m.output("y");
    return m;
}

/// Rotary products, a mask added to the scores, keys and values shared by two heads, a class token before the rest.
Model masked_heads()
{
    Model m({1, 4, 8}, 17);
    m.weights("token", {1, 1, 8}, 1);
    ModelBuilder::set(m.node("Concat", {"token", "x"}, "all"), "axis", std::int64_t{1});
    m.norm("all", 8, "n");
    m.linear("n", 8, 8, "q0");
    m.linear("n", 8, 4, "k0");
    m.reshape("q0", {5, 2, 2, 2}, "q1");
    m.weights("cos", {5, 1, 2}, 0.5f, 0.5f);
    m.weights("sin", {5, 1, 2}, 0.5f);
    for (const std::string part : {"a", "b"}) {
        m.integers("i" + part, {part == "a" ? 0 : 1});
        ModelBuilder::set(m.node("Gather", {"q1", "i" + part}, "g" + part), "axis", std::int64_t{3});
        m.reshape("g" + part, {5, 2, 2}, part);
    }
    m.node("Mul", {"a", "cos"}, "ac");
    m.node("Mul", {"b", "sin"}, "bs");
    m.node("Sub", {"ac", "bs"}, "r0");
    m.node("Mul", {"a", "sin"}, "as");
    m.node("Mul", {"b", "cos"}, "bc");
    m.node("Add", {"as", "bc"}, "r1");
    m.reshape("r0", {5, 2, 2, 1}, "r0u");
    m.reshape("r1", {5, 2, 2, 1}, "r1u");
    ModelBuilder::set(m.node("Concat", {"r0u", "r1u"}, "r"), "axis", std::int64_t{3});
    m.reshape("r", {5, 2, 4}, "q2");
    m.transpose("q2", {1, 0, 2}, "q");
    m.reshape("k0", {1, 5, 4}, "k1");
    m.integers("twice", {2, 5, 4});
    m.node("Expand", {"k1", "twice"}, "k2");
    m.transpose("k2", {0, 2, 1}, "kt");
    m.node("MatMul", {"q", "kt"}, "s");
    m.tensor("mask", {1, 5}, {0, 0, -20, 0, 0});
    m.node("Add", {"s", "mask"}, "masked");
    ModelBuilder::set(m.node("Softmax", {"masked"}, "p"), "axis", std::int64_t{-1});
    m.node("MatMul", {"p", "k2"}, "y0");
    m.transpose("y0", {1, 0, 2}, "y1");
    m.reshape("y1", {5, 8}, "y2");
    m.linear("y2", 8, 6, "y");
    m.output("y");
    m.output("y1");
    return m;
}

/// Squeeze and excitation, HardSwish, x * sigmoid(x), concatenation of channels, global maximum.
Model gated_images()
{
    Model m({1, 3, 6, 5}, 14);
    const auto conv = [&m](const std::string& x, Ints shape, const std::string& y, std::int64_t group = 1) {
        m.weights(y + "_w", shape, 1.0f / std::sqrt(static_cast<float>(shape[1] * shape[2] * shape[3])));
        m.weights(y + "_b", {shape[0]}, 0.2f);
        auto& node = m.node("Conv", {x, y + "_w", y + "_b"}, y);
        ModelBuilder::set(node, "pads", Ints(4, shape[2] / 2));
        ModelBuilder::set(node, "group", group);
    };
    conv("x", {8, 3, 3, 3}, "c1");
    m.node("HardSwish", {"c1"}, "h");
    conv("h", {8, 1, 3, 3}, "c2", 8);
    m.node("GlobalAveragePool", {"c2"}, "pool");
    conv("pool", {4, 8, 1, 1}, "s1");
    m.node("Relu", {"s1"}, "s2");
    conv("s2", {8, 4, 1, 1}, "s3");
    m.node("HardSigmoid", {"s3"}, "gate");
    m.node("Mul", {"c2", "gate"}, "gated");
    conv("gated", {6, 8, 1, 1}, "c3");
    m.node("Sigmoid", {"c3"}, "sig");
    m.node("Mul", {"c3", "sig"}, "silu");
    ModelBuilder::set(m.node("Concat", {"silu", "x"}, "cat"), "axis", std::int64_t{1});
    conv("cat", {5, 9, 1, 1}, "c4");
    m.weights("map", {1, 1, 6, 5}, 0.5f);
    m.node("Add", {"c4", "map"}, "placed");
    m.node("Tanh", {"placed"}, "t");
    m.node("GlobalMaxPool", {"t"}, "y");
    m.output("y");
    m.output("t");
    return m;
}

/// Images to sequences and back, slices, a transposed sum, softmax over the middle, means over two dimensions.
Model views_of_images()
{
    Model m({1, 4, 3, 6}, 13);
    m.transpose("x", {0, 3, 1, 2}, "t");  // [1,6,4,3]
    m.reshape("t", {1, 6, 12}, "r");
    m.integers("from", {1});
    m.integers("to", {5});
    m.integers("axis", {1});
    m.integers("step", {2});
    m.node("Slice", {"r", "from", "to", "axis", "step"}, "slice");  // [1,2,12]
    m.linear("slice", 12, 12, "l");
    m.transpose("l", {0, 2, 1}, "lt");  // [1,12,2]
    m.weights("c", {12, 1}, 0.5f);
    m.node("Add", {"lt", "c"}, "sum");
    ModelBuilder::set(m.node("Softmax", {"sum"}, "p"), "axis", std::int64_t{1});
    m.node("Mul", {"p", "sum"}, "weighted");
    m.reshape("weighted", {1, 12, 2, 1}, "image");
    m.weights("w", {3, 12, 1, 1}, 0.5f);
    m.node("Conv", {"image", "w"}, "y");
    m.output("y");
    auto& mean = m.node("ReduceMean", {"x"}, "mean");
    ModelBuilder::set(mean, "axes", Ints{2, 3});
    ModelBuilder::set(mean, "keepdims", std::int64_t{0});
    m.output("mean");
    auto& other = m.node("ReduceMean", {"x"}, "channels");
    ModelBuilder::set(other, "axes", Ints{1});
    m.output("channels");
    m.output("lt");
    return m;
}

INSTANTIATE_TEST_SUITE_P(Networks, Sequence,
                         testing::Values(Case{"AttentionBlock", attention_block, 0.04},
                                         Case{"MaskedHeads", masked_heads, 0.04},
                                         Case{"GatedImages", gated_images, 0.04},
                                         Case{"ViewsOfImages", views_of_images, 0.04}),
                         [](const auto& c) { return std::string(c.param.name); });

struct Vision {
    Graph graph;
    QuantGraph quant;
};

Vision vision_transformer()
{
    const auto graph = import_onnx(test::data_path("vit_mnist.onnx"));
    EXPECT_TRUE(graph) << graph.error().message();
    const auto quant = quantise(*graph, test::read_digits("mnist/calib100-images-idx3-ubyte.gz"));
    EXPECT_TRUE(quant) << quant.error().message();
    return {*graph, *quant};
}

TEST(VisionTransformer, StaysCloseToOnnxRuntime)
{
    const auto [graph, quant] = vision_transformer();
    const auto digits = test::read_arrays("golden/mnist8.in.f32", 8),
               golden = test::read_arrays("golden/vit_mnist.out.f32", 8);
    double error = 0, signal = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const auto got = run_int8(quant, quantise_input(quant, digits[i].data()).data());
        ASSERT_TRUE(got);
        const auto reals = dequantise(quant.nodes[static_cast<std::size_t>(quant.outputs[0])].out, (*got)[0]);
        EXPECT_EQ(test::argmax(reals), test::argmax(golden[i])) << i;
        for (std::size_t k = 0; k < reals.size(); ++k) {
            error += std::pow(reals[k] - golden[i][k], 2);
            signal += std::pow(golden[i][k], 2);
        }
    }
    std::cout << "relative error of 8 digits: " << std::sqrt(error / signal) << '\n';
    EXPECT_LT(std::sqrt(error / signal), 0.02);  // measured: 0.012
}

/// Scales of tensors of 16 bits are where the residual stream is: a node that reads it in 8 bits has a copy.
TEST(VisionTransformer, ResidualStreamHasSixteenBits)
{
    const auto [graph, quant] = vision_transformer();
    int half_sums = 0, gemms = 0;
    for (const QuantNode& node : quant.nodes) {
        half_sums += node.op == QuantOp::add && node.out.half;
        gemms += node.op == QuantOp::gemm;
        if (node.op != QuantOp::mvm) continue;
        EXPECT_FALSE(quant.nodes[static_cast<std::size_t>(node.inputs[0])].out.half) << node.name;
    }
    EXPECT_EQ(half_sums, 9);  // positions, and two a block
    EXPECT_EQ(gemms, 8);      // scores and values, a block each
}

/// PP-OCRv4's recogniser: depthwise convolutions, gates, attention. The data is not in the repository.
TEST(TextRecogniser, ReadsTheGoldenLine)
{
    const std::string folder = test::shared_data().string();
    const std::string model = folder + "/ocr/ch_PP-OCRv4_rec_infer.onnx";
    if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is missing";
    const auto read_floats = [&folder](const std::string& name) {
        std::ifstream file(folder + "/golden/" + name, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        std::vector<float> values(bytes.size() / sizeof(float));
        std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
        return values;
    };
    ImportOptions options;
    options.dimensions["p2o.DynamicDimension.1"] = 320;
    const auto graph = import_onnx(model, options);
    ASSERT_TRUE(graph) << graph.error().message();
    const auto line = read_floats("ocr1.in.f32"), golden = read_floats("ocr_rec.out.f32");
    const auto quant = quantise(*graph, {line});
    ASSERT_TRUE(quant) << quant.error().message();
    const auto got = run_int8(*quant, quantise_input(*quant, line.data()).data());
    ASSERT_TRUE(got) << got.error().message();
    const auto reals = dequantise(quant->nodes[static_cast<std::size_t>(quant->outputs[0])].out, (*got)[0]);
    ASSERT_EQ(reals.size(), golden.size());
    constexpr std::ptrdiff_t kSteps = 40, kClasses = 6625;
    int same = 0;
    for (std::ptrdiff_t step = 0; step < kSteps; ++step) {
        const auto best = [&](const std::vector<float>& values) {
            const auto from = values.begin() + step * kClasses;
            return std::max_element(from, from + kClasses) - from;
        };
        same += best(reals) == best(golden);
    }
    std::cout << "same class as onnxruntime in " << same << " of " << kSteps << " steps\n";
    EXPECT_GE(same, 36);  // of 40, as measured: exact integers, so every machine gives it
}

}  // namespace
}  // namespace lightcard::compiler
