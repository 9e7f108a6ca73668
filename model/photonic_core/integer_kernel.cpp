// SPDX-License-Identifier: Apache-2.0
//
// Packed layouts, in 32-bit words so that one broadcast word of inputs meets one word of weights per column:
//   avx512_vnni  [group of 16 columns][4 rows as s8]   [16 columns]   vpdpbusd: u8 x s8, four products into s32
//   avx2         [group of 8 columns ][2 rows as s16]  [8 columns ]   vpmaddwd: s16 x s16, two products into s32
// Neither saturates: vpdpbusd (not vpdpbusds), and two products of 255 * 128 fit s32. vpmaddubsw would saturate.
#include "lightcard/model/photonic_core/integer_kernel.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "lightcard/model/common/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lightcard::photonic_core {
namespace {

struct Shape {
    std::uint32_t cols, row_stride;
};

void multiply_portable(const std::int8_t* plane, Shape shape, const std::uint8_t* x, std::uint32_t vectors,
                       std::int32_t* sums)
{
    for (std::uint32_t v = 0; v < vectors; ++v, x += shape.row_stride) {
        for (std::uint32_t col = 0; col < shape.cols; ++col) {
            const std::int8_t* w = plane + std::size_t{col} * shape.row_stride;
            std::int32_t sum = 0;
            for (std::uint32_t row = 0; row < shape.row_stride; ++row)
                sum += static_cast<std::int32_t>(x[row]) * w[row];
            *sums++ = sum;
        }
    }
}

#if defined(__x86_64__)

constexpr std::uint32_t kVnniColumns = 16, kAvx2Columns = 8;

std::uint32_t groups(std::uint32_t cols, std::uint32_t width)
{
    return (cols + width - 1) / width;
}

std::vector<std::int32_t> pack_quads(const std::int8_t* plane, Shape shape)
{
    const std::uint32_t quads = shape.row_stride / 4;
    std::vector<std::int32_t> packed(std::size_t{groups(shape.cols, kVnniColumns)} * quads * kVnniColumns, 0);
    for (std::uint32_t col = 0; col < shape.cols; ++col) {
        const std::int8_t* source = plane + std::size_t{col} * shape.row_stride;
        std::int32_t* target = packed.data() + std::size_t{col / kVnniColumns} * quads * kVnniColumns;
        for (std::uint32_t quad = 0; quad < quads; ++quad)
            std::memcpy(target + quad * kVnniColumns + col % kVnniColumns, source + 4 * quad, 4);
    }
    return packed;
}

std::vector<std::int32_t> pack_pairs(const std::int8_t* plane, Shape shape)
{
    const std::uint32_t pairs = shape.row_stride / 2;
    std::vector<std::int32_t> packed(std::size_t{groups(shape.cols, kAvx2Columns)} * pairs * kAvx2Columns, 0);
    for (std::uint32_t col = 0; col < shape.cols; ++col) {
        const std::int8_t* source = plane + std::size_t{col} * shape.row_stride;
        std::int32_t* target = packed.data() + std::size_t{col / kAvx2Columns} * pairs * kAvx2Columns;
        for (std::uint32_t pair = 0; pair < pairs; ++pair) {
            const std::int16_t two[2] = {source[2 * pair], source[2 * pair + 1]};
            std::memcpy(target + pair * kAvx2Columns + col % kAvx2Columns, two, 4);
        }
    }
    return packed;
}

std::int32_t load_word(const void* bytes)
{
    std::int32_t word;
    std::memcpy(&word, bytes, 4);
    return word;
}

/// `count` vectors (a compile-time constant, so that the sums stay in registers) against one group of 16 columns.
template <std::uint32_t count>
__attribute__((target("avx512f,avx512vnni"))) void vnni_group(const std::int32_t* weights, std::uint32_t row_stride,
                                                              const std::uint8_t* x, __mmask16 mask, std::uint32_t cols,
                                                              std::int32_t* sums)
{
    __m512i total[count];
    for (std::uint32_t v = 0; v < count; ++v) total[v] = _mm512_setzero_si512();
    for (std::uint32_t row = 0; row < row_stride; row += 4, weights += kVnniColumns) {
        const __m512i w = _mm512_loadu_si512(weights);
        for (std::uint32_t v = 0; v < count; ++v)
            total[v] = _mm512_dpbusd_epi32(total[v], _mm512_set1_epi32(load_word(x + v * row_stride + row)), w);
    }
    for (std::uint32_t v = 0; v < count; ++v) _mm512_mask_storeu_epi32(sums + std::size_t{v} * cols, mask, total[v]);
}

/// Calls group<8>, then group<1> for the rest, over all columns.
void multiply_vnni(const std::vector<std::int32_t>& packed, Shape shape, const std::uint8_t* x, std::uint32_t vectors,
                   std::int32_t* sums)
{
    for (std::uint32_t col = 0; col < shape.cols; col += kVnniColumns) {
        const std::uint32_t width = std::min(kVnniColumns, shape.cols - col);
        const auto mask = static_cast<__mmask16>((1u << width) - 1);
        const std::int32_t* weights = packed.data() + std::size_t{col} * (shape.row_stride / 4);
        std::uint32_t v = 0;
        const auto at = [&](std::uint32_t vector) { return x + std::size_t{vector} * shape.row_stride; };
        const auto out = [&](std::uint32_t vector) { return sums + std::size_t{vector} * shape.cols + col; };
        for (; v + 8 <= vectors; v += 8) vnni_group<8>(weights, shape.row_stride, at(v), mask, shape.cols, out(v));
        for (; v < vectors; ++v) vnni_group<1>(weights, shape.row_stride, at(v), mask, shape.cols, out(v));
    }
}

template <std::uint32_t count>
__attribute__((target("avx2"))) void avx2_group(const std::int32_t* weights, std::uint32_t row_stride,
                                                const std::int16_t* x, std::uint32_t width, std::uint32_t cols,
                                                std::int32_t* sums)
{
    __m256i total[count];
    for (std::uint32_t v = 0; v < count; ++v) total[v] = _mm256_setzero_si256();
    for (std::uint32_t row = 0; row < row_stride; row += 2, weights += kAvx2Columns) {
        const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
        for (std::uint32_t v = 0; v < count; ++v) {
            const __m256i two = _mm256_set1_epi32(load_word(x + v * row_stride + row));
            total[v] = _mm256_add_epi32(total[v], _mm256_madd_epi16(two, w));
        }
    }
    for (std::uint32_t v = 0; v < count; ++v) {
        std::int32_t lanes[kAvx2Columns];
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), total[v]);
        std::copy_n(lanes, width, sums + std::size_t{v} * cols);
    }
}

