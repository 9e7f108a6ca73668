// SPDX-License-Identifier: Apache-2.0
/// NumPy's array files (NEP 1: magic, version, header length, a Python dictionary as text, then the values), and text
/// files of lines.
#include <charconv>
#include <cstring>

#include "lightcard/platform/cli/files.h"

namespace lightcard::cli {

namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMagicBytes = 6;
constexpr std::size_t kMaxRank = 8;

/// What follows 'key': in the header's dictionary, up to the end.
std::string after_key(const std::string& header, const std::string& key)
{
    const auto at = header.find("'" + key + "'");
    if (at == std::string::npos) return "";
    const auto colon = header.find(':', at);
    return colon == std::string::npos ? "" : header.substr(header.find_first_not_of(" ", colon + 1));
}

Result<std::vector<std::size_t>> parse_shape(const std::string& text, const std::string& path)
{
    const Error bad{"its .npy header has no shape", path, ""};
    if (text.empty() || text[0] != '(') return bad;
    std::vector<std::size_t> shape;
    const char *at = text.data() + 1, *end = text.data() + text.size();
    while (at < end && *at != ')') {
        if (*at == ' ' || *at == ',') {
            ++at;
            continue;
        }
        std::uint32_t dim = 0;
        const auto parsed = std::from_chars(at, end, dim);
        if (parsed.ec != std::errc{} || shape.size() == kMaxRank) return bad;
        shape.push_back(dim);
        at = parsed.ptr;
    }
    return at < end ? Result<std::vector<std::size_t>>(shape) : bad;
}

template <class T>
void convert(const std::uint8_t* bytes, std::size_t count, std::vector<float>& out)
{
    for (std::size_t i = 0; i < count; ++i) {
        T value;
        std::memcpy(&value, bytes + i * sizeof value, sizeof value);
        out[i] = static_cast<float>(value);
    }
}

struct Type {
    const char* name;
    std::size_t bytes;
    void (*read)(const std::uint8_t*, std::size_t, std::vector<float>&);
};
constexpr Type kTypes[] = {{"<f4", 4, convert<float>},        {"<f8", 8, convert<double>},
                           {"|u1", 1, convert<std::uint8_t>}, {"|i1", 1, convert<std::int8_t>},
                           {"|b1", 1, convert<std::uint8_t>}, {"<i2", 2, convert<std::int16_t>},
                           {"<i4", 4, convert<std::int32_t>}, {"<i8", 8, convert<std::int64_t>}};

const Type* find_type(const std::string& text)
{
    for (const Type& type : kTypes)
        if (text.substr(0, 5) == std::string("'") + type.name + "'") return &type;
    return nullptr;
}

}  // namespace

bool looks_like_npy(const Bytes& bytes)
{
    return bytes.size() >= 10 && std::memcmp(bytes.data(), kMagic, kMagicBytes) == 0;
}

Result<IdxArray> parse_npy(const Bytes& bytes, const std::string& path, std::size_t limit)
{
    const std::size_t prefix = bytes[6] == 1 ? 10 : 12;
    std::size_t length = bytes[8] | std::size_t{bytes[9]} << 8;
    if (prefix == 12 && bytes.size() >= 12) length |= std::size_t{bytes[10]} << 16 | std::size_t{bytes[11]} << 24;
    if (bytes[6] < 1 || bytes[6] > 3 || bytes.size() < prefix + length)
        return Error{"its .npy header is damaged", path, "version 1 to 3"};
    const std::string header(bytes.begin() + static_cast<std::ptrdiff_t>(prefix),
                             bytes.begin() + static_cast<std::ptrdiff_t>(prefix + length));
    const Type* type = find_type(after_key(header, "descr"));
    if (!type) return Error{"its .npy type is not known", path, "f4, f8, u1, i1, i2, i4, i8, b1, little-endian"};
    if (after_key(header, "fortran_order").compare(0, 5, "False") != 0)
        return Error{"its .npy is in Fortran order", path, "numpy.ascontiguousarray"};
    auto shape = parse_shape(after_key(header, "shape"), path);
    if (!shape) return shape.error();
    std::size_t count = 1;
    for (std::size_t dim : *shape)
        if (__builtin_mul_overflow(count, dim, &count)) return Error{"its .npy shape is too large", path, ""};
    const std::size_t have = (bytes.size() - prefix - length) / type->bytes;
    if (have < count)
        return Error{"holds " + std::to_string(have) + " of " + std::to_string(count) + " values", path, ""};
    IdxArray array;
    if (shape->size() > 1 && (*shape)[0] > limit) {
        count = count / (*shape)[0] * limit;
        (*shape)[0] = limit;
    }
    array.shape = std::move(*shape);
    array.values.resize(count);
    type->read(bytes.data() + prefix + length, count, array.values);
    return array;
}

Result<std::vector<std::string>> read_lines(const std::string& path)
{
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    std::vector<std::string> lines;
    std::string line;
    for (std::uint8_t byte : *bytes) {
        if (byte == '\n') {
            lines.push_back(std::move(line));
            line.clear();
        } else if (byte != '\r') {
            line.push_back(static_cast<char>(byte));
        }
    }
    if (!line.empty()) lines.push_back(std::move(line));
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
}

}  // namespace lightcard::cli
