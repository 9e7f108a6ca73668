// SPDX-License-Identifier: Apache-2.0
/// Executes command records on plain byte arrays, one element at a time, straight from the text of lightcard_abi.h.
/// Shares no code with the card. Orders of execution: as issued, or any that engines, banks and wait masks allow.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "lightcard/model/control_chip/lightcard_abi.h"
#include "lightcard/platform/driver/program.h"

namespace lightcard::test {

using Bytes = std::vector<std::uint8_t>;

class RecordMachine {
public:
    using Args = std::array<Bytes*, LC_ARGS>;

    RecordMachine(std::uint64_t sram_bytes, const driver::Program& program) : sram_(sram_bytes, 0xa5)
    {
        dram_.assign(program.dram_base, 0);
        dram_.insert(dram_.end(), program.weights.begin(), program.weights.end());
        dram_.resize(dram_.size() + (1u << 20), 0x5a);  // for what spills
    }

    void execute(const lc_record& record, const Args& args)
    {
        args_ = args;
        switch (record.sqe.opcode) {
            case LC_OP_NOP:
            case LC_OP_FENCE:
                return;
            case LC_OP_COPY:
                return copy(record.sqe);
            case LC_OP_PROGRAM_WEIGHTS:
                return program(record.sqe, operands<lc_program_op>(record));
            case LC_OP_MVM:
                return mvm(record.sqe, operands<lc_mvm_op>(record));
            case LC_OP_VECTOR:
                return vector(operands<lc_vector_op>(record));
            case LC_OP_GEMM:
                return gemm(operands<lc_gemm_op>(record));
            default:
                throw std::runtime_error("opcode " + std::to_string(record.sqe.opcode));
        }
    }
    std::uint64_t programs() const { return programs_; }
    Bytes& sram() { return sram_; }

private:
    struct Bank {
        std::uint64_t id = 0;
        std::uint32_t rows = 0, cols = 0;
        std::vector<std::int8_t> weights;  // [col][row]
    };

    template <class Op>
    static Op operands(const lc_record& record)
    {
        Op op;
        std::memcpy(&op, record.operands, sizeof op);
        return op;
    }

    std::uint8_t* at(std::uint64_t pointer, std::uint64_t bytes)
    {
        const std::uint32_t space = LC_PTR_SPACE(pointer);
        const std::uint64_t offset = LC_PTR_OFFSET(pointer);
        Bytes* memory = space == LC_SPACE_SRAM ? &sram_ : space == LC_SPACE_DRAM ? &dram_ : nullptr;
        if (space >= LC_SPACE_ARG0 && space < LC_SPACE_ARG0 + LC_ARGS) memory = args_[space - LC_SPACE_ARG0];
        if (memory == nullptr || offset > memory->size() || bytes > memory->size() - offset) {
            throw std::runtime_error("address outside");
        }
        return memory->data() + offset;
    }

    static std::uint32_t size_of(std::uint32_t format)
    {
        if (format == LC_FMT_S16) return 2;
        return format == LC_FMT_S32 || format == LC_FMT_F32 ? 4 : 1;
    }
    std::int64_t load(std::uint64_t pointer, std::uint32_t format)
    {
        const std::uint8_t* p = at(pointer, size_of(format));
        if (format == LC_FMT_U8) return *p;
        if (format == LC_FMT_S8) return static_cast<std::int8_t>(*p);
        if (format == LC_FMT_S16) return static_cast<std::int16_t>(p[0] | p[1] << 8);
        std::int32_t value = 0;
        std::memcpy(&value, p, 4);
        return value;
    }
    float real(std::uint64_t pointer)
    {
        float value = 0;
        std::memcpy(&value, at(pointer, 4), 4);
        return value;
    }
    void store(std::uint64_t pointer, std::uint32_t format, std::int64_t value)
    {
        const auto word = static_cast<std::int32_t>(value);
        std::memcpy(at(pointer, size_of(format)), &word, size_of(format));
    }
    static std::int64_t saturate(std::int64_t v) { return std::clamp<std::int64_t>(v, -2147483648LL, 2147483647LL); }

