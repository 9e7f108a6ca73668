// SPDX-License-Identifier: Apache-2.0
/// The control chip's SRAM: local macros seen as one address space with one aggregate bandwidth.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "lightcard/model/common/resource.h"
#include "lightcard/model/common/services.h"
#include "lightcard/model/control_chip/parameters.h"

namespace lightcard::control_chip {

class Scratchpad {
public:
    Scratchpad(const Parameters& parameters, Services& services);

    std::uint8_t* data() { return bytes_.get(); }
    const std::uint8_t* data() const { return bytes_.get(); }
    std::uint64_t size() const { return size_; }

    /// Books `bits` of traffic over [earliest, end) and returns when the ports have moved them.
    Resource::Slot traffic(Picoseconds earliest, std::uint64_t bits, Cause cause)
    {
        return traffic(earliest, bits, time_of(bits), cause);
    }
    /// As above, with the time given: parts of one command add up to the command without rounding each.
    Resource::Slot traffic(Picoseconds earliest, std::uint64_t bits, Picoseconds duration, Cause cause);
    /// Time that `bits` take at full bandwidth.
    Picoseconds time_of(std::uint64_t bits) const { return duration_of((bits + 7) / 8, bandwidth_); }

    const Resource& ports() const { return ports_; }
    std::uint64_t bits() const { return bits_; }
    void release(Picoseconds now) { ports_.release(now); }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("ports", ports_);
        archive.field("bits", bits_);
        // Trailing zeros are not stored.
        std::vector<std::uint8_t> contents;
        if constexpr (!Archive::reading) {
            auto end = size_;
            while (end > 0 && bytes_[end - 1] == 0) --end;
            contents.assign(data(), data() + end);
        }
        archive.field("contents", contents);
        if constexpr (Archive::reading) {
            std::memset(data(), 0, size_);
            if (contents.size() <= size_) std::copy(contents.begin(), contents.end(), data());
        }
    }

private:
    struct Free {
        void operator()(std::uint8_t* memory) const { std::free(memory); }
    };
    Services& services_;
    std::uint64_t size_;
    std::uint64_t bandwidth_;
    std::unique_ptr<std::uint8_t[], Free> bytes_;  ///< calloc: untouched pages cost nothing
    Resource ports_;
    std::uint64_t bits_ = 0;
    AccountId account_;
};

}  // namespace lightcard::control_chip
