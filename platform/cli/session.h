// SPDX-License-Identifier: Apache-2.0
/// One card in this process, driven through its queues by the user-mode driver. The only part of the command that
/// needs SystemC.
#pragma once

#include <iosfwd>

#include "lightcard/platform/cli/prepare.h"
#include "lightcard/platform/report/report.h"

namespace lightcard::cli {

struct SessionResult {
    std::vector<std::uint8_t> outputs;  ///< bytes of the first output, one image after another
    Ledger ledger;
    CardCounters counters;
    report::Mark setup_end;
    std::uint64_t guest_errors = 0;
    std::vector<std::string> notes;
    double wall_seconds = 0;
};

/// Powers a card on, loads the program and runs every image. Once a process: SystemC elaborates once.
/// `trace`: where the timeline goes, or null.
Result<SessionResult> run_session(const RunRequest& request, const Prepared& prepared, std::ostream* trace,
                                  Progress& progress);

}  // namespace lightcard::cli
