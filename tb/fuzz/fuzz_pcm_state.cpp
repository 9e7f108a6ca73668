// SPDX-License-Identifier: Apache-2.0
// PCM state files: whatever the bytes, an error or a state that can be written again and gives the same bytes.
#include <sstream>

#include "lightcard/model/pcm_memory/state_file.h"
#include "lightcard/tb/fuzz/archive_repair.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {
namespace {

using pcm_memory::StateFile;

std::string written(const StateFile& state)
{
    std::ostringstream out;
    require(pcm_memory::write_state(out, state).ok(), "a state can be written");
    return out.str();
}

bool check(const std::string& bytes)
{
    std::istringstream in(bytes);
    const auto state = pcm_memory::read_state(in);
    if (!state) {
        require(!state.error().what.empty() && state.error().where.rfind("PCM state", 0) == 0, "an error says of what");
        return false;
    }
    const auto& card = state->card;
    require(state->cores.size() == card.cores, "every core is there");
    for (const auto& core : state->cores) {
        require(core.banks.size() == card.banks, "every bank is there");
        for (const auto& bank : core.banks)
            require(pcm_memory::fits(bank, card.n, card.spare_rows) && bank.age >= 0, "a bank fits its card");
    }
    require(written(*state) == bytes, "what was read is written the same");
    return true;
}

}  // namespace

std::vector<Bytes> seeds()
{
    StateFile state;
    state.card = {"lc128", 1, 1, 4, 1, 2, 1, 5};
    state.cores.resize(1);
    state.cores[0].banks.resize(2);
    const auto fresh = to_bytes(written(state));
    auto& bank = state.cores[0].banks[1];
    bank.weight_id = 7;
    bank.rows = 2, bank.cols = 2;
    bank.weights = {1, -2, 3, -4};
    bank.adc_range = {100, 0};
    bank.epoch = 3;
    bank.age = 12.5;
    bank.wear = {3, 3, 3, 3, 1};
    bank.row_map = {0, 4, 2, 3};
    bank.spares_used = 1;
    bank.stuck[pcm_memory::stuck_key(1, 2, 1)] = 0.25F;
    return {fresh, to_bytes(written(state))};
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    const std::string bytes(data, data + size);
    const bool accepted = check(bytes);
    return check(repaired(bytes)) || accepted;
}

}  // namespace lightcard::fuzz
