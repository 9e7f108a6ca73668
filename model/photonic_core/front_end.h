// SPDX-License-Identifier: Apache-2.0
/// Light and receiver of one core in physical units: what fidelity `device` draws from, source by source. A source that
/// a run switches off is 0 here. Nothing in it is a variance of the output: device adds up currents, not moments.
#pragma once

#include <vector>

#include "lightcard/model/common/run.h"
#include "lightcard/model/converters/parameters.h"
#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/photonic_core/parameters.h"

namespace lightcard::photonic_core {

struct FrontEnd {
    double cell_current = 0;     ///< A: one cell at T_max behind a modulator at its brightest
    double modulator_floor = 0;  ///< transmission at code 0, of the brightest
    double cell_floor = 0;       ///< T_min / T_max
    double acc_current = 0;      ///< A of I+ - I- that the converters count as one acc
    double shot_density = 0;     ///< A^2 a photodiode and ampere: 2 q B
    double dark_current = 0;     ///< A a photodiode, into shot noise only
    double thermal_sigma = 0;    ///< A rms, of the one TIA behind a balanced pair
    double rin_sigma = 0;        ///< relative, of one symbol: sqrt(RIN B)
    double imbalance = 0;        ///< of the balanced pair, amplitude: 10^(-CMRR/20)
    double dac_sigma = 0;        ///< input codes, of one DAC sample
    double adc_sigma = 0;        ///< of one ADC sample, of its full range
    // Static; of the drawn ones the spread.
    converters::Parameters converters;  ///< curves of every DAC and ADC; what is switched off is 0
    Parameters core;                    ///< losses of every path
    double crossing_leak = 0;           ///< light of other rows in both arms of every cell, of T_max
    double crossing_residual = 0;       ///< difference between the arms that calibration leaves, of full contrast
    double lane_crosstalk = 0;          ///< of each neighbour lane's light
};

FrontEnd make_front_end(const Parameters& core, const pcm_memory::Parameters& pcm,
                        const converters::Parameters& converters, const RunConfig& run);

/// [cols] +1 or -1: which photodiode of a column's pair answers better; its size is `imbalance`.
std::vector<float> imbalance_signs(std::uint64_t seed, std::uint32_t core, std::uint32_t cols);

}  // namespace lightcard::photonic_core
