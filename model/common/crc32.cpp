// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/crc32.h"

#include <zlib.h>

namespace lightcard {

std::uint32_t crc32(const void* bytes, std::size_t size, std::uint32_t previous)
{
    if (size == 0) return previous;  // zlib takes a null pointer for "start value"
    return static_cast<std::uint32_t>(::crc32_z(previous, static_cast<const Bytef*>(bytes), size));
}

}  // namespace lightcard
