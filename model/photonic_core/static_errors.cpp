// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/static_errors.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/converters/transfer_curve.h"
#include "lightcard/model/photonic_core/link_budget.h"

namespace lightcard::photonic_core {
namespace {

constexpr std::uint32_t kCodes = 256;  ///< input codes

/// Largest the gaussian draws of a gain or an offset are taken to be when room is made for them.
constexpr double kExtreme = 5;

double dac_lsb(const converters::Parameters& converters)
{
    return kCodes / static_cast<double>(1u << std::clamp(converters.dac_bits, 1u, 8u));
}

std::vector<std::int8_t> dac_table(const StaticErrors& errors, const converters::Parameters& converters,
                                   std::uint64_t seed, std::uint32_t core_index, double dither_step, const Trims& trims)
{
    std::vector<std::int8_t> table;
    table.reserve(std::size_t{errors.lanes} * errors.n * kCodes);
    const double lsb = dac_lsb(converters);
    for (std::uint32_t lane = 0; lane < errors.lanes; ++lane)
        for (std::uint32_t row = 0; row < errors.n; ++row) {
            const auto curve = converters::dac_curve(converters, {seed, core_index, lane, row});
            const auto left =
                trimmed(curve.gain, curve.offset, trims.dac_gain, trims.dac_offset, std::size_t{lane} * errors.n + row);
            for (std::uint32_t code = 0; code < kCodes; ++code) {
                const double error = (curve.inl[code] + left.offset) * lsb + left.gain * code;
                table.push_back(
                    static_cast<std::int8_t>(std::clamp(std::floor(error / dither_step + 0.5), -128.0, 127.0)));
            }
        }
    return table;
}

void read_adc_curves(StaticErrors& errors, const converters::Parameters& converters, std::uint64_t seed,
                     std::uint32_t core_index, const Trims& trims)
{
    for (std::uint32_t lane = 0; lane < errors.lanes; ++lane)
        for (std::uint32_t column = 0; column < errors.n; ++column) {
            const auto curve = converters::adc_curve(converters, {seed, core_index, lane, column});
            const auto left = trimmed(curve.gain, curve.offset, trims.adc_gain, trims.adc_offset,
                                      std::size_t{lane} * errors.n + column);
            errors.adc_gain.push_back(static_cast<float>(1 + left.gain));
            errors.adc_offset.push_back(static_cast<float>(left.offset));
            if (converters.adc_inl > 0)
                for (const double knot : curve.inl) errors.adc_inl.push_back(static_cast<float>(knot));
        }
}

}  // namespace

std::vector<float> crosstalk_draws(std::uint64_t seed, std::uint32_t core_index, std::uint32_t n)
{
    std::vector<std::uint32_t> words(4 * std::size_t{n});
    static_words({seed, 0, core_index, 0, 0}, NoiseSource::crosstalk, n, words.data());
    std::vector<float> draws(n);
    gaussian(words.data(), draws.data(), n);
    return draws;
}

double path_gain(const Parameters& core, std::uint32_t lane, std::uint32_t column)
{
    return det::from_db(-path_penalty_db(core, lane, column));
}

double dac_reach(const Parameters& core, const converters::Parameters& converters, const NoiseSources& on)
{
    double reach = 0;
    if (on.dac_static)
        reach += (2 * converters.dac_inl + kExtreme * converters.dac_offset_error) * dac_lsb(converters) +
                 kExtreme * converters.dac_gain_error * kCodes;
    if (on.crosstalk && core.lanes > 1) reach += 2 * det::from_db(core.lane_crosstalk_db) * kCodes;
    return reach;
}

TrimmedError trimmed(double gain, double offset, const std::vector<float>& gains, const std::vector<float>& offsets,
                     std::size_t at)
{
    if (at >= gains.size() || at >= offsets.size()) return {gain, offset};
    return {(1 + gain) * (1 + static_cast<double>(gains[at])) - 1, offset + static_cast<double>(offsets[at])};
}

StaticErrors make_static_errors(const Parameters& core, const converters::Parameters& converters, const RunConfig& run,
                                std::uint32_t core_index, double dither_step, const Trims& trims)
{
    StaticErrors errors;
    errors.lanes = std::max(1u, core.lanes);
    errors.n = core.n;
    for (std::uint32_t lane = 0; lane < errors.lanes; ++lane)
        for (std::uint32_t column = 0; column < core.n; ++column) {
            const double gain = path_gain(core, lane, column);
            errors.shortfall.push_back(static_cast<float>(1 / gain));
            errors.shortfall2.push_back(static_cast<float>(1 / (gain * gain)));
        }
    const bool dac = converters.dac_inl > 0 || converters.dac_gain_error > 0 || converters.dac_offset_error > 0;
    if (run.noise.dac_static && dac && dither_step > 0)
        errors.dac = dac_table(errors, converters, run.seed, core_index, dither_step, trims);
    if (run.noise.adc_static) {
        read_adc_curves(errors, converters, run.seed, core_index, trims);
    } else {
        errors.adc_gain.assign(errors.shortfall.size(), 1.0F);
        errors.adc_offset.assign(errors.shortfall.size(), 0.0F);
    }
    errors.crosstalk.assign(core.n, 0.0F);
    if (run.noise.crosstalk) {
        errors.crosstalk = crosstalk_draws(run.seed, core_index, core.n);
        for (float& offset : errors.crosstalk) offset *= static_cast<float>(127 * core.crosstalk_residual);
        errors.crossing_leak = crossing_leak(core);
        if (errors.lanes > 1) errors.lane_crosstalk = det::from_db(core.lane_crosstalk_db);
    }
    return errors;
}

}  // namespace lightcard::photonic_core
