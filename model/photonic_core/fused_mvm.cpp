// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/fused_mvm.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/random_kernels.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/photonic_core/chain_avx2.h"
#include "lightcard/model/photonic_core/symbol_terms.h"

namespace lightcard::photonic_core {

#if defined(__x86_64__)

namespace {

constexpr std::uint32_t kBlock = 16;  ///< vectors: a block's inputs and sums stay in the first-level cache

/// Uninitialised memory, on a cache line.
template <class T>
class Scratch {
public:
    explicit Scratch(std::size_t count)
        : memory_(count == 0 ? nullptr : new std::uint8_t[count * sizeof(T) + kLine]),
          data_(reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(memory_.get()) + kLine - 1) / kLine * kLine))
    {
    }
    T* data() { return data_; }
    const T* data() const { return data_; }
    T* row(std::uint32_t v, std::size_t stride) { return data_ + v * stride; }

private:
    static constexpr std::size_t kLine = 64;
    std::unique_ptr<std::uint8_t[]> memory_;
    T* data_;
};

std::size_t if_needed(bool needed, std::size_t count)
{
    return needed ? count : 0;
}

class FusedMvm {
public:
    FusedMvm(const MvmJob& job, const PreparedTile& tile)
        : job_(job),
          chain_(*job.chain),
          tile_(tile),
          rows_(job.tile->rows),
          cols_(job.tile->cols),
          row_stride_(tile.pairs * 2),
          sum_stride_(tile.groups * avx2::kGroup),
          packed_(!tile.weights.empty()),
          dithered_(chain_.noisy && chain_.dither_step > 0),
          reads_(chain_.noisy && !tile.squares.empty()),
          plane_words_(std::size_t{row_stride_} * sum_stride_),
          hi_(if_needed(packed_ && dithered_, plane_words_)),
          common_(if_needed(packed_ && chain_.noisy, plane_words_)),
          read_(if_needed(packed_ && reads_, plane_words_)),
          x_(std::size_t{kBlock} * row_stride_),
          dither_(if_needed(dithered_, std::size_t{kBlock} * row_stride_)),
          squares_(if_needed(reads_, std::size_t{kBlock} * row_stride_)),
          total_(std::size_t{kBlock} * sum_stride_),
          light_(if_needed(chain_.noisy, std::size_t{kBlock} * sum_stride_)),
          dither_sums_(if_needed(dithered_, std::size_t{kBlock} * sum_stride_)),
          read_sums_(if_needed(reads_, std::size_t{kBlock} * sum_stride_)),
          bytes_(if_needed(!packed_, std::size_t{kBlock} * job.tile->row_stride)),
          byte_sums_(if_needed(!packed_, std::size_t{kBlock} * cols_)),
          words_(std::max<std::size_t>(row_stride_, sum_stride_) + 64),
          normals_(std::size_t{sum_stride_} + 64),
          curve_(row_stride_),
          dark_(row_stride_),
          below_(row_stride_),
          above_(row_stride_),
          analog_(sum_stride_)
    {
        if (packed_ && dithered_) avx2::high_planes(tile.weights.data(), hi_.data(), plane_words_);
        if (packed_ && chain_.noisy) avx2::widen(tile.common.data(), common_.data(), plane_words_);
        if (packed_ && reads_) avx2::widen(tile.read.data(), read_.data(), plane_words_);
        // What lies beyond the rows in use is read, and dropped.
        std::memset(curve_.data(), 0, row_stride_);
        std::memset(dark_.data(), 0, row_stride_);
        std::memset(below_.data(), 0, row_stride_);
        std::memset(above_.data(), 0, row_stride_);
        std::memset(words_.data(), 0, (std::max<std::size_t>(row_stride_, sum_stride_) + 64) * 4);
        if (chain_.noisy) columns_ = columns();
    }

    void run(MvmStats& stats)
    {
        for (std::uint32_t first = 0; first < job_.vectors; first += kBlock) {
            const std::uint32_t count = std::min(kBlock, job_.vectors - first);
            for (std::uint32_t v = 0; v < count; ++v)
                inputs_[v] = avx2::widen_inputs(input(first + v), rows_, x_.row(v, row_stride_));
            if (chain_.noisy) {
                noisy_block(first, count, stats);
            } else {
                exact_block(first, count, stats);
            }
        }
    }

private:
    const std::uint8_t* input(std::uint32_t vector) const { return job_.x + vector * job_.x_stride; }
    std::int32_t* output(std::uint32_t vector) const { return job_.y + std::size_t{vector} * cols_; }

    avx2::DigitalGain gain() const { return {tile_.gain_high.data(), tile_.gain_low.data()}; }

