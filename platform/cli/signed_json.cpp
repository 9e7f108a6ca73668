// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/signed_json.h"

#include <cstdio>

#include "lightcard/platform/cli/files.h"

namespace lightcard::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kDeepest = 16;

std::string checksum_of(const Json& json)
{
    const std::string text = json.dump();
    return hash_text(hash_bytes(text.data(), text.size()));
}

}  // namespace

std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t hash)
{
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

std::string hash_text(std::uint64_t hash)
{
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

std::string sign(Json json)
{
    json["checksum"] = checksum_of(json);
    return json.dump(1) + "\n";
}

Result<Json> read_signed(const std::string& path, const std::string& what, const std::string& schema)
{
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    // What is nested deeper than any of these files drops out, and the checksum with it.
    const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth < kDeepest; };
    auto json = Json::parse(bytes->begin(), bytes->end(), shallow, false);
    if (json.is_discarded() || !json.is_object())
        return Error{"this is no " + what + ": it is truncated, or not JSON", path, "written by `lightcard`"};
    if (!json.contains("schema") || json["schema"] != schema)
        return Error{"this is no " + what + " that can be read here", path, "schema " + schema};
    const std::string stated = json.contains("checksum") && json["checksum"].is_string() ? json["checksum"] : "";
    json.erase("checksum");
    if (stated != checksum_of(json))
        return Error{"this " + what + " was changed after it was written: its checksum does not hold", path,
                     "write it again"};
    return json;
}

}  // namespace lightcard::cli
