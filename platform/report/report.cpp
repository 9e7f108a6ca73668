// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/report.h"

#include <algorithm>
#include <cmath>

namespace lightcard::report {

namespace {

/// Value at `percent` of a sorted, non-empty list, by nearest rank.
Picoseconds percentile(const std::vector<Picoseconds>& sorted, std::size_t percent)
{
    const std::size_t rank = (sorted.size() * percent + 99) / 100;
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

Latency latency_of(const CardCounters& counters, const Mark& setup_end, std::uint32_t batch)
{
    Latency latency;
    std::vector<Picoseconds> starts, ends, durations;
    for (std::size_t i = 0; i < std::min(counters.exec_start.size(), counters.exec_end.size()); ++i) {
        if (counters.exec_start[i] < setup_end.now) continue;  // an EXEC of the set-up
        starts.push_back(counters.exec_start[i]);
        ends.push_back(counters.exec_end[i]);
        durations.push_back(counters.exec_end[i] - counters.exec_start[i]);
    }
    latency.batches = durations.size();
    if (durations.empty()) return latency;
    latency.time_to_first_result = ends.front();
    latency.first = durations.front();
    const auto n = static_cast<double>(ends.size());
    latency.steady_per_batch = ends.size() == 1 ? static_cast<double>(durations[0])
                                                : static_cast<double>(ends.back() - ends.front()) / (n - 1);
    latency.steady_per_image = latency.steady_per_batch / std::max(1u, batch);
    std::sort(durations.begin(), durations.end());
    latency.p50 = percentile(durations, 50);
    latency.p90 = percentile(durations, 90);
    latency.p99 = percentile(durations, 99);
    latency.longest = durations.back();
    return latency;
}

Throughput throughput_of(const Report& report)
{
    Throughput throughput;
    const auto& core = report.config.core;
    throughput.peak_tops = report.config.cores * core.peak_ops() * 1e-12;
    if (report.latency.steady_per_image > 0) throughput.images_per_second = 1e12 / report.latency.steady_per_image;
    const double seconds = report.inference().seconds();
    if (seconds > 0) {
        const auto mvms = report.counters.mvms - report.summary.setup_end.counters.mvms;
        throughput.mvms_per_second = static_cast<double>(mvms) / seconds;
    }
    throughput.tile_tops = 2e-12 * core.n * core.n * throughput.mvms_per_second;
    std::uint64_t macs = 0;
    for (const auto& layer : report.summary.layers) macs += layer.macs;
    throughput.useful_tops = 2e-12 * static_cast<double>(macs) * throughput.images_per_second;
    return throughput;
}

const EngineCounters* find_engine(const CardCounters& counters, const std::string& name)
{
    for (const auto& engine : counters.engines)
        if (engine.name == name) return &engine;
    return nullptr;
}

std::vector<EngineReport> engines_of(const CardCounters& end, const CardCounters& begin, const Phase& phase)
{
    std::vector<EngineReport> engines;
    for (const auto& engine : end.engines) {
        EngineReport report{engine.name, engine.busy, 0, engine.commands, engine.items, engine.waits};
        if (const auto* before = find_engine(begin, engine.name)) {
            report.busy -= before->busy;
            report.commands -= before->commands;
            report.items -= before->items;
            for (const auto& [cause, time] : before->waits) report.waits[cause] -= time;
        }
        if (phase.end > phase.start)
            report.utilisation = static_cast<double>(report.busy) / static_cast<double>(phase.end - phase.start);
        engines.push_back(std::move(report));
    }
    return engines;
}

std::vector<std::uint64_t> difference(const std::vector<std::uint64_t>& end, const std::vector<std::uint64_t>& begin)
{
    std::vector<std::uint64_t> result = end;
    for (std::size_t i = 0; i < std::min(begin.size(), end.size()); ++i) result[i] -= begin[i];
    return result;
}

std::vector<Phase> phases_of(const Ledger& ledger, Picoseconds now, const Mark& setup_end)
{
    const auto total = counts_of(ledger);
    std::vector<std::uint64_t> setup(total.size(), 0);
    std::copy_n(setup_end.counts.begin(), std::min(setup.size(), setup_end.counts.size()), setup.begin());
    const auto inference = difference(total, setup);
    std::vector<Phase> phases;
    phases.push_back({"setup", 0, setup_end.now, setup, EnergyTable(ledger, setup)});
    phases.push_back({"inference", setup_end.now, now, inference, EnergyTable(ledger, inference)});
    return phases;
}

void merge(LayerCounters& into, const LayerCounters& from)
{
    into.first = std::min(into.first, from.first);
    into.last = std::max(into.last, from.last);
    into.busy += from.busy;
    into.tile_vectors += from.tile_vectors;
    into.tile_loads += from.tile_loads;
    into.cell_writes += from.cell_writes;
    into.vector_elements += from.vector_elements;
    into.macs += from.macs;
    into.stats.add(from.stats);
    into.error.add(from.error);
}

std::vector<LayerReport> layers_of(const Ledger& ledger, const CardCounters& counters, const RunSummary& summary)
{
    std::map<std::uint32_t, LayerCounters> merged;
    for (std::uint32_t i = 0; i <= summary.layers.size(); ++i) merged[i].cause.layer = i;
    for (const auto& account : ledger.accounts())
        for (const auto& charged : account.by_cause) merged[charged.first.layer].cause.layer = charged.first.layer;
    for (const auto& layer : counters.layers) {
        merged[layer.cause.layer].cause.layer = layer.cause.layer;
        merge(merged[layer.cause.layer], layer);
    }
    std::vector<LayerReport> layers;
    for (const auto& [index, layer] : merged) {
        LayerInfo info;
        if (index == 0) info.name = "idle and control";
        if (index > 0 && index <= summary.layers.size()) info = summary.layers[index - 1];
        layers.push_back({index, info, layer, EnergyTable(ledger, counts_of_layer(ledger, index))});
    }
    return layers;
}

/// Merges neighbouring bins (exactly: counts are integers) until at most `limit` are left.
PowerTrace trace_of(const Ledger& ledger, std::size_t limit)
{
    PowerTrace trace;
    const std::size_t used = ledger.bins_used();
    if (used == 0) return trace;
    limit = std::max<std::size_t>(limit, 1);
    const std::size_t factor = (used + limit - 1) / limit;
    trace.bin_width = ledger.bin_width() * static_cast<Picoseconds>(factor);
    for (std::size_t first = 0; first < used; first += factor) {
        std::vector<std::uint64_t> counts;
        for (const auto& account : ledger.accounts()) {
            std::uint64_t sum = 0;
            for (std::size_t b = first; b < std::min(first + factor, account.trace.size()); ++b)
                sum += account.trace[b];
            counts.push_back(sum);
        }
        trace.bins.emplace_back(ledger, counts);
    }
    return trace;
}

Weights weights_of(const CardCounters& end, const CardCounters& begin, double inference_seconds)
{
    Weights weights;
    weights.tile_loads = end.tile_loads;
    weights.cell_writes = end.cell_writes;
    weights.inference_tile_loads = end.tile_loads - begin.tile_loads;
    weights.inference_cell_writes = end.cell_writes - begin.cell_writes;
    weights.max_wear = end.max_wear;
    weights.inference_wear = end.max_wear - begin.max_wear;
    weights.endurance = end.endurance;
    if (weights.inference_wear > 0)
        weights.life_seconds =
            static_cast<double>(end.endurance) * inference_seconds / static_cast<double>(weights.inference_wear);
    return weights;
}

}  // namespace

Mark mark(const Ledger& ledger, const CardCounters& counters)
{
    return {counters.now, counts_of(ledger), counters};
}

Report make_report(const CardConfig& config, const Ledger& ledger, const CardCounters& counters, RunSummary summary)
{
    const auto& begin = summary.setup_end;
    auto phases = phases_of(ledger, counters.now, begin);
    Report report{config,
                  summary,
                  counters,
                  ledger.accounts(),
                  ledger.vrm_efficiency(),
                  EnergyTable(ledger, counts_of(ledger)),
                  phases,
                  latency_of(counters, begin, summary.batch),
                  {},
                  engines_of(counters, begin.counters, phases.back()),
                  layers_of(ledger, counters, summary),
                  trace_of(ledger, summary.trace_bins),
                  weights_of(counters, begin.counters, phases.back().seconds()),
                  {}};
    report.throughput = throughput_of(report);
    report.limit = find_limit(report);
    report.losses = layer_losses(report);
    report.limit.loss_sentence = loss_sentence(report, report.losses);
    report.limit.repair = repair_arguments(report, report.losses);
    return report;
}

}  // namespace lightcard::report
