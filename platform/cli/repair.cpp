// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/repair.h"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include <nlohmann/json.hpp>

#include "lightcard/platform/cli/process.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

constexpr const char* kWithValue[] = {"-o",
                                      "--report",
                                      "--json",
                                      "--html",
                                      "--trace",
                                      "--outputs",
                                      "--save-program",
                                      "--save-codes",
                                      "--save-output-codes",
                                      "--pcm-state",
                                      "--repair"};
constexpr const char* kAlone[] = {"--quiet", "--progress"};

std::string joined(const std::vector<std::string>& words)
{
    std::string text;
    for (const auto& word : words)
        text += (text.empty() ? "" : " ") + (word.find(' ') == std::string::npos ? word : "'" + word + "'");
    return text;
}

/// What the report of a run says of its accuracy.
std::string outcome_of(const nlohmann::json& report)
{
    const auto& accuracy = report.at("accuracy");
    std::string text;
    if (accuracy.at("labelled_images").get<std::uint64_t>() > 0)
        text = report::percent(accuracy.at("top1_share").get<double>()) + " top-1";
    for (const auto& agreement : accuracy.at("agreements")) {
        if (agreement.at("reference") != "fp32") continue;
        if (!text.empty()) text += ", ";
        text += "same top-1 as fp32 on " + std::to_string(agreement.at("same_top1").get<std::uint64_t>()) + " of " +
                std::to_string(agreement.at("images").get<std::uint64_t>()) + ", correlation " +
                report::grouped(agreement.at("correlation").get<double>(), 4);
    }
    const auto& energy = report.at("energy");
    if (energy.contains("inference_joules_per_image"))
        text += ", " + report::si(energy.at("inference_joules_per_image").get<double>(), "J") + " an image";
    return text;
}

/// Waits for a child. Error: what it complained of.
Status finished(const Arguments& words, const std::string& errors)
{
    const auto child = start_process("/proc/self/exe", words, errors);
    if (!child) return child.error();
    int status = 0;
    while (waitpid(*child, &status, 0) < 0)
        if (errno != EINTR) return Error{"lost a run", "--repair", ""};
    const Ending ending = ending_of(status, errors);
    return ending.status == kOk ? Status{} : Status{Error{ending.message, "--repair", ""}};
}

}  // namespace

Arguments without_outputs(const Arguments& arguments)
{
    Arguments kept;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        const auto names = [&](const char* name) { return word == name; };
        if (std::any_of(std::begin(kAlone), std::end(kAlone), names)) continue;
        if (std::any_of(std::begin(kWithValue), std::end(kWithValue), names)) {
            // --json alone is standard output.
            if (i + 1 < arguments.size() && (arguments[i + 1] == "-" || arguments[i + 1].rfind('-', 0) != 0)) ++i;
            continue;
        }
        const auto attached = [&](const char* name) { return word.rfind(std::string(name) + "=", 0) == 0; };
        if (std::any_of(std::begin(kWithValue), std::end(kWithValue), attached)) continue;
        kept.push_back(word);
    }
    return kept;
}

std::vector<std::string> try_repairs(const Arguments& arguments, std::vector<std::string> repair, std::size_t rounds,
                                     Progress& progress)
{
    std::vector<std::string> lines, settings;
    const Scratch scratch;
    if (!scratch.good()) return {"nothing: no directory for temporary files"};
    for (std::size_t round = 0; round < rounds && !repair.empty(); ++round) {
        progress.update("trying settings", round, rounds);
        settings.insert(settings.end(), repair.begin(), repair.end());
        Arguments words = without_outputs(arguments);
        words.insert(words.begin(), "run");
        words.insert(words.end(), settings.begin(), settings.end());
        const std::string file = scratch.file("report.json");
        words.insert(words.end(), {"--quiet", "--report", file});
        if (const auto good = finished(words, scratch.file("errors")); !good) {
            lines.push_back(joined(settings) + ": " + good.error().what);
            break;
        }
        const auto report = nlohmann::json::parse(contents(file), nullptr, false);
        if (report.is_discarded()) break;
        lines.push_back(joined(settings) + ": " + outcome_of(report));
        repair = report.at("limit").at("repair").get<std::vector<std::string>>();
    }
    return lines;
}

}  // namespace lightcard::cli
