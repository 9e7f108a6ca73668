// SPDX-License-Identifier: Apache-2.0
/// Noise of reading the cells, as moments: a cell that errs by sigma adds (sigma x)^2 to its column's variance, so one
/// integer product of squared inputs with a plane of squared sigmas gives every sample's variance, without a draw a
/// cell.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

/// [input code] square of the light's amplitude, of 255 at the brightest; the modulator's floor included.
std::vector<std::uint8_t> squared_light(const AnalogChain& chain);

/// u8 codes as s8, less 128: what PlaneKernel can multiply.
std::vector<std::int8_t> signed_codes(const std::vector<std::uint8_t>& codes);

class ReadNoise {
public:
    explicit ReadNoise(const MvmJob& job);

    bool on() const { return !plane_.empty(); }
    /// variance[v][col] in acc^2 of `vectors` <= 16 inputs x, [vectors][row_stride]. Adds to `sum` the sums of codes.
    void variances(const std::uint8_t* x, std::uint32_t vectors, std::vector<float>& variance,
                   unsigned __int128& sum) const;

    /// acc^2 a unit of those sums.
    static double unit(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile);

private:
    const pcm_memory::EffectiveTile& tile_;
    std::vector<std::int8_t> plane_;     ///< codes less 128, [col][row_stride]
    std::vector<std::uint8_t> squares_;  ///< [input code] of the light's amplitude, floor of the modulator included
    PlaneKernel kernel_;
    float unit_;
};

}  // namespace lightcard::photonic_core
