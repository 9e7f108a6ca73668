// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/status.h"

#include <iterator>

namespace lightcard::driver {
namespace {

struct StatusEntry {
    std::uint16_t code;
    const char *name, *text;
};

constexpr StatusEntry kStatus[] = {
    {LC_SC_SUCCESS, "SUCCESS", "done"},
    {LC_SC_INVALID_OPCODE, "INVALID_OPCODE", "the card does not know this command"},
    {LC_SC_INVALID_FIELD, "INVALID_FIELD", "a field has a value that is not allowed"},
    {LC_SC_ADDRESS, "ADDRESS", "an address lies outside memory, or cannot be reached from there"},
    {LC_SC_ABORTED, "ABORTED", "aborted on request"},
    {LC_SC_ABORTED_QUEUE, "ABORTED_QUEUE", "its queue was deleted or the card was reset"},
    {LC_SC_INTERNAL, "INTERNAL", "defect of the card model; the card lives on"},
    {LC_SC_UNIMPLEMENTED, "UNIMPLEMENTED", "the card model does not do this yet"},
    {LC_SC_HOST_BUS, "HOST_BUS", "the host answered a DMA with an error"},
    {LC_SC_NO_WEIGHTS, "NO_WEIGHTS", "the bank holds no verified weights"},
    {LC_SC_WEIGHT_MISMATCH, "WEIGHT_MISMATCH", "the bank holds another weight id"},
    {LC_SC_WORN_OUT, "WORN_OUT", "endurance exceeded: written, but not to be trusted"},
    {LC_SC_VERIFY_FAILED, "VERIFY_FAILED", "the weights in the bank differ from those given"},
    {LC_SC_LASER_LOST, "LASER_LOST", "a laser line was out: written, but not trustworthy"},
    {LC_SC_OVER_TEMPERATURE, "OVER_TEMPERATURE", "the die is out of its temperature range"},
    {LC_SC_INVALID_QID, "INVALID_QID", "no such queue"},
    {LC_SC_INVALID_QSIZE, "INVALID_QSIZE", "ring size not allowed"},
    {LC_SC_QUEUE_IN_USE, "QUEUE_IN_USE", "the queue exists already, or another still needs it"},
    {LC_SC_INVALID_VECTOR, "INVALID_VECTOR", "no such interrupt vector"},
    {LC_SC_ABORT_NOT_FOUND, "ABORT_NOT_FOUND", "the command to abort is not in flight"},
    {LC_SC_INVALID_LOG_PAGE, "INVALID_LOG_PAGE", "no such log page"},
    {LC_SC_INVALID_FEATURE, "INVALID_FEATURE", "no such feature"},
    {LC_SC_ASYNC_LIMIT, "ASYNC_LIMIT", "too many asynchronous event requests"},
    {LC_SC_INVALID_FAULT, "INVALID_FAULT", "no such fault, or not one of this card's"},
};

const StatusEntry* find_status(std::uint16_t code)
{
    for (const auto& entry : kStatus)
        if (entry.code == code) return &entry;
    return nullptr;
}

/// Fields of a structure in order of offset; the last one reaches to the end of the structure.
struct Field {
    std::uint32_t offset;
    const char* name;
};

#define LC_FIELD(type, member)                                      \
    {                                                               \
        static_cast<std::uint32_t>(offsetof(type, member)), #member \
    }
#define LC_WINDOW(type, member)                                                                            \
    LC_FIELD(type, member.base), LC_FIELD(type, member.images), LC_FIELD(type, member.out_h),              \
        LC_FIELD(type, member.out_w), LC_FIELD(type, member.channels), LC_FIELD(type, member.height),      \
        LC_FIELD(type, member.width), LC_FIELD(type, member.stride_n), LC_FIELD(type, member.stride_h),    \
        LC_FIELD(type, member.stride_w), LC_FIELD(type, member.kernel_h), LC_FIELD(type, member.kernel_w), \
        LC_FIELD(type, member.step_h), LC_FIELD(type, member.step_w), LC_FIELD(type, member.dil_h),        \
        LC_FIELD(type, member.dil_w), LC_FIELD(type, member.pad_h), LC_FIELD(type, member.pad_w)
#define LC_SURFACE(type, member)                                                                   \
    LC_FIELD(type, member.base), LC_FIELD(type, member.stride_n), LC_FIELD(type, member.stride_h), \
        LC_FIELD(type, member.stride_w)

constexpr Field kSqe[] = {LC_FIELD(lc_sqe, opcode),    LC_FIELD(lc_sqe, flags), LC_FIELD(lc_sqe, cid),
                          LC_FIELD(lc_sqe, context),   LC_FIELD(lc_sqe, layer), LC_FIELD(lc_sqe, weight_id),
                          LC_FIELD(lc_sqe, src),       LC_FIELD(lc_sqe, dst),   LC_FIELD(lc_sqe, length),
                          LC_FIELD(lc_sqe, wait_mask), LC_FIELD(lc_sqe, u)};
constexpr Field kCopy[] = {LC_FIELD(lc_sqe, u.copy.rows), LC_FIELD(lc_sqe, u.copy.rsvd),
                           LC_FIELD(lc_sqe, u.copy.src_stride), LC_FIELD(lc_sqe, u.copy.dst_stride)};
constexpr Field kQueue[] = {LC_FIELD(lc_sqe, u.queue.qid), LC_FIELD(lc_sqe, u.queue.entries),
                            LC_FIELD(lc_sqe, u.queue.cqid), LC_FIELD(lc_sqe, u.queue.vector)};
constexpr Field kAbort[] = {LC_FIELD(lc_sqe, u.abort.sqid), LC_FIELD(lc_sqe, u.abort.cid),
                            LC_FIELD(lc_sqe, u.abort.rsvd)};
constexpr Field kPage[] = {LC_FIELD(lc_sqe, u.page.page), LC_FIELD(lc_sqe, u.page.offset)};
constexpr Field kFeature[] = {LC_FIELD(lc_sqe, u.feature.feature), LC_FIELD(lc_sqe, u.feature.rsvd),
                              LC_FIELD(lc_sqe, u.feature.value)};
constexpr Field kInject[] = {LC_FIELD(lc_sqe, u.inject.fault), LC_FIELD(lc_sqe, u.inject.flags),
                             LC_FIELD(lc_sqe, u.inject.count), LC_FIELD(lc_sqe, u.inject.target),
                             LC_FIELD(lc_sqe, u.inject.value)};

constexpr Field kProgram[] = {
    LC_FIELD(lc_program_op, core),    LC_FIELD(lc_program_op, bank),       LC_FIELD(lc_program_op, rows),
    LC_FIELD(lc_program_op, cols),    LC_FIELD(lc_program_op, row_stride), LC_FIELD(lc_program_op, flags),
    LC_FIELD(lc_program_op, weights), LC_FIELD(lc_program_op, adc_range),  LC_FIELD(lc_program_op, rsvd)};
constexpr Field kMvm[] = {
    LC_FIELD(lc_mvm_op, core),        LC_FIELD(lc_mvm_op, bank),       LC_FIELD(lc_mvm_op, rows),
    LC_FIELD(lc_mvm_op, cols),        LC_FIELD(lc_mvm_op, flags),      LC_FIELD(lc_mvm_op, in_format),
    LC_FIELD(lc_mvm_op, out_format),  LC_FIELD(lc_mvm_op, passes),     LC_FIELD(lc_mvm_op, k0),
    LC_FIELD(lc_mvm_op, sample_base), LC_WINDOW(lc_mvm_op, in),        LC_SURFACE(lc_mvm_op, out),
    LC_FIELD(lc_mvm_op, psum),        LC_FIELD(lc_mvm_op, post),       LC_FIELD(lc_mvm_op, clamp_lo),
    LC_FIELD(lc_mvm_op, clamp_hi),    LC_FIELD(lc_mvm_op, zero_point), LC_FIELD(lc_mvm_op, row_copies),
    LC_FIELD(lc_mvm_op, col_copies),  LC_FIELD(lc_mvm_op, scale),      LC_FIELD(lc_mvm_op, full),
    LC_FIELD(lc_mvm_op, rsvd)};
constexpr Field kVector[] = {LC_FIELD(lc_vector_op, kind),
                             LC_FIELD(lc_vector_op, flags),
                             LC_FIELD(lc_vector_op, in_format),
                             LC_FIELD(lc_vector_op, in2_format),
                             LC_FIELD(lc_vector_op, out_format),
                             LC_FIELD(lc_vector_op, rsvd0),
                             LC_WINDOW(lc_vector_op, in),
                             LC_SURFACE(lc_vector_op, in2),
                             LC_SURFACE(lc_vector_op, out),
                             LC_FIELD(lc_vector_op, mult),
                             LC_FIELD(lc_vector_op, mult2),
                             LC_FIELD(lc_vector_op, shift),
                             LC_FIELD(lc_vector_op, rsvd1),
                             LC_FIELD(lc_vector_op, zero_point),
                             LC_FIELD(lc_vector_op, clamp_lo),
                             LC_FIELD(lc_vector_op, clamp_hi),
                             LC_FIELD(lc_vector_op, scale_f32),
                             LC_FIELD(lc_vector_op, out_channel_stride),
                             LC_FIELD(lc_vector_op, in_channel_stride),
                             LC_FIELD(lc_vector_op, rows),
                             LC_FIELD(lc_vector_op, table),
                             LC_FIELD(lc_vector_op, rsvd)};
constexpr Field kGemm[] = {
    LC_FIELD(lc_gemm_op, m),          LC_FIELD(lc_gemm_op, n),         LC_FIELD(lc_gemm_op, k),
    LC_FIELD(lc_gemm_op, a_format),   LC_FIELD(lc_gemm_op, b_format),  LC_FIELD(lc_gemm_op, out_format),
    LC_FIELD(lc_gemm_op, flags),      LC_FIELD(lc_gemm_op, a),         LC_FIELD(lc_gemm_op, b),
    LC_FIELD(lc_gemm_op, out),        LC_FIELD(lc_gemm_op, a_stride),  LC_FIELD(lc_gemm_op, b_stride),
    LC_FIELD(lc_gemm_op, out_stride), LC_FIELD(lc_gemm_op, batch),     LC_FIELD(lc_gemm_op, a_batch),
    LC_FIELD(lc_gemm_op, b_batch),    LC_FIELD(lc_gemm_op, out_batch), LC_FIELD(lc_gemm_op, post),
    LC_FIELD(lc_gemm_op, clamp_lo),   LC_FIELD(lc_gemm_op, clamp_hi),  LC_FIELD(lc_gemm_op, zero_point),
    LC_FIELD(lc_gemm_op, images),     LC_FIELD(lc_gemm_op, a_image),   LC_FIELD(lc_gemm_op, b_image),
    LC_FIELD(lc_gemm_op, out_image),  LC_WINDOW(lc_gemm_op, in)};
constexpr Field kExec[] = {LC_FIELD(lc_exec_op, buffer), LC_FIELD(lc_exec_op, records), LC_FIELD(lc_exec_op, flags),
                           LC_FIELD(lc_exec_op, args), LC_FIELD(lc_exec_op, rsvd)};

struct Table {
    const char* prefix = nullptr;
    const Field* fields = nullptr;
    std::size_t count = 0;
};

template <std::size_t N>
constexpr Table table(const char* prefix, const Field (&fields)[N])
{
    return {prefix, fields, N};
}

/// What lies in SQE.u.
Table sqe_tail(std::uint8_t opcode, bool admin)
{
    if (!admin) return opcode == LC_OP_COPY ? table("sqe.", kCopy) : Table{};
    switch (opcode) {
        case LC_ADM_CREATE_SQ:
        case LC_ADM_DELETE_SQ:
        case LC_ADM_CREATE_CQ:
        case LC_ADM_DELETE_CQ:
            return table("sqe.", kQueue);
        case LC_ADM_ABORT:
            return table("sqe.", kAbort);
        case LC_ADM_IDENTIFY:
        case LC_ADM_GET_LOG_PAGE:
            return table("sqe.", kPage);
        case LC_ADM_SET_FEATURE:
        case LC_ADM_GET_FEATURE:
            return table("sqe.", kFeature);
        case LC_ADM_INJECT:
            return table("sqe.", kInject);
        default:
            return {};
    }
}

Table operand_table(std::uint8_t opcode)
{
    switch (opcode) {
        case LC_OP_PROGRAM_WEIGHTS:
        case LC_OP_VERIFY_WEIGHTS:
            return table("program.", kProgram);
        case LC_OP_MVM:
            return table("mvm.", kMvm);
        case LC_OP_VECTOR:
            return table("vector.", kVector);
        case LC_OP_GEMM:
            return table("gemm.", kGemm);
        case LC_OP_EXEC:
            return table("exec.", kExec);
        default:
            return {};
    }
}

std::string look_up(const Table& fields, std::uint32_t offset)
{
    const Field* found = nullptr;
    for (std::size_t i = 0; i < fields.count && fields.fields[i].offset <= offset; ++i) found = &fields.fields[i];
    return found == nullptr ? std::string() : std::string(fields.prefix) + found->name;
}

}  // namespace

const char* status_name(std::uint16_t status)
{
    const auto* entry = find_status(status);
    return entry == nullptr ? "UNKNOWN" : entry->name;
}

const char* status_text(std::uint16_t status)
{
    const auto* entry = find_status(status);
    return entry == nullptr ? "status code not in this driver's interface version" : entry->text;
}

const char* opcode_name(std::uint8_t opcode, bool admin)
{
    if (admin) switch (opcode) {
            case LC_ADM_DELETE_SQ:
                return "DELETE_SQ";
            case LC_ADM_CREATE_SQ:
                return "CREATE_SQ";
            case LC_ADM_GET_LOG_PAGE:
                return "GET_LOG_PAGE";
            case LC_ADM_DELETE_CQ:
                return "DELETE_CQ";
            case LC_ADM_CREATE_CQ:
                return "CREATE_CQ";
            case LC_ADM_IDENTIFY:
                return "IDENTIFY";
            case LC_ADM_ABORT:
                return "ABORT";
            case LC_ADM_SET_FEATURE:
                return "SET_FEATURE";
            case LC_ADM_GET_FEATURE:
                return "GET_FEATURE";
            case LC_ADM_ASYNC_EVENT:
                return "ASYNC_EVENT";
            case LC_ADM_CALIBRATE:
                return "CALIBRATE";
            case LC_ADM_INJECT:
                return "INJECT";
            default:
                return "unknown admin command";
        }
    switch (opcode) {
        case LC_OP_NOP:
            return "NOP";
        case LC_OP_FENCE:
            return "FENCE";
        case LC_OP_COPY:
            return "COPY";
        case LC_OP_PROGRAM_WEIGHTS:
            return "PROGRAM_WEIGHTS";
        case LC_OP_VERIFY_WEIGHTS:
            return "VERIFY_WEIGHTS";
        case LC_OP_MVM:
            return "MVM";
        case LC_OP_VECTOR:
            return "VECTOR";
        case LC_OP_GEMM:
            return "GEMM";
        case LC_OP_EXEC:
            return "EXEC";
        default:
            return "unknown command";
    }
}

std::string field_name(std::uint8_t opcode, std::uint32_t field, bool admin)
{
    std::string name;
    if (field < offsetof(lc_sqe, u)) {
        name = look_up(table("sqe.", kSqe), field);
    } else if (field < sizeof(lc_sqe)) {
        name = look_up(sqe_tail(opcode, admin), field);
    } else if (field < LC_RECORD_BYTES && !admin) {
        name = look_up(operand_table(opcode), field - static_cast<std::uint32_t>(sizeof(lc_sqe)));
    }
    return name.empty() ? "byte " + std::to_string(field) : name;
}

Error to_error(const Completion& completion, const lc_record* records, std::size_t count)
{
    Error error;
    std::uint8_t opcode = completion.opcode;
    const std::uint32_t index = LC_FAIL_INDEX(completion.result);
    error.where = std::string(opcode_name(opcode, completion.admin)) + " (cid " + std::to_string(completion.cid) + ")";
    bool know_opcode = true;
    if (!completion.admin && opcode == LC_OP_EXEC && index != LC_FAIL_SELF) {
        error.where += ", record " + std::to_string(index);
        know_opcode = records != nullptr && index < count;
        if (know_opcode) {
            opcode = records[index].sqe.opcode;
            error.where += " (" + std::string(opcode_name(opcode));
            if (records[index].sqe.layer != 0) error.where += ", layer " + std::to_string(records[index].sqe.layer);
            error.where += ")";
        }
    }
    error.what = std::string(status_name(completion.status)) + ": " + status_text(completion.status);
    if (completion.status == LC_SC_INVALID_FIELD || completion.status == LC_SC_ADDRESS) {
        const std::uint32_t field = LC_FAIL_FIELD(completion.result);
        error.hint =
            "field " + (know_opcode ? field_name(opcode, field, completion.admin) : "at byte " + std::to_string(field));
    }
    return error;
}

}  // namespace lightcard::driver
