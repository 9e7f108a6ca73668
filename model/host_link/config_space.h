// SPDX-License-Identifier: Apache-2.0
/// PCIe configuration space of the endpoint, 4 KiB. A plain object: bytes, write masks and three questions (which BAR,
/// may it master, function-level reset?).
///
///   0x000  header, type 0: class 0x120000, BAR0 registers, BAR2 card memory (prefetchable), BAR4 MSI-X; all 64-bit
///   0x040  power management: D0 and D3hot, state survives D3hot
///   0x050  MSI-X: table at 0 and pending bits at kMsixPendingOffset of BAR4
///   0x060  PCI Express v2 endpoint: FLR, link capability and status from the parameters
///   0x100  advanced error reporting     0x148  device serial number
///   0x158  latency tolerance            0x160  secondary PCI Express (Gen3 and above)
///
/// In D3hot no BAR answers and the function does not master the bus.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
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
    static constexpr std::uint32_t kCommand = 0x04, kBar0 = 0x10, kBarsEnd = 0x28;
    static constexpr std::uint32_t kPowerManagement = 0x40, kMsix = 0x50, kExpress = 0x60;
    static constexpr std::uint32_t kErrorReporting = 0x100, kSerialNumber = 0x148, kLatencyTolerance = 0x158,
                                   kSecondary = 0x160;
    static constexpr std::uint32_t kMsixControl = kMsix + 2;
    static constexpr std::uint32_t kDeviceControl = kExpress + 0x08, kDeviceStatus = kExpress + 0x0a,
                                   kLinkStatus = kExpress + 0x12;
    static constexpr std::uint16_t kFunctionReset = 0x8000;  ///< of Device Control; reads zero

    explicit ConfigSpace(const Parameters& parameters);

    /// Bytes outside the space read all-ones. Length 1, 2 or 4 for configuration cycles; any for bulk reads.
    void read(std::uint32_t offset, std::uint8_t* into, std::uint32_t length) const;
    void write(std::uint32_t offset, const std::uint8_t* from, std::uint32_t length);

    struct Target {
        std::uint32_t bar;
        std::uint64_t offset;
    };
    /// The BAR that claims [address, address + length), if memory space is enabled.
    std::optional<Target> decode(std::uint64_t address, std::uint64_t length) const
    {
        if (!memory_enabled()) return std::nullopt;
        for (const std::uint32_t bar : {0u, 2u, 4u}) {
            const auto base = bar_address(bar), size = bar_bytes(bar);
            if (base == 0 || address < base || address - base >= size) continue;
            if (length > size - (address - base)) return std::nullopt;
            return Target{bar, address - base};
        }
        return std::nullopt;
    }
    /// 0 if there is no such BAR.
    std::uint64_t bar_bytes(std::uint32_t bar) const
    {
        return bar == 0 ? kBar0Bytes : bar == 2 ? parameters_.bar2_bytes : bar == 4 ? kBar4Bytes : 0;
    }

    bool memory_enabled() const { return (bytes_[kCommand] & 0x02) != 0 && powered(); }
    bool bus_master() const { return (bytes_[kCommand] & 0x04) != 0 && powered(); }
    bool msix_enabled() const { return (bytes_[kMsixControl + 1] & 0x80) != 0; }
    bool msix_masked() const { return (bytes_[kMsixControl + 1] & 0x40) != 0; }
    bool powered() const { return (bytes_[kPowerManagement + 4] & 0x03) == 0; }  ///< D0

    /// Errors of the link, as bits of the AER status registers (PCIe 4.0, 7.8.4): they set AER and Device Status, and
    /// the first uncorrectable one keeps the header of the packet it came with.
    static constexpr std::uint32_t kPoisonedTlp = 1u << 12, kCompletionTimeout = 1u << 14, kCompleterAbort = 1u << 15,
                                   kMalformedTlp = 1u << 18, kUnsupportedRequest = 1u << 20;
    static constexpr std::uint32_t kReceiverError = 1u << 0, kBadTlp = 1u << 6, kReplayTimeout = 1u << 12;
    void report_uncorrectable(std::uint32_t bit, const std::array<std::uint32_t, 4>& header = {});
    void report_correctable(std::uint32_t bit);
    /// Link Status: what the link runs at now.
    void set_link(std::uint32_t generation, std::uint32_t width);

    /// Called when the host asks for a function-level reset (PCIe Device Control, bit 15).
    std::function<void()> on_function_reset;
    /// Answers Device Status, Transactions Pending. Unset: never.
    std::function<bool()> transactions_pending;

    /// Function-level: what the PCIe specification calls sticky (error status, masks and log) and the link's control
    /// register keep their values.
    void reset();
    void power_on();  ///< everything back

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("bytes", bytes_);
        archive.check(bytes_.size() == kBytes, "config space has 4096 bytes");
        bytes_.resize(kBytes);
    }

private:
    std::uint64_t get(std::uint32_t offset, std::uint32_t length) const;
    void put(std::uint32_t offset, std::uint64_t value, std::uint32_t length);
    void allow(std::uint32_t offset, std::uint64_t mask, std::uint32_t length);
    void clear_by_one(std::uint32_t offset, std::uint64_t mask, std::uint32_t length);
    void add_header();
    void add_power_and_interrupts();
    void add_express();
    void add_error_reporting();
    void add_extended();
    void write_byte(std::uint32_t at, std::uint8_t value);
    std::uint64_t bar_address(std::uint32_t bar) const
    {
        std::uint64_t value = 0;
        std::memcpy(&value, &bytes_[kBar0 + 4 * bar], sizeof value);
        return value & ~0xfull;
    }

    Parameters parameters_;
    std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(kBytes);
    std::vector<std::uint8_t> writable_ = std::vector<std::uint8_t>(kBytes);
    std::vector<std::uint8_t> clearable_ = std::vector<std::uint8_t>(kBytes);  ///< by writing 1
};

}  // namespace lightcard::host_link
