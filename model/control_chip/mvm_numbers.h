// SPDX-License-Identifier: Apache-2.0
/// The numbers of one batch of an MVM command: vectors gathered from the scratchpad and encoded, samples combined,
/// added to partial sums, post-processed and written back. A batch is done in chunks, on any thread and in any order,
/// each in memory of its own that stays in a core's caches.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "lightcard/model/common/transactions.h"
#include "lightcard/model/control_chip/block_scale.h"
#include "lightcard/model/control_chip/memories.h"
#include "lightcard/model/control_chip/window.h"

namespace lightcard::control_chip {

class MvmNumbers : public VectorStream {
public:
    explicit MvmNumbers(Memories& memories) : memories_(memories) {}

    /// Vectors [first, first + vectors) of the command. `scales` and `mvm` live until the batch is done; the tile's
    /// column sums are looked at when a chunk is closed. Throws std::out_of_range if inputs or outputs are not in the
    /// scratchpad.
    void begin(const lc_mvm_op& op, const BlockShape& shape, const std::vector<BlockScale>& scales, std::uint64_t first,
               std::uint32_t vectors, const MvmTransaction& mvm);
    /// No chunk reads or writes what another one writes, so that their order never shows. Else the batch is one chunk.
    bool chunks_apart() const;

    Chunk open(std::uint32_t begin, std::uint32_t end) override;
    /// What fails here is kept for rethrow().
    void close(std::uint32_t begin, std::uint32_t end, const Chunk& chunk) override;
    void rethrow();

    /// [vectors] magnitude that a vector was scaled by.
    const std::vector<std::uint8_t>& largest() const { return largest_; }

private:
    struct Scratch {
        std::vector<std::uint8_t> inputs, codes, largest;
        std::vector<std::int32_t> sums;
    };
    Scratch* take();
    void add_partial_sums(std::uint64_t first, std::vector<std::int32_t>& sums, std::size_t count);
    void write_outputs(std::uint64_t first, std::uint32_t vectors, const std::vector<std::int32_t>& sums);

    Memories& memories_;
    lc_mvm_op op_{};
    std::unique_ptr<const BlockShape> shape_;
    const std::vector<BlockScale>* scales_ = nullptr;
    const MvmTransaction* mvm_ = nullptr;
    std::uint64_t first_ = 0;
    std::vector<std::uint8_t> largest_;
    std::mutex mutex_;  ///< of what follows
    std::vector<std::unique_ptr<Scratch>> all_;
    std::vector<Scratch*> free_;
    std::exception_ptr failure_;
};

}  // namespace lightcard::control_chip
