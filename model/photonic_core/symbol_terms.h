// SPDX-License-Identifier: Apache-2.0
/// What all samples of one symbol have in common, in double precision once a vector, whichever kernel runs the rest.
#pragma once

#include <algorithm>
#include <cmath>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

/// Light of all n modulators, in input codes.
inline double brightness(const AnalogChain& chain, std::uint32_t x_sum)
{
    return x_sum + chain.modulator_floor_code * chain.n;
}

/// What the crossings add to every column, in the unit of light.
inline std::int32_t leaked_light(const AnalogChain& chain, std::uint32_t x_sum)
{
    return static_cast<std::int32_t>(chain.statics->crossing_leak * 255 * brightness(chain, x_sum) + 0.5);
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

/// Relative change of every transmission by temperature, and the part of it between + and -, acc per unit of light.
struct Warming {
    float change, tilt;
};
inline Warming warming_of(const MvmJob& job)
{
    const double warming = relative_warming(job);
    return {static_cast<float>(warming), static_cast<float>(warming / (1 + warming) * job.chain->temperature_imbalance /
                                                            2 * job.chain->common_to_acc)};
}

/// What DACs and neighbour lanes add to the inputs of a vector: `sum` of the codes, `spill` of all light (>= -1).
struct AddedInputs {
    float sum, spill;
};
inline AddedInputs added_inputs(const AnalogChain& chain, std::uint32_t x_sum, std::int32_t dither_sum)
{
    const auto added = static_cast<float>(dither_sum * chain.dither_step);
    const double bright = brightness(chain, x_sum);
    return {added, bright > 0 ? std::max(-1.0F, added / static_cast<float>(bright)) : 0.0F};
}

/// Steps of the dither plane a unit of the sum of a word's bytes, whose deviation is 147.8.
inline float dither_scale(const AnalogChain& chain)
{
    return static_cast<float>(std::sqrt(chain.dac_variance) / chain.dither_step) * (1.0F / 147.80054F);
}

}  // namespace lightcard::photonic_core
