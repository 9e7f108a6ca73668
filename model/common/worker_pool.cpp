// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/worker_pool.h"

namespace lightcard {

WorkerPool::WorkerPool(std::uint32_t threads)
{
    for (std::uint32_t i = 1; i < threads; ++i) workers_.emplace_back([this] { worker(); });
}

WorkerPool::~WorkerPool()
{
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stop_ = true;
    }
    start_.notify_all();
    for (auto& thread : workers_) thread.join();
}

/// Runs one chunk if there is one left. The lock is held on entry and exit, not while working.
bool WorkerPool::take(std::unique_lock<std::mutex>& lock)
{
    if (next_ >= chunks_) return false;
    const auto chunk = next_++;
    const auto* work = work_;
    ++running_;
    lock.unlock();
    std::exception_ptr failure;
    try {
        (*work)(chunk);
    } catch (...) {
        failure = std::current_exception();
    }
    lock.lock();
    if (failure && !failure_) failure_ = failure;
    if (--running_ == 0 && next_ >= chunks_) finished_.notify_all();
    return true;
}

void WorkerPool::worker()
{
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stop_) {
        if (!take(lock)) start_.wait(lock, [this] { return stop_ || next_ < chunks_; });
    }
}

void WorkerPool::run(std::uint32_t chunks, const std::function<void(std::uint32_t)>& work)
{
    std::unique_lock<std::mutex> lock(mutex_);
    work_ = &work;
    next_ = 0;
    chunks_ = chunks;
    failure_ = nullptr;
    if (chunks > 1) start_.notify_all();
    while (take(lock)) {
    }
    finished_.wait(lock, [this] { return running_ == 0 && next_ >= chunks_; });
    chunks_ = 0;
    next_ = 0;
    if (failure_) std::rethrow_exception(failure_);
}

}  // namespace lightcard
