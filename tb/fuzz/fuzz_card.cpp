// SPDX-License-Identifier: Apache-2.0
// Card descriptions (YAML).
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lightcard/model/card/config.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {

std::vector<Bytes> seeds()
{
    std::vector<Bytes> all;
    for (const char* card : {"lc128", "lc64", "lc128-1x52"}) {
        std::ifstream file(std::string(LIGHTCARD_SOURCE_DIR "/configs/cards/") + card + ".yaml", std::ios::binary);
        all.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    all.push_back(to_bytes("schema: lightcard/card/1\nextends: lc128\nrun: {fidelity: ideal, seed: 7, timing: at}\n"));
    return all;
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    const Result<CardConfig> card = parse_card(std::string(data, data + size), "fuzz.yaml");
    if (!card.ok()) {
        require(!card.error().what.empty(), "an error says what is wrong");
        return false;
    }
    require(card->hash.size() == 16, "an accepted card has its hash");
    require(card->cores >= 1 && card->core.n >= 1 && card->pcm.banks >= 1, "an accepted card can multiply");
    require(!card->resolved.empty(), "an accepted card is resolved");
    const Result<CardConfig> again = parse_card(std::string(data, data + size), "fuzz.yaml");
    require(again.ok() && again->hash == card->hash, "the same text is the same card");
    return true;
}

}  // namespace lightcard::fuzz
