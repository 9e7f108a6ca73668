// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/fused_mvm.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/random_kernels.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/photonic_core/chain_kernels.h"
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
    const T* row(std::uint32_t v, std::size_t stride) const { return data_ + v * stride; }

private:
    static constexpr std::size_t kLine = 64;
    std::unique_ptr<std::uint8_t[]> memory_;
    T* data_;
};

std::size_t if_needed(bool needed, std::size_t count)
{
    return needed ? count : 0;
}

/// Which planes a job needs beside the weights.
struct Needs {
    bool light, dither, read;
};

/// Sums of a block of vectors in AVX2, whose planes and inputs are 16-bit words.
class WordSums {
public:
    static const ChainKernels& chain() { return kChainAvx2; }
    static const random_kernels::Kernels& random() { return random_kernels::kAvx2; }

    WordSums(const PreparedTile& tile, const Needs& needs)
        : tile_(tile),
          needs_(needs),
          row_stride_(tile.row_groups * 2),
          sum_stride_(tile.groups * kGroup),
          tall_(!tile.words.low.empty()),
          plane_words_(std::size_t{row_stride_} * sum_stride_),
          hi_(if_needed(needs.dither && !tall_, plane_words_)),
          common_(if_needed(needs.light, plane_words_)),
          read_(if_needed(needs.read, plane_words_)),
          x_(std::size_t{kBlock} * row_stride_),
          dither_(if_needed(needs.dither, x_size())),
          squares_(if_needed(needs.read, x_size())),
          total_(sum_size()),
          low_(if_needed(tall_, sum_size())),
          light_(if_needed(needs.light, sum_size())),
          dither_sums_(if_needed(needs.dither, sum_size())),
          read_sums_(if_needed(needs.read, sum_size()))
    {
        if (needs.dither && !tall_) avx2::high_planes(tile.words.weights.data(), hi_.data(), plane_words_);
        if (needs.light) avx2::widen(tile.words.common.data(), common_.data(), plane_words_);
        if (needs.read) avx2::widen(tile.words.read.data(), read_.data(), plane_words_);
    }

    // Where the kernels write a vector's inputs.
    void* x(std::uint32_t v) { return x_.row(v, row_stride_); }
    void* dither(std::uint32_t v) { return dither_.row(v, row_stride_); }
    void* squares(std::uint32_t v) { return squares_.row(v, row_stride_); }

    void multiply(std::uint32_t count)
    {
        multiply(tile_.words.weights.data(), x_, count, total_);
        if (tall_) multiply(tile_.words.low.data(), x_, count, low_);
        if (needs_.light) multiply(common_.data(), x_, count, light_);
        if (needs_.dither) multiply(tall_ ? tile_.words.weights.data() : hi_.data(), dither_, count, dither_sums_);
        if (needs_.read) multiply(read_.data(), squares_, count, read_sums_);
    }

    ExactSums exact(std::uint32_t v) const
    {
        return {total_.row(v, sum_stride_), tall_ ? low_.row(v, sum_stride_) : nullptr};
    }
    const std::int32_t* light(std::uint32_t v) const { return light_.row(v, sum_stride_); }
    const std::int32_t* dithered(std::uint32_t v) const { return dither_sums_.row(v, sum_stride_); }
    const std::int32_t* read(std::uint32_t v) const { return read_sums_.row(v, sum_stride_); }
    /// What codes of an unsigned plane are short of, times the sum of the inputs.
    static std::int32_t missing(std::uint32_t) { return 0; }

private:
    std::size_t x_size() const { return std::size_t{kBlock} * row_stride_; }
    std::size_t sum_size() const { return std::size_t{kBlock} * sum_stride_; }

    void multiply(const std::int16_t* plane, const Scratch<std::int16_t>& x, std::uint32_t count,
                  Scratch<std::int32_t>& sums)
    {
        avx2::multiply(plane, tile_.row_groups, tile_.groups, x.data(), row_stride_, count, sums.data(), sum_stride_);
    }

