// SPDX-License-Identifier: Apache-2.0
/// Text to tokens and back over a small vocabulary of the llama2.c form; damaged vocabularies.
#include "lightcard/platform/cli/tokenizer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "lightcard/platform/cli/ctc.h"

namespace lightcard::cli {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class Value>
void put(Bytes& bytes, Value value)
{
    std::uint8_t raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.insert(bytes.end(), raw, raw + sizeof value);
}

/// <unk>, <s>, </s>, the 256 bytes, then letters and merges.
Bytes vocabulary()
{
    Bytes bytes;
    put<std::int32_t>(bytes, 6);
    const auto token = [&bytes](const std::string& text, float score) {
        put(bytes, score);
        put(bytes, static_cast<std::int32_t>(text.size()));
        bytes.insert(bytes.end(), text.begin(), text.end());
    };
    for (const char* text : {"<unk>", "<s>", "</s>"}) token(text, 0);
    const std::string digits = "0123456789ABCDEF";
    for (std::size_t byte = 0; byte < 256; ++byte)
        token(std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">", 0);
    for (const char* text : {" ", "a", "b", "c", "\xc3\xa9"}) token(text, -100);  // 259 .. 263
    token("ab", -1);                                                              // 264
    token("bc", -2);
    token(" ab", -3);
    token("abc", -4);
    return bytes;
}

TEST(Tokenizer, BestScoredMergesComeFirst)
{
    const auto tokenizer = Tokenizer::parse(vocabulary());
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    EXPECT_EQ(tokenizer->size(), 268u);
    EXPECT_EQ(tokenizer->encode(""), (std::vector<int>{1}));
    // " abc": "ab" (-1) before "bc" (-2), then " ab" (-3) before "abc" (-4).
    EXPECT_EQ(tokenizer->encode("abc"), (std::vector<int>{1, 266, 262}));
    EXPECT_EQ(tokenizer->encode("bc"), (std::vector<int>{1, 259, 265}));
}

TEST(Tokenizer, WhatIsNoTokenBecomesItsBytes)
{
    const auto tokenizer = Tokenizer::parse(vocabulary());
    ASSERT_TRUE(tokenizer);
    EXPECT_EQ(tokenizer->encode("\xc3\xa9x"), (std::vector<int>{1, 259, 263, 3 + 'x'}));
    EXPECT_EQ(tokenizer->decode(263, 3 + 'x'), "x");
    EXPECT_EQ(tokenizer->decode(1, 266), "ab") << "no blank at the beginning";
    EXPECT_EQ(tokenizer->decode(262, 266), " ab");
    EXPECT_EQ(tokenizer->decode(1, 5000), "");
}

TEST(Tokenizer, DamagedFilesAreRefused)
{
    const Bytes whole = vocabulary();
    for (std::size_t size = 0; size < whole.size(); ++size)
        Tokenizer::parse({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}).ok();
    EXPECT_FALSE(Tokenizer::parse({}));
    EXPECT_FALSE(Tokenizer::parse({whole.begin(), whole.end() - 1}));
    Bytes longer = whole;
    longer[8] = 200;  // the length of <unk>
    EXPECT_FALSE(Tokenizer::parse(longer));
    Bytes negative = whole;
    negative[11] = 0xff;
    EXPECT_FALSE(Tokenizer::parse(negative));
}

TEST(Ctc, RepeatsAreOneAndNothingParts)
{
    const std::vector<std::string> keys{"a", "b"};
    const auto text = [&keys](const std::vector<std::size_t>& best) {
        std::vector<float> scores(best.size() * 4, 0.0f);
        for (std::size_t step = 0; step < best.size(); ++step) scores[step * 4 + best[step]] = 1;
        return ctc_text(scores.data(), best.size(), 4, keys);
    };
    EXPECT_EQ(text({0, 1, 1, 0, 1, 2, 2, 3, 1, 0}), "aab a");
    EXPECT_EQ(text({0, 0}), "");
}

}  // namespace
}  // namespace lightcard::cli
