// SPDX-License-Identifier: Apache-2.0
/// One tile, its inputs and a card, for the tests of the matrix-vector product.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

struct Card {
    Parameters core;
    pcm_memory::Parameters pcm;
    converters::Parameters converters;
};

struct Result {
    std::vector<std::int32_t> y;
    MvmStats stats;
};

/// A noisy run with only the named sources.
inline RunConfig only(std::initializer_list<const char*> names)
{
    RunConfig run;
    const auto has = [&](const char* name) {
        return std::any_of(names.begin(), names.end(), [&](const char* n) { return std::string(n) == name; });
    };
    run.noise = {has("levels"),     has("programming"), has("drift"),
                 has("thermal"),    has("shot"),        has("rin"),
                 has("dac"),        has("adc_noise"),   has("adc_quantisation"),
                 has("dac_static"), has("adc_static"),  has("read"),
                 has("crosstalk"),  has("wear"),        has("retention")};
    return run;
}

inline bool same(const MvmStats& a, const MvmStats& b)
{
    return a.samples == b.samples && a.clipped == b.clipped && a.sum_common == b.sum_common &&
           a.sum_shortfall == b.sum_shortfall && a.sum_shortfall2 == b.sum_shortfall2 &&
           a.sum_common2 == b.sum_common2 && a.sum_x == b.sum_x && a.sum_x2 == b.sum_x2 && a.sum_xsum2 == b.sum_xsum2 &&
           a.sum_y2 == b.sum_y2 && a.sum_lit2 == b.sum_lit2 && a.sum_read == b.sum_read && a.sum_norm2 == b.sum_norm2 &&
           a.sum_lsb2 == b.sum_lsb2 && a.sum_clip2 == b.sum_clip2;
}

/// Weights N(0, 40) and inputs ReLU(N(0, 60)), like a trained layer's; `age` in s.
struct Problem {
    Problem(std::uint32_t r, std::uint32_t c, std::uint32_t v, unsigned seed)
        : rows(r), cols(c), vectors(v), stride(r), weights(std::size_t{r} * c), x(std::size_t{r} * v), random(seed + 99)
    {
        std::normal_distribution<double> weight(0, 40), input(0, 60);
        for (auto& w : weights) w = static_cast<std::int8_t>(std::clamp(weight(random), -127.0, 127.0));
        for (auto& value : x) value = static_cast<std::uint8_t>(std::clamp(input(random), 0.0, 255.0));
    }

    void randomise_codes()
    {
        for (auto& w : weights) w = static_cast<std::int8_t>(random());
        for (auto& value : x) value = static_cast<std::uint8_t>(random());
    }

    std::uint8_t input(std::uint32_t v, std::uint32_t row) const { return x[v * stride + row]; }

    void set_stride(std::size_t wider, std::uint8_t filler)
    {
        std::vector<std::uint8_t> moved(wider * vectors, filler);
        for (std::uint32_t v = 0; v < vectors; ++v)
            std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(v * stride), rows,
                        moved.begin() + static_cast<std::ptrdiff_t>(v * wider));
        x = moved;
        stride = wider;
    }

    std::vector<std::int32_t> naive() const
    {
        std::vector<std::int32_t> y;
        for (std::uint32_t v = 0; v < vectors; ++v)
            for (std::uint32_t col = 0; col < cols; ++col) {
                std::int64_t sum = 0;
                for (std::uint32_t row = 0; row < rows; ++row)
                    sum += std::int64_t{input(v, row)} * weights[std::size_t{col} * rows + row];
                y.push_back(static_cast<std::int32_t>(sum));
            }
        return y;
    }

    AnalogChain chain(const RunConfig& run) const
    {
        return make_analog_chain(card.core, card.pcm, card.converters, run);
    }

    void program(const RunConfig& run, std::uint64_t epoch = 0)
    {
        const std::vector<std::uint16_t> in_place;
        const pcm_memory::StuckCells none;
        limits = pcm_memory::pair_limits(card.pcm, {run.seed, 0, 0}, {wear, in_place, none}, rows, cols);
        pcm_memory::Place place{run.seed, 0, 0, epoch, &limits};
        place.single = card.core.cells == Cells::single;
        tile = pcm_memory::make_effective_tile(card.pcm, run, place, rows, cols, weights.data(), rows, age);
    }

    Result multiply(const AnalogChain& chain_to_use, const pcm_memory::EffectiveTile& tile_to_use,
                    const std::vector<std::uint32_t>& cuts, const ColumnGain* other_gains = nullptr) const
    {
        Result result;
        result.y.resize(std::size_t{vectors} * cols);
        const std::vector<ColumnGain> gains(cols, column_gain(chain_to_use, rows, requested_range));
        for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
            MvmJob job;
            job.chain = &chain_to_use;
            job.tile = &tile_to_use;
            job.gains = other_gains != nullptr ? other_gains : gains.data();
            job.x = x.data() + cuts[i] * stride;
            job.x_stride = stride;
            job.vectors = cuts[i + 1] - cuts[i];
            job.first_lane = cuts[i] % card.core.lanes;
            job.warming = warming;
            job.detuning = detuning;
            job.before = cuts[i];
            job.after = vectors - cuts[i + 1];
            job.y = result.y.data() + std::size_t{cuts[i]} * cols;
            job.weight_id = weight_id;
            job.first_sample = first_sample + cuts[i];
            job.first_row = first_row;
            job.pass = pass;
            result.stats.add(run_mvm(job));
        }
        return result;
    }

    Result run_pieces(const RunConfig& run, const std::vector<std::uint32_t>& cuts)
    {
        program(run);
        return multiply(chain(run), tile, cuts);
    }

    Result run(const RunConfig& config) { return run_pieces(config, {0, vectors}); }

    Card card;
    std::uint32_t rows, cols, vectors;
    std::size_t stride;
    std::vector<std::int8_t> weights;  ///< [col][row]
    std::vector<std::uint8_t> x;       ///< [vector][stride]
    std::mt19937 random;
    pcm_memory::Exposure age;
    double warming = 0, detuning = 0;
    std::vector<std::uint32_t> wear;  ///< [row] cycles; empty = none
    std::vector<pcm_memory::PairLimits> limits;
    std::uint32_t requested_range = 0;
    std::uint64_t weight_id = 17, first_sample = 1000;
    std::uint32_t first_row = 0, pass = 0;
    pcm_memory::EffectiveTile tile;
};

}  // namespace lightcard::photonic_core
