// SPDX-License-Identifier: Apache-2.0
// Arithmetic that must come out exactly: peaks, tile counts, converter counts.
#include "lightcard/platform/cli/ladder/ladder.h"
#include "lightcard/platform/cli/sustain.h"

namespace lightcard::ladder {

namespace {

constexpr const char* kCounts = "2 N^2 x lanes x symbol rate x cores";
constexpr const char* kShapes = "layer shapes of the network";

Row identity(const char* name, const char* source, double expected, double tolerance, const char* unit)
{
    Row row = row_of(name, source, expected, tolerance, unit);
    row.kind = Kind::identity;
    return row;
}

struct Matrix {
    std::uint64_t inputs, outputs, count;
};

std::uint64_t tiles_of(const std::vector<Matrix>& matrices, std::uint64_t n)
{
    std::uint64_t tiles = 0;
    for (const auto& m : matrices) tiles += m.count * ((m.inputs + n - 1) / n) * ((m.outputs + n - 1) / n);
    return tiles;
}

/// Encoder of BERT-base: four projections and two feed-forward matrices a layer.
const std::vector<Matrix> kBert = {{768, 768, 4 * 12}, {768, 3072, 12}, {3072, 768, 12}};
/// Llama-3-8B with its output head.
const std::vector<Matrix> kLlama = {
    {4096, 4096, 2 * 32}, {4096, 1024, 2 * 32}, {4096, 14336, 2 * 32}, {14336, 4096, 1 * 32}, {4096, 128256, 1}};

double accumulate_share(const CardConfig& card)
{
    const auto work = cli::resnet50(card.core.n);
    const double slots = static_cast<double>(work.tile_vectors) * card.core.n * card.core.n;
    return static_cast<double>(work.macs) / slots;
}

}  // namespace

void add_identities(Rows& rows)
{
    const Override smaller = {"card.core.n", "127"};
    const Override slower = {"card.core.symbol_rate", "12.9 GHz"};
    rows.push_back(on_card(identity("peak of lightmatter-2025", kCounts, 65.536, 0, "TOPS"),
                           {"extends: lightmatter-2025", {}, {"card.cores", "2"}}, peak_tops));
    rows.push_back(on_card(identity("peak of pace-2025", kCounts, 8.192, 0, "TOPS"),
                           {"extends: pace-2025", {}, {"card.core.n", "63"}}, peak_tops));
    rows.push_back(
        on_card(identity("peak of lc128", kCounts, 1703.936, 0, "TOPS"), {"extends: lc128", {}, slower}, peak_tops));
    rows.push_back(on_card(identity("peak of lc128-1x52", kCounts, 1703.936, 0, "TOPS"),
                           {"extends: lc128-1x52", {}, slower}, peak_tops));
    rows.push_back(
        on_card(identity("peak of lc64", kCounts, 425.984, 0, "TOPS"), {"extends: lc64", {}, slower}, peak_tops));
    rows.push_back(on_card(identity("converters of lc128-1x52, one side", "N x lanes", 128, 0, ""),
                           {"extends: lc128-1x52", {}, {"card.core.lanes", "2"}},
                           [](const CardConfig& c) { return 1.0 * c.core.n * c.core.lanes; }));
    rows.push_back(on_card(identity("ResNet-50 v1.5 tiles", kShapes, 1576, 0, ""), {"extends: lc128", {}, smaller},
                           [](const CardConfig& c) { return double(cli::resnet50(c.core.n).tiles); }));
    rows.push_back(on_card(identity("ResNet-50 v1.5 tile products an image", kShapes, 314512, 0, ""),
                           {"extends: lc128", {}, smaller},
                           [](const CardConfig& c) { return double(cli::resnet50(c.core.n).tile_vectors); }));
    rows.push_back(on_card(identity("ResNet-50 v1.5 array utilisation", kShapes, 0.794, 0.0005, ""),
                           {"extends: lc128", {}, {"card.core.n", "64"}}, accumulate_share));
    rows.push_back(on_card(identity("BERT-base tiles", kShapes, 5184, 0, ""),
                           {"extends: lc128", {}, {"card.core.n", "127"}},
                           [](const CardConfig& c) { return double(tiles_of(kBert, c.core.n)); }));
    rows.push_back(on_card(identity("Llama-3-8B tiles", kShapes, 458048, 0, ""),
                           {"extends: lc128", {}, {"card.core.n", "127"}},
                           [](const CardConfig& c) { return double(tiles_of(kLlama, c.core.n)); }));
}

}  // namespace lightcard::ladder
