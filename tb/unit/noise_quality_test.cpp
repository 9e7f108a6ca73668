// SPDX-License-Identifier: Apache-2.0
// Statistical tests of the draws as the card makes them: moments, tails, and independence along every axis a key has.
// Every test is a z score or a chi-square whose p-value is printed; seeds are fixed, and a p below 1e-4 fails.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"

namespace lightcard {
namespace {

constexpr double kLeast = 1e-4;  ///< p-value

/// Two-sided p-value of a standard normal deviate.
double p_of(double z)
{
    return std::erfc(std::abs(z) / std::sqrt(2.0));
}

/// Upper tail of a chi-square of `k` degrees, by the normal approximation of its cube root (Wilson and Hilferty 1931).
double p_of_chi_square(double chi2, double k)
{
    const double z = (std::cbrt(chi2 / k) - (1 - 2 / (9 * k))) / std::sqrt(2 / (9 * k));
    return 0.5 * std::erfc(z / std::sqrt(2.0));
}

void expect_p(const std::string& what, double p)
{
    std::printf("  %-48s p = %.4f\n", what.c_str(), p);
    EXPECT_GT(p, kLeast) << what;
}

std::vector<float> draws_of(const SampleKey& key, std::uint32_t first_row, std::uint32_t count,
                            NoiseSource source = NoiseSource::sample)
{
    std::vector<std::uint32_t> words(count);
    std::vector<float> draws(count);
    sample_words(key, source, first_row, count, words.data());
    gaussian(words.data(), draws.data(), count);
    return draws;
}

TEST(NoiseQuality, MomentsAndTailsToFiveSigma)
{
    constexpr std::uint32_t kColumns = 4096, kVectors = 4000;
    constexpr double kDraws = 1.0 * kColumns * kVectors;
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    std::vector<double> beyond(6, 0);
    for (std::uint32_t vector = 0; vector < kVectors; ++vector)
        for (const float draw : draws_of({2026, 7, vector, 0}, 0, kColumns)) {
            const double z = draw, z2 = z * z;
            m1 += z, m2 += z2, m3 += z2 * z, m4 += z2 * z2;
            for (int sigma = 1; sigma <= 5; ++sigma) beyond[static_cast<std::size_t>(sigma)] += z2 > sigma * sigma;
        }
    const double root = std::sqrt(kDraws);
    expect_p("mean", p_of(m1 / root));
    expect_p("variance", p_of((m2 / kDraws - 1) * root / std::sqrt(2.0)));
    expect_p("skewness", p_of(m3 / kDraws * root / std::sqrt(15.0)));
    expect_p("kurtosis", p_of((m4 / kDraws - 3) * root / std::sqrt(96.0)));
    for (int sigma = 1; sigma <= 5; ++sigma) {
        const double share = std::erfc(sigma / std::sqrt(2.0)), expected = kDraws * share;
        expect_p("beyond " + std::to_string(sigma) + " sigma",
                 p_of((beyond[static_cast<std::size_t>(sigma)] - expected) / std::sqrt(expected * (1 - share))));
    }
}

/// 256 equally probable cells of every byte of the words.
TEST(NoiseQuality, BytesAreUniform)
{
    constexpr std::uint32_t kRows = 1u << 20;
    std::vector<std::uint32_t> words(kRows);
    sample_words({5, 6, 7, 8}, NoiseSource::dac, 0, kRows, words.data());
    for (std::uint32_t byte = 0; byte < 4; ++byte) {
        std::vector<double> counts(256, 0);
        for (const std::uint32_t word : words) ++counts[word >> (8 * byte) & 255];
        double chi2 = 0;
        for (const double count : counts) chi2 += (count - kRows / 256.0) * (count - kRows / 256.0) / (kRows / 256.0);
        expect_p("byte " + std::to_string(byte), p_of_chi_square(chi2, 255));
    }
}

/// Sum of the products of two sets of draws that differ in one part of the key.
struct Correlation {
    double products = 0, draws = 0;
    void add(const std::vector<float>& a, const std::vector<float>& b)
    {
        for (std::size_t i = 0; i < a.size(); ++i) products += static_cast<double>(a[i]) * static_cast<double>(b[i]);
        draws += static_cast<double>(a.size());
    }
    double p() const { return p_of(products / std::sqrt(draws)); }
};

TEST(NoiseQuality, IndependentAlongEveryAxisOfTheKey)
{
    constexpr std::uint32_t kColumns = 512, kTurns = 4000;
    const char* names[] = {"next column",
                           "column in the same lane of a vector",
                           "next vector",
                           "next lane but three",
                           "next tile",
                           "next pass",
                           "next seed",
                           "other source",
                           "next tile, next vector"};
    std::vector<Correlation> correlations(std::size(names));
    for (std::uint32_t turn = 0; turn < kTurns; ++turn) {
        const SampleKey key{1, 100 + turn % 7, 1000 + turn, 0};
        const auto base = draws_of(key, 0, kColumns);
        const auto other = [&](std::uint64_t seed, std::uint64_t id, std::uint64_t ordinal, std::uint32_t pass) {
            return draws_of({key.seed + seed, key.weight_id + id, key.ordinal + ordinal, pass}, 0, kColumns);
        };
        correlations[0].add(base, draws_of(key, 1, kColumns));
        correlations[1].add(base, draws_of(key, 8, kColumns));
        correlations[2].add(base, other(0, 0, 1, 0));
        correlations[3].add(base, other(0, 0, 4, 0));
        correlations[4].add(base, other(0, 1, 0, 0));
        correlations[5].add(base, other(0, 0, 0, 1));
        correlations[6].add(base, other(1, 0, 0, 0));
        correlations[7].add(base, draws_of(key, 0, kColumns, NoiseSource::rin));
        correlations[8].add(base, other(0, 1, 1, 0));
    }
    for (std::size_t i = 0; i < correlations.size(); ++i) expect_p(names[i], correlations[i].p());
}

/// A tile's mean over its draws is a normal deviate itself: its spread over tiles shows any structure across keys.
TEST(NoiseQuality, SumsOverKeysSpreadAsTheyShould)
{
    constexpr std::uint32_t kTiles = 2000, kColumns = 128, kVectors = 16;
    double chi2 = 0;
    for (std::uint64_t tile = 1; tile <= kTiles; ++tile) {
        double sum = 0;
        for (std::uint32_t vector = 0; vector < kVectors; ++vector)
            for (const float draw : draws_of({1, tile << 32, vector, 0}, 0, kColumns)) sum += static_cast<double>(draw);
        chi2 += sum * sum / (1.0 * kColumns * kVectors);
    }
    const double above = p_of_chi_square(chi2, kTiles);
    expect_p("spread of tile sums, not too wide", above);
    expect_p("spread of tile sums, not too narrow", 1 - above);
}

/// The tests can fail: a variance off by 0.2 %, and draws that repeat in the next vector.
TEST(NoiseQuality, WrongDrawsAreFound)
{
    constexpr std::uint32_t kDraws = 1u << 24;
    double m2 = 0;
    for (std::uint32_t row = 0; row < kDraws / 4096; ++row)
        for (const float draw : draws_of({3, 3, row, 0}, 0, 4096))
            m2 += 1.002 * static_cast<double>(draw) * static_cast<double>(draw);
    EXPECT_LT(p_of((m2 / kDraws - 1) * std::sqrt(kDraws / 2.0)), kLeast);
    Correlation repeated;
    for (std::uint32_t turn = 0; turn < 10; ++turn)
        repeated.add(draws_of({1, 1, turn, 0}, 0, 64), draws_of({1, 1, turn, 0}, 0, 64));
    EXPECT_LT(repeated.p(), kLeast);
}

}  // namespace
}  // namespace lightcard
