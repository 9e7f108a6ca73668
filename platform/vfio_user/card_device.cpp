// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/vfio_user/card_device.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>

#include "lightcard/model/common/transactions.h"
#include "lightcard/model/control_chip/lightcard_regs.h"
#include "lightcard/model/control_chip/register_table.h"

namespace lightcard::vfio_user {

using host_link::ConfigSpace;

namespace {

/// The card's own BAR addresses: apart, aligned to any size a BAR can have.
constexpr std::uint64_t base_of(std::uint32_t bar)
{
    return bar == kBar2 ? 1ull << 52 : (1ull << 40) + bar * 0x10'0000ull;
}

constexpr bool touches(std::uint32_t offset, std::size_t bytes, std::uint32_t first, std::uint32_t end)
{
    return offset < end && offset + bytes > first;
}

/// Bytes of the configuration space that belong to the client.
bool is_clients(std::uint32_t at)
{
    return (at >= ConfigSpace::kBar0 && at < ConfigSpace::kBarsEnd) ||
           (at >= ConfigSpace::kMsixControl && at < ConfigSpace::kMsixControl + 2);
}

}  // namespace

/// Filled by the kernel, waited for by the socket thread; whoever is late finds the other gone and nothing is lost.
struct CardDevice::Answer {
    std::mutex mutex;
    std::condition_variable arrived;
    bool done = false;
    Bytes data;

