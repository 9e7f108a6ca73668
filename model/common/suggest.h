// SPDX-License-Identifier: Apache-2.0
/// The nearest valid name to a mistyped one, for the hint of an Error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lightcard {

/// Candidate with the smallest edit distance (insert, delete, replace, swap of neighbours; a difference in
/// case counts half). Empty when none is close: more than a third of the name wrong, at least two edits allowed.
/// The first of equally close candidates wins.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "did you mean 'x'?", or "one of a, b, c" when nothing is close; empty without candidates.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// "a, b or c"
std::string join_choices(const std::vector<std::string>& choices, const char* last_separator = " or ");

}  // namespace lightcard
