// SPDX-License-Identifier: Apache-2.0
/// What a programmed bank does to light: the effective weights of one tile, in the normative integer form.
///
/// An effective weight is a 16-bit fixed-point number, 256 units to one step of the s8 host weight,
/// clamped to +-32639 and held as two int8 planes: weight = 256 * hi + lo. In fidelity `ideal` lo = 0
/// and hi is the host weight. In `stat` it carries level quantisation, programming error, drift.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lightcard/model/common/run.h"
#include "lightcard/model/pcm_memory/cell_array.h"
#include "lightcard/model/pcm_memory/cell_life.h"
#include "lightcard/model/pcm_memory/packed_planes.h"
#include "lightcard/model/pcm_memory/parameters.h"

namespace lightcard::photonic_core {
class PreparedTile;
}

namespace lightcard::pcm_memory {

/// The place and time that key a bank's static draws.
struct Place {
    std::uint64_t seed = 1;  ///< card seed
    std::uint32_t core = 0;
    std::uint32_t bank = 0;
    std::uint64_t epoch = 0;                          ///< times this bank has been programmed
    const std::vector<PairLimits>* limits = nullptr;  ///< [col][row] what wear has left; null or empty: all of it
    bool single = false;                              ///< one cell a weight, half open for 0; else a pair
};

/// Moments of the weight error of one static source, host-weight units, summed over cells: enough to predict the
/// output error of inputs whose rows are exchangeable (photonic_core::attribute). e = the source's mean error of a
/// cell, t = that of levels and programming together, so that what they have in common is counted, half in each.
struct StaticError {
    double random2 = 0;    ///< sum over cells of the variance
    double coherent2 = 0;  ///< sum over columns of sum(e) sum(t)
    double residual2 = 0;  ///< sum over columns of sum((e - mean e) (t - mean t))
    double gain = 0;       ///< mean error proportional to the weight (drift, retention); in none of the other sums
    // The same with the weights w in place of t: what the error has in common with one proportional to the weight.
    double weight_coherent2 = 0, weight_residual2 = 0;
};

struct EffectiveTile {
    std::uint32_t rows = 0, cols = 0;
    std::uint32_t row_stride = 0;     ///< bytes between columns in the planes, multiple of 64
    std::vector<std::int8_t> hi, lo;  ///< [col][row_stride]; empty if `packed`
    std::vector<std::uint8_t>
        common;  ///< [col][row_stride]: (T+ + T-) / (2 T_max) * 255, for shot noise; empty in ideal or if `packed`
    std::vector<std::uint32_t>
        common_sum;  ///< [col]: sum of `common` (light let through by modulators at code 0); empty in ideal
    std::vector<std::int32_t> column_sum;      ///< [col]: sum of the host weights (offset correction), exact
    std::vector<std::int32_t> hi_sum, lo_sum;  ///< [col]: of the planes
    std::vector<std::uint64_t>
        column_norm2;        ///< [col]: sum of squared effective weights (units of host weight ^2 * 65536)
    bool lo_is_zero = true;  ///< the lo plane need not be read
    std::vector<std::uint8_t> read_variance;     ///< [col][row_stride] variance of one reading; empty = none
    double read_variance_unit = 0;               ///< host-weight units^2 a code of it
    std::vector<CellPair> cells;                 ///< [col][rows]; fidelity device only
    std::shared_ptr<const PackedPlanes> packed;  ///< hi, lo and common in the kernels' order, in their stead
    std::uint32_t core = 0;  ///< where the bank is, for the static errors of the converters it is read with
    StaticError levels, programming, drift, retention, wear;
    /// Sums over all cells of which age makes errors, in host-weight units^2: variance of programming, mean square of
    /// what drift and retention multiply, squares of weights and of mean errors of programming.
    struct Written {
        double variance = 0, squares = 0, weights2 = 0, programming2 = 0;
    } written;
    /// Mean and mean square of the factors that calibration has put on the columns' digital gains.
    double output_gain = 1, output_gain2 = 1;
    /// The same for the kernels (photonic_core::prepare_tile); null: every job prepares it for itself.
    std::shared_ptr<const photonic_core::PreparedTile> prepared;
    /// Sum over all cells of the squared error expected of each static source, in host-weight units^2.
    double expected_level_error2 = 0, expected_programming_error2 = 0, expected_drift_error2 = 0;

    /// What time has left of a weight, in the mean: the factor that its drift and retention have.
    double mean_gain() const { return 1 + drift.gain + retention.gain; }
};

/// The tile with planes of its own.
EffectiveTile unpacked(const EffectiveTile& tile);

struct CellModel;

/// Makes the tiles of one card; keeps what they have in common.
class TileMaker {
public:
    /// Planes are made in the order of `layout` where that is faster (this CPU runs kernels of that order), else in
    /// columns; the bits are the same.
    TileMaker(const Parameters& parameters, const RunConfig& run, const PlaneLayout& layout = {});
    ~TileMaker();

    /// As make_effective_tile().
    EffectiveTile make(const Place& place, std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                       std::size_t weights_stride, const Exposure& age);

    /// A tile of make() at another age, from the same place and weights. What does not change is taken from it.
    EffectiveTile age(const EffectiveTile& tile, const Place& place, const std::int8_t* weights,
                      std::size_t weights_stride, const Exposure& age);

private:
    EffectiveTile program(EffectiveTile tile, const Place& place, const std::int8_t* weights,
                          std::size_t weights_stride, const Exposure& age);

    const Parameters& parameters_;
    const RunConfig& run_;
    const PlaneLayout layout_;
    std::unique_ptr<CellModel> model_;
};

/// `weights`: s8 [cols][weights_stride], rows used of each. `age`: since the bank was verified.
/// Fidelity `ideal` is exact for every s8 weight; with levels, -128 saturates at -127 (the most transparent cell).
EffectiveTile make_effective_tile(const Parameters& parameters, const RunConfig& run, const Place& place,
                                  std::uint32_t rows, std::uint32_t cols, const std::int8_t* weights,
                                  std::size_t weights_stride, const Exposure& age);

/// The same tile with every static draw replaced by its mean: what a bank is expected to be, over card seeds.
/// The reference for bias tests: cells at the ends of their range err to one side only.
EffectiveTile make_mean_tile(const Parameters& parameters, const RunConfig& run, std::uint32_t rows, std::uint32_t cols,
                             const std::int8_t* weights, std::size_t weights_stride, const Exposure& age);

}  // namespace lightcard::pcm_memory
