// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/numeric_jobs.h"

#include <algorithm>
#include <utility>

namespace lightcard::control_chip {

namespace {

bool all_apart(const Bytes& bytes, const std::vector<Bytes>& others)
{
    return std::all_of(others.begin(), others.end(), [&](const Bytes& other) { return apart(bytes, other); });
}

bool all_apart(const std::vector<Bytes>& some, const std::vector<Bytes>& others)
{
    return std::all_of(some.begin(), some.end(), [&](const Bytes& bytes) { return all_apart(bytes, others); });
}

/// Ends on every way out.
class Concluding {
public:
    explicit Concluding(bool& now) : now_(now) { now_ = true; }
    ~Concluding() { now_ = false; }
    Concluding(const Concluding&) = delete;
    Concluding& operator=(const Concluding&) = delete;

private:
    bool& now_;
};

}  // namespace

NumericJobs::~NumericJobs()
{
    for (const auto& posted : posted_)
        if (posted.id != 0) pool_->finish(posted.id);
}

void NumericJobs::post(Job job)
{
    if (pool_ == nullptr) {
        for (std::uint32_t chunk = 0; chunk < job.chunks; ++chunk) job.work(chunk);
        if (job.conclude) job.conclude();
        return;
    }
    settle_done();
    if (posted_.size() >= kMost) settle_first(1);
    WorkerPool::Job work;
    work.chunks = job.chunks;
    work.work = std::move(job.work);
    for (auto posted = posted_.rbegin(); posted != posted_.rend(); ++posted) {
        const auto& before = *posted;
        if (before.id == 0) continue;
        const bool bytes_apart = all_apart(job.writes, before.reads) && all_apart(job.writes, before.writes) &&
                                 all_apart(job.reads, before.writes) && all_apart(job.sums, before.reads) &&
                                 all_apart(job.sums, before.writes) && all_apart(before.sums, job.reads) &&
                                 all_apart(before.sums, job.writes);
        const bool same_sums = job.share != 0 && before.share == job.share && before.sums.begin == job.sums.begin &&
                               before.sums.end == job.sums.end;
        if (!bytes_apart || (!same_sums && !apart(job.sums, before.sums))) {
            work.after.push_back(before.id);
        } else if (same_sums && work.chunks_after.empty()) {  // which itself follows those before it
            work.chunks_after.push_back(before.id);
        }
    }
    Posted posted;
    posted.reads = std::move(job.reads);
    posted.writes = std::move(job.writes);
    posted.sums = job.sums;
    posted.share = job.share;
    posted.conclude = std::move(job.conclude);
    posted.origin = job.origin;
    posted.id = pool_->post(std::move(work));
    posted_.push_back(std::move(posted));
}

void NumericJobs::then(std::function<void()> what)
{
    if (posted_.empty()) return what();
    Posted posted;
    posted.conclude = std::move(what);
    posted_.push_back(std::move(posted));
}

/// Jobs are done in the order they were posted in as far as they touch the same bytes, so the last one that does is
/// the last to be waited for.
void NumericJobs::join(const Bytes& bytes, bool write)
{
    for (auto count = posted_.size(); count > 0; --count) {
        const auto& posted = posted_[count - 1];
        if (apart(bytes, posted.sums) && all_apart(bytes, posted.writes) && (!write || all_apart(bytes, posted.reads)))
            continue;
        settle_first(count);
        return;
    }
}

void NumericJobs::settle_first(std::size_t count)
{
    if (concluding_) return;
    for (; count > 0; --count) {
        auto posted = std::move(posted_.front());
        posted_.pop_front();
        const auto failure = posted.id == 0 ? nullptr : pool_->finish(posted.id);
        if (failure) failures_.push_back({posted.origin, failure});
        if (failure || !posted.conclude) continue;
        const Concluding concluding(concluding_);
        posted.conclude();
    }
}

std::optional<NumericJobs::Failure> NumericJobs::take_failure(std::uint16_t sq, std::uint16_t cid)
{
    const auto of_command = [&](const Failure& failure) {
        return failure.origin.sq == sq && failure.origin.cid == cid;
    };
    const auto first = std::find_if(failures_.begin(), failures_.end(), of_command);
    if (first == failures_.end()) return std::nullopt;
    auto found = std::move(*first);
    failures_.erase(std::remove_if(first, failures_.end(), of_command), failures_.end());
    return found;
}

void NumericJobs::settle_done()
{
    while (!posted_.empty() && (posted_.front().id == 0 || pool_->done(posted_.front().id))) settle_first(1);
}

}  // namespace lightcard::control_chip
