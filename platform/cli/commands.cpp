// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/commands.h"

#include <exception>
#include <ostream>

#include "lightcard/model/common/suggest.h"

namespace lightcard::cli {

namespace {

struct Command {
    const char* name;
    int (*run)(const Console&, const Arguments&);
    const char* summary;
};

constexpr Command kCommands[] = {
    {"run", run_command, "run a network on a card; latency, energy, accuracy"},
    {"generate", generate_command, "text from a language model, its key-value cache in card memory"},
    {"read", read_command, "lines of text from pictures, by a recogniser on a card"},
    {"plan", plan_command, "what a network asks of a card, and what bounds it; from shapes alone"},
    {"calibrate", calibrate_command, "activation and converter ranges of a network, from samples to a file"},
    {"info", info_command, "what a card can do: geometry, peak, what each engine sustains"},
    {"budget", budget_command, "link budget: light, noise by source, the laser for a resolution"},
    {"config", config_command, "every parameter of a card: value, range, source"},
    {"pcm", pcm_command, "what a PCM state file holds: weights, age, wear, failed cells"},
    {"serve", serve_command, "a card behind a vfio-user socket, for a stock QEMU"},
    {"ctl", ctl_command, "look into a served card, pause it, break it"},
    {"regs", regs_command, "the register map, as text, Markdown or C header"},
    {"sweep", sweep_command, "a run over a grid of parameters: figures as CSV, JSON, plots"},
    {"validate", validate_command, "the validation ladder: what must come out, what came out"},
};

void help(std::ostream& out)
{
    out << "usage: lightcard COMMAND [ARGUMENTS...]\n\n"
           "A SystemC model of a PCIe optical compute card.\n\nCommands:\n";
    for (const auto& command : kCommands)
        out << "  " << command.name << std::string(11 - std::string(command.name).size(), ' ') << command.summary
            << '\n';
    out << "\n`lightcard COMMAND --help` explains a command; `lightcard --version` says which lightcard this is.\n"
           "Exit status: 0 success, 1 a check failed, 2 usage, configuration or input files, 3 network, 4 card.\n";
}

int unknown(const Console& console, const std::string& name)
{
    std::vector<std::string> names;
    for (const auto& command : kCommands) names.emplace_back(command.name);
    return fail(console, kUsage, {"unknown command '" + name + "'", "", did_you_mean(name, names)});
}

}  // namespace

int dispatch(const Console& console, const Arguments& arguments)
try {
    if (arguments.empty()) {
        help(console.err);
        return kUsage;
    }
    const std::string& name = arguments[0];
    if (name == "--help" || name == "-h" || name == "help") {
        help(console.out);
        return kOk;
    }
    if (name == "--version") {
        console.out << "lightcard " << LIGHTCARD_VERSION << '\n';
        return kOk;
    }
    for (const auto& command : kCommands)
        if (name == command.name) return command.run(console, Arguments(arguments.begin() + 1, arguments.end()));
    return unknown(console, name);
} catch (const std::exception& error) {
    return fail(console, kCard, {error.what(), "", "this is a defect of lightcard"});
}

}  // namespace lightcard::cli
