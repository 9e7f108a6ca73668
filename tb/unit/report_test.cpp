// SPDX-License-Identifier: Apache-2.0
// The report against hand-computed figures, and scripts/check-energy.py against reports that are right and wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lightcard/platform/report/accuracy.h"
#include "lightcard/platform/report/html.h"
#include "lightcard/platform/report/json.h"
#include "lightcard/platform/report/loss.h"
#include "lightcard/platform/report/svg.h"
#include "lightcard/platform/report/text.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::report {
namespace {

using testing::HasSubstr;
using testing::Not;

/// One second of set-up and three of inference on an invented card, charged by hand.
struct Fixture {
    CardConfig config;
    Ledger ledger;
    CardCounters counters;
    RunSummary summary;
    AccountId laser, adc, cells, fan, fixed;

    Fixture()
    {
        config.name = "bench";
        config.hash = "0123456789abcdef";
        config.resolved = {{"card.converters.adc_energy", "2.4 pJ", "", "", "", ""},
                           {"card.pcm.write_energy", "17 nJ", "", "", "", ""},
                           {"card.pcm.write_slot", "10 us", "", "", "", ""},
                           {"card.pcm.banks", "2", "", "", "", ""},
                           {"card.power.fixed_power", "8 W", "", "", "", ""},
                           {"card.power.fan_power", "2.5 W", "", "", "", ""},
                           {"host.threads", "7", "", "", "", ""}};
        ledger.set_conversion(0.8);
        laser =
            ledger.open({"core0.laser", Category::laser, "lane-ps", 9e-12, Scope::core, true, "card.core.row_power"});
        adc = ledger.open(
            {"core0.adc", Category::adc, "sample", 2.4e-12, Scope::core, true, "card.converters.adc_energy"});
        cells = ledger.open(
            {"core0.pcm_write", Category::weight_write, "cell", 17e-9, Scope::core, true, "card.pcm.write_energy"});
        fixed = ledger.open({"board.fixed", Category::board, "ps", 8e-12, Scope::card, true, "card.power.fixed_power"});
        fan = ledger.open({"board.fan", Category::fan, "ps", 2.5e-12, Scope::card, false, "card.power.fan_power"});

        fill_counters();
        summary.network = "toy";
        summary.images = 6;
        summary.batch = 2;
        summary.layers = {{"conv1", "Conv", 1000, 3, 10, 0.5}, {"fc", "Gemm", 500, 1, 1, 0.25}};
        Mark before;
        before.now = kSecond;
        setup(before);
        inference();
    }

    Report report() const { return make_report(config, ledger, counters, summary); }

private:
    void fill_counters()
    {
        counters.now = 4 * kSecond;
        counters.adc_samples = 3000;
        counters.adc_clipped = 3;
        counters.cell_writes = 40;
        counters.tile_loads = 4;
        counters.mvms = 90;
        counters.laser_on = kSecond / 2;
        counters.max_wear = 4;
        counters.endurance = 1000;
        counters.exec_start = {kSecond, 2 * kSecond, 3 * kSecond};
        counters.exec_end = {2 * kSecond, 3 * kSecond, 4 * kSecond - 10};
        LayerCounters conv;
        conv.cause.layer = 1;
        conv.first = kSecond;
        conv.last = 4 * kSecond - 10;
        conv.tile_vectors = 90;
        conv.tile_loads = 4;
        conv.cell_writes = 40;
        conv.stats.samples = 3000;
        conv.stats.clipped = 3;
        conv.error.signal = 600'000;
        conv.error.results = 3000;
        conv.error.thermal = 3000;
        conv.error.shot = 3000;
        counters.layers = {conv};
        EngineCounters core{"core0", kSecond * 3 / 10, 9, 90, {{"weights", 2 * kSecond}, {"laser", kSecond / 2}}};
        EngineCounters writer{"writer0", kSecond * 36 / 10, 4, 4, {}};
        counters.engines = {core, writer};
    }

