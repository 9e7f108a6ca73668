// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/mvm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/common/simd.h"
#include "lightcard/model/photonic_core/device_mvm.h"
#include "lightcard/model/photonic_core/fused_mvm.h"
#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/model/photonic_core/read_noise.h"
#include "lightcard/model/photonic_core/ring.h"
#include "lightcard/model/photonic_core/sample_chain.h"
#include "lightcard/model/photonic_core/symbol_terms.h"

namespace lightcard::photonic_core {
namespace {

constexpr std::uint32_t kBlockVectors = 16;  ///< keeps a block's inputs and sums in the first-level cache

/// Buffers of one block of vectors; sums are [vector][col].
struct Block {
    explicit Block(const pcm_memory::EffectiveTile& tile)
        : x(std::size_t{kBlockVectors} * tile.row_stride, 0),
          dither(x.size(), 128),
          hi(std::size_t{kBlockVectors} * tile.cols, 0),
          lo(hi.size(), 0),
          light(hi.size(), 0),
          dithered(hi.size(), 0),
          words(std::max(tile.cols, tile.rows)),
          curve(tile.rows, 0),
          dark(tile.rows, 0),
          normals(tile.cols),

          analog(tile.cols)
    {
    }
    std::vector<std::uint8_t> x;       ///< [vector][row_stride], zeros beyond the tile's rows
    std::vector<std::uint8_t> dither;  ///< [vector][row_stride] error of each DAC sample in dither steps, plus 128
    std::vector<std::int32_t> hi, lo, light, dithered;
    std::vector<std::uint32_t> words;
    std::array<std::int32_t, kBlockVectors> dither_sum{};
    std::vector<std::int8_t> curve;  ///< [row] of the vector in work
    std::vector<std::uint8_t> dark;  ///< [row] a neighbour lane that is not there
    std::vector<float> normals, analog;
    std::vector<float> read;  ///< [vector][col] variance of reading the cells
};

void pack_inputs(const MvmJob& job, std::uint32_t first, std::uint32_t count, Block& block)
{
    const pcm_memory::EffectiveTile& tile = *job.tile;
    for (std::uint32_t v = 0; v < count; ++v) {
        const std::uint8_t* source = job.x + (first + v) * job.x_stride;
        std::copy(source, source + tile.rows, block.x.begin() + static_cast<std::ptrdiff_t>(v) * tile.row_stride);
    }
}

/// Adds the input sums to the statistics and returns sum(x).
LIGHTCARD_CLONES std::uint32_t count_inputs(const std::uint8_t* x, std::uint32_t rows, MvmStats& stats)
{
    std::uint32_t sum = 0, square = 0;
    for (std::uint32_t i = 0; i < rows; ++i) {
        sum += x[i];
        square += static_cast<std::uint32_t>(x[i]) * x[i];
    }
    stats.sum_x += sum;
    stats.sum_x2 += square;
    stats.sum_xsum2 += static_cast<std::uint64_t>(sum) * sum;
    return sum;
}

LIGHTCARD_CLONES void count_samples(const SampleRow& row, const std::int32_t* floor_acc, MvmStats& stats)
{
    std::uint64_t light_sum = 0, light_square = 0, y_square = 0, lit_square = 0;
    for (std::uint32_t c = 0; c < row.cols; ++c) {
        const std::int64_t light = row.light[c];
        const std::int64_t y = row.hi[c] + ((row.lo[c] + 128) >> 8);
        light_sum += static_cast<std::uint64_t>(light);
        light_square += static_cast<std::uint64_t>(light * light);
        y_square += static_cast<std::uint64_t>(y * y);
        lit_square += static_cast<std::uint64_t>((y + floor_acc[c]) * (y + floor_acc[c]));
    }
    stats.sum_common += light_sum;
    stats.sum_common2 += light_square;
    stats.sum_y2 += y_square;
    stats.sum_lit2 += lit_square;
}

/// What adds to the input codes of one vector, in dither steps, [row].
struct DacErrors {
    const std::int8_t* curve;           ///< of the DACs at these codes
    const std::uint8_t *below, *above;  ///< codes of the neighbour lanes in this symbol
    float lane_leak;                    ///< of a neighbour's code
    float scale;                        ///< dither_scale()
};

/// codes = errors in dither steps, plus 128; returns the sum of the errors. A draw is the sum of the four bytes of its
/// word: mean 510, variance 21845, kurtosis 2.7; what reaches a column is a sum over rows, for which that is normal
/// enough (equivalence_test).
LIGHTCARD_CLONES std::int32_t dither_codes(const std::uint32_t* words, const DacErrors& errors, std::uint32_t rows,
                                           std::uint8_t* codes)
{
    constexpr float kMagic = 0x1.8p23F;
    const float scale = errors.scale;
    // Copies: what is written are bytes, which could alias anything.
    const std::int8_t* __restrict curve = errors.curve;
    const std::uint8_t* __restrict below = errors.below, * __restrict above = errors.above;
    const float leak = errors.lane_leak;
    std::uint8_t* __restrict out = codes;
    std::int32_t total = 0;
    for (std::uint32_t i = 0; i < rows; ++i) {
        const std::uint32_t pairs = (words[i] & 0x00FF00FF) + ((words[i] >> 8) & 0x00FF00FF);
        const auto sum = static_cast<std::int32_t>((pairs & 0xFFFF) + (pairs >> 16));
        const std::int32_t lanes = below[i] + above[i];
        const float fixed = std::fma(leak, static_cast<float>(lanes), static_cast<float>(curve[i]));
        const float steps = (std::fma(static_cast<float>(sum - 510), scale, fixed) + kMagic) - kMagic;
        const float least = steps > -128.0F ? steps : -128.0F;
        const auto step = static_cast<std::int32_t>(least < 127.0F ? least : 127.0F);
        total += step;
        out[i] = static_cast<std::uint8_t>(step + 128);
    }
    return total;
}

/// Turns sum(x (common - 128)) into light.
void finish_light(std::int32_t* light, std::int32_t shift, const std::vector<std::int32_t>& floor_light)
{
    for (std::size_t c = 0; c < floor_light.size(); ++c) light[c] += shift + floor_light[c];
}

/// The noise of one job: constants, and which draws it needs at all.
class NoiseChain {
public:
    explicit NoiseChain(const MvmJob& job)
        : job_(job),
          tile_(*job.tile),
          heated_(heating_of(job)),
          columns_(column_constants(*job.chain, *job.tile, job.gains)),
          common_(signed_codes(job.tile->common)),
          kernel_(common_.data(), common_.empty() ? 0 : tile_.cols, tile_.row_stride),
          read_(job)
    {
        scale_floor(columns_.floor_light, heated_.floor);
    }

