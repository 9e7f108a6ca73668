// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/tokenizer.h"

#include <cstring>

#include "lightcard/platform/cli/files.h"

namespace lightcard::cli {

namespace {

constexpr std::size_t kMostTokens = 1 << 20;
constexpr std::int32_t kLongestToken = 4096;
constexpr int kFirstByte = 3;  ///< token of byte 0

/// "<0x0A>": the byte it stands for; -1 for any other token.
int byte_of(const std::string& text)
{
    if (text.size() != 6 || text.compare(0, 3, "<0x") != 0 || text[5] != '>') return -1;
    int value = 0;
    for (const char digit : {text[3], text[4]}) {
        const std::size_t at = std::string("0123456789ABCDEF").find(digit);
        if (at == std::string::npos) return -1;
        value = value * 16 + static_cast<int>(at);
    }
    return value;
}

/// Bytes of the UTF-8 character that starts at `at`.
std::size_t character_at(const std::string& text, std::size_t at)
{
    std::size_t end = at + 1;
    while (end < text.size() && end < at + 4 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
    return end - at;
}

}  // namespace

Result<Tokenizer> Tokenizer::read(const std::string& path)
{
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    auto tokenizer = parse({bytes->begin(), bytes->end()});
    if (!tokenizer) return Error{tokenizer.error().what, path, tokenizer.error().hint};
    return tokenizer;
}

Result<Tokenizer> Tokenizer::parse(const std::vector<std::uint8_t>& bytes)
{
    std::size_t at = 0;
    const auto take = [&](void* into, std::size_t size) {
        if (bytes.size() - at < size) return false;
        std::memcpy(into, bytes.data() + at, size);
        at += size;
        return true;
    };
    Tokenizer tokenizer;
    std::int32_t longest = 0;
    if (!take(&longest, 4) || longest < 1 || longest > kLongestToken)
        return Error{"is no vocabulary", "", "the length of the longest token, then score, length and bytes of each"};
    while (at < bytes.size()) {
        Token token;
        std::int32_t length = 0;
        const bool whole = take(&token.score, 4) && take(&length, 4) && length >= 0 && length <= longest &&
                           bytes.size() - at >= static_cast<std::size_t>(length);
        if (!whole || tokenizer.tokens_.size() == kMostTokens)
            return Error{"token " + std::to_string(tokenizer.tokens_.size()) + " is cut off or too long", "", ""};
        token.text.assign(reinterpret_cast<const char*>(bytes.data()) + at, static_cast<std::size_t>(length));
        at += static_cast<std::size_t>(length);
        tokenizer.by_text_.emplace(token.text, static_cast<int>(tokenizer.tokens_.size()));
        tokenizer.tokens_.push_back(std::move(token));
    }
    return tokenizer;
}

std::vector<int> Tokenizer::encode(const std::string& text) const
{
    std::vector<int> ids{kBegin};
    if (text.empty()) return ids;
    const std::string all = " " + text;
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t size = character_at(all, at);
        const auto found = by_text_.find(all.substr(at, size));
        if (found != by_text_.end())
            ids.push_back(found->second);
        else
            for (std::size_t i = 0; i < size; ++i) ids.push_back(kFirstByte + static_cast<unsigned char>(all[at + i]));
        at += size;
    }
    for (;;) {  // the pair whose union has the best score, until none is a token
        std::size_t best = 0;
        int merged = -1;
        for (std::size_t i = 1; i + 1 < ids.size(); ++i) {
            const auto known = [this](int id) { return static_cast<std::size_t>(id) < tokens_.size(); };
            if (!known(ids[i]) || !known(ids[i + 1])) continue;
            const auto found = by_text_.find(tokens_[static_cast<std::size_t>(ids[i])].text +
                                             tokens_[static_cast<std::size_t>(ids[i + 1])].text);
            if (found == by_text_.end()) continue;
            const bool better = merged < 0 || tokens_[static_cast<std::size_t>(found->second)].score >
                                                  tokens_[static_cast<std::size_t>(merged)].score;
            if (!better) continue;
            merged = found->second;
            best = i;
        }
        if (merged < 0) return ids;
        ids[best] = merged;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

std::string Tokenizer::decode(int previous, int token) const
{
    if (token < 0 || static_cast<std::size_t>(token) >= tokens_.size()) return {};
    const std::string& text = tokens_[static_cast<std::size_t>(token)].text;
    if (const int byte = byte_of(text); byte >= 0) return std::string(1, static_cast<char>(byte));
    if (previous == kBegin && !text.empty() && text[0] == ' ') return text.substr(1);
    return text;
}

}  // namespace lightcard::cli