    void give(Bytes bytes)
    {
        {
            const std::lock_guard<std::mutex> lock(mutex);
            data = std::move(bytes);
            done = true;
        }
        arrived.notify_one();
    }
};

CardDevice::CardDevice(sc_core::sc_module_name name, Card& card, KernelLoop& loop, GuestMemory& memory,
                       Interrupts& interrupts)
    : sc_module(name),
      mem_("mem"),
      cfg_("cfg"),
      dma_("dma"),
      msix_("msix"),
      card_(card),
      loop_(loop),
      memory_(memory),
      interrupts_(interrupts),
      view_(card.config().link),
      table_(host_link::kBar4Bytes),
      queued_("queued"),
      message_done_("message_done")
{
    mem_.bind(card.mem());
    cfg_.bind(card.cfg());
    card.dma().bind(dma_);
    card.msix().bind(msix_);
    dma_.register_b_transport(this, &CardDevice::dma_transport);
    msix_.register_b_transport(this, &CardDevice::msix_transport);
    view_.read(0, shadow_.config.data(), ConfigSpace::kBytes);
    card.set_lag([&loop] { return loop.lag(); });
    track_ = card.activity().open("guest");
    SC_THREAD(access_thread);
}

CardDevice::~CardDevice() = default;

// --- socket thread -----------------------------------------------------------------------------------------------

std::uint64_t CardDevice::region_bytes(std::uint32_t region) const
{
    return region == kConfigRegion ? ConfigSpace::kBytes : view_.bar_bytes(region);
}

Device::Mapping CardDevice::mapping(std::uint32_t region) const
{
    if (region != kBar2 || window_ == nullptr) return {};
    return {window_->descriptor(), std::min(window_->size(), region_bytes(kBar2))};
}

/// The kernel is woken once for whatever is in the queue when it looks.
void CardDevice::post(Access access)
{
    bool first;
    {
        std::unique_lock<std::mutex> lock(mutex_);
        const bool room = room_.wait_for(lock, kAnswerTime, [this] { return queue_.size() < kMaxQueued; });
        if (!room) {  // a model that has stopped: the write is lost, as with a card that has
            ++late_;
            return;
        }
        first = queue_.empty();
        queue_.push_back(std::move(access));
    }
    if (first) loop_.post([this] { queued_.notify(sc_core::SC_ZERO_TIME); });
}

bool CardDevice::ask(Access access, std::uint8_t* into)
{
    if (loop_.paused()) return ask_paused(std::move(access));
    const auto answer = std::make_shared<Answer>();
    const auto bytes = access.data.size();
    access.answer = answer;
    post(std::move(access));
    std::unique_lock<std::mutex> lock(answer->mutex);
    if (!answer->arrived.wait_for(lock, kAnswerTime, [&] { return answer->done; })) {
        ++late_;
        return false;
    }
    if (into != nullptr) std::copy_n(answer->data.begin(), std::min(bytes, answer->data.size()), into);
    return true;
}

/// A model that stands still is asked nothing; what it is told waits for it.
bool CardDevice::ask_paused(Access access)
{
    const bool reads = access.kind == Access::Kind::read || access.kind == Access::Kind::config_read;
    if (!reads) post(std::move(access));
    return !reads;
}

void CardDevice::read(std::uint32_t region, std::uint64_t offset, std::uint8_t* into, std::uint32_t bytes)
{
    switch (region) {
        case kConfigRegion:
            return read_config(static_cast<std::uint32_t>(offset), into, bytes);
        case kBar0:
            return read_registers(offset, into, bytes);
        case kBar2:
            if (!ask({Access::Kind::read, base_of(kBar2) + offset, Bytes(bytes), nullptr}, into))
                std::memset(into, 0xff, bytes);
            return;
        default:
            std::copy_n(table_.begin() + static_cast<std::ptrdiff_t>(offset), bytes, into);
    }
}

/// From the shadow, but for the bytes that the card changes by itself.
void CardDevice::read_config(std::uint32_t offset, std::uint8_t* into, std::uint32_t bytes)
{
    const bool live = touches(offset, bytes, ConfigSpace::kDeviceStatus, ConfigSpace::kDeviceStatus + 2) ||
                      touches(offset, bytes, ConfigSpace::kLinkStatus, ConfigSpace::kLinkStatus + 2) ||
                      touches(offset, bytes, ConfigSpace::kErrorReporting, ConfigSpace::kSerialNumber);
    if (!live || !ask({Access::Kind::config_read, offset, Bytes(bytes), nullptr}, into)) {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::memcpy(into, shadow_.config.data() + offset, bytes);
    }
    for (std::uint32_t i = 0; i < bytes; ++i)
        if (is_clients(offset + i)) view_.read(offset + i, into + i, 1);
}

void CardDevice::read_registers(std::uint64_t offset, std::uint8_t* into, std::uint32_t bytes)
{
    const auto from_shadow = [&] {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (shadow_.registers[0] == 0) return false;  // not even MAGIC has been seen yet
        std::memcpy(into, shadow_.registers.data() + offset, bytes);
        // Said for the model, which cannot say so itself.
        for (std::uint64_t at = offset; at < offset + bytes; ++at)
            if (at == LC_REG_CSTS) into[at - offset] |= LC_CSTS_LAGGING;
        return true;
    };
    const bool known = offset < kRegisterBytes && bytes <= kRegisterBytes - offset;
    const bool constant =
        known && offset + bytes <= kConstantBytes && (bytes == 4 || bytes == 8) && offset % bytes == 0;
    const bool as_ever = card_.faults().seen_quiet() && !reset_unseen_;
    if (constant && as_ever && view_.memory_enabled() && from_shadow()) return;
    if (ask({Access::Kind::read, base_of(kBar0) + offset, Bytes(bytes), nullptr}, into)) return;
    if (!known || !from_shadow()) std::memset(into, 0xff, bytes);
}

void CardDevice::write(std::uint32_t region, std::uint64_t offset, Bytes data)
{
    switch (region) {
        case kConfigRegion:
            return write_config(static_cast<std::uint32_t>(offset), std::move(data));
        case kBar0:
        case kBar2:
            return post({Access::Kind::write, base_of(region) + offset, std::move(data), nullptr});
        default:  // pending bits are read-only
            for (std::size_t i = 0; i < data.size(); ++i)
                if (offset + i < host_link::kMsixPendingOffset) table_[offset + i] = data[i];
    }
}

void CardDevice::write_config(std::uint32_t offset, Bytes data)
{
    view_.write(offset, data.data(), static_cast<std::uint32_t>(data.size()));
    reset_unseen_ = false;
    const auto at = ConfigSpace::kDeviceControl + 1;
    const bool resets =
        touches(offset, data.size(), at, at + 1) && (data[at - offset] & ConfigSpace::kFunctionReset >> 8) != 0;
    if (resets) view_.reset();
    ask({Access::Kind::config_write, offset, std::move(data), nullptr}, nullptr);
}

bool CardDevice::reset()
{
    view_.reset();
    std::fill(table_.begin(), table_.end(), std::uint8_t{0});
    return ask({Access::Kind::reset, 0, {}, nullptr}, nullptr);
}

// --- kernel thread -----------------------------------------------------------------------------------------------

void CardDevice::access_thread()
{
    for (;;) {
        Access access{};
        bool any = false;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            any = !queue_.empty();
            if (any) {
                if (queue_.size() == kMaxQueued) room_.notify_one();
                access = std::move(queue_.front());
                queue_.pop_front();
            }
        }
        if (!any) {
            wait(queued_);
            continue;
        }
        try {
            perform(access);
        } catch (const sc_core::sc_unwind_exception&) {
            throw;  // the kernel is taking this process down
        } catch (const std::exception& failure) {
            std::fill(access.data.begin(), access.data.end(), std::uint8_t{0xff});
            card_.diagnostics().report(Severity::internal_error, card_.now(), "vfio_user", failure.what());
        }
        if (access.answer) access.answer->give(std::move(access.data));
    }
}

