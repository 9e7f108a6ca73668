// SPDX-License-Identifier: Apache-2.0
// Quantities: exact parsing, exact round trips, and errors that name what would be right.
#include "lightcard/model/common/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <cstring>
#include <limits>

#include "lightcard/model/common/suggest.h"
#include "lightcard/model/common/time.h"

namespace lightcard {
namespace {

using D = Dimension;
using ::testing::HasSubstr;

std::uint64_t bits_of(double value)
{
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

/// A stream of 64-bit patterns, the same on every machine (splitmix64).
class Patterns {
public:
    std::uint64_t next()
    {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }

private:
    std::uint64_t state_ = 1;
};

struct RealCase {
    const char* text;
    D dimension;
    double value;
    const char* canonical;
};

TEST(Units, RealsAreExactlyTheirDecimal)
{
    const RealCase cases[] = {
        {"2.4 pJ", D::energy, 2.4e-12, "2.4 pJ"},
        {"2.4pJ", D::energy, 2.4e-12, "2.4 pJ"},
        {"  17 nJ\t", D::energy, 17e-9, "17 nJ"},
        {"0.147 pJ", D::energy, 0.147e-12, "0.147 pJ"},
        {"250 aJ", D::energy, 250e-18, "0.00025 pJ"},
        {"0.02 dB", D::decibel, 0.02, "0.02 dB"},
        {"14.31 mW", D::power, 14.31e-3, "14.31 mW"},
        {"0.3 W", D::power, 0.3, "300 mW"},
        {"1 A/W", D::responsivity, 1.0, "1 A/W"},
        {"6 pA/rtHz", D::noise_current, 6e-12, "6 pA/rtHz"},
        {"4.5 pJ/b", D::energy_per_bit, 4.5e-12, "4.5 pJ/b"},
        {"15 fF", D::capacitance, 15e-15, "15 fF"},
        {"0.5 nV/rtHz", D::noise_voltage, 0.5e-9, "500 pV/rtHz"},
        {"40 um", D::length, 40e-6, "40 um"},
        {"0.009 mm^2", D::area, 0.009e-6, "9000 um^2"},
        {"70 fJ/b", D::energy_per_bit, 0.07e-12, "0.07 pJ/b"},
        {"20 %", D::fraction, 0.2, "20 %"},
        {"0.2", D::fraction, 0.2, "20 %"},
        {"-145 dB/Hz", D::decibel_per_hertz, -145.0, "-145 dB/Hz"},
        {"40 nA", D::current, 40e-9, "40 nA"},
        {"20 s", D::time, 20.0, "20 s"},
        {"1 h", D::time, 3600.0, "3600 s"},
        {"+.5e1", D::number, 5.0, "5"},
        {"6.6", D::number, 6.6, "6.6"},
        {"0 pJ", D::energy, 0.0, "0 J"},
        {"1e-300 dB", D::decibel, 1e-300, "1e-300 dB"},
    };
    for (const RealCase& c : cases) {
        const auto value = parse_real(c.text, c.dimension);
        ASSERT_TRUE(value.ok()) << c.text << ": " << value.error().message();
        EXPECT_EQ(bits_of(*value), bits_of(c.value)) << c.text;
        EXPECT_EQ(format_real(*value, c.dimension), c.canonical);
    }
}

struct IntegerCase {
    const char* text;
    D dimension;
    std::uint64_t value;
    const char* canonical;
};

TEST(Units, IntegersAreExact)
{
    const IntegerCase cases[] = {
        {"13 GHz", D::frequency, 13'000'000'000, "13 GHz"},
        {"13 GBd", D::frequency, 13'000'000'000, "13 GHz"},
        {"53.125 GHz", D::frequency, 53'125'000'000, "53.125 GHz"},
        {"1e-3 MHz", D::frequency, 1'000, "1 kHz"},
        {"64 MiB", D::bytes, 64ull << 20, "64 MiB"},
        {"1.5 KiB", D::bytes, 1536, "1536 B"},
        {"1 MB", D::bytes, 1'000'000, "1000000 B"},
        {"273 GB/s", D::byte_rate, 273'000'000'000, "273 GB/s"},
        {"512 Gelem/s", D::element_rate, 512'000'000'000, "512 Gelem/s"},
        {"5elem/s", D::element_rate, 5, "5 elem/s"},  // the e is not an exponent
        {"4 TMAC/s", D::mac_rate, 4'000'000'000'000, "4 TMAC/s"},
        {"10 us", D::time, 10'000'000, "10 us"},
        {"0.9 us", D::time, 900'000, "900 ns"},
        {"1 d", D::time, 86'400'000'000'000'000, "86400 s"},
        {"0 ns", D::time, 0, "0 s"},
        {"128", D::number, 128, "128"},
        {"1e6", D::number, 1'000'000, "1000000"},
        {"18446744073709551615", D::number, std::numeric_limits<std::uint64_t>::max(), "18446744073709551615"},
        {"0x1D9b", D::identifier, 0x1d9b, "0x1d9b"},
        {"296", D::identifier, 296, "0x0128"},
    };
    for (const IntegerCase& c : cases) {
        const auto value = parse_integer(c.text, c.dimension);
        ASSERT_TRUE(value.ok()) << c.text << ": " << value.error().message();
        EXPECT_EQ(*value, c.value) << c.text;
        EXPECT_EQ(format_integer(*value, c.dimension), c.canonical);
    }
}

TEST(Units, EveryDoubleSurvivesARoundTripInEveryDimension)
{
    Patterns patterns;
    int tried = 0;
    for (int i = 0; i < 20'000; ++i) {
        double value = 0;
        const std::uint64_t bits = patterns.next();
        std::memcpy(&value, &bits, sizeof value);
        if (!std::isfinite(value)) continue;
        const auto dimension = static_cast<D>(i % kDimensions);
        const std::string text = format_real(value, dimension);
        const auto back = parse_real(text, dimension);
        ASSERT_TRUE(back.ok()) << text << ": " << back.error().message();
        ASSERT_EQ(bits_of(*back), bits) << text;
        ++tried;
    }
    EXPECT_GT(tried, 19'000);
    for (const double edge :
         {5e-324, std::numeric_limits<double>::min(), std::numeric_limits<double>::max(), 0.1, 1.0 / 3}) {
        EXPECT_EQ(bits_of(*parse_real(format_real(edge, D::power), D::power)), bits_of(edge));
    }
}

TEST(Units, EveryIntegerSurvivesARoundTripInEveryDimension)
{
    Patterns patterns;
    for (int i = 0; i < 20'000; ++i) {
        const std::uint64_t value = patterns.next() >> (i % 64);
        const auto dimension = static_cast<D>(i % kDimensions);
        if (dimension == D::fraction || dimension == D::decibel) continue;  // reals only
        const std::string text = format_integer(value, dimension);
        const auto back = parse_integer(text, dimension);
        ASSERT_TRUE(back.ok()) << text << ": " << back.error().message();
        ASSERT_EQ(*back, value) << text;
    }
}

TEST(Units, FormattingIsShortest)
{
    EXPECT_EQ(format_real(0.1 + 0.2, D::number), "0.30000000000000004");
    EXPECT_EQ(format_real(0.3, D::number), "0.3");
    EXPECT_EQ(format_real(1e22, D::number), "1e22");
    EXPECT_EQ(format_time(1'500), "1.5 ns");
    EXPECT_EQ(format_time(-1'500), "-1.5 ns");
    EXPECT_EQ(*parse_time("106 d"), 106 * 86'400 * kSecond);
}

struct BadCase {
    const char* text;
    D dimension;
    bool integer;
    const char* what;
    const char* hint;
};

TEST(Units, ErrorsNameTheNearestValid)
{
    const BadCase cases[] = {
        {"13", D::frequency, true, "'13' has no unit, expected a frequency", "GHz"},
        {"13 ns", D::frequency, true, "'13 ns' is a time, expected a frequency", "GHz"},
        {"13 Ghz", D::frequency, true, "unknown unit 'Ghz'", "did you mean 'GHz'?"},
        {"10 usec", D::time, true, "unknown unit 'usec'", "did you mean 'us'?"},
        {"64 mib", D::bytes, true, "unknown unit 'mib'", "did you mean 'MiB'?"},
        {"5 parsec", D::power, false, "unknown unit 'parsec'", "use nW, uW, mW, W or kW"},
        {"4 dB", D::number, true, "has a unit, expected a number without one", "leave the unit away"},
        {"", D::power, false, "'' is not a number, expected a power", ""},
        {"GHz", D::frequency, true, "'GHz' is not a number", ""},
        {"nan W", D::power, false, "is not a number", ""},
        {"inf", D::number, false, "is not a number", ""},
        {"--1", D::number, false, "is not a number", ""},
        {"1.5 ps", D::time, true, "is not a whole number of ps", ""},
        {"0.5 B", D::bytes, true, "is not a whole number of B", ""},
        {"1.5", D::number, true, "is not a whole number", ""},
        {"-3", D::number, true, "'-3' is negative", "0 or more"},
        {"18446744073709551616", D::number, true, "is too large", "2^64 - 1"},
        {"1e99999999999999999999 ps", D::time, true, "is too large", ""},
        {"1e400 W", D::power, false, "is beyond what a number can hold", "1e308"},
        {"1e308 kW", D::power, false, "is beyond what a number can hold", "1e308"},
        {"1,5 W", D::power, false, "unknown unit ',5 W'", "nW"},
        {"0x10", D::number, true, "has a unit", ""},
        {"0x", D::identifier, true, "has a unit", ""},
    };
    for (const BadCase& c : cases) {
        const Error error = c.integer ? [&] {
            const auto result = parse_integer(c.text, c.dimension);
            return result.ok() ? Error{"accepted", "", ""} : result.error();
        }()
                                      : [&] {
            const auto result = parse_real(c.text, c.dimension);
            return result.ok() ? Error{"accepted", "", ""} : result.error();
        }();
        EXPECT_THAT(error.what, HasSubstr(c.what)) << c.text;
        EXPECT_THAT(error.hint, HasSubstr(c.hint)) << c.text;
    }
    EXPECT_FALSE(parse_time("107 d").ok());
    EXPECT_FALSE(parse_real(std::string(100'000, '9'), D::number).ok());
}

TEST(Units, TheLocaleDoesNotMatter)
{
    for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"}) {
        if (!std::setlocale(LC_ALL, name)) continue;
        EXPECT_EQ(*parse_real("14.31 mW", D::power), 14.31e-3) << name;
        EXPECT_EQ(format_real(14.31e-3, D::power), "14.31 mW") << name;
    }
    std::setlocale(LC_ALL, "C");
}

TEST(Suggest, NearestNameOrNothing)
{
    const std::vector<std::string> names = {"symbol_rate", "latency", "lanes", "n", "row_power"};
    EXPECT_EQ(nearest_name("symbol_rat", names), "symbol_rate");
    EXPECT_EQ(nearest_name("Symbol_Rate", names), "symbol_rate");
    EXPECT_EQ(nearest_name("lnaes", names), "lanes");
    EXPECT_EQ(nearest_name("rowpower", names), "row_power");
    EXPECT_EQ(nearest_name("photosynthesis", names), "");
    EXPECT_EQ(nearest_name("x", names), "");
    EXPECT_EQ(nearest_name("", names), "");
    EXPECT_EQ(nearest_name(std::string(1'000'000, 'a'), names), "");
    EXPECT_EQ(did_you_mean("zzzzzz", {"a", "b", "c"}), "one of a, b, c");
    EXPECT_EQ(did_you_mean("zzzzzz", {}), "");
    EXPECT_EQ(join_choices({"a", "b", "c"}), "a, b or c");
}

/// Short divisions and long ones agree where either could serve.
TEST(Durations, AreTheSameWhateverTheDivision)
{
    const auto exact = [](std::uint64_t count, std::uint64_t rate) {
        const auto ps = (static_cast<unsigned __int128>(count) * 1'000'000'000'000u + rate - 1) / rate;
        return ps > static_cast<unsigned __int128>(kNever) ? kNever : static_cast<Picoseconds>(ps);
    };
    const auto most = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t count :
         {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{77'777}, std::uint64_t{8'999'999}, std::uint64_t{9'000'000},
          std::uint64_t{9'000'001}, most}) {
        for (const std::uint64_t rate : {std::uint64_t{1}, std::uint64_t{7}, std::uint64_t{13'000'000'000},
                                         static_cast<std::uint64_t>(kNever), std::uint64_t{1} << 63, most})
            EXPECT_EQ(duration_of(count, rate), exact(count, rate)) << count << " at " << rate;
    }
}

}  // namespace
}  // namespace lightcard
