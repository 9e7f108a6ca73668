// SPDX-License-Identifier: Apache-2.0
/// Exact sums in tile registers (AMX), written once over a `T` that names their instructions: amx_tiles.cpp has the
/// processor's, amx_emulation_test emulated ones. Source: Intel 64 SDM vol. 1 chapter 18, vol. 2 LDTILECFG, TDPBUSD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "lightcard/model/photonic_core/chain_kernels.h"

namespace lightcard::photonic_core::amx {

inline constexpr std::uint32_t kTileRows = 16, kTileBytes = 64;  ///< of a register, a row
inline constexpr int kSums = 0, kInputs = 4, kPlanes = 5;        ///< registers 0 to 3, 4, 5 to 7

/// What LDTILECFG loads: palette 1 has eight registers of kTileRows rows of kTileBytes.
struct alignas(64) TileConfig {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {};  ///< [register]
    std::uint8_t rows[16] = {};
};

/// Whole registers: sums and inputs have a row a vector, planes a row for four of their 64.
inline TileConfig tile_config()
{
    TileConfig config;
    for (int tile = kSums; tile < 8; ++tile) {
        config.row_bytes[tile] = kTileBytes;
        config.rows[tile] = kTileRows;
    }
    return config;
}

/// A group of columns of one plane, and where its sums go.
struct Stream {
    const std::int8_t* plane;
    std::int32_t* sums;
};

/// As many streams as there are numbers, in turn, so that no sum waits for itself. `start` is [kGroup], null = 0.
template <class T, int... s>
void multiply_streams(T& tiles, const PanelProducts& products, const std::uint8_t* x, const Stream* stream,
                      const std::int32_t* start, std::integer_sequence<int, s...>)
{
    const std::int8_t* planes[] = {stream[s].plane...};
    if (start == nullptr) {
        (tiles.template zero<kSums + s>(), ...);
    } else {
        (tiles.template load<kSums + s>(start, 0), ...);  // one row of them for every vector
    }
    for (std::uint32_t quad = 0; quad < products.depth; quad += kTileRows) {
        tiles.template load<kInputs>(x + std::size_t{4} * quad, products.stride);
        ((tiles.template load<kPlanes + s % 3>(planes[s] + std::size_t{kTileBytes} * quad, kTileBytes),
          tiles.template multiply_add<kSums + s, kInputs, kPlanes + s % 3>()),
         ...);
    }
    (tiles.template store<kSums + s>(stream[s].sums, kTileBytes), ...);
}

/// amx::multiply() in registers that tile_config() has set up.
template <class T>
void multiply(T& tiles, const PanelProducts& products, std::uint32_t group, std::uint32_t vector, const TileSums& sums)
{
    const auto of = [&](const void* plane, std::int32_t* to) {
        return Stream{static_cast<const std::int8_t*>(plane) + std::size_t{kTileBytes} * products.depth * group, to};
    };
    const auto from = [&](const void* inputs) {
        return static_cast<const std::uint8_t*>(inputs) + std::size_t{products.stride} * vector;
    };
    Stream streams[3] = {of(products.first, sums.first)};
    int count = 1;
    if (products.low != nullptr) streams[count++] = of(products.low, sums.low);
    if (products.light != nullptr) streams[count++] = of(products.light, sums.light);
    const auto* x = from(products.x);
    if (count == 3) multiply_streams(tiles, products, x, streams, nullptr, std::make_integer_sequence<int, 3>());
    if (count == 2) multiply_streams(tiles, products, x, streams, nullptr, std::make_integer_sequence<int, 2>());
    if (count == 1) multiply_streams(tiles, products, x, streams, nullptr, std::make_integer_sequence<int, 1>());
    const auto one = [&](const Stream& stream, const void* inputs, const std::int32_t* start) {
        multiply_streams(tiles, products, from(inputs), &stream, start, std::make_integer_sequence<int, 1>());
    };
    if (products.dither != nullptr)
        one(of(products.dither, sums.dither), products.dither_x, products.dither_start + std::size_t{kGroup} * group);
    if (products.read != nullptr) one(of(products.read, sums.read), products.squares, nullptr);
}

}  // namespace lightcard::photonic_core::amx
