// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/effective_tile.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/common/simd.h"
#include "lightcard/model/pcm_memory/cell_arithmetic.h"
#include "lightcard/model/pcm_memory/cell_model.h"
#include "lightcard/model/pcm_memory/expected_errors.h"
#include "lightcard/model/pcm_memory/packed_tile.h"

namespace lightcard::pcm_memory {
namespace {

constexpr std::uint32_t kPlaneAlignment = 64;

struct WeightSums {
    std::int32_t sum = 0;
    std::uint32_t squares = 0;
};

LIGHTCARD_CLONES WeightSums weight_sums(const std::int8_t* weights, std::uint32_t rows)
{
    std::int32_t sum = 0, squares = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
        sum += weights[row];
        squares += weights[row] * weights[row];
    }
    return {sum, static_cast<std::uint32_t>(squares)};
}

/// A tile without planes: geometry, sums of the host weights, errors of writing.
EffectiveTile written_tile(const CellModel& model, std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                           std::size_t stride)
{
    EffectiveTile tile;
    tile.rows = rows;
    tile.cols = cols;
    tile.row_stride = (rows + kPlaneAlignment - 1) / kPlaneAlignment * kPlaneAlignment;
    tile.column_sum.assign(cols, 0);
    tile.column_norm2.assign(cols, 0);
    for (std::uint32_t col = 0; col < cols; ++col) {
        const WeightSums sums = weight_sums(weights + col * stride, rows);
        tile.column_sum[col] = sums.sum;
        tile.column_norm2[col] = std::uint64_t{sums.squares} << 16;
    }
    tile.hi_sum = tile.column_sum;
    tile.lo_sum.assign(cols, 0);
    if (!model.exact) expect_written(tile, model, weights, stride);
    return tile;
}

/// What written_tile() made of a tile that has been programmed since.
EffectiveTile as_written(const EffectiveTile& from)
{
    EffectiveTile tile;
    tile.rows = from.rows;
    tile.cols = from.cols;
    tile.row_stride = from.row_stride;
    tile.column_sum = from.column_sum;
    tile.column_norm2 = from.column_norm2;
    tile.hi_sum = from.hi_sum;
    tile.lo_sum = from.lo_sum;
    tile.levels = from.levels;
    tile.programming = from.programming;
    tile.written = from.written;
    tile.expected_level_error2 = from.expected_level_error2;
    return tile;
}

void make_planes(EffectiveTile& tile, bool optics)
{
    const std::size_t plane = std::size_t{tile.cols} * tile.row_stride;
    tile.hi.assign(plane, 0);
    tile.lo.assign(plane, 0);
    if (optics) tile.common.assign(plane, 0);
}

/// The host weights themselves in the hi plane: all there is in `ideal`.
void store_exact(EffectiveTile& tile, const std::int8_t* weights, std::size_t stride)
{
    for (std::uint32_t col = 0; col < tile.cols; ++col)
        std::copy_n(weights + col * stride, tile.rows,
                    tile.hi.begin() + static_cast<std::ptrdiff_t>(col) * tile.row_stride);
}

struct EffectiveSums {
    std::uint64_t norm2;
    std::int32_t hi, lo;
    bool any_lo;
};

/// Splits the effective weights of a column, 256 units a step, into the planes.
LIGHTCARD_CLONES EffectiveSums store_weights(const double* plus, const double* minus, std::uint32_t rows, double swing,
                                             std::int8_t* __restrict hi, std::int8_t* __restrict lo)
{
    std::uint64_t norm2 = 0;
    std::int32_t any = 0, hi_sum = 0, lo_sum = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
        const std::int32_t weight = weight_units(plus[row], minus[row], swing);
        const std::int32_t low = low_part(weight), high = (weight - low) >> 8;
        lo[row] = static_cast<std::int8_t>(low);
        hi[row] = static_cast<std::int8_t>(high);
        lo_sum += low;
        hi_sum += high;
        any |= low;
        norm2 += static_cast<std::uint32_t>(weight * weight);
    }
    return {norm2, hi_sum, lo_sum, any != 0};
}

