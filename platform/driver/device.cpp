// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/device.h"

#include <algorithm>
#include <cstring>

namespace lightcard::driver {

Result<Completion> Device::run_on(std::size_t queue, const lc_sqe& sqe, const void* operands, Picoseconds timeout)
{
    auto ticket = submit_to(queue, sqe, operands);
    if (!ticket) return ticket.error();
    auto completion = wait_for(queue, *ticket, timeout);
    if (completion && !completion->ok()) return to_error(*completion);
    return completion;
}

template <class Entry>
Result<std::vector<Entry>> Device::read_log(std::uint32_t page, std::uint32_t entries)
{
    auto bytes = log_page(page, entries * static_cast<std::uint32_t>(sizeof(Entry)));
    if (!bytes) return bytes.error();
    std::vector<Entry> log(entries);
    std::memcpy(log.data(), bytes->data(), bytes->size());
    return log;
}

Result<std::vector<lc_log_error>> Device::error_log(std::uint32_t entries)
{
    auto log = read_log<lc_log_error>(LC_LOG_ERROR, entries);
    if (log) log->erase(std::find_if(log->begin(), log->end(), [](auto& e) { return e.count == 0; }), log->end());
    return log;
}

Result<std::vector<lc_log_weights>> Device::weights_log()
{
    return read_log<lc_log_weights>(LC_LOG_WEIGHTS, identity().cores * identity().banks);
}

Result<std::vector<lc_log_progress>> Device::progress_log(std::uint32_t entries)
{
    auto log = read_log<lc_log_progress>(LC_LOG_PROGRESS, entries);
    // An I/O command has a queue number: an entry without one lies behind the end.
    if (log) log->erase(std::find_if(log->begin(), log->end(), [](auto& e) { return e.sq_id == 0; }), log->end());
    return log;
}

Result<std::vector<lc_log_event>> Device::event_log(std::uint32_t entries)
{
    auto log = read_log<lc_log_event>(LC_LOG_EVENT, entries);
    if (log) log->erase(std::find_if(log->begin(), log->end(), [](auto& e) { return e.count == 0; }), log->end());
    return log;
}

Result<std::vector<lc_log_calibration>> Device::calibration_log()
{
    return read_log<lc_log_calibration>(LC_LOG_CALIBRATION, identity().cores);
}

Result<std::vector<lc_log_wear>> Device::wear_log()
{
    return read_log<lc_log_wear>(LC_LOG_WEAR, identity().cores * identity().banks);
}

}  // namespace lightcard::driver
