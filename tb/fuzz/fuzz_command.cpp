// SPDX-License-Identifier: Apache-2.0
// Commands as a guest writes them: an SQE, its operand block, a record of a command buffer.
// Input: 1 byte of mode, 64 bytes SQE, 192 bytes operands, 64 bytes EXEC arguments (missing bytes are zero).
#include "lightcard/model/control_chip/decode.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {
namespace {

using namespace control_chip;

struct Input {
    std::uint8_t mode = 0;
    lc_record record{};
    std::uint64_t args[LC_ARGS] = {};
};

enum Mode : std::uint8_t { kQueue, kBuffer, kAdmin, kModes };

DecodeLimits limits(Mode mode)
{
    DecodeLimits limits;
    limits.sram_bytes = 64ull << 20;
    limits.dram_bytes = 8ull << 30;
    limits.io_queues = 8;
    limits.queue_entries = 1024;
    limits.msix_vectors = 9;
    limits.in_buffer = mode == kBuffer;
    limits.inject = true;
    return limits;
}

Input parse(const std::uint8_t* data, std::size_t size)
{
    Input input;
    auto take = [&](void* into, std::size_t bytes) {
        const std::size_t taken = bytes < size ? bytes : size;
        if (taken == 0) return;
        std::memcpy(into, data, taken);
        data += taken, size -= taken;
    };
    take(&input.mode, 1);
    take(&input.record, sizeof input.record);
    take(input.args, sizeof input.args);
    return input;
}

/// Variant alternative of DecodedCommand::operands that belongs to an opcode of an I/O queue.
std::size_t alternative(std::uint8_t opcode)
{
    switch (opcode) {
        case LC_OP_PROGRAM_WEIGHTS:
        case LC_OP_VERIFY_WEIGHTS:
            return 1;
        case LC_OP_MVM:
            return 2;
        case LC_OP_VECTOR:
            return 3;
        case LC_OP_GEMM:
            return 4;
        case LC_OP_EXEC:
            return 5;
        default:
            return 0;
    }
}

bool check(const DecodeResult& result, const lc_sqe& sqe, Mode mode)
{
    if (!result.ok()) {
        const DecodeFault& fault = result.fault();
        require(fault.status != LC_SC_SUCCESS, "a refusal has a status");
        require(fault.field < sizeof(lc_record), "the offending field lies inside the command");
        require(fault.text != nullptr && *fault.text != 0, "a refusal says why");
        return false;
    }
    require(result.command().opcode == sqe.opcode, "the opcode survives");
    if (mode == kAdmin) return true;
    require(result.command().operands.index() == alternative(sqe.opcode), "operands have the opcode's type");
    if (sqe.opcode == LC_OP_COPY) {
        const std::uint64_t bytes = std::uint64_t{result.command().copy_rows()} * sqe.length;
        require(bytes > 0 && bytes <= limits(mode).max_transfer, "COPY moves something, and not too much");
    }
    return true;
}

Bytes input(Mode mode, const lc_sqe& sqe)
{
    Bytes bytes{mode};
    append(bytes, sqe);
    return bytes;
}

template <class Op>
Bytes input(Mode mode, std::uint8_t opcode, std::uint64_t src, const Op& op)
{
    lc_sqe sqe{};
    sqe.opcode = opcode;
    sqe.weight_id = opcode == LC_OP_PROGRAM_WEIGHTS || opcode == LC_OP_MVM ? 1 : 0;
    sqe.src = src;
    sqe.length = LC_OPERAND_BYTES;
    Bytes bytes = input(mode, sqe);
    append(bytes, op);
    return bytes;
}

lc_window one_position(std::uint32_t channels)
{
    lc_window window{};
    window.base = LC_PTR(LC_SPACE_SRAM, 0);
    window.images = window.out_h = window.out_w = window.height = window.width = 1;
    window.channels = channels;
    window.kernel_h = window.kernel_w = window.step_h = window.step_w = window.dil_h = window.dil_w = 1;
    return window;
}

lc_program_op program()
{
    lc_program_op op{};
    op.rows = op.cols = 128;
    op.row_stride = 128;
    op.weights = LC_PTR(LC_SPACE_DRAM, 0);
    return op;
}

lc_mvm_op mvm()
{
    lc_mvm_op op{};
    op.rows = op.cols = 128;
    op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
    op.out_format = LC_FMT_S32;
    op.in = one_position(128);
    op.out.base = LC_PTR(LC_SPACE_SRAM, 0x1000);
    return op;
}

lc_vector_op requantise()
{
    lc_vector_op op{};
    op.kind = LC_VEC_REQUANT;
    op.in = one_position(16);
    op.out.base = LC_PTR(LC_SPACE_SRAM, 0x1000);
    op.mult = 1;
    op.shift = 1;
    op.clamp_hi = 255;
    return op;
}

lc_vector_op with_table(std::uint8_t kind)
{
    lc_vector_op op = requantise();
    op.kind = kind;
    op.table = LC_PTR(LC_SPACE_SRAM, 0x2000);
    if (kind == LC_VEC_NORM) op.scale_f32 = 0x3f800000;
    if (kind == LC_VEC_TABLE || kind == LC_VEC_GATHER) op.out_format = LC_FMT_S16;
    if (kind == LC_VEC_GATHER) {
        op.in_format = LC_FMT_S32;
        op.rows = 512;
    }
    return op;
}

lc_vector_op product()
{
    lc_vector_op op = requantise();
    op.kind = LC_VEC_MUL;
    op.flags = LC_VEC_IN2_SCALAR;
    op.in2.base = LC_PTR(LC_SPACE_SRAM, 0x3000);
    op.in_format = op.in2_format = LC_FMT_S16;
    return op;
}

lc_gemm_op heads()
{
    lc_gemm_op op{};
    op.m = op.n = op.k = 4;
    op.out_format = LC_FMT_S16;
    op.a = LC_PTR(LC_SPACE_SRAM, 0);
    op.b = LC_PTR(LC_SPACE_SRAM, 0x100);
    op.out = LC_PTR(LC_SPACE_SRAM, 0x200);
    op.post = LC_PTR(LC_SPACE_SRAM, 0x400);
    op.a_stride = op.b_stride = 12;
    op.out_stride = 24;
    op.batch = 3;
    op.a_batch = op.b_batch = 4;
    op.out_batch = 8;
    op.images = 2;
    op.a_image = op.b_image = 48;
    op.out_image = 96;
    op.clamp_hi = 32767;
    return op;
}

lc_gemm_op gemm()
{
    lc_gemm_op op{};
    op.m = op.n = op.k = 4;
    op.out_format = LC_FMT_S32;
    op.a = LC_PTR(LC_SPACE_SRAM, 0);
    op.b = LC_PTR(LC_SPACE_SRAM, 64);
    op.out = LC_PTR(LC_SPACE_SRAM, 128);
    op.a_stride = op.b_stride = 4;
    op.out_stride = 16;
    return op;
}

lc_gemm_op convolution()
{
    lc_gemm_op op{};
    op.flags = LC_GEMM_WINDOW;
    op.in = one_position(16);
    op.batch = 4;
    op.m = 1;
    op.n = 2;
    op.k = 4;
    op.out_format = LC_FMT_S32;
    op.b = LC_PTR(LC_SPACE_SRAM, 64);
    op.b_stride = 4;
    op.b_batch = 8;
    op.out = LC_PTR(LC_SPACE_SRAM, 0x1000);
    op.out_stride = 32;
    op.out_batch = 8;
    return op;
}

lc_exec_op exec()
{
    lc_exec_op op{};
    op.buffer = LC_PTR(LC_SPACE_DRAM, 0x2000);
    op.records = 4;
    return op;
}

lc_sqe copy()
{
    lc_sqe sqe{};
    sqe.opcode = LC_OP_COPY;
    sqe.src = LC_PTR(LC_SPACE_HOST, 0x1000);
    sqe.dst = LC_PTR(LC_SPACE_SRAM, 0);
    sqe.length = 4096;
    return sqe;
}

lc_sqe create_cq()
{
    lc_sqe sqe{};
    sqe.opcode = LC_ADM_CREATE_CQ;
    sqe.src = LC_PTR(LC_SPACE_HOST, 0x4000);
    sqe.u.queue.qid = 1;
    sqe.u.queue.entries = 64;
    return sqe;
}

lc_sqe inject()
{
    lc_sqe sqe{};
    sqe.opcode = LC_ADM_INJECT;
    sqe.length = 500;
    sqe.u.inject.fault = LC_FAULT_CELL_STUCK;
    sqe.u.inject.count = 2;
    sqe.u.inject.target = LC_PLACE(0, 1, 127, 127);
    sqe.u.inject.value = -3;
    return sqe;
}

}  // namespace

