// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/converters/converter_arrays.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "lightcard/model/common/gaussian.h"
#include "lightcard/model/common/rng.h"
#include "lightcard/model/common/worker_pool.h"
#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::converters {

DacArray::DacArray(sc_core::sc_module_name name, const std::string& path, const Parameters& parameters,
                   Services& services)
    : sc_module(name), in("in"), light("light"), services_(services)
{
    in.register_b_transport(this, &DacArray::b_transport);
    dac_account_ = services_.ledger.open({path + ".dac", Category::dac, "sample", parameters.dac_energy, Scope::core,
                                          true, "card.converters.dac_energy"});
    modulator_account_ =
        services_.ledger.open({path + ".modulator", Category::modulator, "sample", parameters.modulator_energy,
                               Scope::core, true, "card.converters.modulator_energy"});
    calibration_dac_account_ =
        services_.ledger.open({path + ".calibration_dac", Category::calibration, "sample", parameters.dac_energy,
                               Scope::core, true, "card.converters.dac_energy"});
    calibration_modulator_account_ =
        services_.ledger.open({path + ".calibration_modulator", Category::calibration, "sample",
                               parameters.modulator_energy, Scope::core, true, "card.converters.modulator_energy"});
}

void DacArray::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    light->b_transport(payload, delay);
    if (const auto* calibration = payload.get_extension<CalibrationTransaction>(); calibration != nullptr) {
        if (calibration->kind != CalibrationTransaction::Kind::begin) return;
        for (const auto account : {calibration_dac_account_, calibration_modulator_account_})
            services_.ledger.charge(account, calibration->dac_samples, calibration->start, calibration->end,
                                    calibration->cause);
        return;
    }
    const auto* mvm = payload.get_extension<MvmTransaction>();
    if (mvm == nullptr || !payload.is_response_ok()) return;
    const auto samples = static_cast<std::uint64_t>(mvm->vectors) * mvm->rows * mvm->passes;
    services_.ledger.charge(dac_account_, samples, mvm->start, mvm->stream_end, mvm->cause);
    services_.ledger.charge(modulator_account_, samples, mvm->start, mvm->stream_end, mvm->cause);
}

AdcArray::AdcArray(sc_core::sc_module_name name, std::uint32_t core, const std::string& path,
                   const Parameters& parameters, Services& services)
    : sc_module(name), light("light"), core_(core), services_(services)
{
    light.register_b_transport(this, &AdcArray::b_transport);
    receiver_account_ = services_.ledger.open({path + ".receiver", Category::receiver, "sample", parameters.tia_energy,
                                               Scope::core, true, "card.converters.tia_energy"});
    adc_account_ = services_.ledger.open({path + ".adc", Category::adc, "sample", parameters.adc_energy, Scope::core,
                                          true, "card.converters.adc_energy"});
    calibration_receiver_account_ =
        services_.ledger.open({path + ".calibration_receiver", Category::calibration, "sample", parameters.tia_energy,
                               Scope::core, true, "card.converters.tia_energy"});
    calibration_adc_account_ =
        services_.ledger.open({path + ".calibration_adc", Category::calibration, "sample", parameters.adc_energy,
                               Scope::core, true, "card.converters.adc_energy"});
}

namespace {

/// Work of one chunk of vectors; the result does not depend on how a batch is cut.
photonic_core::MvmStats convert(const MvmTransaction& mvm, std::uint32_t pass, std::uint32_t begin, std::uint32_t end)
{
    photonic_core::MvmJob job;
    job.chain = mvm.chain;
    job.tile = mvm.tile;
    job.gains = mvm.gains;
    const auto row_of = [&](std::uint32_t which) { return static_cast<std::size_t>(which) * mvm.vectors + begin; };
    job.x = mvm.codes + row_of(pass % mvm.code_passes) * mvm.rows;
    job.x_stride = mvm.rows;
    job.vectors = end - begin;
    const std::uint32_t lanes = mvm.chain->statics ? mvm.chain->statics->lanes : 1;
    job.first_lane = static_cast<std::uint32_t>((mvm.first_vector + begin) % lanes);
    job.warming = mvm.warming;
    job.detuning = mvm.detuning;
    job.before = begin;
    job.after = mvm.vectors - end;
    job.y = mvm.sums + row_of(pass) * mvm.cols;
    job.weight_id = mvm.weight_id;
    job.first_sample = mvm.first_sample + begin;
    job.pass = pass;
    return photonic_core::run_mvm(job);
}

}  // namespace

void AdcArray::in_chunks(std::uint32_t chunks, const std::function<void(std::uint32_t)>& work)
{
    if (services_.workers != nullptr && chunks > 1) {
        services_.workers->run(chunks, work);
    } else {
        for (std::uint32_t i = 0; i < chunks; ++i) work(i);
    }
}

std::map<std::uint64_t, std::int64_t> AdcArray::shifts() const
{
    std::map<std::uint64_t, std::int64_t> shifts;
    services_.faults.each(FaultKind::adc_offset, [&](const Fault& fault) {
        if (LC_PLACE_CORE(fault.target) == core_) shifts[LC_PLACE_COLUMN(fault.target)] += fault.value;
    });
    return shifts;
}

AdcArray::Offsets AdcArray::offsets(const MvmTransaction& mvm) const
{
    Offsets offsets;
    if (registers_.empty() && services_.faults.quiet()) return offsets;
    auto shifts = this->shifts();
    for (const auto& [column, taken] : registers_) shifts[column] -= taken;
    for (const auto& [column, shift] : shifts)
        if (column < mvm.cols && shift != 0) offsets.emplace_back(static_cast<std::uint32_t>(column), shift);
    return offsets;
}

