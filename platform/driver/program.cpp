// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/driver/program.h"

#include <array>
#include <cstring>

#include "lightcard/model/common/crc32.h"
#include "lightcard/platform/driver/program_codec.h"

namespace lightcard::driver {
namespace {

constexpr char kMagic[8] = {'L', 'C', 'P', 'R', 'O', 'G', '\r', '\n'};
constexpr std::uint16_t kMajor = 1, kMinor = 0;

struct Header {
    char magic[8];
    std::uint16_t major, minor;
    std::uint32_t sections;
    std::uint64_t file_bytes;
    std::uint32_t crc;  ///< of header and section table, this field taken as 0
    std::uint32_t reserved;
};
static_assert(sizeof(Header) == 32);

struct SectionEntry {
    std::uint32_t kind, crc;
    std::uint64_t offset, bytes;
};
static_assert(sizeof(SectionEntry) == 24);

constexpr const char* kSections[] = {"target", "network", "weights", "setup", "commands",
                                     "inputs", "outputs", "layers",  "tiles", "plan"};
constexpr std::uint32_t kSectionCount = sizeof kSections / sizeof *kSections;  ///< kinds 1 .. kSectionCount
constexpr std::uint32_t kMaxSections = 64;

Error bad(const std::string& what, const std::string& where, const std::string& hint = {})
{
    return {what, "program file: " + where, hint};
}

// One list of fields a structure, used to write and to read it.

template <class Codec, class Target>
void visit_target(Codec& codec, Target& target)
{
    codec(target.n, "n");
    codec(target.cores, "cores");
    codec(target.banks, "banks");
    codec(target.level_bits, "level_bits");
    codec(target.numerics, "numerics");
    codec(target.sram_bytes, "sram_bytes");
    codec(target.dram_bytes, "dram_bytes");
}

template <class Codec, class Prog>
void visit_network(Codec& codec, Prog& program)
{
    codec(program.network, "network");
    codec(program.batch, "batch");
    codec(program.dram_base, "dram_base");
}

template <class Codec, class Tensor>
void visit(Codec& codec, Tensor& tensor, const ProgramTensor*)
{
    codec(tensor.name, "name");
    codec(tensor.arg, "arg");
    codec(tensor.format, "format");
    codec(tensor.scale, "scale");
    codec(tensor.zero_point, "zero_point");
    codec(tensor.height, "height");
    codec(tensor.width, "width");
    codec(tensor.channels, "channels");
    codec(tensor.bytes_per_image, "bytes_per_image");
    codec(tensor.channel_scale, "channel_scale");
}

template <class Codec, class Layer>
void visit(Codec& codec, Layer& layer, const ProgramLayer*)
{
    codec(layer.name, "name");
    codec(layer.op, "op");
    codec(layer.macs, "macs");
    codec(layer.tiles, "tiles");
    codec(layer.tile_vectors, "tile_vectors");
    codec(layer.acc_scale, "acc_scale");
}

template <class Codec, class Tile>
void visit(Codec& codec, Tile& tile, const ProgramTile*)
{
    codec(tile.weight_id, "weight_id");
    codec(tile.layer, "layer");
    codec(tile.offset, "offset");
    codec(tile.bytes, "bytes");
}

template <class Codec, class Text>
void visit(Codec& codec, Text& line, const std::string*)
{
    codec(line, "line");
}

template <class T>
std::vector<std::uint8_t> write_list(const std::vector<T>& items)
{
    SectionWriter writer;
    writer(static_cast<std::uint32_t>(items.size()), "count");
    for (const T& item : items) visit(writer, item, static_cast<const T*>(nullptr));
    return writer.take();
}

std::vector<std::uint8_t> write_records(const std::vector<lc_record>& records)
{
    SectionWriter writer;
    writer.raw(records.data(), records.size() * sizeof(lc_record));
    return writer.take();
}

std::vector<std::vector<std::uint8_t>> write_sections(const Program& program)
{
    SectionWriter target, network;
    visit_target(target, program.target);
    visit_network(network, program);
    return {target.take(),
            network.take(),
            {program.weight_data(), program.weight_data() + program.weight_bytes()},
            write_records(program.setup),
            write_records(program.commands),
            write_list(program.inputs),
            write_list(program.outputs),
            write_list(program.layers),
            write_list(program.tiles),
            write_list(program.plan)};
}

/// CRC of header and table with the header's own CRC taken as zero.
std::uint32_t header_crc(Header header, const SectionEntry* table)
{
    header.crc = 0;
    return crc32(table, header.sections * sizeof(SectionEntry), crc32(&header, sizeof header));
}

/// Reads a list: its count is bounded by what is left, so that nothing large is allocated for a small file.
template <class T>
void read_list(SectionReader& reader, std::vector<T>& items)
{
    std::uint32_t count = 0;
    reader(count, "count");
    if (reader.failed()) return;
    if (count > reader.left() / sizeof(std::uint32_t)) return reader.fail("count", "more items than bytes");
    for (std::uint32_t i = 0; i < count && !reader.failed(); ++i) {
        T item;
        visit(reader, item, static_cast<const T*>(nullptr));
        items.push_back(std::move(item));
    }
}

void read_records(SectionReader& reader, std::vector<lc_record>& records)
{
    if (reader.left() % sizeof(lc_record) != 0) return reader.fail("records", "not a multiple of 256 bytes");
    records.resize(reader.left() / sizeof(lc_record));
    if (!records.empty()) reader.raw(records.data(), records.size() * sizeof(lc_record), "records");
}

void check_tensors(SectionReader& reader, const std::vector<ProgramTensor>& tensors)
{
    for (const ProgramTensor& tensor : tensors) {
        if (tensor.arg >= LC_ARGS) return reader.fail("arg", "above 7");
        if (tensor.format > LC_FMT_F32) return reader.fail("format", "unknown");
        const std::uint64_t element = tensor.format >= LC_FMT_S32 ? 4 : 1;
        const auto bytes = static_cast<unsigned __int128>(tensor.height) * tensor.width * tensor.channels * element;
        if (bytes == 0) return reader.fail("height", "tensor without elements");
        if (bytes != tensor.bytes_per_image) return reader.fail("bytes_per_image", "does not match the shape");
        if (!tensor.channel_scale.empty() && tensor.channel_scale.size() != tensor.channels) {
            return reader.fail("channel_scale", "not one a channel");
        }
    }
}

void read_section(std::uint32_t kind, SectionReader& reader, Program& program)
{
    switch (kind) {
        case 1:
            return visit_target(reader, program.target);
        case 2:
            return visit_network(reader, program);
        case 3:
            if (program.mapped.file) {
                program.mapped.bytes = reader.left();
                program.mapped.data = reader.skip(reader.left());
                return;
            }
            program.weights.resize(reader.left());
            if (!program.weights.empty()) reader.raw(program.weights.data(), program.weights.size(), "weights");
            return;
        case 4:
            return read_records(reader, program.setup);
        case 5:
            return read_records(reader, program.commands);
        case 6:
            read_list(reader, program.inputs);
            return check_tensors(reader, program.inputs);
        case 7:
            read_list(reader, program.outputs);
            return check_tensors(reader, program.outputs);
        case 8:
            return read_list(reader, program.layers);
        case 9:
            return read_list(reader, program.tiles);
        case 10:
            return read_list(reader, program.plan);
        default:
            return;
    }
}

/// What sections say about each other.
Status check_whole(const Program& program)
{
    if (program.batch == 0) return bad("field 'batch' must not be zero", "section network");
    if (program.dram_base > program.target.dram_bytes ||
        program.weight_bytes() > program.target.dram_bytes - program.dram_base) {
        return bad("weights do not fit the target's DRAM at 'dram_base'", "section weights");
    }
    for (std::size_t i = 0; i < program.tiles.size(); ++i) {
        const ProgramTile& tile = program.tiles[i];
        const std::string where = "section tiles, tile " + std::to_string(i);
        if (tile.weight_id == 0) return bad("field 'weight_id' must not be zero", where);
        if (tile.layer == 0 || tile.layer > program.layers.size()) return bad("field 'layer': no such layer", where);
        if (tile.offset > program.weight_bytes() || tile.bytes > program.weight_bytes() - tile.offset) {
            return bad("field 'offset' + 'bytes' reaches past the weights section", where);
        }
    }
    return {};
}

Result<Header> read_header(const std::uint8_t* bytes, std::size_t size)
{
    Header header;
    if (size < sizeof header) return bad("shorter than its header", "header");
    std::memcpy(&header, bytes, sizeof header);
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) {
        return bad("not a lightcard program", "header, field 'magic'", "compile the network with `lightcard compile`");
    }
    if (header.major != kMajor) {
        return bad("version " + std::to_string(header.major) + "." + std::to_string(header.minor) + " is not supported",
                   "header, field 'major'", "this build reads version " + std::to_string(kMajor));
    }
    if (header.sections > kMaxSections || header.sections < kSectionCount) {
        return bad("impossible number of sections", "header, field 'sections'");
    }
    if (size - sizeof header < header.sections * sizeof(SectionEntry)) {
        return bad("file ends inside the section table", "section table");
    }
    if (header.file_bytes != size) {
        return bad("file has " + std::to_string(size) + " bytes, " + std::to_string(header.file_bytes) + " expected",
                   "header, field 'file_bytes'", "truncated or appended to");
    }
    return header;
}

const char* section_name(std::uint32_t kind)
{
    return kind >= 1 && kind <= kSectionCount ? kSections[kind - 1] : "?";
}

Status read_sections(const std::uint8_t* bytes, const Header& header, const std::vector<SectionEntry>& table,
                     Program& program)
{
    std::array<bool, kSectionCount + 1> seen{};
    std::uint64_t expected = sizeof(Header) + table.size() * sizeof(SectionEntry);
    for (const SectionEntry& entry : table) {
        const bool known = entry.kind >= 1 && entry.kind <= kSectionCount;
        const std::string where = known ? std::string("section ") + section_name(entry.kind)
                                        : "section of kind " + std::to_string(entry.kind);
        if (entry.offset != expected) return bad("does not follow the section before it", where);
        if (entry.bytes > header.file_bytes - expected) return bad("reaches past the end of the file", where);
        expected += entry.bytes;
        if (crc32(bytes + entry.offset, entry.bytes) != entry.crc) return bad("checksum differs", where);
        if (!known && header.minor > kMinor) continue;  // a later minor version only adds sections
        if (!known) return bad("unknown kind", where);
        if (seen[entry.kind]) return bad("appears twice", where);
        seen[entry.kind] = true;
        SectionReader reader(bytes + entry.offset, entry.bytes);
        read_section(entry.kind, reader, program);
        if (reader.failed()) return bad(reader.error(), where);
        if (reader.left() != 0) return bad(std::to_string(reader.left()) + " bytes too many", where);
    }
    if (expected != header.file_bytes) return bad("bytes after the last section", "section table");
    for (std::uint32_t kind = 1; kind <= kSectionCount; ++kind) {
        if (!seen[kind]) return bad("missing", std::string("section ") + section_name(kind));
    }
    return {};
}

}  // namespace

