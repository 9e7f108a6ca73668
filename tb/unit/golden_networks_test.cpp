// SPDX-License-Identifier: Apache-2.0
/// Real networks through importer and fp32 executor against onnxruntime's outputs, to 1e-4 of the largest value
/// (QDQ networks: to a few steps of their last quantiser).
/// The networks are not in the repository: LIGHTCARD_DATA names their folder, and without it the tests are skipped.
#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <sstream>

#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/onnx_reader.h"
#include "lightcard/tb/unit/shared_data.h"

namespace lightcard::compiler {
namespace {

namespace fs = std::filesystem;

std::vector<float> read_floats(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::vector<float> values(bytes.size() / sizeof(float));
    std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
    return values;
}

struct Golden {
    std::string model, input, output;
    Shape shape;  ///< of all inputs together
};

std::vector<Golden> manifest()
{
    std::ifstream file(test::shared_data() / "golden" / "manifest.csv");
    std::vector<Golden> rows;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::istringstream in(line);
        Golden row;
        std::string shape, dim;
        std::getline(in, row.model, ',');
        std::getline(in, row.input, ',');
        std::getline(in, shape, ',');
        std::getline(in, row.output, ',');
        for (std::istringstream dims(shape); std::getline(dims, dim, 'x');) row.shape.push_back(std::stoll(dim));
        rows.push_back(row);
    }
    return rows;
}

/// Largest difference over the largest magnitude.
double relative_error(const float* got, const float* want, std::size_t count)
{
    double worst = 0, most = 0;
    for (std::size_t i = 0; i < count; ++i) {
        worst = std::max(worst, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
        most = std::max(most, std::fabs(static_cast<double>(want[i])));
    }
    return worst / most;
}

class GoldenNetwork : public testing::TestWithParam<const char*> {};

TEST_P(GoldenNetwork, EqualsOnnxRuntime)
{
    const auto rows = manifest();
    const auto row =
        std::find_if(rows.begin(), rows.end(), [](const Golden& g) { return fs::path(g.model).stem() == GetParam(); });
    if (row == rows.end()) GTEST_SKIP() << "no golden outputs for it in " << test::shared_data();
    ImportOptions options;
    // The text recogniser leaves the width of a line open.
    options.dimensions["p2o.DynamicDimension.1"] = row->shape[3];
    const auto graph = import_onnx((test::shared_data() / row->model).string(), options);
    ASSERT_TRUE(graph) << graph.error().message();
    const auto inputs = read_floats(test::shared_data() / row->input),
               expected = read_floats(test::shared_data() / row->output);
    const auto images = static_cast<std::size_t>(row->shape[0]);
    const std::size_t in = inputs.size() / images, out = expected.size() / images;
    for (std::size_t i = 0; i < std::min<std::size_t>(images, 2); ++i) {
        const auto result = run_float(*graph, inputs.data() + i * in);
        ASSERT_TRUE(result) << result.error().message();
        ASSERT_EQ((*result)[0].size(), out);
        const double error = relative_error((*result)[0].data(), expected.data() + i * out, out);
        std::cout << "input " << i << ": relative error " << error << '\n';
        // QuantizeLinear turns the last bit of an fp32 sum into a whole step where it lies on the edge between two.
        const bool quantised = row->model.find("_qdq") != std::string::npos;
        EXPECT_LT(error, quantised ? 5e-2 : 1e-4);
    }
}

INSTANTIATE_TEST_SUITE_P(Networks, GoldenNetwork,
                         testing::Values("lenet_mnist", "vit_mnist", "lenet_fmnist", "resnet50_fmnist_w8",
                                         "resnet20_cifar10", "resnet8_cifar10_fp32", "resnet8_cifar10_qdq",
                                         "kws_dscnn_fp32", "kws_dscnn_qdq", "mobilenetv2_ptq_fp32",
                                         "mobilenetv2_ptq_qdq", "mobilenetv1_025_128_fp32", "mobilenetv1_025_128_qdq",
                                         "ch_PP-OCRv4_rec_infer"),
                         [](const auto& network) {
                             std::string name = network.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

/// ONNX's "light" models: whole graphs of constant weights, input i/n.
class LightModel : public testing::TestWithParam<const char*> {};

TEST_P(LightModel, EqualsItsOutput)
{
    const fs::path folder = test::shared_data() / "topologies";
    const fs::path model = folder / (std::string(GetParam()) + ".onnx");
    if (!fs::exists(model)) GTEST_SKIP() << model << " is missing";
    const auto graph = import_onnx(model.string());
    ASSERT_TRUE(graph) << graph.error().message();
    const auto count =
        static_cast<std::size_t>(element_count(graph->nodes[static_cast<std::size_t>(graph->inputs[0])].shape));
    std::vector<float> input(count);
    for (std::size_t i = 0; i < count; ++i) input[i] = static_cast<float>(i) / static_cast<float>(count);
    std::ifstream file(folder / (std::string(GetParam()) + "_output_0.pb"), std::ios::binary);
    onnx::TensorProto proto;
    ASSERT_TRUE(proto.ParseFromIstream(&file));
    const auto expected = decode_tensor(proto, 1 << 20);
    ASSERT_TRUE(expected);
    const auto result = run_float(*graph, input.data());
    ASSERT_TRUE(result) << result.error().message();
    ASSERT_EQ((*result)[0].size(), expected->real.size());
    EXPECT_LT(relative_error((*result)[0].data(), expected->real.data(), expected->real.size()), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Networks, LightModel, testing::Values("light_resnet50", "light_squeezenet"),
                         [](const auto& network) { return std::string(network.param); });

/// A language model with a KV cache: 120 greedy tokens, as three other programs have them.
TEST(LanguageModel, GreedyTokens)
{
    const fs::path folder = test::shared_data() / "llm";
    std::ifstream file(folder / "greedy120.txt");
    if (!file) GTEST_SKIP() << folder << " is missing";
    std::vector<std::int64_t> expected;
    std::string line;
    std::getline(file, line);  // what the numbers are
    std::getline(file, line);
    std::istringstream numbers(line);
    for (std::int64_t number; numbers >> number;) expected.push_back(number);
    ASSERT_GE(expected.size(), 20u) << "no tokens in greedy120.txt";
    Tensor k{{5, 4, 0, 8}, false, {}, {}}, v = k;
    std::int64_t token = 1;
    for (std::size_t i = 0; i < std::min<std::size_t>(expected.size(), 24); ++i) {
        const auto past = static_cast<std::int64_t>(i);
        ImportOptions options;
        options.dimensions = {{"T", 1}, {"P", past}, {"TP", past + 1}};
        const auto graph = import_onnx((folder / "stories260k_decode.onnx").string(), options);
        ASSERT_TRUE(graph) << graph.error().message();
        const Tensor ids{{1, 1}, true, {}, {token}}, position{{1}, true, {}, {past}};
        const Tensor mask{{1, past + 1}, false, std::vector<float>(i + 1, 0.0f), {}};
        auto outputs = run_float(*graph, {ids, position, mask, k, v});
        ASSERT_TRUE(outputs) << outputs.error().message();
        const auto& logits = (*outputs)[0].real;
        token = std::max_element(logits.begin(), logits.end()) - logits.begin();
        ASSERT_EQ(token, expected[i]) << "token " << i;
        k = std::move((*outputs)[1]);
        v = std::move((*outputs)[2]);
    }
}

}  // namespace
}  // namespace lightcard::compiler
