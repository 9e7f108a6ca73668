// SPDX-License-Identifier: Apache-2.0
/// Builders of submission entries. They fill in; they do not check: the card does.
#pragma once

#include <cstdint>

#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/platform/driver/transport.h"

namespace lightcard::driver {

inline std::uint64_t host_pointer(std::uint64_t bus)
{
    return LC_PTR(LC_SPACE_HOST, bus);
}
inline std::uint64_t host_pointer(const DmaBuffer& buffer, std::uint64_t offset = 0)
{
    return LC_PTR(LC_SPACE_HOST, buffer.bus + offset);
}
inline std::uint64_t dram_pointer(std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_DRAM, offset);
}
inline std::uint64_t sram_pointer(std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_SRAM, offset);
}

inline lc_sqe make_command(std::uint8_t opcode)
{
    lc_sqe sqe{};
    sqe.opcode = opcode;
    return sqe;
}

inline lc_sqe make_copy(std::uint64_t destination, std::uint64_t source, std::uint32_t bytes)
{
    lc_sqe sqe = make_command(LC_OP_COPY);
    sqe.src = source;
    sqe.dst = destination;
    sqe.length = bytes;
    return sqe;
}

/// `rows` rows of `bytes`; strides in bytes from row to row.
inline lc_sqe make_copy_2d(std::uint64_t destination, std::uint64_t destination_stride, std::uint64_t source,
                           std::uint64_t source_stride, std::uint32_t bytes, std::uint32_t rows)
{
    lc_sqe sqe = make_copy(destination, source, bytes);
    sqe.u.copy.rows = rows;
    sqe.u.copy.src_stride = source_stride;
    sqe.u.copy.dst_stride = destination_stride;
    return sqe;
}

inline lc_sqe make_fence()
{
    lc_sqe sqe = make_command(LC_OP_FENCE);
    sqe.flags = LC_SQE_FENCE;
    return sqe;
}

/// With an operand block (PROGRAM_WEIGHTS, VERIFY_WEIGHTS, MVM): the weight id is part of the entry.
inline lc_sqe make_weight_command(std::uint8_t opcode, std::uint64_t weight_id)
{
    lc_sqe sqe = make_command(opcode);
    sqe.weight_id = weight_id;
    return sqe;
}

inline lc_exec_op make_exec(std::uint64_t buffer, std::uint32_t records)
{
    lc_exec_op operands{};
    operands.buffer = buffer;
    operands.records = records;
    return operands;
}

}  // namespace lightcard::driver
