// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/archive.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <sstream>

#include "lightcard/model/common/crc32.h"

namespace lightcard {
namespace {

enum class Colour : std::uint8_t { red, green };

struct Row {
    std::uint64_t wear = 0;
    std::optional<std::int32_t> fault;
    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("wear", wear);
        archive.field("fault", fault);
    }
    bool operator==(const Row& other) const { return wear == other.wear && fault == other.fault; }
};

struct State {
    std::int64_t time = 0;
    Colour colour = Colour::red;
    bool on = false;
    double power = 0;
    float gain = 0;
    std::string name;
    std::vector<std::int16_t> codes;
    std::vector<bool> flags;
    std::vector<std::string> names;
    std::deque<Row> rows;
    std::set<std::uint32_t> ids;
    std::map<std::string, std::vector<Row>> banks;
    std::pair<std::uint8_t, std::string> pair;
    std::array<Row, 2> two;

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.expect("geometry", std::uint32_t{128});
        archive.field("time", time);
        archive.field("colour", colour);
        archive.field("on", on);
        archive.field("power", power);
        archive.field("gain", gain);
        archive.field("name", name);
        archive.field("codes", codes);
        archive.field("flags", flags);
        archive.field("names", names);
        archive.field("rows", rows);
        archive.field("ids", ids);
        archive.field("banks", banks);
        archive.field("pair", pair);
        archive.field("two", two);
    }
    bool operator==(const State& other) const
    {
        const auto all = [](const State& s) {
            return std::tie(s.time, s.colour, s.on, s.power, s.gain, s.name, s.codes, s.flags, s.names, s.rows, s.ids,
                            s.banks, s.pair, s.two);
        };
        return all(*this) == all(other);
    }
};

State sample()
{
    State state;
    state.time = -5;
    state.colour = Colour::green;
    state.on = true;
    state.power = 131.8;
    state.gain = std::numeric_limits<float>::infinity();
    state.name = std::string("nul\0inside", 10);
    state.codes = {-32768, 0, 32767};
    state.flags = {true, false, true};
    state.names = {"", "b"};
    state.rows = {{7, {}}, {8, -1}};
    state.ids = {3, 1, 2};
    state.banks = {{"a", {{1, 2}}}, {"b", {}}};
    state.pair = {9, "nine"};
    state.two = {Row{1, {}}, Row{2, 3}};
    return state;
}

std::string saved(State state, std::string_view section = "state")
{
    std::ostringstream out;
    ArchiveWriter writer(out);
    writer.section(section, state);
    std::uint64_t tail = 42;
    writer.section("tail", [&] { writer.field("tail", tail); });
    EXPECT_TRUE(writer.finish().ok());
    return out.str();
}

struct Loaded {
    State state;
    std::uint64_t tail = 0;
    Status status;
};

Loaded load(const std::string& bytes)
{
    Loaded loaded;
    std::istringstream in(bytes);
    ArchiveReader reader(in);
    reader.section("state", loaded.state);
    reader.section("tail", [&] { reader.field("tail", loaded.tail); });
    loaded.status = reader.finish();
    return loaded;
}

/// One section under a right checksum, so that what is wrong inside is found by its own check.
template <class Body>
std::string one_section(Body body)
{
    std::ostringstream out;
    ArchiveWriter writer(out);
    writer.section("s", [&] { body(writer); });
    EXPECT_TRUE(writer.finish().ok());
    return out.str();
}
template <class Body>
std::string complaint(const std::string& bytes, Body body)
{
    std::istringstream in(bytes);
    ArchiveReader reader(in);
    reader.section("s", [&] { body(reader); });
    const auto status = reader.finish();
    return status.ok() ? "" : status.error().message();
}

/// The bytes of one_section() with its payload replaced and the checksum mended.
std::string with_payload(const std::string& payload)
{
    std::string bytes = std::string("LCARCHIV\1\0\0\0\1\0\0\0s", 17);
    const std::uint64_t size = payload.size();
    const std::uint32_t crc = crc32(payload.data(), payload.size(), crc32("s", 1));
    bytes.append(reinterpret_cast<const char*>(&size), 8).append(reinterpret_cast<const char*>(&crc), 4);
    return bytes + payload + std::string(16, '\0');
}

TEST(Crc32, KnownAnswerAndContinuation)
{
    EXPECT_EQ(crc32("123456789", 9), 0xcbf43926u);
    EXPECT_EQ(crc32("6789", 4, crc32("12345", 5)), 0xcbf43926u);
    EXPECT_EQ(crc32(nullptr, 0), 0u);
}

TEST(Archive, RoundTripsEveryKindOfField)
{
    const auto loaded = load(saved(sample()));
    ASSERT_TRUE(loaded.status.ok()) << loaded.status.error().message();
    EXPECT_TRUE(loaded.state == sample());
    EXPECT_EQ(loaded.tail, 42u);
}

TEST(Archive, SavesTheSameBytesTwice)
{
    EXPECT_EQ(saved(sample()), saved(load(saved(sample())).state));
}

TEST(Archive, LeavesWhatFollowsInTheStreamAlone)
{
    std::istringstream in(saved(sample()) + "next");
    State state;
    std::uint64_t tail = 0;
    ArchiveReader reader(in);
    reader.section("state", state);
    reader.section("tail", [&] { reader.field("tail", tail); });
    ASSERT_TRUE(reader.finish().ok());
    std::string rest;
    in >> rest;
    EXPECT_EQ(rest, "next");
}

