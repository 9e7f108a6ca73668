// SPDX-License-Identifier: Apache-2.0
/// Events on their way to the driver, and those there have been. Free of SystemC.
#pragma once

#include <cstdint>
#include <deque>

#include "lightcard/model/common/card_events.h"
#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// Result of the ASYNC_EVENT that an event completes.
std::uint64_t event_result(const CardEvent& event);

class EventLog {
public:
    static constexpr std::size_t kKept = 64, kPending = 16;

    /// Into the log, newest first; and, unless its type is masked or an equal event waits already, in line for the
    /// driver. The line is short: what comes when it is full is only logged.
    void add(const CardEvent& event, std::uint64_t time_ns, std::uint32_t resets);
    bool pending() const { return !pending_.empty(); }
    CardEvent take();
    /// A controller reset: whoever waited is gone, and so is what waited for him.
    void forget_pending() { pending_.clear(); }
    void clear();  ///< power-on

    std::uint64_t mask() const { return mask_; }
    void set_mask(std::uint64_t types) { mask_ = types; }
    const std::deque<lc_log_event>& entries() const { return entries_; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("count", count_);
        archive.field("mask", mask_);
    }

private:
    std::deque<lc_log_event> entries_;
    std::deque<CardEvent> pending_;
    std::uint64_t count_ = 0, mask_ = 0;
};

}  // namespace lightcard::control_chip
