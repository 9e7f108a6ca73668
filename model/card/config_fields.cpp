// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/config_fields.h"

#include <algorithm>
#include <limits>

#include "lightcard/model/common/suggest.h"

namespace lightcard::config {

namespace {

constexpr std::size_t kLongestLabel = 4096;

std::vector<std::string> split(const std::string& text, char separator)
{
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t to = std::min(text.find(separator, from), text.size());
        parts.push_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

std::string joined(const std::vector<std::string>& parts, const char* separator)
{
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
    return text;
}

bool has_prefix(std::string_view text, std::string_view prefix)
{
    return text.substr(0, prefix.size()) == prefix;
}

std::string_view leaf_of(std::string_view path)
{
    return path.substr(path.rfind('.') + 1);
}

Slot slot_of(const Field& field, const CardConfig& config)
{
    return field.slot(const_cast<CardConfig&>(config));  // only read through by the callers in this file
}

/// A number of a field, kept exact: integers (time in picoseconds) or real.
struct Number {
    bool whole;
    std::uint64_t integer;
    double real;

    bool operator<(const Number& other) const { return whole ? integer < other.integer : real < other.real; }
};

bool is_whole(const Slot& slot)
{
    return !std::holds_alternative<double*>(slot);
}

Result<Number> parse_number(const Field& field, bool whole, const std::string& text)
{
    if (whole) {
        const auto value = parse_integer(text, field.dimension);
        if (!value) return value.error();
        return Number{true, *value, 0};
    }
    const auto value = parse_real(text, field.dimension);
    if (!value) return value.error();
    return Number{false, 0, *value};
}

std::string format(const Field& field, const Number& number)
{
    return number.whole ? format_integer(number.integer, field.dimension) : format_real(number.real, field.dimension);
}

Number load_number(const Slot& slot)
{
    if (const auto* p = std::get_if<std::uint32_t*>(&slot)) return {true, **p, 0};
    if (const auto* p = std::get_if<std::uint64_t*>(&slot)) return {true, **p, 0};
    if (const auto* p = std::get_if<Picoseconds*>(&slot)) return {true, static_cast<std::uint64_t>(**p), 0};
    return {false, 0, *std::get<double*>(slot)};
}

void store_number(const Slot& slot, const Number& number)
{
    if (const auto* p = std::get_if<std::uint32_t*>(&slot)) **p = static_cast<std::uint32_t>(number.integer);
    if (const auto* p = std::get_if<std::uint64_t*>(&slot)) **p = number.integer;
    if (const auto* p = std::get_if<Picoseconds*>(&slot)) **p = static_cast<Picoseconds>(number.integer);
    if (const auto* p = std::get_if<double*>(&slot)) **p = number.real;
}

/// Hard ranges keep 32-bit and time members within their types (tested), so a value in range can be stored.
Status check_number(const Field& field, const Number& number)
{
    const auto low = parse_number(field, number.whole, field.low);
    const auto high = parse_number(field, number.whole, field.high);
    if (!low || !high) return Error{"the table's own range does not parse", field.path, hard_range(field)};
    if (!(number < *low) && !(*high < number) && number.real == number.real) return {};
    const char* nearest = number < *low ? field.low : field.high;
    return Error{format(field, number) + " is out of range", "",
                 "valid: " + hard_range(field) + ", nearest: " + std::string(nearest)};
}

Error with_example(Error error, const Field& field, const Number& present)
{
    if (error.hint.empty() || has_prefix(error.hint, "use ")) {
        error.hint += (error.hint.empty() ? "" : "; ") + std::string("for example '") + format(field, present) + "'";
    }
    return error;
}

Status set_choice(const Field& field, const Slot& slot, const std::string& text)
{
    const std::vector<std::string> choices = split(field.choices, '|');
    const auto found = std::find(choices.begin(), choices.end(), text);
    if (auto* p = std::get_if<bool*>(&slot)) {
        const bool on = text == "on" || text == "true";
        const bool off = text == "off" || text == "false";
        if (!on && !off) return Error{"'" + text.substr(0, 64) + "' is neither on nor off", "", "on or off"};
        **p = on;
        return {};
    }
    if (found == choices.end()) {
        return Error{
            "'" + text.substr(0, 64) + "' is not a choice", "",
            choices.size() == 1 ? "only " + choices[0] : did_you_mean(text, choices) + " valid: " + hard_range(field)};
    }
    if (auto* p = std::get_if<std::uint8_t*>(&slot)) **p = static_cast<std::uint8_t>(found - choices.begin());
    if (auto* p = std::get_if<std::string*>(&slot)) **p = text;
    return {};
}

bool is_name(const std::string& text)
{
    const auto valid = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    };
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), valid);
}

