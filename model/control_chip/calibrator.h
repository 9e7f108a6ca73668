// SPDX-License-Identifier: Apache-2.0
/// Calibration of one core as a command: it takes the core's turn like a stream of vectors, and its registers are set
/// when it ends. Asked for by CALIBRATE, or by the chip itself before a stream whose bank is due
/// (card.control.calibration = automatic).
#pragma once

#include <functional>

#include <systemc>
#include <tlm>

#include "lightcard/model/control_chip/engine_context.h"

namespace lightcard {
struct CalibrationTransaction;
}

namespace lightcard::control_chip {

class Calibrator {
public:
    /// `due`: results of that bank of this core may be off.
    using Due = std::function<bool(std::uint32_t bank)>;
    Calibrator(EngineContext context, tlm::tlm_initiator_socket<>& core, std::uint32_t index)
        : context_(context), core_(core), index_(index)
    {
    }
    void set_due(Due due) { due_ = std::move(due); }

    /// CALIBRATE: puts the task's end on the timeline. Result: banks measured.
    void start(Task& task);
    /// Before a stream through `bank`, if the policy says so and it is due. True: the stream's next step has been put
    /// on the timeline, behind the measurement; end it with finish() then.
    bool start_ahead(Task& task, std::uint32_t bank);
    bool ahead() const { return ahead_; }
    /// The registers are set.
    void finish();
    void drop();

private:
    Picoseconds begin(Task& task, std::uint32_t kinds, std::uint32_t bank, std::uint32_t samples, std::uint32_t& banks);
    void send(CalibrationTransaction& calibration);

    EngineContext context_;
    tlm::tlm_initiator_socket<>& core_;
    std::uint32_t index_;
    Due due_;
    bool ahead_ = false;
};

}  // namespace lightcard::control_chip
