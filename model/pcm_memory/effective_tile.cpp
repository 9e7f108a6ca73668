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
#include "lightcard/model/pcm_memory/cell_model.h"
#include "lightcard/model/pcm_memory/column_avx512.h"

namespace lightcard::pcm_memory {
namespace {

constexpr std::uint32_t kPlaneAlignment = 64;

double round_half_even(double x)
{
    constexpr double kMagic = 0x1.8p52;
    return (x + kMagic) - kMagic;
}

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

/// Geometry and sums of the host weights.
EffectiveTile empty_tile(std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights, std::size_t stride)
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
        const WeightSums sums = weight_sums(weights + col * stride, rows);
        tile.column_sum[col] = sums.sum;
        tile.column_norm2[col] = std::uint64_t{sums.squares} << 16;
    }
    return tile;
}

/// The host weights themselves in the hi plane: all there is in `ideal`.
void store_exact(EffectiveTile& tile, const std::int8_t* weights, std::size_t stride)
{
    for (std::uint32_t col = 0; col < tile.cols; ++col)
        std::copy_n(weights + col * stride, tile.rows,
                    tile.hi.begin() + static_cast<std::ptrdiff_t>(col) * tile.row_stride);
}

/// Splits the effective weights of a column, 256 units a step, into the planes; returns the sum of their squares.
LIGHTCARD_CLONES std::uint64_t store_weights(const double* plus, const double* minus, std::uint32_t rows,
                                             double full_scale, std::int8_t* __restrict hi, std::int8_t* __restrict lo,
                                             std::int32_t& any_lo)
{
    constexpr double kMagic = 0x1.8p52;
    std::uint64_t norm2 = 0;
    std::int32_t any = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
        const double units = (plus[row] - minus[row]) * full_scale * kUnit;
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

/// Codes of the light that a column's cells let through, `share` of it in either arm; returns their sum.
LIGHTCARD_CLONES std::uint32_t store_common(const double* plus, const double* minus, std::uint32_t rows, double floor,
                                            double share, std::uint8_t* __restrict codes)
{
    constexpr double kMagic = 0x1.8p52;
    std::uint32_t sum = 0;
    for (std::uint32_t row = 0; row < rows; ++row) {
        const double transmission = floor + (1.0 - floor) * share * (plus[row] + minus[row]);
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

/// Sums over the rows of a column of one source's mean error e and of the mean error t of all.
struct ColumnError {
    double e = 0, et = 0, ew = 0;  ///< ew: times the weight
    void add(double mean, double weight)
    {
        e += mean;
        et += mean * mean;
        ew += mean * weight;
    }
};

/// e t + (other e) t = t^2: each source gets its own square and half of what the two have in common.
void add_column(StaticError& error, const ColumnError& column, double total, double weights, std::uint32_t rows)
{
    error.coherent2 += column.e * total;
    error.residual2 += column.et - column.e * total / rows;
    error.weight_coherent2 += column.e * weights;
    error.weight_residual2 += column.ew - column.e * weights / rows;
}

/// Eight doubles, in one register or in as many as the instruction set needs; each adds up for itself.
using Eight = double __attribute__((vector_size(64)));
static_assert(kShares == 8);

LIGHTCARD_INLINE void add_shares(Eight& sum, const Shares& shares)
{
    Eight eight;
    std::memcpy(&eight, shares.data(), sizeof eight);
    sum += eight;
}

/// Rows by their number mod 4: an addition need not wait for the one before it.
LIGHTCARD_CLONES void sum_shares(const std::int8_t* weights, std::uint32_t rows, const Shares* of_weight, double* sums)
{
    const Shares* table = of_weight - kLowestWeight;
    Eight part0{}, part1{}, part2{}, part3{};
    std::uint32_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        add_shares(part0, table[weights[row]]);
        add_shares(part1, table[weights[row + 1]]);
        add_shares(part2, table[weights[row + 2]]);
        add_shares(part3, table[weights[row + 3]]);
    }
    for (; row < rows; ++row) add_shares(part0, table[weights[row]]);
    const Eight sum = (part0 + part1) + (part2 + part3);
    std::memcpy(sums, &sum, sizeof sum);
}

void expect_errors(EffectiveTile& tile, const CellModel& model, const std::int8_t* weights, std::size_t stride)
{
    tile.drift.gain = model.drift_factor.mean;
    tile.retention.gain = model.retention_factor.mean * model.mean_drift();
    const double gain = tile.drift.gain + tile.retention.gain;
    const double drift2 = model.mean_drift() * model.mean_drift() + model.drift_factor.variance;
    const double by_drift = model.drift_factor.variance * model.mean_left() * model.mean_left();
    const double by_retention = drift2 * model.retention_factor.variance;
    for (std::uint32_t col = 0; col < tile.cols; ++col) {
        Shares sums;
        sum_shares(weights + col * stride, tile.rows, model.shares.data(), sums.data());
        const double total = sums[level] + sums[programming], of_column = tile.column_sum[col];
        // Nearest levels go with the weight in the mean of a column alone; what else does is programming's.
        const double level_weight = sums[level] * of_column / tile.rows;
        add_column(tile.levels, {sums[level], sums[level2] + sums[level_programming], level_weight}, total, of_column,
                   tile.rows);
        add_column(tile.programming,
                   {sums[programming], sums[programming2] + sums[level_programming], sums[total_weight] - level_weight},
                   total, of_column, tile.rows);
        tile.programming.random2 += sums[programming_variance];
        tile.drift.random2 += sums[squares] * by_drift;
        tile.retention.random2 += sums[squares] * by_retention;
        tile.expected_level_error2 += sums[level2];
        tile.expected_programming_error2 += sums[programming2];
        tile.expected_drift_error2 +=
            sums[squares] * (by_drift + by_retention) + gain * gain * static_cast<double>(tile.column_norm2[col] >> 16);
    }
    tile.expected_programming_error2 += tile.programming.random2;
}

/// Contrasts of the + and - cells of one column, rows in order.
struct ColumnContrasts {
    ColumnContrasts(std::size_t rows, double sigma)
        : plus(rows), minus(rows), plus_sigma(rows, sigma), minus_sigma(rows, sigma)
    {
    }
    std::vector<double> plus, minus;
    std::vector<double> plus_sigma, minus_sigma;  ///< of the programming error
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
        contrast[row] += model.programming[model.code_of(weights[row], polarity)].mean;
        contrast[row] = std::min(kWidestContrast, contrast[row] * model.mean_drift()) * model.mean_left();
    }
}

/// What has not crystallised of the cells of one polarity. `draws`: one standard normal a row.
void crystallise(const RetentionModel& retention, const float* draws, std::vector<double>& contrast)
{
    for (std::size_t row = 0; row < contrast.size(); ++row)
        contrast[row] *= retention_factor(retention, static_cast<double>(draws[row]));
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
        const double plus = model.target[model.code_of(weight, 1)];
        const double minus = model.single ? 0 : model.target[model.code_of(weight, -1)];
        const double other = model.single ? 0 : limited(pair, 1, minus) - minus;
        error.add(model.swing() * ((limited(pair, 0, plus) - plus) - other), weight);
    }
    add_column(tile.wear, error, error.e, tile.column_sum[col], tile.rows);
}

