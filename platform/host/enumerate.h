// SPDX-License-Identifier: Apache-2.0
/// What firmware does to a PCIe function before a driver sees it: size and place the BARs, switch on decoding and
/// bus mastering, find MSI-X and point its table at the host's interrupt window. Free of SystemC.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "lightcard/model/common/result.h"

namespace lightcard::host {

/// Aligned 32-bit accesses to one function; reads of nothing return all ones.
struct PciAccess {
    std::function<std::uint32_t(std::uint32_t offset)> read_config;
    std::function<void(std::uint32_t offset, std::uint32_t value)> write_config;
    std::function<void(std::uint64_t address, std::uint32_t value)> write_memory;
};

struct Bar {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;  ///< 0 = not there
    bool prefetchable = false;
};

struct PciFunction {
    std::uint16_t vendor = 0, device = 0;
    std::uint32_t class_code = 0;  ///< 24 bits
    std::array<Bar, 6> bars;       ///< of a 64-bit BAR only the lower half's entry is used
    std::uint32_t msix_vectors = 0;
    std::uint64_t msix_table = 0;    ///< address of the table
    std::uint32_t msix_control = 0;  ///< config offset of the capability
};

struct AddressPlan {
    std::uint64_t window_32 = 0xc000'0000;       ///< 32-bit BARs grow up from here
    std::uint64_t window_64 = 0x4000'0000'0000;  ///< 64-bit BARs grow up from here
    std::uint64_t msix_address = 0xfee0'0000;    ///< every vector: this address, data = its number
};

Result<PciFunction> enumerate(const PciAccess& access, const AddressPlan& plan = {});

}  // namespace lightcard::host
