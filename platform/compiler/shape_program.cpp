// SPDX-License-Identifier: Apache-2.0
#include "lightcard/platform/compiler/shape_program.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "lightcard/platform/compiler/block_scale.h"
#include "lightcard/platform/compiler/lower.h"
#include "lightcard/platform/compiler/lower_plan.h"

namespace lightcard::compiler {

namespace {

constexpr std::uint64_t kAlign = 64;
constexpr std::uint64_t kMostTiles = 4'000'000;  ///< of one inference: a gigabyte of commands each
constexpr std::uint32_t kEverything =
    LC_WAIT(LC_ENGINE_DMA) | LC_WAIT(LC_ENGINE_CORE) | LC_WAIT(LC_ENGINE_VECTOR) | LC_WAIT(LC_ENGINE_DIGITAL);

std::uint64_t aligned(std::uint64_t value)
{
    return (value + kAlign - 1) / kAlign * kAlign;
}

std::uint64_t parts(std::uint64_t whole, std::uint64_t part)
{
    return (whole + part - 1) / part;
}

/// A product whose groups share tiles, as one matrix product of each tile's groups.
struct Matrix {
    std::uint64_t rows, cols, count;  ///< `count` of them in a row, each with its own inputs and outputs
};

Matrix matrix_of(const ProductShape& product, std::uint32_t n)
{
    const auto groups = static_cast<std::uint32_t>(product.groups);
    const std::uint64_t packed =
        groups <= 1 ? 1 : std::max<std::uint32_t>(1, groups_in_tile(groups, product.inputs, product.outputs, n));
    return {product.inputs * packed, product.outputs * packed, parts(product.groups, packed)};
}

template <class Op>
lc_record record_of(std::uint8_t opcode, std::size_t layer, const Op& op, std::uint32_t wait)
{
    static_assert(sizeof(Op) == LC_OPERAND_BYTES);
    lc_record record{};
    record.sqe.opcode = opcode;
    record.sqe.layer = static_cast<std::uint16_t>(layer + 1);
    record.sqe.length = LC_OPERAND_BYTES;
    record.sqe.wait_mask = wait;
    std::memcpy(record.operands, &op, sizeof op);
    return record;
}

class Builder {
public:
    Builder(const NetworkShape& network, const CardConfig& card, std::uint32_t batch)
        : network_(network), card_(card), n_(card.core.n), batch_(batch), used_(card.cores)
    {
    }

    Result<driver::Program> run()
    {
        if (auto good = plan(); !good) return good.error();
        copy(true);
        for (std::size_t i = 0; i < network_.products.size(); ++i) {
            const auto& product = network_.products[i];
            for (std::uint64_t turn = 0; turn < product.count; ++turn) {
                wait_ = kEverything;
                if (product.dynamic)
                    dynamic(product, i);
                else
                    stationary(product, i);
                vector_work(i);
            }
        }
        copy(false);
        if (resident_) program_.setup = std::move(programs_);
        if (auto good = check(program_.setup); !good) return good.error();
        if (auto good = check(program_.commands); !good) return good.error();
        return std::move(program_);
    }

private:
    Error error(const std::string& what, const std::string& hint = {}) const
    {
        return {what, "workload '" + network_.name + "'", hint};
    }

