// SPDX-License-Identifier: Apache-2.0
// Device files: every value has its evidence, they merge between parents and the card, and they are no cards.
#include <gmock/gmock.h>

#include <set>

#include "lightcard/model/card/config_fields.h"
#include "lightcard/model/card/peak.h"
#include "lightcard/model/photonic_core/link_budget.h"
#include "lightcard/tb/unit/config_testing.h"

namespace lightcard {
namespace {

namespace fs = std::filesystem;
using namespace config_testing;
using ::testing::HasSubstr;

const std::string kDevice = "schema: lightcard/device/1\n";

const CardConfig::Entry& entry(const CardConfig& card, const std::string& path)
{
    for (const auto& e : card.resolved)
        if (e.path == path) return e;
    ADD_FAILURE() << path;
    return card.resolved.front();
}

TEST(Devices, EveryShippedOneLoadsWithSourceGradeAndRangeForEveryValue)
{
    const CardConfig reference = default_card();
    std::size_t files = 0;
    for (const auto& file : fs::directory_iterator(LIGHTCARD_SOURCE_DIR "/configs/devices")) {
        if (file.path().extension() != ".yaml") continue;
        ++files;
        const std::string name = file.path().stem();
        const auto card = parse_card(kSchema + "devices: [" + name + "]\n", "card.yaml");
        ASSERT_TRUE(card.ok()) << name << ": " << card.error().message();
        std::size_t given = 0;
        for (std::size_t i = 0; i < card->resolved.size(); ++i) {
            const auto& e = card->resolved[i];
            if (e.source == reference.resolved[i].source) continue;
            ++given;
            EXPECT_GT(e.source.size(), 5u) << name << ": " << e.path;
            EXPECT_THAT(e.source, ::testing::Not(::testing::StartsWith("no source"))) << name << ": " << e.path;
            EXPECT_FALSE(e.range.empty()) << name << ": " << e.path;
        }
        EXPECT_GE(given, 1u) << name;
    }
    EXPECT_GE(files, 20u);
}

TEST(Devices, MergeAfterParentsInOrderAndBeforeTheCard)
{
    const Folder folder;
    folder.write("a.yaml", kDevice + "card: {pcm: {banks: 3, endurance: 10}, core: {latency: 6 ns}}\n");
    folder.write("b.yaml", kDevice + "device: {kind: cell, note: x}\ncard: {pcm: {endurance: 20}}\n");
    const CardConfig card = load(
        folder.write("card.yaml", kSchema + "extends: lc256\ndevices: [a, ./b.yaml]\ncard: {core: {latency: 7 ns}}\n"));
    EXPECT_EQ(card.core.n, 256u);
    EXPECT_EQ(card.pcm.banks, 3u);
    EXPECT_EQ(card.pcm.endurance, 20u);
    EXPECT_EQ(card.core.latency, 7 * kNanosecond);
    EXPECT_EQ(card.name, "card");
    EXPECT_EQ(entry(card, "card.pcm.banks").source, "no source given in a");
}

TEST(Devices, MaterialsAreConsistentWithThemselves)
{
    const auto material = [](const char* name) { return parse(kSchema + "devices: [" + name + "]\n").pcm; };
    EXPECT_EQ(material("sb2se3").write_slot, 500 * kMicrosecond);
    EXPECT_EQ(material("sb2se3").endurance, 140'000'000u);
    EXPECT_EQ(material("sb2se3").cell_extinction_db, 25);
    EXPECT_EQ(material("gsse").endurance, 500'000u);
    EXPECT_LT(material("gst-optical").endurance, material("gsse").endurance);
}

/// Where the electronic die sits moves energy, latency and receiver noise together.
TEST(Devices, PackagingMovesEnergyLatencyAndNoise)
{
    const auto packaged = [](const char* name) { return parse(kSchema + "devices: [" + name + "]\n"); };
    const auto stacked = packaged("packaging-stacked-3d"), side = packaged("packaging-interposer"),
               organic = packaged("packaging-organic");
    EXPECT_DOUBLE_EQ(peak_power(stacked).card(), peak_power(default_card()).card());
    // 106.5 Tb/s at peak (8 bits a sample, both ways): 32 W over an interposer.
    EXPECT_NEAR(peak_power(side).die_to_die, 32, 0.1);
    EXPECT_NEAR(peak_power(organic).die_to_die, 58.6, 0.1);
    EXPECT_LT(stacked.core.die_to_die_latency, side.core.die_to_die_latency);
    EXPECT_LT(side.core.die_to_die_latency, organic.core.die_to_die_latency);
    const auto snr = [](const CardConfig& card) {
        return photonic_core::solve_link_budget(card.core, card.pcm).snr_workload_db;
    };
    EXPECT_LT(snr(side), snr(stacked) - 0.3);
    EXPECT_LT(snr(organic), snr(side) - 1.5);
}

TEST(Devices, AreRefusedByName)
{
    const Folder folder;
    const std::pair<std::string, std::string> bad[] = {
        {"schema: lightcard/card/1\n", "unknown schema 'lightcard/card/1'"},
        {"card: {pcm: {banks: 3}}\n", "schema: missing"},
        {kDevice, "card: missing"},
        {kDevice + "card: {name: x}\n", "not a parameter of a device"},
        {kDevice + "card: {cores: 2}\n", "not a parameter of a device"},
        {kDevice + "card: {pcm: {bank: 2}}\n", "did you mean 'card.pcm.banks'?"},
        {kDevice + "card: {pcm: {banks: 0}}\n", "out of range"},
        {kDevice + "run: {seed: 2}\ncard: {pcm: {banks: 2}}\n", "unknown key"},
        {kDevice + "extends: lc128\ncard: {pcm: {banks: 2}}\n", "unknown key"},
        {kDevice + "card: [1]\n", "card"},
        {"", "not a device file"},
    };
    for (const auto& [text, expected] : bad) {
        folder.write("bad.yaml", text);
        const std::string card = folder.write("card.yaml", kSchema + "devices: [bad]\n");
        const std::string message = message_of(load_card(card));
        EXPECT_THAT(message, HasSubstr(expected)) << text;
        EXPECT_THAT(message, HasSubstr("bad.yaml")) << text;
    }
}

}  // namespace
}  // namespace lightcard
