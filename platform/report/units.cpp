// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/units.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lightcard::report {

namespace {

std::string format(const char* pattern, int decimals, double value)
{
    char text[64];
    std::snprintf(text, sizeof text, pattern, decimals, value);
    return text;
}

/// Four significant digits of a value in [1, 1000), without trailing zeros.
std::string four_digits(double value)
{
    const int decimals = value >= 99.995 ? 1 : value >= 9.9995 ? 2 : 3;
    std::string text = format("%.*f", decimals, value);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

std::string group_digits(std::string digits)
{
    const auto point = digits.find('.');
    const std::size_t first = digits[0] == '-' ? 1 : 0;
    for (std::size_t at = point == std::string::npos ? digits.size() : point; at > first + 3;) {
        at -= 3;
        digits.insert(at, ",");
    }
    return digits;
}

}  // namespace

std::string si(double value, const std::string& unit)
{
    struct Prefix {
        double scale;
        const char* name;
    };
    static constexpr Prefix prefixes[] = {{1e15, "P"}, {1e12, "T"}, {1e9, "G"},  {1e6, "M"},   {1e3, "k"},  {1, ""},
                                          {1e-3, "m"}, {1e-6, "u"}, {1e-9, "n"}, {1e-12, "p"}, {1e-15, "f"}};
    const double size = std::fabs(value);
    if (!std::isfinite(value)) return "? " + unit;
    if (size == 0) return "0 " + unit;
    // A value that prints as 1000 belongs to the next prefix.
    for (const auto& prefix : prefixes)
        if (size >= 0.99995 * prefix.scale)
            return (value < 0 ? "-" : "") + four_digits(size / prefix.scale) + " " + prefix.name + unit;
    return format("%.*e", 3, value) + " " + unit;
}

std::string seconds_text(double seconds)
{
    constexpr double minute = 60, hour = 3600, day = 86400, year = 365.25 * day;
    if (seconds < 120) return si(seconds, "s");
    if (seconds < 2 * hour) return four_digits(seconds / minute) + " min";
    if (seconds < 2 * day) return four_digits(seconds / hour) + " h";
    if (seconds < 2 * year) return four_digits(seconds / day) + " days";
    return grouped(seconds / year, seconds < 100 * year ? 1 : 0) + " years";
}

std::string duration(Picoseconds ps)
{
    return seconds_text(static_cast<double>(ps) * 1e-12);
}

std::string grouped(double value, int decimals)
{
    return group_digits(format("%.*f", decimals, value));
}

std::string grouped(std::uint64_t value)
{
    return group_digits(std::to_string(value));
}

std::string wrapped(const std::string& text, std::size_t width, const std::string& indent)
{
    std::string result;
    std::size_t column = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = text.find_first_not_of(' ', at);
        if (begin == std::string::npos) break;
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        const bool breaks = column > 0 && column + 1 + (end - begin) > width;
        if (breaks) {
            result += "\n" + indent;
            column = indent.size();
        } else if (column > 0) {
            result += ' ';
            ++column;
        }
        result += text.substr(begin, end - begin);
        column += end - begin;
        at = end;
    }
    return result;
}

std::string percent(double fraction)
{
    if (fraction > 0 && fraction < 0.0005) return "<0.1 %";
    return format("%.*f", 1, 100 * fraction) + " %";
}

}  // namespace lightcard::report
