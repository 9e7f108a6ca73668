// SPDX-License-Identifier: Apache-2.0
/// Lowered programs, run record by record on plain arrays, against a direct evaluation of the graph; and the wait
/// masks: any order they allow gives the same result, and none of them can be spared.
#include "lightcard/platform/compiler/lower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "lightcard/model/control_chip/decode.h"
#include "lightcard/tb/unit/quant_networks.h"
#include "lightcard/tb/unit/record_machine.h"

namespace lightcard::compiler {
namespace {

using test::Bytes;
using test::NetworkBuilder;
using test::Order;
using test::RecordMachine;
using ::testing::HasSubstr;

CardConfig card(std::uint32_t n, std::uint32_t cores, std::uint32_t banks, std::uint64_t sram = 1u << 20)
{
    CardConfig config;
    config.core.n = n;
    config.cores = cores;
    config.pcm.banks = banks;
    config.control.sram_bytes = sram;
    config.memory.bytes = 1u << 26;
    return config;
}

/// Inputs of one EXEC as host bytes, and as codes for the direct evaluation, an image each.
struct Batch {
    std::vector<Bytes> bytes;
    std::vector<std::vector<std::vector<std::int64_t>>> images;  // [image][input][element]
};

Batch random_batch(const QuantGraph& graph, std::uint32_t images, unsigned seed)
{
    std::mt19937 random(seed);
    Batch batch;
    batch.bytes.resize(graph.inputs.size());
    batch.images.resize(images);
    for (std::uint32_t image = 0; image < images; ++image) {
        for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
            const QuantTensor& shape = graph.nodes[static_cast<std::size_t>(graph.inputs[i])].out;
            auto& codes = batch.images[image].emplace_back();
            for (int k = 0; k < shape.height * shape.width * shape.channels; ++k) {
                const auto byte = static_cast<std::uint8_t>(random());
                batch.bytes[i].push_back(byte);
                codes.push_back(shape.is_signed ? static_cast<std::int8_t>(byte) : byte);
            }
        }
    }
    return batch;
}

/// What the host must find in its output buffers.
std::vector<Bytes> expected(const QuantGraph& graph, const Batch& batch)
{
    std::vector<Bytes> out(graph.outputs.size());
    const auto append = [](Bytes& bytes, const void* data, std::size_t size) {
        const auto* begin = static_cast<const std::uint8_t*>(data);
        bytes.insert(bytes.end(), begin, begin + size);
    };
    for (const auto& inputs : batch.images) {
        const auto values = test::evaluate(graph, inputs);
        for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
            const auto node = static_cast<std::size_t>(graph.outputs[o]);
            const QuantTensor& shape = graph.nodes[node].out;
            for (const float real : values.reals[node]) append(out[o], &real, 4);
            for (const std::int64_t code : values.codes[node]) {
                const auto word = static_cast<std::int32_t>(code);
                append(out[o], &word, shape.wide ? 4 : 1);
            }
        }
    }
    return out;
}

std::vector<Bytes> output_buffers(const driver::Program& program)
{
    std::vector<Bytes> out;
    for (const auto& tensor : program.outputs) out.emplace_back(tensor.bytes_per_image * program.batch, 0xee);
    return out;
}

/// Set-up, then several EXECs whose records may overlap, in the given order. Empty if a record failed.
std::vector<std::vector<Bytes>> run(const driver::Program& program, std::uint64_t sram,
                                    const std::vector<Batch>& batches, const std::vector<lc_record>& commands,
                                    const std::vector<std::size_t>& order)
{
    RecordMachine machine(sram, program);
    for (const lc_record& record : program.setup) machine.execute(record, {});
    std::vector<std::vector<Bytes>> outputs;
    std::vector<RecordMachine::Args> args(batches.size());
    std::vector<std::vector<Bytes>> inputs;
    for (const Batch& batch : batches) {
        outputs.push_back(output_buffers(program));
        inputs.push_back(batch.bytes);
    }
    for (std::size_t b = 0; b < batches.size(); ++b) {
        for (std::size_t i = 0; i < inputs[b].size(); ++i) args[b][program.inputs[i].arg] = &inputs[b][i];
        for (std::size_t o = 0; o < outputs[b].size(); ++o) args[b][program.outputs[o].arg] = &outputs[b][o];
    }
    try {
        for (const std::size_t i : order) machine.execute(commands[i % commands.size()], args[i / commands.size()]);
    } catch (const std::runtime_error&) {
        return {};
    }
    return outputs;
}

