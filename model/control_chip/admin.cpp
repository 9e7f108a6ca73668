// SPDX-License-Identifier: Apache-2.0
// Admin commands of the control chip: queues, abort, identify, log pages, features, events.
#include <algorithm>
#include <cstring>

#include "lightcard/model/control_chip/control_chip.h"
#include "lightcard/model/control_chip/fault_table.h"

namespace lightcard::control_chip {

namespace {
constexpr std::size_t kMaxEventWaiters = 4;
constexpr std::uint32_t kAbiVersion = 1;
constexpr Picoseconds kInjectDelay = 10 * kMicrosecond;

template <class T>
void append(std::vector<std::uint8_t>& page, const T& value)
{
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    page.insert(page.end(), bytes, bytes + sizeof(T));
}
}  // namespace

void ControlChip::admin_done(const lc_sqe& sqe, lc_status status, std::uint64_t result)
{
    processor_->complete(0, sqe.cid, status, result);
}

void ControlChip::admin(const DecodedCommand& command)
{
    jobs_.settle();  // before events and logs are looked at
    const auto& sqe = command.sqe;
    switch (command.opcode) {
        case LC_ADM_CREATE_CQ:
        case LC_ADM_CREATE_SQ:
            create_queue(sqe);
            break;
        case LC_ADM_DELETE_CQ:
        case LC_ADM_DELETE_SQ:
            delete_queue(sqe);
            break;
        case LC_ADM_ABORT:
            abort_command(sqe);
            break;
        case LC_ADM_IDENTIFY: {
            std::vector<std::uint8_t> page;
            append(page, identify());
            send_page(sqe, std::move(page));
            break;
        }
        case LC_ADM_GET_LOG_PAGE:
            send_page(sqe, log_page(sqe.u.page.page));
            break;
        case LC_ADM_CALIBRATE: {
            Task& task = scheduler_.new_task();
            task.cid = sqe.cid;
            task.command = command;
            task.engine = core_engine(sqe.u.calibrate.core);
            scheduler_.dispatch(task);
            break;
        }
        case LC_ADM_ASYNC_EVENT:
            if (event_waiters_.size() >= kMaxEventWaiters) {
                admin_done(sqe, LC_SC_ASYNC_LIMIT, LC_FAIL(LC_FAIL_SELF, 0));
            } else {
                event_waiters_.push_back(sqe.cid);
                deliver_events();
            }
            break;
        case LC_ADM_INJECT:
            inject(sqe);
            break;
        default:
            feature(sqe);
    }
}

void ControlChip::feature(const lc_sqe& sqe)
{
    if (sqe.u.feature.feature != LC_FEATURE_EVENT_MASK)
        return admin_done(sqe, LC_SC_INVALID_FEATURE, LC_FAIL(LC_FAIL_SELF, 40));
    if (sqe.opcode == LC_ADM_SET_FEATURE) events_.set_mask(sqe.u.feature.value);
    admin_done(sqe, LC_SC_SUCCESS, events_.mask());
}

/// The fault begins when the command's completion has arrived, so that it is not the first victim.
void ControlChip::inject(const lc_sqe& sqe)
{
    const auto fault = fault_of_inject(sqe);
    if ((sqe.u.inject.flags & LC_INJECT_CLEAR) != 0)
        return admin_done(sqe, LC_SC_SUCCESS, services_.faults.clear(fault.kind, fault.target) ? 1 : 0);
    admin_done(sqe);
    const auto begin = now() + kInjectDelay;
    services_.faults.schedule(fault, {FaultStart::Kind::time, static_cast<std::uint64_t>(begin)});
    timeline_.at(begin, Due::faults);
}

void ControlChip::create_queue(const lc_sqe& sqe)
{
    const auto& wanted = sqe.u.queue;
    processor_->use(wanted.qid);
    if (sqe.opcode == LC_ADM_CREATE_CQ) {
        auto& cq = processor_->cq(wanted.qid);
        if (cq.exists) return admin_done(sqe, LC_SC_QUEUE_IN_USE, LC_FAIL(LC_FAIL_SELF, 40));
        cq = {};
        cq.exists = true;
        cq.base = LC_PTR_OFFSET(sqe.src);
        cq.entries = wanted.entries;
        cq.vector = wanted.vector;
        return admin_done(sqe);
    }
    auto& sq = processor_->sq(wanted.qid);
    if (sq.exists) return admin_done(sqe, LC_SC_QUEUE_IN_USE, LC_FAIL(LC_FAIL_SELF, 40));
    if (!processor_->cq(wanted.cqid).exists) return admin_done(sqe, LC_SC_INVALID_QID, LC_FAIL(LC_FAIL_SELF, 44));
    sq = {};
    sq.exists = true;
    sq.base = LC_PTR_OFFSET(sqe.src);
    sq.entries = wanted.entries;
    sq.cq = wanted.cqid;
    admin_done(sqe);
}

/// Commands of a deleted submission queue end without completion; its ring is the host's again.
void ControlChip::delete_queue(const lc_sqe& sqe)
{
    const auto qid = sqe.u.queue.qid;
    if (sqe.opcode == LC_ADM_DELETE_SQ) {
        if (!processor_->sq(qid).exists) return admin_done(sqe, LC_SC_INVALID_QID, LC_FAIL(LC_FAIL_SELF, 40));
        scheduler_.drop([qid](const Task& task) { return task.sq == qid; });
        services_.faults.cure(FaultKind::queue_stuck, qid);
        processor_->sq(qid) = {};
        return admin_done(sqe);
    }
    if (!processor_->cq(qid).exists) return admin_done(sqe, LC_SC_INVALID_QID, LC_FAIL(LC_FAIL_SELF, 40));
    for (std::uint32_t i = 1; i < processor_->queues(); ++i) {
        const auto& sq = processor_->sq(i);
        if (sq.exists && sq.cq == qid) return admin_done(sqe, LC_SC_QUEUE_IN_USE, LC_FAIL(LC_FAIL_SELF, 40));
    }
    processor_->cq(qid) = {};
    admin_done(sqe);
}

/// Result bit 0: 1 = the command was found, but runs to its end (as in NVMe).
void ControlChip::abort_command(const lc_sqe& sqe)
{
    const auto sqid = sqe.u.abort.sqid, cid = sqe.u.abort.cid;
    if (sqid < processor_->queues() && processor_->cancel_incoming(sqid, cid)) return admin_done(sqe);
    const auto found = std::find_if(scheduler_.tasks().begin(), scheduler_.tasks().end(), [&](const auto& entry) {
        return !entry.record && entry.sq == sqid && entry.task->cid == cid;
    });
    if (found == scheduler_.tasks().end()) return admin_done(sqe, LC_SC_ABORT_NOT_FOUND, LC_FAIL(LC_FAIL_SELF, 40));
    const auto id = found->id;
    scheduler_.abort_task(id);
    const auto* task = scheduler_.find(id);
    admin_done(sqe, LC_SC_SUCCESS, task != nullptr && !task->aborting ? 1 : 0);
}

void ControlChip::send_page(const lc_sqe& sqe, std::vector<std::uint8_t> page)
{
    const auto begin = std::min<std::size_t>(sqe.u.page.offset, page.size());
    const auto length = std::min<std::size_t>(sqe.length, page.size() - begin);
    if (length > 0) {
        DmaRequest request;
        request.tag = make_tag(TagKind::ignore);
        request.to_host = true;
        request.bus = LC_PTR_OFFSET(sqe.dst);
        request.data.assign(page.begin() + static_cast<std::ptrdiff_t>(begin),
                            page.begin() + static_cast<std::ptrdiff_t>(begin + length));
        host_.submit(std::move(request));
    }
    // Posted writes stay in order, so the page is there before its completion.
    admin_done(sqe, LC_SC_SUCCESS, length);
}

lc_identify ControlChip::identify() const
{
    lc_identify id{};
    id.magic = 0x4c433031;
    id.abi_version = kAbiVersion;
    id.n = facts_.n;
    id.lanes = facts_.lanes;
    id.cores = facts_.cores;
    id.banks = facts_.banks;
    id.writers = facts_.writers;
    id.level_bits = facts_.level_bits;
    id.dac_bits = facts_.dac_bits;
    id.adc_bits = facts_.adc_bits;
    id.io_queues = parameters_.io_queues;
    id.queue_entries = parameters_.queue_entries;
    id.symbol_rate = facts_.symbol_rate;
    id.sram_bytes = parameters_.sram_bytes;
    id.dram_bytes = facts_.dram_bytes;
    id.max_transfer = processor_->limits().max_transfer;
    id.write_slot_ps = facts_.write_slot_ps;
    id.write_slots_per_tile = facts_.write_slots_per_tile;
    std::copy_n(facts_.config_hash.data(), std::min<std::size_t>(facts_.config_hash.size(), sizeof id.config_hash),
                id.config_hash);
    std::copy_n(facts_.name.data(), std::min<std::size_t>(facts_.name.size(), sizeof id.model_name - 1), id.model_name);
    return id;
}

std::vector<std::uint8_t> ControlChip::log_page(std::uint32_t page)
{
    jobs_.settle();
    std::vector<std::uint8_t> bytes;
    if (page == LC_LOG_ERROR) {
        for (const auto& error : errors_) append(bytes, error);
    } else if (page == LC_LOG_WEIGHTS) {
        for (std::uint32_t core = 0; core < facts_.cores; ++core) {
            for (std::uint32_t bank = 0; bank < facts_.banks; ++bank) append(bytes, logs_.weights(core, bank));
        }
    } else if (page == LC_LOG_WEAR) {
        for (std::uint32_t core = 0; core < facts_.cores; ++core) {
            for (std::uint32_t bank = 0; bank < facts_.banks; ++bank) append(bytes, logs_.wear(core, bank));
        }
    } else if (page == LC_LOG_EVENT) {
        for (const auto& event : events_.entries()) append(bytes, event);
    } else if (page == LC_LOG_CALIBRATION) {
        for (std::uint32_t core = 0; core < facts_.cores; ++core) {
            auto entry = logs_.calibration(core);
            entry.core = static_cast<std::uint16_t>(core);
            entry.samples = converted(core);
            entry.clipped = clipped(core);
            if (needs_calibration(core)) entry.flags |= LC_CALIBRATION_NEEDED;
            append(bytes, entry);
        }
    } else {
        for (const auto& held : scheduler_.tasks()) {
            if (held.record) continue;
            const auto& task = *held.task;
            lc_log_progress entry{};
            entry.sq_id = task.sq;
            entry.cid = task.cid;
            entry.opcode = task.command.opcode;
            const auto permille = [](std::uint64_t part, std::uint64_t whole) {
                return static_cast<std::uint16_t>(whole == 0 ? 0 : std::min<std::uint64_t>(1000, part * 1000 / whole));
            };
            if (task.running && task.command.opcode == LC_OP_EXEC) {
                entry.permille = permille(sequencer_->issued(), sequencer_->total());
            } else if (task.running && task.ends > task.started) {
                entry.permille = permille(static_cast<std::uint64_t>(services_.now() - task.started),
                                          static_cast<std::uint64_t>(task.ends - task.started));
            }
            append(bytes, entry);
        }
    }
    return bytes;
}

}  // namespace lightcard::control_chip
