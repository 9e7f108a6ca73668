// SPDX-License-Identifier: Apache-2.0
// Threads: every chunk once, failures survive, and numeric work gives the same bits as on one thread. Labelled
// `threads`: the thread sanitizer runs it.
#include "lightcard/model/common/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>

#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard {
namespace {

TEST(WorkerPool, EveryChunkOnce)
{
    for (std::uint32_t threads : {1u, 2u, 4u}) {
        WorkerPool pool(threads);
        EXPECT_EQ(pool.threads(), threads);
        for (std::uint32_t chunks : {0u, 1u, 2u, 3u, 100u}) {
            std::vector<int> seen(chunks, 0);  // disjoint writes, read after run()
            pool.run(chunks, [&](std::uint32_t chunk) { ++seen[chunk]; });
            EXPECT_EQ(seen, std::vector<int>(chunks, 1)) << threads << " threads";
        }
    }
}

TEST(WorkerPool, ManyShortRuns)
{
    WorkerPool pool(3);
    std::uint64_t total = 0;
    for (std::uint32_t round = 0; round < 2000; ++round) {
        std::uint64_t parts[5] = {};
        pool.run(5, [&](std::uint32_t chunk) { parts[chunk] = round + chunk; });
        total += std::accumulate(parts, parts + 5, std::uint64_t{0});
    }
    EXPECT_EQ(total, 5u * (1999u * 2000u / 2) + 2000u * 10);
}

TEST(WorkerPool, AnExceptionArrivesAtTheCaller)
{
    WorkerPool pool(4);
    std::atomic<int> others{0};
    const auto work = [&](std::uint32_t chunk) {
        if (chunk == 7) throw std::runtime_error("chunk 7");
        ++others;
    };
    EXPECT_THROW(pool.run(50, work), std::runtime_error);
    EXPECT_EQ(others, 49);
    others = 0;
    pool.run(7, work);  // and the pool lives on
    EXPECT_EQ(others, 7);
}

TEST(WorkerPool, NoisyProductHasTheSameBits)
{
    constexpr std::uint32_t kVectors = 96, kChunk = 8;
    photonic_core::Problem problem(128, 64, kVectors, 3);
    RunConfig run;  // stat, every source
    const photonic_core::Result alone = problem.run(run);
    const photonic_core::AnalogChain chain = problem.chain(run);
    WorkerPool pool(4);
    std::vector<photonic_core::Result> parts(kVectors / kChunk);
    pool.run(static_cast<std::uint32_t>(parts.size()), [&](std::uint32_t i) {
        parts[i] = problem.multiply(chain, problem.tile, {i * kChunk, (i + 1) * kChunk});
    });
    photonic_core::MvmStats stats;
    for (std::uint32_t i = 0; i < parts.size(); ++i) {
        stats.add(parts[i].stats);
        const auto begin = static_cast<std::ptrdiff_t>(i) * kChunk * 64, end = begin + kChunk * 64;
        EXPECT_TRUE(std::equal(alone.y.begin() + begin, alone.y.begin() + end, parts[i].y.begin() + begin)) << i;
    }
    EXPECT_TRUE(photonic_core::same(stats, alone.stats));
}

}  // namespace
}  // namespace lightcard
