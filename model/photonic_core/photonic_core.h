// SPDX-License-Identifier: Apache-2.0
/// One photonic core: lanes x (n x n) crossbar over the lit bank. Owns the laser, the bank switch and the stream
/// of symbols; takes its effective weights from the PCM memory and hands the light on to the receivers.
///
/// K lanes take K consecutive vectors a symbol, so P vectors take ceil(P / K) symbols; fill and drain (`latency`)
/// are paid once a command, behind the stream. The laser is lit for a command, warms up for laser_warm_up, and goes off
/// laser_hold_off after the last one; when the command waits for weights, whose end of writing is known, it is lit
/// early enough to be warm by then.
#pragma once

#include <string>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/converters/parameters.h"
#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/photonic_core/link_budget.h"
#include "lightcard/model/photonic_core/mvm.h"
#include "lightcard/model/photonic_core/parameters.h"

namespace lightcard::photonic_core {

class PhotonicCore : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<PhotonicCore> in;          ///< light from the modulators
    tlm_utils::simple_initiator_socket<PhotonicCore> out;      ///< light to the receivers
    tlm_utils::simple_initiator_socket<PhotonicCore> weights;  ///< lit bank of the PCM memory

    PhotonicCore(sc_core::sc_module_name name, std::uint32_t core, const std::string& path,
                 const Parameters& parameters, const pcm_memory::Parameters& pcm,
                 const converters::Parameters& converters, Services& services);

    const AnalogChain& chain() const { return chain_; }
    const LinkBudget& budget() const { return budget_; }

    /// Books laser and modulator tuning up to now.
    void settle();
    void reset();
    Picoseconds laser_on() const { return state_.laser_on_total; }
    std::uint64_t bank_switches() const { return state_.switches; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("lit_bank", state_.lit_bank);
        archive.field("laser_ready", state_.laser_ready);
        archive.field("laser_off", state_.laser_off);
        archive.field("laser_settled", state_.laser_settled);
        archive.field("laser_on_total", state_.laser_on_total);
        archive.field("switches", state_.switches);
    }

private:
    static constexpr std::uint32_t kDark = 0xffffffffu;
    struct State {
        std::uint32_t lit_bank = kDark;
        Picoseconds laser_ready = 0;    ///< warm from here on
        Picoseconds laser_off = 0;      ///< goes dark then, unless used again (hold-off)
        Picoseconds laser_settled = 0;  ///< booked up to here
        Picoseconds laser_on_total = 0;
        std::uint64_t switches = 0;
    };

    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    bool fetch_weights(MvmTransaction& mvm, tlm::tlm_generic_payload& payload);
    void schedule(MvmTransaction& mvm);
    void book_laser(Picoseconds until);

    const Parameters parameters_;
    const pcm_memory::Parameters pcm_;
    Services& services_;
    const LinkBudget budget_;
    const AnalogChain chain_;
    State state_;
    AccountId laser_account_, tuning_account_, switch_account_, die_account_;
    std::uint32_t bits_per_input_, bits_per_output_;
    TrackId track_;
};

}  // namespace lightcard::photonic_core
