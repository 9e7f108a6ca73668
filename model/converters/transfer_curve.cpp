// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/converters/transfer_curve.h"

#include <cmath>
#include <vector>

#include "lightcard/model/common/gaussian.h"

namespace lightcard::converters {
namespace {

constexpr double kBridgePeak = 0.8690;  ///< mean of the largest |B| of a Brownian bridge of unit length

struct Spread {
    double inl, gain, offset;
};

/// Every step of the range errs on its own (DNL), their sum is the INL, tied down at both ends as calibration does.
TransferCurve draw_curve(const Spread& spread, NoiseSource source, const ConverterPlace& place)
{
    TransferCurve curve;
    if (spread.inl == 0 && spread.gain == 0 && spread.offset == 0) return curve;
    constexpr std::uint32_t kRows = kKnots / 4 + 1;
    std::array<std::uint32_t, 4 * kRows> words;
    static_words({place.seed, 0, place.core, place.lane, place.line}, source, kRows, words.data());
    curve.gain = spread.gain * static_cast<double>(gaussian(words[kKnots]));
    curve.offset = spread.offset * static_cast<double>(gaussian(words[kKnots + 1]));
    if (spread.inl == 0) return curve;
    double walk = 0;
    for (std::uint32_t knot = 1; knot < kKnots; ++knot) {
        walk += static_cast<double>(gaussian(words[knot]));
        curve.inl[knot] = walk;
    }
    const double scale = spread.inl / (kBridgePeak * std::sqrt(kKnots - 1.0));
    for (std::uint32_t knot = 0; knot < kKnots; ++knot)
        curve.inl[knot] = scale * (curve.inl[knot] - walk * knot / (kKnots - 1.0));
    return curve;
}

}  // namespace

TransferCurve dac_curve(const Parameters& parameters, const ConverterPlace& place)
{
    return draw_curve({parameters.dac_inl, parameters.dac_gain_error, parameters.dac_offset_error},
                      NoiseSource::dac_curve, place);
}

TransferCurve adc_curve(const Parameters& parameters, const ConverterPlace& place)
{
    return draw_curve({parameters.adc_inl, parameters.adc_gain_error, parameters.adc_offset_error},
                      NoiseSource::adc_curve, place);
}

}  // namespace lightcard::converters