    /// Numbers of tiles and instances, places in scratchpad and DRAM, and the program's head.
    Status plan()
    {
        std::uint64_t inputs = 1, outputs = 1, sums = 0, second = 0;
        if (network_.products.size() > 65000) return error("more products than a command can name");
        for (const auto& product : network_.products) {
            const auto matrix = matrix_of(product, n_);
            instances_ += product.count;
            inputs = std::max(inputs, product.vectors * matrix.rows * matrix.count);
            outputs = std::max(outputs, product.vectors * matrix.cols * matrix.count);
            if (product.dynamic) {
                second = std::max(second, product.inputs * product.outputs * product.groups);
            } else {
                tiles_ += tiles_in(product) * product.count;
                if (matrix.rows > n_)
                    sums = std::max(sums, product.vectors * std::min<std::uint64_t>(n_, matrix.cols) * 4);
            }
            if (tiles_ > kMostTiles) return error("more than " + std::to_string(kMostTiles) + " tiles");
        }
        elements_ = parts(network_.vector_elements, std::max<std::uint64_t>(1, instances_));
        resident_ = most_tiles_a_core() <= card_.pcm.banks;
        tile_bytes_ = aligned(std::uint64_t{n_} * n_ + n_ * 4ull);
        in_ = aligned(n_ * 16ull);  // constants of a column come first
        out_ = in_ + aligned(std::max({inputs, elements_, network_.input_bytes}) * batch_);
        second_ = out_ + aligned(std::max(outputs, elements_) * batch_);
        sums_ = second_ + aligned(second * batch_);
        const auto end = sums_ + aligned(sums * batch_) * card_.cores;
        if (end > card_.control.sram_bytes)
            return error("batch " + std::to_string(batch_) + " needs " + std::to_string(end) +
                             " bytes of scratchpad, the card has " + std::to_string(card_.control.sram_bytes),
                         "a smaller --batch, or card.control.sram_bytes");
        if (tiles_ * tile_bytes_ > card_.memory.bytes)
            return error("weights need " + std::to_string(tiles_ * tile_bytes_) + " bytes, the card's DRAM has " +
                         std::to_string(card_.memory.bytes));
        sum_bytes_ = aligned(sums * batch_);
        head();
        return {};
    }

    /// Columns take turns on the cores.
    std::uint64_t most_tiles_a_core() const
    {
        std::vector<std::uint64_t> tiles(card_.cores);
        std::uint64_t column = 0;
        for (const auto& product : network_.products) {
            if (product.dynamic) continue;
            const auto matrix = matrix_of(product, n_);
            const auto columns = parts(matrix.cols, n_) * matrix.count * product.count;
            for (std::uint64_t i = 0; i < columns; ++i) tiles[column++ % card_.cores] += parts(matrix.rows, n_);
        }
        return *std::max_element(tiles.begin(), tiles.end());
    }

    std::uint64_t tiles_in(const ProductShape& product) const
    {
        const auto matrix = matrix_of(product, n_);
        return parts(matrix.rows, n_) * parts(matrix.cols, n_) * matrix.count;
    }

    void head()
    {
        program_.network = network_.name;
        program_.target = target_of(card_);
        program_.batch = batch_;
        program_.mapped = {nullptr, tiles_ * tile_bytes_,
                           std::make_shared<int>(0)};  // so many bytes that are not there
        program_.inputs.push_back(bytes("input", 0, std::max<std::uint64_t>(1, network_.input_bytes)));
        const auto& last = network_.products.back();
        program_.outputs.push_back(bytes("output", 1, last.outputs * last.vectors * last.groups));
        for (const auto& product : network_.products) {
            driver::ProgramLayer layer;
            layer.name = product.name;
            layer.op = product.dynamic ? "dynamic product" : "product";
            layer.macs = product.macs();
            if (!product.dynamic) {
                layer.tiles = static_cast<std::uint32_t>(tiles_in(product) * product.count);
                layer.tile_vectors = layer.tiles * product.vectors;
            }
            program_.layers.push_back(std::move(layer));
        }
        program_.plan.push_back(std::to_string(tiles_) + " tiles of shapes alone, " +
                                (resident_ ? "resident" : "written again every inference"));
    }

    static driver::ProgramTensor bytes(const char* name, std::uint32_t arg, std::uint64_t size)
    {
        driver::ProgramTensor tensor;
        tensor.name = name;
        tensor.arg = arg;
        tensor.format = LC_FMT_U8;
        tensor.bytes_per_image = size;
        tensor.channels = static_cast<std::uint32_t>(size);
        return tensor;
    }

    void copy(bool in)
    {
        const auto& tensor = in ? program_.inputs[0] : program_.outputs[0];
        lc_record record{};
        record.sqe.opcode = LC_OP_COPY;
        const auto host = LC_PTR(LC_SPACE_ARG0 + (in ? 0ull : 1ull), 0);
        const auto card = LC_PTR(LC_SPACE_SRAM, in ? in_ : out_);
        record.sqe.src = in ? host : card;
        record.sqe.dst = in ? card : host;
        record.sqe.length = static_cast<std::uint32_t>(tensor.bytes_per_image * batch_);
        record.sqe.wait_mask = in ? 0 : kEverything;
        program_.commands.push_back(record);
    }

