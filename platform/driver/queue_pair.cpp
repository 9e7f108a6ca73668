// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/queue_pair.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/platform/driver/commands.h"

namespace lightcard::driver {
namespace {

constexpr std::size_t kOperandSlot = 256;  ///< LC_OPERAND_BYTES, aligned so that no block straddles a page

std::size_t cq_offset(std::uint32_t entries)
{
    const std::size_t bytes = entries * sizeof(lc_sqe);
    return (bytes + 4095) / 4096 * 4096;
}

}  // namespace

Result<QueuePair> QueuePair::create(Transport& transport, std::uint16_t id, std::uint32_t entries)
{
    const std::string name = "queue " + std::to_string(id);
    if (entries < 2 || entries > 65535)
        return Error{"a ring of " + std::to_string(entries) + " entries", name, "2 to 65535"};
    auto ring = DmaMemory::allocate(transport, cq_offset(entries) + entries * sizeof(lc_cqe));
    if (!ring) return ring.error();
    auto operands = DmaMemory::allocate(transport, entries * kOperandSlot);
    if (!operands) return operands.error();
    return QueuePair(transport, id, entries, std::move(*ring), std::move(*operands));
}

QueuePair::QueuePair(Transport& transport, std::uint16_t id, std::uint32_t entries, DmaMemory ring, DmaMemory operands)
    : transport_(&transport),
      id_(id),
      entries_(entries),
      ring_(std::move(ring)),
      operands_(std::move(operands)),
      slots_(entries)
{
    restart(LC_SC_ABORTED_QUEUE);
}

std::uint64_t QueuePair::cq_address() const
{
    return ring_.bus() + cq_offset(entries_);
}

const volatile lc_cqe* QueuePair::completions() const
{
    return reinterpret_cast<const volatile lc_cqe*>(ring_.host() + cq_offset(entries_));
}

std::uint32_t QueuePair::space() const
{
    const std::uint32_t used = (tail_ + entries_ - card_head_) % entries_;
    return std::min<std::uint32_t>(entries_ - 1 - used, static_cast<std::uint32_t>(free_.size()));
}

Result<std::uint16_t> QueuePair::submit(lc_sqe sqe, const void* operands, bool ring_now)
{
    if (space() == 0) collect();
    if (space() == 0)
        return Error{"queue full: " + std::to_string(in_flight_) + " commands in flight or not collected",
                     "queue " + std::to_string(id_), "poll() or wait() first"};
    const std::uint16_t cid = free_.front();
    free_.pop_front();
    sqe.cid = cid;
    if (operands != nullptr) {
        std::memcpy(operands_.host() + cid * kOperandSlot, operands, LC_OPERAND_BYTES);
        sqe.src = host_pointer(operands_.bus() + cid * kOperandSlot);
        sqe.length = LC_OPERAND_BYTES;
    }
    std::memcpy(&submissions()[tail_], &sqe, sizeof sqe);
    tail_ = (tail_ + 1) % entries_;
    slots_[cid] = {true, sqe.opcode, transport_->now()};
    ++in_flight_;
    if (ring_now) ring();
    return cid;
}

void QueuePair::ring()
{
    if (rung_ == tail_) return;
    std::atomic_thread_fence(std::memory_order_release);  // entries before the doorbell
    transport_->write32(LC_DOORBELL_SQ_TAIL(id_), tail_);
    rung_ = tail_;
}

/// Takes every new completion off the ring, then releases their entries with one doorbell.
void QueuePair::collect()
{
    bool any = false;
    for (;;) {
        const volatile lc_cqe& entry = completions()[cq_head_];
        const std::uint16_t status = entry.status;
        if (((status & LC_CQE_PHASE) != 0) != phase_) break;
        std::atomic_thread_fence(std::memory_order_acquire);  // phase before the rest of the entry
        any = true;
        if (entry.sq_head < entries_) card_head_ = entry.sq_head;
        finish(entry.cid, LC_CQE_STATUS(status), entry.result);
        if (++cq_head_ == entries_) {
            cq_head_ = 0;
            phase_ = !phase_;
        }
    }
    if (any) transport_->write32(LC_DOORBELL_CQ_HEAD(id_), cq_head_);
}

void QueuePair::finish(std::uint16_t cid, std::uint16_t status, std::uint64_t result)
{
    if (cid >= slots_.size() || !slots_[cid].busy) {
        ++strays_;
        return;
    }
    Slot& slot = slots_[cid];
    slot.busy = false;
    Completion completion;
    completion.cid = cid;
    completion.status = status;
    completion.opcode = slot.opcode;
    completion.admin = id_ == 0;
    completion.result = result;
    completion.submitted = slot.submitted;
    completion.completed = transport_->now();
    done_.push_back(completion);
}

std::optional<Completion> QueuePair::poll()
{
    if (done_.empty()) collect();
    if (done_.empty()) return std::nullopt;
    return take(done_.front().cid);
}

std::optional<Completion> QueuePair::take(std::uint16_t cid)
{
    const auto it = std::find_if(done_.begin(), done_.end(), [&](const Completion& c) { return c.cid == cid; });
    if (it == done_.end()) return std::nullopt;
    const Completion completion = *it;
    done_.erase(it);
    free_.push_back(cid);
    --in_flight_;
    return completion;
}

Result<Completion> QueuePair::wait(std::uint16_t cid, Picoseconds timeout)
{
    ring();
    const Picoseconds deadline = add_time(transport_->now(), timeout);
    bool alive = true;
    for (;;) {
        collect();
        if (auto completion = take(cid)) return *completion;
        if (cid >= slots_.size() || !slots_[cid].busy) return no_answer(cid, "is not in flight");
        if (!alive) return no_answer(cid, "was not completed, and the card has nothing left to do");
        const Picoseconds left = deadline == kNever ? kNever : deadline - transport_->now();
        if (left <= 0) return no_answer(cid, "timed out");
        alive = transport_->wait(left);
    }
}

Result<Completion> QueuePair::run(const lc_sqe& sqe, const void* operands, Picoseconds timeout)
{
    auto cid = submit(sqe, operands);
    if (!cid) return cid.error();
    auto completion = wait(*cid, timeout);
    if (completion && !completion->ok()) return to_error(*completion);
    return completion;
}

Error QueuePair::no_answer(std::uint16_t cid, const std::string& why) const
{
    // Off the fast path: the register tells a slow command from a card that is gone, dead or reset.
    const std::uint32_t csts = transport_->read32(LC_REG_CSTS);
    Error error{"command " + why, "queue " + std::to_string(id_) + ", cid " + std::to_string(cid), ""};
    if (cid < slots_.size() && slots_[cid].busy)
        error.where += std::string(", ") + opcode_name(slots_[cid].opcode, id_ == 0);
    if (csts == 0xffff'ffff)
        error.hint = "registers read all ones: the card is gone";
    else if (csts & LC_CSTS_CFS)
        error.hint = "CSTS.CFS is set: reset the card";
    else if (!(csts & LC_CSTS_RDY))
        error.hint = "CSTS.RDY is clear: the card was reset or disabled";
    return error;
}

void QueuePair::restart(std::uint16_t status)
{
    for (std::uint32_t cid = 0; cid < entries_; ++cid)
        if (slots_[cid].busy) finish(static_cast<std::uint16_t>(cid), status, LC_FAIL(LC_FAIL_SELF, 0));
    std::memset(ring_.host(), 0, ring_.bytes());
    tail_ = rung_ = card_head_ = cq_head_ = 0;
    phase_ = true;
    if (in_flight_ != 0) return;
    free_.clear();
    for (std::uint32_t cid = 0; cid + 1 < entries_; ++cid) free_.push_back(static_cast<std::uint16_t>(cid));
}

}  // namespace lightcard::driver
