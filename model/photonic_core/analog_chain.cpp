// SPDX-License-Identifier: Apache-2.0
// What of the configuration reaches a sample: variances in acc units, converter gains, and the closed form of the
// error.
#include <algorithm>
#include <cmath>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/converters/transfer_curve.h"
#include "lightcard/model/photonic_core/mvm.h"
#include "lightcard/model/photonic_core/read_noise.h"

namespace lightcard::photonic_core {
namespace {

constexpr double kInputCodes = 255;   ///< largest DAC code
constexpr double kWeightSteps = 127;  ///< largest host weight
constexpr double kCommonCodes = 255;  ///< `common` code of T_max

/// Noise of a converter beyond its own rounding and INL, as (variance / full range^2).
double excess_noise(double enob, double bits, double inl)
{
    const double lsb2 = det::exp(-2.0 * bits * det::log(2.0));
    const double both = (det::exp(-2.0 * enob * det::log(2.0)) - lsb2) / 12.0;
    return std::max(0.0, both - lsb2 * converters::inl_mean_square(inl));
}

constexpr double kReach = 3.46;  ///< sigma: no draw of the dither plane is larger (mvm.cpp)

/// Smallest power of two that lets an s8 plane reach +-`codes`, between 2^-8 and 2^8; 0 for 0.
double dither_step(double codes)
{
    if (!(codes > 0)) return 0;
    double step = 1.0 / 256;
    while (127 * step < codes && step < 256) step *= 2;
    return step;
}

/// Half of the span of an ADC that takes whatever `rows` can give.
double widest_range(const AnalogChain& chain, std::uint32_t rows)
{
    const double largest = chain.pedestal > 0 ? (chain.pedestal + kWeightSteps) / 2 : kWeightSteps;
    return rows * largest * kInputCodes;
}

/// Mean squares of the static errors over converters and columns, for attribution.
void describe_statics(AnalogChain& chain, const converters::Parameters& converters)
{
    if (chain.sources.dac_static) {
        const double lsb = (kInputCodes + 1) / static_cast<double>(1u << std::clamp(converters.dac_bits, 1u, 8u));
        chain.dac_inl_variance = lsb * lsb * converters::inl_bridge_variance(converters.dac_inl);
        chain.dac_offset_variance = lsb * lsb * converters.dac_offset_error * converters.dac_offset_error;
        chain.dac_gain_error = converters.dac_gain_error;
    }
    if (chain.sources.adc_static) {
        chain.adc_inl_variance = converters::inl_bridge_variance(converters.adc_inl);
        chain.adc_offset_variance = converters.adc_offset_error * converters.adc_offset_error;
        chain.adc_gain_error = converters.adc_gain_error;
    }
}

void set_statics(AnalogChain& chain, const Parameters& core, const converters::Parameters& converters,
                 const RunConfig& run, std::uint32_t core_index, const Trims& trims)
{
    auto statics = make_static_errors(core, converters, run, core_index, chain.dither_step, trims);
    if (chain.pedestal > 0) {
        // Every column sees the light that stands for weight 0, and its ADC counts from 0.
        for (float& steps : statics.crosstalk) steps += static_cast<float>(chain.pedestal);
        for (float& offset : statics.adc_offset) offset -= static_cast<float>(chain.adc_codes / 2);
    }
    chain.statics = std::make_shared<const StaticErrors>(std::move(statics));
}

}  // namespace

AnalogChain make_analog_chain(const Parameters& core, const pcm_memory::Parameters& pcm,
                              const converters::Parameters& converters, const RunConfig& run, std::uint32_t core_index)
{
    const LinkBudget link = solve_link_budget(core, pcm);
    const NoiseSources& on = run.noise;
    AnalogChain chain;
    chain.noisy = run.fidelity != Fidelity::ideal;
    chain.device = run.fidelity == Fidelity::device;
    chain.front_end = make_front_end(core, pcm, converters, run);
    chain.converters = chain.noisy || run.quant;
    chain.sources = on;
    chain.seed = run.seed;
    chain.n = core.n;
    chain.adc_codes = 1u << std::clamp(converters.adc_bits, 1u, 20u);
    chain.pga_step_db = converters.pga_step_db;

    const double row_current = link.full_scale_current / core.n;
    const double per_acc = row_current * link.contrast / (kInputCodes * kWeightSteps);
    const double shot = 2.0 * kElectronCharge * link.bandwidth;  // A^2 per A
    chain.current_per_acc = per_acc;
    const bool single = core.cells == Cells::single;
    chain.pedestal = code_pedestal(core, pcm, on.crosstalk);
    chain.dark_cell = single ? chain.pedestal - kWeightSteps : 0;
    chain.modulator_floor = link.modulator_floor;
    chain.ring_shift = 2 * core.ring_shift / core.ring_linewidth;
    chain.common_to_acc =
        (single ? 1.0 : 2.0) * row_current * (1.0 - link.modulator_floor) / (kInputCodes * kCommonCodes) / per_acc;
    chain.modulator_floor_code = kInputCodes * link.modulator_floor / (1.0 - link.modulator_floor);
    chain.cell_floor_code = kCommonCodes * link.cell_floor;
    chain.temperature_coefficient = pcm.temperature_coefficient;
    if (!single) chain.temperature_imbalance = pcm.temperature_imbalance;
    if (on.thermal) chain.thermal_variance = link.thermal_sigma * link.thermal_sigma / (per_acc * per_acc);
    if (on.shot) {
        chain.shot_per_common = shot * chain.common_to_acc / per_acc;
        chain.shot_constant = shot * link.standing_current / (per_acc * per_acc);
    }
    if (on.rin) {
        chain.rin_variance = det::from_db(core.rin_db) * link.bandwidth;
        if (!single) chain.cmrr_leak = det::from_db(-core.cmrr_db);
    }
    if (on.dac) {
        const double range = kInputCodes + 1;
        chain.dac_variance = range * range * excess_noise(converters.dac_enob, converters.dac_bits, converters.dac_inl);
    }
    if (on.adc_noise)
        chain.adc_noise_ratio = std::sqrt(excess_noise(converters.adc_enob, converters.adc_bits, converters.adc_inl));
    chain.dither_step = dither_step(kReach * std::sqrt(chain.dac_variance) + dac_reach(core, converters, on));
    describe_statics(chain, converters);
    if (chain.noisy) set_statics(chain, core, converters, run, core_index, {});
    return chain;
}

namespace {

/// Mean squares of what gain and offset are off over the lines of a core.
struct Remaining {
    double gain2 = 0, offset2 = 0, count = 0;
    void add(const TrimmedError& error)
    {
        gain2 += error.gain * error.gain;
        offset2 += error.offset * error.offset;
        count += 1;
    }
};

}  // namespace

void set_trims(AnalogChain& chain, const Parameters& core, const converters::Parameters& converters,
               const RunConfig& run, std::uint32_t core_index, const Trims& trims)
{
    chain.trims = std::make_shared<const Trims>(trims);
    if (!chain.noisy) return;
    set_statics(chain, core, converters, run, core_index, trims);
    // For attribution: no longer the spread over cards, but what is left on this one.
    Remaining dacs, adcs;
    for (std::uint32_t lane = 0; lane < chain.statics->lanes; ++lane)
        for (std::uint32_t line = 0; line < core.n; ++line) {
            const std::size_t at = std::size_t{lane} * core.n + line;
            const auto dac = converters::dac_curve(converters, {run.seed, core_index, lane, line});
            const auto adc = converters::adc_curve(converters, {run.seed, core_index, lane, line});
            dacs.add(trimmed(dac.gain, dac.offset, trims.dac_gain, trims.dac_offset, at));
            adcs.add(trimmed(adc.gain, adc.offset, trims.adc_gain, trims.adc_offset, at));
        }
    if (chain.sources.dac_static && !trims.dac_gain.empty()) {
        const double lsb = (kInputCodes + 1) / static_cast<double>(1u << std::clamp(converters.dac_bits, 1u, 8u));
        chain.dac_gain_error = std::sqrt(dacs.gain2 / dacs.count);
        chain.dac_offset_variance = lsb * lsb * dacs.offset2 / dacs.count;
    }
    if (chain.sources.adc_static && !trims.adc_gain.empty()) {
        chain.adc_gain_error = std::sqrt(adcs.gain2 / adcs.count);
        chain.adc_offset_variance = adcs.offset2 / adcs.count;
    }
}

ColumnGain column_gain(const AnalogChain& chain, std::uint32_t rows, std::uint32_t requested_range)
{
    const double widest = widest_range(chain, chain.n);
    const double requested =
        std::min(widest, requested_range == 0 ? widest_range(chain, rows) : double(requested_range));
    double range = requested;
    if (chain.pga_step_db > 0) {
        const auto ladder = [&](std::int64_t step) { return widest * det::pow10(-step * chain.pga_step_db / 20.0); };
        auto step = static_cast<std::int64_t>(20.0 * det::log10(widest / requested) / chain.pga_step_db);
        while (step > 0 && ladder(step) < requested) --step;
        while (ladder(step + 1) >= requested) ++step;
        range = ladder(step);
    }
    ColumnGain gain;
    gain.lsb = 2.0 * range / chain.adc_codes;
    gain.digital_gain = std::max<std::int64_t>(1, static_cast<std::int64_t>(gain.lsb * 65536.0 + 0.5));
    return gain;
}

namespace {

/// What the rows of the inputs, taken as exchangeable, make of weight errors.
struct Rows {
    double count, x2, xsum2;