std::vector<std::size_t> as_issued(std::size_t count)
{
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    return order;
}

std::vector<lc_record> repeated(const std::vector<lc_record>& commands, std::size_t times)
{
    std::vector<lc_record> all;
    for (std::size_t i = 0; i < times; ++i) all.insert(all.end(), commands.begin(), commands.end());
    return all;
}

void expect_decodes(const driver::Program& program, const CardConfig& config)
{
    control_chip::DecodeLimits limits;
    limits.n = config.core.n, limits.cores = config.cores, limits.banks = config.pcm.banks;
    limits.sram_bytes = config.control.sram_bytes, limits.dram_bytes = config.memory.bytes;
    limits.in_buffer = true;
    const std::uint64_t args[LC_ARGS] = {0x10000, 0x20000, 0x30000};
    for (const auto* list : {&program.setup, &program.commands}) {
        for (lc_record record : *list) {
            ASSERT_FALSE(control_chip::resolve_args(record, args));
            const auto result = control_chip::decode(record.sqe, record.operands, limits);
            ASSERT_TRUE(result.ok()) << result.fault().text;
        }
    }
}

struct Machine {
    const char* name;
    std::uint32_t n, cores, banks;
};
const Machine kMachines[] = {{"reload", 16, 1, 2},          {"single bank", 16, 1, 1}, {"partly resident", 16, 1, 7},
                             {"resident", 16, 1, 4096},     {"three cores", 16, 3, 2}, {"wide", 128, 1, 2},
                             {"wide resident", 128, 2, 64}, {"odd", 23, 2, 3}};

TEST(Lower, EqualsTheDirectEvaluation)
{
    const QuantGraph graph = test::residual_network();
    for (const Machine& m : kMachines) {
        SCOPED_TRACE(m.name);
        const CardConfig config = card(m.n, m.cores, m.banks);
        const auto program = lower(graph, config, {2});
        ASSERT_TRUE(program.ok()) << program.error().message();
        expect_decodes(*program, config);
        const std::vector<Batch> batches = {random_batch(graph, 2, 7), random_batch(graph, 2, 8)};
        const auto outputs = run(*program, config.control.sram_bytes, batches, program->commands,
                                 as_issued(2 * program->commands.size()));
        ASSERT_EQ(outputs.size(), 2u);
        EXPECT_EQ(outputs[0], expected(graph, batches[0]));
        EXPECT_EQ(outputs[1], expected(graph, batches[1]));
        EXPECT_NE(outputs[0], outputs[1]);
    }
}

TEST(Lower, ResultDoesNotDependOnBatchOrCard)
{
    const QuantGraph graph = test::residual_network();
    const Batch batch = random_batch(graph, 3, 9);
    const auto program = lower(graph, card(16, 2, 3), {3});
    ASSERT_TRUE(program.ok());
    EXPECT_EQ(run(*program, 1u << 20, {batch}, program->commands, as_issued(program->commands.size()))[0],
              expected(graph, batch));
}

/// Any order that engines, banks and masks allow, three EXECs in flight at once.
TEST(Lower, WaitMasksAreEnough)
{
    const QuantGraph graph = test::residual_network();
    std::mt19937 random(4);
    for (const Machine& m : kMachines) {
        SCOPED_TRACE(m.name);
        const auto program = lower(graph, card(m.n, m.cores, m.banks), {1});
        ASSERT_TRUE(program.ok()) << program.error().message();
        const std::vector<Batch> batches = {random_batch(graph, 1, 7), random_batch(graph, 1, 8),
                                            random_batch(graph, 1, 9)};
        const Order order(repeated(program->commands, 3));
        std::set<std::vector<std::size_t>> seen;
        for (std::uint32_t trial = 0; trial < 12; ++trial) {
            const auto picked = order.pick(random, trial);  // each engine lazy once, then random
            ASSERT_EQ(picked.size(), 3 * program->commands.size());
            seen.insert(picked);
            const auto outputs = run(*program, 1u << 20, batches, program->commands, picked);
            ASSERT_EQ(outputs.size(), 3u) << "trial " << trial;
            for (std::size_t b = 0; b < 3; ++b) ASSERT_EQ(outputs[b], expected(graph, batches[b])) << "trial " << trial;
        }
        // One core that never waits for weights is a chain with little freedom.
        EXPECT_GT(seen.size(), m.cores > 1 && m.banks < 10 ? 8u : 2u) << "the masks leave no freedom";
    }
}

