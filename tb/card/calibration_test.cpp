// SPDX-License-Identifier: Apache-2.0
// Calibration as a command: time, energy, what it mends, who starts it; and the die that warms with its work.
#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>

#include "mvm_rig.h"

namespace lightcard::test {
namespace {

constexpr std::uint64_t kId = 42;

/// Drifts like electrical cells, so that a day shows.
CardConfig drifting_card()
{
    CardConfig config = default_card();
    config.run.seed = 5;
    config.run.ageing = Ageing::live;
    config.pcm.drift_law = pcm_memory::DriftLaw::power;
    config.pcm.drift_nu = 0.06;
    config.pcm.drift_nu_sigma = 0.02;
    return config;
}

constexpr std::uint32_t kVectors = 32;

struct Products {
    double gain = 0, error = 0;  ///< slope on the exact products; rms error over their rms
    std::string text;
};

Products multiply(MvmRig& rig, const Tile& tile)
{
    const auto inputs = Rig::pattern(kN * kVectors, 6);
    rig.write(sram_pointer(kInputs), inputs);
    EXPECT_TRUE(rig.mvm(kId, MvmRig::mvm_op(kN, kN, kVectors)).ok());
    const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kN * kVectors);
    double ee = 0, ey = 0, dd = 0;
    std::ostringstream text;
    for (std::uint32_t v = 0; v < kVectors; ++v)
        for (std::uint32_t col = 0; col < kN; ++col) {
            const double expected = tile.product(&inputs[v * kN], col), answer = got[v * kN + col];
            ee += expected * expected, ey += expected * answer;
            dd += (answer - expected) * (answer - expected);
            text << got[v * kN + col] << ' ';
        }
    return {ey / ee, std::sqrt(dd / ee), text.str()};
}

double calibration_joules(Card& card)
{
    double sum = 0;
    for (const auto& account : card.ledger().accounts())
        if (account.spec.category == Category::calibration) sum += account.joules();
    return sum;
}

TEST(Calibration, MakesUpForADayOfDrift)
{
    MvmRig rig(drifting_card());
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);
    const auto fresh = multiply(rig, tile);
    EXPECT_NEAR(fresh.gain, 1, 0.03);
    EXPECT_FALSE(rig.driver->needs_calibration());
    ASSERT_TRUE(rig.host.drain());
    must(rig.card.age(86400));
    EXPECT_TRUE(rig.driver->needs_calibration());
    const auto aged = multiply(rig, tile);
    EXPECT_NEAR(aged.gain, std::exp(-0.06 * std::log(86400 / 20.0)), 0.03);
    EXPECT_EQ(calibration_joules(rig.card), 0);

    EXPECT_EQ(must(rig.driver->calibrate(0, LC_CAL_EVERY_BANK, LC_CAL_DRIFT)).result, 1u);
    EXPECT_FALSE(rig.driver->needs_calibration());
    const auto drift = multiply(rig, tile);
    EXPECT_NEAR(drift.gain, 1, 0.02);
    must(rig.driver->calibrate(0, 0, LC_CAL_COLUMNS));
    const auto columns = multiply(rig, tile);
    EXPECT_NEAR(columns.gain, 1, 0.02);
    EXPECT_LT(drift.error, aged.error * 0.9);
    EXPECT_LT(columns.error, drift.error);
    EXPECT_GT(columns.error, fresh.error) << "what cells of a column have lost unequally stays lost";

    const auto& config = rig.card.config();
    const double vectors = 2.0 * config.control.calibration_samples * kN;
    const auto& c = config.converters;
    EXPECT_NEAR(calibration_joules(rig.card),
                vectors * (c.dac_energy + c.modulator_energy + c.tia_energy + c.adc_energy), 1e-15);
    EXPECT_EQ(rig.card.counters().calibrations, 2u);
}

