// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/loss.h"

#include <algorithm>
#include <cmath>

#include "lightcard/platform/report/report.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::report {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr std::size_t kNamed = 4;     ///< layers that the sentence names
constexpr double kFollows = 0.95;     ///< correlation with fp32, share of equal top-1: below, settings are proposed
constexpr double kPointsLost = 0.01;  ///< share of labels
constexpr double kAimed = 0.03;       ///< error / signal (15 dB) that the proposed conversions aim at

bool is_product(const LayerReport& layer)
{
    return layer.index > 0 && (layer.info.tiles > 0 || layer.info.digital);
}

LayerLoss loss_of(const LayerReport& layer)
{
    LayerLoss loss;
    loss.name = layer.info.name;
    loss.quantisation = layer.info.quantisation.value_or(0);
    const auto& e = layer.counters.error;
    if (e.signal <= 0) return loss;
    const double weights = e.levels + e.programming + e.drift + e.retention + e.wear + e.read;
    loss.weights = weights / e.signal;
    loss.noise = (e.total() - weights - e.clipping) / e.signal;
    const auto& stats = layer.counters.stats;
    // Counted where there is noise; else what the share of clipped samples says.
    if (e.clipping != 0)
        loss.clipping = std::max(0.0, e.clipping / e.signal);
    else if (stats.samples > 0)
        loss.clipping = clipping_variance(static_cast<double>(stats.clipped) / static_cast<double>(stats.samples));
    return loss;
}

/// True if the outputs are worth repairing.
bool lost(const Report& report)
{
    if (!report.summary.accuracy) return false;
    const auto& a = *report.summary.accuracy;
    if (a.labelled > 0 && a.reference_top1 &&
        static_cast<double>(*a.reference_top1) - static_cast<double>(a.top1) >
            kPointsLost * static_cast<double>(a.labelled))
        return true;
    return std::any_of(a.agreements.begin(), a.agreements.end(), [](const Agreement& g) {
        return g.reference == "fp32" && g.images > 0 &&
               (g.correlation < kFollows ||
                static_cast<double>(g.same_top1) < kFollows * static_cast<double>(g.images));
    });
}

/// The layers that make up half of all loss, at most kNamed.
std::vector<LayerLoss> worst_of(const std::vector<LayerLoss>& losses)
{
    double all = 0, taken = 0;
    for (const auto& loss : losses) all += loss.total();
    std::vector<LayerLoss> worst;
    for (const auto& loss : losses) {
        if (worst.size() == kNamed || (taken >= all / 2 && !worst.empty())) break;
        worst.push_back(loss);
        taken += loss.total();
    }
    return worst;
}

const LayerReport* find(const Report& report, const std::string& name)
{
    for (const auto& layer : report.layers)
        if (layer.index > 0 && layer.info.name == name) return &layer;
    return nullptr;
}

/// Share of the cells of a layer's tiles that its weights use.
double used(const Report& report, const LayerReport& layer)
{
    const double n = report.config.core.n;
    const double lit = static_cast<double>(layer.info.tile_vectors) * n * n;
    return lit > 0 ? static_cast<double>(layer.info.macs) / lit : 1;
}

using Words = std::vector<std::string>;

/// More conversions of every sample, and copies where tiles are half empty.
Words against_noise(const Report& report, const std::vector<LayerLoss>& worst, std::size_t products)
{
    double noise = 0;
    bool empty = false;
    for (const auto& loss : worst) {
        noise = std::max(noise, loss.noise);
        const auto* layer = find(report, loss.name);
        empty |= layer != nullptr && used(report, *layer) < 0.5;
    }
    std::uint32_t factor = 2;
    while (factor < 16 && noise / factor > kAimed) factor *= 2;
    const std::string passes = "=" + std::to_string(std::min(64u, report.config.run.passes * factor));
    Words words;
    if (empty && report.config.run.fill == Fill::off) words = {"--set", "run.fill=both"};
    if (worst.size() * 4 > products) {
        words.insert(words.end(), {"--set", "run.passes" + passes});
        return words;
    }
    words.push_back("--layer-passes");
    for (const auto& loss : worst) words.push_back(loss.name + passes);
    return words;
}