    const PreparedTile& tile_;
    const Needs needs_;
    const std::uint32_t row_stride_, sum_stride_;
    const bool tall_;
    const std::size_t plane_words_;
    Scratch<std::int16_t> hi_, common_, read_;                             ///< planes as words
    Scratch<std::int16_t> x_, dither_, squares_;                           ///< [vector][row_stride_]
    Scratch<std::int32_t> total_, low_, light_, dither_sums_, read_sums_;  ///< [vector][sum_stride_]
};

/// The same in AVX-512, whose planes and inputs are bytes; planes that read the same inputs are summed together.
class ByteSums {
public:
    static const ChainKernels& chain() { return kChainAvx512; }
    static const random_kernels::Kernels& random() { return random_kernels::kAvx512; }

    ByteSums(const PreparedTile& tile, const Needs& needs)
        : tile_(tile),
          needs_(needs),
          row_stride_((tile.row_groups * 4 + kLine - 1) / kLine * kLine),
          sum_stride_(tile.groups * kGroup),
          has_low_(!tile.bytes.lo.empty()),
          x_(x_size()),
          dither_(if_needed(needs.dither, x_size())),
          squares_(if_needed(needs.read, x_size())),
          zeros_(sum_stride_),
          hi_(sum_size()),
          lo_(if_needed(has_low_, sum_size())),
          light_(if_needed(needs.light, sum_size())),
          dither_sums_(if_needed(needs.dither, sum_size())),
          read_sums_(if_needed(needs.read, sum_size()))
    {
        std::memset(zeros_.data(), 0, sum_stride_ * sizeof(std::int32_t));
        for (std::uint32_t group = 0; group < tile.groups; ++group) {
            add(of_x_, tile.bytes.hi, zeros_.data(), hi_, group);
            if (has_low_) add(of_x_, tile.bytes.lo, zeros_.data(), lo_, group);
            if (needs.light) add(of_x_, tile.bytes.common, zeros_.data(), light_, group);
            if (needs.dither) add(of_dither_, tile.bytes.hi, tile.bytes.dither_start.data(), dither_sums_, group);
            if (needs.read) add(of_squares_, tile.bytes.read, zeros_.data(), read_sums_, group);
        }
    }

    void* x(std::uint32_t v) { return x_.row(v, row_stride_); }
    void* dither(std::uint32_t v) { return dither_.row(v, row_stride_); }
    void* squares(std::uint32_t v) { return squares_.row(v, row_stride_); }

    void multiply(std::uint32_t count)
    {
        multiply(of_x_, x_, count);
        if (needs_.dither) multiply(of_dither_, dither_, count);
        if (needs_.read) multiply(of_squares_, squares_, count);
    }

    ExactSums exact(std::uint32_t v) const
    {
        return {hi_.row(v, sum_stride_), has_low_ ? lo_.row(v, sum_stride_) : zeros_.data()};
    }
    const std::int32_t* light(std::uint32_t v) const { return light_.row(v, sum_stride_); }
    const std::int32_t* dithered(std::uint32_t v) const { return dither_sums_.row(v, sum_stride_); }
    const std::int32_t* read(std::uint32_t v) const { return read_sums_.row(v, sum_stride_); }
    static std::int32_t missing(std::uint32_t sum) { return 128 * static_cast<std::int32_t>(sum); }

private:
    static constexpr std::uint32_t kLine = 64;
    using Streams = std::vector<avx512::Stream>;

    std::size_t x_size() const { return std::size_t{kBlock} * row_stride_; }
    std::size_t sum_size() const { return std::size_t{kBlock} * sum_stride_; }

    void add(Streams& streams, const std::vector<PreparedTile::Line>& plane, const std::int32_t* start,
             Scratch<std::int32_t>& sums, std::uint32_t group)
    {
        const std::size_t first = std::size_t{group} * tile_.row_groups;
        streams.push_back({plane[first].of, start + group * kGroup, sums.data() + group * kGroup});
    }

