// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/report/accuracy.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace lightcard::report {

std::size_t top1(const Outputs& outputs, std::size_t image)
{
    const float* first = outputs.values.data() + image * outputs.classes;
    return static_cast<std::size_t>(std::max_element(first, first + outputs.classes) - first);
}

std::uint64_t correct(const Outputs& outputs, const std::vector<std::uint32_t>& labels, std::size_t k)
{
    std::uint64_t hits = 0;
    for (std::size_t i = 0; i < std::min(outputs.images, labels.size()); ++i) {
        if (labels[i] >= outputs.classes) continue;
        const float* row = outputs.values.data() + i * outputs.classes;
        // Rank of the label; among equal outputs the first counts as the larger, as in top1().
        std::size_t larger = 0;
        for (std::size_t c = 0; c < outputs.classes; ++c)
            if (row[c] > row[labels[i]] || (row[c] == row[labels[i]] && c < labels[i])) ++larger;
        if (larger < k) ++hits;
    }
    return hits;
}

Prediction predict(const Outputs& outputs, std::size_t image, std::size_t k, const std::vector<std::string>& names)
{
    const float* row = outputs.values.data() + image * outputs.classes;
    std::vector<std::size_t> order(outputs.classes);
    std::iota(order.begin(), order.end(), 0);
    const auto shown = static_cast<std::ptrdiff_t>(std::min(k, outputs.classes));
    std::partial_sort(order.begin(), order.begin() + shown, order.end(),
                      [&](std::size_t a, std::size_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
    Prediction prediction;
    for (std::ptrdiff_t i = 0; i < shown; ++i) {
        const std::size_t at = order[static_cast<std::size_t>(i)];
        prediction.guesses.push_back({at, at < names.size() ? names[at] : "", row[at]});
    }
    return prediction;
}

Agreement compare(const Outputs& card, const Outputs& reference, const std::string& name)
{
    Agreement agreement;
    agreement.reference = name;
    if (card.classes != reference.classes || card.classes == 0) return agreement;
    agreement.images = std::min(card.images, reference.images);
    const std::size_t n = agreement.images * card.classes;
    double mean_a = 0, mean_b = 0;
    for (std::size_t i = 0; i < n; ++i) {
        mean_a += card.values[i];
        mean_b += reference.values[i];
    }
    mean_a /= static_cast<double>(std::max<std::size_t>(n, 1));
    mean_b /= static_cast<double>(std::max<std::size_t>(n, 1));
    double saa = 0, sbb = 0, sab = 0, squares = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double a = card.values[i] - mean_a, b = reference.values[i] - mean_b;
        const double error = static_cast<double>(card.values[i]) - reference.values[i];
        saa += a * a;
        sbb += b * b;
        sab += a * b;
        squares += error * error;
        agreement.max_error = std::max(agreement.max_error, std::fabs(error));
        if (std::memcmp(&card.values[i], &reference.values[i], sizeof(float)) != 0) ++agreement.differing;
    }
    if (saa > 0 && sbb > 0) agreement.correlation = sab / std::sqrt(saa * sbb);
    if (n > 0) agreement.rms_error = std::sqrt(squares / static_cast<double>(n));
    for (std::size_t i = 0; i < agreement.images; ++i)
        if (top1(card, i) == top1(reference, i)) ++agreement.same_top1;
    return agreement;
}

}  // namespace lightcard::report
