// SPDX-License-Identifier: Apache-2.0
/// The seam between the control chip and host memory: asynchronous reads and writes with a tag and a
/// completion, and posted interrupts. Writes and interrupts reach the host in the order of submission.
/// Requests are data: a reset drops them by generation and nothing is held across one.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/time.h"

namespace lightcard {

struct DmaRequest {
    std::uint64_t tag = 0;           ///< the client's own; comes back unchanged
    bool to_host = false;            ///< write to host memory, else read from it
    std::uint64_t bus = 0;           ///< host bus address
    std::vector<std::uint8_t> data;  ///< bytes to write, or sized to what is to be read
    std::uint64_t shape_bytes = 0;   ///< with no data: bytes that take their time on the link, and are not there
    std::uint64_t generation = 0;    ///< set by submit()

    std::uint64_t bytes() const { return data.empty() ? shape_bytes : data.size(); }
};

class HostPortClient {
public:
    virtual ~HostPortClient() = default;
    /// Reads: data has arrived. Writes: bytes are visible to the host. ok = false: the host answered with an error.
    virtual void dma_complete(DmaRequest request, bool ok) = 0;
};

class HostPort {
public:
    virtual ~HostPort() = default;
    virtual void submit(DmaRequest request) = 0;
    /// Message-signalled interrupt, ordered behind every write submitted before it.
    virtual void interrupt(std::uint32_t vector) = 0;
    /// Forget everything in flight: no completion will come for it, no byte of it will be written.
    virtual void cancel() = 0;
    /// True while anything submitted has not completed.
    virtual bool busy() const = 0;
};

}  // namespace lightcard
