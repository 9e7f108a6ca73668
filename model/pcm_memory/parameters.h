// SPDX-License-Identifier: Apache-2.0
/// Data sheet of the phase-change weight memory of one core: banks of n x n differential cell pairs.
#pragma once

#include <cstdint>

#include "lightcard/model/common/time.h"

namespace lightcard::pcm_memory {

enum class WriteScheme : std::uint8_t { serial, row_parallel, array_parallel };

/// How long a slot lasts.
enum class WriteLoop : std::uint8_t {
    fixed,     ///< time and energy of the longest loop, always
    adaptive,  ///< until the slowest of its cells has verified
};

enum class DriftLaw : std::uint8_t {
    logarithmic,  ///< c (1 + nu ln(1 + t/t0)): optical transmission
    power,        ///< c (t/t0)^-nu from t0 on: electrical conductance
};

struct Parameters {
    std::uint32_t banks = 2;
    std::uint32_t writers = 1;         ///< banks that can be programmed at once
    std::uint32_t level_bits = 5;      ///< 2^bits transmission levels a cell, linear in T
    double cell_extinction_db = 10.0;  ///< T_max / T_min
    WriteScheme write_scheme = WriteScheme::row_parallel;
    Picoseconds write_slot = 10 * kMicrosecond;  ///< one program-and-verify slot (row, cell or array), all iterations
    std::uint32_t verify_iterations = 5;         ///< inside the slot
    double write_energy = 17e-9;                 ///< J a cell and reprogram, all iterations
    WriteLoop write_loop = WriteLoop::fixed;
    double pulse_sigma = 0.10;                    ///< error of a first pulse to mid-range, of T_max - T_min
    double pulse_gain = 0.4;                      ///< what one more pulse leaves of an error
    bool skip_unchanged = false;                  ///< do not rewrite a row whose target codes stay the same
    Picoseconds verify_slot = 100 * kNanosecond;  ///< read back one row
    double verify_energy = 2.4e-12;               ///< J a cell read back
    double programming_sigma = 0.010;             ///< after verify, fraction of T_max - T_min
    double read_noise = 0;                        ///< rms of one symbol, of a fully open cell, of T_max - T_min
    double read_noise_power = 0.35;               ///< it goes with contrast to this power
    DriftLaw drift_law = DriftLaw::logarithmic;
    double drift_nu = 0.001;                ///< mean drift coefficient of the law
    double drift_nu_sigma = 0.0005;         ///< spread of nu from cell to cell, clipped at >= 0
    double drift_t0 = 20.0;                 ///< s
    double reference_temperature = 35;      ///< C, at which the drift coefficients hold
    double relaxation_energy = 1.0;         ///< eV: at another temperature drift runs at another speed (Arrhenius)
    double retention_time = 315'576'000;    ///< s until half of a cell's amorphous part has crystallised ...
    double retention_temperature = 85;      ///< C ... at this temperature
    double retention_energy = 2.24;         ///< eV of crystallisation (Arrhenius)
    double retention_exponent = 3.0;        ///< Avrami: amorphous part left is 2^-((t/time)^exponent)
    double retention_spread = 0.3;          ///< of the time from cell to cell: deviation of its logarithm
    double temperature_coefficient = 2e-4;  ///< 1/K, of T, both cells of a pair; from the temperature of writing
    double temperature_imbalance = 0.1;     ///< of it, between the + and the - cell
    std::uint64_t endurance = 1'000'000;    ///< cycles
    double endurance_spread = 0.25;         ///< of the cycles a cell lives for: deviation of their logarithm
    double stuck_low_share = 0.5;           ///< of failed cells that stay at T_min; the others stay at T_max
    double fatigue = 0;                     ///< of T_max - T_min, lost evenly over a cell's life
    double defect_rate = 0;                 ///< share of cells that have never worked
    double verify_tolerance = 0.05;         ///< a cell further off its target than this fails, of T_max - T_min
    double failed_cells = 0.01;             ///< share of a bank's cells that may fail before it counts as failed
    std::uint32_t spare_rows = 0;           ///< a bank, for rows with failed cells; they lengthen the column bus
    std::uint32_t cycles_per_write = 1;     ///< wear of one reprogram (RESET pulses)
    Picoseconds switch_time = 100 * kNanosecond;  ///< light another bank
    double switch_energy = 1e-9;                  ///< J a switch
    double switch_loss_db = 0.05;                 ///< a 1x2 stage; ceil(log2(banks)) stages
    double write_power_limit = 10.0;              ///< W at the card's rail; a scheme that needs more is refused
};

}  // namespace lightcard::pcm_memory
