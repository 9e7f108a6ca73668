// SPDX-License-Identifier: Apache-2.0
/// One tile and its vectors, for the tests that talk to the card command by command.
#pragma once

#include <algorithm>

#include "rig.h"

namespace lightcard::test {

constexpr std::uint32_t kN = 128;
constexpr std::uint64_t kWeights = 0, kRanges = 0x10000;                                       // DRAM
constexpr std::uint64_t kInputs = 0, kOutputs = 0x100000, kPsum = 0x400000, kPost = 0x800000;  // SRAM

struct Tile {
    std::uint32_t rows = kN, cols = kN;
    std::vector<std::int8_t> weights;  ///< [cols][rows]

    Tile(std::uint32_t r, std::uint32_t c, std::uint32_t seed) : rows(r), cols(c)
    {
        for (auto byte : Rig::pattern(r * c, seed))
            weights.push_back(static_cast<std::int8_t>(std::max<int>(-127, static_cast<std::int8_t>(byte))));
    }
    std::int32_t product(const std::uint8_t* x, std::uint32_t col, bool is_signed = false) const
    {
        std::int32_t sum = 0;
        for (std::uint32_t row = 0; row < rows; ++row)
            sum += weights[col * rows + row] * (is_signed ? static_cast<std::int8_t>(x[row]) : x[row]);
        return sum;
    }
};

struct MvmRig : Rig {
    explicit MvmRig(const CardConfig& config = ideal_card()) : Rig(config) { up(2); }

    lc_program_op program_op(const Tile& tile, std::uint16_t bank, std::uint64_t at = kWeights)
    {
        write(dram_pointer(at), tile.weights);
        write(dram_pointer(at + kRanges), std::vector<std::uint32_t>(tile.cols));
        lc_program_op op{};
        op.bank = bank;
        op.rows = static_cast<std::uint16_t>(tile.rows);
        op.cols = static_cast<std::uint16_t>(tile.cols);
        op.row_stride = tile.rows;
        op.weights = dram_pointer(at);
        op.adc_range = dram_pointer(at + kRanges);
        return op;
    }
    Completion program(const Tile& tile, std::uint64_t weight_id, std::uint16_t bank = 0)
    {
        const auto op = program_op(tile, bank);
        return run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, weight_id), &op);
    }
    /// Plain vectors: `vectors` rows of `rows` codes each in SRAM, s32 sums out.
    static lc_mvm_op mvm_op(std::uint32_t rows, std::uint32_t cols, std::uint32_t vectors, std::uint16_t bank = 0)
    {
        lc_mvm_op op{};
        op.bank = bank;
        op.rows = static_cast<std::uint16_t>(rows);
        op.cols = static_cast<std::uint16_t>(cols);
        op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
        op.in_format = LC_FMT_U8;
        op.out_format = LC_FMT_S32;
        op.in.base = sram_pointer(kInputs);
        op.in.images = op.in.out_h = op.in.height = 1;
        op.in.out_w = op.in.width = vectors;
        op.in.channels = rows;
        op.in.stride_w = rows;
        op.in.stride_h = rows * vectors;
        op.in.stride_n = static_cast<std::uint64_t>(rows) * vectors;
        op.in.kernel_h = op.in.kernel_w = op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
        op.out.base = sram_pointer(kOutputs);
        op.out.stride_w = cols * 4;
        op.out.stride_h = cols * 4 * vectors;
        op.out.stride_n = static_cast<std::uint64_t>(cols) * 4 * vectors;
        op.psum = sram_pointer(kPsum);
        return op;
    }
    Completion mvm(std::uint64_t weight_id, const lc_mvm_op& op)
    {
        return try_run(driver::make_weight_command(LC_OP_MVM, weight_id), &op);
    }
};

inline const Ledger::Account& account(Card& card, Category category)
{
    const Ledger::Account* found = nullptr;
    for (const auto& entry : card.ledger().accounts())
        if (entry.spec.category == category && (found == nullptr || entry.count > found->count)) found = &entry;
    if (found == nullptr) throw std::runtime_error("no such account");
    return *found;
}

}  // namespace lightcard::test
