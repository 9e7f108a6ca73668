// SPDX-License-Identifier: Apache-2.0
/// The telemetry list as a host reads it: struct lc_telemetry[] in BAR0. Values are taken when they are read.
#pragma once

#include <cstdint>

#include "lightcard/model/common/telemetry.h"
#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

class TelemetryTable {
public:
    explicit TelemetryTable(const Telemetry& telemetry) : telemetry_(telemetry) {}

    std::uint32_t count() const { return static_cast<std::uint32_t>(telemetry_.entries().size()); }
    /// Any run of whole, aligned 4-byte words; what lies behind the table reads 0. The low half of a value latches the
    /// high one. False: not aligned, nothing is read.
    bool read(std::uint32_t offset, std::uint8_t* into, std::uint32_t bytes);

private:
    std::uint32_t word(std::uint32_t offset);

    const Telemetry& telemetry_;
    std::uint32_t latched_entry_ = ~0u, latched_high_ = 0;
};

}  // namespace lightcard::control_chip
