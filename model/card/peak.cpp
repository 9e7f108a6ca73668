// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/peak.h"

#include <algorithm>

#include "lightcard/model/photonic_core/link_budget.h"

namespace lightcard {

namespace {

constexpr double kInputBits = 8;  ///< an input code in the scratchpad

double products_per_second(const CardConfig& config)
{
    return static_cast<double>(config.cores) * static_cast<double>(config.core.mvm_rate());
}

double converters_a_side(const CardConfig& config)
{
    return static_cast<double>(config.cores) * config.core.n * config.core.lanes;
}

}  // namespace

PeakPower peak_power(const CardConfig& config, const PeakLoad& load)
{
    const auto& converters = config.converters;
    const auto& control = config.control;
    const double samples = products_per_second(config) * config.core.n;  // a second, each way
    const double scratchpad_bits = kInputBits + control.input_refill_bits + load.partial_sums * control.psum_bits;
    PeakPower power;
    power.laser = config.cores * photonic_core::solve_link_budget(config.core, config.pcm).laser_electrical;
    power.transmit = samples * (converters.dac_energy + converters.modulator_energy) +
                     converters_a_side(config) * converters.modulator_tuning;
    power.receive =
        samples * (photonic_core::column_receivers(config.core) * converters.tia_energy + converters.adc_energy);
    power.die_to_die = samples * (converters.dac_bits + converters.adc_bits) * config.core.die_to_die_energy;
    power.sram = samples * scratchpad_bits * control.sram_energy;
    power.digital = samples * control.accumulate_energy;
    power.scaling = samples * load.scaled * (control.scale_input_energy + control.scale_sum_energy);
    power.vector = samples * load.vector_elements * control.vector_energy;
    power.memory = config.memory.background_power + 8 * load.memory_traffic * config.memory.energy;
    power.link = config.link.active_power;
    power.board = config.power.fixed_power;
    power.conversion = (power.core() + power.memory + power.link + power.board) * (1 / config.power.vrm_efficiency - 1);
    power.fan = config.power.fan_power;
    return power;
}

double peak_tops(const CardConfig& config)
{
    return config.cores * config.core.peak_ops() * 1e-12;
}

double peak_tops_per_watt(const CardConfig& config, const PeakLoad& load)
{
    return peak_tops(config) / peak_power(config, load).card();
}

double memory_traffic_for(const CardConfig& config, double watts)
{
    return std::max(0.0, (watts - config.memory.background_power) / (8 * config.memory.energy));
}

double write_power(const CardConfig& config)
{
    const double n = config.core.n;
    double cells = config.core.cells == photonic_core::Cells::single ? 1 : 2;
    if (config.pcm.write_scheme == pcm_memory::WriteScheme::row_parallel) cells *= n;
    if (config.pcm.write_scheme == pcm_memory::WriteScheme::array_parallel) cells *= n * n;
    const double energy = cells * config.pcm.write_energy * config.pcm.writers * config.cores;
    return energy / (static_cast<double>(config.pcm.write_slot) / static_cast<double>(kSecond));
}

CardArea card_area(const CardConfig& config)
{
    const double side = config.core.n * config.core.cell_pitch;
    const double converters = converters_a_side(config);
    constexpr double kMebibyte = 1 << 20;
    CardArea area;
    area.array = static_cast<double>(config.cores) * config.pcm.banks * side * side;
    area.lasers = static_cast<double>(config.cores) * config.core.lanes * config.core.laser_area;
    area.modulators = converters * config.converters.modulator_area;
    area.receivers = converters * photonic_core::column_receivers(config.core) * config.converters.tia_area;
    area.dacs = converters * config.converters.dac_area;
    area.adcs = converters * config.converters.adc_area;
    area.sram = static_cast<double>(config.control.sram_bytes) / kMebibyte * config.control.sram_area;
    area.logic = config.control.logic_area;
    return area;
}

}  // namespace lightcard
