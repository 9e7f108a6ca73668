// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/effective_tile.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/common/simd.h"
#include "lightcard/model/pcm_memory/cell_moments.h"
#include "lightcard/model/pcm_memory/write_loop.h"

namespace lightcard::pcm_memory {
namespace {

constexpr std::uint32_t kPlaneAlignment = 64;
constexpr std::int32_t kFullScale = 127;  ///< host weight of the most transparent cell
constexpr double kUnit = 256;             ///< effective weight units of a host-weight step
constexpr double kLargest = 32639;
constexpr std::uint32_t kMagnitudes = 129;  ///< |w| = 0 .. 128

double round_half_even(double x)
{
    constexpr double kMagic = 0x1.8p52;
    return (x + kMagic) - kMagic;
}

/// What the run asks of the cells, and the moments of a cell programmed to each host magnitude.
/// A cell's contrast is (T - T_min) / (T_max - T_min): 0 for w = 0 and for the idle half of a pair, 1 at full scale.
struct CellModel {
    bool optics = false;  ///< fidelity stat
    bool programming_errors = false;
    DriftModel drift;
    bool wear = false;
    double floor = 0;  ///< T_min / T_max
    double read_noise = 0, read_power = 0;
    Moments drift_factor;                      ///< of what drift multiplies a contrast by, less 1
    std::array<double, kMagnitudes> target{};  ///< contrast aimed at
    std::array<double, kMagnitudes> sigma{};   ///< programming error of contrast
    std::array<Moments, kMagnitudes> programming{};
};

CellModel make_cell_model(const Parameters& pcm, const RunConfig& run, double age)
{
    CellModel model;
    model.optics = run.fidelity != Fidelity::ideal;
    const bool levels = model.optics ? run.noise.levels : run.quant;
    model.programming_errors = model.optics && run.noise.programming && pcm.programming_sigma > 0;
    model.wear = model.optics && run.noise.wear;
    if (model.optics && run.noise.drift) model.drift = make_drift(pcm, age);
    model.drift_factor = drift_moments(model.drift);
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
    return model;
}

/// Geometry, column sums and the host weights themselves in the hi plane: all there is in `ideal`.
EffectiveTile exact_tile(std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights, std::size_t stride)
{
    EffectiveTile tile;
    tile.rows = rows;
    tile.cols = cols;
    tile.row_stride = (rows + kPlaneAlignment - 1) / kPlaneAlignment * kPlaneAlignment;
    const std::size_t plane = static_cast<std::size_t>(cols) * tile.row_stride;
    tile.hi.assign(plane, 0);
    tile.lo.assign(plane, 0);
    tile.column_sum.assign(cols, 0);
    tile.column_norm2.assign(cols, 0);
    for (std::uint32_t col = 0; col < cols; ++col) {
        const std::int8_t* source = weights + col * stride;
        std::copy(source, source + rows, tile.hi.begin() + static_cast<std::ptrdiff_t>(col) * tile.row_stride);
        std::uint64_t norm2 = 0;
        for (std::uint32_t row = 0; row < rows; ++row) {
            tile.column_sum[col] += source[row];
            norm2 += static_cast<std::uint64_t>(source[row] * source[row]);
        }
        tile.column_norm2[col] = norm2 << 16;
    }
    return tile;
}

/// Splits the effective weights of a column, 256 units a step, into the planes; returns the sum of their squares.
LIGHTCARD_CLONES std::uint64_t store_weights(const double* plus, const double* minus, std::uint32_t rows,
                                             std::int8_t* __restrict hi, std::int8_t* __restrict lo,
                                             std::int32_t& any_lo)
{
    constexpr double kMagic = 0x1.8p52;
    std::uint64_t norm2 = 0;
    std::int32_t any = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
        const double units = (plus[row] - minus[row]) * kFullScale * kUnit;
        const double above = units < -kLargest ? -kLargest : units;
        const double within = kLargest < above ? kLargest : above;
        const auto weight = static_cast<std::int32_t>((within + kMagic) - kMagic);
        const std::int32_t low = ((weight + 128) & 255) - 128;
        lo[row] = static_cast<std::int8_t>(low);
        hi[row] = static_cast<std::int8_t>((weight - low) >> 8);
        any |= low;
        norm2 += static_cast<std::uint32_t>(weight * weight);
    }
    any_lo |= any;
    return norm2;
}

/// Codes of the light that a column's pairs let through; returns their sum.
LIGHTCARD_CLONES std::uint32_t store_common(const double* plus, const double* minus, std::uint32_t rows, double floor,
                                            std::uint8_t* __restrict codes)
{
    constexpr double kMagic = 0x1.8p52;
    std::uint32_t sum = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
        const double transmission = floor + (1.0 - floor) * 0.5 * (plus[row] + minus[row]);
        const double within = transmission < 1.0 ? transmission : 1.0;
        const auto code = static_cast<std::int32_t>((within * 255.0 + kMagic) - kMagic);
        codes[row] = static_cast<std::uint8_t>(code);
        sum += static_cast<std::uint32_t>(code);
    }
    return sum;
}

