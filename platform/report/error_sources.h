// SPDX-License-Identifier: Apache-2.0
/// The sources of error of a layer by name: the one list that JSON, text and page share.
#pragma once

#include <utility>
#include <vector>

#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::report {

struct ErrorSource {
    const char* key;      ///< in JSON
    const char* name;     ///< as people read it
    double variance = 0;  ///< acc^2, summed over samples
};

/// In the order of the signal's way through the card.
std::vector<ErrorSource> error_sources(const photonic_core::Attribution& error);

}  // namespace lightcard::report
