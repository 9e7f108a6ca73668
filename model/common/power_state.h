// SPDX-License-Identifier: Apache-2.0
/// Power states of the card, as PWR_CTRL and PWR_STATUS number them.
#pragma once

#include <cstdint>

namespace lightcard {

enum class PowerState : std::uint8_t {
    active,       ///< everything on; lasers as work asks for them
    idle,         ///< lasers and converters off
    light_sleep,  ///< lasers held lit, clocks and link down: back fast
    deep_sleep,   ///< all off but what wakes the card
};

}  // namespace lightcard
