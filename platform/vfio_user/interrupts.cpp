// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/interrupts.h"

#include <fcntl.h>

#include <cstring>
#include <string>

namespace lightcard::vfio_user {

namespace {

/// Writing to anything else could block the simulation, or end it.
bool is_eventfd(int descriptor)
{
    char target[64] = {};
    const auto link = "/proc/self/fd/" + std::to_string(descriptor);
    const auto length = readlink(link.c_str(), target, sizeof target - 1);
    return length > 0 && std::strcmp(target, "anon_inode:[eventfd]") == 0;
}

}  // namespace

std::optional<Refusal> Interrupts::set(const SetIrqsRequest& request, std::vector<Descriptor> descriptors)
{
    if (request.index == kMsixIrq) return set_msix(request, std::move(descriptors));
    // The other kinds have no vectors; taking all of none away is fine.
    const bool nothing = request.data == kDataNone && request.action == kActionTrigger && request.count == 0;
    if (nothing && request.start == 0) return std::nullopt;
    return Refusal{EINVAL, "SET_IRQS: this kind of interrupt has no vectors"};
}

std::optional<Refusal> Interrupts::set_msix(const SetIrqsRequest& request, std::vector<Descriptor> descriptors)
{
    if (request.action != kActionTrigger) return Refusal{ENOTSUP, "SET_IRQS: the client keeps the masks of MSI-X"};
    if (request.start + request.count > vectors()) return Refusal{EINVAL, "SET_IRQS: no such vector"};
    if (request.data == kDataNone && request.count == 0) {
        clear();
        return std::nullopt;
    }
    if (request.count == 0) return Refusal{EINVAL, "SET_IRQS: no vector"};
    if (request.data != kDataEventfd) {  // a loop-back test: pretend the card had raised them
        for (std::uint32_t i = 0; i < request.count; ++i)
            if (request.data == kDataNone || request.chosen[i]) fire(request.start + i);
        return std::nullopt;
    }
    for (const auto& descriptor : descriptors) {
        if (!is_eventfd(descriptor.number())) return Refusal{EINVAL, "SET_IRQS: not an eventfd"};
        // A counter that is full must not stop the simulation.
        fcntl(descriptor.number(), F_SETFL, fcntl(descriptor.number(), F_GETFL) | O_NONBLOCK);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::uint32_t i = 0; i < request.count; ++i)
        eventfds_[request.start + i] = descriptors.empty() ? Descriptor() : std::move(descriptors[i]);
    return std::nullopt;
}

void Interrupts::clear()
{
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto& eventfd : eventfds_) eventfd.close();
}

bool Interrupts::fire(std::uint32_t vector)
{
    const std::lock_guard<std::mutex> lock(mutex_);
    if (vector >= eventfds_.size() || !eventfds_[vector]) return false;
    const std::uint64_t one = 1;
    return write(eventfds_[vector].number(), &one, sizeof one) == sizeof one;
}

}  // namespace lightcard::vfio_user
