// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/pcm_memory.h"

#include <algorithm>
#include <cmath>

#include "lightcard/model/pcm_memory/write_loop.h"

namespace lightcard::pcm_memory {

PcmMemory::PcmMemory(sc_core::sc_module_name name, std::uint32_t core, const std::string& path, std::uint32_t n,
                     const Parameters& parameters, const photonic_core::AnalogChain& chain, Services& services)
    : sc_module(name),
      write("write"),
      read("read"),
      core_(core),
      n_(n),
      parameters_(parameters),
      maker_(parameters_, services.run, photonic_core::plane_layout(photonic_core::kernel_isa(services.simd))),
      chain_(chain),
      services_(services),
      banks_(parameters.banks),
      cache_(parameters.banks)
{
    anchor_.temperature = parameters.reference_temperature;
    write.register_b_transport(this, &PcmMemory::transport);
    read.register_b_transport(this, &PcmMemory::transport);
    // A fixed loop takes its energy a cell, an adaptive one a pulse.
    const bool adaptive = parameters.write_loop == WriteLoop::adaptive;
    joules_a_count_ =
        adaptive ? parameters.write_energy / std::max(1u, parameters.verify_iterations) : parameters.write_energy;
    write_account_ = services_.ledger.open({path + ".pcm_write", Category::weight_write, adaptive ? "pulse" : "cell",
                                            joules_a_count_, Scope::core, true, "card.pcm.write_energy"});
    verify_account_ = services_.ledger.open({path + ".pcm_verify", Category::weight_write, "cell",
                                             parameters.verify_energy, Scope::core, true, "card.pcm.verify_energy"});
    track_ = services_.activity.open(path + ".pcm_memory");
    const auto index = static_cast<std::uint16_t>(core);
    services_.telemetry.add(LC_TAG_CELLS_WRITTEN, index, [this] { return static_cast<std::int64_t>(cells_written_); });
    services_.telemetry.add(LC_TAG_SPARE_ROWS, index, [this] {
        std::int64_t left = 0;
        for (std::uint32_t bank = 0; bank < banks_.size(); ++bank) left += spare_rows_left(bank);
        return left;
    });
    services_.telemetry.add(LC_TAG_WEAR_PPM, index, [this] {
        std::uint64_t most = 0;
        for (std::uint32_t bank = 0; bank < banks_.size(); ++bank) most = std::max(most, max_wear(bank));
        const auto share = static_cast<double>(most) / static_cast<double>(parameters_.endurance);
        return static_cast<std::int64_t>(share * 1e6);
    });
}

void PcmMemory::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&)
{
    auto* program = payload.get_extension<ProgramTransaction>();
    if (program == nullptr || program->bank >= banks_.size()) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return;
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    // Once a command: what a chunk sees does not depend on how it was cut.
    if (program->begins) read_thermometer();
    switch (program->kind) {
        case ProgramTransaction::Kind::begin:
            begin(*program);
            break;
        case ProgramTransaction::Kind::commit:
            commit(*program);
            break;
        case ProgramTransaction::Kind::abandon:
            abandon(*program);
            break;
        case ProgramTransaction::Kind::verify:
            verify(*program);
            break;
        case ProgramTransaction::Kind::fetch:
            fetch(*program);
            break;
        case ProgramTransaction::Kind::look:
            program->weight_id = banks_[program->bank].weight_id;
            fetch(*program);
            program->rows = banks_[program->bank].rows;
            program->cols = banks_[program->bank].cols;
            program->epoch = banks_[program->bank].epoch;
            program->targets = banks_[program->bank].weights.data();
            break;
        case ProgramTransaction::Kind::calibrate:
            calibrate(*program);
            break;
    }
}

