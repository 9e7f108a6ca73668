// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/power/board.h"

namespace lightcard::power {

Board::Board(const Parameters& parameters, Services& services) : services_(services)
{
    services.ledger.set_conversion(parameters.vrm_efficiency);
    fixed_account_ = services.ledger.open({"board.fixed", Category::board, "ps", parameters.fixed_power * 1e-12,
                                           Scope::card, true, "card.power.fixed_power"});
    fan_account_ = services.ledger.open(
        {"board.fan", Category::fan, "ps", parameters.fan_power * 1e-12, Scope::card, false, "card.power.fan_power"});
}

void Board::settle()
{
    const auto now = services_.now();
    services_.ledger.charge(fixed_account_, static_cast<std::uint64_t>(now - settled_), settled_, now);
    services_.ledger.charge(fan_account_, static_cast<std::uint64_t>(now - settled_), settled_, now);
    settled_ = now;
}

}  // namespace lightcard::power
