// SPDX-License-Identifier: Apache-2.0
/// A small card and one good command of each kind, for the decoder tests to spoil.
#pragma once

#include <cstring>

#include "lightcard/model/control_chip/decode.h"

namespace lightcard::control_chip {

#define SQE_AT(member) static_cast<std::uint32_t>(offsetof(lc_sqe, member))
#define OP_AT(type, member) static_cast<std::uint32_t>(64 + offsetof(type, member))

constexpr std::uint64_t kSram = 1u << 20, kDram = 1u << 24;

inline DecodeLimits queue_limits()
{
    DecodeLimits limits;
    limits.n = 128;
    limits.cores = 2;
    limits.banks = 4;
    limits.sram_bytes = kSram;
    limits.dram_bytes = kDram;
    limits.io_queues = 4;
    limits.queue_entries = 256;
    limits.msix_vectors = 8;
    limits.max_transfer = 1u << 24;
    return limits;
}

inline DecodeLimits buffer_limits()
{
    DecodeLimits limits = queue_limits();
    limits.in_buffer = true;
    return limits;
}

constexpr std::uint64_t sram(std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_SRAM, offset);
}
constexpr std::uint64_t dram(std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_DRAM, offset);
}
constexpr std::uint64_t arg(unsigned i, std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_ARG0 + i, offset);
}

/// A 4x4x16 image, 3x3 kernel, padded: 16 output vectors, 144 rows.
inline lc_window good_window()
{
    lc_window w{};
    w.base = sram(0x1000);
    w.images = 1;
    w.out_h = w.out_w = w.height = w.width = 4;
    w.channels = 16;
    w.stride_n = 256;
    w.stride_h = 64;
    w.stride_w = 16;
    w.kernel_h = w.kernel_w = 3;
    w.step_h = w.step_w = w.dil_h = w.dil_w = 1;
    w.pad_h = w.pad_w = 1;
    return w;
}

inline lc_sqe sqe_of(std::uint8_t opcode)
{
    lc_sqe sqe{};
    sqe.opcode = opcode;
    sqe.cid = 7;
    if (operand_bytes(opcode) != 0) {
        sqe.src = LC_PTR(LC_SPACE_HOST, 0x4000);
        sqe.length = LC_OPERAND_BYTES;
    }
    if (opcode == LC_OP_PROGRAM_WEIGHTS || opcode == LC_OP_VERIFY_WEIGHTS || opcode == LC_OP_MVM) sqe.weight_id = 99;
    return sqe;
}

inline lc_sqe good_copy()
{
    lc_sqe sqe = sqe_of(LC_OP_COPY);
    sqe.src = LC_PTR(LC_SPACE_HOST, 0x10000);
    sqe.dst = dram(0x100);
    sqe.length = 256;
    sqe.u.copy = {4, 0, 512, 256};
    return sqe;
}

inline lc_program_op good_program()
{
    lc_program_op op{};
    op.core = 1;
    op.bank = 3;
    op.rows = 128;
    op.cols = 10;
    op.row_stride = 144;
    op.weights = dram(0);
    op.adc_range = dram(0x8000);
    return op;
}

inline lc_mvm_op good_mvm()
{
    lc_mvm_op op{};
    op.rows = 16;
    op.cols = 32;
    op.k0 = 128;
    op.flags = LC_MVM_ACC_LAST;
    op.in_format = op.out_format = LC_FMT_U8;
    op.in = good_window();
    op.out = {sram(0x2000), 4 * 4 * 32, 4 * 32, 32};
    op.psum = sram(0x4000);
    op.post = sram(0x8000);
    op.clamp_hi = 255;
    return op;
}

inline lc_vector_op good_vector(std::uint8_t kind)
{
    lc_vector_op op{};
    op.kind = kind;
    op.in = good_window();
    if (kind != LC_VEC_MAXPOOL && kind != LC_VEC_AVGPOOL) {
        op.in.kernel_h = op.in.kernel_w = 1;
        op.in.pad_h = op.in.pad_w = 0;
    }
    op.out = {sram(0x2000), 256, 64, 16};
    if (kind == LC_VEC_ADD || kind == LC_VEC_MUL) op.in2 = {sram(0x3000), 256, 64, 16};
    op.mult = 2;
    op.shift = 1;
    op.clamp_hi = 255;
    if (kind == LC_VEC_SOFTMAX) {
        const float scale = 0.5f;
        std::memcpy(&op.scale_f32, &scale, 4);
        op.out_format = LC_FMT_F32;
        op.out = {sram(0x2000), 1024, 256, 64};
    }
    if (kind == LC_VEC_TABLE || kind == LC_VEC_NORM || kind == LC_VEC_GATHER) op.table = sram(0x8000);
    if (kind == LC_VEC_NORM) op.scale_f32 = 0x3f800000;
    if (kind == LC_VEC_GATHER) {
        op.in_format = LC_FMT_S32;
        op.rows = 9;
    }
    return op;
}

inline lc_gemm_op good_gemm()
{
    lc_gemm_op op{};
    op.m = 12;
    op.n = 20;
    op.k = 64;
    op.a_format = op.b_format = LC_FMT_S8;
    op.out_format = LC_FMT_S8;
    op.a = sram(0);
    op.b = sram(0x1000);
    op.out = sram(0x2000);
    op.a_stride = op.b_stride = 64;
    op.out_stride = 20;
    op.batch = 3;
    op.a_batch = 12 * 64;
    op.b_batch = 20 * 64;
    op.out_batch = 240;
    op.post = sram(0x8000);
    op.clamp_lo = -128;
    op.clamp_hi = 127;
    return op;
}

/// 3 x 3 depthwise over two images of 8 x 4 x 8, 16 channels out (two a group), same size: 64 vectors.
inline lc_gemm_op good_convolution()
{
    lc_gemm_op op{};
    op.flags = LC_GEMM_WINDOW;
    op.m = 64;
    op.n = 2;
    op.k = 9;
    op.batch = 8;
    op.b_format = op.out_format = LC_FMT_S8;
    op.in.base = sram(0);
    op.in.images = 2;
    op.in.out_h = op.in.height = 8;
    op.in.out_w = op.in.width = 4;
    op.in.channels = 8;
    op.in.stride_n = 256;
    op.in.stride_h = 32;
    op.in.stride_w = 8;
    op.in.kernel_h = op.in.kernel_w = 3;
    op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
    op.in.pad_h = op.in.pad_w = 1;
    op.b = sram(0x1000);
    op.b_stride = 9;
    op.b_batch = 18;
    op.out = sram(0x2000);
    op.out_stride = 16;
    op.out_batch = 2;
    op.post = sram(0x8000);
    op.clamp_lo = -128;
    op.clamp_hi = 127;
    return op;
}

inline lc_exec_op good_exec()
{
    lc_exec_op op{};
    op.buffer = LC_PTR(LC_SPACE_HOST, 0x100000);
    op.records = 5;
    op.args[0] = LC_PTR(LC_SPACE_HOST, 0x2000);
    op.args[1] = sram(64);
    return op;
}

}  // namespace lightcard::control_chip
