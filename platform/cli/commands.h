// SPDX-License-Identifier: Apache-2.0
/// The subcommands of `lightcard`. Each takes its own arguments and returns an ExitStatus.
#pragma once

#include "lightcard/platform/cli/options.h"

namespace lightcard::cli {

int run_command(const Console& console, const Arguments& arguments);
int generate_command(const Console& console, const Arguments& arguments);
int read_command(const Console& console, const Arguments& arguments);
int plan_command(const Console& console, const Arguments& arguments);
int budget_command(const Console& console, const Arguments& arguments);
int calibrate_command(const Console& console, const Arguments& arguments);
int info_command(const Console& console, const Arguments& arguments);
int config_command(const Console& console, const Arguments& arguments);
int regs_command(const Console& console, const Arguments& arguments);
int pcm_command(const Console& console, const Arguments& arguments);
int serve_command(const Console& console, const Arguments& arguments);
int sweep_command(const Console& console, const Arguments& arguments);
int ctl_command(const Console& console, const Arguments& arguments);
int validate_command(const Console& console, const Arguments& arguments);

/// `lightcard ARGUMENTS...`: finds the subcommand and runs it. Nothing thrown leaves it.
int dispatch(const Console& console, const Arguments& arguments);

}  // namespace lightcard::cli
