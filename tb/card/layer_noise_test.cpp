// SPDX-License-Identifier: Apache-2.0
// Fidelity stat, layer by layer: each MVM layer of a real network alone on the card, fed with the ideal activations,
// over 20 card seeds. The error against ideal has the variance that the attribution predicts in closed form; its
// mean is that of the cells' expected weights; and each source switched off takes its share away.
#include <cmath>
#include <numeric>

#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/platform/compiler/int8_reference.h"
#include "lightcard/platform/compiler/quant_tensor.h"
#include "lightcard/tb/card/network_rig.h"

namespace lightcard::test {
namespace {

constexpr std::uint64_t kFirstSeed = 1, kSeeds = 20;

/// One MVM node as a network of its own with s32 outputs; inputs are the activations of the whole network.
struct Layer {
    std::string name;
    Network network;
    const compiler::QuantNode& node() const { return network.graph.nodes[1]; }
};

std::vector<Layer> layers_of(const Network& whole)
{
    std::vector<std::vector<compiler::QuantValues>> traces;
    for (const auto& input : whole.inputs) traces.push_back(must(compiler::run_int8_trace(whole.graph, input.data())));
    std::vector<Layer> layers;
    for (const auto& node : whole.graph.nodes) {
        if (node.op != compiler::QuantOp::mvm) continue;
        const auto source = static_cast<std::size_t>(node.inputs[0]);
        Layer layer;
        layer.name = node.name;
        auto& graph = layer.network.graph;
        graph.name = node.name;
        graph.tile_rows = whole.graph.tile_rows;
        compiler::QuantNode input;
        input.op = compiler::QuantOp::input;
        input.name = "input";
        input.out = whole.graph.nodes[source].out;
        auto wide = node;
        wide.inputs = {0};
        wide.out.wide = true;
        wide.out.is_signed = true;
        wide.out.channel_scale.assign(static_cast<std::size_t>(wide.out.channels), 1.0);
        std::fill(wide.requant.bias.begin(), wide.requant.bias.end(), 0);
        graph.nodes = {input, wide};
        graph.inputs = {0};
        graph.outputs = {1};
        for (const auto& trace : traces) {
            layer.network.inputs.push_back(compiler::to_bytes(input.out, trace[source]));
        }
        layers.push_back(std::move(layer));
    }
    return layers;
}

std::vector<std::int32_t> words(const std::vector<std::uint8_t>& bytes)
{
    std::vector<std::int32_t> values(bytes.size() / 4);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

/// What 20 cards made of one layer.
struct Measurement {
    std::vector<double> squared;           ///< a seed: sum over outputs of error^2
    std::vector<double> mean;              ///< a seed: mean error over outputs
    photonic_core::Attribution predicted;  ///< mean over seeds, summed over outputs
    std::uint64_t clipped = 0, samples = 0;

    double measured() const
    {
        return std::accumulate(squared.begin(), squared.end(), 0.0) / static_cast<double>(squared.size());
    }
    /// Standard error of measured().
    double error() const
    {
        const double m = measured();
        double sum = 0;
        for (const double value : squared) sum += (value - m) * (value - m);
        const double n = static_cast<double>(squared.size());
        return std::sqrt(sum / (n - 1) / n);
    }
};

/// Every seed on a card of its own, all in one simulation.
Measurement measure(const Layer& layer, const NoiseSources& sources)
{
    Measurement result;
    const auto ideal = words(layer.network.reference());
    std::vector<std::unique_ptr<Rig>> rigs;
    for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + kSeeds; ++seed) {
        auto config = default_card();
        config.run.seed = seed;
        config.run.noise = sources;
        config.pcm.banks = 64;
        rigs.push_back(std::make_unique<Rig>(config, "s" + std::to_string(seed)));
    }
    for (auto& rig : rigs) {
        rig->up();
        const auto program =
            compile(layer.network, rig->card.config(), static_cast<std::uint32_t>(layer.network.inputs.size()));
        const auto got = words(run_network(*rig, program, layer.network));
        double squares = 0, sum = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double error = static_cast<double>(got[i]) - ideal[i];
            squares += error * error;
            sum += error;
        }
        result.squared.push_back(squares);
        result.mean.push_back(sum / static_cast<double>(got.size()));
        for (const auto& entry : rig->card.counters().layers) {
            result.predicted.add(entry.error);
            result.clipped += entry.stats.clipped;
            result.samples += entry.stats.samples;
        }
    }
    for (double* part :
         {&result.predicted.levels, &result.predicted.programming, &result.predicted.drift, &result.predicted.thermal,
          &result.predicted.shot, &result.predicted.rin, &result.predicted.dac, &result.predicted.adc_noise,
          &result.predicted.adc_quantisation, &result.predicted.dac_static, &result.predicted.adc_static,
          &result.predicted.crosstalk, &result.predicted.clipping}) {
        *part /= static_cast<double>(kSeeds);
    }
    return result;
}

/// Sums of one K-tile with 1/256 of a weight step as the unit: the reference executor is linear, so the high and the
/// low plane are two int8 networks. Rows outside [k0, k0 + rows) are zero.
std::vector<double> tile_sums(const Layer& layer, const pcm_memory::EffectiveTile& tile, std::uint32_t k0,
                              std::uint32_t depth)
{
    auto high = layer.network, low = layer.network;
    auto& high_weights = high.graph.nodes[1].weights;
    auto& low_weights = low.graph.nodes[1].weights;
    std::fill(high_weights.begin(), high_weights.end(), std::int8_t{0});
    std::fill(low_weights.begin(), low_weights.end(), std::int8_t{0});
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        for (std::uint32_t row = 0; row < tile.rows; ++row) {
            const auto from = static_cast<std::size_t>(col) * tile.row_stride + row;
            const auto to = static_cast<std::size_t>(col) * depth + k0 + row;
            high_weights[to] = tile.hi[from];
            low_weights[to] = tile.lo[from];
        }
    }
    const auto big = words(high.reference()), small = words(low.reference());
    std::vector<double> sums(big.size());
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = big[i] + small[i] / 256.0;
    return sums;
}

