// SPDX-License-Identifier: Apache-2.0
/// Where the card's MSI-X messages go: one eventfd of the client's a vector. The client keeps the table and its masks.
/// Free of SystemC; fire() is the kernel thread's, the rest the socket thread's.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "lightcard/platform/vfio_user/descriptor.h"
#include "lightcard/platform/vfio_user/message.h"

namespace lightcard::vfio_user {

class Interrupts {
public:
    explicit Interrupts(std::uint32_t vectors) : eventfds_(vectors) {}

    std::uint32_t vectors() const { return static_cast<std::uint32_t>(eventfds_.size()); }
    /// One message about one vector, or several. `descriptors`: as many as `request.count`, or none.
    std::optional<Refusal> set(const SetIrqsRequest& request, std::vector<Descriptor> descriptors);
    void clear();
    /// Never blocks. False: nobody listens on this vector.
    bool fire(std::uint32_t vector);

private:
    std::optional<Refusal> set_msix(const SetIrqsRequest& request, std::vector<Descriptor> descriptors);

    std::mutex mutex_;
    std::vector<Descriptor> eventfds_;
};

}  // namespace lightcard::vfio_user
