// SPDX-License-Identifier: Apache-2.0
/// What the card counted since power-on: plain numbers for reports, `info` and tests. Free of SystemC.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lightcard/model/common/energy.h"
#include "lightcard/model/common/time.h"
#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard {

/// One engine: a resource that is busy or idle. `waits`: time commands stood at its head, by cause
/// ("weights", "laser", "sram", "dram", "link", "order", "engine").
struct EngineCounters {
    std::string name;  ///< "core0", "writer0", "dma", "vector", "digital", "sram", "dram", "link_up", "link_down"
    Picoseconds busy = 0;
    std::uint64_t commands = 0;
    std::uint64_t items = 0;  ///< vectors, rows, bytes, elements or MACs
    std::map<std::string, Picoseconds> waits;
};

struct LayerCounters {
    Cause cause;
    Picoseconds first = kNever, last = 0;  ///< first issue, last completion
    Picoseconds busy = 0;                  ///< of the photonic cores
    std::uint64_t tile_vectors = 0, tile_loads = 0, cell_writes = 0, vector_elements = 0, macs = 0;
    photonic_core::MvmStats stats;
    photonic_core::Attribution error;  ///< acc^2, summed over error.results (not fidelity ideal)
};

struct CardCounters {
    Picoseconds now = 0;
    std::vector<EngineCounters> engines;
    std::vector<LayerCounters> layers;
    std::uint64_t commands = 0, failed_commands = 0, doorbells = 0, interrupts = 0;
    std::uint64_t mvms = 0;  ///< one vector through one tile
    std::uint64_t dac_samples = 0, adc_samples = 0, adc_clipped = 0;
    std::uint64_t tile_loads = 0, cell_writes = 0, bank_switches = 0;
    std::uint64_t link_bytes_up = 0, link_bytes_down = 0, dram_bytes = 0, sram_bits = 0;
    std::uint64_t max_wear = 0, endurance = 0;  ///< cycles of the most worn row
    Picoseconds laser_on = 0;
    Picoseconds throttled = 0;       ///< of streams at the reduced symbol rate
    std::uint64_t calibrations = 0;  ///< that have ended, of all cores
    Picoseconds calibrating = 0;     ///< time they took
    double hottest_die = 0;          ///< C, now
    /// Completion times of EXEC commands, in order (for latency percentiles).
    std::vector<Picoseconds> exec_start, exec_end;
};

}  // namespace lightcard