    avx2::Columns columns() const
    {
        avx2::Columns columns{};
        const float half = static_cast<float>(chain_.adc_codes / 2);
        columns.cols = cols_;
        columns.receiver_variance = tile_.columns.receiver_variance;
        columns.shot = static_cast<float>(chain_.shot_per_common);
        columns.dither_step = static_cast<float>(chain_.dither_step);
        columns.lowest = -half;
        columns.highest = half - 1.0F;
        columns.adc_variance = tile_.columns.adc_variance.data();
        columns.imbalance = tile_.columns.imbalance.data();
        columns.inverse_lsb = tile_.columns.inverse_lsb.data();
        columns.crosstalk = chain_.statics->crosstalk.data();
        columns.floor_acc = tile_.columns.floor_acc.data();
        columns.floor_light = tile_.columns.floor_light.data();
        columns.gain = gain();
        return columns;
    }

    // Sums. Packed planes take s16 inputs; planes of bytes (other instruction sets) take codes of a byte and give sums
    // of one plane each, which are put together here.

    void multiply(const std::int16_t* plane, Scratch<std::int16_t>& x, std::uint32_t count, Scratch<std::int32_t>& sums)
    {
        avx2::multiply(plane, tile_.pairs, tile_.groups, x.data(), row_stride_, count, sums.data(), sum_stride_);
    }

    /// byte_sums_ = codes of `x` plus `shift` times the plane.
    void multiply_bytes(const PlaneKernel& plane, Scratch<std::int16_t>& x, std::int32_t shift, std::uint32_t count)
    {
        const std::uint32_t stride = job_.tile->row_stride;
        for (std::uint32_t v = 0; v < count; ++v) {
            std::uint8_t* row = bytes_.row(v, stride);
            for (std::uint32_t i = 0; i < rows_; ++i)
                row[i] = static_cast<std::uint8_t>(x.row(v, row_stride_)[i] + shift);
            std::fill(row + rows_, row + stride, std::uint8_t{0});
        }
        plane.multiply(bytes_.data(), count, byte_sums_.data());
    }

    /// sums[v][c] = finish(v, c, byte sum), zero beyond the columns in use.
    template <class Finish>
    void collect(std::uint32_t count, Scratch<std::int32_t>& sums, const Finish& finish)
    {
        for (std::uint32_t v = 0; v < count; ++v) {
            std::int32_t* out = sums.row(v, sum_stride_);
            for (std::uint32_t c = 0; c < cols_; ++c) out[c] = finish(v, c, byte_sums_.row(v, cols_)[c]);
            std::fill(out + cols_, out + sum_stride_, 0);
        }
    }

    void sum_weights(std::uint32_t count)
    {
        if (packed_) return multiply(tile_.weights.data(), x_, count, total_);
        multiply_bytes(tile_.hi, x_, 0, count);
        collect(count, total_, [](std::uint32_t, std::uint32_t, std::int32_t hi) { return 256 * hi; });
        if (tile_.lo_plane.empty()) return;
        tile_.lo.multiply(bytes_.data(), count, byte_sums_.data());
        collect(count, total_, [this](std::uint32_t v, std::uint32_t c, std::int32_t lo) {
            return total_.row(v, sum_stride_)[c] + lo;
        });
    }

    void sum_light(std::uint32_t count)
    {
        if (packed_) return multiply(common_.data(), x_, count, light_);
        multiply_bytes(tile_.common_kernel, x_, 0, count);
        collect(count, light_, [this](std::uint32_t v, std::uint32_t, std::int32_t sum) {
            return sum + 128 * static_cast<std::int32_t>(inputs_[v].sum);
        });
    }

    void sum_dither(std::uint32_t count)
    {
        if (packed_) return multiply(hi_.data(), dither_, count, dither_sums_);
        multiply_bytes(tile_.hi, dither_, 128, count);
        collect(count, dither_sums_, [this](std::uint32_t, std::uint32_t c, std::int32_t sum) {
            return sum - 128 * tile_.columns.hi_sum[c];
        });
    }

    void sum_read(std::uint32_t count)
    {
        std::array<std::int32_t, kBlock> totals{};
        for (std::uint32_t v = 0; v < count; ++v) {
            std::int16_t* out = squares_.row(v, row_stride_);
            const std::uint8_t* x = input_row(v);
            for (std::uint32_t i = 0; i < rows_; ++i) totals[v] += out[i] = tile_.squares[x[i]];
            std::fill(out + rows_, out + row_stride_, std::int16_t{0});
        }
        if (packed_) return multiply(read_.data(), squares_, count, read_sums_);
        multiply_bytes(tile_.read_kernel, squares_, 0, count);
        collect(count, read_sums_,
                [&](std::uint32_t v, std::uint32_t, std::int32_t sum) { return sum + 128 * totals[v]; });
    }

