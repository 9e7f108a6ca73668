// SPDX-License-Identifier: Apache-2.0
/// Scenario files: what they may say, and what is said about what they may not.
#include <gtest/gtest.h>

#include <filesystem>

#include "lightcard/model/card/fault_scenario.h"
#include "lightcard/model/control_chip/fault_table.h"
#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard {
namespace {

const std::string kHead = "schema: lightcard/faults/1\nfaults:\n";

Result<FaultScenario> parse(const std::string& text)
{
    return parse_faults(text, "test.yaml", default_card());
}

std::string complaint(const std::string& faults)
{
    const auto result = parse(kHead + faults);
    return result ? "accepted" : result.error().message();
}

TEST(FaultScenario, ReadsEveryField)
{
    const auto scenario = parse(kHead +
                                "  - {fault: interrupt_lost, vector: 3, count: 2, at: 5 ms, for: 1 s}\n"
                                "  - {fault: cell_stuck, bank: 1, row: 5, column: 127, level: -3, after_mvms: 10}\n"
                                "  - {fault: thermal, kelvin: -1.5}\n"
                                "  - {fault: dma_poisoned, direction: write}\n"
                                "  - {fault: link, generation: 1}\n"
                                "  - {fault: drift, time: 10 d}\n"
                                "  - {fault: queue_stuck, queue: any}\n");
    ASSERT_TRUE(scenario) << scenario.error().message();
    const auto& faults = scenario->faults;
    ASSERT_EQ(faults.size(), 7u);
    EXPECT_EQ(faults[0].fault.target, 3u);
    EXPECT_EQ(faults[0].fault.count, 2u);
    EXPECT_EQ(faults[0].fault.lasts, kSecond);
    EXPECT_EQ(faults[0].start.kind, FaultStart::Kind::time);
    EXPECT_EQ(faults[0].start.at, static_cast<std::uint64_t>(5 * kMillisecond));
    EXPECT_EQ(faults[1].fault.target, LC_PLACE(0, 1, 5, 127));
    EXPECT_EQ(faults[1].fault.value, -3);
    EXPECT_EQ(faults[1].start.kind, FaultStart::Kind::mvms);
    EXPECT_EQ(faults[1].start.at, 10u);
    EXPECT_EQ(faults[2].fault.value, -1500);
    EXPECT_EQ(faults[3].fault.target, 1u);
    EXPECT_EQ(faults[4].fault.target, 16u) << "the width stays";
    EXPECT_EQ(faults[5].fault.value, 864'000'000'000'000);
    EXPECT_EQ(faults[6].fault.target, Fault::kAnyTarget);
}

TEST(FaultScenario, NamesWhatIsWrong)
{
    EXPECT_EQ(complaint("  - {fault: interupt_lost}\n"),
              "test.yaml:3: faults[0].fault: no fault 'interupt_lost' (did you mean 'interrupt_lost'?)");
    EXPECT_EQ(complaint("  - {fault: drift}\n"), "test.yaml:3: faults[0].time: is missing (fault drift needs it)");
    EXPECT_EQ(complaint("  - {fault: interrupt_lost, vector: 32}\n"),
              "test.yaml:3: faults[0].vector: vector must be 0 .. 31");
    EXPECT_NE(complaint("  - {fault: interrupt_lost, vectr: 1}\n").find("faults[0].vectr: is not of this fault"),
              std::string::npos);
    EXPECT_NE(complaint("  - {fault: drift, time: 5}\n").find("faults[0].time: "), std::string::npos);
    EXPECT_NE(complaint("  - {fault: drift, time: 1 s, at: 1 s, after_commands: 1}\n").find("comes beside 'at'"),
              std::string::npos);
    EXPECT_NE(complaint("  - {fault: cell_stuck, bank: 0, row: 0, column: 0, level: 1.5}\n").find("whole number"),
              std::string::npos);
    EXPECT_NE(complaint("  - {fault: boot_failed, unit: lasr}\n").find("did you mean 'laser'"), std::string::npos);
    EXPECT_NE(complaint("  - {fault: firmware_hang, count: [1]}\n").find("faults[0].count: is a list"),
              std::string::npos);
    EXPECT_NE(complaint("  - interrupt_lost\n").find("faults[0]: is text"), std::string::npos);
    EXPECT_NE(complaint("  []\n"), "accepted");
    EXPECT_FALSE(parse(""));
    EXPECT_FALSE(parse("faults: [{fault: firmware_hang}]\n")) << "no schema";
    EXPECT_FALSE(parse("schema: lightcard/faults/2\nfaults: [{fault: firmware_hang}]\n"));
    EXPECT_FALSE(parse(kHead + "  - {fault: firmware_hang}\nother: 1\n"));
}

TEST(FaultScenario, EveryFaultCanBeWritten)
{
    for (const auto& line : describe_faults()) {
        const auto name = line.substr(0, line.find_first_of(" :"));
        EXPECT_NE(control_chip::find_fault(name), nullptr) << line;
    }
    EXPECT_EQ(describe_faults().size(), kFaultKinds - 1);
    Fault fault;
    fault.kind = FaultKind::interrupt_lost;
    fault.target = 3;
    fault.count = 2;
    EXPECT_EQ(describe(fault), "interrupt_lost vector=3 count=2");
}

TEST(FaultScenario, ShippedOnesAreGood)
{
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(LIGHTCARD_SOURCE_DIR "/configs/faults")) {
        const auto scenario = load_faults(entry.path().stem().string(), default_card());
        EXPECT_TRUE(scenario) << scenario.error().message();
        EXPECT_TRUE(scenario && !scenario->note.empty()) << entry.path();
        ++count;
    }
    EXPECT_GE(count, 9u);
    const auto missing = load_faults("interupts", default_card());
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().hint.find("interrupts"), std::string::npos) << missing.error().message();
}

}  // namespace
}  // namespace lightcard
