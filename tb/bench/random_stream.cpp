// SPDX-License-Identifier: Apache-2.0
// The words of sample draws in the order a card draws them (columns, vectors, tiles), without end, for test batteries:
//
//   random_stream [SEED] | dieharder -a -g 200
#include <cstdio>
#include <cstdlib>

#include "lightcard/model/common/rng.h"

int main(int argc, char** argv)
{
    const std::uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    constexpr std::uint32_t kColumns = 128, kVectors = 4096;
    std::uint32_t words[kColumns];
    for (std::uint64_t tile = 1;; ++tile)
        for (std::uint32_t vector = 0; vector < kVectors; ++vector) {
            lightcard::sample_words({seed, tile << 32, vector, 0}, lightcard::NoiseSource::sample, 0, kColumns, words);
            if (std::fwrite(words, sizeof words, 1, stdout) != 1) return 0;
        }
}
