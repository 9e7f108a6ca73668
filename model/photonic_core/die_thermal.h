// SPDX-License-Identifier: Apache-2.0
/// Temperature of the die of one core: photonics with the electronics bonded on it. Two stages of resistance and
/// capacitance in series (Foster form): die to heat sink, and heat sink to air. Integrated when somebody asks,
/// piecewise with the mean power of each piece, so an idle card needs no events.
///
/// It hears of work only by add_work() and is moved on only from the start of one command of the core to the next, so
/// it is the same whatever the timing mode, the quantum or the other cores do.
#pragma once

#include <cstdint>
#include <vector>

#include "lightcard/model/common/time.h"

namespace lightcard::photonic_core {

/// What surrounds the die, and what heats it. Air and calibration temperatures in C.
struct ThermalSetting {
    bool on = false;  ///< off: always at the temperature of calibration
    double air = 35, calibrated_at = 35;
    double die_resistance = 0, sink_resistance = 0;      ///< K/W
    double die_time = 1, sink_time = 1;                  ///< s
    double joules_per_input = 0, joules_per_output = 0;  ///< converters, scratchpad and logic, a sample
    double lit_watts = 0;                                ///< light absorbed and modulators tuned
    double standing_watts = 0;                           ///< leakage and clocks, always
    double throttle_at = 1e9;                            ///< C: above it symbols come at the reduced rate
    std::uint32_t throttle_divider = 2;
};

class DieThermal {
public:
    explicit DieThermal(const ThermalSetting& setting) : setting_(setting)
    {
        state_.die = setting.die_resistance * setting.standing_watts;
        state_.sink = setting.sink_resistance * setting.standing_watts;
    }

    /// Light from `start` to `end`, and the samples that went with it.
    void add_work(Picoseconds start, Picoseconds end, std::uint64_t inputs, std::uint64_t outputs);
    /// Work so far is over and the next starts at `now`.
    void settle(Picoseconds now);
    /// Heat from elsewhere on the die (weight writing), between two times; begun by now or later.
    void add_heat(Picoseconds start, Picoseconds end, double joules);
    /// What of it has not come yet never does.
    void stop_heat(Picoseconds now);
    bool working(Picoseconds now) const { return state_.work_end > now; }
    /// C; without moving anything on.
    double temperature(Picoseconds now) const;

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("die", state_.die);
        archive.field("sink", state_.sink);
        archive.field("at", state_.at);
        archive.field("work_start", state_.work_start);
        archive.field("work_end", state_.work_end);
        archive.field("inputs", state_.inputs);
        archive.field("outputs", state_.outputs);
        archive.field("heat", state_.heat);
    }

private:
    struct Heat {
        Picoseconds start = 0, end = 0;
        double watts = 0;

        template <class Archive>
        void visit(Archive& archive)
        {
            archive.field("start", start);
            archive.field("end", end);
            archive.field("watts", watts);
        }
    };
    struct State {
        double die = 0, sink = 0;  ///< K that each stage is above the one outside it
        Picoseconds at = 0;        ///< integrated up to here
        Picoseconds work_start = 0, work_end = 0;
        std::uint64_t inputs = 0, outputs = 0;
        std::vector<Heat> heat;  ///< that has not all come yet
    };
    /// `watts` beside the heat from elsewhere.
    void advance(State& state, Picoseconds to, double watts) const;
    void relax(State& state, Picoseconds to, double watts) const;
    void settle(State& state, Picoseconds now) const;

    const ThermalSetting setting_;
    State state_;
};

}  // namespace lightcard::photonic_core
