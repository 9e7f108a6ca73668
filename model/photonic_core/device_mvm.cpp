// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/device_mvm.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/common/rounding.h"
#include "lightcard/model/converters/transfer_curve.h"
#include "lightcard/model/photonic_core/front_end.h"
#include "lightcard/model/photonic_core/ring.h"

namespace lightcard::photonic_core {
namespace {

/// Sums of transmissions of one column: what its two photodiodes see of equally lit rows.
struct ColumnLight {
    double plus = 0, minus = 0;
};

class DeviceCore {
public:
    explicit DeviceCore(const MvmJob& job)
        : job_(job),
          tile_(*job.tile),
          front_(job.chain->front_end),
          open_(tile_.cols),
          amplitude_(tile_.rows),
          sign_(imbalance_signs(job.chain->seed, tile_.core, tile_.cols)),
          residual_(crosstalk_draws(job.chain->seed, tile_.core, job.chain->n))
    {
        const std::uint32_t lanes = std::min(front_.core.lanes, job.vectors);
        for (std::uint32_t i = 0; i < lanes; ++i) draw_converters(lane_of(job, i));
        for (std::uint32_t col = 0; col < tile_.cols; ++col)
            for (std::uint32_t row = 0; row < tile_.rows; ++row) {
                open_[col].plus += cell(row, col).plus.transmission;
                open_[col].minus += cell(row, col).minus.transmission;
            }
    }

    std::uint64_t run()
    {
        std::uint64_t clipped = 0;
        for (std::uint32_t v = 0; v < job_.vectors; ++v) {
            key_ = {job_.chain->seed, job_.weight_id, job_.first_sample + v, job_.pass};
            lane_ = lane_of(job_, v);
            modulate(v);
            intensity_ = std::max(-1.0, front_.rin_sigma * draw(NoiseSource::rin, job_.first_row));
            leak_ = front_.imbalance * front_.rin_sigma * draw(NoiseSource::rin_leak, job_.first_row);
            for (std::uint32_t col = 0; col < tile_.cols; ++col)
                clipped += digitise(col, receive(col), job_.y[std::size_t{v} * tile_.cols + col]);
        }
        return clipped;
    }

private:
    const pcm_memory::CellPair& cell(std::uint32_t row, std::uint32_t col) const
    {
        return tile_.cells[std::size_t{col} * tile_.rows + row];
    }

    double draw(NoiseSource source, std::uint32_t row) const
    {
        std::uint32_t word;
        sample_words(key_, source, row, 1, &word);
        return static_cast<double>(gaussian(word));
    }

    void draw_converters(std::uint32_t lane)
    {
        const std::uint64_t seed = job_.chain->seed;
        auto& dacs = dacs_[lane];
        auto& adcs = adcs_[lane];
        for (std::uint32_t row = 0; row < tile_.rows; ++row)
            dacs.push_back(converters::dac_curve(front_.converters, {seed, tile_.core, lane, row}));
        for (std::uint32_t col = 0; col < tile_.cols; ++col)
            adcs.push_back(converters::adc_curve(front_.converters, {seed, tile_.core, lane, col}));
        if (!job_.chain->trims) return;
        const Trims& trims = *job_.chain->trims;
        const std::size_t first = std::size_t{lane} * job_.chain->n;
        const auto set = [&](auto& curves, const std::vector<float>& gains, const std::vector<float>& offsets) {
            for (std::size_t line = 0; line < curves.size(); ++line) {
                const auto left = trimmed(curves[line].gain, curves[line].offset, gains, offsets, first + line);
                curves[line].gain = left.gain;
                curves[line].offset = left.offset;
            }
        };
        set(dacs, trims.dac_gain, trims.dac_offset);
        set(adcs, trims.adc_gain, trims.adc_offset);
    }

    /// Input codes that a DAC really gives. Not limited to the range: driver and modulator have headroom.
    double driven(std::uint32_t row, std::uint8_t code) const
    {
        const converters::TransferCurve& curve = dacs_.at(lane_)[row];
        const double lsb = 256.0 / (1u << front_.converters.dac_bits);
        const double fixed = code * (1 + curve.gain) + (curve.inl[code] + curve.offset) * lsb;
        return front_.dac_sigma > 0 ? fixed + front_.dac_sigma * draw(NoiseSource::dac, row) : fixed;
    }

    void modulate(std::uint32_t vector)
    {
        const std::uint8_t* x = job_.x + vector * job_.x_stride;
        all_rows_ = (job_.chain->n - tile_.rows) * ring_.floor;
        for (std::uint32_t row = 0; row < tile_.rows; ++row) {
            double code = driven(row, x[row]);
            for (const std::uint8_t* neighbour : neighbours(job_, vector))
                if (neighbour != nullptr) code += front_.lane_crosstalk * neighbour[row];
            amplitude_[row] = ring_.floor + ring_.slope * (1 - front_.modulator_floor) * code / 255;
            all_rows_ += amplitude_[row];
        }
    }

    /// T / T_max that the crossings add: the same light in both arms, less what calibration leaves between them.
    ColumnLight leak(std::uint32_t col) const
    {
        const double between = front_.crossing_residual * residual_[col] * (1 - front_.cell_floor);
        return {front_.crossing_leak + between / 2, front_.crossing_leak - between / 2};
    }

