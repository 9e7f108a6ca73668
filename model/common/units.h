// SPDX-License-Identifier: Apache-2.0
/// Quantities with units: "13 GHz", "2.4 pJ", "0.02 dB", "64 MiB", "20 %", plain counts.
/// A number is shifted by its prefix in decimal before it becomes binary, so that "2.4 pJ" is exactly 2.4e-12
/// and formatting gives back the shortest decimal that parses to the same bits. Independent of the locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/model/common/time.h"

namespace lightcard {

enum class Dimension : std::uint8_t {
    number,             ///< no unit: counts, bits, exponents
    identifier,         ///< no unit, shown in hexadecimal: 0x1d9b
    fraction,           ///< 20 % or 0.2
    frequency,          ///< Hz; symbol rates may say Bd
    time,               ///< s; as an integer, picoseconds
    energy,             ///< J
    power,              ///< W
    current,            ///< A
    decibel,            ///< dB
    decibel_per_hertz,  ///< dB/Hz
    responsivity,       ///< A/W
    noise_current,      ///< A/rtHz
    bytes,              ///< B
    byte_rate,          ///< B/s
    energy_per_bit,     ///< J/b
    element_rate,       ///< elem/s
    mac_rate,           ///< MAC/s
    capacitance,        ///< F
    noise_voltage,      ///< V/rtHz
    length,             ///< m
    area,               ///< m^2
};
constexpr int kDimensions = static_cast<int>(Dimension::area) + 1;

/// "a frequency", for error texts.
const char* describe(Dimension dimension);
/// Units that may be written, smallest first; empty for number and identifier.
std::vector<std::string> unit_symbols(Dimension dimension);

/// Value in the base unit. Error: not a number, missing unit, unknown unit (with the nearest), wrong dimension,
/// too large for a double.
Result<double> parse_real(std::string_view text, Dimension dimension);
/// Exact value in the base unit (time: picoseconds). Error also: negative, not a whole number, above 2^64 - 1.
Result<std::uint64_t> parse_integer(std::string_view text, Dimension dimension);
Result<Picoseconds> parse_time(std::string_view text);

/// Shortest text that parses back to the same value, with the prefix that puts 1..999 before the point.
std::string format_real(double value, Dimension dimension);
std::string format_integer(std::uint64_t value, Dimension dimension);
std::string format_time(Picoseconds value);

}  // namespace lightcard