/// A row-parallel write pulses every cell of a row, used or not; rows beyond the tile are brought to zero weight.
std::vector<std::uint32_t> PcmMemory::rows_to_pulse(const Bank& bank, const ProgramTransaction& program) const
{
    const auto target = [](const auto& weights, std::uint32_t rows, std::uint32_t cols, std::uint32_t row,
                           std::uint32_t col) -> std::int8_t {
        return row < rows && col < cols ? weights[static_cast<std::size_t>(col) * rows + row] : std::int8_t{0};
    };
    std::vector<std::uint32_t> rows;
    for (std::uint32_t row = 0; row < n_; ++row) {
        bool changed = !parameters_.skip_unchanged || bank.weight_id == 0 || !services_.run.computes();
        for (std::uint32_t col = 0; col < n_ && !changed; ++col) {
            changed = target(program.weights, program.rows, program.cols, row, col) !=
                      target(bank.weights, bank.rows, bank.cols, row, col);
        }
        if (changed) rows.push_back(row);
    }
    return rows;
}

/// A physical row written to the targets of row `row` of the array; its slot starts at `from`.
void PcmMemory::add_row(Programming& work, std::uint32_t row, std::uint32_t physical, Picoseconds from) const
{
    const bool adaptive = parameters_.write_loop == WriteLoop::adaptive;
    const auto iterations = std::max(1u, parameters_.verify_iterations);
    // Pulses of the slowest pair of the row, and of one cell of each; what the tile does not use is brought to zero
    // weight.
    std::uint64_t slowest_pair = 1, slot_pulses = n_;
    const std::uint32_t adapted = adaptive && row < work.rows ? work.cols : 0;
    for (std::uint32_t col = 0; !work.weights.empty() && col < adapted; ++col) {
        const std::int8_t weight = work.weights[std::size_t{col} * work.rows + row];
        const double furthest = std::max(ideal_contrast(weight, 0, single()), ideal_contrast(weight, 1, single()));
        const std::uint64_t pair = pulses(parameters_, furthest);
        slowest_pair = std::max(slowest_pair, pair);
        slot_pulses += pair - 1;
    }
    if (work.weights.empty() && adapted > 0) {  // weights that are not there take as long as the slowest there can be
        slowest_pair = iterations;
        slot_pulses += std::uint64_t{adapted} * (iterations - 1);
    }
    const std::uint64_t cell_pulses = slot_pulses + (single() ? 0 : n_);  // the idle cell of a pair takes one
    const auto slots_of = [&](std::uint64_t pulses, std::uint64_t slots) {
        return adaptive ? static_cast<Picoseconds>(pulses) * parameters_.write_slot / iterations
                        : static_cast<Picoseconds>(slots) * parameters_.write_slot;
    };
    const bool serial = parameters_.write_scheme == WriteScheme::serial;
    const auto end = std::max(work.last_end(), from + (serial ? slots_of(slot_pulses, n_) : slots_of(slowest_pair, 1)));
    const std::uint64_t counts = work.row_counts.empty() ? 0 : work.row_counts.back();
    work.pulse_rows.push_back(physical);
    work.row_ends.push_back(end);
    work.row_counts.push_back(counts + (adaptive ? cell_pulses : std::uint64_t{cells_a_weight()} * n_));
}

/// Rows that verification finds failing are written again in spare rows, each in the first that holds them.
void PcmMemory::replace_failed_rows(std::uint32_t index, Programming& work) const
{
    const auto& bank = banks_[index];
    std::vector<std::uint32_t> wear = bank.wear;
    wear.resize(array_rows());
    for (const auto row : work.pulse_rows) wear[row] += parameters_.cycles_per_write;
    const auto failing = [&](const std::vector<std::uint16_t>& map) {
        const auto now =
            pair_limits(parameters_, {chain_.seed, core_, index}, {wear, map, bank.stuck}, work.rows, work.cols);
        return pcm_memory::failed_cells(parameters_, now, work.rows, work.cols, work.weights.data(), single());
    };
    auto failed = failing(work.row_map);
    for (std::uint32_t row = 0; row < work.rows; ++row) {
        while (failed[row] > 0 && work.spares_used < parameters_.spare_rows) {
            if (work.row_map.empty())
                for (std::uint32_t i = 0; i < n_; ++i) work.row_map.push_back(static_cast<std::uint16_t>(i));
            const std::uint32_t spare = n_ + work.spares_used++;
            wear[spare] += parameters_.cycles_per_write;
            work.row_map[row] = static_cast<std::uint16_t>(spare);
            add_row(work, row, spare, work.last_end());
            failed[row] = failing(work.row_map)[row];
        }
        work.failed_cells += failed[row];
    }
}

