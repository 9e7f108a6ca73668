// SPDX-License-Identifier: Apache-2.0
/// Tries what a report proposes against lost accuracy: `lightcard run` again with those settings, and again with what
/// that run proposes, each in a process of its own.
#pragma once

#include <string>
#include <vector>

#include "lightcard/platform/cli/console.h"
#include "lightcard/platform/cli/options.h"

namespace lightcard::cli {

/// Arguments of a run without those that write files; `--repair` neither.
Arguments without_outputs(const Arguments& arguments);

/// One line a run: its settings, and the accuracy or agreement they gave. At most `rounds`; ends where nothing more is
/// proposed. `repair`: what the first report proposes.
std::vector<std::string> try_repairs(const Arguments& arguments, std::vector<std::string> repair, std::size_t rounds,
                                     Progress& progress);

}  // namespace lightcard::cli
