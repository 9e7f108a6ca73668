// SPDX-License-Identifier: Apache-2.0
/// When is this card better? Its planned rows against measured machines and an ideal digital card, batch by batch.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "lightcard/platform/cli/network_plan.h"

namespace lightcard::cli {

/// One machine at one batch size. Energies 0 = not known.
struct MachineRow {
    std::uint64_t batch = 0;  ///< 0: a measured figure, of whatever batch it was measured with
    double per_second = 0, latency = 0;
    double energy = 0, energy_without_writes = 0;  ///< J an inference
};
struct Machine {
    std::string name, source;
    bool own = false;  ///< this card
    std::vector<MachineRow> rows;
};

/// The card as it is, with every tile resident, an ideal digital card, and the network's baselines.
/// The ideal digital card: the multiplications of this card's peak a second, none of them padding, at
/// control.digital_mac_energy; activations through a scratchpad of the same energy once, weights from the same memory
/// once a batch; the same link, memory and board around it.
std::vector<Machine> machines_of(const NetworkPlan& plan, const CardConfig& config);

/// One line a machine: in which batches the card is faster, and cheaper with and without weight writes.
std::vector<std::string> verdicts(const std::vector<Machine>& machines);

/// What limits the planned batch and what would lift it, in one line.
std::string limit_sentence(const NetworkPlan& plan);

/// Whether the card does what the network's purpose asks for, and at which batch; empty if nothing is asked.
std::string requirement_sentence(const NetworkPlan& plan);

/// The plan as one page: the sentence, machines, verdicts, and plots of throughput, energy and latency over the batch.
void write_plan_html(std::ostream& out, const NetworkPlan& plan, const CardConfig& config);

}  // namespace lightcard::cli
