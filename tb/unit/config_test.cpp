// SPDX-License-Identifier: Apache-2.0
// Card files: what is read, where numbers come from, and what the hash means.
#include "lightcard/model/card/config.h"

#include <cstdio>
#include <iterator>
#include <set>

#include "lightcard/model/card/config_fields.h"
#include "lightcard/tb/unit/config_testing.h"

namespace lightcard {
namespace {

namespace fs = std::filesystem;
using namespace config_testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const char* const kShipped[] = {
    "lc128",
    "lc128-1x52",
    "lc128-anchor",
    "lc128-electrical",
    "lc128-library",
    "lc64",
    "lc256",
    "lc512",
    "lc64-optimistic",
    "lc128-optimistic",
    "lc256-optimistic",
    "lc512-optimistic",
    "lc64-nominal",
    "lc128-nominal",
    "lc256-nominal",
    "lc512-nominal",
    "feldmann-2021",
    "pace-2025",
    "lightmatter-2025",
};

const CardConfig::Entry& entry(const CardConfig& card, const std::string& path)
{
    for (const auto& e : card.resolved) {
        if (e.path == path) return e;
    }
    ADD_FAILURE() << "no entry " << path;
    return card.resolved.front();
}

// ------------------------------------------------------------------------------------------------ the table

struct Anything {
    template <class T>
    operator T() const;
};

template <class T, class = void, class... Members>
struct Count : std::integral_constant<std::size_t, sizeof...(Members) - 1> {
};
template <class T, class... Members>
struct Count<T, std::void_t<decltype(T{std::declval<Members>()...})>, Members...>
    : Count<T, void, Members..., Anything> {
};
/// Members of an aggregate.
template <class T>
constexpr std::size_t kMembers = Count<T>::value;

std::size_t fields_below(const std::string& group)
{
    std::size_t count = 0;
    for (const config::Field& field : config::fields()) count += std::string(field.path).rfind(group + ".", 0) == 0;
    return count;
}

TEST(ConfigTable, BindsEveryMemberOfEveryParametersStruct)
{
    EXPECT_EQ(fields_below("card.core"), kMembers<photonic_core::Parameters>);
    EXPECT_EQ(fields_below("card.converters"), kMembers<converters::Parameters>);
    EXPECT_EQ(fields_below("card.pcm"), kMembers<pcm_memory::Parameters>);
    EXPECT_EQ(fields_below("card.control"), kMembers<control_chip::Parameters>);
    EXPECT_EQ(fields_below("card.memory"), kMembers<card_memory::Parameters>);
    EXPECT_EQ(fields_below("card.link"), kMembers<host_link::Parameters>);
    EXPECT_EQ(fields_below("card.power"), kMembers<power::Parameters>);
    EXPECT_EQ(fields_below("run.noise"), kMembers<NoiseSources>);
    EXPECT_EQ(fields_below("run") - fields_below("run.noise") + 1, kMembers<RunConfig>);
    EXPECT_EQ(fields_below("host"), 3u);
}

TEST(ConfigTable, PathsAndMembersAreDistinctAndDescribed)
{
    CardConfig card;
    std::set<std::string> paths;
    std::set<const void*> members;
    for (const config::Field& field : config::fields()) {
        EXPECT_TRUE(paths.insert(field.path).second) << field.path;
        const void* member = std::visit([](auto* p) { return static_cast<const void*>(p); }, field.slot(card));
        EXPECT_TRUE(members.insert(member).second) << field.path << " is bound twice";
        EXPECT_NE(std::string(field.description), "") << field.path;
    }
}

TEST(ConfigTable, HardRangesParseFitTheirMembersAndHoldTheDefaults)
{
    for (const config::Field& field : config::fields()) {
        if (*field.choices || config::is_label(field)) continue;
        CardConfig card;
        EXPECT_TRUE(config::check_field(field, card)) << field.path;
        for (const char* end : {field.low, field.high}) {
            const Status set = config::set_field(field, card, end);
            ASSERT_TRUE(set.ok()) << field.path << ": " << set.error().message();
            EXPECT_TRUE(config::check_field(field, card)) << field.path << " = " << end << " does not fit its member";
            CardConfig again;
            ASSERT_TRUE(config::set_field(field, again, config::get_field(field, card)));
            EXPECT_EQ(config::get_field(field, again), config::get_field(field, card)) << field.path;
        }
    }
}

TEST(ConfigTable, ChoicesAreInTheOrderOfTheirEnumerations)
{
    const CardConfig card = load("lc128", {{"card.pcm.write_scheme", "serial"},
                                           {"card.core.packaging", "organic"},
                                           {"run.fidelity", "ideal"},
                                           {"run.timing", "at"},
                                           {"run.ageing", "step"},
                                           {"run.signed_inputs", "two_pass"},
                                           {"run.quant", "true"},
                                           {"host.simd", "portable"}});
    EXPECT_EQ(card.pcm.write_scheme, pcm_memory::WriteScheme::serial);
    EXPECT_EQ(card.core.packaging, photonic_core::Packaging::organic);
    EXPECT_EQ(card.run.fidelity, Fidelity::ideal);
    EXPECT_EQ(card.run.timing, Timing::at);
    EXPECT_EQ(card.run.ageing, Ageing::step);
    EXPECT_EQ(card.run.signed_inputs, SignedInputs::two_pass);
    EXPECT_TRUE(card.run.quant);
    EXPECT_EQ(card.host.simd, "portable");
    EXPECT_EQ(load("lc128", {{"run.ageing", "live"}}).run.ageing, Ageing::live);
    EXPECT_EQ(load("lc128", {{"card.core.packaging", "interposer_2_5d"}}).core.packaging,
              photonic_core::Packaging::interposer_2_5d);
}

// ------------------------------------------------------------------------------------------------ shipped cards

TEST(Cards, DefaultCardIsLc128)
{
    const CardConfig file = load("lc128");
    const CardConfig built_in = default_card();
    for (const config::Field& field : config::fields()) {
        if (std::string(field.path) == "card.note") continue;
        EXPECT_EQ(config::get_field(field, file), config::get_field(field, built_in)) << field.path;
    }
    EXPECT_EQ(file.hash, built_in.hash);
    EXPECT_TRUE(check_card(built_in).ok());
    EXPECT_NEAR(file.core.peak_ops() / 1e12, 1703.9, 0.05);
}

TEST(Cards, EveryShippedCardLoadsWithSourceAndGradeForEveryNumber)
{
    const std::set<std::string> grades = {"primary", "secondary", "computed", "assumed"};
    for (const char* name : kShipped) {
        const CardConfig card = load(name);
        EXPECT_EQ(card.name, name);
        EXPECT_GT(card.note.size(), 40u) << name;
        EXPECT_EQ(card.resolved.size(), config::fields().size());
        for (const auto& e : card.resolved) {
            if (!config::needs_source(*config::find_field(e.path))) continue;
            EXPECT_GT(e.source.size(), 1u) << name << ": " << e.path;
            EXPECT_TRUE(grades.count(e.grade)) << name << ": " << e.path;
            EXPECT_THAT(e.source, Not(StartsWith("no source"))) << name << ": " << e.path;
            EXPECT_THAT(e.source, Not(StartsWith("built-in"))) << name << ": " << e.path;
            EXPECT_THAT(e.source, Not(HasSubstr("[F"))) << name << ": " << e.path;
        }
    }
}

TEST(Cards, EveryFileInTheFolderIsInThisTest)
{
    std::set<std::string> found;
    for (const auto& file : fs::directory_iterator(LIGHTCARD_SOURCE_DIR "/configs/cards")) {
        if (file.path().extension() == ".yaml") found.insert(file.path().stem());
    }
    EXPECT_EQ(found, std::set<std::string>(std::begin(kShipped), std::end(kShipped)));
}

TEST(Cards, VariantsSayWhatTheyChange)
{
    EXPECT_EQ(load("lc128-library").pcm.banks, 2048u);
    const CardConfig literal = load("lc128-1x52");
    EXPECT_EQ(literal.core.lanes, 1u);
    EXPECT_EQ(literal.converters.adc_enob, 5.4);
    EXPECT_EQ(literal.core.mvm_rate(), load("lc128").core.mvm_rate());
    const CardConfig anchor = load("lc128-anchor");
    EXPECT_EQ(anchor.core.splitter_loss_db, 0);
    EXPECT_EQ(anchor.pcm.cell_extinction_db, 200);
    EXPECT_EQ(load("lc512").core.n, 512u);
    const std::set<std::string> hashes = {load("lc128").hash, load("lc64").hash, load("lc256").hash,
                                          load("lc512").hash, literal.hash,      load("lc128-library").hash,
                                          anchor.hash};
    EXPECT_EQ(hashes.size(), 7u);
}

TEST(Cards, TooMuchLightOnARowIsAWarningOnly)
{
    EXPECT_TRUE(card_warnings(load("lc128")).empty());
    const auto warnings = card_warnings(load("lc512"));
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], AllOf(HasSubstr("card.core.row_power"), HasSubstr("optical_power_limit = 1 W")));
}

