// SPDX-License-Identifier: Apache-2.0
/// Which bytes of the scratchpad a command touches, as far as it takes to tell two commands apart.
#pragma once

#include <cstdint>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// All of [begin, end), or, with a stride, `row` bytes from begin + k * stride on, as far as the end.
struct Bytes {
    std::uint64_t begin = 0, end = 0;
    std::uint64_t stride = 0, row = 0;
};
/// No byte is in both. May say no where it is so.
bool apart(const Bytes& a, const Bytes& b);

/// `count` bytes from the pointer on.
Bytes bytes_of(std::uint64_t pointer, std::uint64_t count);
/// All positions inside a window, `row` bytes of each.
Bytes bytes_of(const lc_window& window, std::uint64_t row);
/// All positions that `of` counts, `row` bytes of each.
Bytes bytes_of(const lc_surface& surface, const lc_window& of, std::uint64_t row);
/// Rows of positions lie one behind the other, lines and images too.
bool rows_apart(const lc_surface& surface, const lc_window& of, std::uint64_t row);

}  // namespace lightcard::control_chip