    std::uint32_t wait() { return std::exchange(wait_, 0); }

    /// A column's K-tiles follow each other on one core; columns take turns.
    void stationary(const ProductShape& product, std::size_t layer)
    {
        const auto matrix = matrix_of(product, n_);
        for (std::uint64_t m = 0; m < matrix.count; ++m) {
            for (std::uint64_t c0 = 0; c0 < matrix.cols; c0 += n_, ++column_) {
                const auto core = static_cast<std::uint32_t>(column_ % card_.cores);
                for (std::uint64_t k0 = 0; k0 < matrix.rows; k0 += n_) tile(product, layer, matrix, m, c0, k0, core);
            }
        }
    }

    void tile(const ProductShape& product, std::size_t layer, const Matrix& matrix, std::uint64_t m, std::uint64_t c0,
              std::uint64_t k0, std::uint32_t core)
    {
        const auto rows = static_cast<std::uint16_t>(std::min<std::uint64_t>(n_, matrix.rows - k0));
        const auto cols = static_cast<std::uint16_t>(std::min<std::uint64_t>(n_, matrix.cols - c0));
        const std::uint64_t id = ++tile_;
        const auto turn = used_[core]++;
        const auto bank = static_cast<std::uint16_t>(turn % std::max<std::uint32_t>(1, card_.pcm.banks));
        lc_program_op program{};
        program.core = static_cast<std::uint16_t>(core);
        program.bank = bank;
        program.rows = rows;
        program.cols = cols;
        program.row_stride = rows;
        program.weights = LC_PTR(LC_SPACE_DRAM, (id - 1) * tile_bytes_);
        program.adc_range = program.weights + std::uint64_t{n_} * n_;
        auto record = record_of(LC_OP_PROGRAM_WEIGHTS, layer, program, 0);
        record.sqe.weight_id = id;
        // A bank is written as soon as its last tile has been used: the scheduler holds it back until then, and the
        // products of the other banks go on.
        (resident_ ? programs_ : program_.commands).push_back(record);
        program_.commands.push_back(mvm(product, layer, matrix, {m, c0, k0}, program, id));
    }

    struct Place {
        std::uint64_t matrix, c0, k0;
    };
    lc_record mvm(const ProductShape& product, std::size_t layer, const Matrix& matrix, const Place& place,
                  const lc_program_op& program, std::uint64_t id)
    {
        const bool first = place.k0 == 0, last = place.k0 + program.rows >= matrix.rows;
        lc_mvm_op op{};
        op.core = program.core;
        op.bank = program.bank;
        op.rows = program.rows;
        op.cols = program.cols;
        op.passes = static_cast<std::uint8_t>(card_.run.passes);
        op.flags = static_cast<std::uint8_t>((first ? LC_MVM_ACC_FIRST : 0) | (last ? LC_MVM_ACC_LAST : 0) |
                                             LC_MVM_COUNT_SAMPLES);
        op.in_format = op.out_format = LC_FMT_U8;
        if (card_.run.numerics == Numerics::abfp) {
            op.full = 255;
            op.scale = LC_PTR(LC_SPACE_SRAM, 0);
        }
        op.post = LC_PTR(LC_SPACE_SRAM, 0);
        op.clamp_hi = 255;
        const std::uint64_t line_in = matrix.rows * matrix.count, line_out = matrix.cols * matrix.count;
        op.in =
            window(in_ + place.matrix * matrix.rows, product.vectors, static_cast<std::uint32_t>(matrix.rows), line_in);
        op.k0 = static_cast<std::uint32_t>(place.k0);
        op.out = {LC_PTR(LC_SPACE_SRAM, out_ + place.matrix * matrix.cols + place.c0), line_out * product.vectors,
                  static_cast<std::uint32_t>(line_out * product.vectors), static_cast<std::uint32_t>(line_out)};
        if (!first || !last) op.psum = LC_PTR(LC_SPACE_SRAM, sums_ + op.core * sum_bytes_);
        auto record = record_of(LC_OP_MVM, layer, op, wait());
        record.sqe.weight_id = id;
        return record;
    }

