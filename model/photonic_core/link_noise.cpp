// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/link_noise.h"

#include <cmath>

#include "lightcard/model/common/det_math.h"

namespace lightcard::photonic_core {
namespace {

constexpr double kWorkloadRows = 128;  ///< Workload::signal is of this many terms

/// Receiver noise of one sample by the full-scale current I: constant + linear I. (Intensity noise, which grows with
/// I^2, belongs to the chain: no laser power changes its ratio to the signal.)
struct ReceiverNoise {
    double constant, linear;
};

ReceiverNoise receiver_noise_of(const Parameters& core, const LinkBudget& link, const Workload& workload)
{
    const double shot = 2.0 * kElectronCharge * link.bandwidth;
    ReceiverNoise noise{link.thermal_sigma * link.thermal_sigma + shot * link.standing_current, 0};
    if (core.combining != Combining::coherent_homodyne) {
        noise.linear = shot * workload_direct(core, link, workload);
        return noise;
    }
    const double balance = core.responsivity * core.local_oscillator_power;
    noise.constant += det::from_db(core.rin_db) * link.bandwidth * det::from_db(-core.cmrr_db) * balance * balance;
    return noise;
}

/// Steps of a uniform quantiser of this many effective bits, as variance / full range^2.
double quantiser(double bits)
{
    return det::exp(-2.0 * bits * det::log(2.0)) / 12.0;
}

}  // namespace

Workload clipped_workload(double sigmas)
{
    const double tail = det::normal_cdf(-sigmas), density = det::normal_pdf(sigmas);
    const double mean = det::normal_pdf(0) - density + sigmas * tail;
    const double square = 0.5 - tail - sigmas * density + sigmas * sigmas * tail;  // of one half of the normal
    Workload workload{};
    workload.mean_input = workload.mean_weight = mean / sigmas;
    workload.rms_input = std::sqrt(square) / sigmas;
    workload.rms_weight = std::sqrt(2.0 * square) / sigmas;
    workload.signal = workload.rms_input * workload.rms_weight / std::sqrt(kWorkloadRows);
    return workload;
}

Workload anchor_workload()
{
    Workload workload = clipped_workload(2.5);
    workload.signal = 0.0100;
    workload.mean_input = workload.mean_weight = std::sqrt(0.0489 / 2.0);
    return workload;
}

double workload_signal(const Parameters& core, const Workload& workload)
{
    return workload.signal * std::sqrt(kWorkloadRows / core.n);
}

double workload_direct(const Parameters& core, const LinkBudget& link, const Workload& workload)
{
    const double modulator = link.modulator_floor + (1.0 - link.modulator_floor) * workload.mean_input;
    if (core.cells == Cells::routing) return modulator;  // T and 1 - T: all of it arrives
    // One cell: half open in the mean, and one arm of it.
    if (core.cells == Cells::single) return modulator * (1.0 + link.cell_floor) / 2.0;
    const double cell = link.cell_floor + (1.0 - link.cell_floor) * workload.mean_weight;
    return 2.0 * modulator * cell;
}

double receiver_snr_db(const Parameters& core, const LinkBudget& link, const Workload& workload)
{
    const ReceiverNoise noise = receiver_noise_of(core, link, workload);
    const double current = link.full_scale_current;
    const double signal = workload_signal(core, workload) * link.contrast * current;
    return det::to_db(signal * signal / (noise.constant + noise.linear * current));
}

double receiver_snr_db(const Parameters& core, const pcm_memory::Parameters& pcm, const Workload& workload)
{
    return receiver_snr_db(core, solve_link_budget(core, pcm), workload);
}

std::vector<NoiseTerm> workload_noise(const Parameters& core, const pcm_memory::Parameters& pcm,
                                      const converters::Parameters& converters, const Workload& workload)
{
    const LinkBudget link = solve_link_budget(core, pcm);
    const double shot = 2.0 * kElectronCharge * link.bandwidth;
    const double rin = det::from_db(core.rin_db) * link.bandwidth;
    const bool single = core.cells == Cells::single;
    const double leak = single ? 1.0 : det::from_db(-core.cmrr_db);  // nothing to balance against
    const double y = workload_signal(core, workload) * link.contrast * link.full_scale_current;
    const double y2 = y * y;
    const double direct = workload_direct(core, link, workload) * link.direct_full_scale;
    const bool coherent = core.combining == Combining::coherent_homodyne;
    const double oscillator = coherent ? core.responsivity * core.local_oscillator_power : 0.0;
    const double x2 = workload.rms_input * workload.rms_input, w2 = workload.rms_weight * workload.rms_weight;
    // A single cell's range holds both signs of a weight.
    const double step = (single ? 2.0 : 1.0) / ((1u << pcm.level_bits) - 1);
    const double cells = single ? 4.0 : 2.0;
    const double spread = 1.0 - det::exp(-core.phase_error * core.phase_error);
    // Of the rms product; a single cell's ADC spans from dark to twice the mean light.
    const double range = single ? 2.0 * direct / y : 2.0 * converters.adc_range_sigmas;
    std::vector<NoiseTerm> terms = {
        {"amplifier", link.thermal_sigma * link.thermal_sigma, true},
        {"shot of the light", shot * direct, true},
        {"dark current", shot * (link.standing_current - oscillator), true},
    };
    if (coherent) {
        terms.push_back({"local oscillator shot", shot * oscillator, true});
        terms.push_back({"local oscillator intensity", rin * leak * oscillator * oscillator, true});
        terms.push_back({"phase errors", y2 * spread * spread / (2.0 * (1.0 - spread)), false});
    }
    const NoiseTerm others[] = {
        {"laser intensity, balanced", rin * y2, false},
        {"laser intensity, common mode", rin * leak * direct * direct, false},
        {"lane crosstalk", y2 * 2.0 * det::from_db(2.0 * core.lane_crosstalk_db), false},
        {"crossing crosstalk", y2 * core.crosstalk_residual * core.crosstalk_residual / w2, false},
        {"cell levels", y2 * step * step / 12.0 / w2, false},
        {"cell programming", y2 * cells * pcm.programming_sigma * pcm.programming_sigma / w2, false},
        {"DAC", y2 * quantiser(converters.dac_enob) / x2, false},
        {"ADC", y2 * range * range * quantiser(converters.adc_enob), false},
    };
    terms.insert(terms.end(), std::begin(others), std::end(others));
    return terms;
}

SnrPair workload_snr(const Parameters& core, const pcm_memory::Parameters& pcm,
                     const converters::Parameters& converters, const Workload& workload)
{
    const LinkBudget link = solve_link_budget(core, pcm);
    const double y = workload_signal(core, workload) * link.contrast * link.full_scale_current;
    double receiver = 0, chain = 0;
    for (const NoiseTerm& term : workload_noise(core, pcm, converters, workload)) {
        chain += term.variance;
        if (term.receiver) receiver += term.variance;
    }
    return {det::to_db(y * y / receiver), det::to_db(y * y / chain)};
}

Result<double> solve_row_power(const Parameters& core, const pcm_memory::Parameters& pcm, double target_db,
                               const Workload& workload)
{
    if (!std::isfinite(target_db) || std::abs(target_db) > 200)
        return Error{"a signal-to-noise ratio of " + std::to_string(target_db) + " dB", "", "between -200 and 200 dB"};
    const LinkBudget link = solve_link_budget(core, pcm);
    const ReceiverNoise noise = receiver_noise_of(core, link, workload);
    const double signal = workload_signal(core, workload) * link.contrast;
    const double a = signal * signal / det::from_db(target_db);  // a I^2 = constant + linear I
    const double current =
        (noise.linear + std::sqrt(noise.linear * noise.linear + 4.0 * a * noise.constant)) / (2.0 * a);
    const double ratio = current / link.full_scale_current;
    return core.row_power * (core.combining == Combining::coherent_homodyne ? ratio * ratio : ratio);
}

double equivalent_bits(double snr_db)
{
    return 1.21 + snr_db / 6.02;
}

}  // namespace lightcard::photonic_core
