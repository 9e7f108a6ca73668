// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/files.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>

namespace lightcard::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 31;

std::uint32_t big_endian(const std::uint8_t* p)
{
    return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

std::size_t element_bytes(std::uint8_t type)
{
    switch (type) {
        case 0x08:
        case 0x09:
            return 1;
        case 0x0b:
            return 2;
        case 0x0c:
        case 0x0d:
            return 4;
        default:
            return 0;
    }
}

float element(const std::uint8_t* p, std::uint8_t type)
{
    switch (type) {
        case 0x08:
            return p[0];
        case 0x09:
            return static_cast<std::int8_t>(p[0]);
        case 0x0b:
            return static_cast<std::int16_t>(p[0] << 8 | p[1]);
        case 0x0c:
            return static_cast<float>(static_cast<std::int32_t>(big_endian(p)));
        default: {
            const std::uint32_t bits = big_endian(p);
            float value = 0;
            std::memcpy(&value, &bits, sizeof value);
            return value;
        }
    }
}

std::vector<std::string> split(const std::string& line)
{
    std::vector<std::string> cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) {
        const auto first = cell.find_first_not_of(" \t\r\"");
        const auto last = cell.find_last_not_of(" \t\r\"");
        cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    return cells;
}

bool parse_label(const std::string& text, std::uint32_t& value)
{
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

/// First column in which every row below a possible heading is a number; -1 if there is none.
int label_column(const std::vector<std::vector<std::string>>& rows)
{
    for (std::size_t c = 0; c < rows.back().size(); ++c) {
        const bool numbers = std::all_of(rows.begin() + (rows.size() > 1 ? 1 : 0), rows.end(), [&](const auto& row) {
            std::uint32_t value = 0;
            return c < row.size() && parse_label(row[c], value);
        });
        if (numbers) return static_cast<int>(c);
    }
    return -1;
}

Result<Labels> parse_text_labels(const Bytes& bytes, const std::string& path)
{
    std::istringstream in(std::string(bytes.begin(), bytes.end()));
    std::vector<std::vector<std::string>> rows;
    for (std::string line; std::getline(in, line);) {
        auto cells = split(line);
        if (cells.empty() || (cells.size() == 1 && cells[0].empty())) continue;
        rows.push_back(std::move(cells));
    }
    if (rows.empty()) return Error{"no labels in the file", path, ""};
    const int column = label_column(rows);
    if (column < 0)
        return Error{"no column of label numbers", path, "a number a line, or CSV with one column of class numbers"};
    Labels labels;
    for (const auto& row : rows) {
        std::uint32_t value = 0;
        if (!parse_label(row[static_cast<std::size_t>(column)], value)) continue;  // the heading
        labels.values.push_back(value);
        if (column > 0) labels.names.push_back(row[0]);
    }
    return labels;
}

}  // namespace

Result<Bytes> read_file(const std::string& path)
{
    std::error_code code;
    if (fs::is_directory(path, code)) return Error{"is a directory, not a file", path, ""};
    errno = 0;
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) return Error{std::string("cannot read: ") + std::strerror(errno ? errno : ENOMEM), path, ""};
    Bytes bytes;
    for (;;) {
        const std::size_t chunk = std::clamp<std::size_t>(bytes.size(), 1u << 16, 1u << 26);
        const std::size_t have = bytes.size();
        bytes.resize(have + chunk);
        const int got = gzread(file.get(), bytes.data() + have, static_cast<unsigned>(chunk));
        if (got < 0) {
            int number = 0;
            const char* text = gzerror(file.get(), &number);
            return Error{std::string("cannot read: ") + (number == Z_ERRNO ? std::strerror(errno) : text), path, ""};
        }
        bytes.resize(have + static_cast<std::size_t>(got));
        if (bytes.size() > kMostBytes) return Error{"larger than 2 GiB", path, ""};
        if (got == 0) break;
    }
    int number = 0;
    const char* text = gzerror(file.get(), &number);  // a gzip file that ends early reports it here
    if (number != Z_OK && number != Z_STREAM_END) return Error{std::string("damaged gzip file: ") + text, path, ""};
    return bytes;
}

bool looks_like_idx(const Bytes& bytes)
{
    return bytes.size() >= 8 && bytes[0] == 0 && bytes[1] == 0 && element_bytes(bytes[2]) > 0 && bytes[3] >= 1 &&
           bytes[3] <= 4;
}

Result<IdxArray> parse_idx(const Bytes& bytes, const std::string& path, std::size_t limit)
{
    if (!looks_like_idx(bytes)) return Error{"not an idx file", path, ""};
    const std::size_t dimensions = bytes[3], header = 4 + 4 * dimensions;
    const std::uint8_t type = bytes[2];
    if (bytes.size() < header) return Error{"idx header is cut off", path, ""};
    IdxArray array;
    std::uint64_t item = 1;
    for (std::size_t d = 0; d < dimensions; ++d) {
        array.shape.push_back(big_endian(&bytes[4 + 4 * d]));
        if (d > 0) item *= array.shape[d];
        if (item > kMostBytes) return Error{"idx dimensions are too large", path, ""};
    }
    const std::uint64_t expected = item * array.shape[0] * element_bytes(type);
    if (bytes.size() - header != expected)
        return Error{"idx header promises " + std::to_string(expected) + " bytes of data, the file has " +
                         std::to_string(bytes.size() - header),
                     path, ""};
    array.shape[0] = std::min(array.shape[0], limit);
    array.values.resize(item * array.shape[0]);
    for (std::size_t i = 0; i < array.values.size(); ++i)
        array.values[i] = element(&bytes[header + i * element_bytes(type)], type);
    return array;
}

Result<Labels> read_labels(const std::string& path)
{
    const auto bytes = read_file(path);
    if (!bytes) return bytes.error();
    Labels labels;
    if (looks_like_idx(*bytes)) {
        const auto array = parse_idx(*bytes, path, kMostBytes);
        if (!array) return array.error();
        if (array->shape.size() != 1)
            return Error{"idx file has " + std::to_string(array->shape.size()) + " dimensions, labels have one", path,
                         ""};
        for (const float value : array->values)
            labels.values.push_back(value < 0 ? UINT32_MAX : static_cast<std::uint32_t>(value));
        return labels;
    }
    const std::string extension = fs::path(path).extension().string();
    if (extension == ".u8" || extension == ".bin") {
        labels.values.assign(bytes->begin(), bytes->end());
        return labels;
    }
    return parse_text_labels(*bytes, path);
}

Result<std::vector<std::uint32_t>> Labels::for_images(const std::vector<std::string>& image_names,
                                                      std::size_t count) const
{
    const bool by_name = !names.empty() && image_names.size() == count;
    std::vector<std::uint32_t> result;
    if (!by_name) {
        if (values.size() < count)
            return Error{std::to_string(values.size()) + " labels for " + std::to_string(count) + " images", "", ""};
        result.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count));
        return result;
    }
    for (const auto& image : image_names) {
        const auto found = std::find(names.begin(), names.end(), fs::path(image).filename().string());
        if (found == names.end()) return Error{"no label for the image", image, ""};
        result.push_back(values[static_cast<std::size_t>(found - names.begin())]);
    }
    return result;
}

}  // namespace lightcard::cli
