// SPDX-License-Identifier: Apache-2.0
/// Admin commands, and the ARG spaces of a command buffer.
#include <cstring>
#include <iterator>

#include "lightcard/model/control_chip/decode_ranges.h"
#include "lightcard/model/control_chip/fault_table.h"

namespace lightcard::control_chip {
namespace {

DecodeFault fault_of(lc_status status, std::size_t field, const char* text)
{
    return {status, static_cast<std::uint32_t>(field), text};
}

/// Pointers and length that this command does not use; `page` commands use dst and length, queues use src.
MaybeFault check_unused(const lc_sqe& sqe, bool uses_src, bool uses_dst)
{
    if (sqe.flags != 0) return bad_field(SQE_FIELD(flags), "flags: none defined for admin commands");
    if (sqe.weight_id != 0) return bad_field(SQE_FIELD(weight_id), "weight_id: not used here, must be 0");
    if (sqe.wait_mask != 0) return bad_field(SQE_FIELD(wait_mask), "wait_mask: command buffers only");
    if (!uses_src && sqe.src != 0) return bad_field(SQE_FIELD(src), "src: not used here, must be 0");
    if (!uses_dst && sqe.dst != 0) return bad_field(SQE_FIELD(dst), "dst: not used here, must be 0");
    if (!uses_dst && sqe.length != 0) return bad_field(SQE_FIELD(length), "length: not used here, must be 0");
    return std::nullopt;
}

MaybeFault check_tail(const lc_sqe& sqe, std::size_t used)
{
    return check_reserved(sqe.u.raw + used, sizeof sqe.u.raw - used, SQE_FIELD(u) + used);
}

MaybeFault check_host(std::uint64_t pointer, std::uint64_t bytes, std::uint64_t alignment, const DecodeLimits& limits,
                      std::size_t field)
{
    if (LC_PTR_SPACE(pointer) != LC_SPACE_HOST) return bad_address(field, "must lie in host memory");
    if (pointer % alignment != 0) return bad_address(field, "must be aligned to its entries");
    return check_range(pointer, bytes, Reach::anywhere, limits, field);
}

MaybeFault check_qid(std::uint32_t qid, std::size_t field, const DecodeLimits& limits)
{
    if (qid >= 1 && qid <= limits.io_queues) return std::nullopt;
    return fault_of(LC_SC_INVALID_QID, field, "queue id: 1 .. number of I/O queues");
}

MaybeFault check_create(const lc_sqe& sqe, const DecodeLimits& limits)
{
    const auto& queue = sqe.u.queue;
    const bool completion = sqe.opcode == LC_ADM_CREATE_CQ;
    if (auto fault = check_qid(queue.qid, SQE_FIELD(u.queue.qid), limits)) return fault;
    if (queue.entries < 2 || queue.entries > limits.queue_entries) {
        return fault_of(LC_SC_INVALID_QSIZE, SQE_FIELD(u.queue.entries), "entries: 2 .. largest ring");
    }
    if (completion) {
        if (queue.cqid != 0) return bad_field(SQE_FIELD(u.queue.cqid), "cqid: not used here, must be 0");
        if (queue.vector != 0xffff && queue.vector >= limits.msix_vectors) {
            return fault_of(LC_SC_INVALID_VECTOR, SQE_FIELD(u.queue.vector), "vector: beyond the MSI-X table");
        }
    } else {
        if (auto fault = check_qid(queue.cqid, SQE_FIELD(u.queue.cqid), limits)) return fault;
        if (queue.vector != 0) return bad_field(SQE_FIELD(u.queue.vector), "vector: not used here, must be 0");
    }
    const std::uint64_t entry = completion ? sizeof(lc_cqe) : sizeof(lc_sqe);
    return check_host(sqe.src, queue.entries * entry, entry, limits, SQE_FIELD(src));
}

MaybeFault check_delete(const lc_sqe& sqe, const DecodeLimits& limits)
{
    if (auto fault = check_qid(sqe.u.queue.qid, SQE_FIELD(u.queue.qid), limits)) return fault;
    return check_tail(sqe, sizeof sqe.u.queue.qid);
}

MaybeFault check_page(const lc_sqe& sqe, const DecodeLimits& limits)
{
    const std::uint32_t page = sqe.u.page.page;
    if (sqe.opcode == LC_ADM_IDENTIFY && page != 0) return bad_field(SQE_FIELD(u.page.page), "page: 0");
    if (sqe.opcode == LC_ADM_GET_LOG_PAGE && (page < LC_LOG_ERROR || page > LC_LOG_WEAR)) {
        return fault_of(LC_SC_INVALID_LOG_PAGE, SQE_FIELD(u.page.page),
                        "page: 1 errors, 2 weights, 3 progress, 4 events, 5 calibration, 6 wear");
    }
    if (sqe.length == 0) return bad_field(SQE_FIELD(length), "length: must not be zero");
    return check_host(sqe.dst, sqe.length, 1, limits, SQE_FIELD(dst));
}

MaybeFault check_calibrate(const lc_sqe& sqe, const DecodeLimits& limits)
{
    const auto& asked = sqe.u.calibrate;
    if (asked.core >= limits.cores) return bad_field(SQE_FIELD(u.calibrate.core), "core: beyond the card's");
    if (asked.bank >= limits.banks && asked.bank != LC_CAL_EVERY_BANK)
        return bad_field(SQE_FIELD(u.calibrate.bank), "bank: beyond the card's");
    if ((asked.kinds & ~LC_CAL_SIGNED) == 0 || (asked.kinds & ~LC_CAL_KINDS) != 0)
        return bad_field(SQE_FIELD(u.calibrate.kinds), "kinds: at least one of LC_CAL_*");
    if (asked.samples != 0 && (asked.samples < 3 || asked.samples > 65536))
        return bad_field(SQE_FIELD(u.calibrate.samples), "samples: 0 or 3 .. 65536");
    return std::nullopt;
}

/// Fault numbers, targets and values go by the fault table.
MaybeFault check_inject(const lc_sqe& sqe, const DecodeLimits& limits)
{
    if (!limits.inject) return DecodeFault{LC_SC_INVALID_OPCODE, SQE_FIELD(opcode), "opcode: FEATURES.INJECT is 0"};
    lc_sqe rest = sqe;
    rest.length = 0;
    if (auto fault = check_unused(rest, false, false)) return fault;
    const auto& inject = sqe.u.inject;
    if ((inject.flags & ~LC_INJECT_CLEAR) != 0) return bad_field(SQE_FIELD(u.inject.flags), "flags: only CLEAR");
    if (find_fault(inject.fault) == nullptr)
        return fault_of(LC_SC_INVALID_FAULT, SQE_FIELD(u.inject.fault), "fault: no such fault");
    if ((inject.flags & LC_INJECT_CLEAR) != 0) {
        if (sqe.length != 0) return bad_field(SQE_FIELD(length), "length: 0 with CLEAR");
        if (inject.count != 0) return bad_field(SQE_FIELD(u.inject.count), "count: 0 with CLEAR");
        if (inject.value != 0) return bad_field(SQE_FIELD(u.inject.value), "value: 0 with CLEAR");
        return std::nullopt;
    }
    const auto problem = check_fault(fault_of_inject(sqe), limits);
    if (!problem) return std::nullopt;
    return problem->where == FaultProblem::Where::target
               ? fault_of(LC_SC_INVALID_FAULT, SQE_FIELD(u.inject.target), "target: not one of this card's")
               : fault_of(LC_SC_INVALID_FAULT, SQE_FIELD(u.inject.value), "value: out of this fault's range");
}

MaybeFault check_admin(const lc_sqe& sqe, const DecodeLimits& limits)
{
    switch (sqe.opcode) {
        case LC_ADM_CREATE_SQ:
        case LC_ADM_CREATE_CQ:
            if (auto fault = check_unused(sqe, true, false)) return fault;
            if (auto fault = check_tail(sqe, sizeof sqe.u.queue)) return fault;
            return check_create(sqe, limits);
        case LC_ADM_DELETE_SQ:
        case LC_ADM_DELETE_CQ:
            if (auto fault = check_unused(sqe, false, false)) return fault;
            return check_delete(sqe, limits);
        case LC_ADM_GET_LOG_PAGE:
        case LC_ADM_IDENTIFY:
            if (auto fault = check_unused(sqe, false, true)) return fault;
            if (auto fault = check_tail(sqe, sizeof sqe.u.page)) return fault;
            return check_page(sqe, limits);
        case LC_ADM_ABORT:
            if (auto fault = check_unused(sqe, false, false)) return fault;
            if (auto fault = check_tail(sqe, 4)) return fault;
            if (sqe.u.abort.sqid <= limits.io_queues) return std::nullopt;
            return fault_of(LC_SC_INVALID_QID, SQE_FIELD(u.abort.sqid), "sqid: 0 .. number of I/O queues");
        case LC_ADM_SET_FEATURE:
        case LC_ADM_GET_FEATURE:
            if (auto fault = check_unused(sqe, false, false)) return fault;
            if (sqe.u.feature.rsvd != 0) return bad_field(SQE_FIELD(u.feature.rsvd), "reserved: must be zero");
            return check_tail(sqe, sizeof sqe.u.feature);
        case LC_ADM_CALIBRATE:
            if (auto fault = check_unused(sqe, false, false)) return fault;
            if (auto fault = check_tail(sqe, sizeof sqe.u.calibrate)) return fault;
            return check_calibrate(sqe, limits);
        case LC_ADM_INJECT:
            return check_inject(sqe, limits);
        case LC_ADM_ASYNC_EVENT:
            if (auto fault = check_unused(sqe, false, false)) return fault;
            return check_tail(sqe, 0);
        default:
            return DecodeFault{LC_SC_INVALID_OPCODE, SQE_FIELD(opcode), "opcode: unknown admin command"};
    }
}

/// One pointer of a record, where the fault would be, and what it resolves to.
struct Pointer {
    std::uint8_t* at;
    std::size_t field;
    std::uint64_t value;
};

MaybeFault resolve(Pointer& pointer, const std::uint64_t (&args)[LC_ARGS])
{
    auto& value = pointer.value;
    std::memcpy(&value, pointer.at, sizeof value);
    const std::uint32_t space = LC_PTR_SPACE(value);
    if (space < LC_SPACE_ARG0) return std::nullopt;  // the range check refuses what is no space at all
    if (space >= LC_SPACE_ARG0 + LC_ARGS) return bad_address(pointer.field, "space: ARG0 .. ARG7");
    const std::uint64_t base = args[space - LC_SPACE_ARG0];
    const std::uint64_t offset = LC_PTR_OFFSET(base) + LC_PTR_OFFSET(value);
    if (offset != LC_PTR_OFFSET(offset)) return bad_address(pointer.field, "argument plus offset: beyond 56 bits");
    value = LC_PTR(LC_PTR_SPACE(base), offset);
    return std::nullopt;
}

}  // namespace

DecodeResult decode_admin(const lc_sqe& sqe, const DecodeLimits& limits)
{
    if (auto fault = check_admin(sqe, limits)) return *fault;
    return DecodedCommand{sqe.opcode, sqe, std::monostate{}};
}

MaybeFault resolve_args(lc_record& record, const std::uint64_t (&args)[LC_ARGS])
{
    static constexpr std::size_t kProgram[] = {offsetof(lc_program_op, weights), offsetof(lc_program_op, adc_range)};
    static constexpr std::size_t kMvm[] = {offsetof(lc_mvm_op, in.base), offsetof(lc_mvm_op, out.base),
                                           offsetof(lc_mvm_op, psum), offsetof(lc_mvm_op, post),
                                           offsetof(lc_mvm_op, scale)};
    static constexpr std::size_t kVector[] = {offsetof(lc_vector_op, in.base), offsetof(lc_vector_op, in2.base),
                                              offsetof(lc_vector_op, out.base), offsetof(lc_vector_op, table)};
    static constexpr std::size_t kGemm[] = {offsetof(lc_gemm_op, a), offsetof(lc_gemm_op, b), offsetof(lc_gemm_op, out),
                                            offsetof(lc_gemm_op, post), offsetof(lc_gemm_op, in.base)};
    Pointer pointers[std::size(kMvm)];  // no command has more
    std::size_t count = 0;
    const auto operand = [&](std::size_t offset) {
        pointers[count++] = {record.operands + offset, sizeof(lc_sqe) + offset, 0};
    };
    switch (record.sqe.opcode) {
        case LC_OP_COPY: {
            auto* sqe = reinterpret_cast<std::uint8_t*>(&record.sqe);
            pointers[count++] = {sqe + SQE_FIELD(src), SQE_FIELD(src), 0};
            pointers[count++] = {sqe + SQE_FIELD(dst), SQE_FIELD(dst), 0};
            break;
        }
        case LC_OP_PROGRAM_WEIGHTS:
        case LC_OP_VERIFY_WEIGHTS:
            for (std::size_t offset : kProgram) operand(offset);
            break;
        case LC_OP_MVM:
            for (std::size_t offset : kMvm) operand(offset);
            break;
        case LC_OP_VECTOR:
            for (std::size_t offset : kVector) operand(offset);
            break;
        case LC_OP_GEMM:
            for (std::size_t offset : kGemm) operand(offset);
            break;
        default:
            break;
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (auto fault = resolve(pointers[i], args)) return fault;
    }
    for (std::size_t i = 0; i < count; ++i) std::memcpy(pointers[i].at, &pointers[i].value, sizeof pointers[i].value);
    return std::nullopt;
}

}  // namespace lightcard::control_chip
