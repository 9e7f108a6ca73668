// SPDX-License-Identifier: Apache-2.0
/// What the vector unit and the digital matrix engine compute, on plain bytes: free of time, energy and SystemC.
/// `sram` is the scratchpad's byte 0; the decoder has checked every range.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/control_chip/byte_ranges.h"
#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// Elements one command works on: what its time and energy are counted in.
std::uint64_t vector_elements(const lc_vector_op& op);
/// Bytes it reads and writes in the scratchpad.
std::uint64_t vector_bytes(const lc_vector_op& op);
/// Output positions of one command.
std::uint64_t vector_positions(const lc_vector_op& op);
/// Throws std::invalid_argument on an index outside the table of a GATHER. Before anything of it is computed.
void check_gather(const lc_vector_op& op, const std::uint8_t* sram);
/// Computes positions [first, last).
void run_vector(const lc_vector_op& op, std::uint64_t first, std::uint64_t last, std::uint8_t* sram);

/// Products of one command: batches of all images.
std::uint64_t gemm_matrices(const lc_gemm_op& op);
/// Rows of results of all of them.
std::uint64_t gemm_rows(const lc_gemm_op& op);
/// 8-bit MACs of one command: a 16-bit operand counts twice.
std::uint64_t gemm_work(const lc_gemm_op& op);
/// Bytes of the constants of its columns.
std::uint64_t gemm_constants(const lc_gemm_op& op);
/// Throws std::invalid_argument on an illegal shift among the constants of the columns.
void check_gemm(const lc_gemm_op& op, const std::uint8_t* sram);
/// Computes rows [first, last); throws as check_gemm().
void run_gemm(const lc_gemm_op& op, std::uint64_t first, std::uint64_t last, std::uint8_t* sram);

/// What a command reads and writes in the scratchpad.
struct Accesses {
    std::vector<Bytes> reads;
    Bytes writes;
    /// No position, no row reads or writes what another one writes.
    bool parts_apart() const;
};
Accesses accesses_of(const lc_vector_op& op);
Accesses accesses_of(const lc_gemm_op& op);

}  // namespace lightcard::control_chip
