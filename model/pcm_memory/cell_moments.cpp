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

double read_sigma(double read_noise, double power, double contrast)
{
    return contrast > 0 ? read_noise * det::exp(power * det::log(contrast)) : (power == 0 ? read_noise : 0);
}

}  // namespace lightcard::pcm_memory
