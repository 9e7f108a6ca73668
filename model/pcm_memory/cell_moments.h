// SPDX-License-Identifier: Apache-2.0
/// Closed-form moments of one cell's static errors, for attribution and for the mean tile.
#pragma once

namespace lightcard::pcm_memory {

struct Moments {
    double mean = 0, variance = 0;
};

/// clamp(target + sigma g, 0, 1) - target with g ~ N(0,1): the programming error of a cell.
Moments clamped_error(double target, double sigma);

/// max(0, mean + sigma g): the drift coefficient of a cell.
Moments clipped_at_zero(double mean, double sigma);

/// rms of one reading of a cell, of T_max - T_min.
double read_sigma(double read_noise, double power, double contrast);

}  // namespace lightcard::pcm_memory
