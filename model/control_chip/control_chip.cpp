// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/control_chip.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::control_chip {

namespace {

constexpr std::uint8_t kGainKinds = LC_CAL_COLUMNS | LC_CAL_DRIFT;

constexpr Picoseconds kEnableTime = 10 * kMicrosecond;  ///< CC.EN to CSTS.RDY once booted

/// Engine instances, in the order they are added.
constexpr std::uint32_t kDma = 0, kVector = 1, kDigital = 2, kSequencer = 3, kFirstCore = 4;
}  // namespace

ControlChip::ControlChip(sc_core::sc_module_name name, const Parameters& parameters, const CardFacts& facts,
                         HostPort& host, Services& services, Logs logs)
    : sc_module(name),
      registers("registers"),
      memory("memory"),
      cores("core", facts.cores),
      weights("weights", facts.cores),
      parameters_(parameters),
      facts_(facts),
      host_(host),
      services_(services),
      logs_(std::move(logs)),
      bank_(register_table(), card_resets(parameters, services.run.inject)),
      power_(facts.wake, {[this] { return services_.now(); }, [this] { return idle(); },
                          [this](PowerState state) {
                              if (state == PowerState::active) bank_.set(bank_.field("PWR_CTRL.TARGET"), 0);
                              if (enter_power_) enter_power_(state);
                          }}),
      wake_("wake"),
      scratchpad_(parameters, services),
      jobs_(services.workers),
      memories_(scratchpad_, memory, facts.dram_bytes, jobs_, services),
      scheduler_(*this),
      context_{parameters_, services_, memories_, timeline_, scheduler_, counts_, jobs_},
      telemetry_(services.telemetry),
      needs_calibration_(facts.cores)
{
    registers.register_b_transport(this, &ControlChip::register_transport);
    registers.register_transport_dbg(this, &ControlChip::register_debug);
    DecodeLimits limits;
    limits.n = facts.n;
    limits.cores = facts.cores;
    limits.banks = facts.banks;
    limits.sram_bytes = parameters.sram_bytes;
    limits.dram_bytes = facts.dram_bytes;
    limits.io_queues = parameters.io_queues;
    limits.queue_entries = parameters.queue_entries;
    limits.msix_vectors = facts.msix_vectors;
    limits.inject = services.run.inject;
    limits.lanes = facts.lanes;
    limits.link_generation = facts.link_generation;
    limits.link_width = facts.link_width;
    CommandProcessor::Hooks hooks;
    hooks.admin = [this](const DecodedCommand& command) { admin(command); };
    hooks.route = [this](const DecodedCommand& command) { return route(command); };
    hooks.log_error = [this](const lc_log_error& error) {
        errors_.push_front(error);
        if (errors_.size() > 64) errors_.pop_back();
    };
    processor_ = std::make_unique<CommandProcessor>(context_, host_, limits, std::move(hooks));
    sequencer_ = std::make_unique<Sequencer>(context_, host_, *processor_);
    dma_ = std::make_unique<DmaEngine>(context_, host_, make_tag(TagKind::burst));
    vector_ = std::make_unique<VectorUnit>(context_);
    digital_ = std::make_unique<DigitalMacEngine>(context_);
    scheduler_.add_engine("dma", LC_ENGINE_DMA, 1, *dma_);
    scheduler_.add_engine("vector", LC_ENGINE_VECTOR, 1, *vector_);
    scheduler_.add_engine("digital", LC_ENGINE_DIGITAL, 1, *digital_);
    scheduler_.add_engine("sequencer", LC_ENGINES, 1, *sequencer_);
    const auto accounts = MvmEngine::open_accounts(services.ledger, parameters);
    for (std::uint32_t core = 0; core < facts.cores; ++core) {
        writers_.push_back(std::make_unique<WeightWriter>(context_, weights[core]));
        mvm_.push_back(std::make_unique<MvmEngine>(context_, cores[core], core, facts.lanes));
        mvm_.back()->share_sample_counts(samples_);
        mvm_.back()->set_accounts(accounts);
        scheduler_.add_engine("writer" + std::to_string(core), LC_ENGINE_WRITER, facts.writers, *writers_.back());
        scheduler_.add_engine("core" + std::to_string(core), LC_ENGINE_CORE, 1, *mvm_.back());
    }
    timeline_.set_wake([this](Picoseconds when) {
        if (!working_) wake_at(when);
    });
    set_up_registers();
    add_telemetry();
    CardEvents::Handlers handlers;
    handlers.event = [this](const CardEvent& event) { happened(event); };
    handlers.awaited = [this] { return !event_waiters_.empty(); };
    handlers.error = [this](const char* unit, std::uint16_t status, std::uint64_t address) {
        raise_error(unit, static_cast<lc_status>(status), address);
    };
    services_.events.set_handlers(std::move(handlers));
    begin_boot();
    SC_METHOD(work_method);
    sensitive << wake_;
    dont_initialize();
}

