// SPDX-License-Identifier: Apache-2.0
/// The board around the chips: fixed loads and fan, always on, and the efficiency of the regulators.
#pragma once

#include "lightcard/model/common/services.h"
#include "lightcard/model/power/parameters.h"

namespace lightcard::power {

class Board {
public:
    Board(const Parameters& parameters, Services& services);
    /// Books fixed power and fan up to now.
    void settle();

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("settled", settled_);
    }

private:
    Services& services_;
    Picoseconds settled_ = 0;
    AccountId fixed_account_, fan_account_;
};

}  // namespace lightcard::power
