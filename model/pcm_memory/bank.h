// SPDX-License-Identifier: Apache-2.0
/// A bank of the weight memory as data: what it holds, what is being written, and what a state file keeps of it.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/energy.h"
#include "lightcard/model/common/time.h"
#include "lightcard/model/pcm_memory/cell_life.h"
#include "lightcard/model/pcm_memory/exposure.h"

namespace lightcard::pcm_memory {

/// What an abandoned or running program has still to do.
struct Programming {
    bool active = false;
    std::uint64_t weight_id = 0;
    std::uint32_t rows = 0, cols = 0;
    std::vector<std::int8_t> weights;       ///< s8 [cols][rows]
    std::vector<std::uint32_t> adc_range;   ///< [cols]
    std::vector<std::uint32_t> pulse_rows;  ///< physical rows that get pulses, in order
    std::vector<Picoseconds> row_ends;      ///< [pulse_rows] when its last slot ends, from `start`
    std::vector<std::uint64_t> row_counts;  ///< [pulse_rows] counts of the write account up to its end
    std::vector<std::uint16_t> row_map;     ///< of the bank, once this has been committed
    std::uint32_t spares_used = 0;
    std::uint32_t failed_cells = 0;  ///< that do not reach their target
    Picoseconds start = 0, end = 0;
    Cause cause;

    Picoseconds last_end() const { return row_ends.empty() ? 0 : row_ends.back(); }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("active", active);
        archive.field("weight_id", weight_id);
        archive.field("rows", rows);
        archive.field("cols", cols);
        archive.field("weights", weights);
        archive.field("adc_range", adc_range);
        archive.field("pulse_rows", pulse_rows);
        archive.field("row_ends", row_ends);
        archive.field("row_counts", row_counts);
        archive.field("row_map", row_map);
        archive.field("spares_used", spares_used);
        archive.field("failed_cells", failed_cells);
        archive.field("start", start);
        archive.field("end", end);
        archive.field("context", cause.context);
        archive.field("layer", cause.layer);
    }
};

/// What stays in the cells without power.
struct BankContent {
    std::uint64_t weight_id = 0;  ///< 0 = nothing verified
    std::uint32_t rows = 0, cols = 0;
    std::vector<std::int8_t> weights;
    std::vector<std::uint32_t> adc_range;
    std::uint64_t epoch = 0;
    double temperature = 0;              ///< C, of the die when it was verified
    std::vector<std::uint32_t> wear;     ///< [n + spare rows] cycles a row; empty = none
    std::vector<std::uint16_t> row_map;  ///< [n] physical row; empty = the same
    std::uint32_t spares_used = 0;
    StuckCells stuck;  ///< made to fail

    template <class Archive>
    void visit_content(Archive& archive)
    {
        archive.field("weight_id", weight_id);
        archive.field("rows", rows);
        archive.field("cols", cols);
        archive.field("weights", weights);
        archive.field("adc_range", adc_range);
        archive.field("epoch", epoch);
        archive.field("temperature", temperature);
        archive.field("wear", wear);
        archive.field("row_map", row_map);
        archive.field("spares_used", spares_used);
        archive.field("stuck", stuck);
    }
};

struct Bank : BankContent {
    double programmed_at = 0;  ///< ageing clock when its last row was verified, s
    Exposure exposed_at;       ///< exposure of the card's cells then
    // From calibration; lost with power.
    std::vector<float> gains;           ///< [cols] factors on the digital gains; empty = 1
    std::vector<std::uint32_t> ranges;  ///< [cols] in place of adc_range; empty = as programmed
    double calibrated_at = 0;           ///< ageing clock when the gains were measured
    double calibrated_temperature = 0;  ///< C then
    Programming programming;

    void forget_calibration()
    {
        gains.clear();
        ranges.clear();
        calibrated_at = calibrated_temperature = 0;
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        visit_content(archive);
        archive.field("programmed_at", programmed_at);
        archive.field("exposed_at", exposed_at);
        archive.field("gains", gains);
        archive.field("ranges", ranges);
        archive.field("calibrated_at", calibrated_at);
        archive.field("calibrated_temperature", calibrated_temperature);
        archive.field("programming", programming);
    }
};

/// A bank without power: time is its age. Programming under way when the power went has left a mixture.
struct StoredBank : BankContent {
    double age = 0;     ///< s since it was verified
    Exposure exposure;  ///< what that time was, at the temperatures that it was spent at

    template <class Archive>
    void visit(Archive& archive)
    {
        visit_content(archive);
        archive.field("age", age);
        archive.field("exposure", exposure);
    }
};

/// Every index and size of a Bank or StoredBank fits an array of n x n with that many spare rows.
template <class AnyBank>
bool fits(const AnyBank& bank, std::uint32_t n, std::uint32_t spare_rows)
{
    const std::uint32_t physical = n + spare_rows;
    bool good = bank.rows <= n && bank.cols <= n && bank.weights.size() == std::size_t{bank.rows} * bank.cols &&
                (bank.wear.empty() || bank.wear.size() == physical) &&
                (bank.row_map.empty() || bank.row_map.size() == n) && bank.spares_used <= spare_rows &&
                bank.adc_range.size() <= n;
    for (const auto row : bank.row_map) good &= row < physical;
    for (const auto& [key, contrast] : bank.stuck)
        good &= (key >> 17) < physical && (key >> 1 & 0xffff) < n && contrast >= 0 && contrast <= 1;
    return good;
}

}  // namespace lightcard::pcm_memory
