// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512 with VNNI and VAES on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/pcm_memory/cell_kernels.h"

#if defined(__AVX512VNNI__)

#include <immintrin.h>

#include "lightcard/model/common/random_avx512.h"
#include "lightcard/model/pcm_memory/cell_rows.h"

namespace lightcard::pcm_memory {
namespace {

/// Sixteen columns at a time.
struct V : random_kernels::W512 {
    using Mask = __mmask16;
    using W = random_kernels::W512;
    using Quantile = random_kernels::Quantile<W>;

    using W::max;
    using W::min;
    static LIGHTCARD_INLINE I min(I a, I b) { return _mm512_min_epi32(a, b); }
    static LIGHTCARD_INLINE I max(I a, I b) { return _mm512_max_epi32(a, b); }

    static LIGHTCARD_INLINE Mask none_of(I a, I bits) { return _mm512_testn_epi32_mask(a, bits); }
    /// The same where `unless_zero` is not zero.
    static LIGHTCARD_INLINE Mask none_of(I a, I bits, I unless_zero)
    {
        return _mm512_mask_testn_epi32_mask(_mm512_test_epi32_mask(unless_zero, unless_zero), a, bits);
    }
    static LIGHTCARD_INLINE Mask either(Mask a, Mask b) { return static_cast<Mask>(a | b); }
    static LIGHTCARD_INLINE Mask both(Mask a, Mask b) { return static_cast<Mask>(a & b); }
    static LIGHTCARD_INLINE bool any(const Mask (&masks)[kQuadRows])
    {
        return (masks[0] | masks[1] | masks[2] | masks[3]) != 0;
    }
    static LIGHTCARD_INLINE std::uint32_t lanes(Mask mask) { return mask; }
    static LIGHTCARD_INLINE Mask lanes_below(std::uint32_t count)
    {
        return static_cast<Mask>(count >= kLanes ? 0xffff : (1u << count) - 1);
    }

    /// FixedCells::aim_bytes in registers.
    struct Table {
        explicit Table(const FixedCells& cells)
        {
            for (int byte = 0; byte < 4; ++byte)
                for (int half = 0; half < 2; ++half) of[byte][half] = load(cells.aim_bytes[byte] + 64 * half);
        }
        I of[4][2];
    };

    /// What the pairs of four rows are aimed at.
    class Aims {
    public:
        LIGHTCARD_INLINE void set(const Table& table, const CellGroup& group, std::uint32_t, std::uint32_t quad)
        {
            weights_ = weights(group, quad);
            const I magnitude = _mm512_min_epu8(_mm512_abs_epi8(weights_), _mm512_set1_epi8(127));
            I byte[4];
            for (int i = 0; i < 4; ++i) byte[i] = _mm512_permutex2var_epi8(table.of[i][0], magnitude, table.of[i][1]);
            // Bytes of rows to words of rows 0 and 2, 1 and 3, then to rows.
            const I low_bytes = _mm512_set1_epi16(0x00ff), low_words = _mm512_set1_epi32(0xffff);
            const auto even = [&](I a, I b) {
                return _mm512_ternarylogic_epi32(low_bytes, a, _mm512_slli_epi16(b, 8), 0xCA);
            };
            const auto odd = [&](I a, I b) {
                return _mm512_ternarylogic_epi32(low_bytes, _mm512_srli_epi16(a, 8), b, 0xCA);
            };
            const auto first = [&](I a, I b) {
                return _mm512_ternarylogic_epi32(low_words, a, _mm512_slli_epi32(b, 16), 0xCA);
            };
            const auto second = [&](I a, I b) {
                return _mm512_ternarylogic_epi32(low_words, _mm512_srli_epi32(a, 16), b, 0xCA);
            };
            const I low02 = even(byte[0], byte[1]), high02 = even(byte[2], byte[3]);
            const I low13 = odd(byte[0], byte[1]), high13 = odd(byte[2], byte[3]);
            aims_[0] = first(low02, high02);
            aims_[1] = first(low13, high13);
            aims_[2] = second(low02, high02);
            aims_[3] = second(low13, high13);
        }
        LIGHTCARD_INLINE I plus(std::uint32_t row) const { return _mm512_maskz_mov_epi32(~below(row), aims_[row]); }
        LIGHTCARD_INLINE I minus(std::uint32_t row) const { return _mm512_maskz_mov_epi32(below(row), aims_[row]); }

