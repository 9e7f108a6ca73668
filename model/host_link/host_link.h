// SPDX-License-Identifier: Apache-2.0
/// PCIe endpoint: config space, BARs, MSI-X and the link itself (TLP overhead, bandwidth a direction, latency,
/// posted and non-posted requests).
///
/// Downstream (host -> card): a posted write reaches the card `posted_latency` later and never blocks the host; a read
/// samples the card at `posted_latency`, behind every earlier write, and answers after `read_round_trip`.
/// Upstream (card -> host), the HostPort: writes take the up direction and become visible `posted_latency` later,
/// in order; reads take a request up and their data down, `read_round_trip` apart. Host memory is touched only by one
/// SC_THREAD, at the modelled time, so that a host whose b_transport waits is welcome.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/common/host_port.h"
#include "lightcard/model/common/resource.h"
#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/host_link/config_space.h"
#include "lightcard/model/host_link/parameters.h"

namespace lightcard::host_link {

class HostLink : public sc_core::sc_module, public HostPort {
public:
    // To the host platform.
    tlm_utils::simple_target_socket<HostLink> mem;      ///< bus addresses
    tlm_utils::simple_target_socket<HostLink> cfg;      ///< config space offsets
    tlm_utils::simple_initiator_socket<HostLink> dma;   ///< host memory
    tlm_utils::simple_initiator_socket<HostLink> msix;  ///< interrupt messages
    // To the card.
    tlm_utils::simple_initiator_socket<HostLink> registers;  ///< BAR0
    tlm_utils::simple_initiator_socket<HostLink> window;     ///< BAR2: card memory

    HostLink(sc_core::sc_module_name name, const Parameters& parameters, Services& services);

    void set_client(HostPortClient& client) { client_ = &client; }
    void set_function_reset(std::function<void()> handler) { config_.on_function_reset = std::move(handler); }

    // HostPort.
    void submit(DmaRequest request) override;
    void interrupt(std::uint32_t vector) override;
    void cancel() override;
    bool busy() const override { return !pending_.empty(); }

    const Resource& up() const { return up_; }
    const Resource& down() const { return down_; }
    std::uint64_t interrupts() const { return interrupts_; }
    ConfigSpace& config() { return config_; }
    void settle();
    /// In L1: its idle power instead of the active one.
    void set_asleep(bool asleep);
    void reset();  ///< function-level: config space and MSI-X table back to power-on
    /// The link trains to another rate (down, and back up); the parameters are what it can do.
    void train(std::uint32_t generation, std::uint32_t width);

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("config", config_);
        archive.field("table", table_);
        archive.check(table_.size() == parameters_.msix_vectors * 16ull, "the MSI-X table has another size");
        archive.field("msix_pending", msix_pending_);
        archive.field("up", up_);
        archive.field("down", down_);
        archive.field("interrupts", interrupts_);
        archive.field("generation", generation_);
        archive.field("settled", settled_);
        archive.field("asleep", asleep_);
        archive.field("link_generation", running_.generation);
        archive.field("link_width", running_.width);
        archive.check(running_.generation >= 1 && running_.generation <= parameters_.generation &&
                          running_.width >= 1 && running_.width <= parameters_.width,
                      "the link runs faster than it can");
        if constexpr (Archive::reading) set_running(running_.generation, running_.width);
    }

private:
    SC_HAS_PROCESS(HostLink);

    enum class Phase : std::uint8_t { access, complete, message };
    struct Pending {
        Phase phase;
        DmaRequest request;
        Picoseconds arrival = 0;  ///< reads: bytes are taken at their time in the queue, delivered at `arrival`
        bool ok = true;
        std::uint32_t vector = 0;
    };
    struct PostedWrite {
        Picoseconds at;
        std::uint32_t bar;
        std::uint64_t offset;
        std::vector<std::uint8_t> data;
    };

    bool off_the_bus() { return services_.faults.find(FaultKind::all_ones) != nullptr; }
    void set_running(std::uint32_t generation, std::uint32_t width);
    void host_access_thread();
    void posted_write_method();
    void perform(Pending& item);
    bool access_host(DmaRequest& request);
    void send_message(std::uint32_t vector);
    void schedule(Picoseconds at, Pending item);
    sc_core::sc_time from_simulator(Picoseconds at) const { return scale_.to_sc_time(at - services_.simulated()); }

    void mem_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    void cfg_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned mem_debug(tlm::tlm_generic_payload& payload);
    unsigned cfg_debug(tlm::tlm_generic_payload& payload);
    void flush_posted(Picoseconds until);
    void bar_access(bool write, std::uint32_t bar, std::uint64_t offset, std::uint8_t* data, std::uint32_t length,
                    bool debug);
    void msix_table_access(bool write, std::uint64_t offset, std::uint8_t* data, std::uint32_t length);

    const Parameters parameters_;
    Services& services_;
    const TimeScale scale_;
    HostPortClient* client_ = nullptr;
    ConfigSpace config_;
    std::vector<std::uint8_t> table_;  ///< MSI-X: 16 bytes a vector
    std::uint64_t msix_pending_ = 0;
    Resource up_, down_;
    std::uint64_t generation_ = 1;
    std::uint64_t interrupts_ = 0;
    Picoseconds settled_ = 0;
    bool asleep_ = false;
    struct Running {
        std::uint32_t generation = 4, width = 16;
    } running_;
    std::uint64_t rate_ = 0;  ///< raw bytes/s a direction, as the link runs
    /// Time on the wire of the last access of another length, which is that of the next one nearly always.
    static constexpr std::uint32_t kNoLength = ~0u;
    std::uint32_t wire_length_ = kNoLength;
    Picoseconds wire_time_ = 0;
    tlm::tlm_generic_payload bar_payload_;  ///< of the access to a BAR under way; none of them waits
    /// Ordered by time, then by order of submission.
    std::map<std::pair<Picoseconds, std::uint64_t>, Pending> pending_;
    std::uint64_t sequence_ = 0;
    std::deque<PostedWrite> posted_;
    sc_core::sc_event pending_event_, posted_event_;
    AccountId active_account_, idle_account_;
    TrackId track_;
};

}  // namespace lightcard::host_link
