// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/host_link/config_space.h"

#include <algorithm>

namespace lightcard::host_link {

namespace {
constexpr std::uint32_t kCommand = 0x04, kBar0 = 0x10;
constexpr std::uint32_t kMemory64 = 0x4, kPrefetchable = 0x8;
}  // namespace

ConfigSpace::ConfigSpace(const Parameters& parameters) : parameters_(parameters)
{
    reset();
}

void ConfigSpace::put(std::uint32_t offset, std::uint64_t value, std::uint32_t length)
{
    for (std::uint32_t i = 0; i < length; ++i) bytes_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

void ConfigSpace::allow(std::uint32_t offset, std::uint64_t mask, std::uint32_t length)
{
    for (std::uint32_t i = 0; i < length; ++i) writable_[offset + i] = static_cast<std::uint8_t>(mask >> (8 * i));
}

void ConfigSpace::reset()
{
    std::fill(bytes_.begin(), bytes_.end(), 0);
    std::fill(writable_.begin(), writable_.end(), 0);
    // PCI Local Bus 3.0, type 0 header.
    put(0x00, parameters_.vendor_id, 2);
    put(0x02, parameters_.device_id, 2);
    allow(kCommand, 0x0546, 2);  // memory space, bus master, parity and SERR response, INTx disable
    put(0x06, 0x0010, 2);        // capability list
    put(0x08, 0x12000001, 4);    // class 0x120000 (processing accelerator), revision 1
    put(0x2c, parameters_.vendor_id, 2);
    put(0x2e, parameters_.device_id, 2);
    put(0x34, kPowerManagement, 1);
    allow(0x3c, 0xff, 1);  // interrupt line: scratch for firmware
    // 64-bit BARs: the low type bits are read-only, address bits below the size read zero.
    for (const std::uint32_t bar : {0u, 2u, 4u}) {
        put(kBar0 + 4 * bar, bar == 2 ? kMemory64 | kPrefetchable : kMemory64, 4);
        allow(kBar0 + 4 * bar, ~(bar_bytes(bar) - 1) & ~0xfull, 8);
    }
    add_capabilities(parameters_);
}

void ConfigSpace::add_capabilities(const Parameters& parameters)
{
    // Power management 1.2: D0 and D3hot, no soft reset.
    put(kPowerManagement, 0x01 | (kMsix << 8), 2);
    put(kPowerManagement + 2, 0x0003, 2);
    put(kPowerManagement + 4, 0x0008, 2);
    allow(kPowerManagement + 4, 0x0003, 2);
    // MSI-X: table and pending bits in BAR4.
    put(kMsix, 0x11 | (kExpress << 8), 2);
    put(kMsix + 2, parameters.msix_vectors - 1, 2);
    allow(kMsix + 2, 0xc000, 2);
    put(kMsix + 4, 4, 4);
    put(kMsix + 8, kMsixPendingOffset | 4, 4);
    // PCI Express v2 endpoint with function-level reset; payload size code 0 = 128 B.
    std::uint32_t payload_code = 0;
    while ((128u << (payload_code + 1)) <= parameters.max_payload && payload_code < 5) ++payload_code;
    put(kExpress, 0x10, 2);
    put(kExpress + 2, 0x0002, 2);
    put(kExpress + 4, (1u << 28) | (1u << 15) | payload_code, 4);
    put(kExpress + 8, 0x2000 | (payload_code << 5), 2);
    allow(kExpress + 8, 0x7fff, 2);
    put(kExpress + 12, parameters.generation | (parameters.width << 4), 4);
    put(kExpress + 16 + 2, parameters.generation | (parameters.width << 4), 2);
    put(kExpress + 0x2c, ((1u << parameters.generation) - 1) << 1, 4);
    put(kExpress + 0x30, parameters.generation, 2);
}

std::uint64_t ConfigSpace::bar_bytes(std::uint32_t bar) const
{
    switch (bar) {
        case 0:
            return kBar0Bytes;
        case 2:
            return parameters_.bar2_bytes;
        case 4:
            return kBar4Bytes;
        default:
            return 0;
    }
}

std::uint64_t ConfigSpace::bar_address(std::uint32_t bar) const
{
    std::uint64_t address = 0;
    for (int i = 7; i >= 0; --i) address = (address << 8) | bytes_[kBar0 + 4 * bar + static_cast<std::uint32_t>(i)];
    return address & ~0xfull;
}

std::optional<ConfigSpace::Target> ConfigSpace::decode(std::uint64_t address, std::uint64_t length) const
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

void ConfigSpace::read(std::uint32_t offset, std::uint8_t* into, std::uint32_t length) const
{
    for (std::uint32_t i = 0; i < length; ++i) {
        const std::uint64_t at = static_cast<std::uint64_t>(offset) + i;
        into[i] = at < kBytes ? bytes_[at] : 0xff;
    }
}

void ConfigSpace::write(std::uint32_t offset, const std::uint8_t* from, std::uint32_t length)
{
    bool function_reset = false;
    for (std::uint32_t i = 0; i < length; ++i) {
        const std::uint64_t at = static_cast<std::uint64_t>(offset) + i;
        if (at >= kBytes) break;
        bytes_[at] = static_cast<std::uint8_t>((bytes_[at] & ~writable_[at]) | (from[i] & writable_[at]));
        // The reset bit (Device Control bit 15) always reads zero, so it is no stored bit.
        if (at == kExpress + 9 && (from[i] & 0x80) != 0) function_reset = true;
    }
    if (function_reset && on_function_reset) on_function_reset();
}

}  // namespace lightcard::host_link