std::uint32_t ControlChip::core_engine(std::uint32_t core)
{
    return kFirstCore + 2u * core + 1;
}

void ControlChip::must_calibrate(std::uint32_t core, std::uint32_t kinds)
{
    if (core < needs_calibration_.size()) needs_calibration_[core] |= static_cast<std::uint8_t>(kinds);
}

void ControlChip::set_calibration_due(std::function<bool(std::uint32_t core, std::uint32_t bank)> due)
{
    calibration_due_ = std::move(due);
    for (std::uint32_t core = 0; core < facts_.cores; ++core)
        mvm_[core]->calibrator().set_due([this, core](std::uint32_t bank) { return calibration_due_(core, bank); });
}

/// Something has happened to the core that only a calibration mends, or a bank that holds weights is due.
bool ControlChip::needs_calibration(std::uint32_t core) const
{
    if (needs_calibration_[core] != 0) return true;
    if (!calibration_due_) return false;
    for (std::uint32_t bank = 0; bank < facts_.banks; ++bank)
        if (calibration_due_(core, bank)) return true;
    return false;
}

std::uint32_t ControlChip::route(const DecodedCommand& command) const
{
    switch (command.opcode) {
        case LC_OP_COPY:
            return kDma;
        case LC_OP_VECTOR:
            return kVector;
        case LC_OP_GEMM:
            return kDigital;
        case LC_OP_EXEC:
            return kSequencer;
        case LC_OP_PROGRAM_WEIGHTS:
        case LC_OP_VERIFY_WEIGHTS:
            return kFirstCore + 2u * command.program().core;
        case LC_OP_MVM:
            return core_engine(command.mvm().core);
        default:
            return Scheduler::kNoEngine;
    }
}

// --- timeline -------------------------------------------------------------------------------------------------

void ControlChip::wake_at(Picoseconds when)
{
    wake_.notify(scale_.to_sc_time(std::max<Picoseconds>(0, when - services_.simulated())));
}

/// Everything that is due, and what comes next as long as nobody can tell that the simulator has not come so far.
void ControlChip::work_method()
{
    working_ = true;
    services_.begin_look();
    do {
        while (timeline_.due(now())) {
            const auto item = timeline_.take();
            try {
                do_item(item);
            } catch (const std::exception& failure) {
                services_.diagnostics.report(Severity::internal_error, now(), "control_chip", failure.what());
            }
        }
    } while (!timeline_.empty() && services_.look_ahead(timeline_.next()));
    working_ = false;
    // The simulator comes at least as far as the chip has.
    const auto next = timeline_.empty() ? now() : timeline_.next();
    if (next > services_.simulated()) wake_at(next);
    power_.settle();
}

void ControlChip::do_item(DueItem item)
{
    switch (item.what) {
        case Due::enable:
            enable();
            break;
        case Due::dispatch:
            processor_->dispatch_head(static_cast<std::uint32_t>(item.id));
            break;
        case Due::operands:
            processor_->operands_due(item.id);
            break;
        case Due::engine_free:
            scheduler_.release_engine(item.id);
            break;
        case Due::step:
            scheduler_.step(item.id);
            break;
        case Due::finish:
            scheduler_.finish(item.id);
            break;
        case Due::issue:
            sequencer_->issue_due();
            break;
        case Due::records:
            sequencer_->records_due();
            break;
        case Due::faults:
            services_.faults.catch_up();
            break;
        case Due::dma_piece:
            dma_->piece_due(item.id);
            break;
        case Due::doorbell:
            ring({static_cast<std::uint32_t>(item.id >> 32), false}, static_cast<std::uint32_t>(item.id), 0);
            break;
    }
}

