// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "lightcard/model/common/gaussian.h"

namespace lightcard {
namespace {

using Words = std::array<std::uint32_t, 4>;

/// kat_vectors of Random123 (D. E. Shaw Research), lines "philox4x32 10".
TEST(Philox, PublishedKnownAnswers)
{
    EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    const std::uint32_t f = 0xffffffff;
    EXPECT_EQ(philox4x32_10({f, f, f, f}, {f, f}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<std::uint32_t> sample(const SampleKey& key, std::uint32_t first, std::uint32_t count,
                                  NoiseSource source = NoiseSource::sample)
{
    std::vector<std::uint32_t> words(count);
    sample_words(key, source, first, count, words.data());
    return words;
}

TEST(SampleWords, DoNotDependOnTheSplit)
{
    const SampleKey key{7, 0x123456789abcdefull, 42, 3};
    const auto whole = sample(key, 0, 700);
    for (std::uint32_t first : {0u, 1u, 2u, 3u, 4u, 5u, 63u, 126u, 127u, 128u, 300u})
        for (std::uint32_t count : {1u, 2u, 3u, 4u, 5u, 127u, 128u, 129u, 131u, 257u}) {
            const auto part = sample(key, first, count);
            EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first)) << first << " " << count;
        }
}

TEST(SampleWords, LastRowsOfTheRange)
{
    const auto tail = sample({}, 0xfffffff0u, 16);
    EXPECT_EQ(tail.back(), sample({}, 0xffffffffu, 1).front());
}

/// Vector kernels, where this CPU has them, against the portable generator.
TEST(SampleWords, EqualThePortableOnes)
{
    for (std::uint32_t first : {0u, 1u, 4u, 66u, 4096u})
        for (std::uint32_t count : {1u, 31u, 32u, 33u, 128u, 500u}) {
            const SampleKey key{7, 0x123456789abcdefull, 0xffffffffull, first};
            std::vector<std::uint32_t> expected(count);
            sample_words_portable(key, NoiseSource::dac, first, count, expected.data());
            EXPECT_EQ(sample(key, first, count, NoiseSource::dac), expected) << first << " " << count;
        }
}

TEST(StaticWords, EqualThePortableOnes)
{
    for (std::uint32_t count : {1u, 8u, 96u, 100u, 128u, 512u}) {
        const StaticKey key{3, 5, 1, 2, 511};
        std::vector<std::uint32_t> expected(4 * count), words(4 * count);
        static_words_portable(key, NoiseSource::cell, count, expected.data());
        static_words(key, NoiseSource::cell, count, words.data());
        EXPECT_EQ(words, expected) << count;
    }
}

TEST(StaticWords, RowsAreIndependentOfTheCount)
{
    const StaticKey key{3, 9, 1, 2, 77};
    std::vector<std::uint32_t> big(4 * 512), small(4 * 5);
    static_words(key, NoiseSource::cell, 512, big.data());
    static_words(key, NoiseSource::cell, 5, small.data());
    for (std::uint32_t word = 0; word < 4; ++word)
        for (std::uint32_t row = 0; row < 5; ++row) EXPECT_EQ(small[word * 5 + row], big[word * 512 + row]);
}

/// Every field of a key changes the draw, and no two of a few hundred thousand tuples give the same 128-bit block.
TEST(Keys, NeighbouringTuplesDoNotCollide)
{
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    std::size_t count = 0;
    const auto take = [&](const std::uint32_t* w, std::size_t stride) {
        ++count;
        seen.emplace(std::uint64_t{w[0]} << 32 | w[stride], std::uint64_t{w[2 * stride]} << 32 | w[3 * stride]);
    };
    const auto around = {0ull, 1ull, 2ull, 0xffffffffull, 0x100000000ull, 0x9E3779B97F4A7C15ull, ~0ull};
    for (std::uint64_t seed : around)
        for (std::uint64_t id : around)
            for (std::uint64_t ordinal : around)
                for (std::uint32_t pass : {0u, 1u, 0xffffffu})
                    for (NoiseSource source : {NoiseSource::sample, NoiseSource::rin})
                        for (std::uint32_t row : {0u, 4u, 128u, 0xfffffffcu})
                            take(sample({seed, id, ordinal, pass}, row, 4, source).data(), 1);
    for (std::uint64_t seed : around)
        for (std::uint64_t epoch : around)
            for (std::uint32_t core : {0u, 1u, 15u})
                for (std::uint32_t bank : {0u, 1u, 2047u})
                    for (std::uint32_t column : {0u, 1u, 511u}) {
                        std::vector<std::uint32_t> words(4 * 3);
                        static_words({seed, epoch, core, bank, column}, NoiseSource::cell, 3, words.data());
                        for (std::uint32_t row = 0; row < 3; ++row) take(words.data() + row, 3);
                    }
    EXPECT_EQ(seen.size(), count);
}

TEST(Gaussian, QuantilesAtKnownPlaces)
{
    // -quantile of (k + 1/2) / 2^32
    EXPECT_NEAR(gaussian(0), 6.337958, 1e-5);
    EXPECT_NEAR(gaussian(0x80000000), -6.337958, 1e-5);
    EXPECT_NEAR(gaussian(0x7fffffff), 0.0, 6e-6);
    EXPECT_NEAR(gaussian(0x3fffffff), 0.674489750, 6e-6);
    EXPECT_NEAR(gaussian(681419126), 1.0, 6e-6);  // p = 0.158655253931
    EXPECT_NEAR(gaussian(97711072), 2.0, 6e-6);   // p = 0.022750131948
    EXPECT_NEAR(gaussian(5797767), 3.0, 6e-6);    // p = 0.001349898032
    EXPECT_NEAR(gaussian(1231), 5.0, 2e-4);       // p = 2.866516e-7, half a step is 8e-5
}

/// |exact quantile error| through erfc: p(z) against p, divided by the density.
TEST(Gaussian, LargestError)
{
    double worst = 0;
    for (std::uint64_t k = 0; k < 0x80000000ull; k += 1 + k / 20000) {
        const double z = gaussian(static_cast<std::uint32_t>(k));
        const double p = (static_cast<double>(k) + 0.5) / 4294967296.0;
        const double density = std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
        worst = std::max(worst, std::abs(0.5 * std::erfc(z / std::sqrt(2.0)) - p) / density);
    }
    EXPECT_LT(worst, 6e-6);
    EXPECT_GT(worst, 1e-7);  // the check measures something
}

TEST(Gaussian, IsSymmetricAndMonotone)
{
    float previous = 100;
    for (std::uint64_t k = 0; k < 0x80000000ull; k += 9973) {
        const auto word = static_cast<std::uint32_t>(k);
        EXPECT_EQ(gaussian(word), -gaussian(word | 0x80000000));
        EXPECT_LE(gaussian(word), previous + 1e-5F);
        previous = gaussian(word);
    }
}

TEST(Gaussian, BulkEqualsSingle)
{
    for (std::size_t count : {1u, 7u, 16u, 33u, 1000u}) {
        std::vector<std::uint32_t> words = sample({5, 6, 7, 0}, 3, static_cast<std::uint32_t>(count));
        std::vector<float> draws(count);
        gaussian(words.data(), draws.data(), count);
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(draws[i], gaussian(words[i]));
    }
}

/// 2e7 draws: central moments and tails within 5 standard errors; the bits by a hash.
/// All octaves, both signs, and the words around every octave's ends, each in eight places of a vector.
TEST(Gaussian, BulkEqualsThePortableOne)
{
    std::vector<std::uint32_t> words;
    for (std::uint32_t octave = 0; octave < 32; ++octave)
        for (std::uint32_t offset : {0u, 1u, 2u, 0xffffffffu, 0xfffffffeu})
            for (std::uint32_t sign : {0u, 0x80000000u}) words.push_back(sign ^ ((1u << octave) + offset));
    std::vector<float> expected(words.size()), draws(words.size());
    for (int turn = 0; turn < 8; ++turn) {
        std::rotate(words.begin(), words.begin() + 1, words.end());
        gaussian_portable(words.data(), expected.data(), words.size());
        gaussian(words.data(), draws.data(), words.size());
        EXPECT_EQ(draws, expected);
    }
}

TEST(Gaussian, MomentsTailsAndBits)
{
    constexpr std::uint32_t kRow = 1000, kRows = 20000;
    constexpr double kDraws = double{kRow} * kRows;
    std::vector<std::uint32_t> words(kRow);
    std::vector<float> draws(kRow);
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0, lag = 0;
    std::array<std::uint64_t, 4> beyond{};  // |z| > 2, 3, 4, 5
    std::uint64_t hash = 0xcbf29ce484222325ull;
    for (std::uint32_t row = 0; row < kRows; ++row) {
        sample_words({11, 22, row, 0}, NoiseSource::sample, 0, kRow, words.data());
        gaussian(words.data(), draws.data(), kRow);
        for (std::uint32_t i = 0; i < kRow; ++i) {
            const double z = draws[i], z2 = z * z;
            m1 += z, m2 += z2, m3 += z2 * z, m4 += z2 * z2;
            if (i > 0) lag += z * draws[i - 1];
            for (std::size_t t = 0; t < 4; ++t) beyond[t] += z2 > (2.0 + t) * (2.0 + t);
        }
        hash = (hash ^ words[row % kRow]) * 0x100000001b3ull;
        hash = (hash ^ static_cast<std::uint32_t>(static_cast<std::int32_t>(draws[row % kRow] * 1048576.0F))) *
               0x100000001b3ull;
    }
    const double unit = 1 / std::sqrt(kDraws);
    EXPECT_NEAR(m1 / kDraws, 0, 5 * unit);
    EXPECT_NEAR(m2 / kDraws, 1, 5 * std::sqrt(2.0) * unit);
    EXPECT_NEAR(m3 / kDraws, 0, 5 * std::sqrt(15.0) * unit);
    EXPECT_NEAR(m4 / kDraws, 3, 5 * std::sqrt(96.0) * unit);
    EXPECT_NEAR(lag / kDraws, 0, 5 * unit);
    for (std::size_t t = 0; t < 4; ++t) {
        const double expected = kDraws * std::erfc((2.0 + t) / std::sqrt(2.0));
        EXPECT_NEAR(static_cast<double>(beyond[t]), expected, 5 * std::sqrt(expected) + 1) << t + 2;
    }
    EXPECT_EQ(hash, 12470520437229817358ull);
}

}  // namespace
}  // namespace lightcard
