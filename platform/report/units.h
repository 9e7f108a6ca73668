// SPDX-License-Identifier: Apache-2.0
/// Figures as people read them: scaled SI units, grouped digits, percentages. For text only; JSON has base units.
#pragma once

#include <cstdint>
#include <string>

#include "lightcard/model/common/time.h"

namespace lightcard::report {

/// "131.8 W", "2.4 pJ", "1.28 ms", "0 J": four significant digits, prefix from f to P.
std::string si(double value, const std::string& unit);
/// Picoseconds as "77 ps" .. "1.5 s", then "43 min", "4.1 days", "81 years".
std::string duration(Picoseconds ps);
/// Seconds, same style; for times beyond what picoseconds hold.
std::string seconds_text(double seconds);
/// "1,703.9": fixed decimals, digits grouped in threes.
std::string grouped(double value, int decimals = 0);
std::string grouped(std::uint64_t value);
/// 0.9943 -> "99.4 %"; what rounds to zero but is not reads "<0.1 %".
std::string percent(double fraction);

/// Breaks lines at blanks so that none is longer than `width`; continuation lines begin with `indent`.
std::string wrapped(const std::string& text, std::size_t width = 110, const std::string& indent = "");

}  // namespace lightcard::report
