// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/det_math.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>

#include "lightcard/model/common/simd.h"

// std::fma below is exact by definition (IEEE 754), whether an instruction or a library call. Nothing else of <cmath>
// is used but std::fma and the classification functions. The clones are for the instruction.
namespace lightcard::det {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// ln 2 in two parts: the high one has 32 significant bits, so that k * kLn2High is exact for |k| < 2^20.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInverseLn2 = 0x1.71547652b82fep+0;
constexpr double kInverseLn2Low = 0x1.777d0ffda0d24p-56;
constexpr double kLn10 = 0x1.26bb1bbb55516p+1;
constexpr double kLn10Low = -0x1.f48ad494ea3e9p-53;
constexpr double kInverseLn10 = 0x1.bcb7b1526e50ep-2;
constexpr double kInverseLn10Low = 0x1.95355baaafad3p-57;
constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1;
constexpr double kInverseSqrtTwoPi = 0x1.9884533d43651p-2;

LIGHTCARD_INLINE std::uint64_t bits_of(double x)
{
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}

LIGHTCARD_INLINE double from_bits(std::uint64_t bits)
{
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

/// 2^k for -1022 <= k <= 1023.
LIGHTCARD_INLINE double power_of_two(std::int64_t k)
{
    return from_bits(static_cast<std::uint64_t>(k + 1023) << 52);
}

/// x * 2^k with at most one rounding, k in -1100 .. 1024.
LIGHTCARD_INLINE double scale(double x, std::int64_t k)
{
    if (k > 1023) return x * power_of_two(1023) * power_of_two(k - 1023);
    if (k < -1022) return x * power_of_two(k + 64) * power_of_two(-64);
    return x * power_of_two(k);
}

/// exp(x + tail) = 2^k (1 + fraction), |tail| far below |x|. Range reduction by ln 2, Taylor series to r^13 (|r| <=
/// 0.35: next term 1e-17).
struct SplitExp {
    double k, fraction;
};

constexpr double kRounder = 0x1.8p52;  ///< adding and subtracting it rounds to the nearest integer, ties to even

LIGHTCARD_INLINE SplitExp split_exp(double x, double tail)
{
    const double k = (x * kInverseLn2 + kRounder) - kRounder;
    const double high = std::fma(-k, kLn2High, x);  // exact
    const double low = std::fma(-k, kLn2Low, tail);
    const double r = high + low;
    const double r_error = (high - r) + low;
    // Horner's scheme, written out: loops here defeat the vectoriser.
    double series = 1.0 / 6227020800.0;
    series = std::fma(series, r, 1.0 / 479001600.0);
    series = std::fma(series, r, 1.0 / 39916800.0);
    series = std::fma(series, r, 1.0 / 3628800.0);
    series = std::fma(series, r, 1.0 / 362880.0);
    series = std::fma(series, r, 1.0 / 40320.0);
    series = std::fma(series, r, 1.0 / 5040.0);
    series = std::fma(series, r, 1.0 / 720.0);
    series = std::fma(series, r, 1.0 / 120.0);
    series = std::fma(series, r, 1.0 / 24.0);
    series = std::fma(series, r, 1.0 / 6.0);
    series = std::fma(series, r, 0.5);
    return {k, std::fma(r * r, series, r_error) + r};
}

LIGHTCARD_INLINE double exp_with_tail(double x, double tail)
{
    if (x != x) return kNan;
    if (x > 709.8) return kInfinity;
    if (x < -745.2) return 0;
    const SplitExp part = split_exp(x, tail);
    return scale(1.0 + part.fraction, static_cast<std::int64_t>(part.k));
}

/// log(x) = exponent * ln 2 + high + low for finite x > 0.
struct SplitLog {
    double exponent, high, low;
};

LIGHTCARD_INLINE SplitLog split_log(double x)
{
    std::int64_t exponent = 0;
    if (x < std::numeric_limits<double>::min()) {
        x *= 0x1p54;
        exponent = -54;
    }
    const std::uint64_t bits = bits_of(x);
    exponent += static_cast<std::int64_t>(bits >> 52) - 1022;
    double m = from_bits((bits & 0xfffffffffffffull) | 0x3fe0000000000000ull);  // [0.5, 1)
    if (m < kSqrtHalf) {
        m *= 2;
        exponent -= 1;
    }
    // log(m) = 2 atanh(s), s = f / (2 + f); written as f - s f + s (z/3 + ...) f-like terms so that f, exact, leads.
    const double f = m - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double series = 2.0 / 25.0;
    for (double odd : {23.0, 21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0})
        series = std::fma(series, z, 2.0 / odd);
    // 2 s = f - s f, and s f = f^2/2 - s f^2/2, so log(m) = f - (f^2/2 - s (f^2/2 + z series)).
    const double half_square = 0.5 * f * f;
    const double half_square_error = std::fma(0.5 * f, f, -half_square);
    const double correction = s * std::fma(z, series, half_square) - half_square_error;
    return {static_cast<double>(exponent), f - half_square, ((f - (f - half_square)) - half_square) + correction};
}

/// log(x) * (factor + factor_low), the exponent's part given by `per_octave` = log(2) * factor.
LIGHTCARD_INLINE double scaled_log(double x, double factor, double factor_low, double per_octave, double per_octave_low)
{
    if (x != x || x < 0) return kNan;
    if (x == 0) return -kInfinity;
    if (x == kInfinity) return x;
    const SplitLog part = split_log(x);
    const double m = part.high + part.low;
    const double m_error = (part.high - m) + part.low;
    const double product = m * factor;
    const double product_error = std::fma(m, factor, -product) + std::fma(m, factor_low, m_error * factor);
    const double octaves = part.exponent * per_octave;
    const double octaves_error = std::fma(part.exponent, per_octave, -octaves) + part.exponent * per_octave_low;
    const double sum = octaves + product;
    const double back = sum - octaves;
    const double sum_error = (octaves - (sum - back)) + (product - back);
    return sum + (sum_error + (octaves_error + product_error));
}

}  // namespace

LIGHTCARD_CLONES double exp(double x)
{
    return exp_with_tail(x, 0);
}

LIGHTCARD_CLONES void exp_each(double* values, std::size_t count)
{
    constexpr double kLimit = 708;  // results are normal numbers
    bool normal = true;
    for (std::size_t i = 0; i < count; ++i) normal &= values[i] > -kLimit && values[i] < kLimit;
    if (!normal) {
        for (std::size_t i = 0; i < count; ++i) values[i] = exp_with_tail(values[i], 0);
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const SplitExp part = split_exp(values[i], 0);
        // The last bits of k + kRounder are k; as an exponent they multiply by 2^k, exactly.
        values[i] = from_bits(bits_of(1.0 + part.fraction) + (bits_of(part.k + kRounder) << 52));
    }
}

LIGHTCARD_CLONES double log(double x)
{
    return scaled_log(x, 1.0, 0.0, kLn2High, kLn2Low);
}

LIGHTCARD_CLONES double log2(double x)
{
    return scaled_log(x, kInverseLn2, kInverseLn2Low, 1.0, 0.0);
}

LIGHTCARD_CLONES double log10(double x)
{
    constexpr double kLog10Of2 = 0x1.34413509f79ffp-2, kLog10Of2Low = -0x1.9dc1da994fd21p-59;
    return scaled_log(x, kInverseLn10, kInverseLn10Low, kLog10Of2, kLog10Of2Low);
}

LIGHTCARD_CLONES double pow10(double x)
{
    if (x != x) return kNan;
    if (x > 310) return kInfinity;
    if (x < -330) return 0;
    const double product = x * kLn10;
    return exp_with_tail(product, std::fma(x, kLn10, -product) + x * kLn10Low);
}

double from_db(double db)
{
    return pow10(db / 10.0);
}

double to_db(double ratio)
{
    return 10.0 * log10(ratio);
}

double normal_pdf(double z)
{
    return kInverseSqrtTwoPi * exp(-0.5 * z * z);
}

/// 1/2 + pdf(z) * (z + z^3/3 + z^5/15 + ...), Marsaglia, J. Stat. Softw. 11(4), 2004.
double normal_cdf(double z)
{
    if (z != z) return kNan;
    if (z > 8.5) return 1;
    if (z < -8.5) return 0;
    double sum = z, term = z;
    for (int k = 3; sum + term != sum; k += 2) {
        term = term * z * z / k;
        sum += term;
    }
    return 0.5 + sum * normal_pdf(z);
}

}  // namespace lightcard::det
