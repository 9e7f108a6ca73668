// SPDX-License-Identifier: Apache-2.0
// Numerics of the analog product through the queue: averaged passes, copies of rows and columns, block scales. Exact in
// fidelity ideal against loops that know nothing of the card; in stat, the noise falls as it must and no faster.
#include <cmath>
#include <cstddef>

#include "lightcard/platform/compiler/block_scale.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/numerics.h"
#include "lightcard/tb/card/network_rig.h"

namespace lightcard::test {
namespace {

constexpr std::uint32_t kVectors = 400, kInputs = 32, kOutputs = 16;
constexpr std::uint64_t kWeights = 0, kRanges = 0x10000;                                // DRAM
constexpr std::uint64_t kX = 0, kOut = 0x100000, kPsum = 0x400000, kScales = 0x800000;  // SRAM

/// A product of kInputs x kOutputs, in an array that holds copies of it.
struct Product {
    std::uint16_t row_copies = 1, col_copies = 1;
    std::uint8_t passes = 1, full = 0;
    bool is_signed = false;
    std::vector<std::uint16_t> scales;  ///< bf16; empty = none

    std::vector<std::int8_t> weights() const  ///< [out][in]
    {
        std::vector<std::int8_t> values;
        for (const auto byte : Rig::pattern(std::size_t{kInputs} * kOutputs, 4))
            values.push_back(static_cast<std::int8_t>(std::max<int>(-127, static_cast<std::int8_t>(byte))));
        return values;
    }
    std::vector<std::uint8_t> inputs() const
    {
        auto codes = Rig::pattern(std::size_t{kVectors} * kInputs, 6);
        // Vectors of every size: what block scaling is there for.
        for (std::size_t i = 0; i < codes.size(); ++i) {
            const int range = 1 << (i / kInputs % 8);
            codes[i] =
                static_cast<std::uint8_t>(is_signed ? static_cast<std::int8_t>(codes[i]) / range : codes[i] / range);
        }
        return codes;
    }
    std::vector<std::int8_t> array() const
    {
        const auto w = weights();
        std::vector<std::int8_t> values;
        for (std::uint32_t col = 0; col < kOutputs * col_copies; ++col)
            for (std::uint32_t row = 0; row < kInputs * row_copies; ++row)
                values.push_back(w[col % kOutputs * kInputs + row % kInputs]);
        return values;
    }
    lc_mvm_op op() const
    {
        lc_mvm_op op{};
        op.rows = static_cast<std::uint16_t>(kInputs * row_copies);
        op.cols = static_cast<std::uint16_t>(kOutputs * col_copies);
        op.row_copies = row_copies;
        op.col_copies = col_copies;
        op.passes = passes;
        op.full = full;
        if (!scales.empty()) op.scale = sram_pointer(kScales);
        op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
        op.in_format = is_signed ? LC_FMT_S8 : LC_FMT_U8;
        op.out_format = LC_FMT_S32;
        op.in.base = sram_pointer(kX);
        op.in.images = op.in.out_h = op.in.height = 1;
        op.in.out_w = op.in.width = kVectors;
        op.in.channels = kInputs;
        op.in.stride_w = kInputs;
        op.in.stride_h = kInputs * kVectors;
        op.in.stride_n = kInputs * kVectors;
        op.in.kernel_h = op.in.kernel_w = op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
        op.out.base = sram_pointer(kOut);
        op.out.stride_w = kOutputs * 4;
        op.out.stride_h = kOutputs * 4 * kVectors;
        op.out.stride_n = kOutputs * 4 * kVectors;
        op.psum = sram_pointer(kPsum);
        return op;
    }
    /// Sums in real arithmetic that is exact: products of small integers and powers of two.
    std::vector<std::int32_t> expected() const
    {
        const auto w = weights();
        const auto x = inputs();
        std::vector<std::int32_t> sums;
        for (std::uint32_t v = 0; v < kVectors; ++v) {
            std::vector<int> codes;
            int most = 0;
            for (std::uint32_t i = 0; i < kInputs; ++i) {
                const std::uint8_t raw = x[v * kInputs + i];
                codes.push_back(is_signed ? static_cast<std::int8_t>(raw) : raw);
                most = std::max(most, std::abs(codes.back()));
            }
            if (full != 0)
                for (int& code : codes)
                    code = most == 0 ? 0
                                     : static_cast<int>(std::copysign(
                                           std::floor(std::abs(code) * static_cast<double>(full) / most + 0.5), code));
            for (std::uint32_t o = 0; o < kOutputs; ++o) {
                double sum = 0;
                for (std::uint32_t i = 0; i < kInputs; ++i) sum += codes[i] * w[o * kInputs + i];
                if (!scales.empty()) sum *= compiler::from_bf16(scales[o]);
                sums.push_back(static_cast<std::int32_t>(std::floor(sum * (full != 0 ? most : 1) + 0.5)));
            }
        }
        return sums;
    }
};

struct ProductRig : Rig {
    explicit ProductRig(const CardConfig& config) : Rig(config) { up(); }

