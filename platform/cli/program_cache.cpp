// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/cli/program_cache.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "lightcard/model/common/crc32.h"
#include "lightcard/platform/driver/mapped_file.h"
#include "lightcard/platform/driver/program_codec.h"

namespace lightcard::cli {

namespace fs = std::filesystem;

namespace {

constexpr char kMagic[8] = {'L', 'C', 'C', 'A', 'C', 'H', 'E', '3'};
constexpr const char* kEnding = ".lcprog";
constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kKeyDigits = 32;

/// In front of an entry: then `meta` bytes, and from the next page on the program file.
struct EntryHeader {
    char magic[8];
    char key[kKeyDigits];
    std::uint64_t meta, program;
    std::uint32_t meta_crc;
    std::uint32_t crc;  ///< of all before
};
static_assert(sizeof(EntryHeader) == 64);

std::uint64_t program_at(const EntryHeader& header)
{
    return (sizeof header + header.meta + kPage - 1) / kPage * kPage;
}

template <class Codec, class Tensor>
void visit_tensor(Codec& codec, Tensor& tensor)
{
    const auto flag = [&codec](auto& value, const char* name) {
        auto byte = static_cast<std::uint8_t>(value ? 1 : 0);
        codec(byte, name);
        if constexpr (!std::is_const_v<std::remove_reference_t<decltype(value)>>) value = byte != 0;
    };
    flag(tensor.is_signed, "is_signed");
    flag(tensor.wide, "wide");
    flag(tensor.f32, "f32");
    flag(tensor.half, "half");
    flag(tensor.channels_last, "channels_last");
    codec(tensor.scale, "scale");
    codec(tensor.height, "height");
    codec(tensor.width, "width");
    codec(tensor.channels, "channels");
}

void write_tensor(driver::SectionWriter& writer, const compiler::QuantTensor& tensor)
{
    visit_tensor(writer, tensor);
    writer(static_cast<std::uint32_t>(tensor.channel_scale.size()), "channel_scale");
    for (const double scale : tensor.channel_scale) writer(scale, "channel_scale");
}

void read_tensor(driver::SectionReader& reader, compiler::QuantTensor& tensor)
{
    visit_tensor(reader, tensor);
    std::uint32_t count = 0;
    reader(count, "channel_scale");
    if (reader.failed()) return;
    if (count > reader.left() / sizeof(double)) return reader.fail("channel_scale", "more values than bytes");
    tensor.channel_scale.resize(count);
    for (double& scale : tensor.channel_scale) reader(scale, "channel_scale");
    if (tensor.height < 1 || tensor.width < 1 || tensor.channels < 1) reader.fail("height", "tensor without elements");
}

bool same_shape(const compiler::QuantTensor& tensor, const std::vector<driver::ProgramTensor>& of_program)
{
    return !of_program.empty() && static_cast<std::uint32_t>(tensor.height) == of_program[0].height &&
           static_cast<std::uint32_t>(tensor.width) == of_program[0].width &&
           static_cast<std::uint32_t>(tensor.channels) == of_program[0].channels;
}

std::vector<std::uint8_t> write_meta(const CachedProgram& entry)
{
    driver::SectionWriter writer;
    write_tensor(writer, entry.input);
    write_tensor(writer, entry.output);
    writer(static_cast<std::uint32_t>(entry.notes.size()), "notes");
    for (const auto& note : entry.notes) writer(note, "note");
    writer(static_cast<std::uint32_t>(entry.products.size()), "products");
    for (const auto& product : entry.products) {
        writer(product.name, "product");
        writer(product.groups, "groups");
        writer(static_cast<std::uint8_t>(product.digital ? 1 : 0), "digital");
        writer(product.quantisation, "quantisation");
    }
    return writer.take();
}

std::string read_meta(driver::SectionReader reader, CachedProgram& entry)
{
    read_tensor(reader, entry.input);
    read_tensor(reader, entry.output);
    std::uint32_t notes = 0;
    reader(notes, "notes");
    for (std::uint32_t i = 0; i < notes && !reader.failed(); ++i) reader(entry.notes.emplace_back(), "note");
    std::uint32_t products = 0;
    reader(products, "products");
    for (std::uint32_t i = 0; i < products && !reader.failed(); ++i) {
        ProductFacts& product = entry.products.emplace_back();
        std::uint8_t digital = 0;
        reader(product.name, "product");
        reader(product.groups, "groups");
        reader(digital, "digital");
        reader(product.quantisation, "quantisation");
        product.digital = digital != 0;
    }
    return reader.error();
}

/// What is wrong, or nothing.
std::string parse(const std::shared_ptr<const driver::MappedFile>& file, const std::string& key, CachedProgram& entry)
{
    EntryHeader header;
    if (file->size() < sizeof header) return "shorter than its header";
    std::memcpy(&header, file->data(), sizeof header);
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) return "no cache entry of this version";
    if (crc32(&header, sizeof header - sizeof header.crc) != header.crc) return "header damaged";
    if (key.compare(0, kKeyDigits, header.key, kKeyDigits) != 0) return "entry of another network";
    if (header.meta > file->size() || header.program > file->size()) return "ends early";
    const auto at = program_at(header);
    if (at > file->size() || file->size() - at != header.program) return "ends early";
    const auto* meta = file->data() + sizeof header;
    if (crc32(meta, header.meta) != header.meta_crc) return "damaged";
    if (auto wrong = read_meta({meta, header.meta}, entry); !wrong.empty()) return wrong;
    auto program = driver::parse_program(file->data() + at, header.program, file);
    if (!program) return program.error().where + ": " + program.error().what;
    entry.program = std::move(*program);
    if (!same_shape(entry.input, entry.program.inputs) || !same_shape(entry.output, entry.program.outputs))
        return "its tensors are not the program's";
    return {};
}

}  // namespace

