// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/worker_pool.h"

#include <utility>

namespace lightcard {

namespace {

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
        changes_.fetch_add(1, std::memory_order_release);
    }
    changed_.notify_all();
    for (auto& thread : workers_) thread.join();
}

WorkerPool::Posted* WorkerPool::find(JobId id)
{
    return id < first_id_ ? nullptr : &posted_[static_cast<std::size_t>(id - first_id_)];
}

bool WorkerPool::ready(const Posted& posted, std::uint32_t chunk)
{
    for (const auto id : posted.job.chunks_after) {
        const auto* before = find(id);
        if (before != nullptr && before->state[chunk] != State::done) return false;
    }
    return true;
}

/// The oldest chunk that can be done now. `take`: it is the caller's.
WorkerPool::Claim WorkerPool::claim(bool take)
{
    for (auto& posted : posted_) {
        if (posted.blockers > 0) continue;
        for (auto chunk = posted.first; chunk < posted.job.chunks; ++chunk) {
            if (posted.state[chunk] != State::waiting || !ready(posted, chunk)) continue;
            if (take) {
                posted.state[chunk] = State::running;
                while (posted.first < posted.job.chunks && posted.state[posted.first] != State::waiting) ++posted.first;
            }
            return {&posted, chunk};
        }
    }
    return {};
}

void WorkerPool::execute(Lock& lock, Claim claimed)
{
    auto& posted = *claimed.posted;
    lock.unlock();
    std::exception_ptr failure;
    try {
        posted.job.work(claimed.chunk);
    } catch (...) {
        failure = std::current_exception();
    }
    lock.lock();
    if (failure && !posted.failure) posted.failure = failure;
    posted.state[claimed.chunk] = State::done;
    changes_.fetch_add(1, std::memory_order_release);
    if (--posted.left > 0) return;
    for (auto* dependent : posted.dependents) --dependent->blockers;
    if (asleep_ > 0) changed_.notify_all();  // one of them may wait for this very job
}

/// There is more to do than what the caller does now.
void WorkerPool::wake_another()
{
    if (asleep_ > 0 && claim(false).posted != nullptr) changed_.notify_one();
}

void WorkerPool::wait_for_change(Lock& lock)
{
    const auto seen = changes_.load(std::memory_order_relaxed);
    const auto changed = [&] { return changes_.load(std::memory_order_acquire) != seen; };
    lock.unlock();
    const bool soon = spin(changed);
    lock.lock();
    if (soon) return;
    ++asleep_;
    changed_.wait(lock, changed);
    --asleep_;
}

void WorkerPool::work_or_wait(Lock& lock)
{
    const auto claimed = claim(true);
    if (claimed.posted == nullptr) return wait_for_change(lock);
    wake_another();
    execute(lock, claimed);
}

void WorkerPool::worker()
{
    Lock lock(mutex_);
    while (!stop_) work_or_wait(lock);
}

WorkerPool::JobId WorkerPool::post(Job job)
{
    const Lock lock(mutex_);
    posted_.emplace_back();
    auto& posted = posted_.back();
    posted.job = std::move(job);
    posted.state.assign(posted.job.chunks, State::waiting);
    posted.left = posted.job.chunks;
    for (const auto id : posted.job.after) {
        auto* before = find(id);
        if (before == nullptr || before->left == 0) continue;
        before->dependents.push_back(&posted);
        ++posted.blockers;
    }
    changes_.fetch_add(1, std::memory_order_release);
    if (asleep_ > 0 && posted.blockers == 0) changed_.notify_one();
    return first_id_ + posted_.size() - 1;
}

bool WorkerPool::done(JobId id)
{
    const Lock lock(mutex_);
    const auto* posted = find(id);
    return posted == nullptr || posted->left == 0;
}

std::exception_ptr WorkerPool::finish(JobId id)
{
    std::deque<Posted> over;  // destroyed without the lock
    std::exception_ptr failure;
    Lock lock(mutex_);
    auto& posted = *find(id);
    while (posted.left > 0) work_or_wait(lock);
    wake_another();
    failure = posted.failure;
    posted.finished = true;
    while (!posted_.empty() && posted_.front().finished) {
        over.push_back(std::move(posted_.front()));
        posted_.pop_front();
        ++first_id_;
    }
    lock.unlock();
    return failure;
}

void WorkerPool::run(std::uint32_t chunks, const std::function<void(std::uint32_t)>& work)
{
    if (chunks == 0) return;
    if (chunks == 1 || workers_.empty()) {
        for (std::uint32_t i = 0; i < chunks; ++i) work(i);
        return;
    }
    Job job;
    job.chunks = chunks;
    job.work = [&work](std::uint32_t chunk) { work(chunk); };
    if (const auto failure = finish(post(std::move(job)))) std::rethrow_exception(failure);
}

}  // namespace lightcard
