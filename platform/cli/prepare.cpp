// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/prepare.h"

#include <algorithm>

#include "lightcard/platform/cli/files.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/numerics.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/compiler/quantise.h"
#include "lightcard/platform/compiler/random_weights.h"

namespace lightcard::cli {

namespace {

constexpr std::uint32_t kUsualBatch = 64;

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

/// Images one EXEC takes: what was asked for, or the usual batch as far as images and scratchpad allow.
Result<std::uint32_t> planned_batch(const RunRequest& request, const Prepared& prepared)
{
    if (request.batch > 0) return request.batch;
    const auto largest = compiler::largest_batch(prepared.quantised, request.config);
    if (!largest) return largest.error();
    const auto images = static_cast<std::uint32_t>(std::min<std::size_t>(prepared.inputs.count, kUsualBatch));
    return std::clamp(images, 1u, std::max(*largest, 1u));
}

Status compile(const RunRequest& request, Progress& progress, Prepared& prepared)
{
    compiler::QuantOptions quantisation;
    quantisation.tile_rows = request.config.core.n;
    quantisation.percentile = request.percentile;
    progress.update("calibrating", 0, prepared.samples.size());
    auto quantised = compiler::quantise(prepared.graph, prepared.samples, quantisation);
    if (!quantised) return quantised.error();
    prepared.quantised = std::move(*quantised);
    const auto& notes = prepared.quantised.notes;
    prepared.notes.insert(prepared.notes.end(), notes.begin(), notes.end());
    std::vector<std::vector<std::uint8_t>> calibration;
    for (const auto& sample : prepared.samples)
        calibration.push_back(compiler::quantise_input(prepared.quantised, sample.data()));
    if (auto good = compiler::apply_numerics(prepared.quantised, request.config, calibration); !good) return good;
    const auto batch = planned_batch(request, prepared);
    if (!batch) return batch.error();
    auto program = compiler::lower(prepared.quantised, request.config, {*batch, request.layer_passes});
    if (!program) return program.error();
    prepared.program = std::move(*program);
    return {};
}

}  // namespace

std::optional<Failure> prepare(const RunRequest& request, Progress& progress, Prepared& prepared)
{
    const auto model = read_file(request.model);
    if (!model) return Failure{kUsage, model.error()};
    compiler::ImportOptions import;
    import.dimensions = request.dimensions;
    auto graph = compiler::import_onnx(model->data(), model->size(), import);
    if (!graph)
        return Failure{
            kNetwork,
            {graph.error().what, request.model + (graph.error().where.empty() ? "" : ": ") + graph.error().where,
             graph.error().hint}};
    prepared.graph = std::move(*graph);
    if (request.random_weights) {
        compiler::randomise_weights(prepared.graph, *request.random_weights);
        prepared.notes.push_back("the weights are random, seed " + std::to_string(*request.random_weights) +
                                 ": time, power and mapping are the network's, outputs are not");
    }
    const auto shape = input_shape(prepared.graph);
    if (!shape) return Failure{kNetwork, shape.error()};

    InputOptions options = request.input_options;
    options.shape = *shape;
    if (auto good = check_channels(options.preprocess, *shape); !good) return Failure{kUsage, good.error()};
    if (auto good = read_data(request, options, prepared); !good) return Failure{kUsage, good.error()};
    if (auto good = compile(request, progress, prepared); !good) return Failure{kNetwork, good.error()};
    for (std::size_t i = 0; i < prepared.inputs.count; ++i) {
        const auto image = compiler::quantise_input(prepared.quantised, prepared.inputs.image(i));
        prepared.codes.insert(prepared.codes.end(), image.begin(), image.end());
    }
    return std::nullopt;
}

}  // namespace lightcard::cli
