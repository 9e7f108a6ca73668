// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/ctc.h"

#include <algorithm>

namespace lightcard::cli {

std::string ctc_text(const float* scores, std::size_t steps, std::size_t classes, const std::vector<std::string>& keys)
{
    std::string text;
    std::size_t last = 0;
    for (std::size_t step = 0; step < steps; ++step, scores += classes) {
        const auto best = static_cast<std::size_t>(std::max_element(scores, scores + classes) - scores);
        if (best != last && best > 0) text += best <= keys.size() ? keys[best - 1] : " ";
        last = best;
    }
    return text;
}

}  // namespace lightcard::cli
