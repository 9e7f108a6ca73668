// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/host_link/host_link.h"

#include <cstring>
#include <exception>

#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::host_link {

namespace {
constexpr std::uint32_t kMessageBytes = 4;

bool in_thread()
{
    const auto kind = sc_core::sc_get_current_process_b();
    return kind != nullptr &&
           (kind->proc_kind() == sc_core::SC_THREAD_PROC_ || kind->proc_kind() == sc_core::SC_CTHREAD_PROC_);
}
}  // namespace

HostLink::HostLink(sc_core::sc_module_name name, const Parameters& parameters, Services& services)
    : sc_module(name),
      mem("mem"),
      cfg("cfg"),
      dma("dma"),
      msix("msix"),
      registers("registers"),
      window("window"),
      parameters_(parameters),
      services_(services),
      config_(parameters),
      table_(parameters.msix_vectors * 16ull),
      pending_event_("pending"),
      posted_event_("posted")
{
    mem.register_b_transport(this, &HostLink::mem_transport);
    mem.register_transport_dbg(this, &HostLink::mem_debug);
    cfg.register_b_transport(this, &HostLink::cfg_transport);
    cfg.register_transport_dbg(this, &HostLink::cfg_debug);
    config_.transactions_pending = [this] { return busy(); };
    active_account_ = services_.ledger.open({"host_link.active", Category::link, "ps", parameters.active_power * 1e-12,
                                             Scope::card, true, "card.link.active_power"});
    idle_account_ = services_.ledger.open({"host_link.idle", Category::link, "ps", parameters.idle_power * 1e-12,
                                           Scope::card, true, "card.link.idle_power"});
    track_ = services_.activity.open("host_link");
    set_running(parameters.generation, parameters.width);
    services_.telemetry.add(LC_TAG_LINK_MTS, 0, [this] {
        constexpr std::int64_t kRates[] = {0, 2500, 5000, 8000, 16000, 32000, 64000};
        return kRates[running_.generation < 7 ? running_.generation : 6];
    });
    services_.telemetry.add(LC_TAG_LINK_LANES, 0, [this] { return std::int64_t{running_.width}; });
    SC_THREAD(host_access_thread);
    SC_METHOD(posted_write_method);
    sensitive << posted_event_;
    dont_initialize();
}

void HostLink::settle()
{
    const auto now = services_.now();
    services_.ledger.charge(asleep_ ? idle_account_ : active_account_, static_cast<std::uint64_t>(now - settled_),
                            settled_, now);
    settled_ = now;
}

void HostLink::set_asleep(bool asleep)
{
    settle();
    asleep_ = asleep;
}

void HostLink::reset()
{
    cancel();
    posted_.clear();
    config_.reset();
    config_.set_link(running_.generation, running_.width);
    std::fill(table_.begin(), table_.end(), 0);
    msix_pending_ = 0;
}

void HostLink::train(std::uint32_t generation, std::uint32_t width)
{
    if (generation < running_.generation || width < running_.width)
        config_.report_correctable(ConfigSpace::kReceiverError);
    set_running(generation, width);
    config_.set_link(generation, width);
}

void HostLink::set_running(std::uint32_t generation, std::uint32_t width)
{
    running_ = {generation, width};
    auto link = parameters_;
    link.generation = generation;
    link.width = width;
    rate_ = link.raw_rate();
    wire_length_ = kNoLength;
}

// --- upstream -------------------------------------------------------------------------------------------------

void HostLink::schedule(Picoseconds at, Pending item)
{
    const auto entry = pending_.emplace(std::make_pair(at, ++sequence_), std::move(item)).first;
    if (entry != pending_.begin()) return;
    pending_event_.notify(from_simulator(at));
    services_.event_at(at);
}

void HostLink::submit(DmaRequest request)
{
    request.generation = generation_;
    const auto now = services_.now();
    const std::uint64_t length = request.bytes();
    const auto packets = [length](std::uint32_t size) { return (length + size - 1) / size; };
    const auto data_time = duration_of(length + packets(parameters_.max_payload) * parameters_.tlp_overhead, rate_);
    Pending item{Phase::access, std::move(request)};
    if (item.request.to_host) {
        item.arrival = up_.reserve(now, data_time, length).end + parameters_.posted_latency;
        schedule(item.arrival, std::move(item));
        return;
    }
    const auto requests = packets(parameters_.max_read_request);
    const auto sent = up_.reserve(now, duration_of(requests * parameters_.tlp_overhead, rate_)).end;
    // Tags in flight bound the rate as well: read_tags requests a round trip.
    const auto rounds = (requests + parameters_.read_tags - 1) / parameters_.read_tags;
    const auto tag_time = static_cast<Picoseconds>(rounds > 0 ? rounds - 1 : 0) * parameters_.read_round_trip;
    item.arrival = down_.reserve(sent + parameters_.read_round_trip, std::max(data_time, tag_time), length).end;
    schedule(sent + parameters_.read_round_trip / 2, std::move(item));
}

