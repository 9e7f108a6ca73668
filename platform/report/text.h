// SPDX-License-Identifier: Apache-2.0
/// The report as a page of text for a person: aligned, units scaled, closing with what limits the run.
#pragma once

#include <iosfwd>

#include "lightcard/platform/report/report.h"

namespace lightcard::report {

void write_text(std::ostream& out, const Report& report);

}  // namespace lightcard::report