    /// `vectors` positions of `channels` bytes an inference, `line` bytes apart.
    lc_window window(std::uint64_t at, std::uint64_t vectors, std::uint32_t channels, std::uint64_t line) const
    {
        lc_window window{};
        window.base = LC_PTR(LC_SPACE_SRAM, at);
        window.images = batch_;
        window.out_h = window.height = 1;
        window.out_w = window.width = static_cast<std::uint32_t>(vectors);
        window.channels = channels;
        window.stride_w = static_cast<std::uint32_t>(line);
        window.stride_h = static_cast<std::uint32_t>(line * vectors);
        window.stride_n = line * vectors;
        window.kernel_h = window.kernel_w = window.step_h = window.step_w = window.dil_h = window.dil_w = 1;
        return window;
    }

    void dynamic(const ProductShape& product, std::size_t layer)
    {
        lc_gemm_op op{};
        op.m = static_cast<std::uint32_t>(product.vectors);
        op.n = static_cast<std::uint32_t>(product.outputs);
        op.k = static_cast<std::uint32_t>(product.inputs);
        op.a_format = op.b_format = op.out_format = LC_FMT_U8;
        op.a = LC_PTR(LC_SPACE_SRAM, in_);
        op.b = LC_PTR(LC_SPACE_SRAM, second_);
        op.out = LC_PTR(LC_SPACE_SRAM, out_);
        op.post = LC_PTR(LC_SPACE_SRAM, out_);  // anywhere: nobody reads it
        op.a_stride = op.b_stride = op.k;
        op.out_stride = op.n;
        op.batch = static_cast<std::uint32_t>(product.groups);
        op.a_batch = product.vectors * product.inputs;
        op.b_batch = product.outputs * product.inputs;
        op.out_batch = product.vectors * product.outputs;
        op.images = batch_;
        op.a_image = op.a_batch * product.groups;
        op.b_image = op.b_batch * product.groups;
        op.out_image = op.out_batch * product.groups;
        op.clamp_hi = 255;
        program_.commands.push_back(record_of(LC_OP_GEMM, layer, op, wait()));
    }

    void vector_work(std::size_t layer)
    {
        if (elements_ == 0) return;
        lc_vector_op op{};
        op.kind = LC_VEC_REQUANT;
        op.in_format = op.out_format = LC_FMT_U8;
        op.in = window(out_, elements_, 1, 1);
        op.out = {LC_PTR(LC_SPACE_SRAM, in_), elements_, static_cast<std::uint32_t>(elements_), 1};
        op.mult = 1;
        op.shift = 1;
        op.clamp_hi = 255;
        program_.commands.push_back(record_of(LC_OP_VECTOR, layer, op, kEverything));
    }

    Status check(const std::vector<lc_record>& records) const
    {
        for (const auto& record : records) {
            const std::string refused = lowering::refusal(record, card_);
            const auto layer = record.sqe.layer;
            if (!refused.empty())
                return error(refused, layer == 0 ? "" : "product '" + network_.products[layer - 1u].name + "'");
        }
        return {};
    }

    const NetworkShape& network_;
    const CardConfig& card_;
    std::uint32_t n_, batch_;
    std::uint64_t tiles_ = 0, instances_ = 0, elements_ = 0, tile_bytes_ = 0;
    std::uint64_t in_ = 0, out_ = 0, second_ = 0, sums_ = 0, sum_bytes_ = 0;
    bool resident_ = false;
    std::uint32_t wait_ = 0;
    std::uint64_t tile_ = 0, column_ = 0;
    std::vector<std::uint64_t> used_;  ///< tiles a core
    std::vector<lc_record> programs_;
    driver::Program program_;
};

}  // namespace

Result<driver::Program> program_of_shapes(const NetworkShape& network, const CardConfig& card, std::uint32_t batch)
{
    if (network.products.empty()) return Error{"no products", "workload '" + network.name + "'", ""};
    return Builder(network, card, std::max(1u, batch)).run();
}

}  // namespace lightcard::compiler
