// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/energy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <sstream>

#include "lightcard/model/common/activity.h"
#include "lightcard/model/common/archive.h"
#include "lightcard/model/common/diagnostics.h"

namespace lightcard {
namespace {

AccountSpec spec(std::string path, double joules_per_count = 1.0, Scope scope = Scope::core, bool through_vrm = true,
                 Category category = Category::digital)
{
    AccountSpec spec;
    spec.path = std::move(path);
    spec.category = category;
    spec.unit = "sample";
    spec.joules_per_count = joules_per_count;
    spec.scope = scope;
    spec.through_vrm = through_vrm;
    return spec;
}

struct Charge {
    std::uint64_t count;
    Picoseconds t0, t1;
    Cause cause;
};

std::vector<Charge> random_charges(std::mt19937_64& rng, int n, Picoseconds longest)
{
    std::vector<Charge> charges;
    for (int i = 0; i < n; ++i) {
        // Short and long, early and late on a logarithmic scale; every fifth an instant.
        const auto t0 = static_cast<Picoseconds>(rng() % static_cast<std::uint64_t>(longest)) >> (rng() % 30);
        const auto length = static_cast<Picoseconds>(rng() % static_cast<std::uint64_t>(longest)) >> (rng() % 40);
        const Picoseconds t1 = rng() % 5 == 0 ? t0 : t0 + length;
        charges.push_back({rng() >> (20 + rng() % 40), t0, t1, {static_cast<std::uint32_t>(rng() % 3), 7}});
    }
    return charges;
}

Ledger booked(const std::vector<Charge>& charges)
{
    Ledger ledger;
    const auto account = ledger.open(spec("core0.digital"));
    for (const auto& charge : charges) ledger.charge(account, charge.count, charge.t0, charge.t1, charge.cause);
    return ledger;
}

TEST(Ledger, TraceAndCausesAlwaysSumToTheCount)
{
    std::mt19937_64 rng(1);
    for (int round = 0; round < 50; ++round) {
        const auto charges = random_charges(rng, 40, Picoseconds{1} << (12 + round));
        const auto ledger = booked(charges);
        std::uint64_t expected = 0;
        for (const auto& charge : charges) expected += charge.count;
        const auto& account = ledger.accounts()[0];
        EXPECT_EQ(account.count, expected);
        EXPECT_EQ(std::accumulate(account.trace.begin(), account.trace.end(), std::uint64_t{0}), expected);
        EXPECT_TRUE(ledger.balances());
    }
}

TEST(Ledger, AnyOrderGivesTheSameBinsThroughAnyHistoryOfMerges)
{
    std::mt19937_64 rng(2);
    for (int round = 0; round < 50; ++round) {
        auto charges = random_charges(rng, 40, Picoseconds{1} << (12 + round));
        const auto expected = booked(charges);
        const auto by_end = [](const Charge& a, const Charge& b) { return a.t1 < b.t1; };
        for (int shuffle = 0; shuffle < 4; ++shuffle) {
            // Ascending ends: as many merges between charges as there can be. Descending: all merges first.
            if (shuffle == 0) std::sort(charges.begin(), charges.end(), by_end);
            if (shuffle == 1) std::reverse(charges.begin(), charges.end());
            if (shuffle >= 2) std::shuffle(charges.begin(), charges.end(), rng);
            const auto ledger = booked(charges);
            ASSERT_EQ(ledger.bin_width(), expected.bin_width());
            ASSERT_EQ(ledger.accounts()[0].trace, expected.accounts()[0].trace) << "round " << round;
            ASSERT_EQ(ledger.accounts()[0].by_cause, expected.accounts()[0].by_cause);
        }
    }
}

TEST(Ledger, BinsHoldTheFloorAtCumulativeEdges)
{
    Ledger ledger;
    const auto account = ledger.open(spec("a"));
    ledger.charge(account, 10, 500, 3500);  // edges at 1, 2, 3 ns: floor(10/6), floor(30/6), floor(50/6)
    const auto& trace = ledger.accounts()[0].trace;
    EXPECT_EQ(ledger.bin_width(), kNanosecond);
    EXPECT_EQ((std::vector<std::uint64_t>(trace.begin(), trace.begin() + 5)),
              (std::vector<std::uint64_t>{1, 4, 3, 2, 0}));
    EXPECT_EQ(ledger.bins_used(), 4u);
}

TEST(Ledger, BinsWidenByPairsOnlyWhenTimePassesTheEnd)
{
    Ledger ledger;
    const auto account = ledger.open(spec("a"));
    ledger.charge(account, 5, 0, 0);
    ledger.charge(account, 7, 1000, 1000);
    ledger.charge(account, 1, 0, 2048 * kNanosecond);  // ends at the edge: still fits
    EXPECT_EQ(ledger.bin_width(), kNanosecond);
    EXPECT_EQ(ledger.accounts()[0].trace[1], 7u);
    ledger.charge(account, 1, 2048 * kNanosecond, 2048 * kNanosecond);
    EXPECT_EQ(ledger.bin_width(), 2 * kNanosecond);
    EXPECT_EQ(ledger.accounts()[0].trace[0], 12u);
    EXPECT_EQ(ledger.accounts()[0].trace[1024], 1u);
}

TEST(Ledger, SurvivesTheLargestCountsAndTimes)
{
    Ledger ledger;
    const auto account = ledger.open(spec("a"));
    const auto most = std::numeric_limits<std::uint64_t>::max();
    ledger.charge(account, most - 10, 1, kNever);
    ledger.charge(account, 3, kNever, kNever);
    ledger.charge(account, 3, -5, -5);
    ledger.charge(account, 4, 100, 50);  // an end before the start is an instant at the start
    EXPECT_EQ(ledger.accounts()[0].count, most);
    EXPECT_TRUE(ledger.balances());
    EXPECT_LE(ledger.bins_used(), Ledger::kTraceBins);
}

TEST(Ledger, ZeroCountsLeaveNoMark)
{
    Ledger ledger;
    const auto account = ledger.open(spec("a"));
    ledger.charge(account, 0, 0, kSecond, {1, 2});
    EXPECT_EQ(ledger.bin_width(), kNanosecond);
    EXPECT_TRUE(ledger.accounts()[0].by_cause.empty());
    EXPECT_EQ(ledger.bins_used(), 0u);
}

TEST(Ledger, SumsScopesLaserAndConversionLoss)
{
    Ledger ledger;
    ledger.set_conversion(0.8);
    const auto digital = ledger.open(spec("core0.digital", 2.0));
    const auto laser = ledger.open(spec("core0.laser", 1.0, Scope::core, false, Category::laser));
    const auto dram = ledger.open(spec("card_memory", 4.0, Scope::card));
    const auto laser_driver = ledger.open(spec("core0.laser_driver", 8.0, Scope::card, true, Category::laser));
    const auto host = ledger.open(spec("host", 16.0, Scope::system, false));
    for (const auto account : {digital, laser, dram, laser_driver, host}) ledger.charge(account, 10, 0, 100);

    EXPECT_DOUBLE_EQ(ledger.conversion_loss_joules(), (20.0 + 40.0 + 80.0) * 0.25);
    EXPECT_DOUBLE_EQ(ledger.conversion_loss_joules(false), (20.0 + 40.0) * 0.25);
    EXPECT_DOUBLE_EQ(ledger.joules(Scope::core), 30.0);
    EXPECT_DOUBLE_EQ(ledger.joules(Scope::core, false), 20.0);
    EXPECT_DOUBLE_EQ(ledger.joules(Scope::card), 30.0 + 120.0 + 35.0);
    EXPECT_DOUBLE_EQ(ledger.joules(Scope::card, false), 20.0 + 40.0 + 15.0);
    EXPECT_DOUBLE_EQ(ledger.joules(Scope::system), 30.0 + 120.0 + 35.0 + 160.0);
}

TEST(Ledger, SavesAndLoads)
{
    std::mt19937_64 rng(3);
    auto ledger = booked(random_charges(rng, 40, kMillisecond));
    std::stringstream file;
    ArchiveWriter writer(file);
    writer.section("ledger", ledger);
    ASSERT_TRUE(writer.finish().ok());

    auto loaded = booked({});
    ArchiveReader reader(file);
    reader.section("ledger", loaded);
    const auto status = reader.finish();
    ASSERT_TRUE(status.ok()) << status.error().message();
    EXPECT_EQ(loaded.bin_width(), ledger.bin_width());
    EXPECT_EQ(loaded.accounts()[0].trace, ledger.accounts()[0].trace);
    EXPECT_EQ(loaded.accounts()[0].by_cause, ledger.accounts()[0].by_cause);

    Ledger other;
    other.open(spec("core1.digital"));
    file.clear(), file.seekg(0);
    ArchiveReader refusing(file);
    refusing.section("ledger", other);
    const auto refused = refusing.finish();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().message(),
              "section ledger, field path: the archive has 'core0.digital' (it must be 'core1.digital')");
    EXPECT_TRUE(other.balances());
}

TEST(Ledger, ALedgerThatDoesNotBalanceIsRefusedAndLeavesAnEmptyOne)
{
    auto ledger = booked({{5, 0, 10, {}}});
    std::stringstream file;
    ArchiveWriter writer(file);
    writer.section("ledger", [&] {
        Picoseconds width = 0;  // a division by zero in waiting
        writer.field("bin_width", width);
        writer.expect("accounts", std::uint64_t{1});
        auto account = ledger.accounts()[0];
        writer.expect("path", account.spec.path);
        writer.expect("category", account.spec.category);
        writer.expect("unit", account.spec.unit);
        writer.field("count", account.count);
        writer.field("by_cause", account.by_cause);
        writer.field("trace", account.trace);
    });
    ASSERT_TRUE(writer.finish().ok());
    ArchiveReader reader(file);
    reader.section("ledger", ledger);
    EXPECT_EQ(reader.finish().error().message(), "section ledger: the ledger does not balance");
    EXPECT_TRUE(ledger.balances());
    EXPECT_EQ(ledger.accounts()[0].count, 0u);
    ledger.charge(0, 1, 0, kSecond);
    EXPECT_TRUE(ledger.balances());
}

class Recorder : public ActivitySink {
public:
    void track(TrackId id, std::string_view path) override
    {
        log += "track " + std::to_string(id) + " " + std::string(path) + "\n";
    }
    void span(TrackId id, std::string_view name, Picoseconds t0, Picoseconds t1, std::uint32_t, std::uint64_t) override
    {
        log +=
            std::to_string(id) + " " + std::string(name) + " " + std::to_string(t0) + ".." + std::to_string(t1) + "\n";
    }
    void instant(TrackId, std::string_view, Picoseconds, std::uint64_t) override {}
    void counter(TrackId, std::string_view, Picoseconds, double) override {}
    std::string log;
};

TEST(ActivityStream, TellsLateSinksOfEarlierTracksAndForgetsDetachedOnes)
{
    ActivityStream stream;
    Recorder early, late;
    EXPECT_FALSE(stream.enabled());
    stream.attach(early);
    const auto track = stream.open("core0.converters");
    stream.span(track, "MVM", 5, 9);
    stream.attach(late);
    stream.attach(late);  // once is enough
    stream.open("dma");
    stream.detach(early);
    stream.span(track, "MVM", 9, 12);
    EXPECT_EQ(early.log, "track 0 core0.converters\n0 MVM 5..9\ntrack 1 dma\n");
    EXPECT_EQ(late.log, "track 0 core0.converters\ntrack 1 dma\n0 MVM 9..12\n");
    stream.detach(late);
    EXPECT_FALSE(stream.enabled());
}

TEST(Diagnostics, SaysUnimplementedOnceAndKeepsTheLast256)
{
    Diagnostics diagnostics;
    int heard = 0;
    diagnostics.set_handler([&](const Diagnostic&) { ++heard; });
    for (int i = 0; i < 3; ++i) diagnostics.unimplemented(i, "control_chip", "PWR_CTRL.TARGET");
    EXPECT_EQ(heard, 1);
    EXPECT_EQ(diagnostics.count(Severity::unimplemented), 3u);
    for (int i = 0; i < 300; ++i) diagnostics.guest_error(i, "queues", "doorbell " + std::to_string(i));
    EXPECT_EQ(heard, 301);
    ASSERT_EQ(diagnostics.kept().size(), Diagnostics::kKept);
    EXPECT_EQ(diagnostics.kept().front().text, "doorbell 44");
    EXPECT_EQ(diagnostics.kept().back().text, "doorbell 299");
    EXPECT_EQ(diagnostics.count(Severity::guest_error), 300u);
}

}  // namespace
}  // namespace lightcard
