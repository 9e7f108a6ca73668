// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/decode.h"

#include <cstring>

#include "lightcard/model/control_chip/decode_ranges.h"

namespace lightcard::control_chip {
namespace {

struct OpcodeInfo {
    std::uint8_t opcode;
    const char* name;
    std::uint32_t operands;
    std::uint32_t engine;
};

constexpr OpcodeInfo kOpcodes[] = {
    {LC_OP_NOP, "NOP", 0, LC_ENGINES},
    {LC_OP_FENCE, "FENCE", 0, LC_ENGINES},
    {LC_OP_COPY, "COPY", 0, LC_ENGINE_DMA},
    {LC_OP_PROGRAM_WEIGHTS, "PROGRAM_WEIGHTS", LC_OPERAND_BYTES, LC_ENGINE_WRITER},
    {LC_OP_VERIFY_WEIGHTS, "VERIFY_WEIGHTS", LC_OPERAND_BYTES, LC_ENGINE_WRITER},
    {LC_OP_MVM, "MVM", LC_OPERAND_BYTES, LC_ENGINE_CORE},
    {LC_OP_VECTOR, "VECTOR", LC_OPERAND_BYTES, LC_ENGINE_VECTOR},
    {LC_OP_GEMM, "GEMM", LC_OPERAND_BYTES, LC_ENGINE_DIGITAL},
    {LC_OP_EXEC, "EXEC", LC_OPERAND_BYTES, LC_ENGINES},
};

const OpcodeInfo* find(std::uint8_t opcode)
{
    for (const OpcodeInfo& info : kOpcodes) {
        if (info.opcode == opcode) return &info;
    }
    return nullptr;
}

/// Fields of the SQE that this opcode does not use.
MaybeFault check_unused(const lc_sqe& sqe, const OpcodeInfo& info)
{
    const bool copy = sqe.opcode == LC_OP_COPY;
    const bool weights = info.engine == LC_ENGINE_WRITER || info.engine == LC_ENGINE_CORE;
    if (weights && sqe.weight_id == 0) return bad_field(SQE_FIELD(weight_id), "weight_id: 0 means none");
    if (!weights && sqe.weight_id != 0) return bad_field(SQE_FIELD(weight_id), "weight_id: not used here, must be 0");
    if (copy) {
        if (sqe.u.copy.rsvd != 0) return bad_field(SQE_FIELD(u.copy.rsvd), "reserved: must be zero");
        return std::nullopt;
    }
    if (sqe.dst != 0) return bad_field(SQE_FIELD(dst), "dst: not used here, must be 0");
    return check_reserved(sqe.u.raw, sizeof sqe.u.raw, SQE_FIELD(u));
}

MaybeFault check_operand_block(const lc_sqe& sqe, const OpcodeInfo& info, const DecodeLimits& limits)
{
    if (info.operands == 0 || limits.in_buffer) {
        if (sqe.src != 0) return bad_field(SQE_FIELD(src), "src: not used here, must be 0");
        if (sqe.length == 0 || (info.operands != 0 && sqe.length == info.operands)) return std::nullopt;
        return bad_field(SQE_FIELD(length), "length: not used here, must be 0");
    }
    if (sqe.length != info.operands) return bad_field(SQE_FIELD(length), "length: operand block is 192 bytes");
    return check_range(sqe.src, info.operands, Reach::anywhere, limits, SQE_FIELD(src));
}

MaybeFault check_copy(const lc_sqe& sqe, const DecodeLimits& limits)
{
    const auto& copy = sqe.u.copy;
    const std::uint64_t rows = copy.rows == 0 ? 1 : copy.rows;
    if (sqe.length == 0) return bad_field(SQE_FIELD(length), "length: must not be zero");
    if (Wide{rows} * sqe.length > limits.max_transfer) {
        return bad_field(SQE_FIELD(u.copy.rows), "rows * length: above the largest transfer");
    }
    if (rows > 1 && copy.dst_stride < sqe.length) {
        return bad_field(SQE_FIELD(u.copy.dst_stride), "dst_stride: rows overlap");
    }
    const Wide source = Wide{rows - 1} * copy.src_stride + sqe.length;
    const Wide target = Wide{rows - 1} * copy.dst_stride + sqe.length;
    if (auto fault = check_range(sqe.src, source, Reach::anywhere, limits, SQE_FIELD(src))) return fault;
    return check_range(sqe.dst, target, Reach::anywhere, limits, SQE_FIELD(dst));
}

/// Copies the operand block into its type, checks it, and keeps it.
template <class Op>
DecodeResult with_operands(const lc_sqe& sqe, const std::uint8_t* operands, const DecodeLimits& limits)
{
    static_assert(sizeof(Op) == LC_OPERAND_BYTES);
    Op op;
    std::memcpy(&op, operands, sizeof op);
    if (auto fault = check_operands(op, limits)) return *fault;
    return DecodedCommand{sqe.opcode, sqe, op};
}

}  // namespace

std::uint32_t operand_bytes(std::uint8_t opcode)
{
    const OpcodeInfo* info = find(opcode);
    return info == nullptr ? 0 : info->operands;
}

std::uint32_t engine_of(std::uint8_t opcode)
{
    const OpcodeInfo* info = find(opcode);
    return info == nullptr ? LC_ENGINES : info->engine;
}

const char* opcode_name(std::uint8_t opcode)
{
    const OpcodeInfo* info = find(opcode);
    return info == nullptr ? "?" : info->name;
}

MaybeFault check_sqe(const lc_sqe& sqe, const DecodeLimits& limits)
{
    const OpcodeInfo* info = find(sqe.opcode);
    if (info == nullptr) return DecodeFault{LC_SC_INVALID_OPCODE, SQE_FIELD(opcode), "opcode: unknown"};
    if (limits.in_buffer && sqe.opcode == LC_OP_EXEC) {
        return DecodeFault{LC_SC_INVALID_OPCODE, SQE_FIELD(opcode), "opcode: EXEC inside a command buffer"};
    }
    const std::uint8_t flags = limits.in_buffer ? 0 : LC_SQE_FENCE;
    if ((sqe.flags & ~flags) != 0) return bad_field(SQE_FIELD(flags), "flags: unknown bit (buffers use wait_mask)");
    const std::uint32_t waits = limits.in_buffer ? (1u << LC_ENGINES) - 1 : 0;
    if ((sqe.wait_mask & ~waits) != 0) {
        return bad_field(SQE_FIELD(wait_mask), "wait_mask: engines 0 .. 4, in command buffers only");
    }
    if (auto fault = check_unused(sqe, *info)) return fault;
    return sqe.opcode == LC_OP_COPY ? check_copy(sqe, limits) : check_operand_block(sqe, *info, limits);
}

DecodeResult decode(const lc_sqe& sqe, const std::uint8_t* operands, const DecodeLimits& limits)
{
    if (auto fault = check_sqe(sqe, limits)) return *fault;
    const bool needed = operand_bytes(sqe.opcode) != 0;
    if (needed && operands == nullptr) return bad_field(SQE_FIELD(src), "operand block missing");
    if (!needed && operands != nullptr) {
        if (auto fault = check_reserved(operands, LC_OPERAND_BYTES, sizeof(lc_sqe))) return *fault;
    }
    switch (sqe.opcode) {
        case LC_OP_PROGRAM_WEIGHTS:
        case LC_OP_VERIFY_WEIGHTS:
            return with_operands<lc_program_op>(sqe, operands, limits);
        case LC_OP_MVM:
            return with_operands<lc_mvm_op>(sqe, operands, limits);
        case LC_OP_VECTOR:
            return with_operands<lc_vector_op>(sqe, operands, limits);
        case LC_OP_GEMM:
            return with_operands<lc_gemm_op>(sqe, operands, limits);
        case LC_OP_EXEC:
            return with_operands<lc_exec_op>(sqe, operands, limits);
        default:
            return DecodedCommand{sqe.opcode, sqe, std::monostate{}};
    }
}

}  // namespace lightcard::control_chip
