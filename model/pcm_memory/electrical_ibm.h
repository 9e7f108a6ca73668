// SPDX-License-Identifier: Apache-2.0
/// Statistics of electrical phase-change cells, for contrast with optical read-out and as a check of our generators:
/// two published fits. Conductance g is a fraction of g_max = 25 uS.
///   IBM aihwkit, PCM model (fit of a million devices; programming, drift, read noise)
///   CrossSim, PCM_Joshi (after Joshi et al., Nat. Commun. 11:2473, 2020; programming)
#pragma once

namespace lightcard::pcm_memory {

/// Coefficients as published; members so that a test can break one.
struct ElectricalPcm {
    double g_max = 25.0;                                 ///< uS
    double programming[3] = {0.26348, 1.9650, -1.1731};  ///< uS: c0 + c1 g + c2 g^2
    double nu_slope = -0.0155, nu_offset = 0.0244;       ///< mean drift exponent, of ln g
    double nu_low = 0.049, nu_high = 0.1;
    double nu_sigma_slope = -0.0125, nu_sigma_offset = -0.0059;
    double nu_sigma_low = 0.008, nu_sigma_high = 0.045;
    double drift_t0 = 20.0;  ///< s
    double read_scale = 0.0088, read_power = -0.65, read_limit = 0.2;
    double read_time = 250e-9;  ///< s

    /// Standard deviation after programming, of g_max.
    double programming_sigma(double g) const;
    double drift_mean(double g) const;
    double drift_sigma(double g) const;
    /// Mean conductance t seconds after programming / the one at t0, for exponent nu: (t/t0)^-nu.
    double drift_factor(double nu, double seconds) const;
    /// Standard deviation of one read, of g itself.
    double read_sigma(double g, double seconds) const;
};

/// The second fit: standard deviation after programming, of g_max; quadratic in the conductance in uS.
struct JoshiFit {
    double g_max = 25.0;  ///< uS
    double programming[3] = {0.28638599, 0.07585724, -0.00178767};
    double programming_sigma(double g) const;
};

}  // namespace lightcard::pcm_memory
