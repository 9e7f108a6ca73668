// SPDX-License-Identifier: Apache-2.0
/// What a harness of this folder consists of: the decoder under test, and valid inputs to start from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace lightcard::fuzz {

using Bytes = std::vector<std::uint8_t>;

/// Runs the decoder on an input and checks its promises; true if it accepted. Defined by the harness.
bool accepts(const std::uint8_t* data, std::size_t size);
/// Inputs that it accepts, one for each kind of thing it knows. Defined by the harness.
std::vector<Bytes> seeds();

/// A promise of the decoder that must hold for every input, also in a release build.
inline void require(bool holds, const char* promise)
{
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

inline Bytes to_bytes(const std::string& text)
{
    return Bytes(text.begin(), text.end());
}

template <class T>
void append(Bytes& bytes, const T& value)
{
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace lightcard::fuzz
