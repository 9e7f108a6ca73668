// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/block_scale.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "lightcard/model/common/simd.h"
#include "lightcard/model/control_chip/post_process.h"

namespace lightcard::control_chip {
namespace {

constexpr std::uint32_t kExponentOfOne = 134;  ///< bf16 exponent at which the 8-bit mantissa counts whole units

std::uint32_t at_least_one(std::uint32_t count)
{
    return std::max<std::uint32_t>(count, 1);
}

/// floor(magnitude * full / largest + 1/2) for magnitudes up to `largest`: floor(a / b) of integers a = 2 full
/// magnitude + largest below 2^17 and b = 2 largest below 2^9. In fp32, which compilers do several of at once, and
/// exact: a + 1/4 is, and (a + 1/4) / b is 1/2040 or more away from every integer, while the two roundings of its
/// product with 1 / b are off by less than 2^-14.
class Scaler {
public:
    Scaler(std::uint32_t full, std::uint32_t largest)
        : twice_(static_cast<float>(2 * full)),
          largest_(static_cast<float>(largest) + 0.25f),
          reciprocal_(1.0f / static_cast<float>(2 * largest))
    {
    }
    std::int32_t operator()(std::int32_t magnitude) const
    {
        return static_cast<std::int32_t>((static_cast<float>(magnitude) * twice_ + largest_) * reciprocal_);
    }

private:
    float twice_, largest_, reciprocal_;
};

std::int32_t value_of(const BlockShape& shape, std::uint8_t raw)
{
    return shape.is_signed ? static_cast<std::int8_t>(raw) : raw;
}

LIGHTCARD_CLONES std::uint32_t largest_magnitude(const std::vector<std::int16_t>& values)
{
    std::int32_t most = 0;
    for (const std::int32_t value : values) most = std::max(most, std::abs(value));
    return static_cast<std::uint32_t>(most);
}

/// Every code as a share of the largest.
LIGHTCARD_CLONES void scale_vector(const BlockShape& shape, std::uint32_t largest, std::vector<std::int16_t>& values)
{
    if (largest == 0) return;
    const Scaler scale(shape.full, largest);
    for (std::int16_t& value : values) {
        const std::int32_t scaled = scale(std::abs(static_cast<std::int32_t>(value)));
        value = static_cast<std::int16_t>(value < 0 ? -scaled : scaled);
    }
}

/// Codes that cannot be negative, straight from the tensor to the light; returns their largest.
LIGHTCARD_CLONES std::uint8_t scale_unsigned(std::uint32_t full, const std::uint8_t* raw, std::uint32_t inputs,
                                             std::uint8_t* codes)
{
    std::uint8_t most = 0;
    for (std::uint32_t i = 0; i < inputs; ++i) most = std::max(most, raw[i]);
    if (most == 0) {
        std::fill_n(codes, inputs, std::uint8_t{0});
        return 0;
    }
    const Scaler scale(full, most);
    for (std::uint32_t i = 0; i < inputs; ++i) codes[i] = static_cast<std::uint8_t>(scale(raw[i]));
    return most;
}

/// One vector as the DACs of one copy of the rows take it; `negative`: the codes of the second pass, if there is one.
void to_codes(const BlockShape& shape, const std::vector<std::int16_t>& values, std::uint8_t* codes,
              std::uint8_t* negative)
{
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::int32_t value = values[i];
        if (!shape.is_signed) {
            codes[i] = static_cast<std::uint8_t>(value);
        } else if (shape.code_passes == 1) {
            codes[i] = static_cast<std::uint8_t>(value + kSignedOffset);
        } else {
            codes[i] = static_cast<std::uint8_t>(std::max(value, 0));
            negative[i] = static_cast<std::uint8_t>(std::max(-value, 0));
        }
    }
}

/// Further copies of the first `inputs` codes.
void copy_rows(const BlockShape& shape, std::uint8_t* codes)
{
    for (std::uint32_t copy = 1; copy < shape.row_copies; ++copy)
        std::copy_n(codes, shape.inputs, codes + std::size_t{copy} * shape.inputs);
}

std::int64_t floor_divide(std::int64_t value, std::int64_t divisor)
{
    const std::int64_t quotient = value / divisor;
    return quotient * divisor > value ? quotient - 1 : quotient;
}

/// floor(sum * largest * scale / divisor + 1/2). Sums stay below 2^39 (512 rows and columns, 64 passes), so that
/// nothing leaves 64 bits.
std::int32_t contribution(std::int64_t sum, std::int64_t largest, const BlockScale& scale, std::int64_t divisor)
{
    const std::int64_t twice = 2 * sum * largest * scale.mantissa + (divisor << scale.shift);
    const std::int64_t shifted = twice >> (scale.shift + 1);
    return saturate32(divisor == 1 ? shifted : floor_divide(shifted, divisor));
}

/// contribution() of one conversion a sum: samples of one pass and no copies, in place. In fp64, which compilers do
/// several of at once, and exact: |sum| is below 2^33, largest and mantissa below 2^8, and what is added, 1/2, lies
/// within 53 bits of the product of all three.
LIGHTCARD_CLONES void scale_samples(std::uint32_t vectors, const std::vector<double>& offset,
                                    const std::vector<std::uint8_t>& largest, const std::vector<double>& factor,
                                    std::int32_t* samples)
{
    constexpr double kLeast = std::numeric_limits<std::int32_t>::min(),
                     kMost = std::numeric_limits<std::int32_t>::max();
    const std::size_t outputs = factor.size();
    for (std::uint32_t v = 0; v < vectors; ++v, samples += outputs) {
        const auto scale = static_cast<double>(largest[v]);
        for (std::size_t o = 0; o < outputs; ++o) {
            double value = (static_cast<double>(samples[o]) - offset[o]) * scale * factor[o] + 0.5;
            value = value < kLeast ? kLeast : value;
            value = value > kMost ? kMost : value;
            samples[o] = static_cast<std::int32_t>(std::floor(value));
        }
    }
}

}  // namespace