/// What the guest does, for a trace. Its BARs go by region and offset.
void CardDevice::note(const Access& access)
{
    constexpr const char* kNames[] = {"read", "write", "configuration write", "configuration read", "reset"};
    auto& activity = card_.activity();
    if (!activity.enabled()) return;
    std::string name = kNames[static_cast<std::size_t>(access.kind)];
    auto offset = access.address;
    if (access.kind == Access::Kind::read || access.kind == Access::Kind::write) {
        const bool window = offset >= base_of(kBar2);
        offset -= base_of(window ? kBar2 : kBar0);
        name += window ? " BAR2" : " BAR0";
    }
    if (access.kind != Access::Kind::reset) {
        char text[24];
        std::snprintf(text, sizeof text, " 0x%04llx", static_cast<unsigned long long>(offset));
        name += text;
    }
    activity.instant(track_, name, card_.now(), access.data.size());
}

void CardDevice::perform(Access& access)
{
    note(access);
    if (!adopted_) adopt_function();
    switch (access.kind) {
        case Access::Kind::read:
            transport(false, false, access.address, access.data);
            remember(access.address, access.data);
            break;
        case Access::Kind::write:
            transport(false, true, access.address, access.data);
            break;
        case Access::Kind::config_read:
            transport(true, false, access.address, access.data);
            break;
        case Access::Kind::config_write:
            write_card_config(static_cast<std::uint32_t>(access.address), access.data);
            break;
        case Access::Kind::reset:
            reset_function();
            break;
    }
}

/// One request on the card's bus; what it refuses reads as all ones.
void CardDevice::transport(bool to_config, bool write, std::uint64_t address, Bytes& data)
{
    tlm::tlm_generic_payload payload;
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(address);
    payload.set_data_ptr(data.data());
    payload.set_data_length(static_cast<unsigned>(data.size()));
    payload.set_streaming_width(static_cast<unsigned>(data.size()));
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    auto delay = sc_core::SC_ZERO_TIME;
    (to_config ? cfg_ : mem_)->b_transport(payload, delay);
    if (delay > sc_core::SC_ZERO_TIME) wait(delay);
    if (!payload.is_response_ok() && !write) std::fill(data.begin(), data.end(), std::uint8_t{0xff});
}

/// The client's own bytes are left out; a write that resets the function leaves it as the client expects to find it.
void CardDevice::write_card_config(std::uint32_t offset, Bytes& data)
{
    for (std::size_t begin = 0; begin < data.size();) {
        auto end = begin;
        while (end < data.size() && !is_clients(offset + static_cast<std::uint32_t>(end))) ++end;
        if (end > begin) {
            Bytes part(data.begin() + static_cast<std::ptrdiff_t>(begin),
                       data.begin() + static_cast<std::ptrdiff_t>(end));
            const auto at = ConfigSpace::kDeviceControl + 1;
            const auto first = offset + static_cast<std::uint32_t>(begin);
            const bool resets =
                touches(first, part.size(), at, at + 1) && (part[at - first] & ConfigSpace::kFunctionReset >> 8) != 0;
            transport(true, true, first, part);
            if (resets) adopt_function();
        }
        begin = end + 1;
    }
    publish_config();
}

void CardDevice::config_debug(bool write, std::uint32_t offset, void* data, std::uint32_t bytes)
{
    tlm::tlm_generic_payload payload;
    payload.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload.set_address(offset);
    payload.set_data_ptr(static_cast<std::uint8_t*>(data));
    payload.set_data_length(bytes);
    payload.set_streaming_width(bytes);
    cfg_->transport_dbg(payload);
}

void CardDevice::reset_function()
{
    card_.bus_reset();
    adopt_function();
}

void CardDevice::reset_card(Reset kind)
{
    switch (kind) {
        case Reset::function:
            card_.function_reset();
            break;
        case Reset::bus:
            card_.bus_reset();
            break;
        case Reset::cold:
            card_.cold_reset();
            break;
    }
    reset_unseen_ = true;
    if (adopted_) adopt_function();
}

