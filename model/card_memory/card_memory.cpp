// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card_memory/card_memory.h"

#include <cstring>

namespace lightcard::card_memory {

CardMemory::CardMemory(sc_core::sc_module_name name, const Parameters& parameters, Services& services)
    : sc_module(name), access("access"), parameters_(parameters), services_(services), contents_(parameters.bytes)
{
    access.register_b_transport(this, &CardMemory::b_transport);
    access.register_transport_dbg(this, &CardMemory::transport_dbg);
    access_account_ = services_.ledger.open(
        {"card_memory.access", Category::dram, "bit", parameters.energy, Scope::card, true, "card.memory.energy"});
    background_account_ =
        services_.ledger.open({"card_memory.background", Category::dram, "ps", parameters.background_power * 1e-12,
                               Scope::card, true, "card.memory.background_power"});
    track_ = services_.activity.open("card_memory");
}

void CardMemory::settle()
{
    const auto now = services_.now();
    services_.ledger.charge(background_account_, static_cast<std::uint64_t>(now - settled_), settled_, now);
    settled_ = now;
}

void CardMemory::reset()
{
    channel_.release(services_.now());
}

bool CardMemory::move(tlm::tlm_generic_payload& payload)
{
    if (!contents_.contains(payload.get_address(), payload.get_data_length())) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return false;
    }
    if (!services_.run.computes()) {
        if (payload.is_read() && payload.get_data_ptr() != nullptr)
            std::memset(payload.get_data_ptr(), 0, payload.get_data_length());
    } else if (payload.is_read()) {
        contents_.read(payload.get_address(), payload.get_data_ptr(), payload.get_data_length());
    } else if (payload.is_write()) {
        contents_.write(payload.get_address(), payload.get_data_ptr(), payload.get_data_length());
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    return true;
}

void CardMemory::b_transport(int, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    if (!move(payload)) return;
    const auto now = services_.now();
    const auto bytes = payload.get_data_length();
    const auto slot =
        channel_.reserve(now + scale_.to_picoseconds(delay), duration_of(bytes, parameters_.bandwidth), bytes);
    services_.ledger.charge(access_account_, bytes * 8ull, slot.start, slot.end);
    if (services_.activity.enabled()) {
        services_.activity.span(track_, payload.is_read() ? "read" : "write", slot.start, slot.end, 0, bytes);
    }
    delay = scale_.to_sc_time(slot.end + parameters_.latency - now);
}

unsigned CardMemory::transport_dbg(int, tlm::tlm_generic_payload& payload)
{
    return move(payload) ? payload.get_data_length() : 0;
}

}  // namespace lightcard::card_memory
