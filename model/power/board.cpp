// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/power/board.h"

namespace lightcard::power {

Board::Board(const Parameters& parameters, Services& services) : services_(services)
{
    services.ledger.set_conversion(parameters.vrm_efficiency);
    fixed_account_ = services.ledger.open({"board.fixed", Category::board, "ps", parameters.fixed_power * 1e-12,
                                           Scope::card, true, "card.power.fixed_power"});
    light_sleep_account_ =
        services_.ledger.open({"board.light_sleep", Category::board, "ps", parameters.light_sleep_power * 1e-12,
                               Scope::card, true, "card.power.light_sleep_power"});
    deep_sleep_account_ =
        services_.ledger.open({"board.deep_sleep", Category::board, "ps", parameters.deep_sleep_power * 1e-12,
                               Scope::card, true, "card.power.deep_sleep_power"});
    fan_account_ = services.ledger.open(
        {"board.fan", Category::fan, "ps", parameters.fan_power * 1e-12, Scope::card, false, "card.power.fan_power"});
}

void Board::settle()
{
    const auto now = services_.now();
    const auto passed = static_cast<std::uint64_t>(now - settled_);
    const auto fixed = state_ == PowerState::light_sleep  ? light_sleep_account_
                       : state_ == PowerState::deep_sleep ? deep_sleep_account_
                                                          : fixed_account_;
    services_.ledger.charge(fixed, passed, settled_, now);
    if (state_ != PowerState::deep_sleep) services_.ledger.charge(fan_account_, passed, settled_, now);
    settled_ = now;
}

void Board::set_state(PowerState state)
{
    settle();
    state_ = state;
}

}  // namespace lightcard::power
