// SPDX-License-Identifier: Apache-2.0
/// Power and area of a card by component, as closed forms of its configuration: nothing is simulated.
#pragma once

#include "lightcard/model/card/config.h"

namespace lightcard {

/// What an endless stream of matrix-vector products at the cores' peak rate asks of the rest.
struct PeakLoad {
    double partial_sums = 1.9;   ///< scratchpad accesses a sample: always written, read 9 times in 10
    double memory_traffic = 0;   ///< bytes/s of card memory, both ways
    double scaled = 0;           ///< share of the samples that are block scaled, each way
    double vector_elements = 0;  ///< elements through the vector unit, an output sample
};

/// Mean power in W, weights in place (writing them is not counted).
struct PeakPower {
    double laser = 0, transmit = 0, receive = 0, die_to_die = 0, sram = 0, digital = 0;  ///< core
    double scaling = 0, vector = 0;                                                      ///< of the core too
    double memory = 0, link = 0, board = 0, conversion = 0, fan = 0;                     ///< rest of the card
    double core() const { return laser + transmit + receive + die_to_die + sram + digital + scaling + vector; }
    double card() const { return core() + memory + link + board + conversion + fan; }
};
PeakPower peak_power(const CardConfig& config, const PeakLoad& load = {});
/// Peak of all cores in TOPS (2 N^2 operations a product), and the same for each W of the card.
double peak_tops(const CardConfig& config);
double peak_tops_per_watt(const CardConfig& config, const PeakLoad& load = {});
/// Bytes/s of card memory that bring its power to `watts`; 0 if its background alone takes more.
double memory_traffic_for(const CardConfig& config, double watts);

/// W of the write drivers while every writer of every core is busy: cells of a slot (a pair, a row of pairs, the array)
/// times their energy, over its time.
double write_power(const CardConfig& config);

/// Silicon in m^2.
struct CardArea {
    double array = 0, lasers = 0, modulators = 0, receivers = 0;  ///< photonic
    double dacs = 0, adcs = 0, sram = 0, logic = 0;               ///< electronic
    double photonic() const { return array + lasers + modulators + receivers; }
    double electronic() const { return dacs + adcs + sram + logic; }
};
CardArea card_area(const CardConfig& config);
constexpr double kReticle = 26e-3 * 33e-3;  ///< m^2, one lithography field

}  // namespace lightcard
