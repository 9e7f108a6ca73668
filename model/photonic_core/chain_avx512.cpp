// SPDX-License-Identifier: Apache-2.0
// Compiled for AVX-512 with VNNI and VBMI on x86-64 (CMakeLists.txt), empty elsewhere.
#include "lightcard/model/photonic_core/chain_kernels.h"

#if defined(__AVX512VNNI__)

#include "lightcard/model/common/random_avx512.h"
#include "lightcard/model/photonic_core/chain_panel.h"

namespace lightcard::photonic_core {
namespace {

/// Sixteen columns at a time.
struct V : random_kernels::W512 {
    using W = random_kernels::W512;
    using Mask = __mmask16;
    static constexpr std::uint32_t kSideBySide = 4;  ///< vectors whose samples the registers hold at once
    static constexpr bool kAlwaysSplit = true;

    using W::store;
    static LIGHTCARD_ALWAYS void store(std::int32_t* at, I words, Mask mask)
    {
        _mm512_mask_storeu_epi32(at, mask, words);
    }

    static LIGHTCARD_ALWAYS Mask all_lanes() { return 0xffff; }
    static LIGHTCARD_ALWAYS Mask lanes_below(std::uint32_t count)
    {
        return static_cast<Mask>(count >= kLanes ? 0xffff : (1u << count) - 1);
    }
    static LIGHTCARD_ALWAYS I only(I words, Mask mask) { return _mm512_maskz_mov_epi32(mask, words); }

    static LIGHTCARD_ALWAYS F sqrt(F a) { return _mm512_sqrt_ps(a); }

    static LIGHTCARD_ALWAYS I mullo(I a, I b) { return _mm512_mullo_epi32(a, b); }
    /// Of the lower halves of words, b's upper ones being 0.
    static LIGHTCARD_ALWAYS I mul16(I a, I b) { return _mm512_madd_epi16(a, b); }
    template <int count>
    static LIGHTCARD_ALWAYS I srai(I a)
    {
        return _mm512_srai_epi32(a, count);
    }
    static LIGHTCARD_ALWAYS I add64(I a, I b) { return _mm512_add_epi64(a, b); }
    static LIGHTCARD_ALWAYS I sub64(I a, I b) { return _mm512_sub_epi64(a, b); }
    static LIGHTCARD_ALWAYS I mul64(I a, I b) { return _mm512_mul_epi32(a, b); }
    static LIGHTCARD_ALWAYS I srli64(I a) { return _mm512_srli_epi64(a, 32); }
    static LIGHTCARD_ALWAYS I slli64(I a) { return _mm512_slli_epi64(a, 32); }

    struct Range {
        Range(std::int32_t lowest, std::int32_t highest)
            : first(opaque(all(lowest))), width(opaque(all(highest - lowest)))
        {
        }
        I first, width;
    };
    /// Lanes of the mask that are not in the range.
    static LIGHTCARD_ALWAYS Mask outside(I x, const Range& range, Mask mask)
    {
        return _mm512_mask_cmpgt_epu32_mask(mask, sub(x, range.first), range.width);
    }
    static LIGHTCARD_ALWAYS bool any(Mask mask) { return mask != 0; }
    static LIGHTCARD_ALWAYS std::uint32_t count(Mask mask)
    {
        return static_cast<std::uint32_t>(__builtin_popcount(static_cast<unsigned>(mask)));
    }
    static LIGHTCARD_ALWAYS bool any_beyond(F x, F limit, Mask mask)
    {
        return _mm512_mask_cmp_ps_mask(mask, _mm512_abs_ps(x), limit, _CMP_GT_OQ) != 0;
    }

