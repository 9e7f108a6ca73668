// SPDX-License-Identifier: Apache-2.0
// Compiled networks, as a user or a guest hands them to the driver. Every input is read twice: as it is, and with its
// checksums repaired, so that mutations reach what lies behind them.
#include "lightcard/model/common/crc32.h"
#include "lightcard/platform/driver/program.h"
#include "lightcard/tb/fuzz/fuzz.h"

namespace lightcard::fuzz {
namespace {

using driver::Program;

bool check(const Bytes& bytes)
{
    const Result<Program> parsed = driver::parse_program(bytes.data(), bytes.size());
    if (!parsed.ok()) {
        require(!parsed.error().what.empty() && !parsed.error().where.empty(), "an error says what and where");
        return false;
    }
    const Bytes written = driver::serialise(*parsed);
    const Result<Program> again = driver::parse_program(written.data(), written.size());
    require(again.ok() && driver::serialise(*again) == written, "what was accepted is written and read the same");
    return true;
}

/// docs/program-format.md: a header of 32 bytes with its checksum at 24 and the number of sections at 12, then entries
/// of 24 bytes {kind, checksum, offset, bytes}.
Bytes repaired(Bytes bytes)
{
    constexpr std::size_t kHeader = 32, kEntry = 24, kHeaderCrc = 24;
    if (bytes.size() < kHeader) return bytes;
    std::uint32_t sections = 0;
    std::memcpy(&sections, &bytes[12], sizeof sections);
    if (sections > (bytes.size() - kHeader) / kEntry) return bytes;
    const std::uint64_t size = bytes.size();
    std::memcpy(&bytes[16], &size, sizeof size);
    for (std::uint32_t i = 0; i < sections; ++i) {
        std::uint8_t* entry = &bytes[kHeader + i * kEntry];
        std::uint64_t offset = 0, length = 0;
        std::memcpy(&offset, entry + 8, sizeof offset);
        std::memcpy(&length, entry + 16, sizeof length);
        if (offset > size || length > size - offset) continue;
        const std::uint32_t crc = crc32(bytes.data() + offset, length);
        std::memcpy(entry + 4, &crc, sizeof crc);
    }
    std::memset(&bytes[kHeaderCrc], 0, 4);
    const std::uint32_t crc = crc32(bytes.data(), kHeader + sections * kEntry);
    std::memcpy(&bytes[kHeaderCrc], &crc, sizeof crc);
    return bytes;
}

/// One layer of one tile: program it, run it.
Program small_program()
{
    Program program;
    program.network = "seed";
    program.target = {128, 1, 2, 4, 0, 64ull << 20, 8ull << 30};
    program.weights.assign(256, 1);
    lc_record record{};
    record.sqe.opcode = LC_OP_NOP;
    program.setup = {record};
    program.commands = {record, record};
    driver::ProgramTensor tensor;
    tensor.name = "x";
    tensor.channels = 16;
    tensor.bytes_per_image = 16;
    program.inputs = {tensor};
    tensor.name = "y";
    tensor.arg = 1;
    program.outputs = {tensor};
    driver::ProgramLayer layer;
    layer.name = "fc";
    layer.op = "Gemm";
    layer.macs = 256;
    layer.tiles = layer.tile_vectors = 1;
    program.layers = {layer};
    program.tiles = {{1, 1, 0, 256}};
    program.plan = {"one tile"};
    return program;
}

}  // namespace

std::vector<Bytes> seeds()
{
    return {driver::serialise(small_program())};
}

bool accepts(const std::uint8_t* data, std::size_t size)
{
    const Bytes bytes(data, data + size);
    const bool accepted = check(bytes);
    return check(repaired(bytes)) || accepted;
}

}  // namespace lightcard::fuzz
