// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/prepare.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "lightcard/platform/cli/content_hash.h"
#include "lightcard/platform/cli/files.h"
#include "lightcard/platform/cli/plan_file.h"
#include "lightcard/platform/cli/program_cache.h"
#include "lightcard/platform/cli/workload_file.h"
#include "lightcard/platform/compiler/engines.h"
#include "lightcard/platform/compiler/layer_loss.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/numerics.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/compiler/quantise.h"
#include "lightcard/platform/compiler/random_weights.h"
#include "lightcard/platform/compiler/shape_program.h"

namespace lightcard::cli {

namespace {

constexpr std::uint32_t kUsualBatch = 64;
constexpr std::size_t kLossSamples = 2;  ///< that quantisation's own loss is measured on

Result<InputShape> input_shape(const compiler::Graph& graph)
{
    if (graph.inputs.size() != 1)
        return Error{"the network has " + std::to_string(graph.inputs.size()) + " inputs", "",
                     "lightcard run feeds one"};
    const auto& shape = graph.nodes[static_cast<std::size_t>(graph.inputs[0])].shape;
    InputShape result;
    int* sides[] = {&result.channels, &result.height, &result.width};
    for (std::size_t d = 1; d < shape.size() && d <= 3; ++d) *sides[d - 1] = static_cast<int>(shape[d]);
    return result;
}

/// One value for all channels or one each.
Status check_channels(const Preprocess& preprocess, const InputShape& shape)
{
    for (const auto* list : {&preprocess.mean, &preprocess.deviation})
        if (list->size() != 1 && list->size() != static_cast<std::size_t>(shape.channels))
            return Error{"--mean and --std take one value or one a channel: " + std::to_string(list->size()) +
                             " values for " + std::to_string(shape.channels) + " channels",
                         "", ""};
    return {};
}

std::vector<std::vector<float>> first_images(const Inputs& inputs, std::size_t count)
{
    std::vector<std::vector<float>> images;
    const std::size_t elements = inputs.values.size() / inputs.count;
    for (std::size_t i = 0; i < std::min(count, inputs.count); ++i)
        images.emplace_back(inputs.image(i), inputs.image(i) + elements);
    return images;
}

Status read_samples(const RunRequest& request, const InputOptions& options, Prepared& prepared)
{
    if (!request.calibration_file.empty()) {
        prepared.samples = first_images(prepared.inputs, kLossSamples);
        return {};
    }
    if (request.calibration.empty()) {
        prepared.samples = first_images(prepared.inputs, request.calibration_count);
        prepared.notes.push_back("activation ranges were taken from the first " +
                                 std::to_string(prepared.samples.size()) +
                                 " of the images that were run (--calibrate takes others)");
        return {};
    }
    InputOptions calibration = options;
    calibration.limit = request.calibration_count;
    const auto inputs = read_inputs(request.calibration, calibration);
    if (!inputs) return inputs.error();
    prepared.samples = first_images(*inputs, request.calibration_count);
    return {};
}

Status read_data(const RunRequest& request, const InputOptions& options, Prepared& prepared)
{
    auto inputs = read_inputs(request.inputs, options);
    if (!inputs) return inputs.error();
    prepared.inputs = std::move(*inputs);
    if (request.input_options.limit != SIZE_MAX && prepared.inputs.count < request.input_options.limit)
        prepared.notes.push_back("the inputs hold " + std::to_string(prepared.inputs.count) +
                                 " images, fewer than --count");
    if (auto good = read_samples(request, options, prepared); !good) return good;
    if (!request.classes.empty()) {
        auto classes = read_lines(request.classes);
        if (!classes) return classes.error();
        prepared.classes = std::move(*classes);
    }
    if (request.labels.empty()) return {};
    const auto labels = read_labels(request.labels);
    if (!labels) return labels.error();
    auto values = labels->for_images(prepared.inputs.names, prepared.inputs.count);
    if (!values) return Error{values.error().what, request.labels, values.error().hint};
    prepared.labels = std::move(*values);
    return {};
}

/// Timing alone: a number of images, and a sample that the layers' signs and scales are taken from.
Status shape_data(const RunRequest& request, const InputOptions& options, Prepared& prepared)
{
    constexpr std::size_t kMostImages = 10'000'000;
    const auto limit = request.input_options.limit;
    if (request.inputs.empty()) {
        // Neither all equal nor below zero, as pixels are.
        std::vector<float> sample(options.shape.elements());
        for (std::size_t i = 0; i < sample.size(); ++i) sample[i] = static_cast<float>(i * 37 % 256) / 255.0f;
        prepared.samples.push_back(std::move(sample));
        prepared.inputs.count = limit == SIZE_MAX ? 1 : limit;
        prepared.notes.push_back("without inputs, signs and scales of the layers are those of a synthetic one");
    } else {
        if (auto good = read_data(request, options, prepared); !good) return good;
        if (limit != SIZE_MAX) prepared.inputs.count = limit;
    }
    if (prepared.inputs.count > kMostImages)
        return Error{"--count is above " + std::to_string(kMostImages), "",
                     "what the card does with fewer is the same"};
    prepared.inputs.values.clear();
    return {};
}

/// Images one EXEC takes: what was asked for, or the usual batch as far as images and scratchpad allow.
Result<std::uint32_t> planned_batch(const RunRequest& request, const Prepared& prepared, std::uint64_t planned)
{
    if (request.batch > 0) return request.batch;
    if (planned > 0) return static_cast<std::uint32_t>(planned);
    const auto largest = compiler::largest_batch(prepared.quantised, request.config);
    if (!largest) return largest.error();
    const auto images = static_cast<std::uint32_t>(std::min<std::size_t>(prepared.inputs.count, kUsualBatch));
    return std::clamp(images, 1u, std::max(*largest, 1u));
}

/// Int8 in the card's numerics, from ranges measured before or from samples; products where they are computed.
Status quantise_network(const RunRequest& request, Progress& progress, const std::vector<compiler::Range>* ranges,
                        Prepared& prepared)
{
    compiler::QuantOptions quantisation;
    quantisation.tile_rows = request.config.core.n;
    quantisation.calibration = request.calibration_options;
    quantisation.ranges = ranges;
    // Block floating point takes the ranges of its own codes below; time alone takes none.
    const bool blocks = (request.config.run.numerics == Numerics::abfp || request.config.run.weight_slices > 1) &&
                        prepared.layers.empty();
    const int positions = request.timing_only ? 0 : quantisation.rms_positions;
    quantisation.rms_positions = blocks ? 0 : positions;
    progress.update("calibrating", 0, prepared.samples.size());
    // With ranges from a file the samples only say what quantisation costs.
    const bool measured = !request.calibration_file.empty();
    auto quantised = compiler::quantise(prepared.graph, measured ? std::vector<std::vector<float>>{} : prepared.samples,
                                        quantisation);
    if (!quantised) return quantised.error();
    prepared.quantised = std::move(*quantised);
    if (auto good = compiler::choose_engines(prepared.quantised, request.config, prepared.layers); !good) return good;
    std::vector<std::vector<std::uint8_t>> codes;
    for (std::size_t i = 0; !measured && positions > 0 && i < prepared.samples.size(); ++i)
        codes.push_back(compiler::quantise_input(prepared.quantised, prepared.samples[i].data()));
    return compiler::apply_numerics(prepared.quantised, request.config, codes, prepared.layers, positions);
}

/// The plan to follow, if there is one: its settings go between the calibration file's and the command line's.
Result<std::optional<SavedPlan>> plan_of(const RunRequest& request, const Prepared& prepared)
{
    if (request.plan_file.empty()) return std::optional<SavedPlan>{};
    auto plan = read_plan(request.plan_file);
    if (!plan) return plan.error();
    if (auto good = check_plan(*plan, request.plan_file, prepared.model_hash, request.config); !good)
        return good.error();
    return std::optional<SavedPlan>(std::move(*plan));
}

/// Settings of layers: those of `base`, then the command line's.
compiler::LayerSettings settings_of(compiler::LayerSettings base, const compiler::LayerSettings& over)
{
    for (const auto& [name, setting] : over) {
        auto& into = base[name];
        if (setting.passes) into.passes = setting.passes;
        if (setting.engine) into.engine = setting.engine;
        if (setting.numerics) into.numerics = setting.numerics;
    }
    return base;
}

Status measure_loss(Prepared& prepared)
{
    const auto count = static_cast<std::ptrdiff_t>(std::min(kLossSamples, prepared.samples.size()));
    const auto loss = compiler::quantisation_loss(prepared.graph, prepared.quantised,
                                                  {prepared.samples.begin(), prepared.samples.begin() + count});
    if (!loss) return loss.error();
    for (ProductFacts& product : prepared.products)
        if (const auto found = loss->find(product.name); found != loss->end()) product.quantisation = found->second;
    return {};
}

/// What a report says of the products, beside the program.
std::vector<ProductFacts> facts_of(const compiler::QuantGraph& graph)
{
    std::vector<ProductFacts> facts;
    for (const auto& node : graph.nodes)
        if (node.op == compiler::QuantOp::mvm)
            facts.push_back({node.name, static_cast<std::uint32_t>(node.group), node.digital, -1});
    return facts;
}

Status compile(const RunRequest& request, Progress& progress, Prepared& prepared)
{
    const std::string& file = request.calibration_file;
    const auto plan = plan_of(request, prepared);
    if (!plan) return plan.error();
    const auto planned = *plan ? settings_of(**plan) : compiler::LayerSettings{};
    if (file.empty()) {
        prepared.layers = settings_of(planned, request.layers);
        if (auto good = quantise_network(request, progress, nullptr, prepared); !good) return good;
    } else {
        const auto calibration = read_calibration(file, prepared.graph, prepared.model_hash);
        if (!calibration) return calibration.error();
        prepared.layers = settings_of(settings_of(calibration->layers, planned), request.layers);
        if (auto good = quantise_network(request, progress, &calibration->ranges, prepared); !good) return good;
        if (auto good = restore_products(*calibration, file, prepared.quantised); !good) return good;
    }
    prepared.products = facts_of(prepared.quantised);
    if (request.compare_float)
        if (auto good = measure_loss(prepared); !good) return good;
    const auto batch = planned_batch(request, prepared, *plan ? (*plan)->batch : 0);
    if (!batch) return batch.error();
    compiler::LowerOptions lowering;
    lowering.batch = *batch;
    for (const auto& [name, setting] : prepared.layers)
        if (setting.passes) lowering.layer_passes[name] = *setting.passes;
    auto program = compiler::lower(prepared.quantised, request.config, lowering);
    if (!program) return program.error();
    prepared.program = std::move(*program);
    return *plan ? check_program(**plan, request.plan_file, prepared.program) : Status{};
}

/// All that a compiled program depends on. A build of the tool is another tool.
std::string cache_key(const RunRequest& request, const std::vector<std::uint8_t>& model, const Prepared& prepared)
{
    ContentHash hash;
    hash.text(LIGHTCARD_VERSION);
    struct stat tool {};
    if (stat("/proc/self/exe", &tool) == 0)
        hash.value(tool.st_size).value(tool.st_mtim.tv_sec).value(tool.st_mtim.tv_nsec);
    hash.text(request.config.name).text(request.config.hash);
    hash.bytes(model.data(), model.size());
    for (const auto& [name, value] : request.dimensions) hash.text(name).value(value);
    hash.value(request.random_weights ? 1 : 0).value(request.random_weights.value_or(0));
    for (const auto& [name, setting] : request.layers)
        hash.text(name)
            .value(setting.passes.value_or(0))
            .value(setting.engine ? 1 + static_cast<int>(*setting.engine) : 0)
            .value(setting.numerics ? 1 + static_cast<int>(*setting.numerics) : 0);
    hash.value(static_cast<int>(request.calibration_options.method)).value(request.calibration_options.percentile);
    hash.value(request.timing_only ? 1 : 0).value(request.compare_float ? 1 : 0);
    for (const auto& file : {request.calibration_file, request.plan_file}) {
        const auto content = file.empty() ? Result<Bytes>(Bytes{}) : read_file(file);
        hash.text(file);  // errors name it
        if (content) hash.bytes(content->data(), content->size());
    }
    const auto images = std::min<std::size_t>(prepared.inputs.count, kUsualBatch);
    hash.value(request.batch).value(request.batch > 0 ? std::size_t{0} : images);
    for (const auto& sample : prepared.samples) hash.bytes(sample.data(), sample.size() * sizeof(float));
    return hash.digits();
}

const compiler::QuantTensor& tensor_of(const compiler::QuantGraph& graph, const std::vector<int>& nodes)
{
    return graph.nodes[static_cast<std::size_t>(nodes[0])].out;
}

/// A graph of input and output alone: what codes are made and read with.
compiler::QuantGraph ends_of(const CachedProgram& entry)
{
    compiler::QuantGraph graph;
    graph.name = entry.program.network;
    graph.notes = entry.notes;
    graph.nodes.resize(2);
    graph.nodes[0].out = entry.input;
    graph.nodes[1].op = compiler::QuantOp::output;
    graph.nodes[1].inputs = {0};
    graph.nodes[1].out = entry.output;
    graph.inputs = {0};
    graph.outputs = {1};
    return graph;
}

/// From the cache or compiled, and then kept. --check runs the quantised graph, which the cache has not.
Status compile_once(const RunRequest& request, const std::vector<std::uint8_t>& model, Progress& progress,
                    Prepared& prepared)
{
    const ProgramCache cache(request.cache ? ProgramCache::usual_folder() : std::string());
    const auto key = cache_key(request, model, prepared);
    std::string warning;
    auto found = request.check ? std::nullopt : cache.find(key, warning);
    if (!warning.empty()) prepared.warnings.push_back(warning);
    if (request.random_weights && (!found || request.compare_float))
        compiler::randomise_weights(prepared.graph, *request.random_weights);
    if (found) {
        prepared.quantised = ends_of(*found);
        prepared.program = std::move(found->program);
        prepared.products = std::move(found->products);
        return {};
    }
    if (auto good = compile(request, progress, prepared); !good) return good;
    CachedProgram entry;
    entry.input = tensor_of(prepared.quantised, prepared.quantised.inputs);
    entry.output = tensor_of(prepared.quantised, prepared.quantised.outputs);
    entry.notes = prepared.quantised.notes;
    entry.program = std::move(prepared.program);
    entry.products = prepared.products;
    if (auto stored = cache.store(key, entry); !stored)
        prepared.warnings.push_back(stored.error().where + ": " + stored.error().what);
    if (!request.check) prepared.quantised = ends_of(entry);
    prepared.program = std::move(entry.program);
    return {};
}

/// A workload: its commands follow from its shapes.
std::optional<Failure> prepare_shapes(const RunRequest& request, Prepared& prepared)
{
    if (!request.timing_only)
        return Failure{kUsage,
                       {"a workload has shapes alone: it can be timed, not run", request.model, "--timing-only"}};
    const auto network = read_workload(request.model);
    if (!network) return Failure{kUsage, network.error()};
    auto program = compiler::program_of_shapes(*network, request.config, request.batch);
    if (!program) return Failure{kNetwork, program.error()};
    prepared.program = std::move(*program);
    prepared.inputs.count = request.input_options.limit == SIZE_MAX ? 1 : request.input_options.limit;
    prepared.notes.push_back(
        "a workload of shapes: its products one after another, its vector work in equal shares behind them");
    return std::nullopt;
}

bool is_workload(const std::string& model)
{
    const auto ends = [&model](const std::string& with) {
        return model.size() > with.size() && model.compare(model.size() - with.size(), with.size(), with) == 0;
    };
    return ends(".yaml") || ends(".yml");
}

/// Whatever changes the graph that a file becomes.
std::string options_text(const RunRequest& request)
{
    std::string text;
    for (const auto& [name, size] : request.dimensions) text += name + "=" + std::to_string(size) + ";";
    if (request.random_weights) text += "random weights " + std::to_string(*request.random_weights);
    return text;
}

/// The graph, and the form of its input.
std::optional<Failure> import_network(const RunRequest& request, Bytes& model, Prepared& prepared,
                                      InputOptions& options)
{
    auto file = read_file(request.model);
    if (!file) return Failure{kUsage, file.error()};
    model = std::move(*file);
    compiler::ImportOptions import;
    import.dimensions = request.dimensions;
    auto graph = compiler::import_onnx(model.data(), model.size(), import);
    if (!graph)
        return Failure{
            kNetwork,
            {graph.error().what, request.model + (graph.error().where.empty() ? "" : ": ") + graph.error().where,
             graph.error().hint}};
    prepared.graph = std::move(*graph);
    prepared.model_hash = model_hash(model, options_text(request));
    if (request.random_weights) {
        prepared.notes.push_back("the weights are random, seed " + std::to_string(*request.random_weights) +
                                 ": time, power and mapping are the network's, outputs are not");
    }
    const auto shape = input_shape(prepared.graph);
    if (!shape) return Failure{kNetwork, shape.error()};
    options = request.input_options;
    options.shape = *shape;
    if (auto good = check_channels(options.preprocess, *shape); !good) return Failure{kUsage, good.error()};
    return std::nullopt;
}

}  // namespace

std::optional<Failure> prepare(const RunRequest& request, Progress& progress, Prepared& prepared)
{
    if (is_workload(request.model)) return prepare_shapes(request, prepared);
    InputOptions options;
    Bytes model;
    if (auto failure = import_network(request, model, prepared, options)) return failure;
    auto data = request.timing_only ? shape_data(request, options, prepared) : read_data(request, options, prepared);
    if (!data) return Failure{kUsage, data.error()};
    if (auto good = compile_once(request, model, progress, prepared); !good) return Failure{kNetwork, good.error()};
    const auto& notes = prepared.quantised.notes;
    prepared.notes.insert(prepared.notes.end(), notes.begin(), notes.end());
    // What nobody looks at any more is memory that the card could use.
    if (!request.compare_float) prepared.graph = {};
    for (std::size_t i = 0; i < prepared.inputs.count && !request.timing_only; ++i) {
        const auto image = compiler::quantise_input(prepared.quantised, prepared.inputs.image(i));
        prepared.codes.insert(prepared.codes.end(), image.begin(), image.end());
    }
    return std::nullopt;
}

std::optional<Failure> calibrate_network(const RunRequest& request, Progress& progress, Prepared& prepared,
                                         Calibration& calibration)
{
    InputOptions options;
    Bytes model;
    if (auto failure = import_network(request, model, prepared, options)) return failure;
    if (request.random_weights) compiler::randomise_weights(prepared.graph, *request.random_weights);
    const auto inputs = read_inputs(request.inputs, options);
    if (!inputs) return Failure{kUsage, inputs.error()};
    prepared.samples = first_images(*inputs, inputs->count);
    prepared.layers = request.layers;
    progress.update("measuring ranges", 0, prepared.samples.size());
    auto ranges = compiler::calibrate(prepared.graph, prepared.samples, request.calibration_options);
    if (!ranges) return Failure{kNetwork, ranges.error()};
    if (auto good = quantise_network(request, progress, &*ranges, prepared); !good)
        return Failure{kNetwork, good.error()};
    calibration.network = std::filesystem::path(request.model).stem().string();
    calibration.model_hash = prepared.model_hash;
    calibration.options = request.calibration_options;
    calibration.samples = prepared.samples.size();
    calibration.tile_rows = prepared.quantised.tile_rows;
    calibration.ranges = std::move(*ranges);
    calibration.products = products_of(prepared.quantised);
    calibration.layers = prepared.layers;
    return std::nullopt;
}

}  // namespace lightcard::cli
