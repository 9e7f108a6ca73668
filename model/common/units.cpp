// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/units.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "lightcard/model/common/suggest.h"

namespace lightcard {

namespace {

using D = Dimension;
using Wide = unsigned __int128;

/// One written unit = multiplier * 10^exponent base units.
struct Unit {
    D dimension;
    const char* symbol;
    int exponent;
    std::uint64_t multiplier = 1;
    bool shown = true;  ///< formatting may choose it
};

/// Smallest first within a dimension; the base unit of a dimension has exponent 0 and multiplier 1.
constexpr Unit kUnits[] = {
    {D::fraction, "%", -2},
    {D::frequency, "Hz", 0},
    {D::frequency, "kHz", 3},
    {D::frequency, "MHz", 6},
    {D::frequency, "GHz", 9},
    {D::frequency, "THz", 12},
    {D::frequency, "kBd", 3, 1, false},
    {D::frequency, "MBd", 6, 1, false},
    {D::frequency, "GBd", 9, 1, false},
    {D::time, "ps", -12},
    {D::time, "ns", -9},
    {D::time, "us", -6},
    {D::time, "ms", -3},
    {D::time, "s", 0},
    {D::time, "min", 0, 60, false},
    {D::time, "h", 0, 3600, false},
    {D::time, "d", 0, 86400, false},
    {D::energy, "aJ", -18, 1, false},
    {D::energy, "fJ", -15, 1, false},
    {D::energy, "pJ", -12},
    {D::energy, "nJ", -9},
    {D::energy, "uJ", -6},
    {D::energy, "mJ", -3},
    {D::energy, "J", 0},
    {D::power, "nW", -9},
    {D::power, "uW", -6},
    {D::power, "mW", -3},
    {D::power, "W", 0},
    {D::power, "kW", 3},
    {D::current, "fA", -15},
    {D::current, "pA", -12},
    {D::current, "nA", -9},
    {D::current, "uA", -6},
    {D::current, "mA", -3},
    {D::current, "A", 0},
    {D::decibel, "dB", 0},
    {D::decibel_per_hertz, "dB/Hz", 0},
    {D::responsivity, "mA/W", -3, 1, false},
    {D::responsivity, "A/W", 0},
    {D::noise_current, "fA/rtHz", -15},
    {D::noise_current, "pA/rtHz", -12},
    {D::noise_current, "nA/rtHz", -9},
    {D::noise_current, "uA/rtHz", -6},
    {D::noise_current, "A/rtHz", 0},
    {D::bytes, "B", 0},
    {D::bytes, "kB", 3, 1, false},
    {D::bytes, "KiB", 0, 1ull << 10},
    {D::bytes, "MB", 6, 1, false},
    {D::bytes, "MiB", 0, 1ull << 20},
    {D::bytes, "GB", 9, 1, false},
    {D::bytes, "GiB", 0, 1ull << 30},
    {D::bytes, "TB", 12, 1, false},
    {D::bytes, "TiB", 0, 1ull << 40},
    {D::byte_rate, "B/s", 0},
    {D::byte_rate, "kB/s", 3},
    {D::byte_rate, "MB/s", 6},
    {D::byte_rate, "GB/s", 9},
    {D::byte_rate, "TB/s", 12},
    {D::byte_rate, "PB/s", 15},
    {D::energy_per_bit, "aJ/b", -18, 1, false},
    {D::energy_per_bit, "fJ/b", -15, 1, false},
    {D::energy_per_bit, "pJ/b", -12},
    {D::energy_per_bit, "nJ/b", -9},
    {D::energy_per_bit, "uJ/b", -6},
    {D::energy_per_bit, "J/b", 0},
    {D::element_rate, "elem/s", 0},
    {D::element_rate, "kelem/s", 3},
    {D::element_rate, "Melem/s", 6},
    {D::element_rate, "Gelem/s", 9},
    {D::element_rate, "Telem/s", 12},
    {D::element_rate, "Pelem/s", 15},
    {D::mac_rate, "MAC/s", 0},
    {D::mac_rate, "kMAC/s", 3},
    {D::mac_rate, "MMAC/s", 6},
    {D::mac_rate, "GMAC/s", 9},
    {D::mac_rate, "TMAC/s", 12},
    {D::mac_rate, "PMAC/s", 15},
    {D::capacitance, "fF", -15},
    {D::capacitance, "pF", -12},
    {D::capacitance, "nF", -9},
    {D::capacitance, "F", 0},
    {D::noise_voltage, "pV/rtHz", -12},
    {D::noise_voltage, "nV/rtHz", -9},
    {D::noise_voltage, "uV/rtHz", -6},
    {D::noise_voltage, "V/rtHz", 0},
    {D::length, "nm", -9},
    {D::length, "um", -6},
    {D::length, "mm", -3},
    {D::length, "m", 0},
    {D::area, "um^2", -12},
    {D::area, "mm^2", -6},
    {D::area, "cm^2", -4, 1, false},
    {D::area, "m^2", 0},
};

constexpr std::size_t kLongestText = 128;
constexpr int kLargestExponent = 10'000;  // beyond any double; keeps the arithmetic on exponents in range
constexpr int kPicosecondShift = 12;

/// digits * 10^exponent
struct Decimal {
    bool negative = false;
    std::string digits;
    int exponent = 0;
};

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::string_view trim(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::string quoted(std::string_view text)
{
    return "'" + std::string(text.substr(0, kLongestText)) + (text.size() > kLongestText ? "...'" : "'");
}

/// Takes a decimal number off the front of `text`; nothing when there is none.
std::optional<Decimal> take_decimal(std::string_view& text)
{
    Decimal number;
    std::size_t at = 0;
    const auto digit_at = [&](std::size_t i) { return i < text.size() && is_digit(text[i]); };
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) number.negative = text[at++] == '-';
    while (digit_at(at)) number.digits += text[at++];
    if (at < text.size() && text[at] == '.') {
        for (++at; digit_at(at); ++at, --number.exponent) number.digits += text[at];
    }
    if (number.digits.empty()) return std::nullopt;
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        std::size_t mark = at + 1;
        const bool below = mark < text.size() && text[mark] == '-';
        if (mark < text.size() && (text[mark] == '-' || text[mark] == '+')) ++mark;
        if (digit_at(mark)) {  // else it is the first letter of a unit
            int power = 0;
            for (; digit_at(mark); ++mark) power = std::min(kLargestExponent, power * 10 + (text[mark] - '0'));
            number.exponent += below ? -power : power;
            at = mark;
        }
    }
    text.remove_prefix(at);
    return number;
}

Error unit_error(std::string_view text, std::string_view symbol, Dimension dimension)
{
    const std::vector<std::string> valid = unit_symbols(dimension);
    const std::string expected = "expected " + std::string(describe(dimension));
    if (valid.empty()) return {quoted(text) + " has a unit, " + expected + " without one", "", "leave the unit away"};
    const std::string use = "use " + join_choices(valid);
    if (symbol.empty()) return {quoted(text) + " has no unit, " + expected, "", use};
    for (const Unit& unit : kUnits) {
        if (unit.symbol == symbol) return {quoted(text) + " is " + describe(unit.dimension) + ", " + expected, "", use};
    }
    const std::string near = nearest_name(symbol, valid);
    return {"unknown unit " + quoted(symbol) + " in " + quoted(text) + ", " + expected, "",
            near.empty() ? use : "did you mean '" + near + "'?"};
}

struct Written {
    Decimal number;
    std::uint64_t multiplier = 1;
};

/// Number and unit; the unit's power of ten is already in the number.
Result<Written> parse_written(std::string_view raw, Dimension dimension)
{
    const std::string_view text = trim(raw);
    std::string_view rest = text;
    const std::optional<Decimal> number = text.size() > kLongestText ? std::nullopt : take_decimal(rest);
    if (!number) return Error{quoted(text) + " is not a number, expected " + describe(dimension), "", ""};
    Written written{*number, 1};
    const std::string_view symbol = trim(rest);
    const bool unit_optional = unit_symbols(dimension).empty() || dimension == Dimension::fraction;
    if (symbol.empty() && unit_optional) return written;
    for (const Unit& unit : kUnits) {
        if (unit.dimension != dimension || unit.symbol != symbol) continue;
        written.number.exponent += unit.exponent;
        written.multiplier = unit.multiplier;
        return written;
    }
    return unit_error(text, symbol, dimension);
}

std::optional<std::uint64_t> parse_hexadecimal(std::string_view text)
{
    if (text.size() < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return std::nullopt;
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, code] = std::from_chars(text.data() + 2, end, value, 16);
    if (code != std::errc() || stop != end) return std::nullopt;
    return value;
}

enum class Exactness { whole, not_whole, too_large };

/// digits * multiplier * 10^exponent as an unsigned 64-bit integer, exactly or not at all.
Exactness to_integer(const Written& written, std::uint64_t& result)
{
    std::string digits = written.number.digits;
    int exponent = written.number.exponent;
    while (!digits.empty() && digits.back() == '0') {
        digits.pop_back();
        ++exponent;
    }
    result = 0;
    const std::size_t first = digits.find_first_not_of('0');
    if (first == std::string::npos) return Exactness::whole;
    digits.erase(0, first);
    if (static_cast<int>(digits.size()) + exponent > 20) return Exactness::too_large;
    if (digits.size() > 25) return Exactness::not_whole;  // digits below any unit that is counted
    Wide value = 0;
    for (const char c : digits) value = value * 10 + static_cast<unsigned>(c - '0');
    if (__builtin_mul_overflow(value, static_cast<Wide>(written.multiplier), &value)) return Exactness::too_large;
    for (; exponent < 0; ++exponent) {
        if (value % 10 != 0) return Exactness::not_whole;
        value /= 10;
    }
    for (; exponent > 0; --exponent) value *= 10;  // at most 20 digits times 2^40: fits in 128 bits
    if (value > std::numeric_limits<std::uint64_t>::max()) return Exactness::too_large;
    result = static_cast<std::uint64_t>(value);
    return Exactness::whole;
}

/// digits with the decimal point after `point` of them.
std::string write_decimal(std::string digits, int point)
{
    const int count = static_cast<int>(digits.size());
    if (point < -5 || point > 21) {
        const std::string fraction = count > 1 ? "." + digits.substr(1) : std::string();
        return digits.substr(0, 1) + fraction + "e" + std::to_string(point - 1);
    }
    if (point <= 0) return "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
    if (point >= count) return digits + std::string(static_cast<std::size_t>(point - count), '0');
    return digits.insert(static_cast<std::size_t>(point), 1, '.');
}

std::string with_unit(const std::string& number, const char* symbol)
{
    return *symbol ? number + " " + symbol : number;
}

/// Writes digits * 10^(point - digits) base units with the largest shown prefix that leaves a digit before the point.
std::string write_scaled(bool negative, const std::string& digits, int point, Dimension dimension)
{
    const Unit* chosen = nullptr;
    for (const Unit& unit : kUnits) {
        if (unit.dimension != dimension || !unit.shown || unit.multiplier != 1) continue;
        if (!chosen || unit.exponent < point) chosen = &unit;
    }
    const std::string number = write_decimal(digits, point - (chosen ? chosen->exponent : 0));
    return with_unit((negative ? "-" : "") + number, chosen ? chosen->symbol : "");
}

std::string write_zero(bool negative, Dimension dimension)
{
    const char* symbol = "";
    for (const Unit& unit : kUnits) {
        if (unit.dimension == dimension && unit.shown && unit.multiplier == 1 && unit.exponent <= 0)
            symbol = unit.symbol;
    }
    return with_unit(negative ? "-0" : "0", symbol);
}

std::string write_bytes(std::uint64_t value)
{
    const Unit* chosen = nullptr;
    for (const Unit& unit : kUnits) {
        if (unit.dimension == D::bytes && unit.shown && value % unit.multiplier == 0) chosen = &unit;
    }
    return with_unit(std::to_string(value / chosen->multiplier), chosen->symbol);
}

std::string write_hexadecimal(std::uint64_t value)
{
    char buffer[16];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, 16).ptr;
    const std::string digits(buffer, end);
    return "0x" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

}  // namespace