/// Both cells at their noisiest are just within the codes.
double read_variance_unit(const CellModel& model)
{
    const double noisiest = read_sigma(model.read_noise, model.read_power, kWidestContrast) * kFullScale;
    return 2 * noisiest * noisiest / 255;
}

void store_read_variance(EffectiveTile& tile, const CellModel& model, std::uint32_t row, std::uint32_t col, double plus,
                         double minus)
{
    const double a = read_sigma(model.read_noise, model.read_power, plus);
    const double b = read_sigma(model.read_noise, model.read_power, minus);
    tile.read_variance[static_cast<std::size_t>(col) * tile.row_stride + row] =
        static_cast<std::uint8_t>(round_half_even((a * a + b * b) * kFullScale * kFullScale / tile.read_variance_unit));
}

/// Errors of a cell pair in units of host weight, as moments.
struct PairErrors {
    double level, programming_mean, programming_variance, drift_variance;
};

PairErrors pair_errors(const CellModel& model, std::int32_t weight)
{
    const auto magnitude = static_cast<std::uint32_t>(weight < 0 ? -weight : weight);
    const double sign = weight < 0 ? -1 : 1;
    const double target = model.target[magnitude];
    const Moments& active = model.programming[magnitude];
    const Moments& idle = model.programming[0];
    const double active_mean = target + active.mean;
    const double squares = active_mean * active_mean + active.variance + idle.mean * idle.mean + idle.variance;
    constexpr double kScale2 = static_cast<double>(kFullScale) * kFullScale;
    return {sign * (target * kFullScale - magnitude), sign * (active.mean - idle.mean) * kFullScale,
            (active.variance + idle.variance) * kScale2, squares * model.drift_factor.variance * kScale2};
}

/// Sums over the rows of a column of one source's mean error e and of the mean error t of all.
struct ColumnError {
    double e = 0, e2 = 0, et = 0;
    void add(double mean, double total)
    {
        e += mean;
        e2 += mean * mean;
        et += mean * total;
    }
};

/// e t + (other e) t = t^2: each source gets its own square and half of what the two have in common.
void add_column(StaticError& error, const ColumnError& column, double total, std::uint32_t rows)
{
    error.coherent2 += column.e * total;
    error.residual2 += column.et - column.e * total / rows;
}

void expect_errors(EffectiveTile& tile, const CellModel& model, const std::int8_t* weights, std::size_t stride)
{
    const double gain = model.drift_factor.mean;
    tile.drift.gain = gain;
    constexpr std::int32_t kLowest = -128;
    std::array<PairErrors, 256> of_weight;
    for (std::int32_t weight = kLowest; weight < 128; ++weight)
        of_weight[static_cast<std::size_t>(weight - kLowest)] = pair_errors(model, weight);
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        ColumnError levels, programming;
        // Sums of all cells, in order; kept at hand while a column is in work.
        double programming2 = tile.programming.random2, drift2 = tile.drift.random2,
               drift_error2 = tile.expected_drift_error2;
        for (std::uint32_t row = 0; row < tile.rows; ++row) {
            const std::int32_t weight = weights[col * stride + row];
            const PairErrors& errors = of_weight[static_cast<std::size_t>(weight - kLowest)];
            const double total = errors.level + errors.programming_mean;
            levels.add(errors.level, total);
            programming.add(errors.programming_mean, total);
            programming2 += errors.programming_variance;
            drift2 += errors.drift_variance;
            drift_error2 += errors.drift_variance + gain * gain * weight * weight;
        }
        tile.programming.random2 = programming2;
        tile.drift.random2 = drift2;
        tile.expected_drift_error2 = drift_error2;
        add_column(tile.levels, levels, levels.e + programming.e, tile.rows);
        add_column(tile.programming, programming, levels.e + programming.e, tile.rows);
        tile.expected_level_error2 += levels.e2;
        tile.expected_programming_error2 += programming.e2;
    }
    tile.expected_programming_error2 += tile.programming.random2;
}

