// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/error_sources.h"

namespace lightcard::report {

std::vector<ErrorSource> error_sources(const photonic_core::Attribution& error)
{
    return {{"levels", "levels", error.levels},
            {"programming", "programming", error.programming},
            {"drift", "drift", error.drift},
            {"thermal", "thermal", error.thermal},
            {"shot", "shot", error.shot},
            {"rin", "rin", error.rin},
            {"dac", "dac", error.dac},
            {"adc_noise", "adc noise", error.adc_noise},
            {"adc_quantisation", "adc steps", error.adc_quantisation},
            {"dac_static", "dac curves", error.dac_static},
            {"adc_static", "adc curves", error.adc_static},
            {"crosstalk", "crosstalk", error.crosstalk},
            {"read", "cell read", error.read},
            {"wear", "failed cells", error.wear},
            {"retention", "retention", error.retention},
            {"temperature", "temperature", error.temperature},
            {"clipping", "clipping", error.clipping}};
}

}  // namespace lightcard::report
