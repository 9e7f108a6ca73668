// SPDX-License-Identifier: Apache-2.0
// Power states: what they save, what waking costs, and that a doorbell is enough to wake the card.
#include "mvm_rig.h"

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::test {
namespace {

/// W of the card over a second that it sleeps, with conversion loss, from the ledger.
double watts(MvmRig& rig)
{
    const double before = rig.card.ledger().joules(Scope::card);
    const auto start = rig.host.now();
    rig.host.sleep(100 * kMillisecond);
    return (rig.card.ledger().joules(Scope::card) - before) / (static_cast<double>(rig.host.now() - start) * 1e-12);
}

TEST(PowerStates, StaticPowerFollowsThem)
{
    MvmRig rig;
    const auto& c = rig.card.config();
    const double lasers =
        c.core.lanes * c.core.n * (c.core.row_power / c.core.wall_plug_efficiency + c.converters.modulator_tuning);
    const auto card = [&](double through_vrm, double fan) { return through_vrm / c.power.vrm_efficiency + fan; };
    const double active =
        card(c.power.fixed_power + c.link.active_power + c.memory.background_power, c.power.fan_power);
    EXPECT_NEAR(watts(rig), active, 1e-6);
    rig.driver->set_power_state(LC_PWR_CTRL_TARGET_LIGHT_SLEEP);
    EXPECT_EQ(rig.driver->power_state(), LC_PWR_CTRL_TARGET_LIGHT_SLEEP);
    EXPECT_NEAR(
        watts(rig),
        card(c.power.light_sleep_power + c.link.idle_power + c.memory.background_power + lasers, c.power.fan_power),
        0.01)
        << "lasers are held";
    rig.driver->set_power_state(LC_PWR_CTRL_TARGET_DEEP_SLEEP);
    EXPECT_EQ(rig.driver->power_state(), LC_PWR_CTRL_TARGET_DEEP_SLEEP);
    EXPECT_NEAR(watts(rig), card(c.power.deep_sleep_power + c.link.idle_power + c.memory.background_power, 0), 1e-4);
    EXPECT_TRUE(rig.works()) << "a doorbell wakes it";
    EXPECT_EQ(rig.driver->power_state(), LC_PWR_CTRL_TARGET_ACTIVE);
    ASSERT_TRUE(rig.host.drain());
    EXPECT_NEAR(watts(rig), active, 1e-6);
}

TEST(PowerStates, WakingTakesItsTime)
{
    MvmRig rig;
    const Tile tile(kN, kN, 4);
    rig.program(tile, 42);
    rig.write(sram_pointer(kInputs), Rig::pattern(kN, 6));
    const auto op = MvmRig::mvm_op(kN, kN, 1);
    const auto latency = [&](std::uint32_t state) {
        rig.host.sleep(kMillisecond);  // the laser's hold-off is over
        EXPECT_TRUE(rig.host.drain());
        rig.driver->set_power_state(state);
        rig.host.sleep(kMillisecond);
        EXPECT_EQ(rig.driver->power_state(), state);
        const auto start = rig.host.now();
        EXPECT_TRUE(rig.mvm(42, op).ok());
        return rig.host.now() - start;
    };
    const auto& c = rig.card.config();
    const auto active = latency(LC_PWR_CTRL_TARGET_ACTIVE);
    EXPECT_GT(active, c.core.laser_warm_up);
    const auto near = [](Picoseconds a, Picoseconds b) { return std::abs(a - b) < 2 * kMicrosecond; };
    EXPECT_TRUE(near(latency(LC_PWR_CTRL_TARGET_IDLE), active + c.power.idle_wake));
    EXPECT_TRUE(near(latency(LC_PWR_CTRL_TARGET_LIGHT_SLEEP), active + c.power.light_sleep_wake - c.core.laser_warm_up))
        << "lasers were held";
    EXPECT_TRUE(near(latency(LC_PWR_CTRL_TARGET_DEEP_SLEEP), active + c.power.deep_sleep_wake));
}

TEST(PowerStates, ABusyCardSleepsWhenItIsDone)
{
    MvmRig rig;
    const auto op = rig.program_op(Tile(kN, kN, 4), 0);
    const auto cid = rig.submit(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 42), &op);
    rig.host.sleep(100 * kMicrosecond);
    rig.driver->set_power_state(LC_PWR_CTRL_TARGET_DEEP_SLEEP);
    const auto status = rig.host.read32(LC_REG_PWR_STATUS);
    EXPECT_EQ(status & LC_PWR_STATUS_STATE, LC_PWR_CTRL_TARGET_ACTIVE);
    EXPECT_NE(status & LC_PWR_STATUS_INPROGRESS, 0u);
    EXPECT_TRUE(must(rig.queue().wait(cid)).ok());
    ASSERT_TRUE(rig.host.drain());
    const auto done = rig.host.read32(LC_REG_PWR_STATUS);
    EXPECT_EQ(done, std::uint32_t{LC_PWR_CTRL_TARGET_DEEP_SLEEP});
    EXPECT_EQ(must(rig.driver->weights_log())[0].weight_id, 42u);
}

TEST(PowerStates, AResetWakesTheCard)
{
    MvmRig rig;
    rig.driver->set_power_state(LC_PWR_CTRL_TARGET_DEEP_SLEEP);
    EXPECT_EQ(rig.driver->power_state(), LC_PWR_CTRL_TARGET_DEEP_SLEEP);
    must(rig.driver->reset());
    EXPECT_EQ(rig.driver->power_state(), LC_PWR_CTRL_TARGET_ACTIVE);
    EXPECT_TRUE(rig.works());
}

}  // namespace
}  // namespace lightcard::test
