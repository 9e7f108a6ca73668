// SPDX-License-Identifier: Apache-2.0
/// What the vector unit and the digital matrix engine compute, against the record machine of the lowering's tests,
/// which reads lightcard_abi.h on its own, and normalisation and softmax against plain real arithmetic.
#include "lightcard/model/control_chip/vector_ops.h"

#include <gtest/gtest.h>

#include "lightcard/tb/unit/record_machine.h"

namespace lightcard::control_chip {
namespace {

constexpr std::uint64_t kSram = 1u << 16;
constexpr std::uint64_t kIn = 0, kIn2 = 0x4000, kOut = 0x8000, kTable = 0xc000;

std::uint64_t sram(std::uint64_t offset)
{
    return LC_PTR(LC_SPACE_SRAM, offset);
}

test::Bytes random_bytes(unsigned seed)
{
    std::mt19937 random(seed);
    test::Bytes bytes(kSram);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

std::uint32_t size_of(std::uint32_t format)
{
    return format == LC_FMT_S16 ? 2 : format == LC_FMT_S32 || format == LC_FMT_F32 ? 4 : 1;
}

/// 2 images of 3 x 4 positions of `channels`, dense.
lc_vector_op operation(std::uint8_t kind, std::uint8_t in, std::uint8_t out, std::uint32_t channels)
{
    lc_vector_op op{};
    op.kind = kind;
    op.in_format = in;
    op.out_format = out;
    const std::uint32_t from = channels * size_of(in), to = channels * size_of(out);
    op.in = {sram(kIn), 2, 3, 4, channels, 3, 4, 12ull * from, 4 * from, from, 1, 1, 1, 1, 1, 1, 0, 0};
    op.out = {sram(kOut), 12ull * to, 4 * to, to};
    op.mult = 40000;
    op.mult2 = -30000;
    op.shift = 17;
    op.clamp_lo = out == LC_FMT_U8 ? 0 : out == LC_FMT_S8 ? -127 : -32000;
    op.clamp_hi = out == LC_FMT_U8 ? 250 : out == LC_FMT_S8 ? 120 : 32000;
    op.zero_point = 3;
    return op;
}

void run(const lc_vector_op& op, test::Bytes& memory)
{
    if (op.kind == LC_VEC_GATHER) check_gather(op, memory.data());
    run_vector(op, 0, vector_positions(op), memory.data());
}

/// Both machines on the same memory, ours in two parts where a command has them.
void expect_equal(std::uint8_t opcode, const void* operands, test::Bytes memory)
{
    lc_record record{};
    record.sqe.opcode = opcode;
    std::memcpy(record.operands, operands, LC_OPERAND_BYTES);
    test::RecordMachine machine(kSram, driver::Program{});
    machine.sram() = memory;
    machine.execute(record, {});
    const auto in_parts = [&](const auto& op, std::uint64_t parts, auto run_part) {
        const auto half = accesses_of(op).parts_apart() ? parts / 2 : 0;
        run_part(op, half, parts, memory.data());
        run_part(op, 0, half, memory.data());
    };
    if (opcode == LC_OP_VECTOR) {
        const auto& op = *static_cast<const lc_vector_op*>(operands);
        in_parts(op, vector_positions(op), run_vector);
    } else {
        const auto& op = *static_cast<const lc_gemm_op*>(operands);
        in_parts(op, gemm_rows(op), run_gemm);
    }
    EXPECT_EQ(memory, machine.sram());
}

TEST(VectorOps, TwoOperands)
{
    for (const std::uint8_t kind : {LC_VEC_ADD, LC_VEC_MUL})
        for (const std::uint8_t a : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16})
            for (const std::uint8_t b : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16})
                for (const std::uint8_t out : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16, LC_FMT_S32})
                    for (const bool scalar : {false, true}) {
                        lc_vector_op op = operation(kind, a, out, 7);
                        const std::uint32_t line = scalar ? size_of(b) : 7 * size_of(b);
                        op.in2_format = b;
                        op.in2 = {sram(kIn2), 0, 4 * line, line};  // the second image reads the first one's
                        op.flags = scalar ? LC_VEC_IN2_SCALAR : 0;
                        if (kind == LC_VEC_MUL) op.mult2 = 0;
                        expect_equal(LC_OP_VECTOR, &op, random_bytes(kind * 100u + a * 10u + b));
                    }
}

