// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/common/archive.h"

#include <algorithm>
#include <istream>
#include <ostream>

#include "lightcard/model/common/crc32.h"

namespace lightcard {

namespace {

constexpr std::size_t kMagicBytes = sizeof kArchiveMagic - 1;
constexpr std::size_t kLongestName = 255;
/// Payloads grow by at most this much before their bytes have arrived: a false length costs nothing.
constexpr std::size_t kReadStep = 1 << 20;

template <class T>
void write_plain(std::ostream& out, T value)
{
    out.write(reinterpret_cast<const char*>(&value), sizeof value);
}

std::uint32_t section_crc(std::string_view name, std::string_view payload)
{
    return crc32(payload.data(), payload.size(), crc32(name.data(), name.size()));
}

/// Names come from hostile files too: shown short and printable.
std::string quoted(std::string_view name)
{
    std::string text = "'";
    for (const char c : name.substr(0, 40)) text += c >= 0x20 && c < 0x7f ? c : '?';
    return text + "'";
}

}  // namespace

namespace archive_detail {

std::string describe_tag(std::uint8_t tag)
{
    switch (tag) {
        case kBool:
            return "bool";
        case kString:
            return "string";
        case kSequence:
            return "sequence";
        case kSet:
            return "set";
        case kMap:
            return "map";
        case kPair:
            return "pair";
        case kArray:
            return "array";
        case kOptional:
            return "optional";
        case kStruct:
            return "struct";
        default:
            break;
    }
    const std::string bits = std::to_string((tag & 0x0f) * 8);
    if ((tag & 0xf0) == kUnsigned) return "u" + bits;
    if ((tag & 0xf0) == kSigned) return "s" + bits;
    if ((tag & 0xf0) == kFloating) return "f" + bits;
    return "unknown type " + std::to_string(tag);
}

}  // namespace archive_detail

// Writer

ArchiveWriter::ArchiveWriter(std::ostream& out) : out_(out)
{
    out_.write(kArchiveMagic, kMagicBytes);
    write_plain(out_, kArchiveMajor);
    write_plain(out_, kArchiveMinor);
}

void ArchiveWriter::end_section(std::string_view name)
{
    write_plain(out_, static_cast<std::uint32_t>(name.size()));
    out_.write(name.data(), static_cast<std::streamsize>(name.size()));
    write_plain(out_, static_cast<std::uint64_t>(payload_.size()));
    write_plain(out_, section_crc(name, payload_));
    out_.write(payload_.data(), static_cast<std::streamsize>(payload_.size()));
    payload_.clear();
}

void ArchiveWriter::put_name(std::string_view name)
{
    const auto length = static_cast<std::uint8_t>(std::min(name.size(), kLongestName));
    put(length);
    put_bytes(name.data(), length);
}

Status ArchiveWriter::finish()
{
    end_section("");
    out_.flush();
    if (!out_) return Error{"cannot write the archive", "", "disk full?"};
    return {};
}

// Reader

ArchiveReader::ArchiveReader(std::istream& in) : in_(in)
{
    char magic[kMagicBytes] = {};
    std::uint16_t major = 0, minor = 0;
    if (!read_stream(magic, sizeof magic) || std::memcmp(magic, kArchiveMagic, kMagicBytes) != 0) {
        fail("not a lightcard archive: it does not start with LCARCHIV");
    } else if (!read_stream(&major, sizeof major) || !read_stream(&minor, sizeof minor)) {
        fail("the archive is cut short");
    } else if (major != kArchiveMajor || minor > kArchiveMinor) {
        const std::string known = std::to_string(kArchiveMajor) + ".";
        fail("archive version " + std::to_string(major) + "." + std::to_string(minor) + " is unknown",
             "this build reads " + known + "0 to " + known + std::to_string(kArchiveMinor));
    }
}

void ArchiveReader::fail(std::string what, std::string hint)
{
    if (error_) return;
    std::string where;
    if (!section_.empty()) where = "section " + section_;
    for (std::size_t i = 0; i < path_.size(); ++i) where.append(i == 0 ? ", field " : ".").append(path_[i]);
    error_ = Error{std::move(what), std::move(where), std::move(hint)};
}

void ArchiveReader::mismatch(std::string_view name, const std::string& found, const std::string& expected)
{
    path_.push_back(name);
    fail("the archive has " + found, "it must be " + expected);
    path_.pop_back();
}

bool ArchiveReader::read_stream(void* into, std::size_t size)
{
    try {
        in_.read(static_cast<char*>(into), static_cast<std::streamsize>(size));
    } catch (const std::exception&) {  // a stream that was told to throw
        return false;
    }
    return static_cast<std::size_t>(in_.gcount()) == size;
}

bool ArchiveReader::read_payload(std::uint64_t size)
{
    payload_.clear();
    at_ = 0;
    try {
        while (payload_.size() < size) {
            const std::size_t have = payload_.size();
            const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(size - have, kReadStep));
            payload_.resize(have + step);
            if (!read_stream(payload_.data() + have, step)) return fail("the archive is cut short"), false;
        }
    } catch (const std::exception&) {
        return fail("not enough memory for this section"), false;
    }
    return true;
}

