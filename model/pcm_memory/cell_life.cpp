// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/cell_life.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"

namespace lightcard::pcm_memory {
namespace {

constexpr double kShortest = -6.4;  ///< no normal draw is further out
constexpr double kWords = 4294967296.0;

/// One cell's draws.
struct Draws {
    std::uint32_t life, failure;
};

/// `cycles` of its row.
void wear_out(const Parameters& parameters, const Draws& draws, std::uint32_t cycles, float& stuck, float& ceiling)
{
    const double life = static_cast<double>(parameters.endurance) *
                        det::exp(parameters.endurance_spread * static_cast<double>(gaussian(draws.life)));
    const bool defect = draws.failure < parameters.defect_rate * kWords;
    if (defect || cycles >= life) {
        stuck = (draws.failure & 0xffff) < parameters.stuck_low_share * 65536 ? 0.0F : 1.0F;
        return;
    }
    ceiling = static_cast<float>(1.0 - parameters.fatigue * (cycles / life));
}

bool as_new(const Parameters& parameters, const Wear& wear)
{
    if (!wear.stuck.empty() || parameters.defect_rate > 0) return false;
    if (wear.cycles.empty()) return true;
    const auto most = *std::max_element(wear.cycles.begin(), wear.cycles.end());
    if (parameters.fatigue > 0 && most > 0) return false;
    const double first = static_cast<double>(parameters.endurance) * det::exp(parameters.endurance_spread * kShortest);
    return most < first;
}

}  // namespace

std::vector<PairLimits> pair_limits(const Parameters& parameters, const BankPlace& place, const Wear& wear,
                                    std::uint32_t rows, std::uint32_t cols)
{
    std::vector<PairLimits> limits;
    if (as_new(parameters, wear)) return limits;
    limits.resize(std::size_t{rows} * cols);
    const auto physical = [&](std::uint32_t row) -> std::uint32_t { return wear.rows.empty() ? row : wear.rows[row]; };
    std::uint32_t last = 0;
    for (std::uint32_t row = 0; row < rows; ++row) last = std::max(last, physical(row));
    const std::size_t drawn = std::size_t{last} + 1;
    std::vector<std::uint32_t> words(4 * drawn);
    for (std::uint32_t col = 0; col < cols; ++col) {
        static_words({place.seed, 0, place.core, place.bank, col}, NoiseSource::life, static_cast<std::uint32_t>(drawn),
                     words.data());
        for (std::uint32_t row = 0; row < rows; ++row) {
            const std::uint32_t at = physical(row);
            PairLimits& pair = limits[std::size_t{col} * rows + row];
            for (int arm = 0; arm < 2; ++arm) {
                const auto word = [&](int which) { return words[static_cast<std::size_t>(which) * drawn + at]; };
                wear_out(parameters, {word(arm), word(2 + arm)}, wear.cycles.empty() ? 0 : wear.cycles[at],
                         pair.stuck[arm], pair.ceiling[arm]);
                const auto made = wear.stuck.find(stuck_key(at, col, arm));
                if (made != wear.stuck.end()) pair.stuck[arm] = made->second;
            }
        }
    }
    return limits;
}

std::vector<std::uint32_t> failed_cells(const Parameters& parameters, const std::vector<PairLimits>& limits,
                                        std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights, bool single)
{
    std::vector<std::uint32_t> failed(rows, 0);
    if (limits.empty()) return failed;
    for (std::uint32_t col = 0; col < cols; ++col)
        for (std::uint32_t row = 0; row < rows; ++row) {
            const std::size_t at = std::size_t{col} * rows + row;
            for (int arm = 0; arm < (single ? 1 : 2); ++arm) {
                const double target = ideal_contrast(weights[at], arm, single);
                failed[row] += std::abs(limited(limits[at], arm, target) - target) > parameters.verify_tolerance;
            }
        }
    return failed;
}

}  // namespace lightcard::pcm_memory
