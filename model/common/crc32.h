// SPDX-License-Identifier: Apache-2.0
/// CRC-32 (IEEE 802.3, as in zip and PNG) of archives and program files.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lightcard {

/// `previous`: CRC of the bytes before these, to go on from there. crc32("123456789", 9) = 0xcbf43926.
std::uint32_t crc32(const void* bytes, std::size_t size, std::uint32_t previous = 0);

}  // namespace lightcard
