// SPDX-License-Identifier: Apache-2.0
/// 128 bits of what something is made of: the name of a cache entry. Not for keeping anybody out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace lightcard::cli {

/// Order and lengths of what is added count, so that no two different lists of fields meet by concatenation.
class ContentHash {
public:
    ContentHash& bytes(const void* data, std::size_t size)
    {
        mix(size, 0);
        const auto* at = static_cast<const std::uint8_t*>(data);
        for (; size >= 16; at += 16, size -= 16) mix(word(at, 8), word(at + 8, 8));
        if (size > 0) mix(word(at, size < 8 ? size : 8), size > 8 ? word(at + 8, size - 8) : 0);
        return *this;
    }
    ContentHash& text(const std::string& text) { return bytes(text.data(), text.size()); }
    template <class T>
    ContentHash& value(T value)
    {
        static_assert(std::is_arithmetic_v<T>);
        return bytes(&value, sizeof value);
    }

    /// 32 hexadecimal digits.
    std::string digits() const
    {
        constexpr char kDigits[] = "0123456789abcdef";
        std::string text;
        auto state = state_;
        for (auto& half : state) half = finish(half);
        state[0] ^= finish(state[1] + 0x9e3779b97f4a7c15u);
        for (const auto half : state)
            for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[half >> shift & 15];
        return text;
    }

private:
    static std::uint64_t word(const std::uint8_t* at, std::size_t size)
    {
        std::uint64_t value = 0;
        std::memcpy(&value, at, size);
        return value;
    }
    /// Finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    static std::uint64_t finish(std::uint64_t z)
    {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    /// High and low half of a product with a sum in between: every input bit reaches both halves in a few words.
    void mix(std::uint64_t a, std::uint64_t b)
    {
        const auto fold = [](std::uint64_t x, std::uint64_t y) {
            const auto product = static_cast<unsigned __int128>(x) * y;
            return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
        };
        state_[0] = fold(state_[0] ^ a ^ 0xa0761d6478bd642fu, (b ^ 0xe7037ed1a0b428dbu) | 1) + state_[1];
        state_[1] = fold(state_[1] ^ b ^ 0x8ebc6af09c88c6e3u, (a ^ 0x589965cc75374cc3u) | 1) +
                    (state_[0] << 23 | state_[0] >> 41);
    }

    std::array<std::uint64_t, 2> state_{0x243f6a8885a308d3u, 0x13198a2e03707344u};
};

}  // namespace lightcard::cli
