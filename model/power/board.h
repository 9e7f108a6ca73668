// SPDX-License-Identifier: Apache-2.0
/// The board around the chips: fixed loads and fan by power state, and the efficiency of the regulators.
#pragma once

#include "lightcard/model/common/power_state.h"
#include "lightcard/model/common/services.h"
#include "lightcard/model/power/parameters.h"

namespace lightcard::power {

class Board {
public:
    Board(const Parameters& parameters, Services& services);
    /// Books fixed power and fan up to now.
    void settle();
    void set_state(PowerState state);

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("settled", settled_);
        archive.field("state", state_);
    }

private:
    Services& services_;
    Picoseconds settled_ = 0;
    PowerState state_ = PowerState::active;
    AccountId fixed_account_, light_sleep_account_, deep_sleep_account_, fan_account_;
};

}  // namespace lightcard::power
