// SPDX-License-Identifier: Apache-2.0
/// Card time: integer picoseconds since the card was powered, in int64 (106 days).
/// Durations come from counts and rates and are rounded once a batch: 13 GBd is not 77 ps.
#pragma once

#include <cstdint>
#include <limits>

namespace lightcard {

using Picoseconds = std::int64_t;

constexpr Picoseconds kNanosecond = 1'000;
constexpr Picoseconds kMicrosecond = 1'000'000;
constexpr Picoseconds kMillisecond = 1'000'000'000;
constexpr Picoseconds kSecond = 1'000'000'000'000;
constexpr Picoseconds kNever = std::numeric_limits<Picoseconds>::max();

/// Saturating sum: card time never wraps.
constexpr Picoseconds add_time(Picoseconds a, Picoseconds b)
{
    Picoseconds sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? kNever : sum;
}

/// Time that `count` items take at `rate` items per second, rounded up once. rate 0 = infinitely fast.
/// Chunks of a batch use duration_of(end) - duration_of(begin), so that they add up to the batch exactly.
constexpr Picoseconds duration_of(std::uint64_t count, std::uint64_t rate)
{
    if (rate == 0 || count == 0) return 0;
    // A division of 128 bits is several times as slow as one of 64; few counts need it.
    constexpr std::uint64_t kSmall = 9'000'000;  // in s: below kNever in ps
    if (count <= kSmall && rate <= static_cast<std::uint64_t>(kNever))
        return static_cast<Picoseconds>((count * 1'000'000'000'000u + rate - 1) / rate);
    const auto ps = (static_cast<unsigned __int128>(count) * 1'000'000'000'000u + rate - 1) / rate;
    const auto limit = static_cast<unsigned __int128>(kNever);
    return static_cast<Picoseconds>(ps > limit ? limit : ps);
}

}  // namespace lightcard
