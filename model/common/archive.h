// SPDX-License-Identifier: Apache-2.0
/// One binary archive for PCM files, dumps and checkpoints.
///
/// A block's state is one plain struct that names each of its fields once, for both directions:
///
///     template <class Archive> void visit(Archive& archive)
///     {
///         archive.field("head", head_);
///         archive.field("pending", pending_);
///         if constexpr (Archive::reading) rebuild_index();
///     }
///
///     ArchiveWriter writer(out);            ArchiveReader reader(in);
///     writer.section("dma", dma);           reader.section("dma", dma);
///     Status saved = writer.finish();       Status loaded = reader.finish();
///
/// Fields: integers, enums, bool, float, double, std::string, std::vector, deque, set, map, pair, array,
/// optional, and structs with visit(), nested at will. Integers are stored in the width of their C++ type:
/// use fixed-width types. A version of the format that changes a struct bumps the section's name or kMinor.
///
/// On the wire: "LCARCHIV", u16 major, u16 minor, then sections {u32 length, name, u64 length, u32 CRC of
/// name and payload, payload} up to one with an empty name. In a payload each field is {u8 length, name,
/// u8 type, value}. All little-endian. Every element of a sequence has the type that is stored once, before
/// the first; runs of numbers are stored densely.
///
/// The reader takes hostile bytes: it never throws, never allocates much more than the bytes it was given,
/// and turns into a sticky Error that names section and field. After an error nothing is read any more and
/// values stay as they were; check finish() before believing any of them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <iosfwd>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lightcard/model/common/result.h"

namespace lightcard {

inline constexpr char kArchiveMagic[] = "LCARCHIV";
inline constexpr std::uint16_t kArchiveMajor = 1;
inline constexpr std::uint16_t kArchiveMinor = 0;

namespace archive_detail {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "archives are little-endian; so is every host we build for");

template <class T>
inline constexpr bool always_false = false;

template <class T, template <class...> class Template>
inline constexpr bool is = false;
template <template <class...> class Template, class... Args>
inline constexpr bool is<Template<Args...>, Template> = true;

template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t n>
inline constexpr bool is_array<std::array<T, n>> = true;

/// Stored as its own bytes. bool is not: a byte other than 0 and 1 is no bool.
template <class T>
inline constexpr bool is_plain = (std::is_arithmetic_v<T> || std::is_enum_v<T>)&&!std::is_same_v<T, bool>;

template <class T>
inline constexpr bool is_sequence = is<T, std::vector> || is<T, std::deque>;

template <class T>
inline constexpr bool is_dense_vector = false;
template <class T>
inline constexpr bool is_dense_vector<std::vector<T>> = is_plain<T>;

/// What is stored before a value, so that another type under the same name is told by name.
enum TypeTag : std::uint8_t {
    kUnsigned = 0x10,  ///< + bytes
    kSigned = 0x20,    ///< + bytes
    kFloating = 0x30,  ///< + bytes
    kBool = 0x01,
    kString = 0x02,
    kSequence = 0x03,
    kSet = 0x04,
    kMap = 0x05,
    kPair = 0x06,
    kArray = 0x07,
    kOptional = 0x08,
    kStruct = 0x09,
};

template <class T>
constexpr std::uint8_t tag_of()
{
    if constexpr (std::is_enum_v<T>) {
        return tag_of<std::underlying_type_t<T>>();
    } else if constexpr (std::is_same_v<T, bool>) {
        return kBool;
    } else if constexpr (std::is_floating_point_v<T>) {
        return kFloating + sizeof(T);
    } else if constexpr (std::is_integral_v<T>) {
        return (std::is_signed_v<T> ? kSigned : kUnsigned) + sizeof(T);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return kString;
    } else if constexpr (is_sequence<T>) {
        return kSequence;
    } else if constexpr (is<T, std::set>) {
        return kSet;
    } else if constexpr (is<T, std::map>) {
        return kMap;
    } else if constexpr (is<T, std::pair>) {
        return kPair;
    } else if constexpr (is_array<T>) {
        return kArray;
    } else if constexpr (is<T, std::optional>) {
        return kOptional;
    } else {
        static_assert(std::is_class_v<T>, "this type cannot be archived");
        return kStruct;
    }
}

std::string describe_tag(std::uint8_t tag);

}  // namespace archive_detail

class ArchiveWriter {
public:
    static constexpr bool reading = false;

    /// `out` outlives the writer.
    explicit ArchiveWriter(std::ostream& out);

