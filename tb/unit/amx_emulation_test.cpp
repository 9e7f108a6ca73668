// SPDX-License-Identifier: Apache-2.0
// The tile instructions emulated as the Intel 64 SDM defines them (vol. 1 chapter 18; vol. 2 LDTILECFG, TILELOADD,
// TDPBUSD, TILESTORED): the product's loops over them, and, in kernel_identity_test.cpp, the whole chain. What a
// processor would answer with an exception is counted, and so are addresses off a cache line, which cost it time.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "lightcard/model/photonic_core/amx_tiles.h"
#include "lightcard/model/photonic_core/prepared_tile.h"
#include "lightcard/tb/unit/mvm_fixture.h"

namespace lightcard::photonic_core {
namespace {

class EmulatedTiles {
public:
    void configure(const amx::TileConfig& config)
    {
        config_ = config;
        const auto zero = [](std::uint8_t byte) { return byte == 0; };
        must(config.palette == 1 && config.start_row == 0, "a palette other than 1, or rows done before");
        must(std::all_of(std::begin(config.reserved), std::end(config.reserved), zero), "reserved bytes");
        for (int i = 0; i < 16; ++i) {
            must((config.rows[i] == 0) == (config.row_bytes[i] == 0), "rows without bytes or bytes without rows");
            must(config.rows[i] <= (i < kTiles ? 16 : 0) && config.row_bytes[i] <= 64, "a register beyond the palette");
        }
        tiles_ = {};
    }
    void release() { config_ = {0, 0, {}, {}, {}}; }

    template <int tile>
    void zero()
    {
        must(config_.rows[tile] != 0, "zeros in a register that is not set up");
        tiles_[tile] = {};
    }

    template <int tile>
    void load(const void* rows, std::size_t stride)
    {
        must(config_.rows[tile] != 0, "a load into a register that is not set up");
        must(stride % 64 == 0 && reinterpret_cast<std::uintptr_t>(rows) % 64 == 0, "a load off a cache line");
        tiles_[tile] = {};
        for (std::size_t row = 0; row < config_.rows[tile]; ++row)
            std::memcpy(tiles_[tile].of[row], static_cast<const char*>(rows) + row * stride, config_.row_bytes[tile]);
    }

    template <int tile>
    void store(void* rows, std::size_t stride)
    {
        must(config_.rows[tile] != 0, "a store from a register that is not set up");
        must(stride % 64 == 0 && reinterpret_cast<std::uintptr_t>(rows) % 64 == 0, "a store off a cache line");
        for (std::size_t row = 0; row < config_.rows[tile]; ++row)
            std::memcpy(static_cast<char*>(rows) + row * stride, tiles_[tile].of[row], config_.row_bytes[tile]);
    }

    template <int sum, int inputs, int plane>
    void multiply_add()
    {
        const auto rows = [this](int tile) { return config_.rows[tile]; };
        const auto bytes = [this](int tile) { return config_.row_bytes[tile]; };
        must(sum != inputs && inputs != plane && plane != sum, "the same register twice");
        must(rows(sum) != 0 && rows(inputs) != 0 && rows(plane) != 0, "a product of registers that are not set up");
        must(bytes(sum) % 4 == 0 && bytes(inputs) % 4 == 0 && bytes(plane) % 4 == 0, "rows that are not words");
        must(rows(sum) == rows(inputs) && bytes(inputs) / 4 == rows(plane) && bytes(plane) == bytes(sum),
             "shapes that do not fit");
        for (std::size_t row = 0; row < rows(sum); ++row) {
            auto words = read<std::int32_t, 16>(tiles_[sum].of[row]);
            const auto x = read<std::uint8_t, 64>(tiles_[inputs].of[row]);
            for (std::size_t quad = 0; quad < rows(plane); ++quad) {
                const auto w = read<std::int8_t, 64>(tiles_[plane].of[quad]);
                for (std::size_t byte = 0; byte < bytes(plane); ++byte)
                    words[byte / 4] += std::int32_t{x[4 * quad + byte % 4]} * w[byte];
            }
            std::memcpy(tiles_[sum].of[row], words.data(), 64);
        }
    }

