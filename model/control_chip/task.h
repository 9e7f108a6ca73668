// SPDX-License-Identifier: Apache-2.0
/// A command on its way through the card, as data: from dispatch to completion. Nothing about it lives in a
/// closure or on a stack, so that abort and reset are edits of a table.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/energy.h"
#include "lightcard/model/common/time.h"
#include "lightcard/model/control_chip/decode.h"

namespace lightcard::control_chip {

using TaskId = std::uint64_t;

/// Why the head of an engine's queue had to stand still while the engine was free.
enum class Wait : std::uint8_t { none, order, weights, data, compute, vector };
const char* to_string(Wait wait);

/// What a task starts anew with.
struct TaskState {
    static constexpr std::uint32_t kFromQueue = 0xffffffffu;

    TaskId id = 0;
    std::uint16_t sq = 0, cid = 0;
    std::uint32_t record = kFromQueue;  ///< index in the command buffer
    std::uint32_t engine = 0;           ///< index of the engine instance; kNoEngine = command processor
    Picoseconds issued = 0, started = 0, ends = 0;
    std::uint32_t blockers = 0;  ///< tasks that must finish first
    Wait blocked_by = Wait::none;
    bool running = false, holds_engine = false, aborting = false;
    bool worn_out = false;  ///< it wrote a bank beyond its endurance; between finish() and task_finished()
    lc_status status = LC_SC_SUCCESS;
    std::uint64_t result = 0;
    std::uint64_t progress = 0;  ///< MVM: vectors done
    Picoseconds stood = 0;       ///< held its engine without work for it: laser, bank switch, scratchpad

    bool is_record() const { return record != kFromQueue; }
    void fail(lc_status why, std::uint64_t detail)
    {
        status = why;
        result = detail;
    }
};

struct Task : TaskState {
    DecodedCommand command;
    std::vector<TaskId> dependents;

    /// Another task in the same memory; its command is still to come.
    void renew()
    {
        static_cast<TaskState&>(*this) = {};
        dependents.clear();
    }
    Cause cause() const { return {command.sqe.context, command.sqe.layer}; }
};

}  // namespace lightcard::control_chip
