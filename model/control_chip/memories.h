// SPDX-License-Identifier: Apache-2.0
/// Card memory as the engines see it: one pointer type over scratchpad and DRAM. Decoders have checked every range;
/// a range that is wrong all the same throws std::out_of_range, which fails the command and nothing else. Whoever moves
/// bytes here finds what jobs make of them, and takes nothing away from under a job.
#pragma once

#include <cstdint>

#include <systemc>
#include <tlm>

#include "lightcard/model/common/services.h"
#include "lightcard/model/common/transactions.h"
#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/model/control_chip/numeric_jobs.h"
#include "lightcard/model/control_chip/scratchpad.h"

namespace lightcard::control_chip {

class Memories {
public:
    Memories(Scratchpad& sram, tlm::tlm_initiator_socket<>& dram, std::uint64_t dram_bytes, NumericJobs& jobs,
             Services& services)
        : sram_(sram), dram_(dram), dram_bytes_(dram_bytes), jobs_(jobs), services_(services)
    {
    }

    /// With run.fidelity = timing there are no bytes: `into` and `from` may be null and nothing is read or written.
    /// Timed: move bytes from `earliest` on; returns when the last one has moved.
    Picoseconds read(std::uint64_t pointer, void* into, std::size_t bytes, Picoseconds earliest, Cause cause);
    Picoseconds write(std::uint64_t pointer, const void* from, std::size_t bytes, Picoseconds earliest, Cause cause);

    /// Untimed; the caller books what it costs.
    void peek(std::uint64_t pointer, void* into, std::size_t bytes);
    void poke(std::uint64_t pointer, const void* from, std::size_t bytes);

    Scratchpad& sram() { return sram_; }
    /// Start of a scratchpad range. Throws if it is not one. Jobs may have to write it yet.
    std::uint8_t* sram_range(std::uint64_t pointer, std::uint64_t bytes);
    /// The same to be read now.
    const std::uint8_t* look_at_sram(std::uint64_t pointer, std::uint64_t bytes);

private:
    void check(std::uint64_t pointer, std::uint64_t bytes) const;
    Picoseconds timed(bool write, std::uint64_t pointer, std::uint8_t* data, std::size_t bytes, Picoseconds earliest,
                      Cause cause);
    void move_sram(bool write, std::uint64_t offset, std::uint8_t* data, std::size_t bytes);
    void untimed(bool write, std::uint64_t pointer, std::uint8_t* data, std::size_t bytes);

    Scratchpad& sram_;
    tlm::tlm_initiator_socket<>& dram_;
    std::uint64_t dram_bytes_;
    NumericJobs& jobs_;
    Services& services_;
    const TimeScale scale_;
    tlm::tlm_generic_payload payload_;  ///< of the timed access under way
};

}  // namespace lightcard::control_chip
