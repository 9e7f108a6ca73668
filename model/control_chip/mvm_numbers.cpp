// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/mvm_numbers.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "lightcard/model/control_chip/post_process.h"

namespace lightcard::control_chip {

namespace {

struct Range {
    std::uint64_t begin, end;
};

bool apart(const Range& a, const Range& b)
{
    return a.end <= b.begin || b.end <= a.begin;
}

Range range_of(std::uint64_t pointer, std::uint64_t bytes)
{
    return {LC_PTR_OFFSET(pointer), LC_PTR_OFFSET(pointer) + bytes};
}

/// Rows of an output lie one behind the other, lines and images too.
bool rows_apart(const lc_surface& out, const lc_window& in, std::uint64_t row)
{
    const std::uint64_t line = (in.out_w - 1) * std::uint64_t{out.stride_w} + row;
    const std::uint64_t image = (in.out_h - 1) * std::uint64_t{out.stride_h} + line;
    return (in.out_w <= 1 || out.stride_w >= row) && (in.out_h <= 1 || out.stride_h >= line) &&
           (in.images <= 1 || out.stride_n >= image);
}

}  // namespace

void MvmNumbers::begin(const lc_mvm_op& op, const BlockShape& shape, const std::vector<BlockScale>& scales,
                       std::uint64_t first, std::uint32_t vectors, const MvmTransaction& mvm)
{
    if (LC_PTR_SPACE(op.in.base) != LC_SPACE_SRAM) throw std::out_of_range("MVM input must lie in the scratchpad");
    op_ = op;
    shape_ = std::make_unique<const BlockShape>(shape);
    scales_ = &scales;
    mvm_ = &mvm;
    first_ = first;
    largest_.assign(vectors, 1);
    failure_ = nullptr;
    // A batch that was refused has closed nothing.
    free_.clear();
    for (const auto& scratch : all_) free_.push_back(scratch.get());
}

bool MvmNumbers::chunks_apart() const
{
    const auto& in = op_.in;
    const auto reads = range_of(in.base, (in.images - 1) * in.stride_n + (in.height - 1) * std::uint64_t{in.stride_h} +
                                             (in.width - 1) * std::uint64_t{in.stride_w} + in.channels);
    const bool first = (op_.flags & LC_MVM_ACC_FIRST) != 0, last = (op_.flags & LC_MVM_ACC_LAST) != 0;
    const auto partial = range_of(op_.psum, first && last ? 0 : vectors_of(in) * shape_->outputs * 4);
    if (!apart(reads, partial)) return false;
    if (!last) return true;
    const std::uint64_t row = shape_->outputs * std::uint64_t{element_bytes(op_.out_format)};
    if (!rows_apart(op_.out, in, row)) return false;
    const auto writes =
        range_of(op_.out.base, (in.images - 1) * op_.out.stride_n + (in.out_h - 1) * std::uint64_t{op_.out.stride_h} +
                                   (in.out_w - 1) * std::uint64_t{op_.out.stride_w} + row);
    const auto constants = range_of(op_.post, op_.post == 0 ? 0 : PostTable::bytes(shape_->outputs));
    return apart(reads, writes) && apart(partial, writes) && apart(constants, writes) && apart(constants, partial);
}

MvmNumbers::Scratch* MvmNumbers::take()
{
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) {
        all_.push_back(std::make_unique<Scratch>());
        return all_.back().get();
    }
    auto* scratch = free_.back();
    free_.pop_back();
    return scratch;
}

