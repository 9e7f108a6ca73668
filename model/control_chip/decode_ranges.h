// SPDX-License-Identifier: Apache-2.0
/// Private to the decoders: field offsets, the checks of operand blocks, and the exact byte ranges that windows,
/// surfaces and tables touch, in 128-bit arithmetic.
#pragma once

#include <cstdint>

#include "lightcard/model/control_chip/decode.h"

/// Where a fault points: DecodeFault::field.
#define SQE_FIELD(member) offsetof(lc_sqe, member)
#define OP_FIELD(type, member) (sizeof(lc_sqe) + offsetof(type, member))

namespace lightcard::control_chip {

using Wide = unsigned __int128;

inline DecodeFault bad_field(std::size_t field, const char* text)
{
    return {LC_SC_INVALID_FIELD, static_cast<std::uint32_t>(field), text};
}
inline DecodeFault bad_address(std::size_t field, const char* text)
{
    return {LC_SC_ADDRESS, static_cast<std::uint32_t>(field), text};
}
/// First non-zero byte of [data, data + bytes) at `field`, if any.
MaybeFault check_reserved(const void* data, std::size_t bytes, std::size_t field);

/// Which memories an engine reaches.
enum class Reach { anywhere, card, scratchpad };

/// [pointer, pointer + bytes) lies inside one memory that is within reach; host memory has 56 bits.
MaybeFault check_range(std::uint64_t pointer, Wide bytes, Reach reach, const DecodeLimits& limits, std::size_t field);
/// Same for a table of 32-bit words: 4-byte aligned.
MaybeFault check_words(std::uint64_t pointer, Wide bytes, Reach reach, const DecodeLimits& limits, std::size_t field);

/// Counts, steps and alignment of a window whose elements are `element` bytes.
MaybeFault check_window_shape(const lc_window& window, std::uint32_t element, std::size_t field);
/// Every position inside [0,height) x [0,width) that kernel rows [k0, k0 + rows) read lies in SRAM.
MaybeFault check_window_reads(const lc_window& window, std::uint64_t k0, std::uint64_t rows, std::uint32_t element,
                              std::uint32_t channel_stride, const DecodeLimits& limits, std::size_t field);
/// A surface of images x out_h x out_w x columns elements: aligned, in SRAM, no two elements overlap if written.
struct SurfaceShape {
    std::uint32_t images, out_h, out_w, columns;
    std::uint32_t element;         ///< bytes
    std::uint32_t channel_stride;  ///< bytes; 0 = dense
    bool written;
};
MaybeFault check_surface(const lc_surface& surface, const SurfaceShape& shape, const DecodeLimits& limits,
                         std::size_t field);

/// clamp and zero point of an 8-bit output format.
MaybeFault check_output_clamp(std::uint32_t format, std::int32_t lo, std::int32_t hi, std::int32_t zero_point,
                              std::size_t lo_field, std::size_t zero_field);

MaybeFault check_operands(const lc_program_op& op, const DecodeLimits& limits);
MaybeFault check_operands(const lc_mvm_op& op, const DecodeLimits& limits);
MaybeFault check_operands(const lc_vector_op& op, const DecodeLimits& limits);
MaybeFault check_operands(const lc_gemm_op& op, const DecodeLimits& limits);
MaybeFault check_operands(const lc_exec_op& op, const DecodeLimits& limits);

}  // namespace lightcard::control_chip
