// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/host/root_complex.h"

#include <algorithm>
#include <cstring>
#include <exception>

namespace lightcard::host {

RootComplex::RootComplex(sc_core::sc_module_name name)
    : sc_module(name), mem("mem"), cfg("cfg"), dma("dma"), msix("msix"), posted_("posted"), interrupts_(kMaxVectors, 0)
{
    dma.register_b_transport(this, &RootComplex::dma_transport);
    dma.register_transport_dbg(this, &RootComplex::dma_debug);
    msix.register_b_transport(this, &RootComplex::msix_transport);
    SC_HAS_PROCESS(RootComplex);
    SC_THREAD(run);
}

void RootComplex::write(Space space, std::uint64_t address, const void* data, std::uint32_t bytes)
{
    const auto* first = static_cast<const std::uint8_t*>(data);
    enqueue({space, true, address, std::vector<std::uint8_t>(first, first + bytes), nullptr});
}

std::shared_ptr<const RootComplex::Answer> RootComplex::read(Space space, std::uint64_t address, std::uint32_t bytes)
{
    auto answer = std::make_shared<Answer>();
    enqueue({space, false, address, std::vector<std::uint8_t>(bytes, 0xff), answer});
    return answer;
}

void RootComplex::enqueue(Request request)
{
    requests_.push_back(std::move(request));
    posted_.notify(sc_core::SC_ZERO_TIME);
}

void RootComplex::run()
{
    for (;;) {
        while (requests_.empty()) wait(posted_);
        busy_ = true;
        // Local time runs ahead while requests queue up. Before going idle, or before an answer is seen, it is
        // waited out: the next request then starts no earlier than this one ended, whatever the quantum is.
        sc_core::sc_time local = sc_core::SC_ZERO_TIME;
        const auto synchronise = [&] {
            const auto ahead = local;
            local = sc_core::SC_ZERO_TIME;
            if (ahead > sc_core::SC_ZERO_TIME) wait(ahead);
        };
        while (!requests_.empty()) {
            Request request = std::move(requests_.front());
            requests_.pop_front();
            issue(request, local);
            if (request.answer || requests_.empty() || local >= tlm::tlm_global_quantum::instance().get())
                synchronise();
            if (!request.answer) continue;
            request.answer->data = std::move(request.data);
            request.answer->done = true;
            notify_listener();
        }
        busy_ = false;
    }
}

void RootComplex::issue(Request& request, sc_core::sc_time& local)
{
    tlm::tlm_generic_payload payload;
    payload.set_command(request.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(request.address);
    payload.set_data_ptr(request.data.data());
    payload.set_data_length(static_cast<unsigned>(request.data.size()));
    payload.set_streaming_width(static_cast<unsigned>(request.data.size()));
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    try {
        (request.space == Space::memory ? mem : cfg)->b_transport(payload, local);
    } catch (const sc_core::sc_unwind_exception&) {
        throw;  // the kernel is taking this process down
    } catch (const std::exception&) {
        payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
    }
    const bool ok = payload.is_response_ok();
    if (!ok) {
        ++refused_requests_;
        std::fill(request.data.begin(), request.data.end(), 0xff);  // what a root complex makes of a UR
    }
    if (request.answer) request.answer->ok = ok;
}

void RootComplex::dma_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    if (payload.is_write() && delay > sc_core::SC_ZERO_TIME) ++early_writes_;
    payload.set_response_status(access_memory(payload));
    if (!payload.is_response_ok()) ++dma_faults_;
    observe(payload.is_write() ? BusEvent::Kind::write : BusEvent::Kind::read, payload, delay);
}

unsigned RootComplex::dma_debug(tlm::tlm_generic_payload& payload)
{
    const auto status = access_memory(payload);
    payload.set_response_status(status);
    return status == tlm::TLM_OK_RESPONSE ? payload.get_data_length() : 0;
}

tlm::tlm_response_status RootComplex::access_memory(tlm::tlm_generic_payload& payload)
{
    const std::uint64_t bytes = payload.get_data_length();
    if (payload.is_read() == payload.is_write()) return tlm::TLM_COMMAND_ERROR_RESPONSE;
    if (payload.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
    if (payload.get_streaming_width() < bytes) return tlm::TLM_BURST_ERROR_RESPONSE;
    std::uint8_t* target = memory_.translate(payload.get_address(), bytes);
    if (target == nullptr) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    if (payload.is_read())
        std::memcpy(payload.get_data_ptr(), target, bytes);
    else
        std::memcpy(target, payload.get_data_ptr(), bytes);
    return tlm::TLM_OK_RESPONSE;
}

void RootComplex::msix_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    if (delay > sc_core::SC_ZERO_TIME) {  // an interrupt is never seen early
        wait(delay);
        delay = sc_core::SC_ZERO_TIME;
    }
    payload.set_response_status(take_interrupt(payload));
    if (!payload.is_response_ok()) ++stray_interrupts_;
    observe(BusEvent::Kind::interrupt, payload, delay);
}

tlm::tlm_response_status RootComplex::take_interrupt(const tlm::tlm_generic_payload& payload)
{
    if (!payload.is_write() || payload.get_data_length() != 4) return tlm::TLM_COMMAND_ERROR_RESPONSE;
    if (payload.get_address() - kMsixWindow >= kMsixWindowBytes) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    std::uint32_t vector = 0;
    std::memcpy(&vector, payload.get_data_ptr(), 4);
    if (vector >= kMaxVectors) return tlm::TLM_GENERIC_ERROR_RESPONSE;
    ++interrupts_[vector];
    ++all_interrupts_;
    notify_listener();
    return tlm::TLM_OK_RESPONSE;
}

void RootComplex::observe(BusEvent::Kind kind, const tlm::tlm_generic_payload& payload,
                          const sc_core::sc_time& delay) const
{
    if (observer_)
        observer_({kind, payload.get_address(), payload.get_data_length(), sc_core::sc_time_stamp() + delay,
                   payload.is_response_ok()});
}

void RootComplex::notify_listener()
{
    if (listener_) listener_();
}

}  // namespace lightcard::host
