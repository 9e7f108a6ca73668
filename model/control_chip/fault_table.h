// SPDX-License-Identifier: Apache-2.0
/// Every fault that can be put into a card: its name, what its target and value are, and what they may be. Scenario
/// files, the INJECT command and the control socket all go by this table. Free of SystemC.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lightcard/model/common/faults.h"
#include "lightcard/model/common/registers.h"
#include "lightcard/model/control_chip/decode.h"

namespace lightcard::control_chip {

enum class FaultTarget : std::uint8_t {
    none,
    boot_error,
    vector,
    direction,
    queue,
    cell,
    bank,
    lane,
    column,
    core,
    width
};
enum class FaultValue : std::uint8_t { none, time, weight_code, sum, millikelvin, generation };

struct FaultSpec {
    FaultKind kind;
    const char* name;  ///< "interrupt_lost"
    FaultTarget target;
    FaultValue value;
    bool any_target;  ///< LC_TARGET_ANY means something
    const char* shows;
};

Listing<FaultSpec> fault_table();
const FaultSpec* find_fault(std::uint32_t number);
const FaultSpec* find_fault(const std::string& name);
std::vector<std::string> fault_names();
const char* fault_name(FaultKind kind);
/// The fault that an INJECT command puts in.
Fault fault_of_inject(const lc_sqe& sqe);

/// What is wrong with a fault on this card; nothing if it may be put in.
struct FaultProblem {
    enum class Where : std::uint8_t { kind, target, value } where;
    std::string text;
};
std::optional<FaultProblem> check_fault(const Fault& fault, const DecodeLimits& limits);

}  // namespace lightcard::control_chip