/// Codes of the light that a column's cells let through, `share` of it in either arm; returns their sum.
LIGHTCARD_CLONES std::uint32_t store_common(const double* plus, const double* minus, std::uint32_t rows, double floor,
                                            double share, std::uint8_t* __restrict codes)
{
    std::uint32_t sum = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
        const std::int32_t code = light_code(plus[row], minus[row], floor, share);
        codes[row] = static_cast<std::uint8_t>(code);
        sum += static_cast<std::uint32_t>(code);
    }
    return sum;
}

/// Both cells at their noisiest are just within the codes.
double read_variance_unit(const CellModel& model)
{
    const double noisiest = read_sigma(model.read_noise, model.read_power, kWidestContrast) * model.swing();
    return 2 * noisiest * noisiest / 255;
}

void store_read_variance(EffectiveTile& tile, const CellModel& model, std::uint32_t row, std::uint32_t col, double plus,
                         double minus)
{
    const double a = read_sigma(model.read_noise, model.read_power, plus);
    const double b = model.single ? 0 : read_sigma(model.read_noise, model.read_power, minus);
    const double scale2 = model.swing() * model.swing();
    tile.read_variance[static_cast<std::size_t>(col) * tile.row_stride + row] =
        static_cast<std::uint8_t>(round_half_even((a * a + b * b) * scale2 / tile.read_variance_unit));
}

/// Contrasts of the + and - cells of one column, rows in order.
struct ColumnContrasts {
    ColumnContrasts(std::size_t rows, double sigma)
        : plus(rows), minus(rows), plus_sigma(rows, sigma), minus_sigma(rows, sigma), factors(rows)
    {
    }
    std::vector<double> plus, minus;
    std::vector<double> plus_sigma, minus_sigma;  ///< of the programming error
    std::vector<double> factors;                  ///< room for what time multiplies by
};

void aim(const CellModel& model, const std::int8_t* weights, ColumnContrasts& column)
{
    const std::size_t rows = column.plus.size();
    const Aim* table = model.aims.data() - kLowestWeight;
    double *plus = column.plus.data(), *minus = column.minus.data();
    for (std::size_t row = 0; row < rows; ++row) {
        const Aim& aims = table[weights[row]];
        plus[row] = aims.plus;
        minus[row] = aims.minus;
    }
    if (model.same_sigma) return;
    double *plus_sigma = column.plus_sigma.data(), *minus_sigma = column.minus_sigma.data();
    for (std::size_t row = 0; row < rows; ++row) {
        const Aim& aims = table[weights[row]];
        plus_sigma[row] = aims.plus_sigma;
        minus_sigma[row] = aims.minus_sigma;
    }
}

/// What the write loop leaves, one standard normal draw a row.
LIGHTCARD_CLONES void misprogram(const double* sigma, const float* draws, std::size_t rows, double* __restrict contrast)
{
    for (std::size_t row = 0; row < rows; ++row) contrast[row] = misprogrammed(contrast[row], sigma[row], draws[row]);
}

/// drift_factor() of the logarithmic law, for a whole column.
LIGHTCARD_CLONES void age_column(const DriftModel& drift, const float* draws, std::size_t rows,
                                 double* __restrict contrast)
{
    const double mean = drift.nu, sigma = drift.nu_sigma, log_age = drift.log_age;
    for (std::size_t row = 0; row < rows; ++row)
        contrast[row] = drifted(contrast[row], mean, sigma, log_age, draws[row]);
}

/// The same of the power law; `factors` is room for as many.
void age_column_by_power(const DriftModel& drift, const float* draws, std::vector<double>& factors,
                         std::vector<double>& contrast)
{
    drift_factors(drift, draws, contrast.size(), factors.data());
    for (std::size_t row = 0; row < contrast.size(); ++row)
        contrast[row] = std::min(kWidestContrast, contrast[row] * factors[row]);
}

