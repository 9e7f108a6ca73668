// SPDX-License-Identifier: Apache-2.0
/// Light from laser to photocurrent, and the noise on it. Worked example: docs/model-equations.md.
/// Deterministic: exp, log and pow come from common/det_math.h, so the noise sigmas that follow are
/// bit-identical on every CPU.
#pragma once

#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/photonic_core/parameters.h"

namespace lightcard::photonic_core {

constexpr double kElectronCharge = 1.602176634e-19;  ///< C

struct LinkBudget {
    double bus_excess_db;       ///< E(2N, a) + E(N, a)
    double loss_db;             ///< total, with the row splitter's excess and the bank switch
    double full_scale_current;  ///< A: one column, all inputs and cells at their most transparent
    double bandwidth;           ///< Hz, noise bandwidth
    double thermal_sigma;       ///< A rms: TIA
    double contrast;            ///< signed full scale / full_scale_current: cell and modulator extinction
    double modulator_floor;     ///< transmission of a modulator at code 0
    double cell_floor;          ///< T_min / T_max
    double row_power_on_chip;   ///< W on one row waveguide, all lanes
    double laser_electrical;    ///< W at the wall plug, all lanes lit
    double laser_optical;       ///< W
    double enob_full_scale;     ///< bits, at I+ = I_FS/2, I- = 0, no RIN
    double snr_workload_db;     ///< kappa 0.0100, d 0.0489 (2.5-sigma clips): receiver noise alone
};

LinkBudget solve_link_budget(const Parameters& core, const pcm_memory::Parameters& pcm);

/// Excess loss in dB of an equalised bus of `passes` passes at `loss_db` each.
double bus_excess_db(std::uint32_t passes, double loss_db);

}  // namespace lightcard::photonic_core
