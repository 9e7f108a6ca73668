// SPDX-License-Identifier: Apache-2.0
/// The one place where a parameter of a card is declared: path, member, unit, hard range, description.
/// Reading, checking, the resolved echo, the hash and to_yaml() all walk this table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/units.h"

namespace lightcard::config {

/// Where a parameter lives. Enumerations (one byte each) are seen as their number.
using Slot = std::variant<std::uint32_t*, std::uint64_t*, Picoseconds*, double*, bool*, std::string*, std::uint8_t*>;

struct Field {
    const char* path;  ///< "card.core.symbol_rate"
    Slot (*slot)(CardConfig&);
    Dimension dimension;  ///< of a quantity
    const char* low;      ///< smallest and largest value that is physically possible
    const char* high;
    const char* choices;  ///< of an enumeration or fixed text: "serial|row_parallel", by number
    const char* description;
};

struct Fields {
    const Field* first;
    const Field* last;
    const Field* begin() const { return first; }
    const Field* end() const { return last; }
    std::size_t size() const { return static_cast<std::size_t>(last - first); }
};

/// Every parameter in the fixed order of the resolved echo.
Fields fields();
const Field* find_field(std::string_view path);
/// Is there a parameter below this path ("card.core")?
bool is_group(std::string_view path);
/// Name and note: shown, but no part of the hash and without a source.
bool is_label(const Field& field);
/// A number of the card or of a device, which must have a source and a grade.
bool needs_source(const Field& field);
/// For an unknown path: the same key elsewhere, else the nearest key beside it.
std::string suggest_path(const std::string& path);

/// Parses, checks the hard range and stores. The error has no place.
Status set_field(const Field& field, CardConfig& config, const std::string& text);
/// Checks the stored value against the hard range.
Status check_field(const Field& field, const CardConfig& config);
/// Canonical text; set_field() of it gives the same bits.
std::string get_field(const Field& field, const CardConfig& config);

/// "1 MHz .. 200 GHz", "serial | row_parallel", or empty.
std::string hard_range(const Field& field);
/// low .. high of a declared range, in canonical units. Errors: not of this unit, low above high, outside the
/// hard range, or the field's present value outside it.
Result<std::string> declared_range(const Field& field, const CardConfig& config, const std::string& low,
                                   const std::string& high);

}  // namespace lightcard::config
