// SPDX-License-Identifier: Apache-2.0
/// What is wrong with one core's light paths and converters and stays so: drawn or derived once, for the vector loops
/// of `stat`. Tables are [lane][line], line = row or column, `n` lines a lane.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/run.h"
#include "lightcard/model/converters/parameters.h"
#include "lightcard/model/photonic_core/parameters.h"

namespace lightcard::photonic_core {

struct StaticErrors {
    std::uint32_t lanes = 1, n = 0;
    /// Light of a path falls short of the mean by this factor; the ADC's digital gain makes up for it, not for noise.
    std::vector<float> shortfall, shortfall2;  ///< [lane][column] 1/gain and 1/gain^2
    std::vector<std::int8_t> dac;              ///< [lane][row][code] dither steps; empty = none
    std::vector<float> adc_gain, adc_offset;   ///< [lane][column] factor, LSB
    std::vector<float> adc_inl;                ///< [lane][column][knot] LSB; empty = none
    std::vector<float> crosstalk;              ///< [column] weight steps that crossings add to every weight
    double crossing_leak = 0;                  ///< light that crossings add to every cell of both arms, of T_max
    double lane_crosstalk = 0;                 ///< of each neighbour lane's light
};

/// Correction registers of one core's converters, [lane][line]; empty = at rest. With gain error e and register t a
/// converter has the gain (1 + e)(1 + t); offset registers, in LSB, add to the offset error.
struct Trims {
    std::vector<float> dac_gain, dac_offset, adc_gain, adc_offset;

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("dac_gain", dac_gain);
        archive.field("dac_offset", dac_offset);
        archive.field("adc_gain", adc_gain);
        archive.field("adc_offset", adc_offset);
    }
};

/// Gain error and offset of a converter, with its registers.
struct TrimmedError {
    double gain = 0, offset = 0;
};
TrimmedError trimmed(double gain, double offset, const std::vector<float>& gains, const std::vector<float>& offsets,
                     std::size_t at);

/// `dither_step`: input codes a step of `dac`. Deterministic in (seed, core).
StaticErrors make_static_errors(const Parameters& core, const converters::Parameters& converters, const RunConfig& run,
                                std::uint32_t core_index, double dither_step, const Trims& trims = {});

/// [n] standard normal draws of the crosstalk that calibration leaves in a column.
std::vector<float> crosstalk_draws(std::uint64_t seed, std::uint32_t core_index, std::uint32_t n);

/// Light of a path over that of the mean path.
double path_gain(const Parameters& core, std::uint32_t lane, std::uint32_t column);

/// Input codes that static errors of a DAC can reach, for the choice of the dither step.
double dac_reach(const Parameters& core, const converters::Parameters& converters, const NoiseSources& on);

}  // namespace lightcard::photonic_core