void PcmMemory::begin(ProgramTransaction& program)
{
    auto& bank = banks_[program.bank];
    auto& work = bank.programming;
    const auto rows = rows_to_pulse(bank, program);
    work = {};
    work.active = true;
    work.weight_id = program.weight_id;
    work.rows = program.rows;
    work.cols = program.cols;
    work.weights = std::move(program.weights);
    work.adc_range = std::move(program.adc_range);
    work.cause = program.cause;
    work.start = program.start;
    work.row_map = bank.row_map;
    work.spares_used = bank.spares_used;
    const bool together = parameters_.write_scheme == WriteScheme::array_parallel;
    for (const auto row : rows)
        add_row(work, row, bank.row_map.empty() ? row : bank.row_map[row], together ? 0 : work.last_end());
    if (services_.run.computes() && services_.run.fidelity != Fidelity::ideal && services_.run.noise.wear)
        replace_failed_rows(program.bank, work);
    work.end = work.start + work.last_end();
    if (heat_.started && !work.row_counts.empty())
        heat_.started(work.start, work.end, static_cast<double>(work.row_counts.back()) * joules_a_count_);
    bank.weight_id = 0;
    program.end = work.end;
    program.cells = static_cast<std::uint64_t>(work.pulse_rows.size()) * cells_a_weight() * n_;
}

/// Energy and wear of the first `pulsed` rows of the work list.
void PcmMemory::book(Bank& bank, std::size_t pulsed, Picoseconds end)
{
    const auto& work = bank.programming;
    bank.wear.resize(array_rows());
    for (std::size_t i = 0; i < pulsed; ++i) bank.wear[work.pulse_rows[i]] += parameters_.cycles_per_write;
    const auto cells = static_cast<std::uint64_t>(pulsed) * cells_a_weight() * n_;
    cells_written_ += cells;
    services_.ledger.charge(write_account_, pulsed == 0 ? 0 : work.row_counts[pulsed - 1], work.start, end, work.cause);
    if (services_.activity.enabled() && cells > 0) {
        services_.activity.span(track_, "program", work.start, end, work.cause.layer, cells);
    }
}

void PcmMemory::commit(ProgramTransaction& program)
{
    auto& bank = banks_[program.bank];
    auto& work = bank.programming;
    if (!work.active) return;
    book(bank, work.pulse_rows.size(), work.end);
    bank.weight_id = work.weight_id;
    bank.rows = work.rows;
    bank.cols = work.cols;
    bank.weights = std::move(work.weights);
    bank.adc_range = std::move(work.adc_range);
    bank.row_map = std::move(work.row_map);
    if (work.spares_used > bank.spares_used)
        services_.diagnostics.report(Severity::note, services_.now(), "pcm_memory.core" + std::to_string(core_),
                                     std::to_string(work.spares_used - bank.spares_used) + " row(s) of bank " +
                                         std::to_string(program.bank) + " moved to spare rows, " +
                                         std::to_string(parameters_.spare_rows - work.spares_used) + " left");
    bank.spares_used = work.spares_used;
    // Cells that got no pulse are as old as they were.
    if (!work.pulse_rows.empty()) {
        ++bank.epoch;
        bank.programmed_at = services_.ageing_clock();
        bank.exposed_at = exposed();
        bank.temperature = anchor_.temperature;
        bank.forget_calibration();
    } else {
        cache_[program.bank].fresh = false;
    }
    program.end = work.end;
    program.cells = static_cast<std::uint64_t>(work.pulse_rows.size()) * cells_a_weight() * n_;
    program.worn_out = max_wear(program.bank) > parameters_.endurance;
    program.failed = work.failed_cells > parameters_.failed_cells * cells_a_weight() * bank.rows * bank.cols;
    work = {};
    ++commits_;
}