std::string ProgramCache::usual_folder()
{
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
        return std::string(cache) + "/lightcard";
    if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
        return std::string(home) + "/.cache/lightcard";
    return {};
}

std::string ProgramCache::path_of(const std::string& key) const
{
    return folder_ + "/" + key + kEnding;
}

std::optional<CachedProgram> ProgramCache::find(const std::string& key, std::string& warning) const
{
    std::error_code none;
    const auto path = path_of(key);
    if (folder_.empty() || !fs::is_regular_file(path, none)) return std::nullopt;
    const auto file = driver::MappedFile::open(path);
    CachedProgram entry;
    const auto wrong = file ? parse(*file, key, entry) : file.error().what;
    if (!wrong.empty()) {
        warning = "compiled program " + path + " cannot be used (" + wrong + "): compiled anew";
        return std::nullopt;
    }
    fs::last_write_time(path, fs::file_time_type::clock::now(), none);  // used now: it stays longest
    return entry;
}

/// Oldest first, until there is room; entries somebody still maps live on until he lets go.
void ProgramCache::make_room(std::uint64_t bytes) const
{
    struct Entry {
        fs::path path;
        fs::file_time_type used;
        std::uint64_t bytes;
    };
    std::vector<Entry> entries;
    std::uint64_t all = bytes;
    std::error_code failure;
    for (const auto& file : fs::directory_iterator(folder_, failure)) {
        if (file.path().extension() != kEnding) continue;
        const auto size = file.file_size(failure);
        if (failure) continue;
        entries.push_back({file.path(), file.last_write_time(failure), size});
        all += size;
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
    for (std::size_t i = 0; i < entries.size() && all > most_bytes_; ++i) {
        if (fs::remove(entries[i].path, failure)) all -= entries[i].bytes;
    }
}

Status ProgramCache::store(const std::string& key, const CachedProgram& entry) const
{
    if (folder_.empty()) return {};
    const auto program = driver::serialise(entry.program);
    const auto meta = write_meta(entry);
    EntryHeader header{};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    if (key.size() != kKeyDigits) return Error{"not a key", key, ""};
    std::memcpy(header.key, key.data(), kKeyDigits);
    header.meta = meta.size();
    header.program = program.size();
    header.meta_crc = crc32(meta.data(), meta.size());
    header.crc = crc32(&header, sizeof header - sizeof header.crc);
    const auto at = program_at(header);
    if (at + program.size() > most_bytes_) return {};  // larger than all that may be kept

    std::error_code failure;
    fs::create_directories(folder_, failure);
    if (failure) return Error{"cannot make the folder of the program cache: " + failure.message(), folder_, ""};
    make_room(at + program.size());
    // A name of its own: two processes may store the same entry, and the second rename changes nothing.
    const auto aside = path_of(key) + "." + std::to_string(getpid()) + ".part";
    std::ofstream out(aside, std::ios::binary | std::ios::trunc);
    const auto write = [&out](const void* data, std::size_t size) {
        out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    };
    write(&header, sizeof header);
    write(meta.data(), meta.size());
    const std::vector<char> gap(at - sizeof header - meta.size());
    write(gap.data(), gap.size());
    write(program.data(), program.size());
    out.close();
    if (out.fail()) {
        fs::remove(aside, failure);
        return Error{"cannot write the compiled program", aside, std::strerror(errno)};
    }
    fs::rename(aside, path_of(key), failure);
    if (!failure) return {};
    const auto why = failure.message();
    fs::remove(aside, failure);
    return Error{"cannot write the compiled program: " + why, path_of(key), ""};
}

}  // namespace lightcard::cli