/// A command of a queue completes: its numbers are there.
void ControlChip::settle_command(Task& task)
{
    jobs_.settle();
    const auto failure = jobs_.take_failure(task.sq, task.cid);
    if (!failure || task.status != LC_SC_SUCCESS) return;
    const auto record = failure->origin.record;
    task.fail(LC_SC_INTERNAL, LC_FAIL(record == Task::kFromQueue ? LC_FAIL_SELF : record, 0));
    try {
        std::rethrow_exception(failure->why);
    } catch (const std::exception& why) {
        internal_error(task, why.what());
    }
}

void ControlChip::task_finished(Task& task)
{
    if (!task.is_record()) settle_command(task);
    if (task.status == LC_SC_HOST_BUS) raise_error("DMA", task.status, LC_PTR_OFFSET(task.command.sqe.src));
    if (task.status == LC_SC_WORN_OUT || task.status == LC_SC_VERIFY_FAILED) raise_error("PCM", task.status, 0);
    if (task.status == LC_SC_LASER_LOST) raise_error("LASER", task.status, 0);
    if (task.worn_out || task.status == LC_SC_WORN_OUT) {
        const auto& op = task.command.program();
        happened({EventType::wear, static_cast<std::uint8_t>(op.core), op.bank});
    }
    if (task.command.opcode == LC_ADM_CALIBRATE && task.status == LC_SC_SUCCESS) {
        const auto core = task.command.sqe.u.calibrate.core;
        if (core < needs_calibration_.size() && needs_calibration_[core] != 0) {
            auto& needed = needs_calibration_[core];
            const std::uint32_t kinds = task.command.sqe.u.calibrate.kinds;
            // Gains of columns and of banks mend the same; ADCs are trimmed or not.
            if ((kinds & LC_CAL_ADCS) != 0) needed &= static_cast<std::uint8_t>(~LC_CAL_ADCS);
            if ((kinds & kGainKinds) != 0) needed &= static_cast<std::uint8_t>(~kGainKinds);
            if (needed == 0) happened({EventType::calibration, static_cast<std::uint8_t>(core), 0});
        }
    }
    auto& faults = services_.faults;
    if (!faults.quiet()) {
        faults.count(FaultStart::Kind::commands, counts_.commands);
        faults.count(FaultStart::Kind::mvms, counts_.mvms);
        if (weight_generation_) faults.count(FaultStart::Kind::programs, weight_generation_());
    }
    if (task.is_record()) {
        sequencer_->record_finished(task);
    } else {
        processor_->complete(task.sq, task.cid, task.status, task.result);
    }
}

void ControlChip::internal_error(const Task& task, const char* text)
{
    const auto severity = task.status == LC_SC_INTERNAL ? Severity::internal_error : Severity::guest_error;
    services_.diagnostics.report(severity, now(), "control_chip." + std::string(opcode_name(task.command.opcode)),
                                 text);
    if (task.status == LC_SC_INTERNAL) raise_error("INTERNAL", task.status, 0);
}

void ControlChip::dma_complete(DmaRequest request, bool ok)
{
    switch (tag_kind(request.tag)) {
        case TagKind::entries:
            processor_->entries_arrived(request, ok);
            break;
        case TagKind::operands:
            processor_->operands_arrived(tag_id(request.tag), request.data.data(), ok);
            break;
        case TagKind::records:
            sequencer_->records_arrived(request.data.data(), request.data.size(), ok);
            break;
        case TagKind::burst:
            dma_->host_complete(std::move(request), ok);
            break;
        case TagKind::completion:
        case TagKind::ignore:
            break;
    }
    if (!ok) raise_error("DMA", LC_SC_HOST_BUS, 0);
    power_.settle();
}

// --- registers ------------------------------------------------------------------------------------------------

