// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/decoder_network.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "lightcard/platform/compiler/float_executor.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/numerics.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/platform/compiler/quantise.h"

namespace lightcard::cli {

namespace {

using compiler::Graph;
using compiler::Node;

/// Low enough that a masked position's share is nothing, high enough that 16 bits still tell scores apart.
constexpr float kMasked = -60;

const Node& node_of(const Graph& graph, int i)
{
    return graph.nodes[static_cast<std::size_t>(i)];
}

Error not_a_decoder(const std::string& what)
{
    return {what, "",
            "inputs: token [1, 1], position [1], mask [.., context], caches [.., context - 1, ..]; outputs: "
            "logits, caches [.., context, ..]"};
}

/// The one dimension in which a cache and what continues it differ.
Result<Cache> cache_of(const DecoderNetwork& network, std::size_t input, std::size_t output)
{
    const auto& from = node_of(network.graph, network.graph.inputs[input]).shape;
    const auto& to = node_of(network.graph, network.graph.outputs[output]).shape;
    Cache cache{input, output, 1, 1};
    bool found = false;
    if (from.size() != to.size()) return not_a_decoder("a cache and its output have different ranks");
    for (std::size_t d = 0; d < from.size(); ++d) {
        const bool here = from[d] + 1 == to[d] && to[d] == static_cast<std::int64_t>(network.context) && !found;
        if (!here && from[d] != to[d]) return not_a_decoder("a cache and its output do not differ by one position");
        if (here)
            found = true;
        else
            (found ? cache.width : cache.rows) *= static_cast<std::size_t>(from[d]);
    }
    if (!found) return not_a_decoder("a cache has no positions");
    return cache;
}

Status find_roles(DecoderNetwork& network)
{
    const Graph& graph = network.graph;
    const std::size_t inputs = graph.inputs.size();
    if (inputs < 4 || graph.outputs.size() + 2 != inputs) return not_a_decoder("it has other inputs and outputs");
    const auto count = [&](std::size_t i) { return compiler::element_count(node_of(graph, graph.inputs[i]).shape); };
    const auto integer = [&](std::size_t i) { return node_of(graph, graph.inputs[i]).integer; };
    if (!integer(0) || count(0) != 1 || !integer(1) || count(1) != 1)
        return not_a_decoder("its first two inputs are no token and position");
    if (integer(2) || count(2) != static_cast<std::int64_t>(network.context))
        return not_a_decoder("its third input is no mask of " + std::to_string(network.context));
    for (std::size_t i = 3; i < inputs; ++i) {
        const auto cache = cache_of(network, i, i - 2);
        if (!cache) return cache.error();
        network.caches.push_back(*cache);
    }
    network.vocabulary = static_cast<std::size_t>(compiler::element_count(node_of(graph, graph.outputs[0]).shape));
    return {};
}

/// A token with the probability that the logits give it.
int draw(const std::vector<float>& logits, double uniform)
{
    const double most = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
    double left = uniform * sum;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        left -= std::exp(static_cast<double>(logits[i]) - most);
        if (left < 0) return static_cast<int>(i);
    }
    return static_cast<int>(logits.size()) - 1;
}

Result<std::vector<std::vector<float>>> draw_samples(const DecoderNetwork& network, const DecoderRequest& request,
                                                     Progress& progress)
{
    std::vector<std::vector<float>> samples;
    DecoderState state(network);
    std::mt19937_64 random(request.seed);
    int token = 1;
    const std::uint32_t steps = std::min(request.calibration_tokens, network.context - 1);
    for (std::uint32_t i = 0; i < steps; ++i) {
        progress.update("calibrating", i, steps);
        samples.push_back(state.step(token));
        auto outputs = compiler::run_float(network.graph, samples.back().data());
        if (!outputs) return outputs.error();
        token = draw((*outputs)[0], static_cast<double>(random() >> 11) * 0x1p-53);
        state.advance({outputs->begin() + 1, outputs->end()});
    }
    return samples;
}

}  // namespace

std::vector<driver::KeptTensor> DecoderNetwork::kept() const
{
    std::vector<driver::KeptTensor> kept;
    for (const Cache& cache : caches) {
        const std::uint64_t element =
            program.inputs[cache.input].bytes_per_image / (cache.rows * cache.width * (context - std::uint64_t{1}));
        const auto bytes = static_cast<std::uint32_t>(cache.width * element);
        kept.push_back({cache.input, cache.output, static_cast<std::uint32_t>(cache.rows), bytes,
                        (context - std::uint64_t{1}) * bytes, std::uint64_t{context} * bytes,
                        (context - std::uint64_t{1}) * bytes});
    }
    return kept;
}

DecoderState::DecoderState(const DecoderNetwork& network) : network_(&network)
{
    for (const Cache& cache : network.caches)
        caches_.emplace_back(cache.rows * cache.width * (network.context - std::size_t{1}), 0.0f);
}

std::vector<float> DecoderState::step(int token) const
{
    std::vector<float> values{static_cast<float>(token), static_cast<float>(position_)};
    for (std::uint32_t i = 0; i + 1 < network_->context; ++i) values.push_back(i < position_ ? 0 : kMasked);
    values.push_back(0);
    for (const auto& cache : caches_) values.insert(values.end(), cache.begin(), cache.end());
    return values;
}

void DecoderState::advance(const std::vector<std::vector<float>>& cache_outputs)
{
    const std::size_t last = network_->context - std::size_t{1};
    for (std::size_t c = 0; c < caches_.size(); ++c) {
        const auto& [input, output, rows, width] = network_->caches[c];
        for (std::size_t r = 0; r < rows; ++r)
            std::copy_n(cache_outputs[c].begin() + static_cast<std::ptrdiff_t>((r * (last + 1) + last) * width), width,
                        caches_[c].begin() + static_cast<std::ptrdiff_t>((r * last + position_) * width));
    }
    ++position_;
}

Result<DecoderNetwork> prepare_decoder(const DecoderRequest& request, Progress& progress)
{
    DecoderNetwork network;
    network.context = request.context;
    compiler::ImportOptions import;
    import.dimensions = request.dimensions;
    const auto context = static_cast<std::int64_t>(request.context);
    for (const auto& [name, size] : {std::pair{"T", std::int64_t{1}}, {"P", context - 1}, {"TP", context}})
        import.dimensions.emplace(name, size);
    auto graph = compiler::import_onnx(request.model, import);
    if (!graph) return graph.error();
    network.graph = std::move(*graph);
    if (const Status known = find_roles(network); !known)
        return Error{known.error().what, request.model, known.error().hint};
    const auto samples = draw_samples(network, request, progress);
    if (!samples) return samples.error();
    compiler::QuantOptions options;
    options.tile_rows = request.config.core.n;
    for (const Cache& cache : network.caches) options.tied.emplace_back(cache.input, cache.output);
    auto quantised = compiler::quantise(network.graph, *samples, options);
    if (!quantised) return quantised.error();
    network.quantised = std::move(*quantised);
    std::vector<std::vector<std::uint8_t>> codes;
    for (const auto& sample : *samples) codes.push_back(compiler::quantise_input(network.quantised, sample.data()));
    if (const Status good = compiler::apply_numerics(network.quantised, request.config, codes); !good)
        return good.error();
    auto program = compiler::lower(network.quantised, request.config, {1});
    if (!program) return program.error();
    network.program = std::move(*program);
    return network;
}

int best_token(const std::vector<float>& logits)
{
    return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace lightcard::cli
