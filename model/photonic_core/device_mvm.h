// SPDX-License-Identifier: Apache-2.0
/// Fidelity `device`: one symbol after another, one cell after another, one draw a source. From modulator amplitude
/// through the cells to two photocurrents, receiver and ADC, in amperes. The slow truth that `stat` is tested against.
#pragma once

#include <cstdint>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::photonic_core {

/// Writes job.y; needs job.tile->cells. Returns samples at an end code of the ADC.
std::uint64_t run_device(const MvmJob& job);

}  // namespace lightcard::photonic_core
