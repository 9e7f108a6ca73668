// SPDX-License-Identifier: Apache-2.0
// `lightcard ctl`: one request to the control socket of a served card, and its answer for people.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ostream>

#include <nlohmann/json.hpp>

#include "lightcard/model/card/fault_scenario.h"
#include "lightcard/model/common/suggest.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/vfio_user/control_request.h"
#include "lightcard/platform/vfio_user/socket.h"

namespace lightcard::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr HelpText kHelp = {"ctl", "SOCKET COMMAND [FIELD=VALUE ...]",
                            "Talks to a card that `lightcard serve --control SOCKET` serves: looks into it, stops its "
                            "time, puts faults in, lets it\n"
                            "age, resets it, saves it. Commands and faults are listed below; docs/faults.md says what "
                            "a driver sees of each fault.\n",
                            "  lightcard ctl ctl.sock sensors\n"
                            "  lightcard ctl ctl.sock inject fault=interrupt_lost vector=1 count=1\n"
                            "  lightcard ctl ctl.sock clear fault=all\n"
                            "  lightcard ctl ctl.sock pause && lightcard ctl ctl.sock step time=10us\n"
                            "  lightcard ctl ctl.sock advance time=30d\n"};

constexpr int kAnswerSeconds = 70;

void list_commands(std::ostream& out)
{
    out << "\nCommands:\n";
    for (const auto& command : vfio_user::control_commands()) {
        std::string name = command.name;
        if (*command.fields != 0 && std::string(command.fields) != "*") name += std::string(" ") + command.fields;
        out << "  " << name << std::string(name.size() < 24 ? 24 - name.size() : 1, ' ') << command.what << '\n';
    }
    out << "\nFaults (inject fault=...):\n";
    for (const auto& line : describe_faults()) out << "  " << line << '\n';
    out << "  each also: at=TIME | after_commands=N | after_mvms=N | after_programs=N, for=TIME, count=N\n";
}

/// FIELD=VALUE words as a request line.
Result<std::string> request_line(const std::string& command, const std::vector<std::string>& words)
{
    const auto names = vfio_user::control_command_names();
    if (std::find(names.begin(), names.end(), command) == names.end())
        return Error{"no command '" + command + "'", "", did_you_mean(command, names)};
    Json request;
    request["command"] = command;
    for (const auto& word : words) {
        const auto sign = word.find('=');
        if (sign == std::string::npos || sign == 0) return Error{"'" + word + "' is no FIELD=VALUE", command, ""};
        const auto name = word.substr(0, sign);
        if (request.contains(name)) return Error{"is given twice", name, ""};
        request[name] = word.substr(sign + 1);
    }
    const auto line = request.dump(-1, ' ', true, Json::error_handler_t::replace);
    std::optional<std::int64_t> id;
    // What the card would refuse by itself is refused here, without troubling it.
    if (auto parsed = vfio_user::parse_control(line, id); !parsed) return parsed.error();
    return line;
}

Result<std::string> exchange(const std::string& path, const std::string& line)
{
    auto socket = vfio_user::connect_to(path);
    if (!socket) return socket.error();
    const auto text = line + '\n';
    if (send(socket->number(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
        return Error{"the card takes no requests", path, ""};
    std::string answer;
    while (answer.find('\n') == std::string::npos) {
        pollfd entry{socket->number(), POLLIN, 0};
        if (poll(&entry, 1, kAnswerSeconds * 1000) <= 0) return Error{"no answer", path, ""};
        char part[65536];
        const auto got = recv(socket->number(), part, sizeof part, 0);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return Error{"the connection was closed", path, "is this the socket of --control?"};
        if (got > 0) answer.append(part, static_cast<std::size_t>(got));
    }
    answer.erase(answer.find('\n'));
    return answer;
}

std::string plain(const Json& value)
{
    return value.is_string() ? value.get<std::string>() : value.dump();
}

/// A list of equal objects as a table.
void print_rows(std::ostream& out, const Json& rows, const std::string& indent)
{
    if (rows.empty()) {
        out << indent << "none\n";
        return;
    }
    std::vector<std::string> names;
    for (const auto& row : rows)
        for (const auto& [name, value] : row.items())
            if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    std::vector<std::size_t> widths;
    for (const auto& name : names) {
        std::size_t width = name.size();
        for (const auto& row : rows)
            if (row.contains(name)) width = std::max(width, plain(row[name]).size());
        widths.push_back(width);
    }
    const auto cell = [&](std::size_t i, const std::string& text) {
        out << text << std::string(i + 1 < names.size() ? widths[i] - text.size() + 2 : 0, ' ');
    };
    out << indent;
    for (std::size_t i = 0; i < names.size(); ++i) cell(i, names[i]);
    out << '\n';
    for (const auto& row : rows) {
        out << indent;
        for (std::size_t i = 0; i < names.size(); ++i) cell(i, row.contains(names[i]) ? plain(row[names[i]]) : "");
        out << '\n';
    }
}

void print(std::ostream& out, const Json& object, const std::string& indent)
{
    std::size_t width = 0;
    for (const auto& [name, value] : object.items())
        if (!value.is_structured()) width = std::max(width, name.size());
    for (const auto& [name, value] : object.items()) {
        if (name == "ok" || name == "id") continue;
        if (value.is_array()) {
            out << indent << name << ":\n";
            print_rows(out, value, indent + "  ");
        } else if (value.is_object()) {
            out << indent << name << ":\n";
            print(out, value, indent + "  ");
        } else {
            out << indent << name << std::string(width - name.size() + 2, ' ') << plain(value) << '\n';
        }
    }
}

int show(const Console& console, const std::string& answer, bool as_json)
{
    const auto parsed = Json::parse(answer, nullptr, false);
    if (parsed.is_discarded() || !parsed.is_object() || !parsed.contains("ok"))
        return fail(console, kCard, {"the answer makes no sense", "", "is this the socket of --control?"});
    const auto text = [&](const char* name) {
        return parsed.contains(name) && parsed[name].is_string() ? parsed[name].get<std::string>() : std::string();
    };
    if (parsed["ok"] != true) return fail(console, kCard, {text("error"), text("where"), text("hint")});
    if (as_json) {
        console.out << answer << '\n';
    } else {
        print(console.out, parsed, "");
    }
    return kOk;
}

}  // namespace

int ctl_command(const Console& console, const Arguments& arguments)
{
    po::options_description visible("Options");
    visible.add_options()("json", "the answer as it comes, one JSON object");
    po::options_description hidden;
    hidden.add_options()("words", po::value<std::vector<std::string>>());
    const auto parsed = parse(console, kHelp, visible, hidden, Positional{"words", -1}, arguments);
    if (parsed.exit) {
        if (*parsed.exit == kOk) list_commands(console.out);
        return *parsed.exit;
    }
    const auto words = parsed.all("words");
    if (words.size() < 2)
        return fail(console, kUsage, {"SOCKET and COMMAND are needed", "", "lightcard ctl ctl.sock status"});
    const auto line = request_line(words[1], {words.begin() + 2, words.end()});
    if (!line) return fail(console, kUsage, line.error());
    const auto answer = exchange(words[0], *line);
    if (!answer) return fail(console, kCard, answer.error());
    return show(console, *answer, parsed.has("json"));
}

}  // namespace lightcard::cli