    /// `body`: a struct with visit(), or a callable that takes nothing and calls field().
    template <class Body>
    void section(std::string_view name, Body&& body)
    {
        if constexpr (std::is_invocable_v<Body&>) {
            body();
        } else {
            body.visit(*this);
        }
        end_section(name);
    }

    template <class T>
    void field(std::string_view name, T& value)
    {
        using Value = std::remove_const_t<T>;
        put_name(name);
        put(archive_detail::tag_of<Value>());
        put(const_cast<Value&>(value));  // visit() is one function for both directions, hence not const
    }
    /// A field that must be the same when it is read: what the rest depends on (geometry, hash).
    template <class T>
    void expect(std::string_view name, const T& value)
    {
        field(name, value);
    }

    bool ok() const { return true; }
    void check(bool, std::string_view) {}

    /// Call once, last. An error is one of the stream.
    Status finish();

private:
    void end_section(std::string_view name);
    void put_name(std::string_view name);
    void put_bytes(const void* bytes, std::size_t size) { payload_.append(static_cast<const char*>(bytes), size); }
    void put_size(std::size_t size) { put(static_cast<std::uint64_t>(size)); }

    template <class T>
    void put(const T& value)
    {
        put(const_cast<T&>(value));
    }
    template <class T>
    void put(T& value)
    {
        using namespace archive_detail;
        if constexpr (is_plain<T>) {
            put_bytes(&value, sizeof(T));
        } else if constexpr (std::is_same_v<T, bool>) {
            put(static_cast<std::uint8_t>(value));
        } else if constexpr (std::is_same_v<T, std::string>) {
            put_size(value.size());
            put_bytes(value.data(), value.size());
        } else if constexpr (is_sequence<T> || is<T, std::set>) {
            put(tag_of<typename T::value_type>());
            put_size(value.size());
            put_elements(value);
        } else if constexpr (is<T, std::map>) {
            put(tag_of<typename T::key_type>());
            put(tag_of<typename T::mapped_type>());
            put_size(value.size());
            for (auto& [key, mapped] : value) put(key), put(mapped);
        } else if constexpr (is<T, std::pair>) {
            put(tag_of<typename T::first_type>());
            put(tag_of<typename T::second_type>());
            put(value.first), put(value.second);
        } else if constexpr (is_array<T>) {
            put(tag_of<typename T::value_type>());
            put_size(value.size());
            for (auto& element : value) put(element);
        } else if constexpr (is<T, std::optional>) {
            put(tag_of<typename T::value_type>());
            put(value.has_value());
            if (value) put(*value);
        } else {
            value.visit(*this);
        }
    }
    template <class T>
    void put_elements(T& elements)
    {
        if constexpr (archive_detail::is_dense_vector<T>) {
            put_bytes(elements.data(), elements.size() * sizeof(typename T::value_type));
        } else if constexpr (std::is_same_v<typename T::value_type, bool>) {
            for (const bool element : elements) put(element);
        } else {
            for (auto& element : elements) put(element);
        }
    }

    std::ostream& out_;
    std::string payload_;
};

class ArchiveReader {
public:
    static constexpr bool reading = true;

    /// `in` outlives the reader. What follows the archive in `in` is left alone.
    explicit ArchiveReader(std::istream& in);

    /// Sections are read in the order they were written; each by the name it was written under.
    template <class Body>
    void section(std::string_view name, Body&& body)
    {
        if (!begin_section(name)) return;
        if constexpr (std::is_invocable_v<Body&>) {
            body();
        } else {
            body.visit(*this);
        }
        end_section();
    }

    template <class T>
    void field(std::string_view name, T& value)
    {
        if (error_) return;
        path_.push_back(name);
        if (take_name(name) && take_tag(archive_detail::tag_of<T>())) take(value);
        path_.pop_back();
    }
    template <class T>
    void expect(std::string_view name, const T& value)
    {
        T found = value;
        field(name, found);
        if (!error_ && !(found == value)) mismatch(name, show(found), show(value));
    }

    bool ok() const { return !error_; }
    /// Turns into an Error unless `sane`. For what visit() knows about the values it has read.
    void check(bool sane, std::string_view what)
    {
        if (!sane) fail(std::string(what));
    }

