// SPDX-License-Identifier: Apache-2.0
/// Registers of the card in BAR0. docs/registers.md is the same table for people, lightcard_regs.h for C.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/common/registers.h"
#include "lightcard/model/control_chip/parameters.h"

namespace lightcard::control_chip {

const RegisterTable& register_table();

/// Reset values that depend on the card, for RegisterBank(register_table(), card_resets(parameters, inject)).
/// `inject`: the INJECT command is there (run.inject).
std::vector<RegisterBank::Reset> card_resets(const Parameters& parameters, bool inject = false);

/// Tables in BAR0 beside the registers, a page each; TELEM_PTR and ERRLOG_PTR lead to them.
constexpr std::uint32_t kTelemetryOffset = 0x4000, kErrorLogOffset = 0x5000, kTableBytes = 0x1000;

/// Every offset of a 4-byte word that has a register -> its name, for traces: {0x1008, "DOORBELL_SQ_TAIL[1]"}.
std::map<std::uint32_t, std::string> register_names();

/// Doorbells are told apart by offset before the bank is asked: a write to one carries no other meaning.
struct Doorbell {
    std::uint32_t queue = 0;  ///< 0 = admin
    bool completion = false;  ///< head of the completion ring; otherwise tail of the submission ring
};
/// Nothing if `offset` is not the start of a doorbell. The queue need not exist.
std::optional<Doorbell> decode_doorbell(std::uint32_t offset);

}  // namespace lightcard::control_chip
