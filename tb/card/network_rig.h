// SPDX-License-Identifier: Apache-2.0
/// Networks on a whole card: import, calibrate, quantise, lower, run through the queues.
#pragma once

#include <string>
#include <vector>

#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/driver/program.h"
#include "lightcard/tb/card/rig.h"

namespace lightcard::test {

/// A quantised network and inputs for it, as codes.
struct Network {
    compiler::QuantGraph graph;
    std::vector<std::vector<std::uint8_t>> inputs;  ///< an image each

    /// The reference executor's output bytes for every input.
    std::vector<std::uint8_t> reference() const;
};

/// The networks in tb/data. Inputs: LeNet and the vision transformer the first `images` test digits (calibrated on
/// others), ResNet-8 and MobileNetV1 their golden photos (calibrated on the same).
Network lenet(std::size_t images);
Network vit(std::size_t images);
Network resnet8();
Network mobilenet();

/// Real values of a raw .f32 file of tb/data/golden.
std::vector<float> golden(const std::string& name);

/// Lowers for the rig's card.
driver::Program compile(const Network& network, const CardConfig& card, std::uint32_t batch = 1);

/// Loads and runs; the outputs' bytes, one image after another. The rig is up.
std::vector<std::uint8_t> run_network(Rig& rig, const driver::Program& program, const Network& network);
/// As above, an error as a value: what a damaged program makes.
Result<std::vector<std::uint8_t>> try_network(Rig& rig, const driver::Program& program, const Network& network);

}  // namespace lightcard::test
