// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/prepared_tile.h"

#include <algorithm>
#include <cstring>

#include "lightcard/model/common/simd.h"
#include "lightcard/model/photonic_core/chain_kernels.h"

namespace lightcard::photonic_core {
namespace {

constexpr std::uint32_t kPairPadding = 16;  ///< rows of planes of words
constexpr std::uint32_t kQuad = 4;

using pcm_memory::PackedPlanes;

std::uint32_t padded(std::uint32_t count, std::uint32_t to)
{
    return (count + to - 1) / to * to;
}

/// Entries `of(index)` of the planes in the order of avx2::multiply, zero beyond the tile.
template <class Word, class Of>
pcm_memory::Plane<Word> pack_pairs(const pcm_memory::EffectiveTile& tile, const Of& of)
{
    const std::size_t column_words = padded(tile.rows, kPairPadding);
    pcm_memory::Plane<Word> packed(column_words * padded(tile.cols, kGroup), 0);
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        const std::size_t first = std::size_t{col} * tile.row_stride;
        Word* out = packed.data() + col / kGroup * column_words * kGroup + 2 * (col % kGroup);
        for (std::uint32_t row = 0; row < tile.rows; ++row)
            out[row / 2 * std::size_t{2 * kGroup} + row % 2] = of(first + row);
    }
    return packed;
}

/// A plane [col][row_stride] in the order of kChainAvx512, `lines` a group, zero beyond the tile; `flip` turns unsigned
/// codes into codes less 128.
pcm_memory::Plane<PackedPlanes::Line> pack_quads(const pcm_memory::EffectiveTile& tile, std::uint32_t lines,
                                                 const void* plane, std::uint8_t flip)
{
    const std::uint32_t quads = (tile.rows + kQuad - 1) / kQuad;
    pcm_memory::Plane<PackedPlanes::Line> packed(std::size_t{lines} * (padded(tile.cols, kGroup) / kGroup),
                                                 PackedPlanes::Line{});
    const auto* bytes = static_cast<const std::uint8_t*>(plane);
    const std::uint32_t flips = flip * 0x01010101u, rest = tile.rows % kQuad;
    const std::uint32_t last_used = rest == 0 ? ~0u : (1u << 8 * rest) - 1;
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        const std::uint8_t* from = bytes + std::size_t{col} * tile.row_stride;
        PackedPlanes::Line* line = packed.data() + std::size_t{col / kGroup} * lines;
        for (std::uint32_t quad = 0; quad < quads; ++quad) {
            std::uint32_t word;
            std::memcpy(&word, from + std::size_t{kQuad} * quad, kQuad);
            word ^= flips;
            if (quad + 1 == quads) word &= last_used;
            std::memcpy(line[quad].of + kQuad * (col % kGroup), &word, kQuad);
        }
    }
    return packed;
}

/// The planes of a tile that has its own.
PackedPlanes pack(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, KernelIsa kernel)
{
    PackedPlanes planes;
    planes.layout = plane_layout(kernel);
    auto& [layout, words, bytes] = planes;
    const bool reads = !tile.read_variance.empty();
    if (layout.order == pcm_memory::PlaneOrder::pairs) {
        const bool tall = tile.rows > pcm_memory::kMostPairedRows;
        words.weights = pack_pairs<std::int16_t>(tile, [&](std::size_t at) {
            return static_cast<std::int16_t>(tall ? tile.hi[at] : 256 * tile.hi[at] + tile.lo[at]);
        });
        if (tall) words.low = pack_pairs<std::int16_t>(tile, [&](std::size_t at) { return tile.lo[at]; });
        if (chain.noisy) words.common = pack_pairs<std::uint8_t>(tile, [&](std::size_t at) { return tile.common[at]; });
        if (reads) words.read = pack_pairs<std::uint8_t>(tile, [&](std::size_t at) { return tile.read_variance[at]; });
    } else {
        constexpr std::uint8_t kFlip = 0x80;
        const std::uint32_t lines = layout.row_groups(tile.rows);
        bytes.hi = pack_quads(tile, lines, tile.hi.data(), 0);
        if (!tile.lo_is_zero) bytes.lo = pack_quads(tile, lines, tile.lo.data(), 0);
        if (chain.noisy) bytes.common = pack_quads(tile, lines, tile.common.data(), kFlip);
        if (reads) bytes.read = pack_quads(tile, lines, tile.read_variance.data(), kFlip);
    }
    return planes;
}

