// SPDX-License-Identifier: Apache-2.0
/// Outputs judged: against labels, and against a reference executor's outputs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lightcard/platform/report/run_summary.h"

namespace lightcard::report {

/// Real-valued outputs, [images][classes].
struct Outputs {
    std::size_t images = 0, classes = 0;
    std::vector<float> values;
};

/// Index of the largest value of an image; the first of equals.
std::size_t top1(const Outputs& outputs, std::size_t image);

/// Images whose label is among the `k` largest outputs. Only the first min(images, labels) count.
std::uint64_t correct(const Outputs& outputs, const std::vector<std::uint32_t>& labels, std::size_t k);

/// The `k` largest outputs of an image, the largest first; among equals the lower index. `names` of the classes, or
/// empty.
Prediction predict(const Outputs& outputs, std::size_t image, std::size_t k, const std::vector<std::string>& names);

/// Both of the same shape; compares the images both have.
Agreement compare(const Outputs& card, const Outputs& reference, const std::string& name);

}  // namespace lightcard::report