std::vector<std::uint8_t> serialise(const Program& program)
{
    const auto sections = write_sections(program);
    std::vector<SectionEntry> table;
    std::uint64_t offset = sizeof(Header) + sections.size() * sizeof(SectionEntry);
    for (const auto& section : sections) {
        const auto kind = static_cast<std::uint32_t>(table.size() + 1);
        table.push_back({kind, crc32(section.data(), section.size()), offset, section.size()});
        offset += section.size();
    }
    Header header{{}, kMajor, kMinor, static_cast<std::uint32_t>(table.size()), offset, 0, 0};
    std::memcpy(header.magic, kMagic, sizeof kMagic);
    header.crc = header_crc(header, table.data());
    SectionWriter file;
    file.raw(&header, sizeof header);
    file.raw(table.data(), table.size() * sizeof(SectionEntry));
    for (const auto& section : sections) file.raw(section.data(), section.size());
    return file.take();
}

Result<Program> parse_program(const std::uint8_t* bytes, std::size_t size)
{
    return parse_program(bytes, size, nullptr);
}

Result<Program> parse_program(const std::uint8_t* bytes, std::size_t size, std::shared_ptr<const void> file)
{
    const auto header = read_header(bytes, size);
    if (!header) return header.error();
    std::vector<SectionEntry> table(header->sections);
    std::memcpy(table.data(), bytes + sizeof(Header), table.size() * sizeof(SectionEntry));
    if (header_crc(*header, table.data()) != header->crc) return bad("checksum differs", "header, field 'crc'");
    if (header->reserved != 0) return bad("must be zero", "header, field 'reserved'");
    Program program;
    program.mapped.file = std::move(file);
    if (auto status = read_sections(bytes, *header, table, program); !status) return status.error();
    if (auto status = check_whole(program); !status) return status.error();
    return program;
}

}  // namespace lightcard::driver
