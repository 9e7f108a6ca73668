// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/worker_pool.h"

#include <utility>

namespace lightcard {

namespace {

constexpr std::uint64_t kOneRun = std::uint64_t{1} << 32;
constexpr std::uint64_t kNoChunk = kOneRun - 1;

std::uint64_t run_of(std::uint64_t next)
{
    return next / kOneRun;
}

void relax()
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/// Looks until `ready` or kSpin is over. True: it is.
template <class Ready>
bool spin(const Ready& ready)
{
    const auto end = std::chrono::steady_clock::now() + WorkerPool::kSpin;
    do {
        for (int i = 0; i < 64; ++i) {
            if (ready()) return true;
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    return ready();
}

}  // namespace

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

void WorkerPool::help()
{
    auto next = next_.load(std::memory_order_acquire);
    for (;;) {
        // Of the run that `next` is of, or of a later one: then the claim below fails.
        const auto chunks = chunks_.load(std::memory_order_acquire);
        const auto* work = work_.load(std::memory_order_relaxed);
        if ((next & kNoChunk) >= chunks) return;
        if (!next_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel, std::memory_order_acquire))
            continue;
        std::exception_ptr failure;
        try {
            (*work)(static_cast<std::uint32_t>(next & kNoChunk));
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (!failure_) failure_ = failure;
        }
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            {
                const std::lock_guard<std::mutex> lock(mutex_);
            }  // the caller is either asleep or will see it
            finished_.notify_all();
        }
        next = next_.load(std::memory_order_acquire);
    }
}

void WorkerPool::worker()
{
    std::uint64_t seen = 0;
    for (;;) {
        const auto ready = [&] {
            return stop_.load(std::memory_order_acquire) || run_of(next_.load(std::memory_order_acquire)) != seen;
        };
        if (!spin(ready)) {
            std::unique_lock<std::mutex> lock(mutex_);
            ++asleep_;
            start_.wait(lock, ready);
            --asleep_;
        }
        if (stop_.load(std::memory_order_acquire)) return;
        seen = run_of(next_.load(std::memory_order_acquire));
        help();
    }
}

void WorkerPool::run(std::uint32_t chunks, const std::function<void(std::uint32_t)>& work)
{
    if (chunks == 0) return;
    if (chunks == 1 || workers_.empty()) {
        for (std::uint32_t i = 0; i < chunks; ++i) work(i);
        return;
    }
    // The run before is over: nobody holds a claim, and who still looks finds no chunk while this one is put up.
    const auto run = run_of(next_.load(std::memory_order_relaxed)) + 1;
    next_.store(run * kOneRun + kNoChunk, std::memory_order_release);
    left_.store(chunks, std::memory_order_relaxed);
    work_.store(&work, std::memory_order_relaxed);
    bool sleepers = false;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        failure_ = nullptr;
        chunks_.store(chunks, std::memory_order_release);
        next_.store((run + 1) * kOneRun, std::memory_order_release);
        sleepers = asleep_ > 0;
    }
    if (sleepers) start_.notify_all();
    help();
    if (!spin([this] { return done(); })) {
        std::unique_lock<std::mutex> lock(mutex_);
        finished_.wait(lock, [this] { return done(); });
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace lightcard
