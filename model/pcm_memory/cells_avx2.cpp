// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2 and AES on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/pcm_memory/cell_kernels.h"

#if defined(__AVX2__)

#include <immintrin.h>

#include "lightcard/model/common/random_avx2.h"
#include "lightcard/model/pcm_memory/cell_rows.h"

namespace lightcard::pcm_memory {
namespace {

/// Eight columns at a time.
struct V : random_kernels::W256 {
    using Mask = __m256i;
    using W = random_kernels::W256;
    using Quantile = random_kernels::Quantile<W>;

    using W::max;
    using W::min;
    static LIGHTCARD_INLINE I min(I a, I b) { return _mm256_min_epi32(a, b); }
    static LIGHTCARD_INLINE I max(I a, I b) { return _mm256_max_epi32(a, b); }

    static LIGHTCARD_INLINE Mask none_of(I a, I bits)
    {
        return _mm256_cmpeq_epi32(_mm256_and_si256(a, bits), _mm256_setzero_si256());
    }
    /// The same where `unless_zero` is not zero; it is never negative.
    static LIGHTCARD_INLINE Mask none_of(I a, I bits, I unless_zero)
    {
        return _mm256_and_si256(none_of(a, bits), _mm256_cmpgt_epi32(unless_zero, _mm256_setzero_si256()));
    }
    static LIGHTCARD_INLINE Mask either(Mask a, Mask b) { return _mm256_or_si256(a, b); }
    static LIGHTCARD_INLINE Mask both(Mask a, Mask b) { return _mm256_and_si256(a, b); }
    static LIGHTCARD_INLINE bool any(const Mask (&masks)[kQuadRows])
    {
        const I all = _mm256_or_si256(_mm256_or_si256(masks[0], masks[1]), _mm256_or_si256(masks[2], masks[3]));
        return _mm256_testz_si256(all, all) == 0;
    }
    static LIGHTCARD_INLINE std::uint32_t lanes(Mask mask)
    {
        return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(mask)));
    }
    static LIGHTCARD_INLINE Mask lanes_below(std::uint32_t count)
    {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }

    struct Table {
        explicit Table(const FixedCells& cells) : of(cells.aims) {}
        const std::int32_t* of;
    };

    /// What the pairs of four rows are aimed at, - cells as negative numbers; zero beyond the tile.
    class Aims {
    public:
        LIGHTCARD_INLINE void set(const Table& table, const CellGroup& group, std::uint32_t first, std::uint32_t quad)
        {
            const std::uint32_t row = quad * kQuadRows, rows = group.rows - row;
            for (std::uint32_t i = 0; i < kLanes; ++i) {
                const std::int8_t* weights = group.weights + (first + i) * group.stride + row;
                const bool used = first + i < group.columns;
                for (std::uint32_t k = 0; k < kQuadRows; ++k)
                    aims_[k][i] = used && k < rows ? table.of[static_cast<std::uint8_t>(weights[k])] : 0;
            }
        }
        LIGHTCARD_INLINE I plus(std::uint32_t row) const { return max(load(aims_[row]), _mm256_setzero_si256()); }
        LIGHTCARD_INLINE I minus(std::uint32_t row) const
        {
            return max(sub(_mm256_setzero_si256(), load(aims_[row])), _mm256_setzero_si256());
        }

    private:
        alignas(32) std::int32_t aims_[kQuadRows][kLanes];
    };

    /// The words of eight columns, row by row. The halves of a register that are made of blocks i and 4 + i,
    /// interleaved, bring every word into the order of columns.
    class Draws {
    public:
        Draws(const CellGroup& group, std::uint32_t first) : keys_(group.keys)
        {
            const __m128i counter = _mm_loadu_si128(reinterpret_cast<const __m128i*>(group.counter));
            next_ = _mm_add_epi32(counter, _mm_setr_epi32(static_cast<int>(first << 16), 0, 0, 0));
        }

        template <bool misses, bool drifts>
        LIGHTCARD_INLINE void next(I* words)
        {
            __m128i c[8];
            c[0] = next_;
            const __m128i one = _mm_setr_epi32(1 << 16, 0, 0, 0);
            for (int i = 1; i < 8; ++i) c[i] = _mm_add_epi32(c[i - 1], one);
            next_ = _mm_add_epi32(next_, _mm_setr_epi32(1, 0, 0, 0));
            random_kernels::ars(keys_, c);
            I two[4];
            for (int i = 0; i < 4; ++i) two[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(c[i]), c[4 + i], 1);
            if constexpr (misses) {
                const I low = _mm256_unpacklo_epi32(two[0], two[1]), high = _mm256_unpacklo_epi32(two[2], two[3]);
                words[0] = _mm256_unpacklo_epi64(low, high);
                words[1] = _mm256_unpackhi_epi64(low, high);
            }
            if constexpr (drifts) {
                const I low = _mm256_unpackhi_epi32(two[0], two[1]), high = _mm256_unpackhi_epi32(two[2], two[3]);
                words[misses ? 2 : 0] = _mm256_unpacklo_epi64(low, high);
                words[misses ? 3 : 1] = _mm256_unpackhi_epi64(low, high);
            }
        }

