// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/registers.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "lightcard/model/common/simd.h"

namespace lightcard {

const char* to_string(Access access)
{
    switch (access) {
        case Access::ro:
            return "RO";
        case Access::rw:
            return "RW";
        case Access::rwi:
            return "RWI";
        case Access::w1c:
            return "W1C";
        case Access::w1s:
            return "W1S";
        case Access::rc:
            return "RC";
        case Access::wo:
            return "WO";
        case Access::reserved:
            return "RSVD";
        case Access::unimplemented:
            return "UNIMP";
    }
    return "unknown";
}

const char* to_string(ResetLevel level)
{
    switch (level) {
        case ResetLevel::controller:
            return "controller";
        case ResetLevel::function:
            return "function";
        case ResetLevel::cold:
            return "cold";
        case ResetLevel::never:
            return "never";
    }
    return "unknown";
}

namespace {

constexpr std::uint64_t kLowHalf = 0xffffffff;
constexpr std::uint64_t kHighHalf = ~kLowHalf;

std::string hex(std::uint64_t value)
{
    char text[32];
    std::snprintf(text, sizeof text, "0x%03llx", static_cast<unsigned long long>(value));
    return text;
}

/// "; the nearest is CSTS at 0x024"
std::string nearest(const RegisterTable& table, std::uint32_t offset)
{
    const Register* best = nullptr;
    const auto distance = [offset](const Register& reg) {
        return reg.offset > offset ? reg.offset - offset : offset - reg.offset;
    };
    for (const auto& reg : table.registers) {
        if (best == nullptr || distance(reg) < distance(*best)) best = &reg;
    }
    return best == nullptr ? "" : "; the nearest is " + std::string(best->name) + " at " + hex(best->offset);
}

/// Names of the fields that `bits` touch: "PWR_CTRL.TARGET".
std::string field_names(const Register& reg, std::uint64_t bits)
{
    std::string names;
    for (const auto& field : reg.fields) {
        if ((field.mask() & bits) != 0)
            names.append(names.empty() ? "" : ", ").append(reg.name).append(".").append(field.name);
    }
    return names;
}

RegisterOutcome guest_error(std::string text)
{
    return {Severity::guest_error, std::move(text)};
}
RegisterOutcome unimplemented(std::string text)
{
    return {Severity::unimplemented, std::move(text)};
}

}  // namespace

std::string register_name(const RegisterTable& table, std::uint32_t offset)
{
    for (const auto& reg : table.registers) {
        for (std::uint32_t n = 0; n < reg.count; ++n) {
            const std::uint32_t base = reg.offset + n * reg.stride;
            if (offset < base || offset >= base + reg.bytes) continue;
            std::string name = reg.name;
            if (reg.count > 1) name += "[" + std::to_string(n) + "]";
            return offset - base >= 4 ? name + ".high" : name;
        }
    }
    return {};
}

RegisterBank::RegisterBank(const RegisterTable& table, const std::vector<Reset>& from_card)
    : table_(table), behaviour_(table.registers.size()), values_(table.registers.size()), at_(table.bytes / 4, -1)
{
    for (std::size_t i = 0; i < table.registers.size(); ++i) {
        const Register& reg = table.registers[i];
        Behaviour& behaviour = behaviour_[i];
        behaviour.storage = reg.storage == nullptr ? i : index_of(reg.storage);
        for (const auto& field : reg.fields) {
            behaviour.reset |= field.reset << field.lsb;
            switch (field.access) {
                case Access::ro:
                    break;
                case Access::rw:
                    behaviour.rw |= field.mask();
                    break;
                case Access::rwi:
                    behaviour.rwi |= field.mask();
                    break;
                case Access::w1c:
                    behaviour.w1c |= field.mask();
                    break;
                case Access::w1s:
                    behaviour.w1s |= field.mask();
                    break;
                case Access::rc:
                    behaviour.rc |= field.mask();
                    break;
                case Access::wo:
                    behaviour.wo |= field.mask();
                    break;
                case Access::reserved:
                    behaviour.reserved |= field.mask();
                    break;
                case Access::unimplemented:
                    behaviour.unimplemented |= field.mask();
                    break;
            }
        }
        for (std::uint32_t n = 0; n < reg.count; ++n) {
            const std::uint32_t word = (reg.offset + n * reg.stride) / 4;
            for (std::uint32_t w = 0; w < reg.bytes / 4; ++w) at_[word + w] = static_cast<std::int16_t>(i);
        }
    }
    for (const auto& [name, value] : from_card) {
        const RegisterFieldId id = field(name);
        auto& reset_value = behaviour_[id.index].reset;
        reset_value = (reset_value & ~(id.ones << id.lsb)) | ((value & id.ones) << id.lsb);
    }
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i].stored = behaviour_[i].reset;
}

