// SPDX-License-Identifier: Apache-2.0
/// A small pool for numeric work: splits a range into chunks, the caller helps. Jobs own immutable inputs and write
/// disjoint ranges; they touch neither SystemC nor the ledger.
///
/// Work comes in bursts of microseconds, a wake-up from another core takes tens of them: so whoever waits looks for
/// work for kSpin and then sleeps. Nobody ever spins longer, so that idle workers cost nothing and a pool of more
/// threads than free cores loses little.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lightcard {

class WorkerPool {
public:
    static constexpr std::chrono::microseconds kSpin{20};

    explicit WorkerPool(std::uint32_t threads);  ///< threads in all, the caller included
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    std::uint32_t threads() const { return static_cast<std::uint32_t>(workers_.size()) + 1; }

    /// Calls work(chunk) for every chunk in [0, chunks); returns when all are done. The first exception of a
    /// chunk is rethrown here.
    void run(std::uint32_t chunks, const std::function<void(std::uint32_t)>& work);

private:
    void worker();
    /// Chunks of the run under way, as long as there are any.
    void help();
    bool done() const { return left_.load(std::memory_order_acquire) == 0; }

    std::vector<std::thread> workers_;
    /// The run's number << 32 | its next chunk. Claiming a chunk compares all of it: who comes late to a run that is
    /// over claims nothing of the next one by the terms of the last.
    std::atomic<std::uint64_t> next_{0};
    std::atomic<std::uint32_t> chunks_{0};
    std::atomic<const std::function<void(std::uint32_t)>*> work_{nullptr};
    std::atomic<std::uint32_t> left_{0};  ///< chunks of the run that have not ended
    std::atomic<bool> stop_{false};

    std::mutex mutex_;
    std::condition_variable start_, finished_;
    std::uint32_t asleep_ = 0;  ///< workers
    std::exception_ptr failure_;
};

}  // namespace lightcard
