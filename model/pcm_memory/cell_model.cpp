// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/cell_model.h"

#include <algorithm>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/pcm_memory/cell_arithmetic.h"
#include "lightcard/model/pcm_memory/write_loop.h"

namespace lightcard::pcm_memory {
namespace {

Shares shares_of(const CellModel& model, std::int32_t weight)
{
    const auto magnitude = static_cast<std::uint32_t>(weight < 0 ? -weight : weight);
    const std::uint32_t code = model.single ? model.code_of(weight, 1) : magnitude;
    const double sign = weight < 0 && !model.single ? -1 : 1;
    const double target = model.target[code], swing = model.swing(), scale2 = swing * swing;
    const double ideal = model.single ? weight + kFullScale : static_cast<double>(magnitude);
    const Moments& active = model.programming[code];
    const Moments idle = model.single ? Moments{} : model.programming[0];
    const double active_mean = target + active.mean;

    const double of_level = sign * (target * swing - ideal);
    const double of_programming = sign * (active.mean - idle.mean) * swing;
    return {of_level,
            of_level * of_level,
            of_programming,
            of_programming * of_programming,
            of_level * of_programming,
            (of_level + of_programming) * weight,
            (active.variance + idle.variance) * scale2,
            (active_mean * active_mean + active.variance + idle.mean * idle.mean + idle.variance) * scale2};
}

}  // namespace

CellModel make_cell_model(const Parameters& pcm, const RunConfig& run, bool single)
{
    CellModel model;
    model.single = single;
    model.exact = run.fidelity == Fidelity::ideal && !run.quant;
    if (model.exact) return model;
    model.optics = run.fidelity != Fidelity::ideal;
    const bool levels = model.optics ? run.noise.levels : run.quant;
    model.programming_errors = model.optics && run.noise.programming && pcm.programming_sigma > 0;
    model.wear = model.optics && run.noise.wear;
    model.drifts = model.optics && run.noise.drift;
    model.crystallises = model.optics && run.noise.retention;
    if (model.optics && run.noise.read) model.read_noise = pcm.read_noise;
    model.read_power = pcm.read_noise_power;
    model.floor = det::from_db(-pcm.cell_extinction_db);
    const double steps = static_cast<double>((std::uint64_t{1} << std::clamp(pcm.level_bits, 1u, 32u)) - 1);
    for (std::uint32_t code = 0; code < kCodes; ++code) {
        double contrast = std::min(1.0, code / model.swing());
        if (levels) contrast = round_half_even(contrast * steps) / steps;
        model.target[code] = contrast;
        if (model.programming_errors) model.sigma[code] = programming_sigma(pcm, contrast);
        // Neighbouring weights aim at the same level, and the moments are a series each.
        const bool same = code > 0 && contrast == model.target[code - 1];
        model.programming[code] = same ? model.programming[code - 1] : clamped_error(contrast, model.sigma[code]);
    }
    model.same_sigma =
        std::all_of(model.sigma.begin(), model.sigma.end(), [&](double sigma) { return sigma == model.sigma[0]; });
    for (std::uint32_t i = 0; i < kWeights; ++i) {
        const std::int32_t weight = kLowestWeight + static_cast<std::int32_t>(i);
        const auto plus = model.code_of(weight, 1), minus = single ? 0 : model.code_of(weight, -1);
        model.aims[i] = {model.target[plus], model.target[minus], model.sigma[plus], model.sigma[minus]};
        model.shares[i] = shares_of(model, weight);
    }
    return model;
}

void set_age(CellModel& model, const Parameters& pcm, const Exposure& age)
{
    const bool same = model.aged && age.drift == model.age.drift && age.retention == model.age.retention;
    if (model.exact || same) return;
    model.aged = true;
    model.age = age;
    if (model.drifts) model.drift = make_drift(pcm, age.drift);
    if (model.crystallises) model.retention = make_retention(pcm, age);
    model.drift_factor = drift_moments(model.drift);
    model.retention_factor = retention_moments(model.retention);
    model.fixed_fits = fix(model, model.fixed);
}

}  // namespace lightcard::pcm_memory