    void run_block(std::uint32_t first, std::uint32_t count, const PlaneKernel& hi, Block& block, MvmStats& stats) const
    {
        if (job_.chain->dither_step > 0) {
            for (std::uint32_t v = 0; v < count; ++v) dither_inputs(first + v, v, block);
            hi.multiply(block.dither.data(), count, block.dithered.data());
        }
        if (!common_.empty()) kernel_.multiply(block.x.data(), count, block.light.data());
        if (read_.on()) read_.variances(block.x.data(), count, block.read, stats.sum_read);
        for (std::uint32_t v = 0; v < count; ++v) run_vector(first + v, v, block, stats);
    }

private:
    SampleKey key_of(std::uint32_t vector) const
    {
        return {job_.chain->seed, job_.weight_id, job_.first_sample + vector, job_.pass};
    }

    /// One draw a DAC sample: every column of the tile sees the same light.
    void dither_inputs(std::uint32_t vector, std::uint32_t v, Block& block) const
    {
        const StaticErrors& statics = *job_.chain->statics;
        if (!statics.dac.empty()) {
            const std::int8_t* curves = statics.dac.data() + std::size_t{lane_of(job_, vector)} * statics.n * 256;
            const std::uint8_t* x = job_.x + vector * job_.x_stride;
            for (std::uint32_t row = 0; row < tile_.rows; ++row)
                block.curve[row] = curves[std::size_t{row} * 256 + x[row]];
        }
        const auto beside = neighbours(job_, vector);
        const double step = job_.chain->dither_step;
        const DacErrors errors{block.curve.data(), beside[0] != nullptr ? beside[0] : block.dark.data(),
                               beside[1] != nullptr ? beside[1] : block.dark.data(),
                               static_cast<float>(statics.lane_crosstalk / step), dither_scale(*job_.chain)};
        sample_words(key_of(vector), NoiseSource::dac, 0, tile_.rows, block.words.data());
        block.dither_sum[v] = dither_codes(block.words.data(), errors, tile_.rows,
                                           block.dither.data() + std::size_t{v} * tile_.row_stride);
    }

