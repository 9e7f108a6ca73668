// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/mvm_numbers.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "lightcard/model/control_chip/row_ops.h"

namespace lightcard::control_chip {

std::unique_ptr<ChunkMemory::Chunk> ChunkMemory::take()
{
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) return std::make_unique<Chunk>();
    auto chunk = std::move(free_.back());
    free_.pop_back();
    return chunk;
}

void ChunkMemory::give_back(std::unique_ptr<Chunk> chunk)
{
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(chunk));
}

MvmNumbers::MvmNumbers(const lc_mvm_op& op, const BlockShape& shape, Scales scales, std::uint64_t first,
                       std::uint32_t vectors, Memories& memories, ChunkMemory& memory)
    : memories_(memories),
      memory_(memory),
      op_(op),
      shape_(shape),
      scales_(std::move(scales)),
      first_(first),
      largest_(vectors, 1),
      sram_(memories.sram().data())
{
    if (LC_PTR_SPACE(op.in.base) != LC_SPACE_SRAM) throw std::out_of_range("MVM input must lie in the scratchpad");
}

Bytes MvmNumbers::reads() const
{
    return bytes_of(op_.in, op_.in.channels);
}

/// Of the whole command.
Bytes MvmNumbers::partial_sums() const
{
    return bytes_of(op_.psum, is_first() && is_last() ? 0 : vectors_of(op_.in) * sum_bytes());
}

Bytes MvmNumbers::writes() const
{
    return is_last() ? bytes_of(op_.out, op_.in, row_bytes()) : Bytes{};
}

bool MvmNumbers::chunks_apart() const
{
    if (!apart(reads(), partial_sums())) return false;
    if (!is_last()) return true;
    const auto constants = bytes_of(op_.post, op_.post == 0 ? 0 : PostTable::bytes(shape_.outputs));
    const auto results = writes();
    return rows_apart(op_.out, op_.in, row_bytes()) && apart(reads(), results) && apart(partial_sums(), results) &&
           apart(constants, results) && apart(constants, partial_sums());
}

std::uint32_t MvmNumbers::chunk_vectors(std::uint32_t lanes, std::uint32_t threads) const
{
    // What a job of the kernel prepares for every chunk is little beside 256 vectors, and not beside 16.
    constexpr std::uint32_t kMost = 256, kLeast = 16;
    const auto vectors = static_cast<std::uint32_t>(largest_.size());
    const std::uint32_t few = std::clamp(vectors / kLeast, 1u, threads);
    const std::uint32_t chunks = std::max(few, (vectors + kMost - 1) / kMost);
    return ((vectors + chunks - 1) / chunks + lanes - 1) / lanes * lanes;
}

void MvmNumbers::add_accesses(std::uint32_t chunk_vectors, NumericJobs::Job& job) const
{
    job.reads.push_back(reads());
    if (is_last()) job.writes.push_back(writes());
    if (is_first() && is_last()) return;
    const auto sums = partial_sums();
    job.sums.begin = sums.begin + first_ * sum_bytes();
    job.sums.end = job.sums.begin + largest_.size() * sum_bytes();
    job.share = chunk_vectors * sum_bytes();
}

void MvmNumbers::look_at_outputs()
{
    if (!is_first() || !is_last()) partial_ = memories_.sram_range(op_.psum, vectors_of(op_.in) * sum_bytes());
    if (!is_last()) return;
    const std::uint32_t outputs = shape_.outputs;
    table_.emplace(op_.post == 0 ? nullptr : memories_.look_at_sram(op_.post, PostTable::bytes(outputs)), outputs);
    if (op_.out_format != LC_FMT_S32 && !table_->shifts_legal())
        throw std::invalid_argument("post-processing shift outside 1..62");
    if (LC_PTR_SPACE(op_.out.base) != LC_SPACE_SRAM) throw std::out_of_range("MVM output must lie in the scratchpad");
}

std::unique_ptr<ChunkMemory::Chunk> MvmNumbers::open(std::uint32_t begin, std::uint32_t end)
{
    auto chunk = memory_.take();
    const auto vectors = end - begin;
    const bool as_they_are = !shape_.is_signed && shape_.full == 0 && shape_.row_copies == 1;
    auto& raw = as_they_are ? chunk->codes : chunk->inputs;
    raw.resize(static_cast<std::size_t>(vectors) * shape_.inputs);
    const FlatReader read{sram_};
    const WindowGather window(op_.in, op_.k0, shape_.inputs);
    auto at = position_of(op_.in, first_ + begin);
    for (std::uint32_t v = 0; v < vectors; ++v) {
        window(at, read, 0, raw.data() + static_cast<std::size_t>(v) * shape_.inputs);
        advance(op_.in, at);
    }
    if (as_they_are) {
        chunk->largest.assign(vectors, 1);
    } else {
        encode_vectors(shape_, chunk->inputs, vectors, chunk->codes, chunk->largest);
    }
    std::copy(chunk->largest.begin(), chunk->largest.end(), largest_.begin() + begin);
    chunk->sums.resize(static_cast<std::size_t>(vectors) * shape_.cols() * shape_.passes());
    return chunk;
}

void MvmNumbers::close(std::uint32_t begin, std::uint32_t end, const std::int32_t* column_sum,
                       std::unique_ptr<ChunkMemory::Chunk> chunk)
{
    const auto vectors = end - begin;
    combine_samples(shape_, vectors, column_sum, chunk->largest, *scales_, chunk->sums);
    add_partial_sums(first_ + begin, chunk->sums, static_cast<std::size_t>(vectors) * shape_.outputs);
    if (is_last()) write_outputs(first_ + begin, vectors, chunk->sums);
    memory_.give_back(std::move(chunk));
}

/// Of the vectors from `first` on. The first tile of a column finds none, the last leaves none.
void MvmNumbers::add_partial_sums(std::uint64_t first, std::vector<std::int32_t>& sums, std::size_t count) const
{
    if (is_first() && is_last()) return;
    std::uint8_t* partial = partial_ + first * sum_bytes();
    // Saturated: towards the sign of what was there, which both had if the sum left 32 bits.
    if (!is_first()) add_saturated(partial, static_cast<std::uint32_t>(count), sums.data());
    if (!is_last()) std::memcpy(partial, sums.data(), count * 4);
}

void MvmNumbers::write_outputs(std::uint64_t first, std::uint32_t vectors, const std::vector<std::int32_t>& sums) const
{
    const std::uint32_t outputs = shape_.outputs;
    const Clamp clamp{op_.zero_point, op_.clamp_lo, op_.clamp_hi};
    auto at = position_of(op_.in, first);
    for (std::uint32_t v = 0; v < vectors; ++v) {
        post_process_row(sums.data() + static_cast<std::size_t>(v) * outputs, outputs, *table_, clamp, op_.out_format,
                         sram_ + surface_offset(op_.out, at));
        advance(op_.in, at);
    }
}

}  // namespace lightcard::control_chip
