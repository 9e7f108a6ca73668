// SPDX-License-Identifier: Apache-2.0
/// The platform's RAM: a plain TLM-2.0 target. The card's DMA goes here.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include <tlm_utils/simple_target_socket.h>
#include <systemc>

class Memory : public sc_core::sc_module {
public:
    static constexpr std::uint64_t kBase = 0x1'0000'0000, kBytes = 16 << 20;

    tlm_utils::simple_target_socket<Memory> socket{"socket"};

    explicit Memory(sc_core::sc_module_name name) : sc_module(name), bytes_(kBytes)
    {
        socket.register_b_transport(this, &Memory::b_transport);
    }

    /// The processor's view of [address, address + sizeof(T)).
    template <class T>
    T& at(std::uint64_t address)
    {
        sc_assert(address >= kBase && address - kBase <= kBytes - sizeof(T));
        return *reinterpret_cast<T*>(bytes_.data() + (address - kBase));
    }

private:
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
    {
        const std::uint64_t offset = payload.get_address() - kBase, length = payload.get_data_length();
        if (payload.get_address() < kBase || offset > kBytes || length > kBytes - offset) {
            payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
            return;
        }
        if (payload.is_read())
            std::memcpy(payload.get_data_ptr(), bytes_.data() + offset, length);
        else
            std::memcpy(bytes_.data() + offset, payload.get_data_ptr(), length);
        delay += sc_core::sc_time(80, sc_core::SC_NS);
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }

    std::vector<std::uint8_t> bytes_;
};
