// SPDX-License-Identifier: Apache-2.0
// The weight memory as one with a life: cells fail, rows move to spare ones, and what is left survives without power.
#include <fstream>
#include <sstream>

#include "mvm_rig.h"

namespace lightcard::test {
namespace {

/// One stuck cell in a hundred, quiet otherwise.
CardConfig defective_card(std::uint32_t spare_rows)
{
    CardConfig config = default_card();
    config.run.seed = 11;
    config.run.noise = {};
    config.pcm.defect_rate = 0.0002;  // about 7 cells of a bank
    config.pcm.spare_rows = spare_rows;
    config.pcm.failed_cells = 0;
    return config;
}

Completion try_program(MvmRig& rig, const Tile& tile, std::uint64_t weight_id, std::uint16_t bank = 0)
{
    const auto op = rig.program_op(tile, bank);
    return rig.try_run(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, weight_id), &op);
}

TEST(Defects, AreReportedAndVerifySeesThem)
{
    MvmRig rig(defective_card(0));
    const Tile tile(kN, kN, 4);
    EXPECT_EQ(try_program(rig, tile, 42).status, LC_SC_VERIFY_FAILED);
    const auto op = rig.program_op(tile, 0);
    const auto seen = rig.try_run(driver::make_weight_command(LC_OP_VERIFY_WEIGHTS, 42), &op);
    EXPECT_EQ(seen.status, LC_SC_VERIFY_FAILED);
    EXPECT_GE(seen.result, 1u);
    EXPECT_LE(seen.result, 20u) << "rows with a failed cell";
    EXPECT_TRUE(rig.mvm(42, MvmRig::mvm_op(kN, kN, 1)).ok()) << "the weights are there, with errors";
}

TEST(Defects, SpareRowsTakeOverAndCostTheirSlots)
{
    const auto config = defective_card(24);
    MvmRig rig(config);
    const Tile tile(kN, kN, 4);
    const auto start = rig.host.now();
    const auto done = try_program(rig, tile, 42);
    EXPECT_EQ(done.status, LC_SC_SUCCESS);
    const auto extra = done.result / (2 * kN) - kN;  // rows written beyond the array's
    EXPECT_GE(extra, 1u);
    EXPECT_LE(extra, 20u);
    EXPECT_GE(rig.host.now() - start, static_cast<Picoseconds>(kN + extra) * config.pcm.write_slot);
    EXPECT_DOUBLE_EQ(account(rig.card, Category::weight_write).joules(),
                     static_cast<double>((kN + extra) * 2 * kN) * config.pcm.write_energy);
    const auto op = rig.program_op(tile, 0);
    EXPECT_EQ(rig.try_run(driver::make_weight_command(LC_OP_VERIFY_WEIGHTS, 42), &op).status, LC_SC_SUCCESS);
    // Programmed again, the rows are where they were: nothing to move.
    EXPECT_EQ(try_program(rig, tile, 43).result, 2ull * kN * kN);
    EXPECT_EQ(rig.card.diagnostics().count(Severity::note), 1u) << "one line in the log";
}

TEST(Wear, CellsFailTowardsTheEndOfTheirLife)
{
    CardConfig config = default_card();
    config.run.seed = 3;
    config.pcm.endurance = 10;
    config.pcm.write_slot = kMicrosecond;
    config.pcm.write_energy = 1e-9;
    MvmRig rig(config);
    const Tile tile(kN, kN, 4);
    int healthy = 0, failed = 0;
    for (int i = 0; i < 12; ++i) {
        const auto status = try_program(rig, tile, 100 + static_cast<std::uint64_t>(i)).status;
        if (i < 4) {
            EXPECT_EQ(status, LC_SC_SUCCESS) << i;
        }
        healthy += status == LC_SC_SUCCESS;
        failed += status == LC_SC_VERIFY_FAILED;
    }
    EXPECT_GE(healthy, 5) << "ln(0.6)/0.25 = -2 sigma: 2 % of the cells, some of them at their target";
    EXPECT_GE(failed, 4);
}

TEST(WriteLoop, AdaptiveSlotsEndWithTheirSlowestCell)
{
    CardConfig config = ideal_card();
    config.pcm.write_loop = pcm_memory::WriteLoop::adaptive;
    const auto program = [](const CardConfig& card, std::int8_t weight) {
        MvmRig rig(card);
        Tile tile(kN, kN, 4);
        std::fill(tile.weights.begin(), tile.weights.end(), weight);
        const auto start = rig.host.now();
        rig.program(tile, 42);
        std::ostringstream text;
        text << (rig.host.now() - start) / kMicrosecond << ' ' << account(rig.card, Category::weight_write).joules()
             << ' ' << account(rig.card, Category::weight_write).count;
        return text.str();
    };
    const auto numbers = [&](std::int8_t weight) {
        std::istringstream in(in_child([&] { return program(config, weight); }));
        double time, joules, count;
        in >> time >> joules >> count;
        return std::array<double, 3>{time, joules, count};
    };
    const auto ends = numbers(127), middle = numbers(64);
    // Ends of the range take 1 of 5 pulses, mid-range 4: 128 rows of 2 and 8 us.
    EXPECT_NEAR(ends[0], 256, 30);
    EXPECT_NEAR(middle[0], 1024, 30);
    EXPECT_EQ(ends[2], 2.0 * kN * kN) << "pulses";
    EXPECT_EQ(middle[2], 5.0 * kN * kN) << "the idle cell of a pair takes one";
    EXPECT_NEAR(middle[1] / ends[1], 2.5, 1e-4);
}

// ---------------------------------------------------------------------- one cell a weight

/// Half the cells, half the energy; the sums are those of the weights, exactly without noise and close with it.
TEST(SingleCells, GiveTheProductsOfTheirWeights)
{
    const Tile tile(kN, kN, 4);
    const auto inputs = Rig::pattern(kN * 9, 6);
    struct Result {
        double error, joules;
    };
    const auto run = [&](photonic_core::Cells cells, Fidelity fidelity, bool quant) {
        std::istringstream in(in_child([&] {
            CardConfig config = default_card();
            config.run.fidelity = fidelity;
            config.run.quant = quant;
            config.core.cells = cells;
            config.core.row_power *= 30;  // the light is not what is looked at
            MvmRig rig(config);
            rig.program(tile, 42);
            rig.write(sram_pointer(kInputs), inputs);
            EXPECT_TRUE(rig.mvm(42, MvmRig::mvm_op(kN, kN, 9)).ok());
            const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kN * 9);
            double ee = 0, dd = 0;
            for (std::uint32_t v = 0; v < 9; ++v)
                for (std::uint32_t col = 0; col < kN; ++col) {
                    const double expected = tile.product(&inputs[v * kN], col);
                    ee += expected * expected, dd += std::pow(got[v * kN + col] - expected, 2);
                }
            return std::to_string(std::sqrt(dd / ee)) + " " +
                   std::to_string(1e6 * account(rig.card, Category::weight_write).joules());
        }));
        Result result{};
        in >> result.error >> result.joules;
        return result;
    };
    using photonic_core::Cells;
    const auto exact = run(Cells::single, Fidelity::ideal, false),
               pair = run(Cells::absorptive_pair, Fidelity::stat, false);
    EXPECT_EQ(exact.error, 0);
    EXPECT_NEAR(exact.joules, pair.joules / 2, 1e-3);
    const auto converted = run(Cells::single, Fidelity::ideal, true), noisy = run(Cells::single, Fidelity::stat, false),
               cells = run(Cells::single, Fidelity::device, false);
    // With the widest range a code is (255 (127 + P) n)/256 of a sum whose rms is a tenth of that of all codes.
    EXPECT_LT(converted.error, 0.1);
    EXPECT_GT(converted.error, 0.001);
    EXPECT_LT(noisy.error, 0.4);
    EXPECT_NEAR(cells.error, noisy.error, 0.3 * noisy.error);
}

