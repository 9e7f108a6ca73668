// SPDX-License-Identifier: Apache-2.0
/// A small pool for numeric work: splits a range into fixed chunks, the caller helps, nobody spins.
/// Jobs own immutable inputs and write disjoint ranges; they touch neither SystemC nor the ledger.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lightcard {

class WorkerPool {
public:
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
    bool take(std::unique_lock<std::mutex>& lock);

    std::mutex mutex_;
    std::condition_variable start_, finished_;
    const std::function<void(std::uint32_t)>* work_ = nullptr;
    std::uint32_t next_ = 0, chunks_ = 0, running_ = 0;
    std::exception_ptr failure_;
    bool stop_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace lightcard
