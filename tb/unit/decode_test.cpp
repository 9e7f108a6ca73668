// SPDX-License-Identifier: Apache-2.0
/// Every field of every command: what passes, and which field a refusal names.
#include "lightcard/model/control_chip/decode.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "lightcard/model/control_chip/window.h"
#include "lightcard/tb/unit/decode_samples.h"

namespace lightcard::control_chip {
namespace {

template <class Op>
DecodeResult run(const lc_sqe& sqe, const Op& op, const DecodeLimits& limits)
{
    std::uint8_t block[LC_OPERAND_BYTES];
    std::memcpy(block, &op, sizeof block);
    return decode(sqe, block, limits);
}

/// One mutation of a good command and the refusal it must give.
template <class Op>
struct Bad {
    const char* name;
    std::function<void(lc_sqe&, Op&)> spoil;
    std::uint32_t field;
    lc_status status = LC_SC_INVALID_FIELD;
};

template <class Op>
void expect_table(const lc_sqe& sqe, const Op& good, const std::vector<Bad<Op>>& table)
{
    const auto accepted = run(sqe, good, queue_limits());
    ASSERT_TRUE(accepted.ok()) << accepted.fault().text;
    for (const auto& entry : table) {
        lc_sqe bad_sqe = sqe;
        Op bad = good;
        entry.spoil(bad_sqe, bad);
        const auto result = run(bad_sqe, bad, queue_limits());
        ASSERT_FALSE(result.ok()) << entry.name;
        EXPECT_EQ(result.fault().field, entry.field) << entry.name << ": " << result.fault().text;
        EXPECT_EQ(result.fault().status, entry.status) << entry.name;
        EXPECT_NE(std::string(result.fault().text), "") << entry.name;
    }
}

TEST(Decode, OpcodeTable)
{
    EXPECT_EQ(operand_bytes(LC_OP_COPY), 0u);
    EXPECT_EQ(operand_bytes(LC_OP_MVM), 192u);
    EXPECT_EQ(operand_bytes(0xee), 0u);
    EXPECT_EQ(engine_of(LC_OP_COPY), LC_ENGINE_DMA);
    EXPECT_EQ(engine_of(LC_OP_PROGRAM_WEIGHTS), LC_ENGINE_WRITER);
    EXPECT_EQ(engine_of(LC_OP_VERIFY_WEIGHTS), LC_ENGINE_WRITER);
    EXPECT_EQ(engine_of(LC_OP_MVM), LC_ENGINE_CORE);
    EXPECT_EQ(engine_of(LC_OP_VECTOR), LC_ENGINE_VECTOR);
    EXPECT_EQ(engine_of(LC_OP_GEMM), LC_ENGINE_DIGITAL);
    EXPECT_EQ(engine_of(LC_OP_EXEC), LC_ENGINES);
    EXPECT_STREQ(opcode_name(LC_OP_GEMM), "GEMM");
    for (unsigned opcode = 0; opcode < 256; ++opcode) {
        const auto result = decode(sqe_of(static_cast<std::uint8_t>(opcode)), nullptr, queue_limits());
        if (std::string(opcode_name(static_cast<std::uint8_t>(opcode))) != "?") continue;
        ASSERT_FALSE(result.ok());
        EXPECT_EQ(result.fault().status, LC_SC_INVALID_OPCODE);
        EXPECT_EQ(result.fault().field, 0u);
    }
}

TEST(Decode, NopAndFence)
{
    EXPECT_TRUE(decode(sqe_of(LC_OP_NOP), nullptr, queue_limits()).ok());
    lc_sqe fence = sqe_of(LC_OP_FENCE);
    fence.flags = LC_SQE_FENCE;
    EXPECT_TRUE(decode(fence, nullptr, queue_limits()).ok());
    fence.u.raw[5] = 1;
    EXPECT_EQ(decode(fence, nullptr, queue_limits()).fault().field, SQE_AT(u) + 5);
}

TEST(Decode, Copy)
{
    using Spoil = std::function<void(lc_sqe&)>;
    struct Row {
        const char* name;
        Spoil spoil;
        std::uint32_t field;
        lc_status status = LC_SC_INVALID_FIELD;
    };
    const Row bad[] = {
        {"flags", [](lc_sqe& s) { s.flags = 2; }, SQE_AT(flags)},
        {"wait outside a buffer", [](lc_sqe& s) { s.wait_mask = 1; }, SQE_AT(wait_mask)},
        {"weight id", [](lc_sqe& s) { s.weight_id = 1; }, SQE_AT(weight_id)},
        {"no bytes", [](lc_sqe& s) { s.length = 0; }, SQE_AT(length)},
        {"reserved", [](lc_sqe& s) { s.u.copy.rsvd = 1; }, SQE_AT(u.copy.rsvd)},
        {"too much", [](lc_sqe& s) { s.u.copy.rows = 1u << 20; }, SQE_AT(u.copy.rows)},
        {"rows overlap", [](lc_sqe& s) { s.u.copy.dst_stride = 255; }, SQE_AT(u.copy.dst_stride)},
        {"unknown space", [](lc_sqe& s) { s.src = LC_PTR(9, 0); }, SQE_AT(src), LC_SC_ADDRESS},
        {"argument in a queue", [](lc_sqe& s) { s.dst = arg(0, 0); }, SQE_AT(dst), LC_SC_ADDRESS},
        {"host wraps", [](lc_sqe& s) { s.src = (1ull << 56) - 100; }, SQE_AT(src), LC_SC_ADDRESS},
        {"stride wraps 64 bits", [](lc_sqe& s) { s.u.copy.src_stride = ~0ull / 3 + 1; }, SQE_AT(src), LC_SC_ADDRESS},
        {"last row outside", [](lc_sqe& s) { s.dst = dram(kDram - 1023); }, SQE_AT(dst), LC_SC_ADDRESS},
    };
    ASSERT_TRUE(decode(good_copy(), nullptr, queue_limits()).ok());
    for (const Row& row : bad) {
        lc_sqe sqe = good_copy();
        row.spoil(sqe);
        const auto result = decode(sqe, nullptr, queue_limits());
        ASSERT_FALSE(result.ok()) << row.name;
        EXPECT_EQ(result.fault().field, row.field) << row.name;
        EXPECT_EQ(result.fault().status, row.status) << row.name;
    }
    lc_sqe edge = good_copy();
    edge.dst = dram(kDram - 1024);
    EXPECT_TRUE(decode(edge, nullptr, queue_limits()).ok());
    edge.u.copy = {0, 0, 0, 0};  // one row
    EXPECT_TRUE(decode(edge, nullptr, queue_limits()).ok());
    EXPECT_EQ(decode(edge, nullptr, queue_limits()).command().copy_rows(), 1u);
}

TEST(Decode, ProgramWeights)
{
    using Op = lc_program_op;
    expect_table<Op>(
        sqe_of(LC_OP_PROGRAM_WEIGHTS), good_program(),
        {{"no id", [](lc_sqe& s, Op&) { s.weight_id = 0; }, SQE_AT(weight_id)},
         {"dst", [](lc_sqe& s, Op&) { s.dst = 1; }, SQE_AT(dst)},
         {"block length", [](lc_sqe& s, Op&) { s.length = 191; }, SQE_AT(length)},
         {"block outside", [](lc_sqe& s, Op&) { s.src = sram(kSram - 191); }, SQE_AT(src), LC_SC_ADDRESS},
         {"core", [](lc_sqe&, Op& o) { o.core = 2; }, OP_AT(Op, core)},
         {"bank", [](lc_sqe&, Op& o) { o.bank = 4; }, OP_AT(Op, bank)},
         {"no rows", [](lc_sqe&, Op& o) { o.rows = 0; }, OP_AT(Op, rows)},
         {"rows", [](lc_sqe&, Op& o) { o.rows = 129; }, OP_AT(Op, rows)},
         {"no cols", [](lc_sqe&, Op& o) { o.cols = 0; }, OP_AT(Op, cols)},
         {"cols", [](lc_sqe&, Op& o) { o.cols = 129; }, OP_AT(Op, cols)},
         {"stride", [](lc_sqe&, Op& o) { o.row_stride = 127; }, OP_AT(Op, row_stride)},
         {"long stride", [](lc_sqe&, Op& o) { o.row_stride = 65537; }, OP_AT(Op, row_stride)},
         {"flags", [](lc_sqe&, Op& o) { o.flags = 1; }, OP_AT(Op, flags)},
         {"reserved", [](lc_sqe&, Op& o) { o.rsvd[159] = 1; }, 64 + 191},
         {"host weights", [](lc_sqe&, Op& o) { o.weights = 64; }, OP_AT(Op, weights), LC_SC_ADDRESS},
         {"weights outside", [](lc_sqe&, Op& o) { o.weights = dram(kDram - 9 * 144 - 127); }, OP_AT(Op, weights),
          LC_SC_ADDRESS},
         {"range unaligned", [](lc_sqe&, Op& o) { o.adc_range = dram(2); }, OP_AT(Op, adc_range), LC_SC_ADDRESS},
         {"range outside", [](lc_sqe&, Op& o) { o.adc_range = dram(kDram - 36); }, OP_AT(Op, adc_range),
          LC_SC_ADDRESS}});
    lc_program_op edge = good_program();
    edge.weights = dram(kDram - 9 * 144 - 128);
    edge.adc_range = 0;
    EXPECT_TRUE(run(sqe_of(LC_OP_VERIFY_WEIGHTS), edge, queue_limits()).ok());
}

TEST(Decode, Mvm)
{
    using Op = lc_mvm_op;
    expect_table<Op>(
        sqe_of(LC_OP_MVM), good_mvm(),
        {{"no id", [](lc_sqe& s, Op&) { s.weight_id = 0; }, SQE_AT(weight_id)},
         {"flags", [](lc_sqe&, Op& o) { o.flags = 8; }, OP_AT(Op, flags)},
         {"in format", [](lc_sqe&, Op& o) { o.in_format = LC_FMT_S32; }, OP_AT(Op, in_format)},
         {"out format", [](lc_sqe&, Op& o) { o.out_format = LC_FMT_F32; }, OP_AT(Op, out_format)},
         {"passes", [](lc_sqe&, Op& o) { o.passes = 65; }, OP_AT(Op, passes)},
         {"row copies", [](lc_sqe&, Op& o) { o.row_copies = static_cast<std::uint16_t>(o.rows + 1); },
          OP_AT(Op, row_copies)},
         {"column copies", [](lc_sqe&, Op& o) { o.col_copies = 0xffff; }, OP_AT(Op, col_copies)},
         {"scale alignment", [](lc_sqe&, Op& o) { o.scale = LC_PTR(LC_SPACE_SRAM, 1); }, OP_AT(Op, scale),
          LC_SC_ADDRESS},
         {"scale range", [](lc_sqe&, Op& o) { o.scale = LC_PTR(LC_SPACE_SRAM, 1ull << 40); }, OP_AT(Op, scale),
          LC_SC_ADDRESS},
         {"scale space", [](lc_sqe&, Op& o) { o.scale = LC_PTR(LC_SPACE_DRAM, 2); }, OP_AT(Op, scale), LC_SC_ADDRESS},
         {"reserved end", [](lc_sqe&, Op& o) { o.rsvd[0] = 1; }, OP_AT(Op, rsvd)},
         {"past the kernel", [](lc_sqe&, Op& o) { o.k0 = 129; }, OP_AT(Op, k0)},
         {"k0 wraps", [](lc_sqe&, Op& o) { o.k0 = 0xffffffff; }, OP_AT(Op, k0)},
         {"images", [](lc_sqe&, Op& o) { o.in.images = 0; }, OP_AT(Op, in.images)},
         {"vectors", [](lc_sqe&, Op& o) { o.in.images = 1u << 31; }, OP_AT(Op, in.images)},
         {"out_h", [](lc_sqe&, Op& o) { o.in.out_h = 0; }, OP_AT(Op, in.out_h)},
         {"out_w", [](lc_sqe&, Op& o) { o.in.out_w = 0; }, OP_AT(Op, in.out_w)},
         {"channels", [](lc_sqe&, Op& o) { o.in.channels = 0; }, OP_AT(Op, in.channels)},
         {"height", [](lc_sqe&, Op& o) { o.in.height = 0; }, OP_AT(Op, in.height)},
         {"width", [](lc_sqe&, Op& o) { o.in.width = 0; }, OP_AT(Op, in.width)},
         {"kernel", [](lc_sqe&, Op& o) { o.in.kernel_w = 0; }, OP_AT(Op, in.kernel_w)},
         {"step", [](lc_sqe&, Op& o) { o.in.step_h = 0; }, OP_AT(Op, in.step_h)},
         {"dilation", [](lc_sqe&, Op& o) { o.in.dil_w = 0; }, OP_AT(Op, in.dil_w)},
         {"host input", [](lc_sqe&, Op& o) { o.in.base = 64; }, OP_AT(Op, in.base), LC_SC_ADDRESS},
         {"input outside", [](lc_sqe&, Op& o) { o.in.base = sram(kSram - 255); }, OP_AT(Op, in.base), LC_SC_ADDRESS},
         {"input wraps", [](lc_sqe&, Op& o) { o.in.images = 3, o.in.stride_n = 1ull << 63; }, OP_AT(Op, in.base),
          LC_SC_ADDRESS},
         {"psum in DRAM", [](lc_sqe&, Op& o) { o.psum = dram(0); }, OP_AT(Op, psum), LC_SC_ADDRESS},
         {"psum unaligned", [](lc_sqe&, Op& o) { o.psum = sram(2); }, OP_AT(Op, psum), LC_SC_ADDRESS},
         {"psum outside", [](lc_sqe&, Op& o) { o.psum = sram(kSram - 2044); }, OP_AT(Op, psum), LC_SC_ADDRESS},
         {"no constants", [](lc_sqe&, Op& o) { o.post = 0; }, OP_AT(Op, post), LC_SC_ADDRESS},
         {"constants unaligned", [](lc_sqe&, Op& o) { o.post += 1; }, OP_AT(Op, post), LC_SC_ADDRESS},
         {"constants outside", [](lc_sqe&, Op& o) { o.post = sram(kSram - 284); }, OP_AT(Op, post), LC_SC_ADDRESS},
         {"clamp", [](lc_sqe&, Op& o) { o.clamp_lo = 256; }, OP_AT(Op, clamp_lo)},
         {"clamp below u8", [](lc_sqe&, Op& o) { o.clamp_lo = -1; }, OP_AT(Op, clamp_lo)},
         {"clamp above u8", [](lc_sqe&, Op& o) { o.clamp_hi = 256; }, OP_AT(Op, clamp_hi)},
         {"zero point", [](lc_sqe&, Op& o) { o.zero_point = -1; }, OP_AT(Op, zero_point)},
         {"output outside", [](lc_sqe&, Op& o) { o.out.base = sram(kSram - 511); }, OP_AT(Op, out.base), LC_SC_ADDRESS},
         {"output overlaps", [](lc_sqe&, Op& o) { o.out.stride_w = 31; }, OP_AT(Op, out.stride_w)},
         {"rows overlap", [](lc_sqe&, Op& o) { o.out.stride_h = 127; }, OP_AT(Op, out.stride_h)},
         {"s32 unaligned",
          [](lc_sqe&, Op& o) {
              o.out_format = LC_FMT_S32, o.out = {sram(2), 2048, 512, 128};
          },
          OP_AT(Op, out.base), LC_SC_ADDRESS},
         {"s32 stride",
          [](lc_sqe&, Op& o) {
              o.out_format = LC_FMT_S32, o.out = {sram(0), 2048, 514, 128};
          },
          OP_AT(Op, out.stride_h)}});
}

TEST(Decode, MvmUsesOnlyWhatItTouches)
{
    lc_mvm_op op = good_mvm();
    op.flags = LC_MVM_ACC_FIRST | LC_MVM_ACC_LAST;  // no partial sums: psum is not looked at
    op.psum = 0;
    EXPECT_TRUE(run(sqe_of(LC_OP_MVM), op, queue_limits()).ok());
    op = good_mvm();
    op.flags = 0;  // partial sums only: neither output nor constants
    op.post = op.out.base = 0;
    EXPECT_TRUE(run(sqe_of(LC_OP_MVM), op, queue_limits()).ok());
    op = good_mvm();
    op.in.base = sram(kSram - 256);  // exactly the last byte
    EXPECT_TRUE(run(sqe_of(LC_OP_MVM), op, queue_limits()).ok());
    op.in.height = 1000;  // rows 5 and more are never reached: row 5 would be, through the bottom pad
    EXPECT_FALSE(run(sqe_of(LC_OP_MVM), op, queue_limits()).ok());
    op.in.out_h = 1;  // output row 0 sees input rows -1 .. 1
    op.out.base = sram(0x2000);
    EXPECT_TRUE(run(sqe_of(LC_OP_MVM), op, queue_limits()).ok());
    op = good_mvm();
    op.in.base = sram(kSram);  // everything outside the image: nothing is read
    op.in.pad_h = 100;
    EXPECT_TRUE(run(sqe_of(LC_OP_MVM), op, queue_limits()).ok());
}

TEST(Decode, Vector)
{
    using Op = lc_vector_op;
    const auto common = [] {
        return std::vector<Bad<Op>>{
            {"kind", [](lc_sqe&, Op& o) { o.kind = LC_VEC_KINDS; }, OP_AT(Op, kind)},
            {"flags", [](lc_sqe&, Op& o) { o.flags = 8; }, OP_AT(Op, flags)},
            {"format", [](lc_sqe&, Op& o) { o.in_format = 9; }, OP_AT(Op, in_format)},
            {"out format", [](lc_sqe&, Op& o) { o.out_format = 9; }, OP_AT(Op, out_format)},
            {"reserved", [](lc_sqe&, Op& o) { o.rsvd0[1] = 1; }, OP_AT(Op, rsvd0) + 1},
            {"reserved end", [](lc_sqe&, Op& o) { o.rsvd[23] = 1; }, 64 + 191},
            {"weight id", [](lc_sqe& s, Op&) { s.weight_id = 1; }, SQE_AT(weight_id)},
            {"input outside", [](lc_sqe&, Op& o) { o.in.base = sram(kSram - 255); }, OP_AT(Op, in.base), LC_SC_ADDRESS},
            {"output outside", [](lc_sqe&, Op& o) { o.out.base = sram(kSram - 255); }, OP_AT(Op, out.base),
             LC_SC_ADDRESS},
            {"input in DRAM", [](lc_sqe&, Op& o) { o.in.base = dram(0); }, OP_AT(Op, in.base), LC_SC_ADDRESS},
            {"output in DRAM", [](lc_sqe&, Op& o) { o.out.base = dram(0); }, OP_AT(Op, out.base), LC_SC_ADDRESS}};
    };
    for (std::uint8_t kind = LC_VEC_ADD; kind < LC_VEC_KINDS; ++kind) {
        SCOPED_TRACE(int{kind});
        expect_table<Op>(sqe_of(LC_OP_VECTOR), good_vector(kind), common());
    }
    expect_table<Op>(
        sqe_of(LC_OP_VECTOR), good_vector(LC_VEC_ADD),
        {{"second format", [](lc_sqe&, Op& o) { o.in2_format = LC_FMT_S32; }, OP_AT(Op, in2_format)},
         {"second outside", [](lc_sqe&, Op& o) { o.in2.base = sram(kSram - 1); }, OP_AT(Op, in2.base), LC_SC_ADDRESS},
         {"kernel", [](lc_sqe&, Op& o) { o.in.kernel_h = 3; }, OP_AT(Op, in.kernel_h)},
         {"shift 0", [](lc_sqe&, Op& o) { o.shift = 0; }, OP_AT(Op, shift)},
         {"shift 63", [](lc_sqe&, Op& o) { o.shift = 63; }, OP_AT(Op, shift)},
         {"clamp", [](lc_sqe&, Op& o) { o.clamp_lo = 3, o.clamp_hi = 2; }, OP_AT(Op, clamp_lo)}});
    expect_table<Op>(
        sqe_of(LC_OP_VECTOR), good_vector(LC_VEC_AVGPOOL),
        {{"in2", [](lc_sqe&, Op& o) { o.in2.base = sram(1); }, OP_AT(Op, in2)},
         {"area", [](lc_sqe&, Op& o) { o.in.kernel_h = o.in.kernel_w = 257; }, OP_AT(Op, in.kernel_h)},
         {"channel stride", [](lc_sqe&, Op& o) { o.in_channel_stride = 1; }, OP_AT(Op, in_channel_stride)}});
    expect_table<Op>(sqe_of(LC_OP_VECTOR), good_vector(LC_VEC_SOFTMAX),
                     {{"scale", [](lc_sqe&, Op& o) { o.scale_f32 = 0x7fc00000; }, OP_AT(Op, scale_f32)}});
    expect_table<Op>(
        sqe_of(LC_OP_VECTOR), good_vector(LC_VEC_MUL),
        {{"second format", [](lc_sqe&, Op& o) { o.in2_format = LC_FMT_S32; }, OP_AT(Op, in2_format)},
         {"second outside", [](lc_sqe&, Op& o) { o.in2.base = sram(kSram - 255); }, OP_AT(Op, in2.base), LC_SC_ADDRESS},
         {"shift", [](lc_sqe&, Op& o) { o.shift = 0; }, OP_AT(Op, shift)},
         {"rows", [](lc_sqe&, Op& o) { o.rows = 1; }, OP_AT(Op, rows)},
         {"table", [](lc_sqe&, Op& o) { o.table = sram(0); }, OP_AT(Op, table)}});
    expect_table<Op>(sqe_of(LC_OP_VECTOR), good_vector(LC_VEC_TABLE),
                     {{"s16 in", [](lc_sqe&, Op& o) { o.in_format = LC_FMT_S16; }, OP_AT(Op, in_format)},
                      {"f32 out", [](lc_sqe&, Op& o) { o.out_format = LC_FMT_F32; }, OP_AT(Op, out_format)},
                      {"outside", [](lc_sqe&, Op& o) { o.table = sram(kSram - 255); }, OP_AT(Op, table), LC_SC_ADDRESS},
                      {"in DRAM", [](lc_sqe&, Op& o) { o.table = dram(0); }, OP_AT(Op, table), LC_SC_ADDRESS},
                      {"unaligned",
                       [](lc_sqe&, Op& o) {
                           o.out_format = LC_FMT_S16, o.out = {sram(0x2000), 512, 128, 32}, o.table = sram(1);
                       },
                       OP_AT(Op, table), LC_SC_ADDRESS}});
    expect_table<Op>(
        sqe_of(LC_OP_VECTOR), good_vector(LC_VEC_NORM),
        {{"epsilon", [](lc_sqe&, Op& o) { o.scale_f32 = 0; }, OP_AT(Op, scale_f32)},
         {"s32", [](lc_sqe&, Op& o) { o.in_format = LC_FMT_S32; }, OP_AT(Op, in_format)},
         {"clamp", [](lc_sqe&, Op& o) { o.clamp_hi = 256; }, OP_AT(Op, clamp_hi)},
         {"too wide", [](lc_sqe&, Op& o) { o.in.channels = 65537, o.in.images = o.in.out_h = o.in.out_w = 1; },
          OP_AT(Op, in.channels)},
         {"outside", [](lc_sqe&, Op& o) { o.table = sram(kSram - 124); }, OP_AT(Op, table), LC_SC_ADDRESS},
         {"unaligned", [](lc_sqe&, Op& o) { o.table += 2; }, OP_AT(Op, table), LC_SC_ADDRESS}});
    expect_table<Op>(sqe_of(LC_OP_VECTOR), good_vector(LC_VEC_GATHER),
                     {{"codes", [](lc_sqe&, Op& o) { o.in_format = LC_FMT_U8; }, OP_AT(Op, in_format)},
                      {"no rows", [](lc_sqe&, Op& o) { o.rows = 0; }, OP_AT(Op, rows)},
                      {"outside", [](lc_sqe&, Op& o) { o.table = sram(kSram - 143); }, OP_AT(Op, table), LC_SC_ADDRESS},
                      {"past the end", [](lc_sqe&, Op& o) { o.rows = 0xffffffff; }, OP_AT(Op, table), LC_SC_ADDRESS}});
    lc_vector_op shares = good_vector(LC_VEC_SOFTMAX);
    shares.out_format = LC_FMT_U8;
    shares.out = {sram(0x2000), 256, 64, 16};
    EXPECT_TRUE(run(sqe_of(LC_OP_VECTOR), shares, queue_limits()).ok());
    shares.clamp_hi = 256;
    EXPECT_EQ(run(sqe_of(LC_OP_VECTOR), shares, queue_limits()).fault().field, OP_AT(Op, clamp_hi));
    lc_vector_op one = good_vector(LC_VEC_ADD);  // the last byte: enough for one element a position, not for sixteen
    one.in2 = {sram(kSram - 1), 0, 0, 0};
    EXPECT_FALSE(run(sqe_of(LC_OP_VECTOR), one, queue_limits()).ok());
    one.flags = LC_VEC_IN2_SCALAR;
    EXPECT_TRUE(run(sqe_of(LC_OP_VECTOR), one, queue_limits()).ok());
    lc_vector_op transpose = good_vector(LC_VEC_MOVE);  // NHWC to NCHW
    transpose.out = {sram(0x2000), 256, 4, 1};
    transpose.out_channel_stride = 16;
    EXPECT_TRUE(run(sqe_of(LC_OP_VECTOR), transpose, queue_limits()).ok());
    transpose.out_channel_stride = 15;
    EXPECT_FALSE(run(sqe_of(LC_OP_VECTOR), transpose, queue_limits()).ok());
}

TEST(Decode, Gemm)
{
    using Op = lc_gemm_op;
    expect_table<Op>(
        sqe_of(LC_OP_GEMM), good_gemm(),
        {{"m", [](lc_sqe&, Op& o) { o.m = 0; }, OP_AT(Op, m)},
         {"n", [](lc_sqe&, Op& o) { o.n = 0; }, OP_AT(Op, n)},
         {"k", [](lc_sqe&, Op& o) { o.k = 40000; }, OP_AT(Op, k)},
         {"too many", [](lc_sqe&, Op& o) { o.m = 1u << 30; }, OP_AT(Op, m)},
         {"a format", [](lc_sqe&, Op& o) { o.a_format = 2; }, OP_AT(Op, a_format)},
         {"b format", [](lc_sqe&, Op& o) { o.b_format = 2; }, OP_AT(Op, b_format)},
         {"out format", [](lc_sqe&, Op& o) { o.out_format = 3; }, OP_AT(Op, out_format)},
         {"a outside", [](lc_sqe&, Op& o) { o.a = sram(kSram - 36 * 64 + 1); }, OP_AT(Op, a), LC_SC_ADDRESS},
         {"b in host", [](lc_sqe&, Op& o) { o.b = 0; }, OP_AT(Op, b), LC_SC_ADDRESS},
         {"out outside", [](lc_sqe&, Op& o) { o.out = sram(kSram - 719); }, OP_AT(Op, out), LC_SC_ADDRESS},
         {"out overlaps", [](lc_sqe&, Op& o) { o.out_stride = 19; }, OP_AT(Op, out_stride)},
         {"batches overlap", [](lc_sqe&, Op& o) { o.out_batch = 239; }, OP_AT(Op, out_batch)},
         {"images overlap", [](lc_sqe&, Op& o) { o.images = 2, o.out_image = 719; }, OP_AT(Op, out_image)},
         {"images outside", [](lc_sqe&, Op& o) { o.images = 2, o.a_image = kSram, o.out_image = 720; }, OP_AT(Op, a),
          LC_SC_ADDRESS},
         {"too many images", [](lc_sqe&, Op& o) { o.images = 0xffffffff; }, OP_AT(Op, m)},
         {"no constants", [](lc_sqe&, Op& o) { o.post = 0; }, OP_AT(Op, post), LC_SC_ADDRESS},
         {"clamp", [](lc_sqe&, Op& o) { o.clamp_hi = 128; }, OP_AT(Op, clamp_hi)},
         {"flags", [](lc_sqe&, Op& o) { o.flags = 2; }, OP_AT(Op, flags)},
         {"window without flag", [](lc_sqe&, Op& o) { o.in.images = 1; }, OP_AT(Op, in.images)},
         {"window's channels", [](lc_sqe&, Op& o) { o.in.channels = 1; }, OP_AT(Op, in.channels)}});
    lc_gemm_op wide = good_gemm();  // 16 bits: twice the bytes, on even addresses
    wide.a_format = LC_FMT_S16;
    wide.a_stride = 128, wide.a_batch = 12 * 128, wide.a = sram(kSram - 36 * 128);
    EXPECT_TRUE(run(sqe_of(LC_OP_GEMM), wide, queue_limits()).ok());
    wide.a += 1;
    EXPECT_EQ(run(sqe_of(LC_OP_GEMM), wide, queue_limits()).fault().field, OP_AT(Op, a));
    wide.a += 1;
    EXPECT_EQ(run(sqe_of(LC_OP_GEMM), wide, queue_limits()).fault().status, LC_SC_ADDRESS);
    lc_gemm_op heads = good_gemm();  // a head's columns beside the next one's
    heads.out_stride = 60;
    heads.out_batch = 20;
    EXPECT_TRUE(run(sqe_of(LC_OP_GEMM), heads, queue_limits()).ok());
    heads.out_batch = 19;
    EXPECT_EQ(run(sqe_of(LC_OP_GEMM), heads, queue_limits()).fault().field, OP_AT(Op, out_batch));
}

TEST(Decode, GemmOfAWindow)
{
    using Op = lc_gemm_op;
    expect_table<Op>(
        sqe_of(LC_OP_GEMM), good_convolution(),
        {{"m", [](lc_sqe&, Op& o) { o.m = 63; }, OP_AT(Op, m)},
         {"k", [](lc_sqe&, Op& o) { o.k = 8; }, OP_AT(Op, k)},
         {"one group", [](lc_sqe&, Op& o) { o.batch = 0; }, OP_AT(Op, k)},
         {"groups of channels", [](lc_sqe&, Op& o) { o.batch = 3; }, OP_AT(Op, batch)},
         {"a", [](lc_sqe&, Op& o) { o.a = sram(64); }, OP_AT(Op, a)},
         {"a stride", [](lc_sqe&, Op& o) { o.a_stride = 1; }, OP_AT(Op, a_stride)},
         {"a batch", [](lc_sqe&, Op& o) { o.a_batch = 1; }, OP_AT(Op, a_batch)},
         {"images", [](lc_sqe&, Op& o) { o.images = 1; }, OP_AT(Op, images)},
         {"a image", [](lc_sqe&, Op& o) { o.a_image = 1; }, OP_AT(Op, a_image)},
         {"b image", [](lc_sqe&, Op& o) { o.b_image = 1; }, OP_AT(Op, b_image)},
         {"out image", [](lc_sqe&, Op& o) { o.out_image = 1; }, OP_AT(Op, out_image)},
         {"window's size", [](lc_sqe&, Op& o) { o.in.out_w = 0; }, OP_AT(Op, in.out_w)},
         {"window outside", [](lc_sqe&, Op& o) { o.in.base = sram(kSram - 511); }, OP_AT(Op, in.base), LC_SC_ADDRESS},
         {"weights outside", [](lc_sqe&, Op& o) { o.b = sram(kSram - 143); }, OP_AT(Op, b), LC_SC_ADDRESS},
         {"out outside", [](lc_sqe&, Op& o) { o.out = sram(kSram - 1023); }, OP_AT(Op, out), LC_SC_ADDRESS},
         {"out overlaps", [](lc_sqe&, Op& o) { o.out_batch = 1; }, OP_AT(Op, out_batch)},
         {"constants outside", [](lc_sqe&, Op& o) { o.post = sram(kSram - 140); }, OP_AT(Op, post), LC_SC_ADDRESS}});
    auto huge = good_convolution();  // the work is bounded, and so is what gathering a vector takes
    huge.in.kernel_h = huge.in.kernel_w = 4096;
    huge.k = 1u << 15;
    EXPECT_FALSE(run(sqe_of(LC_OP_GEMM), huge, queue_limits()).ok());
}

TEST(Decode, Exec)
{
    using Op = lc_exec_op;
    expect_table<Op>(
        sqe_of(LC_OP_EXEC), good_exec(),
        {{"records", [](lc_sqe&, Op& o) { o.records = 0; }, OP_AT(Op, records)},
         {"flags", [](lc_sqe&, Op& o) { o.flags = 1; }, OP_AT(Op, flags)},
         {"reserved", [](lc_sqe&, Op& o) { o.rsvd[0] = 1; }, OP_AT(Op, rsvd)},
         {"argument of an argument", [](lc_sqe&, Op& o) { o.args[2] = arg(0, 0); }, OP_AT(Op, args) + 16,
          LC_SC_ADDRESS},
         {"buffer", [](lc_sqe&, Op& o) { o.buffer = dram(kDram - 1279); }, OP_AT(Op, buffer), LC_SC_ADDRESS}});
}

TEST(Decode, InsideABuffer)
{
    lc_sqe mvm = sqe_of(LC_OP_MVM);
    mvm.src = 0;
    mvm.wait_mask = LC_WAIT(LC_ENGINE_DMA) | LC_WAIT(LC_ENGINE_DIGITAL);
    EXPECT_TRUE(run(mvm, good_mvm(), buffer_limits()).ok());
    mvm.wait_mask = LC_WAIT(LC_ENGINES);
    EXPECT_EQ(run(mvm, good_mvm(), buffer_limits()).fault().field, SQE_AT(wait_mask));
    mvm.wait_mask = 0;
    mvm.flags = LC_SQE_FENCE;
    EXPECT_EQ(run(mvm, good_mvm(), buffer_limits()).fault().field, SQE_AT(flags));
    mvm.flags = 0;
    mvm.src = 64;
    EXPECT_EQ(run(mvm, good_mvm(), buffer_limits()).fault().field, SQE_AT(src));
    lc_sqe exec = sqe_of(LC_OP_EXEC);
    exec.src = 0;
    EXPECT_EQ(run(exec, good_exec(), buffer_limits()).fault().status, LC_SC_INVALID_OPCODE);
    std::uint8_t zeros[LC_OPERAND_BYTES] = {};
    EXPECT_TRUE(decode(good_copy(), zeros, buffer_limits()).ok());
    zeros[9] = 1;
    EXPECT_EQ(decode(good_copy(), zeros, buffer_limits()).fault().field, 64u + 9u);
}

TEST(Decode, ResolvesArguments)
{
    const std::uint64_t args[LC_ARGS] = {LC_PTR(LC_SPACE_HOST, 0x5000), sram(0x100), dram((1ull << 56) - 1)};
    lc_record record{};
    record.sqe = good_copy();
    record.sqe.src = arg(0, 0x20);
    record.sqe.dst = arg(1, 0x4);
    EXPECT_FALSE(resolve_args(record, args));
    EXPECT_EQ(record.sqe.src, LC_PTR(LC_SPACE_HOST, 0x5020));
    EXPECT_EQ(record.sqe.dst, sram(0x104));
    record.sqe.src = arg(1, 0);
    record.sqe.dst = arg(2, 1);
    const auto fault = resolve_args(record, args);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->field, SQE_AT(dst));
    EXPECT_EQ(record.sqe.src, arg(1, 0)) << "left alone on a fault";
    record.sqe.dst = LC_PTR(24, 0);
    EXPECT_EQ(resolve_args(record, args)->status, LC_SC_ADDRESS);

