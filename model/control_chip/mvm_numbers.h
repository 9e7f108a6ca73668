// SPDX-License-Identifier: Apache-2.0
/// The numbers of one batch of an MVM command: vectors gathered from the scratchpad and encoded, samples combined,
/// added to partial sums, post-processed and written back. A batch is done in chunks, on any thread and in any order,
/// each in memory of its own that stays in a core's caches.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "lightcard/model/common/transactions.h"
#include "lightcard/model/control_chip/block_scale.h"
#include "lightcard/model/control_chip/memories.h"
#include "lightcard/model/control_chip/numeric_jobs.h"
#include "lightcard/model/control_chip/post_process.h"
#include "lightcard/model/control_chip/window.h"

namespace lightcard::control_chip {

/// Memory of the chunks under way, kept from batch to batch. Any thread.
class ChunkMemory {
public:
    struct Chunk {
        std::vector<std::uint8_t> inputs, codes, largest;
        std::vector<std::int32_t> sums;
    };
    std::unique_ptr<Chunk> take();
    void give_back(std::unique_ptr<Chunk> chunk);

private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Chunk>> free_;
};

class MvmNumbers {
public:
    using Scales = std::shared_ptr<const std::vector<BlockScale>>;

    /// Vectors [first, first + vectors) of the command. `memories` and `memory` outlive it. Throws std::out_of_range if
    /// inputs are not in the scratchpad.
    MvmNumbers(const lc_mvm_op& op, const BlockShape& shape, Scales scales, std::uint64_t first, std::uint32_t vectors,
               Memories& memories, ChunkMemory& memory);
    /// No chunk reads or writes what another one writes, so that their order never shows. Else the batch is one chunk.
    bool chunks_apart() const;
    /// Vectors of a chunk: whole symbols of `lanes` vectors, in a core's caches, and enough chunks for the threads to
    /// share.
    std::uint32_t chunk_vectors(std::uint32_t lanes, std::uint32_t threads) const;
    /// What the chunks read and write in the scratchpad. They may run beside card time only if chunks_apart().
    void add_accesses(std::uint32_t chunk_vectors, NumericJobs::Job& job) const;

    /// Where sums and outputs go, and the constants of the columns. Before the first chunk is closed; throws
    /// std::out_of_range or std::invalid_argument if they are not as they must be.
    void look_at_outputs();

    /// Vectors [begin, end) of the batch: codes to convert and room for the samples; then what is done with them.
    std::unique_ptr<ChunkMemory::Chunk> open(std::uint32_t begin, std::uint32_t end);
    void close(std::uint32_t begin, std::uint32_t end, const std::int32_t* column_sum,
               std::unique_ptr<ChunkMemory::Chunk> chunk);

    /// [vectors] magnitude that a vector was scaled by.
    const std::vector<std::uint8_t>& largest() const { return largest_; }
    const std::vector<BlockScale>& scales() const { return *scales_; }

private:
    bool is_first() const { return (op_.flags & LC_MVM_ACC_FIRST) != 0; }
    bool is_last() const { return (op_.flags & LC_MVM_ACC_LAST) != 0; }
    std::uint64_t row_bytes() const { return shape_.outputs * std::uint64_t{element_bytes(op_.out_format)}; }
    std::uint64_t sum_bytes() const { return shape_.outputs * std::uint64_t{4}; }
    Bytes reads() const;
    Bytes partial_sums() const;
    Bytes writes() const;
    void add_partial_sums(std::uint64_t first, std::vector<std::int32_t>& sums, std::size_t count) const;
    void write_outputs(std::uint64_t first, std::uint32_t vectors, const std::vector<std::int32_t>& sums) const;

    Memories& memories_;
    ChunkMemory& memory_;
    const lc_mvm_op op_;
    const BlockShape shape_;
    const Scales scales_;
    const std::uint64_t first_;
    std::vector<std::uint8_t> largest_;
    std::uint8_t* sram_ = nullptr;     ///< byte 0 of the scratchpad
    std::uint8_t* partial_ = nullptr;  ///< sums of the command's first vector
    std::optional<const PostTable> table_;
};

}  // namespace lightcard::control_chip
