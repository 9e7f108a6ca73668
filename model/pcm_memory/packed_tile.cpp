// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/packed_tile.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/pcm_memory/cell_arithmetic.h"

namespace lightcard::pcm_memory {
namespace {

static_assert(PackedPlanes::kColumns == kGroupColumns);

/// Where a pair's entries of packed planes are.
class PlaneReader {
public:
    PlaneReader(const PackedPlanes& packed, std::uint32_t rows)
        : packed_(packed),
          paired_(packed.layout.order == PlaneOrder::pairs),
          rows_together_(packed.layout.rows_a_group()),
          row_groups_(packed.layout.row_groups(rows))
    {
    }

    std::size_t at(std::uint32_t row, std::uint32_t column) const
    {
        const std::size_t row_group = column / kGroupColumns * row_groups_ + row / rows_together_;
        return (row_group * kGroupColumns + column % kGroupColumns) * rows_together_ + row % rows_together_;
    }
    std::int32_t weight(std::uint32_t row, std::uint32_t column) const
    {
        const std::size_t i = at(row, column);
        if (paired_) return packed_.words.weights[i];
        const auto& bytes = packed_.bytes;
        return 256 * byte_of(bytes.hi, i) + (bytes.lo.empty() ? 0 : byte_of(bytes.lo, i));
    }
    std::int32_t light(std::uint32_t row, std::uint32_t column) const
    {
        const std::size_t i = at(row, column);
        return paired_ ? packed_.words.common[i] : byte_of(packed_.bytes.common, i) + 128;
    }

private:
    static std::int32_t byte_of(const Plane<PackedPlanes::Line>& plane, std::size_t i)
    {
        return plane[i / sizeof(PackedPlanes::Line)].of[i % sizeof(PackedPlanes::Line)];
    }

    const PackedPlanes& packed_;
    const bool paired_;
    const std::uint32_t rows_together_;
    const std::size_t row_groups_;
};

/// Makes room for planes, group by group of columns; what lies beyond the tile's rows is zero.
class PlaneWriter {
public:
    PlaneWriter(PackedPlanes& packed, std::uint32_t rows, std::uint32_t columns)
        : packed_(packed),
          row_groups_(packed.layout.row_groups(rows)),
          written_((rows + kQuadRows - 1) / kQuadRows * (kQuadRows / packed.layout.rows_a_group()))
    {
        const std::size_t row_groups = row_groups_ * ((columns + kGroupColumns - 1) / kGroupColumns);
        if (packed.layout.order == PlaneOrder::pairs) {
            packed.words.weights.resize(row_groups * kPair);
            packed.words.common.resize(row_groups * kPair);
        } else {
            for (auto* plane : {&packed.bytes.hi, &packed.bytes.lo, &packed.bytes.common}) plane->resize(row_groups);
        }
    }

    void open(CellGroup& group, std::size_t index)
    {
        const std::size_t first = index * row_groups_;
        if (packed_.layout.order == PlaneOrder::pairs) {
            group.pairs = part(packed_.words.weights, first, kPair);
            group.light_pairs = part(packed_.words.common, first, kPair);
        } else {
            group.hi = part(packed_.bytes.hi, first, 1)->of;
            group.lo = part(packed_.bytes.lo, first, 1)->of;
            group.light = part(packed_.bytes.common, first, 1)->of;
        }
    }

private:
    static constexpr std::size_t kPair = 2 * kGroupColumns;  ///< entries of a group of columns and two rows

    template <class T>
    T* part(Plane<T>& plane, std::size_t first, std::size_t entries)
    {
        T* start = plane.data() + first * entries;
        std::fill(start + written_ * entries, start + row_groups_ * entries, T{});
        return start;
    }

    PackedPlanes& packed_;
    const std::size_t row_groups_, written_;
};

/// Puts another pair into planes and sums.
void correct(EffectiveTile& tile, PackedPlanes& packed, std::uint32_t row, std::uint32_t column, std::int32_t weight,
             std::int32_t light)
{
    const PlaneReader planes(packed, tile.rows);
    const std::int32_t old_weight = planes.weight(row, column), old_light = planes.light(row, column);
    if (weight == old_weight && light == old_light) return;
    const std::int32_t lo = low_part(weight), hi = (weight - lo) >> 8;
    const std::int32_t old_lo = low_part(old_weight), old_hi = (old_weight - old_lo) >> 8;
    const std::size_t i = planes.at(row, column);
    if (packed.layout.order == PlaneOrder::pairs) {
        packed.words.weights[i] = static_cast<std::int16_t>(weight);
        packed.words.common[i] = static_cast<std::uint8_t>(light);
    } else {
        const std::size_t line = i / sizeof(PackedPlanes::Line), byte = i % sizeof(PackedPlanes::Line);
        packed.bytes.hi[line].of[byte] = static_cast<std::int8_t>(hi);
        packed.bytes.lo[line].of[byte] = static_cast<std::int8_t>(lo);
        packed.bytes.common[line].of[byte] = static_cast<std::int8_t>(light - 128);
    }
    const auto square = [](std::int64_t x) { return static_cast<std::uint64_t>(x * x); };
    tile.column_norm2[column] += square(weight) - square(old_weight);
    tile.hi_sum[column] += hi - old_hi;
    tile.lo_sum[column] += lo - old_lo;
    tile.common_sum[column] += static_cast<std::uint32_t>(light - old_light);
}

/// The pairs that the kernels were in doubt of, in double.
class Doubtful {
public:
    Doubtful(const CellModel& model, const Place& place) : model_(model), place_(place) {}

