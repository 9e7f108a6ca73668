// SPDX-License-Identifier: Apache-2.0
/// Settings by layer, on the command line (NAME=VALUE) and in files.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "lightcard/platform/cli/options.h"
#include "lightcard/platform/compiler/layer_settings.h"

namespace lightcard::cli {

/// --layer-passes, --layer-engine, --layer-numerics.
po::options_description layer_options();
/// Adds what was given to `layers`.
Status read_layer_options(const Parsed& parsed, compiler::LayerSettings& layers);

/// {"conv1": {"passes": 4, "engine": "digital", "numerics": "int8"}}
nlohmann::ordered_json layers_json(const compiler::LayerSettings& layers);
/// Error: the key that is wrong, as `where`.
Result<compiler::LayerSettings> layers_of(const nlohmann::ordered_json& json, const std::string& where);

const char* to_string(compiler::Engine engine);  ///< "pcm", "digital"

}  // namespace lightcard::cli
