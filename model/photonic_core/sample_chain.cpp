// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/sample_chain.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/common/rounding.h"
#include "lightcard/model/common/simd.h"
#include "lightcard/model/converters/transfer_curve.h"

namespace lightcard::photonic_core {
namespace {

LIGHTCARD_INLINE std::int32_t to_acc(std::int32_t code, std::int64_t digital_gain)
{
    return static_cast<std::int32_t>((code * digital_gain + 32768) >> 16);
}

/// The product with what DACs and crossings added to it, before light and receiver.
LIGHTCARD_CLONES void exact_sums(const SampleRow& row, const std::int32_t* hi_sum, const float* crosstalk,
                                 float dither_step)
{
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        // Up to 512 rows all sums are below 2^24, so this rounds the exact integer sum once.
        const float exact = static_cast<float>(row.hi[c]) + static_cast<float>(row.lo[c]) * (1.0F / 256.0F);
        const auto dither = static_cast<float>(row.dither[c] - 128 * hi_sum[c]);
        row.analog[c] = std::fma(dither, dither_step, std::fma(crosstalk[c], row.x_sum, exact));
    }
}

/// Light at code 0 that modulators off their operating point add.
LIGHTCARD_CLONES void add_floor(const SampleRow& row, const std::int32_t* floor_acc)
{
    const float floor = row.floor;
    for (std::uint32_t c = 0; c < row.cols; ++c)
        row.analog[c] = row.analog[c] + floor * static_cast<float>(floor_acc[c]);
}

/// What one lane's paths and converters are like, [column].
struct LaneErrors {
    const float *shortfall, *shortfall2, *adc_gain, *adc_offset, *adc_inl;
};

LaneErrors lane_errors(const StaticErrors& statics, std::uint32_t lane)
{
    const std::size_t at = std::size_t{lane} * statics.n;
    return {statics.shortfall.data() + at, statics.shortfall2.data() + at, statics.adc_gain.data() + at,
            statics.adc_offset.data() + at,
            statics.adc_inl.empty() ? nullptr : statics.adc_inl.data() + at * converters::kKnots};
}

/// What light and receiver do to a sample; docs/model-equations.md section 3 has the order.
LIGHTCARD_CLONES void add_noise(const SampleRow& row, const ColumnConstants& columns, const LaneErrors& path,
                                float shot)
{
    const float change = row.rin + (1.0F + row.rin) * row.warming;
    const float intensity = (1.0F + change) * (1.0F + row.spill), tilt = row.tilt, leak = row.rin_leak,
                receiver_variance = columns.receiver_variance;
    const float read_light = (1.0F + row.rin) * (1.0F + row.warming);
    const float *imbalance = columns.imbalance.data(), *adc_variance = columns.adc_variance.data();
    const std::int32_t *floor_acc = columns.floor_acc.data(), *row_light = row.light;
    const float *shortfall = path.shortfall, *shortfall2 = path.shortfall2, *normal = row.normal, *read = row.read;
    float* __restrict analog = row.analog;
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        const float light = static_cast<float>(row_light[c]) * intensity;
        const float lit = analog[c] + static_cast<float>(floor_acc[c]);
        const float mean = std::fma(std::fma(leak, imbalance[c], tilt), light, std::fma(change, lit, analog[c]));
        const float dark = receiver_variance * shortfall2[c] + adc_variance[c];
        float variance = std::fma(shot * shortfall[c], light, dark);
        // Noise of the cells has passed them, so the path's shortfall does not add to it.
        if (read != nullptr) variance = std::fma(read[c] * read_light, read_light, variance);
        analog[c] = std::fma(std::sqrt(variance), normal[c], mean);
    }
}

/// From acc to codes, as this ADC sees it.
LIGHTCARD_CLONES void scale(const SampleRow& row, const float* inverse_lsb, const LaneErrors& adc)
{
    for (std::uint32_t c = 0; c < row.cols; ++c)
        row.analog[c] = std::fma(row.analog[c], inverse_lsb[c] * adc.adc_gain[c], adc.adc_offset[c]);
}

void bend(const SampleRow& row, const float* adc_inl, float half)
{
    constexpr float kLast = converters::kKnots - 1;
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        const float position = (row.analog[c] + half) * (converters::kKnots / (2 * half));
        const auto knot = static_cast<std::uint32_t>(std::clamp(position, 0.0F, kLast));
        row.analog[c] += adc_inl[(std::size_t{row.first} + c) * converters::kKnots + knot];
    }
}

