// SPDX-License-Identifier: Apache-2.0
/// Weight memory of one core: banks of n x n differential cell pairs. Non-volatile: it survives every reset.
///
/// Programming is begin -> (time passes) -> commit, or abandon at a slot boundary. From begin until commit the bank
/// holds nothing that may be used. Architectural state a bank: target codes, weight id, epoch, time of programming,
/// wear a row; everything else (effective weights) follows from it and is cached.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/pcm_memory/effective_tile.h"
#include "lightcard/model/pcm_memory/parameters.h"
#include "lightcard/model/photonic_core/mvm.h"

namespace lightcard::pcm_memory {

/// What an abandoned or running program has still to do.
struct Programming {
    bool active = false;
    std::uint64_t weight_id = 0;
    std::uint32_t rows = 0, cols = 0;
    std::vector<std::int8_t> weights;       ///< s8 [cols][rows]
    std::vector<std::uint32_t> adc_range;   ///< [cols]
    std::vector<std::uint32_t> pulse_rows;  ///< physical rows that get pulses, in order
    Picoseconds start = 0, end = 0;
    Cause cause;

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("active", active);
        archive.field("weight_id", weight_id);
        archive.field("rows", rows);
        archive.field("cols", cols);
        archive.field("weights", weights);
        archive.field("adc_range", adc_range);
        archive.field("pulse_rows", pulse_rows);
        archive.field("start", start);
        archive.field("end", end);
        archive.field("context", cause.context);
        archive.field("layer", cause.layer);
    }
};

struct Bank {
    std::uint64_t weight_id = 0;  ///< 0 = nothing verified
    std::uint32_t rows = 0, cols = 0;
    std::vector<std::int8_t> weights;
    std::vector<std::uint32_t> adc_range;
    std::uint64_t epoch = 0;
    Picoseconds programmed_at = 0;
    std::vector<std::uint32_t> wear;  ///< [n] cycles a row; empty = none
    Programming programming;

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("weight_id", weight_id);
        archive.field("rows", rows);
        archive.field("cols", cols);
        archive.field("weights", weights);
        archive.field("adc_range", adc_range);
        archive.field("epoch", epoch);
        archive.field("programmed_at", programmed_at);
        archive.field("wear", wear);
        archive.field("programming", programming);
    }
};

class PcmMemory : public sc_core::sc_module {
public:
    tlm_utils::simple_target_socket<PcmMemory> write;  ///< programmer, from the control chip
    tlm_utils::simple_target_socket<PcmMemory> read;   ///< the photonic core

    PcmMemory(sc_core::sc_module_name name, std::uint32_t core, const std::string& path, std::uint32_t n,
              const Parameters& parameters, const photonic_core::AnalogChain& chain, Services& services);

    const std::vector<Bank>& banks() const { return banks_; }
    std::uint64_t max_wear(std::uint32_t bank) const;
    std::uint64_t cells_written() const { return cells_written_; }
    std::uint64_t commits() const { return commits_; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.expect("banks", static_cast<std::uint64_t>(banks_.size()));
        for (auto& bank : banks_) {
            archive.field("bank", bank);
            archive.check(bank.weights.size() == static_cast<std::size_t>(bank.rows) * bank.cols && bank.rows <= n_ &&
                              bank.cols <= n_ && (bank.wear.empty() || bank.wear.size() == n_),
                          "a bank does not fit this card");
        }
        archive.field("cells_written", cells_written_);
        archive.field("commits", commits_);
        if constexpr (Archive::reading) cache_.assign(banks_.size(), {});
    }

private:
    /// Effective weights of a bank, rebuilt when its epoch or its age has moved on.
    struct Cached {
        std::uint64_t epoch = 0;
        double age = -1;
        EffectiveTile tile;
        std::vector<photonic_core::ColumnGain> gains;
    };

    void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
    void begin(ProgramTransaction& program);
    void commit(ProgramTransaction& program);
    void abandon(ProgramTransaction& program);
    void verify(ProgramTransaction& program);
    void fetch(ProgramTransaction& program);
    void book(Bank& bank, std::size_t pulsed_rows, Picoseconds end);
    std::uint64_t slots(std::size_t rows) const;
    std::vector<std::uint32_t> rows_to_pulse(const Bank& bank, const ProgramTransaction& program) const;

    const std::uint32_t core_;
    const std::uint32_t n_;
    const Parameters parameters_;
    const photonic_core::AnalogChain& chain_;
    Services& services_;
    std::vector<Bank> banks_;
    std::vector<Cached> cache_;
    std::uint64_t cells_written_ = 0;
    std::uint64_t commits_ = 0;
    AccountId write_account_, verify_account_;
    TrackId track_;
};

}  // namespace lightcard::pcm_memory
