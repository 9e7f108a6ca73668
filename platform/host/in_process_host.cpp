// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/host/in_process_host.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "lightcard/model/common/transactions.h"

namespace lightcard::host {
InProcessHost::InProcessHost(sc_core::sc_module_name name, Endpoint endpoint)
    : sc_module(name), root_("root"), clock_(std::move(endpoint.now)), unseen_until_(std::move(endpoint.unseen_until))
{
    root_.mem.bind(endpoint.mem);
    root_.cfg.bind(endpoint.cfg);
    endpoint.dma.bind(root_.dma);
    endpoint.msix.bind(root_.msix);
    if (!clock_) clock_ = [] { return to_picoseconds(sc_core::sc_time_stamp()); };
    if (!unseen_until_) unseen_until_ = [](Picoseconds) {};
    root_.set_listener([this] {
        if (!awaited_ || !awaited_()) return;
        unseen_until_(0);  // what still runs at this time must not go beyond it
        sc_core::sc_pause();
    });
}

InProcessHost::~InProcessHost() = default;

Status InProcessHost::power_on()
{
    PciAccess access;
    access.read_config = [this](std::uint32_t offset) { return read_config(offset); };
    access.write_config = [this](std::uint32_t offset, std::uint32_t value) { write_config(offset, value); };
    access.write_memory = [this](std::uint64_t address, std::uint32_t value) {
        root_.write(Space::memory, address, &value, 4);
    };
    AddressPlan plan;
    plan.msix_address = RootComplex::kMsixWindow;
    auto found = enumerate(access, plan);
    if (!found) return found.error();
    function_ = *found;
    if (pump([this] { return root_.idle(); }, kSecond) == Stop::ended) return Error{failure_, "simulation", ""};
    return {};
}

std::uint32_t InProcessHost::read32(std::uint32_t offset)
{
    std::uint32_t value = 0xffff'ffff;
    read(Space::memory, function_.bars[0].address + offset, &value, 4);
    return value;
}

void InProcessHost::write32(std::uint32_t offset, std::uint32_t value)
{
    root_.write(Space::memory, function_.bars[0].address + offset, &value, 4);
}

Result<driver::DmaBuffer> InProcessHost::allocate(std::size_t bytes)
{
    auto block = memory().allocate(bytes);
    if (!block) return block.error();
    return driver::DmaBuffer{block->host, block->bus, block->bytes};
}

void InProcessHost::free(const driver::DmaBuffer& buffer)
{
    memory().free(buffer.bus);
}

std::uint32_t InProcessHost::interrupt_vectors() const
{
    return function_.msix_vectors;
}

std::uint64_t InProcessHost::interrupts(std::uint32_t vector)
{
    return root_.interrupts(vector);
}

bool InProcessHost::wait(Picoseconds timeout)
{
    const std::uint64_t seen = root_.interrupts();
    const Stop stop = pump([this, seen] { return root_.interrupts() != seen; }, timeout);
    return stop == Stop::condition || stop == Stop::timeout;
}

void InProcessHost::sleep(Picoseconds duration)
{
    pump([] { return false; }, duration, true);
}

Picoseconds InProcessHost::now()
{
    return clock_();
}

void InProcessHost::run_until(Picoseconds time)
{
    if (time > now()) sleep(time - now());
}

bool InProcessHost::drain(Picoseconds limit)
{
    return pump([] { return false; }, limit) == Stop::starved;
}

std::uint32_t InProcessHost::read_config(std::uint32_t offset)
{
    std::uint32_t value = 0xffff'ffff;
    read(Space::config, offset, &value, 4);
    return value;
}

void InProcessHost::write_config(std::uint32_t offset, std::uint32_t value)
{
    root_.write(Space::config, offset, &value, 4);
}

bool InProcessHost::read_bar(unsigned bar, std::uint64_t offset, void* data, std::uint32_t bytes)
{
    return bar < 6 && read(Space::memory, function_.bars[bar].address + offset, data, bytes);
}

void InProcessHost::write_bar(unsigned bar, std::uint64_t offset, const void* data, std::uint32_t bytes)
{
    if (bar < 6) root_.write(Space::memory, function_.bars[bar].address + offset, data, bytes);
}

bool InProcessHost::read(Space space, std::uint64_t address, void* data, std::uint32_t bytes)
{
    const auto answer = root_.read(space, address, bytes);
    pump([&answer] { return answer->done; }, kSecond);
    if (!answer->done) return false;  // the endpoint hangs: the caller's all-ones stand
    std::memcpy(data, answer->data.data(), bytes);
    return answer->ok;
}

InProcessHost::Stop InProcessHost::pump(const std::function<bool()>& done, Picoseconds timeout, bool idle_passes_time)
{
    const Picoseconds deadline = add_time(now(), std::max<Picoseconds>(timeout, 0));
    if (deadline == kNever) idle_passes_time = false;
    awaited_ = done;
    Stop stop = Stop::condition;
    while (!done()) {
        const bool started = sc_core::sc_get_status() != sc_core::SC_ELABORATION;
        if (started && !idle_passes_time && !sc_core::sc_pending_activity()) {
            stop = Stop::starved;
        } else if (started && now() >= deadline && !sc_core::sc_pending_activity_at_current_time()) {
            stop = Stop::timeout;
        } else {
            if (run_kernel(deadline == kNever ? kNever : deadline - now(), idle_passes_time)) continue;
            stop = Stop::ended;
        }
        break;
    }
    awaited_ = nullptr;
    return stop;
}

/// One sc_start. Returns at the awaited condition, at another host's, at the end of `duration`, or starved.
bool InProcessHost::run_kernel(Picoseconds duration, bool idle_passes_time)
{
    if (!failure_.empty()) return false;
    // Left to itself, the kernel stops at the last event before the end and does not let the rest of the time pass.
    const bool nothing_before_end = duration != kNever && sc_core::sc_get_status() != sc_core::SC_ELABORATION &&
                                    sc_core::sc_time_to_pending_activity() >= to_sc_time(duration);
    const auto policy =
        idle_passes_time || nothing_before_end ? sc_core::SC_RUN_TO_TIME : sc_core::SC_EXIT_ON_STARVATION;
    unseen_until_(duration == kNever ? kNever : add_time(now(), duration));
    try {
        if (duration == kNever)
            sc_core::sc_start();
        else
            sc_core::sc_start(to_sc_time(duration), policy);
    } catch (const std::exception& error) {
        failure_ = std::string("the simulation ended: ") + error.what();
    }
    unseen_until_(0);
    const auto status = sc_core::sc_get_status();
    if (failure_.empty() && (status & (sc_core::SC_STOPPED | sc_core::SC_END_OF_SIMULATION)))
        failure_ = "the simulation was stopped";
    return failure_.empty();
}

}  // namespace lightcard::host
