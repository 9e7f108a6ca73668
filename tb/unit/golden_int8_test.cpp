// SPDX-License-Identifier: Apache-2.0
/// Real CNNs as fidelity `ideal` computes them (the int8 reference executor, in the reference card's block floating
/// point, which the card equals bit for bit) against onnxruntime's fp32 outputs: the largest difference over the
/// largest magnitude stays within the int8 error stated for the network, and the first class is the same but where
/// stated. The networks are not in the repository: LIGHTCARD_DATA names their folder, and without it the tests are
/// skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "lightcard/platform/compiler/engines.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/numerics.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quantise.h"
#include "lightcard/tb/unit/shared_data.h"

namespace lightcard::compiler {
namespace {

namespace fs = std::filesystem;

std::vector<std::vector<float>> read_floats(const fs::path& path, std::size_t images)
{
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    std::vector<float> values(bytes.size() / sizeof(float));
    std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
    std::vector<std::vector<float>> result;
    const auto size = static_cast<std::ptrdiff_t>(values.size() / images);
    for (std::size_t i = 0; i < images; ++i)
        result.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(i) * size,
                            values.begin() + static_cast<std::ptrdiff_t>(i + 1) * size);
    return result;
}

struct Network {
    const char *model, *input, *output;
    std::size_t images, run;  ///< in the file; of them, that the test runs
    double error;             ///< largest, over the largest magnitude
};

class GoldenInt8 : public testing::TestWithParam<Network> {};

TEST_P(GoldenInt8, StaysWithinTheErrorOfEightBits)
{
    const Network& network = GetParam();
    const fs::path model = test::shared_data() / network.model;
    if (!fs::exists(model)) GTEST_SKIP() << model << " is missing";
    const auto graph = import_onnx(model.string());
    ASSERT_TRUE(graph) << graph.error().message();
    const auto inputs = read_floats(test::shared_data() / "golden" / network.input, network.images);
    const auto expected = read_floats(test::shared_data() / "golden" / network.output, network.images);
    const auto card = load_card("lc128");
    ASSERT_TRUE(card);
    const std::vector<std::vector<float>> samples(
        inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(network.run, 2)));
    auto quant = quantise(*graph, samples);
    ASSERT_TRUE(quant) << quant.error().message();
    ASSERT_TRUE(choose_engines(*quant, *card));
    ASSERT_TRUE(apply_numerics(*quant, *card, {}));
    double worst = 0, most = 0;
    std::size_t same = 0;
    for (std::size_t i = 0; i < network.run; ++i) {
        const auto values = run_int8(*quant, quantise_input(*quant, inputs[i].data()).data());
        ASSERT_TRUE(values) << values.error().message();
        const auto& tensor = quant->nodes[static_cast<std::size_t>(quant->outputs[0])].out;
        const auto got = dequantise(tensor, (*values)[0]);
        ASSERT_EQ(got.size(), expected[i].size());
        for (std::size_t k = 0; k < got.size(); ++k) {
            worst = std::max(worst, std::fabs(static_cast<double>(got[k]) - expected[i][k]));
            most = std::max(most, std::fabs(static_cast<double>(expected[i][k])));
        }
        const auto first = [](const std::vector<float>& v) { return std::max_element(v.begin(), v.end()) - v.begin(); };
        same += first(got) == first(expected[i]);
    }
    std::cout << "largest error " << worst / most << " of the largest output; first class equal on " << same << " of "
              << network.run << '\n';
    EXPECT_LT(worst / most, network.error);
    EXPECT_EQ(same, network.run);
}

INSTANTIATE_TEST_SUITE_P(
    Networks, GoldenInt8,
    testing::Values(
        Network{"small/lenet_mnist.onnx", "mnist8.in.f32", "lenet_mnist.out.f32", 8, 8, 0.03},
        Network{"small/lenet_fmnist.onnx", "fmnist8.in.f32", "lenet_fmnist.out.f32", 8, 8, 0.02},
        Network{"small/resnet50_fmnist_w8.onnx", "fmnist8_rgb32.in.f32", "resnet50_fmnist_w8.out.f32", 8, 2, 0.02},
        Network{"small/resnet20_cifar10.onnx", "img7_32norm.in.f32", "resnet20_cifar10.out.f32", 7, 4, 0.05},
        Network{"small/resnet8_cifar10_fp32.onnx", "img7_32raw.in.f32", "resnet8_cifar10_fp32.out.f32", 7, 7, 0.05},
        Network{"small/resnet8_cifar10_qdq.onnx", "img7_32raw.in.f32", "resnet8_cifar10_qdq.out.f32", 7, 7, 0.22},
        Network{"kws/kws_dscnn_fp32.onnx", "kws16.in.f32", "kws_fp32.out.f32", 16, 16, 0.15},
        Network{"kws/kws_dscnn_qdq.onnx", "kws16.in.f32", "kws_qdq.out.f32", 16, 16, 0.3},
        Network{"imagenet/mobilenetv1_025_128_fp32.onnx", "img7_128.in.f32", "mobilenetv1_fp32.out.f32", 7, 4, 0.27},
        Network{"imagenet/mobilenetv1_025_128_qdq.onnx", "img7_128.in.f32", "mobilenetv1_qdq.out.f32", 7, 4, 0.14},
        Network{"imagenet/mobilenetv2_ptq_fp32.onnx", "img7_224.in.f32", "mobilenetv2_ptq_fp32.out.f32", 7, 1, 0.02},
        Network{"imagenet/mobilenetv2_ptq_qdq.onnx", "img7_224.in.f32", "mobilenetv2_ptq_qdq.out.f32", 7, 1, 0.01}),
    [](const auto& network) { return fs::path(network.param.model).stem().string(); });

}  // namespace
}  // namespace lightcard::compiler
