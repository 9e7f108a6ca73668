// SPDX-License-Identifier: Apache-2.0
/// Registers of a block: one table that says everything, one bank that acts on it.
///
/// What a register is. A register is a name, an offset, 4 or 8 bytes, and fields; a field is a run of bits
/// with one kind of access. Every bit of every register belongs to a field, be it a reserved or an
/// unimplemented one: there are no anonymous bits, so a trace can always say what was touched and a check
/// can always say what was wrong. All of this is data (RegisterTable). The C header for drivers, the data
/// sheet, the names in traces, the access checks and the access test are made from that table; nothing
/// about a register is written down twice.
///
/// Who does what.
///   RegisterTable  constant data, shared by every card of the process.
///   RegisterBank   the values, and what any register does by itself: masks by kind of access, clear on
///                  read, resets, both halves of a 64-bit register, refusal of malformed accesses.
///   the owner      what a register means: a hook on a write ("CC.EN rose") or on a read ("what is the
///                  time"), set once at construction. A hook may get and set any field of the bank.
///   the caller     when: synchronises time before an access, reports the outcome afterwards. The bank
///                  knows neither time nor SystemC, and never throws after construction.
///
/// Two sides. The host reads and writes by offset, and access rules hold. The card gets and sets by
/// RegisterFieldId, found by name once at construction, and no rules hold: a field that is read-only to the host
/// is how the card speaks. Setting a field calls no hook.
///
/// Partial access. A register takes aligned 4-byte accesses. An 8-byte register also takes one 8-byte
/// access, or two halves: reading the low half latches the high half, so that the two belong together if
/// the low one is read first; writing a half acts on that half at once. Everything else is refused: the
/// host reads 0, a write does nothing, and the outcome says why.
///
/// State is one value (and latch) a register; visit() makes it part of the card's archive, under names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lightcard/model/common/diagnostics.h"

namespace lightcard {

/// A view of a constant array, so that tables can be constexpr.
template <class T>
class Listing {
public:
    constexpr Listing() = default;
    template <std::size_t n>
    constexpr Listing(const T (&items)[n]) : first_(items), size_(n)
    {
    }
    constexpr const T* begin() const { return first_; }
    constexpr const T* end() const { return first_ + size_; }
    constexpr std::size_t size() const { return size_; }
    constexpr const T& operator[](std::size_t i) const { return first_[i]; }

private:
    const T* first_ = nullptr;
    std::size_t size_ = 0;
};

/// Kinds of access, as the host sees them.
enum class Access : std::uint8_t {
    ro,             ///< read-only; writes are ignored
    rw,             ///< reads back what was written
    rwi,            ///< reads back the inverse of what was written
    w1c,            ///< writing 1 clears the bit
    w1s,            ///< writing 1 sets the bit
    rc,             ///< read-only, cleared by reading it
    wo,             ///< write-only; reads 0
    reserved,       ///< reads 0; to be written 0
    unimplemented,  ///< part of the interface, not modelled: reads its reset value, writes do nothing
};
const char* to_string(Access access);  ///< "RO", "W1C", ...

/// Reset ladder: a register is lost at its level and every level after it.
enum class ResetLevel : std::uint8_t {
    controller,  ///< CC.EN 1 -> 0
    function,    ///< function level reset, bus reset
    cold,        ///< power-on
    never,       ///< kept without power
};
const char* to_string(ResetLevel level);

/// A named value of a field.
struct FieldValue {
    const char* name;
    std::uint64_t value;
    const char* description;
};

struct RegisterField {
    const char* name;
    std::uint8_t lsb;
    std::uint8_t width;
    Access access;
    std::uint64_t reset;
    const char* description;
    Listing<FieldValue> values = {};
    bool from_card = false;  ///< the reset value above is the reference card's; each card sets its own

    constexpr std::uint64_t mask() const
    {
        return (width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1) << lsb;
    }
};

/// Name of every reserved field; the only name that may occur twice in a register.
inline constexpr char kReservedName[] = "RSVD";
constexpr RegisterField reserved(std::uint8_t lsb, std::uint8_t width)
{
    return {kReservedName, lsb, width, Access::reserved, 0, "reserved"};
}

struct Register {
    const char* name;
    std::uint32_t offset;
    std::uint32_t bytes;  ///< 4 or 8
    Listing<RegisterField> fields;
    const char* description;
    ResetLevel lost_at = ResetLevel::function;
    const char* storage = nullptr;  ///< another register whose value this one reads and writes (set/clear pairs)
    std::uint32_t count = 1;        ///< > 1: an array of write-only registers, told apart by offset by the caller
    std::uint32_t stride = 0;       ///< bytes from one to the next
};

struct RegisterTable {
    const char* title;    ///< of the data sheet
    const char* prefix;   ///< of the names in the C header: "LC_"
    std::uint32_t bytes;  ///< of the window the registers are in
    Listing<Register> registers;
};

/// What is wrong with a table; empty if nothing is. Every bit named once, names usable in C and Markdown, offsets
/// aligned, ascending and apart, reset values that fit.
std::vector<std::string> validate(const RegisterTable& table);

/// Name of what is at an offset, for traces: "CC", "ASQ.high", "SQ_TAIL[3]"; empty if nothing is.
std::string register_name(const RegisterTable& table, std::uint32_t offset);

/// How an access went. Not ok: `text` says what was wrong, for Diagnostics.
struct RegisterOutcome {
    Severity severity = Severity::note;
    std::string text;