void multiply_avx2(const std::vector<std::int32_t>& packed, Shape shape, const std::uint8_t* x, std::uint32_t vectors,
                   std::int32_t* sums)
{
    const std::vector<std::int16_t> wide(x, x + std::size_t{vectors} * shape.row_stride);
    for (std::uint32_t col = 0; col < shape.cols; col += kAvx2Columns) {
        const std::uint32_t width = std::min(kAvx2Columns, shape.cols - col);
        const std::int32_t* weights = packed.data() + std::size_t{col} * (shape.row_stride / 2);
        const auto at = [&](std::uint32_t vector) { return wide.data() + std::size_t{vector} * shape.row_stride; };
        const auto out = [&](std::uint32_t vector) { return sums + std::size_t{vector} * shape.cols + col; };
        std::uint32_t v = 0;
        for (; v + 8 <= vectors; v += 8) avx2_group<8>(weights, shape.row_stride, at(v), width, shape.cols, out(v));
        for (; v < vectors; ++v) avx2_group<1>(weights, shape.row_stride, at(v), width, shape.cols, out(v));
    }
}

#endif

}  // namespace

KernelIsa best_kernel_isa()
{
#if defined(__x86_64__)
    if (has_amx()) return KernelIsa::amx;
    if (has_avx512()) return KernelIsa::avx512_vnni;
    if (has_avx2()) return KernelIsa::avx2;
#endif
    return KernelIsa::portable;
}

const char* to_string(KernelIsa isa)
{
    switch (isa) {
        case KernelIsa::amx:
            return "amx";
        case KernelIsa::avx512_vnni:
            return "avx512_vnni";
        case KernelIsa::avx2:
            return "avx2";
        case KernelIsa::portable:
            break;
    }
    return "portable";
}

KernelIsa kernel_isa(const std::string& simd)
{
    for (const KernelIsa isa : {KernelIsa::portable, KernelIsa::avx2, KernelIsa::avx512_vnni, KernelIsa::amx})
        if (simd == to_string(isa)) return std::min(isa, best_kernel_isa());
    return best_kernel_isa();
}

PlaneKernel::PlaneKernel(const std::int8_t* plane, std::uint32_t cols, std::uint32_t row_stride, KernelIsa isa)
    : plane_(plane), cols_(cols), row_stride_(row_stride), isa_(std::min(isa, KernelIsa::avx512_vnni))
{
#if defined(__x86_64__)
    if (isa_ == KernelIsa::avx512_vnni) packed_ = pack_quads(plane, {cols, row_stride});
    if (isa_ == KernelIsa::avx2) packed_ = pack_pairs(plane, {cols, row_stride});
#else
    isa_ = KernelIsa::portable;
#endif
}

void PlaneKernel::multiply(const std::uint8_t* x, std::uint32_t vectors, std::int32_t* sums) const
{
    const Shape shape{cols_, row_stride_};
#if defined(__x86_64__)
    if (isa_ == KernelIsa::avx512_vnni) return multiply_vnni(packed_, shape, x, vectors, sums);
    if (isa_ == KernelIsa::avx2) return multiply_avx2(packed_, shape, x, vectors, sums);
#endif
    multiply_portable(plane_, shape, x, vectors, sums);
}

}  // namespace lightcard::photonic_core
