// SPDX-License-Identifier: Apache-2.0
/// The cells of a programmed bank, one by one: what fidelity `device` sends light through. Its static draws have the
/// keys of the effective tile, so both are the same bank of the same card.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lightcard/model/common/run.h"
#include "lightcard/model/pcm_memory/cell_limits.h"
#include "lightcard/model/pcm_memory/exposure.h"
#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::pcm_memory {

struct Place;

struct Cell {
    double target = 0;        ///< contrast aimed at: (T - T_min) / (T_max - T_min)
    double programmed = 0;    ///< contrast after program-and-verify
    double nu = 0;            ///< drift coefficient, >= 0
    double transmission = 0;  ///< T / T_max now
    double read_sigma = 0;    ///< rms of one reading of it, of T_max
};

struct CellPair {
    Cell plus, minus;
};

/// [col][row], arguments as make_effective_tile.
std::vector<CellPair> make_cells(const Parameters& parameters, const RunConfig& run, const Place& place,
                                 std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                                 std::size_t weights_stride, const Exposure& age);

}  // namespace lightcard::pcm_memory