    static LIGHTCARD_ALWAYS I byte_sums(I words)
    {
        return _mm512_dpbusd_epi32(_mm512_setzero_si512(), words, _mm512_set1_epi8(1));
    }
    static LIGHTCARD_ALWAYS __m128i sixteen(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::uint8_t* at) { return _mm512_cvtepu8_epi32(sixteen(at)); }
    static LIGHTCARD_ALWAYS I load_bytes(const std::int8_t* at) { return _mm512_cvtepi8_epi32(sixteen(at)); }
    static LIGHTCARD_ALWAYS void store_steps(void* out, std::uint32_t row, I step)
    {
        const __m128i bytes = _mm512_cvtepi32_epi8(_mm512_add_epi32(step, _mm512_set1_epi32(128)));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<std::uint8_t*>(out) + row), bytes);
    }
    static LIGHTCARD_ALWAYS std::int32_t sum_of(I words) { return _mm512_reduce_add_epi32(words); }
};

LIGHTCARD_ALWAYS __mmask64 bytes_below(std::uint32_t count)
{
    return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
}

LIGHTCARD_ALWAYS __m512i four_inputs(const std::uint8_t* at)
{
    std::int32_t word;
    __builtin_memcpy(&word, at, 4);
    return _mm512_set1_epi32(word);
}

/// One group of one plane: where its sums start, null = at 0, and where they go.
struct Stream {
    const std::int8_t* plane;
    const std::int32_t* start;  ///< [16]
    std::int32_t* sums;
};

/// sums[v * sums_stride + c] = start[c] + sum over rows of x[v][row] plane[c][row], for every stream. Both numbers are
/// compile-time constants, so that the sums stay in registers.
template <std::uint32_t streams, std::uint32_t vectors>
LIGHTCARD_ALWAYS void block(const Stream (&stream)[streams], std::uint32_t quads, const std::uint8_t* x,
                            std::uint32_t x_stride, std::uint32_t sums_stride)
{
    __m512i sum[vectors][streams];
    const std::int8_t* plane[streams];
    for (std::uint32_t s = 0; s < streams; ++s) {
        plane[s] = stream[s].plane;
        const __m512i start = stream[s].start == nullptr ? V::all(0) : V::load(stream[s].start);
        for (std::uint32_t v = 0; v < vectors; ++v) sum[v][s] = start;
    }
    for (std::uint32_t quad = 0; quad < quads; ++quad, x += 4) {
        __m512i weights[streams];
        for (std::uint32_t s = 0; s < streams; ++s) weights[s] = V::load(plane[s] + std::uint64_t{64} * quad);
        for (std::uint32_t v = 0; v < vectors; ++v) {
            const __m512i inputs = four_inputs(x + std::uint64_t{v} * x_stride);
            for (std::uint32_t s = 0; s < streams; ++s) sum[v][s] = _mm512_dpbusd_epi32(sum[v][s], inputs, weights[s]);
        }
    }
    for (std::uint32_t v = 0; v < vectors; ++v)
        for (std::uint32_t s = 0; s < streams; ++s) V::store(stream[s].sums + v * sums_stride, sum[v][s]);
}

/// The `P` of chain_panel.h: two groups of three planes against four vectors are 24 sums and six weights in registers.
struct P {
    static constexpr std::uint32_t kVectors = 4, kGroups = 2;

    template <std::uint32_t groups>
    class Streams {
    public:
        Streams(const PanelProducts& products, std::uint32_t group) : first_group_(group)
        {
            const auto of = [&](const void* plane) {
                return plane == nullptr
                           ? nullptr
                           : static_cast<const std::int8_t*>(plane) + std::uint64_t{64} * products.depth * group;
            };
            first_ = of(products.first), low_ = of(products.low), light_ = of(products.light);
            dither_ = of(products.dither), read_ = of(products.read);
        }

