// SPDX-License-Identifier: Apache-2.0
/// Weight memory of one core: banks of n x n differential cell pairs. Non-volatile: it survives every reset.
///
/// Programming is begin -> (time passes) -> commit, or abandon at a slot boundary. From begin until commit the bank
/// holds nothing that may be used. Verification finds the cells that do not reach their target; a row with such cells
/// is written again in a spare row while there are any, and the bank remembers where. Architectural state a bank:
/// target codes, weight id, epoch, age, rows in use, wear a row, cells made to fail; everything else (which cells have
/// worn out, effective weights) follows from it and is cached.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/model/pcm_memory/bank.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/pcm_memory/state_file.h"
#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::pcm_memory {

class PcmMemory : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<PcmMemory> write;  ///< programmer, from the control chip
    tlm_utils::simple_target_socket<PcmMemory> read;   ///< the photonic core

    PcmMemory(sc_core::sc_module_name name, std::uint32_t core, const std::string& path, std::uint32_t n,
              const Parameters& parameters, const photonic_core::AnalogChain& chain, Services& services);

    /// Where the cells' temperature is read, C; without one they are always at the reference temperature.
    void set_thermometer(std::function<double()> thermometer) { thermometer_ = std::move(thermometer); }

    /// Who is warmed by writing: `started` with the energy of a whole program and its time, `stopped` when one is
    /// abandoned.
    struct Heat {
        std::function<void(Picoseconds start, Picoseconds end, double joules)> started;
        std::function<void(Picoseconds now)> stopped;
    };
    void set_heat(Heat heat) { heat_ = std::move(heat); }

    const std::vector<Bank>& banks() const { return banks_; }
    std::uint64_t max_wear(std::uint32_t bank) const;
    std::uint32_t array_rows() const { return n_ + parameters_.spare_rows; }
    std::uint32_t spare_rows_left(std::uint32_t bank) const
    {
        return parameters_.spare_rows - banks_[bank].spares_used;
    }
    /// Cells of the tile that are stuck or no longer reach their target.
    std::uint32_t failed_cells(std::uint32_t bank) const;

    /// From now on the cell stays at `contrast` (0 = T_min .. 1 = T_max). False if there is no such cell.
    bool stick(std::uint32_t bank, std::uint32_t row, std::uint32_t column, int arm, float contrast);
    /// Every row of the bank has seen that many cycles more.
    void add_wear(std::uint32_t bank, std::uint32_t cycles);
    /// The cells that stick() made fail work again.
    void release(std::uint32_t bank);

    /// s since the bank was verified or its gains were measured, whichever is later; 0 of an empty one.
    double uncalibrated(std::uint32_t bank) const;
    /// C at which the bank's answers were last right: when it was written, or when its gains were measured.
    double settled_temperature(std::uint32_t bank) const;
    /// The correction registers are not in the cells.
    void power_lost();

    /// What a loss of power leaves: banks, as a state file holds them.
    StoredCore store() const;
    void restore(StoredCore stored);
    lc_log_wear wear_log(std::uint32_t bank) const;  ///< but for the place
    std::uint64_t cells_written() const { return cells_written_; }
    std::uint64_t commits() const { return commits_; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.expect("banks", static_cast<std::uint64_t>(banks_.size()));
        for (auto& bank : banks_) {
            archive.field("bank", bank);
            archive.check(fits(bank, n_, parameters_.spare_rows), "a bank does not fit this card");
        }
        archive.field("cells_written", cells_written_);
        archive.field("commits", commits_);
        archive.field("exposed_to", anchor_.clock);
        archive.field("exposed_added", anchor_.added);
        archive.field("exposed_temperature", anchor_.temperature);
        archive.field("exposed", anchor_.exposure);
        if constexpr (Archive::reading) cache_.assign(banks_.size(), {});
    }

private:
    /// What a product reads; products under way keep what they started with.
    struct Weights {
        EffectiveTile tile;
        std::vector<photonic_core::ColumnGain> gains;
    };
    /// Effective weights of a bank, made anew when its epoch or its age has moved on.
    struct Cached {
        std::uint64_t epoch = 0;
        bool fresh = false;
        Exposure age;
        std::vector<PairLimits> limits;
        std::shared_ptr<Weights> weights;
    };

    /// Exposure of the cells up to a moment, and the temperature since.
    struct Anchor {
        double clock = 0, added = 0;  ///< ageing clock, and its part that was added
        double temperature = 0;       ///< C
        Exposure exposure;
    };

    void read_thermometer();
    Exposure exposed() const;
    Exposure age_of(const Bank& bank) const;
    void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    void begin(ProgramTransaction& program);
    void commit(ProgramTransaction& program);
    void abandon(ProgramTransaction& program);
    void verify(ProgramTransaction& program);
    void fetch(ProgramTransaction& program);
    void calibrate(const ProgramTransaction& program);
    void book(Bank& bank, std::size_t slots_done, Picoseconds end);
    std::vector<std::uint32_t> rows_to_pulse(const Bank& bank, const ProgramTransaction& program) const;
    void add_row(Programming& work, std::uint32_t row, std::uint32_t physical, Picoseconds from) const;
    void replace_failed_rows(std::uint32_t bank, Programming& work) const;
    std::vector<PairLimits> limits(std::uint32_t bank, std::uint32_t rows, std::uint32_t cols) const;
    std::uint32_t cells_a_weight() const { return single() ? 1 : 2; }
    bool single() const { return chain_.pedestal > 0; }
    std::uint64_t count_differing_rows(std::uint32_t bank, const ProgramTransaction& program) const;

    const std::uint32_t core_;
    const std::uint32_t n_;
    const Parameters parameters_;
    TileMaker maker_;
    const photonic_core::AnalogChain& chain_;
    Services& services_;
    std::vector<Bank> banks_;
    std::vector<Cached> cache_;
    std::function<double()> thermometer_;
    Heat heat_;
    double joules_a_count_ = 0;  ///< of the write account
    Anchor anchor_;
    std::uint64_t cells_written_ = 0;
    std::uint64_t commits_ = 0;
    AccountId write_account_, verify_account_;
    TrackId track_;
};

}  // namespace lightcard::pcm_memory
