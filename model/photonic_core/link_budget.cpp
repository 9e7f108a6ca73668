// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/link_budget.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/photonic_core/link_noise.h"

namespace lightcard::photonic_core {
namespace {

constexpr double kTwoPi = 6.283185307179586;

double stages(std::uint32_t leaves)
{
    std::uint32_t count = 0;
    while ((std::uint64_t{1} << count) < leaves) ++count;
    return count;
}

bool coherent(const Parameters& core)
{
    return core.combining == Combining::coherent_homodyne;
}

/// Ways a row's light is split at each column: one a cell of the weight.
double cells_per_weight(const Parameters& core)
{
    return core.cells == Cells::absorptive_pair ? 2.0 : 1.0;
}

double row_bus_db(const Parameters& core)
{
    return bus_excess_db(row_passes(core), core.pass_loss_db);
}

/// Cells that share a photodiode share a bus. The ideal combiner keeps the whole column's: it is a bound on summing
/// only. Spare rows are passed like the others.
double column_bus_db(const Parameters& core, const pcm_memory::Parameters& pcm)
{
    const std::uint32_t segments = core.combining == Combining::segmented ? column_segments(core) : 1;
    return bus_excess_db((core.n + pcm.spare_rows + segments - 1) / segments, core.pass_loss_db);
}

double total_loss_db(const Parameters& core, const pcm_memory::Parameters& pcm, double bus)
{
    return core.coupling_loss_db + core.modulator_loss_db + core.mux_loss_db + core.cell_loss_db +
           core.detector_loss_db + bus + core.splitter_loss_db * stages(core.n) +
           pcm.switch_loss_db * stages(pcm.banks);
}

/// Share of a row's light that a column gets from all rows together, all cells transparent.
double collected_share(const Parameters& core)
{
    const double pairs = cells_per_weight(core);
    // Coherent: 2n fields of sqrt(1/2n) each meet in a 2n-way combiner; with all + arms open, half of them are there.
    if (coherent(core)) return 1.0 / (pairs * pairs);
    return static_cast<double>(column_segments(core)) / core.n / pairs;
}

/// Amplifier noise. With photodiodes on its input their capacitance turns the amplifier's noise voltage into current.
double receiver_noise(const Parameters& core, double bandwidth)
{
    if (core.combining != Combining::segmented) return core.tia_noise;
    const double diodes = 2.0 * column_segments(core) / column_receivers(core);
    const double capacitance = core.receiver_capacitance + diodes * core.diode_capacitance;
    const double through_capacitance = kTwoPi * bandwidth * capacitance * core.receiver_noise_voltage;
    const double one = core.tia_noise * core.tia_noise + through_capacitance * through_capacitance / 3.0;
    return std::sqrt(column_receivers(core) * one);
}

double standing_current(const Parameters& core)
{
    const double polarities = core.cells == Cells::single ? 1.0 : 2.0;
    const double diodes = polarities * (core.combining == Combining::segmented ? column_segments(core) : 1.0);
    const double oscillator = coherent(core) ? core.responsivity * core.local_oscillator_power : 0.0;
    return diodes * core.dark_current + oscillator;
}

/// The oscillator's light passes coupling, a 1->n splitter, demultiplexer and detector; no modulator, no cell.
double local_oscillator_at_laser(const Parameters& core)
{
    if (!coherent(core)) return 0.0;
    const double loss =
        core.coupling_loss_db + core.mux_loss_db + core.detector_loss_db + core.splitter_loss_db * stages(core.n);
    return static_cast<double>(core.n) * core.lanes * core.local_oscillator_power * det::from_db(loss);
}

double floor_of(const Parameters& core, double extinction_db)
{
    const double power = det::from_db(-extinction_db);
    return coherent(core) ? std::sqrt(power) : power;
}

void set_currents(const Parameters& core, LinkBudget& link)
{
    const double direct = core.responsivity * link.column_power;
    if (!coherent(core)) {
        link.full_scale_current = link.direct_full_scale = direct;
        return;
    }
    // Random phases shrink the mean field by exp(-sigma^2/2).
    const double aligned = det::exp(-core.phase_error * core.phase_error / 2.0);
    link.full_scale_current =
        2.0 * core.responsivity * std::sqrt(core.local_oscillator_power * link.column_power) * aligned;
    link.direct_full_scale = 0.0;
}

double enob_full_scale(const LinkBudget& link)
{
    const double direct = link.direct_full_scale > 0 ? link.full_scale_current / 2 : link.standing_current;
    const double variance = 2.0 * kElectronCharge * direct * link.bandwidth + link.thermal_sigma * link.thermal_sigma;
    return det::log2(link.full_scale_current / std::sqrt(12.0 * variance));
}

}  // namespace

double bus_excess_db(std::uint32_t passes, double loss_db)
{
    if (passes == 0) return 0;
    double sum = 0;
    for (std::uint32_t j = 0; j < passes; ++j) sum += det::from_db(loss_db * j);
    return det::to_db(sum / passes);
}

std::uint32_t row_passes(const Parameters& core)
{
    return core.cells == Cells::single ? core.n : 2 * core.n;
}

double crossing_leak(const Parameters& core)
{
    return row_passes(core) * det::from_db(core.crossing_crosstalk_db);
}

double code_pedestal(const Parameters& core, const pcm_memory::Parameters& pcm, bool crossings)
{
    if (core.cells != Cells::single) return 0;
    constexpr double kOffset = 127;
    const double floor = floor_of(core, pcm.cell_extinction_db), leak = crossings ? crossing_leak(core) : 0;
    return kOffset + 2 * kOffset * (floor + leak) / (1 - floor);
}

std::uint32_t column_segments(const Parameters& core)
{
    switch (core.combining) {
        case Combining::passive:
            return 1;
        case Combining::coherent_homodyne:
            return core.n;
        case Combining::ideal:
        case Combining::segmented:
            break;
    }
    return core.segments == 0 ? core.n : std::min(core.segments, core.n);
}

std::uint32_t column_receivers(const Parameters& core)
{
    return core.combining == Combining::segmented ? std::min(core.receivers, column_segments(core)) : 1;
}

const char* combining_name(Combining combining)
{
    switch (combining) {
        case Combining::passive:
            return "passive";
        case Combining::segmented:
            return "segmented";
        case Combining::coherent_homodyne:
            return "coherent_homodyne";
        case Combining::ideal:
            break;
    }
    return "ideal";
}

const char* combining_caveat(Combining combining)
{
    switch (combining) {
        case Combining::passive:
            return "one photodiode a column: each path pays 1/n for being combined";
        case Combining::segmented:
            return "photocurrents add; the photodiodes' capacitance raises the amplifier noise";
        case Combining::coherent_homodyne:
            return "fields add in phase; alignment of this many paths has not been shown";
        case Combining::ideal:
            break;
    }
    return "ideal combining is a bound: no demonstrated scheme sums a column this large without loss or capacitance";
}

LinkBudget solve_link_budget(const Parameters& core, const pcm_memory::Parameters& pcm)
{
    LinkBudget link{};
    link.bus_excess_db = row_bus_db(core) + column_bus_db(core, pcm);
    link.loss_db = total_loss_db(core, pcm, link.bus_excess_db);
    link.split_db = -det::to_db(collected_share(core)) + det::to_db(core.n);
    link.column_power = core.row_power * det::from_db(-link.loss_db) * collected_share(core);
    link.bandwidth = core.bandwidth_factor * static_cast<double>(core.symbol_rate);
    set_currents(core, link);
    link.standing_current = standing_current(core);
    link.receiver_noise = receiver_noise(core, link.bandwidth);
    link.thermal_sigma = link.receiver_noise * std::sqrt(link.bandwidth);
    link.modulator_floor = floor_of(core, core.modulator_extinction_db);
    link.cell_floor = floor_of(core, pcm.cell_extinction_db);
    link.contrast = (1.0 - link.cell_floor) * (1.0 - link.modulator_floor);
    // A weight of full scale is half of what a single cell can move.
    if (core.cells == Cells::single) link.contrast /= 2;
    link.row_power_on_chip = core.lanes * core.row_power * det::from_db(-core.coupling_loss_db);
    link.local_oscillator_optical = local_oscillator_at_laser(core);
    link.laser_optical = static_cast<double>(core.n) * core.lanes * core.row_power + link.local_oscillator_optical;
    link.laser_electrical = link.laser_optical / core.wall_plug_efficiency;
    link.enob_full_scale = enob_full_scale(link);
    link.snr_workload_db = receiver_snr_db(core, link, anchor_workload());
    return link;
}

double path_penalty_db(const Parameters& core, std::uint32_t lane, std::uint32_t column)
{
    const auto position = [](std::uint32_t index, std::uint32_t count) {
        return count > 1 ? static_cast<double>(index) / (count - 1) - 0.5 : 0.0;
    };
    const double transmission = 1.0 - 2.0 * core.lane_dispersion * position(lane, core.lanes);
    return -det::to_db(transmission) + core.path_nonuniformity_db * position(column, core.n);
}

Path worst_path(const Parameters& core)
{
    // Both deviations are monotone, so the worst of each stands at an end.
    Path worst{0, 0, path_penalty_db(core, 0, 0)};
    for (const std::uint32_t lane : {0u, core.lanes - 1})
        for (const std::uint32_t column : {0u, core.n - 1}) {
            const double penalty = path_penalty_db(core, lane, column);
            if (penalty > worst.penalty_db) worst = {lane, column, penalty};
        }
    return worst;
}

std::vector<Stage> waterfall(const Parameters& core, const pcm_memory::Parameters& pcm, std::uint32_t lane,
                             std::uint32_t column)
{
    std::vector<Stage> way = {
        {"coupling", core.coupling_loss_db, 0},
        {"modulator", core.modulator_loss_db, 0},
        {"row splitter", core.splitter_loss_db * stages(core.n), 0},
        {"wavelength mux", core.mux_loss_db, 0},
        {"row bus", row_bus_db(core), 0},
        {"bank switch", pcm.switch_loss_db * stages(pcm.banks), 0},
        {"cell", core.cell_loss_db, 0},
        {"column bus", column_bus_db(core, pcm), 0},
        // Split to n columns and collected from n rows: the two factors n cancel.
        {"split and combine", -det::to_db(collected_share(core)), 0},
        {"photodiode", core.detector_loss_db, 0},
        {"lane and column", path_penalty_db(core, lane, column), 0},
    };
    double power = core.row_power;
    for (Stage& stage : way) stage.power = power *= det::from_db(-stage.loss_db);
    return way;
}

}  // namespace lightcard::photonic_core
