// SPDX-License-Identifier: Apache-2.0
/// What `lightcard calibrate` measured of a network, for runs without samples: activation ranges, the card's converter
/// ranges, and settings by layer. JSON, schema lightcard/calibration/1; docs/networks.md has the fields.
#pragma once

#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/compiler/calibrate.h"
#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/compiler/layer_settings.h"

namespace lightcard::cli {

/// Converter ranges of one product; they hold for one tile size and these numerics alone.
struct ProductCalibration {
    std::string name;
    std::uint32_t full = 0, slices = 0;  ///< BlockScales::full, its planes; 0, 0 = plain int8
    bool digital = false;
    std::vector<double> tile_rms;
};

struct Calibration {
    std::string network, model_hash;
    compiler::CalibrationOptions options;
    std::uint64_t samples = 0;
    std::uint32_t tile_rows = 0;
    std::vector<compiler::Range> ranges;  ///< a node of the graph each
    std::vector<ProductCalibration> products;
    compiler::LayerSettings layers;
};

/// Of the file and of what else makes the graph: 16 hex digits.
std::string model_hash(const std::vector<std::uint8_t>& file, const std::string& options);

std::string to_text(const Calibration& calibration, const compiler::Graph& graph);
/// `graph` and `hash` are the network's that the calibration is to be used on. Error: the file by name; what it is
/// not, or whose it is.
Result<Calibration> read_calibration(const std::string& path, const compiler::Graph& graph, const std::string& hash);

/// Converter ranges of the products of `graph` after its numerics were applied; and back.
std::vector<ProductCalibration> products_of(const compiler::QuantGraph& graph);
Status restore_products(const Calibration& calibration, const std::string& path, compiler::QuantGraph& graph);

}  // namespace lightcard::cli
