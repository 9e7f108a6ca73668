// SPDX-License-Identifier: Apache-2.0
/// Report of one run: every figure that lightcard prints about a run, computed once from the ledger, the counters
/// and the configuration. The JSON (docs/report-schema.md) and the text are two renderings of this struct.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/platform/report/energy_table.h"
#include "lightcard/platform/report/loss.h"
#include "lightcard/platform/report/run_summary.h"

namespace lightcard::report {

struct Latency {
    std::uint64_t batches = 0;                           ///< EXEC commands completed
    Picoseconds time_to_first_result = 0;                ///< from power-on, with loading and set-up
    Picoseconds first = 0;                               ///< of the first batch, from its start
    double steady_per_batch = 0;                         ///< ps between completions; of the only batch if there is one
    double steady_per_image = 0;                         ///< ps
    Picoseconds p50 = 0, p90 = 0, p99 = 0, longest = 0;  ///< nearest rank, over batches
};

struct Throughput {
    double images_per_second = 0;  ///< steady state
    double mvms_per_second = 0;    ///< tile-MVMs, over the inference phase
    double peak_tops = 0;
    double tile_tops = 0;    ///< 2 N^2 a tile-MVM: padded tiles count in full
    double useful_tops = 0;  ///< 2 MAC a second of the network itself
};

/// One engine during the inference phase.
struct EngineReport {
    std::string name;
    Picoseconds busy = 0;
    double utilisation = 0;
    std::uint64_t commands = 0, items = 0;
    std::map<std::string, Picoseconds> waits;
};

struct Phase {
    std::string name;  ///< "setup", "inference"
    Picoseconds start = 0, end = 0;
    std::vector<std::uint64_t> counts;
    EnergyTable energy;
    double seconds() const { return static_cast<double>(end - start) * 1e-12; }
};

struct LayerReport {
    std::uint32_t index = 0;  ///< 0 = idle and control
    LayerInfo info;
    LayerCounters counters;  ///< summed over contexts
    EnergyTable energy;
};

struct PowerTrace {
    Picoseconds bin_width = 0;
    std::vector<EnergyTable> bins;  ///< joules of each bin
};

struct Weights {
    std::uint64_t tile_loads = 0, cell_writes = 0;                      ///< whole run
    std::uint64_t inference_tile_loads = 0, inference_cell_writes = 0;  ///< repeated every batch
    std::uint64_t max_wear = 0, inference_wear = 0, endurance = 0;      ///< cycles of the most worn row
    std::optional<double> life_seconds;  ///< endurance / wear rate of the inference phase; none = no writes
};

struct Limit {
    std::string engine;  ///< busiest, or empty if the run waits rather than works
    double utilisation = 0;
    std::string cause;  ///< what the photonic cores waited for most
    std::string next_engine;
    std::optional<double> headroom;  ///< how much faster the run could get before next_engine is full
    std::string sentence;
    std::string error_source;              ///< largest source of error over the layers; empty without noise
    double error_share = 0;                ///< its share of error variance relative to each layer's signal
    std::string noise_sentence;            ///< set if noise keeps the outputs from following fp32
    std::string loss_sentence;             ///< set if accuracy is lost: the layers, and a setting to try
    std::vector<std::string> repair = {};  ///< that setting, as arguments of `lightcard run`
    std::vector<std::string> tried = {};   ///< what runs with such settings gave (lightcard run --repair)
};

struct Report {
    CardConfig config;
    RunSummary summary;
    CardCounters counters;
    std::vector<Ledger::Account> accounts;
    double vrm_efficiency = 1;
    EnergyTable energy;         ///< of the whole run
    std::vector<Phase> phases;  ///< contiguous, from 0 to counters.now
    Latency latency;
    Throughput throughput;
    std::vector<EngineReport> engines;
    std::vector<LayerReport> layers;  ///< that were charged or counted; index order
    PowerTrace trace;
    Weights weights;
    Limit limit;
    std::vector<LayerLoss> losses = {};  ///< the worst first

    const Phase& inference() const { return phases.back(); }
};

/// `ledger` and `counters` are read at the same moment, the end of the run. The account of every joule.
Report make_report(const CardConfig& config, const Ledger& ledger, const CardCounters& counters, RunSummary summary);

/// The engine or the wait that bounds the inference phase, and what would lift it. Part of make_report().
Limit find_limit(const Report& report);

}  // namespace lightcard::report