    void setup(Mark& before)
    {
        ledger.charge(cells, 10, 0, kSecond, {0, 1});
        ledger.charge(fixed, kSecond, 0, kSecond);
        ledger.charge(fan, kSecond, 0, kSecond);
        before = mark(ledger, {});
        before.now = kSecond;
        before.counters.cell_writes = 10;
        before.counters.tile_loads = 1;
        before.counters.max_wear = 1;
        before.counters.engines = {{"writer0", kSecond * 9 / 10, 1, 1, {}}};
        summary.setup_end = before;
    }

    void inference()
    {
        const Picoseconds t0 = kSecond, t1 = 4 * kSecond;
        ledger.charge(laser, 2 * kSecond, t0, t1, {0, 1});
        ledger.charge(adc, 3000, t0, t1, {0, 1});
        ledger.charge(cells, 30, t0, t1, {0, 2});
        ledger.charge(fixed, 3 * kSecond, t0, t1);
        ledger.charge(fan, 3 * kSecond, t0, t1);
    }
};

TEST(Report, EnergyByBoundary)
{
    const auto r = Fixture().report();
    const double core_without_laser = 3000 * 2.4e-12 + 40 * 17e-9;
    const double core = core_without_laser + 18;
    EXPECT_DOUBLE_EQ(r.energy.joules(Scope::core), core);
    EXPECT_DOUBLE_EQ(r.energy.joules(Scope::core, false), core_without_laser);
    const double loss = (core + 32) * 0.25;
    EXPECT_DOUBLE_EQ(r.energy.joules(Category::conversion_loss), loss);
    EXPECT_DOUBLE_EQ(r.energy.joules(Scope::card), core + 32 + 10 + loss);
    EXPECT_DOUBLE_EQ(r.energy.joules(Scope::card, false),
                     core_without_laser + 32 + 10 + (core_without_laser + 32) * 0.25);
    EXPECT_EQ(r.energy.joules(Category::conversion_loss, Scope::core), 0);
}

TEST(Report, AgreesWithTheLedgersOwnSums)
{
    const Fixture f;
    const auto r = f.report();
    for (const auto scope : kScopes)
        for (const bool laser : {true, false})
            EXPECT_DOUBLE_EQ(r.energy.joules(scope, laser), f.ledger.joules(scope, laser));
}

TEST(Report, PhasesSplitTheRun)
{
    const auto r = Fixture().report();
    ASSERT_EQ(r.phases.size(), 2u);
    EXPECT_EQ(r.phases[0].counts, (std::vector<std::uint64_t>{0, 0, 10, kSecond, kSecond}));
    EXPECT_DOUBLE_EQ(r.inference().seconds(), 3.0);
    EXPECT_DOUBLE_EQ(r.inference().energy.joules(Category::laser), 18);
    EXPECT_DOUBLE_EQ(r.phases[0].energy.joules(Scope::card) + r.inference().energy.joules(Scope::card),
                     r.energy.joules(Scope::card));
}

TEST(Report, LatencyAndThroughput)
{
    const auto r = Fixture().report();
    EXPECT_EQ(r.latency.batches, 3u);
    EXPECT_EQ(r.latency.time_to_first_result, 2 * kSecond);
    EXPECT_EQ(r.latency.first, kSecond);
    EXPECT_DOUBLE_EQ(r.latency.steady_per_batch, static_cast<double>(kSecond) - 5);
    EXPECT_DOUBLE_EQ(r.latency.steady_per_image, r.latency.steady_per_batch / 2);
    EXPECT_EQ(r.latency.p50, kSecond);
    EXPECT_EQ(r.latency.longest, kSecond);
    EXPECT_NEAR(r.throughput.images_per_second, 2.0, 1e-9);
    EXPECT_DOUBLE_EQ(r.throughput.mvms_per_second, 30);
    EXPECT_NEAR(r.throughput.peak_tops, 1703.936, 1e-9);
    EXPECT_DOUBLE_EQ(r.throughput.tile_tops, 2e-12 * 128 * 128 * 30);
    EXPECT_DOUBLE_EQ(r.throughput.useful_tops, 2e-12 * 1500 * r.throughput.images_per_second);
}

TEST(Report, PercentilesAreNearestRank)
{
    Fixture f;
    f.counters.exec_start.clear();
    f.counters.exec_end.clear();
    for (int i = 1; i <= 200; ++i) {
        f.counters.exec_start.push_back(kSecond);
        f.counters.exec_end.push_back(kSecond + 10 * i);
    }
    const auto latency = f.report().latency;
    EXPECT_EQ(latency.p50, 1000);
    EXPECT_EQ(latency.p90, 1800);
    EXPECT_EQ(latency.p99, 1980);
    EXPECT_EQ(latency.longest, 2000);
}

TEST(Report, EnginesCountTheInferencePhaseOnly)
{
    const auto r = Fixture().report();
    ASSERT_EQ(r.engines.size(), 2u);
    EXPECT_DOUBLE_EQ(r.engines[0].utilisation, 0.1);
    EXPECT_DOUBLE_EQ(r.engines[1].utilisation, 0.9);
    EXPECT_EQ(r.engines[1].commands, 3u);
}

TEST(Report, WearAndLifeFollowTheInferencePhase)
{
    const auto w = Fixture().report().weights;
    EXPECT_EQ(w.inference_cell_writes, 30u);
    EXPECT_EQ(w.inference_wear, 3u);
    ASSERT_TRUE(w.life_seconds);
    EXPECT_DOUBLE_EQ(*w.life_seconds, 1000.0);  // one cycle a second
}

TEST(Report, NoWritesMeansNoLifeLimit)
{
    Fixture f;
    f.summary.setup_end.counters.max_wear = f.counters.max_wear;
    EXPECT_FALSE(f.report().weights.life_seconds);
    EXPECT_TRUE(to_json(f.report())["weights"]["life_at_this_load_s"].is_null());
}

TEST(Report, NamesTheEngineThatLimitsAndWhatLiftsIt)
{
    const auto limit = Fixture().report().limit;
    EXPECT_EQ(limit.engine, "writer0");
    EXPECT_EQ(limit.cause, "weights");
    EXPECT_EQ(limit.next_engine, "core0");
    ASSERT_TRUE(limit.headroom);
    EXPECT_NEAR(*limit.headroom, 9.0, 1e-12);
    EXPECT_THAT(limit.sentence, HasSubstr("Limited by writer0"));
    EXPECT_THAT(limit.sentence, HasSubstr("4 tiles and the card 2 banks"));
    EXPECT_THAT(limit.sentence, HasSubstr("(at 3,120,000,000 computing"));  // 2 x 0.9 x 52e9 / 30
    EXPECT_THAT(limit.sentence, HasSubstr("card.pcm.write_slot"));
}

TEST(Report, WaitingLimitsWhenNoEngineIsFull)
{
    Fixture f;
    f.counters.engines[1].busy = kSecond * 9 / 10;  // the writer rests during inference
    const auto limit = f.report().limit;
    EXPECT_EQ(limit.engine, "");
    EXPECT_THAT(limit.sentence, HasSubstr("waits mostly for weights"));
    f.counters.engines[0].waits = {{"laser", kSecond}};
    EXPECT_THAT(f.report().limit.sentence, HasSubstr("laser warm-up"));
}

TEST(Report, NamesTheNoiseThatSpoilsTheOutputs)
{
    Fixture f;
    f.counters.layers[0].error.shot = 1000;
    f.summary.accuracy = Accuracy{0, 0, 0, {}, {{"fp32", 6, 1, 0.3, 1, 2, 60}}};
    const auto limit = f.report().limit;
    EXPECT_EQ(limit.error_source, "thermal");
    EXPECT_DOUBLE_EQ(limit.error_share, 0.75);
    EXPECT_THAT(limit.noise_sentence,
                HasSubstr("75.0 % of it is thermal noise of the receivers. To lift it: a larger row_power"));
    f.summary.accuracy->agreements[0].correlation = 0.95;
    EXPECT_EQ(f.report().limit.noise_sentence, "");
    f.config.run.fidelity = Fidelity::ideal;
    EXPECT_EQ(f.report().limit.error_source, "");
}

TEST(Report, TraceIntegratesToTheTotals)
{
    Fixture f;
    for (const std::size_t bins : {1u, 7u, 512u, 4096u}) {
        f.summary.trace_bins = bins;
        const auto r = f.report();
        EXPECT_LE(r.trace.bins.size(), bins);
        double joules = 0;
        for (const auto& bin : r.trace.bins) joules += bin.joules(Scope::system);
        EXPECT_NEAR(joules / r.energy.joules(Scope::system), 1, 1e-12) << bins;
    }
}

TEST(Report, LayersAddUp)
{
    const auto r = Fixture().report();
    ASSERT_EQ(r.layers.size(), 3u);
    double joules = 0;
    for (const auto& layer : r.layers) joules += layer.energy.joules(Scope::system);
    EXPECT_DOUBLE_EQ(joules, r.energy.joules(Scope::system));
    EXPECT_EQ(r.layers[1].info.name, "conv1");
    EXPECT_DOUBLE_EQ(r.layers[2].energy.joules(Category::weight_write), 30 * 17e-9);
}

TEST(Report, ErrorVarianceInAccumulatorAndRealUnits)
{
    const auto error = to_json(Fixture().report())["layers"][1]["error_variance"];
    EXPECT_DOUBLE_EQ(error["thermal"]["acc2"].get<double>(), 1.0);
    EXPECT_DOUBLE_EQ(error["thermal"]["real2"].get<double>(), 0.25);
    EXPECT_DOUBLE_EQ(error["total"]["acc2"].get<double>(), 2.0);
    EXPECT_DOUBLE_EQ(error["signal"]["acc2"].get<double>(), 200.0);
}

TEST(Report, HashIgnoresTheHostAndNothingElse)
{
    Fixture f;
    const auto base = to_json(f.report());
    EXPECT_EQ(base["report_hash"].get<std::string>().size(), 16u);
    f.summary.host = {12.5, 8, true, "avx2", "other machine", "9.9"};
    f.config.resolved.back().value = "8";
    auto other = to_json(f.report());
    EXPECT_EQ(other["report_hash"], base["report_hash"]);
    EXPECT_EQ(other["host"]["config"]["host.threads"], "8");
    EXPECT_FALSE(other["config"].contains("host.threads"));
    f.counters.doorbells += 1;
    EXPECT_NE(to_json(f.report())["report_hash"], base["report_hash"]);
    EXPECT_EQ(report_hash(nlohmann::ordered_json::parse(base.dump())), base["report_hash"].get<std::string>());
}

TEST(Report, EmptyRunIsStillAReport)
{
    const auto r = make_report(CardConfig{}, Ledger{}, CardCounters{}, RunSummary{});
    const auto json = to_json(r);
    EXPECT_EQ(json["schema"], kSchema);
    std::ostringstream text;
    write_text(text, r);
    EXPECT_THAT(text.str(), HasSubstr("Nothing ran"));
    EXPECT_THAT(text.str(), Not(HasSubstr("nan")));
    EXPECT_THAT(text.str(), Not(HasSubstr("inf ")));
}

TEST(Report, TextSaysWhatTheJsonSays)
{
    Fixture f;
    f.summary.accuracy = Accuracy{100, 97, 100, 98, {{"fp32", 100, 99, 0.99876, 0.01, 0.1, 1000}}};
    std::ostringstream out;
    write_text(out, f.report());
    const auto text = out.str();
    for (const char* part :
         {"toy on bench", "97.0 % top-1 on 100 labels (fp32: 98.0 %)", "0.99876", "writer0", "90.0 %",
          "0123456789abcdef", "same top-1 on 99 of 100", "Limited by writer0", "16.67 min"})
        EXPECT_THAT(text, HasSubstr(part));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
}

/// Tags of the page without attributes, in order: "html", "/html".
std::vector<std::string> tags_of(const std::string& page)
{
    std::vector<std::string> tags;
    for (std::size_t at = 0; (at = page.find('<', at)) != std::string::npos; ++at) {
        const auto end = page.find_first_of(" >/", at + 2);
        const auto close = page.find('>', at);
        if (page[at + 1] != '!' && page[close - 1] != '/') tags.push_back(page.substr(at + 1, end - at - 1));
    }
    return tags;
}

void expect_balanced(const std::string& page)
{
    std::vector<std::string> open;
    for (const auto& tag : tags_of(page)) {
        if (tag == "meta" || tag == "br") continue;
        if (tag[0] != '/') {
            open.push_back(tag);
            continue;
        }
        ASSERT_FALSE(open.empty()) << tag;
        ASSERT_EQ(open.back(), tag.substr(1));
        open.pop_back();
    }
    EXPECT_TRUE(open.empty());
}

TEST(Html, SaysWhatTheTextSays)
{
    Fixture f;
    f.summary.accuracy = Accuracy{100, 97, 100, 98, {{"fp32", 100, 99, 0.99876, 0.01, 0.1, 1000}}};
    std::ostringstream out;
    write_html(out, f.report());
    const auto page = out.str();
    for (const char* part : {"toy on bench", "97.0 %", "fp32 98.0 %", "99 of 100", "Limited by writer0", "90.0 % busy",
                             "16.67 min", "core0.adc", "card.converters.adc_energy", "waits for weights: 66.7 %",
                             "thermal: 50.0 % of the error's variance", "20.0 dB SNR"})
        EXPECT_THAT(page, HasSubstr(part));
    expect_balanced(page);
}

TEST(Html, FetchesNothingAndEscapesNames)
{
    Fixture f;
    f.summary.network = "<script>alert(1)</script>";
    f.summary.layers[0].name = "a\"b&c";
    std::ostringstream out;
    write_html(out, f.report());
    const auto page = out.str();
    for (const char* part : {"<script", "http:", "https:", "url(", "nan", "a\"b&c"})
        EXPECT_THAT(page, Not(HasSubstr(part)));
    EXPECT_THAT(page, HasSubstr("a&quot;b&amp;c"));
    expect_balanced(page);
}

TEST(Html, EmptyRunIsStillAPage)
{
    std::ostringstream out;
    write_html(out, make_report(CardConfig{}, Ledger{}, CardCounters{}, RunSummary{}));
    EXPECT_THAT(out.str(), HasSubstr("Nothing ran"));
    EXPECT_THAT(out.str(), Not(HasSubstr("nan")));
    expect_balanced(out.str());
}

TEST(Svg, TicksAreRoundAndCoverTheRange)
{
    EXPECT_EQ(svg::ticks(58.7), (std::vector<double>{0, 20, 40, 60}));
    EXPECT_EQ(svg::ticks(0.9).back(), 1);
    EXPECT_EQ(svg::ticks(0), (std::vector<double>{0, 1}));
    for (const double top : {1e-12, 0.3, 1.0, 2.01, 5.0, 7.7, 99.0, 12345.0}) {
        EXPECT_GE(svg::ticks(top).back(), top * 0.999999);
        EXPECT_LE(svg::ticks(top).size(), 7u) << top;
        EXPECT_GE(svg::ticks(top).size(), 3u) << top;
    }
}

// --- scripts/check-energy.py ---------------------------------------------------------------------------------------

int run_checker(const nlohmann::ordered_json& document, std::string* output = nullptr)
{
    const auto base = std::filesystem::temp_directory_path() / ("lightcard_report_" + std::to_string(getpid()));
    const std::string json = base.string() + ".json", log = base.string() + ".log";
    std::ofstream(json) << document.dump(1);
    const std::string command =
        "python3 " LIGHTCARD_SOURCE_DIR "/scripts/check-energy.py " + json + " > " + log + " 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream in(log);
    if (output) output->assign(std::istreambuf_iterator<char>(in), {});
    std::filesystem::remove(json);
    std::filesystem::remove(log);
    return WEXITSTATUS(status);
}

TEST(CheckEnergy, AcceptsTheReport)
{
    std::string output;
    EXPECT_EQ(run_checker(to_json(Fixture().report()), &output), 0) << output;
}

TEST(CheckEnergy, FindsEachWrongFigure)
{
    const auto good = to_json(Fixture().report());
    const std::pair<const char*, const char*> wrong[] = {
        {"/energy/accounts/1/count", "core0.adc"},
        {"/energy/accounts/1/joules_per_count", "core0.adc"},
        {"/energy/accounts/2/joules", "core0.pcm_write"},
        {"/energy/accounts/3/count_by_phase/setup", "board.fixed"},
        {"/energy/conversion_loss/joules", "conversion loss"},
        {"/energy/scopes/card/without_laser/joules", "card without_laser"},
        {"/energy/joules_by_category/laser", "laser"},
        {"/energy/phases/1/scopes/core/with_laser/watts", "phase inference core"},
        {"/energy/trace/watts/adc/0", "power trace, adc"},
        {"/layers/1/joules", "layer 1"},
        {"/counters/adc_samples", "count of adc"},
        {"/counters/cell_writes", "count of pcm_write"},
        {"/counters/laser_on_ps", "lane-time of all lasers"},
        {"/time/end_ps", "board.fixed"},
    };
    for (const auto& [path, named] : wrong) {
        auto bad = good;
        auto& value = bad[nlohmann::ordered_json::json_pointer(path)];
        if (value.is_number_integer())
            value = value.get<std::uint64_t>() + 1;
        else
            value = value.get<double>() == 0 ? 1.0 : value.get<double>() * 1.0001;
        std::string output;
        EXPECT_EQ(run_checker(bad, &output), 1) << path << '\n' << output;
        EXPECT_THAT(output, HasSubstr(named)) << path;
    }
}

TEST(CheckEnergy, UnitEnergyMustBeTheConfiguredOne)
{
    auto f = Fixture();
    f.config.resolved[0].value = "2.5 pJ";  // the ledger was opened with 2.4 pJ
    std::string output;
    EXPECT_EQ(run_checker(to_json(f.report()), &output), 1);
    EXPECT_THAT(output, HasSubstr("core0.adc/adc joules_per_count"));
}

TEST(CheckEnergy, RefusesWhatIsNoReport)
{
    EXPECT_EQ(run_checker({{"schema", "other"}}), 2);
    EXPECT_EQ(run_checker(nlohmann::ordered_json::array()), 2);
}

// --- units and accuracy --------------------------------------------------------------------------------------------

TEST(Units, WrapsAtBlanks)
{
    EXPECT_EQ(wrapped("one two  three", 7), "one two\nthree");
    EXPECT_EQ(wrapped("  aa bb", 3, "  "), "aa\n  bb");
    EXPECT_EQ(wrapped("unbreakable words", 4), "unbreakable\nwords");
    EXPECT_EQ(wrapped("", 10), "");
}

TEST(Units, ScaleAndRound)
{
    EXPECT_EQ(si(131.84, "W"), "131.8 W");
    EXPECT_EQ(si(2.4e-12, "J"), "2.4 pJ");
    EXPECT_EQ(si(0, "J"), "0 J");
    EXPECT_EQ(si(999.99, "W"), "1 kW");
    EXPECT_EQ(si(99.996, "W"), "100 W");
    EXPECT_EQ(si(-0.5, "W"), "-500 mW");
    EXPECT_EQ(duration(77), "77 ps");
    EXPECT_EQ(duration(1'280'000'000), "1.28 ms");
    EXPECT_EQ(seconds_text(43 * 60), "43 min");
    EXPECT_EQ(seconds_text(4.1 * 86400), "4.1 days");
    EXPECT_EQ(seconds_text(81 * 365.25 * 86400), "81.0 years");
    EXPECT_EQ(grouped(1703.936, 1), "1,703.9");
    EXPECT_EQ(grouped(std::uint64_t{314512}), "314,512");
    EXPECT_EQ(grouped(-1234.0), "-1,234");
    EXPECT_EQ(percent(0.9943), "99.4 %");
    EXPECT_EQ(percent(0.0001), "<0.1 %");
    EXPECT_EQ(percent(0), "0.0 %");
}

TEST(Accuracy, CountsTopKWithTiesToTheFirst)
{
    const Outputs out{2, 3, {1, 5, 5, 9, 0, 0}};
    EXPECT_EQ(top1(out, 0), 1u);
    EXPECT_EQ(correct(out, {1, 0}, 1), 2u);
    EXPECT_EQ(correct(out, {2, 1}, 1), 0u);
    EXPECT_EQ(correct(out, {2, 1}, 2), 2u);
    EXPECT_EQ(correct(out, {7, 0}, 3), 1u);  // a label outside the classes is never right
}

TEST(Accuracy, ComparesBitForBit)
{
    const Outputs a{2, 2, {1, 2, 4, 3}}, b{2, 2, {1, 2, 3, 4}};
    const auto same = compare(a, a, "int8");
    EXPECT_EQ(same.differing, 0u);
    EXPECT_EQ(same.same_top1, 2u);
    EXPECT_DOUBLE_EQ(same.correlation, 1.0);
    const auto other = compare(a, b, "fp32");
    EXPECT_EQ(other.differing, 2u);
    EXPECT_EQ(other.same_top1, 1u);
    EXPECT_DOUBLE_EQ(other.correlation, 0.8);
    EXPECT_DOUBLE_EQ(other.max_error, 1.0);
    EXPECT_DOUBLE_EQ(other.rms_error, std::sqrt(0.5));
}

TEST(Loss, ClippingOfANormalVariableByHand)
{
    EXPECT_EQ(clipping_variance(0), 0);
    // Beyond one deviation: share 0.3173; 2 ((1 + 1) Q(1) - phi(1)) = 0.15065.
    EXPECT_NEAR(clipping_variance(0.3173105), 0.150680, 1e-4);
    // Nothing is left but the signs: at z = 0 all of the variance is lost.
    EXPECT_NEAR(clipping_variance(1), 1, 1e-12);
    EXPECT_LT(clipping_variance(0.001), 1e-3);
}

TEST(Loss, SplitsByKindAndNamesTheLayersAndASetting)
{
    Fixture f;
    f.config.run.fidelity = Fidelity::stat;
    f.summary.layers[0].quantisation = 0.0025;
    f.counters.layers[0].error.levels = 1200;
    f.counters.layers[0].stats.clipped = 0;
    const auto quiet = f.report();
    ASSERT_EQ(quiet.losses.size(), 1u);
    EXPECT_EQ(quiet.losses[0].name, "conv1");
    EXPECT_DOUBLE_EQ(quiet.losses[0].noise, 0.01);  // 6,000 of 600,000
    EXPECT_DOUBLE_EQ(quiet.losses[0].weights, 0.002);
    EXPECT_DOUBLE_EQ(quiet.losses[0].quantisation, 0.0025);
    EXPECT_EQ(quiet.losses[0].clipping, 0);
    EXPECT_EQ(quiet.limit.loss_sentence, "") << "nothing was compared";

    Accuracy accuracy;
    accuracy.labelled = 100;
    accuracy.top1 = 99;
    accuracy.reference_top1 = 100;
    f.summary.accuracy = accuracy;
    EXPECT_EQ(f.report().limit.loss_sentence, "") << "one point in a hundred";
    f.summary.accuracy->top1 = 80;
    EXPECT_THAT(f.report().limit.loss_sentence,
                testing::AllOf(HasSubstr("conv1"), HasSubstr("noise"), HasSubstr("passes=")));
    f.summary.layers[0].groups = 8;
    EXPECT_THAT(f.report().limit.loss_sentence, HasSubstr("--set run.depthwise=digital"));
    f.summary.layers[0].groups = 1;
    f.counters.layers[0].error.levels = 60'000;
    EXPECT_THAT(f.report().limit.loss_sentence, HasSubstr("--set run.weight_slices=2"));
    f.counters.layers[0].error.drift = 90'000;
    EXPECT_THAT(f.report().limit.loss_sentence, HasSubstr("--compensate drift"));
    f.counters.layers[0].stats.clipped = 1500;
    EXPECT_THAT(f.report().limit.loss_sentence, HasSubstr("card.converters.adc_range_sigmas="));
    f.counters.layers[0].stats.clipped = 0;
    f.summary.layers[0].quantisation = 0.9;
    EXPECT_THAT(f.report().limit.loss_sentence, HasSubstr("--percentile"));

    std::ostringstream text, page;
    write_text(text, f.report());
    write_html(page, f.report());
    EXPECT_THAT(text.str(), HasSubstr("Where accuracy goes"));
    EXPECT_THAT(text.str(), HasSubstr("To try: "));
    EXPECT_THAT(page.str(), HasSubstr("<h2>Where accuracy goes</h2>"));
    EXPECT_EQ(to_json(f.report())["losses"][0]["name"], "conv1");
}

}  // namespace
}  // namespace lightcard::report
