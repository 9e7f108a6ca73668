// SPDX-License-Identifier: Apache-2.0
/// Checksums stop a fuzzer at the door: this lets it in.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "lightcard/model/common/crc32.h"

namespace lightcard::fuzz {

/// Writes the right checksum into every section that lies inside the bytes.
inline std::string repaired(std::string bytes)
{
    constexpr std::size_t kHeader = 12, kBeforeName = 4, kBeforePayload = 12;
    std::size_t at = kHeader;
    while (at + kBeforeName + kBeforePayload <= bytes.size()) {
        std::uint32_t name_size = 0;
        std::uint64_t size = 0;
        std::memcpy(&name_size, &bytes[at], sizeof name_size);
        const std::size_t name = at + kBeforeName;
        if (name_size > bytes.size() - name - kBeforePayload) break;
        std::memcpy(&size, &bytes[name + name_size], sizeof size);
        const std::size_t payload = name + name_size + kBeforePayload;
        if (size > bytes.size() - payload) break;
        const std::uint32_t crc = crc32(bytes.data() + payload, size, crc32(bytes.data() + name, name_size));
        std::memcpy(&bytes[payload - sizeof crc], &crc, sizeof crc);
        at = payload + size;
    }
    return bytes;
}

}  // namespace lightcard::fuzz