    void copy(const lc_sqe& sqe)
    {
        for (std::uint32_t row = 0; row < std::max(1u, sqe.u.copy.rows); ++row) {
            std::memmove(at(sqe.dst + row * sqe.u.copy.dst_stride, sqe.length),
                         at(sqe.src + row * sqe.u.copy.src_stride, sqe.length), sqe.length);
        }
    }

    void program(const lc_sqe& sqe, const lc_program_op& op)
    {
        ++programs_;
        Bank& bank = banks_[{op.core, op.bank}];
        bank = {sqe.weight_id, op.rows, op.cols, {}};
        for (std::uint32_t col = 0; col < op.cols; ++col) {
            for (std::uint32_t row = 0; row < op.rows; ++row) {
                bank.weights.push_back(
                    static_cast<std::int8_t>(load(op.weights + col * op.row_stride + row, LC_FMT_S8)));
            }
        }
    }

    /// False: the position lies outside and reads zero.
    static bool locate(const lc_window& w, std::uint64_t n, std::uint64_t y, std::uint64_t x, std::int64_t kh,
                       std::int64_t kw, std::uint64_t& pointer)
    {
        const std::int64_t row = static_cast<std::int64_t>(y) * w.step_h - w.pad_h + kh * w.dil_h;
        const std::int64_t column = static_cast<std::int64_t>(x) * w.step_w - w.pad_w + kw * w.dil_w;
        if (row < 0 || row >= w.height || column < 0 || column >= w.width) return false;
        pointer = w.base + n * w.stride_n + static_cast<std::uint64_t>(row) * w.stride_h +
                  static_cast<std::uint64_t>(column) * w.stride_w;
        return true;
    }
    static std::uint64_t place(const lc_surface& s, std::uint64_t n, std::uint64_t y, std::uint64_t x)
    {
        return s.base + n * s.stride_n + y * s.stride_h + x * s.stride_w;
    }

    void mvm(const lc_sqe& sqe, const lc_mvm_op& op)
    {
        const Bank& bank = banks_[{op.core, op.bank}];
        if (bank.id != sqe.weight_id) throw std::runtime_error("bank holds other weights");
        if (bank.rows != op.rows || bank.cols != op.cols) throw std::runtime_error("tile of another shape");
        const std::uint64_t vectors = std::uint64_t{op.in.images} * op.in.out_h * op.in.out_w;
        for (std::uint64_t v = 0; v < vectors; ++v) {
            const std::uint64_t x = v % op.in.out_w, y = v / op.in.out_w % op.in.out_h,
                                n = v / op.in.out_w / op.in.out_h;
            for (std::uint32_t col = 0; col < op.cols; ++col) {
                std::int64_t sum = 0;
                for (std::uint32_t r = 0; r < op.rows; ++r) {
                    const std::uint32_t k = op.k0 + r, ch = k % op.in.channels, position = k / op.in.channels;
                    std::uint64_t pointer = 0;
                    if (!locate(op.in, n, y, x, position / op.in.kernel_w, position % op.in.kernel_w, pointer))
                        continue;
                    sum += load(pointer + ch, op.in_format) * bank.weights[col * op.rows + r];
                }
                finish(op, v, n, y, x, col, sum);
            }
        }
    }

