// SPDX-License-Identifier: Apache-2.0
// `lightcard plan`: what a network asks of a card, from its shapes alone; what limits it, and what would move that.
#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/model/common/suggest.h"
#include "lightcard/platform/cli/calibration_file.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/dimensions.h"
#include "lightcard/platform/cli/files.h"
#include "lightcard/platform/cli/layer_options.h"
#include "lightcard/platform/cli/moves_json.h"
#include "lightcard/platform/cli/plan_compare.h"
#include "lightcard/platform/cli/plan_file.h"
#include "lightcard/platform/cli/workload_file.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

namespace fs = std::filesystem;
using report::grouped;
using report::percent;
using report::seconds_text;
using report::si;

constexpr HelpText kHelp = {
    "plan",
    "NETWORK [--card CARD] [--batch N] [--dim NAME=VALUE ...] [--layers] [--set PATH=VALUE ...] [--json [FILE]] "
    "[--html FILE] [--save FILE] | --diff A B",
    "Plans a network on a card from its shapes: tiles, residency, writes an inference, wear, and what bounds it in\n"
    "batches of 1 to 4,096, with the weights as the card holds them and with a bank for every tile; then the "
    "parameters\n"
    "that would move that most. No weights are read and nothing is simulated: the figures are bounds from rates, and\n"
    "`lightcard run` is what a card does. Equal inputs give equal text. A plan can be saved, compared with another, "
    "and run.\n"
    "NETWORK is an ONNX file, or a workload: a YAML file of shapes or the name of one that is shipped.\n",
    "  lightcard plan resnet50-224 --card lc128-library\n"
    "  lightcard plan llama-3-8b-decode --batch 64\n"
    "  lightcard plan decoder.onnx --dim T=1 --dim P=255 --layers\n"
    "  lightcard plan net.onnx --layer-engine conv1=digital --save net.plan.json\n"
    "  lightcard plan --diff before.json after.json\n"};

std::vector<std::string> workload_directories()
{
    std::vector<std::string> directories;
    for (const std::string& cards : config_directories())
        directories.push_back((fs::path(cards) / ".." / "workloads").lexically_normal().string());
    return directories;
}

Result<std::string> find_workload(const std::string& name)
{
    std::vector<std::string> names;
    for (const std::string& directory : workload_directories()) {
        std::error_code code;
        const fs::path path = fs::path(directory) / (name + ".yaml");
        if (fs::exists(path, code)) return path.string();
        for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code))
            if (it->path().extension() == ".yaml") names.push_back(it->path().stem().string());
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return Error{"no workload '" + name + "'", "", did_you_mean(name, names)};
}

/// `hash`: of an ONNX file.
Result<compiler::NetworkShape> read_network(const std::string& name, const Dimensions& dimensions, std::string& hash)
{
    const std::string extension = fs::path(name).extension().string();
    if (extension == ".onnx") {
        compiler::ImportOptions options;
        options.dimensions = dimensions;
        const auto model = read_file(name);
        if (!model) return model.error();
        const auto graph = compiler::import_onnx(model->data(), model->size(), options);
        if (!graph)
            return Error{graph.error().what, name + (graph.error().where.empty() ? "" : ": ") + graph.error().where,
                         graph.error().hint};
        std::string given;
        for (const auto& [dimension, size] : dimensions) given += dimension + "=" + std::to_string(size) + ";";
        hash = model_hash(*model, given);
        auto shape = compiler::shape_of(*graph);
        shape.name = fs::path(name).stem().string();
        shape.source = name;
        return shape;
    }
    if (extension == ".yaml" || extension == ".yml") return read_workload(name);
    const auto path = find_workload(name);
    if (!path) return path.error();
    return read_workload(*path);
}

void line(std::ostream& out, const char* name, const std::string& text)
{
    out << "  " << std::left << std::setw(16) << name << report::wrapped(text, 94, std::string(18, ' ')) << '\n';
}

