// SPDX-License-Identifier: Apache-2.0
/// A card that somebody has brought up, as programs use it: command queues, memory that both sides see, log pages.
/// Implemented by the user-mode Driver and, over /dev/lightcardN, by smi::KernelDevice. Free of SystemC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/platform/driver/status.h"
#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

class Device {
public:
    virtual ~Device() = default;

    virtual const lc_identify& identity() const = 0;
    virtual DmaAllocator& memory() = 0;
    /// I/O queues to choose from, at least one.
    virtual std::size_t queues() const = 0;

    /// Puts a command, with LC_OPERAND_BYTES of operands or none, into an I/O queue; the ticket is for wait().
    virtual Result<std::uint32_t> submit_to(std::size_t queue, const lc_sqe& sqe, const void* operands) = 0;
    /// Its completion, once. A failed command is a value, not an error: an error means there is no completion.
    virtual Result<Completion> wait_for(std::size_t queue, std::uint32_t ticket, Picoseconds timeout) = 0;
    /// Both, and a failed command is an error.
    Result<Completion> run_on(std::size_t queue, const lc_sqe& sqe, const void* operands, Picoseconds timeout);

    /// Reads `bytes` of a log page from `offset`; what the page does not have reads as zeros.
    virtual Result<std::vector<std::uint8_t>> log_page(std::uint32_t page, std::uint32_t bytes,
                                                       std::uint32_t offset = 0) = 0;
    Result<std::vector<lc_log_error>> error_log(std::uint32_t entries = 16);  ///< newest first, entries that exist
    Result<std::vector<lc_log_weights>> weights_log();                        ///< [core * banks + bank]
    Result<std::vector<lc_log_progress>> progress_log(std::uint32_t entries = 64);  ///< commands in flight
    Result<std::vector<lc_log_event>> event_log(std::uint32_t entries = 64);  ///< newest first, entries that exist
    Result<std::vector<lc_log_calibration>> calibration_log();                ///< [core]
    Result<std::vector<lc_log_wear>> wear_log();                              ///< [core * banks + bank]

private:
    template <class Entry>
    Result<std::vector<Entry>> read_log(std::uint32_t page, std::uint32_t entries);
};

}  // namespace lightcard::driver