    void multiply(const Streams& streams, const Scratch<std::uint8_t>& x, std::uint32_t count)
    {
        avx512::multiply(streams.data(), static_cast<std::uint32_t>(streams.size()), tile_.row_groups, x.data(),
                         row_stride_, count, sum_stride_);
    }

    const PreparedTile& tile_;
    const Needs needs_;
    const std::uint32_t row_stride_, sum_stride_;
    const bool has_low_;
    Scratch<std::uint8_t> x_, dither_, squares_;  ///< [vector][row_stride_]
    Scratch<std::int32_t> zeros_;
    Scratch<std::int32_t> hi_, lo_, light_, dither_sums_, read_sums_;  ///< [vector][sum_stride_]
    Streams of_x_, of_dither_, of_squares_;
};

template <class Sums>
class FusedMvm {
public:
    FusedMvm(const MvmJob& job, const PreparedTile& tile)
        : job_(job),
          chain_(*job.chain),
          tile_(tile),
          rows_(job.tile->rows),
          cols_(job.tile->cols),
          padded_rows_((rows_ + 15) / 16 * 16),
          needs_{chain_.noisy, chain_.noisy && chain_.dither_step > 0, chain_.noisy && !tile.squares.empty()},
          sums_(tile, needs_),
          keys_(random_kernels::round_keys(sample_counter(key_of(0), NoiseSource::sample).key)),
          words_(if_needed(chain_.noisy, padded_rows_ + kMargin)),
          normals_(if_needed(chain_.noisy, tile.groups * kGroup + kMargin)),
          bends_(needs_.dither && !chain_.statics->dac.empty()),
          curves_(if_needed(needs_.dither, std::size_t{bends_ ? kCurves : 1} * padded_rows_)),
          dark_(if_needed(chain_.noisy, padded_rows_)),
          below_(if_needed(chain_.noisy, padded_rows_)),
          above_(if_needed(chain_.noisy, padded_rows_)),
          analog_(tile.groups * kGroup),
          y_sums_(tile.groups * kGroup),
          uncounted_(tile.groups * kGroup),
          columns_(columns())
    {
        if (!chain_.noisy) return;
        heated_ = heating_of(job);
        // What lies beyond the rows in use is read, and dropped.
        for (auto* bytes : {&dark_, &below_, &above_}) std::memset(bytes->data(), 0, padded_rows_);
        std::memset(words_.data(), 0, (padded_rows_ + kMargin) * sizeof(std::uint32_t));
        make_lanes();
        intensity_sigma_ = intensity_sigma(chain_);
        if (needs_.dither) {
            errors_.lane_leak = static_cast<float>(chain_.statics->lane_crosstalk / chain_.dither_step);
            errors_.scale = dither_scale(chain_);
            errors_.words = words_.data();
            if (!bends_ || rows_ != padded_rows_)
                std::memset(curves_.data(), 0, std::size_t{bends_ ? kCurves : 1} * padded_rows_);
        }
        if (needs_.read) read_unit_ = static_cast<float>(ReadNoise::unit(chain_, *job.tile));
    }

    void run(MvmStats& stats)
    {
        for (std::uint32_t first = 0; first < job_.vectors; first += kBlock) {
            const std::uint32_t count = std::min(kBlock, job_.vectors - first);
            if (bends_ && first % kCurves == 0) look_up_curves(first);
            for (std::uint32_t v = 0; v < count; ++v) inputs_[v] = kernels_.inputs(input(first + v), rows_, sums_.x(v));
            if (chain_.noisy) {
                noisy_block(first, count, stats);
            } else {
                exact_block(first, count, stats);
            }
        }
    }

private:
    static constexpr std::uint32_t kMargin = 64;   ///< words: kernels draw whole blocks
    static constexpr std::uint32_t kCurves = 256;  ///< vectors, a multiple of kBlock
    static constexpr std::uint32_t kCodes = 256;   ///< of an input

