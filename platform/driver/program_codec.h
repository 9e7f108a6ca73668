// SPDX-License-Identifier: Apache-2.0
/// Private to program.cpp: little-endian writer and hardened reader over the same list of fields.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "lightcard/platform/driver/program.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "program files are little-endian, as are their records");

namespace lightcard::driver {

/// Appends fields to a section.
class SectionWriter {
public:
    template <class T>
    void operator()(const T& value, const char*)
    {
        if constexpr (std::is_same_v<T, std::string>) {
            const auto size = static_cast<std::uint32_t>(value.size());
            raw(&size, sizeof size);
            raw(value.data(), value.size());
        } else {
            static_assert(std::is_arithmetic_v<T>);
            raw(&value, sizeof value);
        }
    }
    void operator()(const std::vector<float>& values, const char*)
    {
        const auto count = static_cast<std::uint32_t>(values.size());
        raw(&count, sizeof count);
        raw(values.data(), values.size() * sizeof(float));
    }
    void raw(const void* data, std::size_t size)
    {
        const auto* bytes = static_cast<const std::uint8_t*>(data);
        bytes_.insert(bytes_.end(), bytes, bytes + size);
    }
    std::vector<std::uint8_t> take() { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

/// Reads fields of one section; the first field that does not fit, or is not sane, is remembered and all
/// later reads do nothing.
class SectionReader {
public:
    SectionReader(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes), size_(size) {}

    template <class T>
    void operator()(T& value, const char* field)
    {
        if constexpr (std::is_same_v<T, std::string>) {
            std::uint32_t size = 0;
            raw(&size, sizeof size, field);
            if (failed()) return;
            if (size > left()) return fail(field, "string longer than its section");
            value.assign(reinterpret_cast<const char*>(bytes_ + at_), size);
            at_ += size;
        } else {
            static_assert(std::is_arithmetic_v<T>);
            raw(&value, sizeof value, field);
            if constexpr (std::is_floating_point_v<T>) {
                if (!failed() && !std::isfinite(value)) fail(field, "not a finite number");
            }
        }
    }
    void operator()(std::vector<float>& values, const char* field)
    {
        std::uint32_t count = 0;
        raw(&count, sizeof count, field);
        if (failed()) return;
        if (count > left() / sizeof(float)) return fail(field, "more values than bytes");
        values.resize(count);
        for (float& value : values) (*this)(value, field);
    }
    void raw(void* out, std::size_t size, const char* field)
    {
        if (failed()) return;
        if (size > left()) return fail(field, "section ends inside this field");
        std::memcpy(out, bytes_ + at_, size);
        at_ += size;
    }
    /// The next `size` bytes, which are left.
    const std::uint8_t* skip(std::size_t size)
    {
        at_ += size;
        return bytes_ + at_ - size;
    }
    void fail(const char* field, const char* why)
    {
        if (!failed()) error_ = std::string("field '") + field + "' at byte " + std::to_string(at_) + ": " + why;
    }
    bool failed() const { return !error_.empty(); }
    const std::string& error() const { return error_; }
    std::size_t left() const { return size_ - at_; }

private:
    const std::uint8_t* bytes_;
    std::size_t size_, at_ = 0;
    std::string error_;
};

}  // namespace lightcard::driver
