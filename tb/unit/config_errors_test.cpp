// SPDX-License-Identifier: Apache-2.0
// Card files that are refused: where, what, and the nearest valid choice; hostile files and bytes.
#include <sys/stat.h>

#include <cstdlib>
#include <iterator>
#include <random>
#include <sstream>
#include <tuple>

#include "lightcard/tb/unit/config_testing.h"

namespace lightcard {
namespace {

using namespace config_testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string read(const std::string& path)
{
    std::ifstream stream(path, std::ios::binary);
    std::stringstream bytes;
    bytes << stream.rdbuf();
    return bytes.str();
}

// ------------------------------------------------------------------------------------------------ refusals

struct Bad {
    const char* text;   ///< after the schema line, so that its first line is line 2
    const char* where;  ///< file, line and path
    const char* what;
    const char* hint;
};

TEST(ConfigErrors, SayFileLinePathAndTheNearestValid)
{
    const Bad cases[] = {
        // keys
        {"card: {core: {symbol_rat: 1 GHz}}", "card.yaml:2: card.core.symbol_rat", "unknown key",
         "did you mean 'card.core.symbol_rate'?"},
        {"card:\n  symbol_rate: 1 GHz", "card.yaml:3: card.symbol_rate", "unknown key",
         "did you mean 'card.core.symbol_rate'?"},
        {"card:\n  pmc:\n    banks: 2", "card.yaml:3: card.pmc", "unknown key", "did you mean 'card.pcm'?"},
        {"crad: {}", "card.yaml:2: crad", "unknown key", "did you mean 'card'?"},
        {"run: {noise: {rinn: on}}", "card.yaml:2: run.noise.rinn", "unknown key", "did you mean 'run.noise.rin'?"},
        {"card: {core: {n: {valu: 3}}}", "card.yaml:2: card.core.n", "has no 'value'", "{value: ..."},
        {"card: {core: {n: {value: 3, sourc: x}}}", "card.yaml:2: card.core.n.sourc", "unknown key",
         "did you mean 'source'?"},
        {"card:\n  core:\n    n: 1\n    lanes: 1\n    n: 2", "card.yaml:6: card.core", "duplicate key 'n'",
         "first given in line 4"},
        {"run: {}\nrun: {}", "card.yaml:3", "duplicate key 'run'", "first given in line 2"},
        {"devices: {cell: gst}", "card.yaml:2: devices", "expected a list of device names or paths, found a map", ""},
        {"devices: [sb2s3]", "card.yaml:2: devices", "no device 'sb2s3'", "did you mean 'sb2se3'?"},
        {"devices: [[sb2se3]]", "card.yaml:2: devices", "expected the name or path of a device, found a list", ""},
        {"devices: [lc128]", "card.yaml:2: devices", "no device 'lc128'", ""},
        // units
        {"card: {core: {symbol_rate: 13}}", "card.yaml:2: card.core.symbol_rate",
         "'13' has no unit, expected a frequency", "for example '13 GHz'"},
        {"card: {core: {symbol_rate: 13 ns}}", "card.yaml:2: card.core.symbol_rate",
         "'13 ns' is a time, expected a frequency", "GHz"},
        {"card: {core: {symbol_rate: 13 Ghz}}", "card.yaml:2: card.core.symbol_rate", "unknown unit 'Ghz'",
         "did you mean 'GHz'?"},
        {"card: {core: {n: 128 B}}", "card.yaml:2: card.core.n", "has a unit", "leave the unit away"},
        {"card: {core: {n: 12.5}}", "card.yaml:2: card.core.n", "is not a whole number", "for example '128'"},
        {"card: {core: {n: many}}", "card.yaml:2: card.core.n", "'many' is not a number", "for example '128'"},
        // ranges
        {"card: {core: {symbol_rate: 13 THz}}", "card.yaml:2: card.core.symbol_rate", "13 THz is out of range",
         "1 MHz .. 200 GHz, nearest: 200 GHz"},
        {"card: {core: {n: 0}}", "card.yaml:2: card.core.n", "0 is out of range", "nearest: 1"},
        {"card: {core: {wall_plug_efficiency: 0 %}}", "card.yaml:2: card.core.wall_plug_efficiency", "out of range",
         "nearest: 0.1 %"},
        {"card: {power: {vrm_efficiency: 110 %}}", "card.yaml:2: card.power.vrm_efficiency", "110 % is out of range",
         "nearest: 100 %"},
        {"card: {converters: {pga_step: 0 dB}}", "card.yaml:2: card.converters.pga_step", "0 dB is out of range",
         "nearest: 0.01 dB"},
        {"card: {core: {row_power: {value: 3 W, range: [1 mW, 1 W]}}}", "card.yaml:2: card.core.row_power.range",
         "3 W is outside its own range 1 mW .. 1 W", "widen"},
        {"card: {core: {row_power: {value: 3 W, range: [1 mW]}}}", "card.yaml:2: card.core.row_power.range",
         "expected a list of two values", "[smallest, largest]"},
        {"card: {core: {row_power: {value: 3 W, range: [1 ms, 5 W]}}}", "card.yaml:2: card.core.row_power.range",
         "'1 ms' is a time", "W"},
        {"card: {core: {row_power: {value: 3 W, range: [5 W, 1 W]}}}", "card.yaml:2: card.core.row_power.range",
         "upside down", "smallest value first"},
        // types
        {"card: {core: {n: [128]}}", "card.yaml:2: card.core.n", "expected a value, found a list", ""},
        {"card: {core: {n: }}", "card.yaml:2: card.core.n", "expected a value, found nothing", ""},
        {"card: {core: 3}", "card.yaml:2: card.core", "expected a map, found text", ""},
        {"card: [1]", "card.yaml:2: card", "expected a map, found a list", ""},
        {"card: {core: {n: {value: {value: 3}}}}", "card.yaml:2: card.core.n", "expected a value, found a map", ""},
        {"run: {fidelity: statt}", "card.yaml:2: run.fidelity", "'statt' is not a choice", "did you mean 'stat'?"},
        {"run: {quant: perhaps}", "card.yaml:2: run.quant", "neither on nor off", "on or off"},
        {"card: {name: a b}", "card.yaml:2: card.name", "'a b' is not a name", "letters"},
        // evidence
        {"card: {core: {n: {value: 3, source: x}}}", "card.yaml:2: card.core.n", "a source without a grade",
         "primary, secondary, computed or assumed"},
        {"card: {core: {n: {value: 3, grade: primary}}}", "card.yaml:2: card.core.n", "a grade without a source",
         "primary"},
        {"card: {core: {n: {value: 3, source: x, grade: primry}}}", "card.yaml:2: card.core.n.grade",
         "'primry' is not a grade", "did you mean 'primary'?"},
        {"card: {core: {n: {value: 3, source: '', grade: primary}}}", "card.yaml:2: card.core.n", "the source is empty",
         ""},
        // absurd combinations
        {"card: {pcm: {writers: 3}}", "card.yaml:2: card.pcm.writers", "3 writers for 2 bank(s)",
         "at most card.pcm.banks"},
        {"card:\n  pcm:\n    writers: 2\n    banks: 1", "card.yaml:5: card.pcm.banks", "2 writers for 1 bank(s)",
         "at most card.pcm.banks"},
        {"card: {pcm: {write_scheme: array_parallel}}", "card.yaml:2: card.pcm.write_scheme",
         "writing draws 55.7056 W, above card.pcm.write_power_limit = 10 W", "55.706 us or longer"},
        {"card: {pcm: {write_slot: 100 ns}}", "card.yaml:2: card.pcm.write_slot", "writing draws 43.52 W",
         "436 ns or longer"},
        {"card: {converters: {adc_enob: 8.5}}", "card.yaml:2: card.converters.adc_enob", "8.5 effective bits of 8 bits",
         "at most card.converters.adc_bits"},
        {"card: {converters: {dac_bits: 4}}", "card.yaml:2: card.converters.dac_bits", "6.5 effective bits of 4 bits",
         ""},
        {"card: {control: {sram_bytes: 65537 B}}", "card.yaml:2: card.control.sram_bytes",
         "65537 B is not a whole number of 4 KiB pages", "nearest: 64 KiB"},
        {"card: {link: {bar2_bytes: 15 GiB}}", "card.yaml:2: card.link.bar2_bytes", "15 GiB is not a power of two",
         "8 GiB or 16 GiB"},
        {"card: {link: {width: 3}}", "card.yaml:2: card.link.width", "3 is not a power of two", "2 or 4"},
        // parents
        {"extends: lc182", "card.yaml:2: extends", "no card 'lc182'", "did you mean 'lc128'?"},
        {"extends: ./nowhere.yaml", "card.yaml:2: extends", "no such file", "shipped card"},
        {"extends: [lc128, lc64]", "card.yaml:2: extends", "expected the name or path of one card, found a list", ""},
        // YAML itself
        {"card: &a {cores: 1}", "card.yaml:2: card", "anchors and aliases are not allowed", "extends"},
        {"card: !!map {cores: 1}", "card.yaml:2: card", "explicit tag", "without a tag"},
        {"? [a, b]\n: c", "card.yaml:2", "a key is a list", "plain text"},
        {"card: {core: [}", "card.yaml:2", "malformed YAML", ""},
        {"card:\n\tcores: 1", "card.yaml:3", "malformed YAML", ""},
        {"---\nschema: lightcard/card/1", "card.yaml:3", "more than one YAML document", "one card a file"},
        {"card: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "card.yaml:2: card", "nested too deeply", "at most 16"},
    };
    for (const Bad& c : cases) {
        const auto card = parse_card(kSchema + c.text + "\n", "card.yaml");
        ASSERT_FALSE(card.ok()) << c.text;
        EXPECT_EQ(card.error().where, c.where) << c.text;
        EXPECT_THAT(card.error().what, HasSubstr(c.what)) << c.text;
        EXPECT_THAT(card.error().hint, HasSubstr(c.hint)) << c.text;
    }
}

TEST(ConfigErrors, Schema)
{
    const std::pair<const char*, const char*> cases[] = {
        {"card: {cores: 1}\n", "card.yaml:1: schema: missing (a card starts with 'schema: lightcard/card/1')"},
        {"", "card.yaml:1: not a card file"},
        {"just text", "card.yaml:1: not a card file"},
        {"schema: lightcard/card/1.1\n", "card.yaml:1: schema: schema 'lightcard/card/1.1' is newer than this program"},
        {"run: {}\nschema: lightcard/card/2\n",
         "card.yaml:2: schema: unknown schema 'lightcard/card/2' ('schema: lightcard/card/1')"},
        {"schema: lightcard/card/1.x\n", "unknown schema"},
        {"schema: lightcard/card/10\n", "unknown schema"},
        {"schema: lightcard/card/1.99999999999999999999\n", "unknown schema"},
        {"schema: {a: b}\n", "unknown schema"},
    };
    for (const auto& [text, expected] : cases)
        EXPECT_THAT(message_of(parse_card(text, "card.yaml")), HasSubstr(expected)) << text;
}

TEST(ConfigErrors, OverridesNameThemselves)
{
    const std::tuple<Override, const char*, const char*> cases[] = {
        {{"card.core.symbol_rate", "26"},
         "command line: --set card.core.symbol_rate=26: '26' has no unit",
         "for example '13 GHz'"},
        {{"card.core.symbol_rat", "26 GHz"},
         "command line: --set card.core.symbol_rat=26 GHz: unknown key",
         "'card.core.symbol_rate'"},
        {{"symbol_rate", "26 GHz"}, "unknown key", "'card.core.symbol_rate'"},
        {{"card.core", "26"}, "a group, not a parameter", ""},
        {{"schema", "x"}, "unknown key", ""},
        {{"", ""}, "unknown key", ""},
        {{"card.pcm.writers", "3"},
         "command line: --set card.pcm.writers=3: card.pcm.writers: 3 writers for 2 bank(s)",
         ""},
    };
    for (const auto& [override, what, hint] : cases) {
        const std::string message = message_of(load_card("lc128", {override}));
        EXPECT_THAT(message, HasSubstr(what));
        EXPECT_THAT(message, HasSubstr(hint));
    }
}

TEST(ConfigErrors, TooManyWeightsOverall)
{
    EXPECT_TRUE(parse_card(kSchema + "card: {cores: 64, pcm: {banks: 4096, write_energy: 1 nJ}}\n", "c").ok())
        << "2^32 is the limit";
    EXPECT_THAT(message_of(parse_card(kSchema + "card: {cores: 64, core: {n: 129}, pcm: {banks: 4096}}\n", "c")),
                HasSubstr("weights in all banks of all cores are too many"));
}

// ------------------------------------------------------------------------------------------------ files

TEST(ConfigFiles, ParentsThatCannotBeAreRefused)
{
    const Folder folder;
    const std::string self = folder.write("self.yaml", kSchema + "extends: self\n");
    EXPECT_THAT(message_of(load_card(self)),
                AllOf(HasSubstr("self.yaml:2: extends"), HasSubstr("cannot extend itself")));
    folder.write("a.yaml", kSchema + "extends: b\n");
    const std::string b = folder.write("b.yaml", kSchema + "extends: ./a.yaml\n");
    EXPECT_THAT(message_of(load_card(b)), AllOf(HasSubstr("a.yaml:2: extends"), HasSubstr("cannot extend itself")));
    folder.write("p0.yaml", kSchema);
    for (int i = 1; i <= 9; ++i)
        folder.write("p" + std::to_string(i) + ".yaml", kSchema + "extends: p" + std::to_string(i - 1) + "\n");
    EXPECT_TRUE(load_card(folder.path() + "/p8.yaml").ok());
    EXPECT_THAT(message_of(load_card(folder.path() + "/p9.yaml")), HasSubstr("too many parents"));
    folder.write("bad.yaml", kSchema + "card: {core: {n: x}}\n");
    const std::string child = folder.write("child.yaml", kSchema + "extends: bad\n");
    EXPECT_THAT(message_of(load_card(child)), HasSubstr("/bad.yaml:2: card.core.n: 'x' is not a number"))
        << "the parent's own line";
}

TEST(ConfigFiles, WhatIsNotACardFileIsRefusedWithoutHanging)
{
    const Folder folder;
    const std::string fifo = folder.path() + "/fifo.yaml";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_THAT(message_of(load_card(fifo)), HasSubstr("not a regular file"));
    EXPECT_THAT(message_of(load_card(folder.path() + "/")), HasSubstr("not a regular file"));
    EXPECT_THAT(message_of(load_card("/dev/zero")), HasSubstr("not a regular file"));
    EXPECT_THAT(message_of(load_card("")), HasSubstr("no card is named"));
    EXPECT_THAT(message_of(load_card(std::string("a\0b", 3))), HasSubstr("not a name or a path"));
    EXPECT_THAT(message_of(load_card(std::string(100'000, 'a'))), HasSubstr("not a name or a path"));
    const std::string large = folder.write("large.yaml", kSchema + "#" + std::string(300 * 1024, 'x'));
    EXPECT_THAT(message_of(load_card(large)),
                AllOf(HasSubstr("large.yaml"), HasSubstr("too large"), HasSubstr("256 KiB")));
}

TEST(ConfigFiles, OwnDirectoriesComeFirst)
{
    const Folder folder;
    folder.write("lc128.yaml", kSchema + "card: {cores: 3}\n");
    folder.write("mine.yaml", kSchema + "extends: lc128\n");
    setenv("LIGHTCARD_CONFIGS", ("/nonexistent::" + folder.path()).c_str(), 1);
    EXPECT_EQ(load("lc128").cores, 3u);
    EXPECT_EQ(load("mine").cores, 3u);
    EXPECT_EQ(config_directories().size(), 4u);
    unsetenv("LIGHTCARD_CONFIGS");
    EXPECT_EQ(load("lc128").cores, 1u);
}

// ------------------------------------------------------------------------------------------------ hostile bytes

TEST(ConfigFuzz, MutatedCardsAreReadOrRefusedButNeverMore)
{
    const std::string original = read(LIGHTCARD_SOURCE_DIR "/configs/cards/lc128.yaml");
    const std::string scraps[] = {"!",
                                  "&a ",
                                  "*a",
                                  "? ",
                                  "- ",
                                  "[",
                                  "]",
                                  "{",
                                  "}",
                                  ": ",
                                  "|\n",
                                  "\"",
                                  "'",
                                  "\\",
                                  "\n",
                                  "\t",
                                  "#",
                                  "---\n",
                                  "...",
                                  "\xff",
                                  "\xfe\xff",
                                  "~",
                                  "!!str ",
                                  "range",
                                  "<<: ",
                                  "%YAML 1.2\n",
                                  std::string(1, '\0'),
                                  "extends: lc128\n",
                                  "1e999",
                                  "\\U0010ffff"};
    std::mt19937_64 random(20240701);
    int accepted = 0, refused = 0;
    for (int i = 0; i < 3000; ++i) {
        std::string text = original;
        if (i % 3 == 0) text = kSchema + text.substr(random() % text.size(), random() % 500);
        for (std::uint64_t edits = 1 + random() % 5; edits > 0; --edits) {
            const std::size_t at = random() % (text.size() + 1);
            switch (random() % 4) {
                case 0:
                    text.insert(at, scraps[random() % std::size(scraps)]);
                    break;
                case 1:
                    text.erase(at, random() % 20);
                    break;
                case 2:
                    text.insert(at, 1, static_cast<char>(random()));
                    break;
                case 3:
                    text.insert(at, text.substr(random() % (text.size() + 1), random() % 40));
                    break;
            }
        }
        const auto card = parse_card(text, "fuzz.yaml");
        if (card.ok()) {
            ++accepted;
            EXPECT_TRUE(check_card(*card).ok());
        } else {
            ++refused;
            EXPECT_NE(card.error().what, "");
            EXPECT_THAT(card.error().where, HasSubstr(".yaml")) << card.error().message();
        }
    }
    EXPECT_GT(accepted, 100);
    EXPECT_GT(refused, 1000);
}

TEST(ConfigFuzz, BombsAreCutShort)
{
    const std::string patterns[] = {"[",   "{",   "- ",   "? ",   "'",          "\"",    "a:\n",
                                    "&a ", "*a ", "{a: ", "[[],", "%TAG ! x\n", "---\n", "\xff"};
    for (const std::string& pattern : patterns) {
        std::string text = kSchema;
        while (text.size() < 200 * 1024) text += pattern;
        EXPECT_FALSE(parse_card(text, "bomb.yaml").ok()) << pattern;
    }
    std::string wide = kSchema + "card: {";
    for (int i = 0; i < 20'000; ++i) wide += "a" + std::to_string(i) + ": 1, ";
    EXPECT_THAT(message_of(parse_card(wide + "}\n", "bomb.yaml")), HasSubstr("too many values"));
}

}  // namespace
}  // namespace lightcard
