// SPDX-License-Identifier: Apache-2.0
// Cards other than the reference one - several cores, other sizes, other packaging - and a block that throws.
#include "lightcard/tb/card/network_rig.h"

namespace lightcard::test {
namespace {

lc_mvm_op full_tile(std::uint32_t n, std::uint32_t vectors)
{
    lc_mvm_op op{};
    op.rows = op.cols = static_cast<std::uint16_t>(n);
    op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;
    op.out_format = LC_FMT_S32;
    op.in.base = sram_pointer(0);
    op.in.images = op.in.out_h = op.in.height = 1;
    op.in.out_w = op.in.width = vectors;
    op.in.channels = op.in.stride_w = n;
    op.in.kernel_h = op.in.kernel_w = op.in.step_h = op.in.step_w = op.in.dil_h = op.in.dil_w = 1;
    op.out.base = sram_pointer(8 << 20);
    op.out.stride_w = 4 * n;
    return op;
}

void program_tile(Rig& rig, std::uint64_t weight_id)
{
    const auto n = rig.card.config().core.n;
    rig.write(dram_pointer(0), Rig::pattern(n * n, 9));
    rig.write(sram_pointer(0), Rig::pattern(n * 64, 4));
    lc_program_op program{};
    program.rows = program.cols = static_cast<std::uint16_t>(n);
    program.row_stride = n;
    program.weights = dram_pointer(0);
    rig.run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, weight_id), &program);
}

/// Throws once, from inside whichever block reports next.
struct ThrowingSink : ActivitySink {
    std::string block;
    bool armed = true;
    TrackId wanted = ~0u;
    void track(TrackId id, std::string_view path) override
    {
        if (path == block) wanted = id;
    }
    void span(TrackId track, std::string_view, Picoseconds, Picoseconds, std::uint32_t, std::uint64_t) override
    {
        if (!armed || track != wanted) return;
        armed = false;
        throw std::runtime_error("thrown inside " + block);
    }
    void instant(TrackId, std::string_view, Picoseconds, std::uint64_t) override {}
    void counter(TrackId, std::string_view, Picoseconds, double) override {}
};

class Throwing : public testing::TestWithParam<const char*> {};

TEST_P(Throwing, FailsOneCommandAndTheNextWorks)
{
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "AddressSanitizer does not know SystemC's coroutine stacks: after an exception on one it takes "
                    "the redzones of unwound frames for live ones";
#endif
    Rig rig;
    rig.up(2);
    program_tile(rig, 5);
    ThrowingSink sink;
    sink.block = GetParam();
    rig.card.activity().attach(sink);
    ASSERT_NE(sink.wanted, ~0u) << "no such track";
    const auto n = rig.card.config().core.n;
    const auto op = full_tile(n, 16);
    const auto mvm = driver::make_weight_command(LC_OP_MVM, 5);
    lc_vector_op add{};
    add.kind = LC_VEC_REQUANT;
    add.in = op.in;
    add.out.base = sram_pointer(4 << 20);
    add.out.stride_w = n;
    add.mult = add.shift = 1;
    add.clamp_hi = 255;
    const auto vector = driver::make_command(LC_OP_VECTOR);
    const bool is_vector = std::string(GetParam()) == "control_chip.vector";
    const auto failed = is_vector ? rig.try_run(vector, &add) : rig.try_run(mvm, &op);
    EXPECT_EQ(failed.status, LC_SC_INTERNAL);
    EXPECT_FALSE(sink.armed);
    EXPECT_EQ(rig.card.diagnostics().count(Severity::internal_error), 1u);
    EXPECT_EQ(rig.try_run(mvm, &op).status, LC_SC_SUCCESS);
    EXPECT_EQ(rig.try_run(vector, &add).status, LC_SC_SUCCESS);
    rig.card.activity().detach(sink);
    EXPECT_TRUE(rig.works(0));
    EXPECT_TRUE(rig.works(1));
}

INSTANTIATE_TEST_SUITE_P(Blocks, Throwing, testing::Values("core0.photonic_core", "control_chip.vector"));

TEST(Variants, EveryGeometryComputesTheReference)
{
    const auto run = [](const std::function<void(CardConfig&)>& change) {
        return in_child([&] {
            auto config = ideal_card();
            change(config);
            auto network = lenet(4);
            network.graph.tile_rows = config.core.n;
            Rig rig(config);
            rig.up();
            const auto program = compile(network, config, 4);
            return std::string(run_network(rig, program, network) == network.reference() ? "equal" : "different");
        });
    };
    EXPECT_EQ(run([](CardConfig& c) { c.cores = 4; }), "equal");
    EXPECT_EQ(run([](CardConfig& c) { c.cores = 2, c.pcm.banks = 8, c.pcm.writers = 2; }), "equal");
    EXPECT_EQ(run([](CardConfig& c) { c.core.n = 64; }), "equal");
    EXPECT_EQ(run([](CardConfig& c) { c.core.n = 256; }), "equal");
    EXPECT_EQ(run([](CardConfig& c) { c.core.n = 512, c.core.lanes = 16; }), "equal");
    EXPECT_EQ(run([](CardConfig& c) { c.pcm.banks = 2048, c.core.lanes = 1; }), "equal");
    EXPECT_EQ(run([](CardConfig& c) { c.run.signed_inputs = SignedInputs::two_pass; }), "equal");
    EXPECT_EQ(run([](CardConfig& c) { c.run.timing = Timing::at; }), "equal");
}

TEST(Variants, SeveralCoresShareTheWork)
{
    const auto time = [](std::uint32_t cores) {
        return std::stoll(in_child([&] {
            auto config = ideal_card();
            config.cores = cores;
            config.pcm.banks = 64;
            const auto network = resnet8();
            Rig rig(config);
            rig.up();
            run_network(rig, compile(network, config, 7), network);
            const auto counters = rig.card.counters();
            EXPECT_EQ(counters.tile_loads, compile(network, config, 7).tiles.size());
            for (std::uint32_t core = 0; core < cores; ++core) {
                EXPECT_GT(engine(counters, "writer" + std::to_string(core)).commands, 0u);
            }
            return std::to_string(counters.now);
        }));
    };
    EXPECT_LT(time(4), time(1));
}

TEST(Variants, AnInterposerCostsEnergyABitAndLatencyEachWay)
{
    const auto measure = [](double energy, Picoseconds latency) {
        std::istringstream text(in_child([&] {
            auto config = ideal_card();
            config.core.packaging = photonic_core::Packaging::interposer_2_5d;
            config.core.die_to_die_energy = energy;
            config.core.die_to_die_latency = latency;
            Rig rig(config);
            rig.up();
            program_tile(rig, 5);
            const auto op = full_tile(config.core.n, 64);
            rig.run(driver::make_weight_command(LC_OP_MVM, 5), &op);
            double joules = 0;
            for (const auto& account : rig.card.ledger().accounts()) {
                if (account.spec.category == Category::packaging) joules += account.joules();
            }
            return std::to_string(joules * 1e15) + " " + std::to_string(rig.card.counters().layers.at(0).last);
        }));
        std::pair<double, Picoseconds> result;
        text >> result.first >> result.second;
        return result;
    };
    const auto bonded = measure(0, 0), interposer = measure(0.3e-12, 2 * kNanosecond);
    const double bits = 64.0 * (128 * 8 + 128 * 8);
    EXPECT_NEAR(interposer.first, bits * 0.3e-12 * 1e15, 1e-3);
    EXPECT_EQ(bonded.first, 0);
    EXPECT_EQ(interposer.second - bonded.second, 4 * kNanosecond);
}

}  // namespace
}  // namespace lightcard::test
