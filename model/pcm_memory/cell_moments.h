// SPDX-License-Identifier: Apache-2.0
/// Closed-form moments of one cell's static errors, for attribution and for the mean tile.
#pragma once

#include <cstddef>

#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::pcm_memory {

struct Moments {
    double mean = 0, variance = 0;
};

/// clamp(target + sigma g, 0, 1) - target with g ~ N(0,1): the programming error of a cell.
Moments clamped_error(double target, double sigma);

/// max(0, mean + sigma g): the drift coefficient of a cell.
Moments clipped_at_zero(double mean, double sigma);

/// Drift of a bank: what each cell's contrast is multiplied by.
struct DriftModel {
    DriftLaw law = DriftLaw::logarithmic;
    double nu = 0, nu_sigma = 0;
    double log_age = 0;  ///< ln(1 + t/t0), or ln(t/t0) of a power law from t0 on; 0 = fresh
};
DriftModel make_drift(const Parameters& parameters, double age);
/// Of a cell whose coefficient is max(0, nu + nu_sigma normal).
double drift_factor(const DriftModel& drift, double normal);
/// The same of `count` cells.
void drift_factors(const DriftModel& drift, const float* normals, std::size_t count, double* factors);
/// Of the factor less 1, over cells; exact.
Moments drift_moments(const DriftModel& drift);

/// rms of one reading of a cell, of T_max - T_min.
double read_sigma(double read_noise, double power, double contrast);

}  // namespace lightcard::pcm_memory
