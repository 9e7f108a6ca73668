// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/photonic_core/die_thermal.h"

#include <algorithm>

#include "lightcard/model/common/det_math.h"

namespace lightcard::photonic_core {

void DieThermal::add_work(Picoseconds start, Picoseconds end, std::uint64_t inputs, std::uint64_t outputs)
{
    if (state_.work_end <= state_.at) state_.work_start = std::max(start, state_.at);
    state_.work_end = std::max(state_.work_end, end);
    state_.inputs += inputs;
    state_.outputs += outputs;
}

void DieThermal::add_heat(Picoseconds start, Picoseconds end, double joules)
{
    if (setting_.on && end > start)
        state_.heat.push_back({start, end, joules / (static_cast<double>(end - start) * 1e-12)});
}

void DieThermal::stop_heat(Picoseconds now)
{
    for (Heat& heat : state_.heat) heat.end = std::min(heat.end, std::max(now, heat.start));
}

void DieThermal::advance(State& state, Picoseconds to, double watts) const
{
    while (state.at < to) {
        // Up to the next moment at which a piece of heat begins or ends.
        Picoseconds next = to;
        double all = watts;
        for (const Heat& heat : state.heat) {
            if (heat.start > state.at) next = std::min(next, heat.start);
            if (heat.start > state.at || heat.end <= state.at) continue;
            next = std::min(next, heat.end);
            all += heat.watts;
        }
        relax(state, next, all);
    }
}

void DieThermal::relax(State& state, Picoseconds to, double watts) const
{
    const double seconds = static_cast<double>(to - state.at) * 1e-12;
    const auto towards = [&](double& rise, double resistance, double time) {
        const double end = resistance * watts;
        rise = end + (rise - end) * det::exp(-seconds / time);
    };
    towards(state.die, setting_.die_resistance, setting_.die_time);
    towards(state.sink, setting_.sink_resistance, setting_.sink_time);
    state.at = to;
}

void DieThermal::settle(State& state, Picoseconds now) const
{
    if (state.work_end > state.at) {
        advance(state, std::min(state.work_start, now), setting_.standing_watts);
        const double seconds = static_cast<double>(state.work_end - state.at) * 1e-12;
        const double joules = static_cast<double>(state.inputs) * setting_.joules_per_input +
                              static_cast<double>(state.outputs) * setting_.joules_per_output;
        const double watts = seconds > 0 ? joules / seconds : 0;
        advance(state, std::min(state.work_end, now), setting_.standing_watts + setting_.lit_watts + watts);
    }
    advance(state, now, setting_.standing_watts);
}

void DieThermal::settle(Picoseconds now)
{
    settle(state_, now);
    state_.work_start = state_.work_end = state_.at;
    state_.inputs = state_.outputs = 0;
    state_.heat.erase(
        std::remove_if(state_.heat.begin(), state_.heat.end(), [&](const Heat& heat) { return heat.end <= state_.at; }),
        state_.heat.end());
}

double DieThermal::temperature(Picoseconds now) const
{
    if (!setting_.on) return setting_.calibrated_at;
    State state = state_;
    settle(state, now);
    return setting_.air + state.die + state.sink;
}

}  // namespace lightcard::photonic_core
