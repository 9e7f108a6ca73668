// SPDX-License-Identifier: Apache-2.0
/// The normative matrix-vector product: exact integer sums first, then - and only then - floating point in a
/// fixed order (noise, ADC), then integers again. Same bits for any thread count, chunking or SIMD width.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "lightcard/model/common/run.h"
#include "lightcard/model/converters/parameters.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/photonic_core/front_end.h"
#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/model/photonic_core/link_budget.h"
#include "lightcard/model/photonic_core/parameters.h"
#include "lightcard/model/photonic_core/static_errors.h"

namespace lightcard::photonic_core {

/// "light" of a sample: sum over all n rows of (x_code + modulator_floor_code) * common_code, an integer.
/// Everything about noise and converters that is fixed by the configuration. Units: "acc" = host weight
/// step x input code step, the unit of the s32 accumulators.
struct AnalogChain {
    bool noisy = false;       ///< fidelity stat or device
    bool device = false;      ///< fidelity device: the tile has cells, `front_end` is drawn from
    bool converters = false;  ///< stat, device, or ideal with quant
    NoiseSources sources;
    std::uint64_t seed = 1;
    double current_per_acc = 0;       ///< A per acc unit
    double thermal_variance = 0;      ///< acc^2 per sample
    double shot_per_common = 0;       ///< acc^2 per unit of light
    double shot_constant = 0;         ///< acc^2 per sample: dark current
    double common_to_acc = 0;         ///< (I+ + I-) in acc units per unit of light
    double modulator_floor_code = 0;  ///< light of a modulator at code 0, in input codes
    double cell_floor_code = 0;       ///< `common` code of a cell pair at T_min (rows the tile does not use)
    double rin_variance = 0;          ///< relative: RIN * B
    double cmrr_leak = 0;             ///< 10^(-CMRR/10)
    double dac_variance = 0;          ///< code^2 per input sample beyond quantisation
    double dither_step = 0;           ///< input codes per unit of the dither plane, a power of two; 0 = no plane
    double adc_noise_ratio = 0;       ///< sigma / full range, beyond quantisation
    std::uint32_t adc_codes = 256;
    double pga_step_db = 1.0;
    std::uint32_t n = 128;
    double dac_inl_variance = 0, dac_offset_variance = 0;           ///< code^2; INL: four times that of mid-range
    double adc_inl_variance = 0, adc_offset_variance = 0;           ///< LSB^2
    double dac_gain_error = 0, adc_gain_error = 0;                  ///< rms
    double temperature_coefficient = 0, temperature_imbalance = 0;  ///< of transmission, 1/K; of it, between + and -
    double ring_shift = 0;       ///< half linewidths of a modulator's resonance a K; 0 = not resonant
    double modulator_floor = 0;  ///< light of a modulator at code 0, of the brightest
    /// One cell a weight: light of the code that stands for weight 0, in weight steps; its product with the sum of the
    /// inputs is taken off behind the ADC, whose codes are all positive then. 0 = pairs.
    double pedestal = 0;
    double dark_cell = 0;                         ///< of it, what a cell at T_min lets through
    FrontEnd front_end;                           ///< the same in amperes, source by source
    std::shared_ptr<const StaticErrors> statics;  ///< of this core; set if noisy
    std::shared_ptr<const Trims> trims;           ///< its converters' registers; null = at rest
    KernelIsa isa = best_kernel_isa();            ///< who computes it; never shows in a result
};

AnalogChain make_analog_chain(const Parameters& core, const pcm_memory::Parameters& pcm,
                              const converters::Parameters& converters, const RunConfig& run,
                              std::uint32_t core_index = 0);

/// Puts new correction registers into a core's chain.
void set_trims(AnalogChain& chain, const Parameters& core, const converters::Parameters& converters,
               const RunConfig& run, std::uint32_t core_index, const Trims& trims);

/// ADC gain of one column after the PGA. `requested_range`: +- acc units; 0 = whatever `rows` can produce. Rounded up
/// to the PGA's ladder, which starts at the hardware full scale n * 127 * 255 and falls by pga_step_db (of amplitude).
struct ColumnGain {
    double lsb = 1;                     ///< acc units per ADC code
    std::int64_t digital_gain = 65536;  ///< round(lsb * 65536): code -> acc in 16.16
};
ColumnGain column_gain(const AnalogChain& chain, std::uint32_t rows, std::uint32_t requested_range);

/// Exact sums for counters and attribution; order-free.
struct MvmStats {
    std::uint64_t samples = 0;  ///< ADC conversions
    std::uint64_t clipped = 0;  ///< of them, at an end code of the range
    // The sums below stay 0 unless the chain is noisy.
    std::uint64_t sum_common = 0;       ///< sum over samples of light
    std::uint64_t sum_shortfall = 0;    ///< sum over samples of 1/gain of the path, in 2^-16
    std::uint64_t sum_shortfall2 = 0;   ///< of 1/gain^2, in 2^-16
    unsigned __int128 sum_common2 = 0;  ///< sum over samples of light^2
    std::uint64_t sum_x = 0;            ///< sum over vectors of sum(x)
    std::uint64_t sum_x2 = 0;           ///< sum over vectors of sum(x^2)
    unsigned __int128 sum_xsum2 = 0;    ///< sum over vectors of (sum(x))^2
    unsigned __int128 sum_y2 = 0;       ///< sum over samples of y^2 before noise, y rounded to acc
    unsigned __int128 sum_lit2 = 0;     ///< the same with the light of modulators at code 0, which RIN modulates too
    unsigned __int128 sum_read = 0;     ///< sum over samples of read variance, in ReadNoise::unit
    unsigned __int128 sum_norm2 = 0;    ///< sum over samples of column_norm2
    unsigned __int128 sum_lsb2 = 0;     ///< sum over samples of digital_gain^2: lsb^2 in 2^-32 acc^2
    __int128 sum_clip2 = 0;  ///< by how much the squared error of clipped samples is larger for it, acc^2 (may be < 0)
    void add(const MvmStats& other)
    {
        samples += other.samples;
        clipped += other.clipped;
        sum_common += other.sum_common;
        sum_shortfall += other.sum_shortfall;
        sum_shortfall2 += other.sum_shortfall2;
        sum_common2 += other.sum_common2;
        sum_x += other.sum_x;
        sum_x2 += other.sum_x2;
        sum_xsum2 += other.sum_xsum2;
        sum_y2 += other.sum_y2;
        sum_lit2 += other.sum_lit2;
        sum_read += other.sum_read;
        sum_norm2 += other.sum_norm2;
        sum_lsb2 += other.sum_lsb2;
        sum_clip2 += other.sum_clip2;
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("samples", samples);
        archive.field("clipped", clipped);
        archive.field("sum_common", sum_common);
        archive.field("sum_shortfall", sum_shortfall);
        archive.field("sum_shortfall2", sum_shortfall2);
        archive.field("sum_x", sum_x);
        archive.field("sum_x2", sum_x2);
        for (auto* sum : {&sum_common2, &sum_xsum2, &sum_y2, &sum_lit2, &sum_read, &sum_norm2, &sum_lsb2}) {
            auto low = static_cast<std::uint64_t>(*sum), high = static_cast<std::uint64_t>(*sum >> 64);
            archive.field("low", low);
            archive.field("high", high);
            *sum = static_cast<unsigned __int128>(high) << 64 | low;
        }
        auto low = static_cast<std::uint64_t>(sum_clip2);
        auto high = static_cast<std::uint64_t>(static_cast<unsigned __int128>(sum_clip2) >> 64);
        archive.field("low", low);
        archive.field("high", high);
        sum_clip2 = static_cast<__int128>(static_cast<unsigned __int128>(high) << 64 | low);
    }
};

/// Variance of the output error by source, acc^2 summed over `samples`.
struct Attribution {
    double levels = 0, programming = 0, drift = 0, thermal = 0, shot = 0, rin = 0, dac = 0, adc_noise = 0,
           adc_quantisation = 0, dac_static = 0, adc_static = 0, crosstalk = 0, read = 0, wear = 0, retention = 0,
           temperature = 0, clipping = 0;
    double signal = 0;   ///< sum of squares of the sums themselves
    double results = 0;  ///< sums that all of this is over
    double total() const
    {
        return levels + programming + drift + thermal + shot + rin + dac + adc_noise + adc_quantisation + dac_static +
               adc_static + crosstalk + read + wear + retention + temperature + clipping;
    }
    void add(const Attribution& other)
    {
        levels += other.levels;
        programming += other.programming;
        drift += other.drift;
        thermal += other.thermal;
        shot += other.shot;
        rin += other.rin;
        dac += other.dac;
        adc_noise += other.adc_noise;
        adc_quantisation += other.adc_quantisation;
        dac_static += other.dac_static;
        adc_static += other.adc_static;
        crosstalk += other.crosstalk;
        read += other.read;
        wear += other.wear;
        retention += other.retention;
        temperature += other.temperature;
        clipping += other.clipping;
        signal += other.signal;
        results += other.results;
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("levels", levels);
        archive.field("programming", programming);
        archive.field("drift", drift);
        archive.field("thermal", thermal);
        archive.field("shot", shot);
        archive.field("rin", rin);
        archive.field("dac", dac);
        archive.field("adc_noise", adc_noise);
        archive.field("adc_quantisation", adc_quantisation);
        archive.field("dac_static", dac_static);
        archive.field("adc_static", adc_static);
        archive.field("crosstalk", crosstalk);
        archive.field("read", read);
        archive.field("wear", wear);
        archive.field("retention", retention);
        archive.field("temperature", temperature);
        archive.field("clipping", clipping);
        archive.field("signal", signal);
        archive.field("results", results);
    }
};
/// What temperature does to the light of a job: relative change between darkest and brightest input, by cells and
/// modulators together, of the light at code 0 beyond that, and what + gains on - by it, of all light.
struct HeatedLight {
    double change = 0, floor = 0, tilt = 0;
};
HeatedLight heated_light(const AnalogChain& chain, double warming, double detuning);

/// Closed form, but for clipping, which is counted. Static sources: rows taken as exchangeable; what two sources have
/// in common is half each's.
Attribution attribute(const AnalogChain& chain, const MvmStats& stats, const pcm_memory::EffectiveTile& tile,
                      std::uint64_t vectors, const HeatedLight& heated = {});

/// Samples that become one sum: `passes` conversions of `col_copies` equal columns of `row_copies` equal blocks of
/// rows, their sum divided by the product of the three and multiplied by a scale whose mean square is `scale2`.
struct Averaging {
    double passes = 1, row_copies = 1, col_copies = 1, scale2 = 1;
};
/// The error of those sums from that of the samples: what is drawn anew for each averages out, what they share stays.
Attribution averaged(const Attribution& samples, const Averaging& averaging);

struct MvmJob {
    const AnalogChain* chain = nullptr;
    const pcm_memory::EffectiveTile* tile = nullptr;
    const ColumnGain* gains = nullptr;  ///< [cols]; only read if chain->converters
    const std::uint8_t* x = nullptr;    ///< [vectors][x_stride] DAC codes, zero beyond tile->rows
    std::size_t x_stride = 0;
    std::uint32_t vectors = 0;
    double warming = 0;                   ///< K above the temperature of writing the tile
    double detuning = 0;                  ///< K above the temperature that the modulators are locked at
    std::uint32_t first_lane = 0;         ///< of vector 0; the next vector is in the next lane
    std::uint32_t before = 0, after = 0;  ///< vectors of the same command that lie before and after these in x
    std::int32_t* y = nullptr;            ///< [vectors][cols] acc units; written
    std::uint64_t weight_id = 0;
    std::uint64_t first_sample = 0;  ///< ordinal of vector 0
    std::uint32_t first_row = 0;     ///< output row number of column 0 of this tile's layer, part of the noise key
    std::uint32_t pass = 0;
};
MvmStats run_mvm(const MvmJob& job);

/// The order of planes that a kernel reads, for TileMaker; `columns` of the portable one.
pcm_memory::PlaneLayout plane_layout(KernelIsa kernel);

/// The tile as the vector kernels read it, for EffectiveTile::prepared: valid for chains with this one's variances, and
/// for jobs with these very `gains`. Null: the portable path will run it. Without it every job prepares the tile for
/// itself.
std::shared_ptr<const PreparedTile> prepare_tile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile,
                                                 const ColumnGain* gains);

/// Relative change of every transmission, by temperature.
double relative_warming(const AnalogChain& chain, double warming);
inline double relative_warming(const MvmJob& job)
{
    return relative_warming(*job.chain, job.warming);
}
std::uint32_t lane_of(const MvmJob& job, std::uint32_t vector);
/// Inputs of the lanes beside a vector's in the same symbol; null where there is none. Needs a noisy chain.
std::array<const std::uint8_t*, 2> neighbours(const MvmJob& job, std::uint32_t vector);

}  // namespace lightcard::photonic_core
