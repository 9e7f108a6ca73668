// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/card/card.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lightcard/model/card/card_services.h"
#include "lightcard/model/card/pcm_identity.h"
#include "lightcard/model/card_memory/card_memory.h"
#include "lightcard/model/common/archive.h"
#include "lightcard/model/common/worker_pool.h"
#include "lightcard/model/control_chip/control_chip.h"
#include "lightcard/model/control_chip/fault_table.h"
#include "lightcard/model/converters/converter_arrays.h"
#include "lightcard/model/host_link/host_link.h"
#include "lightcard/model/pcm_memory/pcm_memory.h"
#include "lightcard/model/photonic_core/link_budget.h"
#include "lightcard/model/photonic_core/photonic_core.h"
#include "lightcard/model/power/board.h"

namespace lightcard {

namespace {

/// Values of the RESET_CAUSE register.
constexpr std::uint32_t kCausePowerOn = 0, kCauseFunctionReset = 2, kCauseBusReset = 3;

/// Mean power between two readings of the ledger.
class PowerMeter {
public:
    /// W since the reading before; one that comes within a millisecond gives the same again.
    double read(Picoseconds now, double joules)
    {
        constexpr Picoseconds kShortest = kMillisecond;
        if (now - time_ >= kShortest) {
            watts_ = (joules - joules_) / (static_cast<double>(now - time_) * 1e-12);
            time_ = now;
            joules_ = joules;
        }
        return watts_;
    }

private:
    Picoseconds time_ = 0;
    double joules_ = 0, watts_ = 0;
};

/// A receiver sample is one of every amplifier that a column has.
converters::Parameters receivers_of(const CardConfig& config)
{
    auto receivers = config.converters;
    receivers.tia_energy *= photonic_core::column_receivers(config.core);
    return receivers;
}

/// What heats a die: its converters, the scratchpad and logic beside them (12 bits read an input, a partial sum written
/// and read an output), the light that ends in it.
photonic_core::ThermalSetting thermal_setting(const CardConfig& config)
{
    const auto& power = config.power;
    const auto& c = config.converters;
    const auto& control = config.control;
    photonic_core::ThermalSetting setting;
    setting.on = config.run.thermal == Thermal::loop;
    setting.air = power.air_temperature;
    setting.calibrated_at = power.calibration_temperature;
    setting.die_resistance = power.die_resistance;
    setting.sink_resistance = power.sink_resistance;
    setting.die_time = static_cast<double>(power.die_time) * 1e-12;
    setting.sink_time = static_cast<double>(power.sink_time) * 1e-12;
    setting.joules_per_input =
        c.dac_energy + c.modulator_energy + (8.0 + control.input_refill_bits) * control.sram_energy;
    setting.joules_per_output = receivers_of(config).tia_energy + c.adc_energy + control.accumulate_energy +
                                2.0 * control.psum_bits * control.sram_energy;
    const auto budget = photonic_core::solve_link_budget(config.core, config.pcm);
    setting.lit_watts = budget.row_power_on_chip * config.core.n +
                        static_cast<double>(config.core.n) * config.core.lanes * c.modulator_tuning;
    setting.standing_watts = power.standing_heat;
    setting.throttle_at = power.throttle_temperature;
    setting.throttle_divider = power.throttle_divider;
    return setting;
}

/// One converter set with its light and its banks.
struct Core {
    Core(std::uint32_t index, const CardConfig& config, Services& services)
        : path("core" + std::to_string(index)),
          dac((path + "_dac").c_str(), path, config.converters, services),
          optics((path + "_optics").c_str(), index, path, config.core, config.pcm, config.converters,
                 thermal_setting(config), services),
          adc((path + "_adc").c_str(), index, path, receivers_of(config), services),
          pcm((path + "_pcm").c_str(), index, path, config.core.n, config.pcm, optics.chain(), services)
    {
        dac.light.bind(optics.in);
        optics.out.bind(adc.light);
        optics.weights.bind(pcm.read);
    }
    std::string path;
    converters::DacArray dac;
    photonic_core::PhotonicCore optics;
    converters::AdcArray adc;
    pcm_memory::PcmMemory pcm;
};

control_chip::CardFacts facts_of(const CardConfig& config)
{
    control_chip::CardFacts facts;
    facts.name = config.name;
    facts.config_hash = config.hash;
    facts.n = config.core.n;
    facts.lanes = config.core.lanes;
    facts.cores = config.cores;
    facts.banks = config.pcm.banks;
    facts.writers = config.pcm.writers;
    facts.level_bits = config.pcm.level_bits;
    facts.dac_bits = config.converters.dac_bits;
    facts.adc_bits = config.converters.adc_bits;
    facts.symbol_rate = config.core.symbol_rate;
    facts.dram_bytes = config.memory.bytes;
    facts.write_slot_ps = static_cast<std::uint64_t>(config.pcm.write_slot);
    const std::uint64_t n = config.core.n;
    facts.write_slots_per_tile = config.pcm.write_scheme == pcm_memory::WriteScheme::serial         ? n * n
                                 : config.pcm.write_scheme == pcm_memory::WriteScheme::row_parallel ? n
                                                                                                    : 1;
    facts.msix_vectors = config.link.msix_vectors;
    facts.wake = {0, config.power.idle_wake, config.power.light_sleep_wake, config.power.deep_sleep_wake};
    facts.link_generation = config.link.generation;
    facts.link_width = config.link.width;
    return facts;
}

/// Services are complete before the first block is built: blocks read the run settings in their constructors.
std::unique_ptr<WorkerPool> prepare(CardServices& services, const CardConfig& config)
{
    services.run = config.run;
    services.simd = config.host.simd;
    if (config.host.threads < 2) return nullptr;
    auto workers = std::make_unique<WorkerPool>(config.host.threads);
    services.workers = workers.get();
    return workers;
}

}  // namespace

struct Card::Blocks : public sc_core::sc_module {
    SC_HAS_PROCESS(Blocks);