void HostLink::interrupt(std::uint32_t vector)
{
    const auto bytes = kMessageBytes + parameters_.tlp_overhead;
    const auto sent = up_.reserve(services_.now(), duration_of(bytes, rate_)).end;
    Pending item{Phase::message, {}};
    item.request.generation = generation_;
    item.vector = vector;
    schedule(sent + parameters_.posted_latency, std::move(item));
}

void HostLink::cancel()
{
    ++generation_;
    pending_.clear();
    up_.release(services_.now());
    down_.release(services_.now());
}

void HostLink::host_access_thread()
{
    for (;;) {
        if (pending_.empty() || pending_.begin()->first.first > services_.simulated()) {
            if (!pending_.empty()) pending_event_.notify(from_simulator(pending_.begin()->first.first));
            wait(pending_event_);
            continue;
        }
        auto item = std::move(pending_.begin()->second);
        pending_.erase(pending_.begin());
        try {
            perform(item);
        } catch (const std::exception& failure) {
            services_.diagnostics.report(Severity::internal_error, services_.now(), "host_link", failure.what());
        }
    }
}

void HostLink::perform(Pending& item)
{
    if (item.request.generation != generation_) return;
    switch (item.phase) {
        case Phase::message:
            if (off_the_bus() || services_.faults.strike(FaultKind::interrupt_lost, item.vector)) return;
            send_message(item.vector);
            if (services_.faults.strike(FaultKind::interrupt_duplicate, item.vector)) send_message(item.vector);
            return;
        case Phase::access:
            item.ok = access_host(item.request);
            if (item.request.generation != generation_) return;  // reset while the host was busy
            item.phase = Phase::complete;
            if (item.arrival > services_.now()) {
                const auto arrival = item.arrival;
                schedule(arrival, std::move(item));
                return;
            }
            [[fallthrough]];
        case Phase::complete:
            if (client_ != nullptr) client_->dma_complete(std::move(item.request), item.ok);
    }
}

