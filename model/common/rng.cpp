// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/rng.h"

#include <algorithm>
#include <cstddef>

#include "lightcard/model/common/random_avx2.h"
#include "lightcard/model/common/simd.h"

namespace lightcard {
namespace {

using Counter = std::array<std::uint32_t, 4>;

constexpr std::uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;
constexpr std::uint32_t kLanes = 32;  ///< blocks computed side by side (more than GCC unrolls, so that it vectorises)

/// Philox on `kLanes` counters that share a key; plain loops over lanes for the vectoriser. c is [word][lane].
LIGHTCARD_INLINE void philox_lanes(std::uint32_t (&c)[4][kLanes], std::uint32_t key0, std::uint32_t key1)
{
    for (int round = 0; round < kRounds; ++round) {
        for (std::uint32_t i = 0; i < kLanes; ++i) {
            const std::uint64_t product0 = static_cast<std::uint64_t>(kMultiplier0) * c[0][i];
            const std::uint64_t product1 = static_cast<std::uint64_t>(kMultiplier1) * c[2][i];
            c[0][i] = static_cast<std::uint32_t>(product1 >> 32) ^ c[1][i] ^ key0;
            c[2][i] = static_cast<std::uint32_t>(product0 >> 32) ^ c[3][i] ^ key1;
            c[1][i] = static_cast<std::uint32_t>(product1);
            c[3][i] = static_cast<std::uint32_t>(product0);
        }
        key0 += kWeyl0;
        key1 += kWeyl1;
    }
}

/// A bijection of 64-bit words that mixes every bit into every bit (splitmix64's finaliser, Steele et al. 2014).
std::uint64_t mix(std::uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

/// For one seed injective in `stream`, for one stream injective in `seed`.
std::uint64_t philox_key(std::uint64_t seed, std::uint64_t stream)
{
    return mix(mix(seed + 0x9E3779B97F4A7C15ull) + stream);
}

std::array<std::uint32_t, 2> split(std::uint64_t key)
{
    return {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)};
}

std::uint32_t source_field(NoiseSource source, std::uint32_t low24)
{
    return static_cast<std::uint32_t>(source) << 24 | (low24 & 0xFFFFFF);
}

/// Philox on counters that differ in one word only: counter[varying] + i. blocks is [word][lane].
LIGHTCARD_CLONES void philox_run(std::uint64_t key, const Counter& counter, int varying,
                                 std::uint32_t (&blocks)[4][kLanes])
{
    for (int word = 0; word < 4; ++word)
        for (std::uint32_t i = 0; i < kLanes; ++i) blocks[word][i] = counter[word] + (word == varying ? i : 0);
    philox_lanes(blocks, static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32));
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(const std::array<std::uint32_t, 4>& counter,
                                           const std::array<std::uint32_t, 2>& key)
{
    std::array<std::uint32_t, 4> c = counter;
    std::uint32_t key0 = key[0], key1 = key[1];
    for (int round = 0; round < kRounds; ++round, key0 += kWeyl0, key1 += kWeyl1) {
        const std::uint64_t product0 = static_cast<std::uint64_t>(kMultiplier0) * c[0];
        const std::uint64_t product1 = static_cast<std::uint64_t>(kMultiplier1) * c[2];
        c = {static_cast<std::uint32_t>(product1 >> 32) ^ c[1] ^ key0, static_cast<std::uint32_t>(product1),
             static_cast<std::uint32_t>(product0 >> 32) ^ c[3] ^ key1, static_cast<std::uint32_t>(product0)};
    }
    return c;
}

SampleCounter sample_counter(const SampleKey& key, NoiseSource source)
{
    const auto halves = split(philox_key(key.seed, key.weight_id));
    return {{halves[0], halves[1]},
            {static_cast<std::uint32_t>(key.ordinal), static_cast<std::uint32_t>(key.ordinal >> 32), 0,
             source_field(source, key.pass)}};
}

void static_words_portable(const StaticKey& key, NoiseSource source, std::uint32_t count, std::uint32_t* words)
{
    const std::uint64_t k = philox_key(key.seed, key.epoch);
    std::uint32_t blocks[4][kLanes];
    for (std::uint32_t row = 0; row < count; row += kLanes) {
        philox_run(k, {row | key.column << 16, key.bank, key.core, source_field(source, 0)}, 0, blocks);
        const std::uint32_t lanes = std::min(kLanes, count - row);
        for (std::uint32_t word = 0; word < 4; ++word)
            std::copy_n(blocks[word], lanes, words + static_cast<std::size_t>(word) * count + row);
    }
}

void sample_words_portable(const SampleKey& key, NoiseSource source, std::uint32_t first_row, std::uint32_t count,
                           std::uint32_t* words)
{
    const std::uint64_t k = philox_key(key.seed, key.weight_id);
    Counter counter{static_cast<std::uint32_t>(key.ordinal), static_cast<std::uint32_t>(key.ordinal >> 32), 0,
                    source_field(source, key.pass)};
    std::uint64_t row = first_row;
    const std::uint64_t end = row + count;
    while (row < end) {
        std::uint32_t block[4 * kLanes], lanes[4][kLanes];
        const std::uint64_t start = row & ~std::uint64_t{3};
        counter[2] = static_cast<std::uint32_t>(row >> 2);
        const std::uint64_t stop = std::min<std::uint64_t>(end, start + 4 * kLanes);
        if (stop <= start + 4) {
            const auto one = philox4x32_10(counter, split(k));
            std::copy(one.begin(), one.end(), block);
        } else {
            philox_run(k, counter, 2, lanes);
            for (std::uint32_t i = 0; i < kLanes; ++i)
                for (std::uint32_t word = 0; word < 4; ++word) block[4 * i + word] = lanes[word][i];
        }
        words = std::copy(block + (row - start), block + (stop - start), words);
        row = stop;
    }
}

void static_words(const StaticKey& key, NoiseSource source, std::uint32_t count, std::uint32_t* words)
{
    if constexpr (random_avx2::kBuilt) {
        if (count % random_avx2::kBlocks == 0 && has_avx2()) {
            const auto halves = split(philox_key(key.seed, key.epoch));
            random_avx2::philox_planes({halves[0], halves[1]},
                                       {key.column << 16, key.bank, key.core, source_field(source, 0)}, count, words,
                                       count);
            return;
        }
    }
    static_words_portable(key, source, count, words);
}

void sample_words(const SampleKey& key, NoiseSource source, std::uint32_t first_row, std::uint32_t count,
                  std::uint32_t* words)
{
    if constexpr (random_avx2::kBuilt) {
        // Whole groups of 32 rows; what is left at the end goes the portable way.
        constexpr std::uint32_t kRows = 4 * random_avx2::kBlocks;
        const std::uint32_t whole = first_row % 4 == 0 ? count / kRows * kRows : 0;
        if (whole > 0 && has_avx2()) {
            SampleCounter start = sample_counter(key, source);
            start.counter[2] = first_row / 4;
            random_avx2::philox_rows(start.key, start.counter, whole / 4, words);
            first_row += whole;
            count -= whole;
            words += whole;
        }
    }
    if (count > 0) sample_words_portable(key, source, first_row, count, words);
}

}  // namespace lightcard
