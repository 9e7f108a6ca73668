// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/telemetry_table.h"

#include <cstddef>
#include <cstring>

namespace lightcard::control_chip {

std::uint32_t TelemetryTable::word(std::uint32_t offset)
{
    const auto index = offset / sizeof(lc_telemetry), part = offset % sizeof(lc_telemetry);
    if (index >= telemetry_.entries().size()) return 0;
    const auto& entry = telemetry_.entries()[index];
    if (part == offsetof(lc_telemetry, tag)) return entry.tag | static_cast<std::uint32_t>(entry.index) << 16;
    if (part == offsetof(lc_telemetry, rsvd0)) return 0;
    if (part == offsetof(lc_telemetry, value)) {
        const auto value = static_cast<std::uint64_t>(entry.value());
        latched_entry_ = static_cast<std::uint32_t>(index);
        latched_high_ = static_cast<std::uint32_t>(value >> 32);
        return static_cast<std::uint32_t>(value);
    }
    if (latched_entry_ == index) return latched_high_;
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(entry.value()) >> 32);
}

bool TelemetryTable::read(std::uint32_t offset, std::uint8_t* into, std::uint32_t bytes)
{
    if (offset % 4 != 0 || bytes % 4 != 0) return false;
    for (std::uint32_t at = 0; at < bytes; at += 4) {
        const auto value = word(offset + at);
        std::memcpy(into + at, &value, sizeof value);
    }
    return true;
}

}  // namespace lightcard::control_chip
