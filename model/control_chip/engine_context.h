// SPDX-License-Identifier: Apache-2.0
/// What an engine of the control chip works with.
#pragma once

#include <map>

#include "lightcard/model/common/host_port.h"
#include "lightcard/model/common/services.h"
#include "lightcard/model/control_chip/memories.h"
#include "lightcard/model/control_chip/numeric_jobs.h"
#include "lightcard/model/control_chip/parameters.h"
#include "lightcard/model/control_chip/scheduler.h"
#include "lightcard/model/control_chip/timeline.h"
#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::control_chip {

/// Totals and per-layer sums the engines keep. What depends on data is there once jobs are settled.
struct Counts {
    std::uint64_t mvms = 0, dac_samples = 0, adc_samples = 0, adc_clipped = 0;
    std::uint64_t commands = 0, failed_commands = 0, doorbells = 0;

    struct Layer {
        Picoseconds first = kNever, last = 0, busy = 0;
        std::uint64_t tile_vectors = 0, tile_loads = 0, cell_writes = 0, vector_elements = 0, macs = 0;
        photonic_core::MvmStats stats;
        photonic_core::Attribution error;

        template <class Archive>
        void visit(Archive& archive)
        {
            archive.field("first", first);
            archive.field("last", last);
            archive.field("busy", busy);
            archive.field("tile_vectors", tile_vectors);
            archive.field("tile_loads", tile_loads);
            archive.field("cell_writes", cell_writes);
            archive.field("vector_elements", vector_elements);
            archive.field("macs", macs);
            archive.field("stats", stats);
            archive.field("error", error);
        }
    };
    std::map<Cause, Layer> layers;
    Cause recent_cause;
    Layer* recent = nullptr;

    /// Commands come in runs of one layer: the last one looked up is kept.
    Layer& layer(const Task& task)
    {
        const auto cause = task.cause();
        if (recent == nullptr || !(recent_cause == cause)) {
            recent_cause = cause;
            recent = &layers[cause];
        }
        recent->first = std::min(recent->first, task.started);
        return *recent;
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("mvms", mvms);
        archive.field("dac_samples", dac_samples);
        archive.field("adc_samples", adc_samples);
        archive.field("adc_clipped", adc_clipped);
        archive.field("commands", commands);
        archive.field("failed_commands", failed_commands);
        archive.field("doorbells", doorbells);
        recent = nullptr;
        archive.field("layers", layers);
    }
};

struct EngineContext {
    const Parameters& parameters;
    Services& services;
    Memories& memories;
    Timeline& timeline;
    Scheduler& scheduler;
    Counts& counts;
    NumericJobs& jobs;
};

}  // namespace lightcard::control_chip