    void finish(const lc_mvm_op& op, std::uint64_t v, std::uint64_t n, std::uint64_t y, std::uint64_t x,
                std::uint32_t col, std::int64_t sum)
    {
        const std::uint64_t psum = op.psum + (v * op.cols + col) * 4;
        if ((op.flags & LC_MVM_ACC_FIRST) == 0) sum = saturate(sum + load(psum, LC_FMT_S32));
        if ((op.flags & LC_MVM_ACC_LAST) == 0) return store(psum, LC_FMT_S32, sum);
        if (op.post != 0) sum = saturate(sum + load(op.post + col * 4, LC_FMT_S32));
        if (op.out_format != LC_FMT_S32) {
            const std::int64_t multiplier = load(op.post + op.cols * 4 + col * 4, LC_FMT_S32);
            const std::int64_t shift = load(op.post + op.cols * 8 + col, LC_FMT_U8);
            sum = ((sum * multiplier + (1LL << (shift - 1))) >> shift) + op.zero_point;
            sum = std::clamp<std::int64_t>(sum, op.clamp_lo, op.clamp_hi);
        }
        store(place(op.out, n, y, x) + col * size_of(op.out_format), op.out_format, sum);
    }

    void vector(const lc_vector_op& op)
    {
        for (std::uint64_t n = 0; n < op.in.images; ++n) {
            for (std::uint64_t y = 0; y < op.in.out_h; ++y) {
                for (std::uint64_t x = 0; x < op.in.out_w; ++x) {
                    if (op.kind == LC_VEC_SOFTMAX) {
                        softmax(op, n, y, x);
                    } else if (op.kind == LC_VEC_NORM) {
                        norm(op, n, y, x);
                    } else if (op.kind == LC_VEC_GATHER) {
                        gather(op, n, y, x);
                    } else {
                        for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) element(op, n, y, x, ch);
                    }
                }
            }
        }
    }

    void element(const lc_vector_op& op, std::uint64_t n, std::uint64_t y, std::uint64_t x, std::uint32_t ch)
    {
        const std::uint64_t in_step = op.in_channel_stride != 0 ? op.in_channel_stride : size_of(op.in_format);
        const std::uint64_t out_step = op.out_channel_stride != 0 ? op.out_channel_stride : size_of(op.out_format);
        std::int64_t sum = 0, top = -2147483648LL, inside = 0;
        for (std::uint32_t k = 0; k < std::uint32_t{op.in.kernel_h} * op.in.kernel_w; ++k) {
            std::uint64_t pointer = 0;
            if (!locate(op.in, n, y, x, k / op.in.kernel_w, k % op.in.kernel_w, pointer)) continue;
            const std::int64_t value = load(pointer + ch * in_step, op.in_format);
            sum += value;
            top = std::max(top, value);
            ++inside;
        }
        const std::uint64_t out = place(op.out, n, y, x) + ch * out_step;
        if (op.kind == LC_VEC_TABLE) {
            const std::uint64_t entry = static_cast<std::uint64_t>(sum & 255) * size_of(op.out_format);
            return store(out, op.out_format, load(op.table + entry, op.out_format));
        }
        if (op.kind == LC_VEC_MAXPOOL) return store(out, op.out_format, inside == 0 ? 0 : top);
        if (op.kind == LC_VEC_MOVE) return store(out, op.out_format, sum);
        __int128 numerator = static_cast<__int128>(sum) * op.mult;
        if (op.kind == LC_VEC_ADD || op.kind == LC_VEC_MUL) {
            const std::uint64_t channel = (op.flags & LC_VEC_IN2_SCALAR) != 0 ? 0 : ch;
            const __int128 b = load(place(op.in2, n, y, x) + channel * size_of(op.in2_format), op.in2_format);
            numerator = op.kind == LC_VEC_MUL ? numerator * b : numerator + b * op.mult2;
        }
        const __int128 divisor =
            static_cast<__int128>((op.flags & LC_VEC_VALID_COUNT) != 0 ? std::max<std::int64_t>(1, inside) : 1)
            << op.shift;
        const __int128 twice = 2 * numerator + divisor;  // floor(numerator / divisor + 1/2)
        __int128 result = twice / (2 * divisor);
        if (twice % (2 * divisor) < 0) --result;
        store(out, op.out_format,
              std::clamp<std::int64_t>(static_cast<std::int64_t>(result) + op.zero_point, op.clamp_lo, op.clamp_hi));
    }

