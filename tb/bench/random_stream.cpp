// SPDX-License-Identifier: Apache-2.0
// The words of sample draws in the order a card draws them (columns, vectors, tiles), without end, for test batteries:
//
//   random_stream | dieharder -a -g 200
#include <cstdio>

#include "lightcard/model/common/rng.h"

int main()
{
    constexpr std::uint32_t kColumns = 128, kVectors = 4096;
    std::uint32_t words[kColumns];
    for (std::uint64_t tile = 1;; ++tile)
        for (std::uint32_t vector = 0; vector < kVectors; ++vector) {
            lightcard::sample_words({1, tile << 32, vector, 0}, lightcard::NoiseSource::sample, 0, kColumns, words);
            if (std::fwrite(words, sizeof words, 1, stdout) != 1) return 0;
        }
}
