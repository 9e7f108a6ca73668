// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/plan_file.h"

#include <algorithm>
#include <map>
#include <ostream>

#include "lightcard/platform/cli/layer_options.h"
#include "lightcard/platform/cli/signed_json.h"

namespace lightcard::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "lightcard/saved-plan/1";

Result<SavedPlan> parse(const Json& json, const std::string& path)
{
    SavedPlan plan;
    plan.network = json.at("network");
    plan.model_hash = json.at("model_hash");
    const Json& card = json.at("card");
    plan.card = card.at("name");
    plan.n = card.at("n");
    plan.cores = card.at("cores");
    plan.banks = card.at("banks");
    plan.batch = json.at("batch");
    for (const Json& entry : json.at("layers")) {
        PlannedLayer layer{entry.at("name"),  entry.at("engine"),       entry.at("numerics"), entry.at("passes"),
                           entry.at("tiles"), entry.at("tile_vectors"), entry.at("dynamic")};
        // What the settings are, layer_options knows.
        const Json settings = {
            {layer.name, {{"engine", layer.engine}, {"numerics", layer.numerics}, {"passes", layer.passes}}}};
        if (const auto good = layers_of(settings, path + ": layers"); !good) return good.error();
        plan.layers.push_back(std::move(layer));
    }
    return plan;
}

std::string describe(const PlannedLayer& layer)
{
    if (layer.dynamic) return layer.name + ": digital engine, both operands computed";
    if (layer.engine == "digital") return layer.name + ": digital engine";
    return layer.name + ": " + std::to_string(layer.tiles) + " tiles, " + std::to_string(layer.tile_vectors) +
           " tile-MVMs, " + layer.numerics + ", " + std::to_string(layer.passes) +
           (layer.passes == 1 ? " pass" : " passes");
}

/// Everything but the layers, a line each.
std::vector<std::string> head(const SavedPlan& plan)
{
    return {"network " + plan.network + (plan.model_hash.empty() ? "" : " (" + plan.model_hash + ")"),
            "card " + plan.card + ": tiles of " + std::to_string(plan.n) + ", " + std::to_string(plan.cores) +
                " cores of " + std::to_string(plan.banks) + " banks",
            "batch " + (plan.batch == 0 ? std::string("as run chooses") : std::to_string(plan.batch))};
}

}  // namespace

SavedPlan saved_plan(const NetworkPlan& plan, const CardConfig& config, const std::string& model_hash,
                     std::uint64_t batch)
{
    SavedPlan saved;
    saved.network = plan.shape.name;
    saved.model_hash = model_hash;
    saved.card = config.name;
    saved.n = config.core.n;
    saved.cores = config.cores;
    saved.banks = config.pcm.banks;
    saved.batch = batch;
    for (const LayerPlan& layer : plan.layers)
        saved.layers.push_back({layer.name, layer.dynamic || layer.digital ? "digital" : "pcm",
                                layer.numerics == Numerics::int8 ? "int8" : "abfp", layer.passes, layer.tiles,
                                layer.tile_vectors, layer.dynamic});
    return saved;
}

std::string to_text(const SavedPlan& plan)
{
    Json json = {{"schema", kSchema},
                 {"network", plan.network},
                 {"model_hash", plan.model_hash},
                 {"card", {{"name", plan.card}, {"n", plan.n}, {"cores", plan.cores}, {"banks", plan.banks}}},
                 {"batch", plan.batch}};
    json["layers"] = Json::array();
    for (const PlannedLayer& layer : plan.layers)
        json["layers"].push_back({{"name", layer.name},
                                  {"engine", layer.engine},
                                  {"numerics", layer.numerics},
                                  {"passes", layer.passes},
                                  {"tiles", layer.tiles},
                                  {"tile_vectors", layer.tile_vectors},
                                  {"dynamic", layer.dynamic}});
    return sign(std::move(json));
}

Result<SavedPlan> read_plan(const std::string& path)
{
    const auto json = read_signed(path, "plan", kSchema);
    if (!json) return json.error();
    try {
        return parse(*json, path);
    } catch (const Json::exception& error) {
        return Error{std::string("this plan lacks something: ") + error.what(), path, "save it again"};
    }
}

bool print_difference(std::ostream& out, const SavedPlan& first, const SavedPlan& second)
{
    bool equal = true;
    const auto differ = [&](const std::string& minus, const std::string& plus) {
        equal = false;
        if (!minus.empty()) out << "- " << minus << '\n';
        if (!plus.empty()) out << "+ " << plus << '\n';
    };
    const auto a = head(first), b = head(second);
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i] != b[i]) differ(a[i], b[i]);
    std::map<std::string, std::string> others;
    for (const auto& layer : second.layers) others[layer.name] = describe(layer);
    for (const auto& layer : first.layers) {
        const auto found = others.find(layer.name);
        if (found == others.end())
            differ(describe(layer), "");
        else if (found->second != describe(layer))
            differ(describe(layer), found->second);
        if (found != others.end()) others.erase(found);
    }
    for (const auto& layer : second.layers)
        if (others.count(layer.name) > 0) differ("", describe(layer));
    return equal;
}

Status check_plan(const SavedPlan& plan, const std::string& path, const std::string& model_hash,
                  const CardConfig& config)
{
    if (plan.model_hash.empty())
        return Error{"this is the plan of workload '" + plan.network + "'", path, "a plan of the network that is run"};
    if (plan.model_hash != model_hash)
        return Error{"this is the plan of network '" + plan.network + "' (" + plan.model_hash +
                         "), not of the one that is run (" + model_hash + ")",
                     path, "lightcard plan --save writes this one's"};
    if (plan.n != config.core.n || plan.cores != config.cores || plan.banks != config.pcm.banks)
        return Error{"this plan is for " + head(plan)[1] + "; the card has tiles of " + std::to_string(config.core.n) +
                         ", " + std::to_string(config.cores) + " cores of " + std::to_string(config.pcm.banks) +
                         " banks",
                     path, "the card it was made for, or a new plan"};
    return {};
}

compiler::LayerSettings settings_of(const SavedPlan& plan)
{
    compiler::LayerSettings layers;
    for (const PlannedLayer& layer : plan.layers) {
        if (layer.dynamic) continue;
        compiler::LayerSetting& setting = layers[layer.name];
        setting.engine = layer.engine == "digital" ? compiler::Engine::digital : compiler::Engine::pcm;
        if (setting.engine == compiler::Engine::digital) continue;
        setting.passes = layer.passes;
        setting.numerics = layer.numerics == "int8" ? Numerics::int8 : Numerics::abfp;
    }
    return layers;
}

Status check_program(const SavedPlan& plan, const std::string& path, const driver::Program& program)
{
    std::map<std::string, const driver::ProgramLayer*> by_name;
    for (const auto& layer : program.layers) by_name[layer.name] = &layer;
    for (const PlannedLayer& layer : plan.layers) {
        if (layer.dynamic) continue;
        const auto found = by_name.find(layer.name);
        const std::uint64_t tiles = found == by_name.end() ? 0 : found->second->tiles;
        if (found == by_name.end() || tiles != layer.tiles || found->second->tile_vectors != layer.tile_vectors)
            return Error{"the plan does not hold: product '" + layer.name + "' takes " + std::to_string(tiles) +
                             " tiles, planned are " + std::to_string(layer.tiles),
                         path, "save it again"};
    }
    return {};
}

}  // namespace lightcard::cli