    void softmax(const lc_vector_op& op, std::uint64_t n, std::uint64_t y, std::uint64_t x)
    {
        float scale = 0;
        std::memcpy(&scale, &op.scale_f32, 4);
        std::uint64_t pointer = 0;
        locate(op.in, n, y, x, 0, 0, pointer);
        std::vector<double> e;
        std::int64_t top = -2147483648LL;
        const auto value = [&](std::uint32_t ch) { return load(pointer + ch * size_of(op.in_format), op.in_format); };
        for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) top = std::max(top, value(ch));
        double sum = 0;
        for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
            e.push_back(std::exp(static_cast<double>(value(ch) - top) * static_cast<double>(scale)));
            sum += e.back();
        }
        for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
            const auto share = static_cast<float>(e[ch] / sum);
            const std::uint64_t out = place(op.out, n, y, x) + ch * size_of(op.out_format);
            if (op.out_format == LC_FMT_F32)
                std::memcpy(at(out, 4), &share, 4);
            else
                store(out, op.out_format, code(e[ch] / sum * op.mult, op.zero_point, op.clamp_lo, op.clamp_hi));
        }
    }

    static std::int64_t code(double value, std::int32_t zero, std::int32_t lo, std::int32_t hi)
    {
        if (std::isnan(value)) return lo;
        return static_cast<std::int64_t>(std::clamp<double>(std::floor(value + 0.5) + zero, lo, hi));
    }

    void norm(const lc_vector_op& op, std::uint64_t n, std::uint64_t y, std::uint64_t x)
    {
        std::uint64_t pointer = 0;
        locate(op.in, n, y, x, 0, 0, pointer);
        const std::uint32_t channels = op.in.channels;
        std::vector<std::int64_t> v;
        __int128 sum = 0, squares = 0;
        for (std::uint32_t ch = 0; ch < channels; ++ch) {
            v.push_back(load(pointer + ch * size_of(op.in_format), op.in_format));
            if ((op.flags & LC_VEC_RMS) == 0) sum += v.back();
            squares += v.back() * v.back();
        }
        float epsilon = 0;
        std::memcpy(&epsilon, &op.scale_f32, 4);
        const double c = channels;
        const double r = std::sqrt(static_cast<double>(channels * squares - sum * sum) + epsilon * (c * c));
        for (std::uint32_t ch = 0; ch < channels; ++ch) {
            const double d = static_cast<double>(channels * static_cast<__int128>(v[ch]) - sum);
            const double result = d / r * real(op.table + ch * 4ull) + real(op.table + (channels + ch) * 4ull);
            store(place(op.out, n, y, x) + ch * size_of(op.out_format), op.out_format,
                  code(result, op.zero_point, op.clamp_lo, op.clamp_hi));
        }
    }

    void gather(const lc_vector_op& op, std::uint64_t n, std::uint64_t y, std::uint64_t x)
    {
        std::uint64_t pointer = 0;
        locate(op.in, n, y, x, 0, 0, pointer);
        const std::int64_t index = load(pointer, LC_FMT_S32);
        if (index < 0 || index >= op.rows) throw std::runtime_error("index outside");
        for (std::uint32_t ch = 0; ch < op.in.channels; ++ch) {
            const std::uint32_t size = size_of(op.out_format);
            const std::uint64_t from = op.table + (static_cast<std::uint64_t>(index) * op.in.channels + ch) * size;
            std::memcpy(at(place(op.out, n, y, x) + ch * size, size), at(from, size), size);
        }
    }

    void gemm(const lc_gemm_op& op)
    {
        for (std::uint64_t image = 0; image < std::max(1u, op.images); ++image)
            for (std::uint64_t batch = 0; batch < std::max(1u, op.batch); ++batch)
                for (std::uint64_t m = 0; m < op.m; ++m)
                    for (std::uint64_t n = 0; n < op.n; ++n) gemm_element(op, image, batch, m, n);
    }

    std::int64_t window_element(const lc_gemm_op& op, std::uint64_t group, std::uint64_t v, std::uint64_t k)
    {
        const std::uint64_t depth = op.in.channels / std::max(1u, op.batch), position = k / depth;
        const std::uint64_t x = v % op.in.out_w, y = v / op.in.out_w % op.in.out_h, n = v / op.in.out_w / op.in.out_h;
        std::uint64_t pointer = 0;
        const auto kh = static_cast<std::int64_t>(position / op.in.kernel_w);
        const auto kw = static_cast<std::int64_t>(position % op.in.kernel_w);
        return locate(op.in, n, y, x, kh, kw, pointer) ? load(pointer + group * depth + k % depth, op.a_format) : 0;
    }

    /// Constants of a convolution: all groups' columns, one after another.
    void store_column(const lc_gemm_op& op, std::uint64_t group, std::uint64_t m, std::uint64_t n, std::int64_t sum)
    {
        const std::uint64_t columns = std::uint64_t{op.n} * std::max(1u, op.batch), column = group * op.n + n;
        if (op.post != 0) sum = saturate(sum + load(op.post + column * 4, LC_FMT_S32));
        if (op.out_format != LC_FMT_S32) {
            const std::int64_t multiplier = load(op.post + (columns + column) * 4, LC_FMT_S32);
            const std::int64_t shift = load(op.post + columns * 8 + column, LC_FMT_U8);
            sum = ((sum * multiplier + (1LL << (shift - 1))) >> shift) + op.zero_point;
            sum = std::clamp<std::int64_t>(sum, op.clamp_lo, op.clamp_hi);
        }
        store(op.out + group * op.out_batch + m * op.out_stride + n * size_of(op.out_format), op.out_format, sum);
    }

    void gemm_element(const lc_gemm_op& op, std::uint64_t image, std::uint64_t batch, std::uint64_t m, std::uint64_t n)
    {
        const std::uint64_t a = op.a + image * op.a_image + batch * op.a_batch + m * op.a_stride;
        const std::uint64_t b = op.b + image * op.b_image + batch * op.b_batch + n * op.b_stride;
        std::int64_t sum = 0;
        const bool windowed = (op.flags & LC_GEMM_WINDOW) != 0;
        for (std::uint64_t k = 0; k < op.k; ++k)
            sum += (windowed ? window_element(op, batch, m, k) : load(a + k * size_of(op.a_format), op.a_format)) *
                   load(b + k * size_of(op.b_format), op.b_format);
        if (windowed) return store_column(op, batch, m, n, sum);
        sum = saturate(sum);
        if (op.post != 0) sum = saturate(sum + load(op.post + n * 4, LC_FMT_S32));
        if (op.out_format != LC_FMT_S32) {
            const std::int64_t multiplier = load(op.post + (op.n + n) * 4, LC_FMT_S32);
            const std::int64_t shift = load(op.post + op.n * 8ull + n, LC_FMT_U8);
            sum = ((sum * multiplier + (1LL << (shift - 1))) >> shift) + op.zero_point;
            sum = std::clamp<std::int64_t>(sum, op.clamp_lo, op.clamp_hi);
        }
        store(op.out + image * op.out_image + batch * op.out_batch + m * op.out_stride + n * size_of(op.out_format),
              op.out_format, sum);
    }

    Bytes sram_, dram_;
    Args args_{};
    std::map<std::pair<std::uint32_t, std::uint32_t>, Bank> banks_;
    std::uint64_t programs_ = 0;
};

