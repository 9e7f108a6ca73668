// SPDX-License-Identifier: Apache-2.0
#include "lightcard/tb/card/network_rig.h"

#include <zlib.h>

#include <fstream>

#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/compiler/quantise.h"
#include "lightcard/platform/driver/driver.h"
#include "lightcard/platform/driver/program_runner.h"

namespace lightcard::test {

namespace {

const std::string kData = std::string(LIGHTCARD_SOURCE_DIR) + "/tb/data/";

/// Pixels of an idx3 file, gzipped, as reals 0..1.
std::vector<std::vector<float>> digits(const std::string& name, std::size_t count)
{
    auto* file = gzopen((kData + "mnist/" + name).c_str(), "rb");
    if (file == nullptr) throw std::runtime_error("cannot open " + name);
    std::vector<std::uint8_t> bytes(16 + count * 784);
    const auto got = gzread(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    if (got != static_cast<int>(bytes.size())) throw std::runtime_error(name + " is too short");
    std::vector<std::vector<float>> images(count);
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t p = 0; p < 784; ++p) images[i].push_back(static_cast<float>(bytes[16 + i * 784 + p]) / 255.0f);
    }
    return images;
}

Network make(const std::string& model, const std::vector<std::vector<float>>& calibration,
             const std::vector<std::vector<float>>& inputs)
{
    Network network;
    const auto graph = must(compiler::import_onnx(kData + model));
    network.graph = must(compiler::quantise(graph, calibration));
    for (const auto& image : inputs) network.inputs.push_back(compiler::quantise_input(network.graph, image.data()));
    return network;
}

std::vector<std::vector<float>> photos(const std::string& name, std::size_t count)
{
    const auto all = golden(name);
    std::vector<std::vector<float>> images;
    const auto each = all.size() / count;
    for (std::size_t i = 0; i < count; ++i) images.emplace_back(all.begin() + i * each, all.begin() + (i + 1) * each);
    return images;
}

}  // namespace

std::vector<float> golden(const std::string& name)
{
    std::ifstream file(kData + "golden/" + name, std::ios::binary | std::ios::ate);
    if (!file) throw std::runtime_error("cannot open " + name);
    std::vector<float> values(static_cast<std::size_t>(file.tellg()) / sizeof(float));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
    return values;
}

Network lenet(std::size_t images)
{
    return make("lenet_mnist.onnx", digits("calib100-images-idx3-ubyte.gz", 100),
                digits("test500-images-idx3-ubyte.gz", images));
}

Network vit(std::size_t images)
{
    return make("vit_mnist.onnx", digits("calib100-images-idx3-ubyte.gz", 100),
                digits("test500-images-idx3-ubyte.gz", images));
}

Network resnet8()
{
    const auto images = photos("img7_32raw.in.f32", 7);
    return make("resnet8_cifar10_fp32.onnx", images, images);
}

Network mobilenet()
{
    const auto images = photos("img7_128.in.f32", 7);
    return make("mobilenetv1_025_128_fp32.onnx", images, images);
}

std::vector<std::uint8_t> Network::reference() const
{
    std::vector<std::uint8_t> bytes;
    for (const auto& input : inputs) {
        const auto outputs = must(compiler::run_int8(graph, input.data()));
        const auto& tensor = graph.nodes[static_cast<std::size_t>(graph.outputs[0])].out;
        const auto image = compiler::to_bytes(tensor, outputs[0]);
        bytes.insert(bytes.end(), image.begin(), image.end());
    }
    return bytes;
}

driver::Program compile(const Network& network, const CardConfig& card, std::uint32_t batch)
{
    compiler::LowerOptions options;
    options.batch = batch;
    return must(compiler::lower(network.graph, card, options));
}

Result<std::vector<std::uint8_t>> try_network(Rig& rig, const driver::Program& program, const Network& network)
{
    driver::ProgramRunner runner(*rig.driver, program);
    if (auto loaded = runner.load(); !loaded) return loaded.error();
    std::vector<std::uint8_t> inputs;
    for (const auto& image : network.inputs) inputs.insert(inputs.end(), image.begin(), image.end());
    std::vector<std::uint8_t> outputs(program.outputs[0].bytes_per_image * network.inputs.size());
    auto done = runner.run({inputs.data()}, {outputs.data()}, network.inputs.size());
    if (!done) return done.error();
    return outputs;
}

std::vector<std::uint8_t> run_network(Rig& rig, const driver::Program& program, const Network& network)
{
    return must(try_network(rig, program, network));
}

}  // namespace lightcard::test