    void run_vector(std::uint32_t vector, std::uint32_t v, Block& block, MvmStats& stats) const
    {
        const std::size_t at = std::size_t{v} * tile_.cols;
        const std::uint32_t x_sum = count_inputs(block.x.data() + std::size_t{v} * tile_.row_stride, tile_.rows, stats);
        if (common_.empty()) {
            std::fill_n(block.light.begin() + static_cast<std::ptrdiff_t>(at), tile_.cols, 0);
        }
        finish_light(
            block.light.data() + at,
            leaked_light(*job_.chain, x_sum, static_cast<double>(heated_.floor)) + (common_.empty() ? 0 : 128 * x_sum),
            columns_.floor_light);
        const SampleKey key = key_of(vector);
        sample_words(key, NoiseSource::sample, job_.first_row, tile_.cols, block.words.data());
        gaussian(block.words.data(), block.normals.data(), tile_.cols);
        SampleRow row;
        row.cols = tile_.cols;
        row.hi = block.hi.data() + at;
        row.lo = block.lo.data() + at;
        row.light = block.light.data() + at;
        row.dither = block.dithered.data() + at;
        row.normal = block.normals.data();
        row.rin = intensity_draw(key, NoiseSource::rin);
        row.warming = heated_.change;
        row.tilt = heated_.tilt;
        row.floor = heated_.floor;
        row.rin_leak = intensity_draw(key, NoiseSource::rin_leak);
        row.lane = lane_of(job_, vector);
        const AddedInputs added = added_inputs(*job_.chain, x_sum, block.dither_sum[v], heated_.floor);
        row.pedestal = pedestal_of(*job_.chain, x_sum);
        row.x_sum = static_cast<float>(x_sum) + added.sum;
        row.spill = added.spill;
        if (read_.on()) row.read = block.read.data() + at;
        row.analog = block.analog.data();
        row.y = job_.y + std::size_t{vector} * tile_.cols;
        count_samples(row, columns_.floor_acc.data(), stats);
        const Clipped clipped = noisy_samples(*job_.chain, columns_, row);
        stats.clipped += clipped.samples;
        stats.sum_clip2 += clipped.error2;
    }

    /// Laser RIN: one draw a symbol, common to every column of the tile.
    float intensity_draw(const SampleKey& key, NoiseSource source) const
    {
        if (job_.chain->rin_variance == 0) return 0;
        std::uint32_t word;
        sample_words(key, source, job_.first_row, 1, &word);
        return intensity_error(intensity_sigma(*job_.chain), gaussian(word));
    }

