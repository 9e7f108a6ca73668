// SPDX-License-Identifier: Apache-2.0
/// A tile as the kernels read it: planes in the order of their instructions, constants of its columns. Made once for a
/// programmed bank and read by every job through it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/photonic_core/chain_kernels.h"
#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/model/photonic_core/read_noise.h"
#include "lightcard/model/photonic_core/sample_chain.h"

namespace lightcard::photonic_core {

class PreparedTile {
public:
    /// `gains` [cols], read if the chain has converters. `kernel`: avx2, avx512_vnni or amx, and this CPU runs it.
    PreparedTile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains,
                 KernelIsa kernel);

    /// False: a shape or a setting that the vector chain does not take (rows > 512, ADC off or wider than
    /// 16 bits, a CPU without AVX2). run_mvm() then takes the portable path, which takes all.
    static bool takes(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains);

    /// Prepared for other gains than these, it is of no use to a job.
    bool is_for(const ColumnGain* gains) const { return gains == gains_; }

    KernelIsa kernel;
    std::uint32_t row_groups;  ///< of pairs (avx2) or quads (avx512_vnni, amx) of rows, in packed planes
    std::uint32_t groups;      ///< of 16 columns
    ColumnConstants columns;
    std::vector<ColumnGroup> column_groups;  ///< [groups] what the vector chain reads of them
    std::vector<std::uint8_t> squares;       ///< squared_light()

    /// Packed planes (chain_kernels.h), the tile's own if it was made for this kernel: of avx2 effective weights, or,
    /// of tall tiles, their hi and lo planes, and the unsigned ones as bytes, which a job widens; of avx512_vnni and
    /// amx bytes.
    using Line = pcm_memory::PackedPlanes::Line;
    const pcm_memory::PackedPlanes::Words& words;
    const pcm_memory::PackedPlanes::Bytes& bytes;
    struct alignas(64) Start {
        std::int32_t of[kGroup];
    };
    std::vector<Start> dither_start;  ///< avx512_vnni, amx: [group] takes 128 from every row's dither code

private:
    PreparedTile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains,
                 KernelIsa kernel, std::shared_ptr<const pcm_memory::PackedPlanes> planes);

    std::shared_ptr<const pcm_memory::PackedPlanes> planes_;
    const ColumnGain* gains_;
};

}  // namespace lightcard::photonic_core
