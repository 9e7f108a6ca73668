// SPDX-License-Identifier: Apache-2.0
/// Counter-based random words: every draw is a function of what it is drawn for, and of nothing else
/// (docs/adr/0003-noise-keys.md). The generator, ARS-7 (Salmon et al., SC 2011), is called by name only in rng.cpp, its
/// vector forms and its test.
#pragma once

#include <array>
#include <cstdint>

namespace lightcard {

/// What a draw is for; 8 bits of every counter, so no two sources share a draw. Values are part of the results: never
/// renumber.
enum class NoiseSource : std::uint8_t {
    cell = 1,          ///< static, a cell pair: words are programming+, programming-, nu+, nu-
    sample = 2,        ///< stat: receiver and ADC noise of one output sample, all in one
    rin = 3,           ///< laser intensity of one symbol, common to the columns of a tile
    rin_leak = 4,      ///< the part of it that the balanced photodiodes leave, common to the columns of a tile
    imbalance = 5,     ///< static, a receiver: which photodiode of the pair is the better one
    dac = 6,           ///< one input sample, common to the columns of a tile
    shot_plus = 7,     ///< device: one photodiode and sample
    shot_minus = 8,    ///< device
    thermal = 9,       ///< device: one TIA sample
    adc = 10,          ///< device: one ADC sample
    dac_curve = 11,    ///< static, a DAC: steps of its range, gain, offset
    adc_curve = 12,    ///< static, an ADC: the same
    read = 14,         ///< device: one cell and sample
    crosstalk = 13,    ///< static, a column: light of crossings that calibration leaves
    life = 15,         ///< static, a cell pair: cycles + and - live for, how + and - fail
    calibration = 16,  ///< sample: probe codes, and noise of trimming a converter
    retention = 17,    ///< static, a cell pair: how long + and - stay amorphous
};

/// Static draws: (card seed, source, place, program epoch) -> 4 words a cell pair.
struct StaticKey {
    std::uint64_t seed = 1;
    std::uint64_t epoch = 0;
    std::uint32_t core = 0;
    std::uint32_t bank = 0;
    std::uint32_t column = 0;  ///< < 2^16
};
/// words[w * count + i] = word w of row first_row + i (rows < 2^16).
void static_words(const StaticKey& key, NoiseSource source, std::uint32_t count, std::uint32_t* words,
                  std::uint32_t first_row = 0);

/// Key and counter of static draws, for kernels that run the generator themselves: counter[0] is column << 16 | row.
struct StaticCounter {
    std::uint64_t key[2];
    std::uint32_t counter[4];
};
StaticCounter static_counter(const StaticKey& key, NoiseSource source);

/// Sample draws: (card seed, source, weight id, sample ordinal, row, pass) -> 1 word a row.
struct SampleKey {
    std::uint64_t seed = 1;
    std::uint64_t weight_id = 0;
    std::uint64_t ordinal = 0;
    std::uint32_t pass = 0;  ///< < 2^24
};
/// words[i] belongs to row first_row + i; the same word whatever the split into calls. `count` any.
void sample_words(const SampleKey& key, NoiseSource source, std::uint32_t first_row, std::uint32_t count,
                  std::uint32_t* words);

/// Key and counter of a sample draw, for kernels that run the generator themselves; counter[2] is row / 4.
struct SampleCounter {
    std::uint64_t key[2];
    std::uint32_t counter[4];
};
SampleCounter sample_counter(const SampleKey& key, NoiseSource source);
/// Its counter[3].
constexpr std::uint32_t sample_field(NoiseSource source, std::uint32_t pass)
{
    return static_cast<std::uint32_t>(source) << 24 | (pass & 0xFFFFFF);
}

/// The same words without vector instructions: what the others are tested against.
void sample_words_portable(const SampleKey& key, NoiseSource source, std::uint32_t first_row, std::uint32_t count,
                           std::uint32_t* words);
void static_words_portable(const StaticKey& key, NoiseSource source, std::uint32_t count, std::uint32_t* words,
                           std::uint32_t first_row = 0);

/// The raw block function in plain C++, for known-answer tests: `rounds` of AES with a Weyl sequence for its key
/// schedule. The words are little-endian parts of the block; key[0] is its low half.
std::array<std::uint32_t, 4> ars4x32(const std::array<std::uint32_t, 4>& counter,
                                     const std::array<std::uint64_t, 2>& key, int rounds = 7);

}  // namespace lightcard