void ControlChip::set_up_registers()
{
    f_ = {bank_.field("CC.EN"),     bank_.field("CSTS.RDY"),    bank_.field("CSTS.CFS"),    bank_.field("CC.SHN"),
          bank_.field("CSTS.SHST"), bank_.field("AQA.ASQS"),    bank_.field("AQA.ACQS"),    bank_.field("ASQ"),
          bank_.field("ACQ"),       bank_.field("RESET_COUNT"), bank_.field("RESET_CAUSE"), bank_.field("ERR_STATUS"),
          bank_.field("ERR_SEV"),   bank_.field("ERR_FIRST")};
    bank_.on_write("CC", [this](std::uint64_t before, std::uint64_t after) { control_written(before, after); });
    boot_fields_ = {bank_.field("BOOT_STATUS.STAGE"), bank_.field("BOOT_STATUS.PROGRESS"),
                    bank_.field("BOOT_STATUS.READY"), bank_.field("BOOT_STATUS.FAILED")};
    bank_.on_read("CSTS", [this](std::uint64_t stored) { return controller_status(stored); });
    bank_.on_read("BOOT_STATUS", [this](std::uint64_t) { return boot_status(); });
    bank_.on_read("BOOT_ERR", [this](std::uint64_t stored) {
        const bool failed = (boot_status() >> boot_fields_.failed.lsb & 1) != 0;
        return stored | (failed ? std::uint64_t{1} << boot_.error : 0);
    });
    bank_.on_read("HEARTBEAT", [this](std::uint64_t) { return heartbeat(); });
    bank_.on_read("TELEM_COUNT", [this](std::uint64_t) { return std::uint64_t{telemetry_.count()}; });
    bank_.on_read("TELEM_GEN", [this](std::uint64_t) { return std::uint64_t{telemetry_.count()}; });
    bank_.on_read("ERRLOG_COUNT", [this](std::uint64_t) { return std::uint64_t{errors_.size()}; });
    bank_.on_read("TIME_NS",
                  [this](std::uint64_t) { return static_cast<std::uint64_t>((now() - powered_on_) / kNanosecond); });
    bank_.on_read("WEIGHT_GEN",
                  [this](std::uint64_t stored) { return weight_generation_ ? weight_generation_() : stored; });
    bank_.on_write("PWR_CTRL", [this](std::uint64_t, std::uint64_t after) {
        const auto target = std::min<std::uint64_t>(after & 0xf, static_cast<std::uint64_t>(PowerState::deep_sleep));
        power_.request(static_cast<PowerState>(target));
    });
    const auto progress = bank_.field("PWR_STATUS.INPROGRESS");
    bank_.on_read("PWR_STATUS", [this, progress](std::uint64_t) {
        power_.settle();
        return static_cast<std::uint64_t>(power_.state()) |
               (power_.in_progress() ? std::uint64_t{1} << progress.lsb : 0);
    });
    bank_.on_write("ERR_STATUS", [this](std::uint64_t, std::uint64_t after) {
        if (after == 0) bank_.set(f_.err_first, 0);
    });
}

void ControlChip::register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&)
{
    const auto offset = static_cast<std::uint32_t>(payload.get_address());
    const auto length = payload.get_data_length();
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (payload.is_write()) {
        std::uint64_t value = 0;
        std::memcpy(&value, payload.get_data_ptr(), std::min(length, 8u));
        const auto doorbell = decode_doorbell(offset);
        if (doorbell && length == 4) {
            ring(*doorbell, static_cast<std::uint32_t>(value), offset);
            return;
        }
        if (ring_registers_locked(offset)) return;
        bank_.write(offset, length, value).report(services_.diagnostics, now(), "control_chip.registers");
        return;
    }
    if (offset >= kTelemetryOffset && read_table(offset, payload.get_data_ptr(), length)) return;
    const auto read = bank_.read(offset, length);
    if (!read.outcome.ok()) read.outcome.report(services_.diagnostics, now(), "control_chip.registers");
    if (length == 4) {  // nearly always: no call for a known size
        std::memcpy(payload.get_data_ptr(), &read.value, 4);
        return;
    }
    std::memset(payload.get_data_ptr(), 0, length);
    std::memcpy(payload.get_data_ptr(), &read.value, std::min(length, 8u));
}

/// AQA, ASQ and ACQ say where the admin rings are; while CC.EN is 1 they are in use and keep their values.
bool ControlChip::ring_registers_locked(std::uint32_t offset)
{
    const bool ring_register = offset >= LC_REG_AQA && offset < LC_REG_ACQ + 8;
    if (!ring_register || bank_.get(f_.enable) == 0) return false;
    services_.diagnostics.guest_error(now(), "control_chip.registers",
                                      "write to " + register_name(register_table(), offset) + " while CC.EN is 1");
    return true;
}

/// Debug reads show stored values and have no side effect; only what a plain read shows without a hook is promised.
unsigned ControlChip::register_debug(tlm::tlm_generic_payload& payload)
{
    if (!payload.is_read()) return 0;
    const auto offset = static_cast<std::uint32_t>(payload.get_address());
    for (const auto& entry : register_table().registers) {
        if (offset != entry.offset || payload.get_data_length() > entry.bytes || entry.count > 1) continue;
        const auto value = bank_.get(bank_.field(entry.name));
        std::memcpy(payload.get_data_ptr(), &value, payload.get_data_length());
        payload.set_response_status(tlm::TLM_OK_RESPONSE);
        return payload.get_data_length();
    }
    return 0;
}