// ---------------------------------------------------------------------- without power

CardConfig ageing_card()
{
    CardConfig config = default_card();
    config.run.seed = 5;
    config.run.ageing = Ageing::live;
    return config;
}

std::string saved(Card& card)
{
    std::ostringstream out;
    must(card.save_pcm(out));
    return out.str();
}

void restore(Card& card, const std::string& bytes)
{
    std::istringstream in(bytes);
    must(card.restore_pcm(in));
}

std::string outputs_of(MvmRig& rig, std::uint64_t weight_id)
{
    rig.write(sram_pointer(kInputs), Rig::pattern(kN * 9, 6));
    auto op = MvmRig::mvm_op(kN, kN, 9);
    op.sample_base = 1000;
    EXPECT_TRUE(rig.mvm(weight_id, op).ok());
    std::ostringstream text;
    for (auto value : rig.read<std::int32_t>(sram_pointer(kOutputs), kN * 9)) text << value << ' ';
    return text.str();
}

TEST(PowerOff, WeightsWearAndAgeAreThereAfterwards)
{
    const std::string before = in_child([] {
        MvmRig rig(ageing_card());
        rig.program(Tile(kN, kN, 4), 41);
        rig.program(Tile(kN, kN, 5), 42);
        must(rig.card.age(86400));
        const auto outputs = outputs_of(rig, 42);
        EXPECT_TRUE(rig.host.drain());
        return saved(rig.card) + "\x01mark\x01" + outputs;
    });
    const auto mark = before.find("\x01mark\x01");
    const auto state = before.substr(0, mark), outputs = before.substr(mark + 6);
    in_child([&] {
        Rig cold(ageing_card());
        restore(cold.card, state);
        EXPECT_EQ(saved(cold.card), state) << "what was restored saves as the same bytes";
        return std::string();
    });
    MvmRig rig(ageing_card());
    ASSERT_TRUE(rig.host.drain());
    restore(rig.card, state);
    const auto log = must(rig.driver->weights_log());
    EXPECT_EQ(log[0].weight_id, 42u);
    EXPECT_EQ(log[0].epoch, 2u);
    EXPECT_EQ(log[0].max_wear, 2u);
    EXPECT_NEAR(static_cast<double>(log[0].age_ns) * 1e-9, 86400, 1);
    EXPECT_EQ(outputs_of(rig, 42), outputs) << "the same cells, a day old";
}

