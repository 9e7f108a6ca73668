// SPDX-License-Identifier: Apache-2.0
/// Faults as people write them: scenario files (configs/faults/*.yaml) and the fields of one fault, which the control
/// socket takes as well. Free of SystemC.
///
///     schema: lightcard/faults/1
///     faults:
///       - {fault: interrupt_lost, vector: 1, count: 1, at: 5 ms}
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lightcard/model/card/config.h"
#include "lightcard/model/common/faults.h"
#include "lightcard/model/control_chip/decode.h"

namespace lightcard {

struct ScheduledFault {
    Fault fault;
    FaultStart start;
};

struct FaultScenario {
    std::string name, note;
    std::vector<ScheduledFault> faults;
};

/// Bounds that a card's faults must keep.
control_chip::DecodeLimits fault_limits(const CardConfig& card);

/// One fault from its fields: `fault`, what the table says it takes (docs/faults.md), `at` or one of `after_commands`,
/// `after_mvms`, `after_programs`, `for`, `count`. The error's place is the field.
using FaultFields = std::vector<std::pair<std::string, std::string>>;
Result<ScheduledFault> parse_fault(const FaultFields& fields, const control_chip::DecodeLimits& limits);
/// The fields that a fault of this name takes, and what may be in them, one line each; for help texts.
std::vector<std::string> describe_faults();
/// In words: "interrupt_lost of vector 1, once".
std::string describe(const Fault& fault);

/// `file`: a path, or the name of a shipped scenario ("interrupts").
Result<FaultScenario> load_faults(const std::string& file, const CardConfig& card);
/// The same from text; `place` stands for the file in errors.
Result<FaultScenario> parse_faults(const std::string& text, const std::string& place, const CardConfig& card);

}  // namespace lightcard