    private:
        random_kernels::Keys256 keys_;
        __m128i next_;
    };

    /// Pairs of words, pairs of light bytes, and the sums of their columns.
    class Planes {
    public:
        Planes(const CellGroup& group, std::uint32_t first)
            : pairs_(group.pairs + std::uint64_t{2} * first), light_(group.light_pairs + std::uint64_t{2} * first)
        {
        }

        LIGHTCARD_INLINE void put(std::uint32_t quad, std::uint32_t rows, Mask columns, const I (&weights)[4],
                                  const I (&lights)[4])
        {
            const I w01 = _mm256_and_si256(columns, pair(weights[0], rows > 1 ? weights[1] : all(0)));
            const I w23 =
                _mm256_and_si256(columns, pair(rows > 2 ? weights[2] : all(0), rows > 3 ? weights[3] : all(0)));
            const std::uint64_t at = std::uint64_t{4} * kGroupColumns * quad;
            store(pairs_ + at, w01);
            store(pairs_ + at + std::uint64_t{2} * kGroupColumns, w23);
            const I c01 = _mm256_and_si256(columns, light_pair(lights[0], rows > 1 ? lights[1] : all(0)));
            const I c23 =
                _mm256_and_si256(columns, light_pair(rows > 2 ? lights[2] : all(0), rows > 3 ? lights[3] : all(0)));
            const I both = _mm256_permute4x64_epi64(_mm256_packus_epi32(c01, c23), 0xD8);
            _mm_storeu_si128(reinterpret_cast<__m128i*>(light_ + at), _mm256_castsi256_si128(both));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(light_ + at + std::uint64_t{2} * kGroupColumns),
                             _mm256_extracti128_si256(both, 1));

            const I ones = _mm256_set1_epi16(1);
            const I sum = _mm256_add_epi32(_mm256_madd_epi16(w01, ones), _mm256_madd_epi16(w23, ones));
            const I hi = _mm256_add_epi32(_mm256_madd_epi16(high(w01), ones), _mm256_madd_epi16(high(w23), ones));
            sum_ = _mm256_add_epi32(sum_, sum);
            hi_sum_ = _mm256_add_epi32(hi_sum_, hi);
            light_sum_ = _mm256_add_epi32(light_sum_, _mm256_add_epi32(byte_sum(c01), byte_sum(c23)));
            // Four squares are below 2^32.
            const I squares = _mm256_add_epi32(_mm256_madd_epi16(w01, w01), _mm256_madd_epi16(w23, w23));
            even_ = _mm256_add_epi64(even_, _mm256_and_si256(squares, _mm256_set1_epi64x(0xffffffff)));
            odd_ = _mm256_add_epi64(odd_, _mm256_srli_epi64(squares, 32));
        }

        void sum(GroupSums& sums, std::uint32_t first) const
        {
            store(sums.hi + first, hi_sum_);
            store(sums.lo + first, _mm256_sub_epi32(sum_, _mm256_slli_epi32(hi_sum_, 8)));
            store(sums.light + first, light_sum_);
            alignas(32) std::uint64_t even[4], odd[4];
            store(even, even_);
            store(odd, odd_);
            for (int i = 0; i < 4; ++i) {
                sums.norm2[first + 2 * i] = even[i];
                sums.norm2[first + 2 * i + 1] = odd[i];
            }
        }

    private:
        static LIGHTCARD_INLINE I pair(I a, I b)
        {
            return _mm256_blend_epi16(_mm256_srli_epi32(a, kFixedBits), _mm256_slli_epi32(b, 16 - kFixedBits), 0xAA);
        }
        /// Both codes in the lower half of a lane.
        static LIGHTCARD_INLINE I light_pair(I a, I b)
        {
            const I first = _mm256_and_si256(_mm256_srli_epi32(a, kFixedBits), all(0xff));
            return _mm256_or_si256(first, _mm256_and_si256(_mm256_srli_epi32(b, kFixedBits - 8), all(0xff00)));
        }
        static LIGHTCARD_INLINE I high(I words)
        {
            return _mm256_srai_epi16(_mm256_add_epi16(words, _mm256_set1_epi16(128)), 8);
        }
        static LIGHTCARD_INLINE I byte_sum(I codes)
        {
            return _mm256_madd_epi16(_mm256_maddubs_epi16(codes, _mm256_set1_epi8(1)), _mm256_set1_epi16(1));
        }

        std::int16_t* pairs_;
        std::uint8_t* light_;
        I sum_ = all(0), hi_sum_ = all(0), light_sum_ = all(0), even_ = all(0), odd_ = all(0);
    };
};

}  // namespace

void program_avx2(const FixedCells& cells, const CellGroup& group, GroupSums& sums)
{
    program<V>(cells, group, sums);
}

}  // namespace lightcard::pcm_memory

#endif