TEST(Calibration, ANewProgrammingStartsWithoutGains)
{
    MvmRig rig(drifting_card());
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);
    ASSERT_TRUE(rig.host.drain());
    must(rig.card.age(86400));
    must(rig.driver->calibrate(0, 0, LC_CAL_DRIFT));
    rig.program(tile, kId);
    EXPECT_NEAR(multiply(rig, tile).gain, 1, 0.03) << "the old gain would make it 1.6";
}

TEST(Calibration, TrimsConverters)
{
    CardConfig config = default_card();
    config.run.seed = 5;
    config.converters.adc_gain_error = 0.03;
    config.converters.adc_offset_error = 4;
    config.converters.dac_gain_error = 0.03;
    config.converters.dac_offset_error = 4;
    MvmRig rig(config);
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);
    const auto off = multiply(rig, tile);
    const auto start = rig.host.now();
    must(rig.driver->calibrate(0, LC_CAL_EVERY_BANK, LC_CAL_ADCS | LC_CAL_DACS, 1024));
    EXPECT_LT(rig.host.now() - start, kMillisecond);
    const auto trimmed = multiply(rig, tile);
    EXPECT_LT(trimmed.error, off.error / 2);
    const double samples = 2.0 * 1024 * config.core.lanes * kN;
    const auto& c = config.converters;
    EXPECT_NEAR(calibration_joules(rig.card),
                samples * (c.dac_energy + c.modulator_energy) + 2 * samples * (c.tia_energy + c.adc_energy), 1e-12)
        << "a DAC's readings are digitised too";
    ASSERT_TRUE(rig.host.drain());
    must(rig.driver->shutdown());
    rig.driver.reset();
    ASSERT_TRUE(rig.host.drain());
    rig.card.cold_reset();
    rig.up();
    EXPECT_GT(multiply(rig, tile).error, 2 * trimmed.error) << "registers are lost with power";
}

TEST(Calibration, TakesItsTurnAndItsTime)
{
    MvmRig rig(drifting_card());
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);
    ASSERT_TRUE(rig.host.drain());
    const auto before = rig.card.counters();
    must(rig.driver->calibrate(0, 0, LC_CAL_DRIFT, 4096));
    const auto after = rig.card.counters();
    const auto& core = rig.card.config().core;
    const auto light = duration_of(4096 / core.lanes, core.symbol_rate) + core.latency;
    EXPECT_EQ(after.calibrating - before.calibrating, core.laser_warm_up + light) << "the laser was dark";
    EXPECT_EQ(engine(after, "core0").busy - engine(before, "core0").busy, core.laser_warm_up + light);
}

TEST(Calibration, TheChipCanStartItBeforeAStream)
{
    auto config = drifting_card();
    config.control.calibration = control_chip::CalibrationPolicy::automatic;
    MvmRig rig(config);
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);
    multiply(rig, tile);
    EXPECT_EQ(rig.card.counters().calibrations, 0u) << "nothing is due";
    ASSERT_TRUE(rig.host.drain());
    must(rig.card.age(86400));
    EXPECT_NEAR(multiply(rig, tile).gain, 1, 0.02);
    multiply(rig, tile);
    const auto counters = rig.card.counters();
    EXPECT_EQ(counters.calibrations, 1u);
    EXPECT_GT(engine(counters, "core0").waits.at("calibration"), 0);
    EXPECT_FALSE(rig.driver->needs_calibration());
}

TEST(Calibration, BadOnesAreRefused)
{
    MvmRig rig(drifting_card());
    EXPECT_FALSE(rig.driver->calibrate(1, 0, LC_CAL_DRIFT));
    EXPECT_FALSE(rig.driver->calibrate(0, 2, LC_CAL_DRIFT));
    EXPECT_FALSE(rig.driver->calibrate(0, 0, 0));
    EXPECT_FALSE(rig.driver->calibrate(0, 0, LC_CAL_SIGNED)) << "of what?";
    EXPECT_FALSE(rig.driver->calibrate(0, 0, 64));
    EXPECT_FALSE(rig.driver->calibrate(0, 0, LC_CAL_DRIFT, 2));
    EXPECT_EQ(must(rig.driver->calibrate(0, LC_CAL_EVERY_BANK, LC_CAL_DRIFT)).result, 0u) << "no bank holds weights";
    EXPECT_TRUE(rig.works());
}