/// Stops at the end of the slot under way; the rows before it have been pulsed, the bank holds nothing.
void PcmMemory::abandon(ProgramTransaction& program)
{
    auto& bank = banks_[program.bank];
    auto& work = bank.programming;
    if (!work.active) return;
    const auto elapsed = std::max<Picoseconds>(0, program.start - work.start);
    std::size_t rows = 0;
    if (elapsed > 0) {
        rows = static_cast<std::size_t>(std::lower_bound(work.row_ends.begin(), work.row_ends.end(), elapsed) -
                                        work.row_ends.begin());
        rows = std::min(rows + 1, work.row_ends.size());
        // Rows that share a slot have all been pulsed.
        while (rows < work.row_ends.size() && work.row_ends[rows] == work.row_ends[rows - 1]) ++rows;
    }
    program.end = work.start;
    if (rows > 0) {
        const Picoseconds row_start =
            rows > 1 && parameters_.write_scheme == WriteScheme::serial ? work.row_ends[rows - 2] : 0;
        program.end = work.start + work.row_ends[rows - 1];
        // A serial write stops within a row, after the pair under way.
        if (parameters_.write_scheme == WriteScheme::serial) {
            const auto pair = std::max<Picoseconds>(1, (work.row_ends[rows - 1] - row_start) / n_);
            const auto done = (std::max<Picoseconds>(0, elapsed - row_start) + pair - 1) / pair;
            program.end = std::min(program.end, work.start + row_start + done * pair);
        }
    }
    program.cells = static_cast<std::uint64_t>(rows) * cells_a_weight() * n_;
    book(bank, rows, program.end);
    if (heat_.stopped) heat_.stopped(program.end);
    // What lies in the cells now is a mixture; nothing remembers it as target codes.
    bank.weights.clear();
    bank.rows = bank.cols = 0;
    ++bank.epoch;
    work = {};
}

std::vector<PairLimits> PcmMemory::limits(std::uint32_t index, std::uint32_t rows, std::uint32_t cols) const
{
    if (services_.run.fidelity == Fidelity::ideal || !services_.run.noise.wear) return {};
    const auto& bank = banks_[index];
    return pair_limits(parameters_, {chain_.seed, core_, index}, {bank.wear, bank.row_map, bank.stuck}, rows, cols);
}

/// Rows with a target that is another, or with a cell that is not at its target.
std::uint64_t PcmMemory::count_differing_rows(std::uint32_t index, const ProgramTransaction& program) const
{
    const auto& bank = banks_[index];
    if (program.rows != bank.rows || program.cols != bank.cols) return std::max(program.rows, bank.rows);
    const auto failed = pcm_memory::failed_cells(parameters_, limits(index, bank.rows, bank.cols), bank.rows, bank.cols,
                                                 bank.weights.data(), single());
    std::uint64_t differing = 0;
    for (std::uint32_t row = 0; row < bank.rows; ++row) {
        bool same = failed[row] == 0;
        for (std::uint32_t col = 0; col < bank.cols && same; ++col) {
            const auto at = static_cast<std::size_t>(col) * bank.rows + row;
            same = bank.weights[at] == program.weights[at];
        }
        differing += same ? 0 : 1;
    }
    return differing;
}

void PcmMemory::verify(ProgramTransaction& program)
{
    const auto& bank = banks_[program.bank];
    program.empty = bank.weight_id == 0;
    program.found = bank.weight_id == program.weight_id && !program.empty;
    program.end = program.start + static_cast<Picoseconds>(n_) * parameters_.verify_slot;
    const auto cells = std::uint64_t{cells_a_weight()} * n_ * n_;
    services_.ledger.charge(verify_account_, cells, program.start, program.end, program.cause);
    program.cells =
        program.found && !program.weights.empty() ? count_differing_rows(program.bank, program) : std::uint64_t{0};
    program.worn_out = max_wear(program.bank) > parameters_.endurance;
}

