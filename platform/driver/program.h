// SPDX-License-Identifier: Apache-2.0
/// A compiled network: what the compiler writes and the driver loads. File format: docs/program-format.md.
/// Free of SystemC, YAML and ONNX, so that a guest can load it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lightcard/model/common/result.h"
#include "lightcard/model/control_chip/lightcard_abi.h"

namespace lightcard::driver {

/// Card a program was compiled for. Refused by any other, by the name of the differing field.
struct ProgramTarget {
    std::uint32_t n = 0, cores = 0, banks = 0;
    std::uint32_t level_bits = 0;
    std::uint32_t numerics = 0;  ///< 0 = int8
    std::uint64_t sram_bytes = 0, dram_bytes = 0;
};

/// Input or output tensor of the network as the program sees it in host memory: NHWC, one image after another.
struct ProgramTensor {
    std::string name;
    std::uint32_t arg = 0;     ///< ARG space that points at it
    std::uint32_t format = 0;  ///< LC_FMT_*
    float scale = 1;           ///< real = (code - zero_point) * scale
    std::int32_t zero_point = 0;
    std::uint32_t height = 1, width = 1, channels = 1;
    std::uint64_t bytes_per_image = 0;
    std::vector<float> channel_scale;  ///< s32 outputs whose channels differ: replaces `scale`; empty otherwise
};

/// Named layer, for reports: lc_sqe.layer is its number (from 1).
struct ProgramLayer {
    std::string name;                ///< ONNX node
    std::string op;                  ///< "Conv", "Gemm", ...
    std::uint64_t macs = 0;          ///< an image
    std::uint32_t tiles = 0;         ///< weight tiles
    std::uint64_t tile_vectors = 0;  ///< tile-MVMs an image
    double acc_scale = 0;            ///< real value of one s32 accumulator step; 0 if not an MVM layer
};

/// Tile of weights, in the order of first use.
struct ProgramTile {
    std::uint64_t weight_id = 0;
    std::uint32_t layer = 0;
    std::uint64_t offset = 0;  ///< into the weights section
    std::uint32_t bytes = 0;
};

struct Program {
    std::string network;
    ProgramTarget target;
    std::uint32_t batch = 1;            ///< images one EXEC takes
    std::uint64_t dram_base = 0;        ///< where the weights section must lie in card DRAM
    std::vector<std::uint8_t> weights;  ///< weights, ADC ranges, post constants, zero page: loaded once
    /// Of a program whose file is mapped: they lie there, and `weights` is empty.
    struct MappedWeights {
        const std::uint8_t* data = nullptr;
        std::uint64_t bytes = 0;
        std::shared_ptr<const void> file;
    } mapped;
    const std::uint8_t* weight_data() const { return mapped.file ? mapped.data : weights.data(); }
    std::uint64_t weight_bytes() const { return mapped.file ? mapped.bytes : weights.size(); }

    std::vector<lc_record> setup;     ///< run once after loading (resident weights, constants to SRAM); may be empty
    std::vector<lc_record> commands;  ///< one inference of `batch` images
    std::vector<ProgramTensor> inputs, outputs;
    std::vector<ProgramLayer> layers;  ///< layers[i] is layer i + 1
    std::vector<ProgramTile> tiles;
    std::vector<std::string> plan;  ///< the planner's explanation, a line each
};

std::vector<std::uint8_t> serialise(const Program& program);
/// Parses and validates; never reads outside `bytes`, never allocates more than a small multiple of its size.
Result<Program> parse_program(const std::uint8_t* bytes, std::size_t size);
/// The same, but the weights stay where they are: `file` is what `bytes` belong to, and lives as long as the program.
Result<Program> parse_program(const std::uint8_t* bytes, std::size_t size, std::shared_ptr<const void> file);
/// Refuses a program compiled for another card; the error names the first field that differs and both values.
Status check_target(const Program& program, const ProgramTarget& card);
Result<Program> read_program_file(const std::string& path);
Status write_program_file(const Program& program, const std::string& path);

}  // namespace lightcard::driver