TEST(Calibration, AResetDropsTheOneUnderWay)
{
    MvmRig rig(drifting_card());
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);
    ASSERT_TRUE(rig.host.drain());
    must(rig.card.age(86400));
    lc_sqe sqe{};
    sqe.opcode = LC_ADM_CALIBRATE;
    sqe.u.calibrate.kinds = LC_CAL_DRIFT;
    sqe.u.calibrate.bank = LC_CAL_EVERY_BANK;
    must(rig.driver->admin_queue().submit(sqe));
    rig.host.sleep(20 * kMicrosecond);  // the laser warms up
    must(rig.driver->reset());
    EXPECT_EQ(rig.card.counters().calibrations, 0u);
    EXPECT_LT(multiply(rig, tile).gain, 0.8);
    EXPECT_TRUE(rig.works());
}

/// The same bits whatever the timing mode does in between.
TEST(Calibration, IsTheSameInBothTimingModes)
{
    const auto script = [](Timing timing) {
        return in_child([timing] {
            auto config = drifting_card();
            config.run.timing = timing;
            config.run.thermal = Thermal::loop;
            config.power.die_time = 10 * kMicrosecond;
            config.power.die_resistance = 1;
            config.converters.adc_gain_error = 0.02;
            MvmRig rig(config);
            const Tile tile(kN, kN, 4);
            rig.program(tile, kId);
            EXPECT_TRUE(rig.host.drain());
            must(rig.card.age(3600 * 5));
            std::string text = multiply(rig, tile).text;
            must(rig.driver->calibrate(0, 0, LC_CAL_ADCS | LC_CAL_COLUMNS));
            text += multiply(rig, tile).text;
            return text + books_of(rig.card);
        });
    };
    EXPECT_EQ(script(Timing::lt), script(Timing::at));
}

TEST(Calibration, SavedAndLoadedRegistersAreThere)
{
    auto config = drifting_card();
    config.converters.adc_gain_error = 0.02;
    const Tile tile(kN, kN, 4);
    const auto before = in_child([&] {
        MvmRig rig(config);
        rig.program(tile, kId);
        EXPECT_TRUE(rig.host.drain());
        must(rig.card.age(86400));
        must(rig.driver->calibrate(0, 0, LC_CAL_ADCS | LC_CAL_COLUMNS));
        const double gain = multiply(rig, tile).gain;
        must(rig.driver->shutdown());
        rig.driver.reset();
        EXPECT_TRUE(rig.host.drain());
        std::ostringstream out;
        must(rig.card.save(out));
        return std::to_string(gain) + "\n" + out.str();
    });
    const auto line = before.find('\n');
    MvmRig rig(config);
    must(rig.driver->shutdown());
    rig.driver.reset();
    ASSERT_TRUE(rig.host.drain());
    std::istringstream in(before.substr(line + 1));
    must(rig.card.load(in));
    rig.up();
    EXPECT_NEAR(multiply(rig, tile).gain, std::stod(before.substr(0, line)), 0.03);
    EXPECT_FALSE(rig.driver->needs_calibration());
}

// ---------------------------------------------------------------------- ranges

/// A layer's vectors as block scaling brings them: the positive half of a normal, its largest at 255.
std::vector<std::uint8_t> scaled_vectors(std::uint32_t count)
{
    std::mt19937 random(77);
    std::normal_distribution<double> normal(0, 1);
    std::vector<std::uint8_t> codes(std::size_t{count} * kN);
    for (auto& code : codes) code = static_cast<std::uint8_t>(255 * std::clamp(normal(random) / 2.5, 0.0, 1.0));
    return codes;
}

