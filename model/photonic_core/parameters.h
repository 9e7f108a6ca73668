// SPDX-License-Identifier: Apache-2.0
/// Data sheet of one photonic core: geometry, light path, receiver front end, laser.
/// Default values are the reference card; configs/cards/lc128.yaml carries their sources and ranges.
#pragma once

#include <cstdint>

#include "lightcard/model/common/time.h"

namespace lightcard::photonic_core {

/// How a column sums the light of its cells.
enum class Combining : std::uint8_t {
    ideal,              ///< without loss and without capacitance: a bound, not a device
    passive,            ///< n light paths into one photodiode: each path pays 1/n
    segmented,          ///< `segments` photodiodes a polarity and column, their currents add on `receivers` amplifiers
    coherent_homodyne,  ///< fields add in phase and beat with a local oscillator
};

/// What a weight is made of.
enum class Cells : std::uint8_t {
    absorptive_pair,  ///< a + and a - cell: a row's light is split 2n ways
    single,           ///< one cell, w = code - offset: split n ways, one photodiode, the offset is taken off digitally
    routing,          ///< one 1x2 cell sends T to + and 1 - T to -: split n ways, three times the direct current
};

enum class Packaging : std::uint8_t { stacked_3d, interposer_2_5d, organic };

struct Parameters {
    std::uint32_t n = 128;                       ///< array side: n inputs (rows) x n outputs (columns)
    std::uint32_t lanes = 4;                     ///< K wavelength lanes, each carries its own input vector
    std::uint64_t symbol_rate = 13'000'000'000;  ///< symbols/s a lane
    Picoseconds latency = 5 * kNanosecond;       ///< fill: DAC in to ADC out of one symbol
    Combining combining = Combining::ideal;
    Cells cells = Cells::absorptive_pair;
    std::uint32_t segments = 0;   ///< ideal, segmented: pieces of a column, summed as current; 0 = n
    std::uint32_t receivers = 1;  ///< segmented: amplifiers a column

    // Light path, dB. Loss L = coupling + modulator + mux + cell + detector + E(2N, pass) + E(N, pass).
    double pass_loss_db = 0.020;    ///< one crossing + one coupler
    double coupling_loss_db = 1.5;  ///< laser to chip
    double modulator_loss_db = 3.0;
    double mux_loss_db = 0.8;
    double cell_loss_db = 0.8;  ///< cell in its most transparent state
    double detector_loss_db = 0.2;
    double splitter_loss_db = 0.1;  ///< excess a 1x2 stage of the 1->N row splitter
    double modulator_extinction_db = 15.0;

    // What resonant modulators do when their die leaves the temperature they were locked at. 0 = not resonant.
    double ring_shift = 0;        ///< nm/K, of the resonance that the lock does not follow
    double ring_linewidth = 0.2;  ///< nm, full width at half depth

    // What differs between paths after equalisation, and what leaks.
    double path_nonuniformity_db = 0.5;    ///< first to last column, linear
    double lane_dispersion = 0.01;         ///< +- transmission of a cell over the lanes
    double crossing_crosstalk_db = -40.0;  ///< of one crossing, power
    double crosstalk_residual = 0.001;     ///< crossing crosstalk left after calibration, of full weight
    double lane_crosstalk_db = -30.0;      ///< from each neighbour lane, power

    // Receiver.
    double responsivity = 1.0;               ///< A/W
    double tia_noise = 6e-12;                ///< input-referred, A/sqrt(Hz)
    double bandwidth_factor = 0.7;           ///< noise bandwidth / symbol rate
    double rin_db = -145.0;                  ///< relative intensity noise, dB/Hz
    double cmrr_db = 25.0;                   ///< balance of the + and - photodiodes
    double dark_current = 40e-9;             ///< A a photodiode; two a column, or two a segment
    double receiver_capacitance = 30e-15;    ///< F, segmented: amplifier input without photodiodes
    double diode_capacitance = 15e-15;       ///< F, segmented: a photodiode
    double receiver_noise_voltage = 0.5e-9;  ///< V/sqrt(Hz), segmented: drives current through the capacitance
    double local_oscillator_power = 1e-3;    ///< W at each receiver, coherent_homodyne
    double phase_error = 0.05;               ///< rad rms a path, coherent_homodyne

    // Laser.
    double row_power = 14.31e-3;  ///< W at the laser, a row and lane
    double wall_plug_efficiency = 0.20;
    Picoseconds laser_warm_up = 100 * kMicrosecond;
    Picoseconds laser_hold_off = 100 * kMicrosecond;

    // Between the photonic and the electronic die. The reference is 3D-bonded: included in the TIA and DAC figures.
    Packaging packaging = Packaging::stacked_3d;
    double die_to_die_energy = 0;        ///< J a bit, both directions
    Picoseconds die_to_die_latency = 0;  ///< added once each way

    double optical_power_limit = 1.0;  ///< W on one row waveguide, all lanes, after coupling (SiN)

    // Area.
    double cell_pitch = 40e-6;  ///< m, a cell pair
    double laser_area = 1e-6;   ///< m^2 a lane: source, amplifier and lock

    std::uint64_t mvm_rate() const { return lanes * symbol_rate; }  ///< vectors/s through the lit bank
    double peak_ops() const { return 2.0 * n * n * static_cast<double>(mvm_rate()); }
};

}  // namespace lightcard::photonic_core
