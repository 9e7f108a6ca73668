// SPDX-License-Identifier: Apache-2.0
/// A resonant modulator off its operating point. A ring's transmission is a notch, 1 - (1 - t)/(1 + u^2), u = distance
/// from its resonance in half linewidths. Code 0 lies on the resonance (u = 0, t from the extinction), the brightest
/// code one linewidth beside it (u = 2). The lock holds the laser there; what it does not follow when the die warms is
/// a shift of both. Between the two codes the answer is taken as linear. Notch and drive: Bogaerts et al., Laser
/// Photonics Rev. 6:47, 2012; shift: 0.08 nm/K in silicon.
#pragma once

#include <algorithm>

namespace lightcard::photonic_core {

struct RingLight {
    double slope = 1;  ///< of the light between darkest and brightest code, over that at the operating point
    double floor = 0;  ///< light at code 0, of the brightest at the operating point
};

/// `floor`: 1 / extinction; `shift`: of the resonance towards the brightest code, in half linewidths.
inline RingLight ring_light(double floor, double shift)
{
    if (shift == 0) return {1, floor};
    constexpr double kDrive = 2, kBeside = 1 / (1 + kDrive * kDrive), kLeastSlope = 0.01;
    const double notch = (1 - kBeside) * floor / (1 - kBeside * floor);
    const auto at = [&](double u) { return 1 - (1 - notch) / (1 + u * u); };
    const double brightest = at(kDrive), dark = at(shift), bright = at(kDrive + shift);
    return {std::max(kLeastSlope, (bright - dark) / (brightest - at(0))), dark / brightest};
}

}  // namespace lightcard::photonic_core
