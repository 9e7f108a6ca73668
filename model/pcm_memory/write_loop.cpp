// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/write_loop.h"

#include <algorithm>
#include <cstdlib>

namespace lightcard::pcm_memory {
namespace {

double first_error(const Parameters& parameters, double contrast)
{
    return parameters.pulse_sigma * 4 * contrast * (1 - contrast);
}

}  // namespace

std::uint32_t pulses(const Parameters& parameters, double contrast)
{
    std::uint32_t count = 1;
    for (double error = first_error(parameters, contrast);
         error > parameters.programming_sigma && count < parameters.verify_iterations; ++count)
        error *= parameters.pulse_gain;
    return count;
}

double programming_sigma(const Parameters& parameters, double contrast)
{
    if (!(parameters.programming_sigma > 0)) return 0;  // asked for: perfect
    double error = first_error(parameters, contrast);
    for (std::uint32_t count = 1; error > parameters.programming_sigma && count < parameters.verify_iterations; ++count)
        error *= parameters.pulse_gain;
    return std::max(error, parameters.programming_sigma);
}

}  // namespace lightcard::pcm_memory