bool ArchiveReader::begin_section(std::string_view name)
{
    if (error_) return false;
    section_ = name;
    std::uint32_t name_size = 0, crc = 0;
    std::uint64_t size = 0;
    std::string found(kLongestName, '\0');
    if (!read_stream(&name_size, sizeof name_size)) return fail("the archive is cut short"), false;
    if (name_size > kLongestName) return fail("another section stands here, with an impossible name"), false;
    found.resize(name_size);
    if (!read_stream(found.data(), name_size) || !read_stream(&size, sizeof size) || !read_stream(&crc, sizeof crc)) {
        return fail("the archive is cut short"), false;
    }
    if (found != name) {
        const bool end = found.empty();
        return fail(end ? "the archive ends before this section" : "section " + quoted(found) + " stands here"), false;
    }
    if (!read_payload(size)) return false;
    if (section_crc(found, payload_) != crc) return fail("the checksum does not match"), false;
    return true;
}

void ArchiveReader::end_section()
{
    if (at_ != payload_.size()) fail(std::to_string(payload_.size() - at_) + " bytes are left over");
    payload_.clear();
    at_ = 0;
    section_.clear();
}

Status ArchiveReader::finish()
{
    if (!error_) {
        std::uint32_t name_size = 0, crc = 0;
        std::uint64_t size = 0;
        if (!read_stream(&name_size, sizeof name_size)) {
            fail("the archive is cut short");
        } else if (name_size != 0) {
            fail("the archive has a section more than this card knows");
        } else if (!read_stream(&size, sizeof size) || !read_stream(&crc, sizeof crc) || size != 0 || crc != 0) {
            fail("the end of the archive is damaged");
        }
    }
    if (error_) return *error_;
    return {};
}

bool ArchiveReader::take_bytes(void* into, std::size_t size)
{
    if (error_) return false;
    if (size > payload_.size() - at_) return fail("the section ends within this field"), false;
    if (size > 0) std::memcpy(into, payload_.data() + at_, size);
    at_ += size;
    return true;
}

bool ArchiveReader::take_name(std::string_view name)
{
    std::uint8_t length = 0;
    char found[kLongestName];
    if (!take_bytes(&length, 1) || !take_bytes(found, length)) return false;
    const std::string_view found_name(found, length);
    if (found_name == name.substr(0, kLongestName)) return true;
    fail("the archive has field " + quoted(found_name) + " here");
    return false;
}

bool ArchiveReader::take_tag(std::uint8_t tag)
{
    std::uint8_t found = 0;
    if (!take_bytes(&found, 1)) return false;
    if (found == tag) return true;
    fail("the archive has type " + archive_detail::describe_tag(found) + " here",
         "it must be " + archive_detail::describe_tag(tag));
    return false;
}

bool ArchiveReader::take_size(std::uint64_t& size, std::size_t element_bytes)
{
    std::uint64_t found = 0;
    if (!take_bytes(&found, sizeof found)) return false;
    const std::size_t left = payload_.size() - at_;
    if (found > left / element_bytes) {
        return fail(std::to_string(found) + " elements are claimed, " + std::to_string(left) + " bytes are left"),
               false;
    }
    size = found;
    return true;
}

bool ArchiveReader::take_array_size(std::size_t size)
{
    std::uint64_t found = 0;
    if (!take_bytes(&found, sizeof found)) return false;
    if (found == size) return true;
    return fail("the archive has " + std::to_string(found) + " elements", "it must be " + std::to_string(size)), false;
}

bool ArchiveReader::take_bool(bool& value)
{
    std::uint8_t byte = 0;
    if (!take_bytes(&byte, 1)) return false;
    if (byte > 1) return fail(std::to_string(byte) + " is no bool"), false;
    value = byte == 1;
    return true;
}

bool ArchiveReader::take_string(std::string& value)
{
    std::uint64_t size = 0;
    if (!take_size(size, 1)) return false;
    value.assign(payload_, at_, static_cast<std::size_t>(size));
    at_ += static_cast<std::size_t>(size);
    return true;
}

}  // namespace lightcard