/// Static errors of one polarity, drawn. `programming` and `nu`: one standard normal a row; nu is only read if aged.
void disturb(const CellModel& model, const std::vector<double>& sigma, const float* programming, const float* nu,
             std::vector<double>& factors, std::vector<double>& contrast)
{
    if (model.programming_errors) misprogram(sigma.data(), programming, contrast.size(), contrast.data());
    if (!(model.drift.log_age > 0)) return;
    if (model.drift.law == DriftLaw::logarithmic) {
        age_column(model.drift, nu, contrast.size(), contrast.data());
    } else {
        age_column_by_power(model.drift, nu, factors, contrast);
    }
}

/// The same, each draw replaced by its mean. Targets come from the table, so they index it back exactly.
void disturb_mean(const CellModel& model, const std::int8_t* weights, std::int32_t polarity,
                  std::vector<double>& contrast)
{
    for (std::size_t row = 0; row < contrast.size(); ++row) {
        contrast[row] += model.programming[model.code_of(weights[row], polarity)].mean;
        contrast[row] = std::min(kWidestContrast, contrast[row] * model.mean_drift()) * model.mean_left();
    }
}

/// What has not crystallised of the cells of one polarity. `draws`: one standard normal a row.
void crystallise(const RetentionModel& retention, const float* draws, std::vector<double>& factors,
                 std::vector<double>& contrast)
{
    retention_factors(retention, draws, contrast.size(), factors.data());
    for (std::size_t row = 0; row < contrast.size(); ++row) contrast[row] *= factors[row];
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

/// Of one cell a weight the middle of its range stands for 0, and there is no other.
void store_column(EffectiveTile& tile, const CellModel& model, std::uint32_t col, ColumnContrasts& column)
{
    if (model.single) std::fill(column.minus.begin(), column.minus.end(), 0.5);
    const double *plus = column.plus.data(), *minus = column.minus.data();
    const std::size_t first = std::size_t{col} * tile.row_stride;
    const EffectiveSums sums =
        store_weights(plus, minus, tile.rows, model.swing(), tile.hi.data() + first, tile.lo.data() + first);
    tile.column_norm2[col] = sums.norm2;
    tile.hi_sum[col] = sums.hi;
    tile.lo_sum[col] = sums.lo;
    tile.lo_is_zero &= !sums.any_lo;
    if (model.single) std::fill(column.minus.begin(), column.minus.end(), 0.0);
    if (model.optics)
        tile.common_sum[col] =
            store_common(plus, minus, tile.rows, model.floor, model.single ? 1.0 : 0.5, tile.common.data() + first);
    if (model.read_noise > 0)
        for (std::uint32_t row = 0; row < tile.rows; ++row)
            store_read_variance(tile, model, row, col, plus[row], minus[row]);
}

bool is_worn(const CellModel& model, const Place* place)
{
    return model.wear && place != nullptr && place->limits != nullptr && !place->limits->empty();
}

/// Planes [col][row]. `place` null: every draw at its mean.
void program_columns(EffectiveTile& tile, const CellModel& model, const Place* place, const std::int8_t* weights,
                     std::size_t stride)
{
    const std::uint32_t rows = tile.rows;
    make_planes(tile, model.optics);
    if (model.read_noise > 0) {
        tile.read_variance.assign(tile.hi.size(), 0);
        tile.read_variance_unit = read_variance_unit(model);
    }
    const bool crystallising = model.retention.amount > 0;
    const bool errors = model.programming_errors || model.drift.log_age > 0 || crystallising;
    const bool worn = is_worn(model, place);
    ColumnContrasts column(rows, model.sigma[0]);
    std::vector<std::uint32_t> words(4 * static_cast<std::size_t>(rows));
    std::vector<float> draws(words.size());
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        const StaticKey key =
            place == nullptr ? StaticKey{} : StaticKey{place->seed, place->epoch, place->core, place->bank, col};
        aim(model, weights + col * stride, column);
        if (worn) limit(*place->limits, col, column);
        if (errors && place != nullptr) {
            static_words(key, NoiseSource::cell, rows, words.data());
            gaussian(words.data(), draws.data(), model.drift.log_age > 0 ? words.size() : words.size() / 2);
            disturb(model, column.plus_sigma, draws.data(), draws.data() + 2 * rows, column.factors, column.plus);
            disturb(model, column.minus_sigma, draws.data() + rows, draws.data() + 3 * rows, column.factors,
                    column.minus);
            if (crystallising) {
                static_words(key, NoiseSource::retention, rows, words.data());
                gaussian(words.data(), draws.data(), words.size() / 2);
                crystallise(model.retention, draws.data(), column.factors, column.plus);
                crystallise(model.retention, draws.data() + rows, column.factors, column.minus);
            }
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
}

/// Planes and what goes with them, to a tile as written. `place` null: every draw at its mean.
void program_tile(EffectiveTile& tile, const CellModel& model, const PlaneLayout& layout, const Place* place,
                  const std::int8_t* weights, std::size_t stride)
{
    if (model.exact) {
        make_planes(tile, false);
        store_exact(tile, weights, stride);
        return;
    }
    expect_aged(tile, model);
    if (model.optics) tile.common_sum.assign(tile.cols, 0);
    if (place != nullptr && !is_worn(model, place) && packs(model, layout, tile.rows)) {
        program_packed(tile, model, layout, *place, weights, stride);
    } else {
        program_columns(tile, model, place, weights, stride);
    }
}

}  // namespace

TileMaker::TileMaker(const Parameters& parameters, const RunConfig& run, const PlaneLayout& layout)
    : parameters_(parameters),
      run_(run),
      layout_(layout),
      model_(std::make_unique<CellModel>(make_cell_model(parameters, run)))
{
}

TileMaker::~TileMaker() = default;

EffectiveTile TileMaker::make(const Place& place, std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                              std::size_t weights_stride, const Exposure& age)
{
    if (place.single != model_->single) *model_ = make_cell_model(parameters_, run_, place.single);
    return program(written_tile(*model_, rows, cols, weights, weights_stride), place, weights, weights_stride, age);
}

EffectiveTile TileMaker::age(const EffectiveTile& tile, const Place& place, const std::int8_t* weights,
                             std::size_t weights_stride, const Exposure& age)
{
    return program(as_written(tile), place, weights, weights_stride, age);
}

EffectiveTile TileMaker::program(EffectiveTile tile, const Place& place, const std::int8_t* weights,
                                 std::size_t weights_stride, const Exposure& age)
{
    set_age(*model_, parameters_, age);
    program_tile(tile, *model_, layout_, &place, weights, weights_stride);
    tile.core = place.core;
    if (run_.fidelity == Fidelity::device)
        tile.cells = make_cells(parameters_, run_, place, tile.rows, tile.cols, weights, weights_stride, age);
    return tile;
}

EffectiveTile make_effective_tile(const Parameters& parameters, const RunConfig& run, const Place& place,
                                  std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                                  std::size_t weights_stride, const Exposure& age)
{
    return TileMaker(parameters, run).make(place, rows, cols, weights, weights_stride, age);
}

EffectiveTile make_mean_tile(const Parameters& parameters, const RunConfig& run, std::uint32_t rows, std::uint32_t cols,
                             const std::int8_t* weights, std::size_t weights_stride, const Exposure& age)
{
    CellModel model = make_cell_model(parameters, run);
    set_age(model, parameters, age);
    EffectiveTile tile = written_tile(model, rows, cols, weights, weights_stride);
    program_tile(tile, model, {}, nullptr, weights, weights_stride);
    return tile;
}

}  // namespace lightcard::pcm_memory
