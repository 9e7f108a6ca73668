// SPDX-License-Identifier: Apache-2.0
/// The resolved configuration as entries, text and hash.
#pragma once

#include <string>
#include <vector>

#include "lightcard/model/card/config.h"

namespace lightcard::config {

/// Where a value was given and what is known about it; one a field, in table order.
struct Origin {
    std::string place;  ///< "my.yaml:12", "command line", "built in"
    std::string source;
    std::string grade;
    std::string range;  ///< declared; empty: the hard range
    int order = 0;      ///< larger: set later
};

/// Origins of the built-in reference card.
std::vector<Origin> built_in_origins();
/// Fills config.resolved and config.hash.
void resolve(CardConfig& config, const std::vector<Origin>& origins);

/// FNV-1a, 64 bit, over "lightcard/card/1\n" and one "path=value\n" for every parameter of card and run in table
/// order, name and note left out; 16 hexadecimal digits. Values are in canonical text, so two configurations have the
/// same hash when, collisions apart, every number is the same bit for bit.
std::string hash_of(const CardConfig& config);

}  // namespace lightcard::config