Words setting(const Report& report, const std::vector<LayerLoss>& worst, std::size_t products)
{
    for (const auto& loss : worst) {
        const auto* layer = find(report, loss.name);
        if (layer != nullptr && layer->info.groups > 1 && !layer->info.digital)
            return {"--set", "run.depthwise=digital"};
    }
    LayerLoss sum;
    double drift = 0, cells = 0;
    for (const auto& loss : worst) {
        sum.quantisation += loss.quantisation;
        sum.weights += loss.weights;
        sum.noise += loss.noise;
        sum.clipping += loss.clipping;
        if (const auto* layer = find(report, loss.name)) {
            drift += layer->counters.error.drift;
            cells += layer->counters.error.levels + layer->counters.error.programming;
        }
    }
    const double most = std::max({sum.quantisation, sum.weights, sum.noise, sum.clipping});
    if (most == sum.noise) return against_noise(report, worst, products);
    if (most == sum.weights && drift > cells) return {"--compensate", "drift"};
    if (most == sum.weights)
        return {"--set", "run.weight_slices=" + std::to_string(std::min(4u, report.config.run.weight_slices + 1))};
    if (most == sum.clipping)
        return {"--set",
                "card.converters.adc_range_sigmas=" + grouped(report.config.converters.adc_range_sigmas * 1.5, 1)};
    return {"--percentile", "99.99"};
}

const char* kind_of(const LayerLoss& loss)
{
    const double most = std::max({loss.quantisation, loss.weights, loss.noise, loss.clipping});
    if (most == loss.noise) return "noise";
    if (most == loss.weights) return "errors of the weights";
    return most == loss.clipping ? "clipping" : "quantisation";
}

}  // namespace

double clipping_variance(double clipped)
{
    if (clipped <= 0) return 0;
    if (clipped >= 1) return 1;
    // z: where the tails of a normal distribution hold the share. erfc(z / sqrt 2) falls: bisection.
    double low = 0, high = 10;
    for (int i = 0; i < 60; ++i) {
        const double middle = (low + high) / 2;
        (std::erfc(middle / std::sqrt(2.0)) > clipped ? low : high) = middle;
    }
    const double density = std::exp(-low * low / 2) / std::sqrt(2 * kPi);
    return std::max(0.0, (1 + low * low) * clipped - 2 * low * density);
}

std::vector<LayerLoss> layer_losses(const Report& report)
{
    std::vector<LayerLoss> losses;
    for (const auto& layer : report.layers) {
        if (!is_product(layer)) continue;
        auto loss = loss_of(layer);
        if (loss.total() > 0) losses.push_back(std::move(loss));
    }
    std::stable_sort(losses.begin(), losses.end(),
                     [](const LayerLoss& a, const LayerLoss& b) { return a.total() > b.total(); });
    return losses;
}

std::string loss_sentence(const Report& report, const std::vector<LayerLoss>& losses)
{
    if (losses.empty() || !lost(report)) return {};
    const auto worst = worst_of(losses);
    std::string text = "Accuracy goes to ";
    for (const auto& loss : worst)
        text += (&loss == worst.data() ? "" : ", ") + loss.name + " (error " +
                grouped(10 * std::log10(loss.total()), 1) + " dB of its signal, mostly " + kind_of(loss) + ")";
    if (losses.size() > worst.size())
        text += "; " + grouped(std::uint64_t{losses.size() - worst.size()}) + " other products lose less";
    text += ". To try:";
    for (const auto& word : setting(report, worst, losses.size()))
        text += word.find(' ') == std::string::npos ? " " + word : " '" + word + "'";
    return text + ".";
}

std::vector<std::string> repair_arguments(const Report& report, const std::vector<LayerLoss>& losses)
{
    if (losses.empty() || !lost(report)) return {};
    return setting(report, worst_of(losses), losses.size());
}

}  // namespace lightcard::report