    Blocks(sc_core::sc_module_name name, CardConfig the_config)
        : sc_module(name),
          config(std::move(the_config)),
          workers(prepare(services, config)),
          board(config.power, services),
          memory("memory", config.memory, services),
          link("link", config.link, services),
          chip("chip", config.control, facts_of(config), link, services, logs())
    {
        for (std::uint32_t i = 0; i < config.cores; ++i) {
            cores.push_back(std::make_unique<Core>(i, config, services));
            chip.cores[i].bind(cores[i]->dac.in);
            chip.weights[i].bind(cores[i]->pcm.write);
            Core* core = cores[i].get();
            core->pcm.set_thermometer([core] { return core->optics.measured_temperature(); });
            core->pcm.set_heat({[core](Picoseconds start, Picoseconds end, double joules) {
                                    core->optics.add_heat(start, end, joules);
                                },
                                [core](Picoseconds now) { core->optics.stop_heat(now); }});
        }
        link.registers.bind(chip.registers);
        link.window.bind(memory.access);
        chip.memory.bind(memory.access);
        link.set_client(chip);
        link.set_function_reset([this] { function_reset(kCauseFunctionReset); });
        services.faults.set_hooks({[this] { return services.now(); },
                                   [this](const Fault& fault) { fault_began(fault); },
                                   [this](const Fault& fault, bool used_up) { fault_ended(fault, used_up); }});
        add_telemetry();
        chip.set_weight_generation([this] {
            std::uint64_t generation = 0;
            for (const auto& core : cores) generation += core->pcm.commits();
            return generation;
        });
        chip.set_calibration_due(
            [this](std::uint32_t core, std::uint32_t bank) { return calibration_due(core, bank); });
        chip.set_power([this](PowerState state) { enter(state); });
        SC_METHOD(inbox_method);
        sensitive << inbox.arrived();
        dont_initialize();
    }

    ~Blocks() override { chip.settle(); }

    void inbox_method()
    {
        for (auto& work : inbox.take()) {
            try {
                work();
            } catch (const std::exception& failure) {
                services.diagnostics.report(Severity::internal_error, services.now(), "card", failure.what());
            }
        }
    }

    control_chip::ControlChip::Logs logs()
    {
        control_chip::ControlChip::Logs logs;
        logs.weights = [this](std::uint32_t core, std::uint32_t bank) { return bank_log(core, bank); };
        logs.wear = [this](std::uint32_t core, std::uint32_t bank) {
            auto log = cores[core]->pcm.wear_log(bank);
            log.core = static_cast<std::uint16_t>(core);
            log.bank = static_cast<std::uint16_t>(bank);
            return log;
        };
        logs.calibration = [this](std::uint32_t core) { return calibration_log(core); };
        return logs;
    }

