// SPDX-License-Identifier: Apache-2.0
// Somebody else's platform: its own sc_main, time resolution and quantum, its own processor and memory. Two cards.
//
//   embed            runs both cards and exits 0 if each computed what plain integers say
//   embed coarse     1 ns resolution: the card must refuse it in words
#include <exception>
#include <iostream>
#include <string>

#include <systemc>
// Not on its own: it needs all of SystemC before it.
#include <tlm_utils/tlm_quantumkeeper.h>

#include <lightcard/model/card/card.h>

#include "processor.h"

namespace {

struct Board {
    lightcard::Card card;
    Memory memory;
    Processor processor;

    Board(const std::string& name, const lightcard::CardConfig& config, std::uint32_t seed)
        : card((name + "_card").c_str(), config),
          memory((name + "_memory").c_str()),
          processor((name + "_processor").c_str(), memory, seed)
    {
        processor.bus.bind(card.mem());
        processor.config.bind(card.cfg());
        card.dma().bind(memory.socket);
        card.msix().bind(processor.interrupt);
    }

    bool report(const char* name)
    {
        std::cout << name << ": " << (processor.done() ? "COPY and MVM are right" : "FAILED: " + processor.failure())
                  << ", " << processor.interrupts() << " interrupts, " << card.ledger().joules(lightcard::Scope::card)
                  << " J\n";
        return processor.done() && processor.interrupts() > 0 && card.ledger().joules(lightcard::Scope::card) > 0;
    }
};

int refuse_coarse_resolution(const lightcard::CardConfig& config)
{
    sc_core::sc_set_time_resolution(1, sc_core::SC_NS);
    try {
        lightcard::Card card("card", config);
    } catch (const std::exception& error) {
        const std::string text = error.what();
        std::cout << text << '\n';
        return text.find("resolution") != std::string::npos ? 0 : 1;
    }
    std::cout << "a card of picoseconds accepted a resolution of 1 ns\n";
    return 1;
}

}  // namespace

int sc_main(int argc, char** argv)
{
    const auto config = lightcard::load_card(LIGHTCARD_CARDS "/lc128.yaml", {{"run.fidelity", "ideal"}});
    if (!config.ok()) {
        std::cerr << config.error().message() << '\n';
        return 1;
    }
    if (argc > 1 && std::string(argv[1]) == "coarse") return refuse_coarse_resolution(*config);

    sc_core::sc_set_time_resolution(100, sc_core::SC_FS);
    tlm_utils::tlm_quantumkeeper::set_global_quantum(sc_core::sc_time(250, sc_core::SC_NS));
    Board left("left", *config, 1), right("right", *config, 2);
    sc_core::sc_start();
    const bool good = left.report("left") & right.report("right");
    std::cout << "simulated " << sc_core::sc_time_stamp() << '\n';
    return good ? 0 : 1;
}