TEST(VectorOps, WideOperandsDoNotOverflow)
{
    lc_vector_op op = operation(LC_VEC_MUL, LC_FMT_S16, LC_FMT_S32, 3);
    op.in2_format = LC_FMT_S16;
    op.in2 = {sram(kIn2), 72, 24, 6};
    op.mult = std::numeric_limits<std::int32_t>::min();
    op.shift = 62;
    op.clamp_lo = std::numeric_limits<std::int32_t>::min();
    op.clamp_hi = std::numeric_limits<std::int32_t>::max();
    test::Bytes memory(kSram, 0);
    for (std::size_t i = 1; i < memory.size(); i += 2) memory[i] = 0x80;  // -32768
    expect_equal(LC_OP_VECTOR, &op, memory);
    op.kind = LC_VEC_ADD;
    op.mult2 = op.mult;
    expect_equal(LC_OP_VECTOR, &op, memory);
}

TEST(VectorOps, TablesOfEveryFormat)
{
    for (const std::uint8_t in : {LC_FMT_U8, LC_FMT_S8})
        for (const std::uint8_t out : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16}) {
            lc_vector_op op = operation(LC_VEC_TABLE, in, out, 9);
            op.table = sram(kTable);
            expect_equal(LC_OP_VECTOR, &op, random_bytes(in * 10u + out));
        }
}

TEST(VectorOps, GatherCopiesRows)
{
    lc_vector_op op = operation(LC_VEC_GATHER, LC_FMT_S32, LC_FMT_S16, 5);
    op.table = sram(kTable);
    op.rows = 11;
    op.in.stride_n = 48, op.in.stride_h = 16, op.in.stride_w = 4;
    test::Bytes memory = random_bytes(5);
    for (std::uint32_t i = 0; i < 24; ++i) {
        const std::int32_t index = static_cast<std::int32_t>(i * 7 % 11);
        std::memcpy(memory.data() + i * 4, &index, 4);
    }
    expect_equal(LC_OP_VECTOR, &op, memory);
    for (const std::int32_t bad : {-1, 11}) {
        std::memcpy(memory.data() + 80, &bad, 4);
        test::Bytes before = memory;
        EXPECT_THROW(run(op, memory), std::invalid_argument);
        EXPECT_EQ(memory, before) << "a refused command has done nothing";
    }
}

/// Gains and shifts as the compiler makes them.
void write_table(test::Bytes& memory, std::uint32_t channels, float gain)
{
    for (std::uint32_t ch = 0; ch < channels; ++ch) {
        const float values[] = {gain * (1.0f + 0.1f * static_cast<float>(ch)), 0.5f * static_cast<float>(ch) - 4.0f};
        std::memcpy(memory.data() + kTable + ch * 4, &values[0], 4);
        std::memcpy(memory.data() + kTable + (channels + ch) * 4, &values[1], 4);
    }
}

std::int64_t element(const test::Bytes& memory, std::uint64_t at, std::uint32_t format)
{
    if (format == LC_FMT_U8) return memory[at];
    if (format == LC_FMT_S8) return static_cast<std::int8_t>(memory[at]);
    return static_cast<std::int16_t>(memory[at] | memory[at + 1] << 8);
}

TEST(VectorOps, NormalisesOverChannels)
{
    constexpr std::uint32_t kChannels = 13;
    for (const std::uint8_t in : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16})
        for (const std::uint8_t flags : {0, static_cast<int>(LC_VEC_RMS)})
            for (const std::uint8_t out : {LC_FMT_S8, LC_FMT_S16}) {
                lc_vector_op op = operation(LC_VEC_NORM, in, out, kChannels);
                op.flags = flags;
                op.table = sram(kTable);
                const float epsilon = 2.5f;
                std::memcpy(&op.scale_f32, &epsilon, 4);
                test::Bytes memory = random_bytes(in * 10u + flags);
                write_table(memory, kChannels, 20);
                expect_equal(LC_OP_VECTOR, &op, memory);
                // The textbook, position by position.
                test::Bytes got = memory;
                run(op, got);
                for (std::uint32_t p = 0; p < 24; ++p) {
                    double mean = 0, square = 0;
                    std::vector<double> v;
                    for (std::uint32_t ch = 0; ch < kChannels; ++ch) {
                        v.push_back(static_cast<double>(element(memory, (p * kChannels + ch) * size_of(in), in)));
                        mean += v.back() / kChannels;
                    }
                    if (flags != 0) mean = 0;
                    for (const double x : v) square += (x - mean) * (x - mean) / kChannels;
                    for (std::uint32_t ch = 0; ch < kChannels; ++ch) {
                        const double gain = 20 * (1 + 0.1 * ch), shift = 0.5 * ch - 4;
                        const double want = std::clamp<double>(
                            (v[ch] - mean) / std::sqrt(square + 2.5) * gain + shift + 3, op.clamp_lo, op.clamp_hi);
                        const auto code = element(got, kOut + (p * kChannels + ch) * size_of(out), out);
                        EXPECT_NEAR(static_cast<double>(code), want, 0.501) << p << ' ' << ch;
                    }
                }
            }
}

