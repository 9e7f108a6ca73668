// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/driver.h"

#include <algorithm>
#include <cstring>

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::driver {
namespace {

constexpr std::uint32_t kAdminEntries = 64;

lc_sqe queue_command(std::uint8_t opcode, std::uint16_t id)
{
    lc_sqe sqe = make_command(opcode);
    sqe.u.queue.qid = id;
    return sqe;
}

}  // namespace

Result<std::unique_ptr<Driver>> Driver::bring_up(Transport& transport, const DriverOptions& options)
{
    if (options.io_queues == 0) return Error{"a driver needs at least one I/O queue", "io_queues", "1"};
    std::unique_ptr<Driver> driver(new Driver(transport, options));
    if (auto status = driver->start(); !status) return status.error();
    return driver;
}

Driver::Driver(Transport& transport, const DriverOptions& options)
    : transport_(&transport), options_(options), controller_(transport)
{
}

Driver::~Driver()
{
    if (enabled_) transport_->write32(LC_REG_CC, 0);
}

Status Driver::start()
{
    auto capabilities = controller_.probe();
    if (!capabilities) return capabilities.error();
    capabilities_ = *capabilities;
    if (auto status = controller_.wait_for_boot(); !status) return status;
    if (auto status = controller_.disable(); !status) return status;  // whoever drove it before

    auto admin = QueuePair::create(*transport_, 0, std::min(kAdminEntries, capabilities_.max_entries));
    if (!admin) return admin.error();
    admin_ = std::make_unique<QueuePair>(std::move(*admin));
    if (auto status = controller_.enable(*admin_); !status) return status;
    enabled_ = true;
    reset_count_ = controller_.reset_count();
    if (auto status = identify(); !status) return status;
    return make_queues();
}

Status Driver::identify()
{
    auto page = read_page(make_command(LC_ADM_IDENTIFY), sizeof identity_);
    if (!page) return page.error();
    std::memcpy(&identity_, page->data(), sizeof identity_);
    if (identity_.magic != LC_MAGIC_VALUE) return Error{"the identify page has no magic", "IDENTIFY", ""};
    return {};
}

Status Driver::make_queues()
{
    const std::uint32_t most = std::min(identity_.io_queues, capabilities_.max_queues);
    if (options_.io_queues > most)
        return Error{"the card has " + std::to_string(most) + " I/O queues", "io_queues",
                     "1 to " + std::to_string(most)};
    const std::uint32_t entries = std::min({options_.entries, identity_.queue_entries, capabilities_.max_entries});
    for (std::uint32_t i = 0; i < options_.io_queues; ++i) {
        auto queue = QueuePair::create(*transport_, static_cast<std::uint16_t>(i + 1), entries);
        if (!queue) return queue.error();
        // Vector 0 is the admin queue's; share the others if there are fewer than queues.
        const std::uint32_t vectors = transport_->interrupt_vectors();
        const bool shared = options_.single_vector || vectors < 2;
        queue->set_vector(shared ? 0 : static_cast<std::uint16_t>(1 + i % (vectors - 1)));
        queues_.push_back(std::make_unique<QueuePair>(std::move(*queue)));
        if (auto status = create_queue(i); !status) return status;
    }
    return {};
}

Status Driver::create_queue(std::size_t index)
{
    QueuePair& queue = *queues_[index];
    lc_sqe completion = queue_command(LC_ADM_CREATE_CQ, queue.id());
    completion.src = host_pointer(queue.cq_address());
    completion.u.queue.entries = static_cast<std::uint16_t>(queue.entries());
    completion.u.queue.vector = queue.vector();
    auto created = admin_->run(completion, nullptr, options_.admin_timeout);
    if (!created && queue.vector() != 0) {  // one vector is always there
        queue.set_vector(0);
        completion.u.queue.vector = 0;
        created = admin_->run(completion, nullptr, options_.admin_timeout);
    }
    if (!created) return created.error();

    lc_sqe submission = queue_command(LC_ADM_CREATE_SQ, queue.id());
    submission.src = host_pointer(queue.sq_address());
    submission.u.queue.entries = static_cast<std::uint16_t>(queue.entries());
    submission.u.queue.cqid = queue.id();
    created = admin_->run(submission, nullptr, options_.admin_timeout);
    if (!created) return created.error();
    return {};
}

Status Driver::delete_queue(std::size_t index)
{
    QueuePair& queue = *queues_[index];
    for (const std::uint8_t opcode : {LC_ADM_DELETE_SQ, LC_ADM_DELETE_CQ}) {
        auto deleted = admin_->run(queue_command(opcode, queue.id()), nullptr, options_.admin_timeout);
        if (!deleted) return deleted.error();
    }
    queue.restart(LC_SC_ABORTED_QUEUE);
    return {};
}

Result<Completion> Driver::admin(const lc_sqe& sqe)
{
    return admin_->run(sqe, nullptr, options_.admin_timeout);
}

Status Driver::abort(const QueuePair& queue, std::uint16_t cid)
{
    lc_sqe sqe = make_command(LC_ADM_ABORT);
    sqe.u.abort.sqid = queue.id();
    sqe.u.abort.cid = cid;
    auto done = admin(sqe);
    if (!done) return done.error();
    return {};
}

Status Driver::reset()
{
    if (auto status = controller_.disable(); !status) return status;
    enabled_ = false;
    if (auto status = controller_.wait_for_boot(); !status) return status;
    admin_->restart(LC_SC_ABORTED_QUEUE);
    while (admin_->poll()) {  // who waited for these is gone
    }
    event_cid_.reset();
    for (auto& queue : queues_) queue->restart(LC_SC_ABORTED_QUEUE);
    if (auto status = controller_.enable(*admin_); !status) return status;
    enabled_ = true;
    reset_count_ = controller_.reset_count();
    for (std::size_t i = 0; i < queues_.size(); ++i)
        if (auto status = create_queue(i); !status) return status;
    return {};
}

bool Driver::was_reset()
{
    return controller_.reset_count() != reset_count_;
}

Status Driver::shutdown()
{
    if (!enabled_) return {};
    Status first;
    for (std::size_t i = 0; i < queues_.size() && first.ok(); ++i) first = delete_queue(i);
    if (first.ok()) first = controller_.notify_shutdown();
    Status disabled = controller_.disable();
    enabled_ = !disabled.ok();
    return first.ok() ? disabled : first;
}

Result<std::uint32_t> Driver::submit_to(std::size_t queue, const lc_sqe& sqe, const void* operands)
{
    auto cid = queues_[queue]->submit(sqe, operands);
    if (!cid) return cid.error();
    return std::uint32_t{*cid};
}

Result<Completion> Driver::wait_for(std::size_t queue, std::uint32_t ticket, Picoseconds timeout)
{
    return queues_[queue]->wait(static_cast<std::uint16_t>(ticket), timeout);
}

Result<std::vector<std::uint8_t>> Driver::read_page(lc_sqe sqe, std::uint32_t bytes)
{
    auto memory = DmaMemory::allocate(*transport_, bytes);
    if (!memory) return memory.error();
    sqe.dst = host_pointer(memory->bus());
    sqe.length = bytes;
    auto done = admin(sqe);
    if (!done) return done.error();
    return std::vector<std::uint8_t>(memory->host(), memory->host() + bytes);
}

Result<std::vector<std::uint8_t>> Driver::log_page(std::uint32_t page, std::uint32_t bytes, std::uint32_t offset)
{
    lc_sqe sqe = make_command(LC_ADM_GET_LOG_PAGE);
    sqe.u.page.page = page;
    sqe.u.page.offset = offset;
    return read_page(sqe, bytes);
}

Result<Completion> Driver::calibrate(std::uint32_t core, std::uint32_t bank, std::uint32_t kinds, std::uint32_t samples)
{
    lc_sqe sqe = make_command(LC_ADM_CALIBRATE);
    sqe.u.calibrate.core = static_cast<std::uint16_t>(core);
    sqe.u.calibrate.bank = static_cast<std::uint16_t>(bank);
    sqe.u.calibrate.kinds = kinds;
    sqe.u.calibrate.samples = samples;
    return admin(sqe);
}

bool Driver::needs_calibration()
{
    return (transport_->read32(LC_REG_CSTS) & LC_CSTS_NEEDS_CAL) != 0;
}

void Driver::set_power_state(std::uint32_t state)
{
    transport_->write32(LC_REG_PWR_CTRL, state);
}

std::uint32_t Driver::power_state()
{
    return transport_->read32(LC_REG_PWR_STATUS) & LC_PWR_STATUS_STATE;
}

template <class Entry>
std::vector<Entry> Driver::read_table(std::uint32_t pointer, std::uint32_t count)
{
    const std::uint32_t offset = transport_->read32(pointer), entries = transport_->read32(count);
    if (offset >= LC_REG_BYTES || entries > (LC_REG_BYTES - offset) / sizeof(Entry)) return {};  // gone: all ones
    std::vector<Entry> table(entries);
    auto* bytes = reinterpret_cast<std::uint8_t*>(table.data());
    for (std::uint32_t at = 0; at < entries * sizeof(Entry); at += 4) {
        const std::uint32_t word = transport_->read32(offset + at);
        std::memcpy(bytes + at, &word, sizeof word);
    }
    return table;
}

std::vector<lc_telemetry> Driver::telemetry()
{
    return read_table<lc_telemetry>(LC_REG_TELEM_PTR, LC_REG_TELEM_COUNT);
}

std::optional<std::int64_t> Driver::telemetry(std::uint16_t tag, std::uint16_t index)
{
    for (const auto& entry : telemetry())
        if (entry.tag == tag && entry.index == index) return entry.value;
    return std::nullopt;
}

std::vector<lc_log_error> Driver::error_log_in_bar()
{
    return read_table<lc_log_error>(LC_REG_ERRLOG_PTR, LC_REG_ERRLOG_COUNT);
}

Result<std::optional<std::uint64_t>> Driver::next_event()
{
    std::optional<std::uint64_t> event;
    while (auto done = admin_->poll()) {
        if (done->cid != event_cid_) continue;  // somebody else's, and nobody waits for it any more
        event_cid_.reset();
        if (done->status == LC_SC_SUCCESS) event = done->result;
    }
    if (!event_cid_) {
        auto sent = admin_->submit(make_command(LC_ADM_ASYNC_EVENT));
        if (!sent) return sent.error();
        event_cid_ = *sent;
    }
    return event;
}

Status Driver::inject(std::uint16_t fault, std::uint64_t target, std::int64_t value, std::uint32_t count,
                      std::uint32_t microseconds)
{
    lc_sqe sqe = make_command(LC_ADM_INJECT);
    sqe.length = microseconds;
    sqe.u.inject.fault = fault;
    sqe.u.inject.target = target;
    sqe.u.inject.value = value;
    sqe.u.inject.count = count;
    auto done = admin(sqe);
    if (!done) return done.error();
    return {};
}

Status Driver::clear_fault(std::uint16_t fault, std::uint64_t target)
{
    lc_sqe sqe = make_command(LC_ADM_INJECT);
    sqe.u.inject.fault = fault;
    sqe.u.inject.flags = LC_INJECT_CLEAR;
    sqe.u.inject.target = target;
    auto done = admin(sqe);
    if (!done) return done.error();
    return {};
}

Result<std::uint64_t> Driver::get_feature(std::uint32_t feature)
{
    lc_sqe sqe = make_command(LC_ADM_GET_FEATURE);
    sqe.u.feature.feature = feature;
    auto done = admin(sqe);
    if (!done) return done.error();
    return done->result;
}

Status Driver::set_feature(std::uint32_t feature, std::uint64_t value)
{
    lc_sqe sqe = make_command(LC_ADM_SET_FEATURE);
    sqe.u.feature.feature = feature;
    sqe.u.feature.value = value;
    auto done = admin(sqe);
    if (!done) return done.error();
    return {};
}

}  // namespace lightcard::driver