/// Of one cell a weight the middle of its range stands for 0, and there is no other.
void store_column(EffectiveTile& tile, const CellModel& model, std::uint32_t col, ColumnContrasts& column)
{
    if (model.single) std::fill(column.minus.begin(), column.minus.end(), 0.5);
    const double *plus = column.plus.data(), *minus = column.minus.data();
    const std::size_t first = std::size_t{col} * tile.row_stride;
    std::int32_t any_lo = 0;
    tile.column_norm2[col] =
        store_weights(plus, minus, tile.rows, model.swing(), tile.hi.data() + first, tile.lo.data() + first, any_lo);
    tile.lo_is_zero &= any_lo == 0;
    if (model.single) std::fill(column.minus.begin(), column.minus.end(), 0.0);
    if (model.optics)
        tile.common_sum[col] =
            store_common(plus, minus, tile.rows, model.floor, model.single ? 1.0 : 0.5, tile.common.data() + first);
    if (model.read_noise > 0)
        for (std::uint32_t row = 0; row < tile.rows; ++row)
            store_read_variance(tile, model, row, col, plus[row], minus[row]);
}

/// What the AVX-512 form of a column takes.
bool suits_avx512([[maybe_unused]] const CellModel& model)
{
#if defined(__x86_64__)
    const bool law = !(model.drift.log_age > 0) || model.drift.law == DriftLaw::logarithmic;
    const bool plain = !model.single && !(model.retention.amount > 0);
    return plain && has_avx512() && !model.portable && model.optics && model.same_sigma && law &&
           !(model.read_noise > 0);
#else
    return false;
#endif
}

