// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/read_noise.h"

#include <algorithm>
#include <cmath>

namespace lightcard::photonic_core {
namespace {

/// Amplitude of the brightest input, in input codes: modulators shine at code 0 too.
double brightest(const AnalogChain& chain)
{
    return 255.0 + chain.modulator_floor_code;
}

}  // namespace

std::vector<std::uint8_t> squared_light(const AnalogChain& chain)
{
    std::vector<std::uint8_t> squares(256);
    for (std::uint32_t code = 0; code < squares.size(); ++code) {
        const double relative = (code + chain.modulator_floor_code) / brightest(chain);
        squares[code] = static_cast<std::uint8_t>(std::floor(255.0 * relative * relative + 0.5));
    }
    return squares;
}

std::vector<std::int8_t> signed_codes(const std::vector<std::uint8_t>& codes)
{
    std::vector<std::int8_t> plane(codes.size());
    std::transform(codes.begin(), codes.end(), plane.begin(),
                   [](std::uint8_t code) { return static_cast<std::int8_t>(code - 128); });
    return plane;
}

ReadNoise::ReadNoise(const MvmJob& job)
    : tile_(*job.tile),
      plane_(signed_codes(job.tile->read_variance)),
      squares_(squared_light(*job.chain)),
      kernel_(plane_.data(), plane_.empty() ? 0 : tile_.cols, tile_.row_stride),
      unit_(static_cast<float>(unit(*job.chain, tile_)))
{
}

double ReadNoise::unit(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile)
{
    return tile.read_variance_unit * brightest(chain) * brightest(chain) / 255.0;
}

void ReadNoise::variances(const std::uint8_t* x, std::uint32_t vectors, std::vector<float>& variance,
                          unsigned __int128& sum) const
{
    std::vector<std::uint8_t> squared(std::size_t{vectors} * tile_.row_stride, 0);
    std::vector<std::int32_t> sums(std::size_t{vectors} * tile_.cols);
    std::vector<std::int32_t> total(vectors, 0);
    for (std::uint32_t v = 0; v < vectors; ++v)
        for (std::uint32_t row = 0; row < tile_.rows; ++row) {
            const std::size_t at = std::size_t{v} * tile_.row_stride + row;
            squared[at] = squares_[x[at]];
            total[v] += squared[at];
        }
    kernel_.multiply(squared.data(), vectors, sums.data());
    variance.resize(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const std::int32_t codes = sums[i] + 128 * total[i / tile_.cols];
        sum += static_cast<std::uint32_t>(codes);
        variance[i] = static_cast<float>(codes) * unit_;
    }
}

}  // namespace lightcard::photonic_core
