// SPDX-License-Identifier: Apache-2.0
/// The program file: round trip, refusals that name the section and field, and a fuzz of the parser.
#include "lightcard/platform/driver/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>

#include "lightcard/model/common/crc32.h"

namespace lightcard::driver {
namespace {

using ::testing::HasSubstr;

Program sample()
{
    Program p;
    p.network = "sample";
    p.target = {128, 1, 2, 5, 0, 64u << 20, 16ull << 30};
    p.batch = 4;
    p.dram_base = 4096;
    p.weights.resize(1000);
    for (std::size_t i = 0; i < p.weights.size(); ++i) p.weights[i] = static_cast<std::uint8_t>(i * 7);
    p.setup.resize(1);
    p.commands.resize(3);
    p.commands[1].sqe.opcode = LC_OP_MVM;
    p.commands[2].operands[191] = 0xaa;
    p.inputs = {{"image", 0, LC_FMT_U8, 0.5f, 0, 8, 8, 3, 192, {}}};
    p.outputs = {{"logits", 1, LC_FMT_S32, 0.25f, 0, 1, 1, 10, 40, std::vector<float>(10, 0.5f)}};
    p.layers = {{"conv", "Conv", 1000, 2, 128, 1e-3}, {"fc", "Gemm", 100, 1, 1, 0}};
    p.tiles = {{0x1234, 1, 0, 600}, {0x5678, 2, 600, 400}};
    p.plan = {"2 layers", "resident"};
    return p;
}

std::string refusal(const std::vector<std::uint8_t>& bytes)
{
    const auto parsed = parse_program(bytes.data(), bytes.size());
    return parsed.ok() ? "accepted" : parsed.error().message();
}

/// Makes every checksum right again, so that a test reaches the check behind it.
void reseal(std::vector<std::uint8_t>& bytes)
{
    const auto word = [&](std::size_t at) {
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data() + at, 8);
        return value;
    };
    std::uint32_t sections = 0;
    std::memcpy(&sections, bytes.data() + 12, 4);
    for (std::uint32_t i = 0; i < sections; ++i) {
        const std::size_t entry = 32 + 24 * i;
        const std::uint64_t offset = word(entry + 8), size = word(entry + 16);
        if (offset > bytes.size() || size > bytes.size() - offset) continue;
        const std::uint32_t crc = crc32(bytes.data() + offset, size);
        std::memcpy(bytes.data() + entry + 4, &crc, 4);
    }
    std::memset(bytes.data() + 24, 0, 4);
    const std::uint32_t crc = crc32(bytes.data(), 32 + 24 * sections);
    std::memcpy(bytes.data() + 24, &crc, 4);
}

std::size_t section_offset(const std::vector<std::uint8_t>& bytes, std::uint32_t kind)
{
    std::uint64_t offset = 0;
    std::memcpy(&offset, bytes.data() + 32 + 24 * (kind - 1) + 8, 8);
    return offset;
}

TEST(ProgramFile, RoundTrip)
{
    const auto bytes = serialise(sample());
    const auto parsed = parse_program(bytes.data(), bytes.size());
    ASSERT_TRUE(parsed.ok()) << parsed.error().message();
    EXPECT_EQ(serialise(*parsed), bytes);
    EXPECT_EQ(parsed->network, "sample");
    EXPECT_EQ(parsed->commands.size(), 3u);
    EXPECT_EQ(parsed->commands[2].operands[191], 0xaa);
    EXPECT_EQ(parsed->outputs[0].scale, 0.25f);
    EXPECT_EQ(parsed->outputs[0].channel_scale.size(), 10u);
    EXPECT_EQ(parsed->tiles[1].weight_id, 0x5678u);
    EXPECT_EQ(parsed->layers[0].acc_scale, 1e-3);
    EXPECT_EQ(parsed->plan[1], "resident");
}

TEST(ProgramFile, EmptyProgram)
{
    const auto bytes = serialise(Program{});
    EXPECT_TRUE(parse_program(bytes.data(), bytes.size()).ok());
}

TEST(ProgramFile, RefusalsNameSectionAndField)
{
    const auto good = serialise(sample());
    auto bytes = good;
    bytes[0] = 'X';
    EXPECT_THAT(refusal(bytes), HasSubstr("magic"));
    bytes = good, bytes[8] = 2;
    EXPECT_THAT(refusal(bytes), HasSubstr("version 2.0 is not supported"));
    bytes = good, bytes.pop_back();
    EXPECT_THAT(refusal(bytes), HasSubstr("file_bytes"));
    bytes = good, bytes.push_back(0);
    EXPECT_THAT(refusal(bytes), HasSubstr("file_bytes"));
    bytes = good, bytes[section_offset(good, 3) + 5] ^= 1;
    EXPECT_THAT(refusal(bytes), HasSubstr("section weights: checksum differs"));
    bytes = good, bytes[40] ^= 1;
    EXPECT_THAT(refusal(bytes), HasSubstr("header, field 'crc'"));
    EXPECT_THAT(refusal({}), HasSubstr("header"));

    bytes = good, bytes[section_offset(good, 6) + 4] = 0xff, reseal(bytes);
    EXPECT_THAT(refusal(bytes), HasSubstr("section inputs: field 'name'"));
    bytes = good, bytes[section_offset(good, 6)] = 0xff, reseal(bytes);
    EXPECT_THAT(refusal(bytes), HasSubstr("section inputs: field 'count'"));
    bytes = good, bytes[section_offset(good, 7) + 4 + 4 + 6] = 8, reseal(bytes);
    EXPECT_THAT(refusal(bytes), HasSubstr("section outputs: field 'arg'"));
    bytes = good, bytes[section_offset(good, 9) + 4 + 8] = 3, reseal(bytes);
    EXPECT_THAT(refusal(bytes), HasSubstr("section tiles, tile 0: field 'layer'"));
    bytes = good, bytes[32] = 2, reseal(bytes);  // two network sections
    EXPECT_THAT(refusal(bytes), HasSubstr("section network"));
    bytes = good, bytes[32 + 24 + 8] ^= 1, reseal(bytes);
    EXPECT_THAT(refusal(bytes), HasSubstr("does not follow"));
    Program big = sample();
    big.target.dram_bytes = big.dram_base + 999;
    EXPECT_THAT(refusal(serialise(big)), HasSubstr("section weights"));
    Program scales = sample();
    scales.outputs[0].channel_scale.pop_back();
    EXPECT_THAT(refusal(serialise(scales)), HasSubstr("section outputs: field 'channel_scale'"));
    Program nan = sample();
    nan.outputs[0].scale = 0.0f / 0.0f;
    EXPECT_THAT(refusal(serialise(nan)), HasSubstr("section outputs: field 'scale'"));
}

TEST(ProgramFile, LaterMinorVersionsMayAddSections)
{
    auto bytes = serialise(sample());
    // Splice an empty section of kind 99 into the table.
    std::uint8_t entry[24] = {99};
    for (std::uint32_t kind = 1; kind <= 10; ++kind) {
        const std::uint64_t offset = section_offset(bytes, kind) + sizeof entry;
        std::memcpy(bytes.data() + 32 + 24 * (kind - 1) + 8, &offset, 8);
    }
    const std::uint64_t size = bytes.size() + sizeof entry;
    std::memcpy(entry + 8, &size, 8);
    bytes.insert(bytes.begin() + 32 + 240, entry, entry + sizeof entry);
    std::memcpy(bytes.data() + 16, &size, 8);
    bytes[12] = 11;
    reseal(bytes);
    EXPECT_THAT(refusal(bytes), HasSubstr("section of kind 99: unknown kind"));
    bytes[10] = 1;  // minor
    reseal(bytes);
    EXPECT_EQ(refusal(bytes), "accepted");
}

/// Truncations and random damage: never a crash; what is accepted is the original. With seals repaired, the
/// checks behind the checksums are reached: then anything accepted must at least survive a round trip.
TEST(ProgramFile, SurvivesDamage)
{
    const auto good = serialise(sample());
    for (std::size_t size = 0; size < good.size(); size += 1 + size / 64) {
        EXPECT_FALSE(parse_program(good.data(), size).ok());
    }
    std::mt19937_64 random(3);
    int accepted_resealed = 0;
    for (int i = 0; i < 5000; ++i) {
        auto bytes = good;
        const int changes = 1 + static_cast<int>(random() % 8);
        const bool resealed = i % 2 == 1;
        for (int c = 0; c < changes; ++c) {
            // Half of the damage goes where structure lives: header, table and the small sections.
            const std::size_t at = random() % 2 == 0 ? random() % 272 : random() % bytes.size();
            bytes[at] = static_cast<std::uint8_t>(random());
        }
        if (i % 7 == 0) bytes.resize(random() % bytes.size());
        if (resealed && bytes.size() > 272 && bytes[12] <= 10 && bytes[13] == 0 && bytes[14] == 0 && bytes[15] == 0) {
            reseal(bytes);
        }
        const auto parsed = parse_program(bytes.data(), bytes.size());
        if (!parsed.ok()) {
            EXPECT_FALSE(parsed.error().where.empty());
            continue;
        }
        if (resealed) {
            ++accepted_resealed;
            EXPECT_TRUE(parse_program(serialise(*parsed).data(), serialise(*parsed).size()).ok());
        } else {
            EXPECT_EQ(bytes, good) << "iteration " << i;
        }
    }
    EXPECT_GT(accepted_resealed, 20);
}

TEST(ProgramFile, CheckTargetNamesTheField)
{
    const Program program = sample();
    EXPECT_TRUE(check_target(program, program.target).ok());
    const auto message = [&](auto change) {
        ProgramTarget card = program.target;
        change(card);
        return check_target(program, card).error().message();
    };
    EXPECT_THAT(message([](ProgramTarget& t) { t.n = 64; }), HasSubstr("n is 128 in the program and 64 on the card"));
    EXPECT_THAT(message([](ProgramTarget& t) { t.cores = 2; }), HasSubstr("target.cores"));
    EXPECT_THAT(message([](ProgramTarget& t) { t.banks = 3; }), HasSubstr("target.banks"));
    EXPECT_THAT(message([](ProgramTarget& t) { t.level_bits = 6; }), HasSubstr("target.level_bits"));
    EXPECT_THAT(message([](ProgramTarget& t) { t.numerics = 1; }), HasSubstr("target.numerics"));
    EXPECT_THAT(message([](ProgramTarget& t) { t.sram_bytes = 1; }), HasSubstr("target.sram_bytes"));
    EXPECT_THAT(message([](ProgramTarget& t) { t.dram_bytes = 1; }), HasSubstr("target.dram_bytes"));
}

TEST(ProgramFile, Files)
{
    const auto folder = std::filesystem::temp_directory_path() / ("lightcard_program_" + std::to_string(::getpid()));
    std::filesystem::create_directory(folder);
    const std::string path = (folder / "net.lcp").string();
    ASSERT_TRUE(write_program_file(sample(), path).ok());
    const auto read = read_program_file(path);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(serialise(*read), serialise(sample()));
    EXPECT_FALSE(write_program_file(sample(), (folder / "no" / "net.lcp").string()).ok());
    EXPECT_FALSE(read_program_file((folder / "missing").string()).ok());
    EXPECT_FALSE(read_program_file(folder.string()).ok());
    std::filesystem::resize_file(path, 100);
    EXPECT_THAT(read_program_file(path).error().message(), HasSubstr("net.lcp"));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lightcard::driver