TEST(PowerOff, AColdResetAndAFunctionResetKeepThem)
{
    MvmRig rig(ageing_card());
    rig.program(Tile(kN, kN, 4), 42);
    const auto outputs = outputs_of(rig, 42);
    must(rig.driver->shutdown());
    rig.driver.reset();
    ASSERT_TRUE(rig.host.drain());
    const auto state = saved(rig.card);
    rig.card.cold_reset();
    rig.up();
    EXPECT_EQ(outputs_of(rig, 42), outputs);
    ASSERT_TRUE(rig.host.drain());
    EXPECT_EQ(saved(rig.card).size(), state.size());
}

TEST(PowerOff, WhatIsNotThisCardsStateIsRefusedAndNothingChanges)
{
    const auto foreign = in_child([] {
        auto config = ageing_card();
        config.link.serial_number = 77;
        Rig other(config);
        return saved(other.card);
    });
    MvmRig rig(ageing_card());
    rig.program(Tile(kN, kN, 4), 42);
    ASSERT_TRUE(rig.host.drain());
    const auto own = saved(rig.card);
    const auto refused = [&](const std::string& bytes) {
        std::istringstream in(bytes);
        const auto result = rig.card.restore_pcm(in);
        return result ? std::string() : result.error().message();
    };
    EXPECT_THAT(refused(own.substr(0, own.size() / 2)), testing::HasSubstr("cut short"));
    auto bent = own;
    bent[own.size() / 2] = static_cast<char>(bent[own.size() / 2] ^ 4);
    EXPECT_THAT(refused(bent), testing::HasSubstr("checksum"));
    EXPECT_THAT(refused(foreign), testing::HasSubstr("serial number 77, this card has 1"));
    EXPECT_EQ(saved(rig.card), own);
    EXPECT_TRUE(rig.mvm(42, MvmRig::mvm_op(kN, kN, 1)).ok());
}

TEST(PowerOff, ABusyCardIsRefused)
{
    MvmRig rig;
    const auto op = rig.program_op(Tile(kN, kN, 4), 0);
    rig.submit(driver::make_weight_command(LC_OP_PROGRAM_WEIGHTS, 42), &op);
    rig.host.sleep(100 * kMicrosecond);
    std::ostringstream out;
    EXPECT_FALSE(rig.card.save_pcm(out));
    std::istringstream in;
    EXPECT_FALSE(rig.card.restore_pcm(in));
    ASSERT_TRUE(rig.host.drain());
}

/// The digits that a weight of a tile has left: outputs along the exact products.
double gain_of(MvmRig& rig, const Tile& tile, std::uint64_t weight_id)
{
    const auto inputs = Rig::pattern(kN * 9, 6);
    rig.write(sram_pointer(kInputs), inputs);
    EXPECT_TRUE(rig.mvm(weight_id, MvmRig::mvm_op(kN, kN, 9)).ok());
    const auto got = rig.read<std::int32_t>(sram_pointer(kOutputs), kN * 9);
    double ee = 0, ey = 0;
    for (std::uint32_t v = 0; v < 9; ++v)
        for (std::uint32_t col = 0; col < kN; ++col) {
            const double expected = tile.product(&inputs[v * kN], col);
            ee += expected * expected, ey += expected * got[v * kN + col];
        }
    return ey / ee;
}

