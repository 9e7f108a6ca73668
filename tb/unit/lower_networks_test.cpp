// SPDX-License-Identifier: Apache-2.0
/// The three real networks, lowered and run record by record, against the int8 reference executor: equal bytes.
#include <gtest/gtest.h>

#include <algorithm>

#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quantise.h"
#include "lightcard/tb/unit/network_data.h"
#include "lightcard/tb/unit/record_machine.h"

namespace lightcard::compiler {
namespace {

struct Network {
    const char *model, *inputs;
    std::size_t arrays;  ///< in the file; 0: digits
};

class RealNetwork : public testing::TestWithParam<Network> {
protected:
    static std::vector<std::vector<float>> samples()
    {
        const Network& network = GetParam();
        if (network.arrays == 0) return test::read_digits(network.inputs);
        return test::read_arrays(network.inputs, network.arrays);
    }
};

TEST_P(RealNetwork, EqualsTheInt8Reference)
{
    const auto graph = import_onnx(test::data_path(GetParam().model));
    ASSERT_TRUE(graph) << graph.error().message();
    const auto images = samples();
    const auto quant = quantise(*graph, images);
    ASSERT_TRUE(quant) << quant.error().message();
    CardConfig card;
    card.core.n = 128;
    for (const std::uint32_t banks : {2u, 2048u}) {
        card.pcm.banks = banks;
        const auto program = lower(*quant, card, {2});
        ASSERT_TRUE(program) << program.error().message();
        test::RecordMachine machine(card.control.sram_bytes, *program);
        test::Bytes in;
        for (std::size_t i = 0; i < 2; ++i) {
            const auto codes = quantise_input(*quant, images[i].data());
            in.insert(in.end(), codes.begin(), codes.end());
        }
        const auto& tensor = program->outputs[0];
        test::Bytes out(2 * tensor.bytes_per_image);
        for (const lc_record& record : program->setup) machine.execute(record, {});
        for (const lc_record& record : program->commands) machine.execute(record, {&in, &out});
        for (std::size_t i = 0; i < 2; ++i) {
            const auto expected = run_int8(*quant, in.data() + i * in.size() / 2);
            ASSERT_TRUE(expected);
            const QuantTensor& shape = quant->nodes[static_cast<std::size_t>(quant->outputs[0])].out;
            const auto bytes = to_bytes(shape, (*expected)[0]);
            const test::Bytes got(out.begin() + static_cast<std::ptrdiff_t>(i * tensor.bytes_per_image),
                                  out.begin() + static_cast<std::ptrdiff_t>((i + 1) * tensor.bytes_per_image));
            EXPECT_EQ(got, bytes) << "image " << i;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Lower, RealNetwork,
                         testing::Values(Network{"lenet_mnist.onnx", "mnist/calib100-images-idx3-ubyte.gz", 0},
                                         Network{"resnet8_cifar10_fp32.onnx", "golden/img7_32raw.in.f32", 7},
                                         Network{"mobilenetv1_025_128_fp32.onnx", "golden/img7_128.in.f32", 7}),
                         [](const auto& network) { return std::string(network.param.model).substr(0, 6); });

}  // namespace
}  // namespace lightcard::compiler