const char* describe(Dimension dimension)
{
    constexpr const char* names[kDimensions] = {
        "a number",        "an identifier",   "a fraction",      "a frequency",     "a time",
        "an energy",       "a power",         "a current",       "a ratio in dB",   "a relative intensity noise",
        "a responsivity",  "a noise current", "a size in bytes", "a byte rate",     "an energy per bit",
        "an element rate", "a MAC rate",      "a capacitance",   "a noise voltage", "a length",
        "an area"};
    const auto index = static_cast<std::size_t>(dimension);
    return index < kDimensions ? names[index] : "a quantity";
}

std::vector<std::string> unit_symbols(Dimension dimension)
{
    std::vector<std::string> symbols;
    for (const Unit& unit : kUnits) {
        if (unit.dimension == dimension) symbols.emplace_back(unit.symbol);
    }
    return symbols;
}

Result<double> parse_real(std::string_view text, Dimension dimension)
{
    const Result<Written> written = parse_written(text, dimension);
    if (!written) return written.error();
    const Decimal& number = written->number;
    const std::string decimal = (number.negative ? "-" : "") + number.digits + "e" + std::to_string(number.exponent);
    double value = 0;
    const auto code = std::from_chars(decimal.data(), decimal.data() + decimal.size(), value).ec;
    value *= static_cast<double>(written->multiplier);
    if (code != std::errc() || !std::isfinite(value)) {
        return Error{quoted(text) + " is beyond what a number can hold", "", "up to 1e308, down to 1e-308"};
    }
    return value;
}

