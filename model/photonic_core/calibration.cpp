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

double adc_reading_error(const AnalogChain& chain, std::uint32_t samples)
{
    if (!chain.noisy) return 0;
    const double noise = chain.adc_noise_ratio * chain.adc_codes;
    const double rounding = chain.sources.adc_quantisation ? 1.0 / 12 : 0;
    return std::sqrt((noise * noise + rounding) / std::max(1u, samples));
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
    const double error = adc_reading_error(chain, samples);
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

/// Vectors of a probe, and what they are expected to give.
struct Vectors {
    std::vector<std::uint8_t> x;         ///< [samples][rows]
    std::vector<std::int32_t> expected;  ///< [samples][cols]
    std::vector<std::int32_t> widest;    ///< [cols] largest of them, at least 1
    std::uint32_t brightest = 0;         ///< largest sum of codes
};

/// `code`: of a random word.
template <class Code>
Vectors draw_vectors(const BankProbe& probe, const CalibrationKey& key, std::uint32_t draw, const Code& code)
{
    const pcm_memory::EffectiveTile& tile = *probe.tile;
    Vectors vectors;
    vectors.x.resize(std::size_t{probe.samples} * tile.rows);
    vectors.expected.resize(std::size_t{probe.samples} * tile.cols);
    vectors.widest.assign(tile.cols, 1);
    std::vector<std::uint32_t> words(tile.rows);
    for (std::uint32_t v = 0; v < probe.samples; ++v) {
        std::uint8_t* x = vectors.x.data() + std::size_t{v} * tile.rows;
        sample_words({key.seed, key.id(), v, draw}, NoiseSource::calibration, 0, tile.rows, words.data());
        std::uint32_t bright = 0;
        for (std::uint32_t row = 0; row < tile.rows; ++row) bright += x[row] = code(words[row]);
        vectors.brightest = std::max(vectors.brightest, bright);
        for (std::uint32_t col = 0; col < tile.cols; ++col) {
            std::int32_t sum = 0;
            for (std::uint32_t row = 0; row < tile.rows; ++row)
                sum += x[row] * probe.weights[std::size_t{col} * tile.rows + row];
            vectors.expected[std::size_t{v} * tile.cols + col] = sum;
            vectors.widest[col] = std::max(vectors.widest[col], std::abs(sum));
        }
    }
    return vectors;
}

/// What the bank answers in those ranges. `pass`: probes of one calibration with the same vectors differ in it.
std::vector<std::int32_t> answers_of(const AnalogChain& chain, const BankProbe& probe, const Vectors& vectors,
                                     const std::vector<ColumnGain>& ranges, const CalibrationKey& key,
                                     std::uint32_t pass)
{
    std::vector<std::int32_t> answers(std::size_t{probe.samples} * probe.tile->cols);
    MvmJob job;
    job.chain = &chain;
    job.tile = probe.tile;
    job.gains = ranges.data();
    job.x = vectors.x.data();
    job.x_stride = probe.tile->rows;
    job.vectors = probe.samples;
    job.warming = probe.warming;
    job.detuning = probe.detuning;
    job.y = answers.data();
    job.weight_id = key.id();
    job.pass = pass;
    run_mvm(job);
    return answers;
}

}  // namespace

std::vector<std::uint32_t> measure_ranges(const AnalogChain& chain, const BankProbe& probe, double sigmas,
                                          RangeInputs inputs, const CalibrationKey& key)
{
    const pcm_memory::EffectiveTile& tile = *probe.tile;
    const auto code = [&](std::uint32_t word) {
        constexpr double kSigmas = 2.5;
        const auto normal = static_cast<double>(gaussian(word)) / kSigmas;
        const double value = inputs == RangeInputs::offset ? 128 + 127 * std::clamp(normal, -1.0, 1.0)
                                                           : 255 * std::clamp(normal, 0.0, 1.0);
        return static_cast<std::uint8_t>(value + 0.5);
    };
    std::vector<std::uint32_t> ranges(tile.cols, 0);  // whatever the rows can give
    for (std::uint32_t round = 0; round < kRangeRounds; ++round) {
        const Vectors vectors = draw_vectors(probe, key, 2 + round, code);
        std::vector<ColumnGain> gains;
        for (const auto range : ranges) gains.push_back(column_gain(chain, tile.rows, range));
        const auto answers = answers_of(chain, probe, vectors, gains, key, 2 + round);
        for (std::uint32_t col = 0; col < tile.cols; ++col) {
            double square = 0;
            for (std::uint32_t v = 0; v < probe.samples; ++v)
                square += std::pow(static_cast<double>(answers[std::size_t{v} * tile.cols + col]), 2);
            const double product = sigmas * std::sqrt(square / std::max(1u, probe.samples));
            const double range = std::ceil(requested_range(chain.pedestal, product, vectors.brightest));
            ranges[col] = static_cast<std::uint32_t>(std::clamp(range, 1.0, 4294967295.0));
        }
    }
    return ranges;
}

std::vector<float> measure_gains(const AnalogChain& chain, const BankProbe& probe, bool columns,
                                 const CalibrationKey& key)
{
    const pcm_memory::EffectiveTile& tile = *probe.tile;
    std::vector<float> gains(tile.cols, 1.0F);
    if (!chain.noisy || probe.samples < 3) return gains;

    const Vectors vectors =
        draw_vectors(probe, key, 1, [](std::uint32_t word) { return static_cast<std::uint8_t>(word >> 24); });
    const std::vector<std::int32_t>& expected = vectors.expected;
    // The amplifier is set so that a cell pair may err by a quarter before a probe clips.
    std::vector<ColumnGain> ranges;
    for (const auto peak : vectors.widest)
        ranges.push_back(column_gain(
            chain, tile.rows,
            static_cast<std::uint32_t>(requested_range(chain.pedestal, peak + peak / 4 + 1, vectors.brightest))));
    const auto answers = answers_of(chain, probe, vectors, ranges, key, 0);

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
