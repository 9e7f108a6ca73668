// SPDX-License-Identifier: Apache-2.0
/// The control socket's language: one JSON object a line, one line back. Everything that comes in is checked here, free
/// of SystemC and of sockets.
///
///     {"id": 7, "command": "inject", "fault": "interrupt_lost", "vector": 1, "count": 1}
///     {"id":7,"ok":true,...}          {"id":7,"ok":false,"error":"...","where":"vector","hint":"..."}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lightcard/model/common/registers.h"
#include "lightcard/model/common/result.h"
#include "lightcard/model/common/time.h"

namespace lightcard::vfio_user {

constexpr std::size_t kMaxControlLine = 64 * 1024;
constexpr Picoseconds kLongestStep = 10 * kSecond;

struct ControlCommand {
    const char* name;
    const char* fields;  ///< "time", "path", "kind=flr|bus|cold", "page=..."; "*": those of a fault; empty: none
    const char* what;
};
Listing<ControlCommand> control_commands();
std::vector<std::string> control_command_names();

struct ControlRequest {
    std::optional<std::int64_t> id;
    std::string command;
    std::vector<std::pair<std::string, std::string>> fields;  ///< without id and command; numbers as they were written

    /// Of a field that must be there; parse_control() has seen to it.
    const std::string& get(const std::string& name) const;
};

/// A request that may be carried out: its command is known, it has exactly the fields that belong to it, and their
/// values are among the choices. The error's place is the field. `id` is set as soon as it was understood.
Result<ControlRequest> parse_control(const std::string& line, std::optional<std::int64_t>& id);

/// The answer to what went wrong, as a line.
std::string control_error(std::optional<std::int64_t> id, const Error& error);

}  // namespace lightcard::vfio_user
