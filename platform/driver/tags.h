// SPDX-License-Identifier: Apache-2.0
/// Telemetry tags in words. Free of SystemC.
#pragma once

#include <cstdint>

namespace lightcard::driver {

/// Name and unit of a telemetry tag: "temp_die", "mC"; the unit may be empty.
struct TagName {
    std::uint16_t tag;
    const char* name;
    const char* unit;
};

/// Null for a tag that came after this list.
const TagName* find_tag(std::uint16_t tag);

/// "calibration" for LC_EVENT_CALIBRATION; "?" for a type that came after this list.
const char* event_name(std::uint32_t type);

}  // namespace lightcard::driver
