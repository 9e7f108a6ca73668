// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/dimensions.h"

#include <charconv>
#include <limits>

namespace lightcard::cli {

Result<Dimensions> parse_dimensions(const std::vector<std::string>& texts)
{
    Dimensions dimensions;
    for (const std::string& text : texts) {
        const auto equals = text.rfind('=');
        std::int32_t value = -1;
        const char* end = text.data() + text.size();
        const bool named = equals != std::string::npos && equals > 0;
        const auto parsed = named ? std::from_chars(text.data() + equals + 1, end, value)
                                  : std::from_chars_result{text.data(), std::errc::invalid_argument};
        if (parsed.ec != std::errc{} || parsed.ptr != end || value < 0)
            return Error{"--dim takes NAME=VALUE, not '" + text + "'", "", "for example --dim tokens=128"};
        if (!dimensions.emplace(text.substr(0, equals), value).second)
            return Error{"--dim names '" + text.substr(0, equals) + "' twice", "", ""};
    }
    return dimensions;
}

}  // namespace lightcard::cli
