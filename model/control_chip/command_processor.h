// SPDX-License-Identifier: Apache-2.0
/// From doorbell to engine and back: fetches SQEs and their operands, decodes them in queue order, dispatches them,
/// and writes completions (output bytes before CQE before MSI-X; the host port keeps that order).
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "lightcard/model/common/host_port.h"
#include "lightcard/model/control_chip/engine_context.h"
#include "lightcard/model/control_chip/queues.h"

namespace lightcard::control_chip {

/// Kinds of host requests, in the top byte of their tags.
enum class TagKind : std::uint8_t { entries = 1, operands, completion, records, burst, ignore };
constexpr std::uint64_t make_tag(TagKind kind, std::uint64_t id = 0)
{
    return (static_cast<std::uint64_t>(kind) << 56) | id;
}
constexpr TagKind tag_kind(std::uint64_t tag)
{
    return static_cast<TagKind>(tag >> 56);
}
constexpr std::uint64_t tag_id(std::uint64_t tag)
{
    return tag & 0x00ffffffffffffffull;
}

class CommandProcessor {
public:
    static constexpr std::uint32_t kWindow = 64;  ///< commands of a queue beyond the fetch, at most

    /// `admin(command)`: executes an admin command and completes it, now or later.
    /// `route(command)`: engine instance of a command, Scheduler::kNoEngine for NOP and FENCE.
    struct Hooks {
        std::function<void(const DecodedCommand&)> admin;
        std::function<std::uint32_t(const DecodedCommand&)> route;
        std::function<void(const lc_log_error&)> log_error;
    };
    CommandProcessor(EngineContext context, HostPort& host, DecodeLimits limits, Hooks hooks);

    // Rings. Queue 0 is the admin pair. Preconditions checked by the admin commands.
    SubmissionQueue& sq(std::uint32_t qid) { return sqs_[qid]; }
    CompletionQueue& cq(std::uint32_t qid) { return cqs_[qid]; }
    std::uint32_t queues() const { return static_cast<std::uint32_t>(sqs_.size()); }
    /// Queues of this number may exist from now on; those above the highest are not looked at.
    void use(std::uint32_t qid) { in_use_ = std::max(in_use_, qid + 1); }
    void reset();
    bool idle() const;

    /// Doorbells. Returns what is wrong, or nothing.
    std::string ring_submission(std::uint32_t qid, std::uint32_t tail);
    std::string ring_completion(std::uint32_t qid, std::uint32_t head);

    // Arrivals.
    void entries_arrived(const DmaRequest& request, bool ok);
    void operands_arrived(std::uint64_t incoming, const std::uint8_t* bytes, bool ok);
    void operands_due(std::uint64_t incoming);
    void dispatch_head(std::uint32_t qid);

    /// Goes on fetching in every queue (a fault that held it back is over).
    void resume();

    void complete(std::uint16_t sq, std::uint16_t cid, lc_status status, std::uint64_t result);
    /// Time at which the processor has decoded one more command.
    Picoseconds next_issue();
    Resource& issue() { return issue_; }
    const DecodeLimits& limits() const { return limits_; }
    /// Takes a fetched command out of its queue before dispatch. False: not there.
    bool cancel_incoming(std::uint16_t qid, std::uint16_t cid);
    std::uint32_t route(const DecodedCommand& command) const { return hooks_.route(command); }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.expect("queues", static_cast<std::uint64_t>(sqs_.size()));
        for (auto& queue : sqs_) archive.field("sq", queue);
        for (auto& queue : cqs_) archive.field("cq", queue);
        if constexpr (Archive::reading) in_use_ = queues();
        archive.field("issue", issue_);
        archive.field("errors", errors_);
    }

private:
    void fetch(std::uint32_t qid);
    void schedule_dispatch(std::uint32_t qid);
    void fetch_operands(std::uint32_t qid, Incoming& incoming);
    void dispatch(std::uint32_t qid, const Incoming& incoming);
    void refuse(std::uint32_t qid, const lc_sqe& sqe, const DecodeFault& fault);
    Incoming* find(std::uint64_t id, std::uint32_t* qid);
    void post(std::uint32_t qid, lc_cqe entry);

    EngineContext context_;
    HostPort& host_;
    DecodeLimits limits_;
    Hooks hooks_;
    std::vector<SubmissionQueue> sqs_;
    std::vector<CompletionQueue> cqs_;
    std::uint32_t in_use_ = 0;
    Resource issue_;
    std::uint64_t next_incoming_ = 1;
    std::uint64_t errors_ = 0;
};

}  // namespace lightcard::control_chip
