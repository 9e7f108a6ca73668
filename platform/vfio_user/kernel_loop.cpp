// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/kernel_loop.h"

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
    post([this] {
        stop_ = true;
        sc_core::sc_pause();
    });
}

Status KernelLoop::run()
try {
    while (wait_for_work()) {
        pass_idle_time();
        run_until_starved();
        const auto status = sc_core::sc_get_status();
        if ((status & (sc_core::SC_STOPPED | sc_core::SC_END_OF_SIMULATION)) != 0)
            return Error{"the simulation was stopped", "", ""};
    }
    return {};
} catch (const std::exception& failure) {
    return Error{std::string("the simulation ended: ") + failure.what(), "", ""};
}

/// False: it is over.
bool KernelLoop::wait_for_work()
{
    std::unique_lock<std::mutex> lock(mutex_);
    if (stop_) return false;
    running_ = false;
    arrived_.wait(lock, [this] { return !work_.empty(); });
    running_ = true;
    return true;
}

/// Nothing is pending, so this only moves the clock.
void KernelLoop::pass_idle_time()
{
    if (pace_ == Pace::free) return;
    const auto idle = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - idle_since_).count();
    if (idle > 0) sc_core::sc_start(to_sc_time(idle * kNanosecond), sc_core::SC_RUN_TO_TIME);
}

void KernelLoop::run_until_starved()
{
    const auto wall = Clock::now();
    const auto card = card_.now();
    kick_.notify(sc_core::SC_ZERO_TIME);
    sc_core::sc_start();
    busy_.card += card_.now() - card;
    idle_since_ = Clock::now();
    busy_.wall += idle_since_ - wall;
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
