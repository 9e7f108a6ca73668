// SPDX-License-Identifier: Apache-2.0
// `lightcard budget`, through its arguments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/platform/cli/commands.h"

namespace lightcard::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Outcome {
    int status;
    std::string out, err;
    nlohmann::json json() const { return nlohmann::json::parse(out); }
};

Outcome budget(Arguments arguments)
{
    std::ostringstream out, err;
    arguments.insert(arguments.begin(), "budget");
    const int status = dispatch({out, err}, arguments);
    return {status, out.str(), err.str()};
}

TEST(Budget, TextNamesTheBoundTheWorstPathAndEverySource)
{
    const auto run = budget({});
    EXPECT_EQ(run.status, kOk) << run.err;
    EXPECT_THAT(run.out, AllOf(HasSubstr("ideal combining is a bound"), HasSubstr("worst path is lane 3, column 127"),
                               HasSubstr("lane 0, column 63"), HasSubstr("amplifier *"), HasSubstr("cell programming"),
                               HasSubstr("chain SNR")));
}

TEST(Budget, JsonAddsUp)
{
    const auto json = budget({"lc128-anchor", "--json"}).json();
    EXPECT_NEAR(json["laser_electrical_w"], 36.63, 0.05);
    EXPECT_NEAR(json["receiver_snr_db"], 20.0, 0.05);
    EXPECT_EQ(json["combining"], "ideal");
    double receiver = 0, all = 0;
    for (const auto& term : json["noise"]) {
        all += term["variance_a2"].get<double>();
        if (term["receiver"]) receiver += term["variance_a2"].get<double>();
    }
    const double signal = json["signal_a"];
    EXPECT_NEAR(10 * std::log10(signal * signal / receiver), json["receiver_snr_db"], 1e-9);
    EXPECT_NEAR(10 * std::log10(signal * signal / all), json["chain_snr_db"], 1e-9);
    EXPECT_EQ(json["lanes"].size(), 4u);
    for (const auto& lane : json["lanes"]) {
        double loss = 0;
        for (const auto& stage : lane["stages"]) loss += stage["loss_db"].get<double>();
        EXPECT_NEAR(loss,
                    10 * std::log10(json["row_power_w"].get<double>() / lane["stages"].back()["power_w"].get<double>()),
                    1e-9);
    }
    EXPECT_LT(json["worst_path"]["receiver_snr_db"], json["best_path"]["receiver_snr_db"]);
}

TEST(Budget, SolvesForTheLaser)
{
    const auto json = budget({"lc128-anchor", "--solve-snr", "25", "--json"}).json();
    EXPECT_NEAR(json["receiver_snr_db"], 25.0, 1e-6);
    EXPECT_NEAR(json["laser_electrical_w"], 71.4, 0.7);
    EXPECT_NE(json["config_hash"], budget({"lc128-anchor", "--json"}).json()["config_hash"]);
}

TEST(Budget, RefusesNonsense)
{
    for (const Arguments& bad : {Arguments{"--solve-snr", "190"},
                                 {"--solve-snr", "many"},
                                 {"--clip", "0"},
                                 {"no-such-card"},
                                 {"--set", "card.core.combining=optimal"}}) {
        const auto run = budget(bad);
        EXPECT_EQ(run.status, kUsage) << bad.back();
        EXPECT_NE(run.err, "") << bad.back();
    }
}

TEST(Budget, DrawsTheWaterfall)
{
    const auto svg = budget({"lc128", "--set", "card.core.combining=passive", "--svg", "-"});
    EXPECT_EQ(svg.status, kOk);
    EXPECT_THAT(svg.out, AllOf(HasSubstr("<svg "), HasSubstr("row bus"), HasSubstr("passive"), HasSubstr("</svg>")));
    std::size_t bars = 0;
    for (std::size_t at = 0; (at = svg.out.find("<title>", at)) != std::string::npos; ++at) ++bars;
    EXPECT_EQ(bars, 13u) << "laser, eleven steps, column";
}

}  // namespace
}  // namespace lightcard::cli
