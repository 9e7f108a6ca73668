// SPDX-License-Identifier: Apache-2.0
/// The program-and-verify loop of a cell, in closed form: pulses, and the error they leave, by target.
///
/// A first pulse to contrast c errs by pulse_sigma 4 c (1 - c): the ends of the range are states, what lies between is
/// a mixture. Every further pulse, aimed at the error that was read, leaves pulse_gain of it, down to the error of
/// reading, which is programming_sigma. The loop ends there, or after verify_iterations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::pcm_memory {

/// Pulses of one cell, 1 .. verify_iterations.
std::uint32_t pulses(const Parameters& parameters, double contrast);

/// Error after the loop, rms, of T_max - T_min: programming_sigma, or more if the pulses did not suffice; 0 of 0.
double programming_sigma(const Parameters& parameters, double contrast);

}  // namespace lightcard::pcm_memory
