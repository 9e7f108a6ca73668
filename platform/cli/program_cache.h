// SPDX-License-Identifier: Apache-2.0
/// Compiled programs on disk, by the hash of all they were made from. One file an entry, written aside and renamed; its
/// weights are mapped, not read. An entry that is damaged, or that another version wrote, counts as none, and says so.
/// The whole is kept below a size: what has not been used for longest goes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lightcard/platform/compiler/graph.h"
#include "lightcard/platform/driver/program.h"

namespace lightcard::cli {

/// What a report says of one product, beside the program.
struct ProductFacts {
    std::string name;
    std::uint32_t groups = 1;
    bool digital = false;
    double quantisation = -1;  ///< layer_loss.h; below 0: not measured
};

/// What `lightcard run` needs of a compiled network beside the program: how inputs become codes and outputs numbers.
struct CachedProgram {
    driver::Program program;
    compiler::QuantTensor input, output;
    std::vector<std::string> notes;
    std::vector<ProductFacts> products;
};

class ProgramCache {
public:
    static constexpr std::uint64_t kMostBytes = std::uint64_t{2} << 30;

    /// $XDG_CACHE_HOME/lightcard, or ~/.cache/lightcard; empty: there is no such place.
    static std::string usual_folder();

    /// `folder` is made when something is stored. Empty: nothing is found, nothing is stored.
    explicit ProgramCache(std::string folder, std::uint64_t most_bytes = kMostBytes)
        : folder_(std::move(folder)), most_bytes_(most_bytes)
    {
    }

    /// Nothing: there is no such entry, or none that can be used; `warning` says what is wrong with one that is there.
    std::optional<CachedProgram> find(const std::string& key, std::string& warning) const;
    /// Error: it could not be written. Nothing is lost but time.
    Status store(const std::string& key, const CachedProgram& entry) const;

private:
    std::string path_of(const std::string& key) const;
    void make_room(std::uint64_t bytes) const;

    std::string folder_;
    std::uint64_t most_bytes_;
};

}  // namespace lightcard::cli
