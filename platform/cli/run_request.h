// SPDX-License-Identifier: Apache-2.0
/// What `lightcard run` was asked to do.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/card/fault_scenario.h"
#include "lightcard/platform/cli/inputs.h"
#include "lightcard/platform/cli/options.h"
#include "lightcard/platform/compiler/calibrate.h"
#include "lightcard/platform/compiler/layer_settings.h"

namespace lightcard::cli {

struct RunRequest {
    std::string model;
    std::vector<std::string> inputs;
    std::string labels;          ///< empty: none
    InputOptions input_options;  ///< without the shape, which the network gives
    std::string classes;         ///< file of class names; empty: none
    std::size_t top = 0;         ///< predictions to show an image; 0: none
    std::map<std::string, std::int64_t> dimensions;
    std::optional<std::uint64_t> random_weights;  ///< seed
    std::vector<std::string> calibration;         ///< empty: the first inputs
    std::size_t calibration_count = 64;
    compiler::CalibrationOptions calibration_options;
    std::string calibration_file;    ///< of `lightcard calibrate`; empty: from samples
    std::uint32_t batch = 0;         ///< 0: see planned_batch()
    compiler::LayerSettings layers;  ///< over what a calibration file says

    CardConfig config;
    bool cache = true;         ///< compiled programs are kept on disk
    bool timing_only = false;  ///< shapes and time: no inputs, no outputs
    bool compare_float = true;
    bool check = false;  ///< ideal: equal to the int8 reference bit for bit
    bool plan_only = false;
    std::size_t repair = 0;  ///< runs that try what the report proposes against lost accuracy
    std::string plan_file;   ///< of `lightcard plan --save`; empty: none
    std::string attach;      ///< socket of a served card; empty: a card in this process
    FaultScenario scenario;

    std::string pcm_state;         ///< file: what the PCM holds before and after; empty: a card from the factory
    double age = 0;                ///< s that pass between set-up and the first image
    std::uint32_t compensate = 0;  ///< LC_CAL_* measured after that

    std::string report, html, trace, outputs;  ///< files; empty: none
    std::string save_program, save_codes, save_output_codes;
    bool quiet = false;
    bool progress = false;
};

struct ParsedRequest {
    std::optional<int> exit;  ///< set: the command is over
    RunRequest request;
};
ParsedRequest parse_run_request(const Console& console, const Arguments& arguments);

/// The same for `lightcard read`.
struct ParsedReading {
    std::optional<int> exit;
    RunRequest request;
    std::string keys, texts;  ///< files; texts may be empty
};
ParsedReading parse_reading(const Console& console, const Arguments& arguments);

/// The same for `lightcard calibrate`: inputs are the samples.
struct ParsedCalibration {
    std::optional<int> exit;
    RunRequest request;
    std::string output;
};
ParsedCalibration parse_calibration(const Console& console, const Arguments& arguments);

}  // namespace lightcard::cli
