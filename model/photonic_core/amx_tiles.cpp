// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/amx_tiles.h"

#if defined(__x86_64__)

namespace lightcard::photonic_core::amx {
namespace {

/// This thread's registers. Written as assembly because the intrinsics of GCC 12 do not say that they read memory, so
/// what was stored there just before may be missing. "memory": tiles see what was stored before, and the other way.
struct Registers {
    static void configure(const TileConfig& config) { __asm__ volatile("ldtilecfg %0" : : "m"(config)); }
    static void release() { __asm__ volatile("tilerelease"); }

    template <int tile>
    static void zero()
    {
        __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile));
    }
    template <int tile>
    static void load(const void* rows, std::size_t stride)
    {
        __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(tile), "r"(rows), "r"(stride) : "memory");
    }
    template <int tile>
    static void store(void* rows, std::size_t stride)
    {
        __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(tile), "r"(rows), "r"(stride) : "memory");
    }
    /// sum[v][c] += sum over i of inputs[v][i] (unsigned) * plane[i / 4][c][i % 4] (signed), without saturation.
    template <int sum, int inputs, int plane>
    static void multiply_add()
    {
        __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sum), "i"(inputs), "i"(plane));
    }
};

}  // namespace

Tiles::Tiles()
{
    Registers::configure(tile_config());
}

Tiles::~Tiles()
{
    Registers::release();
}

void multiply(const PanelProducts& products, std::uint32_t group, std::uint32_t vector, const TileSums& sums)
{
    Registers registers;
    multiply(registers, products, group, vector, sums);
}

}  // namespace lightcard::photonic_core::amx

#endif
