// SPDX-License-Identifier: Apache-2.0
/// Keeps a simulation alive for others: runs the SystemC kernel while there is work, sleeps while there is none, and
/// lets card time pass meanwhile.
///
///   pace wall  idle card time follows wall time; busy time runs as fast as it can
///   pace free  idle card time stands still
///
/// Nothing periodic is needed: the time that has passed is made up for when the next work arrives.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include <systemc>

#include "lightcard/model/card/card.h"

namespace lightcard::vfio_user {

enum class Pace : std::uint8_t { wall, free };

class KernelLoop : public sc_core::sc_module {
public:
    KernelLoop(sc_core::sc_module_name name, Card& card, Pace pace);

    /// Any thread: `work` runs on the kernel's thread, in a method process, after everything posted before it.
    void post(std::function<void()> work);
    /// Any thread: `work` runs on the kernel's thread between two stretches of simulation, outside any process, paused
    /// or not; soon, if the model is busy. False: the loop is over, and it will not run.
    bool post_between(std::function<void()> work);

    // From work of post_between() only.
    void pause() { paused_ = true; }
    void resume();
    /// Runs a paused simulation for `time`, idle or not, what was posted before included.
    Status step(Picoseconds time);

    /// Any thread: the simulation stands still until resume().
    bool paused() const { return paused_; }
    /// Kernel thread: wall time of the present spell of work that card time is behind; 0 while there is none.
    Picoseconds lag() const;

    /// The thread that elaborated the card: returns after stop(), or with the reason why the simulation ended.
    Status run();
    /// Any thread.
    void stop();

    /// Wall time and card time of all busy spells so far. Kernel thread, or after run().
    struct Busy {
        std::chrono::nanoseconds wall{0};
        Picoseconds card = 0;
    };
    const Busy& busy() const { return busy_; }

private:
    using Clock = std::chrono::steady_clock;
    SC_HAS_PROCESS(KernelLoop);
    Status run_to_the_end();
    bool wait_for_work();
    void do_between(std::unique_lock<std::mutex>& lock);
    bool runnable() const;
    bool wanted_between();
    void pass_idle_time();
    void run_until_starved();
    void drain_method();

    Card& card_;
    const Pace pace_;
    sc_core::sc_event kick_;
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::function<void()>> work_, between_;
    std::atomic<bool> paused_{false};
    bool running_ = false;  ///< the kernel is, or is about to be: it is to be told of new work
    bool stop_ = false, over_ = false;
    Clock::time_point idle_since_;
    bool in_spell_ = false;
    Clock::time_point spell_wall_;
    Picoseconds spell_card_ = 0;
    Busy busy_;
};

}  // namespace lightcard::vfio_user
