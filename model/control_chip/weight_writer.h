// SPDX-License-Identifier: Apache-2.0
/// Weight programmer of one core: fetches a tile, runs program-and-verify on a bank while other banks compute.
/// Progress is time over duration; an abort takes effect at the end of the slot under way and leaves the bank empty.
#pragma once

#include <systemc>
#include <tlm>

#include "lightcard/model/control_chip/engine_context.h"

namespace lightcard {
struct ProgramTransaction;
}

namespace lightcard::control_chip {

class WeightWriter : public Engine {
public:
    WeightWriter(EngineContext context, tlm::tlm_initiator_socket<>& pcm) : context_(context), pcm_(pcm) {}

    void start(Task& task) override;
    void finish(Task& task) override;
    bool abort(Task& task) override;
    void drop(Task& task) override;

private:
    void program(Task& task, ProgramTransaction& work);
    void verify(Task& task, ProgramTransaction& work);
    void abandon(Task& task, ProgramTransaction& work);
    void send(ProgramTransaction& work);

    EngineContext context_;
    std::vector<std::uint8_t> block_;  ///< of weights, as it crosses the memory
    tlm::tlm_initiator_socket<>& pcm_;
};

}  // namespace lightcard::control_chip
