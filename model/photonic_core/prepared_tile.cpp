// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/prepared_tile.h"

#include <algorithm>

#include "lightcard/model/common/simd.h"
#include "lightcard/model/photonic_core/chain_avx2.h"

namespace lightcard::photonic_core {
namespace {

constexpr std::uint32_t kPadding = 16;  ///< rows, and columns of a group

std::uint32_t padded(std::uint32_t count)
{
    return (count + kPadding - 1) / kPadding * kPadding;
}

/// Entries `of(index)` of the planes in the order of avx2::multiply, zero beyond the tile.
template <class Word, class Of>
std::vector<Word> pack(const pcm_memory::EffectiveTile& tile, const Of& of)
{
    const std::size_t column_words = padded(tile.rows);
    std::vector<Word> packed(column_words * padded(tile.cols), 0);
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        const std::size_t first = std::size_t{col} * tile.row_stride;
        Word* out = packed.data() + col / kPadding * column_words * kPadding + 2 * (col % kPadding);
        for (std::uint32_t row = 0; row < tile.rows; ++row)
            out[row / 2 * std::size_t{2 * kPadding} + row % 2] = of(first + row);
    }
    return packed;
}

}  // namespace

bool PreparedTile::takes(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains)
{
    if (!has_avx2() || tile.rows > avx2::kMostRows) return false;
    if (chain.noisy && (!chain.converters || !chain.sources.adc_quantisation || tile.common.empty())) return false;
    if (!chain.converters) return true;
    constexpr std::uint32_t kMostCodes = 1u << 16;
    constexpr std::int64_t kLargest = std::int64_t{1} << 47;
    return chain.adc_codes <= kMostCodes &&
           std::all_of(gains, gains + tile.cols, [](const ColumnGain& gain) { return gain.digital_gain < kLargest; });
}

PreparedTile::PreparedTile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains,
                           KernelIsa products)
    : pairs(padded(tile.rows) / 2),
      groups(padded(tile.cols) / kPadding),
      columns(column_constants(chain, tile, gains)),
      hi_plane(products == KernelIsa::avx2 ? std::vector<std::int8_t>() : tile.hi),
      lo_plane(products == KernelIsa::avx2 || tile.lo_is_zero ? std::vector<std::int8_t>() : tile.lo),
      common_plane(products == KernelIsa::avx2 ? std::vector<std::int8_t>() : signed_codes(tile.common)),
      read_plane(products == KernelIsa::avx2 ? std::vector<std::int8_t>() : signed_codes(tile.read_variance)),
      hi(hi_plane.data(), hi_plane.empty() ? 0 : tile.cols, tile.row_stride, products),
      lo(lo_plane.data(), lo_plane.empty() ? 0 : tile.cols, tile.row_stride, products),
      common_kernel(common_plane.data(), common_plane.empty() ? 0 : tile.cols, tile.row_stride, products),
      read_kernel(read_plane.data(), read_plane.empty() ? 0 : tile.cols, tile.row_stride, products),
      gains_(gains)
{
    if (products == KernelIsa::avx2) {
        weights = pack<std::int16_t>(
            tile, [&](std::size_t at) { return static_cast<std::int16_t>(256 * tile.hi[at] + tile.lo[at]); });
        if (chain.noisy) common = pack<std::uint8_t>(tile, [&](std::size_t at) { return tile.common[at]; });
        if (!tile.read_variance.empty())
            read = pack<std::uint8_t>(tile, [&](std::size_t at) { return tile.read_variance[at]; });
    }
    if (!tile.read_variance.empty()) squares = squared_light(chain);
    for (const std::int64_t gain : columns.digital_gain) {
        gain_high.push_back(static_cast<std::int32_t>(gain >> 16));
        gain_low.push_back(static_cast<std::int32_t>(gain & 0xffff));
    }
    lsb = columns.lsb;
    lsb.resize(padded(tile.cols), 1.0);
}

}  // namespace lightcard::photonic_core
