// SPDX-License-Identifier: Apache-2.0
// What is wrong between parameters: each rule is one function and names the parameter to look at.
#include <cmath>
#include <optional>

#include "lightcard/model/card/config.h"
#include "lightcard/model/card/config_fields.h"

namespace lightcard {

namespace {

using Problem = std::optional<Error>;

constexpr std::uint64_t kMostWeights = 1ull << 32;  // in all banks of all cores
constexpr std::uint64_t kPage = 4096;

Problem problem(const char* path, std::string what, std::string hint)
{
    return Error{std::move(what), path, std::move(hint)};
}

bool is_power_of_two(std::uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

Problem check_fidelity(const CardConfig& card)
{
    if (card.run.fidelity != Fidelity::device) return {};
    return problem("run.fidelity", "fidelity 'device' is not available yet: arrives with the physics", "use 'stat'");
}

Problem check_cell_count(const CardConfig& card)
{
    const std::uint64_t weights = std::uint64_t{card.cores} * card.pcm.banks * card.core.n * card.core.n;
    if (weights <= kMostWeights) return {};
    return problem("card.pcm.banks", std::to_string(weights) + " weights in all banks of all cores are too many",
                   "at most " + std::to_string(kMostWeights) + " = cores x banks x n x n");
}

Problem check_writers(const CardConfig& card)
{
    if (card.pcm.writers <= card.pcm.banks) return {};
    return problem("card.pcm.writers",
                   std::to_string(card.pcm.writers) + " writers for " + std::to_string(card.pcm.banks) + " banks",
                   "at most card.pcm.banks = " + std::to_string(card.pcm.banks));
}

/// Cells that one slot programs: a differential pair, a row of pairs, the whole array.
double cells_of_slot(const CardConfig& card)
{
    const double n = card.core.n;
    switch (card.pcm.write_scheme) {
        case pcm_memory::WriteScheme::serial:
            return 2;
        case pcm_memory::WriteScheme::row_parallel:
            return 2 * n;
        case pcm_memory::WriteScheme::array_parallel:
            return 2 * n * n;
    }
    return 2 * n * n;
}

Problem check_write_power(const CardConfig& card)
{
    const double slot = static_cast<double>(card.pcm.write_slot) / static_cast<double>(kSecond);
    const double energy = cells_of_slot(card) * card.pcm.write_energy * card.pcm.writers * card.cores;
    const double power = energy / slot;
    if (power <= card.pcm.write_power_limit) return {};
    const double shortest = std::ceil(energy / card.pcm.write_power_limit * static_cast<double>(kSecond));
    return problem("card.pcm.write_power_limit",
                   "writing " + std::to_string(card.pcm.writers * card.cores) + " bank(s) at once draws " +
                       format_real(power, Dimension::power) + ", above " +
                       format_real(card.pcm.write_power_limit, Dimension::power),
                   "a card.pcm.write_slot of " + format_time(static_cast<Picoseconds>(shortest)) +
                       ", fewer cells a slot (card.pcm.write_scheme), or less card.pcm.write_energy");
}

Problem check_converters(const CardConfig& card)
{
    const auto above = [](const char* path, const char* bits_path, double enob, std::uint32_t bits) -> Problem {
        if (enob <= bits) return {};
        return problem(path, "more effective bits than bits",
                       "at most " + std::string(bits_path) + " = " + std::to_string(bits));
    };
    const auto& c = card.converters;
    const Problem dac = above("card.converters.dac_enob", "card.converters.dac_bits", c.dac_enob, c.dac_bits);
    return dac ? dac : above("card.converters.adc_enob", "card.converters.adc_bits", c.adc_enob, c.adc_bits);
}

Problem check_sizes(const CardConfig& card)
{
    struct Size {
        const char* path;
        std::uint64_t value;
        bool power_of_two;  ///< else whole pages
    };
    const Size sizes[] = {
        {"card.control.sram_bytes", card.control.sram_bytes, false},
        {"card.control.dma_chunk", card.control.dma_chunk, true},
        {"card.memory.bytes", card.memory.bytes, false},
        {"card.link.width", card.link.width, true},
        {"card.link.max_payload", card.link.max_payload, true},
        {"card.link.max_read_request", card.link.max_read_request, true},
        {"card.link.bar2_bytes", card.link.bar2_bytes, true},
    };
    for (const Size& size : sizes) {
        const bool counts = std::string_view(size.path) == "card.link.width";
        const auto text = [&](std::uint64_t v) {
            return format_integer(v, counts ? Dimension::number : Dimension::bytes);
        };
        if (size.power_of_two && !is_power_of_two(size.value)) {
            std::uint64_t below = 1;
            while (below * 2 < size.value) below *= 2;
            return problem(size.path, text(size.value) + " is not a power of two",
                           "nearest: " + text(below) + " or " + text(below * 2));
        }
        if (!size.power_of_two && size.value % kPage != 0) {
            return problem(size.path, text(size.value) + " is not a whole number of 4 KiB pages",
                           "nearest: " + text((size.value + kPage / 2) / kPage * kPage));
        }
    }
    return {};
}

constexpr Problem (*kRules[])(const CardConfig&) = {check_fidelity,    check_cell_count, check_writers,
                                                    check_write_power, check_converters, check_sizes};

}  // namespace

Status check_card(const CardConfig& card)
{
    for (const config::Field& field : config::fields()) {
        if (Status status = config::check_field(field, card); !status) {
            return Error{status.error().what, field.path, status.error().hint};
        }
    }
    for (const auto rule : kRules) {
        if (const Problem found = rule(card)) return *found;
    }
    return {};
}

std::vector<std::string> card_warnings(const CardConfig& card)
{
    std::vector<std::string> warnings;
    const double transmitted = std::pow(10.0, -card.core.coupling_loss_db / 10.0);
    const double on_row = card.core.row_power * card.core.lanes * transmitted;
    if (on_row > card.core.optical_power_limit) {
        warnings.push_back("card.core.row_power: a row waveguide carries " +
                           format_real(std::round(on_row * 1e6) * 1e-6, Dimension::power) +
                           " in all lanes after coupling, above card.core.optical_power_limit = " +
                           format_real(card.core.optical_power_limit, Dimension::power));
    }
    return warnings;
}

}  // namespace lightcard