void print_network(std::ostream& out, const NetworkPlan& p, const CardConfig& config)
{
    const Workload& w = p.work;
    line(out, "Products",
         grouped(p.weight_layers) + " with fixed weights, " + si(static_cast<double>(w.macs), "MAC") +
             " an inference: " + grouped(w.tiles) + " tiles, " + grouped(w.tile_vectors) + " tile-MVMs, " +
             percent(p.utilisation) + " of their multiplications used");
    if (p.digital_layers > 0)
        line(out, "Depthwise",
             grouped(p.digital_layers) + " grouped convolutions, " +
                 si(static_cast<double>(w.digital_macs - w.dynamic_macs), "MAC") +
                 ", on the digital engine: less time x energy there than in cells at the accuracy of a full column "
                 "(run.depthwise)");
    if (w.dynamic_macs > 0)
        line(out, "Attention",
             si(static_cast<double>(w.dynamic_macs), "MAC") +
                 " with both operands computed: on the digital engine, as writing them to "
                 "phase-change memory would take a write a use");
    line(out, "Scratchpad",
         si(static_cast<double>(w.live_bytes), "B") + " an inference at 8 bit: " +
             grouped(config.control.sram_bytes / std::max<std::uint64_t>(1, w.live_bytes)) +
             " fit; a larger batch spills to card memory");
    if (p.resident.empty()) {
        line(out, "Weights",
             "resident: " + grouped(p.banks) + " banks hold all " + grouped(w.tiles) + " tiles, written once");
        return;
    }
    line(out, "Weights",
         "reloaded: " + grouped(w.tiles) + " tiles for " + grouped(p.banks) + " banks; a batch writes " +
             si(pass_write_energy(config, w), "J") + " in " +
             seconds_text(static_cast<double>(w.tiles) / tiles_per_second(config)) + ", while the other bank computes");
}

std::string rate(double value)
{
    return grouped(value, value < 10 ? 3 : value < 100 ? 1 : 0);
}

void print_rows(std::ostream& out, const std::vector<PlanRow>& rows, const std::string& unit, const char* title)
{
    out << '\n' << title << '\n' << std::right;
    out << std::setw(8) << "batch" << std::setw(13) << (unit + "s/s") << std::setw(12) << "latency" << std::setw(12)
        << "energy" << std::setw(14) << "for weights" << std::setw(16) << "cells written" << std::setw(12)
        << "wear life"
        << "  limited by\n";
    for (const PlanRow& row : rows) {
        out << std::right << std::setw(8) << grouped(row.batch) << std::setw(13) << rate(row.bound.images_per_second)
            << std::setw(12) << seconds_text(row.latency) << std::setw(12) << si(row.energy, "J") << std::setw(14)
            << (row.write_energy > 0 ? si(row.write_energy, "J") : "-") << std::setw(16)
            << (row.cells_written > 0 ? si(row.cells_written, "") : "-") << std::setw(12)
            << (row.life > 0 ? seconds_text(row.life) : "-") << "  " << row.bound.engine << '\n';
    }
}

void print_baselines(std::ostream& out, const NetworkPlan& p)
{
    if (p.shape.baselines.empty()) return;
    const auto fastest = [](const std::vector<PlanRow>& rows) {
        return *std::max_element(rows.begin(), rows.end(), [](const PlanRow& a, const PlanRow& b) {
            return a.bound.images_per_second < b.bound.images_per_second;
        });
    };
    out << "\nAgainst measured machines\n";
    for (const auto& other : p.shape.baselines) {
        std::string text = grouped(other.per_second) + " " + p.shape.unit + "s/s";
        if (other.watts > 0) text += ", " + si(other.watts / other.per_second, "J") + " each";
        const auto compare = [&](const PlanRow& row, const char* which) {
            text += std::string("; ") + which + " does " + grouped(row.bound.images_per_second / other.per_second, 2) +
                    " times that at batch " + grouped(row.batch);
            if (other.watts > 0)
                text += " with " + grouped(row.energy * other.per_second / other.watts, 2) + " times the energy";
        };
        compare(fastest(p.rows), "this card");
        if (!p.resident.empty()) compare(fastest(p.resident), "with every tile resident it");
        out << "  " << report::wrapped(other.name + ": " + text + " (" + other.source + ")", 108, "    ") << '\n';
    }
}

void print_moves(std::ostream& out, const NetworkPlan& p)
{
    out << "\nWhat would move batch " << grouped(p.batch) << " most, at the ends of the declared ranges\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(p.moves.size(), 6); ++i) {
        const auto& move = p.moves[i];
        out << "  " << std::left << std::setw(30) << move.path << std::setw(11) << move.grade << move.from << " -> "
            << move.to << ": x" << grouped(move.factor, move.factor < 10 ? 2 : 0) << ", then the " << move.engine
            << '\n';
    }
    if (p.moves.empty()) out << "  nothing within its declared range\n";
}

void print_layers(std::ostream& out, const NetworkPlan& p)
{
    out << "\nProducts\n";
    for (const LayerPlan& layer : p.layers) {
        out << "  " << std::left << std::setw(44) << layer.name.substr(0, 43) << std::right << std::setw(12)
            << si(static_cast<double>(layer.macs), "MAC");
        if (layer.dynamic || layer.digital)
            out << "  digital engine\n";
        else
            out << std::setw(9) << grouped(layer.tiles) << " tiles" << std::setw(12) << grouped(layer.tile_vectors)
                << " tile-MVMs" << std::setw(9) << percent(layer.utilisation) << '\n';
    }
}

