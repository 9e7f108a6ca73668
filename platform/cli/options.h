// SPDX-License-Identifier: Apache-2.0
/// Command-line options of a subcommand: Boost.program_options behind help texts that read well and errors that
/// name the nearest valid option.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "lightcard/model/card/config.h"
#include "lightcard/platform/cli/console.h"

namespace lightcard::cli {

namespace po = boost::program_options;

using Arguments = std::vector<std::string>;

/// Value of an option that counts something. Boost's own unsigned types take "-1" for a huge number.
struct Natural {
    std::uint64_t value = 0;
};
void validate(boost::any& result, const std::vector<std::string>& words, Natural*, int);
inline std::ostream& operator<<(std::ostream& out, Natural number)
{
    return out << number.value;
}

/// What --help shows around the list of options.
struct HelpText {
    const char* name;      ///< "run"
    const char* synopsis;  ///< after "lightcard run"
    const char* what;      ///< a paragraph
    const char* examples;  ///< lines, or empty
};

struct Parsed {
    std::optional<int> exit;  ///< set: the command is over (help was shown, or the arguments are wrong)
    po::variables_map values;

    bool has(const char* name) const { return values.count(name) > 0; }
    template <class T>
    T get(const char* name) const
    {
        return values[name].as<T>();
    }
    std::uint64_t number(const char* name) const { return get<Natural>(name).value; }
    /// Of an option that may be given several times or with several values.
    std::vector<std::string> all(const char* name) const
    {
        return has(name) ? get<std::vector<std::string>>(name) : std::vector<std::string>{};
    }
};

/// `positional`: option that words without a dash belong to, and how many (-1 = any); its option may be in `hidden`.
struct Positional {
    const char* option;
    int count;
};
Parsed parse(const Console& console, const HelpText& help, po::options_description visible,
             const po::options_description& hidden, std::optional<Positional> positional, Arguments arguments);

/// --set and the CARD argument, shared by every subcommand that needs a card.
po::options_description card_options();
Result<std::vector<Override>> overrides_of(const Parsed& parsed);

}  // namespace lightcard::cli