// ------------------------------------------------------------------------------------------------ values and evidence

TEST(Config, ValueAloneOrWithEvidence)
{
    const CardConfig card =
        parse(kSchema +
              "extends: lc128\n"
              "card:\n"
              "  core:\n"
              "    row_power: 20 mW\n"
              "    symbol_rate: {value: 10 GHz, source: \"me\", grade: computed, range: [1 GHz, 20 GHz]}\n"
              "  pcm:\n"
              "    banks:\n"
              "      value: 4\n");
    EXPECT_EQ(card.core.row_power, 20e-3);
    EXPECT_EQ(card.core.symbol_rate, 10'000'000'000u);
    EXPECT_EQ(card.pcm.banks, 4u);
    EXPECT_EQ(entry(card, "card.core.symbol_rate").source, "me");
    EXPECT_EQ(entry(card, "card.core.symbol_rate").grade, "computed");
    EXPECT_EQ(entry(card, "card.core.symbol_rate").range, "1 GHz .. 20 GHz");
    EXPECT_EQ(entry(card, "card.core.row_power").source, "no source given in card");
    EXPECT_EQ(entry(card, "card.core.row_power").grade, "assumed");
    EXPECT_EQ(entry(card, "card.core.row_power").range, "1 mW .. 250 mW") << "still inside the parent's range";
    EXPECT_EQ(card.name, "card") << "a child without a name has its file's name";
}

TEST(Config, ARangeThatNoLongerHoldsTheValueIsDropped)
{
    const CardConfig card = load("lc128", {{"card.core.row_power", "2 W"}});
    EXPECT_EQ(entry(card, "card.core.row_power").range, "1 nW .. 10 W");
}

TEST(Config, OverridesAreNamedAsTheirSource)
{
    const CardConfig card =
        load("lc128", {{"card.core.symbol_rate", "26GHz"}, {"run.seed", "7"}, {"host.threads", "2"}});
    EXPECT_EQ(card.core.symbol_rate, 26'000'000'000u);
    EXPECT_EQ(card.run.seed, 7u);
    EXPECT_EQ(card.host.threads, 2u);
    EXPECT_EQ(entry(card, "card.core.symbol_rate").source, "command line");
    EXPECT_EQ(entry(card, "card.core.symbol_rate").grade, "assumed");
    EXPECT_EQ(load("lc128", {{"run.seed", "1"}, {"run.seed", "2"}}).run.seed, 2u) << "the last one wins";
}

TEST(Config, EmptyPartsAreFine)
{
    EXPECT_EQ(parse(kSchema + "card:\nrun:\nhost:\ndevices:\n").hash, default_card().hash);
    EXPECT_EQ(parse("schema: lightcard/card/1.0\n").hash, default_card().hash);
}

// ------------------------------------------------------------------------------------------------ hash

TEST(ConfigHash, IsOfTheValuesAndNothingElse)
{
    const std::string hash = load("lc128").hash;
    EXPECT_EQ(hash.size(), 16u);
    EXPECT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string::npos);
    const std::string same[] = {
        "card: {core: {n: 128, lanes: 4}}\n",
        "card: {core: {lanes: 4, n: 128}}\n",                                         // order
        "# comment\n\ncard:\n    core:\n        n:   \"128\"\n",                      // formatting, quotes
        "card: {core: {symbol_rate: 13000 MHz, row_power: 0.01431 W}}\n",             // units
        "card: {core: {n: {value: 128, source: x, grade: assumed}}, note: other}\n",  // evidence, note
        "card: {name: other}\nhost: {threads: 8, trace: on}\n",                       // name, host
    };
    for (const std::string& text : same) EXPECT_EQ(parse(kSchema + text).hash, hash) << text;
    const std::string different[] = {
        "card: {core: {n: 127}}\n", "card: {core: {row_power: 14.310000000000001 mW}}\n",
        "run: {seed: 2}\n",         "run: {noise: {rin: off}}\n",
        "card: {cores: 2}\n",
    };
    std::set<std::string> hashes = {hash};
    for (const std::string& text : different) hashes.insert(parse(kSchema + text).hash);
    EXPECT_EQ(hashes.size(), 1 + std::size(different));
}

TEST(ConfigHash, EveryParameterOfCardAndRunCounts)
{
    const std::string hash = default_card().hash;
    for (const config::Field& field : config::fields()) {
        if (config::is_label(field)) continue;
        CardConfig card = default_card();
        const std::string before = config::get_field(field, card);
        for (const std::string& text :
             {std::string(field.low), std::string(field.high), std::string("on"),       std::string("off"),
              std::string("serial"),  std::string("organic"),  std::string("ideal"),    std::string("at"),
              std::string("live"),    std::string("two_pass"), std::string("portable"), std::string("passive"),
              std::string("routing"), std::string("adaptive"), std::string("power"),    std::string("automatic"),
              std::string("loop"),    std::string("int8"),     std::string("abfp"),     std::string("columns"),
              std::string("digital")}) {
            if (config::set_field(field, card, text) && config::get_field(field, card) != before) break;
        }
        ASSERT_NE(config::get_field(field, card), before)
            << field.path << " has a second value that this test does not try";
        refresh(card);
        const bool host = std::string(field.path).rfind("host.", 0) == 0;
        EXPECT_EQ(card.hash == hash, host) << field.path;
    }
}

/// FNV-1a written out again, over the echo instead of the table.
TEST(ConfigHash, IsFnv1aOfTheCanonicalText)
{
    for (const char* name : kShipped) {
        const CardConfig card = load(name);
        std::string text = "lightcard/card/1\n";
        for (const auto& e : card.resolved) {
            const bool left_out = e.path == "card.name" || e.path == "card.note" || e.path.rfind("host.", 0) == 0;
            if (!left_out) text += e.path + "=" + e.value + "\n";
        }
        std::uint64_t hash = 14695981039346656037u;
        for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
        char expected[17];
        std::snprintf(expected, sizeof expected, "%016llx", static_cast<unsigned long long>(hash));
        EXPECT_EQ(card.hash, expected) << name;
    }
}

TEST(ConfigHash, SplittingACardOverParentsDoesNotShow)
{
    const Folder folder;
    folder.write("a.yaml", kSchema + "card: {name: x, cores: 2, core: {n: 64}}\n");
    folder.write("b.yaml", kSchema + "extends: a\ncard: {name: x, core: {lanes: 2}}\nrun: {seed: 5}\n");
    const std::string c =
        folder.write("c.yaml", kSchema + "extends: ./b.yaml\ncard: {name: x, core: {latency: 6 ns}}\n");
    const std::string whole = folder.write(
        "d.yaml", kSchema + "run: {seed: 5}\ncard: {name: x, cores: 2, core: {n: 64, latency: 6 ns, lanes: 2}}\n");
    EXPECT_EQ(load(c).hash, load(whole).hash);
    EXPECT_EQ(load(c).core.n, 64u);
}

TEST(ConfigYaml, TheEchoLoadsAsTheSameCard)
{
    for (const char* name : kShipped) {
        CardConfig card =
            load(name, {{"card.core.responsivity", "0.123456789012345678 A/W"}, {"run.seed", "18446744073709551615"}});
        card.note += " \"quoted\"\n\\ tab\t: # {not: yaml}";
        const CardConfig back = parse(to_yaml(card));
        EXPECT_EQ(back.hash, card.hash) << name;
        EXPECT_EQ(back.note, card.note);
        ASSERT_EQ(back.resolved.size(), card.resolved.size());
        for (std::size_t i = 0; i < card.resolved.size(); ++i) {
            if (card.resolved[i].path == "card.note") continue;
            EXPECT_EQ(back.resolved[i].value, card.resolved[i].value) << card.resolved[i].path;
            EXPECT_EQ(back.resolved[i].source, card.resolved[i].source) << card.resolved[i].path;
            EXPECT_EQ(back.resolved[i].grade, card.resolved[i].grade) << card.resolved[i].path;
            EXPECT_EQ(back.resolved[i].range, card.resolved[i].range) << card.resolved[i].path;
        }
        EXPECT_EQ(to_yaml(back), to_yaml(card));
    }
}

TEST(Config, RefreshFollowsChangesInCode)
{
    CardConfig card = default_card();
    const std::string before = card.hash;
    card.core.n = 64;
    refresh(card);
    EXPECT_NE(card.hash, before);
    EXPECT_EQ(entry(card, "card.core.n").value, "64");
    EXPECT_EQ(entry(card, "card.core.n").source, "set in code");
    card.pcm.writers = 9;
    EXPECT_THAT(check_card(card).error().message(), HasSubstr("card.pcm.writers: 9 writers for 2 bank(s)"));
}

}  // namespace
}  // namespace lightcard