    const std::uint8_t* input(std::uint32_t vector) const { return job_.x + vector * job_.x_stride; }
    std::int32_t* output(std::uint32_t vector) const { return job_.y + std::size_t{vector} * cols_; }

    Columns columns() const
    {
        Columns columns{};
        const float half = static_cast<float>(chain_.adc_codes / 2);
        columns.groups = tile_.column_groups.data();
        columns.lsb = tile_.columns.lsb.data();
        columns.cols = cols_;
        columns.dither_step = static_cast<float>(chain_.dither_step);
        columns.lowest = -half;
        columns.highest = half - 1.0F;
        return columns;
    }

    /// Tables of the lanes that the job's vectors are in: what sample_chain.cpp computes a sample.
    void make_lanes()
    {
        const StaticErrors& statics = *chain_.statics;
        lanes_.resize(std::size_t{statics.lanes} * tile_.groups, LaneGroup{});
        const auto shot = static_cast<float>(chain_.shot_per_common);
        const ColumnConstants& columns = tile_.columns;
        for (std::uint32_t i = 0; i < std::min(statics.lanes, job_.vectors); ++i) {
            const std::uint32_t lane = lane_of(job_, i);
            const std::size_t from = std::size_t{lane} * statics.n;
            for (std::uint32_t c = 0; c < cols_; ++c) {
                LaneGroup& group = lanes_[std::size_t{lane} * tile_.groups + c / kGroup];
                const std::uint32_t at = c % kGroup;
                group.dark[at] = columns.receiver_variance * statics.shortfall2[from + c] + columns.adc_variance[c];
                group.shot[at] = shot * statics.shortfall[from + c];
                group.scale[at] = columns.inverse_lsb[c] * statics.adc_gain[from + c];
                group.offset[at] = statics.adc_offset[from + c];
                group.crosstalk[at] = statics.crosstalk[c];
            }
        }
    }

    void exact_block(std::uint32_t first, std::uint32_t count, MvmStats& stats)
    {
        sums_.multiply(count);
        for (std::uint32_t v = 0; v < count; ++v) {
            if (!chain_.converters) {
                kernels_.exact_row(sums_.exact(v), cols_, output(first + v));
            } else {
                stats.clipped += kernels_.quantised_row(sums_.exact(v), columns_, output(first + v));
            }
        }
    }

    void noisy_block(std::uint32_t first, std::uint32_t count, MvmStats& stats)
    {
        dither_sum_.fill(0);
        read_shift_.fill(0);
        for (std::uint32_t v = 0; v < count; ++v) {
            if (needs_.dither) draw_dither(first + v, v);
            if (needs_.read)
                read_shift_[v] =
                    Sums::missing(kernels_.squares(tile_.squares.data(), input(first + v), rows_, sums_.squares(v)));
        }
        sums_.multiply(count);
        draw_intensities(first, count);
        SampleSums sums;
        sums.y = y_sums_.data();
        std::fill_n(sums.y, tile_.groups * kGroup, 0);
        for (std::uint32_t v = 0; v < count; ++v) {
            const std::uint64_t x_sum = inputs_[v].sum;
            stats.sum_x += x_sum;
            stats.sum_x2 += inputs_[v].square;
            stats.sum_xsum2 += x_sum * x_sum;
            const Clipped clipped = noisy_vector(first + v, v, sums);
            stats.clipped += clipped.samples;
            stats.sum_clip2 += clipped.error2;
        }
        const auto total = [](const std::uint64_t(&sum)[8]) { return std::accumulate(sum, sum + 8, std::uint64_t{0}); };
        stats.sum_common += total(sums.light);
        stats.sum_common2 += total(sums.light2);
        const std::uint64_t y2 = total(sums.y2);
        stats.sum_y2 += y2;
        stats.sum_lit2 += y2 + lit_beyond(count);
        stats.sum_read += total(sums.read);
    }

