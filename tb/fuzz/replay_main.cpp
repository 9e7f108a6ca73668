// SPDX-License-Identifier: Apache-2.0
// Runs a harness without libFuzzer: on its seeds and fixed mutations of them (no arguments), on every file of a corpus
// and then those (--corpus DIR), on the files named, or writes the seeds as a corpus (--write-seeds DIR).
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include "lightcard/tb/fuzz/fuzz.h"

namespace {

using lightcard::fuzz::Bytes;

constexpr int kMutationsPerSeed = 20'000;
constexpr double kSecondsPerSeed = 1;
constexpr std::uint64_t kInteresting[] = {
    0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 56, 0x7fffffffffffffff, ~0ull};

bool run(const Bytes& bytes)
{
    return lightcard::fuzz::accepts(bytes.data(), bytes.size());
}

std::size_t below(std::mt19937_64& random, std::size_t bound)
{
    return bound == 0 ? 0 : random() % bound;
}

void overwrite(Bytes& bytes, std::mt19937_64& random)
{
    const std::uint64_t value = kInteresting[below(random, std::size(kInteresting))];
    const std::size_t width = std::size_t{1} << below(random, 4);
    const std::size_t at = below(random, bytes.size());
    std::memcpy(bytes.data() + at, &value, std::min(width, bytes.size() - at));
}

Bytes mutate(Bytes bytes, const Bytes& other, std::mt19937_64& random)
{
    for (std::size_t edits = 1 + below(random, 4); edits > 0 && !bytes.empty(); --edits) {
        const std::size_t at = below(random, bytes.size());
        switch (below(random, 6)) {
            case 0:
                bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1u << below(random, 8)));
                break;
            case 1:
                bytes[at] = static_cast<std::uint8_t>(random());
                break;
            case 2:
                bytes.resize(at);
                break;
            case 3:
                bytes.insert(bytes.begin() + at, 1 + below(random, 16), static_cast<std::uint8_t>(random()));
                break;
            case 4:
                bytes.insert(bytes.begin() + at, other.begin() + below(random, other.size()), other.end());
                break;
            default:
                overwrite(bytes, random);
        }
    }
    return bytes;
}

/// Large seeds are slow: each has a time as well as a number of mutations.
int replay_seeds()
{
    const std::vector<Bytes> seeds = lightcard::fuzz::seeds();
    std::mt19937_64 random(1);
    std::size_t inputs = 0, accepted = 0;
    run({});
    for (const Bytes& seed : seeds) {
        lightcard::fuzz::require(run(seed), "the decoder accepts every seed");
        const std::clock_t end = std::clock() + static_cast<std::clock_t>(kSecondsPerSeed * CLOCKS_PER_SEC);
        for (int i = 0; i < kMutationsPerSeed && std::clock() < end; ++i, ++inputs) {
            accepted += run(mutate(seed, seeds[below(random, seeds.size())], random));
        }
    }
    std::printf("%zu seeds, %zu mutations of which %zu were accepted\n", seeds.size(), inputs, accepted);
    return seeds.empty() ? 1 : 0;
}

bool run_file(const std::filesystem::path& path, bool& accepted)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::fprintf(stderr, "cannot read %s\n", path.c_str()), false;
    accepted = run(Bytes(std::istreambuf_iterator<char>(file), {}));
    return true;
}

/// What a fuzzer found worth keeping, in order of name.
int replay_corpus(const std::filesystem::path& directory)
{
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths)
        if (bool accepted = false; !run_file(path, accepted)) return 1;
    std::printf("%zu inputs of the corpus\n", paths.size());
    return paths.empty() ? 1 : replay_seeds();
}

int write_seeds(const std::filesystem::path& directory)
{
    std::filesystem::create_directories(directory);
    int number = 0;
    for (const Bytes& seed : lightcard::fuzz::seeds()) {
        std::ofstream file(directory / ("seed" + std::to_string(number++)), std::ios::binary);
        file.write(reinterpret_cast<const char*>(seed.data()), static_cast<std::streamsize>(seed.size()));
        if (!file) return 1;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv)
{
    if (argc == 1) return replay_seeds();
    if (argc == 3 && std::string(argv[1]) == "--write-seeds") return write_seeds(argv[2]);
    if (argc == 3 && std::string(argv[1]) == "--corpus") return replay_corpus(argv[2]);
    for (int i = 1; i < argc; ++i) {
        bool accepted = false;
        if (!run_file(argv[i], accepted)) return 1;
        std::printf("%s: %s\n", argv[i], accepted ? "accepted" : "refused");
    }
    return 0;
}
