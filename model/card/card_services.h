// SPDX-License-Identifier: Apache-2.0
/// The card's clocks and the one door for other threads.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <vector>

#include <systemc>

#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"

namespace lightcard {

/// Card time = simulator time + offset (a restored card goes on where it was saved), or ahead of it as long as nobody
/// can tell. Age = time of the ageing clock passed since programming, unless frozen or stepped.
class CardServices : public Services {
public:
    Picoseconds now() const override { return std::max(simulated(), ahead_); }

    Picoseconds simulated() const override { return scale_.to_picoseconds(clock_) + offset_; }

    bool look_ahead(Picoseconds when) override
    {
        // Other threads are heard once in a while as well: what they have to say comes as an event of now.
        if (when >= quiet_until_ || ++looks_ % kLooks == 0) quiet_until_ = std::min(next_event(), unseen_until_);
        if (when >= quiet_until_) return false;
        ahead_ = when;
        return true;
    }
    void begin_look() override { quiet_until_ = 0; }
    void event_at(Picoseconds when) override { quiet_until_ = std::min(quiet_until_, when); }

    /// Nobody outside of the simulation looks at the card before then.
    void unseen_until(Picoseconds time) { unseen_until_ = time; }

    double ageing_clock() const override { return static_cast<double>(now()) * 1e-12 + extra_age_; }

    double added_age() const override { return extra_age_; }

    double age_of(double since) const override
    {
        switch (run.ageing) {
            case Ageing::frozen:
                return 0;
            case Ageing::step:
                return static_cast<double>(run.ageing_step) * 1e-12;
            case Ageing::live:
                break;
        }
        return std::max(0.0, ageing_clock() - since);
    }

    void resume_at(Picoseconds card_time)
    {
        offset_ += card_time - simulated();
        ahead_ = 0;
    }
    void add_age(double seconds) { extra_age_ += seconds; }

    template <class Archive>
    void visit(Archive& archive)
    {
        auto time = now();
        archive.field("now", time);
        if constexpr (Archive::reading) {
            archive.check(time >= 0, "negative card time");
            if (archive.ok()) resume_at(time);
        }
        archive.field("extra_age", extra_age_);
        archive.field("ledger", ledger);
        archive.field("faults", faults);
    }

private:
    static constexpr std::uint32_t kLooks = 64;

    /// Of any process in the simulation.
    Picoseconds next_event() const
    {
        const auto time = scale_.to_picoseconds(sc_core::sc_time_to_pending_activity());
        return time < 0 ? kNever : add_time(simulated(), time);  // the end of simulated time is beyond that of the card
    }

    const TimeScale scale_;
    const sc_core::sc_time& clock_ = sc_core::sc_get_curr_simcontext()->time_stamp();  ///< the simulator's own
    Picoseconds offset_ = 0;
    Picoseconds ahead_ = 0;  ///< where the chip has come; 0, or in the past: it is not ahead
    Picoseconds unseen_until_ = 0;
    Picoseconds quiet_until_ = 0;  ///< nothing happens, and nobody looks, before
    std::uint32_t looks_ = 0;
    double extra_age_ = 0;
};

/// Work posted from any thread runs on the kernel's thread in the next delta cycle.
class Inbox : public sc_core::sc_prim_channel {
public:
    Inbox() : sc_prim_channel("inbox"), arrived_("arrived") {}

    void post(std::function<void()> work)
    {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            work_.push_back(std::move(work));
        }
        async_request_update();
    }
    const sc_core::sc_event& arrived() const { return arrived_; }
    std::vector<std::function<void()>> take()
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        return std::exchange(work_, {});
    }

private:
    void update() override { arrived_.notify(sc_core::SC_ZERO_TIME); }

    std::mutex mutex_;
    std::vector<std::function<void()>> work_;
    sc_core::sc_event arrived_;
};

}  // namespace lightcard
