// SPDX-License-Identifier: Apache-2.0
/// How good the card's outputs are: labels, the fp32 graph, and bit for bit the int8 reference.
#pragma once

#include "lightcard/platform/cli/prepare.h"
#include "lightcard/platform/report/accuracy.h"

namespace lightcard::cli {

/// Real values of the network's first output from the bytes that the card wrote.
Result<report::Outputs> real_outputs(const Prepared& prepared, const std::vector<std::uint8_t>& bytes);

/// fp32 if asked for; int8 if `request.check`.
Result<report::Accuracy> judge(const RunRequest& request, const Prepared& prepared, const report::Outputs& card,
                               Progress& progress);

}  // namespace lightcard::cli
