// SPDX-License-Identifier: Apache-2.0
/// What the vector unit and the digital matrix engine compute, on plain bytes: free of time, energy and SystemC.
/// `sram` is the scratchpad's byte 0; the decoder has checked every range.
#pragma once

#include <cstdint>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::control_chip {

/// Elements one command works on: what its time and energy are counted in.
std::uint64_t vector_elements(const lc_vector_op& op);
/// Bytes it reads and writes in the scratchpad.
std::uint64_t vector_bytes(const lc_vector_op& op);
/// Throws std::invalid_argument, having written nothing, on an index outside the table of a GATHER.
void run_vector(const lc_vector_op& op, std::uint8_t* sram);

/// Products of one command: batches of all images.
std::uint64_t gemm_matrices(const lc_gemm_op& op);
/// 8-bit MACs of one command: a 16-bit operand counts twice.
std::uint64_t gemm_work(const lc_gemm_op& op);
/// `post` = packed constants of n columns or null. Throws std::invalid_argument on an illegal shift in them.
void run_gemm(const lc_gemm_op& op, std::uint8_t* sram);

}  // namespace lightcard::control_chip