    lc_log_calibration calibration_log(std::uint32_t core) const
    {
        const auto& optics = cores[core]->optics;
        lc_log_calibration log{};
        log.calibrated_ns = static_cast<std::uint64_t>(optics.calibrated().at * 1e9);
        log.age_ns = static_cast<std::uint64_t>((services.ageing_clock() - optics.calibrated().at) * 1e9);
        log.calibrated_mc = static_cast<std::int32_t>(optics.calibrated().temperature * 1e3);
        log.temperature_mc = static_cast<std::int32_t>(optics.temperature() * 1e3);
        log.flags = LC_CALIBRATION_THERMAL;
        for (const auto& bank : cores[core]->pcm.banks()) log.ranged_banks += bank.ranges.empty() ? 0 : 1;
        return log;
    }

    void add_telemetry()
    {
        for (std::uint32_t core = 0; core < config.cores; ++core)
            services.telemetry.add(LC_TAG_TEMP_DIE_MC, static_cast<std::uint16_t>(core), [this, core] {
                return static_cast<std::int64_t>(cores[core]->optics.temperature() * 1e3);
            });
        services.telemetry.add(LC_TAG_ENERGY_UJ, 0, [this] { return static_cast<std::int64_t>(joules() * 1e6); });
        services.telemetry.add(LC_TAG_POWER_BOARD_UW, 0, [this] {
            return static_cast<std::int64_t>(meter.read(services.now(), joules()) * 1e6);
        });
    }

    double joules()
    {
        settle();
        return services.ledger.joules(Scope::card);
    }

    /// What a fault does the moment it begins; the rest is done where it shows.
    void fault_began(const Fault& fault)
    {
        const auto core = static_cast<std::uint8_t>(LC_PLACE_CORE(fault.target));
        const auto number = static_cast<std::uint8_t>(fault.kind);
        services.diagnostics.report(Severity::note, services.now(), "faults",
                                    std::string("fault ") + control_chip::fault_name(fault.kind) + " begins");
        services.events.raise({EventType::fault, number, fault.value});
        chip.fault_began(fault);
        switch (fault.kind) {
            case FaultKind::cell_stuck:
                stick(fault);
                break;
            case FaultKind::cells_worn:
                wear_out(LC_PLACE_CORE(fault.target), LC_PLACE_BANK(fault.target));
                services.faults.cure(FaultKind::cells_worn);  // wear stays
                break;
            case FaultKind::laser_line:
                services.events.raise_error("LASER", LC_SC_LASER_LOST, LC_PLACE_LANE(fault.target));
                break;
            case FaultKind::adc_offset:
                chip.must_calibrate(core, LC_CAL_ADCS);
                services.events.raise({EventType::calibration, core, 1});
                break;
            case FaultKind::thermal:
                services.events.raise_error("THERMAL", LC_SC_OVER_TEMPERATURE, core);
                services.events.raise({EventType::thermal, core, fault.value});
                chip.must_calibrate(core, LC_CAL_COLUMNS | LC_CAL_DRIFT);
                services.events.raise({EventType::calibration, core, 1});
                break;
            case FaultKind::drift:
                services.add_age(static_cast<double>(fault.value) * 1e-9);
                for (std::uint32_t i = 0; i < config.cores; ++i) chip.must_calibrate(i, LC_CAL_COLUMNS | LC_CAL_DRIFT);
                for (std::uint32_t i = 0; i < config.cores; ++i)
                    services.events.raise({EventType::calibration, static_cast<std::uint8_t>(i), 1});
                services.faults.cure(FaultKind::drift);  // it has happened
                break;
            case FaultKind::link:
                link.train(static_cast<std::uint32_t>(fault.value), static_cast<std::uint32_t>(fault.target));
                services.events.raise(
                    {EventType::link, static_cast<std::uint8_t>(fault.value), static_cast<std::int64_t>(fault.target)});
                break;
            default:
                break;
        }
    }

    /// A pair's cells stay at what a weight code of `value` is: the + cell open in proportion, or the - cell.
    void stick(const Fault& fault)
    {
        auto& pcm = cores[LC_PLACE_CORE(fault.target)]->pcm;
        for (const int arm : {0, 1}) {
            const auto code = std::max<std::int64_t>(0, arm == 0 ? fault.value : -fault.value);
            pcm.stick(LC_PLACE_BANK(fault.target), LC_PLACE_ROW(fault.target), LC_PLACE_COLUMN(fault.target), arm,
                      static_cast<float>(code) / 127.0F);
        }
    }

