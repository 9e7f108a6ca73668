// SPDX-License-Identifier: Apache-2.0
/// What all samples of one symbol have in common, in double precision once a vector, whichever kernel runs the rest.
#pragma once

#include <algorithm>
#include <cmath>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

/// Light of all n modulators, in input codes. `floor`: Heating::floor.
inline double brightness(const AnalogChain& chain, std::uint32_t x_sum, double floor)
{
    return x_sum + chain.modulator_floor_code * (1 + floor) * chain.n;
}

/// What the crossings add to every column, in the unit of light.
inline std::int32_t leaked_light(const AnalogChain& chain, std::uint32_t x_sum, double floor)
{
    return static_cast<std::int32_t>(chain.statics->crossing_leak * 255 * brightness(chain, x_sum, floor) + 0.5);
}

/// Before the ADC of one cell a weight: light of the codes that stand for weight 0, acc.
inline double pedestal_of(const AnalogChain& chain, std::uint32_t x_sum)
{
    return chain.pedestal * x_sum;
}

/// rms of the laser's intensity error of a symbol, and that error from its normal draw. Light is not negative.
inline float intensity_sigma(const AnalogChain& chain)
{
    return static_cast<float>(std::sqrt(chain.rin_variance));
}
inline float intensity_error(float sigma, float draw)
{
    return std::max(-1.0F, sigma * draw);
}

/// HeatedLight of a job, and what warming makes of the difference between + and -, acc per unit of light.
struct Heating {
    float change, tilt, floor;
};
inline Heating heating_of(const MvmJob& job)
{
    const HeatedLight heated = heated_light(*job.chain, job.warming, job.detuning);
    const double warming = relative_warming(job);
    return {
        static_cast<float>(heated.change),
        static_cast<float>(warming / (1 + warming) * job.chain->temperature_imbalance / 2 * job.chain->common_to_acc),
        static_cast<float>(heated.floor)};
}
/// Light at code 0 of every column, with that much more of it.
inline void scale_floor(std::vector<std::int32_t>& floor_light, float floor)
{
    if (floor == 0) return;
    for (std::int32_t& light : floor_light)
        light = static_cast<std::int32_t>(std::floor(light * (1.0 + static_cast<double>(floor)) + 0.5));
}

/// What DACs and neighbour lanes add to the inputs of a vector: `sum` of the codes, `spill` of all light (>= -1).
struct AddedInputs {
    float sum, spill;
};
inline AddedInputs added_inputs(const AnalogChain& chain, std::uint32_t x_sum, std::int32_t dither_sum, float floor)
{
    const auto added = static_cast<float>(dither_sum * chain.dither_step);
    const double bright = brightness(chain, x_sum, static_cast<double>(floor));
    // Crossings and the codes that stand for weight 0 see the light at code 0 as well, and its change is not known.
    const auto dark = static_cast<float>(static_cast<double>(floor) * chain.modulator_floor_code * chain.n);
    return {added + dark, bright > 0 ? std::max(-1.0F, added / static_cast<float>(bright)) : 0.0F};
}

/// Steps of the dither plane a unit of the sum of a word's bytes, whose deviation is 147.8.
inline float dither_scale(const AnalogChain& chain)
{
    return static_cast<float>(std::sqrt(chain.dac_variance) / chain.dither_step) * (1.0F / 147.80054F);
}

}  // namespace lightcard::photonic_core
