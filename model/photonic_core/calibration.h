// SPDX-License-Identifier: Apache-2.0
/// Measurements that a card makes on itself, and the correction registers that follow from them. Every measurement goes
/// through the modelled converters, light and noise, so what it leaves is what it could not see.
///
/// Trim of a converter: `samples` readings at two codes or levels, a straight line through their means.
/// Column gain: `samples` random vectors through the lit bank; each column's answer is regressed on what its target
/// weights would give. The slope is the gain that drift, temperature, programming bias and converter gain have left it;
/// its reciprocal becomes the column's digital gain. Drift compensation does the same with one slope for all columns of
/// the bank (global drift compensation: Joshi et al., Nat. Commun. 11:2473, 2020).
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

/// What a calibration is drawn for: each has its own number, so that two never share their noise.
struct CalibrationKey {
    std::uint64_t seed = 1;
    std::uint64_t number = 0;
    /// Weight ids from here on are those of calibrations.
    static constexpr std::uint64_t kFirstId = 0xffff'0000'0000'0000;
    std::uint64_t id() const { return kFirstId + number; }
};

/// New gain and offset registers of every DAC of a core, from a tap behind its modulator. `before`: registers now.
void trim_dacs(const AnalogChain& chain, const converters::Parameters& converters, std::uint32_t core_index,
               std::uint32_t samples, const CalibrationKey& key, Trims& trims);
/// The same for every ADC, from a reference at its input.
void trim_adcs(const AnalogChain& chain, const converters::Parameters& converters, std::uint32_t core_index,
               std::uint32_t samples, const CalibrationKey& key, Trims& trims);

/// rms error of the mean of `samples` readings of an ADC, LSB.
double adc_reading_error(const AnalogChain& chain, std::uint32_t samples);

struct BankProbe {
    const pcm_memory::EffectiveTile* tile = nullptr;
    const std::int8_t* weights = nullptr;  ///< s8 [cols][rows] targets
    double warming = 0, detuning = 0;      ///< K, of the die
    std::uint32_t samples = 256;           ///< vectors
};

/// Which vectors a range is measured with: as inputs with block scaling come, drawn anew for each calibration.
enum class RangeInputs : std::uint8_t {
    positive,  ///< positive half of a normal, 2.5 sigma at the largest code (what a ReLU leaves)
    offset,    ///< 128 plus a normal, 2.5 sigma at 127
};
constexpr std::uint32_t kRangeRounds = 3;  ///< each in the range that the one before has found

/// [cols] full scales of the ADCs: `sigmas` times the rms of what `samples` vectors give a column, as its converter
/// sees it; a column of one cell a weight spans from dark to its brightest mean and as much above it.
std::vector<std::uint32_t> measure_ranges(const AnalogChain& chain, const BankProbe& probe, double sigmas,
                                          RangeInputs inputs, const CalibrationKey& key);
/// [col] factors on the digital gain. `columns`: one each, where its own slope is known to 2 %; otherwise, and for
/// columns that cannot tell, that of the whole bank. All 1 for a chain without noise.
std::vector<float> measure_gains(const AnalogChain& chain, const BankProbe& probe, bool columns,
                                 const CalibrationKey& key);

}  // namespace lightcard::photonic_core
