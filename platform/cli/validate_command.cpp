// SPDX-License-Identifier: Apache-2.0
// `lightcard validate`: runs the validation ladder and prints it.
#include <atomic>
#include <ostream>
#include <thread>

#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/cli/ladder/ladder.h"

namespace lightcard::cli {

namespace {

constexpr HelpText kHelp = {
    "validate", "[--filter TEXT] [--jobs N] [--json [FILE]] [--markdown FILE]",
    "Runs the validation ladder: figures that must come out, each with source, tolerance and configuration, and "
    "prints\n"
    "what was expected and what came out. Exit status 1 when a verdict is not the documented one.\n",
    "  lightcard validate\n"
    "  lightcard validate --filter A100\n"
    "  lightcard validate --markdown docs/validation.md\n"};

constexpr unsigned kMostJobs = 64;

std::vector<ladder::Row> chosen(const std::string& filter)
{
    std::vector<ladder::Row> found;
    for (auto& row : ladder::rows())
        if ((row.name + " " + row.source + " " + ladder::name_of(row.kind)).find(filter) != std::string::npos)
            found.push_back(std::move(row));
    return found;
}

/// Rows are independent of each other and of their order.
std::vector<ladder::Outcome> run(const Console& console, const std::vector<ladder::Row>& rows, unsigned jobs)
{
    std::vector<ladder::Outcome> outcomes(rows.size());
    std::atomic<std::size_t> next{0}, done{0};
    const auto work = [&] {
        for (std::size_t i; (i = next++) < rows.size(); ++done) outcomes[i] = ladder::evaluate(rows[i]);
    };
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < jobs; ++i) helpers.emplace_back(work);
    Progress progress(console, console.terminal);
    for (std::size_t i; (i = next++) < rows.size(); ++done) {
        progress.update("validate", done, rows.size());
        outcomes[i] = ladder::evaluate(rows[i]);
    }
    for (auto& helper : helpers) helper.join();
    return outcomes;
}

po::options_description options()
{
    po::options_description ladder("Ladder");
    ladder.add_options()("filter", po::value<std::string>()->default_value("", "")->value_name("TEXT"),
                         "only rows whose name, source or class contains it")(
        "jobs,j", po::value<Natural>()->default_value({0}, "all cores")->value_name("N"), "rows at a time")(
        "json", po::value<std::string>()->value_name("FILE"), "as JSON; - is standard output")(
        "markdown", po::value<std::string>()->value_name("FILE"), "write docs/validation.md; - is standard output");
    return ladder;
}

}  // namespace

int validate_command(const Console& console, const Arguments& arguments)
{
    const auto parsed = parse(console, kHelp, options(), {}, std::nullopt, arguments);
    if (parsed.exit) return *parsed.exit;
    const auto rows = chosen(parsed.get<std::string>("filter"));
    if (rows.empty()) return fail(console, kUsage, {"no row of the ladder matches --filter", "", ""});
    const auto asked = parsed.number("jobs");
    const auto jobs = static_cast<unsigned>(asked > 0 ? asked : std::max(1u, std::thread::hardware_concurrency()));
    const auto outcomes = run(console, rows, std::min(jobs, kMostJobs));

    const auto write = [&](const char* option, void (*format)(std::ostream&, const std::vector<ladder::Outcome>&)) {
        return write_output(console, parsed.get<std::string>(option), [&](auto& out) { format(out, outcomes); });
    };
    if (parsed.has("markdown")) {
        if (const auto done = write("markdown", ladder::write_markdown); !done)
            return fail(console, kUsage, done.error());
    }
    if (parsed.has("json")) {
        if (const auto done = write("json", ladder::write_json); !done) return fail(console, kUsage, done.error());
    }
    if (!parsed.has("json") && !parsed.has("markdown")) ladder::write_text(console.out, outcomes);
    for (const auto& outcome : outcomes)
        if (!outcome.as_documented()) return kCheckFailed;
    return kOk;
}

}  // namespace lightcard::cli
