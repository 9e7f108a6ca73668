// SPDX-License-Identifier: Apache-2.0
/// Networks by shape: the shipped workloads have the tiles that are known of them, whoever counts; a graph and a
/// workload file of the same network agree; wrong files are named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "lightcard/platform/cli/network_plan.h"
#include "lightcard/platform/cli/plan_compare.h"
#include "lightcard/platform/cli/workload_file.h"
#include "lightcard/platform/compiler/network_shape.h"
#include "lightcard/platform/compiler/onnx_import.h"
#include "lightcard/tb/unit/shared_data.h"

namespace lightcard {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

compiler::NetworkShape workload(const std::string& name)
{
    const auto shape = cli::read_workload(std::string(LIGHTCARD_SOURCE_DIR) + "/configs/workloads/" + name + ".yaml");
    EXPECT_TRUE(shape) << shape.error().message();
    return shape ? *shape : compiler::NetworkShape{};
}

cli::NetworkPlan plan(const compiler::NetworkShape& shape, const std::string& card)
{
    const auto config = load_card(card, {});
    EXPECT_TRUE(config) << config.error().message();
    return cli::plan_network(shape, *config, 256);
}

TEST(Workloads, ResNet50)
{
    const auto p = plan(workload("resnet50-224"), "lc128");
    EXPECT_EQ(p.weight_layers, 54u);
    EXPECT_EQ(p.work.macs, 4089184256u);
    EXPECT_EQ(p.work.tiles, 1576u);
    EXPECT_EQ(p.work.tile_vectors, 314512u);
    EXPECT_NEAR(p.utilisation, 0.794, 0.0005);
    const auto own = cli::resnet50(128);
    EXPECT_EQ(p.work.macs, own.macs);
    EXPECT_EQ(p.work.tile_vectors, own.tile_vectors);
    EXPECT_EQ(p.work.vector_elements, own.vector_elements);
}

TEST(Workloads, Transformers)
{
    const auto bert = plan(workload("bert-base-128"), "lc128");
    EXPECT_EQ(bert.work.tiles, 5184u);
    EXPECT_EQ(bert.work.tile_vectors, 663552u);
    EXPECT_EQ(bert.work.macs, 10871635968u);
    EXPECT_EQ(bert.work.dynamic_macs, 301989888u);
    EXPECT_EQ(plan(workload("bert-base-384"), "lc128").work.tile_vectors, 1990656u);
    EXPECT_EQ(plan(workload("llama-2-7b-decode"), "lc128").work.tiles, 403264u);
    EXPECT_EQ(plan(workload("llama-3-8b-decode"), "lc128").work.tiles, 458048u);
}

/// Multiplications as their papers and the exported graphs have them.
TEST(Workloads, Others)
{
    const auto vit = plan(workload("vit-b16-224"), "lc128");
    EXPECT_NEAR(static_cast<double>(vit.work.macs), 16.85e9, 0.01e9);
    EXPECT_NEAR(static_cast<double>(vit.work.dynamic_macs), 0.715e9, 0.001e9);
    const auto mobilenet = plan(workload("mobilenetv2-224"), "lc128");
    EXPECT_NEAR(static_cast<double>(mobilenet.work.macs + mobilenet.work.digital_macs), 0.301e9, 0.001e9);
    EXPECT_EQ(mobilenet.weight_layers + mobilenet.digital_layers, 53u);
    EXPECT_EQ(mobilenet.digital_layers, 17u);
    const auto keywords = plan(workload("keywords-dscnn"), "lc128");
    EXPECT_EQ(keywords.digital_layers, 4u);
    EXPECT_EQ(keywords.work.macs + keywords.work.digital_macs, 2656768u);
    EXPECT_EQ(plan(workload("resnet50-fmnist"), "lc128").weight_layers, 54u);
    EXPECT_GT(plan(workload("ocr-pp-v4-rec"), "lc128").work.dynamic_macs, 0u);
    EXPECT_EQ(plan(workload("llm-serving-decode"), "lc128").work.tiles,
              plan(workload("llama-3-8b-decode"), "lc128").work.tiles);
    EXPECT_EQ(plan(workload("driving-l5"), "lc128").work.tiles, 1576u);
    EXPECT_NEAR(static_cast<double>(plan(workload("driving-l5"), "lc128").work.macs) * 2 * 1703, 2000e12, 2e12);
}

TEST(Workloads, EveryShippedOneIsRead)
{
    std::size_t read = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(LIGHTCARD_SOURCE_DIR) / "configs" / "workloads")) {
        const auto p = plan(workload(entry.path().stem().string()), "lc128-library");
        EXPECT_GT(p.rows[0].bound.images_per_second, 0) << entry.path();
        EXPECT_FALSE(cli::limit_sentence(p).empty());
        ++read;
    }
    EXPECT_GE(read, 16u);
}

