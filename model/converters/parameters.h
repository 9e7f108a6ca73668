// SPDX-License-Identifier: Apache-2.0
/// Data sheet of the converter arrays: n x lanes DACs with their modulators, n x lanes balanced receivers with ADCs.
#pragma once

#include <cstdint>

namespace lightcard::converters {

struct Parameters {
    // Transmit side.
    std::uint32_t dac_bits = 8;
    double dac_enob = 6.5;               ///< effective bits at the symbol rate (noise and distortion)
    double dac_inl = 0.5;                ///< LSB, largest deviation; counted inside dac_enob
    double dac_gain_error = 0;           ///< rms over the DACs, what trimming leaves
    double dac_offset_error = 0;         ///< LSB rms, what trimming leaves
    double dac_energy = 2.0e-12;         ///< J a sample
    double modulator_energy = 0.15e-12;  ///< J a sample
    double modulator_tuning = 1.0e-3;    ///< W static, a modulator, while its lane is lit
    // Receive side.
    std::uint32_t adc_bits = 8;
    double adc_enob = 6.6;
    double adc_inl = 0;             ///< LSB, largest deviation; counted inside adc_enob
    double adc_gain_error = 0;      ///< rms over the ADCs, what trimming leaves
    double adc_offset_error = 0;    ///< LSB rms, what trimming leaves
    double adc_energy = 2.4e-12;    ///< J a sample
    double tia_energy = 0.5e-12;    ///< J a sample
    double pga_step_db = 1.0;       ///< programmable-gain step; ranges are rounded up to one
    double adc_range_sigmas = 4.0;  ///< full scale = +- this many rms of the column, from calibration
    // Area, m^2 each.
    double dac_area = 0.011e-6;
    double modulator_area = 0.05e-6;
    double tia_area = 0.005e-6;  ///< with its photodiode pair
    double adc_area = 0.009e-6;
};

}  // namespace lightcard::converters
