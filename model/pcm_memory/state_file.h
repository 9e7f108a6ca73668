// SPDX-License-Identifier: Apache-2.0
/// The PCM state file: what a card without power keeps. Weights, wear, ages, rows in use, failed cells; no registers,
/// no queues, no clock. One archive: section "pcm-state" (version), "card" (which card it is), then "core0", "core1",
/// ... Ages are those at the moment of saving: a file does not age on its shelf unless somebody says so.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/model/pcm_memory/bank.h"

namespace lightcard::pcm_memory {

/// What makes it this card and no other: geometry, and the seed that every cell's faults are drawn from.
struct CardIdentity {
    std::string name;
    std::uint64_t serial_number = 0, seed = 0;
    std::uint32_t n = 0, cores = 0, banks = 0, spare_rows = 0, level_bits = 0;

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("name", name);
        archive.field("serial_number", serial_number);
        archive.field("seed", seed);
        archive.field("n", n);
        archive.field("cores", cores);
        archive.field("banks", banks);
        archive.field("spare_rows", spare_rows);
        archive.field("level_bits", level_bits);
    }
};

struct StoredCore {
    std::vector<StoredBank> banks;
    std::uint64_t cells_written = 0, commits = 0;  ///< in the life of the card

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("banks", banks);
        archive.field("cells_written", cells_written);
        archive.field("commits", commits);
    }
};

struct StateFile {
    CardIdentity card;
    std::vector<StoredCore> cores;
};

Status write_state(std::ostream& out, const StateFile& state);
/// Of any card. Hostile bytes end as an Error: cut short, damaged, another version, sizes that cannot be, bytes behind.
Result<StateFile> read_state(std::istream& in);
/// Error that names the first field in which the file is of another card.
Status check_identity(const CardIdentity& file, const CardIdentity& card);

}  // namespace lightcard::pcm_memory
