// SPDX-License-Identifier: Apache-2.0
/// A program run step by step whose cache stays in card DRAM, against the int8 reference with a cache of its own; and a
/// language model's first tokens.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lightcard/platform/cli/decoder_network.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/tb/card/rig.h"
#include "lightcard/tb/unit/shared_data.h"

namespace lightcard::test {
namespace {

namespace fs = std::filesystem;

fs::path data_folder()
{
    return shared_data() / "llm";
}

std::vector<int> golden_tokens()
{
    std::ifstream file(data_folder() / "greedy120.txt");
    std::string line;
    std::getline(file, line);  // what the numbers are
    std::getline(file, line);
    std::istringstream numbers(line);
    std::vector<int> tokens;
    for (int token; numbers >> token;) tokens.push_back(token);
    return tokens;
}

TEST(Decode, StoriesOnTheCardEqualTheReference)
{
    const auto golden = golden_tokens();
    if (golden.empty()) GTEST_SKIP() << data_folder() << " is missing";
    constexpr int kSteps = 12;
    CardConfig config = default_card();
    config.pcm.banks = 64;  // the network's tiles stay
    config.run.fidelity = Fidelity::ideal;
    refresh(config);
    cli::DecoderRequest request;
    request.model = (data_folder() / "stories260k_decode.onnx").string();
    request.context = 32;
    request.calibration_tokens = 31;
    request.config = config;
    cli::Progress silent({std::cout, std::cerr}, false);
    const auto network = must(cli::prepare_decoder(request, silent));
    Rig rig(config);
    rig.up();
    driver::StateRunner runner(*rig.driver, network.program, network.kept());
    const auto loaded = runner.load();
    ASSERT_TRUE(loaded) << loaded.error().message();
    cli::DecoderState state(network);
    int token = 1;
    for (int i = 0; i < kSteps; ++i) {
        const auto values = state.step(token);
        std::vector<std::vector<std::uint8_t>> inputs, outputs;
        const float* next = values.data();
        for (const int node : network.quantised.inputs) {
            const auto& tensor = network.quantised.nodes[static_cast<std::size_t>(node)].out;
            inputs.push_back(compiler::quantise_values(tensor, next));
            next += compiler::element_count(tensor);
        }
        const auto step = runner.step(inputs, static_cast<std::uint32_t>(i), outputs);
        ASSERT_TRUE(step) << step.error().message();
        const auto reference = must(
            compiler::run_int8(network.quantised, compiler::quantise_input(network.quantised, values.data()).data()));
        std::vector<std::vector<float>> reals;
        for (std::size_t o = 0; o < reference.size(); ++o) {
            const auto& tensor = network.quantised.nodes[static_cast<std::size_t>(network.quantised.outputs[o])].out;
            if (o == 0) {
                EXPECT_EQ(outputs[0], compiler::to_bytes(tensor, reference[0])) << "step " << i;
            }
            reals.push_back(compiler::dequantise(tensor, reference[o]));
        }
        state.advance({reals.begin() + 1, reals.end()});
        token = cli::best_token(reals[0]);
        EXPECT_EQ(token, golden[static_cast<std::size_t>(i)]) << "step " << i;
    }
    std::vector<std::vector<std::uint8_t>> none, outputs;
    EXPECT_FALSE(runner.step(none, 0, outputs)) << "inputs are missing";
}

}  // namespace
}  // namespace lightcard::test
