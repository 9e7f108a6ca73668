// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/random_kernels.h"

namespace lightcard {
namespace {

using Words = std::array<std::uint32_t, 4>;

/// Random123 (D. E. Shaw Research) of Debian's librandom123-dev 1.14, whose ten rounds of zeros are those of its
/// published kat_vectors.
TEST(Ars, KnownAnswersOfRandom123)
{
    const std::uint32_t f = 0xffffffff;
    const std::array<std::uint64_t, 2> ones = {~0ull, ~0ull}, pi = {0x299f31d0a4093822, 0xec4e6c89082efa98};
    const Words pi_counter = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    EXPECT_EQ(ars4x32({0, 0, 0, 0}, {0, 0}), (Words{0xdacf61ff, 0xc45798f3, 0x113c7eeb, 0x101e27f3}));
    EXPECT_EQ(ars4x32({f, f, f, f}, ones), (Words{0xfbaaff1f, 0xbb547ef9, 0x13d8cd78, 0x7aaa969b}));
    EXPECT_EQ(ars4x32(pi_counter, pi), (Words{0xd1df87af, 0xf67d43ba, 0x4f66afdb, 0x393dcb2d}));
    EXPECT_EQ(ars4x32({0, 0, 0, 0}, {0, 0}, 10), (Words{0x8d73ee19, 0x506401ef, 0x13c2dbe4, 0x0cbe9c0d}));
    EXPECT_EQ(ars4x32(pi_counter, pi, 10), (Words{0xa516e7d6, 0x8357ad74, 0x5b59b3ec, 0x8763fff3}));
}

/// The forms for vector instructions that this CPU runs.
std::vector<const random_kernels::Kernels*> vector_kernels()
{
    std::vector<const random_kernels::Kernels*> kernels;
#if defined(__x86_64__)
    if (has_avx2()) kernels.push_back(&random_kernels::kAvx2);
    if (has_avx512()) kernels.push_back(&random_kernels::kAvx512);
#endif
    return kernels;
}

TEST(Ars, EveryVectorFormEqualsThePortableOne)
{
    if (vector_kernels().empty()) GTEST_SKIP() << "neither AVX2 nor AVX-512 on this CPU";
    const std::uint64_t key[2] = {0x0123456789abcdef, 0xfedcba9876543210};
    const std::array<std::uint64_t, 2> portable_key = {key[0], key[1]};
    const std::uint32_t counter[4] = {0x10000, 7, 0x3ffff0, 0x02000003};
    const auto keys = random_kernels::round_keys(key);
    for (const auto* kernels : vector_kernels())
        for (std::uint32_t blocks : {1u, 2u, 3u, 4u, 7u, 8u, 15u, 16u, 17u, 31u, 32u, 33u, 45u, 130u}) {
            std::vector<std::uint32_t> rows, planes(4 * blocks), words(4 * blocks + 1, 42), plane_words(words);
            std::vector<std::array<std::uint32_t, 4>> counters(blocks);
            for (std::uint32_t i = 0; i < blocks; ++i) {
                for (std::uint32_t word : ars4x32({counter[0], counter[1], counter[2] + i, counter[3]}, portable_key))
                    rows.push_back(word);
                const Words cell = ars4x32({counter[0] + i, counter[1], counter[2], counter[3]}, portable_key);
                for (std::uint32_t w = 0; w < 4; ++w) planes[w * blocks + i] = cell[w];
                counters[i] = {counter[0], counter[1], counter[2] + i, counter[3]};
            }
            kernels->rows(keys, counter, blocks, words.data());
            kernels->planes(keys, counter, blocks, plane_words.data(), blocks);
            kernels->blocks(keys, reinterpret_cast<std::uint32_t(*)[4]>(counters.data()), blocks);
            EXPECT_EQ(words.back(), 42u);  // nothing is written beyond what was asked for
            EXPECT_EQ(plane_words.back(), 42u);
            words.pop_back(), plane_words.pop_back();
            EXPECT_EQ(words, rows) << blocks;
            EXPECT_EQ(plane_words, planes) << blocks;
            for (std::uint32_t i = 0; i < blocks; ++i)
                EXPECT_TRUE(std::equal(counters[i].begin(), counters[i].end(), rows.begin() + 4 * i)) << blocks;
        }
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

/// All octaves, both signs, and the words around every octave's ends, each in every place of a vector.
TEST(Gaussian, BulkEqualsThePortableOne)
{
    std::vector<std::uint32_t> words;
    for (std::uint32_t octave = 0; octave < 32; ++octave)
        for (std::uint32_t offset : {0u, 1u, 2u, 0xffffffffu, 0xfffffffeu})
            for (std::uint32_t sign : {0u, 0x80000000u}) words.push_back(sign ^ ((1u << octave) + offset));
    std::vector<float> expected(words.size()), draws(words.size());
    ASSERT_EQ(words.size() % 16, 0u);
    for (int turn = 0; turn < 16; ++turn) {
        std::rotate(words.begin(), words.begin() + 1, words.end());
        gaussian_portable(words.data(), expected.data(), words.size());
        gaussian(words.data(), draws.data(), words.size());
        EXPECT_EQ(draws, expected);
        for (const auto* kernels : vector_kernels()) {
            kernels->gaussian(words.data(), draws.data(), words.size());
            EXPECT_EQ(draws, expected);
        }
    }
}

/// 2e7 draws: central moments and tails within 5 standard errors; the bits by a hash.
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
    EXPECT_EQ(hash, 9266765850593991992ull);
}

}  // namespace
}  // namespace lightcard
