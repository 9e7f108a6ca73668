// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/exposure.h"

#include <algorithm>

#include "lightcard/model/common/det_math.h"

namespace lightcard::pcm_memory {
namespace {

constexpr double kBoltzmann = 8.617333262e-5;  ///< eV/K
constexpr double kZeroCelsius = 273.15;
constexpr double kLn2 = 0.693147180559945309417;
constexpr double kMostLost = 700;    ///< exponent, that nothing underflows
constexpr double kFurthest = 6.4;    ///< no normal draw is further out
constexpr double kInvisible = 1e-6;  ///< of contrast: a thirtieth of what an effective weight resolves

}  // namespace

double arrhenius(double energy, double temperature, double reference)
{
    const double there = 1.0 / (kZeroCelsius + reference), here = 1.0 / (kZeroCelsius + temperature);
    // Nothing on a card gets near the limits; they keep the clock finite whatever a configuration says.
    return det::exp(std::clamp(energy / kBoltzmann * (there - here), -60.0, 60.0));
}

Exposure expose(const Parameters& parameters, double seconds, double temperature)
{
    if (!(seconds > 0)) return {};
    return {seconds * arrhenius(parameters.relaxation_energy, temperature, parameters.reference_temperature),
            seconds * arrhenius(parameters.retention_energy, temperature, parameters.retention_temperature)};
}

RetentionModel make_retention(const Parameters& parameters, const Exposure& exposure)
{
    if (!(exposure.retention > 0)) return {};
    const double times = exposure.retention / parameters.retention_time;
    const RetentionModel model{det::exp(parameters.retention_exponent * det::log(times)),
                               parameters.retention_exponent * parameters.retention_spread};
    // The cell that loses most.
    return kLn2 * model.amount * det::exp(model.spread * kFurthest) < kInvisible ? RetentionModel{} : model;
}

double retention_factor(const RetentionModel& retention, double normal)
{
    return det::exp(-std::min(kMostLost, kLn2 * retention.amount * det::exp(-retention.spread * normal)));
}

void retention_factors(const RetentionModel& retention, const float* normals, std::size_t count, double* factors)
{
    for (std::size_t i = 0; i < count; ++i) factors[i] = -retention.spread * static_cast<double>(normals[i]);
    det::exp_each(factors, count);
    for (std::size_t i = 0; i < count; ++i) factors[i] = -std::min(kMostLost, kLn2 * retention.amount * factors[i]);
    det::exp_each(factors, count);
}

Moments retention_moments(const RetentionModel& retention)
{
    if (!(retention.amount > 0)) return {};
    // The trapezoid rule converges exponentially for a smooth function under a normal density.
    constexpr int kPoints = 128;
    double weight = 0, first = 0, second = 0;
    for (int i = -kPoints; i <= kPoints; ++i) {
        const double g = i * (8.0 / kPoints), density = det::normal_pdf(g);
        const double factor = retention_factor(retention, g);
        weight += density;
        first += density * factor;
        second += density * factor * factor;
    }
    first /= weight;
    return {first - 1, std::max(0.0, second / weight - first * first)};
}

}  // namespace lightcard::pcm_memory
