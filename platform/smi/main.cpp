// SPDX-License-Identifier: Apache-2.0
// lightcard-smi: looks at cards and runs programs on them, through the Linux driver. One static executable for a guest.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

#include "lightcard/platform/smi/commands.h"

namespace lightcard::smi {

namespace {

constexpr const char* kHelp =
    "lightcard-smi: cards behind the Linux driver\n"
    "\n"
    "  lightcard-smi                     every card, a line each\n"
    "  lightcard-smi show                identity, state, resets, errors\n"
    "  lightcard-smi weights             what is in each bank: id, age, wear\n"
    "  lightcard-smi sensors             telemetry: temperatures, power, energy, counters, link\n"
    "  lightcard-smi errors              error log, newest first\n"
    "  lightcard-smi events              event log, newest first\n"
    "  lightcard-smi wear                each bank: cycles, worn rows, stuck cells, spare rows\n"
    "  lightcard-smi reset               controller reset (root); weights stay\n"
    "  lightcard-smi run PROGRAM --inputs FILE [--images N] [--outputs FILE] [--depth N]\n"
    "                                    runs a compiled network on images of codes (lightcard run --save-program,\n"
    "                                    --save-codes); --outputs gets the bytes of the first output\n"
    "  lightcard-smi stress [--seconds N] [--kib N] [--background N] [--timeout N]\n"
    "                                    copies to the card and back, checked, with N more in flight; survives "
    "resets.\n"
    "                                    A copy that has not ended after --timeout seconds ends it\n"
    "  lightcard-smi inject NUMBER [--target N] [--value N] [--count N]\n"
    "                                    puts in a fault (enum lc_fault; root, and a card with FEATURES.INJECT)\n"
    "  lightcard-smi measure [--rounds N]\n"
    "                                    doorbell to interrupt, commands a second, DMA\n"
    "  lightcard-smi registers ADDRESS [--echo ADDRESS] [--rounds N]\n"
    "                                    reads and writes of a card that no driver has (root); --echo: against a\n"
    "                                    device that only answers (tb/guest/echo.cpp)\n"
    "\n"
    "  --card N   /dev/lightcardN (default 0)\n";

int with_card(Arguments& arguments, const std::function<int(KernelDevice&, Arguments&)>& command)
{
    const auto number = arguments.number("--card", 0, 0, 63);
    if (!number) return fail(number.error(), kUsage);
    auto card = KernelDevice::open(static_cast<unsigned>(*number));
    if (!card) return fail(card.error());
    return command(**card, arguments);
}

int plain(KernelDevice& card, Arguments& arguments, int (*command)(KernelDevice&))
{
    if (auto rest = arguments.rest(); !rest) return fail(rest.error(), kUsage);
    return command(card);
}

int dispatch(const std::string& name, Arguments arguments)
{
    const std::map<std::string, int (*)(KernelDevice&)> looks = {
        {"show", show_card},     {"weights", show_weights}, {"sensors", show_sensors}, {"errors", show_errors},
        {"events", show_events}, {"wear", show_wear},       {"reset", reset_card}};
    if (const auto look = looks.find(name); look != looks.end())
        return with_card(arguments, [&](auto& card, auto& rest) { return plain(card, rest, look->second); });
    if (name == "run") return with_card(arguments, run_program);
    if (name == "inject") return with_card(arguments, inject);
    if (name == "stress") return with_card(arguments, stress);
    if (name == "measure") return with_card(arguments, measure);
    if (name == "registers") return measure_registers(arguments);
    if (name == "list") {
        if (auto rest = arguments.rest(); !rest) return fail(rest.error(), kUsage);
        return list_cards();
    }
    return fail({"unknown command '" + name + "'", "", "see lightcard-smi --help"}, kUsage);
}

}  // namespace

std::optional<std::string> Arguments::option(const std::string& name)
{
    for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
        if (words_[i] != name) continue;
        auto value = words_[i + 1];
        words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(i),
                     words_.begin() + static_cast<std::ptrdiff_t>(i) + 2);
        return value;
    }
    return std::nullopt;
}

Result<std::uint64_t> Arguments::number(const std::string& name, std::uint64_t otherwise, std::uint64_t least,
                                        std::uint64_t most)
{
    const auto text = option(name);
    if (!text) return otherwise;
    char* end = nullptr;
    errno = 0;
    const std::uint64_t value = std::strtoull(text->c_str(), &end, 10);
    if (text->empty() || *end != 0 || errno != 0 || text->front() == '-' || value < least || value > most)
        return Error{name + " cannot be '" + *text + "'", "", std::to_string(least) + " to " + std::to_string(most)};
    return value;
}

std::optional<std::string> Arguments::word()
{
    if (words_.empty() || words_.front().rfind("--", 0) == 0) return std::nullopt;
    auto first = words_.front();
    words_.erase(words_.begin());
    return first;
}

Status Arguments::rest() const
{
    if (words_.empty()) return {};
    return Error{"do not know what to do with '" + words_.front() + "'", "", "see lightcard-smi --help"};
}

int fail(const Error& error, int status)
{
    std::fprintf(stderr, "lightcard-smi: %s\n", error.message().c_str());
    return status;
}

}  // namespace lightcard::smi

int main(int count, char** words)
{
    using namespace lightcard::smi;
    const std::vector<std::string> all(words + 1, words + count);
    if (all.empty()) return list_cards();
    if (all[0] == "--help" || all[0] == "-h" || all[0] == "help") {
        std::fputs(kHelp, stdout);
        return kOk;
    }
    return dispatch(all[0], Arguments({all.begin() + 1, all.end()}));
}
