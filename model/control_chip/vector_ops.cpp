// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/control_chip/post_process.h"
#include "lightcard/model/control_chip/window.h"

namespace lightcard::control_chip {

namespace {

/// floor(numerator / (2^(shift+1) * count)) for the rounded mean over `count` positions, exactly.
std::int64_t rounded_mean(std::int64_t product, std::uint32_t count, std::uint32_t shift)
{
    const auto denominator = static_cast<__int128>(count) << (shift + 1);
    const auto numerator = 2 * static_cast<__int128>(product) + (static_cast<__int128>(count) << shift);
    auto quotient = numerator / denominator;
    if (numerator % denominator < 0) --quotient;
    return static_cast<std::int64_t>(quotient);
}

/// The vector unit's view of one command: addresses of elements of inputs and outputs.
class VectorWalk {
public:
    VectorWalk(const lc_vector_op& op, std::uint8_t* sram)
        : op_(op),
          sram_(sram),
          in_bytes_(element_bytes(op.in_format)),
          in_step_(op.in_channel_stride != 0 ? op.in_channel_stride : in_bytes_),
          out_step_(op.out_channel_stride != 0 ? op.out_channel_stride : element_bytes(op.out_format))
    {
    }

    const std::uint8_t* input(Position at, std::uint32_t kh, std::uint32_t kw) const
    {
        std::uint64_t offset = 0;
        return window_offset(op_.in, at, kh, kw, offset) ? sram_ + offset : nullptr;
    }
    std::int32_t element(const std::uint8_t* pixel, std::uint32_t channel) const
    {
        return pixel == nullptr ? 0 : load_element(pixel + static_cast<std::size_t>(channel) * in_step_, op_.in_format);
    }
    std::uint8_t* output(Position at) const { return sram_ + surface_offset(op_.out, at); }
    const std::uint8_t* second(Position at) const { return sram_ + surface_offset(op_.in2, at); }
    const std::uint8_t* table() const { return sram_ + LC_PTR_OFFSET(op_.table); }
    std::uint32_t out_step() const { return out_step_; }
    std::uint32_t in_step() const { return in_step_; }
    std::uint32_t in_bytes() const { return in_bytes_; }

private:
    const lc_vector_op& op_;
    std::uint8_t* sram_;
    std::uint32_t in_bytes_, in_step_, out_step_;
};

Clamp clamp_of(const lc_vector_op& op)
{
    return {op.zero_point, op.clamp_lo, op.clamp_hi};
}

void rescale_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    const Clamp clamp = clamp_of(op);
    const auto* a = walk.input(at, 0, 0);
    auto* out = walk.output(at);
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        const auto product = static_cast<std::int64_t>(walk.element(a, ch)) * op.mult;
        store_element(out + ch * walk.out_step(), op.out_format, clamp(rescale(product, op.shift)));
    }
}

/// ADD and MUL.
void combine_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    const Clamp clamp = clamp_of(op);
    const auto* a = walk.input(at, 0, 0);
    const auto* b = walk.second(at);
    const std::uint32_t step = (op.flags & LC_VEC_IN2_SCALAR) != 0 ? 0 : element_bytes(op.in2_format);
    auto* out = walk.output(at);
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        const std::int64_t left = walk.element(a, ch);
        const std::int64_t right = load_element(b + static_cast<std::size_t>(ch) * step, op.in2_format);
        const auto product = op.kind == LC_VEC_MUL ? left * right * op.mult : left * op.mult + right * op.mult2;
        store_element(out + ch * walk.out_step(), op.out_format, clamp(rescale(product, op.shift)));
    }
}

/// floor(value + 1/2) + zero point, clamped; what is no number becomes the lower end.
std::int32_t to_code(double value, const Clamp& clamp)
{
    const double code = std::floor(value + 0.5) + clamp.zero_point;
    if (!(code > clamp.lo)) return clamp.lo;
    return code < clamp.hi ? static_cast<std::int32_t>(code) : clamp.hi;
}