    /// A: TIA input of one column, less the current of dark inputs, which is calibrated away.
    double receive(std::uint32_t col) const
    {
        // Rows the tile does not use: modulators at code 0, cells at T_min, in both arms.
        const double unused = (job_.chain->n - tile_.rows) * front_.cell_floor, idle = unused * ring_.floor;
        const ColumnLight crossings = leak(col);
        ColumnLight light{idle + crossings.plus * all_rows_, single_ ? 0 : idle + crossings.minus * all_rows_};
        for (std::uint32_t row = 0; row < tile_.rows; ++row) {
            const pcm_memory::CellPair& pair = cell(row, col);
            light.plus += amplitude_[row] * reading(pair.plus, row, 2 * col);
            if (!single_) light.minus += amplitude_[row] * reading(pair.minus, row, 2 * col + 1);
        }
        light.plus *= 1 + warming_ * (1 + job_.chain->temperature_imbalance / 2);
        light.minus *= 1 + warming_ * (1 - job_.chain->temperature_imbalance / 2);
        const double gain = path_gain(front_.core, lane_, col);
        const double plus = photocurrent(gain * light.plus, col, NoiseSource::shot_plus);
        const double minus = single_ ? 0 : photocurrent(gain * light.minus, col, NoiseSource::shot_minus);
        double dark = open_[col].plus - open_[col].minus + job_.chain->n * (crossings.plus - crossings.minus);
        if (single_) dark = open_[col].plus + unused + job_.chain->n * crossings.plus;
        const double offset = gain * front_.cell_current * front_.modulator_floor * dark;
        double current = plus - minus - offset + static_cast<double>(sign_[col]) * leak_ * (plus + minus);
        if (front_.thermal_sigma > 0)
            current += front_.thermal_sigma * draw(NoiseSource::thermal, job_.first_row + col);
        return current / gain;  // the digital gain behind the ADC knows its path
    }

    /// Transmission of a cell in this symbol. `arm`: which of the 2 n column guides.
    double reading(const pcm_memory::Cell& cell, std::uint32_t row, std::uint32_t arm) const
    {
        if (!(cell.read_sigma > 0)) return cell.transmission;
        const std::uint32_t place = (2 * job_.first_row + arm) * job_.chain->n + row;
        return cell.transmission + cell.read_sigma * draw(NoiseSource::read, place);
    }

    double photocurrent(double light, std::uint32_t col, NoiseSource source) const
    {
        const double current = front_.cell_current * light * (1 + intensity_);
        if (!(front_.shot_density > 0)) return current;
        const double variance = front_.shot_density * std::max(0.0, current + front_.dark_current);
        return current + std::sqrt(variance) * draw(source, job_.first_row + col);
    }

    /// Returns whether the sample is at an end code.
    bool digitise(std::uint32_t col, double current, std::int32_t& y) const
    {
        const double acc = current / front_.acc_current;
        const double codes = job_.chain->adc_codes, half = codes / 2;
        const ColumnGain& gain = job_.gains[col];
        const converters::TransferCurve& curve = adcs_.at(lane_)[col];
        double sample = acc / gain.lsb;
        if (front_.adc_sigma > 0) sample += front_.adc_sigma * codes * draw(NoiseSource::adc, job_.first_row + col);
        if (!job_.chain->sources.adc_quantisation) {
            constexpr double kLargest = 2147483647.0;
            y = static_cast<std::int32_t>(round_half_even(std::clamp(sample * gain.lsb, -kLargest, kLargest)));
            return false;
        }
        sample = sample * (1 + curve.gain) + curve.offset - (single_ ? half : 0);
        const double knot = std::clamp((sample + half) * converters::kKnots / codes, 0.0, converters::kKnots - 1.0);
        sample += curve.inl[static_cast<std::size_t>(knot)];
        const double code = round_half_even(std::clamp(sample, -half, half - 1));
        y = static_cast<std::int32_t>((static_cast<std::int64_t>(code) * gain.digital_gain + 32768) >> 16);
        return code == -half || code == half - 1;
    }

    const MvmJob& job_;
    const pcm_memory::EffectiveTile& tile_;
    const FrontEnd& front_;
    std::vector<ColumnLight> open_;
    std::vector<double> amplitude_;  ///< [row] transmission of a modulator, of its brightest
    std::vector<float> sign_;        ///< [col] of the photodiodes' imbalance
    std::vector<float> residual_;    ///< [col] draws of what calibration leaves of the crossings' light
    std::map<std::uint32_t, std::vector<converters::TransferCurve>> dacs_, adcs_;  ///< [lane][line]
    const double warming_ = relative_warming(job_);                                ///< of every transmission, relative
    const RingLight ring_ = ring_light(front_.modulator_floor, job_.chain->ring_shift* job_.detuning);
    const bool single_ = front_.core.cells == Cells::single;  ///< one cell a weight: + alone
    std::uint32_t lane_ = 0;
    double all_rows_ = 0;  ///< sum of the amplitudes of all n rows
    SampleKey key_;
    double intensity_ = 0;  ///< relative error of the laser line in this symbol, common to all rows and columns
    double leak_ = 0;       ///< and the part of it that the balance of the photodiodes does not cancel
};

}  // namespace

std::uint64_t run_device(const MvmJob& job)
{
    return DeviceCore(job).run();
}

}  // namespace lightcard::photonic_core
