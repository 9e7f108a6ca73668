// SPDX-License-Identifier: Apache-2.0
// Programs of shapes: as many tiles, multiply-adds and transfers as the network has, and none that the card refuses.
#include "lightcard/platform/compiler/shape_program.h"

#include <gtest/gtest.h>

#include <cstring>

namespace lightcard::compiler {
namespace {

NetworkShape small()
{
    NetworkShape network;
    network.name = "small";
    network.products = {
        {"first", 300, 200, 5, 1, 2, false}, {"attention", 64, 9, 5, 3, 1, true}, {"last", 128, 10, 1, 1, 1, false}};
    network.vector_elements = 4000;
    network.input_bytes = 1500;
    return network;
}

CardConfig card(std::uint32_t banks, std::uint32_t cores)
{
    CardConfig config;
    config.pcm.banks = banks;
    config.cores = cores;
    return config;
}

std::size_t count(const std::vector<lc_record>& records, std::uint8_t opcode)
{
    std::size_t found = 0;
    for (const auto& record : records) found += record.sqe.opcode == opcode ? 1 : 0;
    return found;
}

/// Tile-vectors by the windows of the MVMs.
std::uint64_t tile_vectors(const driver::Program& program)
{
    std::uint64_t sum = 0;
    for (const auto& record : program.commands) {
        if (record.sqe.opcode != LC_OP_MVM) continue;
        lc_mvm_op op;
        std::memcpy(&op, record.operands, sizeof op);
        sum += std::uint64_t{op.in.images} * op.in.out_h * op.in.out_w;
    }
    return sum;
}

TEST(ShapeProgram, HasTheTilesOfItsProducts)
{
    const auto network = small();
    std::uint64_t tiles = 0;
    for (const auto& product : network.products)
        if (!product.dynamic) tiles += tiles_of(product, 128) * product.count;
    ASSERT_EQ(tiles, 13u);
    for (const std::uint32_t cores : {1u, 3u}) {
        for (const std::uint32_t banks : {2u, 64u}) {
            const auto program = program_of_shapes(network, card(banks, cores), 4);
            ASSERT_TRUE(program.ok()) << program.error().what;
            EXPECT_EQ(count(program->commands, LC_OP_MVM), tiles);
            EXPECT_EQ(count(program->setup, LC_OP_PROGRAM_WEIGHTS), banks == 64 ? tiles : 0);
            EXPECT_EQ(count(program->commands, LC_OP_PROGRAM_WEIGHTS), banks == 64 ? 0 : tiles);
            EXPECT_EQ(count(program->commands, LC_OP_GEMM), 1u);
            EXPECT_EQ(count(program->commands, LC_OP_VECTOR), 4u);
            EXPECT_EQ(count(program->commands, LC_OP_COPY), 2u);
            EXPECT_EQ(tile_vectors(*program), (12u * 5 + 1) * 4);
            EXPECT_GE(program->weight_bytes(), tiles * 128 * 128);
            EXPECT_TRUE(program->weights.empty());
        }
    }
}

TEST(ShapeProgram, WhatDoesNotFitIsNamed)
{
    auto network = small();
    const auto large = program_of_shapes(network, card(2, 1), 1u << 19);
    ASSERT_FALSE(large.ok());
    EXPECT_NE(large.error().what.find("scratchpad"), std::string::npos) << large.error().what;
    network.products[0].count = 1u << 20;
    const auto many = program_of_shapes(network, card(2, 1), 1);
    ASSERT_FALSE(many.ok());
    EXPECT_NE(many.error().what.find("tiles"), std::string::npos) << many.error().what;
    network.products.clear();
    EXPECT_FALSE(program_of_shapes(network, card(2, 1), 1).ok());
}

}  // namespace
}  // namespace lightcard::compiler