void pool_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    std::vector<const std::uint8_t*> inside;
    for (std::uint32_t kh = 0; kh < op.in.kernel_h; ++kh) {
        for (std::uint32_t kw = 0; kw < op.in.kernel_w; ++kw) {
            if (const auto* pixel = walk.input(at, kh, kw)) inside.push_back(pixel);
        }
    }
    auto* out = walk.output(at);
    const Clamp clamp{op.zero_point, op.clamp_lo, op.clamp_hi};
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        std::int32_t result = 0;
        if (op.kind == LC_VEC_MAXPOOL) {
            // Positions outside never win; a window with nothing inside gives zero.
            result = inside.empty() ? 0 : std::numeric_limits<std::int32_t>::min();
            for (const auto* pixel : inside) result = std::max(result, walk.element(pixel, ch));
        } else {
            std::int64_t sum = 0;
            for (const auto* pixel : inside) sum += walk.element(pixel, ch);
            const bool valid = (op.flags & LC_VEC_VALID_COUNT) != 0;
            const auto count = static_cast<std::uint32_t>(std::max<std::size_t>(1, inside.size()));
            result = clamp(valid ? rounded_mean(sum * op.mult, count, op.shift) : rescale(sum * op.mult, op.shift));
        }
        store_element(out + ch * walk.out_step(), op.out_format, result);
    }
}

/// exp(v - max) in double, summed in channel order, rounded once to f32.
void softmax_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    float scale = 0;
    std::memcpy(&scale, &op.scale_f32, 4);
    const auto* pixel = walk.input(at, 0, 0);
    std::int32_t top = walk.element(pixel, 0);
    for (std::uint32_t ch = 1; ch < op.in.channels; ++ch) top = std::max(top, walk.element(pixel, ch));
    std::vector<double> weights(op.in.channels);
    double sum = 0;
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        const auto below = static_cast<double>(static_cast<std::int64_t>(walk.element(pixel, ch)) - top);
        weights[ch] = det::exp(below * static_cast<double>(scale));
        sum += weights[ch];
    }
    auto* out = walk.output(at);
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        auto* to = out + ch * walk.out_step();
        if (op.out_format == LC_FMT_F32) {
            const auto share = static_cast<float>(weights[ch] / sum);
            std::memcpy(to, &share, 4);
        } else {
            store_element(to, op.out_format, to_code(weights[ch] / sum * op.mult, clamp_of(op)));
        }
    }
}

void table_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    const auto* in = walk.input(at, 0, 0);
    auto* out = walk.output(at);
    const std::size_t bytes = walk.out_step();
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch)
        std::memcpy(out + ch * bytes, walk.table() + (in == nullptr ? 0u : in[ch]) * bytes, bytes);
}

/// Sums are exact; then doubles, each operation rounded once, as lightcard_abi.h words it.
void norm_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    float epsilon = 0;
    std::memcpy(&epsilon, &op.scale_f32, 4);
    const auto* in = walk.input(at, 0, 0);
    const std::int64_t count = op.in.channels;
    std::int64_t sum = 0, squares = 0;
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        const std::int64_t v = walk.element(in, ch);
        sum += v;
        squares += v * v;
    }
    if ((op.flags & LC_VEC_RMS) != 0) sum = 0;
    const auto channels = static_cast<double>(count);
    const double added = static_cast<double>(epsilon) * (channels * channels);
    const double root = std::sqrt(static_cast<double>(count * squares - sum * sum) + added);
    const Clamp clamp = clamp_of(op);
    auto* out = walk.output(at);
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        float gain = 0, shift = 0;
        std::memcpy(&gain, walk.table() + ch * 4ull, 4);
        std::memcpy(&shift, walk.table() + (op.in.channels + static_cast<std::size_t>(ch)) * 4, 4);
        const auto deviation = static_cast<double>(count * walk.element(in, ch) - sum);
        const double product = deviation / root * static_cast<double>(gain);
        store_element(out + static_cast<std::size_t>(ch) * walk.out_step(), op.out_format,
                      to_code(product + static_cast<double>(shift), clamp));
    }
}

std::int64_t index_of(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    const std::int64_t index = walk.element(walk.input(at, 0, 0), 0);
    if (index < 0 || index >= op.rows) throw std::invalid_argument("an index outside the rows of the table");
    return index;
}

void gather_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    const std::size_t line = static_cast<std::size_t>(op.in.channels) * walk.out_step();
    std::memcpy(walk.output(at), walk.table() + static_cast<std::size_t>(index_of(op, walk, at)) * line, line);
}

void move_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    const auto* pixel = walk.input(at, 0, 0);
    auto* out = walk.output(at);
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        auto* to = out + ch * walk.out_step();
        if (pixel == nullptr) {
            std::memset(to, 0, walk.in_bytes());
        } else {
            std::memcpy(to, pixel + static_cast<std::size_t>(ch) * walk.in_step(), walk.in_bytes());
        }
    }
}

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

