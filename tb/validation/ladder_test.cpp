// SPDX-License-Identifier: Apache-2.0
// Every row of the ladder: its verdict is the documented one, its deliberately wrong parameter makes it fail, and what
// docs/validation.md says is what comes out today.
#include "lightcard/platform/cli/ladder/ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace lightcard::ladder {
namespace {

/// What rows that run networks start; a caller may name another.
void name_command()
{
    setenv("LIGHTCARD_COMMAND", LIGHTCARD_BINARY_DIR "/platform/cli/lightcard", 0);
}

class LadderRow : public ::testing::TestWithParam<std::size_t> {
protected:
    const Row row = rows()[GetParam()];
    void SetUp() override { name_command(); }
};

TEST_P(LadderRow, IsAsDocumented)
{
    const Outcome outcome = evaluate(row);
    if (outcome.skipped) GTEST_SKIP() << row.needs << " is not there";
    std::filebuf file;
    if (file.open(LIGHTCARD_BINARY_DIR "/tb/validation/row-" + std::to_string(GetParam()) + ".json", std::ios::out)) {
        std::ostream out(&file);
        write_json(out, {outcome});
    }
    EXPECT_TRUE(outcome.as_documented()) << row.name << ": expected " << row.expected << " +- " << row.tolerance << ' '
                                         << row.unit << ", got " << outcome.got;
}

TEST_P(LadderRow, FailsWithTheWrongParameter)
{
    if (!row.holds) {
        EXPECT_NE(row.remark, "") << row.name << " does not hold: says what that means";
        return;
    }
    EXPECT_NE(row.breaks, "") << row.name;
    const Outcome outcome = evaluate(row, true);
    if (outcome.skipped) GTEST_SKIP() << row.needs << " is not there";
    EXPECT_FALSE(outcome.within()) << row.name << " also passes with " << row.breaks << ": " << outcome.got;
}

INSTANTIATE_TEST_SUITE_P(All, LadderRow, ::testing::Range<std::size_t>(0, rows().size()));

TEST(Ladder, RowsAreDistinctAndCarryTheirEvidence)
{
    const std::set<std::string> grades = {"primary", "secondary", "computed", "assumed"};
    std::set<std::string> names;
    for (const Row& row : rows()) {
        EXPECT_TRUE(names.insert(row.name).second) << row.name << " twice";
        EXPECT_GT(row.source.size(), 5u) << row.name;
        EXPECT_TRUE(grades.count(row.grade)) << row.name;
        EXPECT_GE(row.tolerance, 0) << row.name;
        EXPECT_NE(row.config, "") << row.name;
        EXPECT_EQ(row.name.find('|'), std::string::npos) << row.name;
    }
    EXPECT_GE(names.size(), 150u);
}

TEST(Ladder, TheBoundIsNamedWhereItsPowerStands)
{
    int found = 0;
    for (const Row& row : rows()) {
        if (row.expected != 131.8) continue;
        ++found;
        EXPECT_THAT(row.name, ::testing::HasSubstr("ideal combining, a bound"));
    }
    EXPECT_EQ(found, 2);
}

TEST(Ladder, AnUnexpectedVerdictIsSeen)
{
    Row row = rows().front();
    row.expected += 1;
    const Outcome wrong = evaluate(row);
    EXPECT_FALSE(wrong.within());
    EXPECT_FALSE(wrong.as_documented());
    std::ostringstream text;
    write_text(text, {wrong});
    EXPECT_THAT(text.str(), ::testing::HasSubstr("FAILS"));
    row.needs = "/nowhere/to/be/found";
    const Outcome skipped = evaluate(row);
    EXPECT_TRUE(skipped.skipped && skipped.as_documented());
    std::ostringstream without;
    write_text(without, {skipped});
    EXPECT_THAT(without.str(), ::testing::HasSubstr("skipped"));
    row.needs.clear();
    row.measure = [](bool) { return std::nan(""); };
    EXPECT_FALSE(evaluate(row).within()) << "what cannot be computed does not hold";
}

TEST(Ladder, TheDocumentIsCurrent)
{
    name_command();
    std::vector<Outcome> outcomes;
    for (const Row& row : rows()) outcomes.push_back(evaluate(row));
    for (const auto& outcome : outcomes)
        if (outcome.skipped) GTEST_SKIP() << outcome.row.needs << " is not there";
    std::ostringstream made;
    write_markdown(made, outcomes);
    std::ifstream file(LIGHTCARD_SOURCE_DIR "/docs/validation.md");
    std::ostringstream committed;
    committed << file.rdbuf();
    EXPECT_EQ(made.str(), committed.str()) << "run: lightcard validate --markdown docs/validation.md";
}

}  // namespace
}  // namespace lightcard::ladder