/// What the hardware orders by itself, plus the wait masks: before[i] = records that are done before i starts.
class Order {
public:
    explicit Order(const std::vector<lc_record>& records)
    {
        std::map<std::uint32_t, std::size_t> last_of_lane;
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> writer;
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::size_t>> readers;
        std::array<std::vector<std::size_t>, LC_ENGINES> of_engine;
        before_.resize(records.size());
        for (std::size_t i = 0; i < records.size(); ++i) {
            const lc_record& record = records[i];
            std::uint16_t place[2] = {0, 0};  // core and bank come first in both operand blocks
            std::memcpy(place, record.operands, 4);
            const std::uint32_t engine = engine_of(record.sqe.opcode);
            const std::uint32_t lane = engine == LC_ENGINE_CORE ? 100u + place[0] : engine;
            lanes_.push_back(lane);
            engines_.push_back(engine);
            auto& before = before_[i];
            if (last_of_lane.count(lane) != 0) {
                const std::size_t previous = last_of_lane[lane];
                // Copies start in order but may overlap: what held the previous one up holds this one up.
                if (engine == LC_ENGINE_DMA) before = before_[previous];
                if (engine != LC_ENGINE_DMA) before.insert(previous);
            }
            for (std::uint32_t e = 0; e < LC_ENGINES; ++e) {
                if ((record.sqe.wait_mask & LC_WAIT(e)) != 0) before.insert(of_engine[e].begin(), of_engine[e].end());
            }
            const std::pair<std::uint32_t, std::uint32_t> bank{place[0], place[1]};
            if (record.sqe.opcode == LC_OP_MVM) {
                if (writer.count(bank) != 0) before.insert(writer[bank]);
                readers[bank].push_back(i);
            } else if (engine == LC_ENGINE_WRITER) {
                before.insert(readers[bank].begin(), readers[bank].end());
                readers[bank].clear();
                writer[bank] = i;
            }
            last_of_lane[lane] = i;
            of_engine[engine].push_back(i);
        }
    }

