// SPDX-License-Identifier: Apache-2.0
/// The plots of the report's page, each an inline SVG with its legend. Internal to platform/report.
#pragma once

#include <iosfwd>

#include "lightcard/platform/report/report.h"

namespace lightcard::report {

/// Mean power of each bin of the trace, categories stacked, set-up shaded.
void plot_power(std::ostream& out, const Report& report);
/// Share of the inference phase that each engine worked, and that commands stood at its head, by cause.
void plot_engines(std::ostream& out, const Report& report);
/// Core busy time and energy of each layer.
void plot_layers(std::ostream& out, const Report& report);
/// Error of each analog layer by source, as a share of its signal, on a scale of decibels below the signal.
void plot_errors(std::ostream& out, const Report& report);
/// False without noise: plot_errors has nothing to show.
bool has_errors(const Report& report);

}  // namespace lightcard::report
