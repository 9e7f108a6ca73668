// SPDX-License-Identifier: Apache-2.0
// `lightcard config`: the resolved configuration.
#include <algorithm>
#include <iomanip>
#include <ostream>

#include <nlohmann/json.hpp>

#include "lightcard/platform/cli/commands.h"
#include "lightcard/platform/report/units.h"

namespace lightcard::cli {

namespace {

constexpr HelpText kHelp = {"config",
                            "[CARD] [--set PATH=VALUE ...] [--match TEXT] [--brief | --json [FILE] | --yaml [FILE]]",
                            "Shows every parameter of a card as it is resolved from its file, the files it extends and "
                            "--set: path, value, range,\n"
                            "how good the evidence is (primary, secondary, computed, assumed), source and meaning.\n"
                            "CARD is the name of a shipped card (default lc128) or a YAML file.\n",
                            "  lightcard config lc128 --match pcm\n"
                            "  lightcard config lc128 --set card.pcm.banks=8 --yaml my-card.yaml\n"};

using Entry = CardConfig::Entry;

bool matches(const Entry& entry, const std::string& text)
{
    return entry.path.find(text) != std::string::npos || entry.description.find(text) != std::string::npos ||
           entry.source.find(text) != std::string::npos || entry.grade == text;
}

std::vector<Entry> selection(const CardConfig& config, const std::string& text)
{
    std::vector<Entry> entries;
    std::copy_if(config.resolved.begin(), config.resolved.end(), std::back_inserter(entries),
                 [&](const Entry& entry) { return matches(entry, text); });
    return entries;
}

void print_text(std::ostream& out, const CardConfig& config, const std::vector<Entry>& entries, bool brief)
{
    out << config.name << ", configuration " << config.hash << '\n';
    if (!config.note.empty()) out << report::wrapped(config.note) << '\n';
    out << '\n';
    std::size_t path = 0, value = 0;
    for (const auto& entry : entries) {
        path = std::max(path, entry.path.size());
        if (entry.value.size() < 24) value = std::max(value, entry.value.size());
    }
    for (const auto& entry : entries) {
        out << std::left << std::setw(static_cast<int>(path) + 2) << entry.path
            << std::setw(static_cast<int>(value) + 2) << entry.value;
        if (!entry.range.empty()) out << "[" << entry.range << "]  ";
        out << entry.grade << '\n';
        if (brief) continue;
        out << "    " << entry.description;
        if (!entry.source.empty()) out << ". Source: " << entry.source;
        out << '\n';
    }
    for (const auto& warning : card_warnings(config)) out << '\n' << report::wrapped("Note: " + warning) << '\n';
}

void print_json(std::ostream& out, const CardConfig& config, const std::vector<Entry>& entries)
{
    nlohmann::ordered_json json = {
        {"schema", "lightcard/config/1"}, {"card", config.name}, {"config_hash", config.hash}};
    json["note"] = config.note;
    json["warnings"] = card_warnings(config);
    json["parameters"] = nlohmann::ordered_json::array();
    for (const auto& entry : entries)
        json["parameters"].push_back({{"path", entry.path},
                                      {"value", entry.value},
                                      {"range", entry.range},
                                      {"grade", entry.grade},
                                      {"source", entry.source},
                                      {"description", entry.description}});
    out << json.dump(1) << '\n';
}

}  // namespace

int config_command(const Console& console, const Arguments& arguments)
{
    auto visible = card_options();
    po::options_description output("Output");
    output.add_options()("match", po::value<std::string>()->default_value("", "")->value_name("TEXT"),
                         "only parameters with TEXT in path, description or source, or of this grade")(
        "brief", "one line a parameter")("json", po::value<std::string>()->value_name("FILE"),
                                         "as JSON; - is standard output")(
        "yaml", po::value<std::string>()->value_name("FILE"),
        "as a card file without a parent, to edit and load again");
    visible.add(output);
    po::options_description hidden;
    hidden.add_options()("card", po::value<std::string>()->default_value("lc128"));
    const auto parsed = parse(console, kHelp, visible, hidden, Positional{"card", 1}, arguments);
    if (parsed.exit) return *parsed.exit;

    const auto overrides = overrides_of(parsed);
    if (!overrides) return fail(console, kUsage, overrides.error());
    const auto config = load_card(parsed.get<std::string>("card"), *overrides);
    if (!config) return fail(console, kUsage, config.error());
    const auto entries = selection(*config, parsed.get<std::string>("match"));
    if (entries.empty())
        return fail(console, kUsage, {"no parameter matches '" + parsed.get<std::string>("match") + "'", "", ""});

    Status written;
    if (parsed.has("json"))
        written = write_output(console, parsed.get<std::string>("json"),
                               [&](auto& out) { print_json(out, *config, entries); });
    else if (parsed.has("yaml"))
        written = write_output(console, parsed.get<std::string>("yaml"), [&](auto& out) { out << to_yaml(*config); });
    else
        print_text(console.out, *config, entries, parsed.has("brief"));
    return written ? kOk : fail(console, kUsage, written.error());
}

}  // namespace lightcard::cli