    void settle(EffectiveTile& tile, PackedPlanes& packed, std::uint32_t first_column, const std::uint32_t* pairs,
                std::uint32_t count, const std::int8_t* weights, std::size_t stride) const
    {
        for (std::uint32_t i = 0; i < count; ++i) {
            const std::uint32_t row = pairs[i] >> 4, column = first_column + pairs[i] % kGroupColumns;
            float draws[4];
            draw(column, row, draws);
            const Aim& aim = model_.aims[static_cast<std::size_t>(weights[column * stride + row] - kLowestWeight)];
            const double plus = cell(aim.plus, aim.plus_sigma, draws[0], draws[2]);
            const double minus = cell(aim.minus, aim.minus_sigma, draws[1], draws[3]);
            correct(tile, packed, row, column, weight_units(plus, minus, model_.swing()),
                    light_code(plus, minus, model_.floor, 0.5));
        }
    }

private:
    double cell(double contrast, double sigma, float miss, float nu) const
    {
        if (model_.programming_errors) contrast = misprogrammed(contrast, sigma, miss);
        const DriftModel& drift = model_.drift;
        return drift.log_age > 0 ? drifted(contrast, drift.nu, drift.nu_sigma, drift.log_age, nu) : contrast;
    }

    void draw(std::uint32_t column, std::uint32_t row, float (&draws)[4]) const
    {
        const StaticKey key{place_.seed, place_.epoch, place_.core, place_.bank, column};
        std::uint32_t words[4];
        static_words(key, NoiseSource::cell, 1, words, row);
        for (int i = 0; i < 4; ++i) draws[i] = gaussian(words[i]);
    }

    const CellModel& model_;
    const Place& place_;
};

}  // namespace

bool packs(const CellModel& model, const PlaneLayout& layout, std::uint32_t rows)
{
#if defined(__x86_64__)
    return layout.order != PlaneOrder::columns && model.fixed_fits && !(model.retention.amount > 0) &&
           !(model.read_noise > 0) && rows <= (layout.order == PlaneOrder::pairs ? kMostPairedRows : kMostPackedRows);
#else
    return false;
#endif
}

void program_packed([[maybe_unused]] EffectiveTile& tile, [[maybe_unused]] const CellModel& model,
                    [[maybe_unused]] const PlaneLayout& layout, [[maybe_unused]] const Place& place,
                    [[maybe_unused]] const std::int8_t* weights, [[maybe_unused]] std::size_t stride)
{
#if defined(__x86_64__)
    auto packed = std::make_shared<PackedPlanes>();
    packed->layout = layout;
    PlaneWriter writer(*packed, tile.rows, tile.cols);
    const PlaneReader planes(*packed, tile.rows);
    const Doubtful settler(model, place);
    std::array<std::uint32_t, std::size_t{kMostPackedRows} * kGroupColumns>
        doubtful;  // NOLINT: written before it is read
    for (std::uint32_t first = 0; first < tile.cols; first += kGroupColumns) {
        CellGroup group{};
        group.weights = weights + first * stride;
        group.stride = stride;
        group.rows = tile.rows;
        group.columns = std::min(kGroupColumns, tile.cols - first);
        const StaticKey key{place.seed, place.epoch, place.core, place.bank, first};
        const StaticCounter start = static_counter(key, NoiseSource::cell);
        group.keys = random_kernels::round_keys(start.key);
        std::copy(std::begin(start.counter), std::end(start.counter), group.counter);
        group.doubtful = doubtful.data();
        writer.open(group, first / kGroupColumns);
        GroupSums sums;
        (layout.order == PlaneOrder::pairs ? program_avx2 : program_avx512)(model.fixed, group, sums);
        for (std::uint32_t i = 0; i < group.columns; ++i) {
            tile.column_norm2[first + i] = sums.norm2[i];
            tile.hi_sum[first + i] = sums.hi[i];
            tile.lo_sum[first + i] = sums.lo[i];
            tile.common_sum[first + i] = sums.light[i];
        }
        settler.settle(tile, *packed, first, doubtful.data(), sums.doubtful, weights, stride);
    }
    const auto has_low = [&] {
        for (std::uint32_t col = 0; col < tile.cols; ++col)
            if (tile.lo_sum[col] != 0) return true;
        for (std::uint32_t col = 0; col < tile.cols; ++col)
            for (std::uint32_t row = 0; row < tile.rows; ++row)
                if (low_part(planes.weight(row, col)) != 0) return true;
        return false;
    };
    tile.lo_is_zero = !has_low();
    if (tile.lo_is_zero) packed->bytes.lo.clear();
    tile.packed = std::move(packed);
#endif
}

EffectiveTile unpacked(const EffectiveTile& tile)
{
    EffectiveTile result = tile;
    if (!tile.packed) return result;
    const PlaneReader planes(*tile.packed, tile.rows);
    result.packed = nullptr;
    result.prepared = nullptr;
    const std::size_t size = std::size_t{tile.cols} * tile.row_stride;
    result.hi.assign(size, 0);
    result.lo.assign(size, 0);
    result.common.assign(size, 0);
    for (std::uint32_t col = 0; col < tile.cols; ++col)
        for (std::uint32_t row = 0; row < tile.rows; ++row) {
            const std::size_t at = std::size_t{col} * tile.row_stride + row;
            const std::int32_t weight = planes.weight(row, col), low = low_part(weight);
            result.lo[at] = static_cast<std::int8_t>(low);
            result.hi[at] = static_cast<std::int8_t>((weight - low) >> 8);
            result.common[at] = static_cast<std::uint8_t>(planes.light(row, col));
        }
    return result;
}

}  // namespace lightcard::pcm_memory
