// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/quant_tensor.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lightcard::compiler {

namespace {

/// Calls `visit(index in the host's order, index in the card's, channel)` for every element.
template <class Visit>
void for_each_element(const QuantTensor& t, Visit visit)
{
    const auto plane = static_cast<std::size_t>(t.height) * static_cast<std::size_t>(t.width);
    const auto channels = static_cast<std::size_t>(t.channels);
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t p = 0; p < plane; ++p)
            visit(t.channels_last ? p * channels + c : c * plane + p, p * channels + c, c);
}

std::size_t bytes_of(const QuantTensor& tensor)
{
    if (tensor.wide || tensor.f32) return 4;
    return tensor.half ? 2 : 1;
}

std::uint8_t* store(std::uint8_t* to, std::int32_t code, std::size_t bytes)
{
    for (std::size_t i = 0; i < bytes; ++i)
        *to++ = static_cast<std::uint8_t>(static_cast<std::uint32_t>(code) >> (8 * i));
    return to;
}

}  // namespace

std::size_t element_count(const QuantTensor& t)
{
    return static_cast<std::size_t>(t.height) * static_cast<std::size_t>(t.width) *
           static_cast<std::size_t>(t.channels);
}

std::size_t byte_count(const QuantTensor& tensor)
{
    return element_count(tensor) * bytes_of(tensor);
}

std::vector<std::uint8_t> quantise_input(const QuantGraph& graph, const float* input)
{
    std::vector<std::uint8_t> all;
    for (const int i : graph.inputs) {
        const QuantTensor& t = graph.nodes[static_cast<std::size_t>(i)].out;
        const auto bytes = quantise_values(t, input);
        all.insert(all.end(), bytes.begin(), bytes.end());
        input += element_count(t);
    }
    return all;
}

std::vector<std::uint8_t> quantise_values(const QuantTensor& t, const float* input)
{
    const std::size_t size = bytes_of(t);
    double low = t.is_signed ? -127 : 0, high = t.is_signed ? 127 : 255;
    if (t.half) low = -32767, high = 32767;
    if (t.wide) low = -2147483648.0, high = 2147483647.0;
    std::vector<std::uint8_t> bytes(byte_count(t));
    for_each_element(t, [&](std::size_t nchw, std::size_t nhwc, std::size_t) {
        const double code = std::nearbyint(static_cast<double>(input[nchw]) / t.scale);
        const double kept = std::isnan(code) ? 0 : std::min(std::max(code, low), high);
        store(&bytes[nhwc * size], static_cast<std::int32_t>(kept), size);
    });
    return bytes;
}

std::vector<std::uint8_t> to_bytes(const QuantTensor& tensor, const QuantValues& values)
{
    std::vector<std::uint8_t> bytes(byte_count(tensor));
    if (tensor.f32) {
        std::memcpy(bytes.data(), values.reals.data(), bytes.size());
        return bytes;
    }
    std::uint8_t* to = bytes.data();
    for (const std::int32_t code : values.codes) to = store(to, code, bytes_of(tensor));
    return bytes;
}

Result<QuantValues> from_bytes(const QuantTensor& tensor, const std::uint8_t* bytes, std::size_t size)
{
    if (size != byte_count(tensor))
        return Error{"a tensor has " + std::to_string(size) + " bytes", "",
                     std::to_string(byte_count(tensor)) + " bytes"};
    QuantValues values;
    const std::size_t count = element_count(tensor);
    if (tensor.f32) {
        values.reals.resize(count);
        std::memcpy(values.reals.data(), bytes, size);
        return values;
    }
    values.codes.resize(count);
    if (tensor.wide)
        std::memcpy(values.codes.data(), bytes, size);
    else if (tensor.half)
        for (std::size_t i = 0; i < count; ++i)
            values.codes[i] = static_cast<std::int16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8);
    else
        for (std::size_t i = 0; i < count; ++i)
            values.codes[i] = tensor.is_signed ? static_cast<std::int8_t>(bytes[i]) : bytes[i];
    return values;
}

std::vector<float> dequantise(const QuantTensor& tensor, const QuantValues& values)
{
    std::vector<float> out(element_count(tensor));
    for_each_element(tensor, [&](std::size_t nchw, std::size_t nhwc, std::size_t channel) {
        if (tensor.f32)
            out[nchw] = values.reals[nhwc];
        else
            out[nchw] =
                static_cast<float>(values.codes[nhwc] * (tensor.wide ? tensor.channel_scale[channel] : tensor.scale));
    });
    return out;
}

}  // namespace lightcard::compiler
