// SPDX-License-Identifier: Apache-2.0
// The control socket's lines, and the fields of a fault in them, as they arrive from outside.
#include <nlohmann/json.hpp>

#include "lightcard/model/card/fault_scenario.h"
#include "lightcard/model/control_chip/fault_table.h"
#include "lightcard/platform/vfio_user/control_socket.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {

namespace {

/// What the card would do with a request, but for the card.
std::string answer(const vfio_user::ControlRequest& request, const control_chip::DecodeLimits& limits, bool& took)
{
    took = true;
    if (request.command != "inject") return R"({"ok":true})";
    const auto fault = parse_fault(request.fields, limits);
    if (!fault) {
        require(!fault.error().what.empty(), "an error says what is wrong");
        return vfio_user::control_error(request.id, fault.error());
    }
    require(!control_chip::check_fault(fault->fault, limits), "a fault that is accepted is one of this card's");
    require(!describe(fault->fault).empty(), "and can be put in words");
    return R"({"ok":true})";
}

}  // namespace

std::vector<Bytes> seeds()
{
    std::vector<Bytes> all;
    for (
        const char* line :
        {R"({"id": 1, "command": "status"})", R"({"command":"log","page":"events"})",
         R"({"command": "inject", "fault": "interrupt_lost", "vector": 1, "count": 2, "at": "5 ms"})",
         R"({"command": "inject", "fault": "cell_stuck", "bank": 1, "row": 2, "column": 3, "level": -4, "for": "1 s"})",
         R"({"command": "inject", "fault": "link", "lanes": 4, "generation": 2, "after_mvms": 10})",
         R"({"command": "inject", "fault": "thermal", "kelvin": 1.5})", R"({"command":"step","time":"10 us"})",
         R"({"command": "reset", "kind": "cold"})", R"({"command": "clear", "fault": "all"})"})
        all.push_back(to_bytes(std::string(line) + "\n"));
    all.push_back(to_bytes("{\"command\":\"pause\"}\n\n{\"command\":\"resume\"}\r\n"));
    return all;
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    const auto limits = fault_limits(default_card());
    bool took = false;
    const auto handler = [&](const vfio_user::ControlRequest& request) { return answer(request, limits, took); };
    // In two pieces, as a socket may cut it.
    const std::string text(data, data + size);
    std::string rest, answers;
    const auto cut = size / 2;
    if (vfio_user::ControlSocket::feed(text.substr(0, cut), rest, handler, answers))
        vfio_user::ControlSocket::feed(text.substr(cut), rest, handler, answers);
    for (std::size_t begin = 0; begin < answers.size();) {
        const auto end = answers.find('\n', begin);
        require(end != std::string::npos, "every answer is a whole line");
        require(nlohmann::json::accept(answers.begin() + static_cast<std::ptrdiff_t>(begin),
                                       answers.begin() + static_cast<std::ptrdiff_t>(end)),
                "every answer is JSON");
        begin = end + 1;
    }
    return took;
}

}  // namespace lightcard::fuzz