        template <std::uint32_t vectors, class Sums>
        LIGHTCARD_ALWAYS void multiply(const PanelProducts& products, std::uint32_t vector, Sums& sums) const
        {
            const Inputs in{products.depth, products.stride, std::uint64_t{vector} * products.stride};
            auto &first = sums.first[0], &low = sums.low[0], &light = sums.light[0];
            if (low_ != nullptr && light_ != nullptr) {
                of<vectors, 3>(in, products.x, {first_, low_, light_}, {&first, &low, &light});
            } else if (low_ != nullptr) {
                of<vectors, 2>(in, products.x, {first_, low_}, {&first, &low});
            } else if (light_ != nullptr) {
                of<vectors, 2>(in, products.x, {first_, light_}, {&first, &light});
            } else {
                of<vectors, 1>(in, products.x, {first_}, {&first});
            }
            if (dither_ != nullptr)
                of<vectors, 1>(in, products.dither_x, {dither_}, {&sums.dither[0]},
                               products.dither_start + first_group_ * kGroup);
            if (read_ != nullptr) of<vectors, 1>(in, products.squares, {read_}, {&sums.read[0]});
        }

    private:
        struct Inputs {
            std::uint32_t depth, stride;
            std::uint64_t first;
        };
        /// `sums`: of the first vector.
        template <std::uint32_t vectors, std::uint32_t planes, std::size_t sum_groups>
        static LIGHTCARD_ALWAYS void of(const Inputs& in, const void* x, const std::int8_t* const (&plane)[planes],
                                        std::int32_t (*const (&sums)[planes])[sum_groups][kGroup],
                                        const std::int32_t* start = nullptr)
        {
            Stream streams[planes * groups];
            for (std::uint32_t p = 0; p < planes; ++p)
                for (std::uint32_t g = 0; g < groups; ++g)
                    streams[p * groups + g] = {plane[p] + std::uint64_t{64} * in.depth * g,
                                               start == nullptr ? nullptr : start + g * kGroup, (*sums[p])[g]};
            block<planes * groups, vectors>(streams, in.depth, static_cast<const std::uint8_t*>(x) + in.first,
                                            in.stride, sum_groups * kGroup);
        }

        std::uint32_t first_group_;
        const std::int8_t *first_, *low_, *light_, *dither_, *read_;
    };

    class Draws {
    public:
        explicit Draws(const random_kernels::RoundKeys& keys) : keys_(keys) {}

        /// A group's sixteen draws are one register of counters.
        template <std::uint32_t vectors, std::uint32_t groups, std::size_t sum_groups>
        LIGHTCARD_ALWAYS void normals(const Panel& panel, std::uint32_t vector, std::uint32_t group,
                                      float (*normal)[sum_groups][kGroup]) const
        {
            if (__builtin_expect(panel.skipped_draws != 0, 0))
                return shifted<vectors, groups>(panel, vector, group, normal);
            __m512i words[vectors * groups];
            __m512 drawn[vectors * groups];
            for (std::uint32_t v = 0; v < vectors; ++v)
                for (std::uint32_t g = 0; g < groups; ++g)
                    words[v * groups + g] = counters(panel.terms[vector + v], group + g);
            random_kernels::ars(keys_, words);
            random_kernels::draws<random_kernels::W512>(quantile_, words, drawn);
            for (std::uint32_t v = 0; v < vectors; ++v)
                for (std::uint32_t g = 0; g < groups; ++g) V::store(normal[v][g], V::bits(drawn[v * groups + g]));
        }

    private:
        static LIGHTCARD_ALWAYS __m512i counters(const VectorTerms& terms, std::uint32_t group)
        {
            const auto blocks = static_cast<int>(group * (kGroup / 4));
            return _mm512_add_epi32(random_kernels::four_blocks(terms.counter),
                                    _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0, blocks, 0)));
        }

        /// The first column's draw is not the first of its block of four.
        template <std::uint32_t vectors, std::uint32_t groups, std::size_t sum_groups>
        __attribute__((noinline)) void shifted(const Panel& panel, std::uint32_t vector, std::uint32_t group,
                                               float (*normal)[sum_groups][kGroup]) const
        {
            for (std::uint32_t v = 0; v < vectors; ++v)
                for (std::uint32_t g = 0; g < groups; ++g) {
                    __m512i words[2] = {counters(panel.terms[vector + v], group + g),
                                        counters(panel.terms[vector + v], group + g + 1)};
                    random_kernels::ars(keys_, words);
                    alignas(64) float draws[2 * kGroup];
                    for (std::uint32_t i = 0; i < 2; ++i)
                        V::store(draws + i * kGroup, V::bits(random_kernels::draw(quantile_, words[i])));
                    V::store(normal[v][g], V::load(static_cast<const void*>(draws + panel.skipped_draws)));
                }
        }

        const random_kernels::Keys512 keys_;
        const random_kernels::Quantile<random_kernels::W512> quantile_;
    };
};