double error_of(MvmRig& rig, const Tile& tile)
{
    const auto inputs = scaled_vectors(kVectors);
    rig.write(sram_pointer(kInputs), inputs);
    EXPECT_TRUE(rig.mvm(kId, MvmRig::mvm_op(kN, kN, kVectors)).ok());
    const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kN * kVectors);
    double ee = 0, dd = 0;
    for (std::uint32_t v = 0; v < kVectors; ++v)
        for (std::uint32_t col = 0; col < kN; ++col) {
            const double expected = tile.product(&inputs[v * kN], col);
            ee += expected * expected, dd += std::pow(got[v * kN + col] - expected, 2);
        }
    return std::sqrt(dd / ee);
}

TEST(Ranges, AreFoundByTheCardAndUsed)
{
    CardConfig config = default_card();
    config.run.seed = 5;
    config.core.row_power *= 30;  // converters, not light, decide
    MvmRig rig(config);
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);  // with the widest ranges
    const double widest = error_of(rig, tile);
    EXPECT_EQ(must(rig.driver->calibration_log())[0].ranged_banks, 0);
    ASSERT_TRUE(rig.host.drain());
    const auto before = rig.card.counters();
    EXPECT_EQ(must(rig.driver->calibrate(0, LC_CAL_EVERY_BANK, LC_CAL_RANGES)).result, 1u);
    const auto after = rig.card.counters();
    EXPECT_LT(error_of(rig, tile), widest / 3) << "8 bits of four sigma instead of 8 bits of everything";
    EXPECT_EQ(must(rig.driver->calibration_log())[0].ranged_banks, 1);
    EXPECT_LT(static_cast<double>(rig.card.counters().adc_clipped), 0.01 * kVectors * kN);
    // Three rounds of 256 vectors, and their samples.
    const auto& core = config.core;
    const auto light = duration_of(3 * 256 / core.lanes, core.symbol_rate) + 3 * core.latency;
    EXPECT_GE(after.calibrating - before.calibrating, light);
    EXPECT_LE(after.calibrating - before.calibrating, light + core.laser_warm_up + kMicrosecond);
    const auto& c = config.converters;
    EXPECT_NEAR(calibration_joules(rig.card),
                3.0 * 256 * kN * (c.dac_energy + c.modulator_energy + c.tia_energy + c.adc_energy), 1e-15);
    // Another programming brings its own ranges back.
    rig.program(tile, kId);
    EXPECT_EQ(must(rig.driver->calibration_log())[0].ranged_banks, 0);
    EXPECT_NEAR(error_of(rig, tile), widest, 0.2 * widest);
}

TEST(Ranges, AreMeasuredAnewEachTimeAndForSignedCodesToo)
{
    const Tile tile(kN, kN, 4);
    const auto ranges_of = [&](std::uint32_t kinds, int times) {
        return in_child([&] {
            CardConfig config = default_card();
            config.run.seed = 5;
            MvmRig rig(config);
            rig.program(tile, kId);
            for (int i = 0; i < times; ++i) must(rig.driver->calibrate(0, 0, kinds));
            const double error = error_of(rig, tile);
            must(rig.driver->shutdown());
            rig.driver.reset();
            EXPECT_TRUE(rig.host.drain());
            return std::to_string(error);
        });
    };
    const auto once = ranges_of(LC_CAL_RANGES, 1), twice = ranges_of(LC_CAL_RANGES, 2),
               offset = ranges_of(LC_CAL_RANGES | LC_CAL_SIGNED, 1);
    EXPECT_EQ(once, ranges_of(LC_CAL_RANGES, 1));
    EXPECT_NEAR(std::stod(twice), std::stod(once), 0.2 * std::stod(once));
    EXPECT_GT(std::stod(offset), std::stod(once)) << "room for an offset that these vectors do not have";
}

// ---------------------------------------------------------------------- temperature

