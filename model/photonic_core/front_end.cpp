// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/front_end.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/converters/transfer_curve.h"
#include "lightcard/model/photonic_core/link_budget.h"

namespace lightcard::photonic_core {
namespace {

/// Noise of a converter: what its effective bits leave beside the rounding of its codes and its INL; rms, of full
/// range.
double noise_beyond_rounding(double effective_bits, double bits, double inl)
{
    const double effective_step = det::pow10(-effective_bits * det::log10(2.0));
    const double code_step = det::pow10(-bits * det::log10(2.0));
    const double curve = code_step * code_step * converters::inl_mean_square(inl);
    return std::sqrt(std::max(0.0, (effective_step * effective_step - code_step * code_step) / 12.0 - curve));
}

}  // namespace

FrontEnd make_front_end(const Parameters& core, const pcm_memory::Parameters& pcm,
                        const converters::Parameters& converters, const RunConfig& run)
{
    const LinkBudget link = solve_link_budget(core, pcm);
    const NoiseSources& on = run.noise;
    FrontEnd front;
    front.cell_current = link.full_scale_current / core.n;
    front.modulator_floor = link.modulator_floor;
    front.cell_floor = link.cell_floor;
    // One weight step times one input step, of what modulator and cell can move.
    front.acc_current = front.cell_current * link.contrast / 127 / 255;
    if (on.shot) {
        front.shot_density = 2 * kElectronCharge * link.bandwidth;
        front.dark_current = core.cells == Cells::single ? link.standing_current : link.standing_current / 2;
    }
    if (on.thermal) front.thermal_sigma = link.thermal_sigma;
    if (on.rin) {
        front.rin_sigma = std::sqrt(det::from_db(core.rin_db) * link.bandwidth);
        if (core.cells != Cells::single) front.imbalance = det::from_db(-core.cmrr_db / 2);
    }
    if (on.dac)
        front.dac_sigma = 256 * noise_beyond_rounding(converters.dac_enob, converters.dac_bits, converters.dac_inl);
    if (on.adc_noise)
        front.adc_sigma = noise_beyond_rounding(converters.adc_enob, converters.adc_bits, converters.adc_inl);
    front.converters = converters;
    if (!on.dac_static)
        front.converters.dac_inl = front.converters.dac_gain_error = front.converters.dac_offset_error = 0;
    if (!on.adc_static)
        front.converters.adc_inl = front.converters.adc_gain_error = front.converters.adc_offset_error = 0;
    front.core = core;
    if (on.crosstalk) {
        front.crossing_leak = crossing_leak(core);
        front.crossing_residual = core.crosstalk_residual;
        front.lane_crosstalk = det::from_db(core.lane_crosstalk_db);
    }
    return front;
}

std::vector<float> imbalance_signs(std::uint64_t seed, std::uint32_t core, std::uint32_t cols)
{
    std::vector<std::uint32_t> words(4 * std::size_t{cols});
    static_words({seed, 0, core, 0, 0}, NoiseSource::imbalance, cols, words.data());
    std::vector<float> signs(cols);
    for (std::uint32_t col = 0; col < cols; ++col) signs[col] = words[col] >> 31 ? -1.0F : 1.0F;
    return signs;
}

}  // namespace lightcard::photonic_core
