// SPDX-License-Identifier: Apache-2.0
/// One column of a bank, from draws to effective weights, eight cell pairs at a time: the bits of effective_tile.cpp's
/// own loops, for the usual case (no worn cell, no read noise, one programming sigma). Plain pointers only.
#pragma once

#include <cstdint>

namespace lightcard::pcm_memory::avx512 {

struct Column {
    const std::int8_t* weights;  ///< [rows] host weights
    const double* targets;       ///< [|w|] contrast aimed at
    std::uint32_t rows;
    double sigma;  ///< of the programming error of contrast; 0 = none
    double floor;  ///< T_min / T_max
    /// Standard normals [rows]: programming of + and -; null without.
    const float *plus, *minus;
    /// Drift coefficients of + and -; null = fresh. Logarithmic law.
    const float *plus_nu, *minus_nu;
    double nu, nu_sigma, log_age;
    // Written, up to rows:
    std::int8_t *hi, *lo;
    std::uint8_t* common;
};

struct ColumnSums {
    std::uint64_t norm2;   ///< of effective weights
    std::uint32_t common;  ///< of light codes
    bool any_low;          ///< the lo plane is not all zero
};

/// Needs has_avx512(); defined on x86-64 only.
ColumnSums program_column(const Column& column);

}  // namespace lightcard::pcm_memory::avx512