    lc_status run_product(const Product& product)
    {
        const auto array = product.array();
        const auto op = product.op();
        write(dram_pointer(kWeights), array);
        write(dram_pointer(kRanges), std::vector<std::uint32_t>(op.cols));
        write(sram_pointer(kX), product.inputs());
        if (!product.scales.empty()) write(sram_pointer(kScales), product.scales);
        lc_program_op program{};
        program.rows = op.rows;
        program.cols = op.cols;
        program.row_stride = op.rows;
        program.weights = dram_pointer(kWeights);
        program.adc_range = dram_pointer(kRanges);
        run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 42), &program);
        const auto before = card.counters();
        const auto done = try_run(driver::make_weight_command(LC_OP_MVM, 42), &op);
        busy = engine(card.counters(), "core0").busy - engine(before, "core0").busy;
        return static_cast<lc_status>(done.status);
    }
    std::vector<std::int32_t> sums()
    {
        return read<std::int32_t>(sram_pointer(kOut), std::size_t{kVectors} * kOutputs);
    }

    Picoseconds busy = 0;
};

std::vector<std::uint16_t> some_scales()
{
    std::vector<std::uint16_t> scales;
    for (std::uint32_t o = 0; o < kOutputs; ++o) scales.push_back(compiler::bf16_not_below((o + 1) / 300.0));
    scales[3] = 0;
    return scales;
}

TEST(Numerics, IdealIsExactForCopiesPassesAndScales)
{
    std::vector<Product> products(7);
    products[1].row_copies = 4, products[1].col_copies = 8;
    products[2].passes = 3;
    products[3].full = 255;
    products[4].scales = some_scales();
    products[5] = {2, 8, 5, 255, false, some_scales()};
    products[6] = {4, 8, 2, 127, true, some_scales()};
    for (std::size_t i = 0; i < products.size(); ++i) {
        EXPECT_EQ(in_child([&] {
                      ProductRig rig(ideal_card());
                      EXPECT_EQ(rig.run_product(products[i]), LC_SC_SUCCESS);
                      return std::string(rig.sums() == products[i].expected() ? "equal" : "different");
                  }),
                  "equal")
            << i;
    }
}

TEST(Numerics, TwoPassesGiveEachSignTheWholeRange)
{
    Product product{4, 2, 1, 255, true, some_scales()};
    auto config = ideal_card();
    config.run.signed_inputs = SignedInputs::two_pass;
    ProductRig rig(config);
    EXPECT_EQ(rig.run_product(product), LC_SC_SUCCESS);
    EXPECT_EQ(rig.sums(), product.expected());
}

TEST(Numerics, WhatCannotBeScaledIsRefused)
{
    ProductRig rig(ideal_card());
    const auto refused = [&](const Product& product, std::size_t field) {
        const auto op = product.op();
        const auto done = rig.try_run(driver::make_weight_command(LC_OP_MVM, 42), &op);
        EXPECT_EQ(done.status, LC_SC_INVALID_FIELD);
        EXPECT_EQ(done.result & 0xffff, LC_FAIL(LC_FAIL_SELF, 64 + field) & 0xffff) << field;
    };
    Product product;
    EXPECT_EQ(rig.run_product(product), LC_SC_SUCCESS);
    // Offset inputs have 127 codes to either side.
    product.full = 128, product.is_signed = true;
    refused(product, offsetof(lc_mvm_op, full));
    product = {};
    product.passes = 65;
    refused(product, offsetof(lc_mvm_op, passes));
}