    /// sum (y + f)^2 - sum y^2 over a block, f being the light of a column's modulators at code 0.
    std::uint64_t lit_beyond(std::uint32_t count) const
    {
        std::int64_t sum = 0;
        for (std::uint32_t c = 0; c < cols_; ++c) {
            const std::int64_t floor = tile_.columns.floor_acc[c];
            sum += floor * (2 * std::int64_t{y_sums_.data()[c]} + floor * count);
        }
        return static_cast<std::uint64_t>(sum);
    }

    SampleKey key_of(std::uint32_t vector) const
    {
        return {chain_.seed, job_.weight_id, job_.first_sample + vector, job_.pass};
    }

    /// A neighbour lane's codes, readable up to a multiple of 16 rows; zeros where there is none.
    const std::uint8_t* neighbour(const std::uint8_t* codes, Scratch<std::uint8_t>& copy)
    {
        if (codes == nullptr) return dark_.data();
        if (rows_ == padded_rows_) return codes;
        std::memcpy(copy.data(), codes, rows_);
        return copy.data();
    }

    /// What the DACs make of the codes of the next kCurves vectors, lane by lane: a lane's curves fill the first-level
    /// cache.
    void look_up_curves(std::uint32_t first)
    {
        const StaticErrors& statics = *chain_.statics;
        const std::uint32_t end = first + std::min(kCurves, job_.vectors - first);
        for (std::uint32_t begin = first; begin < std::min(first + statics.lanes, end); ++begin) {
            CurveJob job;
            job.curves = statics.dac.data() + std::size_t{lane_of(job_, begin)} * statics.n * kCodes;
            job.rows = rows_;
            for (std::uint32_t vector = begin; vector < end;) {
                for (job.vectors = 0; job.vectors < CurveJob::kMost && vector < end; vector += statics.lanes) {
                    job.x[job.vectors] = input(vector);
                    job.out[job.vectors++] = curves_.row(vector % kCurves, padded_rows_);
                }
                kernels_.curves(job);
            }
        }
    }

    void draw_dither(std::uint32_t vector, std::uint32_t v)
    {
        const auto beside = neighbours(job_, vector);
        errors_.curve = curves_.row(bends_ ? vector % kCurves : 0, padded_rows_);
        errors_.below = neighbour(beside[0], below_);
        errors_.above = neighbour(beside[1], above_);
        random_.rows(keys_, counter_of(vector, NoiseSource::dac, 0).counter, (rows_ + 3) / 4, words_.data());
        dither_sum_[v] = kernels_.dac_errors(errors_, rows_, sums_.dither(v));
    }

    /// As sample_counter() of the vector's key, without the key.
    SampleCounter counter_of(std::uint32_t vector, NoiseSource source, std::uint32_t row) const
    {
        const std::uint64_t ordinal = job_.first_sample + vector;
        SampleCounter start{};
        start.counter[0] = static_cast<std::uint32_t>(ordinal);
        start.counter[1] = static_cast<std::uint32_t>(ordinal >> 32);
        start.counter[2] = row / 4;
        start.counter[3] = sample_field(source, job_.pass);
        return start;
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
        for (std::uint32_t v = 0; v < count; ++v)
            std::copy_n(counter_of(first + v, source, job_.first_row).counter, 4, blocks[v]);
        random_.blocks(keys_, blocks, count);
        std::uint32_t words[kBlock] = {};
        for (std::uint32_t v = 0; v < count; ++v) words[v] = blocks[v][job_.first_row % 4];
        float draws[kBlock];
        random_.gaussian(words, draws, kBlock);
        for (std::uint32_t v = 0; v < count; ++v) errors[v] = intensity_error(intensity_sigma_, draws[v]);
    }