/// Depthwise, grouped, signed, strided, dilated and wide products on the digital MAC engine: the same bits, in any
/// order that the masks allow.
TEST(Lower, DigitalProductsEqualTheDirectEvaluation)
{
    for (const bool all : {false, true}) {
        QuantGraph graph = test::residual_network();
        std::size_t digital = 0;
        for (QuantNode& node : graph.nodes) {
            node.digital = node.op == QuantOp::mvm && (all || node.group > 1);
            digital += node.digital;
        }
        EXPECT_EQ(digital, all ? 10u : 2u);
        std::mt19937 random(6);
        for (const Machine& m : {kMachines[0], kMachines[4], kMachines[6]}) {
            SCOPED_TRACE(std::string(m.name) + (all ? ", every product" : ", grouped products"));
            const CardConfig config = card(m.n, m.cores, m.banks);
            const auto program = lower(graph, config, {2});
            ASSERT_TRUE(program.ok()) << program.error().message();
            expect_decodes(*program, config);
            const auto gemms = std::count_if(program->commands.begin(), program->commands.end(),
                                             [](const auto& record) { return record.sqe.opcode == LC_OP_GEMM; });
            EXPECT_EQ(static_cast<std::size_t>(gemms), digital);
            EXPECT_EQ(program->tiles.empty(), all);
            const std::vector<Batch> batches = {random_batch(graph, 2, 7), random_batch(graph, 2, 8)};
            const Order order(repeated(program->commands, 2));
            for (std::uint32_t trial = 0; trial < 3; ++trial) {
                const auto outputs =
                    run(*program, config.control.sram_bytes, batches, program->commands, order.pick(random, trial));
                ASSERT_EQ(outputs.size(), 2u) << "trial " << trial;
                for (std::size_t b = 0; b < 2; ++b)
                    ASSERT_EQ(outputs[b], expected(graph, batches[b])) << "trial " << trial;
            }
        }
    }
}

/// A small network through a scratchpad so tight that memory is reused: every wait bit is needed by some order.
TEST(Lower, NoWaitCanBeSpared)
{
    NetworkBuilder b("tight");
    const int image = b.input(5, 5, 3);
    const int stem = b.conv(image, {18, 3, 1, 1});
    const int left = b.conv(stem, {18, 3, 1, 1, 1, 1, true});
    const int joined = b.sum(left, stem, false);
    const int depthwise = b.conv(joined, {18, 3, 2, 1, 18});
    const int logits = b.gemm(b.pool(depthwise, true, 3, 1, 0), 10, true);
    b.output(logits);
    const QuantGraph graph = b.take();
    std::mt19937 random(5);
    int bits = 0;
    for (const Machine& m : {Machine{"one core", 16, 1, 2}, Machine{"two cores", 16, 2, 2}}) {
        SCOPED_TRACE(m.name);
        const auto program = lower(graph, card(m.n, m.cores, m.banks), {1});
        ASSERT_TRUE(program.ok()) << program.error().message();
        const std::vector<Batch> batches = {random_batch(graph, 1, 1), random_batch(graph, 1, 2),
                                            random_batch(graph, 1, 3)};
        for (std::size_t i = 0; i < program->commands.size(); ++i) {
            for (std::uint32_t engine = 0; engine < LC_ENGINES; ++engine) {
                if ((program->commands[i].sqe.wait_mask & LC_WAIT(engine)) == 0) continue;
                ++bits;
                auto commands = program->commands;
                commands[i].sqe.wait_mask &= ~LC_WAIT(engine);
                const Order order(repeated(commands, 3));
                bool broken = false;
                for (int trial = 0; trial < 20 && !broken; ++trial) {
                    const auto outputs = run(*program, 1u << 20, batches, commands, order.pick(random, engine));
                    broken = outputs.empty();
                    for (std::size_t k = 0; k < outputs.size(); ++k)
                        broken |= outputs[k] != expected(graph, batches[k]);
                }
                EXPECT_TRUE(broken) << "record " << i << ", opcode " << int{commands[i].sqe.opcode} << ", engine "
                                    << engine;
            }
        }
    }
    EXPECT_GT(bits, 10);
}

