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

/// Vectors whose inputs, with planes of a few columns, stay in the first-level cache.
constexpr std::uint32_t kBlock = 64;

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

/// Inputs of a block of vectors, and the planes they meet.
template <class T>
class PanelInputs {
public:
    // Where the kernels write a vector's inputs.
    void* x(std::uint32_t v) { return x_.row(v, stride_); }
    void* dither(std::uint32_t v) { return dither_.row(v, stride_); }
    void* squares(std::uint32_t v) { return squares_.row(v, stride_); }

    /// The products of the first `vectors`.
    PanelProducts products(std::uint32_t vectors) const
    {
        PanelProducts products = planes_;
        products.x = x_.data(), products.dither_x = dither_.data(), products.squares = squares_.data();
        products.stride = stride_;
        products.vectors = vectors;
        return products;
    }

protected:
    PanelInputs(const PreparedTile& tile, const Needs& needs, std::uint32_t vectors, std::uint32_t stride)
        : stride_(stride),
          x_(std::size_t{vectors} * stride),
          dither_(if_needed(needs.dither, std::size_t{vectors} * stride)),
          squares_(if_needed(needs.read, std::size_t{vectors} * stride))
    {
        planes_.depth = tile.row_groups;
        planes_.groups = tile.groups;
    }

    PanelProducts planes_{};

private:
    const std::uint32_t stride_;
    Scratch<T> x_, dither_, squares_;  ///< [vector][stride_]
};

/// In AVX2: 16-bit words.
class WordInputs : public PanelInputs<std::int16_t> {
public:
    static const ChainKernels& chain() { return kChainAvx2; }
    static const random_kernels::Kernels& random() { return random_kernels::kAvx2; }

    WordInputs(const PreparedTile& tile, const Needs& needs, std::uint32_t vectors)
        : PanelInputs(tile, needs, vectors, tile.row_groups * 2),
          plane_words_(std::size_t{tile.row_groups} * 2 * tile.groups * kGroup),
          hi_(if_needed(needs.dither && tile.words.low.empty(), plane_words_)),
          light_(if_needed(needs.light, plane_words_)),
          read_(if_needed(needs.read, plane_words_))
    {
        planes_.first = tile.words.weights.data();
        if (needs.light) avx2::widen(tile.words.common.data(), light_.data(), plane_words_);
        planes_.light = light_.data();
        if (needs.read) avx2::widen(tile.words.read.data(), read_.data(), plane_words_);
        planes_.read = read_.data();
        if (!tile.words.low.empty()) {
            planes_.low = tile.words.low.data();
            if (needs.dither) planes_.dither = planes_.first;
        } else if (needs.dither) {
            avx2::high_planes(tile.words.weights.data(), hi_.data(), plane_words_);
            planes_.dither = hi_.data();
        }
    }

    /// What codes of an unsigned plane are short of, times the sum of the inputs.
    static std::int32_t missing(std::uint32_t) { return 0; }

private:
    const std::size_t plane_words_;
    Scratch<std::int16_t> hi_, light_, read_;  ///< planes as words
};

/// In AVX-512: bytes.
class ByteInputs : public PanelInputs<std::uint8_t> {
public:
    static const ChainKernels& chain() { return kChainAvx512; }
    static const random_kernels::Kernels& random() { return random_kernels::kAvx512; }

    ByteInputs(const PreparedTile& tile, const Needs& needs, std::uint32_t vectors)
        : PanelInputs(tile, needs, vectors, (tile.row_groups * 4 + kLine - 1) / kLine * kLine)
    {
        planes_.first = tile.bytes.hi.data();
        if (!tile.bytes.lo.empty()) planes_.low = tile.bytes.lo.data();
        if (needs.light) planes_.light = tile.bytes.common.data();
        if (needs.dither) planes_.dither = planes_.first, planes_.dither_start = tile.dither_start.front().of;
        if (needs.read) planes_.read = tile.bytes.read.data();
    }

    static std::int32_t missing(std::uint32_t sum) { return 128 * static_cast<std::int32_t>(sum); }

private:
    static constexpr std::uint32_t kLine = 64;
};

/// The same in AMX, with this thread's tile registers as long as a job runs.
class TileInputs : public ByteInputs {
public:
    static const ChainKernels& chain() { return kChainAmx; }
    using ByteInputs::ByteInputs;

private:
    const amx::Tiles tiles_;
};

