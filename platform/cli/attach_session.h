// SPDX-License-Identifier: Apache-2.0
/// The same program on a card that another process serves (`lightcard serve`), through its socket.
#pragma once

#include "lightcard/platform/cli/prepare.h"

namespace lightcard::cli {

struct AttachedResult {
    std::vector<std::uint8_t> outputs;  ///< bytes of the first output, one image after another
    Picoseconds card_time = 0;          ///< from the first doorbell to the last completion seen
    double wall_seconds = 0;
};

/// Attaches to the socket of request.attach, loads the program and runs every image. Error: nobody listens, the card is
/// in use, or it is not the card the program was compiled for (by configuration hash).
Result<AttachedResult> run_attached(const RunRequest& request, const Prepared& prepared, Progress& progress);

}  // namespace lightcard::cli