    private:
        /// Lanes are columns, their bytes rows; zero beyond the tile.
        static LIGHTCARD_INLINE I weights(const CellGroup& group, std::uint32_t quad)
        {
            const std::uint32_t row = quad * kQuadRows;
            if (group.rows - row < kQuadRows) {
                alignas(64) std::int8_t bytes[64] = {};
                for (std::uint32_t column = 0; column < group.columns; ++column)
                    for (std::uint32_t i = 0; i < group.rows - row; ++i)
                        bytes[4 * column + i] = group.weights[column * group.stride + row + i];
                return load(bytes);
            }
            const I column = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
            const I offsets = _mm512_mullo_epi32(column, _mm512_set1_epi32(static_cast<int>(group.stride)));
            return _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes_below(group.columns), offsets,
                                               group.weights + row, 1);
        }
        LIGHTCARD_INLINE Mask below(std::uint32_t row) const
        {
            return _mm512_test_epi32_mask(weights_, _mm512_set1_epi32(static_cast<int>(0x80u << 8 * row)));
        }

        I weights_, aims_[4];
    };

    /// The words of sixteen columns, row by row. Register i holds columns i, 4 + i, 8 + i, 12 + i, so that interleaving
    /// within quarters of registers brings every word into the order of columns.
    class Draws {
    public:
        Draws(const CellGroup& group, std::uint32_t) : keys_(group.keys)
        {
            const I counter = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(group.counter)));
            const I quarters = _mm512_setr_epi32(0, 0, 0, 0, 4 << 16, 0, 0, 0, 8 << 16, 0, 0, 0, 12 << 16, 0, 0, 0);
            const I one = _mm512_broadcast_i32x4(_mm_setr_epi32(1 << 16, 0, 0, 0));
            start_[0] = _mm512_add_epi32(counter, quarters);
            for (int i = 1; i < 4; ++i) start_[i] = _mm512_add_epi32(start_[i - 1], one);
            for (auto& start : start_) start = _mm512_xor_si512(start, keys_.of[0]);
        }

        template <bool misses, bool drifts>
        LIGHTCARD_INLINE void next(I* words)
        {
            // Counters of row 0 have no bit where the row's number goes, so it is added as the key is.
            I c[4];
            for (int i = 0; i < 4; ++i) c[i] = _mm512_xor_si512(start_[i], row_);
            row_ = _mm512_add_epi32(row_, _mm512_broadcast_i32x4(_mm_setr_epi32(1, 0, 0, 0)));
            random_kernels::ars_rounds(keys_, c);
            if constexpr (misses) {
                const I low = _mm512_unpacklo_epi32(c[0], c[1]), high = _mm512_unpacklo_epi32(c[2], c[3]);
                words[0] = _mm512_unpacklo_epi64(low, high);
                words[1] = _mm512_unpackhi_epi64(low, high);
            }
            if constexpr (drifts) {
                const I low = _mm512_unpackhi_epi32(c[0], c[1]), high = _mm512_unpackhi_epi32(c[2], c[3]);
                words[misses ? 2 : 0] = _mm512_unpacklo_epi64(low, high);
                words[misses ? 3 : 1] = _mm512_unpackhi_epi64(low, high);
            }
        }