std::shared_ptr<const PackedPlanes> planes_of(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile,
                                              KernelIsa kernel)
{
    if (!tile.packed) return std::make_shared<const PackedPlanes>(pack(chain, tile, kernel));
    if (tile.packed->layout == plane_layout(kernel)) return tile.packed;
    return std::make_shared<const PackedPlanes>(pack(chain, pcm_memory::unpacked(tile), kernel));
}

}  // namespace

pcm_memory::PlaneLayout plane_layout(KernelIsa kernel)
{
    switch (kernel) {
        case KernelIsa::portable:
            break;
        case KernelIsa::avx2:
            return {pcm_memory::PlaneOrder::pairs, kPairPadding};
        case KernelIsa::avx512_vnni:
            return {pcm_memory::PlaneOrder::quads, kQuad};
        case KernelIsa::amx:
            return {pcm_memory::PlaneOrder::quads, amx::kPadding};
    }
    return {};
}

bool PreparedTile::takes(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains)
{
    if (!has_avx2() || tile.rows > pcm_memory::kMostPackedRows) return false;
    if (chain.noisy && (!chain.converters || !chain.sources.adc_quantisation || tile.common_sum.empty())) return false;
    if (!chain.noisy && chain.pedestal > 0) return false;
    if (!chain.converters) return true;
    constexpr std::uint32_t kMostCodes = 1u << 16;
    constexpr std::int64_t kLargest = std::int64_t{1} << 47;
    return chain.adc_codes <= kMostCodes &&
           std::all_of(gains, gains + tile.cols, [](const ColumnGain& gain) { return gain.digital_gain < kLargest; });
}

PreparedTile::PreparedTile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains,
                           KernelIsa kernel_to_use)
    : PreparedTile(chain, tile, gains, kernel_to_use, planes_of(chain, tile, kernel_to_use))
{
}

PreparedTile::PreparedTile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains,
                           KernelIsa kernel_to_use, std::shared_ptr<const PackedPlanes> planes)
    : kernel(kernel_to_use),
      row_groups(planes->layout.row_groups(tile.rows)),
      groups(padded(tile.cols, kGroup) / kGroup),
      columns(column_constants(chain, tile, gains)),
      words(planes->words),
      bytes(planes->bytes),
      planes_(std::move(planes)),
      gains_(gains)
{
    if (kernel != KernelIsa::avx2) {
        dither_start.resize(groups, Start{});
        for (std::uint32_t c = 0; c < tile.cols; ++c)
            dither_start[c / kGroup].of[c % kGroup] = -128 * columns.hi_sum[c];
    }
    if (!tile.read_variance.empty()) squares = squared_light(chain);
    column_groups.resize(groups, ColumnGroup{});
    for (std::uint32_t c = 0; c < tile.cols; ++c) {
        ColumnGroup& group = column_groups[c / kGroup];
        const std::uint32_t at = c % kGroup;
        group.imbalance[at] = columns.imbalance[c];
        group.floor_acc[at] = static_cast<float>(columns.floor_acc[c]);
        group.inverse_lsb[at] = columns.inverse_lsb[c];
        group.floor_light[at] = columns.floor_light[c];
        group.gain_high[at] = static_cast<std::int32_t>((columns.digital_gain[c] + 0x8000) >> 16);
        group.gain_low[at] = static_cast<std::int32_t>(columns.digital_gain[c] & 0xffff);
    }
}

}  // namespace lightcard::photonic_core
