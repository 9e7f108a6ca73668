// SPDX-License-Identifier: Apache-2.0
/// One photonic core: lanes x (n x n) crossbar over the lit bank. Owns the laser, the bank switch and the stream
/// of symbols; takes its effective weights from the PCM memory and hands the light on to the receivers.
///
/// K lanes take K consecutive vectors a symbol, so P vectors take ceil(P / K) symbols; fill and drain (`latency`)
/// are paid once a command, behind the stream. The laser is lit for a command, warms up for laser_warm_up, and goes off
/// laser_hold_off after the last one; when the command waits for weights, whose end of writing is known, it is lit
/// early enough to be warm by then.
///
/// Calibrations come the same way as vectors (CalibrationTransaction): the core takes the readings, and their registers
/// are set when the command that asked for them ends. Those of the converters are here, a bank's gains in its memory.
///
/// With run.thermal = loop the die warms with what it does (die_thermal.h): every transmission follows, and above the
/// limit symbols come at a reduced rate. Temperature is taken once a command, when it is prepared.
#pragma once

#include <string>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/converters/parameters.h"
#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/photonic_core/die_thermal.h"
#include "lightcard/model/photonic_core/link_budget.h"
#include "lightcard/model/photonic_core/mvm.h"
#include "lightcard/model/photonic_core/parameters.h"

namespace lightcard::photonic_core {

class PhotonicCore : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<PhotonicCore> in;          ///< light from the modulators
    tlm_utils::simple_initiator_socket<PhotonicCore> out;      ///< light to the receivers
    tlm_utils::simple_initiator_socket<PhotonicCore> weights;  ///< lit bank of the PCM memory

    PhotonicCore(sc_core::sc_module_name name, std::uint32_t core, const std::string& path,
                 const Parameters& parameters, const pcm_memory::Parameters& pcm,
                 const converters::Parameters& converters, const ThermalSetting& thermal, Services& services);

    const AnalogChain& chain() const { return chain_; }
    const LinkBudget& budget() const { return budget_; }

    /// Books laser and modulator tuning up to now.
    void settle();
    /// What was being measured is dropped; registers stay.
    void reset();
    /// Power was gone: registers are at rest.
    void power_lost();
    /// The laser stays lit, or goes dark at once instead of after its hold-off.
    void hold_laser(bool held);
    void laser_off();
    Picoseconds laser_on() const { return state_.laser_on_total; }
    std::uint64_t bank_switches() const { return state_.switches; }
    /// C, of the die now.
    double temperature() const;
    /// As the core's controller last took it: while light flows, that of the command's start.
    double measured_temperature() const;
    /// Weights are written on this die, with that energy from `start` to `end`; the rest never comes from `now` on.
    void add_heat(Picoseconds start, Picoseconds end, double joules) { thermal_.add_heat(start, end, joules); }
    void stop_heat(Picoseconds now) { thermal_.stop_heat(now); }
    Picoseconds throttled() const { return state_.throttled; }
    /// Calibrations that have ended, the time they took, and the ageing clock and temperature at the last one.
    struct Calibrated {
        std::uint64_t count = 0;
        Picoseconds time = 0;
        double at = 0;           ///< s
        double temperature = 0;  ///< C
    };
    const Calibrated& calibrated() const { return state_.calibrated; }
    const Trims& trims() const { return state_.trims; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("lit_bank", state_.lit_bank);
        archive.field("laser_ready", state_.laser_ready);
        archive.field("laser_off", state_.laser_off);
        archive.field("laser_settled", state_.laser_settled);
        archive.field("laser_on_total", state_.laser_on_total);
        archive.field("switches", state_.switches);
        archive.field("held", state_.held);
        archive.field("temperature", state_.temperature);
        archive.field("throttling", state_.throttling);
        archive.field("throttled", state_.throttled);
        archive.field("calibrations", state_.calibrated.count);
        archive.field("calibration_time", state_.calibrated.time);
        archive.field("calibrated_at", state_.calibrated.at);
        archive.field("calibrated_temperature", state_.calibrated.temperature);
        archive.field("numbers", state_.numbers);
        archive.field("trims", state_.trims);
        archive.field("thermal", thermal_);
        if constexpr (Archive::reading) restore_trims();
    }

private:
    static constexpr std::uint32_t kDark = 0xffffffffu;
    struct State {
        std::uint32_t lit_bank = kDark;
        Picoseconds laser_ready = 0;    ///< warm from here on
        Picoseconds laser_off = 0;      ///< goes dark then, unless used again (hold-off)
        Picoseconds laser_settled = 0;  ///< booked up to here
        Picoseconds laser_on_total = 0;
        std::uint64_t switches = 0;
        bool held = false;
        double temperature = 0;   ///< C, of the command in work
        bool throttling = false;  ///< of the command in work
        Picoseconds throttled = 0;
        Calibrated calibrated;
        std::uint64_t numbers = 0;  ///< calibrations begun: no two share their draws
        Trims trims;
    };
    /// Readings whose command has not ended.
    struct Measured {
        bool trims_changed = false;
        Trims trims;
        struct Bank {
            std::uint32_t bank;
            std::uint64_t epoch;
            std::vector<float> gains;           ///< empty: not measured
            std::vector<std::uint32_t> ranges;  ///< empty: not measured
        };
        std::vector<Bank> banks;
        Picoseconds time = 0;
    };

    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    bool fetch_weights(MvmTransaction& mvm, tlm::tlm_generic_payload& payload);
    void schedule(MvmTransaction& mvm);
    Picoseconds light_up(Picoseconds earliest, Picoseconds announced);
    Picoseconds light_bank(std::uint32_t bank, Picoseconds earliest, Picoseconds start, const Cause& cause);
    void prepare_die(Picoseconds now);
    Picoseconds symbols_take(std::uint64_t symbols) const;
    void calibrate(CalibrationTransaction& calibration, tlm::tlm_generic_payload& payload);
    void trim(CalibrationTransaction& calibration);
    void probe_banks(CalibrationTransaction& calibration);
    void set_measured();
    void restore_trims();
    /// Laser lines that are out: their lanes carry no light.
    void darken(MvmTransaction& mvm);
    /// K that a fault warms the die by.
    double excursion() const;
    void add_telemetry(std::uint32_t core, double laser_watts);
    void book_laser(Picoseconds until);

    const Parameters parameters_;
    const pcm_memory::Parameters pcm_;
    Services& services_;
    const converters::Parameters converters_;
    const std::uint32_t core_;
    const ThermalSetting thermal_setting_;
    DieThermal thermal_;
    const LinkBudget budget_;
    AnalogChain chain_;
    State state_;
    Measured measured_;
    tlm::tlm_generic_payload fetch_payload_;  ///< of the look at the weights under way
    std::vector<std::uint8_t> darkened_;      ///< codes of a batch with dark lanes
    AccountId laser_account_, tuning_account_, switch_account_, die_account_;
    std::uint32_t bits_per_input_, bits_per_output_;
    TrackId track_;
};

}  // namespace lightcard::photonic_core