TEST(VectorOps, NormOfWhatIsNoNumberIsTheLowEnd)
{
    lc_vector_op op = operation(LC_VEC_NORM, LC_FMT_S8, LC_FMT_S8, 2);
    op.table = sram(kTable);
    op.scale_f32 = 1;  // the smallest epsilon there is
    test::Bytes memory(kSram, 0);
    const float broken[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()};
    std::memcpy(memory.data() + kTable, broken, 8);
    expect_equal(LC_OP_VECTOR, &op, memory);
    run(op, memory);
    EXPECT_EQ(element(memory, kOut, LC_FMT_S8), op.clamp_lo);
}

TEST(VectorOps, SoftmaxToCodes)
{
    for (const std::uint8_t in : {LC_FMT_U8, LC_FMT_S8, LC_FMT_S16, LC_FMT_S32})
        for (const std::uint8_t out : {LC_FMT_U8, LC_FMT_S16, LC_FMT_F32}) {
            lc_vector_op op = operation(LC_VEC_SOFTMAX, in, out, 11);
            const float scale = in == LC_FMT_S32 ? 1e-9f : in == LC_FMT_S16 ? 1e-4f : 0.02f;
            std::memcpy(&op.scale_f32, &scale, 4);
            op.mult = 250;
            op.zero_point = 0;
            expect_equal(LC_OP_VECTOR, &op, random_bytes(in * 10u + out));
        }
}

TEST(VectorOps, GemmOfHeadsBesideEachOther)
{
    for (const std::uint8_t out : {LC_FMT_S8, LC_FMT_S16, LC_FMT_S32}) {
        lc_gemm_op op{};
        op.m = 3, op.n = 5, op.k = 4;
        op.a_format = LC_FMT_U8, op.b_format = LC_FMT_S8, op.out_format = out;
        op.a = sram(kIn), op.b = sram(kIn2), op.out = sram(kOut), op.post = sram(kTable);
        const std::uint32_t size = size_of(out);
        op.batch = 6, op.images = 2;
        op.a_stride = 24, op.a_batch = 4, op.a_image = 96;  // heads beside each other
        op.b_stride = 4, op.b_batch = 20, op.b_image = 0;   // one for all images
        op.out_stride = 30 * size, op.out_batch = 5 * size, op.out_image = 90 * size;
        op.clamp_lo = out == LC_FMT_S8 ? -128 : -5000, op.clamp_hi = out == LC_FMT_S8 ? 127 : 5000;
        test::Bytes memory = random_bytes(out);
        for (std::uint32_t n = 0; n < 5; ++n) {
            const std::int32_t bias = static_cast<std::int32_t>(n) * 100 - 200, multiplier = 1 << 20;
            std::memcpy(memory.data() + kTable + n * 4, &bias, 4);
            std::memcpy(memory.data() + kTable + 20 + n * 4, &multiplier, 4);
            memory[kTable + 40 + n] = static_cast<std::uint8_t>(20 + n);
        }
        expect_equal(LC_OP_GEMM, &op, memory);
    }
}

TEST(VectorOps, GemmOfSixteenBits)
{
    for (const std::uint8_t a : {LC_FMT_U8, LC_FMT_S16})
        for (const std::uint8_t b : {LC_FMT_S8, LC_FMT_S16}) {
            lc_gemm_op op{};
            op.m = 3, op.n = 5, op.k = 6;
            op.a_format = a, op.b_format = b, op.out_format = LC_FMT_S32;
            op.a = sram(kIn), op.b = sram(kIn2), op.out = sram(kOut);
            op.a_stride = 6 * size_of(a), op.b_stride = 6 * size_of(b), op.out_stride = 20;
            expect_equal(LC_OP_GEMM, &op, random_bytes(a * 10u + b));  // s16 times s16: some sums saturate
            EXPECT_EQ(gemm_work(op), 90u * size_of(a) * size_of(b));
        }
}

TEST(VectorOps, WorkIsCounted)
{
    EXPECT_EQ(vector_elements(operation(LC_VEC_TABLE, LC_FMT_U8, LC_FMT_U8, 10)), 240u);
    EXPECT_EQ(vector_elements(operation(LC_VEC_NORM, LC_FMT_S16, LC_FMT_S8, 10)), 480u);
    EXPECT_EQ(vector_bytes(operation(LC_VEC_NORM, LC_FMT_S16, LC_FMT_S8, 10)), 960u + 240u + 80u);
    EXPECT_EQ(vector_bytes(operation(LC_VEC_MUL, LC_FMT_S16, LC_FMT_S8, 10)), 480u + 240u + 240u);
    EXPECT_EQ(vector_bytes(operation(LC_VEC_GATHER, LC_FMT_S32, LC_FMT_S8, 10)), 96u + 480u);
}

}  // namespace
}  // namespace lightcard::control_chip
