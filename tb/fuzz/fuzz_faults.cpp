// SPDX-License-Identifier: Apache-2.0
// Fault scenarios (YAML).
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lightcard/model/card/fault_scenario.h"
#include "lightcard/model/control_chip/fault_table.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {

std::vector<Bytes> seeds()
{
    std::vector<Bytes> all;
    for (const auto& entry : std::filesystem::directory_iterator(LIGHTCARD_SOURCE_DIR "/configs/faults")) {
        std::ifstream file(entry.path(), std::ios::binary);
        all.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    all.push_back(to_bytes(
        "schema: lightcard/faults/1\nfaults:\n  - {fault: cell_stuck, bank: 1, row: 1, column: 1, level: 9}\n"));
    return all;
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    const auto card = default_card();
    const auto scenario = parse_faults(std::string(data, data + size), "fuzz.yaml", card);
    if (!scenario) {
        require(!scenario.error().what.empty(), "an error says what is wrong");
        require(scenario.error().where.rfind("fuzz.yaml", 0) == 0, "and where");
        return false;
    }
    require(!scenario->faults.empty(), "an accepted scenario has faults");
    for (const auto& entry : scenario->faults)
        require(!control_chip::check_fault(entry.fault, fault_limits(card)), "each of them one of this card's");
    return true;
}

}  // namespace lightcard::fuzz
