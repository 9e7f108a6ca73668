// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/cell_model.h"

#include <algorithm>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/pcm_memory/write_loop.h"

namespace lightcard::pcm_memory {
namespace {

double round_half_even(double x)
{
    constexpr double kMagic = 0x1.8p52;
    return (x + kMagic) - kMagic;
}

Shares shares_of(const CellModel& model, std::int32_t weight)
{
    const auto magnitude = static_cast<std::uint32_t>(weight < 0 ? -weight : weight);
    const double sign = weight < 0 ? -1 : 1;
    const double target = model.target[magnitude];
    const Moments& active = model.programming[magnitude];
    const Moments& idle = model.programming[0];
    const double active_mean = target + active.mean;
    const double squares = active_mean * active_mean + active.variance + idle.mean * idle.mean + idle.variance;
    constexpr double kScale2 = static_cast<double>(kFullScale) * kFullScale;

    const double of_level = sign * (target * kFullScale - magnitude);
    const double of_programming = sign * (active.mean - idle.mean) * kFullScale;
    const double total = of_level + of_programming;
    return {of_level,
            of_level * of_level,
            of_level * total,
            of_programming,
            of_programming * of_programming,
            of_programming * total,
            (active.variance + idle.variance) * kScale2,
            squares * model.drift_factor.variance * kScale2};
}

}  // namespace

CellModel make_cell_model(const Parameters& pcm, const RunConfig& run)
{
    CellModel model;
    model.exact = run.fidelity == Fidelity::ideal && !run.quant;
    if (model.exact) return model;
    model.optics = run.fidelity != Fidelity::ideal;
    const bool levels = model.optics ? run.noise.levels : run.quant;
    model.programming_errors = model.optics && run.noise.programming && pcm.programming_sigma > 0;
    model.wear = model.optics && run.noise.wear;
    model.drifts = model.optics && run.noise.drift;
    if (model.optics && run.noise.read) model.read_noise = pcm.read_noise;
    model.read_power = pcm.read_noise_power;
    model.floor = det::from_db(-pcm.cell_extinction_db);
    const double steps = static_cast<double>((std::uint64_t{1} << std::clamp(pcm.level_bits, 1u, 32u)) - 1);
    for (std::uint32_t magnitude = 0; magnitude < kMagnitudes; ++magnitude) {
        double contrast = std::min(1.0, magnitude / static_cast<double>(kFullScale));
        if (levels) contrast = round_half_even(contrast * steps) / steps;
        model.target[magnitude] = contrast;
        if (model.programming_errors) model.sigma[magnitude] = programming_sigma(pcm, contrast);
        // Neighbouring weights aim at the same level, and the moments are a series each.
        const bool same = magnitude > 0 && contrast == model.target[magnitude - 1];
        model.programming[magnitude] =
            same ? model.programming[magnitude - 1] : clamped_error(contrast, model.sigma[magnitude]);
    }
    model.same_sigma =
        std::all_of(model.sigma.begin(), model.sigma.end(), [&](double sigma) { return sigma == model.sigma[0]; });
    for (std::uint32_t i = 0; i < kWeights; ++i) {
        const std::int32_t weight = kLowestWeight + static_cast<std::int32_t>(i);
        const auto plus = static_cast<std::uint32_t>(std::max(0, weight));
        const auto minus = static_cast<std::uint32_t>(std::max(0, -weight));
        model.aims[i] = {model.target[plus], model.target[minus], model.sigma[plus], model.sigma[minus]};
    }
    return model;
}

void set_age(CellModel& model, const Parameters& pcm, double age)
{
    if (model.exact || age == model.age) return;
    model.age = age;
    if (model.drifts) model.drift = make_drift(pcm, age);
    model.drift_factor = drift_moments(model.drift);
    for (std::uint32_t i = 0; i < kWeights; ++i)
        model.shares[i] = shares_of(model, kLowestWeight + static_cast<std::int32_t>(i));
}

}  // namespace lightcard::pcm_memory
