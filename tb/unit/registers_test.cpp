// SPDX-License-Identifier: Apache-2.0
/// Registers by their own table: what it says of each field is what the bank does. registers_golden_test.cpp says
/// some of it again by hand, so that a table that is wrong does not prove itself.
#include "lightcard/model/common/registers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "lightcard/model/common/archive.h"
#include "lightcard/model/common/register_documents.h"
#include "lightcard/model/control_chip/register_table.h"

namespace lightcard {
namespace {

using control_chip::register_table;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A table with every kind of access, also those that BAR0 does not use, and fields that cross a half.
constexpr RegisterField kMixed[] = {
    {"PLAIN", 0, 4, Access::rw, 0x5, "read-write"},
    {"FIXED", 4, 4, Access::ro, 0xa, "read-only"},
    {"CLEAR", 8, 4, Access::w1c, 0xf, "write one to clear"},
    {"SET", 12, 4, Access::w1s, 0x1, "write one to set"},
    {"COUNT", 16, 4, Access::rc, 0x9, "cleared by reading"},
    {"INVERSE", 20, 4, Access::rwi, 0x3, "inverse"},
    {"LATER", 24, 4, Access::unimplemented, 0x6, "not there yet"},
    reserved(28, 4),
};
constexpr RegisterField kWide[] = {
    {"LOW", 0, 8, Access::rc, 0x11, "cleared"},
    {"ACROSS", 8, 48, Access::rw, 0x123456789abc, "crosses the halves"},
    {"HIGH", 56, 8, Access::rc, 0x22, "cleared"},
};
constexpr RegisterField kAction[] = {{"GO", 0, 8, Access::wo, 0, "what to do"}, reserved(8, 24)};
constexpr RegisterField kMaskSet[] = {{"BITS", 0, 32, Access::w1s, 0xf0, "set"}};
constexpr RegisterField kMaskClear[] = {{"BITS", 0, 32, Access::w1c, 0xf0, "clear"}};
constexpr Register kMixedRegisters[] = {
    {"MIXED", 0x00, 4, kMixed, "every kind", ResetLevel::controller},
    {"ACTION", 0x04, 4, kAction, "write-only"},
    {"WIDE", 0x08, 8, kWide, "64 bits", ResetLevel::cold},
    {"SETS", 0x10, 4, kMaskSet, "sets", ResetLevel::never},
    {"CLEARS", 0x14, 4, kMaskClear, "clears", ResetLevel::never, "SETS"},
    {"BELL", 0x20, 4, kAction, "array", ResetLevel::function, nullptr, 4, 8},
};
constexpr RegisterTable kMixedTable = {"test registers", "T_", 0x100, kMixedRegisters};

std::string cell(const Register& reg, const RegisterField& field)
{
    return std::string(reg.name) + "." + field.name;
}

/// The whole register through the host's side, low half first.
std::uint64_t host_read(RegisterBank& bank, const Register& reg)
{
    std::uint64_t value = bank.read(reg.offset, 4).value;
    if (reg.bytes == 8) value |= bank.read(reg.offset + 4, 4).value << 32;
    return value;
}
void host_write(RegisterBank& bank, const Register& reg, std::uint64_t value)
{
    bank.write(reg.offset, 4, value & 0xffffffff);
    if (reg.bytes == 8) bank.write(reg.offset + 4, 4, value >> 32);
}

std::uint64_t written(const RegisterField& field, std::uint64_t before, std::uint64_t data)
{
    switch (field.access) {
        case Access::rw:
            return data;
        case Access::rwi:
            return ~data;
        case Access::w1c:
            return before & ~data;
        case Access::w1s:
            return before | data;
        case Access::wo:
        case Access::reserved:
            return 0;
        case Access::rc:
            return 0;  // the read before the write has cleared it
        case Access::ro:
        case Access::unimplemented:
            return before;
    }
    return 0;
}

class EveryRegister : public testing::TestWithParam<std::string> {
protected:
    const RegisterTable& table_ = GetParam() == "Bar0" ? register_table() : kMixedTable;
};
INSTANTIATE_TEST_SUITE_P(Tables, EveryRegister, testing::Values("EveryKind", "Bar0"));

TEST_P(EveryRegister, TableIsSound)
{
    EXPECT_THAT(validate(table_), IsEmpty());
}

TEST_P(EveryRegister, HasItsResetValue)
{
    for (const auto& reg : table_.registers) {
        RegisterBank bank(table_);
        const auto value = host_read(bank, reg);
        for (const auto& field : reg.fields) {
            EXPECT_EQ((value & field.mask()) >> field.lsb, field.reset) << cell(reg, field);
        }
    }
}

TEST_P(EveryRegister, FieldsTakeWritesByTheirAccessAndLeaveNeighboursAlone)
{
    std::mt19937_64 rng(6);
    for (const auto& reg : table_.registers) {
        if (reg.storage != nullptr) continue;
        RegisterBank bank(table_);
        for (int round = 0; round < 50; ++round) {
            for (const auto& target : reg.fields) {
                const auto before = host_read(bank, reg);
                // Every other field gets what leaves it as it is: its value, or nothing to set or clear.
                std::uint64_t data = rng() & target.mask();
                for (const auto& other : reg.fields) {
                    if (other.lsb == target.lsb) continue;
                    if (other.access == Access::rw) data |= before & other.mask();
                    if (other.access == Access::rwi) data |= ~before & other.mask();
                }
                host_write(bank, reg, data);
                const auto after = host_read(bank, reg);
                for (const auto& field : reg.fields) {
                    const auto expected = written(field, before, data) & field.mask();
                    ASSERT_EQ(after & field.mask(), expected)
                        << cell(reg, field) << " after a write to " << target.name;
                }
            }
        }
    }
}

TEST_P(EveryRegister, WritesLeaveOtherRegistersAlone)
{
    for (const auto& reg : table_.registers) {
        RegisterBank bank(table_);
        host_write(bank, reg, ~std::uint64_t{0});
        for (const auto& other : table_.registers) {
            const bool shared = other.storage != nullptr
                                    ? other.storage == std::string_view(reg.name)
                                    : reg.storage != nullptr && reg.storage == std::string_view(other.name);
            if (other.offset == reg.offset || shared) continue;
            const auto value = host_read(bank, other);
            for (const auto& field : other.fields) {
                EXPECT_EQ((value & field.mask()) >> field.lsb, field.reset)
                    << cell(other, field) << " after a write to " << reg.name;
            }
        }
    }
}

TEST_P(EveryRegister, TheCardReachesEveryFieldAndTheHostSeesIt)
{
    for (const auto& reg : table_.registers) {
        for (const auto& field : reg.fields) {
            if (field.access == Access::reserved) continue;
            RegisterBank bank(table_);
            const auto id = bank.field(cell(reg, field));
            const auto before = host_read(bank, reg);
            bank.set(id, ~std::uint64_t{0});
            EXPECT_EQ(bank.get(id), field.mask() >> field.lsb) << cell(reg, field);
            const auto seen = host_read(bank, reg);
            EXPECT_EQ(seen & field.mask(), field.access == Access::wo ? 0 : field.mask()) << cell(reg, field);
            for (const auto& other : reg.fields) {
                if (other.lsb == field.lsb || other.access == Access::rc) continue;
                EXPECT_EQ(seen & other.mask(), before & other.mask()) << cell(reg, other);
            }
        }
    }
}

TEST_P(EveryRegister, ReservedBitsReadZeroAndTellOfWrites)
{
    for (const auto& reg : table_.registers) {
        for (const auto& field : reg.fields) {
            if (field.access != Access::reserved) continue;
            for (int bit = field.lsb; bit < field.lsb + field.width; ++bit) {
                RegisterBank bank(table_);
                const auto half = static_cast<std::uint32_t>(bit / 32);
                const auto outcome = bank.write(reg.offset + 4 * half, 4, std::uint64_t{1} << (bit % 32));
                EXPECT_EQ(outcome.severity, Severity::guest_error) << reg.name << " bit " << bit;
                EXPECT_THAT(outcome.text, HasSubstr("reserved bits")) << reg.name << " bit " << bit;
                EXPECT_EQ(host_read(bank, reg) >> bit & 1, 0u) << reg.name << " bit " << bit;
            }
        }
    }
}

TEST_P(EveryRegister, ReadOnlyAndUnimplementedOnesTellOfWrites)
{
    for (const auto& reg : table_.registers) {
        for (std::uint32_t half = 0; half < reg.bytes / 4; ++half) {
            const std::uint64_t lanes = 0xffffffffull << (32 * half);
            bool writable = false, has_unimplemented = false;
            for (const auto& field : reg.fields) {
                if ((field.mask() & lanes) == 0 || field.access == Access::reserved) continue;
                has_unimplemented |= field.access == Access::unimplemented;
                writable |=
                    field.access != Access::ro && field.access != Access::rc && field.access != Access::unimplemented;
            }
            RegisterBank bank(table_);
            const auto outcome = bank.write(reg.offset + 4 * half, 4, 0);
            EXPECT_EQ(outcome.ok(), writable || has_unimplemented) << reg.name << " half " << half;
            if (!outcome.ok()) {
                EXPECT_EQ(outcome.severity, Severity::guest_error) << reg.name;
            }
        }
    }
}

TEST_P(EveryRegister, ComesBackAtItsResetLevelOnly)
{
    constexpr ResetLevel kLevels[] = {ResetLevel::controller, ResetLevel::function, ResetLevel::cold};
    for (const auto level : kLevels) {
        for (const auto& reg : table_.registers) {
            RegisterBank bank(table_);
            const auto id = bank.field(reg.name);
            const auto reset_value = bank.get(id);
            bank.set(id, ~reset_value);
            bank.reset(level);
            const bool back = reg.lost_at != ResetLevel::never && reg.lost_at <= level;
            EXPECT_EQ(bank.get(id) == reset_value, back) << reg.name << " at " << to_string(level);
        }
    }
}

TEST_P(EveryRegister, HasOneNameAnOffset)
{
    std::set<std::string> names;
    std::size_t words = 0;
    for (std::uint32_t offset = 0; offset < table_.bytes; offset += 4) {
        const auto name = register_name(table_, offset);
        RegisterBank bank(table_);
        EXPECT_EQ(name.empty(), bank.read(offset, 4).outcome.text.find("no register there") != std::string::npos)
            << offset;
        if (name.empty()) continue;
        ++words;
        EXPECT_TRUE(names.insert(name).second) << name;
        if (offset > 0x1100) break;  // the doorbells are all alike
    }
    EXPECT_GT(words, 5u);
}

TEST(RegisterBank, Takes4And8ByteAccessesAndRefusesOthersByName)
{
    RegisterBank bank(kMixedTable);
    const auto refused = [&](std::uint32_t offset, std::uint32_t bytes) {
        const auto before = bank.get(bank.field("WIDE"));
        const auto outcome = bank.write(offset, bytes, ~std::uint64_t{0});
        EXPECT_EQ(bank.get(bank.field("WIDE")), before);
        const auto read = bank.read(offset, bytes);
        EXPECT_EQ(read.value, 0u);
        EXPECT_FALSE(outcome.ok());
        EXPECT_EQ(read.outcome.severity, Severity::guest_error);
        return read.outcome.text;
    };
    EXPECT_EQ(refused(0x08, 1), "1-byte read at 0x008: registers take 4 bytes, 64-bit ones also 8");
    EXPECT_EQ(refused(0x08, 0), "0-byte read at 0x008: registers take 4 bytes, 64-bit ones also 8");
    EXPECT_EQ(refused(0x0a, 4), "4-byte read at 0x00a: not aligned to 4 bytes");
    EXPECT_EQ(refused(0x0c, 8), "8-byte read at 0x00c: not aligned to 8 bytes");
    EXPECT_EQ(refused(0x00, 8), "8-byte read at 0x000: MIXED has 4 bytes");
    EXPECT_EQ(refused(0x18, 4), "4-byte read at 0x018: no register there; the nearest is CLEARS at 0x014");
    EXPECT_EQ(refused(0xfffffffc, 4), "4-byte read at 0xfffffffc: no register there; the nearest is BELL at 0x020");
    EXPECT_EQ(bank.read(0x08, 8).value, 0x22123456789abc11u);
    EXPECT_TRUE(bank.write(0x08, 8, 0x0011223344556677).ok());
    EXPECT_EQ(bank.get(bank.field("WIDE.ACROSS")), 0x112233445566u);
}

TEST(RegisterBank, TheLowHalfTakesTheHighHalfWithIt)
{
    RegisterBank bank(kMixedTable);
    const auto across = bank.field("WIDE.ACROSS");
    EXPECT_EQ(bank.read(0x08, 4).value, 0x789abc11u);
    bank.set(across, 0xffffffffffff);
    EXPECT_EQ(bank.read(0x0c, 4).value, 0x22123456u) << "latched, although the read of the low half has cleared HIGH";
    EXPECT_EQ(bank.read(0x0c, 4).value, 0x00ffffffu) << "the latch serves once";
    EXPECT_EQ(bank.read(0x08, 4).value, 0xffffff00u);
    bank.write(0x0c, 4, 0x00000001);
    EXPECT_EQ(bank.read(0x0c, 4).value, 0x00000001u) << "a write is newer than the latch";
}

TEST(RegisterBank, ReadingTheHighHalfClearsThatHalfOnly)
{
    RegisterBank bank(kMixedTable);
    EXPECT_EQ(bank.read(0x0c, 4).value >> 24, 0x22u);
    EXPECT_EQ(bank.get(bank.field("WIDE.HIGH")), 0u);
    EXPECT_EQ(bank.get(bank.field("WIDE.LOW")), 0x11u);
}

TEST(RegisterBank, SetAndClearPairsShareOneValue)
{
    RegisterBank bank(kMixedTable);
    bank.write(0x10, 4, 0x0f);
    EXPECT_EQ(bank.read(0x14, 4).value, 0xffu);
    bank.write(0x14, 4, 0x81);
    EXPECT_EQ(bank.read(0x10, 4).value, 0x7eu);
    EXPECT_EQ(bank.get(bank.field("CLEARS.BITS")), bank.get(bank.field("SETS.BITS")));
}

TEST(RegisterBank, HooksSeeBeforeAndAfterAndMayAnswerReads)
{
    RegisterBank bank(kMixedTable);
    std::vector<std::uint64_t> seen;
    bank.on_write("MIXED", [&](std::uint64_t before, std::uint64_t after) {
        seen = {before, after};
        bank.set(bank.field("MIXED.FIXED"), 1);
    });
    bank.on_write("BELL", [&](std::uint64_t before, std::uint64_t after) { seen = {before, after}; });
    std::uint64_t now = 0x1'00000002;
    bank.on_read("WIDE", [&](std::uint64_t) { return now; });

    bank.write(0x00, 4, 0x00f0'0102);  // PLAIN 2, CLEAR 1, SET 0, INVERSE 0xf
    EXPECT_THAT(seen, ElementsAre(0x0639'1fa5u, 0x0609'1ea2u));
    EXPECT_EQ(bank.read(0x00, 4).value, 0x0609'1e12u);
    bank.write(0x38, 4, 0x42);
    EXPECT_THAT(seen, ElementsAre(0u, 0x42u));
    EXPECT_EQ(bank.read(0x08, 4).value, 2u);
    now = 0x2'00000000;
    EXPECT_EQ(bank.read(0x0c, 4).value, 1u);
    EXPECT_EQ(bank.read(0x08, 8).value, 0x2'00000000u);
}

TEST(RegisterBank, NoHookWhereNothingCanBeWritten)
{
    RegisterBank bank(register_table());
    int calls = 0;
    for (const auto& reg : register_table().registers) {
        bank.on_write(reg.name, [&](std::uint64_t, std::uint64_t) { ++calls; });
    }
    for (const auto* name : {"MAGIC", "CAP", "CSTS", "TELEM_PTR", "ERRLOG_PTR"}) {
        for (const auto& reg : register_table().registers) {
            if (reg.name == std::string_view(name)) host_write(bank, reg, ~std::uint64_t{0});
        }
    }
    EXPECT_EQ(calls, 0);
}

TEST(RegisterBank, UnknownNamesAreRefusedAtSetUp)
{
    RegisterBank bank(kMixedTable);
    EXPECT_THROW(bank.field("MIXED.NOTHING"), std::logic_error);
    EXPECT_THROW(bank.field("MIXED.RSVD"), std::logic_error);
    EXPECT_THROW(bank.field("NOTHING"), std::logic_error);
    EXPECT_THROW(bank.on_write("NOTHING", {}), std::logic_error);
    EXPECT_THROW(RegisterBank(kMixedTable, {{"MIXED.NOTHING", 1}}), std::logic_error);
}

TEST(RegisterBank, SavesAndLoadsUnderTheNamesOfTheTable)
{
    RegisterBank bank(kMixedTable);
    std::mt19937_64 rng(7);
    for (const auto& reg : kMixedRegisters) host_write(bank, reg, rng());
    bank.read(0x08, 4);  // leaves a latch
    const auto save = [](RegisterBank& from) {
        std::ostringstream out;
        ArchiveWriter writer(out);
        writer.section("registers", from);
        EXPECT_TRUE(writer.finish().ok());
        return out.str();
    };
    const auto bytes = save(bank);
    RegisterBank loaded(kMixedTable);
    std::istringstream in(bytes);
    ArchiveReader reader(in);
    reader.section("registers", loaded);
    ASSERT_TRUE(reader.finish().ok());
    EXPECT_EQ(save(loaded), bytes);
    EXPECT_EQ(loaded.read(0x0c, 4).value, bank.read(0x0c, 4).value);

    // An archive cannot set what no card could have.
    const auto all = bank.field("MIXED");
    bank.set(all, ~std::uint64_t{0});
    std::istringstream forged(save(bank));
    ArchiveReader forged_reader(forged);
    forged_reader.section("registers", loaded);
    ASSERT_TRUE(forged_reader.finish().ok());
    EXPECT_EQ(loaded.get(all), 0x06ffffffu);

    RegisterBank other(register_table());
    std::istringstream wrong(bytes);
    ArchiveReader wrong_reader(wrong);
    wrong_reader.section("registers", other);
    EXPECT_EQ(wrong_reader.finish().error().message(),
              "section registers, field MAGIC: the archive has field 'MIXED' here");
}

// Validation finds what it is there for.

template <std::size_t n>
std::vector<std::string> complaints(const Register (&registers)[n])
{
    return validate(RegisterTable{"t", "T_", 0x100, registers});
}

TEST(RegisterTable, ValidationFindsEveryFault)
{
    static constexpr RegisterField whole[] = {{"A", 0, 32, Access::rw, 0, "all of it"}};
    static constexpr RegisterField gap[] = {{"A", 0, 8, Access::rw, 0, "low"}, {"B", 9, 23, Access::rw, 0, "high"}};
    static constexpr RegisterField overlap[] = {{"A", 0, 8, Access::rw, 0, "low"}, {"B", 7, 25, Access::rw, 0, "high"}};
    static constexpr RegisterField reset_too_big[] = {{"A", 0, 1, Access::rw, 2, "low"}, reserved(1, 31)};
    static constexpr RegisterField reserved_one[] = {{"RSVD", 0, 32, Access::reserved, 1, "reserved"}};
    static constexpr RegisterField same_name[] = {{"A", 0, 16, Access::rw, 0, "low"},
                                                  {"A", 16, 16, Access::rw, 0, "high"}};
    static constexpr RegisterField bad_name[] = {{"low bits", 0, 32, Access::rw, 0, "all of it"}};
    static constexpr RegisterField silent[] = {{"A", 0, 32, Access::rw, 0, ""}};
    static constexpr FieldValue big[] = {{"BIG", 4, "does not fit"}};
    static constexpr RegisterField big_value[] = {{"A", 0, 2, Access::rw, 0, "low", big}, reserved(2, 30)};

    EXPECT_THAT(complaints({{"R", 0, 4, whole, "fine"}}), IsEmpty());
    EXPECT_THAT(complaints({{"R", 0, 4, gap, "d"}}), ElementsAre("R.B: bits left out, named twice or out of order"));
    EXPECT_THAT(complaints({{"R", 0, 4, overlap, "d"}}),
                ElementsAre("R.B: bits left out, named twice or out of order"));
    EXPECT_THAT(complaints({{"R", 0, 8, whole, "d"}}), ElementsAre("R: fields do not end at the last bit"));
    EXPECT_THAT(complaints({{"R", 0, 4, reset_too_big, "d"}}), ElementsAre("R.A: reset value does not fit"));
    EXPECT_THAT(complaints({{"R", 0, 4, reserved_one, "d"}}), ElementsAre("R.RSVD: reads 0, but has a reset value"));
    EXPECT_THAT(complaints({{"R", 0, 4, same_name, "d"}}), ElementsAre("R.A: named twice"));
    EXPECT_THAT(complaints({{"R", 0, 4, bad_name, "d"}}), ElementsAre("R.low bits: not a field name"));
    EXPECT_THAT(complaints({{"R", 0, 4, silent, "d"}}), ElementsAre("R.A: no description of one line"));
    EXPECT_THAT(complaints({{"R", 0, 4, big_value, "d"}}), ElementsAre("R.A: a value does not fit"));
    EXPECT_THAT(complaints({{"R", 0, 4, whole, "a | b"}}), ElementsAre("R: no description of one line"));
    EXPECT_THAT(complaints({{"r", 0, 4, whole, "d"}}), ElementsAre("r: not a name in upper case"));
    EXPECT_THAT(complaints({{"R", 2, 4, whole, "d"}}), ElementsAre("R: not aligned"));
    EXPECT_THAT(complaints({{"R", 0x100, 4, whole, "d"}}), ElementsAre("R: outside the window"));
    EXPECT_THAT(complaints({{"R", 0, 4, whole, "d"}, {"R", 4, 4, whole, "d"}}), ElementsAre("R: named twice"));
    EXPECT_THAT(complaints({{"R", 0, 4, whole, "d"}, {"S", 0, 4, whole, "d"}}),
                ElementsAre("S: overlaps another register"));
    EXPECT_THAT(complaints({{"R", 4, 4, whole, "d"}, {"S", 0, 4, whole, "d"}}),
                ElementsAre("S: not in ascending order"));
    EXPECT_THAT(complaints({{"R", 0, 4, whole, "d", ResetLevel::cold, "S"}}),
                ElementsAre("R: its storage does not exist"));
    EXPECT_THAT(complaints({{"R", 0, 4, whole, "d", ResetLevel::cold, nullptr, 2, 8}}),
                ElementsAre("R.A: an array is write-only"));
}

// What is committed is what the table says.

std::string file(const std::string& path)
{
    std::ifstream in(std::string(LIGHTCARD_SOURCE_DIR) + "/" + path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

TEST(RegisterDocuments, CommittedHeaderAndDataSheetAreUpToDate)
{
    EXPECT_EQ(file("model/control_chip/lightcard_regs.h"), c_header(register_table(), "LIGHTCARD_REGS_H"))
        << "run: lightcard-genregs header > model/control_chip/lightcard_regs.h";
    EXPECT_EQ(file("docs/registers.md"), data_sheet(register_table()))
        << "run: lightcard-genregs datasheet > docs/registers.md";
}

TEST(RegisterDocuments, EveryMacroIsDefinedOnce)
{
    for (const auto* table : {&register_table(), &kMixedTable}) {
        std::istringstream header(c_header(*table, "GUARD_H"));
        std::set<std::string> names;
        for (std::string line; std::getline(header, line);) {
            if (line.rfind("#define ", 0) != 0) continue;
            const auto name = line.substr(8, line.find_first_of(" (", 8) - 8);
            EXPECT_TRUE(names.insert(name).second) << name;
        }
        EXPECT_GT(names.size(), 10u);
    }
}

TEST(RegisterDocuments, DataSheetNamesEveryFieldOfEveryRegister)
{
    const auto text = data_sheet(register_table());
    for (const auto& reg : register_table().registers) {
        const auto at = text.find("\n## " + std::string(reg.name));
        ASSERT_NE(at, std::string::npos) << reg.name;
        const auto section = text.substr(at, text.find("\n## ", at + 1) - at);
        for (const auto& field : reg.fields) EXPECT_THAT(section, HasSubstr("| " + std::string(field.name) + " |"));
    }
}

}  // namespace
}  // namespace lightcard
