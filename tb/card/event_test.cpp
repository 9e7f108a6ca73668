// SPDX-License-Identifier: Apache-2.0
// What the card says without being asked: events, log pages, telemetry, the error log in BAR0.
#include "rig.h"

#include "lightcard/model/control_chip/lightcard_regs.h"

namespace lightcard::test {
namespace {

/// The next event, letting the card run for a while if there is none yet.
std::optional<std::uint64_t> event_of(Rig& rig)
{
    for (int i = 0; i < 20; ++i) {
        const auto event = must(rig.driver->next_event());
        if (event) return event;
        rig.host.sleep(50 * kMicrosecond);
    }
    return std::nullopt;
}

/// A doorbell of a queue that is not there: an error of the unit QUEUE.
void offend(Rig& rig)
{
    rig.host.write32(LC_DOORBELL_SQ_TAIL(9), 1);
    rig.host.sleep(10 * kMicrosecond);
}

TEST(Events, ReachTheDriverThatWaits)
{
    Rig rig;
    rig.up();
    EXPECT_FALSE(must(rig.driver->next_event()));
    offend(rig);
    const auto event = event_of(rig);
    ASSERT_TRUE(event);
    EXPECT_EQ(LC_EVENT_TYPE(*event), LC_EVENT_ERROR);
    EXPECT_EQ(LC_EVENT_INFO(*event), 0u);
    EXPECT_EQ(LC_EVENT_PAGE(*event), LC_LOG_ERROR);
    EXPECT_EQ(LC_EVENT_VALUE(*event), static_cast<std::uint32_t>(LC_SC_INVALID_QID));
}

TEST(Events, AreKeptOnceUntilSomebodyWaits)
{
    Rig rig;
    rig.up();
    for (int i = 0; i < 3; ++i) offend(rig);
    EXPECT_TRUE(event_of(rig));
    EXPECT_FALSE(event_of(rig)) << "equal events once";
    const auto log = must(rig.driver->event_log());
    ASSERT_EQ(log.size(), 3u) << "but every one is logged";
    EXPECT_EQ(log[0].count, 3u);
    EXPECT_GT(log[0].time_ns, log[1].time_ns);
    EXPECT_EQ(log[0].type, LC_EVENT_ERROR);
}

TEST(Events, MaskedOnesAreOnlyLogged)
{
    Rig rig;
    rig.up();
    must(rig.driver->set_feature(LC_FEATURE_EVENT_MASK, 1u << LC_EVENT_ERROR));
    EXPECT_EQ(must(rig.driver->get_feature(LC_FEATURE_EVENT_MASK)), 1u << LC_EVENT_ERROR);
    offend(rig);
    EXPECT_FALSE(event_of(rig));
    EXPECT_EQ(must(rig.driver->event_log()).size(), 1u);
    EXPECT_FALSE(rig.driver->set_feature(77, 0));
}

TEST(Events, TellOfAResetThatTheDriverDidNotDo)
{
    Rig rig;
    rig.up();
    rig.card.bus_reset();
    must(rig.host.power_on());
    EXPECT_EQ(rig.host.read32(LC_REG_RESET_CAUSE) & LC_RESET_CAUSE_KIND, LC_RESET_CAUSE_KIND_BUS);
    must(rig.driver->reset());
    const auto event = event_of(rig);
    ASSERT_TRUE(event);
    EXPECT_EQ(LC_EVENT_TYPE(*event), LC_EVENT_RESET);
    must(rig.driver->reset());
    EXPECT_FALSE(event_of(rig)) << "none of a reset that the driver did itself";
    const auto log = must(rig.driver->event_log());
    ASSERT_EQ(log.size(), 1u);
    EXPECT_EQ(log[0].type, LC_EVENT_RESET);
    EXPECT_EQ(log[0].info, LC_RESET_CAUSE_KIND_BUS);
}

TEST(Logs, CalibrationAndWear)
{
    Rig rig;
    rig.up();
    rig.write(dram_pointer(0), Rig::pattern(128 * 128, 3));
    lc_program_op op{};
    op.rows = op.cols = 128;
    op.row_stride = 128;
    op.bank = 1;
    op.weights = dram_pointer(0);
    op.adc_range = dram_pointer(0x10000);
    for (int i = 0; i < 3; ++i) rig.run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 5), &op);
    const auto wear = must(rig.driver->wear_log());
    ASSERT_EQ(wear.size(), 2u);
    EXPECT_EQ(wear[0].max_cycles, 0u);
    EXPECT_EQ(wear[1].max_cycles, 3u);
    EXPECT_EQ(wear[1].total_cycles, 3u * 128);
    EXPECT_EQ(wear[1].endurance, rig.card.config().pcm.endurance);
    EXPECT_EQ(wear[1].programs, 3u);
    EXPECT_EQ(wear[1].bank, 1u);
    const auto calibration = must(rig.driver->calibration_log());
    ASSERT_EQ(calibration.size(), 1u);
    EXPECT_EQ(calibration[0].flags & LC_CALIBRATION_NEEDED, 0u);
}

