// SPDX-License-Identifier: Apache-2.0
/// Drives one photonic core: gathers the input stream from the scratchpad, hands batches to the DAC array, keeps
/// partial sums, post-processes and writes the output. Time and energy are known when a batch is sent; its numbers are
/// a job (numeric_jobs.h), and what they mean for counters and events is settled when the job is.
///
/// Light and scratchpad ports stream side by side: after any number of vectors the stream is as far as the slower one.
/// The core is free for the next command when its stream ends; results are there one fill-and-drain later. lt runs a
/// whole command as one step; at runs chunks of run.at_chunk_vectors, one event each. Rounding is per command, so both
/// end at the same picosecond when nobody else uses the scratchpad.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include <systemc>
#include <tlm>

#include "lightcard/model/control_chip/block_scale.h"
#include "lightcard/model/control_chip/calibrator.h"
#include "lightcard/model/control_chip/engine_context.h"
#include "lightcard/model/control_chip/mvm_numbers.h"

namespace lightcard::control_chip {

class MvmEngine : public Engine {
public:
    /// What the digital side of a product is charged to, all cores together.
    struct Accounts {
        AccountId accumulate = 0, scale_input = 0, scale_sum = 0;
    };

    MvmEngine(EngineContext context, tlm::tlm_initiator_socket<>& core, std::uint32_t index, std::uint32_t lanes);

    void start(Task& task) override;
    void step(Task& task) override;
    void finish(Task& task) override;
    void drop(Task& task) override;

    Calibrator& calibrator() { return calibrator_; }

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("converted", converted_);
        archive.field("clipped", clipped_);
    }

    /// Running sample counts by weight id: noise of the same input differs from one use to the next.
    std::map<std::uint64_t, std::uint64_t>& sample_counts() { return samples_; }
    std::uint64_t converted() const { return converted_; }  ///< samples of this core's converters
    std::uint64_t clipped() const { return clipped_; }      ///< of those, as far as jobs are settled
    void share_sample_counts(std::map<std::uint64_t, std::uint64_t>& counts) { shared_ = &counts; }

    static Accounts open_accounts(Ledger& ledger, const Parameters& parameters);
    void set_accounts(const Accounts& accounts) { accounts_ = accounts; }

private:
    /// What a batch of vectors moves through the scratchpad, in bits.
    std::uint64_t traffic_bits(const lc_mvm_op& op, std::uint64_t vectors) const;
    bool run(Task& task, std::uint64_t vectors);
    void prepare(Task& task);
    void conclude(Task& task);
    void tell(Task& task);
    bool send(Task& task, std::uint64_t first, std::uint32_t vectors, MvmTransaction& mvm);
    void refuse(Task& task, const MvmTransaction& mvm);
    MvmNumbers::Scales scales_of(const lc_mvm_op& op);
    bool fits_inputs() const;
    void compute(const Task& task, const std::shared_ptr<MvmNumbers>& numbers, MvmTransaction& mvm);
    void book(const Task& task, const MvmTransaction& mvm);
    void count(const Task& task, const MvmTransaction& mvm);
    /// What a batch's statistics add to counters and to its layer's error.
    struct Outcome;
    void settle(const Outcome& outcome, const photonic_core::MvmStats& stats, const MvmNumbers& numbers);

    EngineContext context_;
    tlm::tlm_initiator_socket<>& core_;
    tlm::tlm_generic_payload payload_;  ///< of the transaction under way
    ChunkMemory memory_;
    Calibrator calibrator_;
    std::uint32_t lanes_;
    Accounts accounts_;
    std::uint8_t index_;
    std::map<std::uint64_t, std::uint64_t> samples_;
    std::map<std::uint64_t, std::uint64_t>* shared_ = &samples_;
    BlockShape shape_{{}, false};                   ///< of the running command
    std::uint64_t first_sample_ = 0;                ///< of the running command
    Picoseconds light_start_ = 0, light_time_ = 0;  ///< first light of the command, and time of its symbols so far
    Picoseconds ports_end_ = 0;                     ///< scratchpad traffic of the command so far ends here
    Picoseconds waited_ = 0;                        ///< of the command, for laser and bank switch
    Picoseconds stream_end_ = 0, ready_ = 0;
    std::uint64_t converted_ = 0, clipped_ = 0;
    struct Clipping {
        std::uint64_t samples = 0, clipped = 0;
    };
    std::shared_ptr<Clipping> clipping_;  ///< of the running command; null = time alone
    bool dark_ = false;                   ///< a laser line was out during the command
    MvmNumbers::Scales scales_;           ///< of the running command
};

}  // namespace lightcard::control_chip