    record = {};
    record.sqe = sqe_of(LC_OP_MVM);
    lc_mvm_op mvm = good_mvm();
    mvm.in.base = arg(1, 0x10);
    std::memcpy(record.operands, &mvm, sizeof mvm);
    EXPECT_FALSE(resolve_args(record, args));
    std::memcpy(&mvm, record.operands, sizeof mvm);
    EXPECT_EQ(mvm.in.base, sram(0x110));
    EXPECT_EQ(mvm.psum, good_mvm().psum);
}

/// Random commands: never a crash, and whatever passes reads and writes inside its memory.
TEST(Decode, RandomBytesNeverReachOutside)
{
    std::mt19937_64 random(1);
    const std::uint8_t opcodes[] = {LC_OP_COPY, LC_OP_PROGRAM_WEIGHTS, LC_OP_MVM, LC_OP_VECTOR, LC_OP_GEMM, LC_OP_EXEC};
    int accepted = 0;
    for (int i = 0; i < 200'000; ++i) {
        lc_sqe sqe = sqe_of(opcodes[random() % 6]);
        std::uint8_t block[LC_OPERAND_BYTES] = {};
        if (sqe.opcode == LC_OP_MVM) {
            const auto op = good_mvm();
            std::memcpy(block, &op, sizeof op);
        } else if (sqe.opcode == LC_OP_VECTOR) {
            const auto op = good_vector(static_cast<std::uint8_t>(1 + random() % 6));
            std::memcpy(block, &op, sizeof op);
        }
        const auto changes = random() % 6;
        for (std::uint64_t c = 0; c < changes; ++c)
            block[random() % sizeof block] ^= static_cast<std::uint8_t>(random());
        const auto result = decode(sqe, block, queue_limits());
        if (!result.ok()) {
            EXPECT_LT(result.fault().field, 256u);
            continue;
        }
        ++accepted;
        if (sqe.opcode != LC_OP_MVM) continue;
        const lc_mvm_op& op = result.command().mvm();
        if (vectors_of(op.in) > 4096) continue;
        const bool in_sram = LC_PTR_SPACE(op.in.base) == LC_SPACE_SRAM;
        const std::uint64_t size = in_sram ? kSram : kDram;
        bool inside = true;
        const auto read = [&](std::uint64_t offset, std::uint8_t* out, std::size_t bytes) {
            inside = inside && bytes <= size && offset <= size - bytes;
            std::memset(out, 0, bytes);
        };
        std::vector<std::uint8_t> rows(op.rows);
        for (std::uint64_t v = 0; v < vectors_of(op.in); ++v) {
            gather_rows(op.in, op.k0, op.rows, v, read, 0, rows.data());
        }
        EXPECT_TRUE(inside) << "iteration " << i;
    }
    EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace lightcard::control_chip