void ControlChip::ring(const Doorbell& doorbell, std::uint32_t value, std::uint32_t offset)
{
    if (bank_.get(f_.ready) == 0) {
        services_.diagnostics.guest_error(now(), "control_chip.queues", "doorbell while CSTS.RDY is 0");
        return;
    }
    // New work wakes the card; that completions have been seen does not.
    const auto awake = doorbell.completion ? now() : power_.awake();
    if (awake > now()) {  // it is heard once the card is awake
        timeline_.at(awake, Due::doorbell, std::uint64_t{doorbell.queue} << 32 | value);
        return;
    }
    const auto wrong = doorbell.completion ? processor_->ring_completion(doorbell.queue, value)
                                           : processor_->ring_submission(doorbell.queue, value);
    if (wrong.empty()) return;
    services_.diagnostics.guest_error(now(), "control_chip.queues", wrong);
    raise_error("QUEUE", LC_SC_INVALID_QID, offset);
}

void ControlChip::control_written(std::uint64_t before, std::uint64_t after)
{
    if (services_.faults.find(FaultKind::firmware_hang) != nullptr) return;  // nobody hears
    const bool was = (before >> f_.enable.lsb & 1) != 0, is = (after >> f_.enable.lsb & 1) != 0;
    if (!was && is) {
        timeline_.at(std::max(now(), powered_on_ + boot_.time) + kEnableTime, Due::enable);
    } else if (was && !is) {
        reset(ResetLevel::controller, 1);
    }
    // Nothing is buffered in the card, so a shutdown is done when it is asked for; abrupt and normal are alike.
    if (bank_.get(f_.shutdown) != 0) bank_.set(f_.shutdown_status, 2);
}

void ControlChip::enable()
{
    if (bank_.get(f_.enable) == 0 || bank_.get(f_.ready) != 0) return;
    if (boot_.error >= 0 || services_.faults.find(FaultKind::firmware_hang) != nullptr) return;
    if (!booted()) {  // booting takes longer than it seemed to
        timeline_.at(powered_on_ + boot_.time + kEnableTime, Due::enable);
        return;
    }
    auto& sq = processor_->sq(0);
    auto& cq = processor_->cq(0);
    const auto sq_entries = static_cast<std::uint32_t>(bank_.get(f_.asqs)) + 1;
    const auto cq_entries = static_cast<std::uint32_t>(bank_.get(f_.acqs)) + 1;
    if (sq_entries < 2 || cq_entries < 2 || sq_entries > parameters_.queue_entries ||
        cq_entries > parameters_.queue_entries) {
        services_.diagnostics.guest_error(now(), "control_chip.queues",
                                          "AQA: admin rings need 2 .. CAP.MQES + 1 entries");
        bank_.set(f_.fatal, 1);
        return;
    }
    processor_->use(0);
    sq = {};
    sq.exists = true;
    sq.base = bank_.get(f_.asq);
    sq.entries = sq_entries;
    cq = {};
    cq.exists = true;
    cq.base = bank_.get(f_.acq);
    cq.entries = cq_entries;
    cq.vector = 0;
    bank_.set(f_.ready, 1);
}

void ControlChip::raise_error(const char* unit, lc_status code, std::uint64_t address)
{
    const auto field = bank_.field(std::string("ERR_STATUS.") + unit);
    if (bank_.get(f_.err_status) == 0) {
        bank_.set(f_.err_first,
                  field.lsb | static_cast<std::uint64_t>(code & 0xff) << 8 | (address & 0xffffffffffffull) << 16);
    }
    bank_.set(field, 1);
    if ((bank_.get(f_.err_sev) >> field.lsb & 1) != 0) bank_.set(f_.fatal, 1);
    const bool masked = bank_.get(bank_.field(std::string("ERR_MASK.") + unit)) != 0;
    if (!masked) happened({EventType::error, field.lsb, code});
}

