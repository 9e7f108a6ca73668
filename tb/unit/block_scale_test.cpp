// SPDX-License-Identifier: Apache-2.0
/// Block scaling: the card's integers against real arithmetic, exhaustively where the codes allow it; the compiler's
/// scales against their definition.
#include "lightcard/platform/compiler/block_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "lightcard/model/control_chip/block_scale.h"

namespace lightcard {
namespace {

using control_chip::BlockScale;
using control_chip::BlockShape;

BlockShape shape_of(std::uint16_t rows, std::uint16_t cols, std::uint8_t format, std::uint8_t full, bool two_pass)
{
    lc_mvm_op op{};
    op.rows = rows;
    op.cols = cols;
    op.in_format = format;
    op.full = full;
    return BlockShape(op, two_pass);
}

TEST(BlockCodes, EveryCodeAndLargestValueRoundsHalfUp)
{
    for (const int full : {1, 15, 127, 128, 254, 255}) {
        for (int largest = 1; largest <= 255; ++largest) {
            std::vector<std::uint8_t> raw, codes, most;
            for (int code = 0; code <= largest; ++code) raw.push_back(static_cast<std::uint8_t>(code));
            const auto shape =
                shape_of(static_cast<std::uint16_t>(raw.size()), 1, LC_FMT_U8, static_cast<std::uint8_t>(full), false);
            control_chip::encode_vectors(shape, raw, 1, codes, most);
            ASSERT_EQ(most[0], largest);
            for (int code = 0; code <= largest; ++code)
                ASSERT_EQ(codes[static_cast<std::size_t>(code)], (2 * code * full + largest) / (2 * largest))
                    << code << " of " << largest << " to " << full;
        }
    }
}

TEST(BlockCodes, SignedVectorsKeepTheirSignsInBothWays)
{
    const std::vector<std::uint8_t> raw = {0, 1, 0xff, 64, 0x80};  // 0, 1, -1, 64, -128
    std::vector<std::uint8_t> codes, most;
    control_chip::encode_vectors(shape_of(5, 1, LC_FMT_S8, 127, false), raw, 1, codes, most);
    EXPECT_EQ(most[0], 128);
    EXPECT_EQ(codes, (std::vector<std::uint8_t>{128, 129, 127, 192, 1}));
    control_chip::encode_vectors(shape_of(5, 1, LC_FMT_S8, 255, true), raw, 1, codes, most);
    EXPECT_EQ(codes, (std::vector<std::uint8_t>{0, 2, 0, 128, 0, 0, 0, 2, 0, 255}));
    control_chip::encode_vectors(shape_of(5, 1, LC_FMT_S8, 0, false), raw, 1, codes, most);
    EXPECT_EQ(most[0], 1);
    EXPECT_EQ(codes, (std::vector<std::uint8_t>{128, 129, 127, 192, 0}));
}

TEST(BlockSums, AreFloorOfTheRealValuePlusOneHalf)
{
    std::mt19937_64 random(7);
    for (int i = 0; i < 20000; ++i) {
        lc_mvm_op op{};
        op.rows = 6;
        op.cols = 6;
        op.in_format = LC_FMT_U8;
        op.row_copies = static_cast<std::uint16_t>(random() % 2 == 0 ? 3 : 1);
        op.col_copies = static_cast<std::uint16_t>(random() % 2 == 0 ? 6 : 2);
        op.passes = static_cast<std::uint8_t>(random() % 64 + 1);
        op.full = 255;
        const BlockShape shape(op, false);
        std::vector<std::int32_t> samples(std::size_t{shape.passes()} * shape.cols());
        for (auto& sample : samples) sample = static_cast<std::int32_t>(random() % (1 << 25)) - (1 << 24);
        std::vector<BlockScale> scales;
        for (std::uint32_t o = 0; o < shape.outputs; ++o)
            scales.push_back(
                control_chip::block_scale(static_cast<std::uint16_t>((96 + random() % 39) << 7 | random() % 128)));
        const auto largest = static_cast<std::uint8_t>(random() % 256);
        auto sums = samples;
        control_chip::combine_samples(shape, 1, nullptr, {largest}, scales, sums);
        for (std::uint32_t o = 0; o < shape.outputs; ++o) {
            __int128 total = 0;
            for (std::size_t s = o; s < samples.size(); s += shape.outputs) total += samples[s];
            total *= largest * scales[o].mantissa;
            const __int128 unit = static_cast<__int128>(shape.divisor()) << scales[o].shift;
            __int128 doubled = 2 * total + unit, quotient = doubled / (2 * unit);
            if (quotient * 2 * unit > doubled) --quotient;
            const __int128 limit = std::int64_t{1} << 31;
            const __int128 expected = quotient < -limit ? -limit : quotient >= limit ? limit - 1 : quotient;
            ASSERT_EQ(sums[o], static_cast<std::int32_t>(expected)) << i;
        }
    }
}

TEST(BlockScales, LegalNumbersAreZeroAndTheMultipliersRange)
{
    using control_chip::block_scale_legal;
    EXPECT_TRUE(block_scale_legal(0));
    EXPECT_TRUE(block_scale_legal(compiler::bf16_not_below(std::ldexp(1, -31))));
    EXPECT_TRUE(block_scale_legal(compiler::bf16_not_below(255)));
    EXPECT_FALSE(block_scale_legal(compiler::bf16_not_below(256)));
    for (const unsigned bad : {0x8000u, 0xbf80u, 0x7f80u, 0x7fc0u, 0x0001u, 0x2f80u})
        EXPECT_FALSE(block_scale_legal(static_cast<std::uint16_t>(bad))) << bad;
    const BlockScale one = control_chip::block_scale(0x3f80);
    EXPECT_EQ(std::ldexp(static_cast<double>(one.mantissa), -static_cast<int>(one.shift)), 1);
}

TEST(BlockScales, RoundUpToEightBits)
{
    std::mt19937_64 random(5);
    std::uniform_real_distribution<double> exponent(-30, 7);
    for (int i = 0; i < 10000; ++i) {
        const double value = std::exp2(exponent(random)), up = compiler::from_bf16(compiler::bf16_not_below(value));
        ASSERT_GE(up, value);
        ASSERT_LE(up, value * (1 + 1.0 / 128));
    }
    EXPECT_EQ(compiler::from_bf16(compiler::bf16_not_below(0.75)), 0.75);
    EXPECT_EQ(compiler::bf16_not_below(0), 0);
}

compiler::QuantGraph product_graph(std::vector<std::int8_t> weights, int inputs, int outputs)
{
    compiler::QuantGraph graph;
    graph.tile_rows = 4;
    graph.nodes.resize(2);
    graph.nodes[0].out.channels = inputs;
    auto& node = graph.nodes[1];
    node.op = compiler::QuantOp::mvm;
    node.inputs = {0};
    node.out.channels = outputs;
    node.weights = std::move(weights);
    return graph;
}

TEST(BlockScales, EveryColumnOfATileUsesItsRange)
{
    // 6 inputs in tiles of 4 rows, 2 outputs.
    auto graph = product_graph({127, 5, -3, 0, 1, -2, 10, 20, -30, 0, 0, 0}, 6, 2);
    compiler::scale_blocks(graph, {});
    const auto& block = graph.nodes[1].block;
    ASSERT_EQ(block.planes.size(), 1u);
    ASSERT_EQ(block.scale.size(), 4u);  // two K-tiles, two outputs
    const auto& plane = block.planes[0];
    EXPECT_GE(plane[0], 126);
    EXPECT_GE(std::abs(plane[5]), 126);  // -2 alone fills the second tile of the first column
    EXPECT_GE(std::abs(plane[8]), 126);
    EXPECT_EQ(block.scale[3], 0);  // nothing there
    for (std::size_t o = 0; o < 2; ++o)
        for (std::size_t i = 0; i < 6; ++i) {
            const double scale = compiler::from_bf16(block.scale[i / 4 * 2 + o]) * 255;
            EXPECT_NEAR(plane[o * 6 + i] * scale, graph.nodes[1].weights[o * 6 + i], scale / 2 + 1e-12);
        }
}

TEST(BlockScales, SlicesOfCoarseCellsComeTogetherToTheWeight)
{
    std::vector<std::int8_t> weights;
    std::mt19937_64 random(2);
    for (int i = 0; i < 64; ++i) weights.push_back(static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127));
    // A 4-bit slice leaves half a step of 15 and the rounding to whole codes, the next one the same of that. A single
    // slice has codes for levels of its own: half a code.
    const double bounds[] = {0.5, 0.18, 0.0067};
    for (const std::uint32_t slices : {1u, 2u, 3u}) {
        auto graph = product_graph(weights, 8, 8);
        compiler::BlockOptions options;
        options.slices = slices;
        options.level_bits = 4;
        compiler::scale_blocks(graph, options);
        const auto& block = graph.nodes[1].block;
        double worst = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            double sum = 0;
            for (std::size_t s = 0; s < slices; ++s)
                sum += block.planes[s][i] * compiler::from_bf16(block.scale[(s * 2 + i % 8 / 4) * 8 + i / 8]) * 255;
            worst = std::max(worst, std::abs(sum - weights[i]));
        }
        EXPECT_LT(worst, bounds[slices - 1]) << slices;
    }
}

TEST(BlockScales, GroupsSharedByATile)
{
    EXPECT_EQ(compiler::groups_in_tile(64, 9, 1, 128), 14u);
    EXPECT_EQ(compiler::groups_in_tile(4, 9, 1, 128), 4u);
    EXPECT_EQ(compiler::groups_in_tile(2, 200, 300, 128), 1u);
}

}  // namespace
}  // namespace lightcard
