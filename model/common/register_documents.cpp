// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/register_documents.h"

#include <algorithm>
#include <cstdio>

namespace lightcard {

namespace {

std::string hex(std::uint64_t value, int digits)
{
    char text[32];
    std::snprintf(text, sizeof text, "0x%0*llx", digits, static_cast<unsigned long long>(value));
    return text;
}

std::string offset_text(std::uint64_t offset)
{
    return hex(offset, 4);
}

/// As wide as the register, with the suffix that gives it the register's type.
std::string literal(const Register& reg, std::uint64_t value)
{
    return reg.bytes == 8 ? hex(value, 16) + "ull" : hex(value, 8) + "u";
}

std::uint64_t reset_of(const Register& reg)
{
    std::uint64_t reset = 0;
    for (const auto& field : reg.fields) reset |= field.reset << field.lsb;
    return reset;
}

bool is_from_card(const Register& reg)
{
    return std::any_of(reg.fields.begin(), reg.fields.end(),
                       [](const RegisterField& field) { return field.from_card; });
}

/// The register is this field and nothing else: no name is needed to tell it from others.
bool is_whole(const Register& reg, const RegisterField& field)
{
    return field.width == reg.bytes * 8;
}

// C header

class HeaderWriter {
public:
    explicit HeaderWriter(const RegisterTable& table) : prefix_(table.prefix) {}

    void line(const std::string& text) { text_ += text + "\n"; }
    void define(const std::string& name, const std::string& value, const std::string& comment = {})
    {
        std::string left = "#define " + prefix_ + name;
        left.resize(std::max<std::size_t>(left.size() + 1, 48), ' ');
        line(left + value + (comment.empty() ? "" : " /* " + comment + " */"));
    }

    void offset(const Register& reg)
    {
        if (reg.count == 1) return define("REG_" + std::string(reg.name), offset_text(reg.offset) + "u");
        const std::string element = offset_text(reg.offset) + "u + " + std::to_string(reg.stride) + "u * (n)";
        define(std::string(reg.name) + "(n)", "(" + element + ")", "n < " + std::to_string(reg.count));
    }

    void bits(const Register& reg)
    {
        line("");
        line("/* " + std::string(reg.name) + ": " + reg.description + " */");
        if (reg.count == 1) define(std::string(reg.name) + "_RESET", literal(reg, reset_of(reg)), card_note(reg));
        for (const auto& field : reg.fields) {
            if (field.access == Access::reserved) continue;
            const std::string name = is_whole(reg, field) ? reg.name : std::string(reg.name) + "_" + field.name;
            if (!is_whole(reg, field)) define(name, literal(reg, field.mask()), to_string(field.access));
            if (!is_whole(reg, field) && field.width > 1) define(name + "_SHIFT", std::to_string(field.lsb));
            for (const auto& value : field.values) {
                define(name + "_" + value.name,
                       field.width == 64 ? hex(value.value, 1) + "ull" : hex(value.value, 1) + "u");
            }
        }
    }

    const std::string& text() const { return text_; }

private:
    static std::string card_note(const Register& reg) { return is_from_card(reg) ? "of the reference card" : ""; }

