// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/pcm_memory/pcm_memory.h"

#include <algorithm>
#include <cmath>

namespace lightcard::pcm_memory {

PcmMemory::PcmMemory(sc_core::sc_module_name name, std::uint32_t core, const std::string& path, std::uint32_t n,
                     const Parameters& parameters, const photonic_core::AnalogChain& chain, Services& services)
    : sc_module(name),
      write("write"),
      read("read"),
      core_(core),
      n_(n),
      parameters_(parameters),
      chain_(chain),
      services_(services),
      banks_(parameters.banks),
      cache_(parameters.banks)
{
    write.register_b_transport(this, &PcmMemory::transport);
    read.register_b_transport(this, &PcmMemory::transport);
    write_account_ = services_.ledger.open({path + ".pcm_write", Category::weight_write, "cell",
                                            parameters.write_energy, Scope::core, true, "card.pcm.write_energy"});
    verify_account_ = services_.ledger.open({path + ".pcm_verify", Category::weight_write, "cell",
                                             parameters.verify_energy, Scope::core, true, "card.pcm.verify_energy"});
    track_ = services_.activity.open(path + ".pcm_memory");
}

void PcmMemory::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&)
{
    auto* program = payload.get_extension<ProgramTransaction>();
    if (program == nullptr || program->bank >= banks_.size()) {
        payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
        return;
    }
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
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
    }
}

/// Slots of `rows` pulsed rows: a row, a cell pair or the whole array shares one program-and-verify slot.
std::uint64_t PcmMemory::slots(std::size_t rows) const
{
    switch (parameters_.write_scheme) {
        case WriteScheme::serial:
            return static_cast<std::uint64_t>(rows) * n_;
        case WriteScheme::row_parallel:
            return rows;
        case WriteScheme::array_parallel:
            return rows == 0 ? 0 : 1;
    }
    return rows;
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
        bool changed = !parameters_.skip_unchanged || bank.weight_id == 0;
        for (std::uint32_t col = 0; col < n_ && !changed; ++col) {
            changed = target(program.weights, program.rows, program.cols, row, col) !=
                      target(bank.weights, bank.rows, bank.cols, row, col);
        }
        if (changed) rows.push_back(row);
    }
    return rows;
}

void PcmMemory::begin(ProgramTransaction& program)
{
    auto& bank = banks_[program.bank];
    auto& work = bank.programming;
    work.pulse_rows = rows_to_pulse(bank, program);
    work.active = true;
    work.weight_id = program.weight_id;
    work.rows = program.rows;
    work.cols = program.cols;
    work.weights = std::move(program.weights);
    work.adc_range = std::move(program.adc_range);
    work.cause = program.cause;
    work.start = program.start;
    work.end = program.start + static_cast<Picoseconds>(slots(work.pulse_rows.size())) * parameters_.write_slot;
    bank.weight_id = 0;
    program.end = work.end;
    program.cells = static_cast<std::uint64_t>(work.pulse_rows.size()) * 2 * n_;
}

/// Energy and wear of the first `pulsed_rows` rows of the work list.
void PcmMemory::book(Bank& bank, std::size_t pulsed_rows, Picoseconds end)
{
    const auto& work = bank.programming;
    if (bank.wear.empty()) bank.wear.resize(n_);
    for (std::size_t i = 0; i < pulsed_rows; ++i) bank.wear[work.pulse_rows[i]] += parameters_.cycles_per_write;
    const auto cells = static_cast<std::uint64_t>(pulsed_rows) * 2 * n_;
    cells_written_ += cells;
    services_.ledger.charge(write_account_, cells, work.start, end, work.cause);
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
    ++bank.epoch;
    bank.programmed_at = work.end;
    program.end = work.end;
    program.cells = static_cast<std::uint64_t>(work.pulse_rows.size()) * 2 * n_;
    program.worn_out = max_wear(program.bank) > parameters_.endurance;
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
    const auto total = slots(work.pulse_rows.size());
    const auto done = std::min<std::uint64_t>(
        total, static_cast<std::uint64_t>((elapsed + parameters_.write_slot - 1) / parameters_.write_slot));
    std::size_t rows = work.pulse_rows.size();
    if (parameters_.write_scheme == WriteScheme::row_parallel) rows = done;
    if (parameters_.write_scheme == WriteScheme::serial) rows = (done + n_ - 1) / n_;
    if (done == 0) rows = 0;
    program.end = work.start + static_cast<Picoseconds>(done) * parameters_.write_slot;
    program.cells = static_cast<std::uint64_t>(rows) * 2 * n_;
    book(bank, rows, program.end);
    // What lies in the cells now is a mixture; nothing remembers it as target codes.
    bank.weights.clear();
    bank.rows = bank.cols = 0;
    ++bank.epoch;
    work = {};
}

void PcmMemory::verify(ProgramTransaction& program)
{
    const auto& bank = banks_[program.bank];
    program.empty = bank.weight_id == 0;
    program.found = bank.weight_id == program.weight_id && !program.empty;
    program.end = program.start + static_cast<Picoseconds>(n_) * parameters_.verify_slot;
    const auto cells = 2ull * n_ * n_;
    services_.ledger.charge(verify_account_, cells, program.start, program.end, program.cause);
    std::uint64_t differing = 0;
    if (program.found && !program.weights.empty()) {
        if (program.rows != bank.rows || program.cols != bank.cols) {
            differing = std::max(program.rows, bank.rows);
        } else {
            for (std::uint32_t row = 0; row < bank.rows; ++row) {
                bool same = true;
                for (std::uint32_t col = 0; col < bank.cols && same; ++col) {
                    const auto at = static_cast<std::size_t>(col) * bank.rows + row;
                    same = bank.weights[at] == program.weights[at];
                }
                differing += same ? 0 : 1;
            }
        }
    }
    program.cells = differing;
    program.worn_out = max_wear(program.bank) > parameters_.endurance;
}

void PcmMemory::fetch(ProgramTransaction& program)
{
    const auto& bank = banks_[program.bank];
    program.empty = bank.weight_id == 0;
    program.found = bank.weight_id == program.weight_id && !program.empty;
    if (!program.found) return;
    auto& cached = cache_[program.bank];
    // Contrast moves with ln(age): a step of 1 % of the age (or a second) is far below a level, so the planes are
    // rebuilt only then.
    const double age = services_.age_of(bank.programmed_at);
    const bool aged = age > cached.age * 1.01 + 1.0 || age < cached.age;
    if (cached.epoch != bank.epoch || cached.age < 0 || aged) {
        cached.tile = make_effective_tile(parameters_, services_.run, {chain_.seed, core_, program.bank, bank.epoch},
                                          bank.rows, bank.cols, bank.weights.data(), bank.rows, age);
        cached.gains.clear();
        for (std::uint32_t col = 0; col < bank.cols; ++col) {
            const auto range = col < bank.adc_range.size() ? bank.adc_range[col] : 0;
            cached.gains.push_back(photonic_core::column_gain(chain_, bank.rows, range));
        }
        cached.epoch = bank.epoch;
        cached.age = age;
    }
    program.tile = &cached.tile;
    program.gains = cached.gains.data();
}

std::uint64_t PcmMemory::max_wear(std::uint32_t bank) const
{
    const auto& wear = banks_[bank].wear;
    return wear.empty() ? 0 : *std::max_element(wear.begin(), wear.end());
}

}  // namespace lightcard::pcm_memory