/// The `P` of AMX: sixteen vectors by a group, and P's products for the rest of a block.
struct A {
    static constexpr std::uint32_t kVectors = amx::kVectors, kGroups = 1;

    template <std::uint32_t groups>
    class Streams {
    public:
        Streams(const PanelProducts& products, std::uint32_t group) : rest_(products, group), group_(group) {}

        template <std::uint32_t vectors>
        LIGHTCARD_ALWAYS void multiply(const PanelProducts& products, std::uint32_t vector, PanelSums<A>& sums) const
        {
            if constexpr (vectors == kVectors) {
                amx::multiply(products, group_, vector,
                              {sums.first[0][0], sums.low[0][0], sums.light[0][0], sums.dither[0][0], sums.read[0][0]});
            } else {
                rest_.template multiply<vectors>(products, vector, sums);
            }
        }

    private:
        const P::Streams<groups> rest_;
        const std::uint32_t group_;
    };

    class Draws {
    public:
        explicit Draws(const random_kernels::RoundKeys& keys) : draws_(keys) {}

        template <std::uint32_t vectors, std::uint32_t groups>
        LIGHTCARD_ALWAYS void normals(const Panel& panel, std::uint32_t vector, std::uint32_t group,
                                      float (*normal)[kGroups][kGroup]) const
        {
            constexpr std::uint32_t n = vectors < 8 ? vectors : 8;  // as many as P draws at a time
            for (std::uint32_t v = 0; v < vectors; v += n)
                draws_.template normals<n, groups>(panel, vector + v, group, normal + v);
        }

    private:
        const P::Draws draws_;
    };
};

InputSums copy_inputs(const std::uint8_t* x, std::uint32_t rows, void* out)
{
    __m512i sum = _mm512_setzero_si512(), square = sum;
    for (std::uint32_t row = 0; row < rows; row += 64) {
        const __m512i codes = _mm512_maskz_loadu_epi8(bytes_below(rows - row), x + row);
        V::store(static_cast<std::uint8_t*>(out) + row, codes);
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(codes, _mm512_setzero_si512()));
        const __m512i low = _mm512_unpacklo_epi8(codes, _mm512_setzero_si512());
        const __m512i high = _mm512_unpackhi_epi8(codes, _mm512_setzero_si512());
        square = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(square, low, low), high, high);
    }
    // One reduction for both: the sum in the upper halves of 64-bit lanes, squares (below 2^26) in the lower ones.
    const __m512i low_halves = _mm512_maskz_mov_epi32(0x5555, square);
    const __m512i lanes = _mm512_add_epi64(low_halves, _mm512_srli_epi64(square, 32));
    const auto both =
        static_cast<std::uint64_t>(_mm512_reduce_add_epi64(_mm512_add_epi64(_mm512_slli_epi64(sum, 32), lanes)));
    return {static_cast<std::uint32_t>(both >> 32), static_cast<std::uint32_t>(both)};
}

/// 16 x 16 bytes in each of the four parts of the registers: a stage deals two halves of them like cards, and turns the
/// number of a byte, register and place, by one bit.
LIGHTCARD_ALWAYS void transpose(__m512i (&r)[16])
{
    for (int stage = 0; stage < 4; ++stage) {
        __m512i dealt[16];
        for (int i = 0; i < 8; ++i) {
            dealt[2 * i] = _mm512_unpacklo_epi8(r[i], r[i + 8]);
            dealt[2 * i + 1] = _mm512_unpackhi_epi8(r[i], r[i + 8]);
        }
        for (int i = 0; i < 16; ++i) r[i] = dealt[i];
    }
}

