// SPDX-License-Identifier: Apache-2.0
/// Noise on a typical product, by source, and the laser that a signal-to-noise ratio asks for.
/// "Receiver SNR" counts amplifier, shot, dark current and local oscillator; "chain SNR" counts everything.
/// The simulator itself never uses these workloads: it uses the actual data.
#pragma once

#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/model/converters/parameters.h"
#include "lightcard/model/photonic_core/link_budget.h"

namespace lightcard::photonic_core {

/// Statistics of inputs x >= 0 and weights w, both as fractions of full scale.
struct Workload {
    double signal;       ///< rms of sum(x w)/n at n = 128; falls with 1/sqrt(n)
    double mean_input;   ///< E[x]
    double mean_weight;  ///< E[max(w, 0)] = E[max(-w, 0)]
    double rms_input;
    double rms_weight;
};
/// x = ReLU(N(0,1)), w = N(0,1), both clipped at `sigmas`.
Workload clipped_workload(double sigmas);
/// clipped_workload(2.5) with the worked example's rounded figures: signal 0.0100, direct current 0.0489 of I_FS.
Workload anchor_workload();

/// rms of the product / full_scale_current (before contrast).
double workload_signal(const Parameters& core, const Workload& workload);
/// (I+ + I-) / direct_full_scale.
double workload_direct(const Parameters& core, const LinkBudget& link, const Workload& workload);

struct NoiseTerm {
    const char* name;  ///< "thermal", "shot", ...
    double variance;   ///< A^2 at the photocurrent
    bool receiver;     ///< counts for the receiver SNR
};
/// Every source that the link and the converters add to one sample of the workload, in a fixed order.
std::vector<NoiseTerm> workload_noise(const Parameters& core, const pcm_memory::Parameters& pcm,
                                      const converters::Parameters& converters, const Workload& workload);

struct SnrPair {
    double receiver_db;
    double chain_db;
};
SnrPair workload_snr(const Parameters& core, const pcm_memory::Parameters& pcm,
                     const converters::Parameters& converters, const Workload& workload);
double receiver_snr_db(const Parameters& core, const LinkBudget& link, const Workload& workload);
double receiver_snr_db(const Parameters& core, const pcm_memory::Parameters& pcm, const Workload& workload);

/// Row power (W at the laser, a row and lane) that gives this receiver SNR. Error: the target is not a number between
/// -200 and 200 dB.
Result<double> solve_row_power(const Parameters& core, const pcm_memory::Parameters& pcm, double target_db,
                               const Workload& workload);

/// Bits over +-4 sigma of the signal that an SNR is worth.
double equivalent_bits(double snr_db);

}  // namespace lightcard::photonic_core
