// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/electrical_ibm.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/common/det_math.h"

namespace lightcard::pcm_memory {

namespace {

double quadratic(const double (&c)[3], double x)
{
    return c[0] + (c[1] + c[2] * x) * x;
}

double power(double base, double exponent)
{
    return det::exp(exponent * det::log(base));
}

}  // namespace

double ElectricalPcm::programming_sigma(double g) const
{
    return quadratic(programming, g) / g_max;
}

double ElectricalPcm::drift_mean(double g) const
{
    return std::clamp(nu_slope * det::log(g) + nu_offset, nu_low, nu_high);
}

double ElectricalPcm::drift_sigma(double g) const
{
    return std::clamp(nu_sigma_slope * det::log(g) + nu_sigma_offset, nu_sigma_low, nu_sigma_high);
}

double ElectricalPcm::drift_factor(double nu, double seconds) const
{
    return power(seconds / drift_t0, -nu);
}

double ElectricalPcm::read_sigma(double g, double seconds) const
{
    const double scale = std::min(read_scale * power(g, read_power), read_limit);
    return scale * std::sqrt(det::log((seconds + read_time) / (2.0 * read_time)));
}

double JoshiFit::programming_sigma(double g) const
{
    return quadratic(programming, g * g_max) / g_max;
}

}  // namespace lightcard::pcm_memory