/// Mean over outputs of the error that is there without noise: the cells' expected weights (levels are fixed, and
/// programming errors at the ends of a cell's range fall to one side) and the ADC's end codes, a K-tile at a time.
double expected_error(const Layer& layer)
{
    const auto config = default_card();
    const auto chain = photonic_core::make_analog_chain(config.core, config.pcm, config.converters, config.run);
    const auto& node = layer.node();
    const auto cols = static_cast<std::uint32_t>(node.out.channels);
    const auto depth = static_cast<std::uint32_t>(node.weights.size() / cols);
    const auto ideal = words(layer.network.reference());
    double sum = 0;
    for (const auto value : ideal) sum -= value;
    for (std::uint32_t k0 = 0; k0 < depth; k0 += config.core.n) {
        const auto rows = std::min(config.core.n, depth - k0);
        const auto tile =
            pcm_memory::make_mean_tile(config.pcm, config.run, rows, cols, node.weights.data() + k0, depth, 0);
        const auto sums = tile_sums(layer, tile, k0, depth);
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const auto rms = node.tile_rms[k0 / config.core.n * cols + i % cols];
            const auto range = static_cast<std::uint32_t>(std::ceil(config.converters.adc_range_sigmas * rms));
            const auto lsb = photonic_core::column_gain(chain, rows, range).lsb;
            const double kept = std::clamp(sums[i], -128.0 * lsb, 127.0 * lsb);
            sum += kept;
        }
    }
    return sum / static_cast<double>(ideal.size());
}

std::vector<Layer> tested_layers()
{
    auto layers = layers_of(lenet(3));
    auto small = resnet8();
    small.inputs.resize(1);
    for (auto& layer : layers_of(small)) layers.push_back(std::move(layer));
    return layers;
}

class LayerNoise : public testing::TestWithParam<int> {
protected:
    Layer layer() const { return tested_layers().at(static_cast<std::size_t>(GetParam())); }
};

TEST_P(LayerNoise, VarianceAndBiasAreTheClosedForm)
{
    const auto l = layer();
    const auto m = measure(l, {});
    const double predicted = m.predicted.total();
    EXPECT_NEAR(m.measured(), predicted, 0.10 * predicted)
        << l.name << ": clipped " << m.clipped << " of " << m.samples;
    const double n = static_cast<double>(m.mean.size());
    const double mean = std::accumulate(m.mean.begin(), m.mean.end(), 0.0) / n;
    double squares = 0;
    for (const double value : m.mean) squares += (value - mean) * (value - mean);
    const double standard_error = std::sqrt(squares / (n - 1) / n);
    EXPECT_NEAR(mean, expected_error(l), 3 * standard_error) << l.name;
}

TEST_P(LayerNoise, EachSourceTakesItsShare)
{
    const auto l = layer();
    struct Source {
        const char* name;
        bool NoiseSources::*flag;
        double photonic_core::Attribution::*share;
    };
    const Source sources[] = {
        {"levels", &NoiseSources::levels, &photonic_core::Attribution::levels},
        {"programming", &NoiseSources::programming, &photonic_core::Attribution::programming},
        {"thermal", &NoiseSources::thermal, &photonic_core::Attribution::thermal},
        {"shot", &NoiseSources::shot, &photonic_core::Attribution::shot},
        {"rin", &NoiseSources::rin, &photonic_core::Attribution::rin},
        {"dac", &NoiseSources::dac, &photonic_core::Attribution::dac},
        {"adc_noise", &NoiseSources::adc_noise, &photonic_core::Attribution::adc_noise},
        {"adc_quantisation", &NoiseSources::adc_quantisation, &photonic_core::Attribution::adc_quantisation},
        {"dac_static", &NoiseSources::dac_static, &photonic_core::Attribution::dac_static},
        {"crosstalk", &NoiseSources::crosstalk, &photonic_core::Attribution::crosstalk}};
    const auto text_of = [&](const NoiseSources& on) {
        return in_child([&] {
            const auto m = measure(l, on);
            std::string text = std::to_string(m.measured());
            for (const auto& source : sources) text += " " + std::to_string(m.predicted.*source.share);
            text += " " + std::to_string(m.predicted.clipping);
            return text;
        });
    };
    const auto parse = [](const std::string& text) {
        std::istringstream in(text);
        std::vector<double> values;
        for (double value = 0; in >> value;) values.push_back(value);
        return values;
    };
    const auto all = parse(text_of({}));
    const double clipping = all.back();
    const double total = std::accumulate(all.begin() + 1, all.end(), 0.0);
    for (std::size_t i = 0; i < std::size(sources); ++i) {
        NoiseSources without;
        without.*sources[i].flag = false;
        const auto alone = parse(text_of(without));
        // How much is clipped depends on what else is on: each run counts its own end codes.
        const double left = total - all[i + 1] - clipping + alone.back();
        EXPECT_NEAR(alone.at(0), left, 0.10 * left) << l.name << " without " << sources[i].name;
    }
}

INSTANTIATE_TEST_SUITE_P(Layers, LayerNoise, testing::Range(0, 5 + 10));

}  // namespace
}  // namespace lightcard::test