/// Contrasts of the + and - cells of one column, rows in order.
struct ColumnContrasts {
    explicit ColumnContrasts(std::size_t rows) : plus(rows), minus(rows), plus_sigma(rows), minus_sigma(rows) {}
    std::vector<double> plus, minus;
    std::vector<double> plus_sigma, minus_sigma;  ///< of the programming error
};

void aim(const CellModel& model, const std::int8_t* weights, ColumnContrasts& column)
{
    for (std::size_t row = 0; row < column.plus.size(); ++row) {
        const std::int32_t weight = weights[row];
        const auto plus = static_cast<std::uint32_t>(std::max(0, weight));
        const auto minus = static_cast<std::uint32_t>(std::max(0, -weight));
        column.plus[row] = model.target[plus];
        column.minus[row] = model.target[minus];
        column.plus_sigma[row] = model.sigma[plus];
        column.minus_sigma[row] = model.sigma[minus];
    }
}

/// What the write loop leaves, one standard normal draw a row.
LIGHTCARD_CLONES void misprogram(const double* sigma, const float* draws, std::size_t rows, double* __restrict contrast)
{
    for (std::size_t row = 0; row < rows; ++row) {
        const double c = contrast[row] + sigma[row] * static_cast<double>(draws[row]);
        const double above = c < 0.0 ? 0.0 : c;
        contrast[row] = 1.0 < above ? 1.0 : above;
    }
}

/// drift_factor() of the logarithmic law, for a whole column.
LIGHTCARD_CLONES void age_column(const DriftModel& drift, const float* draws, std::size_t rows,
                                 double* __restrict contrast)
{
    const double mean = drift.nu, sigma = drift.nu_sigma, log_age = drift.log_age;
    for (std::size_t row = 0; row < rows; ++row) {
        const double nu = mean + sigma * static_cast<double>(draws[row]);
        const double rising = 0.0 < nu ? nu : 0.0;
        const double aged = contrast[row] * (1.0 + rising * log_age);
        contrast[row] = aged < kWidestContrast ? aged : kWidestContrast;
    }
}

/// Static errors of one polarity, drawn. `programming` and `nu`: one standard normal a row; nu is only read if aged.
void disturb(const CellModel& model, const std::vector<double>& sigma, const float* programming, const float* nu,
             std::vector<double>& contrast)
{
    if (model.programming_errors) misprogram(sigma.data(), programming, contrast.size(), contrast.data());
    if (!(model.drift.log_age > 0)) return;
    if (model.drift.law == DriftLaw::logarithmic) {
        age_column(model.drift, nu, contrast.size(), contrast.data());
        return;
    }
    for (std::size_t row = 0; row < contrast.size(); ++row)
        contrast[row] =
            std::min(kWidestContrast, contrast[row] * drift_factor(model.drift, static_cast<double>(nu[row])));
}

/// The same, each draw replaced by its mean. Targets come from the table, so they index it back exactly.
void disturb_mean(const CellModel& model, const std::int8_t* weights, std::int32_t polarity,
                  std::vector<double>& contrast)
{
    for (std::size_t row = 0; row < contrast.size(); ++row) {
        const std::int32_t magnitude = std::max(0, polarity * weights[row]);
        contrast[row] += model.programming[static_cast<std::uint32_t>(magnitude)].mean;
        contrast[row] = std::min(kWidestContrast, contrast[row] * (1.0 + model.drift_factor.mean));
    }
}

/// A worn cell opens no further than its ceiling, so the write loop aims there.
void limit(const std::vector<PairLimits>& limits, std::uint32_t col, ColumnContrasts& column)
{
    const std::size_t rows = column.plus.size();
    for (std::size_t row = 0; row < rows; ++row) {
        const PairLimits& pair = limits[col * rows + row];
        column.plus[row] = std::min(column.plus[row], static_cast<double>(pair.ceiling[0]));
        column.minus[row] = std::min(column.minus[row], static_cast<double>(pair.ceiling[1]));
    }
}

/// Failed cells stay where they are, whatever was written.
void stick(const std::vector<PairLimits>& limits, std::uint32_t col, ColumnContrasts& column)
{
    const std::size_t rows = column.plus.size();
    for (std::size_t row = 0; row < rows; ++row) {
        const PairLimits& pair = limits[col * rows + row];
        if (pair.stuck[0] >= 0) column.plus[row] = static_cast<double>(pair.stuck[0]);
        if (pair.stuck[1] >= 0) column.minus[row] = static_cast<double>(pair.stuck[1]);
    }
}

