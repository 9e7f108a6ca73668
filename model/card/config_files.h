// SPDX-License-Identifier: Apache-2.0
/// Finding and reading card files.
#pragma once

#include <cstddef>
#include <string>

#include "lightcard/model/common/result.h"

namespace lightcard::config {

/// Path of a card given as a path ("cards/my.yaml": relative to `base`) or as a name ("lc128": beside the file
/// that asks, then in config_directories()). Error: no such card, with the nearest name. `base` may be empty.
Result<std::string> find_card(const std::string& name_or_path, const std::string& base);

/// The same for a device ("sb2se3"): beside the file that asks, then in the folder `devices` beside each folder of
/// cards.
Result<std::string> find_device(const std::string& name_or_path, const std::string& base);

/// The same for a scenario of faults ("interrupts"): in the folder `faults` beside each folder of cards.
Result<std::string> find_faults(const std::string& name_or_path);

/// The bytes of a regular file. Error: cannot be read, not a regular file, larger than `limit`.
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// The same file under whatever name, for finding cycles.
std::string canonical_path(const std::string& path);
std::string directory_of(const std::string& path);
/// "cards/lc128.yaml" is "lc128"
std::string stem_of(const std::string& path);

}  // namespace lightcard::config
