// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/photonic_core.h"

#include <algorithm>

namespace lightcard::photonic_core {

PhotonicCore::PhotonicCore(sc_core::sc_module_name name, std::uint32_t core, const std::string& path,
                           const Parameters& parameters, const pcm_memory::Parameters& pcm,
                           const converters::Parameters& converters, Services& services)
    : sc_module(name),
      in("in"),
      out("out"),
      weights("weights"),
      parameters_(parameters),
      pcm_(pcm),
      services_(services),
      budget_(solve_link_budget(parameters, pcm)),
      chain_(make_analog_chain(parameters, pcm, converters, services.run, core)),
      bits_per_input_(converters.dac_bits),
      bits_per_output_(converters.adc_bits)
{
    in.register_b_transport(this, &PhotonicCore::b_transport);
    const double oscillator = budget_.local_oscillator_optical / parameters.lanes;
    const double laser_watts = (parameters.n * parameters.row_power + oscillator) / parameters.wall_plug_efficiency;
    laser_account_ = services_.ledger.open(
        {path + ".laser", Category::laser, "lane-ps", laser_watts * 1e-12, Scope::core, true, "card.core.row_power"});
    tuning_account_ = services_.ledger.open({path + ".modulator_tuning", Category::modulator, "lane-ps",
                                             parameters.n * converters.modulator_tuning * 1e-12, Scope::core, true,
                                             "card.converters.modulator_tuning"});
    switch_account_ = services_.ledger.open({path + ".bank_switch", Category::bank_switch, "switch", pcm.switch_energy,
                                             Scope::core, true, "card.pcm.switch_energy"});
    die_account_ =
        services_.ledger.open({path + ".die_to_die", Category::packaging, "bit", parameters.die_to_die_energy,
                               Scope::core, true, "card.core.die_to_die_energy"});
    track_ = services_.activity.open(path + ".photonic_core");
}

/// Lanes are lit from laser_settled until `until` or the end of the hold-off, whichever comes first.
void PhotonicCore::book_laser(Picoseconds until)
{
    const auto end = std::min(until, state_.laser_off);
    if (end <= state_.laser_settled) return;
    const auto lit = static_cast<std::uint64_t>(end - state_.laser_settled);
    services_.ledger.charge(laser_account_, lit * parameters_.lanes, state_.laser_settled, end);
    services_.ledger.charge(tuning_account_, lit * parameters_.lanes, state_.laser_settled, end);
    state_.laser_on_total += end - state_.laser_settled;
    state_.laser_settled = end;
}

void PhotonicCore::settle()
{
    book_laser(services_.now());
}

void PhotonicCore::reset()
{
    settle();
    state_.laser_off = std::min(state_.laser_off, services_.now());
    state_.lit_bank = kDark;
}

bool PhotonicCore::fetch_weights(MvmTransaction& mvm, tlm::tlm_generic_payload& payload)
{
    ProgramTransaction fetch;
    fetch.kind = ProgramTransaction::Kind::fetch;
    fetch.bank = mvm.bank;
    fetch.weight_id = mvm.weight_id;
    tlm::tlm_generic_payload read;
    const ExtensionLoan loan(read, fetch);
    auto delay = sc_core::SC_ZERO_TIME;
    weights->b_transport(read, delay);
    mvm.tile = fetch.tile;
    mvm.bank_empty = fetch.empty;
    mvm.chain = &chain_;
    mvm.gains = fetch.gains;
    if (fetch.tile == nullptr || mvm.rows != fetch.tile->rows || mvm.cols != fetch.tile->cols) {
        payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
        return false;
    }
    return true;
}

void PhotonicCore::schedule(MvmTransaction& mvm)
{
    const bool lit = mvm.earliest < state_.laser_off;
    if (!lit) {
        book_laser(mvm.earliest);
        // A start that was known in time (weights being written) finds the laser warm.
        const auto ahead = std::max(mvm.announced, mvm.earliest - parameters_.laser_warm_up);
        const auto lit_at = std::max(std::min(ahead, mvm.earliest), state_.laser_off);
        state_.laser_settled = lit_at;
        state_.laser_ready = lit_at + parameters_.laser_warm_up;
    }
    auto start = std::max(mvm.earliest, state_.laser_ready);
    mvm.waited_laser = start - mvm.earliest;
    if (state_.lit_bank != mvm.bank) {
        // The optical switch settles while the laser warms up.
        const auto settled = mvm.earliest + pcm_.switch_time;
        mvm.waited_switch = std::max<Picoseconds>(0, settled - start);
        start = std::max(start, settled);
        services_.ledger.charge(switch_account_, 1, mvm.earliest, settled, mvm.cause);
        state_.lit_bank = mvm.bank;
        ++state_.switches;
    }
    // Symbols of this chunk, counted from the command's first vector so that chunks add up to the command.
    const auto symbols = [this](std::uint64_t vectors) {
        return (vectors + parameters_.lanes - 1) / parameters_.lanes;
    };
    const auto begin = symbols(mvm.first_vector) * mvm.passes;
    const auto end = symbols(mvm.first_vector + mvm.vectors) * mvm.passes;
    const auto rate = parameters_.symbol_rate;
    mvm.start = start;
    mvm.stream_end = start + duration_of(end, rate) - duration_of(begin, rate);
    mvm.ready = mvm.stream_end + parameters_.latency + 2 * parameters_.die_to_die_latency;
    state_.laser_off = std::max(state_.laser_off, mvm.stream_end + parameters_.laser_hold_off);
}

void PhotonicCore::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    auto* mvm = payload.get_extension<MvmTransaction>();
    if (mvm == nullptr) {
        payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
        return;
    }
    if (!fetch_weights(*mvm, payload)) return;
    schedule(*mvm);
    if (mvm->vectors == 0) {
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
        return;
    }
    const auto bits = static_cast<std::uint64_t>(mvm->vectors) * mvm->passes *
                      (mvm->rows * bits_per_input_ + mvm->cols * bits_per_output_);
    services_.ledger.charge(die_account_, bits, mvm->start, mvm->stream_end, mvm->cause);
    if (services_.activity.enabled()) {
        services_.activity.span(track_, "MVM", mvm->start, mvm->stream_end, mvm->cause.layer, mvm->vectors);
    }
    out->b_transport(payload, delay);
}

}  // namespace lightcard::photonic_core
