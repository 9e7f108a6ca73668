// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/cell_moments.h"

#include <algorithm>

#include "lightcard/model/common/det_math.h"

namespace lightcard::pcm_memory {

Moments clamped_error(double target, double sigma)
{
    if (!(sigma > 0)) return {};
    // e = sigma clamp(g, -a, b); integrals of g and g^2 between the ends, point masses at them.
    const double a = target / sigma, b = (1.0 - target) / sigma;
    const double below = det::normal_cdf(-a), above = det::normal_cdf(-b);
    const double density_a = det::normal_pdf(a), density_b = det::normal_pdf(b);
    const double mean = (density_a - density_b) - a * below + b * above;
    const double square = (1.0 - below - above) - a * density_a - b * density_b + a * a * below + b * b * above;
    return {sigma * mean, sigma * sigma * std::max(0.0, square - mean * mean)};
}

Moments clipped_at_zero(double mean, double sigma)
{
    if (!(sigma > 0)) return {std::max(0.0, mean), 0};
    const double z = mean / sigma;
    const double cdf = det::normal_cdf(z), pdf = det::normal_pdf(z);
    const double first = mean * cdf + sigma * pdf;
    const double second = (mean * mean + sigma * sigma) * cdf + mean * sigma * pdf;
    return {first, std::max(0.0, second - first * first)};
}

DriftModel make_drift(const Parameters& parameters, double age)
{
    DriftModel drift{parameters.drift_law, parameters.drift_nu, parameters.drift_nu_sigma, 0};
    if (!(age > 0)) return drift;
    drift.log_age = drift.law == DriftLaw::power ? std::max(0.0, det::log(age / parameters.drift_t0))
                                                 : det::log(1.0 + age / parameters.drift_t0);
    return drift;
}

double drift_factor(const DriftModel& drift, double normal)
{
    const double nu = std::max(0.0, drift.nu + drift.nu_sigma * normal);
    return drift.law == DriftLaw::power ? det::exp(-nu * drift.log_age) : 1.0 + nu * drift.log_age;
}

void drift_factors(const DriftModel& drift, const float* normals, std::size_t count, double* factors)
{
    const bool power = drift.law == DriftLaw::power;
    for (std::size_t i = 0; i < count; ++i) {
        const double nu = std::max(0.0, drift.nu + drift.nu_sigma * static_cast<double>(normals[i]));
        factors[i] = power ? -nu * drift.log_age : 1.0 + nu * drift.log_age;
    }
    if (power) det::exp_each(factors, count);
}

namespace {

/// E[exp(-a max(0, mean + sigma g))].
double mean_decay(double mean, double sigma, double a)
{
    if (!(sigma > 0)) return det::exp(-a * std::max(0.0, mean));
    const double z = mean / sigma, shift = a * sigma;
    return det::normal_cdf(-z) + det::exp(shift * shift / 2 - a * mean) * det::normal_cdf(z - shift);
}

}  // namespace

Moments drift_moments(const DriftModel& drift)
{
    if (drift.law == DriftLaw::power) {
        const double first = mean_decay(drift.nu, drift.nu_sigma, drift.log_age);
        const double second = mean_decay(drift.nu, drift.nu_sigma, 2 * drift.log_age);
        return {first - 1, std::max(0.0, second - first * first)};
    }
    const Moments nu = clipped_at_zero(drift.nu, drift.nu_sigma);
    return {nu.mean * drift.log_age, nu.variance * drift.log_age * drift.log_age};
}

double read_sigma(double read_noise, double power, double contrast)
{
    return contrast > 0 ? read_noise * det::exp(power * det::log(contrast)) : (power == 0 ? read_noise : 0);
}

}  // namespace lightcard::pcm_memory
