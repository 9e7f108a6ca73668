// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/photonic_core.h"

#include <algorithm>
#include <utility>

#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/model/photonic_core/calibration.h"

namespace lightcard::photonic_core {
namespace {

AnalogChain chain_of(const Parameters& parameters, const pcm_memory::Parameters& pcm,
                     const converters::Parameters& converters, const Services& services, std::uint32_t core)
{
    AnalogChain chain = make_analog_chain(parameters, pcm, converters, services.run, core);
    chain.isa = kernel_isa(services.simd);
    return chain;
}

}  // namespace

PhotonicCore::PhotonicCore(sc_core::sc_module_name name, std::uint32_t core, const std::string& path,
                           const Parameters& parameters, const pcm_memory::Parameters& pcm,
                           const converters::Parameters& converters, const ThermalSetting& thermal, Services& services)
    : sc_module(name),
      in("in"),
      out("out"),
      weights("weights"),
      parameters_(parameters),
      pcm_(pcm),
      services_(services),
      converters_(converters),
      core_(core),
      thermal_setting_(thermal),
      thermal_(thermal),
      budget_(solve_link_budget(parameters, pcm)),
      chain_(chain_of(parameters, pcm, converters, services, core)),
      bits_per_input_(converters.dac_bits),
      bits_per_output_(converters.adc_bits)
{
    in.register_b_transport(this, &PhotonicCore::b_transport);
    state_.calibrated.temperature = state_.temperature = thermal.calibrated_at;
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
    add_telemetry(core, laser_watts);
}

void PhotonicCore::add_telemetry(std::uint32_t core, double laser_watts)
{
    const auto index = static_cast<std::uint16_t>(core);
    const auto lines = [this] {
        std::uint64_t dark = 0;
        services_.faults.each(FaultKind::laser_line, [&](const Fault& fault) {
            if (LC_PLACE_CORE(fault.target) == core_) dark |= 1ull << LC_PLACE_LANE(fault.target) % 64;
        });
        std::int64_t count = parameters_.lanes;
        for (; dark != 0; dark &= dark - 1) --count;
        return count;
    };
    services_.telemetry.add(LC_TAG_LASER_LINES, index, lines);
    services_.telemetry.add(LC_TAG_POWER_LASER_UW, index, [this, lines, laser_watts] {
        const auto now = services_.now();
        const bool lit = now >= state_.laser_settled && now < state_.laser_off;
        return lit ? static_cast<std::int64_t>(laser_watts * 1e6 * static_cast<double>(lines())) : 0;
    });
}

double PhotonicCore::excursion() const
{
    const auto* hot = services_.faults.find(FaultKind::thermal, LC_PLACE(core_, 0, 0, 0));
    return hot == nullptr ? 0 : static_cast<double>(hot->value) * 1e-3;
}

double PhotonicCore::temperature() const
{
    return thermal_.temperature(services_.now()) + excursion();
}

double PhotonicCore::measured_temperature() const
{
    return thermal_.working(services_.now()) ? state_.temperature : temperature();
}

void PhotonicCore::darken(MvmTransaction& mvm)
{
    auto& faults = services_.faults;
    if (faults.quiet()) return;
    faults.each(FaultKind::laser_line, [&](const Fault& fault) {
        if (LC_PLACE_CORE(fault.target) != core_) return;
        const auto lane = LC_PLACE_LANE(fault.target);
        if (mvm.codes == nullptr) {  // time alone: some vector takes that lane
            mvm.dark = mvm.dark || mvm.vectors >= parameters_.lanes || mvm.first_vector % parameters_.lanes <= lane;
            return;
        }
        if (!mvm.dark) {
            const auto codes = static_cast<std::size_t>(mvm.vectors) * mvm.rows * mvm.passes;
            darkened_.assign(mvm.codes, mvm.codes + codes);
        }
        for (std::uint32_t i = 0; i < mvm.vectors * mvm.passes; ++i) {
            if ((mvm.first_vector + i % mvm.vectors) % parameters_.lanes != lane) continue;
            mvm.dark = true;
            std::fill_n(darkened_.begin() + static_cast<std::ptrdiff_t>(std::size_t{i} * mvm.rows), mvm.rows,
                        std::uint8_t{0});
        }
    });
    if (mvm.dark) mvm.codes = darkened_.data();
}

/// Lanes are lit from laser_settled until `until` or the end of the hold-off, whichever comes first.
void PhotonicCore::book_laser(Picoseconds until)
{
    const auto end = state_.held ? until : std::min(until, state_.laser_off);
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
    state_.held = false;
    state_.laser_off = std::min(state_.laser_off, services_.now());
    state_.lit_bank = kDark;
    measured_ = {};
}

void PhotonicCore::power_lost()
{
    state_.trims = {};
    restore_trims();
    state_.calibrated.at = services_.ageing_clock();
    state_.calibrated.temperature = thermal_setting_.calibrated_at;
}

void PhotonicCore::restore_trims()
{
    set_trims(chain_, parameters_, converters_, services_.run, core_, state_.trims);
}

void PhotonicCore::hold_laser(bool held)
{
    const auto now = services_.now();
    settle();
    if (held && !(now < state_.laser_off)) {  // it was dark: it warms up to be held
        state_.laser_settled = now;
        state_.laser_ready = now + parameters_.laser_warm_up;
    }
    if (held || state_.held) state_.laser_off = std::max(state_.laser_off, now + parameters_.laser_hold_off);
    state_.held = held;
}

void PhotonicCore::laser_off()
{
    settle();
    state_.held = false;
    state_.laser_off = std::min(state_.laser_off, services_.now());
}

bool PhotonicCore::fetch_weights(MvmTransaction& mvm, tlm::tlm_generic_payload& payload)
{
    ProgramTransaction fetch;
    fetch.kind = ProgramTransaction::Kind::fetch;
    fetch.bank = mvm.bank;
    fetch.weight_id = mvm.weight_id;
    fetch.begins = mvm.vectors == 0;
    const ExtensionLoan loan(fetch_payload_, fetch);
    auto delay = sc_core::SC_ZERO_TIME;
    weights->b_transport(fetch_payload_, delay);
    mvm.warming = state_.temperature - fetch.temperature;
    mvm.detuning = state_.temperature - thermal_setting_.calibrated_at;
    mvm.tile = fetch.tile;
    mvm.bank_empty = fetch.empty;
    mvm.chain = &chain_;
    mvm.gains = fetch.gains;
    mvm.weights = std::move(fetch.keep);
    if (fetch.tile == nullptr || mvm.rows != fetch.tile->rows || mvm.cols != fetch.tile->cols) {
        payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
        return false;
    }
    return true;
}

/// When light can flow that is wanted at `earliest`, and has been known to be wanted since `announced`.
Picoseconds PhotonicCore::light_up(Picoseconds earliest, Picoseconds announced)
{
    if (!state_.held && earliest >= state_.laser_off) {
        book_laser(earliest);
        // A start that was known in time (weights being written) finds the laser warm.
        const auto ahead = std::max(announced, earliest - parameters_.laser_warm_up);
        const auto lit_at = std::max(std::min(ahead, earliest), state_.laser_off);
        state_.laser_settled = lit_at;
        state_.laser_ready = lit_at + parameters_.laser_warm_up;
    }
    return std::max(earliest, state_.laser_ready);
}

/// The optical switch settles while the laser, which is ready at `start`, warms up.
Picoseconds PhotonicCore::light_bank(std::uint32_t bank, Picoseconds earliest, Picoseconds start, const Cause& cause)
{
    if (state_.lit_bank == bank) return start;
    const auto settled = earliest + pcm_.switch_time;
    services_.ledger.charge(switch_account_, 1, earliest, settled, cause);
    state_.lit_bank = bank;
    ++state_.switches;
    return std::max(start, settled);
}

/// Symbols that many take at the rate of the command in work.
Picoseconds PhotonicCore::symbols_take(std::uint64_t symbols) const
{
    return duration_of(state_.throttling ? symbols * thermal_setting_.throttle_divider : symbols,
                       parameters_.symbol_rate);
}

/// The die's temperature for the command that starts now.
void PhotonicCore::prepare_die(Picoseconds now)
{
    if (thermal_setting_.on) thermal_.settle(now);
    const double more = excursion();
    state_.temperature = thermal_.temperature(now) + more;
    state_.throttling = (thermal_setting_.on || more != 0) && state_.temperature > thermal_setting_.throttle_at;
}

void PhotonicCore::schedule(MvmTransaction& mvm)
{
    if (mvm.vectors == 0) prepare_die(mvm.earliest);
    const auto lit = light_up(mvm.earliest, mvm.announced);
    mvm.waited_laser = lit - mvm.earliest;
    const auto start = light_bank(mvm.bank, mvm.earliest, lit, mvm.cause);
    mvm.waited_switch = start - lit;
    // Symbols of this chunk, counted from the command's first vector so that chunks add up to the command.
    const auto symbols = [this](std::uint64_t vectors) {
        return (vectors + parameters_.lanes - 1) / parameters_.lanes;
    };
    const auto begin = symbols(mvm.first_vector) * mvm.passes;
    const auto end = symbols(mvm.first_vector + mvm.vectors) * mvm.passes;
    mvm.start = start;
    mvm.stream_end = start + symbols_take(end) - symbols_take(begin);
    if (state_.throttling) state_.throttled += mvm.stream_end - start;
    mvm.ready = mvm.stream_end + parameters_.latency + 2 * parameters_.die_to_die_latency;
    state_.laser_off = std::max(state_.laser_off, mvm.stream_end + parameters_.laser_hold_off);
}

// --- calibration ------------------------------------------------------------------------------------------------

/// Converters: all lines of all lanes at once, two points each. DACs need light on the taps behind them.
void PhotonicCore::trim(CalibrationTransaction& calibration)
{
    const CalibrationKey key{services_.run.seed, std::uint64_t{core_} << 40 | state_.numbers};
    const auto readings = 2ull * calibration.samples, all = readings * parameters_.lanes * parameters_.n;
    if ((calibration.kinds & CalibrationTransaction::kAdcs) != 0) {
        trim_adcs(chain_, converters_, core_, calibration.samples, key, measured_.trims);
        calibration.draws = key.id();
        calibration.reading_error = adc_reading_error(chain_, calibration.samples);
        calibration.end += symbols_take(readings);
        calibration.adc_samples += all;
        measured_.trims_changed = true;
    }
    if ((calibration.kinds & CalibrationTransaction::kDacs) != 0) {
        calibration.end = light_up(calibration.end, calibration.earliest) + symbols_take(readings);
        trim_dacs(chain_, converters_, core_, calibration.samples, key, measured_.trims);
        calibration.dac_samples += all;
        calibration.adc_samples += all;
        measured_.trims_changed = true;
    }
}

/// Banks one after another: each is lit, probed and left. The receivers see them with the new trims.
void PhotonicCore::probe_banks(CalibrationTransaction& calibration)
{
    const bool columns = (calibration.kinds & CalibrationTransaction::kColumns) != 0;
    const bool gains = columns || (calibration.kinds & CalibrationTransaction::kDrift) != 0;
    const bool ranges = (calibration.kinds & CalibrationTransaction::kRanges) != 0;
    if (!gains && !ranges) return;
    const bool offset = (calibration.kinds & CalibrationTransaction::kSigned) != 0;
    AnalogChain chain = chain_;
    if (measured_.trims_changed) set_trims(chain, parameters_, converters_, services_.run, core_, measured_.trims);
    const bool every = calibration.bank == CalibrationTransaction::kEveryBank;
    for (std::uint32_t bank = every ? 0 : calibration.bank; bank < (every ? pcm_.banks : calibration.bank + 1);
         ++bank) {
        ProgramTransaction look;
        look.kind = ProgramTransaction::Kind::look;
        look.bank = bank;
        tlm::tlm_generic_payload read;
        const ExtensionLoan loan(read, look);
        auto delay = sc_core::SC_ZERO_TIME;
        weights->b_transport(read, delay);
        if (look.tile == nullptr) continue;
        const auto wanted = calibration.end;
        const auto start = light_bank(bank, wanted, light_up(wanted, calibration.earliest), calibration.cause);
        // Each round of a range needs the answers of the one before it.
        const std::uint64_t rounds = (gains ? 1 : 0) + (ranges ? kRangeRounds : 0);
        const auto symbols = rounds * ((calibration.samples + parameters_.lanes - 1) / parameters_.lanes);
        const auto drain = parameters_.latency + 2 * parameters_.die_to_die_latency;
        calibration.end = start + symbols_take(symbols) + static_cast<Picoseconds>(rounds) * drain;
        calibration.dac_samples += rounds * calibration.samples * look.rows;
        calibration.adc_samples += rounds * calibration.samples * look.cols;
        ++calibration.banks;
        const CalibrationKey key{services_.run.seed, std::uint64_t{core_} << 40 | state_.numbers++};
        if (!services_.run.computes()) continue;
        const BankProbe probe{look.tile, look.targets, state_.temperature - look.temperature,
                              state_.temperature - thermal_setting_.calibrated_at, calibration.samples};
        Measured::Bank measured{bank, look.epoch, {}, {}};
        if (ranges)
            measured.ranges = measure_ranges(chain, probe, converters_.adc_range_sigmas,
                                             offset ? RangeInputs::offset : RangeInputs::positive, key);
        if (gains) measured.gains = measure_gains(chain, probe, columns, key);
        measured_.banks.push_back(std::move(measured));
    }
}

void PhotonicCore::set_measured()
{
    if (measured_.trims_changed) {
        state_.trims = measured_.trims;
        restore_trims();
    }
    for (auto& bank : measured_.banks) {
        ProgramTransaction set;
        set.kind = ProgramTransaction::Kind::calibrate;
        set.bank = bank.bank;
        set.epoch = bank.epoch;
        set.column_gains = std::move(bank.gains);
        set.ranges = std::move(bank.ranges);
        tlm::tlm_generic_payload write;
        const ExtensionLoan loan(write, set);
        auto delay = sc_core::SC_ZERO_TIME;
        weights->b_transport(write, delay);
    }
    state_.calibrated = {state_.calibrated.count + 1, state_.calibrated.time + measured_.time, services_.ageing_clock(),
                         temperature()};
    measured_ = {};
}

void PhotonicCore::calibrate(CalibrationTransaction& calibration, tlm::tlm_generic_payload& payload)
{
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (calibration.kind == CalibrationTransaction::Kind::abandon) measured_ = {};
    if (calibration.kind == CalibrationTransaction::Kind::commit) set_measured();
    auto delay = sc_core::SC_ZERO_TIME;
    if (calibration.kind != CalibrationTransaction::Kind::begin) {
        out->b_transport(payload, delay);
        return;
    }
    prepare_die(calibration.earliest);
    ++state_.numbers;
    measured_ = {};
    measured_.trims = state_.trims;
    calibration.start = calibration.end = calibration.earliest;
    trim(calibration);
    probe_banks(calibration);
    measured_.time = calibration.end - calibration.start;
    thermal_.add_work(calibration.start, calibration.end, calibration.dac_samples, calibration.adc_samples);
    if ((calibration.kinds & ~CalibrationTransaction::kAdcs) != 0)
        state_.laser_off = std::max(state_.laser_off, calibration.end + parameters_.laser_hold_off);
    if (services_.activity.enabled())
        services_.activity.span(track_, "calibration", calibration.start, calibration.end, calibration.cause.layer,
                                calibration.banks);
    out->b_transport(payload, delay);
}

void PhotonicCore::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    if (auto* calibration = payload.get_extension<CalibrationTransaction>(); calibration != nullptr) {
        calibrate(*calibration, payload);
        return;
    }
    auto* mvm = payload.get_extension<MvmTransaction>();
    if (mvm == nullptr) {
        payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
        return;
    }
    // Without numbers there is nothing to fetch but the answer whether the weights are there, once a command.
    const bool looks = mvm->vectors == 0 || services_.run.computes();
    if (looks && !fetch_weights(*mvm, payload)) return;
    schedule(*mvm);
    if (mvm->vectors == 0) {
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
        return;
    }
    thermal_.add_work(mvm->start, mvm->stream_end, std::uint64_t{mvm->vectors} * mvm->passes * mvm->rows,
                      std::uint64_t{mvm->vectors} * mvm->passes * mvm->cols);
    const auto bits = static_cast<std::uint64_t>(mvm->vectors) * mvm->passes *
                      (mvm->rows * bits_per_input_ + mvm->cols * bits_per_output_);
    darken(*mvm);
    services_.ledger.charge(die_account_, bits, mvm->start, mvm->stream_end, mvm->cause);
    if (services_.activity.enabled()) {
        services_.activity.span(track_, "MVM", mvm->start, mvm->stream_end, mvm->cause.layer, mvm->vectors);
    }
    out->b_transport(payload, delay);
}

}  // namespace lightcard::photonic_core
