// SPDX-License-Identifier: Apache-2.0
/// Data sheet of the board's power tree.
#pragma once

namespace lightcard::power {

struct Parameters {
    double fixed_power = 8.0;      ///< W: clocks, control CPU, leakage, bias, thermoelectric control
    double vrm_efficiency = 0.90;  ///< voltage regulators
    double fan_power = 2.5;        ///< W, not through the regulators
};

}  // namespace lightcard::power
