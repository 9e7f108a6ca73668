// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/state_file.h"

#include <cmath>
#include <istream>

#include "lightcard/model/common/archive.h"

namespace lightcard::pcm_memory {
namespace {

constexpr std::uint32_t kVersion = 2;  ///< 2: exposures and temperatures beside ages
constexpr std::uint32_t kMostCores = 64, kMostBanks = 4096, kMostRows = 1024;

bool time_like(double seconds)
{
    return std::isfinite(seconds) && seconds >= 0;
}

template <class Archive>
void visit_state(Archive& archive, StateFile& state)
{
    archive.section("pcm-state", [&] { archive.expect("version", kVersion); });
    archive.section("card", state.card);
    const auto& card = state.card;
    if constexpr (Archive::reading) {
        archive.check(card.cores >= 1 && card.cores <= kMostCores && card.banks >= 1 && card.banks <= kMostBanks &&
                          card.n >= 1 && card.n <= kMostRows && card.spare_rows <= kMostRows,
                      "no card has this geometry");
        if (!archive.ok()) return;
        state.cores.resize(card.cores);
    }
    for (std::size_t i = 0; i < state.cores.size(); ++i) {
        archive.section("core" + std::to_string(i), state.cores[i]);
        if (!archive.ok()) return;
        archive.check(state.cores[i].banks.size() == card.banks,
                      "core " + std::to_string(i) + " has another number of banks");
        for (const auto& bank : state.cores[i].banks)
            archive.check(fits(bank, card.n, card.spare_rows) && time_like(bank.age) &&
                              time_like(bank.exposure.drift) && time_like(bank.exposure.retention) &&
                              std::abs(bank.temperature) < 1e4,
                          "a bank of core " + std::to_string(i) + " cannot be one of this card");
    }
}

Error in_file(Error error)
{
    error.where = "PCM state" + (error.where.empty() ? "" : ", " + error.where);
    return error;
}

template <class T>
std::optional<Error> differs(const char* field, const T& file, const T& card)
{
    if (file == card) return {};
    const auto show = [](const T& value) {
        if constexpr (std::is_same_v<T, std::string>) {
            return "'" + value + "'";
        } else {
            return std::to_string(value);
        }
    };
    return Error{std::string("it is of another card: ") + field + " " + show(file) + ", this card has " + show(card),
                 "PCM state", "a state belongs to one card: same name, serial number, seed and geometry"};
}

}  // namespace

Status write_state(std::ostream& out, const StateFile& state)
{
    ArchiveWriter writer(out);
    visit_state(writer, const_cast<StateFile&>(state));  // one visit for both directions
    return writer.finish();
}

Result<StateFile> read_state(std::istream& in)
{
    StateFile state;
    ArchiveReader reader(in);
    visit_state(reader, state);
    if (auto good = reader.finish(); !good) return in_file(good.error());
    if (in.peek() != std::istream::traits_type::eof())
        return in_file({"bytes follow the end of the archive", "", "the file is not what was saved"});
    return state;
}

Status check_identity(const CardIdentity& file, const CardIdentity& card)
{
    for (const auto& difference :
         {differs("name", file.name, card.name), differs("serial number", file.serial_number, card.serial_number),
          differs("seed", file.seed, card.seed), differs("n", file.n, card.n), differs("cores", file.cores, card.cores),
          differs("banks", file.banks, card.banks), differs("spare rows", file.spare_rows, card.spare_rows),
          differs("level bits", file.level_bits, card.level_bits)})
        if (difference) return *difference;
    return {};
}

}  // namespace lightcard::pcm_memory
