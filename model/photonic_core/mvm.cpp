// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/mvm.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/common/simd.h"
#include "lightcard/model/photonic_core/device_mvm.h"
#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/model/photonic_core/sample_chain.h"

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
          normals(tile.cols),
          analog(tile.cols)
    {
    }
    std::vector<std::uint8_t> x;       ///< [vector][row_stride], zeros beyond the tile's rows
    std::vector<std::uint8_t> dither;  ///< [vector][row_stride] error of each DAC sample in dither steps, plus 128
    std::vector<std::int32_t> hi, lo, light, dithered;
    std::vector<std::uint32_t> words;
    std::vector<float> normals, analog;
};

void pack_inputs(const MvmJob& job, std::uint32_t first, std::uint32_t count, Block& block)
{
    const pcm_memory::EffectiveTile& tile = *job.tile;
    for (std::uint32_t v = 0; v < count; ++v) {
        const std::uint8_t* source = job.x + (first + v) * job.x_stride;
        std::copy(source, source + tile.rows, block.x.begin() + static_cast<std::ptrdiff_t>(v) * tile.row_stride);
    }
}

/// u8 codes as s8, less 128: what the integer kernel can multiply.
std::vector<std::int8_t> signed_common(const pcm_memory::EffectiveTile& tile)
{
    std::vector<std::int8_t> plane(tile.common.size());
    std::transform(tile.common.begin(), tile.common.end(), plane.begin(),
                   [](std::uint8_t code) { return static_cast<std::int8_t>(code - 128); });
    return plane;
}

