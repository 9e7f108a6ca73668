// SPDX-License-Identifier: Apache-2.0
/// Data sheet of the board's power tree.
#pragma once

#include <cstdint>

#include "lightcard/model/common/time.h"

namespace lightcard::power {

struct Parameters {
    double fixed_power = 8.0;      ///< W: clocks, control CPU, leakage, bias, thermoelectric control
    double vrm_efficiency = 0.90;  ///< voltage regulators
    double fan_power = 2.5;        ///< W, not through the regulators

    // Power states (PWR_CTRL).
    double light_sleep_power = 3.5;            ///< W instead of fixed_power
    double deep_sleep_power = 1.0;             ///< W instead of fixed_power; the fan stands
    Picoseconds idle_wake = 1 * kMicrosecond;  ///< doorbell to first fetch
    Picoseconds light_sleep_wake = 20 * kMicrosecond;
    Picoseconds deep_sleep_wake = 2 * kMillisecond;

    // Temperature (run.thermal = loop): photonic die with the electronics on it, heat sink, air. C and K/W.
    double air_temperature = 30;
    double calibration_temperature = 35;  ///< of the die when it was calibrated at the factory
    double die_resistance = 0.05;         ///< die to heat sink, a core
    Picoseconds die_time = 5 * kMillisecond;
    double sink_resistance = 0.15;  ///< heat sink to air, a core
    Picoseconds sink_time = 30 * kSecond;
    double standing_heat = 2.0;  ///< W of a core's die at rest: leakage
    double throttle_temperature = 85;
    std::uint32_t throttle_divider = 2;  ///< of the symbol rate, above it
};

}  // namespace lightcard::power
