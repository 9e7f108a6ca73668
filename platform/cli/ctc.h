// SPDX-License-Identifier: Apache-2.0
/// Text of a recogniser that gives a class a step (connectionist temporal classification): the likeliest class of each
/// step, repeats once, class 0 is nothing.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lightcard::cli {

/// `scores`: [step][class]. Class c > 0 is keys[c - 1]; the one after the last key is a blank.
std::string ctc_text(const float* scores, std::size_t steps, std::size_t classes, const std::vector<std::string>& keys);

}  // namespace lightcard::cli