    /// One order of execution. `lazy`: this engine (one of its cores) runs only when nothing else can; the others
    /// by random priority.
    std::vector<std::size_t> pick(std::mt19937& random, std::uint32_t lazy) const
    {
        std::map<std::uint32_t, std::uint32_t> priority;
        std::set<std::uint32_t> lazy_lanes;
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
            priority.emplace(lanes_[i], random() % 1000);
            if (engines_[i] == lazy) lazy_lanes.insert(lanes_[i]);
        }
        if (!lazy_lanes.empty()) priority[*std::next(lazy_lanes.begin(), random() % lazy_lanes.size())] = 5000;
        const bool shuffle = lazy >= LC_ENGINES && random() % 2 == 0;
        std::vector<std::size_t> open(before_.size());
        std::vector<std::vector<std::size_t>> after(before_.size());
        std::set<std::size_t> ready;
        for (std::size_t i = 0; i < before_.size(); ++i) {
            open[i] = before_[i].size();
            for (const std::size_t b : before_[i]) after[b].push_back(i);
            if (open[i] == 0) ready.insert(i);
        }
        std::vector<std::size_t> order;
        while (!ready.empty()) {
            auto best = ready.begin();
            if (shuffle) {
                std::advance(best, random() % ready.size());
            } else {
                best = std::min_element(ready.begin(), ready.end(), [&](std::size_t a, std::size_t b) {
                    return priority[lanes_[a]] < priority[lanes_[b]];
                });
            }
            const std::size_t i = *best;
            ready.erase(best);
            order.push_back(i);
            for (const std::size_t next : after[i]) {
                if (--open[next] == 0) ready.insert(next);
            }
        }
        return order;
    }

private:
    static std::uint32_t engine_of(std::uint8_t opcode)
    {
        switch (opcode) {
            case LC_OP_COPY:
                return LC_ENGINE_DMA;
            case LC_OP_PROGRAM_WEIGHTS:
                return LC_ENGINE_WRITER;
            case LC_OP_MVM:
                return LC_ENGINE_CORE;
            case LC_OP_VECTOR:
                return LC_ENGINE_VECTOR;
            default:
                return LC_ENGINE_DIGITAL;
        }
    }
    std::vector<std::set<std::size_t>> before_;
    std::vector<std::uint32_t> lanes_, engines_;
};

}  // namespace lightcard::test