    /// Call last: everything was there, nothing was left over, every checksum held.
    Status finish();

private:
    bool begin_section(std::string_view name);
    void end_section();
    bool read_stream(void* into, std::size_t size);
    bool read_payload(std::uint64_t size);
    void fail(std::string what, std::string hint = {});
    void mismatch(std::string_view name, const std::string& found, const std::string& expected);
    bool take_name(std::string_view name);
    bool take_tag(std::uint8_t tag);
    bool take_bytes(void* into, std::size_t size);
    /// A count of elements that take `element_bytes` at least: never more than there are bytes left.
    bool take_size(std::uint64_t& size, std::size_t element_bytes);
    bool take_array_size(std::size_t size);

    template <class T>
    static std::string show(const T& value)
    {
        if constexpr (std::is_same_v<T, std::string>) {
            return "'" + value + "'";
        } else if constexpr (std::is_enum_v<T>) {
            return std::to_string(static_cast<std::underlying_type_t<T>>(value));
        } else if constexpr (std::is_arithmetic_v<T>) {
            return std::to_string(value);
        } else {
            return "another value";
        }
    }

    template <class T>
    bool take(T& value)
    {
        using namespace archive_detail;
        if constexpr (is_plain<T>) {
            return take_bytes(&value, sizeof(T));
        } else if constexpr (std::is_same_v<T, bool>) {
            return take_bool(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
            return take_string(value);
        } else if constexpr (is_sequence<T>) {
            return take_sequence(value);
        } else if constexpr (is<T, std::set>) {
            return take_set(value);
        } else if constexpr (is<T, std::map>) {
            return take_map(value);
        } else if constexpr (is<T, std::pair>) {
            return take_tag(tag_of<typename T::first_type>()) && take_tag(tag_of<typename T::second_type>()) &&
                   take(value.first) && take(value.second);
        } else if constexpr (is_array<T>) {
            if (!take_tag(tag_of<typename T::value_type>()) || !take_array_size(value.size())) return false;
            for (auto& element : value) {
                if (!take(element)) return false;
            }
            return true;
        } else if constexpr (is<T, std::optional>) {
            return take_optional(value);
        } else {
            value.visit(*this);
            return !error_;
        }
    }
    bool take_bool(bool& value);
    bool take_string(std::string& value);

    /// Containers are filled aside and moved in whole: an error leaves the old one.
    template <class T>
    bool take_sequence(T& value)
    {
        using Element = typename T::value_type;
        constexpr bool dense = archive_detail::is_dense_vector<T>;
        std::uint64_t size = 0;
        if (!take_tag(archive_detail::tag_of<Element>()) || !take_size(size, dense ? sizeof(Element) : 1)) return false;
        T taken;
        if constexpr (dense) {
            taken.resize(size);
            if (!take_bytes(taken.data(), size * sizeof(Element))) return false;
        } else {
            for (std::uint64_t i = 0; i < size; ++i) {
                Element element{};
                if (!take(element)) return false;
                taken.push_back(std::move(element));
            }
        }
        value = std::move(taken);
        return true;
    }
    template <class T>
    bool take_set(T& value)
    {
        std::uint64_t size = 0;
        if (!take_tag(archive_detail::tag_of<typename T::value_type>()) || !take_size(size, 1)) return false;
        T taken;
        for (std::uint64_t i = 0; i < size; ++i) {
            typename T::value_type element{};
            if (!take(element)) return false;
            if (!taken.insert(std::move(element)).second) return fail("an element is there twice"), false;
        }
        value = std::move(taken);
        return true;
    }
    template <class T>
    bool take_map(T& value)
    {
        using Key = typename T::key_type;
        using Mapped = typename T::mapped_type;
        std::uint64_t size = 0;
        if (!take_tag(archive_detail::tag_of<Key>()) || !take_tag(archive_detail::tag_of<Mapped>())) return false;
        if (!take_size(size, 1)) return false;
        T taken;
        for (std::uint64_t i = 0; i < size; ++i) {
            Key key{};
            Mapped mapped{};
            if (!take(key) || !take(mapped)) return false;
            if (!taken.emplace(std::move(key), std::move(mapped)).second) return fail("a key is there twice"), false;
        }
        value = std::move(taken);
        return true;
    }
    template <class T>
    bool take_optional(T& value)
    {
        bool present = false;
        if (!take_tag(archive_detail::tag_of<typename T::value_type>()) || !take(present)) return false;
        if (!present) return value.reset(), true;
        typename T::value_type taken{};
        if (!take(taken)) return false;
        value = std::move(taken);
        return true;
    }

    std::istream& in_;
    std::string payload_;
    std::size_t at_ = 0;  ///< next byte of payload_
    std::string section_;
    std::vector<std::string_view> path_;  ///< fields being read, outermost first
    std::optional<Error> error_;
};

}  // namespace lightcard