    void exact_block(std::uint32_t first, std::uint32_t count, MvmStats& stats)
    {
        sum_weights(count);
        const double half = chain_.adc_codes / 2;
        for (std::uint32_t v = 0; v < count; ++v) {
            const std::int32_t* total = total_.row(v, sum_stride_);
            if (!chain_.converters) {
                avx2::exact_row(total, cols_, output(first + v));
            } else {
                stats.clipped +=
                    avx2::quantised_row(total, cols_, tile_.lsb.data(), -half, half - 1.0, gain(), output(first + v));
            }
        }
    }

    void noisy_block(std::uint32_t first, std::uint32_t count, MvmStats& stats)
    {
        first_ = first;
        dither_sum_.fill(0);
        if (dithered_) {
            for (std::uint32_t v = 0; v < count; ++v) draw_dither(first + v, v);
            sum_dither(count);
        }
        sum_weights(count);
        sum_light(count);
        if (reads_) sum_read(count);
        draw_intensities(first, count);
        avx2::SampleSums sums;
        for (std::uint32_t v = 0; v < count; ++v) {
            const std::uint64_t x_sum = inputs_[v].sum;
            stats.sum_x += x_sum;
            stats.sum_x2 += inputs_[v].square;
            stats.sum_xsum2 += x_sum * x_sum;
            stats.clipped += noisy_vector(first + v, v, sums);
        }
        const auto total = [](const std::uint64_t(&sum)[4]) { return sum[0] + sum[1] + sum[2] + sum[3]; };
        stats.sum_common += total(sums.light);
        stats.sum_common2 += total(sums.light2);
        stats.sum_y2 += total(sums.y2);
        stats.sum_lit2 += total(sums.lit2);
        stats.sum_read += total(sums.read);
    }

    const std::uint8_t* input_row(std::uint32_t v) const { return input(first_ + v); }

    SampleKey key_of(std::uint32_t vector) const
    {
        return {chain_.seed, job_.weight_id, job_.first_sample + vector, job_.pass};
    }

    /// `count` words from `first_row` on, and a few more; the scratch is large enough.
    const std::uint32_t* draw_words(const SampleKey& key, NoiseSource source, std::uint32_t first_row,
                                    std::uint32_t count)
    {
        SampleCounter start = sample_counter(key, source);
        start.counter[2] = first_row / 4;
        random_.rows(random_kernels::round_keys(start.key), start.counter, (count + first_row % 4 + 3) / 4,
                     words_.data());
        return words_.data() + first_row % 4;
    }

    /// A neighbour lane's codes, readable up to a multiple of 16 rows; zeros where there is none.
    const std::uint8_t* neighbour(const std::uint8_t* codes, Scratch<std::uint8_t>& copy)
    {
        if (codes == nullptr) return dark_.data();
        if (rows_ == row_stride_) return codes;
        std::memcpy(copy.data(), codes, rows_);
        return copy.data();
    }

    void draw_dither(std::uint32_t vector, std::uint32_t v)
    {
        const StaticErrors& statics = *chain_.statics;
        if (!statics.dac.empty()) {
            const std::int8_t* curves = statics.dac.data() + std::size_t{lane_of(job_, vector)} * statics.n * 256;
            const std::uint8_t* x = input(vector);
            for (std::uint32_t row = 0; row < rows_; ++row)
                curve_.data()[row] = curves[std::size_t{row} * 256 + x[row]];
        }
        const auto beside = neighbours(job_, vector);
        avx2::DacErrors errors{};
        errors.curve = curve_.data();
        errors.below = neighbour(beside[0], below_);
        errors.above = neighbour(beside[1], above_);
        errors.lane_leak = static_cast<float>(statics.lane_crosstalk / chain_.dither_step);
        errors.scale = dither_scale(chain_);
        errors.words = draw_words(key_of(vector), NoiseSource::dac, 0, rows_);
        dither_sum_[v] = avx2::dac_errors(errors, rows_, dither_.row(v, row_stride_));
    }

    /// The laser's two draws of every vector of a block.
    void draw_intensities(std::uint32_t first, std::uint32_t count)
    {
        rin_.fill(0);
        rin_leak_.fill(0);
        if (chain_.rin_variance == 0) return;
        draw_intensity(NoiseSource::rin, first, count, rin_);
        draw_intensity(NoiseSource::rin_leak, first, count, rin_leak_);
    }