TEST(Lower, TileCounts)
{
    NetworkBuilder b("counts");
    const int image = b.input(8, 8, 32);
    const int depthwise = b.conv(image, {32, 3, 1, 1, 32});
    const int wide = b.conv(depthwise, {20, 3, 1, 1});
    b.output(wide);
    const QuantGraph graph = b.take();
    const auto small = lower(graph, card(16, 1, 2));
    ASSERT_TRUE(small.ok());
    EXPECT_EQ(small->layers[0].tiles, 32u);      // one 9-row group a 16-row tile
    EXPECT_EQ(small->layers[1].tiles, 18u * 2);  // 288 rows, 20 columns
    EXPECT_EQ(small->layers[1].tile_vectors, 36u * 64);
    EXPECT_EQ(small->layers[1].macs, 64u * 20 * 288);
    const auto large = lower(graph, card(128, 1, 2));
    ASSERT_TRUE(large.ok());
    EXPECT_EQ(large->layers[0].tiles, 3u);  // 14 groups of 9 rows in 128
    EXPECT_EQ(large->layers[1].tiles, 3u);
    EXPECT_EQ(large->tiles.size(), 6u);
    std::set<std::uint64_t> ids;
    for (const auto& tile : small->tiles) ids.insert(tile.weight_id);
    EXPECT_EQ(ids.size(), small->tiles.size());
    EXPECT_EQ(ids.count(0), 0u);
    EXPECT_EQ(lower(graph, card(16, 3, 99))->tiles[5].weight_id, small->tiles[5].weight_id) << "stable";
}

TEST(Lower, ResidencyAndPingPong)
{
    const QuantGraph graph = test::residual_network();
    const auto count = [](const std::vector<lc_record>& records, std::uint8_t opcode) {
        return static_cast<std::size_t>(
            std::count_if(records.begin(), records.end(), [=](const lc_record& r) { return r.sqe.opcode == opcode; }));
    };
    const auto resident = lower(graph, card(16, 1, 4096));
    const std::size_t tiles = resident->tiles.size();
    EXPECT_EQ(count(resident->setup, LC_OP_PROGRAM_WEIGHTS), tiles);
    EXPECT_EQ(count(resident->commands, LC_OP_PROGRAM_WEIGHTS), 0u);
    EXPECT_THAT(resident->plan[1], HasSubstr("resident"));

    const auto reload = lower(graph, card(16, 1, 2));
    EXPECT_EQ(count(reload->setup, LC_OP_PROGRAM_WEIGHTS), 0u);
    EXPECT_EQ(count(reload->commands, LC_OP_PROGRAM_WEIGHTS), tiles);
    EXPECT_THAT(reload->plan[1], HasSubstr(std::to_string(tiles) + " loads a batch"));
    EXPECT_THAT(reload->plan[3], HasSubstr("bound by weight writes"));
    // The next tile is being written before the current one computes.
    std::size_t written = 0, computed = 0;
    for (const lc_record& record : reload->commands) {
        written += record.sqe.opcode == LC_OP_PROGRAM_WEIGHTS;
        if (record.sqe.opcode != LC_OP_MVM) continue;
        ++computed;
        EXPECT_EQ(written, std::min(computed + 1, tiles));
    }

    const auto partly = lower(graph, card(16, 1, 50));
    EXPECT_EQ(count(partly->setup, LC_OP_PROGRAM_WEIGHTS), 48u);
    EXPECT_EQ(count(partly->commands, LC_OP_PROGRAM_WEIGHTS), tiles - 48);
}

/// 2 images of 40 KB in and 40 bytes out, in 256-byte payloads of 280 bytes, over 16 lanes of 16 GT/s: 2.8 us.
TEST(Lower, PredictsTheLink)
{
    NetworkBuilder b("link");
    b.output(b.conv(b.input(200, 200, 1), {1, 200, 1, 0, 1, 1, false, true}));
    const auto program = lower(b.take(), card(128, 1, 4096, 1u << 24), {2});
    ASSERT_TRUE(program.ok()) << program.error().message();
    EXPECT_THAT(program->plan[3], HasSubstr("host link 2.78 us; bound by host link"));
}

