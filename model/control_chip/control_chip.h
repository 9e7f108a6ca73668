// SPDX-License-Identifier: Apache-2.0
/// The electronic control chip: registers and doorbells, admin and I/O queues, command processor, sequencer, DMA,
/// scratchpad, vector unit, digital matrix engine, weight writers, and the drivers of the photonic cores.
///
/// One SC_METHOD works off a timeline of data items; nothing is scheduled while the chip is idle. Every effect that a
/// host can see (register, completion, interrupt, host memory) happens at its own simulated time, so results do not
/// depend on the simulation quantum.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/common/host_port.h"
#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/control_chip/command_processor.h"
#include "lightcard/model/control_chip/digital_engines.h"
#include "lightcard/model/control_chip/dma_engine.h"
#include "lightcard/model/control_chip/event_log.h"
#include "lightcard/model/control_chip/mvm_engine.h"
#include "lightcard/model/control_chip/numeric_jobs.h"
#include "lightcard/model/control_chip/power_control.h"
#include "lightcard/model/control_chip/register_table.h"
#include "lightcard/model/control_chip/scratchpad.h"
#include "lightcard/model/control_chip/sequencer.h"
#include "lightcard/model/control_chip/telemetry_table.h"
#include "lightcard/model/control_chip/weight_writer.h"

namespace lightcard::control_chip {

/// What the chip knows about the rest of the card: for IDENTIFY and the decoders.
struct CardFacts {
    std::string name, config_hash;
    std::uint32_t n = 128, lanes = 4, cores = 1, banks = 2, writers = 1, level_bits = 5, dac_bits = 8, adc_bits = 8;
    std::uint64_t symbol_rate = 0, dram_bytes = 0, write_slot_ps = 0, write_slots_per_tile = 0;
    std::uint32_t msix_vectors = 32, link_generation = 4, link_width = 16;
    std::array<Picoseconds, 4> wake{};  ///< from each power state
};

class ControlChip : public sc_core::sc_module, public HostPortClient, private Scheduler::Owner {
public:
    tlm_utils::simple_target_socket<ControlChip> registers;                       ///< BAR0, from the host link
    tlm_utils::simple_initiator_socket<ControlChip> memory;                       ///< card memory
    sc_core::sc_vector<tlm_utils::simple_initiator_socket<ControlChip>> cores;    ///< DAC array of each core
    sc_core::sc_vector<tlm_utils::simple_initiator_socket<ControlChip>> weights;  ///< PCM memory of each core

    /// What log pages say about the rest of the card. `calibration`: all but the converters' counts.
    struct Logs {
        std::function<lc_log_weights(std::uint32_t core, std::uint32_t bank)> weights;
        std::function<lc_log_wear(std::uint32_t core, std::uint32_t bank)> wear;
        std::function<lc_log_calibration(std::uint32_t core)> calibration;
    };
    ControlChip(sc_core::sc_module_name name, const Parameters& parameters, const CardFacts& facts, HostPort& host,
                Services& services, Logs logs);

    void dma_complete(DmaRequest request, bool ok) override;

    /// Takes everything in flight away and returns to the state before CC.EN. `cause`: RESET_CAUSE value.
    void reset(ResetLevel level, std::uint32_t cause);
    bool idle() const;

    // Faults of the chip's own: boot, firmware, queues.
    void fault_began(const Fault& fault);
    void fault_ended(const Fault& fault, bool used_up);
    bool booted() const { return boot_.error < 0 && now() - powered_on_ >= boot_.time; }
    const DecodeLimits& limits() const { return processor_->limits(); }
    std::vector<std::uint8_t> log_page(std::uint32_t page);
    const EventLog& events() const { return events_; }
    const std::deque<lc_log_error>& errors() const { return errors_; }
    std::uint64_t converted(std::uint32_t core) const { return mvm_[core]->converted(); }
    std::uint64_t clipped(std::uint32_t core)
    {
        jobs_.settle();
        return mvm_[core]->clipped();
    }
    /// Stored value of a register, as a debugger sees it; by name, "CSTS".
    RegisterRead look(std::uint32_t offset, std::uint32_t bytes) { return bank_.read(offset, bytes); }
    /// How far card time is behind the clock on the wall; none: it is not compared with one.
    void set_lag(std::function<Picoseconds()> lag) { lag_ = std::move(lag); }

    /// Waits for the numbers of every command so far. Before counts() are looked at, or blocks go away.
    void settle() { jobs_.settle(); }
    const Counts& counts() const { return counts_; }
    const Scheduler& scheduler() const { return scheduler_; }
    const Scratchpad& scratchpad() const { return scratchpad_; }
    const Sequencer& sequencer() const { return *sequencer_; }
    /// Number of PROGRAM commands that have completed, for WEIGHT_GEN.
    void set_weight_generation(std::function<std::uint64_t()> generation)
    {
        weight_generation_ = std::move(generation);
    }