    const MvmJob& job_;
    const pcm_memory::EffectiveTile& tile_;
    const Heating heated_;
    ColumnConstants columns_;
    std::vector<std::int8_t> common_;
    PlaneKernel kernel_;
    ReadNoise read_;
};

template <typename Finish>
void for_each_block(const MvmJob& job, const Finish& finish)
{
    const pcm_memory::EffectiveTile& tile = *job.tile;
    const PlaneKernel hi(tile.hi.data(), tile.cols, tile.row_stride);
    const PlaneKernel lo(tile.lo.data(), tile.lo_is_zero ? 0 : tile.cols, tile.row_stride);
    Block block(tile);
    for (std::uint32_t first = 0; first < job.vectors; first += kBlockVectors) {
        const std::uint32_t count = std::min(kBlockVectors, job.vectors - first);
        pack_inputs(job, first, count, block);
        hi.multiply(block.x.data(), count, block.hi.data());
        if (!tile.lo_is_zero) lo.multiply(block.x.data(), count, block.lo.data());
        finish(first, count, hi, block);
    }
}

/// Exact sums; a tile with a lo plane (not made by fidelity ideal) is rounded to the nearest acc unit, halves up.
void run_exact(const MvmJob& job)
{
    const bool whole = job.tile->lo_is_zero;
    for_each_block(job, [&](std::uint32_t first, std::uint32_t count, const PlaneKernel&, Block& block) {
        std::int32_t* y = job.y + std::size_t{first} * job.tile->cols;
        const std::size_t samples = std::size_t{count} * job.tile->cols;
        for (std::size_t i = 0; i < samples; ++i) y[i] = block.hi[i] + (whole ? 0 : (block.lo[i] + 128) >> 8);
    });
}

void run_quantised(const MvmJob& job, MvmStats& stats)
{
    const ColumnConstants columns = column_constants(*job.chain, *job.tile, job.gains);
    const std::uint32_t cols = job.tile->cols;
    for_each_block(job, [&](std::uint32_t first, std::uint32_t count, const PlaneKernel&, Block& block) {
        for (std::uint32_t v = 0; v < count; ++v) {
            SampleRow row;
            row.cols = cols;
            row.hi = block.hi.data() + std::size_t{v} * cols;
            row.lo = block.lo.data() + std::size_t{v} * cols;
            row.y = job.y + std::size_t{first + v} * cols;
            if (job.chain->pedestal > 0) {
                const std::uint8_t* x = job.x + (first + v) * job.x_stride;
                row.pedestal = pedestal_of(*job.chain, std::accumulate(x, x + job.tile->rows, 0u));
            }
            stats.clipped += quantised_samples(*job.chain, columns, row);
        }
    });
}

/// Exact sums of what falls short on the paths of the samples.
void count_paths(const MvmJob& job, MvmStats& stats)
{
    const StaticErrors& statics = *job.chain->statics;
    for (std::uint32_t i = 0; i < std::min(statics.lanes, job.vectors); ++i) {
        const std::uint64_t vectors = (job.vectors - i + statics.lanes - 1) / statics.lanes;
        const std::size_t at = std::size_t{lane_of(job, i)} * statics.n;
        for (std::uint32_t c = 0; c < job.tile->cols; ++c) {
            stats.sum_shortfall += vectors * static_cast<std::uint64_t>(statics.shortfall[at + c] * 65536.0F);
            stats.sum_shortfall2 += vectors * static_cast<std::uint64_t>(statics.shortfall2[at + c] * 65536.0F);
        }
    }
}

void run_noisy(const MvmJob& job, MvmStats& stats)
{
    const NoiseChain noise(job);
    for_each_block(job, [&](std::uint32_t first, std::uint32_t count, const PlaneKernel& hi, Block& block) {
        noise.run_block(first, count, hi, block, stats);
    });
}

/// What no sample has to be looked at for.
void count_job(const MvmJob& job, MvmStats& stats)
{
    count_paths(job, stats);
    std::uint64_t norm2 = 0;
    for (std::uint64_t column : job.tile->column_norm2) norm2 += column;
    stats.sum_norm2 = static_cast<unsigned __int128>(norm2) * job.vectors;
}

unsigned __int128 sum_of_lsb2(const MvmJob& job)
{
    unsigned __int128 sum = 0;
    for (std::uint32_t c = 0; c < job.tile->cols; ++c) {
        const auto gain = static_cast<std::uint64_t>(job.gains[c].digital_gain);
        sum += static_cast<unsigned __int128>(gain) * gain;
    }
    return sum * job.vectors;
}

}  // namespace

double relative_warming(const AnalogChain& chain, double warming)
{
    constexpr double kDarkest = -0.9;  // no cell is opaque for being cold
    return std::max(kDarkest, warming * chain.temperature_coefficient);
}

HeatedLight heated_light(const AnalogChain& chain, double warming, double detuning)
{
    const double cells = relative_warming(chain, warming);
    const double tilt = cells * chain.temperature_imbalance / 2;
    if (chain.ring_shift == 0 || detuning == 0 || !(chain.modulator_floor > 0)) return {cells, 0, tilt};
    const RingLight ring = ring_light(chain.modulator_floor, chain.ring_shift * detuning);
    return {(1 + cells) * ring.slope - 1, ring.floor / (ring.slope * chain.modulator_floor) - 1, tilt * ring.slope};
}

std::uint32_t lane_of(const MvmJob& job, std::uint32_t vector)
{
    return (job.first_lane + vector) % job.chain->statics->lanes;
}

std::array<const std::uint8_t*, 2> neighbours(const MvmJob& job, std::uint32_t vector)
{
    const std::uint32_t lane = lane_of(job, vector);
    const std::uint8_t* x = job.x + vector * job.x_stride;
    const bool below = lane > 0 && vector + job.before > 0;
    const bool above = lane + 1 < job.chain->statics->lanes && vector + 1 < job.vectors + job.after;
    return {below ? x - job.x_stride : nullptr, above ? x + job.x_stride : nullptr};
}

namespace {

void run_portable(const MvmJob& job, MvmStats& stats)
{
    if (job.chain->noisy) {
        run_noisy(job, stats);
    } else if (job.chain->converters) {
        run_quantised(job, stats);
    } else {
        run_exact(job);
    }
}

}  // namespace

std::shared_ptr<const PreparedTile> prepare_tile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile,
                                                 const ColumnGain* gains)
{
    if (chain.isa == KernelIsa::portable || !PreparedTile::takes(chain, tile, gains)) return nullptr;
    return std::make_shared<const PreparedTile>(chain, tile, gains, chain.isa);
}

