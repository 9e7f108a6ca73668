// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/config_echo.h"

#include "lightcard/model/card/config_fields.h"

namespace lightcard {

namespace config {

namespace {

std::uint64_t fnv1a(const std::string& text)
{
    std::uint64_t hash = 0xcbf29ce484222325ull;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
    return hash;
}

bool is_hashed(const Field& field)
{
    const std::string_view path = field.path;
    return !is_label(field) && (path.substr(0, 5) == "card." || path.substr(0, 4) == "run.");
}

std::string hexadecimal(std::uint64_t value)
{
    std::string text(16, '0');
    for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4)
        *digit = "0123456789abcdef"[value & 15];
    return text;
}

/// A double-quoted YAML scalar.
std::string quote(const std::string& text)
{
    std::string quoted = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            quoted += std::string("\\") + c;
        } else if (byte < 0x20 || byte == 0x7f) {
            quoted += std::string("\\x") + "0123456789abcdef"[byte >> 4] + "0123456789abcdef"[byte & 15];
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

std::string yaml_value(const Field& field, const CardConfig::Entry& entry)
{
    if (is_label(field)) return quote(entry.value);
    if (entry.source.empty()) return entry.value;
    std::string text = "{value: " + entry.value;
    if (entry.range != hard_range(field)) {
        const std::size_t gap = entry.range.find(" .. ");
        text += ", range: [" + entry.range.substr(0, gap) + ", " + entry.range.substr(gap + 4) + "]";
    }
    return text + ", grade: " + entry.grade + ", source: " + quote(entry.source) + "}";
}

/// Opens the maps of `path` that `open` has not opened yet; returns the depth of its last key.
std::size_t open_maps(const std::string& path, std::vector<std::string>& open, std::string& text)
{
    std::size_t depth = 0;
    for (std::size_t from = 0, dot; (dot = path.find('.', from)) != std::string::npos; from = dot + 1, ++depth) {
        const std::string key = path.substr(from, dot - from);
        if (depth < open.size() && open[depth] == key) continue;
        open.resize(depth);
        open.push_back(key);
        text += std::string(depth * 2, ' ') + key + ":\n";
    }
    open.resize(depth);
    return depth;
}

}  // namespace

std::vector<Origin> built_in_origins()
{
    std::vector<Origin> origins;
    for (const Field& field : fields()) {
        if (needs_source(field)) {
            origins.push_back({"built in", "built-in default: the reference card lc128", "assumed", "", 0});
        } else {
            origins.push_back({"built in", "", "", "", 0});
        }
    }
    return origins;
}

void resolve(CardConfig& config, const std::vector<Origin>& origins)
{
    config.resolved.clear();
    std::size_t index = 0;
    for (const Field& field : fields()) {
        const Origin& origin = origins[index++];
        config.resolved.push_back({field.path, get_field(field, config),
                                   origin.range.empty() ? hard_range(field) : origin.range, origin.source, origin.grade,
                                   field.description});
    }
    config.hash = hash_of(config);
}

std::string hash_of(const CardConfig& config)
{
    std::string canonical = "lightcard/card/1\n";
    for (const Field& field : fields()) {
        if (is_hashed(field)) canonical += std::string(field.path) + "=" + get_field(field, config) + "\n";
    }
    return hexadecimal(fnv1a(canonical));
}

}  // namespace config

void refresh(CardConfig& card)
{
    std::vector<config::Origin> origins = config::built_in_origins();
    std::size_t index = 0;
    for (const config::Field& field : config::fields()) {
        config::Origin& origin = origins[index];
        if (index < card.resolved.size()) {
            const CardConfig::Entry& entry = card.resolved[index];
            const bool same = entry.value == config::get_field(field, card);
            if (same) {
                origin = {"", entry.source, entry.grade, entry.range, 0};
            } else if (config::needs_source(field)) {
                origin = {"", "set in code", "assumed", "", 0};
            }
        }
        ++index;
    }
    config::resolve(card, origins);
}

std::string to_yaml(const CardConfig& card)
{
    CardConfig current = card;
    refresh(current);
    std::string text = "schema: lightcard/card/1\n";
    std::vector<std::string> open;
    std::size_t index = 0;
    for (const config::Field& field : config::fields()) {
        const CardConfig::Entry& entry = current.resolved[index++];
        const std::size_t depth = config::open_maps(entry.path, open, text);
        const std::string key = entry.path.substr(entry.path.rfind('.') + 1);
        text += std::string(depth * 2, ' ') + key + ": " + config::yaml_value(field, entry) + "\n";
    }
    return text;
}

}  // namespace lightcard
