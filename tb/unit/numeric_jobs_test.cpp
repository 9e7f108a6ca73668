// SPDX-License-Identifier: Apache-2.0
// Numbers beside card time: whatever is posted, memory, figures and their order are those of doing it at once. Labelled
// `threads`: the thread sanitizer runs it.
#include "lightcard/model/control_chip/numeric_jobs.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>

namespace lightcard::control_chip {
namespace {

TEST(Bytes, ApartAndNot)
{
    EXPECT_TRUE(apart({0, 10}, {10, 20}));
    EXPECT_FALSE(apart({0, 11}, {10, 20}));
    EXPECT_TRUE(apart({}, {0, 20}));
    // Columns of the same lines.
    const Bytes first{1000, 1912, 256, 128}, second{1128, 2040, 256, 128};
    EXPECT_TRUE(apart(first, second));
    EXPECT_TRUE(apart(second, first));
    EXPECT_TRUE(apart(first, {1384, 2040, 256, 128})) << "from a later line on";
    EXPECT_FALSE(apart(first, {1127, 2040, 256, 128}));
    EXPECT_FALSE(apart(first, {1129, 2041, 256, 128})) << "reaches into the next line";
    EXPECT_FALSE(apart(first, {1128, 2040, 512, 128})) << "other lines";
    EXPECT_FALSE(apart(first, {1128, 1140}));
}

TEST(Bytes, OfWindowsAndSurfaces)
{
    lc_window window{};
    window.base = LC_PTR(LC_SPACE_SRAM, 64);
    window.images = 2;
    window.out_h = window.out_w = 3;
    window.height = 4;
    window.width = 5;
    window.channels = 8;
    window.stride_w = 16;
    window.stride_h = 80;
    window.stride_n = 320;
    const auto read = bytes_of(window, 8);
    EXPECT_EQ(read.begin, 64u);
    EXPECT_EQ(read.end, 64u + 320 + 3 * 80 + 4 * 16 + 8);
    EXPECT_EQ(read.stride, 16u);
    window.stride_h = 72;  // lines that are no whole number of positions
    EXPECT_EQ(bytes_of(window, 8).stride, 0u);
    window.stride_n = ~0ull;
    EXPECT_EQ(bytes_of(window, 8).end, ~0ull);
    lc_surface surface{LC_PTR(LC_SPACE_SRAM, 32), 90, 30, 10};
    EXPECT_EQ(bytes_of(surface, window, 10).end, 32u + 90 + 60 + 20 + 10);
    EXPECT_TRUE(rows_apart(surface, window, 10));
    EXPECT_FALSE(rows_apart(surface, window, 11));
}

/// A card's worth of memory and what has happened to it, computed by some number of threads.
struct Machine {
    explicit Machine(std::uint32_t threads)
        : pool(threads < 2 ? nullptr : std::make_unique<WorkerPool>(threads)), jobs(pool.get()), memory(4096)
    {
        std::iota(memory.begin(), memory.end(), std::uint8_t{0});
    }

    /// to[i] = 3 from[i] + salt, byte by byte, in chunks.
    NumericJobs::Job job(std::uint64_t from, std::uint64_t to, std::uint64_t count, std::uint32_t chunks,
                         std::uint8_t salt)
    {
        NumericJobs::Job job;
        job.reads.push_back({from, from + count});
        job.writes.push_back({to, to + count});
        job.chunks = chunks;
        const auto share = count / chunks;
        job.work = [this, from, to, share, salt](std::uint32_t chunk) {
            for (auto i = chunk * share; i < (chunk + 1) * share; ++i)
                memory[to + i] = static_cast<std::uint8_t>(3 * memory[from + i] + salt);
        };
        job.conclude = [this, to] { log += std::to_string(to) + " "; };
        return job;
    }
    /// sums[i] = 5 sums[i] + salt, each chunk its share.
    NumericJobs::Job sums(std::uint64_t at, std::uint64_t share, std::uint32_t chunks, std::uint8_t salt)
    {
        NumericJobs::Job job;
        job.sums = {at, at + share * chunks};
        job.share = share;
        job.chunks = chunks;
        job.work = [this, at, share, salt](std::uint32_t chunk) {
            for (auto i = at + chunk * share; i < at + (chunk + 1) * share; ++i)
                memory[i] = static_cast<std::uint8_t>(5 * memory[i] + salt);
        };
        job.conclude = [this] { log += "s "; };
        return job;
    }

