// SPDX-License-Identifier: Apache-2.0
/// The networks and inputs of tb/data, read for tests.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace lightcard::test {

inline std::string data_path(const std::string& name)
{
    return std::string(LIGHTCARD_SOURCE_DIR) + "/tb/data/" + name;
}

inline std::vector<char> read_bytes(const std::string& name)
{
    std::ifstream file(data_path(name), std::ios::binary);
    if (!file) throw std::runtime_error("missing " + data_path(name));
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// `count` arrays that lie one behind the other in a .f32 file.
inline std::vector<std::vector<float>> read_arrays(const std::string& name, std::size_t count)
{
    const std::vector<char> bytes = read_bytes(name);
    const std::size_t size = bytes.size() / sizeof(float) / count;
    std::vector<std::vector<float>> arrays(count, std::vector<float>(size));
    for (std::size_t i = 0; i < count; ++i)
        std::copy_n(bytes.data() + i * size * sizeof(float), size * sizeof(float),
                    reinterpret_cast<char*>(arrays[i].data()));
    return arrays;
}

/// The payload of an idx.gz file, without its header of 4 + 4 * rank bytes.
inline std::vector<std::uint8_t> read_idx(const std::string& name, std::size_t rank)
{
    gzFile file = gzopen(data_path(name).c_str(), "rb");
    if (!file) throw std::runtime_error("missing " + data_path(name));
    std::vector<std::uint8_t> bytes(4 << 20);
    const int got = gzread(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(4 + 4 * rank));
    return bytes;
}

/// MNIST digits as the network wants them: pixel / 255.
inline std::vector<std::vector<float>> read_digits(const std::string& name)
{
    const std::vector<std::uint8_t> pixels = read_idx(name, 3);
    std::vector<std::vector<float>> digits(pixels.size() / 784, std::vector<float>(784));
    for (std::size_t i = 0; i < digits.size() * 784; ++i)
        digits[i / 784][i % 784] = static_cast<float>(pixels[i]) / 255.0f;
    return digits;
}

inline std::size_t argmax(const std::vector<float>& values)
{
    std::size_t best = 0;
    for (std::size_t i = 1; i < values.size(); ++i)
        if (values[i] > values[best]) best = i;
    return best;
}

}  // namespace lightcard::test
