// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/control_request.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "lightcard/model/common/suggest.h"

namespace lightcard::vfio_user {

namespace {

using Json = nlohmann::ordered_json;

constexpr ControlCommand kCommands[] = {
    {"status", "", "card, time, what it is doing"},
    {"sensors", "", "the telemetry table, with names"},
    {"registers", "", "every register and what it reads"},
    {"log", "page=events|errors|weights|wear|calibration", "a log page"},
    {"dump", "", "registers, sensors, faults, diagnostics: all there is to see"},
    {"faults", "", "faults that are active or wait for their time"},
    {"inject", "*", "put a fault in: fault=NAME and its fields (docs/faults.md), at=TIME, for=TIME, count=N"},
    {"clear", "fault", "end every fault of this name; 'all' for every fault"},
    {"pause", "", "stop the simulation; the guest reads what was last seen"},
    {"resume", "", "let it go on"},
    {"step", "time", "run a paused simulation for this card time"},
    {"advance", "time", "let the cells age by this time, at once (an idle card)"},
    {"reset", "kind=flr|bus|cold", "reset the card behind its driver's back"},
    {"save", "path", "write the state of an idle card to a file"},
    {"restore", "path", "read it back"},
};

/// What a field may hold: its name, and its choices if there are any.
struct FieldRule {
    std::string name;
    std::vector<std::string> choices;
};

std::vector<std::string> split(const std::string& text, char by)
{
    std::vector<std::string> words;
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const auto end = std::min(text.find(by, begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

std::vector<FieldRule> rules_of(const ControlCommand& command)
{
    std::vector<FieldRule> rules;
    const std::string text = command.fields;
    if (text.empty() || text == "*") return rules;
    for (const auto& word : split(text, ' ')) {
        const auto sign = word.find('=');
        if (sign == std::string::npos) {
            rules.push_back({word, {}});
        } else {
            rules.push_back({word.substr(0, sign), split(word.substr(sign + 1), '|')});
        }
    }
    return rules;
}

Status check_fields(const ControlCommand& command, const ControlRequest& request)
{
    if (std::string(command.fields) == "*") return {};  // the fault's own parser knows better
    const auto rules = rules_of(command);
    std::vector<std::string> names;
    for (const auto& rule : rules) names.push_back(rule.name);
    for (const auto& [name, value] : request.fields) {
        const auto rule =
            std::find_if(rules.begin(), rules.end(), [&wanted = name](const auto& r) { return r.name == wanted; });
        if (rule == rules.end())
            return Error{std::string(command.name) + " has no such field", name, did_you_mean(name, names)};
        const auto& choices = rule->choices;
        if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end())
            return Error{"cannot be '" + value + "'", name, did_you_mean(value, choices)};
    }
    for (const auto& rule : rules) {
        const bool there = std::any_of(request.fields.begin(), request.fields.end(),
                                       [&](const auto& field) { return field.first == rule.name; });
        if (!there) return Error{"is missing", rule.name, std::string(command.name) + " needs it"};
    }
    return {};
}

/// Scalars only; a number is kept as it was written.
std::optional<std::string> text_of(const Json& value)
{
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number() || value.is_boolean()) return value.dump();
    return std::nullopt;
}

}  // namespace

Listing<ControlCommand> control_commands()
{
    return kCommands;
}

std::vector<std::string> control_command_names()
{
    std::vector<std::string> names;
    for (const auto& command : kCommands) names.emplace_back(command.name);
    return names;
}

const std::string& ControlRequest::get(const std::string& name) const
{
    return std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; })->second;
}

Result<ControlRequest> parse_control(const std::string& line, std::optional<std::int64_t>& id)
{
    if (line.size() > kMaxControlLine)
        return Error{"the line is too long", "", "at most " + std::to_string(kMaxControlLine) + " bytes"};
    bool twice = false, deep = false;
    std::vector<std::string> keys;
    const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (depth > 1) deep = true;
        if (event == Json::parse_event_t::key && depth == 1) {
            const auto& key = parsed.get_ref<const std::string&>();
            twice = twice || std::find(keys.begin(), keys.end(), key) != keys.end();
            keys.push_back(key);
        }
        return depth <= 1;
    };
    const auto object = Json::parse(line, look, false);
    if (object.is_discarded() || !object.is_object() || deep)
        return Error{"not one flat JSON object", "", R"({"command": "status"})"};
    if (twice) return Error{"a field is given twice", "", ""};
    ControlRequest request;
    for (const auto& [name, value] : object.items()) {
        if (name == "id") {
            if (!value.is_number_integer()) return Error{"must be a whole number", "id", ""};
            request.id = id = value.get<std::int64_t>();
            continue;
        }
        auto text = text_of(value);
        if (!text) return Error{"must be a text or a number", name, ""};
        if (name == "command") {
            request.command = std::move(*text);
        } else {
            request.fields.emplace_back(name, std::move(*text));
        }
    }
    const auto names = control_command_names();
    const auto known = std::find(names.begin(), names.end(), request.command);
    if (known == names.end())
        return Error{request.command.empty() ? "is missing" : "no command '" + request.command + "'", "command",
                     did_you_mean(request.command, names)};
    const auto& command = kCommands[known - names.begin()];
    if (auto good = check_fields(command, request); !good) return good.error();
    return request;
}

std::string control_error(std::optional<std::int64_t> id, const Error& error)
{
    Json answer;
    if (id) answer["id"] = *id;
    answer["ok"] = false;
    answer["error"] = error.what;
    if (!error.where.empty()) answer["where"] = error.where;
    if (!error.hint.empty()) answer["hint"] = error.hint;
    return answer.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace lightcard::vfio_user