/// Told products are planned as told; passes take time, not tiles.
TEST(Plan, FollowsTheSettingsOfLayers)
{
    const auto shape = workload("keywords-dscnn");
    const auto config = load_card("lc128", {});
    ASSERT_TRUE(config);
    const auto plain = cli::plan_network(shape, *config, 64);
    const std::string name = plain.layers[0].name;
    const auto told = cli::plan_network(shape, *config, 64, {{name, {{}, compiler::Engine::digital, {}}}});
    EXPECT_EQ(told.digital_layers, plain.digital_layers + 1);
    EXPECT_LT(told.work.tile_vectors, plain.work.tile_vectors);
    const auto passes = cli::plan_network(shape, *config, 64, {{name, {4, {}, {}}}});
    EXPECT_EQ(passes.work.tile_vectors, plain.work.tile_vectors);
    EXPECT_EQ(passes.work.conversions, plain.work.conversions + 3 * plain.layers[0].tile_vectors);
    EXPECT_FALSE(cli::check_layers(shape, {{"nobody", {2, {}, {}}}}));
}

/// The comparison by hand: an inference of 1 J against 2 J at half the rate.
TEST(Plan, VerdictsSayWhere)
{
    std::vector<cli::Machine> machines(2);
    machines[0] = {"card", "", true, {{1, 10, 0.1, 4, 1}, {4, 100, 0.04, 1, 1}, {16, 200, 0.08, 0.5, 0.5}}};
    machines[1] = {"other", "", false, {{0, 50, 0, 2, 2}}};
    const auto lines = cli::verdicts(machines);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0],
              "card against other: faster at batch 4 and more, less energy an inference at batch 4 and more "
              "(weight writes left out: at every batch)");
}

TEST(Workloads, GraphAndFileAgree)
{
    const fs::path model = test::shared_data() / "topologies" / "light_resnet50.onnx";
    if (!fs::exists(model)) GTEST_SKIP() << model << " is missing";
    const auto graph = compiler::import_onnx(model.string());
    ASSERT_TRUE(graph) << graph.error().message();
    const auto p = plan(compiler::shape_of(*graph), "lc128");
    EXPECT_EQ(p.weight_layers, 54u);
    EXPECT_EQ(p.work.macs, 4089184256u);
    EXPECT_EQ(p.work.tiles, 1576u);
    EXPECT_EQ(p.work.tile_vectors, 314512u);
    EXPECT_EQ(p.work.input_bytes, 3u * 224 * 224);
}

TEST(Plan, ResidencyDecidesWritesAndWear)
{
    const auto shape = workload("resnet50-224");
    const auto reloads = plan(shape, "lc128"), resident = plan(shape, "lc128-library");
    EXPECT_TRUE(resident.resident.empty());
    ASSERT_EQ(reloads.resident.size(), reloads.rows.size());
    for (const auto& row : resident.rows) {
        EXPECT_EQ(row.cells_written, 0);
        EXPECT_EQ(row.life, 0);
    }
    for (std::size_t i = 0; i < reloads.rows.size(); ++i) {
        EXPECT_NEAR(reloads.rows[i].cells_written, 1576 * 2.0 * 128 * 128 / static_cast<double>(reloads.rows[i].batch),
                    1e-6);
        EXPECT_GT(reloads.rows[i].life, 0);
        EXPECT_LE(reloads.rows[i].bound.images_per_second, reloads.resident[i].bound.images_per_second);
    }
}

TEST(Plan, GroupsArePackedOnTheDiagonal)
{
    compiler::ProductShape depthwise{"depthwise", 9, 1, 100, 64, 1, false};
    EXPECT_EQ(compiler::tiles_of(depthwise, 128), 5u);  // 14 groups of 9 rows a tile
    compiler::ProductShape dense{"dense", 129, 128, 1, 1, 1, false};
    EXPECT_EQ(compiler::tiles_of(dense, 128), 2u);
}

std::string error_of(const std::string& text)
{
    const std::string path = testing::TempDir() + "workload.yaml";
    std::ofstream(path) << text;
    const auto shape = cli::read_workload(path);
    return shape ? "no error" : shape.error().message();
}

TEST(WorkloadFile, WrongOnesAreNamed)
{
    const std::string head = "schema: lightcard/workload/1\nname: n\nsource: s\n";
    const std::string good = "products:\n  - {name: a, inputs: 4, outputs: 4, vectors: 1}\n";
    EXPECT_EQ(error_of(head + good), "no error");
    EXPECT_THAT(error_of(head + "product:\n" + good), testing::AllOf(HasSubstr(":4"), HasSubstr("products")));
    EXPECT_THAT(error_of("schema: lightcard/workload/9\n"), HasSubstr("unknown schema"));
    EXPECT_THAT(error_of(head + "products:\n  - {name: a, inputs: 0, outputs: 4, vectors: 1}\n"),
                HasSubstr("inputs is '0'"));
    EXPECT_THAT(error_of(head + "products:\n  - {name: a, inputs: 4, outputs: 4}\n"), HasSubstr("needs name"));
    EXPECT_THAT(error_of(head + "products:\n  - {name: a, inputs: 4294967296, outputs: 4294967296, vectors: 9}\n"),
                HasSubstr("too large"));
    EXPECT_THAT(error_of(head), HasSubstr("needs products"));
    EXPECT_THAT(error_of(""), HasSubstr("not a map"));
}

}  // namespace
}  // namespace lightcard
