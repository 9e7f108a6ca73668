// SPDX-License-Identifier: Apache-2.0
/// The floating-point half of the matrix-vector product: receiver noise and ADC of one vector's samples.
/// Single precision, one IEEE operation or explicit fma at a time: the same bits whatever instructions run it.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

/// Constants of each column of a job, ready for the vector loops.
struct ColumnConstants {
    float receiver_variance = 0;             ///< acc^2 on the mean path: thermal, dark current
    std::vector<float> adc_variance;         ///< acc^2
    std::vector<float> imbalance;            ///< acc per unit of light and of the laser's relative error: +-CMRR
    std::vector<std::int32_t> floor_acc;     ///< y of modulators at code 0: calibrated away, but RIN modulates it
    std::vector<std::int32_t> weight_floor;  ///< the same of the weights alone, without what stands for weight 0
    std::vector<std::int32_t> hi_sum;        ///< sum of the hi plane
    std::vector<std::int32_t> floor_light;   ///< light let through by modulators at code 0
    std::vector<float> inverse_lsb;
    std::vector<double> lsb;
    std::vector<std::int64_t> digital_gain;
    double signal = 1;  ///< ideal product over the sum through these weights, in the mean
};
/// `gains` [cols], read if the chain has converters.
ColumnConstants column_constants(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile,
                                 const ColumnGain* gains);

/// One vector: exact sums in, acc units out.
struct SampleRow {
    std::uint32_t cols = 0;
    std::uint32_t first = 0;  ///< column of the tile that the row starts at; not 0: bent_samples(), clipping_error2()
    const std::int32_t* hi = nullptr;
    const std::int32_t* lo = nullptr;  ///< all zero if the tile has no lo plane
    // Only read if noisy:
    const std::int32_t* light = nullptr;   ///< with floor
    const std::int32_t* dither = nullptr;  ///< sum of dither codes, 128 = none, times the hi plane
    const float* normal = nullptr;         ///< one draw a column
    float spill = 0;                       ///< light that DAC errors and neighbour lanes add, of all light, >= -1
    float rin = 0;                         ///< relative intensity error of this symbol, >= -1
    float warming = 0;                     ///< relative change of the light by temperature (HeatedLight::change)
    float floor = 0;                       ///< and of that at code 0 beyond it
    double pedestal = 0;                   ///< acc, of one cell a weight: in front of the ADC, not yet in hi and lo
    float tilt = 0;                        ///< the part of it between + and -, acc per unit of light
    float rin_leak = 0;                    ///< the same, of the part that unequal photodiodes let through
    std::uint32_t lane = 0;
    float x_sum = 0;                      ///< sum of the input codes as the DACs give them
    const float* read = nullptr;          ///< acc^2, of reading the cells; null = none
    float* analog = nullptr;              ///< [cols] scratch: the sample before the ADC
    const std::int32_t* total = nullptr;  ///< 256 S_hi + S_lo, where hi and lo are not given
    std::int32_t* y = nullptr;
};

/// Samples at an end code, and by how much the squared errors of those beyond it are larger for it, acc^2.
struct Clipped {
    std::uint32_t samples = 0;
    std::int64_t error2 = 0;
};
/// Of a row whose `analog` is what went into the ADC, LSB.
std::int64_t clipping_error2(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row);

/// Fidelity stat: docs/model-equations.md section 3, then the ADC. Returns what clipped.
Clipped noisy_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row);

/// The end of noisy_samples for an ADC that bends: row.analog is its input in LSB. Returns what clipped.
Clipped bent_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row);

/// Fidelity ideal with converters: the ADC alone, on the exact sum, in double. Returns samples at an end code.
std::uint32_t quantised_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row);

}  // namespace lightcard::photonic_core
