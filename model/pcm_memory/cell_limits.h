// SPDX-License-Identifier: Apache-2.0
/// Ends of a cell's range and of an effective weight's.
#pragma once

#include <cstdint>

namespace lightcard::pcm_memory {

inline constexpr std::int32_t kFullScale = 127;  ///< host weight of the most transparent cell
inline constexpr double kUnit = 256;             ///< effective weight units of a host-weight step
inline constexpr double kLargest = 32639;        ///< effective weight

/// Furthest a cell opens by drift, as contrast: half a weight step beyond T_max.
inline constexpr double kWidestContrast = 1.0 + 0.5 / 127.0 - 1.0 / (256.0 * 127.0);

}  // namespace lightcard::pcm_memory
