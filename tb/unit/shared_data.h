// SPDX-License-Identifier: Apache-2.0
/// Real networks and data that are no part of the repository. A test that lacks them is skipped.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace lightcard::test {

/// Where they lie: LIGHTCARD_DATA, or beside the source tree. Need not exist.
inline std::filesystem::path shared_data()
{
    const char* given = std::getenv("LIGHTCARD_DATA");
    return given ? std::filesystem::path(given)
                 : std::filesystem::path(LIGHTCARD_SOURCE_DIR) / ".." / "shared" / "data";
}

}  // namespace lightcard::test
