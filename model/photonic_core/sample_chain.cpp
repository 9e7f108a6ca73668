// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/sample_chain.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/common/simd.h"

namespace lightcard::photonic_core {
namespace {

/// Ties to even, for |x| < 2^22.
LIGHTCARD_INLINE float round_half_even(float x)
{
    constexpr float kMagic = 0x1.8p23F;
    return (x + kMagic) - kMagic;
}

LIGHTCARD_INLINE double round_half_even(double x)
{
    constexpr double kMagic = 0x1.8p52;
    return (x + kMagic) - kMagic;
}

LIGHTCARD_INLINE std::int32_t to_acc(std::int32_t code, std::int64_t digital_gain)
{
    return static_cast<std::int32_t>((code * digital_gain + 32768) >> 16);
}

/// The product with what the DACs added to its inputs, before light and receiver.
LIGHTCARD_CLONES void exact_sums(const SampleRow& row, const std::int32_t* hi_sum, float dither_step)
{
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        // Up to 512 rows all sums are below 2^24, so this rounds the exact integer sum once.
        const float exact = static_cast<float>(row.hi[c]) + static_cast<float>(row.lo[c]) * (1.0F / 256.0F);
        row.analog[c] = exact;
    }
    if (dither_step == 0) return;
    for (std::uint32_t c = 0; c < row.cols; ++c)
        row.analog[c] = row.analog[c] + static_cast<float>(row.dither[c] - 128 * hi_sum[c]) * dither_step;
}

LIGHTCARD_CLONES void add_noise(const SampleRow& row, const float* variance, const float* imbalance,
                                const std::int32_t* floor_acc, float shot)
{
    const float intensity = 1.0F + row.rin;
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        const float light = static_cast<float>(row.light[c]) * intensity;
        const float lit = row.analog[c] + static_cast<float>(floor_acc[c]);
        const float laser = row.rin * lit + (row.rin_leak * imbalance[c]) * light;
        row.analog[c] = (row.analog[c] + laser) + std::sqrt(variance[c] + shot * light) * row.normal[c];
    }
}

LIGHTCARD_CLONES std::uint32_t convert(const SampleRow& row, const float* inverse_lsb, const std::int64_t* gain,
                                       float lowest, float highest)
{
    std::uint32_t clipped = 0;
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        const float scaled = row.analog[c] * inverse_lsb[c];
        const float above = scaled > lowest ? scaled : lowest;
        const float code = round_half_even(above < highest ? above : highest);
        clipped += code == lowest || code == highest;
        row.y[c] = to_acc(static_cast<std::int32_t>(code), gain[c]);
    }
    return clipped;
}

void round_to_acc(const SampleRow& row)
{
    constexpr double kLargest = 2147483647.0;
    for (std::uint32_t c = 0; c < row.cols; ++c)
        row.y[c] = static_cast<std::int32_t>(
            round_half_even(std::clamp(static_cast<double>(row.analog[c]), -kLargest, kLargest)));
}

struct WeightSums {
    std::int32_t hi = 0, lo = 0;
};

LIGHTCARD_CLONES WeightSums weight_sums(const pcm_memory::EffectiveTile& tile, std::uint32_t col)
{
    const std::size_t first = std::size_t{col} * tile.row_stride;
    WeightSums sums;
    for (std::uint32_t row = 0; row < tile.rows; ++row) {
        sums.hi += tile.hi[first + row];
        sums.lo += tile.lo[first + row];
    }
    return sums;
}

}  // namespace

ColumnConstants column_constants(const MvmJob& job)
{
    const AnalogChain& chain = *job.chain;
    const pcm_memory::EffectiveTile& tile = *job.tile;
    ColumnConstants columns;
    const std::vector<float> signs = imbalance_signs(chain.seed, tile.core, tile.cols);
    const double unused_rows = chain.n > tile.rows ? chain.n - tile.rows : 0;
    for (std::uint32_t c = 0; c < tile.cols; ++c) {
        const ColumnGain gain = chain.converters ? job.gains[c] : ColumnGain{};
        const double adc_sigma = chain.converters ? chain.adc_noise_ratio * gain.lsb * chain.adc_codes : 0;
        columns.lsb.push_back(gain.lsb);
        columns.inverse_lsb.push_back(static_cast<float>(1.0 / gain.lsb));
        columns.digital_gain.push_back(gain.digital_gain);
        columns.variance.push_back(
            static_cast<float>(chain.thermal_variance + chain.shot_constant + adc_sigma * adc_sigma));
        const double common = tile.common_sum.empty() ? 0.0 : tile.common_sum[c];
        columns.imbalance.push_back(signs[c] * static_cast<float>(std::sqrt(chain.cmrr_leak) * chain.common_to_acc));
        const WeightSums sums = weight_sums(tile, c);
        columns.hi_sum.push_back(sums.hi);
        columns.floor_acc.push_back(static_cast<std::int32_t>(
            round_half_even(chain.modulator_floor_code * (static_cast<double>(sums.hi) + sums.lo / 256.0))));
        columns.floor_light.push_back(static_cast<std::int32_t>(
            round_half_even(chain.modulator_floor_code * (common + unused_rows * chain.cell_floor_code))));
    }
    return columns;
}

std::uint32_t noisy_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row)
{
    const auto shot = static_cast<float>(chain.shot_per_common);
    exact_sums(row, columns.hi_sum.data(), static_cast<float>(chain.dither_step));
    add_noise(row, columns.variance.data(), columns.imbalance.data(), columns.floor_acc.data(), shot);
    if (!chain.converters || !chain.sources.adc_quantisation) {
        round_to_acc(row);
        return 0;
    }
    const float half = static_cast<float>(chain.adc_codes / 2);
    return convert(row, columns.inverse_lsb.data(), columns.digital_gain.data(), -half, half - 1.0F);
}

std::uint32_t quantised_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row)
{
    const double half = chain.adc_codes / 2;
    std::uint32_t clipped = 0;
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        const double y = static_cast<double>(row.hi[c]) + static_cast<double>(row.lo[c]) / 256.0;
        const double code = round_half_even(std::clamp(y / columns.lsb[c], -half, half - 1.0));
        clipped += code == -half || code == half - 1.0;
        row.y[c] = to_acc(static_cast<std::int32_t>(code), columns.digital_gain[c]);
    }
    return clipped;
}

}  // namespace lightcard::photonic_core
