// SPDX-License-Identifier: Apache-2.0
/// What the card tells its driver without being asked. Any block raises; the control chip delivers. Free of SystemC.
#pragma once

#include <cstdint>
#include <functional>

#include "lightcard/model/common/time.h"

namespace lightcard {

/// Numbers as in lightcard_abi.h (enum lc_event), where `info` and `value` are explained.
enum class EventType : std::uint8_t {
    none,
    error,
    reset,
    fault,
    calibration,
    thermal,
    power,
    wear,
    saturation,
    link,
};
constexpr std::uint32_t kEventTypes = 10;  ///< with none

struct CardEvent {
    static constexpr Picoseconds kNow = -1;

    EventType type = EventType::none;
    std::uint8_t info = 0;
    std::int64_t value = 0;
    Picoseconds at = kNow;  ///< card time; an event may be found out after its time, before anybody looks
};

class CardEvents {
public:
    /// `event`: into the log, and to the driver. `awaited`: he waits for the next one. `error`: the unit's bit of
    /// ERR_STATUS ("LASER") with a status code.
    struct Handlers {
        std::function<void(const CardEvent&)> event;
        std::function<bool()> awaited;
        std::function<void(const char* unit, std::uint16_t status, std::uint64_t address)> error;
    };
    void set_handlers(Handlers handlers) { handlers_ = std::move(handlers); }

    void raise(const CardEvent& event)
    {
        if (handlers_.event) handlers_.event(event);
    }
    void raise_error(const char* unit, std::uint16_t status, std::uint64_t address = 0)
    {
        if (handlers_.error) handlers_.error(unit, status, address);
    }

    bool awaited() const { return handlers_.awaited && handlers_.awaited(); }

private:
    Handlers handlers_;
};

}  // namespace lightcard
