// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX2 on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/photonic_core/chain_kernels.h"

#if defined(__AVX2__)

#include "lightcard/model/common/random_avx2.h"
#include "lightcard/model/photonic_core/chain_panel.h"

namespace lightcard::photonic_core {
namespace {

/// Eight columns at a time.
struct V : random_kernels::W256 {
    using W = random_kernels::W256;
    using Mask = __m256i;
    static constexpr std::uint32_t kSideBySide = 2;  ///< vectors whose samples the registers hold at once
    static constexpr bool kAlwaysSplit = false;

    using W::store;
    static LIGHTCARD_ALWAYS void store(std::int32_t* at, I words, Mask mask)
    {
        _mm256_maskstore_epi32(at, mask, words);
    }

    static LIGHTCARD_ALWAYS Mask all_lanes() { return _mm256_set1_epi32(-1); }
    static LIGHTCARD_ALWAYS Mask lanes_below(std::uint32_t count)
    {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    static LIGHTCARD_ALWAYS I only(I words, Mask mask) { return _mm256_and_si256(words, mask); }

    static LIGHTCARD_ALWAYS F sqrt(F a) { return _mm256_sqrt_ps(a); }

    static LIGHTCARD_ALWAYS I mullo(I a, I b) { return _mm256_mullo_epi32(a, b); }
    /// Of the lower halves of words, b's upper ones being 0.
    static LIGHTCARD_ALWAYS I mul16(I a, I b) { return _mm256_madd_epi16(a, b); }
    template <int count>
    static LIGHTCARD_ALWAYS I srai(I a)
    {
        return _mm256_srai_epi32(a, count);
    }
    static LIGHTCARD_ALWAYS I add64(I a, I b) { return _mm256_add_epi64(a, b); }
    static LIGHTCARD_ALWAYS I sub64(I a, I b) { return _mm256_sub_epi64(a, b); }
    static LIGHTCARD_ALWAYS I mul64(I a, I b) { return _mm256_mul_epi32(a, b); }
    static LIGHTCARD_ALWAYS I srli64(I a) { return _mm256_srli_epi64(a, 32); }
    static LIGHTCARD_ALWAYS I slli64(I a) { return _mm256_slli_epi64(a, 32); }

    struct Range {
        Range(std::int32_t lowest, std::int32_t highest) : above(opaque(all(highest))), below(opaque(all(lowest))) {}
        I above, below;
    };
    /// Lanes of the mask that are not in the range.
    static LIGHTCARD_ALWAYS Mask outside(I x, const Range& range, Mask mask)
    {
        return _mm256_and_si256(_mm256_or_si256(_mm256_cmpgt_epi32(x, range.above), _mm256_cmpgt_epi32(range.below, x)),
                                mask);
    }
    static LIGHTCARD_ALWAYS bool any(Mask mask) { return _mm256_testz_si256(mask, mask) == 0; }
    static LIGHTCARD_ALWAYS std::uint32_t count(Mask mask)
    {
        const int lanes = _mm256_movemask_ps(_mm256_castsi256_ps(mask));
        return static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(lanes)));
    }
    static LIGHTCARD_ALWAYS bool any_beyond(F x, F limit, Mask mask)
    {
        const F magnitude = _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF)));
        const F beyond = _mm256_cmp_ps(magnitude, limit, _CMP_GT_OQ);
        return _mm256_movemask_ps(_mm256_and_ps(beyond, _mm256_castsi256_ps(mask))) != 0;
    }

    static LIGHTCARD_ALWAYS I byte_sums(I words)
    {
        return _mm256_madd_epi16(_mm256_maddubs_epi16(words, _mm256_set1_epi8(1)), _mm256_set1_epi16(1));
    }
    static LIGHTCARD_ALWAYS __m128i eight(const void* at) { return _mm_loadl_epi64(static_cast<const __m128i*>(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::uint8_t* at) { return _mm256_cvtepu8_epi32(eight(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::int8_t* at) { return _mm256_cvtepi8_epi32(eight(at)); }
    static LIGHTCARD_ALWAYS void store_steps(void* out, std::uint32_t row, I step)
    {
        const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(step), _mm256_extracti128_si256(step, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<std::int16_t*>(out) + row), words);
    }
    static LIGHTCARD_ALWAYS std::int32_t sum_of(I words)
    {
        const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
        return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xB1)));
    }
};