    bool ok() const { return text.empty(); }
    void report(Diagnostics& diagnostics, Picoseconds when, const char* component) const
    {
        if (!ok()) diagnostics.report(severity, when, component, text);
    }
};

struct RegisterRead {
    std::uint64_t value = 0;
    RegisterOutcome outcome;
};

/// Handle of a field (or of a whole register, by the register's name).
struct RegisterFieldId {
    std::uint16_t index = 0;  ///< of the value in the bank
    std::uint8_t lsb = 0;
    std::uint64_t ones = 0;  ///< mask before the shift
};

class RegisterBank {
public:
    /// Reset value of a from_card field: {"CAP.MQES", 1023}.
    struct Reset {
        std::string_view field;
        std::uint64_t value;
    };
    /// Value of the register before and after the write. Write-only fields: 0 before, what was written after.
    using WriteHook = std::function<void(std::uint64_t before, std::uint64_t after)>;
    /// Value the host shall see instead of the stored one.
    using ReadHook = std::function<std::uint64_t(std::uint64_t stored)>;

    /// `table` is valid and outlives the bank. Set-up functions throw std::logic_error on a name that is not in it.
    explicit RegisterBank(const RegisterTable& table, const std::vector<Reset>& from_card = {});
    RegisterBank(const RegisterBank&) = delete;  // hooks refer to one bank
    RegisterBank& operator=(const RegisterBank&) = delete;

    // Set-up, by name.
    RegisterFieldId field(std::string_view name) const;  ///< "CSTS.RDY", or "AQA" for all of it
    void on_write(std::string_view name, WriteHook hook);
    void on_read(std::string_view name, ReadHook hook);

    // The host's side. `bytes` is 4 or 8.
    RegisterRead read(std::uint32_t offset, std::uint32_t bytes);
    RegisterOutcome write(std::uint32_t offset, std::uint32_t bytes, std::uint64_t data);

    // The card's side.
    std::uint64_t get(RegisterFieldId id) const { return (values_[id.index].stored >> id.lsb) & id.ones; }
    void set(RegisterFieldId id, std::uint64_t value)
    {
        auto& stored = values_[id.index].stored;
        stored = (stored & ~(id.ones << id.lsb)) | ((value & id.ones) << id.lsb);
    }

    void reset(ResetLevel level);
    const RegisterTable& table() const { return table_; }

    template <class Archive>
    void visit(Archive& archive)
    {
        for (std::size_t i = 0; i < values_.size(); ++i) {
            if (behaviour_[i].storage != i) continue;
            archive.field(table_.registers[i].name, values_[i]);
            if constexpr (Archive::reading) keep_fixed_bits(i);
        }
    }

private:
    struct Value {
        std::uint64_t stored = 0;
        std::uint32_t high = 0;  ///< latched by a read of the low half
        bool latched = false;

        template <class Archive>
        void visit(Archive& archive)
        {
            archive.field("stored", stored);
            archive.field("high", high);
            archive.field("latched", latched);
        }
    };
    /// A register as masks, so that an access is a few ANDs.
    struct Behaviour {
        std::uint64_t reset = 0;
        std::uint64_t rw = 0, rwi = 0, w1c = 0, w1s = 0, rc = 0, wo = 0, reserved = 0, unimplemented = 0;
        std::size_t storage = 0;  ///< index of the value
        WriteHook on_write;
        ReadHook on_read;

        std::uint64_t writable() const { return rw | rwi | w1c | w1s | wo; }
    };
    /// The bits of one register that an access names.
    struct Target {
        std::size_t index = 0;
        bool high = false;        ///< upper half only
        std::uint64_t lanes = 0;  ///< bits of the register
    };

    std::size_t index_of(std::string_view name) const;
    bool decode(std::uint32_t offset, std::uint32_t bytes, Target& target) const;
    RegisterOutcome refusal(std::uint32_t offset, std::uint32_t bytes, const char* verb) const;
    RegisterOutcome judge_write(const Target& target, std::uint64_t data) const;
    void keep_fixed_bits(std::size_t i);

    const RegisterTable& table_;
    std::vector<Behaviour> behaviour_;  ///< a register of the table each
    std::vector<Value> values_;         ///< a register of the table each; unused where storage is another's
    std::vector<std::int16_t> at_;      ///< index by offset / 4; -1 = nothing there
};

}  // namespace lightcard
