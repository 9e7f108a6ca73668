// SPDX-License-Identifier: Apache-2.0
/// One thing that serves one user at a time: a link direction, a memory channel, an SRAM port group.
/// Both timing styles share this model: lt reserves a whole step at once, at reserves chunk by chunk;
/// uncontended they end at the same picosecond.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "lightcard/model/common/time.h"

namespace lightcard {

class Resource {
public:
    struct Slot {
        Picoseconds start, end;
        Picoseconds waited;  ///< behind earlier users
    };

    /// First free interval of `duration` at or after `earliest`, in order of request.
    Slot reserve(Picoseconds earliest, Picoseconds duration, std::uint64_t items = 0)
    {
        const Picoseconds start = std::max(earliest, free_at_);
        free_at_ = add_time(start, duration);
        busy_ += duration;
        items_ += items;
        ++uses_;
        waited_ += start - earliest;
        return {start, free_at_, start - earliest};
    }

    Picoseconds free_at() const { return free_at_; }
    Picoseconds busy() const { return busy_; }
    Picoseconds waited() const { return waited_; }
    std::uint64_t items() const { return items_; }
    std::uint64_t uses() const { return uses_; }

    /// Reset drops the reservation, not the counters.
    void release(Picoseconds now)
    {
        if (free_at_ <= now) return;
        busy_ -= std::min(busy_, free_at_ - now);
        free_at_ = now;
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("free_at", free_at_);
        archive.field("busy", busy_);
        archive.field("waited", waited_);
        archive.field("items", items_);
        archive.field("uses", uses_);
    }

private:
    Picoseconds free_at_ = 0;
    Picoseconds busy_ = 0;
    Picoseconds waited_ = 0;
    std::uint64_t items_ = 0;
    std::uint64_t uses_ = 0;
};

}  // namespace lightcard