LIGHTCARD_ALWAYS __m256i load(const void* at)
{
    return V::load(at);
}

LIGHTCARD_ALWAYS void store(void* at, __m256i value)
{
    V::store(at, value);
}

/// Two neighbouring inputs, in every lane.
LIGHTCARD_ALWAYS __m256i broadcast_pair(const std::int16_t* at)
{
    return _mm256_castps_si256(_mm256_broadcast_ss(reinterpret_cast<const float*>(at)));
}

/// sum + words, in the register it is in: left to itself the compiler moves every sum to another one and back.
LIGHTCARD_ALWAYS __m256i accumulated(__m256i sum, __m256i words)
{
    asm("vpaddd %1, %0, %0" : "+x"(sum) : "x"(words));
    return sum;
}

/// sums[v * sums_stride + c] = sum over rows of x[v][row] plane[c][row] for one group, both s16. `vectors` is a
/// compile-time constant, so that the sums stay in registers.
template <std::uint32_t vectors>
__attribute__((noinline)) void block(const std::int16_t* plane, std::uint32_t pairs, const std::int16_t* x,
                                     std::uint32_t x_stride, std::int32_t* sums, std::uint32_t sums_stride)
{
    __m256i low[vectors], high[vectors];
    each<vectors>([&](auto v) { low[v] = high[v] = _mm256_setzero_si256(); });
    for (std::uint32_t pair = 0; pair < pairs; ++pair, plane += 2 * kGroup, x += 2) {
        const __m256i w0 = load(plane), w1 = load(plane + kGroup);
        each<vectors>([&](auto v) {
            const __m256i two = broadcast_pair(x + v * x_stride);
            low[v] = accumulated(low[v], _mm256_madd_epi16(two, w0));
            high[v] = accumulated(high[v], _mm256_madd_epi16(two, w1));
        });
    }
    each<vectors>([&](auto v) {
        store(sums + v * sums_stride, low[v]);
        store(sums + v * sums_stride + 8, high[v]);
    });
}

/// The `P` of chain_panel.h: a group of one plane against four vectors are eight sums, two weights and two inputs in
/// registers.
struct P {
    static constexpr std::uint32_t kVectors = 4, kGroups = 1;
    using Sums = PanelSums<P>;

    template <std::uint32_t>
    class Streams {
    public:
        Streams(const PanelProducts& products, std::uint32_t group)
        {
            const auto of = [&](const void* plane) {
                return plane == nullptr ? nullptr
                                        : static_cast<const std::int16_t*>(plane) +
                                              std::uint64_t{2} * kGroup * products.depth * group;
            };
            first_ = of(products.first), low_ = of(products.low), light_ = of(products.light);
            dither_ = of(products.dither), read_ = of(products.read);
        }

        template <std::uint32_t vectors>
        LIGHTCARD_ALWAYS void multiply(const PanelProducts& products, std::uint32_t vector, Sums& sums) const
        {
            const auto sum = [&](const std::int16_t* plane, const void* x, Sums::Lines<std::int32_t>& lines) {
                if (plane == nullptr) return;
                block<vectors>(plane, products.depth,
                               static_cast<const std::int16_t*>(x) + std::uint64_t{vector} * products.stride,
                               products.stride, lines[0][0], kGroup);
            };
            sum(first_, products.x, sums.first);
            sum(low_, products.x, sums.low);
            sum(light_, products.x, sums.light);
            sum(dither_, products.dither_x, sums.dither);
            sum(read_, products.squares, sums.read);
        }

    private:
        const std::int16_t *first_, *low_, *light_, *dither_, *read_;
    };

    class Draws {
    public:
        explicit Draws(const random_kernels::RoundKeys& keys) : keys_(keys) {}

        template <std::uint32_t vectors, std::uint32_t groups>
        LIGHTCARD_ALWAYS void normals(const Panel& panel, std::uint32_t vector, std::uint32_t group,
                                      Sums::Lines<float>& normal) const
        {
            const auto skipped = panel.skipped_draws;
            for (std::uint32_t v = 0; v < vectors; ++v) {
                if (__builtin_expect(skipped != 0, 0)) {
                    alignas(32) float draws[2 * kGroup];
                    of_blocks<8>(panel.terms[vector + v], group, draws);
                    for (std::uint32_t at = 0; at < kGroup; at += 8)
                        store(normal[v][0] + at, load(draws + skipped + at));
                } else {
                    of_blocks<4>(panel.terms[vector + v], group, normal[v][0]);
                }
            }
        }