    /// Whether results of (core, bank) may be off, for NEEDS_CAL and the automatic policy.
    /// Results of the core are off until it has had one of these calibrations (LC_CAL_*).
    void must_calibrate(std::uint32_t core, std::uint32_t kinds);
    void set_calibration_due(std::function<bool(std::uint32_t core, std::uint32_t bank)> due);
    void set_power(std::function<void(PowerState)> enter) { enter_power_ = std::move(enter); }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("registers", bank_);
        archive.field("power", power_);
        archive.field("processor", *processor_);
        archive.field("sequencer", *sequencer_);
        archive.field("scratchpad", scratchpad_);
        for (auto& engine : scheduler_.engines()) archive.field(engine.name, engine);
        archive.field("samples", samples_);
        archive.field("counts", counts_);
        archive.field("powered_on", powered_on_);
        archive.field("boot", boot_);
        archive.field("events", events_);
        archive.field("needs_calibration", needs_calibration_);
        archive.check(needs_calibration_.size() == facts_.cores, "calibration of another number of cores");
        needs_calibration_.resize(facts_.cores);
        for (auto& engine : mvm_) archive.field("converters", *engine);
    }

private:
    SC_HAS_PROCESS(ControlChip);

    // Scheduler::Owner.
    Picoseconds now() const override { return services_.now(); }
    void task_finished(Task& task) override;
    void finish_soon(TaskId id) override { timeline_.at(now(), Due::finish, id); }
    void internal_error(const Task& task, const char* text) override;
    void settle_command(Task& task);

    // Timeline.
    void work_method();
    void wake_at(Picoseconds when);
    void do_item(DueItem item);

    // Registers.
    void set_up_registers();
    void register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    unsigned register_debug(tlm::tlm_generic_payload& payload);
    void ring(const Doorbell& doorbell, std::uint32_t value, std::uint32_t offset);
    bool ring_registers_locked(std::uint32_t offset);
    void control_written(std::uint64_t before, std::uint64_t after);
    void enable();
    void raise_error(const char* unit, lc_status code, std::uint64_t address);
    void happened(const CardEvent& event);
    void deliver_events();
    bool read_table(std::uint32_t offset, std::uint8_t* into, std::uint32_t bytes);
    std::uint64_t boot_status() const;
    std::uint64_t controller_status(std::uint64_t stored);
    std::uint64_t heartbeat();
    void begin_boot();
    void take_boot_faults();
    void add_telemetry();

    // Admin commands (admin.cpp).
    void admin(const DecodedCommand& command);
    void create_queue(const lc_sqe& sqe);
    void delete_queue(const lc_sqe& sqe);
    void abort_command(const lc_sqe& sqe);
    void feature(const lc_sqe& sqe);
    void inject(const lc_sqe& sqe);
    void send_page(const lc_sqe& sqe, std::vector<std::uint8_t> page);
    lc_identify identify() const;
    void admin_done(const lc_sqe& sqe, lc_status status = LC_SC_SUCCESS, std::uint64_t result = 0);

    std::uint32_t route(const DecodedCommand& command) const;
    static std::uint32_t core_engine(std::uint32_t core);
    bool needs_calibration(std::uint32_t core) const;

    const Parameters parameters_;
    const CardFacts facts_;
    HostPort& host_;
    Services& services_;
    const TimeScale scale_;
    Logs logs_;
    std::function<Picoseconds()> lag_;
    std::function<std::uint64_t()> weight_generation_;
    std::function<bool(std::uint32_t, std::uint32_t)> calibration_due_;
    std::function<void(PowerState)> enter_power_;
    RegisterBank bank_;
    PowerControl power_;
    Timeline timeline_;
    sc_core::sc_event wake_;
    bool working_ = false;  ///< in work_method(), which looks at the timeline itself
    Scratchpad scratchpad_;
    NumericJobs jobs_;
    Memories memories_;
    Scheduler scheduler_;
    Counts counts_;
    EngineContext context_;
    std::unique_ptr<CommandProcessor> processor_;
    std::unique_ptr<Sequencer> sequencer_;
    std::unique_ptr<DmaEngine> dma_;
    std::unique_ptr<VectorUnit> vector_;
    std::unique_ptr<DigitalMacEngine> digital_;
    std::vector<std::unique_ptr<WeightWriter>> writers_;
    std::vector<std::unique_ptr<MvmEngine>> mvm_;
    std::map<std::uint64_t, std::uint64_t> samples_;  ///< running sample count a weight id
    std::deque<lc_log_error> errors_;                 ///< newest first
    std::vector<std::uint16_t> event_waiters_;        ///< cids of ASYNC_EVENT commands
    EventLog events_;
    TelemetryTable telemetry_;
    std::vector<std::uint8_t> needs_calibration_;  ///< a core each: which of LC_CAL_* mend it; 0 = right
    Picoseconds powered_on_ = 0;
    Picoseconds hung_at_ = 0;  ///< the firmware's heart stopped then, while the fault is active
    struct Boot {
        Picoseconds time = 0;     ///< from power-on
        std::int32_t error = -1;  ///< bit of BOOT_ERR that ends it

        template <class Archive>
        void visit(Archive& archive)
        {
            archive.field("time", time);
            archive.field("error", error);
        }
    } boot_;
    struct Fields {
        RegisterFieldId enable, ready, fatal, shutdown, shutdown_status, asqs, acqs, asq, acq, reset_count, reset_cause,
            err_status, err_sev, err_first;
    } f_{};
    struct BootFields {
        RegisterFieldId stage, percent, ready, failed;
    } boot_fields_{};
};

}  // namespace lightcard::control_chip
