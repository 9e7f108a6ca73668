// SPDX-License-Identifier: Apache-2.0
/// The report as JSON, schema `lightcard/report/1` (docs/report-schema.md): keys in reading order, base SI units or
/// picoseconds as each key's suffix says, doubles that read back to the same bits.
#pragma once

#include <iosfwd>
#include <string>

#include <nlohmann/json.hpp>

#include "lightcard/platform/report/report.h"

namespace lightcard::report {

inline constexpr const char* kSchema = "lightcard/report/1";

/// Complete document with `report_hash`.
nlohmann::ordered_json to_json(const Report& report);

/// 16 hex digits: FNV-1a of the document without `host` and `report_hash`, keys sorted, no white space.
/// Equal hashes mean equal results: threads, tracing and machine do not enter.
std::string report_hash(const nlohmann::ordered_json& document);

void write_json(std::ostream& out, const Report& report);

}  // namespace lightcard::report