TEST(Telemetry, TableIsWhatTheRegistersSay)
{
    Rig rig;
    rig.up();
    EXPECT_TRUE(rig.host.read32(LC_REG_FEATURES) & LC_FEATURES_TELEMETRY);
    EXPECT_NE(rig.host.read32(LC_REG_TELEM_GEN), 0u);
    const auto table = rig.driver->telemetry();
    ASSERT_GE(table.size(), 20u);
    std::set<std::pair<int, int>> seen;
    for (const auto& entry : table) {
        EXPECT_TRUE(seen.emplace(entry.tag, entry.index).second) << "tag " << entry.tag << " twice";
        EXPECT_EQ(entry.rsvd0, 0u);
    }
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_FIRMWARE_VERSION), std::int64_t{LC_VERSION_RESET});
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_LINK_MTS), 16'000);
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_LINK_LANES), 16);
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_LASER_LINES), 4);
    EXPECT_FALSE(rig.driver->telemetry(0x7fff));
}

TEST(Telemetry, ValuesMoveWithTheCard)
{
    Rig rig;
    rig.up();
    const auto energy = rig.driver->telemetry(LC_TAG_ENERGY_UJ).value();
    const auto commands = rig.driver->telemetry(LC_TAG_COMMANDS).value();
    rig.driver->telemetry(LC_TAG_POWER_BOARD_UW);
    rig.host.sleep(100 * kMillisecond);
    EXPECT_TRUE(rig.works());
    const auto more = rig.driver->telemetry(LC_TAG_ENERGY_UJ).value();
    EXPECT_GT(more, energy);
    EXPECT_EQ(rig.driver->telemetry(LC_TAG_COMMANDS).value(), commands + 2);
    EXPECT_GE(rig.driver->telemetry(LC_TAG_UPTIME_NS).value(), 100'000'000);
    // Mean power is the energy that came in between over the time that passed.
    const double watts = static_cast<double>(rig.driver->telemetry(LC_TAG_POWER_BOARD_UW).value()) * 1e-6;
    EXPECT_NEAR(watts, static_cast<double>(more - energy) * 1e-6 / 0.1, 0.02 * watts);
    const auto ledger = rig.card.ledger().joules(Scope::card);
    EXPECT_NEAR(static_cast<double>(rig.driver->telemetry(LC_TAG_ENERGY_UJ).value()) * 1e-6, ledger, 1e-2 * ledger)
        << "read a little later";
}

TEST(Telemetry, TakesWholeWordsOnly)
{
    Rig rig;
    rig.up();
    const auto base = rig.host.read32(LC_REG_TELEM_PTR);
    std::uint32_t word = 0xdead'beef;
    ASSERT_TRUE(rig.host.read_bar(0, base + 2, &word, 4));
    EXPECT_EQ(word, 0u);
    std::uint64_t both = 1;
    ASSERT_TRUE(rig.host.read_bar(0, base + 0xff8, &both, 8));
    EXPECT_EQ(both, 0u) << "behind the table";
    EXPECT_GE(rig.card.diagnostics().count(Severity::guest_error), 1u);
    // A write goes nowhere.
    const auto tag = rig.host.read32(base);
    rig.host.write32(base, 0xffff'ffff);
    EXPECT_EQ(rig.host.read32(base), tag);
}

TEST(ErrorLog, IsInBar0Too)
{
    Rig rig;
    rig.up();
    EXPECT_TRUE(rig.driver->error_log_in_bar().empty());
    auto bad = make_copy(dram_pointer(0), host_pointer(0), 0);
    bad.opcode = 0x7e;
    EXPECT_EQ(rig.try_run(bad).status, LC_SC_INVALID_OPCODE);
    const auto page = must(rig.driver->error_log());
    const auto bar = rig.driver->error_log_in_bar();
    ASSERT_EQ(page.size(), 1u);
    ASSERT_EQ(bar.size(), 1u);
    EXPECT_EQ(std::memcmp(page.data(), bar.data(), sizeof(lc_log_error)), 0);
    EXPECT_EQ(bar[0].status, LC_SC_INVALID_OPCODE);
}

}  // namespace
}  // namespace lightcard::test
