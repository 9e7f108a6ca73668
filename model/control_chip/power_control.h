// SPDX-License-Identifier: Apache-2.0
/// Power states: PWR_CTRL asks, PWR_STATUS tells. The card goes to sleep when it has nothing left to do, and wakes by
/// itself when a doorbell rings: what rang waits until it is awake. Nothing is scheduled for a state: whether it has
/// been reached is found out when somebody looks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "lightcard/model/common/power_state.h"
#include "lightcard/model/common/time.h"

namespace lightcard::control_chip {

class PowerControl {
public:
    struct Hooks {
        std::function<Picoseconds()> now;
        std::function<bool()> idle;             ///< nothing in flight
        std::function<void(PowerState)> enter;  ///< switch the card's parts
    };
    /// `wake`: from each state to ACTIVE.
    PowerControl(const std::array<Picoseconds, 4>& wake, Hooks hooks) : wake_(wake), hooks_(std::move(hooks)) {}

    void request(PowerState target);
    /// The card may have become idle.
    void settle();
    /// There is work: when it can begin.
    Picoseconds awake();
    PowerState state() const { return state_.now; }
    /// Not yet what was asked for.
    bool in_progress() const { return state_.now != state_.target || hooks_.now() < state_.awake_at; }
    /// Active, as after power-on.
    void reset();

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("now", state_.now);
        archive.field("target", state_.target);
        archive.field("awake_at", state_.awake_at);
        archive.check(state_.now <= PowerState::deep_sleep && state_.target <= PowerState::deep_sleep,
                      "no power state");
    }

private:
    void enter(PowerState state);

    const std::array<Picoseconds, 4> wake_;
    Hooks hooks_;
    struct State {
        PowerState now = PowerState::active, target = PowerState::active;
        Picoseconds awake_at = 0;
    } state_;
};

}  // namespace lightcard::control_chip
