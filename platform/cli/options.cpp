// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/options.h"

#include <algorithm>
#include <charconv>
#include <ostream>

#include "lightcard/model/common/suggest.h"

namespace lightcard::cli {

namespace {

void show_help(const Console& console, const HelpText& help, const po::options_description& visible)
{
    console.out << "usage: lightcard " << help.name << ' ' << help.synopsis << "\n\n" << help.what << '\n' << visible;
    if (*help.examples) console.out << "\nExamples:\n" << help.examples;
}

std::vector<std::string> names_of(const po::options_description& options)
{
    std::vector<std::string> names;
    for (const auto& option : options.options()) names.push_back("--" + option->long_name());
    return names;
}

/// "--json" (or "--yaml", or "--plan") without a value means standard output.
void complete_json(Arguments& arguments)
{
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] != "--json" && arguments[i] != "--yaml" && arguments[i] != "--plan") continue;
        const bool last = i + 1 == arguments.size();
        if (last || (arguments[i + 1].size() > 1 && arguments[i + 1][0] == '-')) arguments[i] += "=-";
    }
}

std::string dashed(std::string name)
{
    name.erase(0, name.find_first_not_of('-'));
    return "--" + name;
}

}  // namespace

Parsed parse(const Console& console, const HelpText& help, po::options_description visible,
             const po::options_description& hidden, std::optional<Positional> positional, Arguments arguments)
{
    po::options_description general("General");
    general.add_options()("help,h", "show this text");
    visible.add(general);
    po::options_description all;
    all.add(visible).add(hidden);
    complete_json(arguments);
    Parsed parsed;
    const auto refuse = [&](const std::string& what, const std::string& hint) {
        console.err << "lightcard " << help.name << ": " << Error{what, "", hint}.message() << '\n'
                    << "usage: lightcard " << help.name << ' ' << help.synopsis << '\n';
        parsed.exit = kUsage;
    };
    try {
        po::positional_options_description words;
        if (positional) words.add(positional->option, positional->count);
        const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(arguments).options(all).positional(words).style(style).run(), parsed.values);
        if (parsed.has("help")) {
            show_help(console, help, visible);
            parsed.exit = kOk;
            return parsed;
        }
        po::notify(parsed.values);
    } catch (const po::unknown_option& error) {
        const std::string name = dashed(error.get_option_name());
        refuse("unknown option " + name, did_you_mean(name, names_of(visible)));
    } catch (const po::too_many_positional_options_error&) {
        refuse("too many arguments", "");
    } catch (const po::error& error) {
        refuse(error.what(), "");
    }
    return parsed;
}

void validate(boost::any& result, const std::vector<std::string>& words, Natural*, int)
{
    po::validators::check_first_occurrence(result);
    const std::string& text = po::validators::get_single_string(words);
    Natural number;
    const auto end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number.value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) throw po::invalid_option_value(text);
    result = number;
}

po::options_description card_options()
{
    po::options_description options("Card");
    options.add_options()(
        "set", po::value<std::vector<std::string>>()->composing()->value_name("PATH=VALUE"),
        "override a parameter, with its unit: card.pcm.banks=8, card.core.symbol_rate='26 GHz'; repeatable");
    return options;
}

Result<std::vector<Override>> overrides_of(const Parsed& parsed)
{
    std::vector<Override> overrides;
    for (const auto& text : parsed.all("set")) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            return Error{"--set takes PATH=VALUE, not '" + text + "'", "", "for example --set card.pcm.banks=8"};
        overrides.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return overrides;
}

}  // namespace lightcard::cli