    private:
        /// The draws of that many blocks of four columns, from the first of a group on.
        template <std::uint32_t blocks>
        LIGHTCARD_ALWAYS void of_blocks(const VectorTerms& terms, std::uint32_t group, float* draws) const
        {
            const __m128i first = _mm_add_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(terms.counter)),
                                                _mm_setr_epi32(0, 0, static_cast<int>(group * (kGroup / 4)), 0));
            __m128i words[blocks];
            for (std::uint32_t i = 0; i < blocks; ++i)
                words[i] = _mm_add_epi32(first, _mm_setr_epi32(0, 0, static_cast<int>(i), 0));
            random_kernels::ars(keys_, words);
            for (std::uint32_t i = 0; i < blocks; i += 2)
                store(draws + 4 * i,
                      V::bits(random_kernels::draw(quantile_, _mm256_set_m128i(words[i + 1], words[i]))));
        }

        const random_kernels::Keys256 keys_;
        const random_kernels::Quantile<random_kernels::W256> quantile_;
    };
};

InputSums widen_inputs(const std::uint8_t* x, std::uint32_t rows, void* words_out)
{
    auto* out = static_cast<std::int16_t*>(words_out);
    __m256i sum = _mm256_setzero_si256(), square = sum;
    const __m256i ones = _mm256_set1_epi16(1);
    for (std::uint32_t row = 0; row < rows; row += 16) {
        __m128i codes;
        if (row + 16 <= rows) {
            codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x + row));
        } else {
            alignas(16) std::uint8_t last[16] = {};
            for (std::uint32_t i = 0; row + i < rows; ++i) last[i] = x[row + i];
            codes = _mm_load_si128(reinterpret_cast<const __m128i*>(last));
        }
        const __m256i words = _mm256_cvtepu8_epi16(codes);
        store(out + row, words);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(words, ones));
        square = _mm256_add_epi32(square, _mm256_madd_epi16(words, words));
    }
    return {static_cast<std::uint32_t>(V::sum_of(sum)), static_cast<std::uint32_t>(V::sum_of(square))};
}

/// Entries of a byte table, of which there is no vector form here.
std::uint32_t squares(const std::uint8_t* table, const std::uint8_t* x, std::uint32_t rows, void* words_out)
{
    auto* out = static_cast<std::int16_t*>(words_out);
    std::uint32_t total = 0;
    for (std::uint32_t row = 0; row < rows; ++row) total += static_cast<std::uint32_t>(out[row] = table[x[row]]);
    for (std::uint32_t row = rows; row % 16 != 0; ++row) out[row] = 0;
    return total;
}

/// What dac_errors() leaves unwritten up to a multiple of 16 rows.
std::int32_t padded_dac_errors(const DacErrors& errors, std::uint32_t rows, void* out)
{
    const std::int32_t total = dac_errors<V>(errors, rows, out);
    for (std::uint32_t row = (rows + 7) / 8 * 8; row % 16 != 0; ++row) static_cast<std::int16_t*>(out)[row] = 0;
    return total;
}

}  // namespace

extern const ChainKernels kChainAvx2;
const ChainKernels kChainAvx2 = {widen_inputs, curves_one_by_one, padded_dac_errors, squares,
                                 noisy<V, P>,  exact<V, P>,       quantised<V, P>};

namespace avx2 {

void widen(const std::uint8_t* codes, std::int16_t* words, std::uint64_t count)
{
    for (std::uint64_t i = 0; i < count; i += 16)
        store(words + i, _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i))));
}

void high_planes(const std::int16_t* weights, std::int16_t* hi, std::uint64_t count)
{
    // weight + 128 does not fit s16 at the top: half of it does. floor((w + 128) / 256) = floor((w / 2 + 64) / 128).
    for (std::uint64_t i = 0; i < count; i += 16) {
        const __m256i half = _mm256_srai_epi16(load(weights + i), 1);
        store(hi + i, _mm256_srai_epi16(_mm256_add_epi16(half, _mm256_set1_epi16(64)), 7));
    }
}

}  // namespace avx2

}  // namespace lightcard::photonic_core

#endif
