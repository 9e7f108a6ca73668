// SPDX-License-Identifier: Apache-2.0
// State files (PCM image, dump, checkpoint): the archive reader with every kind of field it knows. Every input is read
// twice: as it is, and with its checksums repaired, so that mutations reach what lies behind them.
#include <sstream>

#include "lightcard/model/common/archive.h"
#include "lightcard/tb/fuzz/archive_repair.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {
namespace {

struct Inner {
    std::uint16_t small = 7;
    double real = 0.5;
    template <class Archive>
    void visit(Archive& archive)
    {
        archive.field("small", small);
        archive.field("real", real);
    }
};

struct State {
    bool flag = true;
    std::int64_t big = -1;
    std::string text = "pcm";
    std::vector<std::uint8_t> dense{1, 2, 3};
    std::vector<Inner> structs{{}, {}};
    std::deque<std::string> strings{"a", "b"};
    std::set<std::uint32_t> set{1, 2};
    std::map<std::string, std::vector<std::int32_t>> map{{"row", {1, 2}}};
    std::array<std::uint64_t, 4> array{1, 2, 3, 4};
    std::optional<Inner> maybe = Inner{};
    std::pair<std::uint8_t, float> pair{1, 2.0f};

    template <class Archive>
    void visit(Archive& archive)
    {
        archive.expect("geometry", std::uint32_t{128});
        archive.field("flag", flag);
        archive.field("big", big);
        archive.field("text", text);
        archive.field("dense", dense);
        archive.field("structs", structs);
        archive.field("strings", strings);
        archive.field("set", set);
        archive.field("map", map);
        archive.field("array", array);
        archive.field("maybe", maybe);
        archive.field("pair", pair);
    }
};

std::string written(State& state)
{
    std::ostringstream out;
    ArchiveWriter writer(out);
    writer.section("state", state);
    writer.section("more", state);
    require(writer.finish().ok(), "a state can be written");
    return out.str();
}

Status load(const std::string& bytes, State& state)
{
    std::istringstream in(bytes);
    ArchiveReader reader(in);
    reader.section("state", state);
    reader.section("more", state);
    return reader.finish();
}

bool check(const std::string& bytes)
{
    State state;
    const Status status = load(bytes, state);
    if (!status.ok()) {
        require(!status.error().what.empty(), "an error says what is wrong");
        return false;
    }
    State again;
    require(load(written(state), again).ok() && written(again) == written(state), "what was read is written the same");
    return true;
}

}  // namespace

std::vector<Bytes> seeds()
{
    State full;
    State empty{false, 0, "", {}, {}, {}, {}, {}, {}, std::nullopt, {}};
    return {to_bytes(written(full)), to_bytes(written(empty))};
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    const std::string bytes(data, data + size);
    const bool accepted = check(bytes);
    return check(repaired(bytes)) || accepted;
}

}  // namespace lightcard::fuzz