/// Adds the input sums to the statistics and returns sum(x).
LIGHTCARD_CLONES std::uint32_t count_inputs(const std::uint8_t* x, std::uint32_t rows, MvmStats& stats)
{
    std::uint32_t sum = 0, square = 0;
    for (std::uint32_t i = 0; i < rows; ++i) {
        sum += x[i];
        square += static_cast<std::uint32_t>(x[i]) * x[i];
    }
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

/// Errors of DAC samples in dither steps, plus 128. A draw is the sum of the four bytes of its word: mean 510, variance
/// 21845, kurtosis 2.7; what reaches a column is a sum over rows, for which that is normal enough (equivalence_test).
LIGHTCARD_CLONES void dither_codes(const std::uint32_t* words, float steps_per_sigma, std::uint32_t rows,
                                   std::uint8_t* codes)
{
    constexpr float kMagic = 0x1.8p23F;
    const float scale = steps_per_sigma * (1.0F / 147.80054F);
    for (std::uint32_t i = 0; i < rows; ++i) {
        const std::uint32_t pairs = (words[i] & 0x00FF00FF) + ((words[i] >> 8) & 0x00FF00FF);
        const auto sum = static_cast<std::int32_t>((pairs & 0xFFFF) + (pairs >> 16));
        const float steps = (static_cast<float>(sum - 510) * scale + kMagic) - kMagic;
        const float above = steps > -128.0F ? steps : -128.0F;
        codes[i] = static_cast<std::uint8_t>(static_cast<std::int32_t>(above < 127.0F ? above : 127.0F) + 128);
    }
}

/// Turns sum(x (common - 128)) into light.
void finish_light(std::int32_t* light, std::uint32_t x_sum, const std::vector<std::int32_t>& floor_light)
{
    const auto shift = static_cast<std::int32_t>(128 * x_sum);
    for (std::size_t c = 0; c < floor_light.size(); ++c) light[c] += shift + floor_light[c];
}

/// The noise of one job: constants, and which draws it needs at all.
class NoiseChain {
public:
    explicit NoiseChain(const MvmJob& job)
        : job_(job),
          tile_(*job.tile),
          columns_(column_constants(job)),
          common_(signed_common(*job.tile)),
          kernel_(common_.data(), common_.empty() ? 0 : tile_.cols, tile_.row_stride)
    {
    }

    void run_block(std::uint32_t first, std::uint32_t count, const PlaneKernel& hi, Block& block, MvmStats& stats) const
    {
        if (job_.chain->dither_step > 0) {
            for (std::uint32_t v = 0; v < count; ++v) dither_inputs(key_of(first + v), v, block);
            hi.multiply(block.dither.data(), count, block.dithered.data());
        }
        if (!common_.empty()) kernel_.multiply(block.x.data(), count, block.light.data());
        for (std::uint32_t v = 0; v < count; ++v) run_vector(first + v, v, block, stats);
    }

private:
    SampleKey key_of(std::uint32_t vector) const
    {
        return {job_.chain->seed, job_.weight_id, job_.first_sample + vector, job_.pass};
    }

    /// One draw a DAC sample: every column of the tile sees the same light.
    void dither_inputs(const SampleKey& key, std::uint32_t v, Block& block) const
    {
        const double sigma = std::sqrt(job_.chain->dac_variance) / job_.chain->dither_step;
        sample_words(key, NoiseSource::dac, 0, tile_.rows, block.words.data());
        dither_codes(block.words.data(), static_cast<float>(sigma), tile_.rows,
                     block.dither.data() + std::size_t{v} * tile_.row_stride);
    }

    void run_vector(std::uint32_t vector, std::uint32_t v, Block& block, MvmStats& stats) const
    {
        const std::size_t at = std::size_t{v} * tile_.cols;
        const std::uint32_t x_sum = count_inputs(block.x.data() + std::size_t{v} * tile_.row_stride, tile_.rows, stats);
        if (common_.empty()) {
            std::copy(columns_.floor_light.begin(), columns_.floor_light.end(), block.light.data() + at);
        } else {
            finish_light(block.light.data() + at, x_sum, columns_.floor_light);
        }
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
        row.rin = intensity_error(key, NoiseSource::rin);
        row.rin_leak = intensity_error(key, NoiseSource::rin_leak);
        row.analog = block.analog.data();
        row.y = job_.y + std::size_t{vector} * tile_.cols;
        count_samples(row, columns_.floor_acc.data(), stats);
        stats.clipped += noisy_samples(*job_.chain, columns_, row);
    }

    /// Laser RIN: one draw a symbol, common to every column of the tile. Light is not negative.
    float intensity_error(const SampleKey& key, NoiseSource source) const
    {
        if (job_.chain->rin_variance == 0) return 0;
        std::uint32_t word;
        sample_words(key, source, job_.first_row, 1, &word);
        return std::max(-1.0F, static_cast<float>(std::sqrt(job_.chain->rin_variance)) * gaussian(word));
    }

    const MvmJob& job_;
    const pcm_memory::EffectiveTile& tile_;
    ColumnConstants columns_;
    std::vector<std::int8_t> common_;
    PlaneKernel kernel_;
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
    const ColumnConstants columns = column_constants(job);
    const std::uint32_t cols = job.tile->cols;
    for_each_block(job, [&](std::uint32_t first, std::uint32_t count, const PlaneKernel&, Block& block) {
        for (std::uint32_t v = 0; v < count; ++v) {
            SampleRow row;
            row.cols = cols;
            row.hi = block.hi.data() + std::size_t{v} * cols;
            row.lo = block.lo.data() + std::size_t{v} * cols;
            row.y = job.y + std::size_t{first + v} * cols;
            stats.clipped += quantised_samples(*job.chain, columns, row);
        }
    });
}

void run_noisy(const MvmJob& job, MvmStats& stats)
{
    const NoiseChain noise(job);
    for_each_block(job, [&](std::uint32_t first, std::uint32_t count, const PlaneKernel& hi, Block& block) {
        noise.run_block(first, count, hi, block, stats);
    });
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

MvmStats run_mvm(const MvmJob& job)
{
    MvmStats stats;
    stats.samples = std::uint64_t{job.vectors} * job.tile->cols;
    if (job.chain->noisy) {
        run_noisy(job, stats);
        // The sums that attribution needs are those of stat; the samples are not.
        if (job.chain->device) stats.clipped = run_device(job);
    } else if (job.chain->converters) {
        run_quantised(job, stats);
    } else {
        run_exact(job);
    }
    if (job.chain->converters) stats.sum_lsb2 = sum_of_lsb2(job);
    return stats;
}

}  // namespace lightcard::photonic_core