template <class Inputs>
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
          block_(std::min(kBlock, job.vectors)),
          inputs_(tile, needs_, block_),
          keys_(random_kernels::round_keys(sample_counter(key_of(0), NoiseSource::sample).key)),
          words_(if_needed(chain_.noisy, padded_rows_ + kMargin)),
          bends_(needs_.dither && !chain_.statics->dac.empty()),
          curves_(if_needed(needs_.dither, std::size_t{bends_ ? kCurves : 1} * padded_rows_)),
          dark_(if_needed(chain_.noisy, padded_rows_)),
          below_(if_needed(chain_.noisy, padded_rows_)),
          above_(if_needed(chain_.noisy, padded_rows_)),
          y_sums_(tile.groups * kGroup),
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
            for (std::uint32_t v = 0; v < count; ++v)
                code_sums_[v] = kernels_.inputs(input(first + v), rows_, inputs_.x(v));
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
            for (std::uint32_t first = 0; first < cols_; first += kGroup) {
                LaneGroup& group = lanes_[std::size_t{lane} * tile_.groups + first / kGroup];
                const float *loss = statics.shortfall.data() + from + first,
                            *loss2 = statics.shortfall2.data() + from + first,
                            *gain = statics.adc_gain.data() + from + first,
                            *offset = statics.adc_offset.data() + from + first;
                const float *adc_variance = columns.adc_variance.data() + first,
                            *inverse_lsb = columns.inverse_lsb.data() + first,
                            *crosstalk = statics.crosstalk.data() + first;
                const std::uint32_t width = std::min(kGroup, cols_ - first);
                for (std::uint32_t at = 0; at < width; ++at) {
                    group.dark[at] = columns.receiver_variance * loss2[at] + adc_variance[at];
                    group.shot[at] = shot * loss[at];
                    group.scale[at] = inverse_lsb[at] * gain[at];
                    group.offset[at] = offset[at];
                    group.crosstalk[at] = crosstalk[at];
                }
            }
        }
    }

    void exact_block(std::uint32_t first, std::uint32_t count, MvmStats& stats)
    {
        std::array<std::int32_t*, kBlock> y;
        for (std::uint32_t v = 0; v < count; ++v) y[v] = output(first + v);
        if (!chain_.converters) return kernels_.exact(inputs_.products(count), cols_, y.data());
        stats.clipped += kernels_.quantised(inputs_.products(count), columns_, y.data());
    }

    void noisy_block(std::uint32_t first, std::uint32_t count, MvmStats& stats)
    {
        draw_intensities(first, count);
        for (std::uint32_t v = 0; v < count; ++v) {
            const std::int32_t dither_sum = needs_.dither ? draw_dither(first + v, v) : 0;
            set_terms(first + v, v, dither_sum);
            if (needs_.read)
                terms_[v].read_shift = Inputs::missing(
                    kernels_.squares(tile_.squares.data(), input(first + v), rows_, inputs_.squares(v)));
            const std::uint64_t x_sum = code_sums_[v].sum;
            stats.sum_x += x_sum;
            stats.sum_x2 += code_sums_[v].square;
            stats.sum_xsum2 += x_sum * x_sum;
        }
        SampleSums sums;
        sums.y = y_sums_.data();
        std::fill_n(sums.y, tile_.groups * kGroup, 0);
        first_ = first;
        stats_ = &stats;
        stats.clipped += kernels_.noisy(panel(count), sums);
        const auto total = [](const std::uint64_t(&sum)[8]) { return std::accumulate(sum, sum + 8, std::uint64_t{0}); };
        stats.sum_common += total(sums.light);
        stats.sum_common2 += total(sums.light2);
        const std::uint64_t y2 = total(sums.y2);
        stats.sum_y2 += y2;
        stats.sum_lit2 += y2 + lit_beyond(count);
        stats.sum_read += total(sums.read);
    }

    Panel panel(std::uint32_t count)
    {
        Panel panel{};
        panel.products = inputs_.products(count);
        panel.columns = &columns_;
        panel.terms = terms_.data();
        panel.keys = &keys_;
        panel.skipped_draws = job_.first_row % 4;
        panel.tilt = heated_.tilt;
        panel.read_unit = read_unit_;
        panel.bent = !chain_.statics->adc_inl.empty();
        panel.self = this;
        panel.samples = [](void* self, const AnalogSamples& of) { static_cast<FusedMvm*>(self)->analog_samples(of); };
        return panel;
    }

    void set_terms(std::uint32_t vector, std::uint32_t v, std::int32_t dither_sum)
    {
        const std::uint32_t x_sum = code_sums_[v].sum;
        const AddedInputs added = added_inputs(chain_, x_sum, dither_sum, 0);
        const float rin = rin_[v];
        VectorTerms& terms = terms_[v];
        terms.lane = lanes_.data() + std::size_t{lane_of(job_, vector)} * tile_.groups;
        terms.y = output(vector);
        std::copy_n(counter_of(vector, NoiseSource::sample, job_.first_row).counter, 4, terms.counter);
        terms.light_shift = leaked_light(chain_, x_sum, 0) + Inputs::missing(x_sum);
        terms.x_sum = static_cast<float>(x_sum) + added.sum;
        terms.change = rin + (1.0F + rin) * heated_.change;
        terms.intensity = (1.0F + terms.change) * (1.0F + added.spill);
        terms.leak = rin_leak_[v];
        terms.read_light = (1.0F + rin) * (1.0F + heated_.change);
        terms.read_shift = 0;
    }

    /// What the ADC makes of samples that the kernel leaves to it, or what those at an end code lose.
    void analog_samples(const AnalogSamples& of)
    {
        const std::uint32_t vector = first_ + of.vector;
        std::array<float, kGroup> analog;
        std::copy_n(of.analog, of.cols, analog.data());
        SampleRow row;
        row.first = of.col;
        row.cols = of.cols;
        row.lane = lane_of(job_, vector);
        row.analog = analog.data();
        row.pedestal = pedestal_of(chain_, code_sums_[of.vector].sum);
        if (of.low != nullptr) {
            row.hi = of.first;
            row.lo = of.low;
        } else {
            row.total = of.first;
        }
        row.y = output(vector) + of.col;
        if (chain_.statics->adc_inl.empty()) {
            stats_->sum_clip2 += clipping_error2(chain_, tile_.columns, row);
            return;
        }
        const Clipped clipped = bent_samples(chain_, tile_.columns, row);
        stats_->clipped += clipped.samples;
        stats_->sum_clip2 += clipped.error2;
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

    /// Returns the sum of the errors.
    std::int32_t draw_dither(std::uint32_t vector, std::uint32_t v)
    {
        const auto beside = neighbours(job_, vector);
        errors_.curve = curves_.row(bends_ ? vector % kCurves : 0, padded_rows_);
        errors_.below = neighbour(beside[0], below_);
        errors_.above = neighbour(beside[1], above_);
        random_.rows(keys_, counter_of(vector, NoiseSource::dac, 0).counter, (rows_ + 3) / 4, words_.data());
        return kernels_.dac_errors(errors_, rows_, inputs_.dither(v));
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

    const ChainKernels& kernels_ = Inputs::chain();
    const random_kernels::Kernels& random_ = Inputs::random();
    const MvmJob& job_;
    const AnalogChain& chain_;
    const PreparedTile& tile_;
    const std::uint32_t rows_, cols_, padded_rows_;
    const Needs needs_;
    const std::uint32_t block_;  ///< vectors of a block
    Inputs inputs_;
    const random_kernels::RoundKeys keys_;
    Scratch<std::uint32_t> words_;
    const bool bends_;
    Scratch<std::int8_t> curves_;  ///< [vector mod kCurves][padded_rows_]
    Scratch<std::uint8_t> dark_, below_, above_;
    Scratch<std::int32_t> y_sums_;
    std::vector<LaneGroup> lanes_;  ///< [lane][group] of lanes in use
    const Columns columns_;
    Heating heated_{};
    DacErrors errors_{};
    float intensity_sigma_ = 0;
    float read_unit_ = 0;
    // Of the block at work:
    std::uint32_t first_ = 0;  ///< its first vector
    MvmStats* stats_ = nullptr;
    std::array<InputSums, kBlock> code_sums_{};
    std::array<VectorTerms, kBlock> terms_{};
    std::array<float, kBlock> rin_{}, rin_leak_{};
};

}  // namespace

void run_fused(const MvmJob& job, const PreparedTile& tile, MvmStats& stats)
{
    if (tile.kernel == KernelIsa::avx2) return FusedMvm<WordInputs>(job, tile).run(stats);
    if (tile.kernel == KernelIsa::amx) return FusedMvm<TileInputs>(job, tile).run(stats);
    FusedMvm<ByteInputs>(job, tile).run(stats);
}

#else

void run_fused(const MvmJob&, const PreparedTile&, MvmStats&) {}

#endif

}  // namespace lightcard::photonic_core