CardConfig stored_at(double celsius)
{
    auto config = ageing_card();
    config.run.ageing_temperature = celsius;
    return config;
}

/// Ten years at 85 C leave half of a cell; at 125 C it takes two and a half days (2.24 eV).
TEST(Retention, FollowsTheClockAndTheTemperature)
{
    const Tile tile(kN, kN, 4);
    const double half_life = 3652.5 / 1469;  // days at 125 C
    const auto after = [&](double celsius, double days) {
        return std::stod(in_child([&] {
            MvmRig rig(stored_at(celsius));
            rig.program(tile, 42);
            EXPECT_TRUE(rig.host.drain());
            must(rig.card.age(86400 * days));
            return std::to_string(gain_of(rig, tile, 42));
        }));
    };
    EXPECT_NEAR(after(35, 3650), 1, 0.04) << "drift alone";
    EXPECT_NEAR(after(125, half_life / 10), 1, 0.04);
    // Half of the typical cell; with the spread from cell to cell and some drift.
    EXPECT_NEAR(after(125, half_life), 0.53, 0.06);
    EXPECT_LT(after(125, 3 * half_life), 0.1);
}

TEST(Retention, GoesOnWhereTheStateFileStopped)
{
    const Tile tile(kN, kN, 4);
    const auto config = stored_at(125);
    const auto whole = std::stod(in_child([&] {
        MvmRig rig(config);
        rig.program(tile, 42);
        EXPECT_TRUE(rig.host.drain());
        must(rig.card.age(2.5 * 86400));
        return std::to_string(gain_of(rig, tile, 42));
    }));
    const auto state = in_child([&] {
        MvmRig rig(config);
        rig.program(tile, 42);
        EXPECT_TRUE(rig.host.drain());
        must(rig.card.age(86400));
        return saved(rig.card);
    });
    MvmRig rig(config);
    ASSERT_TRUE(rig.host.drain());
    restore(rig.card, state);
    EXPECT_NEAR(gain_of(rig, tile, 42), 1, 0.05);
    ASSERT_TRUE(rig.host.drain());
    must(rig.card.age(1.5 * 86400));
    EXPECT_NEAR(gain_of(rig, tile, 42), whole, 0.01);
    EXPECT_LT(whole, 0.7);
}

/// Written at 60 C, a bank is right at 60 C: what counts is the distance from there.
TEST(TemperatureOfWriting, IsWhatTheCoefficientCountsFrom)
{
    const Tile tile(kN, kN, 4);
    auto config = ageing_card();
    config.run.thermal = Thermal::loop;
    config.pcm.temperature_coefficient = 2e-3;
    config.power.standing_heat = 0;
    const auto gain = [&](double written_at, double read_at) {
        const auto state = in_child([&] {
            auto hot = config;
            hot.power.air_temperature = written_at;
            MvmRig rig(hot);
            rig.program(tile, 42);
            EXPECT_TRUE(rig.host.drain());
            return saved(rig.card);
        });
        return std::stod(in_child([&] {
            auto other = config;
            other.power.air_temperature = read_at;
            MvmRig rig(other);
            EXPECT_TRUE(rig.host.drain());
            restore(rig.card, state);
            EXPECT_EQ(rig.driver->needs_calibration(), written_at != read_at);
            return std::to_string(gain_of(rig, tile, 42));
        }));
    };
    const double same = gain(60, 60);
    EXPECT_NEAR(same, gain(20, 20), 0.01);
    EXPECT_NEAR(gain(20, 60) / same, 1 + 40 * 2e-3, 0.02);
    EXPECT_NEAR(gain(60, 20) / same, 1 - 40 * 2e-3, 0.02);
}

/// A bank is as old as its last programming, not as the card.
TEST(Ageing, StartsWithTheLastVerification)
{
    MvmRig rig(ageing_card());
    rig.program(Tile(kN, kN, 4), 41, 0);
    must(rig.card.age(86400));
    rig.program(Tile(kN, kN, 5), 42, 1);
    ASSERT_TRUE(rig.host.drain());
    must(rig.card.age(10));
    const auto log = must(rig.driver->weights_log());
    EXPECT_NEAR(static_cast<double>(log[0].age_ns) * 1e-9, 86410, 1);
    EXPECT_NEAR(static_cast<double>(log[1].age_ns) * 1e-9, 10, 1);
}

}  // namespace
}  // namespace lightcard::test