bool block_scale_legal(std::uint16_t bf16)
{
    const std::uint32_t exponent = bf16 >> 7;  // with the sign, which makes it too large
    return bf16 == 0 || (exponent <= kExponentOfOne && exponent >= kExponentOfOne - kMostBlockShift);
}

BlockScale block_scale(std::uint16_t bf16)
{
    if (bf16 == 0) return {0, 0, 0};
    const std::int64_t mantissa = 128 | (bf16 & 127);
    const std::uint32_t shift = kExponentOfOne - (bf16 >> 7);
    return {mantissa, shift, static_cast<double>(mantissa) / static_cast<double>(std::uint64_t{1} << shift)};
}

BlockShape::BlockShape(const lc_mvm_op& op, bool two_pass)
    : inputs(op.rows / at_least_one(op.row_copies)),
      outputs(op.cols / at_least_one(op.col_copies)),
      row_copies(at_least_one(op.row_copies)),
      col_copies(at_least_one(op.col_copies)),
      repeats(at_least_one(op.passes)),
      code_passes(op.in_format == LC_FMT_S8 && two_pass ? 2 : 1),
      full(op.full),
      is_signed(op.in_format == LC_FMT_S8)
{
}

void encode_vectors(const BlockShape& shape, const std::vector<std::uint8_t>& raw, std::uint32_t vectors,
                    std::vector<std::uint8_t>& codes, std::vector<std::uint8_t>& largest)
{
    const std::size_t cells = std::size_t{vectors} * shape.rows();
    codes.resize(cells * shape.code_passes);
    largest.assign(vectors, 1);
    std::vector<std::int16_t> values(shape.inputs);
    for (std::uint32_t v = 0; v < vectors; ++v) {
        const std::uint8_t* source = raw.data() + std::size_t{v} * shape.inputs;
        if (!shape.is_signed && shape.full != 0) {
            auto* only = codes.data() + std::size_t{v} * shape.rows();
            largest[v] = scale_unsigned(shape.full, source, shape.inputs, only);
            copy_rows(shape, only);
            continue;
        }
        for (std::uint32_t i = 0; i < shape.inputs; ++i)
            values[i] = static_cast<std::int16_t>(value_of(shape, source[i]));
        if (shape.full != 0) {
            const std::uint32_t most = largest_magnitude(values);
            largest[v] = static_cast<std::uint8_t>(most);
            scale_vector(shape, most, values);
        }
        std::uint8_t* first = codes.data() + std::size_t{v} * shape.rows();
        to_codes(shape, values, first, first + (shape.code_passes == 2 ? cells : 0));
        copy_rows(shape, first);
        if (shape.code_passes == 2) copy_rows(shape, first + cells);
    }
}

void combine_samples(const BlockShape& shape, std::uint32_t vectors, const std::int32_t* column_sum,
                     const std::vector<std::uint8_t>& largest, const std::vector<BlockScale>& scales,
                     std::vector<std::int32_t>& samples)
{
    const std::size_t pass = std::size_t{vectors} * shape.cols();
    const bool offset = shape.is_signed && shape.code_passes == 1;
    const std::int64_t divisor = shape.divisor();
    const bool plain = divisor == 1 && shape.full == 0 && scales.empty();
    if (shape.passes() == 1 && divisor == 1 && !plain) {
        std::vector<double> factor(shape.outputs, 1.0), taken(shape.outputs, 0.0);
        for (std::uint32_t o = 0; o < shape.outputs; ++o) {
            if (!scales.empty()) factor[o] = scales[o].value;
            if (offset) taken[o] = static_cast<double>(std::int64_t{kSignedOffset} * column_sum[o]);
        }
        return scale_samples(vectors, taken, largest, factor, samples.data());
    }
    std::vector<std::int64_t> row(shape.outputs);
    for (std::uint32_t v = 0; v < vectors; ++v) {
        std::fill(row.begin(), row.end(), 0);
        for (std::uint32_t p = 0; p < shape.passes(); ++p) {
            const std::int32_t* source = samples.data() + p * pass + std::size_t{v} * shape.cols();
            const std::int64_t sign = p % shape.code_passes == 1 ? -1 : 1;
            for (std::uint32_t copy = 0; copy < shape.col_copies; ++copy, source += shape.outputs)
                for (std::uint32_t o = 0; o < shape.outputs; ++o) row[o] += sign * source[o];
        }
        if (offset) {
            for (std::uint32_t col = 0; col < shape.cols(); ++col)
                row[col % shape.outputs] -= std::int64_t{kSignedOffset} * column_sum[col] * shape.repeats;
        }
        std::int32_t* out = samples.data() + std::size_t{v} * shape.outputs;
        for (std::uint32_t o = 0; o < shape.outputs; ++o)
            out[o] = plain ? saturate32(row[o])
                           : contribution(row[o], largest[v], scales.empty() ? BlockScale{} : scales[o], divisor);
    }
}

double mean_square_scale(const std::vector<std::uint8_t>& largest, const std::vector<BlockScale>& scales)
{
    double vectors = 0, columns = 0;
    for (const double most : largest) vectors += most * most;
    for (const BlockScale& scale : scales) columns += scale.value * scale.value;
    const double vector = largest.empty() ? 1 : vectors / static_cast<double>(largest.size());
    return vector * (scales.empty() ? 1 : columns / static_cast<double>(scales.size()));
}

}  // namespace lightcard::control_chip
