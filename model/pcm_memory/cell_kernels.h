// SPDX-License-Identifier: Apache-2.0
/// From a bank's counters to the planes that kernels multiply, in one pass: draws, programming, drift, effective
/// weights and light of sixteen columns, in fixed point and single precision. The normative arithmetic is that of
/// effective_tile.cpp in double; what this one computes is off by less than a bound (`doubt`), so it has the same
/// integers but where a value is next to a tie. Those pairs are named, and packed_tile.cpp computes them in double.
/// Plain pointers only: nothing of the standard library may be compiled for an instruction set and shared with other
/// files.
#pragma once

#include <cstdint>

#include "lightcard/model/common/random_kernels.h"

namespace lightcard::pcm_memory {

inline constexpr std::uint32_t kGroupColumns = 16;
inline constexpr std::uint32_t kQuadRows = 4;  ///< rows that are worked on together
inline constexpr int kFixedBits = 15;          ///< of an effective weight's unit: a cell at full scale is 127 << 23

/// Sixteen columns of one tile.
struct CellGroup {
    const std::int8_t* weights;  ///< [columns][stride]
    std::uint64_t stride;
    std::uint32_t rows, columns;
    random_kernels::RoundKeys keys;
    std::uint32_t counter[4];  ///< of row 0 of the first column; word 0 is column << 16 | row
    /// Planes of cells_avx512: lines [four rows] of [16 columns][4 rows], light codes less 128.
    std::int8_t *hi, *lo, *light;
    /// Planes of cells_avx2: [two rows] of [16 columns][2 rows].
    std::int16_t* pairs;
    std::uint8_t* light_pairs;
    std::uint32_t* doubtful;  ///< [rows up to a multiple of four * 16] row << 4 | column
};

/// What a run asks of the cells, in fixed point.
struct FixedCells {
    std::int32_t aims[256];          ///< by the bits of a host weight: what its cell is aimed at, < 0 the - cell
    std::uint8_t aim_bytes[4][128];  ///< by magnitude, byte by byte
    bool misses, drifts;             ///< programming errors, drift
    float sigma;                     ///< of programming, fixed-point steps
    float log_nu, log_nu_sigma;      ///< ln(1 + t/t0) times the drift coefficient: mean and spread
    float light_slope, light_dark;   ///< 256.5 + code = slope (plus + minus) + dark
    std::uint32_t doubt;             ///< fixed-point steps, a power of two
    std::uint32_t light_doubt;       ///< 2^-15 codes, a power of two
};

struct GroupSums {
    std::uint64_t norm2[kGroupColumns];  ///< of effective weights
    std::int32_t hi[kGroupColumns], lo[kGroupColumns];
    std::uint32_t light[kGroupColumns];
    std::uint32_t doubtful;  ///< entries written
};

#if defined(__x86_64__)
void program_avx2(const FixedCells& cells, const CellGroup& group, GroupSums& sums);    ///< needs has_avx2()
void program_avx512(const FixedCells& cells, const CellGroup& group, GroupSums& sums);  ///< needs has_avx512()
#endif

}  // namespace lightcard::pcm_memory