TEST(Lower, AdcRangesComeFromCalibration)
{
    NetworkBuilder b("ranges");
    b.output(b.conv(b.input(4, 4, 40), {3, 1}));
    QuantGraph graph = b.take();
    graph.tile_rows = 16;
    graph.nodes[1].tile_rms = {10, 20, 30, 1.1, 0, 3, 5e9, 6, 7};  // three K-tiles
    const CardConfig config = card(16, 1, 2);
    const auto ranges = [&](const QuantGraph& g) {
        std::vector<std::uint32_t> all;
        const auto program = lower(g, config);
        for (const lc_record& record : program->commands) {
            if (record.sqe.opcode != LC_OP_PROGRAM_WEIGHTS) continue;
            lc_program_op op;
            std::memcpy(&op, record.operands, sizeof op);
            std::uint32_t values[3];
            std::memcpy(values, program->weights.data() + LC_PTR_OFFSET(op.adc_range) - program->dram_base,
                        sizeof values);
            all.insert(all.end(), values, values + 3);
        }
        return all;
    };
    EXPECT_EQ(ranges(graph), (std::vector<std::uint32_t>{40, 80, 120, 5, 0, 12, 4294967295u, 24, 28}));
    graph.tile_rows = 128;
    EXPECT_EQ(ranges(graph), std::vector<std::uint32_t>(9, 0)) << "calibrated for another tile height";
}

/// A stem whose result is added much later: with a scratchpad that cannot hold it meanwhile it goes to card memory, in
/// whatever order the masks allow; and no copy's wait can be wrong without a wrong result in some order.
TEST(Lower, SpillsWhatWaitsForItsReader)
{
    NetworkBuilder b("long skip");
    const int image = b.input(8, 8, 16);
    const int stem = b.conv(image, {32, 1});
    int at = stem;
    for (int i = 0; i < 4; ++i) at = b.conv(at, {32, 3, 1, 1});
    const int joined = b.sum(at, stem, false);
    b.output(b.gemm(b.sum(b.conv(joined, {32, 1}), stem, false), 10, true));
    const QuantGraph graph = b.take();
    const CardConfig roomy = card(128, 1, 16);
    const auto whole = lower(graph, roomy, {1});
    ASSERT_TRUE(whole.ok());
    const auto copies = [](const driver::Program& program) {
        return std::count_if(program.commands.begin(), program.commands.end(),
                             [](const lc_record& record) { return record.sqe.opcode == LC_OP_COPY; });
    };
    EXPECT_EQ(copies(*whole), 2);
    // Two tensors of 2 KiB live at a time without the stem, three with it; and partial sums.
    const std::string hint = lower(graph, card(128, 1, 16, 4096), {1}).error().hint;
    const std::uint64_t needed = std::stoull(hint.substr(hint.find(">= ") + 3));
    const CardConfig tight = card(128, 1, 16, needed - 2048);
    const auto spilled = lower(graph, tight, {1});
    ASSERT_TRUE(spilled.ok()) << spilled.error().message();
    EXPECT_GE(copies(*spilled), 4);
    expect_decodes(*spilled, tight);
    EXPECT_THAT(spilled->plan[2], HasSubstr("to card memory and back"));
    std::mt19937 random(11);
    const std::vector<Batch> batches = {random_batch(graph, 1, 1), random_batch(graph, 1, 2),
                                        random_batch(graph, 1, 3)};
    const Order order(repeated(spilled->commands, 3));
    for (std::uint32_t trial = 0; trial < 16; ++trial) {
        const auto outputs =
            run(*spilled, tight.control.sram_bytes, batches, spilled->commands, order.pick(random, trial));
        ASSERT_EQ(outputs.size(), 3u) << "trial " << trial;
        for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(outputs[i], expected(graph, batches[i])) << "trial " << trial;
    }
    // A larger batch than fits as a whole.
    const auto more = largest_batch(graph, tight);
    ASSERT_TRUE(more.ok());
    EXPECT_EQ(*more, 0u);
    EXPECT_FALSE(lower(graph, card(128, 1, 16, 4096), {1}).ok()) << "one layer's own tensors do not fit";
}

