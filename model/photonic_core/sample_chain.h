// SPDX-License-Identifier: Apache-2.0
/// The floating-point half of the matrix-vector product: receiver noise and ADC of one vector's samples.
/// Single precision, one IEEE operation at a time, no fma: the same bits whatever instructions run it.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

/// Constants of each column of a job, ready for the vector loops.
struct ColumnConstants {
    std::vector<float> variance;            ///< acc^2: thermal, dark current, DAC noise, ADC noise
    std::vector<std::int32_t> floor_light;  ///< light let through by modulators at code 0
    std::vector<float> inverse_lsb;
    std::vector<double> lsb;
    std::vector<std::int64_t> digital_gain;
};
ColumnConstants column_constants(const MvmJob& job);

/// One vector: exact sums in, acc units out.
struct SampleRow {
    std::uint32_t cols = 0;
    const std::int32_t* hi = nullptr;
    const std::int32_t* lo = nullptr;     ///< all zero if the tile has no lo plane
    const std::int32_t* light = nullptr;  ///< with floor; only read if noisy
    const float* normal = nullptr;        ///< one draw a column; only read if noisy
    float rin = 0;                        ///< relative intensity error of this symbol
    float* analog = nullptr;              ///< [cols] scratch: the sample before the ADC; only used if noisy
    std::int32_t* y = nullptr;
};

/// Fidelity stat: y = ((hi + lo/256) (1 + rin) + sigma g), then the ADC. Returns samples at an end code.
std::uint32_t noisy_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row);

/// Fidelity ideal with converters: the ADC alone, on the exact sum, in double. Returns samples at an end code.
std::uint32_t quantised_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row);

}  // namespace lightcard::photonic_core
