// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/host_link/config_space.h"

#include <algorithm>
#include <cstring>

namespace lightcard::host_link {

namespace {

constexpr std::uint32_t kMemory64 = 0x4, kPrefetchable = 0x8;
constexpr std::uint32_t kPmControl = ConfigSpace::kPowerManagement + 4;
constexpr std::uint32_t kLinkControl = ConfigSpace::kExpress + 0x10;

// Offsets in the AER capability, and the errors this endpoint can see.
constexpr std::uint32_t kUncorrectable = 0x04, kUncorrectableMask = 0x08, kSeverity = 0x0c, kCorrectable = 0x10,
                        kCorrectableMask = 0x14, kErrorControl = 0x18, kHeaderLog = 0x1c, kAerEnd = 0x2c;
constexpr std::uint32_t kUncorrectableErrors = 0x005ff010, kCorrectableErrors = 0x000071c1;

/// Extended capability header: id, version, next.
constexpr std::uint32_t extended(std::uint32_t id, std::uint32_t version, std::uint32_t next)
{
    return id | version << 16 | next << 20;
}

/// Code of a size in bytes: 0 = 128, 5 = 4096.
std::uint32_t size_code(std::uint32_t bytes)
{
    std::uint32_t code = 0;
    while (code < 5 && (128u << (code + 1)) <= bytes) ++code;
    return code;
}

}  // namespace

ConfigSpace::ConfigSpace(const Parameters& parameters) : parameters_(parameters)
{
    power_on();
}

std::uint64_t ConfigSpace::get(std::uint32_t offset, std::uint32_t length) const
{
    std::uint64_t value = 0;
    for (std::uint32_t i = length; i-- > 0;) value = value << 8 | bytes_[offset + i];
    return value;
}

void ConfigSpace::put(std::uint32_t offset, std::uint64_t value, std::uint32_t length)
{
    for (std::uint32_t i = 0; i < length; ++i) bytes_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

void ConfigSpace::allow(std::uint32_t offset, std::uint64_t mask, std::uint32_t length)
{
    for (std::uint32_t i = 0; i < length; ++i) writable_[offset + i] = static_cast<std::uint8_t>(mask >> (8 * i));
}

void ConfigSpace::clear_by_one(std::uint32_t offset, std::uint64_t mask, std::uint32_t length)
{
    for (std::uint32_t i = 0; i < length; ++i) clearable_[offset + i] = static_cast<std::uint8_t>(mask >> (8 * i));
}

void ConfigSpace::reset()
{
    const auto link = get(kLinkControl, 2);
    const std::vector<std::uint8_t> sticky(bytes_.begin() + kErrorReporting + kUncorrectable,
                                           bytes_.begin() + kErrorReporting + kAerEnd);
    power_on();
    put(kLinkControl, link, 2);
    std::copy(sticky.begin(), sticky.end(), bytes_.begin() + kErrorReporting + kUncorrectable);
}

void ConfigSpace::power_on()
{
    for (auto* field : {&bytes_, &writable_, &clearable_}) std::fill(field->begin(), field->end(), std::uint8_t{0});
    add_header();
    add_power_and_interrupts();
    add_express();
    add_error_reporting();
    add_extended();
}

/// PCI Local Bus 3.0, type 0 header.
void ConfigSpace::add_header()
{
    put(0x00, parameters_.vendor_id, 2);
    put(0x02, parameters_.device_id, 2);
    allow(kCommand, 0x0546, 2);     // memory space, bus master, parity and SERR response, INTx disable
    put(0x06, 0x0010, 2);           // capability list
    clear_by_one(0x06, 0xf900, 2);  // error bits of the status register
    put(0x08, 0x12000001, 4);       // class 0x120000 (processing accelerator), revision 1
    allow(0x0c, 0xff, 1);           // cache line size: no effect in PCIe, scratch for old software
    put(0x2c, parameters_.vendor_id, 2);
    put(0x2e, parameters_.device_id, 2);
    put(0x34, kPowerManagement, 1);
    allow(0x3c, 0xff, 1);  // interrupt line: scratch for firmware
    // 64-bit BARs: the low type bits are read-only, address bits below the size read zero.
    for (const std::uint32_t bar : {0u, 2u, 4u}) {
        put(kBar0 + 4 * bar, bar == 2 ? kMemory64 | kPrefetchable : kMemory64, 4);
        allow(kBar0 + 4 * bar, ~(bar_bytes(bar) - 1) & ~0xfull, 8);
    }
}

void ConfigSpace::add_power_and_interrupts()
{
    // Power management 1.2: D0 and D3hot, no soft reset.
    put(kPowerManagement, 0x01 | (kMsix << 8), 2);
    put(kPowerManagement + 2, 0x0003, 2);
    put(kPmControl, 0x0008, 2);
    allow(kPmControl, 0x0003, 2);
    // MSI-X: table and pending bits in BAR4.
    put(kMsix, 0x11 | (kExpress << 8), 2);
    put(kMsixControl, parameters_.msix_vectors - 1, 2);
    allow(kMsixControl, 0xc000, 2);
    put(kMsix + 4, 4, 4);
    put(kMsix + 8, kMsixPendingOffset | 4, 4);
}

/// PCI Express v2 endpoint (PCIe 4.0, 7.5.3).
void ConfigSpace::add_express()
{
    const std::uint32_t link = parameters_.generation | parameters_.width << 4;
    put(kExpress, 0x10, 2);
    put(kExpress + 0x02, 0x0002, 2);
    // Capabilities: payload, extended tags, no limit to L0s and L1 latency, role-based errors, FLR.
    put(kExpress + 0x04, 1u << 28 | 1u << 15 | 7u << 9 | 7u << 6 | 1u << 5 | size_code(parameters_.max_payload), 4);
    // Control: relaxed ordering, extended tags, no snoop; 128-byte payload until the host raises it.
    put(kDeviceControl, 0x0910 | size_code(parameters_.max_read_request) << 12, 2);
    allow(kDeviceControl, 0x79ff, 2);
    clear_by_one(kDeviceStatus, 0x000f, 2);
    // Link: ASPM L1 with 64 us or less to leave it, ASPM optionality.
    put(kExpress + 0x0c, 1u << 22 | 6u << 15 | 2u << 10 | link, 4);
    allow(kLinkControl, 0x00cb, 2);  // ASPM, read completion boundary, common clock, extended synch
    put(kLinkStatus, 1u << 12 | link, 2);
    // Capabilities 2: completion timeout ranges A to D and its disable, LTR.
    put(kExpress + 0x24, 0x0000081f, 4);
    allow(kExpress + 0x28, 0x041f, 2);
    put(kExpress + 0x2c, ((1u << parameters_.generation) - 1) << 1, 4);
    put(kExpress + 0x30, parameters_.generation, 2);
    allow(kExpress + 0x30, 0x000f, 2);
    put(kExpress + 0x32, parameters_.generation >= 3 ? 0x001e : 0, 2);  // equalisation complete
}

/// Advanced error reporting v2 (PCIe 4.0, 7.8.4), with the defaults of the specification.
void ConfigSpace::add_error_reporting()
{
    put(kErrorReporting, extended(0x0001, 2, kSerialNumber), 4);
    clear_by_one(kErrorReporting + kUncorrectable, kUncorrectableErrors, 4);
    put(kErrorReporting + kUncorrectableMask, 0x00400000, 4);
    allow(kErrorReporting + kUncorrectableMask, kUncorrectableErrors, 4);
    put(kErrorReporting + kSeverity, 0x00462010, 4);
    allow(kErrorReporting + kSeverity, kUncorrectableErrors, 4);
    clear_by_one(kErrorReporting + kCorrectable, kCorrectableErrors, 4);
    put(kErrorReporting + kCorrectableMask, 0x00006000, 4);
    allow(kErrorReporting + kCorrectableMask, kCorrectableErrors, 4);
}

void ConfigSpace::add_extended()
{
    const bool fast = parameters_.generation >= 3;
    // Serial number in the form of an EUI-64.
    put(kSerialNumber, extended(0x0003, 1, kLatencyTolerance), 4);
    put(kSerialNumber + 4, 0xfe000000u | (parameters_.serial_number & 0xffffff), 4);
    put(kSerialNumber + 8, 0x000000ffu | parameters_.device_id << 8 | (parameters_.vendor_id & 0xff) << 24, 4);
    put(kLatencyTolerance, extended(0x0018, 1, fast ? kSecondary : 0), 4);
    allow(kLatencyTolerance + 4, 0x1fff1fff, 4);
    if (!fast) return;
    put(kSecondary, extended(0x0019, 1, 0), 4);
    clear_by_one(kSecondary + 8, (1ull << parameters_.width) - 1, 4);  // lane errors
}

void ConfigSpace::read(std::uint32_t offset, std::uint8_t* into, std::uint32_t length) const
{
    for (std::uint32_t i = 0; i < length; ++i) {
        const std::uint64_t at = static_cast<std::uint64_t>(offset) + i;
        into[i] = at < kBytes ? bytes_[at] : 0xff;
        if (at == kDeviceStatus && transactions_pending && transactions_pending()) into[i] |= 0x20;
    }
}

void ConfigSpace::write_byte(std::uint32_t at, std::uint8_t value)
{
    const auto before = bytes_[at];
    bytes_[at] =
        static_cast<std::uint8_t>((before & ~writable_[at] & ~(value & clearable_[at])) | (value & writable_[at]));
    // D1 and D2 are not supported: asking for them changes nothing.
    if (at == kPmControl && ((value & 3) == 1 || (value & 3) == 2)) bytes_[at] = before;
}

void ConfigSpace::write(std::uint32_t offset, const std::uint8_t* from, std::uint32_t length)
{
    bool function_reset = false;
    for (std::uint32_t i = 0; i < length; ++i) {
        const std::uint64_t at = static_cast<std::uint64_t>(offset) + i;
        if (at >= kBytes) break;
        write_byte(static_cast<std::uint32_t>(at), from[i]);
        // The reset bit always reads zero, so it is no stored bit.
        if (at == kDeviceControl + 1 && (from[i] & kFunctionReset >> 8) != 0) function_reset = true;
    }
    if (function_reset && on_function_reset) on_function_reset();
}

void ConfigSpace::report_uncorrectable(std::uint32_t bit, const std::array<std::uint32_t, 4>& header)
{
    const auto known = bit & kUncorrectableErrors;
    if (known == 0) return;
    const auto status = static_cast<std::uint32_t>(get(kErrorReporting + kUncorrectable, 4));
    const auto severity = static_cast<std::uint32_t>(get(kErrorReporting + kSeverity, 4));
    const auto mask = static_cast<std::uint32_t>(get(kErrorReporting + kUncorrectableMask, 4));
    put(kErrorReporting + kUncorrectable, status | known, 4);
    // Device Status: 1 non-fatal, 2 fatal, 3 unsupported request.
    const std::uint32_t kind = (known & severity) != 0 ? 0x4 : 0x2;
    put(kDeviceStatus, get(kDeviceStatus, 2) | kind | (known == kUnsupportedRequest ? 0x8 : 0), 2);
    if ((known & mask) != 0 || (status & ~mask) != 0) return;  // only the first is logged
    std::uint32_t number = 0;
    while ((known >> number & 1) == 0) ++number;
    put(kErrorReporting + kErrorControl, number, 4);
    for (std::uint32_t i = 0; i < 4; ++i) put(kErrorReporting + kHeaderLog + 4 * i, header[i], 4);
}

void ConfigSpace::set_link(std::uint32_t generation, std::uint32_t width)
{
    put(kLinkStatus, (get(kLinkStatus, 2) & ~0x3ffull) | generation | width << 4, 2);
}

void ConfigSpace::report_correctable(std::uint32_t bit)
{
    const auto known = bit & kCorrectableErrors;
    if (known == 0) return;
    put(kErrorReporting + kCorrectable, get(kErrorReporting + kCorrectable, 4) | known, 4);
    put(kDeviceStatus, get(kDeviceStatus, 2) | 0x1, 2);
}

}  // namespace lightcard::host_link
