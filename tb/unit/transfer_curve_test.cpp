// SPDX-License-Identifier: Apache-2.0
// Static errors of converters: as large as asked, tied down at the ends, one converter's own.
#include "lightcard/model/converters/transfer_curve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace lightcard::converters {
namespace {

TEST(TransferCurve, IsAsLargeAsAsked)
{
    Parameters parameters;
    parameters.dac_inl = 0.5;
    parameters.dac_gain_error = 0.01;
    parameters.dac_offset_error = 0.7;
    constexpr int kConverters = 4000;
    double peak = 0, square = 0, gain = 0, offset = 0;
    for (std::uint32_t i = 0; i < kConverters; ++i) {
        const TransferCurve curve = dac_curve(parameters, {7, 0, i % 4, i / 4});
        double largest = 0;
        for (const double inl : curve.inl) largest = std::max(largest, std::abs(inl)), square += inl * inl;
        peak += largest;
        gain += curve.gain * curve.gain, offset += curve.offset * curve.offset;
        EXPECT_EQ(curve.inl.front(), 0);
        EXPECT_NEAR(curve.inl.back(), 0, 1e-12);
    }
    // A walk of 255 steps stays a little below its continuous limit.
    EXPECT_NEAR(peak / kConverters, 0.5, 0.025);
    EXPECT_NEAR(square / kConverters / kKnots, inl_mean_square(0.5), 0.05 * inl_mean_square(0.5));
    EXPECT_NEAR(std::sqrt(gain / kConverters), 0.01, 0.01 * 3 / std::sqrt(2.0 * kConverters));
    EXPECT_NEAR(std::sqrt(offset / kConverters), 0.7, 0.7 * 3 / std::sqrt(2.0 * kConverters));
}

TEST(TransferCurve, BelongsToOnePlace)
{
    Parameters parameters;
    parameters.adc_inl = parameters.dac_inl = 1;
    const auto middle = [&](ConverterPlace place) { return dac_curve(parameters, place).inl[128]; };
    const double here = middle({1, 0, 0, 5});
    EXPECT_EQ(middle({1, 0, 0, 5}), here);
    EXPECT_NE(middle({2, 0, 0, 5}), here);
    EXPECT_NE(middle({1, 1, 0, 5}), here);
    EXPECT_NE(middle({1, 0, 1, 5}), here);
    EXPECT_NE(middle({1, 0, 0, 6}), here);
    EXPECT_NE(adc_curve(parameters, {1, 0, 0, 5}).inl[128], here);
}

TEST(TransferCurve, APerfectConverterIsStraight)
{
    Parameters parameters;
    const TransferCurve curve = adc_curve(parameters, {1, 0, 0, 0});
    EXPECT_EQ(curve.gain, 0);
    EXPECT_EQ(curve.offset, 0);
    EXPECT_TRUE(std::all_of(curve.inl.begin(), curve.inl.end(), [](double inl) { return inl == 0; }));
}

}  // namespace
}  // namespace lightcard::converters
