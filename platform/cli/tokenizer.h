// SPDX-License-Identifier: Apache-2.0
/// Tokens of a language model: a vocabulary file of the llama2.c form, text to tokens by the best-scored merges, and
/// back. File, little-endian: i32 length of the longest token; then a token after the other: f32 score, i32 length,
/// bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard::cli {

class Tokenizer {
public:
    static constexpr int kBegin = 1, kEnd = 2;

    /// Error: a file that is cut off, or a token longer than the file says.
    static Result<Tokenizer> read(const std::string& path);
    static Result<Tokenizer> parse(const std::vector<std::uint8_t>& bytes);

    std::size_t size() const { return tokens_.size(); }
    /// kBegin, then the text with a blank before it; what is in no token becomes its bytes.
    std::vector<int> encode(const std::string& text) const;
    /// What `token` adds to the text behind `previous`.
    std::string decode(int previous, int token) const;

private:
    struct Token {
        std::string text;
        float score = 0;
    };
    std::vector<Token> tokens_;
    std::map<std::string, int> by_text_;
};

}  // namespace lightcard::cli
