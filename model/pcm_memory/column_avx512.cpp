// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512 on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/pcm_memory/column_avx512.h"

#if defined(__AVX512F__)

#include <immintrin.h>

#include "lightcard/model/pcm_memory/cell_limits.h"

#define LIGHTCARD_ALWAYS inline __attribute__((always_inline))

namespace lightcard::pcm_memory::avx512 {
namespace {

LIGHTCARD_ALWAYS __m512d all(double x)
{
    return _mm512_set1_pd(x);
}

/// Eight draws, zero beyond those in use.
LIGHTCARD_ALWAYS __m512d draws(const float* at, __mmask8 used)
{
    return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(used, at));
}

/// What the write loop leaves of a contrast.
LIGHTCARD_ALWAYS __m512d programmed(__m512d target, __m512d sigma, __m512d normal)
{
    const __m512d contrast = _mm512_add_pd(target, _mm512_mul_pd(sigma, normal));
    return _mm512_min_pd(_mm512_max_pd(contrast, _mm512_setzero_pd()), all(1.0));
}

struct Drift {
    __m512d nu, sigma, log_age;
};

LIGHTCARD_ALWAYS __m512d aged(__m512d contrast, const Drift& drift, __m512d normal)
{
    const __m512d nu = _mm512_add_pd(drift.nu, _mm512_mul_pd(drift.sigma, normal));
    const __m512d rising = _mm512_max_pd(nu, _mm512_setzero_pd());
    const __m512d factor = _mm512_add_pd(all(1.0), _mm512_mul_pd(rising, drift.log_age));
    return _mm512_min_pd(_mm512_mul_pd(contrast, factor), all(kWidestContrast));
}

LIGHTCARD_ALWAYS void store_bytes(void* at, __m512i words, __mmask8 used)
{
    _mm_mask_storeu_epi8(at, used, _mm512_cvtepi64_epi8(words));
}

template <bool misses, bool drifts>
LIGHTCARD_ALWAYS ColumnSums run(const Column& column)
{
    const __m512d sigma = all(column.sigma), idle = all(column.targets[0]);
    const __m512d floor = all(column.floor), half_range = all((1.0 - column.floor) * 0.5);
    const Drift drift{all(column.nu), all(column.nu_sigma), all(column.log_age)};
    const double* targets = column.targets;
    __m512i norm2 = _mm512_setzero_si512(), codes = norm2, low = norm2;
    for (std::uint32_t row = 0; row < column.rows; row += 8) {
        const std::uint32_t left = column.rows - row;
        const auto used = static_cast<__mmask8>(left >= 8 ? 0xff : (1u << left) - 1);
        std::int8_t weights[8] = {};
        if (left >= 8) {
            __builtin_memcpy(weights, column.weights + row, 8);
        } else {
            for (std::uint32_t i = 0; i < left; ++i) weights[i] = column.weights[row + i];
        }
        const auto target = [&](int i) { return targets[weights[i] < 0 ? -weights[i] : weights[i]]; };
        const __m512d active =
            _mm512_setr_pd(target(0), target(1), target(2), target(3), target(4), target(5), target(6), target(7));
        const auto below =
            static_cast<__mmask8>(_mm_movepi8_mask(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights))));
        __m512d plus = _mm512_mask_mov_pd(active, below, idle), minus = _mm512_mask_mov_pd(idle, below, active);
        if constexpr (misses) {
            plus = programmed(plus, sigma, draws(column.plus + row, used));
            minus = programmed(minus, sigma, draws(column.minus + row, used));
        }
        if constexpr (drifts) {
            plus = aged(plus, drift, draws(column.plus_nu + row, used));
            minus = aged(minus, drift, draws(column.minus_nu + row, used));
        }
        // Conversions round half to even, as the processor does by default.
        const __m512d units = _mm512_mul_pd(_mm512_sub_pd(plus, minus), all(kFullScale * kUnit));
        const __m512d within = _mm512_min_pd(_mm512_max_pd(units, all(-kLargest)), all(kLargest));
        const __m512i weight = _mm512_maskz_cvtpd_epi64(used, within);
        norm2 = _mm512_add_epi64(norm2, _mm512_mul_epi32(weight, weight));
        low = _mm512_or_si512(low, weight);
        store_bytes(column.lo + row, weight, used);
        store_bytes(column.hi + row, _mm512_srai_epi64(_mm512_add_epi64(weight, _mm512_set1_epi64(128)), 8), used);

        const __m512d transmission = _mm512_add_pd(floor, _mm512_mul_pd(half_range, _mm512_add_pd(plus, minus)));
        const __m512d code = _mm512_mul_pd(_mm512_min_pd(transmission, all(1.0)), all(255.0));
        const __m512i light = _mm512_maskz_cvtpd_epi64(used, code);
        codes = _mm512_add_epi64(codes, light);
        store_bytes(column.common + row, light, used);
    }
    return {static_cast<std::uint64_t>(_mm512_reduce_add_epi64(norm2)),
            static_cast<std::uint32_t>(_mm512_reduce_add_epi64(codes)), (_mm512_reduce_or_epi64(low) & 0xff) != 0};
}

}  // namespace

ColumnSums program_column(const Column& column)
{
    const bool misses = column.plus != nullptr, drifts = column.plus_nu != nullptr;
    if (misses) return drifts ? run<true, true>(column) : run<true, false>(column);
    return drifts ? run<false, true>(column) : run<false, false>(column);
}

}  // namespace lightcard::pcm_memory::avx512

#endif
