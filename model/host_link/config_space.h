// SPDX-License-Identifier: Apache-2.0
/// PCIe configuration space of the endpoint, 4 KiB: header, BARs, power management, MSI-X, PCIe with FLR.
/// A plain object: bytes, write masks and three questions (which BAR, may it master, function-level reset?).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lightcard/model/host_link/parameters.h"

namespace lightcard::host_link {

constexpr std::uint64_t kBar0Bytes = 64 * 1024;
constexpr std::uint64_t kBar4Bytes = 16 * 1024;
constexpr std::uint32_t kMsixPendingOffset = 0x2000;

class ConfigSpace {
public:
    static constexpr std::uint32_t kBytes = 4096;

    explicit ConfigSpace(const Parameters& parameters);

    /// Bytes outside the space read all-ones. Length 1, 2 or 4 for configuration cycles; any for bulk reads.
    void read(std::uint32_t offset, std::uint8_t* into, std::uint32_t length) const;
    void write(std::uint32_t offset, const std::uint8_t* from, std::uint32_t length);

    struct Target {
        std::uint32_t bar;
        std::uint64_t offset;
    };
    /// The BAR that claims [address, address + length), if memory space is enabled.
    std::optional<Target> decode(std::uint64_t address, std::uint64_t length) const;
    std::uint64_t bar_bytes(std::uint32_t bar) const;  ///< 0 if there is no such BAR

    bool memory_enabled() const { return (bytes_[0x04] & 0x02) != 0; }
    bool bus_master() const { return (bytes_[0x04] & 0x04) != 0; }
    bool msix_enabled() const { return (bytes_[kMsix + 3] & 0x80) != 0; }
    bool msix_masked() const { return (bytes_[kMsix + 3] & 0x40) != 0; }

    /// Called when the host asks for a function-level reset (PCIe Device Control, bit 15).
    std::function<void()> on_function_reset;
    void reset();

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("bytes", bytes_);
        archive.check(bytes_.size() == kBytes, "config space has 4096 bytes");
        bytes_.resize(kBytes);
    }

private:
    static constexpr std::uint32_t kPowerManagement = 0x40, kMsix = 0x50, kExpress = 0x60;
    void put(std::uint32_t offset, std::uint64_t value, std::uint32_t length);
    void allow(std::uint32_t offset, std::uint64_t mask, std::uint32_t length);
    void add_capabilities(const Parameters& parameters);
    std::uint64_t bar_address(std::uint32_t bar) const;

    Parameters parameters_;
    std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(kBytes);
    std::vector<std::uint8_t> writable_ = std::vector<std::uint8_t>(kBytes);
};

}  // namespace lightcard::host_link
