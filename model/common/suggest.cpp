// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/suggest.h"

#include <algorithm>
#include <cstddef>

namespace lightcard {

namespace {

constexpr std::size_t kLongestName = 96;  // bounds the work on hostile names
constexpr std::size_t kMostListed = 24;
constexpr std::size_t kEdit = 2;  // cost of one edit; a difference in case costs 1

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t replace_cost(char a, char b)
{
    return a == b ? 0 : lower(a) == lower(b) ? 1 : kEdit;
}

/// Optimal string alignment distance, in half edits.
std::size_t distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> before, above(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j * kEdit;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i * kEdit;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({above[j] + kEdit, row[j - 1] + kEdit, above[j - 1] + replace_cost(a[i - 1], b[j - 1])});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + kEdit);
        }
        before = above;
        above = row;
    }
    return above[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates)
{
    if (name.empty() || name.size() > kLongestName) return {};
    std::size_t best = kEdit * std::max<std::size_t>(2, name.size() / 3) + 1;
    best = std::min(best, kEdit * name.size());  // a name with every letter wrong is not close
    const std::string* found = nullptr;
    for (const std::string& candidate : candidates) {
        if (candidate.size() > 2 * kLongestName) continue;
        const std::size_t d = distance(name, candidate);
        if (d < best) {
            best = d;
            found = &candidate;
        }
    }
    return found ? *found : std::string();
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates)
{
    const std::string found = nearest_name(name, candidates);
    if (!found.empty()) return "did you mean '" + found + "'?";
    if (candidates.empty()) return {};
    return "one of " + join_choices(candidates, ", ");
}

std::string join_choices(const std::vector<std::string>& choices, const char* last_separator)
{
    std::string text;
    const std::size_t listed = std::min(choices.size(), kMostListed);
    for (std::size_t i = 0; i < listed; ++i) {
        if (i > 0) text += i + 1 == choices.size() ? last_separator : ", ";
        text += choices[i];
    }
    return listed < choices.size() ? text + ", ..." : text;
}

}  // namespace lightcard