/// It ends the command, not the card.
TEST(Numerics, AScaleThatTheMultiplierCannotTakeIsRefused)
{
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "AddressSanitizer does not know SystemC's coroutine stacks (variant_test.cpp)";
#endif
    ProductRig rig(ideal_card());
    Product product;
    product.scales = std::vector<std::uint16_t>(kOutputs, 0x7f80);  // infinity
    EXPECT_EQ(rig.run_product(product), LC_SC_INVALID_FIELD);
    EXPECT_TRUE(rig.works());
}

/// Mean square of the error against the exact sums, and time in the light.
struct Noise {
    double variance = 0, predicted = 0, busy = 0;
};

Noise measure(const Product& product, const NoiseSources& sources)
{
    const std::string text = in_child([&] {
        auto config = default_card();
        config.run.noise = sources;
        ProductRig rig(config);
        EXPECT_EQ(rig.run_product(product), LC_SC_SUCCESS);
        const auto got = rig.sums(), exact = product.expected();
        double squares = 0, predicted = 0, results = 0;
        for (std::size_t i = 0; i < got.size(); ++i) squares += std::pow(static_cast<double>(got[i]) - exact[i], 2);
        for (const auto& layer : rig.card.counters().layers) {
            predicted += layer.error.total();
            results += layer.error.results;
        }
        EXPECT_EQ(results, static_cast<double>(got.size()));
        return std::to_string(squares / results) + ' ' + std::to_string(predicted / results) + ' ' +
               std::to_string(rig.busy);
    });
    Noise noise;
    std::istringstream(text) >> noise.variance >> noise.predicted >> noise.busy;
    return noise;
}

NoiseSources only(bool NoiseSources::*source)
{
    NoiseSources sources;
    for (auto each : {&NoiseSources::levels, &NoiseSources::programming, &NoiseSources::drift, &NoiseSources::thermal,
                      &NoiseSources::shot, &NoiseSources::rin, &NoiseSources::dac, &NoiseSources::adc_noise,
                      &NoiseSources::adc_quantisation, &NoiseSources::dac_static, &NoiseSources::adc_static,
                      &NoiseSources::read, &NoiseSources::crosstalk})
        sources.*each = each == source;
    return sources;
}

// 6,400 samples: a variance is known to 1.8 %, the ratio of two to 2.5 %; 4 such errors are 10 %.
constexpr double kWithin = 0.10;

TEST(Numerics, PassesAverageReceiverNoiseAndNothingElse)
{
    Product once, often;
    often.passes = 4;
    const Noise one = measure(once, only(&NoiseSources::thermal)), four = measure(often, only(&NoiseSources::thermal));
    EXPECT_NEAR(four.variance / one.variance, 1.0 / 4, kWithin / 4);
    EXPECT_NEAR(four.predicted / one.predicted, 1.0 / 4, 1e-9);
    EXPECT_NEAR(one.variance / one.predicted, 1, kWithin);
    EXPECT_NEAR(four.busy, 4 * one.busy, 4);  // 100 symbols are not a whole number of picoseconds
    // What is wrong with the cells is wrong in every pass.
    const Noise cells = measure(once, only(&NoiseSources::programming)),
                same = measure(often, only(&NoiseSources::programming));
    EXPECT_NEAR(same.variance / cells.variance, 1, 1e-3);
    EXPECT_NEAR(same.predicted / cells.predicted, 1, 1e-9);
}

TEST(Numerics, CopiesOfColumnsAverageAndCopiesOfRowsAddLight)
{
    Product plain, columns, rows;
    columns.col_copies = 8;
    rows.row_copies = 4;
    const auto thermal = only(&NoiseSources::thermal), cells = only(&NoiseSources::programming);
    const Noise one = measure(plain, thermal);
    const Noise eight = measure(columns, thermal), four = measure(rows, thermal);
    EXPECT_NEAR(eight.variance / one.variance, 1.0 / 8, kWithin / 8);
    EXPECT_NEAR(four.variance / one.variance, 1.0 / 16, kWithin / 16);
    EXPECT_NEAR(eight.variance / eight.predicted, 1, kWithin);
    EXPECT_NEAR(four.variance / four.predicted, 1, kWithin);
    EXPECT_EQ(eight.busy, one.busy);
    // Each copy has cells of its own. 16 columns' biases are few: a factor of 2 either way.
    const double spread = measure(columns, cells).variance / measure(plain, cells).variance;
    EXPECT_GT(spread, 1.0 / 16);
    EXPECT_LT(spread, 1.0 / 3);
}

