// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/config_check.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/card/config_fields.h"
#include "lightcard/model/card/peak.h"

namespace lightcard {

namespace config {

namespace {

using Found = std::optional<Problem>;

constexpr std::uint64_t kMostWeights = 1ull << 32;  // in all banks of all cores
constexpr std::uint64_t kPage = 4096;

std::string text_of(double value, Dimension dimension)
{
    return format_real(value, dimension);
}

Found check_cell_count(const CardConfig& card)
{
    const std::uint64_t weights = std::uint64_t{card.cores} * card.pcm.banks * card.core.n * card.core.n;
    if (weights <= kMostWeights) return {};
    return Problem{{"card.pcm.banks", "card.cores", "card.core.n"},
                   std::to_string(weights) + " weights in all banks of all cores are too many",
                   "cores x banks x n x n is at most " + std::to_string(kMostWeights)};
}

Found check_writers(const CardConfig& card)
{
    if (card.pcm.writers <= card.pcm.banks) return {};
    return Problem{{"card.pcm.writers", "card.pcm.banks"},
                   std::to_string(card.pcm.writers) + " writers for " + std::to_string(card.pcm.banks) + " bank(s)",
                   "card.pcm.writers is at most card.pcm.banks"};
}

/// Mean power of the write drivers with every writer of every core busy.
Found check_write_power(const CardConfig& card)
{
    const double power = write_power(card);
    if (power <= card.pcm.write_power_limit) return {};
    const double slot = static_cast<double>(card.pcm.write_slot) / static_cast<double>(kSecond);
    const double shortest = std::ceil(power * slot / card.pcm.write_power_limit * 1e9) / 1e9;
    return Problem{{"card.pcm.write_scheme", "card.pcm.write_slot", "card.pcm.write_energy", "card.pcm.writers",
                    "card.pcm.write_power_limit", "card.core.n", "card.cores"},
                   "writing draws " + text_of(power, Dimension::power) +
                       ", above card.pcm.write_power_limit = " + text_of(card.pcm.write_power_limit, Dimension::power),
                   "allowed: a card.pcm.write_slot of " + text_of(shortest, Dimension::time) +
                       " or longer, fewer cells a slot (card.pcm.write_scheme), less card.pcm.write_energy"};
}

Found check_converters(const CardConfig& card)
{
    const auto above = [](const char* path, const char* bits_path, double enob, std::uint32_t bits) -> Found {
        if (enob <= bits) return {};
        return Problem{{path, bits_path},
                       text_of(enob, Dimension::number) + " effective bits of " + std::to_string(bits) + " bits",
                       std::string(path) + " is at most " + bits_path};
    };
    const auto& c = card.converters;
    const Found dac = above("card.converters.dac_enob", "card.converters.dac_bits", c.dac_enob, c.dac_bits);
    return dac ? dac : above("card.converters.adc_enob", "card.converters.adc_bits", c.adc_enob, c.adc_bits);
}

Found check_powers_of_two(const CardConfig& card)
{
    struct Size {
        const char* path;
        std::uint64_t value;
        Dimension dimension;
    };
    const Size sizes[] = {
        {"card.control.dma_chunk", card.control.dma_chunk, Dimension::bytes},
        {"card.link.width", card.link.width, Dimension::number},
        {"card.link.max_payload", card.link.max_payload, Dimension::bytes},
        {"card.link.max_read_request", card.link.max_read_request, Dimension::bytes},
        {"card.link.bar2_bytes", card.link.bar2_bytes, Dimension::bytes},
    };
    for (const Size& size : sizes) {
        std::uint64_t below = 1;
        while (below * 2 <= size.value) below *= 2;
        if (below == size.value) continue;
        return Problem{
            {size.path},
            format_integer(size.value, size.dimension) + " is not a power of two",
            "nearest: " + format_integer(below, size.dimension) + " or " + format_integer(below * 2, size.dimension)};
    }
    return {};
}

Found check_pages(const CardConfig& card)
{
    const std::pair<const char*, std::uint64_t> sizes[] = {{"card.control.sram_bytes", card.control.sram_bytes},
                                                           {"card.memory.bytes", card.memory.bytes}};
    for (const auto& [path, value] : sizes) {
        if (value % kPage == 0) continue;
        return Problem{{path},
                       format_integer(value, Dimension::bytes) + " is not a whole number of 4 KiB pages",
                       "nearest: " + format_integer((value + kPage / 2) / kPage * kPage, Dimension::bytes)};
    }
    return {};
}

constexpr Found (*kRules[])(const CardConfig&) = {check_cell_count, check_writers,       check_write_power,
                                                  check_converters, check_powers_of_two, check_pages};

}  // namespace

std::optional<Problem> find_problem(const CardConfig& card)
{
    for (const Field& field : fields()) {
        if (Status status = check_field(field, card); !status) {
            return Problem{{field.path}, status.error().what, status.error().hint};
        }
    }
    for (const auto rule : kRules) {
        if (const Found found = rule(card)) return found;
    }
    return {};
}

}  // namespace config

Status check_card(const CardConfig& card)
{
    const std::optional<config::Problem> found = config::find_problem(card);
    return found ? Status(Error{found->what, found->paths.front(), found->hint}) : Status();
}

std::vector<std::string> card_warnings(const CardConfig& card)
{
    std::vector<std::string> warnings;
    const double transmitted = std::pow(10.0, -card.core.coupling_loss_db / 10.0);
    const double on_row = card.core.row_power * card.core.lanes * transmitted;
    if (on_row > card.core.optical_power_limit) {
        warnings.push_back("card.core.row_power: a row waveguide carries " +
                           format_real(std::round(on_row * 1e6) / 1e6, Dimension::power) +
                           " in all lanes after coupling, above card.core.optical_power_limit = " +
                           format_real(card.core.optical_power_limit, Dimension::power));
    }
    if (card.core.combining == photonic_core::Combining::coherent_homodyne) {
        warnings.emplace_back(
            "card.core.combining: a run of coherent_homodyne counts the local oscillator's power and shot noise, but "
            "treats "
            "fields as intensities: cells stay linear in power, phase errors and the oscillator's intensity noise are "
            "in "
            "`lightcard budget` alone");
    }
    if (card.core.cells == photonic_core::Cells::routing) {
        warnings.emplace_back(
            "card.core.cells: a run of routing cells has the light of one cell a weight, but the direct current and "
            "the "
            "programming error of an absorptive pair; `lightcard budget` has its own");
    }
    return warnings;
}

}  // namespace lightcard