void print_text(std::ostream& out, const NetworkPlan& p, const CardConfig& config, bool layers)
{
    out << p.shape.name << " on " << config.name << ", configuration " << config.hash << "\n\n";
    print_network(out, p, config);
    print_rows(out, p.rows, p.shape.unit, "This card, as bounds from its rates");
    if (!p.resident.empty()) print_rows(out, p.resident, p.shape.unit, "The same with a bank for every tile");
    print_baselines(out, p);
    out << "\nWhen is this card better?\n";
    for (const auto& line : verdicts(machines_of(p, config))) out << "  " << report::wrapped(line, 108, "    ") << '\n';
    print_moves(out, p);
    if (layers) print_layers(out, p);
    if (const auto asked = requirement_sentence(p); !asked.empty()) out << '\n' << report::wrapped(asked) << '\n';
    out << '\n' << report::wrapped(limit_sentence(p)) << '\n';
}

/// `lightcard plan --diff A B`: 0 if they are alike.
int compare_plans(const Console& console, const std::vector<std::string>& files)
{
    if (files.size() != 2) return fail(console, kUsage, {"--diff compares two plans", "", "--diff A.json B.json"});
    const auto first = read_plan(files[0]), second = read_plan(files[1]);
    for (const auto* plan : {&first, &second})
        if (!*plan) return fail(console, kUsage, plan->error());
    return print_difference(console.out, *first, *second) ? kOk : kCheckFailed;
}

nlohmann::ordered_json rows_json(const std::vector<PlanRow>& rows)
{
    auto list = nlohmann::ordered_json::array();
    for (const PlanRow& row : rows)
        list.push_back({{"batch", row.batch},
                        {"inferences_per_second", row.bound.images_per_second},
                        {"limited_by", row.bound.engine},
                        {"latency_s", row.latency},
                        {"energy_j", row.energy},
                        {"write_energy_j", row.write_energy},
                        {"cells_written", row.cells_written},
                        {"wear_life_s", row.life}});
    return list;
}

nlohmann::ordered_json to_json(const NetworkPlan& p, const CardConfig& config)
{
    using Json = nlohmann::ordered_json;
    Json json = {{"schema", "lightcard/plan/1"},
                 {"network", p.shape.name},
                 {"source", p.shape.source},
                 {"card", config.name},
                 {"config_hash", config.hash},
                 {"weight_layers", p.weight_layers},
                 {"macs", p.work.macs},
                 {"dynamic_macs", p.work.dynamic_macs},
                 {"digital_macs", p.work.digital_macs},
                 {"tiles", p.work.tiles},
                 {"tile_vectors", p.work.tile_vectors},
                 {"utilisation", p.utilisation},
                 {"banks", p.banks},
                 {"resident", p.resident.empty()},
                 {"vector_elements", p.work.vector_elements},
                 {"activation_bytes", p.work.activation_bytes},
                 {"live_bytes", p.work.live_bytes},
                 {"input_bytes", p.work.input_bytes}};
    json["rows"] = rows_json(p.rows);
    json["rows_resident"] = rows_json(p.resident);
    json["layers"] = Json::array();
    for (std::size_t i = 0; i < p.layers.size(); ++i) {
        const LayerPlan& layer = p.layers[i];
        const auto& product = p.shape.products[i];
        json["layers"].push_back({{"name", layer.name},
                                  {"inputs", product.inputs},
                                  {"outputs", product.outputs},
                                  {"vectors", product.vectors},
                                  {"groups", product.groups},
                                  {"count", product.count},
                                  {"macs", layer.macs},
                                  {"tiles", layer.tiles},
                                  {"tile_vectors", layer.tile_vectors},
                                  {"dynamic", layer.dynamic},
                                  {"digital", layer.digital},
                                  {"passes", layer.passes},
                                  {"numerics", layer.numerics == Numerics::int8 ? "int8" : "abfp"}});
    }
    json["baselines"] = Json::array();
    for (const auto& other : p.shape.baselines)
        json["baselines"].push_back(
            {{"name", other.name}, {"per_second", other.per_second}, {"watts", other.watts}, {"source", other.source}});
    json["limit"] = limit_sentence(p);
    json["requirement"] = requirement_sentence(p);
    json["machines"] = Json::array();
    for (const auto& machine : machines_of(p, config)) {
        Json rows = Json::array();
        for (const auto& row : machine.rows)
            rows.push_back({{"batch", row.batch},
                            {"per_second", row.per_second},
                            {"latency_s", row.latency},
                            {"energy_j", row.energy},
                            {"energy_without_writes_j", row.energy_without_writes}});
        json["machines"].push_back({{"name", machine.name}, {"source", machine.source}, {"rows", std::move(rows)}});
    }
    json["verdicts"] = verdicts(machines_of(p, config));
    json["sensitivities"] = moves_json(p.moves);
    return json;
}

}  // namespace