LIGHTCARD_CLONES std::uint32_t convert(const SampleRow& row, const std::int64_t* gain, float lowest, float highest)
{
    std::uint32_t clipped = 0;
    const std::uint32_t cols = row.cols;
    const float* analog = row.analog;
    std::int32_t* __restrict y = row.y;
    for (std::uint32_t c = 0; c < cols; ++c) {
        const float above = analog[c] > lowest ? analog[c] : lowest;
        const float code = round_half_even(above < highest ? above : highest);
        clipped += code == lowest || code == highest;
        y[c] = to_acc(static_cast<std::int32_t>(code), gain[c]);
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

}  // namespace

ColumnConstants column_constants(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile,
                                 const ColumnGain* gains)
{
    ColumnConstants columns;
    columns.receiver_variance = static_cast<float>(chain.thermal_variance + chain.shot_constant);
    const std::vector<float> signs = imbalance_signs(chain.seed, tile.core, tile.cols);
    columns.signal = 1 / tile.mean_gain();
    const double unused_rows = chain.n > tile.rows ? chain.n - tile.rows : 0;
    const auto resize = [&](auto&... fields) { (fields.resize(tile.cols), ...); };
    resize(columns.adc_variance, columns.imbalance, columns.floor_acc, columns.weight_floor, columns.hi_sum,
           columns.floor_light, columns.inverse_lsb, columns.lsb, columns.digital_gain);
    const auto imbalance = static_cast<float>(std::sqrt(chain.cmrr_leak) * chain.common_to_acc);
    for (std::uint32_t c = 0; c < tile.cols; ++c) {
        const ColumnGain gain = chain.converters ? gains[c] : ColumnGain{};
        const double adc_sigma = chain.converters ? chain.adc_noise_ratio * gain.lsb * chain.adc_codes : 0;
        columns.lsb[c] = gain.lsb;
        columns.inverse_lsb[c] = static_cast<float>(1.0 / gain.lsb);
        columns.digital_gain[c] = gain.digital_gain;
        columns.adc_variance[c] = static_cast<float>(adc_sigma * adc_sigma);
        const double common = tile.common_sum.empty() ? 0.0 : tile.common_sum[c];
        columns.imbalance[c] = signs[c] * imbalance;
        columns.hi_sum[c] = tile.hi_sum[c];
        const double weights = static_cast<double>(tile.hi_sum[c]) + tile.lo_sum[c] / 256.0;
        // One cell a weight: nothing cancels what stands for weight 0, nor what unused cells let through.
        const bool single = chain.pedestal > 0;
        const double dark = single ? chain.pedestal * tile.rows + unused_rows * chain.dark_cell : 0;
        // Of that, what chain.pedestal times the light of all n rows (SampleRow::x_sum) is not.
        const double unlike = single ? unused_rows * (chain.pedestal - chain.dark_cell) : 0;
        columns.weight_floor[c] =
            static_cast<std::int32_t>(round_half_even(chain.modulator_floor_code * (weights - unlike)));
        // What the crossings leave between the arms is lit by all n rows, and changes with the light as cells do.
        const double crossings =
            chain.statics ? (static_cast<double>(chain.statics->crosstalk[c]) - chain.pedestal) * chain.n : 0;
        columns.floor_acc[c] =
            static_cast<std::int32_t>(round_half_even(chain.modulator_floor_code * (weights + dark + crossings)));
        columns.floor_light[c] = static_cast<std::int32_t>(
            round_half_even(chain.modulator_floor_code * (common + unused_rows * chain.cell_floor_code)));
    }
    return columns;
}

std::int64_t clipping_error2(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row)
{
    constexpr double kMost = 1e15;  // a row of them stays in 64 bits
    const auto half = static_cast<double>(chain.adc_codes / 2);
    std::int64_t error2 = 0;
    // Up to half a code beyond the last one is rounding. The bounds are exact in single precision.
    const auto lowest = static_cast<float>(-half - 0.5), highest = static_cast<float>(half - 0.5);
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        if (row.analog[c] >= lowest && row.analog[c] <= highest) continue;
        const auto v = static_cast<double>(row.analog[c]);
        const double code = std::clamp(v, -half, half - 1), beyond = code - v;
        const double step = static_cast<double>(columns.digital_gain[row.first + c]) / 65536.0;
        // One cell a weight: the codes start at 0, half a range below the middle.
        const double middle = row.pedestal > 0 ? row.pedestal - half * step : 0;
        const std::int32_t y = row.total != nullptr ? (row.total[c] + 128) >> 8 : row.hi[c] + ((row.lo[c] + 128) >> 8);
        const double both = code + v - 2 * ((y * columns.signal + middle) / step);
        error2 += static_cast<std::int64_t>(round_half_even(std::clamp(beyond * both * step * step, -kMost, kMost)));
    }
    return error2;
}

namespace {

Clipped digitise(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row)
{
    const float half = static_cast<float>(chain.adc_codes / 2);
    Clipped clipped{convert(row, columns.digital_gain.data() + row.first, -half, half - 1.0F), 0};
    if (clipped.samples > 0) clipped.error2 = clipping_error2(chain, columns, row);
    return clipped;
}

}  // namespace

Clipped noisy_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row)
{
    const auto shot = static_cast<float>(chain.shot_per_common);
    const LaneErrors lane = lane_errors(*chain.statics, row.lane);
    exact_sums(row, columns.hi_sum.data(), chain.statics->crosstalk.data(), static_cast<float>(chain.dither_step));
    if (row.floor != 0) add_floor(row, columns.weight_floor.data());
    add_noise(row, columns, lane, shot);
    if (!chain.converters || !chain.sources.adc_quantisation) {
        round_to_acc(row);
        return {};
    }
    const float half = static_cast<float>(chain.adc_codes / 2);
    scale(row, columns.inverse_lsb.data(), lane);
    if (lane.adc_inl != nullptr) bend(row, lane.adc_inl, half);
    return digitise(chain, columns, row);
}

Clipped bent_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row)
{
    const float half = static_cast<float>(chain.adc_codes / 2);
    bend(row, lane_errors(*chain.statics, row.lane).adc_inl, half);
    return digitise(chain, columns, row);
}

std::uint32_t quantised_samples(const AnalogChain& chain, const ColumnConstants& columns, const SampleRow& row)
{
    const double half = chain.adc_codes / 2;
    std::uint32_t clipped = 0;
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        const double y = static_cast<double>(row.hi[c]) + static_cast<double>(row.lo[c]) / 256.0;
        const double middle = chain.pedestal > 0 ? half : 0;
        const double code =
            round_half_even(std::clamp((y + row.pedestal) / columns.lsb[c] - middle, -half, half - 1.0));
        clipped += code == -half || code == half - 1.0;
        row.y[c] = to_acc(static_cast<std::int32_t>(code), columns.digital_gain[c]);
    }
    return clipped;
}

}  // namespace lightcard::photonic_core
