// SPDX-License-Identifier: Apache-2.0
/// What a completion says, in words: status names, and which field of which record was at fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lightcard/model/common/result.h"
#include "lightcard/model/common/time.h"
#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::driver {

/// One finished command.
struct Completion {
    std::uint16_t cid = 0;
    std::uint16_t status = LC_SC_SUCCESS;  ///< LC_SC_*
    std::uint8_t opcode = LC_OP_NOP;       ///< of the command it answers
    bool admin = false;
    std::uint64_t result = 0;   ///< command specific; LC_FAIL(index, field) on failure
    Picoseconds submitted = 0;  ///< card time when the doorbell was rung
    Picoseconds completed = 0;  ///< card time when the driver saw it

    bool ok() const { return status == LC_SC_SUCCESS; }
};

const char* status_name(std::uint16_t status);  ///< "INVALID_FIELD"; "UNKNOWN" if not in the ABI
const char* status_text(std::uint16_t status);  ///< one clause for a person
const char* opcode_name(std::uint8_t opcode, bool admin = false);

/// Name of the field at a byte offset as in LC_FAIL: "sqe.src", "mvm.in.kernel_h"; "byte 77" if it has none.
std::string field_name(std::uint8_t opcode, std::uint32_t field, bool admin = false);

/// A failed completion as an error. For EXEC, `records` (may be null) names the failing record's command and layer.
Error to_error(const Completion& completion, const lc_record* records = nullptr, std::size_t count = 0);

}  // namespace lightcard::driver
