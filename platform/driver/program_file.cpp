// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "lightcard/platform/driver/program.h"

namespace lightcard::driver {
namespace {

constexpr std::uintmax_t kLargestFile = std::uintmax_t{64} << 30;

Status differs(const char* field, std::uint64_t program, std::uint64_t card)
{
    return Error{"compiled for another card: " + std::string(field) + " is " + std::to_string(program) +
                     " in the program and " + std::to_string(card) + " on the card",
                 "target." + std::string(field), "compile the network for this card"};
}

}  // namespace

Status check_target(const Program& program, const ProgramTarget& card)
{
    const ProgramTarget& target = program.target;
    if (target.n != card.n) return differs("n", target.n, card.n);
    if (target.cores != card.cores) return differs("cores", target.cores, card.cores);
    if (target.banks != card.banks) return differs("banks", target.banks, card.banks);
    if (target.level_bits != card.level_bits) return differs("level_bits", target.level_bits, card.level_bits);
    if (target.numerics != card.numerics) return differs("numerics", target.numerics, card.numerics);
    if (target.sram_bytes != card.sram_bytes) return differs("sram_bytes", target.sram_bytes, card.sram_bytes);
    if (target.dram_bytes != card.dram_bytes) return differs("dram_bytes", target.dram_bytes, card.dram_bytes);
    return {};
}

Result<Program> read_program_file(const std::string& path)
{
    std::error_code code;
    if (!std::filesystem::is_regular_file(path, code)) return Error{"no such file", path, {}};
    const std::uintmax_t size = std::filesystem::file_size(path, code);
    if (code) return Error{"cannot be read: " + code.message(), path, {}};
    if (size > kLargestFile) return Error{"larger than any program", path, {}};
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
        return Error{"cannot be read", path, {}};
    }
    auto program = parse_program(bytes.data(), bytes.size());
    if (!program) return Error{program.error().what, path + ": " + program.error().where, program.error().hint};
    return program;
}

Status write_program_file(const Program& program, const std::string& path)
{
    const auto bytes = serialise(program);
    const std::string unfinished = path + ".part";  // a reader never sees half a program
    std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) return Error{"cannot be written", unfinished, "is the folder there and writable?"};
    if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
        const std::string why = std::strerror(errno);
        std::remove(unfinished.c_str());
        return Error{"cannot be written: " + why, path, {}};
    }
    return {};
}

}  // namespace lightcard::driver