    private:
        random_kernels::Keys512 keys_;
        I start_[4], row_ = _mm512_setzero_si512();
    };

    /// Lines of bytes, and the sums of their columns.
    class Planes {
    public:
        Planes(const CellGroup& group, std::uint32_t) : hi_(group.hi), lo_(group.lo), light_(group.light) {}

        LIGHTCARD_INLINE void put(std::uint32_t quad, std::uint32_t rows, Mask columns, const I (&weights)[4],
                                  const I (&lights)[4])
        {
            if (rows >= kQuadRows && columns == 0xffff) {
                put<true>(quad, all(-1), weights, lights);
            } else {
                const std::uint32_t bytes = rows >= kQuadRows ? ~0u : (1u << 8 * rows) - 1;
                put<false>(quad, _mm512_maskz_set1_epi32(columns, static_cast<int>(bytes)), weights, lights);
            }
        }

        void sum(GroupSums& sums, std::uint32_t) const
        {
            store(sums.hi, hi_sum_);
            store(sums.lo, lo_sum_);
            store(sums.light, light_sum_);
            alignas(64) std::uint64_t even[8], odd[8];
            store(even, even_);
            store(odd, odd_);
            for (int i = 0; i < 8; ++i) {
                sums.norm2[2 * i] = even[i];
                sums.norm2[2 * i + 1] = odd[i];
            }
        }

    private:
        /// `used`: the bytes that are in the tile, all of a `whole` quad.
        template <bool whole>
        LIGHTCARD_INLINE void put(std::uint32_t quad, I used, const I (&weights)[4], const I (&lights)[4])
        {
            const auto only = [used](I bytes) { return whole ? bytes : _mm512_and_si512(bytes, used); };
            I w02 = words(weights[0], weights[2]), w13 = words(weights[1], weights[3]);
            const I half = _mm512_set1_epi16(128);
            const I lo = only(bytes(w02, _mm512_slli_epi32(w13, 8)));
            const I hi = only(bytes(_mm512_srli_epi16(_mm512_add_epi16(w02, half), 8), _mm512_add_epi16(w13, half)));
            const I light = only(bytes(words(lights[0], lights[2]), _mm512_slli_epi32(words(lights[1], lights[3]), 8)));
            const std::uint64_t at = std::uint64_t{64} * quad;
            store(hi_ + at, hi);
            store(lo_ + at, lo);
            store(light_ + at, _mm512_xor_si512(light, only(_mm512_set1_epi8(-128))));

            const I ones = _mm512_set1_epi8(1);
            hi_sum_ = _mm512_dpbusd_epi32(hi_sum_, ones, hi);
            lo_sum_ = _mm512_dpbusd_epi32(lo_sum_, ones, lo);
            light_sum_ = _mm512_dpbusd_epi32(light_sum_, light, ones);
            if constexpr (!whole) {
                w02 = _mm512_and_si512(w02, _mm512_srai_epi16(_mm512_slli_epi16(used, 8), 15));
                w13 = _mm512_and_si512(w13, _mm512_srai_epi16(used, 15));
            }
            // Four squares are below 2^32.
            const I squares = _mm512_dpwssd_epi32(_mm512_madd_epi16(w02, w02), w13, w13);
            even_ = _mm512_add_epi64(even_, _mm512_and_si512(squares, _mm512_set1_epi64(0xffffffff)));
            odd_ = _mm512_add_epi64(odd_, _mm512_srli_epi64(squares, 32));
        }

        /// Bits 15 to 30 of two rows, the one in the lower halves of lanes and the other in the upper.
        static LIGHTCARD_INLINE I words(I lower, I upper)
        {
            return _mm512_mask_mov_epi16(_mm512_srli_epi32(lower, kFixedBits), 0xAAAAAAAA,
                                         _mm512_slli_epi32(upper, 16 - kFixedBits));
        }
        /// Bytes 0, 2 of the one and 1, 3 of the other: row by row.
        static LIGHTCARD_INLINE I bytes(I of02, I of13)
        {
            return _mm512_ternarylogic_epi32(_mm512_set1_epi16(0x00ff), of02, of13, 0xCA);  // mask ? of02 : of13
        }

        std::int8_t *hi_, *lo_, *light_;
        I hi_sum_ = all(0), lo_sum_ = all(0), light_sum_ = all(0), even_ = all(0), odd_ = all(0);
    };
};

}  // namespace

void program_avx512(const FixedCells& cells, const CellGroup& group, GroupSums& sums)
{
    program<V>(cells, group, sums);
}

}  // namespace lightcard::pcm_memory

#endif