/// As aim(), disturb() and store_column(), in one pass. `draws` as in make_tile().
void program_column([[maybe_unused]] EffectiveTile& tile, [[maybe_unused]] const CellModel& model,
                    [[maybe_unused]] std::uint32_t col, [[maybe_unused]] const std::int8_t* weights,
                    [[maybe_unused]] const float* draws)
{
#if defined(__x86_64__)
    const std::size_t first = std::size_t{col} * tile.row_stride, rows = tile.rows;
    avx512::Column column{};
    column.weights = weights;
    column.targets = model.target.data();
    column.rows = tile.rows;
    column.sigma = model.sigma[0];
    column.floor = model.floor;
    if (model.programming_errors) {
        column.plus = draws;
        column.minus = draws + rows;
    }
    if (model.drift.log_age > 0) {
        column.plus_nu = draws + 2 * rows;
        column.minus_nu = draws + 3 * rows;
    }
    column.nu = model.drift.nu;
    column.nu_sigma = model.drift.nu_sigma;
    column.log_age = model.drift.log_age;
    column.hi = tile.hi.data() + first;
    column.lo = tile.lo.data() + first;
    column.common = tile.common.data() + first;
    const avx512::ColumnSums sums = avx512::program_column(column);
    tile.column_norm2[col] = sums.norm2;
    tile.common_sum[col] = sums.common;
    tile.lo_is_zero &= !sums.any_low;
#endif
}

/// `place` null: every draw at its mean.
EffectiveTile make_tile(const CellModel& model, const Place* place, std::uint32_t rows, std::uint32_t cols,
                        const std::int8_t* weights, std::size_t stride)
{
    EffectiveTile tile = empty_tile(rows, cols, weights, stride);
    if (model.exact) {
        store_exact(tile, weights, stride);
        return tile;
    }
    if (model.optics) {
        tile.common.assign(tile.hi.size(), 0);
        tile.common_sum.assign(cols, 0);
    }
    if (model.read_noise > 0) {
        tile.read_variance.assign(tile.hi.size(), 0);
        tile.read_variance_unit = read_variance_unit(model);
    }
    expect_errors(tile, model, weights, stride);
    const bool crystallising = model.retention.amount > 0;
    const bool errors = model.programming_errors || model.drift.log_age > 0 || crystallising;
    const bool worn = model.wear && place != nullptr && place->limits != nullptr && !place->limits->empty();
    ColumnContrasts column(rows, model.sigma[0]);
    std::vector<std::uint32_t> words(4 * static_cast<std::size_t>(rows));
    std::vector<float> draws(words.size());
    const bool in_one = place != nullptr && !worn && suits_avx512(model);
    for (std::uint32_t col = 0; col < cols; ++col) {
        const StaticKey key =
            place == nullptr ? StaticKey{} : StaticKey{place->seed, place->epoch, place->core, place->bank, col};
        if (errors && place != nullptr) {
            static_words(key, NoiseSource::cell, rows, words.data());
            gaussian(words.data(), draws.data(), model.drift.log_age > 0 ? words.size() : words.size() / 2);
        }
        if (in_one) {
            program_column(tile, model, col, weights + col * stride, draws.data());
            continue;
        }
        aim(model, weights + col * stride, column);
        if (worn) limit(*place->limits, col, column);
        if (errors && place != nullptr) {
            disturb(model, column.plus_sigma, draws.data(), draws.data() + 2 * rows, column.plus);
            disturb(model, column.minus_sigma, draws.data() + rows, draws.data() + 3 * rows, column.minus);
            if (crystallising) {
                static_words(key, NoiseSource::retention, rows, words.data());
                gaussian(words.data(), draws.data(), words.size() / 2);
                crystallise(model.retention, draws.data(), column.plus);
                crystallise(model.retention, draws.data() + rows, column.minus);
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
    return tile;
}

}  // namespace

TileMaker::TileMaker(const Parameters& parameters, const RunConfig& run, bool portable)
    : parameters_(parameters), run_(run), model_(std::make_unique<CellModel>(make_cell_model(parameters, run)))
{
    model_->portable = portable;
}

TileMaker::~TileMaker() = default;

EffectiveTile TileMaker::make(const Place& place, std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                              std::size_t weights_stride, const Exposure& age)
{
    if (place.single != model_->single) {
        const bool portable = model_->portable;
        *model_ = make_cell_model(parameters_, run_, place.single);
        model_->portable = portable;
    }
    set_age(*model_, parameters_, age);
    EffectiveTile tile = make_tile(*model_, &place, rows, cols, weights, weights_stride);
    tile.core = place.core;
    if (run_.fidelity == Fidelity::device)
        tile.cells = make_cells(parameters_, run_, place, rows, cols, weights, weights_stride, age);
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
    return make_tile(model, nullptr, rows, cols, weights, weights_stride);
}

}  // namespace lightcard::pcm_memory
