// SPDX-License-Identifier: Apache-2.0
/// From files to a program: import, read inputs, calibrate, quantise, lower. No SystemC, no card yet.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/platform/cli/calibration_file.h"
#include "lightcard/platform/cli/console.h"
#include "lightcard/platform/cli/program_cache.h"
#include "lightcard/platform/cli/run_request.h"
#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/driver/program.h"

namespace lightcard::cli {

struct Prepared {
    compiler::Graph graph;
    compiler::QuantGraph quantised;
    driver::Program program;
    Inputs inputs;
    std::string model_hash;
    compiler::LayerSettings layers;           ///< of the calibration file, the plan and the command line
    std::vector<std::vector<float>> samples;  ///< that activation ranges are taken from
    std::vector<std::uint8_t> codes;          ///< the inputs as the card takes them, one image after another
    std::vector<std::string> classes;         ///< names of the classes; empty: none
    std::vector<std::uint32_t> labels;        ///< empty: none
    std::vector<std::string> notes;           ///< what a reader of the report should know
    std::vector<std::string> warnings;        ///< what the user should know at once
    std::vector<ProductFacts> products;
};

/// A failure and the exit status that it means.
struct Failure {
    int status = kOk;
    Error error;
};

/// Fills `prepared`; nothing if that went well.
std::optional<Failure> prepare(const RunRequest& request, Progress& progress, Prepared& prepared);

/// Calibrates the network on request.inputs.
std::optional<Failure> calibrate_network(const RunRequest& request, Progress& progress, Prepared& prepared,
                                         Calibration& calibration);

}  // namespace lightcard::cli
