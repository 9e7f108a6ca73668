// SPDX-License-Identifier: Apache-2.0
/// A host in the card's own process: root complex, memory and interrupts as SystemC modules, and the Transport
/// that the user-mode driver runs on. The driver is the main program: it runs between sc_start calls, and
/// waiting pumps the kernel. Several hosts, each with its card, share one simulation: pumping one runs all.
///
///   Card card("card", config);                     InProcessHost host("host", endpoint_of(card));
///   if (auto up = host.power_on(); !up) ...        auto driver = Driver::bring_up(host);
///
/// Construct every card and host before the first power_on(): that starts the kernel and ends elaboration.
/// Nothing here may be called from inside a SystemC process.
#pragma once

#include <functional>
#include <string>

#include "lightcard/platform/driver/transport.h"
#include "lightcard/platform/host/enumerate.h"
#include "lightcard/platform/host/root_complex.h"

namespace lightcard {
class Card;
}

namespace lightcard::host {

/// The sockets of a card, its clock, and how it is told until when nobody looks at it (Card::unseen_until). Without a
/// clock the SystemC time is taken.
struct Endpoint {
    tlm::tlm_target_socket<>& mem;
    tlm::tlm_target_socket<>& cfg;
    tlm::tlm_initiator_socket<>& dma;
    tlm::tlm_initiator_socket<>& msix;
    std::function<Picoseconds()> now;
    std::function<void(Picoseconds)> unseen_until;
};

class InProcessHost : public sc_core::sc_module, public driver::Transport {
public:
    InProcessHost(sc_core::sc_module_name name, Endpoint endpoint);
    ~InProcessHost() override;

    /// Enumerates the card as firmware does. Again after the card lost its configuration space.
    Status power_on();
    const PciFunction& function() const { return function_; }

    // Transport
    std::uint32_t read32(std::uint32_t offset) override;
    void write32(std::uint32_t offset, std::uint32_t value) override;
    Result<driver::DmaBuffer> allocate(std::size_t bytes) override;
    void free(const driver::DmaBuffer& buffer) override;
    std::uint32_t interrupt_vectors() const override;
    std::uint64_t interrupts(std::uint32_t vector) override;
    bool wait(Picoseconds timeout) override;
    void sleep(Picoseconds duration) override;
    Picoseconds now() override;

    /// Run the simulation up to `time` of this host's clock, interrupts or not: for scripts with fixed times.
    void run_until(Picoseconds time);
    /// Until nothing is left to do. Returns false if `limit` of card time passed first.
    bool drain(Picoseconds limit = kSecond);

    // Configuration space, and any BAR at any width (debug, and tests that misbehave). 1 to 4096 bytes.
    std::uint32_t read_config(std::uint32_t offset);
    void write_config(std::uint32_t offset, std::uint32_t value);
    bool read_bar(unsigned bar, std::uint64_t offset, void* data, std::uint32_t bytes);
    void write_bar(unsigned bar, std::uint64_t offset, const void* data, std::uint32_t bytes);

    RootComplex& root() { return root_; }
    HostMemory& memory() { return root_.memory(); }
    /// Why the simulation can no longer run; empty while it can.
    const std::string& failure() const { return failure_; }

private:
    enum class Stop { condition, timeout, starved, ended };
    Stop pump(const std::function<bool()>& done, Picoseconds timeout, bool idle_passes_time = false);
    bool run_kernel(Picoseconds duration, bool idle_passes_time);
    bool read(Space space, std::uint64_t address, void* data, std::uint32_t bytes);

    RootComplex root_;
    std::function<Picoseconds()> clock_;
    std::function<void(Picoseconds)> unseen_until_;
    PciFunction function_;
    std::function<bool()> awaited_;  ///< what the running pump waits for
    std::string failure_;
};

/// Endpoint of a lightcard card (defined with the card's header only, so that any endpoint can be hosted).
template <class AnyCard = Card>
Endpoint endpoint_of(AnyCard& card)
{
    return {card.mem(),
            card.cfg(),
            card.dma(),
            card.msix(),
            [&card] { return card.now(); },
            [&card](Picoseconds time) { card.unseen_until(time); }};
}

}  // namespace lightcard::host