CardConfig warm_card()
{
    CardConfig config = default_card();
    config.run.seed = 5;
    config.run.thermal = Thermal::loop;
    config.power.die_time = kMicrosecond;
    config.power.die_resistance = 0.5;
    config.power.sink_resistance = 0;
    config.pcm.temperature_coefficient = 2e-3;
    return config;
}

TEST(Thermal, AStreamWarmsTheDieAndItsWeights)
{
    MvmRig rig(warm_card());
    const Tile tile(kN, kN, 4);
    rig.program(tile, kId);
    EXPECT_NEAR(rig.card.counters().hottest_die, 30 + 0.5 * 2, 0.3)
        << "air, standing heat, and writing that has just ended";
    const auto inputs = Rig::pattern(kN * 4096, 6);
    rig.write(sram_pointer(0x1000000), inputs);
    const auto cold = multiply(rig, tile);
    auto stream = MvmRig::mvm_op(kN, kN, 4096);
    stream.in.base = sram_pointer(0x1000000);
    stream.out.base = sram_pointer(0x2000000);
    for (int i = 0; i < 40; ++i) rig.submit(driver::make_weight_command(LC_OP_MVM, kId), &stream);
    // Right behind them, while the die is warm.
    const auto op = MvmRig::mvm_op(kN, kN, kVectors);
    const auto last = rig.submit(driver::make_weight_command(LC_OP_MVM, kId), &op);
    EXPECT_TRUE(must(rig.queue().wait(last)).ok());
    double ee = 0, ey = 0;
    const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kN * kVectors);
    for (std::uint32_t v = 0; v < kVectors; ++v)
        for (std::uint32_t col = 0; col < kN; ++col) {
            const double expected = tile.product(&inputs[v * kN], col);
            ee += expected * expected, ey += expected * got[v * kN + col];
        }
    // Some 60 W of samples on 0.5 K/W are 30 K, 6 % at this coefficient; the queue keeps the core busy part of the
    // time.
    EXPECT_GT(ey / ee, cold.gain + 0.01);
    EXPECT_LT(ey / ee, cold.gain + 0.08);
    EXPECT_EQ(rig.card.counters().throttled, 0);
}

/// Writing is heat too: 0.44 W of row-parallel writing on this die, at 10 K/W.
TEST(Thermal, WritingWarmsTheDie)
{
    auto config = warm_card();
    config.power.die_resistance = 10;
    config.power.standing_heat = 0;
    MvmRig rig(config);
    const Tile tile(kN, kN, 4);
    const auto op = rig.program_op(tile, 0);
    EXPECT_NEAR(rig.card.counters().hottest_die, config.power.air_temperature, 0.01);
    rig.submit(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, kId), &op);
    rig.host.sleep(500 * kMicrosecond);
    const double watts = 2.0 * kN * config.pcm.write_energy / 10e-6;
    EXPECT_NEAR(rig.card.counters().hottest_die, config.power.air_temperature + 10 * watts, 0.05 * 10 * watts);
    rig.host.sleep(2 * kMillisecond);
    EXPECT_NEAR(rig.card.counters().hottest_die, config.power.air_temperature, 0.01) << "and cools down again";
}

TEST(Thermal, AHotDieIsThrottled)
{
    auto config = warm_card();
    config.power.throttle_temperature = 10;  // always above
    const auto time_of = [](const CardConfig& card) {
        return std::stod(in_child([&] {
            MvmRig rig(card);
            const Tile tile(kN, kN, 4);
            rig.program(tile, kId);
            multiply(rig, tile);
            const auto counters = rig.card.counters();
            return std::to_string(static_cast<double>(counters.layers.back().busy)) + " " +
                   std::to_string(static_cast<double>(counters.throttled));
        }));
    };
    const double slow = time_of(config), fast = time_of(warm_card());
    EXPECT_NEAR(slow / fast, 2, 0.01);
}

}  // namespace
}  // namespace lightcard::test
