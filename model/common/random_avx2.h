// SPDX-License-Identifier: Apache-2.0
/// The generator and the quantile in AVX2: the same bits as rng.cpp and gaussian.cpp, which call them where the CPU has
/// it. Plain pointers only: nothing of the standard library may be compiled for AVX2 and shared with other files.
#pragma once

#include <cstdint>

namespace lightcard::random_avx2 {

#if defined(__x86_64__)
inline constexpr bool kBuilt = true;
#else
inline constexpr bool kBuilt = false;
#endif

inline constexpr std::uint32_t kBlocks = 8;  ///< counters worked on side by side

/// Philox4x32-10 on `blocks` counters that differ in word 2 only, counter[2] + i. `words` is [block][4] and holds
/// `blocks` rounded up to kBlocks.
void philox_rows(const std::uint32_t (&key)[2], const std::uint32_t (&counter)[4], std::uint32_t blocks,
                 std::uint32_t* words);
/// The same with counters that differ in word 0. words[w][i] is word w of counter i, rows of `stride` words; `blocks`
/// is a multiple of kBlocks.
void philox_planes(const std::uint32_t (&key)[2], const std::uint32_t (&counter)[4], std::uint32_t blocks,
                   std::uint32_t* words, std::uint32_t stride);
/// kBlocks counters, [word][block], replaced by their random words.
void philox_blocks(const std::uint32_t (&key)[2], std::uint32_t (&blocks)[4][kBlocks]);
/// draws[i] = gaussian(words[i]) for `count` a multiple of 8.
void gaussian(const std::uint32_t* words, float* draws, std::uint64_t count);

}  // namespace lightcard::random_avx2