TEST(Archive, TwentyThousandMutationsGiveAnErrorOrTheSameValue)
{
    const auto original = saved(sample());
    std::mt19937_64 rng(4);
    int errors = 0;
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = original;
        const auto edits = 1 + rng() % 3;
        for (std::uint64_t edit = 0; edit < edits && !bytes.empty(); ++edit) {
            const auto at = rng() % bytes.size();
            switch (rng() % 5) {
                case 0:
                    bytes[at] = static_cast<char>(rng());
                    break;
                case 1:
                    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (rng() % 8)));
                    break;
                case 2:
                    bytes.resize(at);
                    break;
                case 3:
                    bytes.insert(at, 1 + rng() % 9, static_cast<char>(rng()));
                    break;
                default:
                    bytes.erase(at, 1 + rng() % 9);
                    break;
            }
        }
        const auto loaded = load(bytes);
        if (loaded.status.ok()) {
            ASSERT_TRUE(loaded.state == sample() && loaded.tail == 42) << "mutation " << i;
        } else {
            ASSERT_FALSE(loaded.status.error().what.empty());
            ++errors;
        }
    }
    EXPECT_GT(errors, 19'000);
}

TEST(Archive, MutationsUnderARightChecksumAreSurvivedToo)
{
    const auto bytes = saved(sample(), "s");
    std::uint64_t size = 0;
    bytes.copy(reinterpret_cast<char*>(&size), 8, 17);
    const auto payload = bytes.substr(29, size);
    std::mt19937_64 rng(5);
    for (int i = 0; i < 20'000; ++i) {
        auto mutated = payload;
        for (int edit = 0; edit < 2; ++edit) mutated[rng() % mutated.size()] = static_cast<char>(rng());
        if (rng() % 4 == 0) mutated.resize(rng() % mutated.size());
        State state;
        complaint(with_payload(mutated), [&](auto& reader) { state.visit(reader); });  // values may differ; no crash
    }
}

TEST(Archive, NamesTheFieldThatDoesNotMatch)
{
    const auto bytes = one_section([](auto& writer) {
        Row row{1, 2};
        writer.field("row", row);
    });
    std::uint64_t number = 0;
    std::uint32_t narrow = 0;
    EXPECT_EQ(complaint(bytes, [&](auto& r) { r.field("column", number); }),
              "section s, field column: the archive has field 'row' here");
    EXPECT_EQ(complaint(bytes, [&](auto& r) { r.field("row", number); }),
              "section s, field row: the archive has type struct here (it must be u64)");
    EXPECT_EQ(complaint(one_section([&](auto& w) { w.field("n", number); }), [&](auto& r) { r.field("n", narrow); }),
              "section s, field n: the archive has type u64 here (it must be u32)");
    EXPECT_EQ(complaint(bytes, [](auto&) {}), "section s: 32 bytes are left over");
    EXPECT_EQ(complaint(one_section([](auto&) {}), [&](auto& r) { r.field("n", number); }),
              "section s, field n: the section ends within this field");
}

TEST(Archive, ExpectAndCheckRefuse)
{
    const auto bytes = one_section([](auto& writer) { writer.expect("hash", std::string("abc")); });
    EXPECT_EQ(complaint(bytes, [](auto& r) { r.expect("hash", std::string("abc")); }), "");
    EXPECT_EQ(complaint(bytes, [](auto& r) { r.expect("hash", std::string("xyz")); }),
              "section s, field hash: the archive has 'abc' (it must be 'xyz')");
    EXPECT_EQ(complaint(bytes,
                        [](auto& r) {
                            r.expect("hash", std::string("abc"));
                            r.check(false, "too many heads");
                            r.check(false, "second complaint");
                        }),
              "section s: too many heads");
}

TEST(Archive, FalseLengthsAllocateNothing)
{
    std::string claim("\1v\3\x18", 4);  // field "v", sequence of u64 ...
    claim += std::string(8, '\xff');    // ... of 2^64 - 1
    std::vector<std::uint64_t> v = {1, 2};
    const auto text = complaint(with_payload(claim), [&](auto& r) { r.field("v", v); });
    EXPECT_EQ(text, "section s, field v: 18446744073709551615 elements are claimed, 0 bytes are left");
    EXPECT_EQ(v, (std::vector<std::uint64_t>{1, 2}));

    auto bytes = with_payload("");
    bytes.replace(17, 8, std::string(7, '\xff') + '\x0f');  // a section of 2^60 bytes
    EXPECT_EQ(complaint(bytes, [](auto&) {}), "section s: the archive is cut short");
}

TEST(Archive, RefusesOtherFilesVersionsAndSections)
{
    const auto bytes = saved(sample());
    EXPECT_EQ(load("").status.error().message(), "not a lightcard archive: it does not start with LCARCHIV");
    auto newer = bytes;
    newer[10] = 9;
    EXPECT_EQ(load(newer).status.error().message(), "archive version 1.9 is unknown (this build reads 1.0 to 1.0)");
    EXPECT_EQ(load(saved(sample(), "pcm")).status.error().message(), "section state: section 'pcm' stands here");
    EXPECT_EQ(complaint(saved(sample(), "s"),
                        [](auto& reader) {
                            State state;
                            state.visit(reader);
                        }),
              "the archive has a section more than this card knows");
    auto flipped = bytes;
    flipped[60] = static_cast<char>(flipped[60] ^ 1);
    EXPECT_EQ(load(flipped).status.error().message(), "section state: the checksum does not match");
}

TEST(Archive, AFullDiskIsAnError)
{
    std::ostringstream out;
    out.setstate(std::ios::badbit);
    ArchiveWriter writer(out);
    auto state = sample();
    writer.section("state", state);
    EXPECT_FALSE(writer.finish().ok());
}

}  // namespace
}  // namespace lightcard
