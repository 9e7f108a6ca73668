// SPDX-License-Identifier: Apache-2.0
/// A small pool for numeric work. A job is a number of chunks that share nothing: any thread does any of them, in any
/// order. Jobs are posted and waited for by one thread, the owner's, which helps while it waits; a job may have to wait
/// for jobs posted before it, as a whole or chunk by chunk. That order always points backwards, and no chunk waits for
/// anything, so nothing can dead-lock. Chunks touch neither SystemC nor the ledger.
///
/// Work comes in bursts of microseconds, a wake-up from another core takes tens of them: so whoever waits looks for
/// work for kSpin and then sleeps. Nobody ever spins longer, so that idle workers cost nothing and a pool of more
/// threads than free cores loses little.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lightcard {

class WorkerPool {
public:
    static constexpr std::chrono::microseconds kSpin{20};

    using JobId = std::uint64_t;
    struct Job {
        std::uint32_t chunks = 0;
        std::function<void(std::uint32_t chunk)> work;  ///< owns what it needs; destroyed on the owner's thread
        std::vector<JobId> after;                       ///< done before any chunk of this one starts
        /// Of as many chunks as this one: chunk i of each is done before chunk i of this one starts.
        std::vector<JobId> chunks_after;
    };

    explicit WorkerPool(std::uint32_t threads);  ///< threads in all, the owner's included
    /// Waits for chunks under way; jobs that have not been finished are forgotten.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    std::uint32_t threads() const { return static_cast<std::uint32_t>(workers_.size()) + 1; }

    /// Jobs that it names and that have been finished are over. What is posted is finished once.
    JobId post(Job job);
    /// Every chunk has ended.
    bool done(JobId id);
    /// Waits until the job is done, helps meanwhile, forgets it. The first exception of a chunk, or null.
    std::exception_ptr finish(JobId id);

    /// Calls work(chunk) for every chunk in [0, chunks); returns when all are done. The first exception of a
    /// chunk is rethrown here.
    void run(std::uint32_t chunks, const std::function<void(std::uint32_t)>& work);

private:
    enum class State : std::uint8_t { waiting, running, done };
    struct Posted {
        Job job;
        std::vector<State> state;         ///< [chunks]
        std::uint32_t first = 0;          ///< chunks before it have been claimed
        std::uint32_t left = 0;           ///< chunks that have not ended
        std::uint32_t blockers = 0;       ///< of job.after, not done
        std::vector<Posted*> dependents;  ///< blocked by this one
        bool finished = false;
        std::exception_ptr failure;
    };
    struct Claim {
        Posted* posted = nullptr;
        std::uint32_t chunk = 0;
    };
    using Lock = std::unique_lock<std::mutex>;

    void worker();
    // All of these hold the lock.
    Posted* find(JobId id);
    bool ready(const Posted& posted, std::uint32_t chunk);
    Claim claim(bool take);
    void execute(Lock& lock, Claim claimed);
    void wake_another();
    void wait_for_change(Lock& lock);
    void work_or_wait(Lock& lock);

    std::vector<std::thread> workers_;
    std::atomic<std::uint64_t> changes_{0};  ///< jobs posted and chunks ended: what a waiting thread looks at

    std::mutex mutex_;  ///< of all that follows
    std::condition_variable changed_;
    std::deque<Posted> posted_;  ///< not finished, or posted before one that is not
    JobId first_id_ = 1;         ///< of posted_.front()
    std::uint32_t asleep_ = 0;
    bool stop_ = false;
};

}  // namespace lightcard