Result<std::uint64_t> parse_integer(std::string_view text, Dimension dimension)
{
    if (dimension == Dimension::identifier) {
        if (const auto value = parse_hexadecimal(trim(text))) return *value;
    }
    Result<Written> written = parse_written(text, dimension);
    if (!written) return written.error();
    if (dimension == Dimension::time) written->number.exponent += kPicosecondShift;
    std::uint64_t value = 0;
    const Exactness exactness = to_integer(*written, value);
    if (exactness == Exactness::too_large) return Error{quoted(text) + " is too large", "", "at most 2^64 - 1"};
    if (exactness == Exactness::not_whole) {
        const std::vector<std::string> symbols = unit_symbols(dimension);
        return Error{quoted(text) + " is not a whole number" + (symbols.empty() ? "" : " of " + symbols.front()), "",
                     ""};
    }
    if (written->number.negative && value != 0) return Error{quoted(text) + " is negative", "", "0 or more"};
    return value;
}

Result<Picoseconds> parse_time(std::string_view text)
{
    const Result<std::uint64_t> value = parse_integer(text, Dimension::time);
    if (!value) return value.error();
    if (*value > static_cast<std::uint64_t>(kNever)) return Error{quoted(text) + " is too long", "", "at most 106 d"};
    return static_cast<Picoseconds>(*value);
}