/// Into the log; the driver hears of it as soon as it waits.
void ControlChip::happened(const CardEvent& event)
{
    if (event.type == EventType::calibration && event.info < needs_calibration_.size()) {
        auto& needed = needs_calibration_[event.info];
        if (event.value == 0) {
            needed = 0;
        } else if (needed == 0) {
            needed = kGainKinds;
        }
    }
    jobs_.settle();  // what they have to tell comes first
    const auto at = event.at == CardEvent::kNow ? now() : event.at;
    events_.add(event, static_cast<std::uint64_t>((at - powered_on_) / kNanosecond),
                static_cast<std::uint32_t>(bank_.get(f_.reset_count)));
    deliver_events();
}

void ControlChip::deliver_events()
{
    while (!event_waiters_.empty() && events_.pending()) {
        const auto cid = event_waiters_.front();
        event_waiters_.erase(event_waiters_.begin());
        processor_->complete(0, cid, LC_SC_SUCCESS, event_result(events_.take()));
    }
}

bool ControlChip::idle() const
{
    return scheduler_.idle() && timeline_.empty() && processor_->idle() && !host_.busy();
}

void ControlChip::reset(ResetLevel level, std::uint32_t cause)
{
    host_.cancel();
    jobs_.settle();
    jobs_.forget_failures();
    // Drop from a copy of the rule: every task, running or not.
    scheduler_.drop([](const Task&) { return true; });
    timeline_.clear();
    power_.reset();
    dma_->reset();
    processor_->reset();
    event_waiters_.clear();
    events_.forget_pending();
    events_.set_mask(0);
    scratchpad_.release(now());
    const auto resets = bank_.get(f_.reset_count) + 1;
    bank_.reset(level);
    services_.faults.cure(FaultKind::queue_stuck);
    if (level != ResetLevel::controller) services_.faults.cure(FaultKind::firmware_hang);
    if (level == ResetLevel::cold) {
        powered_on_ = now();
        samples_.clear();
        errors_.clear();
        events_.clear();
        std::memset(scratchpad_.data(), 0, scratchpad_.size());
        begin_boot();
        return;
    }
    bank_.set(f_.reset_count, resets);
    bank_.set(f_.reset_cause, cause);
    // The driver knows of the reset that it asked for itself.
    if (level != ResetLevel::controller) happened({EventType::reset, static_cast<std::uint8_t>(cause), 0});
}

// --- boot and firmware -----------------------------------------------------------------------------------------------

void ControlChip::begin_boot()
{
    boot_ = {};
    boot_.time = parameters_.boot_time;
    take_boot_faults();
}

void ControlChip::take_boot_faults()
{
    auto& faults = services_.faults;
    if (const auto* slow = faults.find(FaultKind::boot_slow); slow != nullptr) {
        boot_.time += slow->value * kNanosecond;
        faults.strike(FaultKind::boot_slow);
    }
    if (const auto* failed = faults.find(FaultKind::boot_failed); failed != nullptr) {
        boot_.error = static_cast<std::int32_t>(failed->target);
        faults.strike(FaultKind::boot_failed);
    }
}

/// Three stages of equal length before the card is ready. A slow boot is slow in loading, one that fails fails at the
/// start of the firmware.
std::uint64_t ControlChip::boot_status() const
{
    const auto at = [](const RegisterFieldId& field, std::uint64_t value) { return value << field.lsb; };
    const auto& f = boot_fields_;
    const auto elapsed = now() - powered_on_;
    if (booted()) return at(f.ready, 1) | at(f.stage, LC_BOOT_STATUS_STAGE_DONE) | at(f.percent, 100);
    const auto third = std::max<Picoseconds>(1, parameters_.boot_time / 3);
    const auto loading = std::max(third, boot_.time - 2 * third);
    if (boot_.error >= 0 && elapsed >= third + loading)
        return at(f.failed, 1) | at(f.stage, LC_BOOT_STATUS_STAGE_FIRMWARE);
    const auto percent = [](Picoseconds part, Picoseconds whole) {
        return static_cast<std::uint64_t>(static_cast<double>(part) / static_cast<double>(whole) * 100);
    };
    if (elapsed < third) return at(f.stage, LC_BOOT_STATUS_STAGE_ROM) | at(f.percent, percent(elapsed, third));
    if (elapsed < third + loading)
        return at(f.stage, LC_BOOT_STATUS_STAGE_LOADER) | at(f.percent, percent(elapsed - third, loading));
    return at(f.stage, LC_BOOT_STATUS_STAGE_FIRMWARE) |
           at(f.percent, std::min<std::uint64_t>(99, percent(elapsed - third - loading, third)));
}

