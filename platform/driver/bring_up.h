// SPDX-License-Identifier: Apache-2.0
/// The registers of bring-up and reset: is this a lightcard, has it booted, CC.EN and CSTS.RDY. Every wait is
/// bounded by what the card itself states in CAP.TO.
#pragma once

#include <cstdint>

#include "lightcard/model/common/result.h"
#include "lightcard/platform/driver/queue_pair.h"
#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

struct Capabilities {
    std::uint32_t version = 0;      ///< VERSION as read: major.minor.patch in 8.8.16 bits
    std::uint32_t max_entries = 0;  ///< largest ring
    std::uint32_t max_queues = 0;   ///< I/O queue pairs
    Picoseconds ready_timeout = 0;  ///< bound of boot, enable and disable
    std::uint64_t features = 0;     ///< LC_FEATURES_* bits
};

class Controller {
public:
    explicit Controller(Transport& transport) : transport_(&transport) {}

    /// MAGIC, VERSION, LIVENESS, CAP: refuses anything but a card this driver can talk to.
    Result<Capabilities> probe();
    /// Waits for BOOT_STATUS.READY.
    Status wait_for_boot();
    /// Admin rings, CC.EN = 1, waits for CSTS.RDY.
    Status enable(const QueuePair& admin);
    /// CC.SHN, waits for CSTS.SHST: the card has put away what it holds. disable() follows.
    Status notify_shutdown();
    /// CC.EN = 0, waits for RDY to go: no DMA and no interrupt of the card after that.
    Status disable();
    /// Number of resets the card has seen; differs from the last value if somebody reset it.
    std::uint32_t reset_count();

private:
    Status wait_for(std::uint32_t offset, std::uint32_t mask, std::uint32_t value, const char* what);

    Transport* transport_;
    Capabilities capabilities_;
};

}  // namespace lightcard::driver
