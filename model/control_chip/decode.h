// SPDX-License-Identifier: Apache-2.0
/// Decoders of everything the card takes from a queue or a command buffer: pure functions, free of SystemC.
///
/// decode() accepts a command only if every byte it can touch exists: whatever passes may be executed without another
/// bounds check. What depends on the card's state (does the queue exist, which weights does a bank hold) or on data in
/// memory (the shifts of a post-processing table) is the executor's.
///
///     queue:   check_sqe(sqe) -> fetch operand_bytes(opcode) bytes at sqe.src -> decode(sqe, operands)
///     buffer:  resolve_args(record, args) -> decode(record.sqe, record.operands)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// What the card is: the bounds of every field.
struct DecodeLimits {
    std::uint32_t n = 128, cores = 1, banks = 2;
    std::uint64_t sram_bytes = 0, dram_bytes = 0;
    std::uint32_t io_queues = 0, queue_entries = 0, msix_vectors = 0;
    std::uint64_t max_transfer = 1ull << 32;  ///< bytes one COPY may move
    bool in_buffer = false;  ///< a record of an EXEC buffer: wait_mask allowed, operands inline, no EXEC
    bool inject = false;     ///< INJECT is there
    std::uint32_t lanes = 4, link_generation = 4, link_width = 16;  ///< bounds of faults
};

/// Bounds on the work of one command, so that none can hold an engine (or the model) for long.
constexpr std::uint64_t kMaxVectors = 1ull << 24;      ///< images * out_h * out_w of one command
constexpr std::uint64_t kMaxElements = 1ull << 30;     ///< vectors * channels * kernel positions of a VECTOR command
constexpr std::uint64_t kMaxMacs = 1ull << 34;         ///< images * batch * m * n * k of a GEMM
constexpr std::uint32_t kMaxChannels = 1u << 24;       ///< of a window
constexpr std::uint64_t kMaxSpan = 1ull << 31;         ///< input positions a window reaches across, each axis
constexpr std::uint32_t kMaxPoolArea = 1u << 16;       ///< kernel positions of a pool: sums stay exact
constexpr std::uint32_t kMaxNormChannels = 1u << 16;   ///< of a NORM: sums of s16 squares stay in s64
constexpr std::uint64_t kMaxWindowDepth = 1ull << 22;  ///< kernel positions * channels of a GEMM's window
constexpr std::uint32_t kMaxGemmDepth = 1u << 15;      ///< k of a GEMM: sums stay in s32
constexpr std::uint32_t kMaxRowStride = 1u << 16;      ///< of weights in memory
constexpr std::uint32_t kMaxPasses = 64;               ///< of an MVM
constexpr std::uint64_t kPostBytesPerColumn = 9;       ///< s32 bias, s32 multiplier, u8 shift

/// Why a command was refused. `field`: byte offset in the SQE, or 64 + offset in the operand block.
struct DecodeFault {
    lc_status status = LC_SC_INVALID_FIELD;
    std::uint32_t field = 0;
    const char* text = "";  ///< "rows: 1 .. n"
};

/// A command that passed. `operands` holds the type that belongs to the opcode.
struct DecodedCommand {
    std::uint8_t opcode = LC_OP_NOP;
    lc_sqe sqe{};
    std::variant<std::monostate, lc_program_op, lc_mvm_op, lc_vector_op, lc_gemm_op, lc_exec_op> operands;

    const lc_program_op& program() const { return std::get<lc_program_op>(operands); }  ///< also VERIFY_WEIGHTS
    const lc_mvm_op& mvm() const { return std::get<lc_mvm_op>(operands); }
    const lc_vector_op& vector() const { return std::get<lc_vector_op>(operands); }
    const lc_gemm_op& gemm() const { return std::get<lc_gemm_op>(operands); }
    const lc_exec_op& exec() const { return std::get<lc_exec_op>(operands); }
    std::uint32_t copy_rows() const { return sqe.u.copy.rows == 0 ? 1 : sqe.u.copy.rows; }
};

class [[nodiscard]] DecodeResult {
public:
    DecodeResult(DecodedCommand command) : state_(std::move(command)) {}
    DecodeResult(DecodeFault fault) : state_(fault) {}
    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    const DecodedCommand& command() const { return std::get<0>(state_); }
    const DecodeFault& fault() const { return std::get<1>(state_); }

private:
    std::variant<DecodedCommand, DecodeFault> state_;
};

using MaybeFault = std::optional<DecodeFault>;  ///< nothing = good

/// Bytes of operands that an opcode of an I/O queue has: 0 or LC_OPERAND_BYTES.
std::uint32_t operand_bytes(std::uint8_t opcode);
/// LC_ENGINE_* that executes it; LC_ENGINES for NOP, FENCE, EXEC and unknown opcodes (the command processor itself).
std::uint32_t engine_of(std::uint8_t opcode);
const char* opcode_name(std::uint8_t opcode);  ///< "MVM"; "?" if unknown
/// Bytes of one element of LC_FMT_*; 0 if unknown.
std::uint32_t format_bytes(std::uint32_t format);

/// The SQE alone: opcode, flags, reserved bytes, and where its operand block lies.
MaybeFault check_sqe(const lc_sqe& sqe, const DecodeLimits& limits);
/// A command of an I/O queue or buffer. `operands`: LC_OPERAND_BYTES bytes, or null if the opcode has none.
DecodeResult decode(const lc_sqe& sqe, const std::uint8_t* operands, const DecodeLimits& limits);
/// A command of the admin queue. It has no operands; `field` counts within the SQE.
DecodeResult decode_admin(const lc_sqe& sqe, const DecodeLimits& limits);
/// Replaces every ARG pointer of a record by args[i] + offset. Leaves the record alone on a fault.
MaybeFault resolve_args(lc_record& record, const std::uint64_t (&args)[LC_ARGS]);

}  // namespace lightcard::control_chip