    void wear_out(std::uint32_t core, std::uint32_t bank)
    {
        auto& pcm = cores[core]->pcm;
        const auto end = std::min<std::uint64_t>(config.pcm.endurance + 1, 0xffff'ffffu);
        const auto worn = pcm.max_wear(bank);
        if (worn < end) pcm.add_wear(bank, static_cast<std::uint32_t>(end - worn));
    }

    void fault_ended(const Fault& fault, bool used_up)
    {
        chip.fault_ended(fault, used_up);
        // What a trim has taken off is off the other way now.
        const auto of = static_cast<std::uint32_t>(LC_PLACE_CORE(fault.target));
        if (fault.kind == FaultKind::adc_offset && of < config.cores &&
            cores[of]->adc.trimmed(LC_PLACE_COLUMN(fault.target))) {
            chip.must_calibrate(of, LC_CAL_ADCS);
            services.events.raise({EventType::calibration, static_cast<std::uint8_t>(of), 1});
        }
        if (fault.kind == FaultKind::cell_stuck) {
            cores[LC_PLACE_CORE(fault.target)]->pcm.release(LC_PLACE_BANK(fault.target));
            services.faults.each(FaultKind::cell_stuck, [this](const Fault& other) { stick(other); });
        }
        if (fault.kind == FaultKind::link) {
            link.train(config.link.generation, config.link.width);
            services.events.raise({EventType::link, static_cast<std::uint8_t>(config.link.generation),
                                   static_cast<std::int64_t>(config.link.width)});
        }
    }

    lc_log_weights bank_log(std::uint32_t core, std::uint32_t bank) const
    {
        const auto& pcm = cores[core]->pcm;
        const auto& state = pcm.banks()[bank];
        lc_log_weights log{};
        log.weight_id = state.weight_id;
        log.epoch = state.epoch;
        // Real age, whatever run.ageing makes of it.
        const double age = std::max(0.0, services.ageing_clock() - state.programmed_at);
        log.age_ns = state.epoch == 0 ? 0 : static_cast<std::uint64_t>(std::min(age * 1e9, 9e18));
        log.max_wear = pcm.max_wear(bank);
        log.core = static_cast<std::uint16_t>(core);
        log.bank = static_cast<std::uint16_t>(bank);
        log.rows = static_cast<std::uint16_t>(state.rows);
        log.cols = static_cast<std::uint16_t>(state.cols);
        return log;
    }

    /// Results of that bank may be off: it is older than its gains are good for, or the die is at another temperature.
    bool calibration_due(std::uint32_t core, std::uint32_t bank) const
    {
        if (config.run.fidelity == Fidelity::ideal) return false;
        const auto& control = config.control;
        const auto& optics = cores[core]->optics;
        if (cores[core]->pcm.banks()[bank].weight_id == 0) return false;
        if (cores[core]->pcm.uncalibrated(bank) > static_cast<double>(control.calibration_age) * 1e-12) return true;
        return std::abs(optics.temperature() - cores[core]->pcm.settled_temperature(bank)) >
               control.calibration_warming;
    }

    void enter(PowerState state)
    {
        services.events.raise({EventType::power, static_cast<std::uint8_t>(state), 0});
        board.set_state(state);
        link.set_asleep(state == PowerState::light_sleep || state == PowerState::deep_sleep);
        for (auto& core : cores) {
            core->optics.hold_laser(state == PowerState::light_sleep);
            if (state == PowerState::idle || state == PowerState::deep_sleep) core->optics.laser_off();
        }
    }

    void settle()
    {
        chip.settle();
        board.settle();
        memory.settle();
        link.settle();
        for (auto& core : cores) core->optics.settle();
    }

    void function_reset(std::uint32_t cause)
    {
        settle();
        if (cause == kCauseBusReset) new_link();
        chip.reset(ResetLevel::function, cause);
        link.reset();
        for (auto& core : cores) core->optics.reset();
    }

    /// Whoever resets the bus finds the card on it again.
    void new_link()
    {
        services.faults.cure(FaultKind::all_ones);
        services.faults.cure(FaultKind::link);
    }

    /// The thread that elaborated the card is the kernel's: SystemC runs processes on the thread of sc_start.
    void check_thread() const
    {
        if (std::this_thread::get_id() != thread)
            throw std::logic_error("lightcard::Card called off the kernel's thread; use post()");
    }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.section("card", [&] {
            archive.expect("name", config.name);
            archive.expect("config", config.hash);
            archive.expect("cores", config.cores);
        });
        archive.section("services", services);
        archive.section("board", board);
        archive.section("memory", memory);
        archive.section("link", link);
        archive.section("chip", chip);
        for (auto& core : cores) {
            archive.section(core->path + ".optics", core->optics);
            archive.section(core->path + ".adc", core->adc);
            archive.section(core->path + ".pcm", core->pcm);
        }
    }

