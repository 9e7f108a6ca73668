// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/layer_options.h"

#include <nlohmann/json.hpp>

#include "lightcard/model/common/suggest.h"

namespace lightcard::cli {

namespace {

using compiler::Engine;
using compiler::LayerSetting;
using compiler::LayerSettings;
using Json = nlohmann::ordered_json;

constexpr std::uint32_t kMostPasses = 64;

Status set_passes(const std::string& text, LayerSetting& setting)
{
    const bool digits = !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == std::string::npos;
    const std::uint32_t passes = digits ? static_cast<std::uint32_t>(std::stoul(text)) : 0;
    if (passes < 1 || passes > kMostPasses) return Error{"'" + text + "' passes", "", "1 .. 64"};
    setting.passes = passes;
    return {};
}

Status set_engine(const std::string& text, LayerSetting& setting)
{
    for (const Engine engine : {Engine::pcm, Engine::digital}) {
        if (text != to_string(engine)) continue;
        setting.engine = engine;
        return {};
    }
    return Error{"no engine '" + text + "'", "", did_you_mean(text, {"pcm", "digital"})};
}

Status set_numerics(const std::string& text, LayerSetting& setting)
{
    if (text != "int8" && text != "abfp")
        return Error{"no numerics '" + text + "'", "", did_you_mean(text, {"int8", "abfp"})};
    setting.numerics = text == "int8" ? Numerics::int8 : Numerics::abfp;
    return {};
}

struct Key {
    const char *option, *key;
    Status (*set)(const std::string&, LayerSetting&);
};
constexpr Key kKeys[] = {{"layer-passes", "passes", set_passes},
                         {"layer-engine", "engine", set_engine},
                         {"layer-numerics", "numerics", set_numerics}};

}  // namespace

const char* to_string(compiler::Engine engine)
{
    return engine == Engine::digital ? "digital" : "pcm";
}

po::options_description layer_options()
{
    po::options_description options("Precision by layer");
    const auto list = [] { return po::value<std::vector<std::string>>()->multitoken()->composing(); };
    options.add_options()("layer-passes", list()->value_name("NAME=N..."),
                          "layers whose samples are converted N times and averaged (all layers: --set run.passes=N)")(
        "layer-engine", list()->value_name("NAME=E..."),
        "layers that phase-change cells (pcm) or the digital MAC engine (digital) compute")(
        "layer-numerics", list()->value_name("NAME=N..."), "layers in int8 or in block floating point (abfp)");
    return options;
}

Status read_layer_options(const Parsed& parsed, LayerSettings& layers)
{
    for (const Key& key : kKeys)
        for (const std::string& text : parsed.all(key.option)) {
            const auto at = text.rfind('=');  // names may hold one
            const std::string option = std::string("--") + key.option;
            if (at == std::string::npos || at == 0)
                return Error{option + " '" + text + "'", "", "NAME=VALUE, with a name of the report's layers"};
            if (auto good = key.set(text.substr(at + 1), layers[text.substr(0, at)]); !good)
                return Error{option + " '" + text + "': " + good.error().what, "", good.error().hint};
        }
    return {};
}

Json layers_json(const LayerSettings& layers)
{
    Json json = Json::object();
    for (const auto& [name, setting] : layers) {
        if (setting.empty()) continue;
        Json& entry = json[name] = Json::object();
        if (setting.passes) entry["passes"] = *setting.passes;
        if (setting.engine) entry["engine"] = to_string(*setting.engine);
        if (setting.numerics) entry["numerics"] = *setting.numerics == Numerics::int8 ? "int8" : "abfp";
    }
    return json;
}

Result<LayerSettings> layers_of(const Json& json, const std::string& where)
{
    if (!json.is_object()) return Error{"settings of layers are no object", where, ""};
    LayerSettings layers;
    for (const auto& [name, entry] : json.items()) {
        if (!entry.is_object()) return Error{"settings of a layer are no object", where + "." + name, ""};
        for (const auto& [word, value] : entry.items()) {
            const Key* known = nullptr;
            for (const Key& key : kKeys)
                if (word == key.key) known = &key;
            if (known == nullptr)
                return Error{"unknown key '" + word + "'", where + "." + name,
                             did_you_mean(word, {"passes", "engine", "numerics"})};
            const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
            if (auto good = known->set(text, layers[name]); !good)
                return Error{good.error().what, where + "." + name + "." + word, good.error().hint};
        }
    }
    return layers;
}

}  // namespace lightcard::cli
