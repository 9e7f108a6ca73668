// SPDX-License-Identifier: Apache-2.0
// Fidelity ideal on whole networks equals the reference executor bit for bit, and four ways to be subtly wrong are
// caught by that comparison.
#include "lightcard/tb/card/network_rig.h"

#include "lightcard/platform/compiler/engines.h"

namespace lightcard::test {
namespace {

void expect_equal_to_reference(const Network& network, std::uint32_t batch)
{
    Rig rig;
    rig.up();
    const auto program = compile(network, rig.card.config(), batch);
    EXPECT_EQ(run_network(rig, program, network), network.reference());
    EXPECT_EQ(rig.card.diagnostics().count(Severity::guest_error), 0u);
    EXPECT_EQ(rig.card.diagnostics().count(Severity::internal_error), 0u);
}

TEST(NetworkIdeal, LenetEqualsReference)
{
    expect_equal_to_reference(lenet(24), 8);
}
TEST(NetworkIdeal, VisionTransformerEqualsReference)
{
    expect_equal_to_reference(vit(6), 3);
}
TEST(NetworkIdeal, ResNet8EqualsReference)
{
    expect_equal_to_reference(resnet8(), 7);
}
TEST(NetworkIdeal, MobileNetEqualsReference)
{
    expect_equal_to_reference(mobilenet(), 1);
}

/// Depthwise layers on the digital MAC engine, as `lightcard run` would place them: the same bits, fewer tiles, and the
/// engine is charged with their multiplications.
TEST(NetworkIdeal, DepthwiseOnTheDigitalEngineEqualsReference)
{
    auto network = mobilenet();
    Rig rig;
    rig.up();
    const auto tiles = compile(network, rig.card.config(), 1).tiles.size();
    ASSERT_TRUE(compiler::choose_engines(network.graph, rig.card.config()));
    std::uint64_t macs = 0;
    for (const auto& node : network.graph.nodes) {
        if (!node.digital) continue;
        EXPECT_GT(node.group, 1) << node.name;
        macs += node.weights.size() * static_cast<std::size_t>(node.out.height) *
                static_cast<std::size_t>(node.out.width) * network.inputs.size();
    }
    EXPECT_GT(macs, 1000000u);
    const auto program = compile(network, rig.card.config(), 1);
    EXPECT_LT(program.tiles.size(), tiles);
    EXPECT_EQ(run_network(rig, program, network), network.reference());
    std::uint64_t done = 0;
    for (const auto& layer : rig.card.counters().layers) done += layer.macs;
    EXPECT_EQ(done, macs);
}

/// Runs a damaged program; true if the difference (or the card's refusal) shows.
bool caught(const Network& network, const std::function<void(driver::Program&)>& damage)
{
    Rig rig;
    rig.up();
    auto program = compile(network, rig.card.config(), 1);
    const auto whole = driver::serialise(program);
    damage(program);
    if (driver::serialise(program) == whole) ADD_FAILURE() << "the damage changed nothing in the program";
    const auto outputs = try_network(rig, program, network);
    return !outputs || *outputs != network.reference();
}

lc_mvm_op mvm_of(const lc_record& record)
{
    lc_mvm_op op;
    std::memcpy(&op, record.operands, sizeof op);
    return op;
}

/// The n-th MVM record that satisfies `which`; edits it.
void edit_mvm(driver::Program& program, const std::function<bool(const lc_mvm_op&)>& which,
              const std::function<void(lc_mvm_op&)>& edit)
{
    for (auto& record : program.commands) {
        if (record.sqe.opcode != LC_OP_MVM) continue;
        auto op = mvm_of(record);
        if (!which(op)) continue;
        edit(op);
        std::memcpy(record.operands, &op, sizeof op);
        return;
    }
    ADD_FAILURE() << "no such MVM in the program";
}

TEST(NetworkMutation, OneWeightIsCaught)
{
    const auto network = resnet8();
    EXPECT_TRUE(caught(network, [](driver::Program& program) {
        const auto& tile = program.tiles[program.tiles.size() / 2];
        program.weights[tile.offset + tile.bytes / 2] ^= 0x40;
    }));
}

TEST(NetworkMutation, OneAddressStepIsCaught)
{
    const auto network = resnet8();
    EXPECT_TRUE(caught(network, [](driver::Program& program) {
        edit_mvm(
            program, [](const lc_mvm_op& op) { return op.in.kernel_h == 3 && op.in.step_h == 1 && op.in.out_h > 4; },
            [](lc_mvm_op& op) { op.in.pad_w = static_cast<std::int16_t>(op.in.pad_w - 1); });
    }));
}

TEST(NetworkMutation, OneRequantiseShiftIsCaught)
{
    const auto network = resnet8();
    EXPECT_TRUE(caught(network, [](driver::Program& program) {
        // The constants of the first layer with an 8-bit output: find the COPY that brings them to the scratchpad.
        lc_mvm_op wanted{};
        edit_mvm(
            program,
            [](const lc_mvm_op& op) { return (op.flags & LC_MVM_ACC_LAST) != 0 && op.out_format != LC_FMT_S32; },
            [&wanted](lc_mvm_op& op) { wanted = op; });
        for (const auto* records : {&program.setup, &program.commands}) {
            for (const auto& record : *records) {
                const auto& sqe = record.sqe;
                if (sqe.opcode != LC_OP_COPY || sqe.dst > wanted.post || sqe.dst + sqe.length <= wanted.post) continue;
                const auto table = LC_PTR_OFFSET(sqe.src) - program.dram_base + (wanted.post - sqe.dst);
                program.weights[table + wanted.cols * 8u] -= 1;  // shift of column 0
                return;
            }
        }
        ADD_FAILURE() << "no COPY brings the constants";
    }));
}

TEST(NetworkMutation, OneKTileIsCaught)
{
    const auto network = resnet8();
    EXPECT_TRUE(caught(network, [](driver::Program& program) {
        edit_mvm(
            program, [](const lc_mvm_op& op) { return (op.flags & LC_MVM_ACC_FIRST) == 0; },
            [](lc_mvm_op& op) { op.flags |= LC_MVM_ACC_FIRST; });
    }));
}

}  // namespace
}  // namespace lightcard::test