/// 64 codes of one row in its table of 256, four registers.
LIGHTCARD_ALWAYS __m512i look_up(const void* table, __m512i codes)
{
    const auto* part = static_cast<const __m512i*>(table);
    const auto load = [part](int i) { return _mm512_loadu_si512(part + i); };
    // A permutation of two registers looks at the low seven bits of its index.
    const __m512i low = _mm512_permutex2var_epi8(load(0), codes, load(1));
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(codes), _mm512_permutex2var_epi8(load(2), codes, load(3)));
}

/// A row's table stays in registers for all vectors of the lane, whose codes are turned into rows of 64 and back.
void curves(const CurveJob& job)
{
    constexpr std::uint32_t kWorthIt = 8;
    if (job.vectors < kWorthIt) return curves_one_by_one(job);
    const auto vector = [&job](std::uint32_t v) { return v < job.vectors ? v : 0; };  // spare places do the first again
    for (std::uint32_t row = 0; row < job.rows; row += 16) {
        const std::uint32_t rows = job.rows - row < 16 ? job.rows - row : 16;
        const auto used = static_cast<__mmask16>((1u << rows) - 1);
        __m512i r[16];
        for (std::uint32_t i = 0; i < 16; ++i) {
            const auto codes = [&](std::uint32_t part) {
                return _mm_maskz_loadu_epi8(used, job.x[vector(16 * part + i)] + row);
            };
            r[i] = _mm512_castsi128_si512(codes(0));
            r[i] = _mm512_inserti32x4(r[i], codes(1), 1);
            r[i] = _mm512_inserti32x4(r[i], codes(2), 2);
            r[i] = _mm512_inserti32x4(r[i], codes(3), 3);
        }
        transpose(r);
        for (std::uint32_t i = 0; i < 16; ++i)
            r[i] = i < rows ? look_up(job.curves + std::uint64_t{256} * (row + i), r[i]) : _mm512_setzero_si512();
        transpose(r);
        for (std::uint32_t i = 0; i < 16; ++i) {
            const auto put = [&](std::uint32_t part, __m128i errors) {
                _mm_storeu_si128(reinterpret_cast<__m128i*>(job.out[vector(16 * part + i)] + row), errors);
            };
            put(3, _mm512_extracti32x4_epi32(r[i], 3));
            put(2, _mm512_extracti32x4_epi32(r[i], 2));
            put(1, _mm512_extracti32x4_epi32(r[i], 1));
            put(0, _mm512_castsi512_si128(r[i]));
        }
    }
}

std::uint32_t squares(const std::uint8_t* table, const std::uint8_t* x, std::uint32_t rows, void* out)
{
    __m512i sum = _mm512_setzero_si512();
    for (std::uint32_t row = 0; row < rows; row += 64) {
        const __mmask64 used = bytes_below(rows - row);
        const __m512i codes = _mm512_maskz_loadu_epi8(used, x + row);
        const __m512i entries = _mm512_maskz_mov_epi8(used, look_up(table, codes));
        V::store(static_cast<std::uint8_t*>(out) + row, entries);
        sum = _mm512_add_epi64(sum, _mm512_sad_epu8(entries, _mm512_setzero_si512()));
    }
    return static_cast<std::uint32_t>(_mm512_reduce_add_epi64(sum));
}

}  // namespace

extern const ChainKernels kChainAvx512;
const ChainKernels kChainAvx512 = {copy_inputs, curves,      dac_errors<V>,  squares,
                                   noisy<V, P>, exact<V, P>, quantised<V, P>};
extern const ChainKernels kChainAmx;
const ChainKernels kChainAmx = {copy_inputs, curves, dac_errors<V>, squares, noisy<V, A>, exact<V, A>, quantised<V, A>};

}  // namespace lightcard::photonic_core

#endif