namespace {

/// One cell a weight: what the ADC gave is the sum of all codes, from 0 up; the chip takes off what stands for weight
/// 0.
void take_off_pedestal(const MvmJob& job)
{
    const AnalogChain& chain = *job.chain;
    const auto half = static_cast<std::int64_t>(chain.adc_codes / 2);
    const bool digitised = !chain.noisy || chain.sources.adc_quantisation;
    const auto pedestal = static_cast<std::int64_t>(chain.pedestal * 65536 + 0.5);
    for (std::uint32_t v = 0; v < job.vectors; ++v) {
        const std::uint8_t* x = job.x + v * job.x_stride;
        const std::int64_t x_sum = std::accumulate(x, x + job.tile->rows, std::int64_t{0});
        std::int32_t* y = job.y + std::size_t{v} * job.tile->cols;
        for (std::uint32_t c = 0; c < job.tile->cols; ++c) {
            const std::int64_t middle = digitised ? half * job.gains[c].digital_gain : 0;
            y[c] += static_cast<std::int32_t>((middle - pedestal * x_sum + 32768) >> 16);
        }
    }
}

}  // namespace

MvmStats run_mvm(const MvmJob& job)
{
    MvmStats stats;
    stats.samples = std::uint64_t{job.vectors} * job.tile->cols;
    auto prepared = job.tile->prepared;
    if (!prepared || !prepared->is_for(job.gains)) prepared = prepare_tile(*job.chain, *job.tile, job.gains);
    // Modulators off their operating point are the portable path's.
    if (prepared && heated_light(*job.chain, job.warming, job.detuning).floor == 0) {
        run_fused(job, *prepared, stats);
    } else if (job.tile->packed) {
        const pcm_memory::EffectiveTile tile = pcm_memory::unpacked(*job.tile);
        MvmJob in_columns = job;
        in_columns.tile = &tile;
        run_portable(in_columns, stats);
    } else {
        run_portable(job, stats);
    }
    if (job.chain->noisy) {
        count_job(job, stats);
        // The sums that attribution needs are those of stat; the samples are not.
        if (job.chain->device) stats.clipped = run_device(job);
    }
    if (job.chain->converters) stats.sum_lsb2 = sum_of_lsb2(job);
    if (job.chain->converters && job.chain->pedestal > 0) take_off_pedestal(job);
    return stats;
}

}  // namespace lightcard::photonic_core
