// SPDX-License-Identifier: Apache-2.0
/// What the control chip has to do later: small data items by time, in order of entry at equal times. One SystemC
/// event stands behind all of them, so an idle chip has nothing scheduled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
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
        const bool first = empty() || when < next();
        items_.push_back({when, {what, id}});
        for (auto i = items_.size() - 1; i > first_ && items_[i - 1].when > when; --i)
            std::swap(items_[i - 1], items_[i]);
        if (first && wake_) wake_(when);
    }
    bool due(Picoseconds now) const { return !empty() && next() <= now; }
    DueItem take()
    {
        const auto item = items_[first_].item;
        if (++first_ == items_.size() || first_ == kTaken) {
            items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
        return item;
    }
    Picoseconds next() const { return empty() ? kNever : items_[first_].when; }
    bool empty() const { return first_ == items_.size(); }
    void clear()
    {
        items_.clear();
        first_ = 0;
    }

private:
    static constexpr std::size_t kTaken = 256;  ///< entries that may lie in front of the next one
    struct Entry {
        Picoseconds when;
        DueItem item;
    };
    std::vector<Entry> items_;  ///< in order, from first_ on; what comes in is mostly later than what is there
    std::size_t first_ = 0;
    std::function<void(Picoseconds)> wake_;
};

}  // namespace lightcard::control_chip
