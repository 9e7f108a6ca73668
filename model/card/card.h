// SPDX-License-Identifier: Apache-2.0
/// lightcard::Card - the whole card as one SystemC module with four TLM-2.0 sockets.
///
///   host platform --mem--> BARs (bus addresses, decoded by the BARs of the config space)
///   host platform --cfg--> PCIe config space (offset 0..4095)
///   card --dma--> host memory (bus addresses)          card --msix--> interrupt writes
///
/// The card never touches time resolution, global quantum or report handlers and never starts or stops
/// the simulation. Everything from another thread enters by post(); nothing else may be called off the
/// kernel's thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/card/config.h"
#include "lightcard/model/card/counters.h"
#include "lightcard/model/common/activity.h"
#include "lightcard/model/common/diagnostics.h"
#include "lightcard/model/common/energy.h"
#include "lightcard/model/common/faults.h"
#include "lightcard/model/common/telemetry.h"

namespace lightcard {

class FlatStorage;

class Card : public sc_core::sc_module {
public:
    Card(sc_core::sc_module_name name, CardConfig config);
    ~Card() override;

    // Sockets of the endpoint (32 bit, base protocol).
    tlm::tlm_target_socket<>& mem();
    tlm::tlm_target_socket<>& cfg();
    tlm::tlm_initiator_socket<>& dma();
    /// One 4-byte write an interrupt: address and data as programmed in the MSI-X table (BAR4). The payload
    /// carries an MsixExtension with the vector number for hosts that keep the table themselves.
    tlm::tlm_initiator_socket<>& msix();

    const CardConfig& config() const;
    Picoseconds now() const;

    /// For platforms that stop the simulation: from here on nobody outside of it looks at the card before `time` (of
    /// now(); 0 = any time, the default), unless a process has run by then. The card may take steps together until the
    /// next process could run; what anybody sees stays the same.
    void unseen_until(Picoseconds time);

    /// Brings static power and counters up to now(), then reads. Cheap; no event is left behind.
    const Ledger& ledger();
    CardCounters counters();
    ActivityStream& activity();
    Diagnostics& diagnostics();

    /// The one door for other threads: runs `work` on the kernel thread at the card's next delta cycle.
    void post(std::function<void()> work);

    /// Advance the ageing clock (drift) without simulating: only if nothing is in flight.
    Status age(double seconds);

    /// Architectural state of an idle card: PCM, memories, queues, registers, counters, ledger.
    Status save(std::ostream& out);
    Status load(std::istream& in);

    /// What the PCM keeps without power: weights, wear, ages, failed cells (pcm_memory/state_file.h). Saving waits for
    /// nothing and changes nothing; restoring replaces every bank. A file of another card, cut short or damaged is
    /// refused by name, and the card stays as it was. Only if nothing is in flight.
    Status save_pcm(std::ostream& out);
    Status restore_pcm(std::istream& in);

    /// Power-on reset of everything volatile (PCM keeps its weights). Legal at any time.
    void cold_reset();
    /// What a secondary bus reset does to the card: as a function-level reset, and the link trains anew.
    void bus_reset();
    void function_reset();

    /// Puts a fault in, now or when `start` says. Error: not one of this card's (docs/faults.md), by what is wrong.
    Status inject(const Fault& fault);
    Status inject(const Fault& fault, FaultStart start);
    Faults& faults();
    /// What the card tells in numbers (enum lc_tag). Tags may be added until the simulation starts.
    Telemetry& telemetry();
    /// For hosts that compare card time with another clock: how far it is behind. Before the simulation starts.
    void set_lag(std::function<Picoseconds()> lag);
    /// Card memory lies in `storage` from now on: of its size at least, empty, and longer-lived than the card. Before
    /// the simulation starts. What others write there costs no time and no energy, and stands in no trace.
    void keep_memory_in(FlatStorage& storage);
    /// A log page (LC_LOG_*) as GET_LOG_PAGE gives it; empty if there is no such page.
    std::vector<std::uint8_t> log_page(std::uint32_t page);
    /// A register of BAR0 as the host would read it, without the link. Reads may have effects, as from the host.
    std::uint32_t look(std::uint32_t offset);

private:
    struct Blocks;
    std::unique_ptr<Blocks> blocks_;
};

}  // namespace lightcard
