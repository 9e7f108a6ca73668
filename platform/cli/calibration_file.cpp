// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/calibration_file.h"

#include <cmath>
#include <map>

#include "lightcard/platform/cli/layer_options.h"
#include "lightcard/platform/cli/signed_json.h"

namespace lightcard::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "lightcard/calibration/1";

std::string numerics_of(std::uint32_t full, std::uint32_t slices, bool digital)
{
    if (digital) return "the digital MAC engine";
    if (slices == 0) return "int8";
    return "block floating point, codes up to " + std::to_string(full) + ", " + std::to_string(slices) +
           (slices == 1 ? " cell" : " cells") + " a weight";
}

Result<std::vector<compiler::Range>> ranges_of(const Json& tensors, const compiler::Graph& graph,
                                               const std::string& path)
{
    std::vector<compiler::Range> ranges(graph.nodes.size());
    auto at = tensors.begin();
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        if (graph.nodes[i].op == compiler::Op::constant) continue;
        const std::string& name = graph.nodes[i].name;
        if (at == tensors.end() || at->at("name") != name)
            return Error{"the calibration has no tensor '" + name + "' where the network has it", path,
                         "it is of another network"};
        ranges[i].low = at->at("low");
        ranges[i].high = at->at("high");
        ranges[i].mean = at->at("mean").get<std::vector<double>>();
        bool finite = std::isfinite(ranges[i].low) && std::isfinite(ranges[i].high) && ranges[i].low <= ranges[i].high;
        for (const double mean : ranges[i].mean) finite &= std::isfinite(mean);
        if (!finite) return Error{"the range of tensor '" + name + "' is none", path, ""};
        ++at;
    }
    if (at != tensors.end()) return Error{"the calibration has more tensors than the network", path, ""};
    return ranges;
}

Result<Calibration> parse(const Json& json, const compiler::Graph& graph, const std::string& hash,
                          const std::string& path)
{
    Calibration result;
    result.network = json.at("network");
    result.model_hash = json.at("model_hash");
    if (result.model_hash != hash)
        return Error{"this calibration is of network '" + result.network + "' (" + result.model_hash +
                         "), not of the one that is run (" + hash + ")",
                     path, "lightcard calibrate measures this one"};
    const auto method = compiler::to_calibration_method(json.at("method").get<std::string>());
    if (!method) return Error{method.error().what, path, method.error().hint};
    result.options = {*method, json.at("percentile")};
    result.samples = json.at("samples");
    result.tile_rows = json.at("tile_rows");
    auto ranges = ranges_of(json.at("tensors"), graph, path);
    if (!ranges) return ranges.error();
    result.ranges = std::move(*ranges);
    auto layers = layers_of(json.at("layers"), path + ": layers");
    if (!layers) return layers.error();
    result.layers = std::move(*layers);
    for (const Json& entry : json.at("products"))
        result.products.push_back({entry.at("name"), entry.at("full"), entry.at("slices"), entry.at("digital"),
                                   entry.at("tile_rms").get<std::vector<double>>()});
    return result;
}

}  // namespace

std::string model_hash(const std::vector<std::uint8_t>& file, const std::string& options)
{
    return hash_text(hash_bytes(options.data(), options.size(), hash_bytes(file.data(), file.size())));
}

std::string to_text(const Calibration& calibration, const compiler::Graph& graph)
{
    Json json = {{"schema", kSchema},
                 {"network", calibration.network},
                 {"model_hash", calibration.model_hash},
                 {"method", to_string(calibration.options.method)},
                 {"percentile", calibration.options.percentile},
                 {"samples", calibration.samples},
                 {"tile_rows", calibration.tile_rows}};
    json["layers"] = layers_json(calibration.layers);
    json["tensors"] = Json::array();
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        if (graph.nodes[i].op == compiler::Op::constant) continue;
        const compiler::Range& range = calibration.ranges[i];
        json["tensors"].push_back(
            {{"name", graph.nodes[i].name}, {"low", range.low}, {"high", range.high}, {"mean", range.mean}});
    }
    json["products"] = Json::array();
    for (const auto& product : calibration.products)
        json["products"].push_back({{"name", product.name},
                                    {"full", product.full},
                                    {"slices", product.slices},
                                    {"digital", product.digital},
                                    {"tile_rms", product.tile_rms}});
    return sign(std::move(json));
}

Result<Calibration> read_calibration(const std::string& path, const compiler::Graph& graph, const std::string& hash)
{
    const auto json = read_signed(path, "calibration", kSchema);
    if (!json) return json.error();
    try {
        return parse(*json, graph, hash, path);
    } catch (const Json::exception& error) {
        return Error{std::string("this calibration lacks something: ") + error.what(), path, "write it again"};
    }
}

std::vector<ProductCalibration> products_of(const compiler::QuantGraph& graph)
{
    std::vector<ProductCalibration> products;
    for (const auto& node : graph.nodes)
        if (node.op == compiler::QuantOp::mvm)
            products.push_back({node.name, node.block.full, static_cast<std::uint32_t>(node.block.planes.size()),
                                node.digital, node.digital ? std::vector<double>{} : node.tile_rms});
    return products;
}

Status restore_products(const Calibration& calibration, const std::string& path, compiler::QuantGraph& graph)
{
    if (calibration.tile_rows != graph.tile_rows)
        return Error{"this calibration is for tiles of " + std::to_string(calibration.tile_rows) +
                         " rows, the card's have " + std::to_string(graph.tile_rows),
                     path, "lightcard calibrate --card measures for this one"};
    std::map<std::string, const ProductCalibration*> by_name;
    for (const auto& product : calibration.products) by_name[product.name] = &product;
    for (auto& node : graph.nodes) {
        if (node.op != compiler::QuantOp::mvm || node.digital) continue;
        const auto found = by_name.find(node.name);
        if (found == by_name.end())
            return Error{"this calibration lacks product '" + node.name + "'", path, "write it again"};
        const ProductCalibration& product = *found->second;
        const auto slices = static_cast<std::uint32_t>(node.block.planes.size());
        if (product.full != node.block.full || product.slices != slices || product.digital)
            return Error{"product '" + node.name + "' was calibrated for " +
                             numerics_of(product.full, product.slices, product.digital) + ", and runs in " +
                             numerics_of(node.block.full, slices, false),
                         path, "calibrate with the settings of the run"};
        const auto outputs = static_cast<std::size_t>(node.out.channels);
        const std::size_t rows = node.weights.size() / outputs;
        const std::size_t tiles = (rows + graph.tile_rows - 1) / graph.tile_rows;
        if (product.tile_rms.size() != std::max(1u, slices) * tiles * outputs)
            return Error{"product '" + node.name + "' was calibrated in another shape", path, "write it again"};
        for (const double rms : product.tile_rms)
            if (!(rms >= 0 && std::isfinite(rms)))
                return Error{"a converter range of product '" + node.name + "' is none", path, "write it again"};
        node.tile_rms = product.tile_rms;
    }
    return {};
}

}  // namespace lightcard::cli
