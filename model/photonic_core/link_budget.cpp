// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/link_budget.h"

#include <cmath>

#include "lightcard/model/common/det_math.h"

namespace lightcard::photonic_core {
namespace {

// The anchor workload: x = ReLU(N(0,1)) and w = N(0,1), both clipped at 2.5 sigma, 128 rows.
constexpr double kWorkloadSignal = 0.0100;  ///< rms of y / full scale
constexpr double kWorkloadDc = 0.0489;      ///< (I+ + I-) / I_FS at ideal contrast
constexpr double kPairsPerRow = 2.0;        ///< absorptive + and - cell: a row's light is split 2n ways

double stages(std::uint32_t leaves)
{
    std::uint32_t count = 0;
    while ((std::uint64_t{1} << count) < leaves) ++count;
    return count;
}

double total_loss_db(const Parameters& core, const pcm_memory::Parameters& pcm, double bus)
{
    return core.coupling_loss_db + core.modulator_loss_db + core.mux_loss_db + core.cell_loss_db +
           core.detector_loss_db + bus + core.splitter_loss_db * stages(core.n) +
           pcm.switch_loss_db * stages(pcm.banks);
}

double shot_variance(double current, double bandwidth)
{
    return 2.0 * kElectronCharge * current * bandwidth;
}

double dark_current(const Parameters& core)
{
    return 2.0 * core.dark_current;
}

double enob_full_scale(const LinkBudget& link)
{
    const double variance =
        shot_variance(link.full_scale_current / 2, link.bandwidth) + link.thermal_sigma * link.thermal_sigma;
    return det::log2(link.full_scale_current / std::sqrt(12.0 * variance));
}

/// The DC share is 2 E[m] E[t] with m, t the modulator's and cell's transmission: floors lift both factors.
double snr_workload_db(const Parameters& core, const LinkBudget& link)
{
    const double mean = std::sqrt(kWorkloadDc / 2.0);
    const double modulator = link.modulator_floor + (1.0 - link.modulator_floor) * mean;
    const double cell = link.cell_floor + (1.0 - link.cell_floor) * mean;
    const double current = 2.0 * modulator * cell * link.full_scale_current + dark_current(core);
    const double noise = shot_variance(current, link.bandwidth) + link.thermal_sigma * link.thermal_sigma;
    const double signal = kWorkloadSignal * link.contrast * link.full_scale_current;
    return det::to_db(signal * signal / noise);
}

}  // namespace

double bus_excess_db(std::uint32_t passes, double loss_db)
{
    if (passes == 0) return 0;
    double sum = 0;
    for (std::uint32_t j = 0; j < passes; ++j) sum += det::from_db(loss_db * j);
    return det::to_db(sum / passes);
}

LinkBudget solve_link_budget(const Parameters& core, const pcm_memory::Parameters& pcm)
{
    LinkBudget link{};
    link.bus_excess_db = bus_excess_db(2 * core.n, core.pass_loss_db) + bus_excess_db(core.n, core.pass_loss_db);
    link.loss_db = total_loss_db(core, pcm, link.bus_excess_db);
    // Ideal combining: the column collects what its n cells pass, each lit by 1/(2n) of a row.
    const double column_power = core.row_power * det::from_db(-link.loss_db) / kPairsPerRow;
    link.full_scale_current = core.responsivity * column_power;
    link.bandwidth = core.bandwidth_factor * static_cast<double>(core.symbol_rate);
    link.thermal_sigma = core.tia_noise * std::sqrt(link.bandwidth);
    link.modulator_floor = det::from_db(-core.modulator_extinction_db);
    link.cell_floor = det::from_db(-pcm.cell_extinction_db);
    link.contrast = (1.0 - link.cell_floor) * (1.0 - link.modulator_floor);
    link.row_power_on_chip = core.lanes * core.row_power * det::from_db(-core.coupling_loss_db);
    link.laser_optical = static_cast<double>(core.n) * core.lanes * core.row_power;
    link.laser_electrical = link.laser_optical / core.wall_plug_efficiency;
    link.enob_full_scale = enob_full_scale(link);
    link.snr_workload_db = snr_workload_db(core, link);
    return link;
}

}  // namespace lightcard::photonic_core