Status set_label(const Field& field, const Slot& slot, const std::string& text)
{
    if (text.size() > kLongestLabel) return Error{"text is too long", "", "at most 4096 characters"};
    if (leaf_of(field.path) == "name" && !is_name(text)) {
        return Error{"'" + text.substr(0, 64) + "' is not a name", "", "1 to 64 letters, digits, '-', '_' or '.'"};
    }
    *std::get<std::string*>(slot) = text;
    return {};
}

bool is_choice(const Field& field)
{
    return *field.choices != '\0';
}

}  // namespace

const Field* find_field(std::string_view path)
{
    for (const Field& field : fields()) {
        if (field.path == path) return &field;
    }
    return nullptr;
}

bool is_group(std::string_view path)
{
    const std::string prefix = std::string(path) + ".";
    for (const Field& field : fields()) {
        if (has_prefix(field.path, prefix)) return true;
    }
    return false;
}

bool is_label(const Field& field)
{
    return std::string_view(field.path) == "card.name" || std::string_view(field.path) == "card.note";
}

bool needs_source(const Field& field)
{
    return has_prefix(field.path, "card.") && !is_label(field);
}

std::string suggest_path(const std::string& path)
{
    std::vector<std::string> siblings, all;
    const std::string group = path.substr(0, path.rfind('.') + 1);
    for (const Field& field : fields()) {
        const std::string other = field.path;
        if (leaf_of(other) == leaf_of(path)) return "did you mean '" + other + "'?";
        all.push_back(other);
        if (!has_prefix(other, group)) continue;
        const std::string sibling = group + other.substr(group.size(), other.find('.', group.size()) - group.size());
        if (std::find(siblings.begin(), siblings.end(), sibling) == siblings.end()) siblings.push_back(sibling);
    }
    for (std::string& sibling : siblings) sibling.erase(0, group.size());
    const std::string near = nearest_name(leaf_of(path), siblings);
    if (!near.empty()) return "did you mean '" + group + near + "'?";
    const std::string far = nearest_name(path, all);
    if (!far.empty()) return "did you mean '" + far + "'?";
    return siblings.empty() ? "parts: card, devices, run, host" : "one of " + join_choices(siblings);
}

Status set_field(const Field& field, CardConfig& config, const std::string& text)
{
    const Slot slot = field.slot(config);
    if (is_choice(field)) return set_choice(field, slot, text);
    if (is_label(field)) return set_label(field, slot, text);
    const Result<Number> number = parse_number(field, is_whole(slot), text);
    if (!number) return with_example(number.error(), field, load_number(slot));
    if (Status status = check_number(field, *number); !status) return status;
    store_number(slot, *number);
    return {};
}

Status check_field(const Field& field, const CardConfig& config)
{
    const Slot slot = slot_of(field, config);
    if (!is_choice(field) && !is_label(field)) return check_number(field, load_number(slot));
    if (const auto* p = std::get_if<std::uint8_t*>(&slot); p && **p >= split(field.choices, '|').size()) {
        return Error{"value " + std::to_string(**p) + " is not a choice", "", hard_range(field)};
    }
    if (const auto* p = std::get_if<std::string*>(&slot); p && is_choice(field)) {
        std::string copy;
        return set_choice(field, &copy, **p);
    }
    return {};
}

std::string get_field(const Field& field, const CardConfig& config)
{
    const Slot slot = slot_of(field, config);
    if (const auto* p = std::get_if<bool*>(&slot)) return **p ? "on" : "off";
    if (const auto* p = std::get_if<std::string*>(&slot)) return **p;
    if (const auto* p = std::get_if<std::uint8_t*>(&slot)) {
        const auto choices = split(field.choices, '|');
        return **p < choices.size() ? choices[**p] : std::to_string(**p);
    }
    return format(field, load_number(slot));
}

std::string hard_range(const Field& field)
{
    if (is_choice(field)) return joined(split(field.choices, '|'), " | ");
    return is_label(field) ? "" : std::string(field.low) + " .. " + field.high;
}

Result<std::string> declared_range(const Field& field, const CardConfig& config, const std::string& low,
                                   const std::string& high)
{
    if (is_choice(field) || is_label(field)) return Error{"has choices, not a range", "", hard_range(field)};
    const Slot slot = slot_of(field, config);
    const Number value = load_number(slot);
    Number ends[2] = {value, value};
    const std::string* texts[2] = {&low, &high};
    for (int i = 0; i < 2; ++i) {
        const Result<Number> end = parse_number(field, is_whole(slot), *texts[i]);
        if (!end) return with_example(end.error(), field, value);
        if (Status status = check_number(field, *end); !status) return status.error();
        ends[i] = *end;
    }
    const std::string text = format(field, ends[0]) + " .. " + format(field, ends[1]);
    if (ends[1] < ends[0]) return Error{"range " + text + " is upside down", "", "smallest value first"};
    if (value < ends[0] || ends[1] < value) {
        return Error{format(field, value) + " is outside its own range " + text, "",
                     "widen the range or change the value"};
    }
    return text;
}

}  // namespace lightcard::config
