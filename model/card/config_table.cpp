// SPDX-License-Identifier: Apache-2.0
// The table of parameters. Ranges are what is physically possible or what the model can represent, not what
// was measured: measured ranges stand with their sources in the card files.
#include "lightcard/model/card/config_fields.h"

namespace lightcard::config {

namespace {

using D = Dimension;
using C = CardConfig;
using Core = photonic_core::Parameters;
using Converters = converters::Parameters;
using Pcm = pcm_memory::Parameters;
using Control = control_chip::Parameters;
using Memory = card_memory::Parameters;
using Link = host_link::Parameters;
using Power = power::Parameters;

template <class T>
Slot to_slot(T& member)
{
    if constexpr (std::is_enum_v<T>) {
        static_assert(sizeof(T) == 1);
        return reinterpret_cast<std::uint8_t*>(&member);
    } else {
        return &member;
    }
}

/// at<&CardConfig::core, &Parameters::n>(config) is the slot of config.core.n
template <auto... Members>
Slot at(CardConfig& config)
{
    return to_slot((config.*....*Members));
}

using SlotOf = Slot (*)(CardConfig&);

constexpr Field quantity(const char* path, SlotOf slot, D dimension, const char* low, const char* high,
                         const char* text)
{
    return {path, slot, dimension, low, high, "", text};
}
constexpr Field choice(const char* path, SlotOf slot, const char* choices, const char* text)
{
    return {path, slot, D::number, "", "", choices, text};
}
constexpr Field flag(const char* path, SlotOf slot, const char* text)
{
    return choice(path, slot, "off|on", text);
}
constexpr Field label(const char* path, SlotOf slot, const char* text)
{
    return choice(path, slot, "", text);
}

// clang-format off
constexpr Field kFields[] = {
    label("card.name", at<&C::name>, "name of the card"),
    label("card.note", at<&C::note>, "which reading of the announcement this card is"),
    quantity("card.cores", at<&C::cores>, D::number, "1", "64", "photonic cores, each with its converters and banks"),

    quantity("card.core.n", at<&C::core, &Core::n>, D::number, "1", "1024", "array side: n inputs (rows) x n outputs (columns)"),
    quantity("card.core.lanes", at<&C::core, &Core::lanes>, D::number, "1", "64", "wavelength lanes, each with its own input vector"),
    quantity("card.core.symbol_rate", at<&C::core, &Core::symbol_rate>, D::frequency, "1 MHz", "200 GHz", "symbols/s a lane"),
    quantity("card.core.latency", at<&C::core, &Core::latency>, D::time, "0 s", "1 ms", "DAC in to ADC out of one symbol"),
    choice("card.core.combining", at<&C::core, &Core::combining>, "ideal|passive|segmented|coherent_homodyne", "how a column sums light; ideal is a bound, not a device"),
    choice("card.core.cells", at<&C::core, &Core::cells>, "absorptive_pair|single|routing", "two absorbing cells a weight, one (offset weights), or one that routes light to + and -"),
    quantity("card.core.segments", at<&C::core, &Core::segments>, D::number, "0", "1024", "photodiode segments a column (ideal, segmented); 0 = one a row"),
    quantity("card.core.receivers", at<&C::core, &Core::receivers>, D::number, "1", "1024", "amplifiers a column (segmented)"),
    quantity("card.core.pass_loss", at<&C::core, &Core::pass_loss_db>, D::decibel, "0 dB", "3 dB", "one crossing and one coupler"),
    quantity("card.core.coupling_loss", at<&C::core, &Core::coupling_loss_db>, D::decibel, "0 dB", "30 dB", "laser to chip"),
    quantity("card.core.modulator_loss", at<&C::core, &Core::modulator_loss_db>, D::decibel, "0 dB", "30 dB", "insertion loss of a modulator"),
    quantity("card.core.mux_loss", at<&C::core, &Core::mux_loss_db>, D::decibel, "0 dB", "30 dB", "wavelength multiplexer and demultiplexer"),
    quantity("card.core.cell_loss", at<&C::core, &Core::cell_loss_db>, D::decibel, "0 dB", "30 dB", "cell in its most transparent state"),
    quantity("card.core.detector_loss", at<&C::core, &Core::detector_loss_db>, D::decibel, "0 dB", "30 dB", "waveguide to photodiode"),
    quantity("card.core.splitter_loss", at<&C::core, &Core::splitter_loss_db>, D::decibel, "0 dB", "3 dB", "excess of one 1x2 stage of the row splitter"),
    quantity("card.core.modulator_extinction", at<&C::core, &Core::modulator_extinction_db>, D::decibel, "1 dB", "300 dB", "brightest to darkest input"),
    quantity("card.core.ring_shift", at<&C::core, &Core::ring_shift>, D::number, "-1", "1", "nm/K: of resonant modulators, what the lock does not follow; 0 = not resonant"),
    quantity("card.core.ring_linewidth", at<&C::core, &Core::ring_linewidth>, D::number, "0.001", "100", "nm: of resonant modulators, full width at half depth"),
    quantity("card.core.path_nonuniformity", at<&C::core, &Core::path_nonuniformity_db>, D::decibel, "0 dB", "20 dB", "first to last column, left after equalisation"),
    quantity("card.core.lane_dispersion", at<&C::core, &Core::lane_dispersion>, D::fraction, "0 %", "50 %", "+- transmission of a cell over the lanes"),
    quantity("card.core.crossing_crosstalk", at<&C::core, &Core::crossing_crosstalk_db>, D::decibel, "-300 dB", "0 dB", "of one crossing, power"),
    quantity("card.core.crosstalk_residual", at<&C::core, &Core::crosstalk_residual>, D::fraction, "0 %", "50 %", "crossing crosstalk left after calibration, of full weight"),
    quantity("card.core.lane_crosstalk", at<&C::core, &Core::lane_crosstalk_db>, D::decibel, "-300 dB", "0 dB", "from each neighbour lane, power"),
    quantity("card.core.responsivity", at<&C::core, &Core::responsivity>, D::responsivity, "0.01 A/W", "2 A/W", "photocurrent per optical power"),
    quantity("card.core.tia_noise", at<&C::core, &Core::tia_noise>, D::noise_current, "0 A/rtHz", "10 nA/rtHz", "input-referred noise of the receiver"),
    quantity("card.core.bandwidth_factor", at<&C::core, &Core::bandwidth_factor>, D::number, "0.1", "10", "noise bandwidth / symbol rate"),
    quantity("card.core.rin", at<&C::core, &Core::rin_db>, D::decibel_per_hertz, "-300 dB/Hz", "-80 dB/Hz", "relative intensity noise of a laser line"),
    quantity("card.core.cmrr", at<&C::core, &Core::cmrr_db>, D::decibel, "0 dB", "300 dB", "balance of the + and - photodiodes"),
    quantity("card.core.dark_current", at<&C::core, &Core::dark_current>, D::current, "0 A", "1 mA", "of a photodiode, two a column or segment"),
    quantity("card.core.receiver_capacitance", at<&C::core, &Core::receiver_capacitance>, D::capacitance, "0 F", "1 nF", "amplifier input without photodiodes (segmented)"),
    quantity("card.core.diode_capacitance", at<&C::core, &Core::diode_capacitance>, D::capacitance, "0 F", "1 nF", "of a photodiode (segmented)"),
    quantity("card.core.receiver_noise_voltage", at<&C::core, &Core::receiver_noise_voltage>, D::noise_voltage, "0 V/rtHz", "1 uV/rtHz", "of the amplifier (segmented)"),
    quantity("card.core.local_oscillator_power", at<&C::core, &Core::local_oscillator_power>, D::power, "1 nW", "1 W", "light at each receiver (coherent_homodyne)"),
    quantity("card.core.phase_error", at<&C::core, &Core::phase_error>, D::number, "0", "3.2", "rad rms a path (coherent_homodyne)"),
    quantity("card.core.row_power", at<&C::core, &Core::row_power>, D::power, "1 nW", "10 W", "optical power at the laser, a row and lane"),
    quantity("card.core.wall_plug_efficiency", at<&C::core, &Core::wall_plug_efficiency>, D::fraction, "0.1 %", "100 %", "of the laser, cooling and driver included"),
    quantity("card.core.laser_warm_up", at<&C::core, &Core::laser_warm_up>, D::time, "0 s", "60 s", "laser on to first valid symbol"),
    quantity("card.core.laser_hold_off", at<&C::core, &Core::laser_hold_off>, D::time, "0 s", "1 h", "idle time after which the laser goes off"),
    choice("card.core.packaging", at<&C::core, &Core::packaging>, "stacked_3d|interposer_2_5d|organic", "photonic to electronic die"),
    quantity("card.core.die_to_die_energy", at<&C::core, &Core::die_to_die_energy>, D::energy_per_bit, "0 pJ/b", "100 pJ/b", "photonic to electronic die, both directions"),
    quantity("card.core.die_to_die_latency", at<&C::core, &Core::die_to_die_latency>, D::time, "0 s", "1 us", "photonic to electronic die, once each way"),
    quantity("card.core.optical_power_limit", at<&C::core, &Core::optical_power_limit>, D::power, "1 uW", "100 W", "one row waveguide, all lanes, after coupling (warns)"),
    quantity("card.core.cell_pitch", at<&C::core, &Core::cell_pitch>, D::length, "1 um", "1 mm", "of a cell pair"),
    quantity("card.core.laser_area", at<&C::core, &Core::laser_area>, D::area, "0 m^2", "1 m^2", "a lane: source, amplifier and lock"),

    quantity("card.converters.dac_bits", at<&C::converters, &Converters::dac_bits>, D::number, "1", "8", "input codes"),
    quantity("card.converters.dac_enob", at<&C::converters, &Converters::dac_enob>, D::number, "0.5", "8", "effective bits at the symbol rate"),
    quantity("card.converters.dac_inl", at<&C::converters, &Converters::dac_inl>, D::number, "0", "8", "LSB: largest deviation of a DAC, inside its effective bits"),
    quantity("card.converters.dac_gain_error", at<&C::converters, &Converters::dac_gain_error>, D::fraction, "0 %", "10 %", "rms over the DACs, what trimming leaves"),
    quantity("card.converters.dac_offset_error", at<&C::converters, &Converters::dac_offset_error>, D::number, "0", "16", "LSB rms over the DACs, what trimming leaves"),
    quantity("card.converters.dac_energy", at<&C::converters, &Converters::dac_energy>, D::energy, "0 J", "10 nJ", "a sample"),
    quantity("card.converters.modulator_energy", at<&C::converters, &Converters::modulator_energy>, D::energy, "0 J", "10 nJ", "a sample"),
    quantity("card.converters.modulator_tuning", at<&C::converters, &Converters::modulator_tuning>, D::power, "0 W", "1 W", "static, a modulator, while its lane is lit"),
    quantity("card.converters.adc_bits", at<&C::converters, &Converters::adc_bits>, D::number, "1", "16", "output codes"),
    quantity("card.converters.adc_enob", at<&C::converters, &Converters::adc_enob>, D::number, "0.5", "16", "effective bits at the symbol rate"),
    quantity("card.converters.adc_inl", at<&C::converters, &Converters::adc_inl>, D::number, "0", "8", "LSB: largest deviation of an ADC, inside its effective bits"),
    quantity("card.converters.adc_gain_error", at<&C::converters, &Converters::adc_gain_error>, D::fraction, "0 %", "10 %", "rms over the ADCs, what trimming leaves"),
    quantity("card.converters.adc_offset_error", at<&C::converters, &Converters::adc_offset_error>, D::number, "0", "16", "LSB rms over the ADCs, what trimming leaves"),
    quantity("card.converters.adc_energy", at<&C::converters, &Converters::adc_energy>, D::energy, "0 J", "10 nJ", "a sample"),
    quantity("card.converters.tia_energy", at<&C::converters, &Converters::tia_energy>, D::energy, "0 J", "10 nJ", "a sample"),
    quantity("card.converters.pga_step", at<&C::converters, &Converters::pga_step_db>, D::decibel, "0.01 dB", "20 dB", "programmable-gain step; ranges are rounded up to one"),
    quantity("card.converters.adc_range_sigmas", at<&C::converters, &Converters::adc_range_sigmas>, D::number, "0.5", "100", "full scale = +- this many rms of the column"),

    quantity("card.converters.dac_area", at<&C::converters, &Converters::dac_area>, D::area, "0 m^2", "100 mm^2", "of a DAC"),
    quantity("card.converters.modulator_area", at<&C::converters, &Converters::modulator_area>, D::area, "0 m^2", "100 mm^2", "of a modulator"),
    quantity("card.converters.tia_area", at<&C::converters, &Converters::tia_area>, D::area, "0 m^2", "100 mm^2", "of an amplifier with its photodiode pair"),
    quantity("card.converters.adc_area", at<&C::converters, &Converters::adc_area>, D::area, "0 m^2", "100 mm^2", "of an ADC"),

    quantity("card.pcm.banks", at<&C::pcm, &Pcm::banks>, D::number, "1", "4096", "banks of n x n cell pairs a core, one lit at a time"),
    quantity("card.pcm.writers", at<&C::pcm, &Pcm::writers>, D::number, "1", "4096", "banks that can be programmed at once"),
    quantity("card.pcm.level_bits", at<&C::pcm, &Pcm::level_bits>, D::number, "1", "8", "2^bits transmission levels a cell"),
    quantity("card.pcm.cell_extinction", at<&C::pcm, &Pcm::cell_extinction_db>, D::decibel, "0.5 dB", "300 dB", "T_max / T_min"),
    choice("card.pcm.write_scheme", at<&C::pcm, &Pcm::write_scheme>, "serial|row_parallel|array_parallel", "what one write slot programs"),
    quantity("card.pcm.write_slot", at<&C::pcm, &Pcm::write_slot>, D::time, "1 ns", "10 s", "one program-and-verify slot, all iterations"),
    quantity("card.pcm.verify_iterations", at<&C::pcm, &Pcm::verify_iterations>, D::number, "1", "1000", "inside the slot"),
    quantity("card.pcm.write_energy", at<&C::pcm, &Pcm::write_energy>, D::energy, "0 J", "1 mJ", "a cell and reprogram, all iterations"),
    choice("card.pcm.write_loop", at<&C::pcm, &Pcm::write_loop>, "fixed|adaptive", "a slot takes its whole time, or until its slowest cell has verified"),
    quantity("card.pcm.pulse_sigma", at<&C::pcm, &Pcm::pulse_sigma>, D::fraction, "0 %", "50 %", "error of a first pulse to mid-range, of T_max - T_min"),
    quantity("card.pcm.pulse_gain", at<&C::pcm, &Pcm::pulse_gain>, D::number, "0", "1", "what one more pulse leaves of an error"),
    flag("card.pcm.skip_unchanged", at<&C::pcm, &Pcm::skip_unchanged>, "do not rewrite a row whose target codes stay the same"),
    quantity("card.pcm.verify_slot", at<&C::pcm, &Pcm::verify_slot>, D::time, "0 s", "10 s", "read back one row"),
    quantity("card.pcm.verify_energy", at<&C::pcm, &Pcm::verify_energy>, D::energy, "0 J", "1 mJ", "a cell read back"),
    quantity("card.pcm.programming_sigma", at<&C::pcm, &Pcm::programming_sigma>, D::fraction, "0 %", "50 %", "after verify, of T_max - T_min"),
    quantity("card.pcm.read_noise", at<&C::pcm, &Pcm::read_noise>, D::fraction, "0 %", "20 %", "rms of one symbol, of a fully open cell, of T_max - T_min"),
    quantity("card.pcm.read_noise_power", at<&C::pcm, &Pcm::read_noise_power>, D::number, "0", "2", "read noise goes with contrast to this power"),
    choice("card.pcm.drift_law", at<&C::pcm, &Pcm::drift_law>, "logarithmic|power", "contrast c0 (1 + nu ln(1 + t/t0)), or c0 (t/t0)^-nu from t0 on"),
    quantity("card.pcm.drift_nu", at<&C::pcm, &Pcm::drift_nu>, D::number, "0", "1", "mean drift coefficient of the law"),
    quantity("card.pcm.drift_nu_sigma", at<&C::pcm, &Pcm::drift_nu_sigma>, D::number, "0", "1", "spread of nu from cell to cell"),
    quantity("card.pcm.drift_t0", at<&C::pcm, &Pcm::drift_t0>, D::time, "1 ns", "365 d", "reference time of drift"),
    quantity("card.pcm.reference_temperature", at<&C::pcm, &Pcm::reference_temperature>, D::number, "-40", "150", "C, at which the drift coefficients hold"),
    quantity("card.pcm.relaxation_energy", at<&C::pcm, &Pcm::relaxation_energy>, D::number, "0", "5", "eV: drift runs faster at a higher temperature (Arrhenius)"),
    quantity("card.pcm.retention_time", at<&C::pcm, &Pcm::retention_time>, D::time, "1 ms", "36500000 d", "until half of an amorphous cell has crystallised, at retention_temperature"),
    quantity("card.pcm.retention_temperature", at<&C::pcm, &Pcm::retention_temperature>, D::number, "-40", "500", "C, of retention_time"),
    quantity("card.pcm.retention_energy", at<&C::pcm, &Pcm::retention_energy>, D::number, "0", "6", "eV of crystallisation (Arrhenius)"),
    quantity("card.pcm.retention_exponent", at<&C::pcm, &Pcm::retention_exponent>, D::number, "0.5", "4", "Avrami: amorphous part left is 2^-((t/retention_time)^exponent)"),
    quantity("card.pcm.retention_spread", at<&C::pcm, &Pcm::retention_spread>, D::number, "0", "3", "of retention_time from cell to cell: deviation of its natural logarithm"),
    quantity("card.pcm.temperature_coefficient", at<&C::pcm, &Pcm::temperature_coefficient>, D::number, "0", "0.1", "1/K, of transmission, relative; from the temperature of writing"),
    quantity("card.pcm.temperature_imbalance", at<&C::pcm, &Pcm::temperature_imbalance>, D::number, "0", "1", "of the temperature coefficient, between the + and the - cell"),
    quantity("card.pcm.endurance", at<&C::pcm, &Pcm::endurance>, D::number, "1", "1000000000000000000", "cycles a typical cell lives for"),
    quantity("card.pcm.endurance_spread", at<&C::pcm, &Pcm::endurance_spread>, D::number, "0", "3", "of the cycles cells live for: deviation of their natural logarithm"),
    quantity("card.pcm.stuck_low_share", at<&C::pcm, &Pcm::stuck_low_share>, D::fraction, "0 %", "100 %", "of failed cells that stay at T_min; the others stay at T_max"),
    quantity("card.pcm.fatigue", at<&C::pcm, &Pcm::fatigue>, D::fraction, "0 %", "90 %", "of T_max - T_min, lost evenly over a cell's life"),
    quantity("card.pcm.defect_rate", at<&C::pcm, &Pcm::defect_rate>, D::fraction, "0 %", "50 %", "share of cells that have never worked"),
    quantity("card.pcm.verify_tolerance", at<&C::pcm, &Pcm::verify_tolerance>, D::fraction, "0.1 %", "50 %", "a cell further off its target than this fails, of T_max - T_min"),
    quantity("card.pcm.failed_cells", at<&C::pcm, &Pcm::failed_cells>, D::fraction, "0 %", "100 %", "of a tile's cells that may fail before PROGRAM reports it"),
    quantity("card.pcm.spare_rows", at<&C::pcm, &Pcm::spare_rows>, D::number, "0", "1024", "a bank, for rows with failed cells; they lengthen the column bus"),
    quantity("card.pcm.cycles_per_write", at<&C::pcm, &Pcm::cycles_per_write>, D::number, "1", "1000", "wear of one reprogram (RESET pulses)"),
    quantity("card.pcm.switch_time", at<&C::pcm, &Pcm::switch_time>, D::time, "0 s", "1 s", "light another bank"),
    quantity("card.pcm.switch_energy", at<&C::pcm, &Pcm::switch_energy>, D::energy, "0 J", "1 J", "a switch"),
    quantity("card.pcm.switch_loss", at<&C::pcm, &Pcm::switch_loss_db>, D::decibel, "0 dB", "10 dB", "a 1x2 stage; ceil(log2(banks)) stages"),
    quantity("card.pcm.write_power_limit", at<&C::pcm, &Pcm::write_power_limit>, D::power, "1 uW", "1 kW", "at the card's rail; a scheme that needs more is refused"),

    quantity("card.control.sram_bytes", at<&C::control, &Control::sram_bytes>, D::bytes, "64 KiB", "16 GiB", "scratchpad, whole 4 KiB pages"),
    quantity("card.control.sram_bandwidth", at<&C::control, &Control::sram_bandwidth>, D::byte_rate, "1 MB/s", "10 PB/s", "all local macros together"),
    quantity("card.control.sram_energy", at<&C::control, &Control::sram_energy>, D::energy_per_bit, "0 pJ/b", "100 pJ/b", "scratchpad, a bit read or written"),
    quantity("card.control.psum_bits", at<&C::control, &Control::psum_bits>, D::number, "8", "64", "width of a partial sum in the SRAM traffic"),
    quantity("card.control.input_refill_bits", at<&C::control, &Control::input_refill_bits>, D::number, "0", "64", "second-level refill a sample, beside the 8-bit read"),
    quantity("card.control.accumulate_energy", at<&C::control, &Control::accumulate_energy>, D::energy, "0 J", "1 nJ", "an ADC sample: accumulate and in-line post-processing"),
    quantity("card.control.scale_input_energy", at<&C::control, &Control::scale_input_energy>, D::energy, "0 J", "1 nJ", "a DAC code of a scaled vector: maximum search and product"),
    quantity("card.control.scale_sum_energy", at<&C::control, &Control::scale_sum_energy>, D::energy, "0 J", "1 nJ", "a sum that is scaled back"),
    quantity("card.control.scale_latency", at<&C::control, &Control::scale_latency>, D::time, "0 s", "1 ms", "of a command with scaled vectors, beside fill and drain"),
    quantity("card.control.sram_area", at<&C::control, &Control::sram_area>, D::area, "0 m^2", "100 mm^2", "of a MiB"),
    quantity("card.control.logic_area", at<&C::control, &Control::logic_area>, D::area, "0 m^2", "1 m^2", "engines, queues, interfaces"),
    quantity("card.control.vector_rate", at<&C::control, &Control::vector_rate>, D::element_rate, "1 Melem/s", "1 Pelem/s", "vector unit"),
    quantity("card.control.vector_energy", at<&C::control, &Control::vector_energy>, D::energy, "0 J", "1 nJ", "an element"),
    quantity("card.control.vector_issue", at<&C::control, &Control::vector_issue>, D::time, "0 s", "1 ms", "a vector command, before its first element"),
    quantity("card.control.digital_mac_rate", at<&C::control, &Control::digital_mac_rate>, D::mac_rate, "1 MMAC/s", "1 PMAC/s", "int8 digital engine (2 operations a MAC)"),
    quantity("card.control.digital_mac_energy", at<&C::control, &Control::digital_mac_energy>, D::energy, "0 J", "1 nJ", "a MAC"),
    quantity("card.control.digital_mac_issue", at<&C::control, &Control::digital_mac_issue>, D::time, "0 s", "1 ms", "a digital command, before its first MAC"),
    quantity("card.control.command_issue", at<&C::control, &Control::command_issue>, D::time, "0 s", "1 ms", "decode and dispatch of one command"),
    quantity("card.control.dma_chunk", at<&C::control, &Control::dma_chunk>, D::bytes, "64 B", "16 MiB", "a DMA burst, a power of two"),
    quantity("card.control.dma_issue", at<&C::control, &Control::dma_issue>, D::time, "0 s", "1 ms", "a DMA descriptor"),
    choice("card.control.calibration", at<&C::control, &Control::calibration>, "request|automatic", "who starts a calibration: the driver, or the chip too"),
    quantity("card.control.calibration_samples", at<&C::control, &Control::calibration_samples>, D::number, "3", "65536", "readings a point of a converter; vectors through a bank"),
    quantity("card.control.calibration_age", at<&C::control, &Control::calibration_age>, D::time, "1 us", "100 d", "after which a bank's gains may be off (run.ageing live)"),
    quantity("card.control.calibration_warming", at<&C::control, &Control::calibration_warming>, D::number, "0.01", "1000", "K from the last calibration after which gains may be off"),
    quantity("card.control.io_queues", at<&C::control, &Control::io_queues>, D::number, "1", "1024", "submission and completion pairs beside the admin pair"),
    quantity("card.control.queue_entries", at<&C::control, &Control::queue_entries>, D::number, "2", "65536", "largest ring"),
    quantity("card.control.fetch_burst", at<&C::control, &Control::fetch_burst>, D::number, "1", "64", "submission entries a read"),
    quantity("card.control.boot_time", at<&C::control, &Control::boot_time>, D::time, "0 s", "60 s", "power-on to ready"),

    quantity("card.memory.bytes", at<&C::memory, &Memory::bytes>, D::bytes, "1 MiB", "4 TiB", "card memory, whole 4 KiB pages"),
    quantity("card.memory.bandwidth", at<&C::memory, &Memory::bandwidth>, D::byte_rate, "1 MB/s", "100 TB/s", "card memory"),
    quantity("card.memory.latency", at<&C::memory, &Memory::latency>, D::time, "0 s", "1 ms", "first byte"),
    quantity("card.memory.energy", at<&C::memory, &Memory::energy>, D::energy_per_bit, "0 pJ/b", "1 nJ/b", "a bit moved"),
    quantity("card.memory.background_power", at<&C::memory, &Memory::background_power>, D::power, "0 W", "100 W", "self-refresh"),

    quantity("card.link.generation", at<&C::link, &Link::generation>, D::number, "1", "6", "PCIe generation"),
    quantity("card.link.width", at<&C::link, &Link::width>, D::number, "1", "16", "PCIe lanes: 1, 2, 4, 8 or 16"),
    quantity("card.link.max_payload", at<&C::link, &Link::max_payload>, D::bytes, "128 B", "4 KiB", "a TLP, a power of two"),
    quantity("card.link.max_read_request", at<&C::link, &Link::max_read_request>, D::bytes, "128 B", "4 KiB", "a power of two"),
    quantity("card.link.tlp_overhead", at<&C::link, &Link::tlp_overhead>, D::bytes, "12 B", "64 B", "a TLP: header, sequence, LCRC, framing"),
    quantity("card.link.read_tags", at<&C::link, &Link::read_tags>, D::number, "1", "1024", "non-posted requests in flight"),
    quantity("card.link.read_round_trip", at<&C::link, &Link::read_round_trip>, D::time, "0 s", "1 ms", "DMA read request to first completion"),
    quantity("card.link.posted_latency", at<&C::link, &Link::posted_latency>, D::time, "0 s", "1 ms", "posted write, either direction"),
    quantity("card.link.active_power", at<&C::link, &Link::active_power>, D::power, "0 W", "100 W", "in L0"),
    quantity("card.link.idle_power", at<&C::link, &Link::idle_power>, D::power, "0 W", "100 W", "in L1"),
    quantity("card.link.vendor_id", at<&C::link, &Link::vendor_id>, D::identifier, "0x0001", "0xfffe", "PCI vendor (placeholder)"),
    quantity("card.link.device_id", at<&C::link, &Link::device_id>, D::identifier, "0x0000", "0xffff", "PCI device (placeholder)"),
    quantity("card.link.serial_number", at<&C::link, &Link::serial_number>, D::number, "0", "16777215", "tells cards apart in a machine"),
    quantity("card.link.msix_vectors", at<&C::link, &Link::msix_vectors>, D::number, "1", "2048", "interrupt vectors"),
    quantity("card.link.bar2_bytes", at<&C::link, &Link::bar2_bytes>, D::bytes, "1 MiB", "8 TiB", "window on card memory, a power of two"),

    quantity("card.power.fixed_power", at<&C::power, &Power::fixed_power>, D::power, "0 W", "1 kW", "clocks, control CPU, leakage, bias, thermoelectric control"),
    quantity("card.power.vrm_efficiency", at<&C::power, &Power::vrm_efficiency>, D::fraction, "1 %", "100 %", "voltage regulators"),
    quantity("card.power.fan_power", at<&C::power, &Power::fan_power>, D::power, "0 W", "1 kW", "not through the regulators"),
    quantity("card.power.light_sleep_power", at<&C::power, &Power::light_sleep_power>, D::power, "0 W", "1 kW", "instead of fixed_power in light sleep"),
    quantity("card.power.deep_sleep_power", at<&C::power, &Power::deep_sleep_power>, D::power, "0 W", "1 kW", "instead of fixed_power in deep sleep"),
    quantity("card.power.idle_wake", at<&C::power, &Power::idle_wake>, D::time, "0 s", "10 s", "doorbell to first fetch, from idle"),
    quantity("card.power.light_sleep_wake", at<&C::power, &Power::light_sleep_wake>, D::time, "0 s", "10 s", "doorbell to first fetch, from light sleep"),
    quantity("card.power.deep_sleep_wake", at<&C::power, &Power::deep_sleep_wake>, D::time, "0 s", "10 s", "doorbell to first fetch, from deep sleep"),
    quantity("card.power.air_temperature", at<&C::power, &Power::air_temperature>, D::number, "0", "100", "C, at the heat sink (run.thermal loop)"),
    quantity("card.power.calibration_temperature", at<&C::power, &Power::calibration_temperature>, D::number, "0", "150", "C, of the die when it was calibrated at the factory"),
    quantity("card.power.die_resistance", at<&C::power, &Power::die_resistance>, D::number, "0", "100", "K/W, die to heat sink, a core"),
    quantity("card.power.die_time", at<&C::power, &Power::die_time>, D::time, "1 us", "1 h", "time constant of the die"),
    quantity("card.power.sink_resistance", at<&C::power, &Power::sink_resistance>, D::number, "0", "100", "K/W, heat sink to air, a core"),
    quantity("card.power.sink_time", at<&C::power, &Power::sink_time>, D::time, "1 us", "1 d", "time constant of the heat sink"),
    quantity("card.power.standing_heat", at<&C::power, &Power::standing_heat>, D::power, "0 W", "1 kW", "of a core's die at rest"),
    quantity("card.power.throttle_temperature", at<&C::power, &Power::throttle_temperature>, D::number, "0", "1000", "C, of a die: above it symbols come slower"),
    quantity("card.power.throttle_divider", at<&C::power, &Power::throttle_divider>, D::number, "1", "64", "of the symbol rate, above it"),

    choice("run.fidelity", at<&C::run, &RunConfig::fidelity>, "ideal|stat|device|timing", "how exactly optics are modelled"),
    flag("run.quant", at<&C::run, &RunConfig::quant>, "with ideal: add converter rounding and cell levels"),
    quantity("run.seed", at<&C::run, &RunConfig::seed>, D::number, "0", "18446744073709551615", "of every random draw"),
    choice("run.timing", at<&C::run, &RunConfig::timing>, "lt|at", "loosely timed or events per chunk"),
    choice("run.ageing", at<&C::run, &RunConfig::ageing>, "live|frozen|step", "clock of drift and temperature"),
    quantity("run.ageing_step", at<&C::run, &RunConfig::ageing_step>, D::time, "0 s", "100 d", "with step: age of every cell"),
    quantity("run.ageing_temperature", at<&C::run, &RunConfig::ageing_temperature>, D::number, "-40", "400", "C of the cells while age is added (--age, ageing_step)"),
    choice("run.signed_inputs", at<&C::run, &RunConfig::signed_inputs>, "offset|two_pass", "how signed activations become light"),
    choice("run.thermal", at<&C::run, &RunConfig::thermal>, "fixed|loop", "dies at the temperature of calibration, or warming with what they do"),
    choice("run.numerics", at<&C::run, &RunConfig::numerics>, "int8|abfp", "codes as tensors hold them, or block floating point"),
    quantity("run.passes", at<&C::run, &RunConfig::passes>, D::number, "1", "64", "conversions of every sample, averaged"),
    quantity("run.analog_gain", at<&C::run, &RunConfig::analog_gain>, D::number, "0", "65536", "in front of the ADC: full scale / gain; 0 = calibrated, a column each"),
    choice("run.fill", at<&C::run, &RunConfig::fill>, "off|columns|both", "copies of a tile in the columns and rows that it leaves dark"),
    choice("run.depthwise", at<&C::run, &RunConfig::depthwise>, "auto|pcm|digital", "who computes grouped convolutions: whoever costs less, the cells, the digital MAC engine"),
    quantity("run.weight_slices", at<&C::run, &RunConfig::weight_slices>, D::number, "1", "4", "cells a weight, each finer than the last"),
    quantity("run.at_chunk_vectors", at<&C::run, &RunConfig::at_chunk_vectors>, D::number, "1", "1048576", "with at: vectors a chunk"),
    flag("run.inject", at<&C::run, &RunConfig::inject>, "the driver may inject faults (FEATURES.INJECT)"),
    flag("run.noise.levels", at<&C::run, &RunConfig::noise, &NoiseSources::levels>, "cell level quantisation"),
    flag("run.noise.programming", at<&C::run, &RunConfig::noise, &NoiseSources::programming>, "programming error"),
    flag("run.noise.drift", at<&C::run, &RunConfig::noise, &NoiseSources::drift>, "drift of cells"),
    flag("run.noise.retention", at<&C::run, &RunConfig::noise, &NoiseSources::retention>, "crystallisation of cells"),
    flag("run.noise.thermal", at<&C::run, &RunConfig::noise, &NoiseSources::thermal>, "receiver (TIA)"),
    flag("run.noise.shot", at<&C::run, &RunConfig::noise, &NoiseSources::shot>, "shot noise"),
    flag("run.noise.rin", at<&C::run, &RunConfig::noise, &NoiseSources::rin>, "relative intensity noise"),
    flag("run.noise.dac", at<&C::run, &RunConfig::noise, &NoiseSources::dac>, "DAC noise"),
    flag("run.noise.adc_noise", at<&C::run, &RunConfig::noise, &NoiseSources::adc_noise>, "ADC noise"),
    flag("run.noise.adc_quantisation", at<&C::run, &RunConfig::noise, &NoiseSources::adc_quantisation>, "ADC range, clipping and rounding"),
    flag("run.noise.dac_static", at<&C::run, &RunConfig::noise, &NoiseSources::dac_static>, "DAC INL, gain and offset"),
    flag("run.noise.adc_static", at<&C::run, &RunConfig::noise, &NoiseSources::adc_static>, "ADC INL, gain and offset"),
    flag("run.noise.read", at<&C::run, &RunConfig::noise, &NoiseSources::read>, "noise of reading a cell"),
    flag("run.noise.crosstalk", at<&C::run, &RunConfig::noise, &NoiseSources::crosstalk>, "between lanes, and of crossings"),
    flag("run.noise.wear", at<&C::run, &RunConfig::noise, &NoiseSources::wear>, "failed and tired cells"),

    quantity("host.threads", at<&C::host, &HostConfig::threads>, D::number, "1", "256", "worker threads"),
    flag("host.trace", at<&C::host, &HostConfig::trace>, "record the activity stream"),
    choice("host.simd", at<&C::host, &HostConfig::simd>, "auto|portable|avx2|avx512_vnni|amx", "kernels; never shows in a result"),
};
// clang-format on

}  // namespace

Fields fields()
{
    return {std::begin(kFields), std::end(kFields)};
}

}  // namespace lightcard::config
