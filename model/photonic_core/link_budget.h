// SPDX-License-Identifier: Apache-2.0
/// Light from laser to photocurrent, and what the receiver adds. Worked example: docs/model-equations.md.
/// Deterministic: exp, log and pow come from common/det_math.h, so the noise sigmas that follow are
/// bit-identical on every CPU. Noise by source and "which laser for this SNR": link_noise.h.
#pragma once

#include <vector>

#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/photonic_core/parameters.h"

namespace lightcard::photonic_core {

constexpr double kElectronCharge = 1.602176634e-19;  ///< C

struct LinkBudget {
    double bus_excess_db;             ///< E(2N, a) of the row + E(cells that share a photodiode, a) of the column
    double loss_db;                   ///< total, with the row splitter's excess and the bank switch
    double split_db;                  ///< beside it: what splitting a row and combining a column cost
    double column_power;              ///< W on the photodiodes of one polarity, column and lane, at full scale
    double full_scale_current;        ///< A: one column, all inputs and cells at their most transparent
    double direct_full_scale;         ///< A: I+ (= I-) that the same light makes as direct current
    double standing_current;          ///< A: dark current of a column's photodiodes, and the local oscillator
    double bandwidth;                 ///< Hz, noise bandwidth
    double receiver_noise;            ///< A/sqrt(Hz), all amplifiers of a column
    double thermal_sigma;             ///< A rms: amplifiers
    double contrast;                  ///< signed full scale / full_scale_current: cell and modulator extinction
    double modulator_floor;           ///< transmission of a modulator at code 0 (of the field, if coherent)
    double cell_floor;                ///< T_min / T_max (of the field, if coherent)
    double row_power_on_chip;         ///< W on one row waveguide, all lanes
    double local_oscillator_optical;  ///< W at the laser, all receivers; part of laser_optical
    double laser_electrical;          ///< W at the wall plug, all lanes lit
    double laser_optical;             ///< W
    double enob_full_scale;           ///< bits, at I+ = I_FS/2, I- = 0, no RIN
    double snr_workload_db;           ///< of anchor_workload(): receiver noise alone
};

/// Column guides that a row's light crosses.
std::uint32_t row_passes(const Parameters& core);
/// Light of other rows that the crossings add to a cell, of T_max.
double crossing_leak(const Parameters& core);
/// Cells::single: the light that a weight of 0 lets through, with that of T_min and of the crossings, in weight steps;
/// 0 for pairs.
double code_pedestal(const Parameters& core, const pcm_memory::Parameters& pcm, bool crossings = true);

/// What photonic_core::column_gain (mvm.h) takes as the range for products up to +- `product` of vectors whose codes
/// sum to `x_sum` at most.
inline double requested_range(double pedestal, double product, double x_sum)
{
    return pedestal > 0 ? (product + pedestal * x_sum) / 2 : product;
}

LinkBudget solve_link_budget(const Parameters& core, const pcm_memory::Parameters& pcm);

/// Excess loss in dB of an equalised bus of `passes` passes at `loss_db` each.
double bus_excess_db(std::uint32_t passes, double loss_db);

/// Pieces that a column is cut into, each on a photodiode of its own: n for ideal, 1 for passive.
std::uint32_t column_segments(const Parameters& core);
/// Amplifiers of one column and lane.
std::uint32_t column_receivers(const Parameters& core);
const char* combining_name(Combining combining);
/// One sentence on what the scheme is worth, for reports. `ideal` says that it is a bound.
const char* combining_caveat(Combining combining);

/// One step of the light's way from the laser to the photodiode.
struct Stage {
    const char* name;
    double loss_db;  ///< of this step
    double power;    ///< W after it: one row, one lane; from "column split" on, what ends in one column
};
/// A path of one lane into one column: equalised buses, then what lane and column have of their own.
/// The losses add up to path_loss_db().
std::vector<Stage> waterfall(const Parameters& core, const pcm_memory::Parameters& pcm, std::uint32_t lane,
                             std::uint32_t column);
/// dB beyond the mean path: dispersion over the lanes, non-uniformity over the columns. Negative: better than mean.
double path_penalty_db(const Parameters& core, std::uint32_t lane, std::uint32_t column);
struct Path {
    std::uint32_t lane, column;
    double penalty_db;
};
Path worst_path(const Parameters& core);

}  // namespace lightcard::photonic_core