void PcmMemory::fetch(ProgramTransaction& program)
{
    const auto& bank = banks_[program.bank];
    program.empty = bank.weight_id == 0;
    program.found = bank.weight_id == program.weight_id && !program.empty;
    if (!program.found) return;
    auto& cached = cache_[program.bank];
    if (!services_.run.computes()) {
        if (cached.weights == nullptr) cached.weights = std::make_shared<Weights>();
        cached.weights->tile.rows = bank.rows;
        cached.weights->tile.cols = bank.cols;
        program.tile = &cached.weights->tile;
        return;
    }
    // Contrast moves with ln(age): a step of 1 % of the age (or a second) is far below a level, so the planes are
    // rebuilt only then; for crystallisation, which goes with a power of the time, 0.1 % of what half a life is.
    const Exposure age = age_of(bank);
    const auto moved = [](double now, double then, double share, double least) {
        return now > then * (1 + share) + least || now < then;
    };
    const bool aged = moved(age.drift, cached.age.drift, 0.01, 1.0) ||
                      moved(age.retention, cached.age.retention, 0.001, 1e-3 * parameters_.retention_time);
    const bool written_since = cached.epoch != bank.epoch || !cached.fresh;
    if (written_since || aged) {
        cached.limits = limits(program.bank, bank.rows, bank.cols);
        const Place place{chain_.seed, core_, program.bank, bank.epoch, &cached.limits, single()};
        const std::int8_t* weights = bank.weights.data();
        auto made = std::make_shared<Weights>();
        auto& [tile, gains] = *made;
        tile = written_since ? maker_.make(place, bank.rows, bank.cols, weights, bank.rows, age)
                             : maker_.age(cached.weights->tile, place, weights, bank.rows, age);
        double mean_gain = 0, mean_gain2 = 0;
        for (std::uint32_t col = 0; col < bank.cols; ++col) {
            const auto& ranges = bank.ranges.empty() ? bank.adc_range : bank.ranges;
            const auto range = col < ranges.size() ? ranges[col] : 0;
            gains.push_back(photonic_core::column_gain(chain_, bank.rows, range));
            if (col >= bank.gains.size()) continue;
            const auto gain = static_cast<double>(bank.gains[col]);
            auto& digital = gains.back().digital_gain;
            digital = std::max<std::int64_t>(1, static_cast<std::int64_t>(gains.back().lsb * 65536.0 * gain + 0.5));
            mean_gain += gain / bank.cols;
            mean_gain2 += gain * gain / bank.cols;
        }
        if (!bank.gains.empty()) {
            tile.output_gain = mean_gain;
            tile.output_gain2 = mean_gain2;
        }
        tile.prepared = photonic_core::prepare_tile(chain_, tile, gains.data());
        cached.weights = std::move(made);
        cached.epoch = bank.epoch;
        cached.fresh = true;
        cached.age = age;
    }
    program.temperature = bank.temperature;
    program.tile = &cached.weights->tile;
    program.gains = cached.weights->gains.data();
    program.keep = cached.weights;
}

void PcmMemory::calibrate(const ProgramTransaction& program)
{
    auto& bank = banks_[program.bank];
    if (bank.weight_id == 0 || bank.epoch != program.epoch) return;
    if (program.ranges.size() == bank.cols) bank.ranges = program.ranges;
    if (program.column_gains.size() == bank.cols) {
        bank.gains = program.column_gains;
        bank.calibrated_at = services_.ageing_clock();
        bank.calibrated_temperature = anchor_.temperature;
    }
    cache_[program.bank].fresh = false;
}

double PcmMemory::uncalibrated(std::uint32_t index) const
{
    const auto& bank = banks_[index];
    if (bank.weight_id == 0) return 0;
    const double since = bank.gains.empty() ? bank.programmed_at : std::max(bank.programmed_at, bank.calibrated_at);
    // With frozen or stepped ages nothing changes after programming.
    return services_.run.ageing == Ageing::live ? services_.age_of(since) : 0;
}

double PcmMemory::settled_temperature(std::uint32_t index) const
{
    const auto& bank = banks_[index];
    return bank.gains.empty() ? bank.temperature : bank.calibrated_temperature;
}

/// A constant temperature keeps its anchor, so that exposure does not depend on how often somebody looks.
void PcmMemory::read_thermometer()
{
    const double temperature = thermometer_ ? thermometer_() : parameters_.reference_temperature;
    if (temperature == anchor_.temperature) return;
    anchor_ = {services_.ageing_clock(), services_.added_age(), temperature, exposed()};
}

