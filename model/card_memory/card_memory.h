// SPDX-License-Identifier: Apache-2.0
/// LPDDR5X of the card: one target socket, a channel that serves one burst at a time, latency, energy a bit.
/// Addresses are byte offsets into the memory. b_transport never waits: it adds to the delay.
#pragma once

#include <tlm_utils/multi_passthrough_target_socket.h>
#include <systemc>

#include "lightcard/model/card_memory/parameters.h"
#include "lightcard/model/common/resource.h"
#include "lightcard/model/common/services.h"
#include "lightcard/model/common/sparse_memory.h"
#include "lightcard/model/common/transactions.h"

namespace lightcard::card_memory {

class CardMemory : public sc_core::sc_module {
public:
    tlm_utils::multi_passthrough_target_socket<CardMemory> access;

    CardMemory(sc_core::sc_module_name name, const Parameters& parameters, Services& services);

    const Resource& channel() const { return channel_; }
    SparseMemory& contents() { return contents_; }
    /// Books background power up to now.
    void settle();
    void reset();

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("channel", channel_);
        archive.field("contents", contents_);
        archive.field("settled", settled_);
    }

private:
    void b_transport(int, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned transport_dbg(int, tlm::tlm_generic_payload& payload);
    bool move(tlm::tlm_generic_payload& payload);

    const Parameters parameters_;
    const TimeScale scale_;
    Services& services_;
    Resource channel_;
    SparseMemory contents_;
    Picoseconds settled_ = 0;
    AccountId access_account_, background_account_;
    TrackId track_;
};

}  // namespace lightcard::card_memory
