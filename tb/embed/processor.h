// SPDX-License-Identifier: Apache-2.0
/// A processor with the smallest driver there can be: it places the BARs, brings up one queue pair, then runs COPY and
/// one MVM. It knows the card by lightcard_regs.h and lightcard_abi.h only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include <lightcard/model/control_chip/lightcard_abi.h>

#include "memory.h"

class Processor : public sc_core::sc_module {
public:
    tlm_utils::simple_initiator_socket<Processor> bus{"bus"};        ///< to the card's BARs
    tlm_utils::simple_initiator_socket<Processor> config{"config"};  ///< to its configuration space
    tlm_utils::simple_target_socket<Processor> interrupt{"interrupt"};

    /// `seed` varies the data, so that two cards do different work.
    Processor(sc_core::sc_module_name name, Memory& memory, std::uint32_t seed);

    bool done() const { return done_; }
    const std::string& failure() const { return failure_; }
    unsigned interrupts() const { return interrupts_; }

private:
    SC_HAS_PROCESS(Processor);

    /// One submission ring with its completion ring, in RAM.
    struct Queue {
        std::uint16_t id = 0;
        std::uint64_t submissions = 0, completions = 0;
        std::uint32_t tail = 0, head = 0;
        bool phase = true;
    };

    void run();
    void enumerate();
    void bring_up();
    void create_io_queue();
    void copy_there_and_back();
    void multiply();

    std::uint64_t place_bar(unsigned index, std::uint64_t address);
    std::uint64_t run_command(Queue& queue, lc_sqe command);
    void write_register(std::uint32_t offset, std::uint32_t value);
    std::uint32_t read_register(std::uint32_t offset);
    void wait_until(std::uint32_t offset, std::uint32_t bits);
    std::uint32_t read_config(std::uint32_t offset);
    void write_config(std::uint32_t offset, std::uint32_t value);
    void transfer(tlm_utils::simple_initiator_socket<Processor>& socket, tlm::tlm_command command,
                  std::uint64_t address, void* data, unsigned bytes);
    void take_interrupt(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);

    Memory& memory_;
    std::uint32_t seed_;
    Queue admin_, io_;
    sc_core::sc_event interrupted_;
    unsigned interrupts_ = 0;
    bool done_ = false;
    std::string failure_;
};