    CardConfig config;
    CardServices services;
    std::unique_ptr<WorkerPool> workers;
    power::Board board;
    card_memory::CardMemory memory;
    host_link::HostLink link;
    control_chip::ControlChip chip;
    std::vector<std::unique_ptr<Core>> cores;
    Inbox inbox;
    PowerMeter meter;
    std::thread::id thread = std::this_thread::get_id();
};

namespace {

void require_resolution()
{
    if (sc_core::sc_time(1, sc_core::SC_PS).value() == 0) {
        throw std::invalid_argument(
            "lightcard needs a SystemC time resolution of 1 ps or finer: call sc_set_time_resolution(1, SC_PS) before "
            "the "
            "first sc_time object, or leave it at its default");
    }
}

}  // namespace

Card::Card(sc_core::sc_module_name name, CardConfig config) : sc_module(name)
{
    require_resolution();
    blocks_ = std::make_unique<Blocks>("blocks", std::move(config));
}

Card::~Card() = default;

tlm::tlm_target_socket<>& Card::mem()
{
    return blocks_->link.mem;
}
tlm::tlm_target_socket<>& Card::cfg()
{
    return blocks_->link.cfg;
}
tlm::tlm_initiator_socket<>& Card::dma()
{
    return blocks_->link.dma;
}
tlm::tlm_initiator_socket<>& Card::msix()
{
    return blocks_->link.msix;
}

const CardConfig& Card::config() const
{
    return blocks_->config;
}
void Card::unseen_until(Picoseconds time)
{
    blocks_->services.unseen_until(time);
}

Picoseconds Card::now() const
{
    return blocks_->services.now();
}
ActivityStream& Card::activity()
{
    return blocks_->services.activity;
}
Diagnostics& Card::diagnostics()
{
    return blocks_->services.diagnostics;
}
void Card::post(std::function<void()> work)
{
    blocks_->inbox.post(std::move(work));
}

const Ledger& Card::ledger()
{
    blocks_->check_thread();
    blocks_->settle();
    return blocks_->services.ledger;
}

CardCounters Card::counters()
{
    blocks_->check_thread();
    blocks_->settle();
    CardCounters out;
    const auto& chip = blocks_->chip;
    const auto& counts = chip.counts();
    out.now = now();
    for (const auto& engine : chip.scheduler().engines()) {
        out.engines.push_back({engine.name, engine.busy, engine.commands, engine.items, engine.waits.by_name()});
    }
    const auto resource = [&out](const char* name, const Resource& r) {
        EngineCounters engine{name, r.busy(), r.uses(), r.items(), {}};
        if (r.waited() > 0) engine.waits["queue"] = r.waited();
        out.engines.push_back(std::move(engine));
    };
    resource("sram", chip.scratchpad().ports());
    resource("dram", blocks_->memory.channel());
    resource("link_up", blocks_->link.up());
    resource("link_down", blocks_->link.down());
    for (const auto& [cause, layer] : counts.layers) {
        out.layers.push_back({cause, layer.first, layer.last, layer.busy, layer.tile_vectors, layer.tile_loads,
                              layer.cell_writes, layer.vector_elements, layer.macs, layer.stats, layer.error});
    }
    out.commands = counts.commands;
    out.failed_commands = counts.failed_commands;
    out.doorbells = counts.doorbells;
    out.interrupts = blocks_->link.interrupts();
    out.mvms = counts.mvms;
    out.dac_samples = counts.dac_samples;
    out.adc_samples = counts.adc_samples;
    out.adc_clipped = counts.adc_clipped;
    out.link_bytes_up = blocks_->link.up().items();
    out.link_bytes_down = blocks_->link.down().items();
    out.dram_bytes = blocks_->memory.channel().items();
    out.sram_bits = chip.scratchpad().bits();
    out.endurance = blocks_->config.pcm.endurance;
    for (const auto& core : blocks_->cores) {
        out.tile_loads += core->pcm.commits();
        out.cell_writes += core->pcm.cells_written();
        out.bank_switches += core->optics.bank_switches();
        out.laser_on += core->optics.laser_on();
        out.throttled += core->optics.throttled();
        out.calibrations += core->optics.calibrated().count;
        out.calibrating += core->optics.calibrated().time;
        out.hottest_die = std::max(out.hottest_die, core->optics.temperature());
        for (std::uint32_t bank = 0; bank < blocks_->config.pcm.banks; ++bank) {
            out.max_wear = std::max(out.max_wear, core->pcm.max_wear(bank));
        }
    }
    out.exec_start = chip.sequencer().starts();
    out.exec_end = chip.sequencer().ends();
    return out;
}

Status Card::age(double seconds)
{
    blocks_->check_thread();
    if (!blocks_->chip.idle()) return Error{"the card is busy", "age", "wait until every command has completed"};
    if (!(seconds >= 0)) return Error{"negative time", "age", "0 s or more"};
    blocks_->services.add_age(seconds);
    return {};
}

Status Card::save(std::ostream& out)
{
    blocks_->check_thread();
    if (!blocks_->chip.idle()) return Error{"the card is busy", "save", "wait until every command has completed"};
    blocks_->settle();
    ArchiveWriter writer(out);
    blocks_->visit(writer);
    return writer.finish();
}

Status Card::load(std::istream& in)
{
    blocks_->check_thread();
    if (!blocks_->chip.idle()) return Error{"the card is busy", "load", "wait until every command has completed"};
    ArchiveReader reader(in);
    blocks_->visit(reader);
    return reader.finish();
}

Status Card::save_pcm(std::ostream& out)
{
    blocks_->check_thread();
    if (!blocks_->chip.idle()) return Error{"the card is busy", "save_pcm", "wait until every command has completed"};
    pcm_memory::StateFile state{pcm_identity(blocks_->config), {}};
    for (const auto& core : blocks_->cores) state.cores.push_back(core->pcm.store());
    return pcm_memory::write_state(out, state);
}

Status Card::restore_pcm(std::istream& in)
{
    blocks_->check_thread();
    if (!blocks_->chip.idle())
        return Error{"the card is busy", "restore_pcm", "wait until every command has completed"};
    auto state = pcm_memory::read_state(in);
    if (!state) return state.error();
    if (auto same = pcm_memory::check_identity(state->card, pcm_identity(blocks_->config)); !same) return same;
    for (std::size_t i = 0; i < blocks_->cores.size(); ++i) blocks_->cores[i]->pcm.restore(std::move(state->cores[i]));
    return {};
}

void Card::bus_reset()
{
    blocks_->check_thread();
    blocks_->function_reset(kCauseBusReset);
}

void Card::function_reset()
{
    blocks_->check_thread();
    blocks_->function_reset(kCauseFunctionReset);
}

std::vector<std::uint8_t> Card::log_page(std::uint32_t page)
{
    blocks_->check_thread();
    if (page < LC_LOG_ERROR || page > LC_LOG_WEAR) return {};
    return blocks_->chip.log_page(page);
}

Status Card::inject(const Fault& fault)
{
    blocks_->check_thread();
    const auto problem = control_chip::check_fault(fault, blocks_->chip.limits());
    if (problem) return Error{problem->text, control_chip::fault_name(fault.kind), ""};
    blocks_->services.faults.inject(fault);
    return {};
}

Status Card::inject(const Fault& fault, FaultStart start)
{
    blocks_->check_thread();
    const auto problem = control_chip::check_fault(fault, blocks_->chip.limits());
    if (problem) return Error{problem->text, control_chip::fault_name(fault.kind), ""};
    blocks_->services.faults.schedule(fault, start);
    return {};
}

Faults& Card::faults()
{
    return blocks_->services.faults;
}

Telemetry& Card::telemetry()
{
    return blocks_->services.telemetry;
}

void Card::set_lag(std::function<Picoseconds()> lag)
{
    blocks_->services.telemetry.add(LC_TAG_LAG_NS, 0, [lag] { return lag() / kNanosecond; });
    blocks_->chip.set_lag(std::move(lag));
}

std::uint32_t Card::look(std::uint32_t offset)
{
    blocks_->check_thread();
    return static_cast<std::uint32_t>(blocks_->chip.look(offset, 4).value);
}

void Card::keep_memory_in(FlatStorage& storage)
{
    blocks_->memory.contents().keep_in(storage);
}

void Card::cold_reset()
{
    blocks_->check_thread();
    blocks_->settle();
    blocks_->new_link();
    blocks_->chip.reset(ResetLevel::cold, kCausePowerOn);
    blocks_->link.reset();
    blocks_->memory.reset();
    blocks_->memory.contents().clear();
    for (auto& core : blocks_->cores) {
        core->optics.reset();
        core->optics.power_lost();
        core->adc.power_lost();
        core->pcm.power_lost();
    }
}

}  // namespace lightcard
