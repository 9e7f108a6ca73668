// SPDX-License-Identifier: Apache-2.0
// `lightcard regs`: the register map in three renderings of one table.
#include <iomanip>
#include <ostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lightcard/model/common/register_documents.h"
#include "lightcard/model/common/suggest.h"
#include "lightcard/model/control_chip/register_table.h"
#include "lightcard/platform/cli/commands.h"

namespace lightcard::cli {

namespace {

constexpr HelpText kHelp = {
    "regs", "[NAME] [--header | --markdown | --json [FILE]]",
    "Shows the registers in BAR0: every register, every bit, its access, reset value and meaning.\n"
    "NAME shows one register only. The C header and the data sheet are made from the same table.\n",
    "  lightcard regs CSTS\n"
    "  lightcard regs --header > lightcard_regs.h\n"};

std::string hex(std::uint64_t value, int digits)
{
    std::ostringstream text;
    text << "0x" << std::hex << std::setw(digits) << std::setfill('0') << value;
    return text.str();
}

std::string bits(const RegisterField& field)
{
    const int high = field.lsb + field.width - 1;
    return high == field.lsb ? std::to_string(high) : std::to_string(high) + ":" + std::to_string(field.lsb);
}

void print_register(std::ostream& out, const Register& reg)
{
    out << hex(reg.offset, 4) << "  " << reg.name;
    if (reg.count > 1) out << "[" << reg.count << "], one every " << reg.stride << " bytes";
    out << ", " << 8 * reg.bytes << " bit. " << reg.description << '\n';
    for (const auto& field : reg.fields) {
        out << "  " << std::right << std::setw(7) << bits(field) << "  " << std::left << std::setw(6)
            << to_string(field.access) << std::setw(14) << field.name << std::setw(12)
            << (field.from_card ? "card" : hex(field.reset, 1)) << field.description << '\n';
        for (const auto& value : field.values)
            out << std::string(29, ' ') << "  " << value.name << " = " << value.value << ": " << value.description
                << '\n';
    }
}

nlohmann::ordered_json to_json(const Register& reg)
{
    auto fields = nlohmann::ordered_json::array();
    for (const auto& field : reg.fields)
        fields.push_back({{"name", field.name},
                          {"lsb", field.lsb},
                          {"width", field.width},
                          {"access", to_string(field.access)},
                          {"reset", field.reset},
                          {"reset_from_card", field.from_card},
                          {"description", field.description}});
    return {{"name", reg.name},
            {"offset", reg.offset},
            {"bytes", reg.bytes},
            {"count", reg.count},
            {"stride", reg.stride},
            {"lost_at", to_string(reg.lost_at)},
            {"description", reg.description},
            {"fields", fields}};
}

int show_one(const Console& console, const RegisterTable& table, const std::string& name)
{
    std::vector<std::string> names;
    for (const auto& reg : table.registers) {
        if (name == reg.name) {
            print_register(console.out, reg);
            return kOk;
        }
        names.emplace_back(reg.name);
    }
    return fail(console, kUsage, {"no register '" + name + "'", "", did_you_mean(name, names)});
}

}  // namespace

int regs_command(const Console& console, const Arguments& arguments)
{
    po::options_description visible("Output");
    visible.add_options()("header", "as a C header of macros")("markdown", "as the data sheet, in Markdown")(
        "json", po::value<std::string>()->value_name("FILE"), "as JSON; - is standard output");
    po::options_description hidden;
    hidden.add_options()("name", po::value<std::string>());
    const auto parsed = parse(console, kHelp, visible, hidden, Positional{"name", 1}, arguments);
    if (parsed.exit) return *parsed.exit;

    const auto& table = control_chip::register_table();
    if (parsed.has("header"))
        console.out << c_header(table, "LIGHTCARD_REGS_H");
    else if (parsed.has("markdown"))
        console.out << data_sheet(table);
    else if (parsed.has("json")) {
        nlohmann::ordered_json json = {{"schema", "lightcard/registers/1"},
                                       {"registers", nlohmann::ordered_json::array()}};
        for (const auto& reg : table.registers) json["registers"].push_back(to_json(reg));
        const auto written =
            write_output(console, parsed.get<std::string>("json"), [&](auto& out) { out << json.dump(1) << '\n'; });
        if (!written) return fail(console, kUsage, written.error());
    } else if (parsed.has("name")) {
        return show_one(console, table, parsed.get<std::string>("name"));
    } else {
        for (const auto& reg : table.registers) print_register(console.out, reg);
    }
    return kOk;
}

}  // namespace lightcard::cli
