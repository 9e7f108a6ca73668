// SPDX-License-Identifier: Apache-2.0
/// The numbers of commands, computed beside card time: an engine posts them when it starts a command and goes on; they
/// are there when somebody looks. Jobs say which bytes of the scratchpad they read and write. One that touches what an
/// earlier one writes, or writes what an earlier one reads, comes after it; so does whoever reads or writes the
/// scratchpad himself (before_read, before_write). What results mean for counters and events is settled in the order of
/// posting, on the kernel's thread, before anybody looks at those (settle). Bytes, figures and their order are those of
/// computing everything at once. Free of SystemC.
///
/// Without workers a job is done when it is posted.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <vector>

#include "lightcard/model/common/worker_pool.h"
#include "lightcard/model/control_chip/byte_ranges.h"

namespace lightcard::control_chip {

class NumericJobs {
public:
    /// Whose job it is: a command of a queue, and its record if it is a command buffer.
    struct Origin {
        std::uint16_t sq = 0, cid = 0;
        std::uint32_t record = 0;
    };
    /// What nobody could know when the job was posted: memory ran out, a bug. Everything else is found out before.
    struct Failure {
        Origin origin;
        std::exception_ptr why;
    };

    /// Jobs that may be under way: bounds memory, and how far card time runs ahead.
    static constexpr std::size_t kMost = 32;

    struct Job {
        std::vector<Bytes> reads, writes;
        /// What every chunk reads or writes its own share of, `share` bytes after `share` bytes: jobs of the same sums
        /// and the same share follow each other chunk by chunk.
        Bytes sums;
        std::uint64_t share = 0;
        std::uint32_t chunks = 0;
        std::function<void(std::uint32_t chunk)> work;
        /// Once, after the last chunk, on the kernel's thread, unless a chunk has failed; may be null.
        std::function<void()> conclude;
        Origin origin;
    };

    /// `pool` null: everything is computed when it is posted.
    explicit NumericJobs(WorkerPool* pool) : pool_(pool) {}
    ~NumericJobs();
    NumericJobs(const NumericJobs&) = delete;
    NumericJobs& operator=(const NumericJobs&) = delete;

    std::uint32_t threads() const { return pool_ == nullptr ? 1 : pool_->threads(); }

    /// Without workers it throws what a chunk throws; else that waits for take_failure().
    void post(Job job);
    /// `what` happens when all that has been posted is concluded: now, if it is.
    void then(std::function<void()> what);
    /// The caller is going to read or write these bytes.
    void before_read(const Bytes& bytes)
    {
        if (!posted_.empty()) join(bytes, false);
    }
    void before_write(const Bytes& bytes)
    {
        if (!posted_.empty()) join(bytes, true);
    }
    void before(const std::vector<Bytes>& reads, const Bytes& write)
    {
        for (const auto& bytes : reads) before_read(bytes);
        before_write(write);
    }
    /// All that has been posted is done and concluded. Does nothing while something is being concluded.
    void settle()
    {
        if (!posted_.empty()) settle_first(posted_.size());
    }

    /// The first job of that command that has failed, once; settle() comes first.
    std::optional<Failure> take_failure(std::uint16_t sq, std::uint16_t cid);
    void forget_failures() { failures_.clear(); }

private:
    struct Posted {
        WorkerPool::JobId id = 0;  ///< 0 = no work
        std::vector<Bytes> reads, writes;
        Bytes sums;
        std::uint64_t share = 0;
        std::function<void()> conclude;
        Origin origin;
    };
    void join(const Bytes& bytes, bool write);
    void settle_first(std::size_t count);
    void settle_done();

    WorkerPool* pool_;
    std::deque<Posted> posted_;
    std::vector<Failure> failures_;
    bool concluding_ = false;
};

}  // namespace lightcard::control_chip