VectorStream::Chunk MvmNumbers::open(std::uint32_t begin, std::uint32_t end)
{
    auto& scratch = *take();
    const auto& shape = *shape_;
    const auto vectors = end - begin;
    const bool as_they_are = !shape.is_signed && shape.full == 0 && shape.row_copies == 1;
    auto& raw = as_they_are ? scratch.codes : scratch.inputs;
    raw.resize(static_cast<std::size_t>(vectors) * shape.inputs);
    const FlatReader read{memories_.sram_range(LC_PTR(LC_SPACE_SRAM, 0), 0)};
    const WindowGather window(op_.in, op_.k0, shape.inputs);
    auto at = position_of(op_.in, first_ + begin);
    for (std::uint32_t v = 0; v < vectors; ++v) {
        window(at, read, 0, raw.data() + static_cast<std::size_t>(v) * shape.inputs);
        advance(op_.in, at);
    }
    if (as_they_are) {
        scratch.largest.assign(vectors, 1);
    } else {
        encode_vectors(shape, scratch.inputs, vectors, scratch.codes, scratch.largest);
    }
    std::copy(scratch.largest.begin(), scratch.largest.end(), largest_.begin() + begin);
    scratch.sums.resize(static_cast<std::size_t>(vectors) * shape.cols() * shape.passes());
    return {scratch.codes.data(), scratch.sums.data(), &scratch};
}

void MvmNumbers::close(std::uint32_t begin, std::uint32_t end, const Chunk& chunk)
{
    auto& scratch = *static_cast<Scratch*>(chunk.scratch);
    std::exception_ptr failure;
    try {
        const auto vectors = end - begin;
        combine_samples(*shape_, vectors, mvm_->tile->column_sum.data(), scratch.largest, *scales_, scratch.sums);
        add_partial_sums(first_ + begin, scratch.sums, static_cast<std::size_t>(vectors) * shape_->outputs);
        if ((op_.flags & LC_MVM_ACC_LAST) != 0) write_outputs(first_ + begin, vectors, scratch.sums);
    } catch (...) {
        failure = std::current_exception();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (failure && !failure_) failure_ = failure;
    free_.push_back(&scratch);
}

void MvmNumbers::rethrow()
{
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

/// Of the vectors from `first` on. The first tile of a column finds none, the last leaves none.
void MvmNumbers::add_partial_sums(std::uint64_t first, std::vector<std::int32_t>& sums, std::size_t count)
{
    const bool is_first = (op_.flags & LC_MVM_ACC_FIRST) != 0, is_last = (op_.flags & LC_MVM_ACC_LAST) != 0;
    if (is_first && is_last) return;
    const std::uint64_t line = shape_->outputs * 4ull;
    std::uint8_t* partial = memories_.sram_range(op_.psum, vectors_of(op_.in) * line) + first * line;
    if (!is_first) {
        for (std::size_t i = 0; i < count; ++i) {
            std::int32_t before = 0;
            std::memcpy(&before, partial + i * 4, sizeof before);
            // Saturated: towards the sign of what was there, which both had if the sum left 32 bits.
            std::int32_t sum = 0;
            const bool over = __builtin_add_overflow(sums[i], before, &sum);
            sums[i] = over ? (before < 0 ? std::numeric_limits<std::int32_t>::min()
                                         : std::numeric_limits<std::int32_t>::max())
                           : sum;
        }
    }
    if (!is_last) std::memcpy(partial, sums.data(), count * 4);
}

void MvmNumbers::write_outputs(std::uint64_t first, std::uint32_t vectors, const std::vector<std::int32_t>& sums)
{
    const std::uint32_t outputs = shape_->outputs;
    const auto* packed = op_.post == 0 ? nullptr : memories_.sram_range(op_.post, PostTable::bytes(outputs));
    const PostTable table(packed, outputs);
    const Clamp clamp{op_.zero_point, op_.clamp_lo, op_.clamp_hi};
    if (op_.out_format != LC_FMT_S32 && !table.shifts_legal())
        throw std::invalid_argument("post-processing shift outside 1..62");
    auto* sram = memories_.sram_range(LC_PTR(LC_SPACE_SRAM, 0), 0);
    if (LC_PTR_SPACE(op_.out.base) != LC_SPACE_SRAM) throw std::out_of_range("MVM output must lie in the scratchpad");
    auto at = position_of(op_.in, first);
    for (std::uint32_t v = 0; v < vectors; ++v) {
        post_process_row(sums.data() + static_cast<std::size_t>(v) * outputs, outputs, table, clamp, op_.out_format,
                         sram + surface_offset(op_.out, at));
        advance(op_.in, at);
    }
}

}  // namespace lightcard::control_chip