/// Simulated time passes at the die's temperature, time that is added at run.ageing_temperature.
Exposure PcmMemory::exposed() const
{
    const double added = services_.added_age() - anchor_.added;
    const double simulated = services_.ageing_clock() - anchor_.clock - added;
    return anchor_.exposure + expose(parameters_, simulated, anchor_.temperature) +
           expose(parameters_, added, services_.run.ageing_temperature);
}

Exposure PcmMemory::age_of(const Bank& bank) const
{
    switch (services_.run.ageing) {
        case Ageing::frozen:
            break;
        case Ageing::step:
            return expose(parameters_, services_.age_of(0), services_.run.ageing_temperature);
        case Ageing::live:
            return exposed().since(bank.exposed_at);
    }
    return {};
}

void PcmMemory::power_lost()
{
    for (auto& bank : banks_) bank.forget_calibration();
    cache_.assign(banks_.size(), {});
}

std::uint32_t PcmMemory::failed_cells(std::uint32_t index) const
{
    const auto& bank = banks_[index];
    std::uint32_t sum = 0;
    for (const auto count : pcm_memory::failed_cells(parameters_, limits(index, bank.rows, bank.cols), bank.rows,
                                                     bank.cols, bank.weights.data(), single()))
        sum += count;
    return sum;
}

bool PcmMemory::stick(std::uint32_t index, std::uint32_t row, std::uint32_t column, int arm, float contrast)
{
    if (index >= banks_.size() || row >= array_rows() || column >= n_ || arm < 0 || arm > 1) return false;
    banks_[index].stuck[stuck_key(row, column, arm)] = std::clamp(contrast, 0.0F, 1.0F);
    cache_[index].fresh = false;
    return true;
}

void PcmMemory::add_wear(std::uint32_t index, std::uint32_t cycles)
{
    auto& wear = banks_[index].wear;
    wear.resize(array_rows());
    for (auto& row : wear) row += std::min(cycles, 0xffffffffu - row);
    cache_[index].fresh = false;
}

void PcmMemory::release(std::uint32_t index)
{
    banks_[index].stuck.clear();
    cache_[index].fresh = false;
}

StoredCore PcmMemory::store() const
{
    StoredCore stored;
    stored.cells_written = cells_written_;
    stored.commits = commits_;
    for (const auto& bank : banks_) {
        const double age = std::max(0.0, services_.ageing_clock() - bank.programmed_at);
        const bool programmed = bank.epoch != 0;
        stored.banks.push_back({static_cast<const BankContent&>(bank), programmed ? age : 0,
                                programmed ? exposed().since(bank.exposed_at) : Exposure{}});
    }
    return stored;
}

void PcmMemory::restore(StoredCore stored)
{
    cells_written_ = stored.cells_written;
    commits_ = stored.commits;
    const double clock = services_.ageing_clock();
    const Exposure now = exposed();
    for (std::size_t i = 0; i < banks_.size() && i < stored.banks.size(); ++i) {
        auto& from = stored.banks[i];
        Bank bank;
        static_cast<BankContent&>(bank) = std::move(from);
        bank.programmed_at = clock - from.age;
        bank.exposed_at = {now.drift - from.exposure.drift, now.retention - from.exposure.retention};
        banks_[i] = std::move(bank);
    }
    cache_.assign(banks_.size(), {});
}

lc_log_wear PcmMemory::wear_log(std::uint32_t bank) const
{
    lc_log_wear log{};
    log.max_cycles = max_wear(bank);
    log.endurance = parameters_.endurance;
    log.programs = banks_[bank].epoch;
    for (const auto cycles : banks_[bank].wear) {
        log.total_cycles += cycles;
        if (cycles > parameters_.endurance) ++log.worn_rows;
    }
    log.stuck_cells = failed_cells(bank);
    log.spare_rows = spare_rows_left(bank);
    return log;
}

std::uint64_t PcmMemory::max_wear(std::uint32_t bank) const
{
    const auto& wear = banks_[bank].wear;
    return wear.empty() ? 0 : *std::max_element(wear.begin(), wear.end());
}

}  // namespace lightcard::pcm_memory