    /// What a processor would not have done, each once; empty = nothing.
    std::string violations() const { return violations_; }

private:
    static constexpr int kTiles = 8;
    struct Tile {
        std::uint8_t of[16][64];
    };

    template <class Entry, std::size_t count>
    static std::array<Entry, count> read(const std::uint8_t (&row)[64])
    {
        std::array<Entry, count> entries;
        std::memcpy(entries.data(), row, sizeof entries);
        return entries;
    }
    void must(bool holds, const char* otherwise)
    {
        if (!holds && violations_.find(otherwise) == std::string::npos) violations_ += std::string(otherwise) + "; ";
    }

    amx::TileConfig config_{0, 0, {}, {}, {}};
    std::array<Tile, kTiles> tiles_{};
    std::string violations_;
};

EmulatedTiles& registers_of_this_process()
{
    static EmulatedTiles tiles;
    return tiles;
}

}  // namespace

// Instead of amx_tiles.cpp, which the linker leaves in the library.
namespace amx {

Tiles::Tiles()
{
    registers_of_this_process().configure(tile_config());
}

Tiles::~Tiles()
{
    registers_of_this_process().release();
    EXPECT_EQ(registers_of_this_process().violations(), "");
    registers_of_this_process() = {};
}

void multiply(const PanelProducts& products, std::uint32_t group, std::uint32_t vector, const TileSums& sums)
{
    multiply(registers_of_this_process(), products, group, vector, sums);
}

}  // namespace amx

namespace {

struct alignas(64) Words {
    std::int32_t of[16];
};

/// Planes of a prepared tile against inputs of their own, whole blocks of sixteen vectors, with sums as they are
/// written; inputs beyond the rows are whatever was there.
TEST(AmxTiles, SumsOfRandomShapes)
{
    std::mt19937 random(5);
    EmulatedTiles tiles;
    tiles.configure(amx::tile_config());
    for (int trial = 0; trial < 60; ++trial) {
        const std::uint32_t rows = trial < 5 ? (std::uint32_t[]){1, 63, 64, 65, 512}[trial] : 1 + random() % 512;
        const std::uint32_t cols = 1 + random() % 60, vectors = amx::kVectors * (1 + random() % 2);
        Problem problem(rows, cols, vectors, static_cast<unsigned>(trial));
        problem.card.core.n = 512;
        problem.card.pcm.read_noise = 0.01;
        problem.randomise_codes();
        const bool extreme = trial % 4 == 0;
        if (extreme) std::fill(problem.x.begin(), problem.x.end(), std::uint8_t{255});
        if (extreme) std::fill(problem.weights.begin(), problem.weights.end(), std::int8_t{-128});
        problem.age = 1e6;  // so that both planes are in use
        problem.program(RunConfig{});
        const AnalogChain chain = problem.chain(RunConfig{});
        const std::vector<ColumnGain> gains(cols, column_gain(chain, rows, 0));
        const PreparedTile prepared(chain, problem.tile, gains.data(), KernelIsa::amx);
        ASSERT_EQ(prepared.row_groups % amx::kTileRows, 0u);

        const std::uint32_t lines = prepared.row_groups / 16;  // of a vector's inputs
        std::vector<PreparedTile::Line> x(std::size_t{lines} * vectors);
        std::memset(x.data(), 0xff, x.size() * sizeof x[0]);
        for (std::uint32_t v = 0; v < vectors; ++v)
            std::memcpy(x[std::size_t{v} * lines].of, problem.x.data() + std::size_t{v} * rows, rows);
        std::vector<Words> starts(prepared.groups);
        for (Words& start : starts)
            for (std::int32_t& word : start.of) word = static_cast<std::int32_t>(random() % 1000) - 500;

        PanelProducts products{};
        products.first = prepared.bytes.hi.data();
        if (trial % 3 != 0) products.low = prepared.bytes.lo.data();
        if (trial % 5 != 0) products.light = prepared.bytes.common.data();
        if (trial % 2 != 0) products.dither = products.first, products.dither_start = starts.front().of;
        if (trial % 7 != 0) products.read = prepared.bytes.read.data();
        products.x = products.dither_x = products.squares = x.data();
        products.depth = prepared.row_groups, products.stride = lines * amx::kTileBytes;
        const auto group = static_cast<std::uint32_t>(random() % prepared.groups);
        const std::uint32_t first = vectors - amx::kVectors;
        std::vector<Words> sums(5 * amx::kVectors, Words{{77}}), expected = sums;
        const auto of = [&](std::size_t plane) { return sums[plane * amx::kVectors].of; };
        amx::multiply(tiles, products, group, first, {of(0), of(1), of(2), of(3), of(4)});

        const auto expect = [&](std::size_t plane, const auto& entries, int shift, const std::int32_t* start) {
            for (std::uint32_t v = 0; v < amx::kVectors; ++v)
                for (std::uint32_t i = 0; i < kGroup; ++i) {
                    const std::uint32_t col = group * kGroup + i;
                    std::int32_t& sum = expected[plane * amx::kVectors + v].of[i] = start == nullptr ? 0 : start[i];
                    for (std::uint32_t row = 0; col < cols && row < rows; ++row)
                        sum += problem.input(first + v, row) *
                               (entries[std::size_t{col} * problem.tile.row_stride + row] - shift);
                }
        };
        expect(0, problem.tile.hi, 0, nullptr);
        if (products.low != nullptr) expect(1, problem.tile.lo, 0, nullptr);
        if (products.light != nullptr) expect(2, problem.tile.common, 128, nullptr);
        if (products.dither != nullptr) expect(3, problem.tile.hi, 0, starts[group].of);
        if (products.read != nullptr) expect(4, problem.tile.read_variance, 128, nullptr);
        ASSERT_EQ(std::memcmp(sums.data(), expected.data(), sums.size() * sizeof sums[0]), 0) << rows << "x" << cols;
        ASSERT_EQ(tiles.violations(), "");
    }
}

/// The emulation says what a processor would refuse.
TEST(AmxTiles, EmulationRefusesWhatProcessorsRefuse)
{
    const auto after = [](const auto& use) {
        EmulatedTiles tiles;
        use(tiles);
        return tiles.violations();
    };
    const auto with = [&after](const auto& change) {
        return after([&](EmulatedTiles& tiles) {
            amx::TileConfig config = amx::tile_config();
            change(config);
            tiles.configure(config);
            tiles.multiply_add<0, 4, 5>();
        });
    };
    EXPECT_EQ(with([](amx::TileConfig&) {}), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.palette = 0; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.reserved[3] = 1; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.rows[1] = 17; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.row_bytes[1] = 65; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.row_bytes[1] = 0; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.rows[8] = config.row_bytes[8] = 4; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.rows[0] = 4; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.rows[5] = 15; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.row_bytes[5] = 60; }), "");
    EXPECT_NE(with([](amx::TileConfig& config) { config.row_bytes[4] = 62; }), "");
    EXPECT_NE(after([](EmulatedTiles& tiles) { tiles.multiply_add<0, 4, 5>(); }), "");
    EXPECT_NE(after([](EmulatedTiles& tiles) {
                  tiles.configure(amx::tile_config());
                  tiles.multiply_add<0, 4, 4>();
              }),
              "");
    alignas(64) std::uint8_t rows[17 * 64] = {};
    EXPECT_NE(after([&](EmulatedTiles& tiles) { tiles.load<0>(rows, 64); }), "");
    EXPECT_NE(after([&](EmulatedTiles& tiles) {
                  tiles.configure(amx::tile_config());
                  tiles.load<0>(rows + 4, 64);
              }),
              "");
    EXPECT_NE(after([&](EmulatedTiles& tiles) {
                  tiles.configure(amx::tile_config());
                  tiles.release();
                  tiles.store<0>(rows, 64);
              }),
              "");
}

}  // namespace
}  // namespace lightcard::photonic_core
