// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/power_control.h"

#include <algorithm>

namespace lightcard::control_chip {

void PowerControl::enter(PowerState state)
{
    if (state == state_.now) return;
    if (state == PowerState::active) state_.awake_at = hooks_.now() + wake_[static_cast<std::size_t>(state_.now)];
    state_.now = state;
    hooks_.enter(state);
}

void PowerControl::request(PowerState target)
{
    state_.target = target;
    if (target == PowerState::active) enter(target);
    settle();
}

void PowerControl::settle()
{
    if (state_.now != state_.target && hooks_.now() >= state_.awake_at && hooks_.idle()) enter(state_.target);
}

Picoseconds PowerControl::awake()
{
    state_.target = PowerState::active;
    enter(PowerState::active);
    return std::max(state_.awake_at, hooks_.now());
}

void PowerControl::reset()
{
    state_.target = PowerState::active;
    if (state_.now != PowerState::active) {
        state_.now = PowerState::active;
        hooks_.enter(PowerState::active);
    }
    state_.awake_at = 0;
}

}  // namespace lightcard::control_chip
