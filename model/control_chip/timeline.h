// SPDX-License-Identifier: Apache-2.0
/// What the control chip has to do later: small data items by time, in order of entry at equal times. One SystemC
/// event stands behind all of them, so an idle chip has nothing scheduled.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "lightcard/model/common/time.h"

namespace lightcard::control_chip {

enum class Due : std::uint8_t {
    enable,       ///< CSTS.RDY follows CC.EN
    dispatch,     ///< head of a submission queue is decoded; id = queue
    operands,     ///< operand block read from card memory; id = incoming command
    engine_free,  ///< the task's engine can take the next one; id = task
    step,         ///< the task's engine goes on with it; id = task
    finish,       ///< the task completes; id = task
    issue,        ///< the sequencer issues its next record
    records,      ///< a piece of the command buffer read from card memory
    doorbell,     ///< submission doorbell that rang while the card slept; id = queue << 32 | tail
    faults,       ///< an injected fault begins
    dma_piece,    ///< a piece read from card memory can go to the host; id = piece
};

struct DueItem {
    Due what;
    std::uint64_t id = 0;
};

class Timeline {
public:
    /// `wake(t)`: be called again at t or earlier.
    void set_wake(std::function<void(Picoseconds)> wake) { wake_ = std::move(wake); }

    void at(Picoseconds when, Due what, std::uint64_t id = 0)
    {
        const bool first = items_.empty() || when < items_.front().when;
        items_.push_back({when, ++sequence_, {what, id}});
        std::push_heap(items_.begin(), items_.end(), Later());
        if (first && wake_) wake_(when);
    }
    bool due(Picoseconds now) const { return !items_.empty() && items_.front().when <= now; }
    DueItem take()
    {
        std::pop_heap(items_.begin(), items_.end(), Later());
        const auto item = items_.back().item;
        items_.pop_back();
        return item;
    }
    Picoseconds next() const { return items_.empty() ? kNever : items_.front().when; }
    bool empty() const { return items_.empty(); }
    void clear() { items_.clear(); }

private:
    struct Entry {
        Picoseconds when;
        std::uint64_t sequence;
        DueItem item;
    };
    struct Later {
        bool operator()(const Entry& a, const Entry& b) const
        {
            return a.when != b.when ? a.when > b.when : a.sequence > b.sequence;
        }
    };
    std::vector<Entry> items_;  ///< a heap, the next one in front
    std::uint64_t sequence_ = 0;
    std::function<void(Picoseconds)> wake_;
};

}  // namespace lightcard::control_chip
