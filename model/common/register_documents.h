// SPDX-License-Identifier: Apache-2.0
/// What is written for people and compilers from a register table. Deterministic: the same table, the same bytes.
#pragma once

#include <string>

#include "lightcard/model/common/registers.h"

namespace lightcard {

/// Plain C99 header of macros alone, fit for a kernel driver: offsets, masks, shifts, values, reset values.
std::string c_header(const RegisterTable& table, const std::string& include_guard);

/// Markdown data sheet: registers by address, then every bit of each.
std::string data_sheet(const RegisterTable& table);

}  // namespace lightcard
