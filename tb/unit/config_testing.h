// SPDX-License-Identifier: Apache-2.0
/// What the tests of card files share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "lightcard/model/card/config.h"

namespace lightcard::config_testing {

inline const std::string kSchema = "schema: lightcard/card/1\n";

inline CardConfig load(const std::string& file, const std::vector<Override>& overrides = {})
{
    auto card = load_card(file, overrides);
    EXPECT_TRUE(card.ok()) << (card.ok() ? "" : card.error().message());
    return card.ok() ? *card : CardConfig();
}

inline CardConfig parse(const std::string& text)
{
    auto card = parse_card(text, "card.yaml");
    EXPECT_TRUE(card.ok()) << (card.ok() ? "" : card.error().message());
    return card.ok() ? *card : CardConfig();
}

inline std::string message_of(const Result<CardConfig>& card)
{
    return card.ok() ? "accepted" : card.error().message();
}

/// A directory of its own, removed at the end.
class Folder {
public:
    Folder()
    {
        std::string name = std::filesystem::temp_directory_path() / "lightcard-config-XXXXXX";
        path_ = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string write(const std::string& name, const std::string& text) const
    {
        std::ofstream(path_ + "/" + name, std::ios::binary) << text;
        return path_ + "/" + name;
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace lightcard::config_testing
