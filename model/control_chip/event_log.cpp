// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/event_log.h"

#include <algorithm>

namespace lightcard::control_chip {

static_assert(kEventTypes == LC_EVENTS && static_cast<int>(EventType::error) == LC_EVENT_ERROR &&
              static_cast<int>(EventType::calibration) == LC_EVENT_CALIBRATION &&
              static_cast<int>(EventType::link) == LC_EVENT_LINK);

namespace {

std::uint32_t page_of(EventType type)
{
    switch (type) {
        case EventType::error:
            return LC_LOG_ERROR;
        case EventType::wear:
            return LC_LOG_WEAR;
        case EventType::calibration:
        case EventType::saturation:
            return LC_LOG_CALIBRATION;
        default:
            return LC_LOG_EVENT;
    }
}

}  // namespace

std::uint64_t event_result(const CardEvent& event)
{
    return static_cast<std::uint64_t>(event.type) | static_cast<std::uint64_t>(event.info) << 8 |
           static_cast<std::uint64_t>(page_of(event.type)) << 16 | static_cast<std::uint64_t>(event.value) << 32;
}

void EventLog::add(const CardEvent& event, std::uint64_t time_ns, std::uint32_t resets)
{
    lc_log_event entry{};
    entry.count = ++count_;
    entry.time_ns = time_ns;
    entry.type = static_cast<std::uint8_t>(event.type);
    entry.info = event.info;
    entry.resets = resets;
    entry.value = event.value;
    entries_.push_front(entry);
    if (entries_.size() > kKept) entries_.pop_back();
    if (event.type == EventType::fault) return;  // a driver is not told in so many words
    if ((mask_ >> static_cast<int>(event.type) & 1) != 0 || pending_.size() >= kPending) return;
    const bool waits = std::any_of(pending_.begin(), pending_.end(),
                                   [&](const CardEvent& other) { return event_result(other) == event_result(event); });
    if (!waits) pending_.push_back(event);
}

CardEvent EventLog::take()
{
    const auto event = pending_.front();
    pending_.pop_front();
    return event;
}

void EventLog::clear()
{
    entries_.clear();
    pending_.clear();
    count_ = mask_ = 0;
}

}  // namespace lightcard::control_chip
