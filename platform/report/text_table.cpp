// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/text_table.h"

#include <algorithm>
#include <ostream>

namespace lightcard::report {

void TextTable::print(std::ostream& out) const
{
    std::vector<std::size_t> widths{label_};
    for (const auto& cells : rows_) {
        widths.resize(std::max(widths.size(), cells.size()), 0);
        for (std::size_t c = 0; c < cells.size(); ++c)
            if (c != prose_) widths[c] = std::max(widths[c], cells[c].size());
    }
    for (const auto& cells : rows_) {
        std::string line;
        for (std::size_t c = 0; c < cells.size(); ++c) {
            const std::string padding(widths[c] - std::min(widths[c], cells[c].size()), ' ');
            line += "  " + (c == 0 || c == prose_ ? cells[c] + padding : padding + cells[c]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << line << '\n';
    }
}

}  // namespace lightcard::report
