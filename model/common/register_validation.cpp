// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "lightcard/model/common/registers.h"

namespace lightcard {

namespace {

/// Upper case, as the C header wants it.
bool is_name(std::string_view name)
{
    if (name.empty() || name[0] < 'A' || name[0] > 'Z') return false;
    for (const char c : name) {
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

/// One line that stands in a table cell and in a C comment.
bool is_text(std::string_view text)
{
    return !text.empty() && text.find_first_of("|\n\r\t\\") == text.npos && text.find("*/") == text.npos;
}

class Validator {
public:
    explicit Validator(const RegisterTable& table) : table_(table) {}

    std::vector<std::string> run()
    {
        for (const auto& reg : table_.registers) check(reg);
        return std::move(complaints_);
    }

private:
    void complain(std::string_view what, const std::string& why)
    {
        complaints_.push_back(std::string(what) + ": " + why);
    }

    void check(const Register& reg)
    {
        if (!is_name(reg.name)) complain(reg.name, "not a name in upper case");
        if (!names_.insert(reg.name).second) complain(reg.name, "named twice");
        if (!is_text(reg.description)) complain(reg.name, "no description of one line");
        check_place(reg);
        check_bits(reg);
        check_storage(reg);
    }

    void check_place(const Register& reg)
    {
        if (reg.bytes != 4 && reg.bytes != 8) return complain(reg.name, "neither 4 nor 8 bytes");
        if (reg.offset % reg.bytes != 0 || reg.stride % reg.bytes != 0) complain(reg.name, "not aligned");
        if (reg.count == 0 || (reg.count > 1 && reg.stride < reg.bytes)) complain(reg.name, "elements overlap");
        for (std::uint32_t n = 0; n < reg.count; ++n) {
            for (std::uint32_t byte = 0; byte < reg.bytes; byte += 4) {
                const std::uint64_t word = reg.offset + std::uint64_t{n} * reg.stride + byte;
                if (word + 4 > table_.bytes) return complain(reg.name, "outside the window");
                if (!words_.insert(word).second) return complain(reg.name, "overlaps another register");
            }
        }
        if (reg.offset < last_offset_) complain(reg.name, "not in ascending order");
        last_offset_ = reg.offset;
    }

    void check_bits(const Register& reg)
    {
        std::set<std::string_view> fields;
        unsigned next = 0;
        for (const auto& field : reg.fields) {
            const std::string name = std::string(reg.name) + "." + field.name;
            const bool is_reserved = field.access == Access::reserved;
            if (field.width == 0 || field.lsb != next) complain(name, "bits left out, named twice or out of order");
            next = field.lsb + field.width;
            if (!is_name(field.name) || is_reserved != (field.name == std::string_view(kReservedName))) {
                complain(name, "not a field name");
            }
            if (!is_reserved && !fields.insert(field.name).second) complain(name, "named twice");
            if (!is_text(field.description)) complain(name, "no description of one line");
            check_values(name, field);
            if (reg.count > 1 && !is_reserved && field.access != Access::wo) complain(name, "an array is write-only");
        }
        if (next != reg.bytes * 8) complain(reg.name, "fields do not end at the last bit");
    }

    void check_values(const std::string& name, const RegisterField& field)
    {
        const std::uint64_t ones = field.width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << field.width) - 1;
        if ((field.reset & ~ones) != 0) complain(name, "reset value does not fit");
        if (field.reset != 0 && (field.access == Access::reserved || field.access == Access::wo)) {
            complain(name, "reads 0, but has a reset value");
        }
        std::set<std::string_view> names;
        std::set<std::uint64_t> values;
        for (const auto& value : field.values) {
            if (!is_name(value.name) || !is_text(value.description))
                complain(name, "a value without name or description");
            if (!names.insert(value.name).second || !values.insert(value.value).second) complain(name, "a value twice");
            if ((value.value & ~ones) != 0) complain(name, "a value does not fit");
        }
    }

    /// A register that shares another's value agrees with it on everything but how it is written.
    void check_storage(const Register& reg)
    {
        if (reg.storage == nullptr) return;
        for (const auto& other : table_.registers) {
            if (std::string_view(other.name) != reg.storage) continue;
            if (other.storage != nullptr) complain(reg.name, "its storage has none of its own");
            if (reset_of(other) != reset_of(reg) || other.bytes != reg.bytes || other.lost_at != reg.lost_at) {
                complain(reg.name, "differs from its storage");
            }
            return;
        }
        complain(reg.name, "its storage does not exist");
    }

    static std::uint64_t reset_of(const Register& reg)
    {
        std::uint64_t reset = 0;
        for (const auto& field : reg.fields) reset |= field.reset << field.lsb;
        return reset;
    }

    const RegisterTable& table_;
    std::vector<std::string> complaints_;
    std::set<std::string_view> names_;
    std::set<std::uint64_t> words_;
    std::uint32_t last_offset_ = 0;
};

}  // namespace

std::vector<std::string> validate(const RegisterTable& table)
{
    return Validator(table).run();
}

}  // namespace lightcard
