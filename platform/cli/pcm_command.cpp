// SPDX-License-Identifier: Apache-2.0
// `lightcard pcm`: what a PCM state file holds, and whether it is whole. Any card's; nothing is simulated.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/model/pcm_memory/state_file.h"
#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

constexpr HelpText kHelp = {
    "pcm", "FILE [--all] [--json [FILE]]",
    "Shows what a PCM state file (lightcard run --pcm-state) holds: which card it is of, and of every bank that has\n"
    "been programmed its weights, age, wear, rows in use and failed cells. A damaged file is refused by name.\n",
    "  lightcard pcm card.pcm\n"};

std::uint64_t most_worn(const pcm_memory::StoredBank& bank)
{
    return bank.wear.empty() ? 0 : *std::max_element(bank.wear.begin(), bank.wear.end());
}

std::uint64_t cycles(const pcm_memory::StoredBank& bank)
{
    std::uint64_t sum = 0;
    for (const auto row : bank.wear) sum += row;
    return sum;
}

std::string hex(std::uint64_t value)
{
    std::ostringstream text;
    text << "0x" << std::hex << value;
    return text.str();
}

std::string weights_of(const pcm_memory::StoredBank& bank)
{
    if (bank.weight_id == 0) return "none";
    return hex(bank.weight_id) + ", " + std::to_string(bank.rows) + " x " + std::to_string(bank.cols);
}

void print_text(std::ostream& out, const pcm_memory::StateFile& state, bool all)
{
    const auto& card = state.card;
    out << "PCM state of " << card.name << ", serial number " << card.serial_number << ", seed " << card.seed << ": "
        << card.cores << " x " << card.banks << " banks of " << card.n << " x " << card.n << ", " << card.spare_rows
        << " spare rows, " << (1u << card.level_bits) << " levels\n\n";
    out << "core bank  weights                  programmed  age         most worn row  mean row  spares  failed\n";
    std::size_t hidden = 0;
    for (std::size_t c = 0; c < state.cores.size(); ++c)
        for (std::size_t b = 0; b < state.cores[c].banks.size(); ++b) {
            const auto& bank = state.cores[c].banks[b];
            if (!all && bank.epoch == 0 && bank.wear.empty() && bank.stuck.empty()) {
                ++hidden;
                continue;
            }
            const auto rows = std::max<std::size_t>(1, bank.wear.size());
            out << std::right << std::setw(4) << c << std::setw(5) << b << "  " << std::left << std::setw(25)
                << weights_of(bank) << std::right << std::setw(10) << bank.epoch << "  " << std::left << std::setw(12)
                << (bank.epoch == 0 ? "-" : report::seconds_text(bank.age)) << std::right << std::setw(13)
                << most_worn(bank) << std::setw(10) << cycles(bank) / rows << std::setw(8) << bank.spares_used
                << std::setw(8) << bank.stuck.size() << '\n';
        }
    if (hidden > 0) out << hidden << " bank(s) never programmed\n";
}

nlohmann::ordered_json to_json(const pcm_memory::StateFile& state)
{
    using Json = nlohmann::ordered_json;
    const auto& card = state.card;
    Json json = {{"schema", "lightcard/pcm-state/1"},
                 {"card",
                  {{"name", card.name},
                   {"serial_number", card.serial_number},
                   {"seed", card.seed},
                   {"n", card.n},
                   {"cores", card.cores},
                   {"banks", card.banks},
                   {"spare_rows", card.spare_rows},
                   {"level_bits", card.level_bits}}},
                 {"cores", Json::array()}};
    for (const auto& core : state.cores) {
        Json banks = Json::array();
        for (const auto& bank : core.banks)
            banks.push_back({{"weight_id", hex(bank.weight_id)},
                             {"rows", bank.rows},
                             {"cols", bank.cols},
                             {"programs", bank.epoch},
                             {"age_s", bank.age},
                             {"drift_age_s", bank.exposure.drift},
                             {"retention_age_s", bank.exposure.retention},
                             {"written_at_c", bank.temperature},
                             {"wear_cycles", bank.wear},
                             {"row_map", bank.row_map},
                             {"spare_rows_used", bank.spares_used},
                             {"failed_cells", bank.stuck.size()}});
        json["cores"].push_back(
            {{"cells_written", core.cells_written}, {"programs", core.commits}, {"banks", std::move(banks)}});
    }
    return json;
}

}  // namespace

int pcm_command(const Console& console, const Arguments& arguments)
{
    po::options_description visible("Output");
    visible.add_options()("all", "banks that were never programmed too")(
        "json", po::value<std::string>()->value_name("FILE"), "as JSON, every bank; - is standard output");
    po::options_description hidden;
    hidden.add_options()("file", po::value<std::string>());
    const auto parsed = parse(console, kHelp, visible, hidden, Positional{"file", 1}, arguments);
    if (parsed.exit) return *parsed.exit;
    if (!parsed.has("file")) return fail(console, kUsage, {"a PCM state file is needed", "", "lightcard pcm FILE"});
    const auto path = parsed.get<std::string>("file");
    std::ifstream in(path, std::ios::binary);
    if (!in) return fail(console, kUsage, {std::string("cannot read: ") + std::strerror(errno), path, ""});
    const auto state = pcm_memory::read_state(in);
    if (!state) {
        auto error = state.error();
        error.where = path + ": " + error.where;
        return fail(console, kUsage, error);
    }
    if (!parsed.has("json")) {
        print_text(console.out, *state, parsed.has("all"));
        return kOk;
    }
    const auto written = write_output(console, parsed.get<std::string>("json"),
                                      [&](std::ostream& out) { out << to_json(*state).dump(1) << '\n'; });
    return written ? static_cast<int>(kOk) : fail(console, kUsage, written.error());
}

}  // namespace lightcard::cli
