// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/quant_numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lightcard::compiler {

namespace {

constexpr double kMaxMultiplier = std::numeric_limits<std::int32_t>::max();

/// The shift that leaves 31 bits of `factor`, within 1..62.
std::uint8_t shift_for(double factor)
{
    int exponent = 0;
    std::frexp(factor, &exponent);  // factor in [2^(exponent-1), 2^exponent)
    return static_cast<std::uint8_t>(std::min(std::max(31 - exponent, 1), 62));
}

std::int32_t multiplier_for(double factor, std::uint8_t shift)
{
    return static_cast<std::int32_t>(std::min(std::nearbyint(std::ldexp(factor, shift)), kMaxMultiplier));
}

/// What rounding takes from the mean of output `o`.
double lost_mean(const ProductWeights& product, std::size_t o, double scale, const std::int8_t* rounded)
{
    if (product.mean.empty()) return 0;
    const std::size_t per_group = product.bias.size() / product.group;
    const double* mean = &product.mean[o / per_group * product.row];
    const float* weights = &product.weights[o * product.row];
    double lost = 0;
    for (std::size_t i = 0; i < product.row; ++i) lost += (weights[i] - rounded[i] * scale) * mean[i];
    return lost;
}

double largest(const float* values, std::size_t count)
{
    float most = 0;
    for (std::size_t i = 0; i < count; ++i) most = std::max(most, std::fabs(values[i]));
    return most;
}

}  // namespace

Factor to_factor(double factor)
{
    const std::uint8_t shift = shift_for(factor);
    return {multiplier_for(factor, shift), shift};
}

FactorPair to_factors(double first, double second)
{
    const std::uint8_t shift = shift_for(std::max(first, second));
    return {multiplier_for(first, shift), multiplier_for(second, shift), shift};
}

CodeRange to_codes(const Limits& limits, const QuantTensor& tensor)
{
    double low = tensor.is_signed ? -127 : 0, high = tensor.is_signed ? 127 : 255;
    if (tensor.half) low = -32767, high = 32767;
    const auto code = [&](double real) {
        return static_cast<std::int32_t>(std::min(std::max(std::nearbyint(real / tensor.scale), low), high));
    };
    return {code(limits.low), code(limits.high)};
}

ProductCodes to_codes(const ProductWeights& product, double in_scale, bool uniform)
{
    constexpr double kMaxBias = 1 << 30;
    ProductCodes codes;
    const std::size_t outputs = product.bias.size();
    for (std::size_t o = 0; o < outputs; ++o) {
        const double weight = largest(&product.weights[o * product.row], product.row) / 127;
        const double bias = std::fabs(static_cast<double>(product.bias[o])) / (in_scale * kMaxBias);
        const double scale = std::max(weight, bias);
        codes.scale.push_back(scale > 0 ? scale : 1);
    }
    if (uniform) codes.scale.assign(outputs, *std::max_element(codes.scale.begin(), codes.scale.end()));
    for (std::size_t o = 0; o < outputs; ++o) {
        for (std::size_t i = 0; i < product.row; ++i)
            codes.weights.push_back(
                static_cast<std::int8_t>(std::nearbyint(product.weights[o * product.row + i] / codes.scale[o])));
        const double bias = product.bias[o] + lost_mean(product, o, codes.scale[o], &codes.weights[o * product.row]);
        codes.bias.push_back(static_cast<std::int32_t>(std::nearbyint(bias / (in_scale * codes.scale[o]))));
    }
    return codes;
}

}  // namespace lightcard::compiler