    std::unique_ptr<WorkerPool> pool;
    NumericJobs jobs;
    std::vector<std::uint8_t> memory;
    std::string log;
};

/// Random jobs over few bytes, so that everything depends on everything: read after write, write after read, write
/// after write, sums chunk by chunk; and a host that looks now and then.
std::string scramble(std::uint32_t threads, std::uint32_t seed)
{
    Machine machine(threads);
    std::string seen;
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); };
    for (std::uint32_t i = 0; i < 300; ++i) {
        const auto salt = static_cast<std::uint8_t>(i);
        switch (below(8)) {
            case 0: {
                const std::uint64_t at = below(3000);
                machine.jobs.before_read({at, at + 64});
                seen += std::to_string(std::accumulate(&machine.memory[at], &machine.memory[at + 64], 0)) + " ";
                break;
            }
            case 1: {
                const std::uint64_t at = below(3000);
                machine.jobs.before_write({at, at + 16});
                std::fill_n(&machine.memory[at], 16, salt);
                break;
            }
            case 2:
                machine.jobs.then([&machine, i] { machine.log += "t" + std::to_string(i) + " "; });
                break;
            case 3:
            case 4:
                machine.jobs.post(machine.sums(2048, below(2) != 0 ? 64 : 32, 8, salt));
                break;
            default: {
                const std::uint64_t from = below(512), to = 1100 + below(1024);  // apart from each other
                machine.jobs.post(below(2) != 0 ? machine.job(from, to, 512, 1u << below(5), salt)
                                                : machine.job(to, from, 512, 1u << below(5), salt));
            }
        }
    }
    machine.jobs.settle();
    return machine.log + seen + std::string(machine.memory.begin(), machine.memory.end());
}

TEST(NumericJobs, AnyThreadsDoWhatOneDoes)
{
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
        const auto alone = scramble(1, seed);
        for (const auto threads : {2u, 3u, 8u}) EXPECT_EQ(scramble(threads, seed), alone) << threads << ' ' << seed;
    }
}

TEST(NumericJobs, CardTimeGoesOnUntilSomebodyLooks)
{
    Machine machine(2);
    std::atomic<bool> go{false};
    auto slow = machine.job(0, 1024, 512, 1, 1);
    slow.work = [work = std::move(slow.work), &go](std::uint32_t chunk) {
        while (!go) std::this_thread::yield();
        work(chunk);
    };
    machine.jobs.post(std::move(slow));
    machine.jobs.before_read({0, 1024});
    machine.jobs.before_write({1536, 2048});
    EXPECT_EQ(machine.log, "") << "nobody has looked at what it writes, or taken what it reads";
    go = true;
    machine.jobs.before_write({0, 1});
    EXPECT_EQ(machine.log, "1024 ");
    EXPECT_EQ(machine.memory[1025], 3 * 1 + 1);
}

TEST(NumericJobs, SettlingIsInOrderAndNotWithinItself)
{
    for (const auto threads : {1u, 2u}) {
        Machine machine(threads);
        auto first = machine.job(0, 1024, 512, 4, 1);
        first.conclude = [&] {
            machine.jobs.settle();  // as an event does that it raises
            machine.log += "first ";
        };
        machine.jobs.post(std::move(first));
        machine.jobs.post(machine.job(0, 2048, 512, 4, 1));
        machine.jobs.then([&] { machine.log += "then "; });
        machine.jobs.settle();
        EXPECT_EQ(machine.log, "first 2048 then ");
        machine.jobs.then([&] { machine.log += "now"; });
        EXPECT_EQ(machine.log, "first 2048 then now");
    }
}

TEST(NumericJobs, AFailureWaitsForItsCommand)
{
    Machine machine(3);
    for (std::uint32_t record = 0; record < 6; ++record) {
        auto job = machine.job(0, 1024, 512, 4, 1);
        job.origin = {1, static_cast<std::uint16_t>(record / 3), record};
        if (record % 3 == 1)
            job.work = [record](std::uint32_t chunk) {
                if (chunk == 2) throw std::runtime_error("record " + std::to_string(record));
            };
        machine.jobs.post(std::move(job));
    }
    machine.jobs.settle();
    EXPECT_EQ(machine.log, "1024 1024 1024 1024 ") << "what failed is not concluded";
    EXPECT_FALSE(machine.jobs.take_failure(2, 0));
    const auto failure = machine.jobs.take_failure(1, 1);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->origin.record, 4u);
    EXPECT_THROW(std::rethrow_exception(failure->why), std::runtime_error);
    EXPECT_FALSE(machine.jobs.take_failure(1, 1)) << "told once";
    machine.jobs.forget_failures();
    EXPECT_FALSE(machine.jobs.take_failure(1, 0));

    Machine alone(1);
    auto job = alone.job(0, 1024, 512, 1, 1);
    job.work = [](std::uint32_t) { throw std::runtime_error("at once"); };
    EXPECT_THROW(alone.jobs.post(std::move(job)), std::runtime_error);
}

TEST(NumericJobs, GoAwayWithWorkPending)
{
    auto memory = std::make_shared<std::vector<int>>(64);
    {
        WorkerPool pool(2);
        NumericJobs jobs(&pool);
        for (int i = 0; i < 10; ++i) {
            NumericJobs::Job job;
            job.sums = {0, 64};
            job.share = 1;
            job.chunks = 64;
            job.work = [memory](std::uint32_t chunk) { ++(*memory)[chunk]; };
            jobs.post(std::move(job));
        }
    }
    EXPECT_EQ(*memory, std::vector<int>(64, 10));
}

}  // namespace
}  // namespace lightcard::control_chip