    std::string prefix_;
    std::string text_;
};

// Data sheet

std::string address(const Register& reg)
{
    if (reg.count == 1) return offset_text(reg.offset);
    return offset_text(reg.offset) + " + " + std::to_string(reg.stride) + "n";
}

std::string full_name(const Register& reg)
{
    return reg.count == 1 ? reg.name : std::string(reg.name) + "[n]";
}

/// "RW", or "RW, RO" of a register with several kinds.
std::string accesses(const Register& reg)
{
    std::string text;
    for (const auto& field : reg.fields) {
        const std::string access = to_string(field.access);
        if (field.access == Access::reserved || text.find(access) != std::string::npos) continue;
        text += text.empty() ? access : ", " + access;
    }
    return text;
}

std::string bit_range(const RegisterField& field)
{
    const std::string lsb = std::to_string(field.lsb);
    return field.width == 1 ? lsb : std::to_string(field.lsb + field.width - 1) + ":" + lsb;
}

std::string reset_text(const RegisterField& field)
{
    if (field.access == Access::wo) return "-";
    return hex(field.reset, 1) + (field.from_card ? " (card)" : "");
}

void describe_values(std::string& text, const RegisterField& field)
{
    if (field.values.size() == 0) return;
    text += "\n" + std::string(field.name) + ":\n\n| value | name | meaning |\n|---|---|---|\n";
    for (const auto& value : field.values) {
        text += "| " + hex(value.value, 1) + " | " + value.name + " | " + value.description + " |\n";
    }
}

void describe(std::string& text, const Register& reg)
{
    text += "\n## " + full_name(reg) + "\n\n`" + address(reg) + "`, " + std::to_string(reg.bytes) + " bytes. ";
    text += std::string(reg.description) + ".";
    if (reg.count > 1) text += " n = 0 .. " + std::to_string(reg.count - 1) + ".";
    if (reg.storage != nullptr) text += " Reads and acts on the value of " + std::string(reg.storage) + ".";
    text += "\n\n| bits | field | access | reset | description |\n|---|---|---|---|---|\n";
    for (std::size_t i = reg.fields.size(); i-- > 0;) {  // highest bit first, as data sheets have it
        const auto& field = reg.fields[i];
        text += "| " + bit_range(field) + " | " + field.name + " | " + to_string(field.access) + " | " +
                reset_text(field) + " | " + field.description + " |\n";
    }
    for (const auto& field : reg.fields) describe_values(text, field);
}

constexpr char kRules[] = R"(
<!-- Generated from the register table by lightcard-genregs; edit model/control_chip/register_table.cpp. -->

## Access

A register takes aligned 4-byte reads and writes. A register of 8 bytes also takes one 8-byte access, or two halves, low
half first: reading the low half latches the high one. Anything else, and an offset without a register, reads 0, writes
nothing and is logged as a guest error. During a reset and in D3hot every read gives all ones.

| access | meaning |
|---|---|
| RO | read-only; writing it is ignored, and logged if nothing in the register can be written |
| RW | reads back what was written |
| RWI | reads back the inverse of what was written |
| W1C | writing 1 clears the bit, writing 0 leaves it |
| W1S | writing 1 sets the bit, writing 0 leaves it |
| RC | read-only, cleared by reading it |
| WO | write-only; reading gives 0 and is logged |
| RSVD | reserved: reads 0, to be written 0; writing 1 is ignored and logged |
| UNIMP | part of the interface that this model does not have; keeps its reset value |

"Lost at" is the first step of the reset ladder that brings a register back to its reset value: controller (CC.EN from 1
to 0), function (function level reset, bus reset), cold (power-on), never (kept without power). A reset value marked
(card) is the reference card's; another card has its own.

## Registers by address

| offset | name | bytes | access | reset | lost at | description |
|---|---|---|---|---|---|---|
)";

}  // namespace

std::string c_header(const RegisterTable& table, const std::string& include_guard)
{
    HeaderWriter header(table);
    header.line("/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */");
    header.line("/*");
    header.line(" * " + std::string(table.title) + ".");
    header.line(" *");
    header.line(
        " * Generated from the register table by lightcard-genregs; do not edit. docs/registers.md is its data sheet.");
    header.line(" *");
    const std::string prefix = table.prefix;
    header.line(" *   " + prefix + "REG_<register>               byte offset");
    header.line(" *   " + prefix + "<register>(n)                byte offset of element n of an array of registers");
    header.line(" *   " + prefix + "<register>_RESET             value after power-on");
    header.line(" *   " + prefix + "<register>_<field>           mask of the field; its access is in the comment");
    header.line(" *   " + prefix + "<register>_<field>_SHIFT     lowest bit, of fields wider than one");
    header.line(" *   " + prefix + "<register>_<field>_<value>   named value, not shifted");
    header.line(" *");
    header.line(" * A field that is all of its register has no mask, and its values have no field name.");
    header.line(" */");
    header.line("#ifndef " + include_guard);
    header.line("#define " + include_guard);
    header.line("");
    header.define("REG_BYTES", hex(table.bytes, 1) + "u", "size of the window");
    header.line("");
    for (const auto& reg : table.registers) header.offset(reg);
    for (const auto& reg : table.registers) header.bits(reg);
    header.line("");
    header.line("#endif");
    return header.text();
}

std::string data_sheet(const RegisterTable& table)
{
    std::string text = "# " + std::string(table.title) + "\n" + kRules;
    for (const auto& reg : table.registers) {
        const std::string reset = reg.count > 1 ? "-" : hex(reset_of(reg), reg.bytes == 8 ? 16 : 8);
        text += "| `" + address(reg) + "` | " + full_name(reg) + " | " + std::to_string(reg.bytes) + " | " +
                accesses(reg) + " | " + reset + (is_from_card(reg) ? " (card)" : "") + " | " + to_string(reg.lost_at) +
                " | " + reg.description + " |\n";
    }
    for (const auto& reg : table.registers) describe(text, reg);
    return text;
}

}  // namespace lightcard