bool HostLink::access_host(DmaRequest& request)
{
    if (!config_.bus_master()) {
        services_.diagnostics.guest_error(services_.now(), "host_link", "DMA while bus mastering is off");
        return false;
    }
    if (off_the_bus()) return false;
    if (services_.faults.strike(FaultKind::dma_poisoned, request.to_host ? 1 : 0)) {
        // What comes in poisoned is reported here; what goes out is lost on its way, and the host's side reports it.
        if (!request.to_host) config_.report_uncorrectable(ConfigSpace::kPoisonedTlp);
        return false;
    }
    if (request.data.empty()) return true;  // time alone
    tlm::tlm_generic_payload payload;
    payload.set_command(request.to_host ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(request.bus);
    payload.set_data_ptr(request.data.data());
    payload.set_data_length(static_cast<unsigned>(request.data.size()));
    payload.set_streaming_width(static_cast<unsigned>(request.data.size()));
    payload.set_byte_enable_ptr(nullptr);
    payload.set_dmi_allowed(false);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    auto delay = sc_core::SC_ZERO_TIME;
    const auto begin = services_.now();
    dma->b_transport(payload, delay);
    if (delay > sc_core::SC_ZERO_TIME) wait(delay);
    if (services_.activity.enabled()) {
        services_.activity.span(track_, request.to_host ? "DMA write" : "DMA read", begin, services_.now(), 0,
                                request.data.size());
    }
    return payload.is_response_ok();
}

void HostLink::send_message(std::uint32_t vector)
{
    if (vector >= parameters_.msix_vectors) return;
    std::uint64_t address = 0;
    std::uint32_t data = 0, control = 0;
    std::memcpy(&address, &table_[vector * 16ull], 8);
    std::memcpy(&data, &table_[vector * 16ull + 8], 4);
    std::memcpy(&control, &table_[vector * 16ull + 12], 4);
    if (!config_.msix_enabled()) return;
    if (config_.msix_masked() || (control & 1) != 0) {
        msix_pending_ |= 1ull << vector;
        return;
    }
    ++interrupts_;
    MsixExtension extension;
    extension.vector = vector;
    tlm::tlm_generic_payload payload;
    payload.set_command(tlm::TLM_WRITE_COMMAND);
    payload.set_address(address);
    payload.set_data_ptr(reinterpret_cast<std::uint8_t*>(&data));
    payload.set_data_length(4);
    payload.set_streaming_width(4);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    const ExtensionLoan loan(payload, extension);
    auto delay = sc_core::SC_ZERO_TIME;
    msix->b_transport(payload, delay);
    if (services_.activity.enabled()) services_.activity.instant(track_, "MSI-X", services_.now(), vector);
}

// --- downstream -----------------------------------------------------------------------------------------------

void HostLink::bar_access(bool write, std::uint32_t bar, std::uint64_t offset, std::uint8_t* data, std::uint32_t length,
                          bool debug)
{
    if (!debug && off_the_bus()) {
        if (!write) std::memset(data, 0xff, length);
        return;
    }
    if (bar == 4) {
        msix_table_access(write, offset, data, length);
        return;
    }
    auto& payload = bar_payload_;
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(offset);
    payload.set_data_ptr(data);
    payload.set_data_length(length);
    payload.set_streaming_width(length);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    auto& socket = bar == 0 ? registers : window;
    auto delay = sc_core::SC_ZERO_TIME;
    if (debug) {
        socket->transport_dbg(payload);
    } else {
        socket->b_transport(payload, delay);
    }
    if (payload.is_response_error()) {
        // What a root complex makes of an unsupported request: reads are all-ones, writes vanish.
        if (!write) std::memset(data, 0xff, length);
        services_.diagnostics.guest_error(
            services_.now(), "host_link",
            "BAR" + std::to_string(bar) + " offset " + std::to_string(offset) + ": access refused");
    }
}

void HostLink::msix_table_access(bool write, std::uint64_t offset, std::uint8_t* data, std::uint32_t length)
{
    std::uint8_t pending[8];
    std::memcpy(pending, &msix_pending_, 8);
    for (std::uint32_t i = 0; i < length; ++i) {
        const auto at = offset + i;
        if (at < table_.size()) {
            if (write) {
                table_[at] = data[i];
            } else {
                data[i] = table_[at];
            }
        } else if (!write) {
            data[i] = at >= kMsixPendingOffset && at < kMsixPendingOffset + 8 ? pending[at - kMsixPendingOffset] : 0;
        }
    }
    if (!write) return;
    for (std::uint32_t vector = 0; vector < parameters_.msix_vectors; ++vector) {
        const bool masked = (table_[vector * 16ull + 12] & 1) != 0;
        if ((msix_pending_ >> vector & 1) == 0 || masked || config_.msix_masked()) continue;
        msix_pending_ &= ~(1ull << vector);
        interrupt(vector);
    }
}

/// Posted writes take effect in order; those due are applied before anything that comes behind them.
void HostLink::flush_posted(Picoseconds until)
{
    while (!posted_.empty() && posted_.front().at <= until) {
        auto write = std::move(posted_.front());
        posted_.pop_front();
        bar_access(true, write.bar, write.offset, write.data.data(), static_cast<std::uint32_t>(write.data.size()),
                   false);
    }
}

void HostLink::posted_write_method()
{
    try {
        flush_posted(services_.now());
    } catch (const std::exception& failure) {
        services_.diagnostics.report(Severity::internal_error, services_.now(), "host_link", failure.what());
    }
    if (!posted_.empty()) posted_event_.notify(from_simulator(posted_.front().at));
}

void HostLink::mem_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    if (payload.get_byte_enable_ptr() != nullptr || payload.get_streaming_width() < payload.get_data_length()) {
        payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
        return;
    }
    const auto target = config_.decode(payload.get_address(), payload.get_data_length());
    if (!target) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return;
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    const auto now = services_.now();
    const auto local = now + scale_.to_picoseconds(delay);
    auto* data = payload.get_data_ptr();
    const auto length = payload.get_data_length();
    if (length != wire_length_)
        wire_length_ = length, wire_time_ = duration_of(length + parameters_.tlp_overhead, rate_);
    const auto wire = wire_time_;
    if (payload.is_write()) {
        const auto at = down_.reserve(local, wire).end + parameters_.posted_latency;
        posted_.push_back({at, target->bar, target->offset, {data, data + length}});
        if (posted_.size() == 1) posted_event_.notify(from_simulator(at));
        return;
    }
    const auto arrive = std::max(down_.reserve(local, wire).end + parameters_.posted_latency,
                                 posted_.empty() ? Picoseconds{0} : posted_.back().at);
    const auto back = parameters_.read_round_trip - parameters_.posted_latency;
    if (in_thread()) {
        wait(from_simulator(arrive));
        flush_posted(services_.now());
        bar_access(false, target->bar, target->offset, data, length, false);
        delay = scale_.to_sc_time(back);
    } else {
        if (!posted_.empty()) flush_posted(arrive);
        bar_access(false, target->bar, target->offset, data, length, false);
        delay = scale_.to_sc_time(arrive + back - now);
    }
}

void HostLink::cfg_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    const auto local = services_.now() + scale_.to_picoseconds(delay);
    if (in_thread() && local > services_.now()) wait(from_simulator(local));
    cfg_debug(payload);
    delay = scale_.to_sc_time(parameters_.read_round_trip);
}

unsigned HostLink::cfg_debug(tlm::tlm_generic_payload& payload)
{
    const auto offset = static_cast<std::uint32_t>(payload.get_address());
    const auto length = payload.get_data_length();
    if (payload.get_address() + length > ConfigSpace::kBytes) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return 0;
    }
    if (payload.is_read()) {
        config_.read(offset, payload.get_data_ptr(), length);
    } else {
        config_.write(offset, payload.get_data_ptr(), length);
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    return length;
}

unsigned HostLink::mem_debug(tlm::tlm_generic_payload& payload)
{
    const auto target = config_.decode(payload.get_address(), payload.get_data_length());
    if (!target) return 0;
    // A debug access has no side effect: registers can be looked at, not written.
    if (target->bar == 0 && payload.is_write()) return 0;
    bar_access(payload.is_write(), target->bar, target->offset, payload.get_data_ptr(), payload.get_data_length(),
               true);
    return payload.get_data_length();
}

}  // namespace lightcard::host_link