TEST(Numerics, ScaledVectorsMakeTheNoiseFollowTheirSize)
{
    Product scaled;
    scaled.full = 255;
    scaled.scales.assign(kOutputs, compiler::bf16_not_below(1.0 / 255));
    const Noise noise = measure(scaled, only(&NoiseSources::thermal));
    EXPECT_NEAR(noise.variance / noise.predicted, 1, kWithin);
    // Vectors fall from full range to 1/128 of it in eight steps: mean square 1/6 of the largest.
    const Noise plain = measure({}, only(&NoiseSources::thermal));
    EXPECT_NEAR(noise.variance / plain.variance, 1.0 / 6, 0.03);
}

/// Networks in block floating point, bit for bit against the reference executor.
std::string block_network(Network network, const std::function<void(CardConfig&)>& change, std::uint32_t batch)
{
    return in_child([&] {
        auto config = ideal_card();
        config.run.numerics = Numerics::abfp;
        change(config);
        network.graph.tile_rows = config.core.n;
        must(compiler::apply_numerics(network.graph, config, {network.inputs.front()}, {}, 4));
        Rig rig(config);
        rig.up();
        const auto program = compile(network, config, batch);
        return std::string(run_network(rig, program, network) == network.reference() ? "equal" : "different");
    });
}

TEST(BlockNetworks, EqualTheReference)
{
    EXPECT_EQ(block_network(
                  lenet(4), [](CardConfig&) {}, 4),
              "equal");
    EXPECT_EQ(block_network(
                  lenet(4), [](CardConfig& c) { c.core.n = 64, c.run.fill = Fill::both; }, 2),
              "equal");
    EXPECT_EQ(block_network(
                  resnet8(), [](CardConfig& c) { c.run.fill = Fill::both; }, 7),
              "equal");
    EXPECT_EQ(block_network(
                  resnet8(), [](CardConfig& c) { c.run.weight_slices = 2, c.run.passes = 2; }, 7),
              "equal");
    EXPECT_EQ(block_network(
                  resnet8(),
                  [](CardConfig& c) {
                      c.run.numerics = Numerics::int8;
                      c.run.weight_slices = 2;
                      c.cores = 2;
                  },
                  7),
              "equal");
    EXPECT_EQ(block_network(
                  mobilenet(), [](CardConfig& c) { c.run.fill = Fill::columns; }, 7),
              "equal");
    EXPECT_EQ(block_network(
                  mobilenet(), [](CardConfig& c) { c.run.signed_inputs = SignedInputs::two_pass; }, 7),
              "equal");
}

TEST(BlockNetworks, LayersMayHavePassesOfTheirOwn)
{
    const auto network = lenet(1);
    compiler::LowerOptions options;
    const auto first = std::find_if(network.graph.nodes.begin(), network.graph.nodes.end(),
                                    [](const auto& node) { return node.op == compiler::QuantOp::mvm; });
    options.layer_passes[first->name] = 7;
    const auto program = must(compiler::lower(network.graph, ideal_card(), options));
    std::vector<int> passes;
    for (const auto& record : program.commands) {
        if (record.sqe.opcode != LC_OP_MVM) continue;
        lc_mvm_op op;
        std::memcpy(&op, record.operands, sizeof op);
        passes.push_back(op.passes);
    }
    EXPECT_EQ(passes.front(), 7);
    EXPECT_EQ(passes.back(), 1);
    options.layer_passes = {{"no such layer", 2}};
    const auto refused = compiler::lower(network.graph, ideal_card(), options);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("no such layer"), std::string::npos);
}

}  // namespace
}  // namespace lightcard::test