/// What firmware does, out of the client's sight: BARs in place, every MSI-X vector on. What the client enables
/// (memory space, bus mastering, power state) stays off until it does.
void CardDevice::adopt_function()
{
    memory_.cancel_messages();
    for (const std::uint32_t bar : {kBar0, kBar2, kBar4}) {
        const auto base = base_of(bar);
        config_debug(true, ConfigSpace::kBar0 + 4 * bar, const_cast<std::uint64_t*>(&base), 8);
    }
    std::uint16_t command = 0x0002, msix = 0x8000;
    config_debug(true, ConfigSpace::kCommand, &command, 2);
    config_debug(true, ConfigSpace::kMsixControl, &msix, 2);
    for (std::uint32_t vector = 0; vector < interrupts_.vectors(); ++vector) {
        std::uint32_t entry[4] = {0xfee0'0000, 0, vector, 0};
        tlm::tlm_generic_payload payload;
        payload.set_command(tlm::TLM_WRITE_COMMAND);
        payload.set_address(base_of(kBar4) + vector * sizeof entry);
        payload.set_data_ptr(reinterpret_cast<std::uint8_t*>(entry));
        payload.set_data_length(sizeof entry);
        payload.set_streaming_width(sizeof entry);
        mem_->transport_dbg(payload);
    }
    if (!adopted_) publish_registers();
    adopted_ = true;
    command = 0;
    config_debug(true, ConfigSpace::kCommand, &command, 2);
    publish_config();
}

void CardDevice::publish_config()
{
    std::array<std::uint8_t, ConfigSpace::kBytes> bytes{};
    config_debug(false, 0, bytes.data(), ConfigSpace::kBytes);
    const std::lock_guard<std::mutex> lock(mutex_);
    shadow_.config = bytes;
}

/// Every register there is to read, once, so that there is something to show if the model should stop.
void CardDevice::publish_registers()
{
    for (const auto& entry : control_chip::register_table().registers) {
        const bool unimplemented = std::any_of(entry.fields.begin(), entry.fields.end(), [](const auto& field) {
            return field.access == lightcard::Access::unimplemented;
        });
        if (entry.count > 1 || unimplemented || entry.offset + entry.bytes > kRegisterBytes) continue;
        Bytes value(entry.bytes);
        transport(false, false, base_of(kBar0) + entry.offset, value);
        remember(base_of(kBar0) + entry.offset, value);
    }
}

void CardDevice::remember(std::uint64_t address, const Bytes& data)
{
    const auto offset = address - base_of(kBar0);
    if (offset >= kRegisterBytes || data.size() > kRegisterBytes - offset) return;
    // Identity registers keep what they said while the function was on.
    if (adopted_ && offset < kConstantBytes) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    std::copy(data.begin(), data.end(), shadow_.registers.begin() + static_cast<std::ptrdiff_t>(offset));
}

// --- upstream ----------------------------------------------------------------------------------------------------

void CardDevice::dma_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&)
{
    const std::uint64_t bytes = payload.get_data_length();
    const bool plain = payload.get_byte_enable_ptr() == nullptr && payload.get_streaming_width() >= bytes;
    if (!plain || payload.is_read() == payload.is_write()) {
        payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
        return;
    }
    const bool well = transfer(payload.is_write(), payload.get_address(), payload.get_data_ptr(), bytes);
    payload.set_response_status(well ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

/// Map by map, and message by message where there is no shared memory.
bool CardDevice::transfer(bool to_guest, std::uint64_t address, std::uint8_t* data, std::size_t bytes)
{
    struct Reply {
        bool done = false;
        int error = 0;
        Bytes data;
    };
    while (bytes > 0) {
        const auto reply = std::make_shared<Reply>();
        const auto done = [this, reply](int error, Bytes received) {
            loop_.post([this, reply, error, received = std::move(received)]() mutable {
                *reply = {true, error, std::move(received)};
                message_done_.notify(sc_core::SC_ZERO_TIME);
            });
        };
        const auto step = memory_.transfer(to_guest, address, data, bytes, done);
        if (step.outcome == GuestMemory::Outcome::fault) return false;
        if (step.outcome == GuestMemory::Outcome::message) {
            while (!reply->done) wait(message_done_);
            if (reply->error != 0) return false;
            if (!to_guest) std::copy_n(reply->data.begin(), step.bytes, data);
        }
        address += step.bytes;
        data += step.bytes;
        bytes -= step.bytes;
    }
    return true;
}

void CardDevice::msix_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay)
{
    if (delay > sc_core::SC_ZERO_TIME) {  // an interrupt is never seen early
        wait(delay);
        delay = sc_core::SC_ZERO_TIME;
    }
    MsixExtension* message = nullptr;
    payload.get_extension(message);
    if (message != nullptr) interrupts_.fire(message->vector);
    payload.set_response_status(message != nullptr ? tlm::TLM_OK_RESPONSE : tlm::TLM_COMMAND_ERROR_RESPONSE);
}

}  // namespace lightcard::vfio_user
