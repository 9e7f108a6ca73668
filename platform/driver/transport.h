// SPDX-License-Identifier: Apache-2.0
/// The one thing the user-mode driver needs from a card: registers, DMA-able memory, interrupts.
/// Implemented by the in-process host (platform/host) and a vfio-user client (platform/vfio_user).
/// Free of SystemC.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lightcard/model/common/result.h"
#include "lightcard/model/common/time.h"

namespace lightcard::driver {

constexpr Picoseconds kDefaultTimeout = 100 * kSecond;  ///< of a command, card time; weight writing takes seconds

/// Memory that both sides see. `host` is this process's view, `bus` what the card uses in DMA.
struct DmaBuffer {
    std::uint8_t* host = nullptr;
    std::uint64_t bus = 0;
    std::size_t bytes = 0;
};

/// Where DMA memory comes from.
class DmaAllocator {
public:
    virtual ~DmaAllocator() = default;

    /// Zeroed, page-aligned, physically contiguous; lives until free() or the allocator's end.
    virtual Result<DmaBuffer> allocate(std::size_t bytes) = 0;
    virtual void free(const DmaBuffer& buffer) = 0;
};

class Transport : public DmaAllocator {
public:
    /// BAR0 registers, 4 or 8 bytes wide. Writes are posted.
    virtual std::uint32_t read32(std::uint32_t offset) = 0;
    virtual void write32(std::uint32_t offset, std::uint32_t value) = 0;

    virtual std::uint32_t interrupt_vectors() const = 0;
    /// Number of interrupts seen on a vector since the start. Never blocks.
    virtual std::uint64_t interrupts(std::uint32_t vector) = 0;
    /// Let the card run until any interrupt arrives, it has nothing left to do, or `timeout` of card time has
    /// passed. In process this pumps the SystemC kernel. Returns false if nothing more will happen by itself.
    virtual bool wait(Picoseconds timeout) = 0;
    /// Let `duration` of card time pass, whether or not the card has work (boot, reset).
    virtual void sleep(Picoseconds duration) { wait(duration); }
    /// Card time now (in process: exact; elsewhere: TIME_NS register).
    virtual Picoseconds now() = 0;
};

}  // namespace lightcard::driver