/// Errors of a column's worn cells: known, not drawn.
void expect_wear(EffectiveTile& tile, const CellModel& model, const std::vector<PairLimits>& limits, std::uint32_t col,
                 const std::int8_t* weights)
{
    ColumnError error;
    for (std::uint32_t row = 0; row < tile.rows; ++row) {
        const PairLimits& pair = limits[std::size_t{col} * tile.rows + row];
        const std::int32_t weight = weights[row];
        const double plus = model.target[static_cast<std::uint32_t>(std::max(0, weight))];
        const double minus = model.target[static_cast<std::uint32_t>(std::max(0, -weight))];
        const double off = kFullScale * ((limited(pair, 0, plus) - plus) - (limited(pair, 1, minus) - minus));
        error.add(off, off);
    }
    add_column(tile.wear, error, error.e, tile.rows);
}

void store_column(EffectiveTile& tile, const CellModel& model, std::uint32_t col, const ColumnContrasts& column)
{
    const double *plus = column.plus.data(), *minus = column.minus.data();
    const std::size_t first = std::size_t{col} * tile.row_stride;
    std::int32_t any_lo = 0;
    tile.column_norm2[col] =
        store_weights(plus, minus, tile.rows, tile.hi.data() + first, tile.lo.data() + first, any_lo);
    tile.lo_is_zero &= any_lo == 0;
    if (model.optics)
        tile.common_sum[col] = store_common(plus, minus, tile.rows, model.floor, tile.common.data() + first);
    if (model.read_noise > 0)
        for (std::uint32_t row = 0; row < tile.rows; ++row)
            store_read_variance(tile, model, row, col, plus[row], minus[row]);
}

/// `place` null: every draw at its mean.
EffectiveTile make_tile(const Parameters& parameters, const RunConfig& run, const Place* place, std::uint32_t rows,
                        std::uint32_t cols, const std::int8_t* weights, std::size_t stride, double age)
{
    EffectiveTile tile = exact_tile(rows, cols, weights, stride);
    if (run.fidelity == Fidelity::ideal && !run.quant) return tile;
    const CellModel model = make_cell_model(parameters, run, age);
    if (model.optics) {
        tile.common.assign(tile.hi.size(), 0);
        tile.common_sum.assign(cols, 0);
    }
    if (model.read_noise > 0) {
        tile.read_variance.assign(tile.hi.size(), 0);
        tile.read_variance_unit = read_variance_unit(model);
    }
    expect_errors(tile, model, weights, stride);
    const bool errors = model.programming_errors || model.drift.log_age > 0;
    const bool worn = model.wear && place != nullptr && place->limits != nullptr && !place->limits->empty();
    ColumnContrasts column(rows);
    std::vector<std::uint32_t> words(4 * static_cast<std::size_t>(rows));
    std::vector<float> draws(words.size());
    for (std::uint32_t col = 0; col < cols; ++col) {
        aim(model, weights + col * stride, column);
        if (worn) limit(*place->limits, col, column);
        if (errors && place != nullptr) {
            static_words({place->seed, place->epoch, place->core, place->bank, col}, NoiseSource::cell, rows,
                         words.data());
            gaussian(words.data(), draws.data(), model.drift.log_age > 0 ? words.size() : words.size() / 2);
            disturb(model, column.plus_sigma, draws.data(), draws.data() + 2 * rows, column.plus);
            disturb(model, column.minus_sigma, draws.data() + rows, draws.data() + 3 * rows, column.minus);
        } else if (errors) {
            disturb_mean(model, weights + col * stride, +1, column.plus);
            disturb_mean(model, weights + col * stride, -1, column.minus);
        }
        if (worn) {
            stick(*place->limits, col, column);
            expect_wear(tile, model, *place->limits, col, weights + col * stride);
        }
        store_column(tile, model, col, column);
    }
    return tile;
}

}  // namespace

EffectiveTile make_effective_tile(const Parameters& parameters, const RunConfig& run, const Place& place,
                                  std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                                  std::size_t weights_stride, double age)
{
    EffectiveTile tile = make_tile(parameters, run, &place, rows, cols, weights, weights_stride, age);
    tile.core = place.core;
    if (run.fidelity == Fidelity::device)
        tile.cells = make_cells(parameters, run, place, rows, cols, weights, weights_stride, age);
    return tile;
}

EffectiveTile make_mean_tile(const Parameters& parameters, const RunConfig& run, std::uint32_t rows, std::uint32_t cols,
                             const std::int8_t* weights, std::size_t weights_stride, double age)
{
    return make_tile(parameters, run, nullptr, rows, cols, weights, weights_stride, age);
}

}  // namespace lightcard::pcm_memory
