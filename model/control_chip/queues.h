// SPDX-License-Identifier: Apache-2.0
/// Submission and completion rings of the host interface: plain state and index arithmetic.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// A command between its fetch and its dispatch.
struct Incoming {
    std::uint64_t id = 0;
    lc_sqe sqe{};
    std::array<std::uint8_t, LC_OPERAND_BYTES> operands{};
    bool ready = false;       ///< operands are here, or none are needed
    bool host_error = false;  ///< the host refused the operand read
};

struct SubmissionQueue {
    bool exists = false;
    std::uint64_t base = 0;  ///< host bus address
    std::uint32_t entries = 0;
    std::uint32_t head = 0;  ///< next entry to fetch; reported in completions
    std::uint32_t tail = 0;  ///< as rung
    std::uint16_t cq = 0;
    bool fetching = false;
    bool dispatch_scheduled = false;
    std::deque<Incoming> incoming;

    std::uint32_t available() const { return (tail + entries - head) % entries; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("exists", exists);
        archive.field("base", base);
        archive.field("entries", entries);
        archive.field("head", head);
        archive.field("tail", tail);
        archive.field("cq", cq);
    }
};

struct CompletionQueue {
    static constexpr std::uint16_t kNoVector = 0xffff;

    bool exists = false;
    std::uint64_t base = 0;
    std::uint32_t entries = 0;
    std::uint32_t tail = 0;  ///< next entry to write
    std::uint32_t head = 0;  ///< as rung
    std::uint16_t phase = 1;
    std::uint16_t vector = kNoVector;
    std::deque<lc_cqe> backlog;  ///< completions that wait for room

    bool full() const { return (tail + 1) % entries == head; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("exists", exists);
        archive.field("base", base);
        archive.field("entries", entries);
        archive.field("tail", tail);
        archive.field("head", head);
        archive.field("phase", phase);
        archive.field("vector", vector);
    }
};

}  // namespace lightcard::control_chip
