// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/kernel_loop.h"

#include <algorithm>
#include <exception>

#include "lightcard/model/common/transactions.h"

namespace lightcard::vfio_user {

KernelLoop::KernelLoop(sc_core::sc_module_name name, Card& card, Pace pace)
    : sc_module(name), card_(card), pace_(pace), kick_("kick"), idle_since_(Clock::now())
{
    SC_METHOD(drain_method);
    sensitive << kick_;
    dont_initialize();
}

void KernelLoop::post(std::function<void()> work)
{
    bool running;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        work_.push_back(std::move(work));
        running = running_;
        // Work that has been announced and not yet taken covers what comes behind it.
        if (work_.size() > 1) return;
    }
    if (running) {
        card_.post([this] { kick_.notify(sc_core::SC_ZERO_TIME); });
    } else {
        arrived_.notify_one();
    }
}

void KernelLoop::stop()
{
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stop_ = true;
    }
    post_between([] {});  // wakes it, whatever it does
}

Status KernelLoop::run()
{
    const auto ended = run_to_the_end();
    std::unique_lock<std::mutex> lock(mutex_);
    running_ = false;
    do_between(lock);
    over_ = true;
    return ended;
}

Status KernelLoop::run_to_the_end()
try {
    while (wait_for_work()) {
        pass_idle_time();
        if (wanted_between()) continue;
        run_until_starved();
        const auto status = sc_core::sc_get_status();
        if ((status & (sc_core::SC_STOPPED | sc_core::SC_END_OF_SIMULATION)) != 0)
            return Error{"the simulation was stopped", "", ""};
    }
    return {};
} catch (const std::exception& failure) {
    return Error{std::string("the simulation ended: ") + failure.what(), "", ""};
}

bool KernelLoop::post_between(std::function<void()> work)
{
    bool running;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (over_) return false;
        between_.push_back(std::move(work));
        running = running_;
    }
    if (running) {
        card_.post([] { sc_core::sc_pause(); });
    } else {
        arrived_.notify_one();
    }
    return true;
}

void KernelLoop::do_between(std::unique_lock<std::mutex>& lock)
{
    while (!between_.empty()) {
        const auto work = std::move(between_.front());
        between_.pop_front();
        lock.unlock();
        try {
            work();
        } catch (const std::exception& failure) {
            card_.diagnostics().report(Severity::internal_error, card_.now(), "kernel_loop", failure.what());
        }
        lock.lock();
    }
}

bool KernelLoop::runnable() const
{
    const bool started = sc_core::sc_get_status() != sc_core::SC_ELABORATION;
    return !paused_ && (!work_.empty() || (started && sc_core::sc_pending_activity()));
}

/// False: it is over.
bool KernelLoop::wait_for_work()
{
    std::unique_lock<std::mutex> lock(mutex_);
    if (stop_) return false;
    running_ = false;
    for (;;) {
        do_between(lock);
        if (stop_) return false;
        if (runnable()) break;
        arrived_.wait(lock, [this] { return stop_ || !between_.empty() || runnable(); });
    }
    running_ = true;
    return true;
}

void KernelLoop::resume()
{
    paused_ = false;
    idle_since_ = Clock::now();
}

Status KernelLoop::step(Picoseconds time)
{
    if (!paused_) return Error{"the model is not paused", "step", "pause it first"};
    kick_.notify(sc_core::SC_ZERO_TIME);
    sc_core::sc_start(to_sc_time(time), sc_core::SC_RUN_TO_TIME);
    return {};
}

Picoseconds KernelLoop::lag() const
{
    if (!in_spell_) return 0;
    const auto wall = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - spell_wall_).count();
    return std::max<Picoseconds>(0, wall * kNanosecond - (card_.now() - spell_card_));
}

bool KernelLoop::wanted_between()
{
    const std::lock_guard<std::mutex> lock(mutex_);
    return stop_ || !between_.empty();
}

/// Nothing is pending, so this only moves the clock.
void KernelLoop::pass_idle_time()
{
    if (pace_ == Pace::free || sc_core::sc_pending_activity()) return;
    const auto idle = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - idle_since_).count();
    if (idle > 0) sc_core::sc_start(to_sc_time(idle * kNanosecond), sc_core::SC_RUN_TO_TIME);
}

void KernelLoop::run_until_starved()
{
    const auto wall = Clock::now();
    const auto card = card_.now();
    if (!in_spell_) {
        spell_wall_ = wall;
        spell_card_ = card;
    }
    in_spell_ = true;
    kick_.notify(sc_core::SC_ZERO_TIME);
    sc_core::sc_start();
    busy_.card += card_.now() - card;
    idle_since_ = Clock::now();
    busy_.wall += idle_since_ - wall;
    in_spell_ = sc_core::sc_pending_activity() && !paused_;
}

void KernelLoop::drain_method()
{
    std::deque<std::function<void()>> work;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        work.swap(work_);
    }
    for (auto& item : work) {
        try {
            item();
        } catch (const std::exception& failure) {
            card_.diagnostics().report(Severity::internal_error, card_.now(), "kernel_loop", failure.what());
        }
    }
}

}  // namespace lightcard::vfio_user
