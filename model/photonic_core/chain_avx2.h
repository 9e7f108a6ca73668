// SPDX-License-Identifier: Apache-2.0
/// The product and the noise chain in AVX2: the same bits as integer_kernel.cpp and sample_chain.cpp. Plain pointers
/// only: nothing of the standard library may be compiled for AVX2 and shared with other files.
///
/// Planes are s16, [group of 16 columns][pair of rows][16 columns][2 rows], so that one broadcast pair of inputs meets
/// one pair of weights per column in vpmaddwd. An effective weight is one s16 word: x (256 hi + lo) summed over up to
/// 256 rows fits s32, so both planes take one multiplication. (vpmaddubsw would be twice as wide, and saturate.)
#pragma once

#include <cstdint>

namespace lightcard::photonic_core::avx2 {

inline constexpr std::uint32_t kGroup = 16;  ///< columns a group of a plane; strides of sums are multiples
inline constexpr std::uint32_t kMostRows = 256;

/// sums[v][c] = sum over rows of x[v][row] plane[c][row], both s16, `vectors` rows of x_stride and sums_stride.
void multiply(const std::int16_t* plane, std::uint32_t pairs, std::uint32_t groups, const std::int16_t* x,
              std::uint32_t x_stride, std::uint32_t vectors, std::int32_t* sums, std::uint32_t sums_stride);

/// words[i] = codes[i]; `count` a multiple of 16.
void widen(const std::uint8_t* codes, std::int16_t* words, std::uint64_t count);
/// hi[i] = the hi plane of an effective weight; `count` a multiple of 16.
void high_planes(const std::int16_t* weights, std::int16_t* hi, std::uint64_t count);

struct InputSums {
    std::uint32_t sum, square;
};
/// Codes of one vector as s16, zero up to a multiple of 16 rows, and their sums.
InputSums widen_inputs(const std::uint8_t* x, std::uint32_t rows, std::int16_t* out);

/// What adds to the input codes of one vector, in dither steps, [row]; buffers hold a multiple of 16 rows.
struct DacErrors {
    const std::uint32_t* words;         ///< one draw a row
    const std::int8_t* curve;           ///< of the DACs at these codes
    const std::uint8_t *below, *above;  ///< codes of the neighbour lanes in this symbol
    float lane_leak;                    ///< of a neighbour's code
    float scale;                        ///< steps a unit of the sum of a word's bytes
};
/// Writes the errors of `rows` rows, zero up to a multiple of 16, and returns their sum.
std::int32_t dac_errors(const DacErrors& errors, std::uint32_t rows, std::int16_t* out);

/// digital_gain of the columns in two parts, 65536 high + low.
struct DigitalGain {
    const std::int32_t *high, *low;
};

/// Constants of the columns, and of the converters of one lane. Tables hold the columns in use, no more.
struct Columns {
    std::uint32_t cols;
    float receiver_variance, shot, dither_step;
    float lowest, highest;  ///< ADC codes
    const float *adc_variance, *imbalance, *inverse_lsb, *crosstalk;
    const std::int32_t *floor_acc, *floor_light;
    DigitalGain gain;
};
struct Lane {
    const float *shortfall, *shortfall2, *adc_gain, *adc_offset;
};
/// One vector: exact sums in, acc units out.
struct Row {
    const std::int32_t *total, *light;  ///< [cols up to a group] 256 S_hi + S_lo; sum x common
    const std::int32_t* dither;         ///< sum d hi; null = none
    const std::int32_t* read;           ///< sum of squares times variance codes; null = none
    const float* normal;                ///< [cols up to a multiple of 8]
    std::int32_t light_shift;           ///< light that adds to every column
    float x_sum, change, intensity, tilt, leak;
    float read_unit, read_light;
    float* analog;  ///< [cols] null: through the ADC into y; else the ADC's input in LSB, for an ADC that bends
    std::int32_t* y;
};
/// Exact sums over samples, in four partial sums each.
struct SampleSums {
    alignas(32) std::uint64_t light[4] = {}, light2[4] = {}, y2[4] = {}, lit2[4] = {}, read[4] = {};
};
/// Returns samples at an end code (0 if `analog` is asked for).
std::uint32_t noisy_row(const Columns& columns, const Lane& lane, const Row& row, SampleSums& sums);

/// y = total / 256, rounded to the nearest, halves up.
void exact_row(const std::int32_t* total, std::uint32_t cols, std::int32_t* y);
/// The ADC alone, in double. Returns samples at an end code.
std::uint32_t quantised_row(const std::int32_t* total, std::uint32_t cols, const double* lsb, double lowest,
                            double highest, const DigitalGain& gain, std::int32_t* y);

}  // namespace lightcard::photonic_core::avx2