std::size_t RegisterBank::index_of(std::string_view name) const
{
    for (std::size_t i = 0; i < table_.registers.size(); ++i) {
        if (name == table_.registers[i].name) return i;
    }
    throw std::logic_error("no register named " + std::string(name));
}

RegisterFieldId RegisterBank::field(std::string_view name) const
{
    const auto dot = name.find('.');
    const std::size_t i = index_of(name.substr(0, dot));
    const Register& reg = table_.registers[i];
    RegisterFieldId id;
    id.index = static_cast<std::uint16_t>(behaviour_[i].storage);
    if (dot == std::string_view::npos) {
        id.ones = reg.bytes == 8 ? ~std::uint64_t{0} : kLowHalf;
        return id;
    }
    for (const auto& candidate : reg.fields) {
        if (name.substr(dot + 1) != candidate.name || candidate.access == Access::reserved) continue;
        id.lsb = candidate.lsb;
        id.ones = candidate.mask() >> candidate.lsb;
        return id;
    }
    throw std::logic_error("no register field named " + std::string(name));
}

void RegisterBank::on_write(std::string_view name, WriteHook hook)
{
    behaviour_[index_of(name)].on_write = std::move(hook);
}
void RegisterBank::on_read(std::string_view name, ReadHook hook)
{
    behaviour_[index_of(name)].on_read = std::move(hook);
}

LIGHTCARD_INLINE bool RegisterBank::decode(std::uint32_t offset, std::uint32_t bytes, Target& target) const
{
    if ((bytes != 4 && bytes != 8) || (offset & (bytes - 1)) != 0) return false;
    const std::size_t word = offset / 4;
    if (word >= at_.size() || at_[word] < 0) return false;
    target.index = static_cast<std::size_t>(at_[word]);
    const Register& reg = table_.registers[target.index];
    if (bytes > reg.bytes) return false;
    target.high = reg.bytes == 8 && offset != reg.offset;
    target.lanes = bytes == 8 ? ~std::uint64_t{0} : target.high ? kHighHalf : kLowHalf;
    return true;
}

/// Why decode() found nothing.
RegisterOutcome RegisterBank::refusal(std::uint32_t offset, std::uint32_t bytes, const char* verb) const
{
    const auto because = [&](const std::string& why) {
        return guest_error(std::to_string(bytes) + "-byte " + verb + " at " + hex(offset) + ": " + why);
    };
    if (bytes != 4 && bytes != 8) return because("registers take 4 bytes, 64-bit ones also 8");
    if (offset % bytes != 0) return because("not aligned to " + std::to_string(bytes) + " bytes");
    const std::size_t word = offset / 4;
    if (word >= at_.size() || at_[word] < 0) return because("no register there" + nearest(table_, offset));
    return because(std::string(table_.registers[static_cast<std::size_t>(at_[word])].name) + " has 4 bytes");
}