namespace {

/// `sums`: [vectors][cols].
void add_offsets(const AdcArray::Offsets& offsets, std::int32_t* sums, std::size_t vectors, std::uint32_t cols)
{
    for (const auto& [column, shift] : offsets)
        for (std::size_t v = 0; v < vectors; ++v) {
            auto& sum = sums[v * cols + column];
            sum = static_cast<std::int32_t>(std::clamp<std::int64_t>(std::int64_t{sum} + shift, INT32_MIN, INT32_MAX));
        }
}

}  // namespace

/// A chunk starts with a whole symbol, so that no vector of it shares its light with one outside.
MvmProduct AdcArray::product(const MvmTransaction& mvm) const
{
    photonic_core::MvmJob job;
    job.chain = mvm.chain;
    job.tile = mvm.tile;
    job.gains = mvm.gains;
    job.x_stride = mvm.rows;
    job.warming = mvm.warming;
    job.detuning = mvm.detuning;
    job.weight_id = mvm.weight_id;
    job.first_sample = mvm.first_sample;
    return [job, weights = mvm.weights, offsets = offsets(mvm), passes = mvm.passes, code_passes = mvm.code_passes,
            rows = mvm.rows, cols = mvm.cols](const MvmChunk& chunk) {
        photonic_core::MvmStats stats;
        auto part = job;
        part.vectors = chunk.end - chunk.begin;
        part.first_sample += chunk.begin;
        const std::size_t vectors = part.vectors;
        for (part.pass = 0; part.pass < passes; ++part.pass) {
            part.x = chunk.codes + part.pass % code_passes * vectors * rows;
            part.y = chunk.sums + part.pass * vectors * cols;
            stats.add(photonic_core::run_mvm(part));
        }
        add_offsets(offsets, chunk.sums, vectors * passes, cols);
        return stats;
    };
}

/// Trimming the ADCs finds what a converter is off by, to within the error of the readings, and takes it off.
void AdcArray::calibrate(const CalibrationTransaction& calibration)
{
    using Kind = CalibrationTransaction::Kind;
    if (calibration.kind == Kind::abandon) measured_.clear();
    if (calibration.kind == Kind::commit && !measured_.empty()) {
        registers_ = std::move(measured_);
        measured_.clear();
        for (auto entry = registers_.begin(); entry != registers_.end();)
            entry = entry->second == 0 ? registers_.erase(entry) : std::next(entry);
    }
    if (calibration.kind != Kind::begin) return;
    measured_.clear();
    if ((calibration.kinds & CalibrationTransaction::kAdcs) != 0) {
        constexpr std::uint64_t kBehindCurves = 1u << 21;  // ordinal
        auto shifts = this->shifts();
        for (const auto& [column, taken] : registers_) shifts[column] += 0;  // what has gone is read as none
        for (const auto& [column, shift] : shifts) {
            std::uint32_t word;
            sample_words({services_.run.seed, calibration.draws, kBehindCurves, 0}, NoiseSource::calibration,
                         static_cast<std::uint32_t>(column), 1, &word);
            const double lsb = column < lsb_.size() ? lsb_[column] : 1;
            const double error = calibration.reading_error * lsb * static_cast<double>(gaussian(word));
            // A column that has nothing to take off keeps a register at rest, so that the set is not empty.
            measured_[column] = shift == 0 ? 0 : shift + static_cast<std::int64_t>(std::lround(error));
        }
    }
    for (const auto account : {calibration_receiver_account_, calibration_adc_account_})
        services_.ledger.charge(account, calibration.adc_samples, calibration.start, calibration.end,
                                calibration.cause);
}

void AdcArray::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&)
{
    if (const auto* calibration = payload.get_extension<CalibrationTransaction>(); calibration != nullptr) {
        calibrate(*calibration);
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
        return;
    }
    auto* mvm = payload.get_extension<MvmTransaction>();
    if (mvm == nullptr) {
        payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
        return;
    }
    if (mvm->deferred) {
        mvm->product = product(*mvm);
    } else if (mvm->codes != nullptr) {
        constexpr std::uint32_t kChunk = 64;  // vectors; small enough to balance two threads on small layers
        const std::uint32_t chunks = (mvm->vectors + kChunk - 1) / kChunk;
        stats_.assign(static_cast<std::size_t>(chunks) * mvm->passes, {});
        in_chunks(chunks * mvm->passes, [&](std::uint32_t i) {
            const std::uint32_t pass = i / chunks, begin = (i % chunks) * kChunk;
            stats_[i] = convert(*mvm, pass, begin, std::min(begin + kChunk, mvm->vectors));
        });
        for (const auto& part : stats_) mvm->stats.add(part);
        add_offsets(offsets(*mvm), mvm->sums, static_cast<std::size_t>(mvm->vectors) * mvm->passes, mvm->cols);
    }
    if (mvm->gains != nullptr && mvm->vectors > 0) {
        lsb_.resize(std::max<std::size_t>(lsb_.size(), mvm->cols));
        for (std::uint32_t c = 0; c < mvm->cols; ++c) lsb_[c] = mvm->gains[c].lsb;
    }
    const auto samples = static_cast<std::uint64_t>(mvm->vectors) * mvm->cols * mvm->passes;
    services_.ledger.charge(receiver_account_, samples, mvm->start, mvm->stream_end, mvm->cause);
    services_.ledger.charge(adc_account_, samples, mvm->start, mvm->stream_end, mvm->cause);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

}  // namespace lightcard::converters
