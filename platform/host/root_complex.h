// SPDX-License-Identifier: Apache-2.0
/// The host's end of the PCIe link: issues memory and configuration requests, serves the card's DMA from
/// HostMemory, and takes its MSI-X writes. Knows nothing of lightcard: any endpoint with these four sockets fits.
///
///   mem, cfg  requests in the order they were posted, one at a time, from the root complex's own process
///   dma       answered at once: all link time is the endpoint's
///   msix      a 4-byte write into the MSI-X window, its data is the vector
///
/// Requests are temporally decoupled under the global quantum: the local time they are issued at does not
/// depend on the quantum, only how often the process hands back control does.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/platform/host/host_memory.h"

namespace lightcard::host {

enum class Space : std::uint8_t { memory, config };

/// What the endpoint did on the bus, as the host saw it.
struct BusEvent {
    enum class Kind : std::uint8_t { read, write, interrupt };
    Kind kind = Kind::read;
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
    sc_core::sc_time time;  ///< when it took effect
    bool ok = true;
};

class RootComplex : public sc_core::sc_module {
public:
    static constexpr std::uint64_t kMsixWindow = 0xfee0'0000;
    static constexpr std::uint64_t kMsixWindowBytes = 0x1000;
    static constexpr std::uint32_t kMaxVectors = 2048;  ///< of one MSI-X table

    explicit RootComplex(sc_core::sc_module_name name);

    tlm_utils::simple_initiator_socket<RootComplex> mem;
    tlm_utils::simple_initiator_socket<RootComplex> cfg;
    tlm_utils::simple_target_socket<RootComplex> dma;
    tlm_utils::simple_target_socket<RootComplex> msix;

    /// Posted write: no answer. Kernel thread only, inside or between sc_start calls.
    void write(Space space, std::uint64_t address, const void* data, std::uint32_t bytes);

    /// Non-posted read. `data` is all ones if the endpoint refused.
    struct Answer {
        bool done = false;
        bool ok = false;
        std::vector<std::uint8_t> data;
    };
    std::shared_ptr<const Answer> read(Space space, std::uint64_t address, std::uint32_t bytes);

    bool idle() const { return requests_.empty() && !busy_; }
    HostMemory& memory() { return memory_; }
    std::uint64_t interrupts(std::uint32_t vector) const { return vector < kMaxVectors ? interrupts_[vector] : 0; }
    std::uint64_t interrupts() const { return all_interrupts_; }

    /// Called in the kernel after each interrupt and each answered read.
    void set_listener(std::function<void()> listener) { listener_ = std::move(listener); }

    /// Sees every DMA access and interrupt, in their order.
    void set_observer(std::function<void(const BusEvent&)> observer) { observer_ = std::move(observer); }

    // What went wrong on the bus; nothing of it stops the simulation.
    std::uint64_t refused_requests() const { return refused_requests_; }  ///< endpoint answered with an error
    std::uint64_t dma_faults() const { return dma_faults_; }              ///< endpoint touched unmapped memory
    std::uint64_t stray_interrupts() const { return stray_interrupts_; }  ///< MSI-X writes to nowhere
    std::uint64_t early_writes() const { return early_writes_; }          ///< DMA writes ahead of their time

private:
    struct Request {
        Space space;
        bool write;
        std::uint64_t address;
        std::vector<std::uint8_t> data;
        std::shared_ptr<Answer> answer;
    };

    void run();
    void enqueue(Request request);
    void issue(Request& request, sc_core::sc_time& local);
    void dma_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned dma_debug(tlm::tlm_generic_payload& payload);
    void msix_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    tlm::tlm_response_status access_memory(tlm::tlm_generic_payload& payload);
    tlm::tlm_response_status take_interrupt(const tlm::tlm_generic_payload& payload);
    void notify_listener();
    void observe(BusEvent::Kind kind, const tlm::tlm_generic_payload& payload, const sc_core::sc_time& delay) const;

    HostMemory memory_;
    std::deque<Request> requests_;
    bool busy_ = false;
    sc_core::sc_event posted_;
    std::vector<std::uint64_t> interrupts_;
    std::uint64_t all_interrupts_ = 0;
    std::function<void()> listener_;
    std::function<void(const BusEvent&)> observer_;
    std::uint64_t refused_requests_ = 0, dma_faults_ = 0, stray_interrupts_ = 0, early_writes_ = 0;
};

}  // namespace lightcard::host