RegisterRead RegisterBank::read(std::uint32_t offset, std::uint32_t bytes)
{
    Target target;
    if (!decode(offset, bytes, target)) return {0, refusal(offset, bytes, "read")};
    const Behaviour& behaviour = behaviour_[target.index];
    const Register& reg = table_.registers[target.index];
    Value& value = values_[behaviour.storage];

    if (target.high && value.latched) {
        value.latched = false;
        return {value.high, {}};
    }
    const std::uint64_t raw = behaviour.on_read ? behaviour.on_read(value.stored) : value.stored;
    const std::uint64_t seen = raw & ~(behaviour.wo | behaviour.reserved);
    // A read of the low half takes the high half with it: also what reading clears.
    const std::uint64_t taken = target.high ? kHighHalf : ~std::uint64_t{0};
    value.stored &= ~(behaviour.rc & taken);
    value.latched = reg.bytes == 8 && bytes == 4 && !target.high;
    value.high = value.latched ? static_cast<std::uint32_t>(seen >> 32) : 0;

    RegisterRead result{target.high ? seen >> 32 : seen & target.lanes, {}};
    const std::uint64_t there = target.lanes & ~behaviour.reserved;
    if (there != 0 && (there & ~behaviour.wo) == 0) {
        result.outcome = guest_error("read of write-only " + register_name(table_, offset));
    } else if (there != 0 && (there & ~behaviour.unimplemented) == 0) {
        result.outcome = unimplemented(std::string(reg.name) + " is not implemented");
    }
    return result;
}

/// What the host should not have written; everything else of the same write takes effect.
RegisterOutcome RegisterBank::judge_write(const Target& target, std::uint64_t data) const
{
    const Behaviour& behaviour = behaviour_[target.index];
    const Register& reg = table_.registers[target.index];
    if ((data & behaviour.reserved) != 0) {
        return guest_error("reserved bits " + hex(data & behaviour.reserved) + " of " + reg.name + " written");
    }
    if ((target.lanes & behaviour.unimplemented) != 0) {
        if ((data & behaviour.unimplemented) == 0) return {};
        return unimplemented(field_names(reg, data & behaviour.unimplemented) + " is not implemented");
    }
    if ((target.lanes & ~behaviour.reserved & behaviour.writable()) == 0) {
        return guest_error("write to read-only " + std::string(reg.name));
    }
    return {};
}

RegisterOutcome RegisterBank::write(std::uint32_t offset, std::uint32_t bytes, std::uint64_t data)
{
    Target target;
    if (!decode(offset, bytes, target)) return refusal(offset, bytes, "write");
    data = (target.high ? data << 32 : data) & target.lanes;
    RegisterOutcome outcome = judge_write(target, data);

    const Behaviour& behaviour = behaviour_[target.index];
    if ((behaviour.writable() & target.lanes) == 0) return outcome;
    Value& value = values_[behaviour.storage];
    const std::uint64_t before = value.stored;
    const std::uint64_t rw = behaviour.rw & target.lanes;
    const std::uint64_t rwi = behaviour.rwi & target.lanes;
    std::uint64_t after = before;
    after = (after & ~rw) | (data & rw);
    after = (after & ~rwi) | (~data & rwi);
    after &= ~(data & behaviour.w1c);
    after |= data & behaviour.w1s;
    value.stored = after;
    value.latched = false;  // the half that was latched may be the one just written
    if (behaviour.on_write) behaviour.on_write(before, after | (data & behaviour.wo));
    return outcome;
}

void RegisterBank::reset(ResetLevel level)
{
    for (std::size_t i = 0; i < values_.size(); ++i) {
        const ResetLevel lost_at = table_.registers[i].lost_at;
        if (lost_at != ResetLevel::never && lost_at <= level) values_[i] = {behaviour_[i].reset, 0, false};
    }
}

/// After a load: bits that nothing can change are what this card says they are.
void RegisterBank::keep_fixed_bits(std::size_t i)
{
    const Behaviour& behaviour = behaviour_[i];
    const std::uint64_t fixed = behaviour.reserved | behaviour.unimplemented | behaviour.wo;
    values_[i].stored = (values_[i].stored & ~fixed) | (behaviour.reset & fixed);
}

}  // namespace lightcard