    /// Of errors that are drawn a cell.
    double random(double variance) const { return variance * x2 / count; }
    /// Sum of the products of sum(x a) and sum(x b): a column's means, which multiply sum(x), and a fixed remainder
    /// without correlation to x.
    double product(double coherent, double residual) const
    {
        const double remainder = count > 1 ? residual * (x2 - xsum2 / count) / (count - 1) : 0;
        return coherent * xsum2 / (count * count) + remainder;
    }
    double error(const pcm_memory::StaticError& e) const { return product(e.coherent2, e.residual2); }
    double with_weights(const pcm_memory::StaticError& e) const
    {
        return product(e.weight_coherent2, e.weight_residual2);
    }
};

/// Factors that stand before a weight in the end, and what each is short of 1 in the product of all.
struct Factors {
    double drift, retention, temperature;
    double before;  ///< the product
    double total() const { return drift + retention + temperature; }
};

/// Gains that calibration has set were set against drift and retention together.
Factors factors_of(const pcm_memory::EffectiveTile& tile, double warming)
{
    const double aged = tile.mean_gain() * tile.output_gain;
    const bool set = tile.output_gain != 1;
    return {set ? aged - 1 : tile.drift.gain, set ? 0 : tile.retention.gain, aged * warming, aged * (1 + warming)};
}

/// Errors of the cells, and of what all weights are multiplied by: (T y + F s)^2 with y the product, s the error of the
/// weights as written, F the factor before them and T = F - 1. Of one cell a weight what stands for weight 0 is
/// multiplied too, and nothing takes it off.
void attribute_cells(const AnalogChain& chain, const MvmStats& stats, const pcm_memory::EffectiveTile& tile,
                     double warming, Attribution& result)
{
    const Rows rows{static_cast<double>(tile.rows), static_cast<double>(stats.sum_x2),
                    static_cast<double>(stats.sum_xsum2)};
    const Factors factors = factors_of(tile, warming);
    const double before2 = factors.before * factors.before;
    // Of what is drawn a cell, drift and retention are in already.
    const double random = tile.output_gain2 * (1 + warming) * (1 + warming);
    const double half = factors.total() * factors.before;  // of the cross terms
    const auto as_written = [&](const pcm_memory::StaticError& e) {
        return before2 * rows.error(e) + half * rows.with_weights(e) + random * rows.random(e.random2);
    };
    // The sums were counted behind the errors of writing and what time has left of the weights: sum(x (w + s))^2 F^2.
    const double aged2 = tile.mean_gain() * tile.mean_gain();
    const double written_cross = rows.with_weights(tile.levels) + rows.with_weights(tile.programming);
    const double written_error =
        rows.error(tile.levels) + rows.error(tile.programming) +
        rows.random(tile.programming.random2 + tile.drift.random2 + tile.retention.random2) / aged2;
    result.signal = std::max(0.0, static_cast<double>(stats.sum_y2) / aged2 - 2 * written_cross - written_error);
    result.levels = as_written(tile.levels);
    result.programming = as_written(tile.programming);
    const double cross = factors.before * written_cross;
    double weights = 0;
    for (const std::int32_t sum : tile.column_sum) weights += sum;
    const double sums2 = rows.xsum2 * tile.cols;  // over samples, of sum(x)^2
    const auto multiplied = [&](double factor, double pedestal, const pcm_memory::StaticError& e) {
        const double zero = factor * pedestal, all = factors.total() * pedestal;
        return factor * (factors.total() * result.signal + cross) + zero * all * sums2 +
               (zero * factors.total() + all * factor) * rows.product(weights * rows.count, 0) +
               random * rows.random(e.random2);
    };
    const double written = chain.pedestal > 0 ? kWeightSteps : 0;  // what drifts of it: the cell, not T_min
    result.drift = multiplied(factors.drift, written, tile.drift);
    result.retention = multiplied(factors.retention, written, tile.retention);
    result.temperature = multiplied(factors.temperature, chain.pedestal, {});
    result.wear = rows.error(tile.wear);
}

/// Rows taken as exchangeable; `inputs` = how many codes the sums of the statistics run over.
double dac_static(const AnalogChain& chain, const MvmStats& stats, double inputs)
{
    const double x = static_cast<double>(stats.sum_x), x2 = static_cast<double>(stats.sum_x2);
    const double error2 = chain.dac_inl_variance * (x / kInputCodes - x2 / (kInputCodes * kInputCodes)) +
                          chain.dac_offset_variance * inputs + chain.dac_gain_error * chain.dac_gain_error * x2;
    return inputs > 0 ? error2 / inputs * static_cast<double>(stats.sum_norm2) / 65536.0 : 0;
}

}  // namespace

namespace {

/// Light at code 0 was calibrated away as it was then; it changes with all light, and more with modulators off their
/// operating point: (T y + f m sum(w))^2 less (T y)^2.
double floor_error(const AnalogChain& chain, const MvmStats& stats, const pcm_memory::EffectiveTile& tile,
                   std::uint64_t vectors, const HeatedLight& heated)
{
    const double more = heated.change + (1 + heated.change) * heated.floor;
    double floor2 = 0;
    for (const std::int32_t sum : tile.column_sum) floor2 += std::pow(chain.modulator_floor_code * sum, 2);
    floor2 *= static_cast<double>(vectors);
    const double y2 = static_cast<double>(stats.sum_y2);
    const double both = (static_cast<double>(stats.sum_lit2) - y2 - floor2) / 2;
    return more * more * floor2 + 2 * heated.change * more * both;
}

}  // namespace

Attribution attribute(const AnalogChain& chain, const MvmStats& stats, const pcm_memory::EffectiveTile& tile,
                      std::uint64_t vectors, const HeatedLight& heated)
{
    const double samples = static_cast<double>(vectors) * tile.cols;
    const double common_power = static_cast<double>(stats.sum_common2) * chain.common_to_acc * chain.common_to_acc;
    Attribution result;
    result.results = samples;
    attribute_cells(chain, stats, tile, heated.change, result);
    const double gain2 = tile.output_gain2;                                 // of everything before the ADC
    const double lit2 = gain2 * (1 + heated.change) * (1 + heated.change);  // and of everything in the light
    const double path2 = static_cast<double>(stats.sum_shortfall2) * 0x1p-16;
    const double path = samples > 0 ? static_cast<double>(stats.sum_shortfall) * 0x1p-16 / samples : 0;
    result.thermal = gain2 * chain.thermal_variance * path2;
    result.shot = gain2 * ((1 + heated.change) * chain.shot_per_common * static_cast<double>(stats.sum_common) * path +
                           chain.shot_constant * path2);
    // Of one cell a weight nothing of the light is balanced.
    const double unbalanced2 = chain.pedestal > 0 ? common_power : static_cast<double>(stats.sum_lit2);
    result.rin = lit2 * chain.rin_variance * (unbalanced2 + chain.cmrr_leak * common_power);
    result.dac = lit2 * chain.dac_variance * static_cast<double>(stats.sum_norm2) / 65536.0;
    const double lsb2 = static_cast<double>(stats.sum_lsb2) * 0x1p-32;
    result.adc_noise = chain.adc_noise_ratio * chain.adc_noise_ratio * lsb2 * chain.adc_codes * chain.adc_codes;
    if (chain.converters && chain.sources.adc_quantisation) result.adc_quantisation = lsb2 / 12.0;
    result.read = lit2 * static_cast<double>(stats.sum_read) * ReadNoise::unit(chain, tile);
    result.dac_static = lit2 * dac_static(chain, stats, tile.rows * static_cast<double>(vectors));
    // An INL at y is that of a bridge: widest in the middle of the range, nothing at its ends.
    const double y2 = gain2 * static_cast<double>(stats.sum_y2), codes = chain.adc_codes;
    result.clipping = static_cast<double>(stats.sum_clip2);
    result.adc_static = chain.adc_inl_variance * std::max(0.0, lsb2 / 4 - y2 / (codes * codes)) +
                        chain.adc_offset_variance * lsb2 + chain.adc_gain_error * chain.adc_gain_error * y2;
    result.temperature += gain2 * heated.tilt * heated.tilt * common_power;
    if (heated.change != 0 || heated.floor != 0) result.temperature += floor_error(chain, stats, tile, vectors, heated);
    if (chain.statics) {
        const double lanes = chain.statics->lane_crosstalk * chain.statics->lane_crosstalk;
        const double neighbours = chain.statics->lanes > 1 ? 2.0 - 2.0 / chain.statics->lanes : 0;
        double offsets2 = 0;  // those of this card, not of the average card: a few columns are not an average
        for (std::uint32_t c = 0; c < tile.cols; ++c)
            offsets2 += std::pow(static_cast<double>(chain.statics->crosstalk[c]) - chain.pedestal, 2);
        result.crosstalk =
            neighbours * lanes * lit2 / gain2 * y2 + lit2 * offsets2 * static_cast<double>(stats.sum_xsum2);
    }
    return result;
}

Attribution averaged(const Attribution& samples, const Averaging& over)
{
    const double divisor = over.passes * over.row_copies * over.col_copies;
    const double own = over.scale2 / (divisor * divisor);  // a draw for every sample
    const double by_pass = own * over.passes;              // the same in every pass: what the cells and converters are
    const double by_column = own * over.col_copies;        // the same in every column: what the light brings along
    const double shared = by_pass * over.col_copies;
    Attribution result;
    result.levels = samples.levels * shared * over.row_copies;
    result.programming = samples.programming * by_pass;
    result.drift = samples.drift * by_pass;
    result.thermal = samples.thermal * own;
    result.shot = samples.shot * own;
    result.rin = samples.rin * by_column;
    result.dac = samples.dac * by_column;
    result.adc_noise = samples.adc_noise * own;
    result.adc_quantisation = samples.adc_quantisation * own;
    result.dac_static = samples.dac_static * shared;
    result.adc_static = samples.adc_static * by_pass;
    result.crosstalk = samples.crosstalk * shared;
    result.read = samples.read * own;
    result.wear = samples.wear * by_pass;
    result.retention = samples.retention * by_pass;
    result.temperature = samples.temperature * shared;
    result.clipping = samples.clipping * shared;
    result.signal = samples.signal * shared;
    result.results = samples.results / (over.passes * over.col_copies);
    return result;
}

}  // namespace lightcard::photonic_core
