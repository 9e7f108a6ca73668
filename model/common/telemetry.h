// SPDX-License-Identifier: Apache-2.0
/// What the card tells about itself in numbers: a list of tags, each with a function that gives its value now. A block
/// adds its tags in its constructor; only what has a real value is in the list. Free of SystemC.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace lightcard {

class Telemetry {
public:
    /// Tags and units are enum lc_tag of lightcard_abi.h. `index`: core, sensor, queue.
    struct Entry {
        std::uint16_t tag = 0, index = 0;
        std::function<std::int64_t()> value;
    };
    void add(std::uint16_t tag, std::uint16_t index, std::function<std::int64_t()> value)
    {
        entries_.push_back({tag, index, std::move(value)});
    }
    const std::vector<Entry>& entries() const { return entries_; }

private:
    std::vector<Entry> entries_;
};

}  // namespace lightcard