std::uint64_t ControlChip::heartbeat()
{
    const auto until = services_.faults.find(FaultKind::firmware_hang) != nullptr ? hung_at_ : now();
    return static_cast<std::uint64_t>((until - powered_on_) / kMillisecond);
}

std::uint64_t ControlChip::controller_status(std::uint64_t stored)
{
    constexpr Picoseconds kLagging = 100 * kMillisecond;
    if (!idle()) stored |= LC_CSTS_BUSY;
    if (lag_ && lag_() > kLagging) stored |= LC_CSTS_LAGGING;
    for (std::uint32_t core = 0; core < facts_.cores; ++core)
        if (needs_calibration(core)) stored |= LC_CSTS_NEEDS_CAL;
    return stored;
}

void ControlChip::fault_began(const Fault& fault)
{
    const bool boots = fault.kind == FaultKind::boot_slow || fault.kind == FaultKind::boot_failed;
    if (boots && !booted() && boot_.error < 0) take_boot_faults();
    if (fault.kind == FaultKind::firmware_hang) hung_at_ = now();
}

void ControlChip::fault_ended(const Fault& fault, bool used_up)
{
    if (used_up) return;  // what it held back waits for the next doorbell
    if (fault.kind == FaultKind::queue_stuck || fault.kind == FaultKind::firmware_hang) processor_->resume();
    if (fault.kind == FaultKind::firmware_hang && bank_.get(f_.enable) != 0 && bank_.get(f_.ready) == 0)
        timeline_.at(std::max(now(), powered_on_ + boot_.time) + kEnableTime, Due::enable);
}

// --- telemetry and error log in BAR0 ---------------------------------------------------------------------------------

void ControlChip::add_telemetry()
{
    auto& list = services_.telemetry;
    list.add(LC_TAG_FIRMWARE_VERSION, 0, [] { return std::int64_t{LC_VERSION_RESET}; });
    list.add(LC_TAG_UPTIME_NS, 0, [this] { return (now() - powered_on_) / kNanosecond; });
    for (std::uint32_t qid = 0; qid < processor_->queues(); ++qid) {
        list.add(LC_TAG_QUEUE_DEPTH, static_cast<std::uint16_t>(qid), [this, qid] {
            const auto waiting = processor_->sq(qid).incoming.size();
            return static_cast<std::int64_t>(waiting + scheduler_.in_flight(static_cast<std::uint16_t>(qid)));
        });
    }
    list.add(LC_TAG_POWER_STATE, 0, [this] { return static_cast<std::int64_t>(power_.state()); });
    list.add(LC_TAG_COMMANDS, 0, [this] { return static_cast<std::int64_t>(counts_.commands); });
    list.add(LC_TAG_FAILED_COMMANDS, 0, [this] { return static_cast<std::int64_t>(counts_.failed_commands); });
    list.add(LC_TAG_FAULTS, 0, [this] { return static_cast<std::int64_t>(services_.faults.active().size()); });
    for (std::uint32_t core = 0; core < facts_.cores; ++core) {
        const auto index = static_cast<std::uint16_t>(core);
        list.add(LC_TAG_ADC_SAMPLES, index, [this, core] { return static_cast<std::int64_t>(converted(core)); });
        list.add(LC_TAG_ADC_CLIPPED, index, [this, core] { return static_cast<std::int64_t>(clipped(core)); });
    }
}

/// False: the offset belongs to neither table.
bool ControlChip::read_table(std::uint32_t offset, std::uint8_t* into, std::uint32_t bytes)
{
    const auto page = offset / kTableBytes * kTableBytes, at = offset - page;
    if (page != kTelemetryOffset && page != kErrorLogOffset) return false;
    std::memset(into, 0, bytes);
    bool well = at % 4 == 0 && bytes % 4 == 0 && at + bytes <= kTableBytes;
    if (well && page == kTelemetryOffset) {
        well = telemetry_.read(at, into, bytes);
    } else if (well) {
        for (std::uint32_t i = 0; i < bytes; ++i) {
            const auto entry = (at + i) / sizeof(lc_log_error), byte = (at + i) % sizeof(lc_log_error);
            if (entry < errors_.size()) into[i] = reinterpret_cast<const std::uint8_t*>(&errors_[entry])[byte];
        }
    }
    if (!well) {
        services_.diagnostics.guest_error(now(), "control_chip.registers",
                                          "tables in BAR0 take whole, aligned 4-byte words");
    }
    return true;
}

}  // namespace lightcard::control_chip