TEST(Lower, RefusesWhatDoesNotFit)
{
    const QuantGraph graph = test::residual_network();
    const CardConfig tight = card(16, 1, 2, 60'000);
    const auto largest = largest_batch(graph, tight);
    ASSERT_TRUE(largest.ok());
    ASSERT_GT(*largest, 1u);
    EXPECT_TRUE(lower(graph, tight, {*largest}).ok());
    std::uint32_t batch = *largest + 1;  // a few more fit with idle tensors in card memory
    while (lower(graph, tight, {batch}).ok()) ++batch;
    ASSERT_LT(batch, 4 * *largest);
    const auto refused = lower(graph, tight, {batch});
    EXPECT_THAT(refused.error().message(), HasSubstr("no room for tensor '"));
    EXPECT_THAT(refused.error().hint, HasSubstr("largest batch that fits: " + std::to_string(*largest)));
    const std::string hint = lower(graph, card(16, 1, 2, 5000), {4}).error().hint;
    EXPECT_THAT(hint, HasSubstr("not even one image"));
    const std::uint64_t fits = std::stoull(hint.substr(hint.find(">= ") + 3));
    EXPECT_TRUE(lower(graph, card(16, 1, 2, fits), {1}).ok()) << hint;
    const auto less = lower(graph, card(16, 1, 2, fits - 1), {1});
    EXPECT_TRUE(!less.ok() || less->plan[2].find("spill") != std::string::npos) << hint;
    EXPECT_FALSE(lower(graph, tight, {0}).ok());
    CardConfig no_memory = card(16, 1, 2);
    no_memory.memory.bytes = 1000;
    EXPECT_THAT(lower(graph, no_memory).error().message(), HasSubstr("DRAM"));
}

TEST(Lower, RefusesBrokenGraphsByNode)
{
    const auto message = [](auto spoil) {
        QuantGraph graph = test::residual_network();
        spoil(graph);
        const auto result = lower(graph, card(16, 1, 2));
        return result.ok() ? std::string("accepted") : result.error().message();
    };
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].weights.pop_back(); }), HasSubstr("node 'Conv_1' (Conv)"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].requant.bias.pop_back(); }), HasSubstr("bias"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].requant.shift[0] = 63; }), HasSubstr("shift"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].inputs[0] = 5; }), HasSubstr("not an earlier node"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].inputs[0] = -1; }), HasSubstr("not an earlier node"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[4].inputs.pop_back(); }), HasSubstr("Add_4"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].out.height = 0; }), HasSubstr("dimension"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].window.pad_top = 40000; }), HasSubstr("padding"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[4].shift = 0; }), HasSubstr("shift: 1 .. 62"));
    EXPECT_THAT(message([](QuantGraph& g) { g.nodes[1].group = 2; }), HasSubstr("group"));
    EXPECT_THAT(message([](QuantGraph& g) { g.outputs = {99}; }), HasSubstr("residual"));
    EXPECT_THAT(message([](QuantGraph& g) { g.outputs.clear(); }), HasSubstr("no outputs"));
}

/// ResNet-50 v1.5 at 224 x 224, shapes only.
QuantGraph resnet50()
{
    NetworkBuilder b("resnet50");
    int at = b.pool(b.conv(b.input(224, 224, 3, true), {64, 7, 2, 3}), false, 3, 2, 1);
    const int blocks[] = {3, 4, 6, 3};
    for (int stage = 0; stage < 4; ++stage) {
        const int mid = 64 << stage, out = 4 * mid;
        for (int block = 0; block < blocks[stage]; ++block) {
            const int stride = stage > 0 && block == 0 ? 2 : 1;
            const int a = b.conv(at, {mid, 1});
            const int c = b.conv(b.conv(a, {mid, 3, stride, 1}), {out, 1, 1, 0, 1, 1, true});
            const int skip = block == 0 ? b.conv(at, {out, 1, stride, 0, 1, 1, true}) : at;
            at = b.sum(c, skip, false);
        }
    }
    b.output(b.gemm(b.pool(at, true, 7, 1, 0), 1000, true));
    return b.take();
}

TEST(Lower, Resnet50Golden)
{
    CardConfig config = card(128, 1, 2, 64u << 20);
    const QuantGraph graph = resnet50();
    const auto program = lower(graph, config);
    ASSERT_TRUE(program.ok()) << program.error().message();
    std::uint64_t layers = 0, macs = 0, tile_vectors = 0;
    for (const auto& layer : program->layers) {
        layers += layer.tiles > 0;
        macs += layer.macs;
        tile_vectors += layer.tile_vectors;
    }
    EXPECT_EQ(layers, 54u);
    EXPECT_EQ(program->tiles.size(), 1576u);
    EXPECT_EQ(tile_vectors, 314'512u);
    EXPECT_NEAR(static_cast<double>(macs), 4.089e9, 0.001e9);
    const auto bytes = driver::serialise(*program);
    EXPECT_TRUE(driver::parse_program(bytes.data(), bytes.size()).ok());
}

}  // namespace
}  // namespace lightcard::compiler
