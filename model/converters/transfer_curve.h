// SPDX-License-Identifier: Apache-2.0
/// Static errors of one converter, drawn by its place: what its codes mean beside what they should. All in LSB.
#pragma once

#include <array>
#include <cstdint>

#include "lightcard/model/common/rng.h"
#include "lightcard/model/converters/parameters.h"

namespace lightcard::converters {

/// Where a converter is: a DAC drives one row and lane, an ADC reads one column and lane.
struct ConverterPlace {
    std::uint64_t seed = 1;
    std::uint32_t core = 0, lane = 0;
    std::uint32_t line = 0;  ///< row or column
};

constexpr std::uint32_t kKnots = 256;

struct TransferCurve {
    double gain = 0;                   ///< relative
    double offset = 0;                 ///< LSB
    std::array<double, kKnots> inl{};  ///< LSB, at equal parts of the range; 0 at both ends
};

TransferCurve dac_curve(const Parameters& parameters, const ConverterPlace& place);
TransferCurve adc_curve(const Parameters& parameters, const ConverterPlace& place);

/// Variance of the INL over converters is this times t (1 - t), t = 0 .. 1 along the range.
constexpr double inl_bridge_variance(double inl)
{
    return 6 * 0.2207 * inl * inl;
}

/// Mean square of the INL over codes and converters, LSB^2, for a largest deviation of `inl` LSB.
constexpr double inl_mean_square(double inl)
{
    return 0.2207 * inl * inl;  // a bridge: E[sup|B|] = 0.8690, mean of B^2 over its length = 1/6
}

}  // namespace lightcard::converters
