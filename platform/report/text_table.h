// SPDX-License-Identifier: Apache-2.0
/// Columns of text: the first left-aligned, the others right-aligned, two blanks before each; one column may be prose,
/// left-aligned and of any length. Internal to platform/report.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace lightcard::report {

class TextTable {
public:
    static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

    /// `prose`: index of the prose column. `label`: least width of the first, so that blocks of a page line up.
    explicit TextTable(std::size_t prose = kNone, std::size_t label = 0) : prose_(prose), label_(label) {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    void print(std::ostream& out) const;

private:
    std::size_t prose_, label_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace lightcard::report