std::string format_real(double value, Dimension dimension)
{
    if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    if (value == 0) return write_zero(std::signbit(value), dimension);
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific).ptr;
    const std::string text(buffer, end);  // d[.ddd]e[+-]xx
    const std::size_t mark = text.find('e');
    std::string digits = text.substr(0, 1);
    if (mark > 2) digits += text.substr(2, mark - 2);
    int exponent = 0;
    const std::size_t from = mark + (text[mark + 1] == '+' ? 2 : 1);
    std::from_chars(text.data() + from, text.data() + text.size(), exponent);
    return write_scaled(value < 0, digits, exponent + 1, dimension);
}

std::string format_integer(std::uint64_t value, Dimension dimension)
{
    if (value == 0 && dimension != Dimension::identifier) return write_zero(false, dimension);
    if (dimension == Dimension::identifier) return write_hexadecimal(value);
    if (dimension == Dimension::bytes) return write_bytes(value);
    std::string digits = std::to_string(value);
    const int point = static_cast<int>(digits.size()) - (dimension == Dimension::time ? kPicosecondShift : 0);
    digits.erase(digits.find_last_not_of('0') + 1);
    return write_scaled(false, digits, point, dimension);
}

std::string format_time(Picoseconds value)
{
    const auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    return (value < 0 ? "-" : "") + format_integer(magnitude, Dimension::time);
}

}  // namespace lightcard
