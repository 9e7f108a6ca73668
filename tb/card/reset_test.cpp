// SPDX-License-Identifier: Apache-2.0
// The rungs of the reset ladder: what was in flight ends, the bus falls silent, the card comes back.
#include "rig.h"

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::test {
namespace {

constexpr std::uint32_t kBig = 16u << 20;

/// A large transfer each way under way in both queues.
struct BusyRig : Rig {
    BusyRig()
    {
        up(2, 16);
        big = buffer(kBig);
        for (std::size_t q = 0; q < 2; ++q) {
            submit(make_copy(dram_pointer(q * kBig), host_pointer(big), kBig), nullptr, q);
            submit(make_copy(host_pointer(big), dram_pointer(2 * kBig), kBig), nullptr, q);
        }
        host.sleep(50 * kMicrosecond);
    }
    driver::DmaBuffer big;
};

TEST(ControllerReset, EndsWhatIsInFlightAndComesBack)
{
    BusyRig rig;
    const auto count = rig.host.read32(LC_REG_RESET_COUNT);
    must(rig.driver->reset());
    EXPECT_EQ(rig.host.read32(LC_REG_RESET_COUNT), count + 1);
    EXPECT_EQ(rig.host.read32(LC_REG_RESET_CAUSE) & LC_RESET_CAUSE_KIND, LC_RESET_CAUSE_KIND_CONTROLLER);
    for (std::size_t q = 0; q < 2; ++q) {
        EXPECT_EQ(rig.queue(q).poll().value().status, LC_SC_ABORTED_QUEUE);
        EXPECT_EQ(rig.queue(q).poll().value().status, LC_SC_ABORTED_QUEUE);
        EXPECT_TRUE(rig.works(q));
        EXPECT_EQ(rig.queue(q).stray_completions(), 0u);
    }
}

TEST(ControllerReset, TheBusIsSilentOnceReadyIsGone)
{
    BusyRig rig;
    driver::Controller controller(rig.host);
    must(controller.probe());
    must(controller.disable());
    std::uint64_t events = 0;
    rig.host.root().set_observer([&](const host::BusEvent&) { ++events; });
    rig.host.write32(LC_DOORBELL_SQ_TAIL(1), 5);  // of a queue that no longer is
    rig.host.sleep(10 * kMillisecond);
    EXPECT_EQ(events, 0u) << "no DMA, no interrupt";
    EXPECT_TRUE(rig.driver->was_reset());
    must(rig.driver->reset());
    EXPECT_TRUE(rig.works(0));
    EXPECT_TRUE(rig.works(1));
}

TEST(ControllerReset, ManyInARow)
{
    Rig rig;
    rig.up(2, 16);
    const auto big = rig.buffer(kBig);
    for (int i = 0; i < 20; ++i) {
        for (std::size_t q = 0; q < 2; ++q) rig.submit(make_copy(dram_pointer(0), host_pointer(big), kBig), nullptr, q);
        rig.host.sleep(i * 700 * kNanosecond);
        must(rig.driver->reset());
        for (std::size_t q = 0; q < 2; ++q)
            while (rig.queue(q).poll()) {
            }
        ASSERT_TRUE(rig.works(i % 2)) << i;
    }
}

TEST(ControllerReset, InMidProgramLeavesNoHalfWrittenTileBehind)
{
    Rig rig;
    rig.up(1, 16);
    rig.write(dram_pointer(0), Rig::pattern(128 * 128, 3));
    lc_program_op op{};
    op.rows = op.cols = 128;
    op.row_stride = 128;
    op.weights = dram_pointer(0);
    op.adc_range = dram_pointer(0x10000);
    rig.run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 5), &op);
    EXPECT_EQ(must(rig.driver->weights_log())[0].weight_id, 5u);
    rig.submit(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 6), &op);
    rig.host.sleep(40 * rig.card.config().pcm.write_slot);
    must(rig.driver->reset());
    EXPECT_EQ(must(rig.driver->weights_log())[0].weight_id, 0u);
    EXPECT_EQ(must(rig.driver->weights_log())[0].max_wear, 2u);
    rig.run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 7), &op);
    EXPECT_EQ(must(rig.driver->weights_log())[0].weight_id, 7u);
}

TEST(FunctionReset, ForgetsTheConfigurationAndComesBack)
{
    BusyRig rig;
    const auto count = rig.host.read32(LC_REG_RESET_COUNT);
    std::uint32_t capability = rig.host.read_config(0x34) & 0xff;
    while (capability != 0 && (rig.host.read_config(capability) & 0xff) != 0x10)
        capability = (rig.host.read_config(capability) >> 8) & 0xff;
    ASSERT_NE(capability, 0u) << "PCI Express capability";
    EXPECT_TRUE(rig.host.read_config(capability + 4) & (1u << 28)) << "FLR capable";
    const auto control = rig.host.read_config(capability + 8);
    rig.host.write_config(capability + 8, (control & 0xffff) | 1u << 15);
    rig.host.sleep(100 * kMillisecond);  // what Linux gives it
    EXPECT_EQ(rig.host.read_config(0x04) & 0x6u, 0u) << "memory space and bus master are off";
    must(rig.host.power_on());
    EXPECT_EQ(rig.host.read32(LC_REG_RESET_COUNT), count + 1);
    EXPECT_EQ(rig.host.read32(LC_REG_RESET_CAUSE) & LC_RESET_CAUSE_KIND, LC_RESET_CAUSE_KIND_FLR);
    EXPECT_TRUE(rig.driver->was_reset());
    must(rig.driver->reset());
    EXPECT_TRUE(rig.works(0));
    EXPECT_TRUE(rig.works(1));
}

TEST(ColdReset, KeepsTheWeightsOnly)
{
    BusyRig rig;
    lc_program_op op{};
    op.rows = op.cols = 16;
    op.row_stride = 16;
    op.weights = dram_pointer(0);
    op.adc_range = dram_pointer(0x10000);
    ASSERT_TRUE(rig.host.drain());
    while (rig.queue().poll()) {
    }
    rig.run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 5), &op);
    rig.card.cold_reset();
    must(rig.host.power_on());
    EXPECT_FALSE(rig.host.read32(LC_REG_BOOT_STATUS) & LC_BOOT_STATUS_READY) << "it boots again";
    must(rig.driver->reset());
    EXPECT_TRUE(rig.works(0));
    EXPECT_EQ(must(rig.driver->weights_log())[0].weight_id, 5u);
}

TEST(Shutdown, LeavesTheCardDisabled)
{
    BusyRig rig;
    must(rig.driver->shutdown());
    EXPECT_FALSE(rig.host.read32(LC_REG_CSTS) & LC_CSTS_RDY);
    EXPECT_TRUE(rig.host.drain());
    must(rig.driver->reset());
    EXPECT_TRUE(rig.works());
}

}  // namespace
}  // namespace lightcard::test
