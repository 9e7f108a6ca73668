// SPDX-License-Identifier: Apache-2.0
// The timeline read back as a viewer would: valid JSON, named rows, spans nested or disjoint, exact times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/platform/report/perfetto.h"

namespace lightcard::report {
namespace {

using nlohmann::json;

struct Slice {
    std::string name;
    double start = 0, end = 0;
};

struct Trace {
    json document;
    std::map<int, std::string> rows;
    std::map<int, std::vector<Slice>> slices;

    explicit Trace(const std::string& text) : document(json::parse(text))
    {
        for (const auto& event : document["traceEvents"]) {
            if (event["ph"] == "M" && event["name"] == "thread_name") rows[event["tid"]] = event["args"]["name"];
            if (event["ph"] == "X")
                slices[event["tid"]].push_back(
                    {event["name"], event["ts"], event["ts"].get<double>() + event["dur"].get<double>()});
        }
    }
    std::vector<json> events(const std::string& phase) const
    {
        std::vector<json> found;
        for (const auto& event : document["traceEvents"])
            if (event["ph"] == phase) found.push_back(event);
        return found;
    }
    /// True if no two slices of a row cross by more than a double's rounding.
    bool nested() const
    {
        constexpr double eps = 1e-6;
        for (const auto& [tid, row] : slices)
            for (const auto& a : row)
                for (const auto& b : row)
                    if (a.start + eps < b.start && b.start + eps < a.end && a.end + eps < b.end) return false;
        return true;
    }
};

TEST(Perfetto, SpansCarryExactTimesAndLayerNames)
{
    std::ostringstream out;
    ActivityStream stream;
    const auto early = stream.open("core0");
    PerfettoWriter writer(out, {"conv1"});
    stream.attach(writer);
    const auto late = stream.open("writer \"0\"");
    stream.span(early, "mvm", 1'234'567, 9'876'543, 1, 42);
    stream.instant(late, "doorbell", 5'000, 3);
    stream.counter(late, "depth", 6'000, 2.5);
    writer.finish();
    stream.span(early, "after the end", 0, 1);

    const Trace trace(out.str());
    EXPECT_THAT(trace.rows, testing::UnorderedElementsAre(testing::Pair(1, "core0"), testing::Pair(2, "writer \"0\"")));
    const auto spans = trace.events("X");
    ASSERT_EQ(spans.size(), 1u);
    EXPECT_DOUBLE_EQ(spans[0]["ts"], 1.234);
    EXPECT_DOUBLE_EQ(spans[0]["dur"], 8.642);
    EXPECT_EQ(spans[0]["args"]["t0_ps"], 1'234'567);
    EXPECT_EQ(spans[0]["args"]["dur_ps"], 8'641'976);
    EXPECT_EQ(spans[0]["args"]["layer_name"], "conv1");
    EXPECT_EQ(spans[0]["args"]["count"], 42);
    EXPECT_EQ(trace.events("i")[0]["args"]["t_ps"], 5'000);
    EXPECT_EQ(trace.events("C")[0]["name"], "writer \"0\".depth");
    EXPECT_EQ(trace.events("C")[0]["args"]["value"], 2.5);
}

TEST(Perfetto, NestedSpansShareARowAndCrossingOnesGetTheirOwn)
{
    std::ostringstream out;
    PerfettoWriter writer(out);
    writer.track(0, "queue");
    writer.span(0, "child", 10'000, 20'000, 0, 0);
    writer.span(0, "parent", 0, 50'000, 0, 0);
    writer.span(0, "crosses", 15'000, 60'000, 0, 0);
    writer.span(0, "after", 60'000, 70'000, 0, 0);
    writer.finish();
    const Trace trace(out.str());
    EXPECT_TRUE(trace.nested());
    EXPECT_THAT(trace.rows, testing::UnorderedElementsAre(testing::Pair(1, "queue"), testing::Pair(2, "queue #2")));
    EXPECT_EQ(trace.slices.at(1).size(), 3u);
    EXPECT_EQ(trace.slices.at(2).at(0).name, "crosses");
}

TEST(Perfetto, ManyOverlappingSpansStayNested)
{
    std::ostringstream out;
    PerfettoWriter writer(out);
    writer.track(0, "dma");
    std::uint64_t state = 7;
    for (int i = 0; i < 2000; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const Picoseconds t0 = i * 7'001 + static_cast<Picoseconds>(state >> 50);
        writer.span(0, "read", t0, t0 + 1 + static_cast<Picoseconds>((state >> 30) % 40'000), 0, 0);
    }
    writer.finish();
    const Trace trace(out.str());
    EXPECT_TRUE(trace.nested());
    EXPECT_GT(trace.rows.size(), 1u);
    EXPECT_LT(trace.rows.size(), 12u);
}

TEST(Perfetto, PowerCountersIntegrateToTheLedger)
{
    Ledger ledger;
    ledger.set_conversion(0.5);
    const auto adc = ledger.open({"core0.adc", Category::adc, "sample", 1e-9, Scope::core, true, ""});
    ledger.charge(adc, 1000, 0, 500'000);
    ledger.charge(adc, 10, 700'000, 800'000);
    std::ostringstream out;
    {
        PerfettoWriter writer(out);
        writer.power(ledger);
    }  // the destructor closes the document
    const Trace trace(out.str());
    std::map<std::string, double> joules, watts, since;
    for (const auto& event : trace.events("C")) {
        const std::string name = event["name"];
        joules[name] += watts[name] * (event["ts"].get<double>() - since[name]) * 1e-6;
        watts[name] = event["args"]["W"];
        since[name] = event["ts"];
    }
    EXPECT_NEAR(joules["power.adc"] / 1.01e-6, 1, 1e-9);
    EXPECT_NEAR(joules["power.conversion_loss"] / 1.01e-6, 1, 1e-9);
    EXPECT_EQ(watts["power.adc"], 0);
    EXPECT_EQ(joules.count("power.laser"), 0u);
}

TEST(Perfetto, EmptyTraceIsValid)
{
    std::ostringstream out;
    {
        PerfettoWriter writer(out);
    }
    EXPECT_EQ(Trace(out.str()).document["traceEvents"].size(), 1u);
}

}  // namespace
}  // namespace lightcard::report
