// SPDX-License-Identifier: Apache-2.0
/// The report as one self-contained page: no script, nothing fetched, readable in a mail or a CI artefact. The same
/// figures as JSON and text, with plots of power over time, of the engines, and of where each layer's error comes from.
#pragma once

#include <iosfwd>

#include "lightcard/platform/report/report.h"

namespace lightcard::report {

void write_html(std::ostream& out, const Report& report);

}  // namespace lightcard::report
