// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/expected_errors.h"

#include <cstring>

#include "lightcard/model/common/simd.h"

namespace lightcard::pcm_memory {
namespace {

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

/// Sums over the rows of `columns` columns, side by side and rows by their number mod 4: an addition need not wait for
/// the one before it.
template <int columns>
LIGHTCARD_INLINE void sum_columns(const std::int8_t* weights, std::size_t stride, std::uint32_t rows,
                                  const Shares* of_weight, Shares* sums)
{
    constexpr std::uint32_t kParts = 4;
    const Shares* table = of_weight - kLowestWeight;
    Eight part[columns][kParts] = {};
    std::uint32_t row = 0;
    for (; row + kParts <= rows; row += kParts)
        for (std::uint32_t i = 0; i < kParts; ++i)
            for (int column = 0; column < columns; ++column)
                add_shares(part[column][i], table[weights[column * stride + row + i]]);
    for (; row < rows; ++row)
        for (int column = 0; column < columns; ++column)
            add_shares(part[column][0], table[weights[column * stride + row]]);
    for (int column = 0; column < columns; ++column) {
        const Eight sum = (part[column][0] + part[column][1]) + (part[column][2] + part[column][3]);
        std::memcpy(sums[column].data(), &sum, sizeof sum);
    }
}

/// Of one or two columns.
LIGHTCARD_CLONES void sum_shares(const std::int8_t* weights, std::size_t stride, std::uint32_t rows,
                                 std::uint32_t columns, const Shares* of_weight, Shares* sums)
{
    if (columns == 2) {
        sum_columns<2>(weights, stride, rows, of_weight, sums);
    } else {
        sum_columns<1>(weights, stride, rows, of_weight, sums);
    }
}

}  // namespace

void expect_written(EffectiveTile& tile, const CellModel& model, const std::int8_t* weights, std::size_t stride)
{
    for (std::uint32_t first = 0; first < tile.cols; first += 2) {
        Shares both[2];
        const std::uint32_t columns = tile.cols - first < 2 ? 1 : 2;
        sum_shares(weights + first * stride, stride, tile.rows, columns, model.shares.data(), both);
        for (std::uint32_t i = 0; i < columns; ++i) {
            const Shares& sums = both[i];
            const double total = sums[level] + sums[programming], of_column = tile.column_sum[first + i];
            // Nearest levels go with the weight in the mean of a column alone; what else does is programming's.
            const double level_weight = sums[level] * of_column / tile.rows;
            add_column(tile.levels, {sums[level], sums[level2] + sums[level_programming], level_weight}, total,
                       of_column, tile.rows);
            add_column(
                tile.programming,
                {sums[programming], sums[programming2] + sums[level_programming], sums[total_weight] - level_weight},
                total, of_column, tile.rows);
            tile.written.variance += sums[programming_variance];
            tile.written.squares += sums[squares];
            tile.written.weights2 += static_cast<double>(tile.column_norm2[first + i] >> 16);
            tile.expected_level_error2 += sums[level2];
            tile.written.programming2 += sums[programming2];
        }
    }
}

void expect_aged(EffectiveTile& tile, const CellModel& model)
{
    // What drift and retention multiply by is independent of each other and of the programming error.
    const double drift2 = model.mean_drift() * model.mean_drift() + model.drift_factor.variance;
    const double by_drift = model.drift_factor.variance * model.mean_left() * model.mean_left();
    const double by_retention = drift2 * model.retention_factor.variance;
    const double factor = model.mean_drift() * model.mean_left();
    tile.drift.gain = model.drift_factor.mean;
    tile.retention.gain = model.retention_factor.mean * model.mean_drift();
    const double gain = tile.drift.gain + tile.retention.gain;
    const auto& written = tile.written;
    tile.programming.random2 = written.variance * factor * factor;
    tile.drift.random2 = written.squares * by_drift;
    tile.retention.random2 = written.squares * by_retention;
    tile.expected_programming_error2 = written.programming2 + tile.programming.random2;
    tile.expected_drift_error2 = written.squares * (by_drift + by_retention) + gain * gain * written.weights2;
}

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

}  // namespace lightcard::pcm_memory