std::vector<Bytes> seeds()
{
    return {input(kQueue, copy()),
            input(kAdmin, create_cq()),
            input(kAdmin, inject()),
            input(kBuffer, LC_OP_PROGRAM_WEIGHTS, 0, program()),
            input(kBuffer, LC_OP_MVM, 0, mvm()),
            input(kBuffer, LC_OP_VECTOR, 0, requantise()),
            input(kBuffer, LC_OP_VECTOR, 0, product()),
            input(kBuffer, LC_OP_VECTOR, 0, with_table(LC_VEC_TABLE)),
            input(kBuffer, LC_OP_VECTOR, 0, with_table(LC_VEC_NORM)),
            input(kBuffer, LC_OP_VECTOR, 0, with_table(LC_VEC_GATHER)),
            input(kBuffer, LC_OP_GEMM, 0, gemm()),
            input(kBuffer, LC_OP_GEMM, 0, heads()),
            input(kBuffer, LC_OP_GEMM, 0, convolution()),
            input(kQueue, LC_OP_EXEC, LC_PTR(LC_SPACE_DRAM, 0x1000), exec())};
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    Input input = parse(data, size);
    const Mode mode = static_cast<Mode>(input.mode % kModes);
    const DecodeLimits bounds = limits(mode);
    if (mode == kAdmin) return check(decode_admin(input.record.sqe, bounds), input.record.sqe, mode);
    if (mode == kBuffer && resolve_args(input.record, input.args)) return false;
    const lc_sqe& sqe = input.record.sqe;
    const bool refused = check_sqe(sqe, bounds).has_value();
    const DecodeResult result = decode(sqe, operand_bytes(sqe.opcode) != 0 ? input.record.operands : nullptr, bounds);
    require(!(refused && result.ok()), "decode() accepts nothing that check_sqe() refuses");
    return check(result, sqe, mode);
}

}  // namespace lightcard::fuzz
