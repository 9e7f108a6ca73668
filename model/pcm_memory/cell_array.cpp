// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/cell_array.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/pcm_memory/write_loop.h"

namespace lightcard::pcm_memory {
namespace {

/// The nearest of 2^bits levels, linear in T; ties to the even level, as the write controller rounds.
double nearest_level(double contrast, std::uint32_t bits)
{
    const auto steps = static_cast<double>((std::uint64_t{1} << std::clamp(bits, 1u, 32u)) - 1);
    const double level = contrast * steps;
    auto below = static_cast<std::uint64_t>(level);
    const double rest = level - static_cast<double>(below);
    if (rest > 0.5 || (rest == 0.5 && below % 2 == 1)) ++below;
    return static_cast<double>(below) / steps;
}

double aimed_at(const Parameters& parameters, const RunConfig& run, double contrast)
{
    return run.noise.levels ? nearest_level(contrast, parameters.level_bits) : contrast;
}

/// What is drawn for a cell: standard normals, and what wear has left of it.
struct CellDraws {
    double programming, drift, retention;
    float stuck, ceiling;
};

/// The two laws of drift, each as it is written.
double drifted(const Parameters& parameters, double contrast, double nu, double age)
{
    const double times = std::max(0.0, age) / parameters.drift_t0;
    if (parameters.drift_law == DriftLaw::power)
        return times > 1 ? contrast * det::exp(-nu * det::log(times)) : contrast;
    return std::min(contrast * (1.0 + nu * det::log(1.0 + times)), kWidestContrast);
}

/// Share of the amorphous part that has not crystallised.
double amorphous_left(const Parameters& parameters, double normal, double exposed)
{
    if (!(exposed > 0)) return 1;
    constexpr double kLn2 = 0.693147180559945309417;
    const double half = parameters.retention_time * det::exp(parameters.retention_spread * normal);
    return det::exp(-std::min(700.0, kLn2 * det::exp(parameters.retention_exponent * det::log(exposed / half))));
}

Cell make_cell(const Parameters& parameters, const RunConfig& run, double ideal, const CellDraws& draws,
               const Exposure& age)
{
    Cell cell;
    cell.target = cell.programmed = aimed_at(parameters, run, ideal);
    const double sigma = run.noise.programming ? programming_sigma(parameters, cell.target) : 0;
    if (run.noise.wear) cell.programmed = std::min(cell.target, static_cast<double>(draws.ceiling));
    if (sigma > 0) cell.programmed = std::clamp(cell.programmed + sigma * draws.programming, 0.0, 1.0);
    double contrast = cell.programmed;
    if (run.noise.drift) {
        cell.nu = std::max(0.0, parameters.drift_nu + parameters.drift_nu_sigma * draws.drift);
        contrast = drifted(parameters, contrast, cell.nu, age.drift);
    }
    if (run.noise.retention) contrast *= amorphous_left(parameters, draws.retention, age.retention);
    if (run.noise.wear && draws.stuck >= 0) contrast = cell.programmed = static_cast<double>(draws.stuck);
    const double floor = det::from_db(-parameters.cell_extinction_db);
    cell.transmission = floor + (1.0 - floor) * contrast;
    if (run.noise.read && parameters.read_noise > 0 && contrast > 0)
        cell.read_sigma =
            (1.0 - floor) * parameters.read_noise * det::exp(parameters.read_noise_power * det::log(contrast));
    return cell;
}

}  // namespace

std::vector<CellPair> make_cells(const Parameters& parameters, const RunConfig& run, const Place& place,
                                 std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                                 std::size_t weights_stride, const Exposure& age)
{
    std::vector<CellPair> cells;
    cells.reserve(std::size_t{rows} * cols);
    const bool worn = place.limits != nullptr && !place.limits->empty();
    std::vector<std::uint32_t> words(4 * std::size_t{rows}), lasting(words.size());
    for (std::uint32_t col = 0; col < cols; ++col) {
        const StaticKey key{place.seed, place.epoch, place.core, place.bank, col};
        static_words(key, NoiseSource::cell, rows, words.data());
        static_words(key, NoiseSource::retention, rows, lasting.data());
        for (std::uint32_t row = 0; row < rows; ++row) {
            const auto draw = [&](std::uint32_t word) {
                return static_cast<double>(gaussian(words[std::size_t{word} * rows + row]));
            };
            const std::int32_t weight = weights[col * weights_stride + row];
            const PairLimits pair = worn ? (*place.limits)[std::size_t{col} * rows + row] : PairLimits{};
            const auto arm = [&](std::uint32_t which) {
                const auto keeps = static_cast<double>(gaussian(lasting[std::size_t{which} * rows + row]));
                const CellDraws draws{draw(which), draw(2 + which), keeps, pair.stuck[which], pair.ceiling[which]};
                const double ideal = ideal_contrast(weight, static_cast<int>(which), place.single);
                return make_cell(parameters, run, ideal, draws, age);
            };
            cells.push_back({arm(0), place.single ? Cell{} : arm(1)});
        }
    }
    return cells;
}

}  // namespace lightcard::pcm_memory
