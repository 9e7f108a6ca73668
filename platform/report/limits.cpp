// SPDX-License-Identifier: Apache-2.0
// What limits a run. Above kFull an engine is the limit itself; below, nothing is full and the run waits.
#include <algorithm>

#include "lightcard/platform/report/report.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::report {

namespace {

constexpr double kFull = 0.5;

bool starts_with(const std::string& text, const char* prefix)
{
    return text.rfind(prefix, 0) == 0;
}

/// Full path of the parameter that ends in `.name`, as `lightcard config` lists it.
std::string path_of(const CardConfig& config, const std::string& name)
{
    for (const auto& entry : config.resolved) {
        const auto& path = entry.path;
        if (path.size() > name.size() &&
            path.compare(path.size() - name.size() - 1, std::string::npos, "." + name) == 0)
            return path;
    }
    return name;
}

const char* kind_of(const std::string& engine)
{
    struct Kind {
        const char* prefix;
        const char* words;
    };
    static constexpr Kind kinds[] = {{"core", "the photonic core computes"},
                                     {"writer", "weights are written to PCM"},
                                     {"dma", "the DMA engine copies"},
                                     {"vector", "the vector unit works"},
                                     {"digital", "the digital MAC engine works"},
                                     {"sram", "the scratchpad's ports are full"},
                                     {"dram", "the card memory is full"},
                                     {"link", "the PCIe link is full"}};
    for (const auto& kind : kinds)
        if (starts_with(engine, kind.prefix)) return kind.words;
    return "it is full";
}

/// Share of the inference phase that the vectors themselves take in the cores, without any wait.
double computing_share(const Report& report)
{
    const double rate = static_cast<double>(report.config.cores) * static_cast<double>(report.config.core.mvm_rate());
    return rate > 0 ? report.throughput.mvms_per_second / rate : 0;
}

std::string lift_writes(const Report& report, double utilisation)
{
    const auto& config = report.config;
    std::uint64_t tiles = 0;
    for (const auto& layer : report.summary.layers) tiles += layer.tiles;
    const auto banks = static_cast<std::uint64_t>(config.cores) * config.pcm.banks;
    std::string text;
    if (tiles > banks)
        text = "the network has " + grouped(tiles) + " tiles and the card " + grouped(banks) +
               " banks: " + path_of(config, "banks") + " >= " + grouped((tiles + config.cores - 1) / config.cores) +
               " would keep the weights in place; ";
    const double computing = computing_share(report);
    if (computing > 0)
        text += "a write serves the whole batch, so a larger --batch helps (at " +
                grouped(report.summary.batch * utilisation / computing) + " computing would take as long as writing); ";
    return text + "a shorter " + path_of(config, "write_slot") + " helps in proportion";
}

std::string lift_engine(const Report& report, const std::string& engine, double utilisation)
{
    const auto& config = report.config;
    if (starts_with(engine, "writer")) return lift_writes(report, utilisation);
    if (starts_with(engine, "core")) return "more " + path_of(config, "lanes") + ", or more card.cores";
    if (starts_with(engine, "vector")) return "a higher " + path_of(config, "vector_rate");
    if (starts_with(engine, "digital")) return "a higher " + path_of(config, "digital_mac_rate");
    if (starts_with(engine, "sram")) return "a higher " + path_of(config, "sram_bandwidth");
    if (starts_with(engine, "dram"))
        return "a higher bandwidth of the card memory, or activations kept in the scratchpad";
    if (starts_with(engine, "link")) return "a wider or newer link (link.width, link.generation)";
    if (starts_with(engine, "dma")) return "fewer and larger copies, or a faster link";
    return "a faster " + engine;
}

std::string lift_wait(const Report& report, const std::string& cause, double utilisation)
{
    if (cause == "weights") return lift_writes(report, utilisation);
    if (cause == "laser") return "a shorter laser warm-up, or work that arrives before the laser's hold-off ends";
    if (cause == "sram" || cause == "dram" || cause == "link") return lift_engine(report, cause, utilisation);
    if (cause == "order") return "a larger --batch, so that dependent steps overlap with other work";
    if (cause == "engine") return "more engines of that kind";
    return "a larger --batch";
}

/// Cause for which the photonic cores waited longest.
std::pair<std::string, Picoseconds> longest_core_wait(const Report& report)
{
    std::map<std::string, Picoseconds> sums;
    for (const auto& engine : report.engines)
        if (starts_with(engine.name, "core"))
            for (const auto& [cause, time] : engine.waits) sums[cause] += time;
    std::pair<std::string, Picoseconds> longest{"", 0};
    for (const auto& [cause, time] : sums)
        if (time > longest.second) longest = {cause, time};
    return longest;
}

std::string sentence_of(const Report& report, const Limit& limit)
{
    if (report.latency.batches == 0) return "Nothing ran: no inference completed.";
    if (limit.engine.empty() && limit.cause.empty())
        return "No engine was busy and none waited: the run is too short to judge.";
    std::string text;
    if (!limit.engine.empty()) {
        text = "Limited by " + limit.engine + ": " + kind_of(limit.engine) + " " + percent(limit.utilisation) +
               " of the time";
        if (!limit.cause.empty() && !starts_with(limit.engine, "core"))
            text += ", and the core waits for " + limit.cause;
        text += ". To lift it: " + lift_engine(report, limit.engine, limit.utilisation) + ".";
        if (limit.headroom && *limit.headroom > 1)
            text += " The next limit is " + limit.next_engine + ", " +
                    grouped(*limit.headroom, *limit.headroom < 100 ? 1 : 0) + " times away.";
        return text;
    }
    text = "Limited by waiting, not by any engine (the busiest, " + limit.next_engine + ", works " +
           percent(limit.utilisation) + " of the time)";
    if (limit.cause.empty()) return text + ". To lift it: a larger --batch.";
    return text + ": the photonic core waits mostly for " + limit.cause +
           ". To lift it: " + lift_wait(report, limit.cause, limit.utilisation) + ".";
}

struct ErrorSource {
    const char* name;
    double photonic_core::Attribution::*member;
    const char* words;
    const char* parameter;  ///< that lifts it, and how
    const char* direction;
};
constexpr ErrorSource kSources[] = {
    {"levels", &photonic_core::Attribution::levels, "the coarse levels of the cells", "level_bits", "more"},
    {"programming", &photonic_core::Attribution::programming, "the programming error of the cells", "programming_sigma",
     "a smaller"},
    {"drift", &photonic_core::Attribution::drift, "drift of the cells", "drift_nu", "a smaller"},
    {"thermal", &photonic_core::Attribution::thermal, "thermal noise of the receivers", "row_power", "a larger"},
    {"shot", &photonic_core::Attribution::shot, "shot noise", "row_power", "a larger"},
    {"rin", &photonic_core::Attribution::rin, "intensity noise of the laser", "rin", "a lower"},
    {"dac", &photonic_core::Attribution::dac, "noise of the DACs", "dac_enob", "a higher"},
    {"adc_noise", &photonic_core::Attribution::adc_noise, "noise of the ADCs", "adc_enob", "a higher"},
    {"adc_quantisation", &photonic_core::Attribution::adc_quantisation, "the steps of the ADCs", "adc_bits", "more"},
    {"wear", &photonic_core::Attribution::wear, "failed cells", "spare_rows", "more"},
};
constexpr double kFollows = 0.9;  ///< correlation with fp32 below which noise is named

/// Error variance of every layer by source, each layer's relative to its own signal, so that layers count alike.
void find_error_source(const Report& report, Limit& limit)
{
    double sums[std::size(kSources)] = {}, total = 0;
    for (const auto& layer : report.layers) {
        const double signal = layer.counters.error.signal;
        if (signal <= 0) continue;
        for (std::size_t i = 0; i < std::size(kSources); ++i)
            sums[i] += layer.counters.error.*kSources[i].member / signal;
        total += layer.counters.error.total() / signal;
    }
    if (total <= 0) return;
    const auto largest =
        static_cast<std::size_t>(std::max_element(std::begin(sums), std::end(sums)) - std::begin(sums));
    const auto& source = kSources[largest];
    limit.error_source = source.name;
    limit.error_share = sums[largest] / total;
    if (!report.summary.accuracy) return;
    for (const auto& agreement : report.summary.accuracy->agreements) {
        if (agreement.reference != "fp32" || agreement.correlation >= kFollows) continue;
        limit.noise_sentence = "Noise keeps the outputs from following fp32: " + percent(limit.error_share) +
                               " of it is " + source.words + ". To lift it: " + source.direction + " " +
                               path_of(report.config, source.parameter) + ".";
    }
}

}  // namespace

Limit find_limit(const Report& report)
{
    auto engines = report.engines;
    // The sequencer is occupied as long as a command buffer runs: that says nothing about what it waits for.
    engines.erase(
        std::remove_if(engines.begin(), engines.end(), [](const auto& engine) { return engine.name == "sequencer"; }),
        engines.end());
    std::stable_sort(engines.begin(), engines.end(),
                     [](const auto& a, const auto& b) { return a.utilisation > b.utilisation; });
    Limit limit;
    limit.cause = longest_core_wait(report).first;
    if (!engines.empty() && engines[0].utilisation > 0) {
        limit.utilisation = engines[0].utilisation;
        if (limit.utilisation >= kFull) {
            limit.engine = engines[0].name;
            if (engines.size() > 1 && engines[1].utilisation > 0) {
                limit.next_engine = engines[1].name;
                limit.headroom = limit.utilisation / engines[1].utilisation;
            }
        } else {
            limit.next_engine = engines[0].name;
        }
    }
    limit.sentence = sentence_of(report, limit);
    if (report.config.run.fidelity != Fidelity::ideal && report.config.run.computes()) find_error_source(report, limit);
    return limit;
}

}  // namespace lightcard::report
