// SPDX-License-Identifier: Apache-2.0
/// Data sheet of the PCIe endpoint: link rate and overheads, latency, identity, BAR sizes.
#pragma once

#include <cstdint>

#include "lightcard/model/common/time.h"

namespace lightcard::host_link {

struct Parameters {
    std::uint32_t generation = 4;
    std::uint32_t width = 16;                         ///< PCIe lanes
    std::uint32_t max_payload = 256;                  ///< bytes a TLP
    std::uint32_t max_read_request = 512;             ///< bytes
    std::uint32_t tlp_overhead = 24;                  ///< bytes a TLP: header, sequence, LCRC, framing
    std::uint32_t read_tags = 256;                    ///< non-posted requests in flight
    Picoseconds read_round_trip = 900 * kNanosecond;  ///< DMA read request to first completion
    Picoseconds posted_latency = 400 * kNanosecond;   ///< posted write, device to host memory or back
    double active_power = 5.0;                        ///< W in L0
    double idle_power = 0.3;                          ///< W in L1
    std::uint32_t vendor_id = 0x1d9b;                 ///< placeholder, see docs
    std::uint32_t device_id = 0x0128;
    std::uint32_t serial_number = 1;  ///< 24 bits; tells cards apart in a machine
    std::uint32_t msix_vectors = 32;
    std::uint64_t bar2_bytes = 16ull << 30;  ///< prefetchable window on card memory, power of two

    /// Raw bytes/s a direction after line coding (8b/10b for Gen1-2, 128b/130b from Gen3).
    std::uint64_t raw_rate() const
    {
        const std::uint64_t mega_transfers[] = {0, 2500, 5000, 8000, 16000, 32000, 64000};
        const std::uint64_t bits = mega_transfers[generation < 7 ? generation : 6] * 1'000'000ull * width;
        return generation < 3 ? bits / 10 : bits * 16 / 130;
    }
};

}  // namespace lightcard::host_link