std::uint64_t vector_elements(const lc_vector_op& op)
{
    const std::uint64_t elements = vectors_of(op.in) * op.in.channels * op.in.kernel_h * op.in.kernel_w;
    return op.kind == LC_VEC_NORM ? 2 * elements : elements;  // one walk for the sums, one for the results
}

std::uint64_t vector_bytes(const lc_vector_op& op)
{
    const std::uint64_t vectors = vectors_of(op.in), outputs = vectors * op.in.channels;
    const std::uint64_t elements = vector_elements(op);
    const std::uint32_t in = element_bytes(op.in_format), out = element_bytes(op.out_format);
    switch (op.kind) {
        case LC_VEC_ADD:
        case LC_VEC_MUL:
            return elements * in + outputs * (element_bytes(op.in2_format) + out);
        case LC_VEC_TABLE:
        case LC_VEC_NORM:  // the table is read into the unit once
            return elements * in + outputs * out + (op.kind == LC_VEC_TABLE ? 256ull * out : 8ull * op.in.channels);
        case LC_VEC_GATHER:
            return vectors * in + 2 * outputs * out;
        default:
            return elements * in + outputs * out;
    }
}

std::uint64_t vector_positions(const lc_vector_op& op)
{
    return vectors_of(op.in);
}

void check_gather(const lc_vector_op& op, const std::uint8_t* sram)
{
    // Nothing is written through it.
    const VectorWalk walk(op, const_cast<std::uint8_t*>(sram));
    Position at;
    for (std::uint64_t v = 0, end = vectors_of(op.in); v < end; ++v, advance(op.in, at)) index_of(op, walk, at);
}

void run_vector(const lc_vector_op& op, std::uint64_t first, std::uint64_t last, std::uint8_t* sram)
{
    const VectorWalk walk(op, sram);
    auto at = position_of(op.in, first);
    for (auto v = first; v < last; ++v, advance(op.in, at)) {
        switch (op.kind) {
            case LC_VEC_REQUANT:
                rescale_pixel(op, walk, at);
                break;
            case LC_VEC_ADD:
            case LC_VEC_MUL:
                combine_pixel(op, walk, at);
                break;
            case LC_VEC_MAXPOOL:
            case LC_VEC_AVGPOOL:
                pool_pixel(op, walk, at);
                break;
            case LC_VEC_SOFTMAX:
                softmax_pixel(op, walk, at);
                break;
            case LC_VEC_MOVE:
                move_pixel(op, walk, at);
                break;
            case LC_VEC_TABLE:
                table_pixel(op, walk, at);
                break;
            case LC_VEC_NORM:
                norm_pixel(op, walk, at);
                break;
            case LC_VEC_GATHER:
                gather_pixel(op, walk, at);
                break;
            default:
                return;
        }
    }
}

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

bool Accesses::parts_apart() const
{
    return std::all_of(reads.begin(), reads.end(), [this](const Bytes& read) { return apart(read, writes); });
}

Accesses accesses_of(const lc_vector_op& op)
{
    const auto row = [&](std::uint32_t channel_stride, std::uint32_t format) {
        const std::uint64_t element = element_bytes(format);
        return (op.in.channels - 1) * (channel_stride != 0 ? channel_stride : element) + element;
    };
    Accesses accesses;
    accesses.reads.push_back(bytes_of(op.in, row(op.in_channel_stride, op.in_format)));
    accesses.writes = bytes_of(op.out, op.in, row(op.out_channel_stride, op.out_format));
    const std::uint64_t out = element_bytes(op.out_format), channels = op.in.channels;
    switch (op.kind) {
        case LC_VEC_ADD:
        case LC_VEC_MUL:
            accesses.reads.push_back(bytes_of(op.in2, op.in, row(0, op.in2_format)));
            break;
        case LC_VEC_TABLE:
            accesses.reads.push_back(bytes_of(op.table, 256 * out));
            break;
        case LC_VEC_NORM:
            accesses.reads.push_back(bytes_of(op.table, 8 * channels));
            break;
        case LC_VEC_GATHER:
            accesses.reads.push_back(bytes_of(op.table, op.rows * channels * out));
            break;
        default:
            break;
    }
    return accesses;
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
