// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/command_processor.h"

#include <algorithm>
#include <cstring>

namespace lightcard::control_chip {

CommandProcessor::CommandProcessor(EngineContext context, HostPort& host, DecodeLimits limits, Hooks hooks)
    : context_(context),
      host_(host),
      limits_(limits),
      hooks_(std::move(hooks)),
      sqs_(limits.io_queues + 1),
      cqs_(limits.io_queues + 1)
{
}

void CommandProcessor::reset()
{
    std::fill(sqs_.begin(), sqs_.end(), SubmissionQueue{});
    std::fill(cqs_.begin(), cqs_.end(), CompletionQueue{});
    in_use_ = 0;
    issue_.release(context_.services.now());
}

bool CommandProcessor::idle() const
{
    for (std::uint32_t i = 0; i < in_use_; ++i) {
        const auto& queue = sqs_[i];
        if (queue.exists && (queue.fetching || !queue.incoming.empty() || queue.head != queue.tail)) return false;
        if (!cqs_[i].backlog.empty()) return false;
    }
    return true;
}

std::string CommandProcessor::ring_submission(std::uint32_t qid, std::uint32_t tail)
{
    ++context_.counts.doorbells;
    if (qid >= sqs_.size() || !sqs_[qid].exists)
        return "doorbell of submission queue " + std::to_string(qid) + ", which does not exist";
    auto& queue = sqs_[qid];
    if (tail >= queue.entries) {
        return "tail " + std::to_string(tail) + " of submission queue " + std::to_string(qid) + " is beyond its " +
               std::to_string(queue.entries) + " entries";
    }
    queue.tail = tail;
    fetch(qid);
    return {};
}

std::string CommandProcessor::ring_completion(std::uint32_t qid, std::uint32_t head)
{
    ++context_.counts.doorbells;
    if (qid >= cqs_.size() || !cqs_[qid].exists)
        return "doorbell of completion queue " + std::to_string(qid) + ", which does not exist";
    auto& queue = cqs_[qid];
    // The head may only move over entries that were written.
    const auto written = (queue.tail + queue.entries - queue.head) % queue.entries;
    const auto moved = (head + queue.entries - queue.head) % queue.entries;
    if (head >= queue.entries || moved > written) {
        return "head " + std::to_string(head) + " of completion queue " + std::to_string(qid) + " passes its tail";
    }
    queue.head = head;
    while (!queue.backlog.empty() && !queue.full()) {
        const auto entry = queue.backlog.front();
        queue.backlog.pop_front();
        post(qid, entry);
    }
    return {};
}

/// Reads the next run of entries: up to a burst, up to the end of the ring, as far as the window allows.
void CommandProcessor::fetch(std::uint32_t qid)
{
    auto& queue = sqs_[qid];
    if (!queue.exists || queue.fetching || queue.head == queue.tail) return;
    auto& faults = context_.services.faults;
    if (faults.find(FaultKind::firmware_hang) != nullptr || faults.strike(FaultKind::queue_stuck, qid)) return;
    if (queue.incoming.size() + context_.scheduler.in_flight(static_cast<std::uint16_t>(qid)) >= kWindow) return;
    const auto count = std::min({queue.available(), queue.entries - queue.head, context_.parameters.fetch_burst});
    DmaRequest request;
    request.tag = make_tag(TagKind::entries, qid);
    request.bus = queue.base + queue.head * sizeof(lc_sqe);
    request.data.resize(count * sizeof(lc_sqe));
    queue.fetching = true;
    host_.submit(std::move(request));
}

void CommandProcessor::resume()
{
    for (std::uint32_t qid = 0; qid < queues(); ++qid) {
        schedule_dispatch(qid);
        fetch(qid);
    }
}

void CommandProcessor::entries_arrived(const DmaRequest& request, bool ok)
{
    const auto qid = static_cast<std::uint32_t>(tag_id(request.tag));
    auto& queue = sqs_[qid];
    if (!queue.exists) return;
    queue.fetching = false;
    const auto count = static_cast<std::uint32_t>(request.data.size() / sizeof(lc_sqe));
    queue.head = (queue.head + count) % queue.entries;
    if (!ok) {
        context_.services.diagnostics.guest_error(context_.services.now(), "control_chip.queues",
                                                  "submission queue " + std::to_string(qid) +
                                                      " lies outside host memory; " + std::to_string(count) +
                                                      " entries skipped");
    }
    for (std::uint32_t i = 0; ok && i < count; ++i) {
        Incoming incoming;
        incoming.id = next_incoming_++;
        std::memcpy(&incoming.sqe, request.data.data() + i * sizeof(lc_sqe), sizeof(lc_sqe));
        queue.incoming.push_back(incoming);
        fetch_operands(qid, queue.incoming.back());
    }
    schedule_dispatch(qid);
    fetch(qid);
}

void CommandProcessor::fetch_operands(std::uint32_t qid, Incoming& incoming)
{
    const bool wanted = qid != 0 && operand_bytes(incoming.sqe.opcode) > 0 && !check_sqe(incoming.sqe, limits_);
    if (!wanted) {
        incoming.ready = true;
        return;
    }
    if (LC_PTR_SPACE(incoming.sqe.src) == LC_SPACE_HOST) {
        DmaRequest request;
        request.tag = make_tag(TagKind::operands, incoming.id);
        request.bus = LC_PTR_OFFSET(incoming.sqe.src);
        request.data.resize(LC_OPERAND_BYTES);
        host_.submit(std::move(request));
        return;
    }
    if (!context_.services.run.computes()) {  // nothing lies in card memory
        incoming.ready = incoming.host_error = true;
        return;
    }
    try {
        const auto done = context_.memories.read(incoming.sqe.src, incoming.operands.data(), LC_OPERAND_BYTES,
                                                 context_.services.now(), {incoming.sqe.context, incoming.sqe.layer});
        context_.timeline.at(done, Due::operands, incoming.id);
    } catch (const std::exception&) {
        incoming.ready = incoming.host_error = true;
    }
}

Incoming* CommandProcessor::find(std::uint64_t id, std::uint32_t* qid)
{
    for (std::uint32_t i = 0; i < sqs_.size(); ++i) {
        for (auto& incoming : sqs_[i].incoming) {
            if (incoming.id != id) continue;
            *qid = i;
            return &incoming;
        }
    }
    return nullptr;
}

void CommandProcessor::operands_arrived(std::uint64_t id, const std::uint8_t* bytes, bool ok)
{
    std::uint32_t qid = 0;
    auto* incoming = find(id, &qid);
    if (incoming == nullptr) return;
    if (bytes != nullptr) std::memcpy(incoming->operands.data(), bytes, LC_OPERAND_BYTES);
    incoming->ready = true;
    incoming->host_error = !ok;
    schedule_dispatch(qid);
}

void CommandProcessor::operands_due(std::uint64_t id)
{
    operands_arrived(id, nullptr, true);
}

Picoseconds CommandProcessor::next_issue()
{
    return issue_.reserve(context_.services.now(), context_.parameters.command_issue, 1).end;
}

void CommandProcessor::schedule_dispatch(std::uint32_t qid)
{
    auto& queue = sqs_[qid];
    if (queue.dispatch_scheduled || queue.incoming.empty() || !queue.incoming.front().ready) return;
    queue.dispatch_scheduled = true;
    context_.timeline.at(next_issue(), Due::dispatch, qid);
}

void CommandProcessor::dispatch_head(std::uint32_t qid)
{
    auto& queue = sqs_[qid];
    if (!queue.exists || !queue.dispatch_scheduled) return;
    queue.dispatch_scheduled = false;
    if (queue.incoming.empty() || !queue.incoming.front().ready) return;
    if (context_.services.faults.find(FaultKind::firmware_hang) != nullptr) return;
    const auto incoming = queue.incoming.front();
    queue.incoming.pop_front();
    ++context_.counts.commands;
    dispatch(qid, incoming);
    schedule_dispatch(qid);
    fetch(qid);
}

void CommandProcessor::dispatch(std::uint32_t qid, const Incoming& incoming)
{
    if (incoming.host_error) {
        refuse(qid, incoming.sqe, {LC_SC_HOST_BUS, 16, "operand block lies outside memory"});
        return;
    }
    const auto decoded =
        qid == 0 ? decode_admin(incoming.sqe, limits_) : decode(incoming.sqe, incoming.operands.data(), limits_);
    if (!decoded) {
        refuse(qid, incoming.sqe, decoded.fault());
        return;
    }
    if (qid == 0) {
        hooks_.admin(decoded.command());
        return;
    }
    Task& task = context_.scheduler.new_task();
    task.sq = static_cast<std::uint16_t>(qid);
    task.cid = incoming.sqe.cid;
    task.command = decoded.command();
    task.engine = hooks_.route(task.command);
    context_.scheduler.dispatch(task);
}

void CommandProcessor::refuse(std::uint32_t qid, const lc_sqe& sqe, const DecodeFault& fault)
{
    context_.services.diagnostics.guest_error(
        context_.services.now(), "control_chip.command_processor",
        std::string("queue ") + std::to_string(qid) + " cid " + std::to_string(sqe.cid) + ": " + fault.text);
    complete(static_cast<std::uint16_t>(qid), sqe.cid, fault.status, LC_FAIL(LC_FAIL_SELF, fault.field));
}

void CommandProcessor::complete(std::uint16_t qid, std::uint16_t cid, lc_status status, std::uint64_t result)
{
    if (qid >= sqs_.size() || !sqs_[qid].exists) return;
    if (status != LC_SC_SUCCESS) {
        ++context_.counts.failed_commands;
        lc_log_error error{};
        error.count = ++errors_;
        error.time_ns = static_cast<std::uint64_t>(context_.services.now() / kNanosecond);
        error.sq_id = qid;
        error.cid = cid;
        error.status = static_cast<std::uint16_t>(status);
        error.result = result;
        hooks_.log_error(error);
    }
    lc_cqe entry{};
    entry.result = result;
    entry.sq_head = static_cast<std::uint16_t>(sqs_[qid].head);
    entry.sq_id = qid;
    entry.cid = cid;
    entry.status = static_cast<std::uint16_t>(status << 1);
    const auto cqid = sqs_[qid].cq;
    if (!cqs_[cqid].exists) return;
    if (!cqs_[cqid].backlog.empty() || cqs_[cqid].full()) {
        cqs_[cqid].backlog.push_back(entry);
    } else {
        post(cqid, entry);
    }
    fetch(qid);
}

void CommandProcessor::post(std::uint32_t cqid, lc_cqe entry)
{
    auto& queue = cqs_[cqid];
    entry.status = static_cast<std::uint16_t>((entry.status & ~1u) | queue.phase);
    DmaRequest request;
    request.tag = make_tag(TagKind::completion, cqid);
    request.to_host = true;
    request.bus = queue.base + queue.tail * sizeof(lc_cqe);
    request.data.resize(sizeof(lc_cqe));
    std::memcpy(request.data.data(), &entry, sizeof(lc_cqe));
    if (++queue.tail == queue.entries) {
        queue.tail = 0;
        queue.phase ^= 1;
    }
    host_.submit(std::move(request));
    if (queue.vector != CompletionQueue::kNoVector) host_.interrupt(queue.vector);
}

bool CommandProcessor::cancel_incoming(std::uint16_t qid, std::uint16_t cid)
{
    auto& incoming = sqs_[qid].incoming;
    const auto found =
        std::find_if(incoming.begin(), incoming.end(), [cid](const auto& entry) { return entry.sqe.cid == cid; });
    if (found == incoming.end()) return false;
    incoming.erase(found);
    complete(qid, cid, LC_SC_ABORTED, LC_FAIL(LC_FAIL_SELF, 0));
    return true;
}

}  // namespace lightcard::control_chip
