// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/calibration.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/converters/transfer_curve.h"

namespace lightcard::photonic_core {
namespace {

constexpr double kLowCode = 64, kHighCode = 192;         ///< of 256, where a DAC is read
constexpr double kLeastGain = 0.25, kLargestGain = 4.0;  ///< the registers' range
constexpr double kKnown = 0.02;                          ///< standard error of a slope that a column may follow

double normal(const CalibrationKey& key, std::uint64_t ordinal, std::uint32_t row)
{
    std::uint32_t word;
    sample_words({key.seed, key.id(), ordinal, 0}, NoiseSource::calibration, row, 1, &word);
    return static_cast<double>(gaussian(word));
}

void prepare(std::vector<float>& registers, std::size_t count)
{
    if (registers.size() != count) registers.assign(count, 0.0F);
}

struct Line {
    double gain, offset;
};

/// Moves a converter's registers so that the measured line becomes the identity.
void correct(const Line& measured, float& gain, float& offset)
{
    gain = static_cast<float>(
        std::clamp((1 + static_cast<double>(gain)) / std::max(0.1, measured.gain), kLeastGain, kLargestGain) - 1);
    offset = static_cast<float>(static_cast<double>(offset) - measured.offset);
}

}  // namespace

void trim_dacs(const AnalogChain& chain, const converters::Parameters& converters, std::uint32_t core_index,
               std::uint32_t samples, const CalibrationKey& key, Trims& trims)
{
    if (!chain.noisy || !chain.sources.dac_static) return;
    const StaticErrors& statics = *chain.statics;
    const std::size_t count = std::size_t{statics.lanes} * statics.n;
    prepare(trims.dac_gain, count);
    prepare(trims.dac_offset, count);
    const double lsb = 256.0 / (1u << std::clamp(converters.dac_bits, 1u, 8u));
    // The DAC's own noise, and that of the converter behind the tap.
    const double tap = chain.adc_noise_ratio * 256;
    const double error = std::sqrt((chain.dac_variance + tap * tap) / std::max(1u, samples));
    for (std::uint32_t lane = 0; lane < statics.lanes; ++lane)
        for (std::uint32_t row = 0; row < statics.n; ++row) {
            const std::size_t at = std::size_t{lane} * statics.n + row;
            const auto curve = converters::dac_curve(converters, {key.seed, core_index, lane, row});
            const double gain = (1 + curve.gain) * (1 + static_cast<double>(trims.dac_gain[at]));
            const double offset = curve.offset + static_cast<double>(trims.dac_offset[at]);
            const auto read = [&](double code, std::uint32_t which) {
                return gain * code + (curve.inl[static_cast<std::size_t>(code)] + offset) * lsb +
                       error * normal(key, lane, 2 * row + which);
            };
            const double low = read(kLowCode, 0), high = read(kHighCode, 1);
            const double slope = (high - low) / (kHighCode - kLowCode);
            correct({slope, (low - slope * kLowCode) / lsb}, trims.dac_gain[at], trims.dac_offset[at]);
        }
}

void trim_adcs(const AnalogChain& chain, const converters::Parameters& converters, std::uint32_t core_index,
               std::uint32_t samples, const CalibrationKey& key, Trims& trims)
{
    if (!chain.noisy || !chain.sources.adc_static) return;
    const StaticErrors& statics = *chain.statics;
    const std::size_t count = std::size_t{statics.lanes} * statics.n;
    prepare(trims.adc_gain, count);
    prepare(trims.adc_offset, count);
    const double codes = chain.adc_codes, level = codes / 4;  // half of the range, both signs
    const double noise = chain.adc_noise_ratio * codes;
    const double rounding = chain.sources.adc_quantisation ? 1.0 / 12 : 0;
    const double error = std::sqrt((noise * noise + rounding) / std::max(1u, samples));
    constexpr std::uint64_t kBehindDacs = 1u << 20;  // ordinals
    for (std::uint32_t lane = 0; lane < statics.lanes; ++lane)
        for (std::uint32_t column = 0; column < statics.n; ++column) {
            const std::size_t at = std::size_t{lane} * statics.n + column;
            const auto curve = converters::adc_curve(converters, {key.seed, core_index, lane, column});
            const double gain = (1 + curve.gain) * (1 + static_cast<double>(trims.adc_gain[at]));
            const double offset = curve.offset + static_cast<double>(trims.adc_offset[at]);
            const auto read = [&](double sample, std::uint32_t which) {
                const double answer = sample * gain + offset;
                const double knot =
                    std::clamp((answer + codes / 2) * converters::kKnots / codes, 0.0, converters::kKnots - 1.0);
                return answer + curve.inl[static_cast<std::size_t>(knot)] +
                       error * normal(key, kBehindDacs + lane, 2 * column + which);
            };
            const double low = read(-level, 0), high = read(level, 1);
            correct({(high - low) / (2 * level), (high + low) / 2}, trims.adc_gain[at], trims.adc_offset[at]);
        }
}

namespace {

/// Sums for the regression of answers y on expectations e.
struct Regression {
    double count = 0, e = 0, y = 0, ee = 0, ey = 0, yy = 0;
    void add(double expected, double answer)
    {
        count += 1, e += expected, y += answer;
        ee += expected * expected, ey += expected * answer, yy += answer * answer;
    }
    double spread() const { return ee - e * e / count; }
    double shared() const { return ey - e * y / count; }
    double slope() const { return shared() / spread(); }
    /// Standard error of the slope.
    double error() const
    {
        const double rest = (yy - y * y / count) - slope() * shared();
        return std::sqrt(std::max(0.0, rest) / std::max(1.0, count - 2) / spread());
    }
};

}  // namespace

std::vector<float> measure_gains(const AnalogChain& chain, const BankProbe& probe, bool columns,
                                 const CalibrationKey& key)
{
    const pcm_memory::EffectiveTile& tile = *probe.tile;
    std::vector<float> gains(tile.cols, 1.0F);
    if (!chain.noisy || probe.samples < 3) return gains;

    std::vector<std::uint8_t> x(std::size_t{probe.samples} * tile.rows);
    std::vector<std::uint32_t> words(tile.rows);
    for (std::uint32_t v = 0; v < probe.samples; ++v) {
        sample_words({key.seed, key.id(), v, 1}, NoiseSource::calibration, 0, tile.rows, words.data());
        for (std::uint32_t row = 0; row < tile.rows; ++row)
            x[std::size_t{v} * tile.rows + row] = static_cast<std::uint8_t>(words[row] >> 24);
    }
    std::vector<std::int32_t> expected(std::size_t{probe.samples} * tile.cols), answers(expected.size());
    std::vector<std::int32_t> widest(tile.cols, 1);
    for (std::uint32_t v = 0; v < probe.samples; ++v)
        for (std::uint32_t col = 0; col < tile.cols; ++col) {
            std::int32_t sum = 0;
            for (std::uint32_t row = 0; row < tile.rows; ++row)
                sum += x[std::size_t{v} * tile.rows + row] * probe.weights[std::size_t{col} * tile.rows + row];
            expected[std::size_t{v} * tile.cols + col] = sum;
            widest[col] = std::max(widest[col], std::abs(sum));
        }
    // The amplifier is set so that a cell pair may err by a quarter before a probe clips.
    std::vector<ColumnGain> ranges;
    for (const auto peak : widest)
        ranges.push_back(column_gain(chain, tile.rows, static_cast<std::uint32_t>(peak + peak / 4 + 1)));
    MvmJob job;
    job.chain = &chain;
    job.tile = &tile;
    job.gains = ranges.data();
    job.x = x.data();
    job.x_stride = tile.rows;
    job.vectors = probe.samples;
    job.warming = probe.warming;
    job.y = answers.data();
    job.weight_id = key.id();
    run_mvm(job);

    std::vector<Regression> each(tile.cols);
    double spread = 0, shared = 0;
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        for (std::uint32_t v = 0; v < probe.samples; ++v)
            each[col].add(expected[std::size_t{v} * tile.cols + col], answers[std::size_t{v} * tile.cols + col]);
        spread += each[col].spread();
        shared += each[col].shared();
    }
    if (!(spread > 0) || !(shared > 0)) return gains;
    const double bank = spread / shared;
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        const bool own = columns && each[col].spread() > 0 && each[col].shared() > 0 && each[col].error() < kKnown;
        gains[col] = static_cast<float>(std::clamp(own ? 1 / each[col].slope() : bank, kLeastGain, kLargestGain));
    }
    return gains;
}

}  // namespace lightcard::photonic_core
