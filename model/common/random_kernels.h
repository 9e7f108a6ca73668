// SPDX-License-Identifier: Apache-2.0
/// The generator and the quantile for vector instructions: the same bits as rng.cpp and gaussian.cpp, which call them
/// where the CPU has them. Plain pointers only: nothing of the standard library may be compiled for an instruction set
/// and shared with other files.
#pragma once

#include <cstdint>

#include "lightcard/model/common/simd.h"

namespace lightcard::random_kernels {

inline constexpr int kRounds = 7;

/// What the rounds of ARS xor in: the key plus multiples of the Weyl constants (Random123).
struct alignas(16) RoundKeys {
    std::uint64_t of[kRounds + 1][2];
};

LIGHTCARD_INLINE RoundKeys round_keys(const std::uint64_t (&key)[2])
{
    RoundKeys keys{};
    std::uint64_t low = key[0], high = key[1];
    for (auto& round : keys.of) {
        round[0] = low;
        round[1] = high;
        low += 0x9E3779B97F4A7C15ull;   // golden ratio
        high += 0xBB67AE8584CAA73Bull;  // sqrt(3) - 1
    }
    return keys;
}

struct Kernels {
    /// ARS-7 on `blocks` counters that differ in word 2 only, counter[2] + i. `words` is [block][4].
    void (*rows)(const RoundKeys& keys, const std::uint32_t (&counter)[4], std::uint32_t blocks, std::uint32_t* words);
    /// The same with counters that differ in word 0: words[w * stride + i] is word w of counter i.
    void (*planes)(const RoundKeys& keys, const std::uint32_t (&counter)[4], std::uint32_t blocks, std::uint32_t* words,
                   std::uint32_t stride);
    /// Counters [count][4], replaced by their random words.
    void (*blocks)(const RoundKeys& keys, std::uint32_t (*counters)[4], std::uint32_t count);
    /// draws[i] = gaussian(words[i]) for `count` a multiple of 16.
    void (*gaussian)(const std::uint32_t* words, float* draws, std::uint64_t count);
};

#if defined(__x86_64__)
extern const Kernels kAvx2;    ///< needs has_avx2()
extern const Kernels kAvx512;  ///< needs has_avx512()
#endif

/// The fastest this CPU runs; null = portable code alone.
inline const Kernels* best()
{
#if defined(__x86_64__)
    if (has_avx512()) return &kAvx512;
    if (has_avx2()) return &kAvx2;
#endif
    return nullptr;
}

}  // namespace lightcard::random_kernels
