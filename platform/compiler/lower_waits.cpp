// SPDX-License-Identifier: Apache-2.0
/// Wait masks from what records read and write.
///
/// The card runs each engine's records in order (of the cores: each core's), engines run beside each other, and a wait
/// mask is the only other order in memory. Walking the records in order of issue, a clock says for each lane how far it
/// is known to be done whenever a record starts; a record waits for the engines of those conflicts that its clock does
/// not cover yet. The walk is repeated over the buffer, so that a run may follow the previous one without a gap.
#include <algorithm>
#include <map>
#include <tuple>

#include "lightcard/model/control_chip/decode.h"
#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler::lowering {
namespace {

using Clock = std::vector<std::int64_t>;  ///< a lane each: this record of it, and all before it, are done

void join(Clock& into, const Clock& from)
{
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], from[i]);
}

/// An earlier record that must be done first.
struct Conflict {
    std::uint32_t lane;
    std::int64_t record;
};

class Waits {
public:
    explicit Waits(const Plan& plan)
        : lanes_(LC_ENGINES - 1 + plan.card.cores),
          issued_(lanes_, 0),
          after_(lanes_, Clock(lanes_, 0)),
          history_(plan.buffers.size()),
          overlaps_(plan.buffers.size())
    {
        for (std::size_t a = 0; a < plan.buffers.size(); ++a) {
            for (std::size_t b = 0; b < plan.buffers.size(); ++b) {
                if (share_bytes(plan.buffers[a], plan.buffers[b])) overlaps_[a].push_back(b);
            }
        }
    }

    /// The wait mask of the next record in order of issue.
    std::uint32_t next(const Command& command)
    {
        const std::uint32_t lane = lane_of(command);
        Clock start = after_[lane];
        // Copies overlap each other on the link: order among them is not completion.
        if (lane == LC_ENGINE_DMA) start[lane] = done_by_wait_;
        const std::uint32_t mask = weakest(open_conflicts(command, start), start);
        for (std::uint32_t engine = 0; engine < LC_ENGINES; ++engine) {
            if ((mask & LC_WAIT(engine)) != 0) join(start, after_engine(engine));
        }
        if (lane == LC_ENGINE_DMA) done_by_wait_ = start[lane];
        const std::int64_t record = ++issued_[lane];
        after_[lane] = start;
        after_[lane][lane] = record;
        for (const Access& access : command.accesses) {
            history_[static_cast<std::size_t>(access.buffer)][{lane, access.write, access.c0, access.c1}] = record;
        }
        return mask;
    }

private:
    using Key = std::tuple<std::uint32_t, bool, std::uint32_t, std::uint32_t>;  ///< lane, write, channels

    static bool share_bytes(const Buffer& a, const Buffer& b)
    {
        return a.memory == b.memory && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
    }

    /// Lanes: the engines, with a lane a core in place of LC_ENGINE_CORE.
    std::uint32_t lane_of(const Command& command) const
    {
        const std::uint32_t engine = control_chip::engine_of(command.record.sqe.opcode);
        if (engine == LC_ENGINE_CORE) return LC_ENGINES - 1 + command.core;
        return engine < LC_ENGINE_CORE ? engine : engine - 1;
    }
    std::uint32_t engine_of_lane(std::uint32_t lane) const
    {
        if (lane >= LC_ENGINES - 1) return LC_ENGINE_CORE;
        return lane < LC_ENGINE_CORE ? lane : lane + 1;
    }

    Clock after_engine(std::uint32_t engine) const
    {
        Clock clock(lanes_, 0);
        for (std::uint32_t lane = 0; lane < lanes_; ++lane) {
            if (engine_of_lane(lane) == engine) join(clock, after_[lane]);
        }
        return clock;
    }

    std::vector<Conflict> open_conflicts(const Command& command, const Clock& start) const
    {
        std::vector<Conflict> open;
        for (const Access& access : command.accesses) {
            const auto own = static_cast<std::size_t>(access.buffer);
            for (const std::size_t buffer : overlaps_[own]) {
                for (const auto& [key, record] : history_[buffer]) {
                    const auto& [lane, write, c0, c1] = key;
                    if (!write && !access.write) continue;
                    const bool apart = buffer == own && (c1 <= access.c0 || access.c1 <= c0);
                    if (!apart && record > start[lane]) open.push_back({lane, record});
                }
            }
        }
        return open;
    }

    /// Drops every engine whose conflicts are covered by waiting for the others.
    std::uint32_t weakest(const std::vector<Conflict>& open, const Clock& start) const
    {
        std::uint32_t mask = 0;
        for (const Conflict& conflict : open) mask |= LC_WAIT(engine_of_lane(conflict.lane));
        for (std::uint32_t engine = 0; engine < LC_ENGINES; ++engine) {
            const std::uint32_t without = mask & ~LC_WAIT(engine);
            if (without != mask && covers(without, open, start)) mask = without;
        }
        return mask;
    }
    bool covers(std::uint32_t mask, const std::vector<Conflict>& open, const Clock& start) const
    {
        Clock clock = start;
        for (std::uint32_t engine = 0; engine < LC_ENGINES; ++engine) {
            if ((mask & LC_WAIT(engine)) != 0) join(clock, after_engine(engine));
        }
        return std::all_of(open.begin(), open.end(), [&clock](const Conflict& c) { return c.record <= clock[c.lane]; });
    }

    std::uint32_t lanes_;
    std::vector<std::int64_t> issued_;                  ///< a lane: records so far
    std::vector<Clock> after_;                          ///< a lane: what is done once its last record is
    std::vector<std::map<Key, std::int64_t>> history_;  ///< a buffer: last record of each kind of access
    std::vector<std::vector<std::size_t>> overlaps_;    ///< a buffer: all that share bytes with it
    std::int64_t done_by_wait_ = 0;
};

}  // namespace

void add_waits(const Plan& plan, std::vector<Command>& commands)
{
    Waits waits(plan);
    for (int run = 0; run < 3; ++run) {
        for (Command& command : commands) command.record.sqe.wait_mask |= waits.next(command);
    }
}

}  // namespace lightcard::compiler::lowering
