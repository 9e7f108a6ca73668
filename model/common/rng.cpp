// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/rng.h"

#include <algorithm>
#include <cstddef>

#include "lightcard/model/common/random_kernels.h"

namespace lightcard {
namespace {

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint64_t, 2>;

constexpr std::uint8_t times_x(std::uint8_t a)
{
    return static_cast<std::uint8_t>(a << 1 ^ (a & 0x80 ? 0x1B : 0));
}

/// FIPS 197: the S-box, and one byte's part in ShiftRows and MixColumns of a column.
struct AesTables {
    std::array<std::uint8_t, 256> box{};
    std::array<std::uint32_t, 256> column{};
};

constexpr AesTables make_aes_tables()
{
    std::array<std::uint8_t, 256> power{}, logarithm{};
    std::uint8_t x = 1;
    for (std::uint32_t i = 0; i < 255; ++i) {
        power[i] = x;
        logarithm[x] = static_cast<std::uint8_t>(i);
        x = static_cast<std::uint8_t>(x ^ times_x(x));  // 3 generates the field
    }
    AesTables tables;
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        const std::uint32_t inverse = byte == 0 ? 0 : power[(255u - logarithm[byte]) % 255];
        const std::uint32_t twice = inverse << 8 | inverse;
        const auto s = static_cast<std::uint8_t>(inverse ^ twice >> 7 ^ twice >> 6 ^ twice >> 5 ^ twice >> 4 ^ 0x63);
        const std::uint32_t two = times_x(s);
        tables.box[byte] = s;
        tables.column[byte] = two | std::uint32_t{s} << 8 | std::uint32_t{s} << 16 | (two ^ s) << 24;
    }
    return tables;
}

constexpr AesTables kAes = make_aes_tables();

constexpr std::uint32_t rotate(std::uint32_t x, std::uint32_t bits)
{
    return bits == 0 ? x : x << bits | x >> (32 - bits);
}

/// SubBytes, ShiftRows and, but in the last round, MixColumns.
template <bool last>
Counter aes_round(const Counter& state)
{
    Counter out{};
    for (std::uint32_t column = 0; column < 4; ++column)
        for (std::uint32_t row = 0; row < 4; ++row) {
            const std::uint32_t byte = state[(column + row) % 4] >> 8 * row & 0xff;
            out[column] ^= last ? std::uint32_t{kAes.box[byte]} << 8 * row : rotate(kAes.column[byte], 8 * row);
        }
    return out;
}

void add_key(Counter& state, const Key& key)
{
    for (std::uint32_t word = 0; word < 4; ++word)
        state[word] ^= static_cast<std::uint32_t>(key[word / 2] >> 32 * (word % 2));
}

/// A bijection of 64-bit words that mixes every bit into every bit (splitmix64's finaliser, Steele et al. 2014).
std::uint64_t mix(std::uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

/// Injective in (seed, stream).
Key ars_key(std::uint64_t seed, std::uint64_t stream)
{
    const std::uint64_t low = mix(seed + 0x9E3779B97F4A7C15ull);
    return {low, mix(low + stream)};
}

}  // namespace

std::array<std::uint32_t, 4> ars4x32(const std::array<std::uint32_t, 4>& counter,
                                     const std::array<std::uint64_t, 2>& key, int rounds)
{
    Counter state = counter;
    Key round_key = key;
    add_key(state, round_key);
    for (int round = 1; round <= rounds; ++round) {
        round_key[0] += 0x9E3779B97F4A7C15ull;
        round_key[1] += 0xBB67AE8584CAA73Bull;
        state = round < rounds ? aes_round<false>(state) : aes_round<true>(state);
        add_key(state, round_key);
    }
    return state;
}

SampleCounter sample_counter(const SampleKey& key, NoiseSource source)
{
    const Key k = ars_key(key.seed, key.weight_id);
    return {{k[0], k[1]},
            {static_cast<std::uint32_t>(key.ordinal), static_cast<std::uint32_t>(key.ordinal >> 32), 0,
             sample_field(source, key.pass)}};
}

StaticCounter static_counter(const StaticKey& key, NoiseSource source)
{
    const Key k = ars_key(key.seed, key.epoch);
    return {{k[0], k[1]}, {key.column << 16, key.bank, key.core, sample_field(source, 0)}};
}

void static_words_portable(const StaticKey& key, NoiseSource source, std::uint32_t count, std::uint32_t* words,
                           std::uint32_t first_row)
{
    const StaticCounter start = static_counter(key, source);
    Counter counter{start.counter[0] + first_row, start.counter[1], start.counter[2], start.counter[3]};
    for (std::uint32_t row = 0; row < count; ++row, ++counter[0]) {
        const Counter block = ars4x32(counter, {start.key[0], start.key[1]});
        for (std::uint32_t word = 0; word < 4; ++word)
            words[static_cast<std::size_t>(word) * count + row] = block[word];
    }
}

void sample_words_portable(const SampleKey& key, NoiseSource source, std::uint32_t first_row, std::uint32_t count,
                           std::uint32_t* words)
{
    const SampleCounter start = sample_counter(key, source);
    Counter counter{start.counter[0], start.counter[1], 0, start.counter[3]};
    const std::uint64_t end = std::uint64_t{first_row} + count;
    for (std::uint64_t row = first_row; row < end;) {
        counter[2] = static_cast<std::uint32_t>(row / 4);
        const Counter block = ars4x32(counter, {start.key[0], start.key[1]});
        for (std::uint64_t stop = std::min(end, row / 4 * 4 + 4); row < stop; ++row) *words++ = block[row % 4];
    }
}

void static_words(const StaticKey& key, NoiseSource source, std::uint32_t count, std::uint32_t* words,
                  std::uint32_t first_row)
{
    const random_kernels::Kernels* kernels = random_kernels::best();
    if (kernels == nullptr) return static_words_portable(key, source, count, words, first_row);
    StaticCounter start = static_counter(key, source);
    start.counter[0] += first_row;
    kernels->planes(random_kernels::round_keys(start.key), start.counter, count, words, count);
}

void sample_words(const SampleKey& key, NoiseSource source, std::uint32_t first_row, std::uint32_t count,
                  std::uint32_t* words)
{
    const random_kernels::Kernels* kernels = random_kernels::best();
    if (kernels == nullptr) return sample_words_portable(key, source, first_row, count, words);
    SampleCounter start = sample_counter(key, source);
    const auto keys = random_kernels::round_keys(start.key);
    // Whole blocks go where they belong; the first and the last may be a part of one.
    constexpr std::uint32_t kWords = 4;
    const auto part = [&](std::uint32_t row, std::uint32_t length) {
        std::uint32_t block[kWords];
        start.counter[2] = row / kWords;
        kernels->rows(keys, start.counter, 1, block);
        words = std::copy_n(block + row % kWords, length, words);
        first_row += length;
        count -= length;
    };
    if (first_row % kWords != 0 && count > 0) part(first_row, std::min(count, kWords - first_row % kWords));
    if (const std::uint32_t blocks = count / kWords; blocks > 0) {
        start.counter[2] = first_row / kWords;
        kernels->rows(keys, start.counter, blocks, words);
        words += std::size_t{blocks} * kWords;
        first_row += blocks * kWords;
        count -= blocks * kWords;
    }
    if (count > 0) part(first_row, count);
}

}  // namespace lightcard