    void draw_intensity(NoiseSource source, std::uint32_t first, std::uint32_t count, std::array<float, kBlock>& errors)
    {
        std::uint32_t blocks[kBlock][4];
        SampleCounter start{};
        for (std::uint32_t v = 0; v < count; ++v) {
            start = sample_counter(key_of(first + v), source);
            start.counter[2] = job_.first_row / 4;
            std::copy_n(start.counter, 4, blocks[v]);
        }
        random_.blocks(random_kernels::round_keys(start.key), blocks, count);
        std::uint32_t words[kBlock] = {};
        for (std::uint32_t v = 0; v < count; ++v) words[v] = blocks[v][job_.first_row % 4];
        float draws[kBlock];
        random_.gaussian(words, draws, kBlock);
        for (std::uint32_t v = 0; v < count; ++v) errors[v] = intensity_error(chain_, draws[v]);
    }

    std::uint32_t noisy_vector(std::uint32_t vector, std::uint32_t v, avx2::SampleSums& sums)
    {
        const std::uint32_t* words = draw_words(key_of(vector), NoiseSource::sample, job_.first_row, cols_);
        random_.gaussian(words, normals_.data(), (cols_ + 15) / 16 * 16);

        const std::uint32_t x_sum = inputs_[v].sum;
        const Warming warming = warming_of(job_);
        const AddedInputs added = added_inputs(chain_, x_sum, dither_sum_[v]);
        const float rin = rin_[v];
        avx2::Row row{};
        row.total = total_.row(v, sum_stride_);
        row.light = light_.row(v, sum_stride_);
        if (dithered_) row.dither = dither_sums_.row(v, sum_stride_);
        if (reads_) row.read = read_sums_.row(v, sum_stride_);
        row.normal = normals_.data();
        row.light_shift = leaked_light(chain_, x_sum);
        row.x_sum = static_cast<float>(x_sum) + added.sum;
        row.change = rin + (1.0F + rin) * warming.change;
        row.intensity = (1.0F + row.change) * (1.0F + added.spill);
        row.tilt = warming.tilt;
        row.leak = rin_leak_[v];
        row.read_unit = reads_ ? static_cast<float>(ReadNoise::unit(chain_, *job_.tile)) : 0.0F;
        row.read_light = (1.0F + rin) * (1.0F + warming.change);
        row.y = output(vector);

        const StaticErrors& statics = *chain_.statics;
        const std::uint32_t lane = lane_of(job_, vector);
        const std::size_t at = std::size_t{lane} * statics.n;
        const avx2::Lane of_lane{statics.shortfall.data() + at, statics.shortfall2.data() + at,
                                 statics.adc_gain.data() + at, statics.adc_offset.data() + at};
        if (statics.adc_inl.empty()) return avx2::noisy_row(columns_, of_lane, row, sums);

        row.analog = analog_.data();
        avx2::noisy_row(columns_, of_lane, row, sums);
        SampleRow bent;
        bent.cols = cols_;
        bent.lane = lane;
        bent.analog = analog_.data();
        bent.y = row.y;
        return bent_samples(chain_, tile_.columns, bent);
    }

    const MvmJob& job_;
    const AnalogChain& chain_;
    const PreparedTile& tile_;
    const random_kernels::Kernels& random_ = random_kernels::kAvx2;
    const std::uint32_t rows_, cols_, row_stride_, sum_stride_;
    const bool packed_, dithered_, reads_;
    const std::size_t plane_words_;
    Scratch<std::int16_t> hi_, common_, read_;                       ///< planes as words
    Scratch<std::int16_t> x_, dither_, squares_;                     ///< [vector][row_stride_]
    Scratch<std::int32_t> total_, light_, dither_sums_, read_sums_;  ///< [vector][sum_stride_]
    Scratch<std::uint8_t> bytes_;                                    ///< [vector][the tile's row stride]
    Scratch<std::int32_t> byte_sums_;                                ///< [vector][cols]
    Scratch<std::uint32_t> words_;
    Scratch<float> normals_;
    Scratch<std::int8_t> curve_;
    Scratch<std::uint8_t> dark_, below_, above_;
    Scratch<float> analog_;
    avx2::Columns columns_{};
    std::uint32_t first_ = 0;
    std::array<avx2::InputSums, kBlock> inputs_{};
    std::array<std::int32_t, kBlock> dither_sum_{};
    std::array<float, kBlock> rin_{}, rin_leak_{};
};

}  // namespace

void run_fused(const MvmJob& job, const PreparedTile& tile, MvmStats& stats)
{
    FusedMvm(job, tile).run(stats);
}

#else

void run_fused(const MvmJob&, const PreparedTile&, MvmStats&) {}

#endif

}  // namespace lightcard::photonic_core
