// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/sequencer.h"

#include <algorithm>
#include <cstring>

namespace lightcard::control_chip {

namespace {

DecodeLimits in_buffer(DecodeLimits limits)
{
    limits.in_buffer = true;
    return limits;
}

}  // namespace

Sequencer::Sequencer(EngineContext context, HostPort& host, CommandProcessor& processor)
    : context_(context), host_(host), processor_(processor), limits_(in_buffer(processor.limits()))
{
    track_ = context.services.activity.open("control_chip.sequencer");
}

void Sequencer::start(Task& task)
{
    task_ = task.id;
    op_ = task.command.exec();
    sq_ = task.sq;
    cid_ = task.cid;
    total_ = op_.records;
    fetched_ = landed_ = issued_ = in_flight_ = 0;
    fetching_ = issue_scheduled_ = stopped_ = false;
    starts_.push_back(task.issued);
    fetch();
    conclude_if_done();
}

void Sequencer::fetch()
{
    if (task_ == 0 || fetching_ || stopped_ || fetched_ == total_ || buffered() + kFetch > kBuffered) return;
    const auto count = std::min(kFetch, total_ - fetched_);
    const auto from = op_.buffer + static_cast<std::uint64_t>(fetched_) * LC_RECORD_BYTES;
    const auto bytes = static_cast<std::size_t>(count) * LC_RECORD_BYTES;
    fetching_ = true;
    fetched_ += count;
    if (LC_PTR_SPACE(from) == LC_SPACE_HOST) {
        DmaRequest request;
        request.tag = make_tag(TagKind::records);
        request.bus = LC_PTR_OFFSET(from);
        request.data.resize(bytes);
        host_.submit(std::move(request));
        return;
    }
    if (!context_.services.run.computes()) {  // nothing lies in card memory
        fetching_ = false;
        stop(issued_, LC_SC_INVALID_FIELD, 64);
        return;
    }
    landing_.resize(bytes);
    const auto done = context_.memories.read(from, landing_.data(), bytes, context_.services.now(), {});
    context_.timeline.at(done, Due::records, task_);
}

void Sequencer::records_due()
{
    records_arrived(landing_.data(), landing_.size(), true);
}

void Sequencer::records_arrived(const std::uint8_t* bytes, std::size_t size, bool ok)
{
    if (task_ == 0 || !fetching_) return;
    fetching_ = false;
    if (!ok) {
        stop(issued_, LC_SC_HOST_BUS, 64);
    } else if (!stopped_) {
        for (std::size_t at = 0; at + LC_RECORD_BYTES <= size; at += LC_RECORD_BYTES) {
            std::memcpy(&buffer_[landed_++ % kBuffered], bytes + at, LC_RECORD_BYTES);
        }
        schedule_issue();
        fetch();
    }
    conclude_if_done();
}

void Sequencer::schedule_issue()
{
    if (issue_scheduled_ || stopped_ || buffered() == 0 || in_flight_ >= kInFlight) return;
    issue_scheduled_ = true;
    context_.timeline.at(processor_.next_issue(), Due::issue, task_);
}

void Sequencer::issue_due()
{
    if (task_ == 0 || !issue_scheduled_) return;
    issue_scheduled_ = false;
    if (stopped_ || buffered() == 0) return;
    issue();
    schedule_issue();
    fetch();
    conclude_if_done();
}

void Sequencer::issue()
{
    const auto index = issued_++;
    const auto& record = buffer_[index % kBuffered];
    const auto* command = cache_.find(index, record);
    if (command == nullptr) command = decode_anew(index, record);
    if (command == nullptr) return;
    Task& task = context_.scheduler.new_task();
    task.sq = sq_;
    task.cid = cid_;
    task.record = index;
    task.command = *command;
    task.engine = processor_.route(task.command);
    ++in_flight_;
    ++context_.counts.commands;
    context_.scheduler.dispatch(task);
}

/// Null: it was refused, and the issue has stopped.
const DecodedCommand* Sequencer::decode_anew(std::uint32_t index, lc_record record)
{
    const auto came = record;
    if (const auto fault = resolve_args(record, op_.args)) {
        stop(index, fault->status, fault->field);
        return nullptr;
    }
    const auto decoded = decode(record.sqe, record.operands, limits_);
    if (!decoded) {
        context_.services.diagnostics.guest_error(context_.services.now(), "control_chip.sequencer",
                                                  "record " + std::to_string(index) + ": " + decoded.fault().text);
        stop(index, decoded.fault().status, decoded.fault().field);
        return nullptr;
    }
    decoded_ = decoded.command();
    cache_.keep(index, came, decoded_);
    return &decoded_;
}

void Sequencer::record_finished(const Task& record)
{
    if (task_ == 0) return;
    --in_flight_;
    if (record.status != LC_SC_SUCCESS) stop(record.record, record.status, LC_FAIL_FIELD(record.result));
    schedule_issue();
    conclude_if_done();
}

void Sequencer::stop(std::uint32_t index, lc_status status, std::uint32_t field)
{
    if (stopped_) return;
    stopped_ = true;
    landed_ = issued_;
    if (auto* task = context_.scheduler.find(task_)) {
        if (task->status == LC_SC_SUCCESS) task->fail(status, LC_FAIL(index, field));
    }
}

void Sequencer::conclude_if_done()
{
    if (task_ == 0 || in_flight_ > 0 || fetching_ || (!stopped_ && issued_ < total_)) return;
    const auto now = context_.services.now();
    if (auto* task = context_.scheduler.find(task_)) {
        if (task->status == LC_SC_SUCCESS) task->result = issued_;
        task->ends = now;
        if (context_.services.activity.enabled()) {
            context_.services.activity.span(track_, "EXEC", task->started, now, task->cause().layer, issued_);
        }
    }
    ends_.push_back(now);
    const auto done = task_;
    task_ = 0;
    context_.timeline.at(now, Due::finish, done);
}

/// Nothing more is issued; records under way are aborted where their engine can.
bool Sequencer::abort(Task& task)
{
    if (task.id != task_) return false;
    stop(issued_, LC_SC_ABORTED, 0);
    std::vector<TaskId> records;
    for (const auto& other : context_.scheduler.tasks()) {
        if (other.record) records.push_back(other.id);
    }
    for (const auto id : records) context_.scheduler.abort_task(id);
    conclude_if_done();
    return true;
}

void Sequencer::drop(Task&)
{
    task_ = 0;
    landed_ = issued_;
    fetching_ = issue_scheduled_ = false;
    if (ends_.size() < starts_.size()) starts_.pop_back();
}

}  // namespace lightcard::control_chip
