// SPDX-License-Identifier: Apache-2.0
/// JSON files that one command writes and another reuses: a schema, and a checksum over all the rest, so that a
/// truncated or edited file is refused by name.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "lightcard/model/common/result.h"

namespace lightcard::cli {

/// FNV-1a over bytes, going on from `hash`.
std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t hash = 0xcbf29ce484222325u);
std::string hash_text(std::uint64_t hash);  ///< 16 hex digits

/// With "checksum" as its last key.
std::string sign(nlohmann::ordered_json json);
/// The document, its checksum taken off. `what`: "calibration", as errors call it.
Result<nlohmann::ordered_json> read_signed(const std::string& path, const std::string& what, const std::string& schema);

}  // namespace lightcard::cli
