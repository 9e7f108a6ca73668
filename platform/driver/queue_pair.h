// SPDX-License-Identifier: Apache-2.0
/// One submission ring and its completion ring, as the host sees them.
///
/// The fast path writes two doorbells and reads memory; it never reads a register. A command id stays taken until
/// its completion has been handed out by poll() or wait(), so an id always means one command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/driver/dma_memory.h"
#include "lightcard/platform/driver/status.h"
#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

class QueuePair {
public:
    /// Ring and operand memory of `entries` (2 .. 65535) slots for queue `id`; 0 is the admin queue.
    static Result<QueuePair> create(Transport& transport, std::uint16_t id, std::uint32_t entries);

    std::uint16_t id() const { return id_; }
    std::uint32_t entries() const { return entries_; }
    std::uint64_t sq_address() const { return ring_.bus(); }
    std::uint64_t cq_address() const;
    std::uint16_t vector() const { return vector_; }
    void set_vector(std::uint16_t vector) { vector_ = vector; }

    /// Commands submitted and not yet handed out, and how many more would be accepted now.
    std::uint32_t in_flight() const { return in_flight_; }
    std::uint32_t space() const;

    /// Puts a command into the ring; sets its cid, and src and length to a copy of `operands` (LC_OPERAND_BYTES) if
    /// given. Refuses when the ring is full: an entry the card has not taken is never overwritten.
    /// With ring = false the doorbell waits for the next ring() or submit().
    Result<std::uint16_t> submit(lc_sqe sqe, const void* operands = nullptr, bool ring = true);
    void ring();

    /// Next finished command in the order of completion; nothing if there is none. Never blocks.
    std::optional<Completion> poll();
    /// The completion of one command; others stay for poll(). A failed command is a value, not an error: an error
    /// means there is no completion (time ran out, the card stopped or is gone).
    Result<Completion> wait(std::uint16_t cid, Picoseconds timeout = kDefaultTimeout);
    /// submit() and wait(), and a failed command is an error.
    Result<Completion> run(const lc_sqe& sqe, const void* operands = nullptr, Picoseconds timeout = kDefaultTimeout);

    /// The card forgot its queues: everything in flight ends with `status`, rings start anew.
    void restart(std::uint16_t status);

    /// Errors the card made on this ring (a completion for nothing in flight): counted and skipped.
    std::uint64_t stray_completions() const { return strays_; }

private:
    struct Slot {
        bool busy = false;  ///< with the card
        std::uint8_t opcode = 0;
        Picoseconds submitted = 0;
    };

    QueuePair(Transport& transport, std::uint16_t id, std::uint32_t entries, DmaMemory ring, DmaMemory operands);
    void collect();
    std::optional<Completion> take(std::uint16_t cid);
    void finish(std::uint16_t cid, std::uint16_t status, std::uint64_t result);
    Error no_answer(std::uint16_t cid, const std::string& why) const;
    lc_sqe* submissions() const { return reinterpret_cast<lc_sqe*>(ring_.host()); }
    const volatile lc_cqe* completions() const;

    Transport* transport_;
    std::uint16_t id_;
    std::uint32_t entries_;
    DmaMemory ring_, operands_;
    std::uint16_t vector_ = 0;
    std::uint32_t tail_ = 0, rung_ = 0;  ///< next free entry; tail the card knows
    std::uint32_t card_head_ = 0;        ///< entries before it were taken by the card
    std::uint32_t cq_head_ = 0;
    bool phase_ = true;
    std::uint32_t in_flight_ = 0;
    std::vector<Slot> slots_;         ///< by cid
    std::deque<std::uint16_t> free_;  ///< oldest first: an id rests as long as possible
    std::deque<Completion> done_;
    std::uint64_t strays_ = 0;
};

}  // namespace lightcard::driver
