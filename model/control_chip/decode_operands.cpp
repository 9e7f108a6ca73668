// SPDX-License-Identifier: Apache-2.0
/// Checks of the operand blocks.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "lightcard/model/control_chip/decode_ranges.h"

namespace lightcard::control_chip {
namespace {

bool is_code(std::uint32_t format)
{
    return format == LC_FMT_U8 || format == LC_FMT_S8;
}
bool is_integer(std::uint32_t format)
{
    return is_code(format) || format == LC_FMT_S16 || format == LC_FMT_S32;
}
bool is_operand(std::uint32_t format)
{
    return is_code(format) || format == LC_FMT_S16;
}
bool has_second(std::uint8_t kind)
{
    return kind == LC_VEC_ADD || kind == LC_VEC_MUL;
}
bool has_table(std::uint8_t kind)
{
    return kind == LC_VEC_TABLE || kind == LC_VEC_NORM || kind == LC_VEC_GATHER;
}

MaybeFault check_tile(const DecodeLimits& limits, std::uint16_t core, std::uint16_t bank, std::uint16_t rows,
                      std::uint16_t cols, std::size_t field)
{
    if (core >= limits.cores) return bad_field(field, "core: beyond the card's cores");
    if (bank >= limits.banks) return bad_field(field + 2, "bank: beyond the core's banks");
    if (rows == 0 || rows > limits.n) return bad_field(field + 4, "rows: 1 .. n");
    if (cols == 0 || cols > limits.n) return bad_field(field + 6, "cols: 1 .. n");
    return std::nullopt;
}

std::uint32_t copies_of(std::uint16_t field)
{
    return field == 0 ? 1 : field;
}

MaybeFault check_mvm_fields(const lc_mvm_op& op, const DecodeLimits& limits)
{
    if (auto fault = check_tile(limits, op.core, op.bank, op.rows, op.cols, OP_FIELD(lc_mvm_op, core))) return fault;
    if ((op.flags & ~(LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST | LC_MVM_COUNT_SAMPLES)) != 0) {
        return bad_field(OP_FIELD(lc_mvm_op, flags), "flags: unknown bit");
    }
    if (!is_code(op.in_format)) return bad_field(OP_FIELD(lc_mvm_op, in_format), "in_format: u8 or s8");
    if (!is_integer(op.out_format)) return bad_field(OP_FIELD(lc_mvm_op, out_format), "out_format: u8, s8, s16 or s32");
    if (op.passes > kMaxPasses) return bad_field(OP_FIELD(lc_mvm_op, passes), "passes: 0 .. 64");
    if (op.rows % copies_of(op.row_copies) != 0)
        return bad_field(OP_FIELD(lc_mvm_op, row_copies), "row_copies: must divide rows");
    if (op.cols % copies_of(op.col_copies) != 0)
        return bad_field(OP_FIELD(lc_mvm_op, col_copies), "col_copies: must divide cols");
    return check_reserved(op.rsvd, sizeof op.rsvd, OP_FIELD(lc_mvm_op, rsvd));
}

std::uint32_t outputs_of(const lc_mvm_op& op)
{
    return op.cols / copies_of(op.col_copies);
}

/// Post-processing of a last partial sum: constants, clamp and surface.
MaybeFault check_mvm_output(const lc_mvm_op& op, const DecodeLimits& limits)
{
    if (op.out_format != LC_FMT_S32) {
        if (op.post == 0) return bad_address(OP_FIELD(lc_mvm_op, post), "post: needed unless the output is s32");
        if (auto fault = check_output_clamp(op.out_format, op.clamp_lo, op.clamp_hi, op.zero_point,
                                            OP_FIELD(lc_mvm_op, clamp_lo), OP_FIELD(lc_mvm_op, zero_point))) {
            return fault;
        }
    }
    if (op.post != 0) {
        const Wide bytes = Wide{outputs_of(op)} * kPostBytesPerColumn;
        if (auto fault = check_words(op.post, bytes, Reach::scratchpad, limits, OP_FIELD(lc_mvm_op, post)))
            return fault;
    }
    const SurfaceShape shape{op.in.images, op.in.out_h, op.in.out_w, outputs_of(op), format_bytes(op.out_format), 0,
                             true};
    return check_surface(op.out, shape, limits, OP_FIELD(lc_mvm_op, out));
}

/// Which formats a kind of vector operation takes.
MaybeFault check_vector_formats(const lc_vector_op& op)
{
    constexpr std::size_t in = OP_FIELD(lc_vector_op, in_format), out = OP_FIELD(lc_vector_op, out_format);
    switch (op.kind) {
        case LC_VEC_ADD:
        case LC_VEC_MUL:
            if (!is_operand(op.in_format)) return bad_field(in, "in_format: u8, s8 or s16");
            if (!is_operand(op.in2_format))
                return bad_field(OP_FIELD(lc_vector_op, in2_format), "in2_format: u8, s8 or s16");
            if (!is_integer(op.out_format)) return bad_field(out, "out_format: u8, s8, s16 or s32");
            return std::nullopt;
        case LC_VEC_REQUANT:
            if (!is_integer(op.in_format)) return bad_field(in, "in_format: u8, s8, s16 or s32");
            if (!is_integer(op.out_format)) return bad_field(out, "out_format: u8, s8, s16 or s32");
            return std::nullopt;
        case LC_VEC_AVGPOOL:
        case LC_VEC_NORM:
            if (!is_operand(op.in_format)) return bad_field(in, "in_format: u8, s8 or s16");
            if (!is_integer(op.out_format)) return bad_field(out, "out_format: u8, s8, s16 or s32");
            return std::nullopt;
        case LC_VEC_MAXPOOL:
            if (!is_integer(op.in_format)) return bad_field(in, "in_format: u8, s8, s16 or s32");
            if (op.out_format != op.in_format) return bad_field(out, "out_format: must equal in_format");
            return std::nullopt;
        case LC_VEC_MOVE:
            if (format_bytes(op.in_format) == 0) return bad_field(in, "in_format: u8, s8, s16, s32 or f32");
            if (op.out_format != op.in_format) return bad_field(out, "out_format: must equal in_format");
            return std::nullopt;
        case LC_VEC_SOFTMAX:
            if (!is_integer(op.in_format)) return bad_field(in, "in_format: u8, s8, s16 or s32");
            if (format_bytes(op.out_format) == 0) return bad_field(out, "out_format: f32, u8, s8, s16 or s32");
            return std::nullopt;
        case LC_VEC_TABLE:
            if (!is_code(op.in_format)) return bad_field(in, "in_format: u8 or s8");
            if (!is_operand(op.out_format)) return bad_field(out, "out_format: u8, s8 or s16");
            return std::nullopt;
        case LC_VEC_GATHER:
            if (op.in_format != LC_FMT_S32) return bad_field(in, "in_format: s32 indices");
            if (format_bytes(op.out_format) == 0) return bad_field(out, "out_format: u8, s8, s16, s32 or f32");
            return std::nullopt;
        default:
            return bad_field(OP_FIELD(lc_vector_op, kind), "kind: 1 .. 10");
    }
}

MaybeFault check_vector_unused(const lc_vector_op& op)
{
    std::uint8_t flags = 0;
    if (op.kind == LC_VEC_AVGPOOL) flags = LC_VEC_VALID_COUNT;
    if (op.kind == LC_VEC_NORM) flags = LC_VEC_RMS;
    if (has_second(op.kind)) flags = LC_VEC_IN2_SCALAR;
    if ((op.flags & ~flags) != 0) return bad_field(OP_FIELD(lc_vector_op, flags), "flags: unknown bit");
    if (auto fault = check_reserved(op.rsvd0, sizeof op.rsvd0, OP_FIELD(lc_vector_op, rsvd0))) return fault;
    if (auto fault = check_reserved(op.rsvd1, sizeof op.rsvd1, OP_FIELD(lc_vector_op, rsvd1))) return fault;
    if (auto fault = check_reserved(op.rsvd, sizeof op.rsvd, OP_FIELD(lc_vector_op, rsvd))) return fault;
    if (!has_second(op.kind)) {
        if (auto fault = check_reserved(&op.in2, sizeof op.in2, OP_FIELD(lc_vector_op, in2))) return fault;
        if (op.in2_format != 0) return bad_field(OP_FIELD(lc_vector_op, in2_format), "in2_format: ADD and MUL only");
    }
    if (!has_table(op.kind) && op.table != 0)
        return bad_field(OP_FIELD(lc_vector_op, table), "table: TABLE, NORM and GATHER only");
    if (op.kind != LC_VEC_GATHER && op.rows != 0) return bad_field(OP_FIELD(lc_vector_op, rows), "rows: GATHER only");
    if (op.kind == LC_VEC_MOVE) return std::nullopt;
    if (op.out_channel_stride != 0) {
        return bad_field(OP_FIELD(lc_vector_op, out_channel_stride), "out_channel_stride: MOVE only");
    }
    if (op.in_channel_stride != 0) {
        return bad_field(OP_FIELD(lc_vector_op, in_channel_stride), "in_channel_stride: MOVE only");
    }
    return std::nullopt;
}

MaybeFault check_vector_arithmetic(const lc_vector_op& op)
{
    const bool pool = op.kind == LC_VEC_MAXPOOL || op.kind == LC_VEC_AVGPOOL;
    const std::uint32_t area = std::uint32_t{op.in.kernel_h} * op.in.kernel_w;
    if (!pool && area != 1) return bad_field(OP_FIELD(lc_vector_op, in.kernel_h), "kernel: 1x1 but for pools");
    if (area > kMaxPoolArea) return bad_field(OP_FIELD(lc_vector_op, in.kernel_h), "kernel: at most 65536 positions");
    if (Wide{op.in.images} * op.in.out_h * op.in.out_w * op.in.channels * area > kMaxElements) {
        return bad_field(OP_FIELD(lc_vector_op, in.images), "vectors * channels * kernel positions: at most 2^30");
    }
    if (op.kind == LC_VEC_SOFTMAX || op.kind == LC_VEC_NORM) {
        float scale = 0;
        std::memcpy(&scale, &op.scale_f32, sizeof scale);
        if (!std::isfinite(scale) || !(scale > 0))
            return bad_field(OP_FIELD(lc_vector_op, scale_f32), "scale_f32: positive and finite");
        if (op.kind == LC_VEC_NORM && op.in.channels > kMaxNormChannels)
            return bad_field(OP_FIELD(lc_vector_op, in.channels), "channels: at most 65536 of a NORM");
    } else if (op.kind == LC_VEC_MAXPOOL || op.kind == LC_VEC_MOVE || op.kind == LC_VEC_TABLE ||
               op.kind == LC_VEC_GATHER) {
        return std::nullopt;
    } else if (op.shift < 1 || op.shift > 62) {
        return bad_field(OP_FIELD(lc_vector_op, shift), "shift: 1 .. 62");
    }
    if (op.out_format == LC_FMT_F32) return std::nullopt;
    return check_output_clamp(op.out_format, op.clamp_lo, op.clamp_hi, op.zero_point, OP_FIELD(lc_vector_op, clamp_lo),
                              OP_FIELD(lc_vector_op, zero_point));
}

/// What TABLE, NORM and GATHER look up.
MaybeFault check_vector_table(const lc_vector_op& op, const DecodeLimits& limits)
{
    constexpr std::size_t field = OP_FIELD(lc_vector_op, table);
    const std::uint32_t out = format_bytes(op.out_format);
    if (op.kind == LC_VEC_NORM)
        return check_words(op.table, Wide{op.in.channels} * 8, Reach::scratchpad, limits, field);
    if (op.kind == LC_VEC_GATHER && op.rows == 0)
        return bad_field(OP_FIELD(lc_vector_op, rows), "rows: must not be zero");
    if (LC_PTR_OFFSET(op.table) % out != 0) return bad_address(field, "must be aligned to the element");
    const Wide elements = op.kind == LC_VEC_GATHER ? Wide{op.rows} * op.in.channels : Wide{256};
    return check_range(op.table, elements * out, Reach::scratchpad, limits, field);
}

/// One operand of a GEMM: images x batch x rows x columns, all strides but the columns' in bytes.
struct Matrix {
    std::uint64_t pointer, image_stride, batch_stride;
    std::uint32_t rows, columns, stride, element;
    bool written;
    std::size_t field, stride_field, batch_field, image_field;
};

MaybeFault check_matrix(const Matrix& m, const lc_gemm_op& op, const DecodeLimits& limits)
{
    struct Dimension {
        std::uint32_t count;
        std::uint64_t stride;
        std::size_t field;
    };
    std::array<Dimension, 3> dimensions{{{m.rows, m.stride, m.stride_field},
                                         {std::max<std::uint32_t>(1, op.batch), m.batch_stride, m.batch_field},
                                         {std::max<std::uint32_t>(1, op.images), m.image_stride, m.image_field}}};
    if (LC_PTR_OFFSET(m.pointer) % m.element != 0) return bad_address(m.field, "must be aligned to the element");
    for (const Dimension& d : dimensions)
        if (d.stride % m.element != 0) return bad_field(d.field, "stride: must be aligned to the element");
    std::stable_sort(dimensions.begin(), dimensions.end(),
                     [](const Dimension& a, const Dimension& b) { return a.stride < b.stride; });
    Wide extent = Wide{m.columns} * m.element;
    for (const Dimension& d : dimensions) {
        if (d.count <= 1) continue;
        if (m.written && d.stride < extent) return bad_field(d.field, "stride: output elements overlap");
        extent += Wide{d.count - 1u} * d.stride;
    }
    return check_range(m.pointer, extent, Reach::scratchpad, limits, m.field);
}

MaybeFault check_gemm_fields(const lc_gemm_op& op)
{
    if (op.m == 0) return bad_field(OP_FIELD(lc_gemm_op, m), "m: must not be zero");
    if (op.n == 0) return bad_field(OP_FIELD(lc_gemm_op, n), "n: must not be zero");
    if (op.k == 0 || op.k > kMaxGemmDepth) return bad_field(OP_FIELD(lc_gemm_op, k), "k: 1 .. 32768");
    if (!is_operand(op.a_format)) return bad_field(OP_FIELD(lc_gemm_op, a_format), "a_format: u8, s8 or s16");
    if (!is_operand(op.b_format)) return bad_field(OP_FIELD(lc_gemm_op, b_format), "b_format: u8, s8 or s16");
    if (!is_integer(op.out_format))
        return bad_field(OP_FIELD(lc_gemm_op, out_format), "out_format: u8, s8, s16 or s32");
    if ((op.flags & ~LC_GEMM_WINDOW) != 0) return bad_field(OP_FIELD(lc_gemm_op, flags), "flags: unknown bit");
    const Wide matrices = Wide{std::max<std::uint32_t>(1, op.batch)} * std::max<std::uint32_t>(1, op.images);
    if (Wide{op.m} * op.n > kMaxMacs || Wide{op.m} * op.n * op.k * matrices > kMaxMacs)
        return bad_field(OP_FIELD(lc_gemm_op, m), "images * batch * m * n * k: at most 2^34");
    if ((op.flags & LC_GEMM_WINDOW) != 0) return std::nullopt;
    return check_reserved(&op.in, sizeof op.in, OP_FIELD(lc_gemm_op, in));
}

/// A convolution: the window takes the place of `a`, and m and k have to be its own.
MaybeFault check_gemm_window(const lc_gemm_op& op, const DecodeLimits& limits)
{
    constexpr const char* kUnused = "must be zero with a window";
    if (!is_code(op.a_format)) return bad_field(OP_FIELD(lc_gemm_op, a_format), "a_format: u8 or s8 with a window");
    if (!is_code(op.b_format)) return bad_field(OP_FIELD(lc_gemm_op, b_format), "b_format: u8 or s8 with a window");
    if (op.a != 0) return bad_field(OP_FIELD(lc_gemm_op, a), kUnused);
    if (op.a_stride != 0) return bad_field(OP_FIELD(lc_gemm_op, a_stride), kUnused);
    if (op.a_batch != 0) return bad_field(OP_FIELD(lc_gemm_op, a_batch), kUnused);
    if (op.images != 0) return bad_field(OP_FIELD(lc_gemm_op, images), kUnused);
    if (op.a_image != 0) return bad_field(OP_FIELD(lc_gemm_op, a_image), kUnused);
    if (op.b_image != 0) return bad_field(OP_FIELD(lc_gemm_op, b_image), kUnused);
    if (op.out_image != 0) return bad_field(OP_FIELD(lc_gemm_op, out_image), kUnused);
    if (auto fault = check_window_shape(op.in, 1, OP_FIELD(lc_gemm_op, in))) return fault;
    const std::uint32_t groups = std::max<std::uint32_t>(1, op.batch);
    if (op.in.channels % groups != 0) return bad_field(OP_FIELD(lc_gemm_op, batch), "batch: must divide the channels");
    if (Wide{op.in.images} * op.in.out_h * op.in.out_w != op.m)
        return bad_field(OP_FIELD(lc_gemm_op, m), "m: the window's vectors");
    const std::uint64_t depth = std::uint64_t{op.in.kernel_h} * op.in.kernel_w * op.in.channels;
    if (depth > kMaxWindowDepth)
        return bad_field(OP_FIELD(lc_gemm_op, in), "kernel positions * channels: at most 2^22");
    if (depth != std::uint64_t{op.k} * groups)
        return bad_field(OP_FIELD(lc_gemm_op, k), "k: kernel_h * kernel_w * channels / batch");
    return check_window_reads(op.in, 0, depth, 1, 0, limits, OP_FIELD(lc_gemm_op, in));
}

}  // namespace

std::uint32_t format_bytes(std::uint32_t format)
{
    switch (format) {
        case LC_FMT_U8:
        case LC_FMT_S8:
            return 1;
        case LC_FMT_S16:
            return 2;
        case LC_FMT_S32:
        case LC_FMT_F32:
            return 4;
        default:
            return 0;
    }
}

MaybeFault check_operands(const lc_program_op& op, const DecodeLimits& limits)
{
    if (auto fault = check_tile(limits, op.core, op.bank, op.rows, op.cols, OP_FIELD(lc_program_op, core)))
        return fault;
    if (op.row_stride < op.rows || op.row_stride > kMaxRowStride) {
        return bad_field(OP_FIELD(lc_program_op, row_stride), "row_stride: rows .. 65536");
    }
    if (op.flags != 0) return bad_field(OP_FIELD(lc_program_op, flags), "flags: none defined");
    if (auto fault = check_reserved(op.rsvd, sizeof op.rsvd, OP_FIELD(lc_program_op, rsvd))) return fault;
    const Wide bytes = Wide{op.cols - 1u} * op.row_stride + op.rows;
    if (auto fault = check_range(op.weights, bytes, Reach::card, limits, OP_FIELD(lc_program_op, weights)))
        return fault;
    if (op.adc_range == 0) return std::nullopt;
    return check_words(op.adc_range, Wide{op.cols} * 4, Reach::card, limits, OP_FIELD(lc_program_op, adc_range));
}

MaybeFault check_operands(const lc_mvm_op& op, const DecodeLimits& limits)
{
    if (auto fault = check_mvm_fields(op, limits)) return fault;
    if (auto fault = check_window_shape(op.in, 1, OP_FIELD(lc_mvm_op, in))) return fault;
    const std::uint64_t depth = std::uint64_t{op.in.kernel_h} * op.in.kernel_w * op.in.channels;
    const std::uint32_t inputs = op.rows / copies_of(op.row_copies);
    if (std::uint64_t{op.k0} + inputs > depth) {
        return bad_field(OP_FIELD(lc_mvm_op, k0), "k0 + rows / row_copies: beyond kernel_h * kernel_w * channels");
    }
    if (op.scale != 0) {
        const std::size_t field = OP_FIELD(lc_mvm_op, scale);
        if (LC_PTR_OFFSET(op.scale) % 2 != 0) return bad_address(field, "must be aligned to the element");
        if (auto fault = check_range(op.scale, Wide{outputs_of(op)} * 2, Reach::scratchpad, limits, field))
            return fault;
    }
    if (auto fault = check_window_reads(op.in, op.k0, inputs, 1, 0, limits, OP_FIELD(lc_mvm_op, in))) return fault;
    const bool first = (op.flags & LC_MVM_ACC_FIRST) != 0, last = (op.flags & LC_MVM_ACC_LAST) != 0;
    if (!first || !last) {
        const std::size_t field = OP_FIELD(lc_mvm_op, psum);
        const Wide bytes = Wide{op.in.images} * op.in.out_h * op.in.out_w * outputs_of(op) * 4;
        if (auto fault = check_words(op.psum, bytes, Reach::scratchpad, limits, field)) return fault;
    }
    return last ? check_mvm_output(op, limits) : std::nullopt;
}

MaybeFault check_operands(const lc_vector_op& op, const DecodeLimits& limits)
{
    if (auto fault = check_vector_formats(op)) return fault;
    if (auto fault = check_vector_unused(op)) return fault;
    const std::uint32_t in = format_bytes(op.in_format);
    if (auto fault = check_window_shape(op.in, in, OP_FIELD(lc_vector_op, in))) return fault;
    if (auto fault = check_vector_arithmetic(op)) return fault;
    if (op.in_channel_stride % in != 0) {
        return bad_field(OP_FIELD(lc_vector_op, in_channel_stride), "in_channel_stride: must be aligned");
    }
    const std::uint64_t rows =
        op.kind == LC_VEC_GATHER ? 1 : std::uint64_t{op.in.kernel_h} * op.in.kernel_w * op.in.channels;
    if (auto fault = check_window_reads(op.in, 0, rows, in, op.in_channel_stride, limits, OP_FIELD(lc_vector_op, in))) {
        return fault;
    }
    SurfaceShape shape{op.in.images,          op.in.out_h, op.in.out_w, op.in.channels, format_bytes(op.out_format),
                       op.out_channel_stride, true};
    if (auto fault = check_surface(op.out, shape, limits, OP_FIELD(lc_vector_op, out))) return fault;
    if (has_table(op.kind)) return check_vector_table(op, limits);
    if (!has_second(op.kind)) return std::nullopt;
    shape.element = format_bytes(op.in2_format);
    if ((op.flags & LC_VEC_IN2_SCALAR) != 0) shape.columns = 1;
    shape.written = false;
    return check_surface(op.in2, shape, limits, OP_FIELD(lc_vector_op, in2));
}

MaybeFault check_operands(const lc_gemm_op& op, const DecodeLimits& limits)
{
    if (auto fault = check_gemm_fields(op)) return fault;
    const Matrix matrices[] = {
        {op.a, op.a_image, op.a_batch, op.m, op.k, op.a_stride, format_bytes(op.a_format), false,
         OP_FIELD(lc_gemm_op, a), OP_FIELD(lc_gemm_op, a_stride), OP_FIELD(lc_gemm_op, a_batch),
         OP_FIELD(lc_gemm_op, a_image)},
        {op.b, op.b_image, op.b_batch, op.n, op.k, op.b_stride, format_bytes(op.b_format), false,
         OP_FIELD(lc_gemm_op, b), OP_FIELD(lc_gemm_op, b_stride), OP_FIELD(lc_gemm_op, b_batch),
         OP_FIELD(lc_gemm_op, b_image)},
        {op.out, op.out_image, op.out_batch, op.m, op.n, op.out_stride, format_bytes(op.out_format), true,
         OP_FIELD(lc_gemm_op, out), OP_FIELD(lc_gemm_op, out_stride), OP_FIELD(lc_gemm_op, out_batch),
         OP_FIELD(lc_gemm_op, out_image)}};
    const bool windowed = (op.flags & LC_GEMM_WINDOW) != 0;
    if (windowed) {
        if (auto fault = check_gemm_window(op, limits)) return fault;
    }
    for (const Matrix& matrix : matrices) {
        if (windowed && &matrix == &matrices[0]) continue;
        if (auto fault = check_matrix(matrix, op, limits)) return fault;
    }
    if (op.out_format != LC_FMT_S32) {
        if (op.post == 0) return bad_address(OP_FIELD(lc_gemm_op, post), "post: needed unless the output is s32");
        if (auto fault = check_output_clamp(op.out_format, op.clamp_lo, op.clamp_hi, op.zero_point,
                                            OP_FIELD(lc_gemm_op, clamp_lo), OP_FIELD(lc_gemm_op, zero_point))) {
            return fault;
        }
    }
    if (op.post == 0) return std::nullopt;
    const Wide columns = Wide{op.n} * (windowed ? std::max<std::uint32_t>(1, op.batch) : 1);
    return check_words(op.post, columns * kPostBytesPerColumn, Reach::scratchpad, limits, OP_FIELD(lc_gemm_op, post));
}

MaybeFault check_operands(const lc_exec_op& op, const DecodeLimits& limits)
{
    if (op.records == 0) return bad_field(OP_FIELD(lc_exec_op, records), "records: must not be zero");
    if (op.flags != 0) return bad_field(OP_FIELD(lc_exec_op, flags), "flags: none defined");
    if (auto fault = check_reserved(op.rsvd, sizeof op.rsvd, OP_FIELD(lc_exec_op, rsvd))) return fault;
    for (std::size_t i = 0; i < LC_ARGS; ++i) {
        if (auto fault = check_range(op.args[i], 0, Reach::anywhere, limits, OP_FIELD(lc_exec_op, args) + 8 * i))
            return fault;
    }
    const Wide bytes = Wide{op.records} * LC_RECORD_BYTES;
    return check_range(op.buffer, bytes, Reach::anywhere, limits, OP_FIELD(lc_exec_op, buffer));
}

}  // namespace lightcard::control_chip
