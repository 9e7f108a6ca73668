// SPDX-License-Identifier: Apache-2.0
/// A tile as the kernels read it: planes in the order of their instructions, constants of its columns. Made once for a
/// programmed bank and read by every job through it.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/photonic_core/integer_kernel.h"
#include "lightcard/model/photonic_core/read_noise.h"
#include "lightcard/model/photonic_core/sample_chain.h"

namespace lightcard::photonic_core {

class PreparedTile {
public:
    /// `gains` [cols], read if the chain has converters. `products`: who sums; the chain behind the sums is AVX2's
    /// where the CPU has it and chain.isa allows.
    PreparedTile(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains,
                 KernelIsa products);
    PreparedTile(const PreparedTile&) = delete;  // kernels point into the planes
    PreparedTile& operator=(const PreparedTile&) = delete;

    /// False: a shape or a setting that the vector chain does not take (rows > 256, ADC off or wider than
    /// 16 bits, a CPU without AVX2). run_mvm() then takes the portable path, which takes all.
    static bool takes(const AnalogChain& chain, const pcm_memory::EffectiveTile& tile, const ColumnGain* gains);

    /// Prepared for other gains than these, it is of no use to a job.
    bool is_for(const ColumnGain* gains) const { return gains == gains_; }

    std::uint32_t pairs = 0;            ///< of rows, in packed planes
    std::uint32_t groups = 0;           ///< of 16 columns
    std::vector<std::int16_t> weights;  ///< packed effective weights; empty unless products are AVX2's
    std::vector<std::uint8_t> common;   ///< packed
    std::vector<std::uint8_t> read;     ///< packed variance codes of reading a cell; empty = none
    ColumnConstants columns;
    std::vector<std::int32_t> gain_high, gain_low;  ///< [cols] digital_gain = 65536 high + low
    std::vector<double> lsb;                        ///< [cols up to a multiple of 8], 1 beyond them
    std::vector<std::uint8_t> squares;              ///< squared_light()

    // Unless products are AVX2's: planes of bytes, codes less 128 where they are unsigned.
    std::vector<std::int8_t> hi_plane, lo_plane, common_plane, read_plane;
    PlaneKernel hi, lo, common_kernel, read_kernel;

private:
    const ColumnGain* gains_;
};

}  // namespace lightcard::photonic_core