    Clipped noisy_vector(std::uint32_t vector, std::uint32_t v, SampleSums& sums)
    {
        const SampleCounter start = counter_of(vector, NoiseSource::sample, job_.first_row);
        random_.normals(keys_, start.counter, (cols_ + job_.first_row % 4 + 3) / 4, normals_.data());

        const std::uint32_t x_sum = inputs_[v].sum;
        const AddedInputs added = added_inputs(chain_, x_sum, dither_sum_[v], 0);
        const float rin = rin_[v];
        Row row{};
        row.exact = sums_.exact(v);
        row.light = sums_.light(v);
        if (needs_.dither) row.dither = sums_.dithered(v);
        if (needs_.read) row.read = sums_.read(v);
        row.normal = normals_.data() + job_.first_row % 4;
        row.light_shift = leaked_light(chain_, x_sum, 0) + Sums::missing(x_sum);
        row.read_shift = read_shift_[v];
        row.x_sum = static_cast<float>(x_sum) + added.sum;
        row.change = rin + (1.0F + rin) * heated_.change;
        row.intensity = (1.0F + row.change) * (1.0F + added.spill);
        row.tilt = heated_.tilt;
        row.leak = rin_leak_[v];
        row.read_unit = read_unit_;
        row.read_light = (1.0F + rin) * (1.0F + heated_.change);
        row.y = output(vector);

        const StaticErrors& statics = *chain_.statics;
        const std::uint32_t lane = lane_of(job_, vector);
        const LaneGroup* of_lane = lanes_.data() + std::size_t{lane} * tile_.groups;
        SampleRow sample;
        sample.cols = cols_;
        sample.lane = lane;
        sample.analog = analog_.data();
        sample.pedestal = pedestal_of(chain_, x_sum);
        if (row.exact.lo != nullptr) {
            sample.hi = row.exact.hi;
            sample.lo = row.exact.lo;
        } else {
            sample.total = row.exact.hi;
        }
        sample.y = row.y;
        if (statics.adc_inl.empty()) {
            Clipped clipped{kernels_.noisy_row(columns_, of_lane, row, sums), 0};
            if (clipped.samples == 0) return clipped;
            // Few vectors have such samples: once more, up to the ADC, to see what they lose.
            SampleSums counted{};
            counted.y = uncounted_.data();
            row.analog = analog_.data();
            kernels_.noisy_row(columns_, of_lane, row, counted);
            clipped.error2 = clipping_error2(chain_, tile_.columns, sample);
            return clipped;
        }
        row.analog = analog_.data();
        kernels_.noisy_row(columns_, of_lane, row, sums);
        return bent_samples(chain_, tile_.columns, sample);
    }

    const ChainKernels& kernels_ = Sums::chain();
    const random_kernels::Kernels& random_ = Sums::random();
    const MvmJob& job_;
    const AnalogChain& chain_;
    const PreparedTile& tile_;
    const std::uint32_t rows_, cols_, padded_rows_;
    const Needs needs_;
    Sums sums_;
    const random_kernels::RoundKeys keys_;
    Scratch<std::uint32_t> words_;
    Scratch<float> normals_;
    const bool bends_;
    Scratch<std::int8_t> curves_;  ///< [vector mod kCurves][padded_rows_]
    Scratch<std::uint8_t> dark_, below_, above_;
    Scratch<float> analog_;
    Scratch<std::int32_t> y_sums_, uncounted_;
    std::vector<LaneGroup> lanes_;  ///< [lane][group] of lanes in use
    const Columns columns_;
    Heating heated_{};
    DacErrors errors_{};
    float intensity_sigma_ = 0;
    float read_unit_ = 0;
    std::array<InputSums, kBlock> inputs_{};
    std::array<std::int32_t, kBlock> dither_sum_{}, read_shift_{};
    std::array<float, kBlock> rin_{}, rin_leak_{};
};

}  // namespace

void run_fused(const MvmJob& job, const PreparedTile& tile, MvmStats& stats)
{
    if (tile.kernel == KernelIsa::avx2) return FusedMvm<WordSums>(job, tile).run(stats);
    FusedMvm<ByteSums>(job, tile).run(stats);
}

#else

void run_fused(const MvmJob&, const PreparedTile&, MvmStats&) {}

#endif

}  // namespace lightcard::photonic_core
