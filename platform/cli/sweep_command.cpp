// SPDX-License-Identifier: Apache-2.0
// `lightcard sweep`: every point is `lightcard run` in a process of its own, a bounded number at a time.
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <ostream>
#include <thread>

#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/files.h"
#include "lightcard/platform/cli/process.h"
#include "lightcard/platform/cli/sweep.h"

namespace lightcard::cli {

namespace {

constexpr HelpText kHelp = {
    "sweep", "SWEEP.yaml [--csv FILE] [--json FILE] [--html FILE] [--set PATH=VALUE...] [--jobs N]",
    "Runs a network over a grid of card and run parameters and collects figures of the reports. A sweep file names "
    "the\n"
    "arguments of `lightcard run`, one or two axes (a parameter and its values, or cases of overrides), how many "
    "seeds\n"
    "each point is run with (figures are means then, with their standard errors) and the figures (see\n"
    "configs/sweeps/). Paths in it are relative to the directory the command is run in. Points that fail are\n"
    "reported and make the exit status 1.\n",
    "  lightcard sweep configs/sweeps/noise-sources.yaml --html noise.html\n"
    "  lightcard sweep configs/sweeps/analog-gain.yaml --csv gain.csv --set run.seed=2\n"};

constexpr std::uint64_t kMostJobs = 64;

std::string report_of(const Scratch& scratch, std::size_t point)
{
    return scratch.file(std::to_string(point) + ".json");
}

std::string errors_of(const Scratch& scratch, std::size_t point)
{
    return scratch.file(std::to_string(point) + ".err");
}

SweepResult collect(const Sweep& sweep, const Scratch& scratch, std::size_t point, int status)
{
    SweepResult result;
    const Ending ending = ending_of(status, errors_of(scratch, point));
    result.status = ending.status;
    result.message = ending.message;
    if (ending.status != kOk) return result;
    auto read = read_point(sweep, contents(report_of(scratch, point)));
    if (read) return std::move(*read);
    result.status = kCard;
    result.message = read.error().message();
    return result;
}

/// Points in order, `jobs` at a time.
std::vector<SweepResult> run_points(const Sweep& sweep, const Scratch& scratch, std::size_t jobs, Progress& progress)
{
    std::vector<SweepResult> results(sweep.runs());
    std::map<pid_t, std::size_t> running;
    std::size_t next = 0, done = 0;
    while (done < results.size()) {
        while (next < results.size() && running.size() < jobs) {
            auto words = sweep.command(next / sweep.seeds, static_cast<std::uint32_t>(next % sweep.seeds));
            words.insert(words.end(), {"--quiet", "--json", report_of(scratch, next)});
            const auto child = start_process("/proc/self/exe", std::move(words), errors_of(scratch, next));
            if (child) {
                running[*child] = next;
            } else {
                results[next].status = kCard;
                results[next].message = child.error().message();
                ++done;
            }
            ++next;
        }
        progress.update("sweep", done, results.size());
        if (running.empty()) continue;
        int status = 0;
        const pid_t child = waitpid(-1, &status, 0);
        const auto found = running.find(child);
        if (found == running.end()) {
            if (child < 0 && errno != EINTR) break;
            continue;
        }
        results[found->second] = collect(sweep, scratch, found->second, status);
        running.erase(found);
        ++done;
    }
    std::vector<SweepResult> points;
    for (auto run = results.begin(); run != results.end(); run += sweep.seeds)
        points.push_back(combine_seeds({run, run + sweep.seeds}));
    return points;
}

po::options_description options()
{
    po::options_description sweep("Sweep");
    sweep.add_options()("jobs,j", po::value<Natural>()->default_value({0}, "all cores")->value_name("N"),
                        "points at a time")("csv", po::value<std::string>()->default_value("", "")->value_name("FILE"),
                                            "a line a point; - is standard output")(
        "json", po::value<std::string>()->default_value("", "")->value_name("FILE"), "everything, with the commands")(
        "html", po::value<std::string>()->default_value("", "")->value_name("FILE"), "plots and table, self-contained")(
        "set", po::value<std::vector<std::string>>()->composing()->value_name("PATH=VALUE"),
        "override a parameter at every point; axes come after it")("commands",
                                                                   "print the command of every point and stop");
    return sweep;
}

/// Everything that was asked for; text where nothing took standard output.
Status write_results(const Console& console, const Parsed& parsed, const Sweep& sweep,
                     const std::vector<SweepResult>& results)
{
    using Writer = void (*)(std::ostream&, const Sweep&, const std::vector<SweepResult>&);
    const std::pair<const char*, Writer> kinds[] = {
        {"csv", write_sweep_csv}, {"json", write_sweep_json}, {"html", write_sweep_html}};
    bool shown = false;
    for (const auto& [option, writer] : kinds) {
        const auto target = parsed.get<std::string>(option);
        shown |= target == "-";
        if (target.empty()) continue;
        const auto write = writer;
        auto written = write_output(console, target, [&](std::ostream& out) { write(out, sweep, results); });
        if (!written) return written;
    }
    if (!shown) write_sweep_text(console.out, sweep, results);
    return {};
}

Result<Sweep> read_sweep(const std::string& path)
{
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    return parse_sweep(std::string(bytes->begin(), bytes->end()), path);
}

}  // namespace

int sweep_command(const Console& console, const Arguments& arguments)
{
    po::options_description hidden;
    hidden.add_options()("sweep", po::value<std::string>()->default_value(""));
    const auto parsed = parse(console, kHelp, options(), hidden, Positional{"sweep", 1}, arguments);
    if (parsed.exit) return *parsed.exit;
    const auto path = parsed.get<std::string>("sweep");
    if (path.empty()) return fail(console, kUsage, {"a sweep file is needed", "", "see configs/sweeps/"});
    auto sweep = read_sweep(path);
    if (!sweep) return fail(console, kUsage, sweep.error());
    const auto set = overrides_of(parsed);
    if (!set) return fail(console, kUsage, set.error());
    sweep->set.insert(sweep->set.end(), set->begin(), set->end());
    if (parsed.has("commands")) {
        for (std::size_t i = 0; i < sweep->runs(); ++i) {
            console.out << "lightcard";
            const auto seed = static_cast<std::uint32_t>(i % sweep->seeds);
            for (const auto& word : sweep->command(i / sweep->seeds, seed)) console.out << ' ' << word;
            console.out << '\n';
        }
        return kOk;
    }
    for (const char* option : {"csv", "json", "html"})
        if (const auto good = check_writable(parsed.get<std::string>(option)); !good)
            return fail(console, kUsage, good.error());
    const Scratch scratch;
    if (!scratch.good()) return fail(console, kCard, {"no directory for the reports of the points", "", ""});
    const auto asked = parsed.number("jobs");
    const std::uint64_t jobs = asked > 0 ? asked : std::max(1u, std::thread::hardware_concurrency());
    Progress progress(console, console.terminal);
    const auto results = run_points(*sweep, scratch, std::min(jobs, kMostJobs), progress);
    progress.clear();
    if (const auto written = write_results(console, parsed, *sweep, results); !written)
        return fail(console, kUsage, written.error());
    const bool failed =
        std::any_of(results.begin(), results.end(), [](const auto& point) { return point.status != 0; });
    return failed ? kCheckFailed : kOk;
}

}  // namespace lightcard::cli
