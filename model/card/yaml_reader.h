// SPDX-License-Identifier: Apache-2.0
/// YAML text into a small tree that remembers line numbers. Stricter than YAML: one document, plain text keys,
/// no duplicate keys, no anchors, aliases or explicit tags, bounded size and depth. Scalars stay text: what
/// `on`, `1e3` or `13 GHz` mean is for whoever reads the tree.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard::yaml {

constexpr std::size_t kMaxBytes = 256 * 1024;
constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxNodes = 8'000;

struct Entry;

struct Node {
    enum class Kind { null, scalar, sequence, map };
    Kind kind = Kind::null;
    std::string text;            ///< of a scalar
    int line = 1;                ///< from 1
    std::vector<Entry> entries;  ///< of a map in file order; of a sequence with empty keys

    const Entry* find(const std::string& key) const;
};

struct Entry {
    std::string key;
    int line = 1;  ///< of the key
    Node value;
};

/// "a map", "text", ... for error texts.
const char* describe(Node::Kind kind);

/// `file` is only for the place of an error ("card.yaml:12: card.core.n"). An empty document is a null node.
Result<Node> read(const std::string& text, const std::string& file);

}  // namespace lightcard::yaml
