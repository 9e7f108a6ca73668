// SPDX-License-Identifier: Apache-2.0
/// Data sheet of the card's LPDDR5X.
#pragma once

#include <cstdint>

#include "lightcard/model/common/time.h"

namespace lightcard::card_memory {

struct Parameters {
    std::uint64_t bytes = 16ull << 30;
    std::uint64_t bandwidth = 273'000'000'000;  ///< bytes/s
    Picoseconds latency = 100 * kNanosecond;
    double energy = 4.5e-12;        ///< J a bit moved
    double background_power = 0.3;  ///< W, self-refresh
};

}  // namespace lightcard::card_memory
