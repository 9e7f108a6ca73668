// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/host/enumerate.h"

#include <cstdio>

namespace lightcard::host {
namespace {

constexpr std::uint32_t kCommand = 0x04, kStatus = 0x04, kClass = 0x08, kBar0 = 0x10, kCapabilities = 0x34;
constexpr std::uint32_t kMemorySpace = 1u << 1, kBusMaster = 1u << 2, kInterruptDisable = 1u << 10;
constexpr std::uint32_t kHasCapabilities = 1u << 20;  // status register is the upper half
constexpr std::uint32_t kMsixId = 0x11, kMsixEnable = 1u << 31, kMsixMasked = 1u << 30;
constexpr std::uint32_t kMsixEntryBytes = 16;

std::string hex(std::uint64_t value)
{
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

std::uint32_t size_mask(const PciAccess& access, std::uint32_t offset)
{
    const std::uint32_t kept = access.read_config(offset);
    access.write_config(offset, 0xffff'ffff);
    const std::uint32_t mask = access.read_config(offset);
    access.write_config(offset, kept);
    return mask;
}

/// Places one BAR; `index` moves past its upper half if it has one.
Status place_bar(const PciAccess& access, AddressPlan& plan, PciFunction& function, std::uint32_t& index)
{
    const std::uint32_t offset = kBar0 + 4 * index;
    const std::uint32_t kind = access.read_config(offset);
    Bar& bar = function.bars[index];
    const bool wide = (kind & 6u) == 4u;
    if (kind & 1u) return Error{"I/O space is not supported", "BAR" + std::to_string(index), "a memory BAR"};
    if (wide && index == 5) return Error{"64-bit BAR has no upper half", "BAR5", ""};

    std::uint64_t mask = size_mask(access, offset) & ~0xfull;
    if (wide)
        mask |= static_cast<std::uint64_t>(size_mask(access, offset + 4)) << 32;
    else if (mask != 0)
        mask |= 0xffff'ffff'0000'0000ull;
    if (mask == 0) return {};
    bar.bytes = ~mask + 1;
    bar.prefetchable = (kind & 8u) != 0;
    if ((bar.bytes & (bar.bytes - 1)) != 0)
        return Error{"size mask " + hex(mask) + " is not that of a power of two", "BAR" + std::to_string(index), ""};

    std::uint64_t& cursor = wide ? plan.window_64 : plan.window_32;
    bar.address = (cursor + bar.bytes - 1) & ~(bar.bytes - 1);
    cursor = bar.address + bar.bytes;
    access.write_config(offset, static_cast<std::uint32_t>(bar.address));
    if (wide) access.write_config(kBar0 + 4 * ++index, static_cast<std::uint32_t>(bar.address >> 32));
    return {};
}

/// Config offset of a capability, 0 if there is none. The chain is bounded: 48 fit between 0x40 and 0xff.
std::uint32_t find_capability(const PciAccess& access, std::uint32_t id)
{
    if (!(access.read_config(kStatus) & kHasCapabilities)) return 0;
    std::uint32_t offset = access.read_config(kCapabilities) & 0xfc;
    for (int hops = 0; offset >= 0x40 && hops < 48; ++hops) {
        const std::uint32_t header = access.read_config(offset);
        if ((header & 0xff) == id) return offset;
        offset = (header >> 8) & 0xfc;
    }
    return 0;
}

Status set_up_msix(const PciAccess& access, const AddressPlan& plan, PciFunction& function)
{
    function.msix_control = find_capability(access, kMsixId);
    if (function.msix_control == 0) return Error{"the function has no MSI-X capability", "config space", ""};
    const std::uint32_t header = access.read_config(function.msix_control);
    const std::uint32_t where = access.read_config(function.msix_control + 4);
    const std::uint32_t vectors = ((header >> 16) & 0x7ff) + 1;
    const std::uint32_t bir = where & 7;
    const std::uint64_t table = where & ~7ull;
    if (bir > 5 || function.bars[bir].bytes < table + vectors * kMsixEntryBytes)
        return Error{"the MSI-X table lies outside its BAR", "config space", ""};
    function.msix_vectors = vectors;
    function.msix_table = function.bars[bir].address + table;

    // Masked as a whole while the table is half written.
    access.write_config(function.msix_control, header | kMsixEnable | kMsixMasked);
    for (std::uint32_t vector = 0; vector < vectors; ++vector) {
        const std::uint64_t entry = function.msix_table + vector * kMsixEntryBytes;
        access.write_memory(entry, static_cast<std::uint32_t>(plan.msix_address));
        access.write_memory(entry + 4, static_cast<std::uint32_t>(plan.msix_address >> 32));
        access.write_memory(entry + 8, vector);
        access.write_memory(entry + 12, 0);
    }
    access.write_config(function.msix_control, (header | kMsixEnable) & ~kMsixMasked);
    return {};
}

}  // namespace

Result<PciFunction> enumerate(const PciAccess& access, const AddressPlan& given)
{
    AddressPlan plan = given;
    PciFunction function;
    const std::uint32_t id = access.read_config(0);
    if (id == 0xffff'ffff || id == 0) return Error{"no function answers in configuration space", "", ""};
    function.vendor = static_cast<std::uint16_t>(id);
    function.device = static_cast<std::uint16_t>(id >> 16);
    function.class_code = access.read_config(kClass) >> 8;
    if (((access.read_config(0x0c) >> 16) & 0x7f) != 0) return Error{"not an endpoint: header type is not 0", "", ""};

    for (std::uint32_t index = 0; index < 6; ++index)
        if (auto status = place_bar(access, plan, function, index); !status) return status.error();
    const std::uint32_t command = access.read_config(kCommand) & 0xffff;
    access.write_config(kCommand, command | kMemorySpace | kBusMaster | kInterruptDisable);
    if (auto status = set_up_msix(access, plan, function); !status) return status.error();
    return function;
}

}  // namespace lightcard::host
