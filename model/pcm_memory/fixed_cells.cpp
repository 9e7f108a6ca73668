// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/fixed_cells.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/pcm_memory/cell_arithmetic.h"
#include "lightcard/model/pcm_memory/cell_model.h"

namespace lightcard::pcm_memory {
namespace {

constexpr double kFurthest = 6.4;                                 ///< no normal draw is further out
constexpr double kRounding = 0x1p-24;                             ///< of single precision, relative
constexpr double kOpen = kFullScale * kUnit * (1 << kFixedBits);  ///< a cell at full scale
constexpr double kStep = 0.5;                                     ///< of rounding to a fixed-point number
constexpr double kSpare = 0.125;                                  ///< for what double precision rounds

/// A constant in single precision, and what its rounding takes off.
struct Rounded {
    explicit Rounded(double exact)
        : value(static_cast<float>(exact)), error(std::abs(exact - static_cast<double>(value)))
    {
    }
    /// Moves 256.5 + code off a tie, to the side of `code`.
    void settle(std::int32_t code)
    {
        const double exact = static_cast<double>(value) - 256, ulp = 0x1p-15;
        if (exact >= code + 1) *this = {value - static_cast<float>(ulp), error + ulp};
        if (exact < code) *this = {value + static_cast<float>(ulp), error + ulp};
    }
    float value;
    double error;

private:
    Rounded(float to, double off) : value(to), error(off) {}
};

/// The least power of two from `error` on.
std::uint32_t power_from(double error)
{
    std::uint32_t power = 1;
    while (power < error) power *= 2;
    return power;
}

}  // namespace

bool fix(const CellModel& model, FixedCells& cells)
{
    if (!model.optics || model.single || !model.same_sigma) return false;
    if (model.drift.log_age > 0 && model.drift.law != DriftLaw::logarithmic) return false;
    for (std::int32_t weight = kLowestWeight; weight <= kFullScale; ++weight) {
        // -128 saturates.
        const auto magnitude = static_cast<std::uint32_t>(std::min(kFullScale, weight < 0 ? -weight : weight));
        const auto aim = static_cast<std::int32_t>(round_half_even(model.target[magnitude] * kOpen));
        cells.aims[static_cast<std::uint8_t>(weight)] = weight < 0 ? -aim : aim;
        for (int byte = 0; byte < 4; ++byte)
            cells.aim_bytes[byte][magnitude] = static_cast<std::uint8_t>(aim >> 8 * byte);
    }
    cells.misses = model.programming_errors;
    cells.drifts = model.drift.log_age > 0;
    // Largest errors of the active and the idle cell, step by step of cell_rows.h.
    double active = kStep, idle = 0, idlest = 0;
    if (cells.misses) {
        const Rounded sigma(model.sigma[0] * kOpen);
        const double furthest = kFurthest * model.sigma[0] * kOpen;
        const double miss = kFurthest * sigma.error + kRounding * furthest + kStep;
        cells.sigma = sigma.value;
        active += miss;
        idle += miss;
        idlest = furthest + miss;
    }
    double growth = 0;  // largest
    if (cells.drifts) {
        const double age = model.drift.log_age;
        growth = age * std::max(0.0, model.drift.nu + kFurthest * model.drift.nu_sigma);
        const Rounded nu(age * model.drift.nu), nu_sigma(age * model.drift.nu_sigma);
        const double error = nu.error + kFurthest * nu_sigma.error + kRounding * growth;
        cells.log_nu = nu.value;
        cells.log_nu_sigma = nu_sigma.value;
        const auto opening = [&](double contrast, double off) {
            return off * growth + contrast * (error + 2 * kRounding * growth) + kStep;
        };
        active += opening(kOpen, active);
        if (cells.misses) idle += opening(idlest, idle);
    }
    constexpr double kMostGrowth = 0.9;  // that no sum of fixed point overflows
    if (growth > kMostGrowth || idlest * (1 + growth) >= kOpen) return false;
    const double off = active + idle + kSpare, largest = 2 * kWidestContrast * kOpen;
    const Rounded slope(255.0 * (1.0 - model.floor) * 0.5 / kOpen);
    Rounded dark(256.5 + 255.0 * model.floor);
    dark.settle(light_code(0, 0, model.floor, 0.5));
    if (255.0 * (model.floor + (1.0 - model.floor) * 0.5 * (kWidestContrast + idlest * (1 + growth) / kOpen)) > 255.0)
        return false;
    cells.light_slope = slope.value;
    cells.light_dark = dark.value;
    constexpr double kCode = 1 << kFixedBits;  // 256 + code in single precision
    const double light_off =
        (static_cast<double>(slope.value) * (off + kRounding * largest) + slope.error * largest + dark.error) * kCode +
        kStep + kSpare;
    cells.doubt = power_from(off);
    cells.light_doubt = power_from(light_off);
    constexpr std::uint32_t kMostDoubt = 1u << (kFixedBits - 4);
    return cells.doubt <= kMostDoubt && cells.light_doubt <= kMostDoubt;
}

}  // namespace lightcard::pcm_memory
