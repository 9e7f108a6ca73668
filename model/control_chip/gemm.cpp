// SPDX-License-Identifier: Apache-2.0
// The digital matrix engine of vector_ops.h.
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "lightcard/model/control_chip/row_ops.h"
#include "lightcard/model/control_chip/vector_ops.h"
#include "lightcard/model/control_chip/window.h"

namespace lightcard::control_chip {

namespace {

/// sum_k codes[k] * weights[k]; k <= kMaxGemmDepth keeps it within s32 (2^15 * 255 * 255 < 2^31).
template <class Weight>
std::int32_t dot(const std::int16_t* codes, const Weight* weights, std::uint32_t k)
{
    std::int32_t sum = 0;
    for (std::uint32_t i = 0; i < k; ++i) sum += std::int32_t{codes[i]} * weights[i];
    return sum;
}

bool windowed(const lc_gemm_op& op)
{
    return (op.flags & LC_GEMM_WINDOW) != 0;
}

std::uint64_t batches_of(const lc_gemm_op& op)
{
    return std::max<std::uint32_t>(1, op.batch);
}

/// That have constants of their own.
std::uint32_t columns_of(const lc_gemm_op& op)
{
    return op.n * (windowed(op) ? std::max<std::uint32_t>(1, op.batch) : 1);
}

PostTable constants_of(const lc_gemm_op& op, const std::uint8_t* sram)
{
    PostTable table(op.post == 0 ? nullptr : sram + LC_PTR_OFFSET(op.post), columns_of(op));
    if (op.out_format != LC_FMT_S32 && !table.shifts_legal())
        throw std::invalid_argument("post-processing shift outside 1..62");
    return table;
}

/// A GEMM whose rows are the vectors of a window, its batch the groups of a convolution.
void run_convolution(const lc_gemm_op& op, std::uint64_t first, std::uint64_t last, std::uint8_t* sram)
{
    const std::uint32_t groups = std::max<std::uint32_t>(1, op.batch), depth = op.in.channels / groups;
    const std::uint32_t area = std::uint32_t{op.in.kernel_h} * op.in.kernel_w, columns = columns_of(op);
    const PostTable table = constants_of(op, sram);
    const Clamp clamp{op.zero_point, op.clamp_lo, op.clamp_hi};
    const WindowGather gather(op.in, 0, area * op.in.channels);
    const FlatReader read{sram};
    std::vector<std::uint8_t> codes(std::size_t{area} * op.in.channels);
    std::vector<std::int16_t> grouped(codes.size());  // [group][kh][kw][channel of the group]
    std::vector<std::int32_t> sums(columns);
    std::vector<std::uint8_t> results(std::size_t{columns} * element_bytes(op.out_format));
    const std::size_t result_bytes = std::size_t{op.n} * element_bytes(op.out_format);
    auto at = position_of(op.in, first);
    for (auto v = first; v < last; ++v, advance(op.in, at)) {
        gather(at, read, 0, codes.data());
        for (std::uint32_t p = 0; p < area; ++p)
            for (std::uint32_t ch = 0; ch < op.in.channels; ++ch)
                grouped[(std::size_t{ch / depth} * area + p) * depth + ch % depth] = static_cast<std::int16_t>(
                    load_element(codes.data() + std::size_t{p} * op.in.channels + ch, op.a_format));
        for (std::uint32_t column = 0; column < columns; ++column) {
            const std::uint32_t group = column / op.n;
            const auto* left = grouped.data() + std::size_t{group} * op.k;
            const auto* right =
                sram + LC_PTR_OFFSET(op.b) + group * op.b_batch + std::size_t{column % op.n} * op.b_stride;
            sums[column] = op.b_format == LC_FMT_S8 ? dot(left, reinterpret_cast<const std::int8_t*>(right), op.k)
                                                    : dot(left, right, op.k);
        }
        post_process_row(sums.data(), columns, table, clamp, op.out_format, results.data());
        auto* out = sram + LC_PTR_OFFSET(op.out) + v * op.out_stride;
        for (std::uint32_t group = 0; group < groups; ++group)
            std::memcpy(out + group * op.out_batch, results.data() + group * result_bytes, result_bytes);
    }
}

}  // namespace

std::uint64_t gemm_matrices(const lc_gemm_op& op)
{
    return batches_of(op) * std::max<std::uint32_t>(1, op.images);
}

std::uint64_t gemm_work(const lc_gemm_op& op)
{
    const std::uint64_t planes = element_bytes(op.a_format) * std::uint64_t{element_bytes(op.b_format)};
    return gemm_matrices(op) * op.m * op.n * op.k * planes;
}

std::uint64_t gemm_rows(const lc_gemm_op& op)
{
    return windowed(op) ? op.m : gemm_matrices(op) * op.m;
}

std::uint64_t gemm_constants(const lc_gemm_op& op)
{
    return PostTable::bytes(columns_of(op));
}

void check_gemm(const lc_gemm_op& op, const std::uint8_t* sram)
{
    constants_of(op, sram);
}

void run_gemm(const lc_gemm_op& op, std::uint64_t first, std::uint64_t last, std::uint8_t* sram)
{
    if (windowed(op)) return run_convolution(op, first, last, sram);
    const PostTable table = constants_of(op, sram);
    const Clamp clamp{op.zero_point, op.clamp_lo, op.clamp_hi};
    std::vector<std::int32_t> sums(op.n);
    const std::uint64_t batches = batches_of(op);
    const std::uint32_t a_step = element_bytes(op.a_format), b_step = element_bytes(op.b_format);
    for (auto of_all = first; of_all < last; ++of_all) {
        const std::uint64_t matrix = of_all / op.m, row = of_all % op.m;
        const std::uint64_t batch = matrix % batches, image = matrix / batches;
        const auto* left = sram + LC_PTR_OFFSET(op.a) + batch * op.a_batch + image * op.a_image + row * op.a_stride;
        const auto* b = sram + LC_PTR_OFFSET(op.b) + batch * op.b_batch + image * op.b_image;
        auto* out = sram + LC_PTR_OFFSET(op.out) + batch * op.out_batch + image * op.out_image + row * op.out_stride;
        for (std::uint32_t col = 0; col < op.n; ++col) {
            const auto* right = b + static_cast<std::size_t>(col) * op.b_stride;
            std::int64_t sum = 0;
            for (std::uint32_t k = 0; k < op.k; ++k)
                sum += std::int64_t{load_element(left + std::size_t{k} * a_step, op.a_format)} *
                       load_element(right + std::size_t{k} * b_step, op.b_format);
            sums[col] = saturate32(sum);
        }
        post_process_row(sums.data(), op.n, table, clamp, op.out_format, out);
    }
}

Accesses accesses_of(const lc_gemm_op& op)
{
    const std::uint64_t batches = batches_of(op), images = std::max<std::uint32_t>(1, op.images);
    const auto matrix = [&](std::uint64_t pointer, std::uint64_t rows, std::uint64_t stride, std::uint64_t batch,
                            std::uint64_t image, std::uint64_t row) {
        return bytes_of(pointer, (images - 1) * image + (batches - 1) * batch + (rows - 1) * stride + row);
    };
    Accesses accesses;
    if (windowed(op)) {
        accesses.reads.push_back(bytes_of(op.in, op.in.channels));
    } else {
        accesses.reads.push_back(
            matrix(op.a, op.m, op.a_stride, op.a_batch, op.a_image, std::uint64_t{op.k} * element_bytes(op.a_format)));
    }
    accesses.reads.push_back(
        matrix(op.b, op.n, op.b_stride, op.b_batch, op.b_image, std::uint64_t{op.k} * element_bytes(op.b_format)));
    if (op.post != 0) accesses.reads.push_back(bytes_of(op.post, gemm_constants(op)));
    accesses.writes = matrix(op.out, op.m, op.out_stride, op.out_batch, op.out_image,
                             std::uint64_t{op.n} * element_bytes(op.out_format));
    return accesses;
}

}  // namespace lightcard::control_chip
