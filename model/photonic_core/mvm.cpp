// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/mvm.h"

#include <algorithm>
#include <cstddef>

#include "lightcard/model/photonic_core/integer_kernel.h"

namespace lightcard::photonic_core {
namespace {

constexpr std::uint32_t kBlockVectors = 16;

/// Inputs of one block, padded with zeros to the planes' stride.
void pack_inputs(const MvmJob& job, std::uint32_t first, std::uint32_t count, std::vector<std::uint8_t>& packed)
{
    const pcm_memory::EffectiveTile& tile = *job.tile;
    for (std::uint32_t v = 0; v < count; ++v) {
        const std::uint8_t* source = job.x + (first + v) * job.x_stride;
        std::copy(source, source + tile.rows, packed.begin() + static_cast<std::ptrdiff_t>(v) * tile.row_stride);
    }
}

}  // namespace

MvmStats run_mvm(const MvmJob& job)
{
    const pcm_memory::EffectiveTile& tile = *job.tile;
    std::vector<std::uint8_t> packed(static_cast<std::size_t>(kBlockVectors) * tile.row_stride, 0);
    for (std::uint32_t first = 0; first < job.vectors; first += kBlockVectors) {
        const std::uint32_t count = std::min(kBlockVectors, job.vectors - first);
        pack_inputs(job, first, count, packed);
        multiply_plane(tile.hi.data(), tile.cols, tile.row_stride, packed.data(), count,
                       job.y + static_cast<std::size_t>(first) * tile.cols);
    }
    MvmStats stats;
    stats.samples = static_cast<std::uint64_t>(job.vectors) * tile.cols;
    return stats;
}

void MvmStats::add(const MvmStats& other)
{
    samples += other.samples;
    clipped += other.clipped;
    sum_common += other.sum_common;
    sum_common2 += other.sum_common2;
    sum_x2 += other.sum_x2;
    sum_xsum2 += other.sum_xsum2;
    sum_y2 += other.sum_y2;
    sum_norm2 += other.sum_norm2;
    sum_lsb2 += other.sum_lsb2;
}

}  // namespace lightcard::photonic_core
