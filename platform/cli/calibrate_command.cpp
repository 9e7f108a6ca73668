// SPDX-License-Identifier: Apache-2.0
// `lightcard calibrate`: activation and converter ranges of a network, from samples to a file.
#include <ostream>

#include "lightcard/platform/cli/calibration_file.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/prepare.h"

namespace lightcard::cli {

int calibrate_command(const Console& console, const Arguments& arguments)
{
    const auto parsed = parse_calibration(console, arguments);
    if (parsed.exit) return *parsed.exit;
    const RunRequest& request = parsed.request;
    if (const auto good = check_writable(parsed.output); !good) return fail(console, kUsage, good.error());
    Progress progress(console, request.progress || console.terminal);
    Prepared prepared;
    Calibration calibration;
    if (const auto failure = calibrate_network(request, progress, prepared, calibration))
        return fail(console, failure->status, failure->error);
    progress.clear();
    const auto written =
        write_output(console, parsed.output, [&](std::ostream& out) { out << to_text(calibration, prepared.graph); });
    return written ? kOk : fail(console, kUsage, written.error());
}

}  // namespace lightcard::cli
