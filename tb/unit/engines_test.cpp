// SPDX-License-Identifier: Apache-2.0
/// Who computes a product: costs by hand, the choice where they cross, and what a user may say about it.
#include "lightcard/platform/compiler/engines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lightcard/model/card/peak.h"
#include "lightcard/tb/unit/quant_networks.h"

namespace lightcard::compiler {
namespace {

using testing::HasSubstr;

CardConfig card()
{
    const auto config = load_card("lc128");
    EXPECT_TRUE(config) << config.error().message();
    return *config;
}

/// 3 x 3 over 56 x 56, 64 channels.
const ProductShape kDepthwise{"depthwise", 9, 1, std::uint64_t{56} * 56, 64, 1, false};

TEST(Engines, CostsByHand)
{
    const CardConfig config = card();
    const ProductCosts costs = costs_of(kDepthwise, config);
    EXPECT_EQ(costs.conversions, 15u);           // 128 / 9
    const double products = 5.0 * 56 * 56 * 15;  // 14 groups a tile
    const double rate = static_cast<double>(config.cores) * static_cast<double>(config.core.mvm_rate());
    EXPECT_DOUBLE_EQ(costs.pcm.seconds, products / rate);
    EXPECT_DOUBLE_EQ(costs.pcm.joules, products / rate * peak_power(config).core());
    const double macs = 9.0 * 64 * 56 * 56;
    EXPECT_DOUBLE_EQ(costs.digital.seconds, macs / static_cast<double>(config.control.digital_mac_rate));
    EXPECT_NEAR(costs.digital.joules,
                macs * config.control.digital_mac_energy + 10.0 * 64 * 56 * 56 * 8 * config.control.sram_energy, 1e-12);
}

TEST(Engines, TheCheaperOneIsTakenAndTheUserMaySay)
{
    CardConfig config = card();
    EXPECT_EQ(engine_of(kDepthwise, config), Engine::digital);
    ProductShape dense{"dense", 576, 64, std::uint64_t{56} * 56, 1, 1, false};
    EXPECT_EQ(engine_of(dense, config), Engine::pcm);
    config.run.depthwise = Depthwise::pcm;
    EXPECT_EQ(engine_of(kDepthwise, config), Engine::pcm);
    config.run.depthwise = Depthwise::digital;
    EXPECT_EQ(engine_of(kDepthwise, config), Engine::digital);
    EXPECT_EQ(engine_of(dense, config), Engine::pcm);  // no groups: nothing to decide
    // Where digital multiplications are slow and dear enough, the cells win.
    config.run.depthwise = Depthwise::automatic;
    config.control.digital_mac_rate /= 1000;
    config.control.digital_mac_energy *= 100;
    EXPECT_EQ(engine_of(kDepthwise, config), Engine::pcm);
}

TEST(Engines, AGraphIsMarkedAndWrongNamesAreRefused)
{
    QuantGraph graph = test::residual_network();
    const CardConfig config = card();
    ASSERT_TRUE(choose_engines(graph, config));
    std::string dense;
    for (const QuantNode& node : graph.nodes) {
        if (node.op != QuantOp::mvm) continue;
        if (node.digital) {
            EXPECT_GT(node.group, 1) << node.name;
        }
        if (node.group == 1) dense = node.name;
    }
    ASSERT_EQ(graph.notes.size(), 1u);
    EXPECT_THAT(graph.notes[0], HasSubstr("digital MAC engine"));
    ASSERT_TRUE(choose_engines(graph, config, {{dense, {{}, Engine::digital, {}}}}));
    for (const QuantNode& node : graph.nodes)
        if (node.name == dense) {
            EXPECT_TRUE(node.digital);
        }
    graph.notes.clear();
    ASSERT_TRUE(choose_engines(graph, config, {{dense, {4, Engine::digital, {}}}}));
    EXPECT_THAT(graph.notes, testing::Contains(testing::AllOf(HasSubstr(dense), HasSubstr("no effect"))));
    graph.notes.clear();
    ASSERT_TRUE(choose_engines(graph, config, {{dense, {4, Engine::pcm, {}}}}));
    EXPECT_THAT(graph.notes, testing::Not(testing::Contains(HasSubstr("no effect"))));
    const Status wrong = choose_engines(graph, config, {{dense + "x", {4, {}, {}}}});
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().message(), HasSubstr(dense));
}

}  // namespace
}  // namespace lightcard::compiler