int plan_command(const Console& console, const Arguments& arguments)
{
    auto visible = card_options();
    visible.add_options()("card", po::value<std::string>()->default_value("lc128")->value_name("CARD"),
                          "name of a shipped card or a YAML file");
    po::options_description output("Network and output");
    output.add_options()("batch", po::value<Natural>()->default_value({256})->value_name("N"),
                         "inferences a batch, for what would move the bound")(
        "dim", po::value<std::vector<std::string>>()->composing()->value_name("NAME=VALUE"),
        "size of a dimension that an ONNX file leaves open (default 1); repeatable")(
        "layers", "every product with its tiles")("html",
                                                  po::value<std::string>()->default_value("", "")->value_name("FILE"),
                                                  "as a page: when this card is better than others, with plots")(
        "save", po::value<std::string>()->default_value("", "")->value_name("FILE"),
        "the plan as a file that `lightcard run --plan` follows, and --diff compares")(
        "diff", po::value<std::vector<std::string>>()->multitoken()->value_name("A B"),
        "what differs between two saved plans; exit 1 if anything does")(
        "json", po::value<std::string>()->value_name("FILE"), "as JSON; - is standard output");
    visible.add(output).add(layer_options());
    po::options_description hidden;
    hidden.add_options()("network", po::value<std::string>());
    const auto parsed = parse(console, kHelp, visible, hidden, Positional{"network", 1}, arguments);
    if (parsed.exit) return *parsed.exit;
    if (parsed.has("diff")) return compare_plans(console, parsed.all("diff"));
    if (!parsed.has("network"))
        return fail(console, kUsage, {"no network is named", "", "an ONNX file, or a workload: resnet50-224"});
    if (parsed.number("batch") < 1 || parsed.number("batch") > (1u << 20))
        return fail(console, kUsage, {"--batch must be 1 to 1048576", "", ""});
    const auto dimensions = parse_dimensions(parsed.all("dim"));
    if (!dimensions) return fail(console, kUsage, dimensions.error());
    const auto overrides = overrides_of(parsed);
    if (!overrides) return fail(console, kUsage, overrides.error());
    const auto config = load_card(parsed.get<std::string>("card"), *overrides);
    if (!config) return fail(console, kUsage, config.error());
    compiler::LayerSettings layers;
    if (auto good = read_layer_options(parsed, layers); !good) return fail(console, kUsage, good.error());
    std::string hash;
    const auto shape = read_network(parsed.get<std::string>("network"), *dimensions, hash);
    if (!shape) return fail(console, kNetwork, shape.error());
    if (auto good = check_layers(*shape, layers); !good) return fail(console, kNetwork, good.error());
    const auto plan = plan_network(*shape, *config, parsed.number("batch"), layers);
    if (plan.work.tiles == 0 && plan.digital_layers == 0)
        return fail(console, kNetwork, {"the network has no product with fixed weights", shape->name, ""});
    if (const auto file = parsed.get<std::string>("save"); !file.empty()) {
        const std::uint64_t batch = parsed.values["batch"].defaulted() ? 0 : parsed.number("batch");
        const auto saved = write_output(
            console, file, [&](std::ostream& out) { out << to_text(saved_plan(plan, *config, hash, batch)); });
        if (!saved) return fail(console, kUsage, saved.error());
        if (file == "-") return kOk;
    }
    if (const auto file = parsed.get<std::string>("html"); !file.empty()) {
        const auto page = write_output(console, file, [&](std::ostream& out) { write_plan_html(out, plan, *config); });
        if (!page) return fail(console, kUsage, page.error());
        if (file == "-") return kOk;
    }
    if (!parsed.has("json")) {
        print_text(console.out, plan, *config, parsed.has("layers"));
        return kOk;
    }
    const auto written = write_output(console, parsed.get<std::string>("json"),
                                      [&](std::ostream& out) { out << to_json(plan, *config).dump(2) << '\n'; });
    return written ? kOk : fail(console, kUsage, written.error());
}

}  // namespace lightcard::cli
