// SPDX-License-Identifier: Apache-2.0
#include "lightcard/model/control_chip/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "lightcard/model/common/det_math.h"
#include "lightcard/model/control_chip/row_ops.h"
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

/// Elements of a position in work, [channels].
struct Rows {
    explicit Rows(const lc_vector_op& op) : a(op.in.channels), b(op.in.channels) {}
    std::vector<std::int32_t> a, b;
};

void load_pixel(const lc_vector_op& op, const VectorWalk& walk, const std::uint8_t* pixel,
                std::vector<std::int32_t>& row)
{
    if (pixel == nullptr) {
        std::fill(row.begin(), row.end(), 0);
    } else {
        load_row(pixel, {op.in_format, walk.in_step()}, op.in.channels, row.data());
    }
}

void store_pixel(const lc_vector_op& op, const VectorWalk& walk, const std::vector<std::int32_t>& row, Position at)
{
    store_row(row.data(), {op.out_format, walk.out_step()}, op.in.channels, walk.output(at));
}

void rescale_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at, Rows& rows)
{
    load_pixel(op, walk, walk.input(at, 0, 0), rows.a);
    rescale_row({op.mult, op.shift, clamp_of(op)}, op.in.channels, rows.a.data());
    store_pixel(op, walk, rows.a, at);
}

/// ADD and MUL.
void combine_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at, Rows& rows)
{
    const std::uint32_t step = (op.flags & LC_VEC_IN2_SCALAR) != 0 ? 0 : element_bytes(op.in2_format);
    load_pixel(op, walk, walk.input(at, 0, 0), rows.a);
    load_row(walk.second(at), {op.in2_format, step}, op.in.channels, rows.b.data());
    const Rescaling by{op.mult, op.shift, clamp_of(op)};
    if (op.kind == LC_VEC_MUL) {
        multiply_rows(by, rows.b.data(), op.in.channels, rows.a.data());
    } else {
        add_rows(by, op.mult2, rows.b.data(), op.in.channels, rows.a.data());
    }
    store_pixel(op, walk, rows.a, at);
}

/// floor(value + 1/2) + zero point, clamped; what is no number becomes the lower end.
std::int32_t to_code(double value, const Clamp& clamp)
{
    const double code = std::floor(value + 0.5) + clamp.zero_point;
    if (!(code > clamp.lo)) return clamp.lo;
    return code < clamp.hi ? static_cast<std::int32_t>(code) : clamp.hi;
}

/// Positions outside never win; a window with nothing inside gives zero.
void max_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at, Rows& rows)
{
    bool any = false;
    for (std::uint32_t kh = 0; kh < op.in.kernel_h; ++kh) {
        for (std::uint32_t kw = 0; kw < op.in.kernel_w; ++kw) {
            const auto* pixel = walk.input(at, kh, kw);
            if (pixel == nullptr) continue;
            load_pixel(op, walk, pixel, any ? rows.b : rows.a);
            if (any) keep_largest(rows.b.data(), op.in.channels, rows.a.data());
            any = true;
        }
    }
    if (!any) std::fill(rows.a.begin(), rows.a.end(), 0);
    store_pixel(op, walk, rows.a, at);
}

void mean_pixel(const lc_vector_op& op, const VectorWalk& walk, Position at)
{
    std::vector<const std::uint8_t*> inside;
    for (std::uint32_t kh = 0; kh < op.in.kernel_h; ++kh) {
        for (std::uint32_t kw = 0; kw < op.in.kernel_w; ++kw) {
            if (const auto* pixel = walk.input(at, kh, kw)) inside.push_back(pixel);
        }
    }
    auto* out = walk.output(at);
    const Clamp clamp = clamp_of(op);
    const bool valid = (op.flags & LC_VEC_VALID_COUNT) != 0;
    const auto count = static_cast<std::uint32_t>(std::max<std::size_t>(1, inside.size()));
    for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
        std::int64_t sum = 0;
        for (const auto* pixel : inside) sum += walk.element(pixel, ch);
        const auto mean = valid ? rounded_mean(sum * op.mult, count, op.shift) : rescale(sum * op.mult, op.shift);
        store_element(out + ch * walk.out_step(), op.out_format, clamp(mean));
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
    Rows rows(op);
    auto at = position_of(op.in, first);
    for (auto v = first; v < last; ++v, advance(op.in, at)) {
        switch (op.kind) {
            case LC_VEC_REQUANT:
                rescale_pixel(op, walk, at, rows);
                break;
            case LC_VEC_ADD:
            case LC_VEC_MUL:
                combine_pixel(op, walk, at, rows);
                break;
            case LC_VEC_MAXPOOL:
                max_pixel(op, walk, at, rows);
                break;
            case LC_VEC_AVGPOOL:
                mean_pixel(op, walk, at);
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

}  // namespace lightcard::control_chip
